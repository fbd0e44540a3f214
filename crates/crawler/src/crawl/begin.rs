//! From the options to a crawl on its way.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::lock::Mutex as AsyncMutex;
use gather_core::{cancelled, channel, spawn};
use gather_fetch::{Url, without_password};
use gather_scraper::Recipe;
use serde_json::json;

use super::{By, CrawlBuilder};
use crate::canonical::Canonical;
use crate::clock::millis;
use crate::engine::{Account, Engine, Progress};
use crate::error::Error;
use crate::fetcher::{Fetcher, Logins};
use crate::handle::Crawl;
use crate::links::{FIRST, Links};
use crate::model::{Bounds, Found, Pace, Plan};
use crate::page_rules::PageRules;
use crate::page_times::PageTimes;
use crate::robots::Gate;
use crate::scope::{Same, Scope};
use crate::sitemap::USUAL;
use crate::store::{ROUND, Store};

/// From the end of a response to the next request to the same host on the public net.
const DELAY: Duration = Duration::from_secs(1);

/// The note that says that records hold where they come from.
const PROVENANCE: &str = "provenance";

impl CrawlBuilder {
    /// Whether the options hold, without a store.
    ///
    /// # Errors
    /// Kind `InvalidInput`, as [`begin`](Self::begin).
    pub fn check(&self) -> Result<(), Error> {
        let seeds = self.seeds()?;
        self.fetcher(&seeds, self.links(&seeds)?).map(|_| ())
    }

    fn links(&self, seeds: &[Seed]) -> Result<Links, Error> {
        let pages: Vec<&Seed> = seeds.iter().filter(|seed| !seed.is_sitemap).collect();
        let homes = if pages.is_empty() { seeds.iter().collect() } else { pages };
        let homes: Vec<Canonical> = homes.into_iter().map(|seed| seed.url.clone()).collect();
        let scope = Scope::new(&homes, self.same, &self.allow, &self.deny)?;
        Ok(Links::new(scope, self.form, self.public(), self.loopback()))
    }

    /// Begins the crawl, or goes on with the one that is in the store.
    ///
    /// # Errors
    /// Kind `InvalidInput` for options that do not hold, and for a store that holds another crawl; the store's errors.
    pub async fn begin(self, mut store: Box<dyn Store>) -> Result<Crawl, Error> {
        let seeds = self.seeds()?;
        let links = self.links(&seeds)?;
        let plan = self.plan(&seeds);
        let mut found: Vec<Found> = seeds.iter().filter_map(|seed| seed.found(&links)).collect();
        if self.robots_sitemaps && !self.robots {
            let usual = |seed: &Seed| links.sitemap(seed.url.url().join(USUAL).ok()?.as_str(), 0, 0, true);
            found.extend(seeds.iter().filter_map(usual));
        }
        let fetcher = Arc::new(self.fetcher(&seeds, links)?);
        store.begin(&plan, &found).await?;
        if self.provenance {
            store.keep_note(PROVENANCE, "true").await?;
        }
        if self.refresh {
            store.begin_round().await?;
        }
        let is_round = store.note(ROUND).await?.is_some() && !store.is_finished().await?;
        let last_record = if self.only_new { store.last_record().await? } else { 0 };
        Ok(self.start(store, fetcher, plan.bounds, last_record, is_round))
    }

    fn start(
        &self,
        store: Box<dyn Store>,
        fetcher: Arc<Fetcher>,
        bounds: Bounds,
        last_record: i64,
        is_round: bool,
    ) -> Crawl {
        let store = Arc::new(AsyncMutex::new(store));
        let account = Arc::new(Mutex::new(Account::default()));
        // One sign that something was committed is as good as many.
        let ((committed, when_committed), (stop, when_stopped)) = (channel::bounded(1), channel::bounded(1));
        let engine = Engine {
            store: store.clone(),
            fetcher,
            jobs: self.jobs,
            grace: self.grace,
            bounds,
            most: self.most,
            apart: self.rate.map_or(0, |rate| millis(Duration::from_secs_f64(1.0 / rate))),
            max_wait: millis(self.max_wait),
            account: account.clone(),
            committed,
            stop: when_stopped,
            cancelled: cancelled(),
            progress: Progress::default(),
        };
        let engine = Some(spawn(engine.run()));
        Crawl { store, engine, account, committed: when_committed, stop: Some(stop), last_record, is_round }
    }

    fn seeds(&self) -> Result<Vec<Seed>, Error> {
        if self.rate.is_some_and(|rate| !rate.is_finite() || rate < 1e-6) {
            return Err(Error::invalid("a rate is a number above 0", "such as 0.5 requests a second"));
        }
        if self.seeds.is_empty() && self.sitemaps.is_empty() {
            return Err(Error::invalid("no page to begin at", "name at least one URL"));
        }
        let parse = |(given, by, is_sitemap): (&String, &By, bool)| {
            let url = Canonical::parse_as(given, self.form).ok_or_else(|| {
                Error::invalid(
                    format!("`{given}` is no page to begin at"),
                    "write it with its scheme, such as https://example.com/",
                )
            })?;
            let login =
                Url::parse(given).ok().filter(|url| !url.username().is_empty() || url.password().is_some());
            let login = login.filter(|_| matches!(by, By::User));
            Ok(Seed { url, given: without_password(given).into_owned(), login, by: by.clone(), is_sitemap })
        };
        // What is named as both is a sitemap.
        let given = self.sitemaps.iter().map(|given| (given, &By::User, true));
        let given = given.chain(self.seeds.iter().map(|(given, by)| (given, by, false)));
        let mut seeds = given.map(parse).collect::<Result<Vec<_>, _>>()?;
        let mut known = HashSet::new();
        seeds.retain(|seed| known.insert(seed.url.clone()));
        Ok(seeds)
    }

    fn public(&self) -> Pace {
        let delay = millis(self.delay.unwrap_or(DELAY));
        Pace { delay, limit: i64::from(self.per_host.unwrap_or(1)) }
    }

    fn loopback(&self) -> Pace {
        let delay = millis(self.delay.unwrap_or_default());
        Pace { delay, limit: i64::from(self.per_host.unwrap_or(0)) }
    }

    /// What decides which pages there are. The pace, the limits of a run and who we are do not.
    fn plan(&self, seeds: &[Seed]) -> Plan {
        let of_recipe = self.recipe.max_depth().map(|depth| depth as u64);
        let max_depth = [self.max_depth, of_recipe].into_iter().flatten().min();
        let as_set = |globs: &[String]| globs.iter().cloned().collect::<BTreeSet<_>>();
        let mut scope =
            json!({"allow": as_set(&self.allow), "deny": as_set(&self.deny), "max_depth": max_depth});
        for (name, value) in self.further_scope() {
            scope[name] = value.into();
        }
        if let Some(urls) = self.per_pattern {
            scope["per_pattern"] = urls.into();
        }
        let sitemaps: BTreeSet<&str> =
            seeds.iter().filter(|seed| seed.is_sitemap).map(|seed| seed.url.as_str()).collect();
        if !sitemaps.is_empty() {
            scope["sitemaps"] = json!(sitemaps);
        }
        Plan {
            seeds: seeds.iter().map(|seed| (seed.url.as_str().to_owned(), seed.given.clone())).collect(),
            recipe: self.recipe.to_toml(),
            scope: scope.to_string(),
            bounds: Bounds { max_depth, per_pattern: self.per_pattern },
            public: self.public(),
            loopback: self.loopback(),
        }
    }

    /// What of it is not as it is by default: a store that knew no such options goes on without them.
    fn further_scope(&self) -> Vec<(&'static str, &'static str)> {
        let PageRules { obey, nofollow, canonical, .. } = self.page_rules;
        let said = [
            ("same", self.same.as_str(), self.same != Same::Host),
            ("query", "sorted", self.form.sort_query),
            ("session", "stripped", self.form.strip_session),
            ("meta_robots", "ignored", !obey),
            ("nofollow", "left out", nofollow),
            ("canonical", "gives way", canonical),
            ("robots_sitemaps", "followed", self.robots_sitemaps),
        ];
        said.into_iter().filter(|(_, _, differs)| *differs).map(|(name, value, _)| (name, value)).collect()
    }

    fn fetcher(&self, seeds: &[Seed], links: Links) -> Result<Fetcher, Error> {
        if self.recipe.has_detail() {
            return Err(Error::invalid(
                "a recipe with [detail] is not crawled",
                "give the detail pages a recipe of their own, with [follow] links that lead to them; scrape follows [detail]",
            ));
        }
        let failed = |error: gather_fetch::Error| {
            let plain = Error::new(crate::ErrorKind::InvalidInput, error.fact());
            match error.hint() {
                Some(hint) => plain.hinted(hint),
                None => plain,
            }
        };
        let client = self.client.clone();
        let pages = client.retries(0).follow_redirects(false).per_origin(None).build().map_err(failed)?;
        for seed in seeds {
            let url = seed.url.as_str();
            let allowed = match &seed.by {
                By::User => pages.allow_origin(url),
                By::List => pages.allow_host(url),
                By::Page(page) => pages.allow_link(page, url),
            };
            allowed.map_err(failed)?;
        }
        let gate = self
            .robots
            .then(|| Gate::new(pages.clone(), self.agent.clone(), self.retries, self.allow_downgrade));
        Ok(Fetcher {
            pages,
            gate,
            headers: headers(&self.recipe, &self.without_headers)?,
            logins: logins(seeds),
            recipe: self.recipe.clone(),
            seed_hosts: hosts(seeds.iter()),
            typed_hosts: hosts(seeds.iter().filter(|seed| matches!(seed.by, By::User))),
            links,
            robots_sitemaps: self.robots_sitemaps,
            page_rules: PageRules { agent: self.agent.clone(), ..self.page_rules.clone() },
            retries: self.retries,
            page_times: PageTimes::new(self.total_timeout, self.max_wait),
            max_redirects: self.max_redirects,
            provenance: self.provenance,
            adaptive: self.adaptive && self.delay.is_none(),
            paused: Mutex::default(),
            hooks: self.hooks.clone(),
        })
    }
}

/// Where a crawl begins.
struct Seed {
    url: Canonical,
    /// Without the password in it.
    given: String,
    /// The URL with its login, where it has one and was typed.
    login: Option<Url>,
    by: By,
    is_sitemap: bool,
}

/// The logins of the seeds' URLs, by the origins that they are for; of several the first.
fn logins(seeds: &[Seed]) -> Logins {
    let of = |seed: &Seed| seed.login.clone().map(|url| (seed.url.url().origin(), url));
    seeds.iter().rev().filter_map(of).collect()
}

impl Seed {
    /// It was given, so it belongs to the crawl.
    fn found(&self, links: &Links) -> Option<Found> {
        if self.is_sitemap {
            return links.sitemap(self.url.as_str(), 0, 0, true);
        }
        let found = links.found(self.url.as_str(), 0, 0)?;
        Some(Found { in_scope: true, left_out: None, pattern: String::new(), priority: FIRST, ..found })
    }
}

fn hosts<'a>(seeds: impl Iterator<Item = &'a Seed>) -> HashSet<String> {
    seeds.map(|seed| seed.url.host()).collect()
}

/// The recipe's headers; those from the environment, and credentials, are secret.
/// Those of the recipe but for some.
fn headers(recipe: &Recipe, left_out: &[String]) -> Result<Vec<(String, String, bool)>, Error> {
    let read = |(name, value): &(String, String)| {
        let credential = ["authorization", "cookie", "proxy-authorization"];
        let is_credential = credential.iter().any(|known| name.eq_ignore_ascii_case(known));
        let Some(variable) = value.strip_prefix("env:") else {
            return Ok((name.clone(), value.clone(), is_credential));
        };
        let value = std::env::var(variable).map_err(|_| {
            Error::invalid(
                format!(
                    "environment variable `{variable}` is not set, and the recipe's header `{name}` needs it"
                ),
                format!("export {variable}=… before the run"),
            )
        })?;
        Ok((name.clone(), value, true))
    };
    let is_sent =
        |(name, _): &&(String, String)| !left_out.iter().any(|other| other.eq_ignore_ascii_case(name));
    recipe.request().headers.iter().filter(is_sent).map(read).collect()
}
