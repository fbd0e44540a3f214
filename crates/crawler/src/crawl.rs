//! The facade: what a crawl is, and how it begins.

use std::collections::{BTreeSet, HashSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::lock::Mutex as AsyncMutex;
use gather_core::{cancelled, channel, spawn};
use gather_fetch::{Client, ClientBuilder, Robots};
use gather_scraper::Recipe;
use serde_json::json;

use crate::canonical::{Canonical, Form};
use crate::clock::millis;
use crate::engine::{Account, Engine, Most, Progress};
use crate::error::Error;
use crate::fetcher::Fetcher;
use crate::handle::Crawl;
use crate::hooks::Hooks;
use crate::links::{FIRST, Links};
use crate::model::{Bounds, Found, Pace, Plan};
use crate::page_rules::PageRules;
use crate::robots::Gate;
use crate::scope::{Same, Scope};
use crate::sitemap::USUAL;
use crate::store::Store;

/// From the end of a response to the next request to the same host on the public net.
const DELAY: Duration = Duration::from_secs(1);

/// The note that says that records hold where they come from.
const PROVENANCE: &str = "provenance";

/// The options of a crawl.
///
/// ```
/// use gather_crawler::{Crawl, SqliteStore};
/// use gather_site::{Mock, Reply};
///
/// # gather_core::run(async {
/// let site = Mock::start(|request| match request.path() {
///     "/" => Reply::html("<title>home</title><a href=/tea>"),
///     "/tea" => Reply::html("<title>tea</title><a href=/>"),
///     _ => Reply::status(404),
/// })
/// .unwrap();
/// let folder = tempfile::tempdir().unwrap();
/// let store = SqliteStore::create(&folder.path().join("tea.db"), false).await.unwrap();
/// let mut crawl = Crawl::builder().seed(site.url()).begin(Box::new(store)).await.unwrap();
/// let mut titles = Vec::new();
/// while let Some(records) = crawl.next().await.unwrap() {
///     titles.extend(records.iter().map(|stored| stored.record.get("title").unwrap().to_string()));
/// }
/// assert_eq!(titles, ["\"home\"", "\"tea\""]);
/// assert_eq!(crawl.counts().await.unwrap().done, 2);
/// # }).unwrap();
/// ```
#[derive(Clone)]
#[must_use]
pub struct CrawlBuilder {
    seeds: Vec<String>,
    sitemaps: Vec<String>,
    robots_sitemaps: bool,
    recipe: Recipe,
    client: ClientBuilder,
    agent: String,
    robots: bool,
    jobs: NonZeroUsize,
    retries: u32,
    max_redirects: u32,
    grace: Duration,
    allow: Vec<String>,
    deny: Vec<String>,
    same: Same,
    form: Form,
    page_rules: PageRules,
    max_depth: Option<u64>,
    per_pattern: Option<u64>,
    most: Most,
    per_host: Option<u32>,
    delay: Option<Duration>,
    provenance: bool,
    only_new: bool,
    rate: Option<f64>,
    adaptive: bool,
    refresh: bool,
    hooks: Option<Arc<dyn Hooks>>,
}

impl Crawl {
    /// Options for a crawl.
    pub fn builder() -> CrawlBuilder {
        CrawlBuilder {
            seeds: Vec::new(),
            sitemaps: Vec::new(),
            robots_sitemaps: false,
            recipe: Recipe::default(),
            client: Client::builder(),
            agent: "gather".to_owned(),
            robots: true,
            jobs: NonZeroUsize::MIN.saturating_add(63),
            retries: 2,
            max_redirects: 10,
            grace: gather_core::DEFAULT_GRACE,
            allow: Vec::new(),
            deny: Vec::new(),
            same: Same::default(),
            form: Form::default(),
            page_rules: PageRules { obey: true, nofollow: false, canonical: false, agent: String::new() },
            max_depth: None,
            per_pattern: None,
            most: Most::default(),
            per_host: None,
            delay: None,
            provenance: false,
            only_new: false,
            rate: None,
            adaptive: true,
            refresh: false,
            hooks: None,
        }
    }
}

impl CrawlBuilder {
    /// A URL to begin at. It was typed, so its host may be private.
    pub fn seed(mut self, url: impl Into<String>) -> Self {
        self.seeds.push(url.into());
        self
    }

    /// A sitemap to begin at, or an index of sitemaps, or a feed: the pages that it names are seeds as far as they are in scope, which
    /// is around the other seeds, or on the hosts of the sitemaps if they are all there is. It is fetched as a page is, kept in the
    /// store, and counted as one. Of its pages those come first that it says were changed last.
    ///
    /// ```
    /// use gather_crawler::{Crawl, SqliteStore};
    /// use gather_site::{Mock, Reply};
    ///
    /// # gather_core::run(async {
    /// let site = Mock::start(|request| match request.path() {
    ///     "/pages.txt" => Reply::text(format!("http://{}/tea", request.header("host").unwrap())),
    ///     "/tea" => Reply::html("<title>tea</title>"),
    ///     _ => Reply::status(404),
    /// })
    /// .unwrap();
    /// let store = SqliteStore::in_memory().await.unwrap();
    /// let crawl = Crawl::builder().sitemap(site.join("/pages.txt"));
    /// let mut crawl = crawl.begin(Box::new(store)).await.unwrap();
    /// let records = crawl.next().await.unwrap().unwrap();
    /// assert_eq!(records[0].record.get("title").unwrap(), "tea");
    /// # }).unwrap();
    /// ```
    pub fn sitemap(mut self, url: impl Into<String>) -> Self {
        self.sitemaps.push(url.into());
        self
    }

    /// Whether the sitemaps are seeds that the robots.txt of each seed's host names; where it names none, and where robots.txt is
    /// not asked for, `/sitemap.xml`. Default: no.
    pub fn robots_sitemaps(mut self, follow: bool) -> Self {
        self.robots_sitemaps = follow;
        self
    }

    /// What to take from each page, and which links to follow. Default: `title`, `description`, `canonical`, `lang`; all
    /// links.
    pub fn recipe(mut self, recipe: Recipe) -> Self {
        self.recipe = recipe;
        self
    }

    /// How requests are made. Redirects and retries are the crawl's own, whatever the client says of them.
    pub fn client(mut self, client: ClientBuilder) -> Self {
        self.client = client;
        self
    }

    /// Who robots.txt knows us as: a product token, or a whole User-Agent. Default: `gather`.
    pub fn agent(mut self, agent: &str) -> Self {
        self.agent = Robots::product_token(agent).unwrap_or(agent).to_owned();
        self
    }

    /// Whether robots.txt is obeyed. Default: yes.
    pub fn robots(mut self, obey: bool) -> Self {
        self.robots = obey;
        self
    }

    /// How many pages at once, over all hosts. Default: 64.
    pub fn jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.jobs = jobs;
        self
    }

    /// How often a page that failed is tried again, where that may help. Default: 2; 0 never.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// How many redirects in a row are followed. Default: 10.
    pub fn max_redirects(mut self, redirects: u32) -> Self {
        self.max_redirects = redirects;
        self
    }

    /// How long running pages may go on after the scope was cancelled. Default: 5 s.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Pages that belong to the crawl, instead of all of the seeds' hosts: a glob over the path (`/docs/**`, on those
    /// hosts), or over the whole URL (`https://example.com/**`, anywhere). May be called again for another.
    pub fn allow(mut self, glob: impl Into<String>) -> Self {
        self.allow.push(glob.into());
        self
    }

    /// Pages that do not belong to it, whatever `allow` says.
    pub fn deny(mut self, glob: impl Into<String>) -> Self {
        self.deny.push(glob.into());
        self
    }

    /// How near to its seeds the crawl stays; `allow` chooses among what is left. Default: [`Same::Host`].
    pub fn same(mut self, same: Same) -> Self {
        self.same = same;
        self
    }

    /// Which URLs are taken for one page. Default: those that RFC 3986 says.
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Whether a page's own word is obeyed: `<meta name=robots>`, or one with our agent's name, and `X-Robots-Tag`.
    /// `noindex` gives no records, `nofollow` no links, `none` neither. Default: yes.
    pub fn meta_robots(mut self, obey: bool) -> Self {
        self.page_rules.obey = obey;
        self
    }

    /// Whether links that are marked `rel=nofollow` are left out. Default: no.
    pub fn nofollow(mut self, leave_out: bool) -> Self {
        self.page_rules.nofollow = leave_out;
        self
    }

    /// Whether a page that names another one in scope by `rel=canonical` gives no records, and leads there instead, as a
    /// redirect does. Two pages that name each other give none. Default: no.
    pub fn canonical(mut self, give_way: bool) -> Self {
        self.page_rules.canonical = give_way;
        self
    }

    /// How many links from a seed a page may be away; 0 are the seeds alone. Default: the recipe's `max_depth`, else no
    /// limit; of two limits the smaller holds.
    pub fn max_depth(mut self, depth: u64) -> Self {
        self.max_depth = Some(depth);
        self
    }

    /// How many URLs of one pattern each host may have, over all runs: a calendar or a session is a trap without end. URLs are of
    /// one pattern if their paths differ only in numbers and in names that a machine made, and their queries in values. Those that
    /// come first are taken; the others are skipped with the kind `budget`. Default: no limit.
    ///
    /// ```
    /// use gather_crawler::{Crawl, SqliteStore};
    /// use gather_site::{Mock, Reply};
    ///
    /// # gather_core::run(async {
    /// let site = Mock::start(|request| {
    ///     let day: u32 = request.path().trim_start_matches("/day/").parse().unwrap_or(0);
    ///     Reply::html(format!("<a href=/day/{}>tomorrow</a>", day + 1))
    /// })
    /// .unwrap();
    /// let store = SqliteStore::in_memory().await.unwrap();
    /// let crawl = Crawl::builder().seed(site.url()).robots(false).per_pattern(10);
    /// let mut crawl = crawl.begin(Box::new(store)).await.unwrap();
    /// while crawl.next().await.unwrap().is_some() {}
    /// let counts = crawl.counts().await.unwrap();
    /// assert_eq!((counts.done, counts.skipped), (11, 1));
    /// # }).unwrap();
    /// ```
    pub fn per_pattern(mut self, urls: u64) -> Self {
        self.per_pattern = Some(urls);
        self
    }

    /// How many pages are fetched into the store, over all runs. Default: no limit.
    pub fn max_pages(mut self, pages: u64) -> Self {
        self.most.pages = Some(pages);
        self
    }

    /// After how many bytes this run takes no more pages. Default: no limit.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.most.bytes = Some(bytes);
        self
    }

    /// After which time this run takes no more pages. Default: no limit.
    pub fn max_time(mut self, time: Duration) -> Self {
        self.most.time = Some(time);
        self
    }

    /// How many requests a second a host gets at most; a number above 0. Default: no limit beyond the delay.
    pub fn rate(mut self, requests: f64) -> Self {
        self.rate = Some(requests);
        self
    }

    /// Whether a host that answers more slowly than the default delay gets as much time between two requests as its
    /// answers take, 60 s at most. Default: yes; a [`delay`](Self::delay) that was given stays as it is. What a host asks
    /// for by 429 and `Retry-After` is kept either way.
    pub fn auto_throttle(mut self, adaptive: bool) -> Self {
        self.adaptive = adaptive;
        self
    }

    /// Begins a new round if the last one is over: all pages are asked for again, conditionally (RFC 9110, 13). What
    /// changed is in [`Store::changes_after`]. Default: no.
    pub fn refresh(mut self, refresh: bool) -> Self {
        self.refresh = refresh;
        self
    }

    /// What to ask at each step. Default: nobody.
    pub fn hooks(mut self, hooks: impl Hooks + 'static) -> Self {
        self.hooks = Some(Arc::new(hooks));
        self
    }

    /// How many requests a host gets at once; 0 is no limit. Default: 1, and no limit on loopback. With a delay it is one,
    /// whatever this says: a delay counts from the end of a response.
    pub fn per_host(mut self, requests: u32) -> Self {
        self.per_host = Some(requests);
        self
    }

    /// From the end of a response to the next request to the same host. Default: 1 s, and none on loopback. A longer
    /// `Crawl-delay` of the host's robots.txt is kept.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Adds `_fetched_at` and `_status` to each record. Default: no.
    pub fn provenance(mut self, provenance: bool) -> Self {
        self.provenance = provenance;
        self
    }

    /// Hands out this run's records alone. Default: all of the store's.
    pub fn only_new(mut self, only_new: bool) -> Self {
        self.only_new = only_new;
        self
    }

    /// Whether the options hold, without a store.
    ///
    /// # Errors
    /// Kind `InvalidInput`, as [`begin`](Self::begin).
    pub fn check(&self) -> Result<(), Error> {
        let (canonical, links) = self.links(&self.seeds()?)?;
        self.fetcher(&canonical, links).map(|_| ())
    }

    fn links(&self, seeds: &[Seed]) -> Result<(Vec<Canonical>, Links), Error> {
        let canonical = seeds.iter().map(|seed| seed.url.clone()).collect();
        let pages: Vec<&Seed> = seeds.iter().filter(|seed| !seed.is_sitemap).collect();
        let homes = if pages.is_empty() { seeds.iter().collect() } else { pages };
        let homes: Vec<Canonical> = homes.into_iter().map(|seed| seed.url.clone()).collect();
        let scope = Scope::new(&homes, self.same, &self.allow, &self.deny)?;
        Ok((canonical, Links::new(scope, self.form, self.public(), self.loopback())))
    }

    /// Begins the crawl, or goes on with the one that is in the store.
    ///
    /// # Errors
    /// Kind `InvalidInput` for options that do not hold, and for a store that holds another crawl; the store's errors.
    pub async fn begin(self, mut store: Box<dyn Store>) -> Result<Crawl, Error> {
        let seeds = self.seeds()?;
        let (canonical, links) = self.links(&seeds)?;
        let plan = self.plan(&seeds);
        let mut found: Vec<Found> = seeds.iter().filter_map(|seed| seed.found(&links)).collect();
        if self.robots_sitemaps && !self.robots {
            let usual = |seed: &Seed| links.sitemap(seed.url.url().join(USUAL).ok()?.as_str(), 0, 0, true);
            found.extend(seeds.iter().filter_map(usual));
        }
        let fetcher = Arc::new(self.fetcher(&canonical, links)?);
        store.begin(&plan, &found).await?;
        if self.provenance {
            store.keep_note(PROVENANCE, "true").await?;
        }
        if self.refresh {
            store.begin_round().await?;
        }
        let last_record = if self.only_new { store.last_record().await? } else { 0 };
        Ok(self.start(store, fetcher, plan.bounds, last_record))
    }

    fn start(&self, store: Box<dyn Store>, fetcher: Arc<Fetcher>, bounds: Bounds, last_record: i64) -> Crawl {
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
            account: account.clone(),
            committed,
            stop: when_stopped,
            cancelled: cancelled(),
            progress: Progress::default(),
        };
        let engine = Some(spawn(engine.run()));
        Crawl { store, engine, account, committed: when_committed, stop: Some(stop), last_record }
    }

    fn seeds(&self) -> Result<Vec<Seed>, Error> {
        if self.rate.is_some_and(|rate| !rate.is_finite() || rate < 1e-6) {
            return Err(Error::invalid("a rate is a number above 0", "such as 0.5 requests a second"));
        }
        if self.seeds.is_empty() && self.sitemaps.is_empty() {
            return Err(Error::invalid("no page to begin at", "name at least one URL"));
        }
        let parse = |(given, is_sitemap): (&String, bool)| {
            let url = Canonical::parse_as(given, self.form).ok_or_else(|| {
                Error::invalid(
                    format!("`{given}` is no page to begin at"),
                    "write it with its scheme, such as https://example.com/",
                )
            })?;
            Ok(Seed { url, given: given.clone(), is_sitemap })
        };
        // What is named as both is a sitemap.
        let given = self.sitemaps.iter().map(|given| (given, true));
        let given = given.chain(self.seeds.iter().map(|given| (given, false)));
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

    fn fetcher(&self, seeds: &[Canonical], links: Links) -> Result<Fetcher, Error> {
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
        let mut client = self.client.clone();
        for seed in seeds {
            client = client.allow_origin(seed.as_str());
        }
        let pages = client.retries(0).follow_redirects(false).per_origin(None).build().map_err(failed)?;
        let gate = self.robots.then(|| Gate::new(pages.clone(), self.agent.clone(), self.retries));
        Ok(Fetcher {
            pages,
            gate,
            headers: headers(&self.recipe)?,
            recipe: self.recipe.clone(),
            seed_hosts: seeds.iter().map(Canonical::host).collect(),
            links,
            robots_sitemaps: self.robots_sitemaps,
            page_rules: PageRules { agent: self.agent.clone(), ..self.page_rules.clone() },
            retries: self.retries,
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
    given: String,
    is_sitemap: bool,
}

impl Seed {
    /// It was typed, so it belongs to the crawl.
    fn found(&self, links: &Links) -> Option<Found> {
        if self.is_sitemap {
            return links.sitemap(self.url.as_str(), 0, 0, true);
        }
        let found = links.found(self.url.as_str(), 0, 0)?;
        Some(Found { in_scope: true, left_out: None, pattern: String::new(), priority: FIRST, ..found })
    }
}

/// The recipe's headers; those from the environment, and credentials, are secret.
fn headers(recipe: &Recipe) -> Result<Vec<(String, String, bool)>, Error> {
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
    recipe.request().headers.iter().map(read).collect()
}
