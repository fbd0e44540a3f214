//! What becomes of one lease: the request, the page, its records and links.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use gather_core::{Lane, now as instant, to_thread_in};
use gather_fetch::{Client, Error as FetchError, ErrorKind, HeaderMap, Request, Room, Streaming, Url};
use gather_records::Record;
use gather_scraper::{Extraction, Outline, Page, Recipe, Sitemap, Stats};
use url::Origin;

use crate::clock::{millis, now};
use crate::hex;
use crate::hooks::{Hooks, Keep, Verdict};
use crate::links::Links;
use crate::model::{Answered, Ends, Found, Known, Lease, PageEnd, State, Work};
use crate::page_rules::PageRules;
use crate::page_times::PageTimes;
use crate::robots::{self, Gate};
use crate::sitemap;
use crate::waits::{asked_wait, backoff};

/// The kind of a page that gives no records because it says so.
const NOINDEX: &str = "noindex";

/// So often a page comes later because it was asked to (`Retry-After`), which are no attempts.
const MAX_WAITS: u32 = 20;

/// URLs with a login, by the origins that it is for.
pub(crate) type Logins = HashMap<Origin, Url>;

/// Everything that fetching a page needs.
pub(crate) struct Fetcher {
    /// Follows no redirect and tries once: both are for the frontier to know of.
    pub(crate) pages: Client,
    /// Judges by robots.txt; `None` does not ask.
    pub(crate) gate: Option<Gate>,
    pub(crate) recipe: Recipe,
    /// Headers of the recipe; the secret ones go to the hosts of typed seeds alone.
    pub(crate) headers: Vec<(String, String, bool)>,
    pub(crate) typed_hosts: HashSet<String>,
    pub(crate) logins: Logins,
    pub(crate) seed_hosts: HashSet<String>,
    pub(crate) links: Links,
    /// Whether the sitemaps are followed that the robots.txt of a seed's host names.
    pub(crate) robots_sitemaps: bool,
    pub(crate) page_rules: PageRules,
    pub(crate) retries: u32,
    pub(crate) page_times: PageTimes,
    pub(crate) max_redirects: u32,
    pub(crate) provenance: bool,
    /// Whether the delay grows with the time that answers take.
    pub(crate) adaptive: bool,
    /// Until when hosts are to be left alone: what is leased and not asked for yet goes back.
    pub(crate) paused: Mutex<HashMap<String, i64>>,
    pub(crate) hooks: Option<Arc<dyn Hooks>>,
}

/// What a lease came to, and how well its fields were filled.
#[derive(Default)]
pub(crate) struct Fetched {
    pub(crate) ends: Ends,
    pub(crate) stats: Option<Stats>,
}

impl Fetched {
    /// It ended by a fault of ours.
    pub(crate) fn broken(lease: &Lease, why: &str) -> Self {
        let why = format!("an error of gather itself: {why}");
        if lease.work == Work::Robots {
            let ends = Ends { pages: Vec::new(), robots: vec![robots::broken(lease, &why)] };
            return Self { ends, stats: None };
        }
        let mut end = tried(lease, State::Failed);
        end.kind = Some(ErrorKind::Io.to_string());
        end.message = Some(why);
        without_records(end)
    }
}

impl Fetcher {
    pub(crate) async fn fetch(self: Arc<Self>, lease: Lease) -> Fetched {
        if let (Work::Robots, Some(gate)) = (lease.work, &self.gate) {
            let mut end = gate.ask(&lease, &self.links).await;
            if end.answered.slow_down {
                self.pause(&end.answered.host, end.answered.not_before);
            }
            if let Some(file) = end.file.as_ref().filter(|_| self.follows_sitemaps_of(&lease)) {
                end.links = sitemap::of_robots(file, &lease.url, &self.links);
            }
            let ends = Ends { pages: Vec::new(), robots: vec![end] };
            return Fetched { ends, stats: None };
        }
        if let Some(end) = self.is_held_back(&lease) {
            return without_records(end);
        }
        let begun = instant();
        self.page_times.begin(lease.id);
        let mut took = 0;
        let mut fetched = match self.ask(&lease).await {
            Ok(response) => {
                took = millis(instant() - begun);
                self.answered(&lease, response).await
            }
            Err(error) => without_records(self.could_not(&lease, &error, None)),
        };
        for end in &mut fetched.ends.pages {
            end.answered.took = if self.adaptive { took } else { 0 };
            end.elapsed_ms = millis(instant() - begun);
            if end.state != State::Pending {
                self.page_times.end(end.id);
            }
            self.show(end);
        }
        fetched
    }

    /// Whether the sitemaps that the host's robots.txt names are part of the crawl.
    fn follows_sitemaps_of(&self, lease: &Lease) -> bool {
        self.robots_sitemaps && self.seed_hosts.contains(&lease.host)
    }

    /// The end of a page that is not asked for: barred by robots.txt or by a hook, or of a host that has just asked to be
    /// left alone.
    fn is_held_back(&self, lease: &Lease) -> Option<PageEnd> {
        if let Some(end) = self.gate.as_ref().and_then(|gate| gate.bars(lease, end_of(lease, State::Pending)))
        {
            return Some(end);
        }
        if self.hooks.as_ref().is_some_and(|hooks| hooks.before_fetch(lease) == Verdict::Skip) {
            let end = end_of(lease, State::Skipped);
            return Some(PageEnd { kind: Some("hook".to_owned()), ..end });
        }
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        let until = paused.get(&lease.host).copied()?;
        if until <= now() {
            paused.remove(&lease.host);
            return None;
        }
        Some(PageEnd { not_before: until, ..end_of(lease, State::Pending) })
    }

    fn pause(&self, host: &str, until: i64) {
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        let known = paused.entry(host.to_owned()).or_default();
        *known = until.max(*known);
    }

    /// Shows the hooks what became of a page, and lets them choose among its records.
    fn show(&self, end: &mut PageEnd) {
        let Some(hooks) = &self.hooks else { return };
        hooks.page(end);
        end.records.retain_mut(|record| hooks.record(record) == Keep::Yes);
    }

    /// The URL, with the login that a seed has for its origin.
    fn with_login<'a>(&self, url: &'a str) -> Cow<'a, str> {
        if self.logins.is_empty() {
            return url.into();
        }
        let Ok(mut asked) = Url::parse(url) else { return url.into() };
        let Some(login) = self.logins.get(&asked.origin()) else { return url.into() };
        // Neither fails where there is a host.
        let _ = asked.set_username(login.username());
        let _ = asked.set_password(login.password());
        String::from(asked).into()
    }

    async fn ask(&self, lease: &Lease) -> Result<Streaming, FetchError> {
        let mut request = Request::get(self.with_login(&lease.url).as_ref())?;
        let at_home = self.typed_hosts.contains(&lease.host);
        for (name, value, secret) in &self.headers {
            if at_home || !secret {
                request = request.header(name, value)?;
            }
        }
        let known = lease.known.as_ref();
        let conditions = [
            ("if-none-match", known.and_then(|known| known.etag.as_ref())),
            ("if-modified-since", known.and_then(|known| known.modified.as_ref())),
        ];
        for (name, value) in conditions {
            // A validator without a value is none.
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                request = request.header(name, value)?;
            }
        }
        self.pages.stream(request).await
    }

    async fn answered(&self, lease: &Lease, response: Streaming) -> Fetched {
        let status = response.status();
        let robots = x_robots_tags(response.headers());
        if let Some(known) = lease.known.as_ref().filter(|known| status == 304 && known.has_validator()) {
            return without_records(self.not_modified(lease, known, &robots));
        }
        if let Some(error) = response.status_error() {
            let asked = asked_wait(&response);
            return without_records(self.could_not(lease, &error, asked));
        }
        if let Some(target) = response.redirect() {
            let mut end = match target {
                Ok(target) if self.waits_for_cookies(lease, &target, &response) => {
                    let (waits, attempts) = (lease.waits + 1, lease.attempts);
                    PageEnd { waits, attempts, ..tried(lease, State::Pending) }
                }
                target => self.redirected(lease, status, target.ok()),
            };
            if let Some(wait) = asked_wait(&response) {
                self.hold(lease, &mut end, wait);
            }
            return without_records(end);
        }
        let is_sitemap = matches!(lease.work, Work::Sitemap { .. });
        let is_read =
            |content_type: &str| is_page(content_type) || (self.recipe.reads_json() && is_json(content_type));
        if let Some(other) = response.content_type().filter(|value| !is_sitemap && !is_read(value)) {
            let mut end = tried(lease, State::Skipped);
            (end.status, end.kind) = (Some(status), Some("type".to_owned()));
            end.message = Some(format!("its type is {}", other.chars().take(100).collect::<String>()));
            return without_records(end);
        }
        let head =
            Head { status, content_type: response.content_type().map(|value| value.into_owned()), robots };
        let mut known = validators(response.headers());
        match response.collect().await {
            Ok(response) => {
                let body = Body { room: response.room(), bytes: response.into_bytes().into() };
                known.hash = Some(hash(&head, &body.bytes));
                let mut fetched = if lease.known.as_ref().is_some_and(|before| before.hash == known.hash) {
                    let end = tried(lease, State::Done);
                    let (status, bytes) = (Some(status), body.bytes.len() as u64);
                    without_records(PageEnd { status, bytes, unchanged: true, ..end })
                } else if let Work::Sitemap { nested } = lease.work {
                    self.sitemap(lease, nested, status, body).await
                } else {
                    self.parsed(lease, head, body).await
                };
                // A page that gives no records by its own word is looked at anew the next time.
                let kept = fetched.ends.pages.iter_mut().filter(|end| end.kind.is_none());
                kept.for_each(|end| end.known = known.clone());
                fetched
            }
            Err(error) => without_records(self.could_not(lease, &error, None)),
        }
    }

    /// It is as it was, unless its head now forbids its records, which it need not say with this status (RFC 9110, 15.4.5).
    fn not_modified(&self, lease: &Lease, known: &Known, robots: &[String]) -> PageEnd {
        let end = PageEnd { status: Some(304), ..tried(lease, State::Done) };
        if self.page_rules.allowed_by_head(robots).index {
            return PageEnd { unchanged: true, known: known.clone(), ..end };
        }
        PageEnd { kind: Some(NOINDEX.to_owned()), ..end }
    }

    /// Whether a page sends us to itself until it sees the cookies that it sets, which we keep.
    fn waits_for_cookies(&self, lease: &Lease, target: &Url, response: &Streaming) -> bool {
        let is_itself =
            || self.links.found(target.as_str(), 0, 0).is_some_and(|found| found.url == lease.url);
        let sets_cookies = self.pages.keeps_cookies() && response.headers().contains_key("set-cookie");
        sets_cookies && lease.waits < self.max_redirects && is_itself()
    }

    /// Leaves the host alone for as long as it asks.
    fn hold(&self, lease: &Lease, end: &mut PageEnd, wait: Duration) {
        end.answered.not_before = now().saturating_add(millis(wait));
        self.pause(&lease.host, end.answered.not_before);
    }

    /// A redirect is a link to the next page: it is fetched in its turn, under the rules of its own host.
    fn redirected(&self, lease: &Lease, status: u16, target: Option<Url>) -> PageEnd {
        let mut end = tried(lease, State::Failed);
        (end.status, end.kind) = (Some(status), Some(ErrorKind::Redirect.to_string()));
        let found = target.as_ref().and_then(|target| match lease.work {
            Work::Sitemap { nested } => {
                let found = self.links.sitemap(target.as_str(), nested, lease.hops + 1, false)?;
                Some(Found { in_scope: found.in_scope || found.host == lease.host, ..found })
            }
            _ => self.links.found(target.as_str(), 0, lease.hops + 1),
        });
        match found {
            None => end.message = Some(format!("{} leads to what is no web page", lease.url)),
            Some(found) if found.url == lease.url => {
                end.message = Some(format!("{} leads to itself", lease.url));
            }
            Some(_) if lease.hops >= self.max_redirects => {
                end.message =
                    Some(format!("more than {} redirects lead to {}", self.max_redirects, lease.url));
            }
            Some(found) if !found.in_scope => {
                (end.state, end.kind) = (State::Refused, Some(ErrorKind::Scope.to_string()));
                let way_in = self.links.way_in(&found.url).unwrap_or_default();
                end.message = Some(format!("{} leads out of scope, to {}: {way_in}", lease.url, found.url));
            }
            Some(found) => {
                (end.state, end.kind) = (State::Done, None);
                end.links = vec![found];
            }
        }
        end
    }

    /// What came whole of a sitemap is followed, also where the rest of it does not hold.
    async fn sitemap(&self, lease: &Lease, nested: u32, status: u16, body: Body) -> Fetched {
        let (asked, links, bytes) = (lease.clone(), self.links.clone(), body.bytes.len() as u64);
        let read = move || {
            let Body { bytes, room: _held } = body;
            let read = Sitemap::from_bytes(bytes, &asked.url);
            (sitemap::links_of(&read, &asked, nested, &links), read.skipped, read.error)
        };
        let (links, skipped, error) = match to_thread_in(Lane::Cpu, read).await {
            Ok(read) => read,
            Err(ended) => return Fetched::broken(lease, &ended.to_string()),
        };
        let mut end = PageEnd { status: Some(status), bytes, links, ..tried(lease, State::Done) };
        if let Some(error) = error {
            let refused = error.kind().as_str() == ErrorKind::TooLarge.as_str();
            end.state = if refused { State::Refused } else { State::Failed };
            (end.kind, end.message) = (Some(error.kind().as_str().to_owned()), Some(error.to_string()));
        } else if skipped > 0 {
            end.message = Some(format!("{skipped} of its entries have no URL of http or https"));
        }
        without_records(end)
    }

    async fn parsed(&self, lease: &Lease, head: Head, body: Body) -> Fetched {
        let (url, recipe, links) = (lease.url.clone(), self.recipe.clone(), self.links.clone());
        // A page at the end of a long chain of redirects keeps its records: it can lead no further.
        let rules = self.page_rules.clone();
        let rules = PageRules { canonical: rules.canonical && lease.hops < self.max_redirects, ..rules };
        let (status, hops) = (head.status, lease.hops);
        let mut end = tried(lease, State::Done);
        (end.status, end.bytes) = (Some(status), body.bytes.len() as u64);
        let fetched_at = self.provenance.then(SystemTime::now);
        let work = move || look(&Asked { url: &url, head: &head, hops }, body, &recipe, &links, &rules);
        let looked = match to_thread_in(Lane::Cpu, work).await {
            Ok(Ok(looked)) => looked,
            Ok(Err(error)) => Looked { extraction: Err(error), links: Vec::new(), kept_back: None },
            Err(ended) => return Fetched::broken(lease, &ended.to_string()),
        };
        end.links = looked.links;
        if let Some(why) = looked.kept_back {
            end.kind = Some(why.to_owned());
            return without_records(end);
        }
        match looked.extraction {
            Ok(found) => {
                let input = lease.input.as_deref();
                let from = Provenance { url: &lease.url, input, status, fetched_at };
                end.records = found.records.into_iter().map(|record| from.with(record)).collect();
                end.dropped = found.dropped.iter().map(ToString::to_string).collect();
                Fetched { stats: Some(found.stats), ..without_records(end) }
            }
            Err(error) => {
                let refused = error.kind().as_str() == ErrorKind::TooLarge.as_str();
                end.state = if refused { State::Refused } else { State::Failed };
                (end.kind, end.message) = (Some(error.kind().as_str().to_owned()), Some(error.to_string()));
                without_records(end)
            }
        }
    }

    /// It failed: again later, if that may help, else for good. Who says when to come again is waited for within the page's
    /// total time, and that is no attempt.
    fn could_not(&self, lease: &Lease, error: &FetchError, asked: Option<Duration>) -> PageEnd {
        let mut end = tried(lease, if error.is_refused() { State::Refused } else { State::Failed });
        (end.status, end.kind) = (error.status(), Some(error.kind().to_string()));
        end.message = Some(error.fact().to_owned());
        // A 503 that names no time is one page's trouble more often than the host's: it is tried again as other errors are.
        end.answered.slow_down = end.status == Some(429) || asked.is_some();
        end.phase = error.phase().map(|phase| phase.to_string());
        if let Some(wait) = asked.filter(|_| may_pass(error)) {
            self.hold(lease, &mut end, wait);
            let may_wait = self.retries > 0 && lease.waits < MAX_WAITS;
            if may_wait && self.page_times.has_room_for(lease.id, wait) {
                let (waits, attempts) = (lease.waits + 1, lease.attempts);
                let not_before = end.answered.not_before;
                return PageEnd { state: State::Pending, waits, attempts, not_before, ..end };
            }
        } else if may_pass(error) && lease.attempts < self.retries {
            (end.state, end.not_before) =
                (State::Pending, now().saturating_add(millis(backoff(lease.attempts))));
        }
        end
    }
}

/// What to ask with the next time (RFC 9110, 13.1).
fn validators(headers: &HeaderMap) -> Known {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Known { hash: None, etag: text("etag"), modified: text("last-modified") }
}

/// Of all that decides which records a page gives: its head as well, where that says more than that it is a page.
fn hash(head: &Head, body: &[u8]) -> String {
    let mut hash = blake3::Hasher::new();
    for said in head.content_type.iter().chain(&head.robots) {
        hash.update(said.as_bytes());
        hash.update(b"\n");
    }
    hash.update(body);
    hex::half(hash.finalize().as_bytes())
}

/// Whether another attempt may help. Of a status the head alone is known here, so that it is judged here.
fn may_pass(error: &FetchError) -> bool {
    let status = error.status().unwrap_or(0);
    error.is_retryable() || (error.kind() == ErrorKind::Status && matches!(status, 408 | 429 | 500..=599))
}

/// Where a record is from.
struct Provenance<'a> {
    url: &'a str,
    /// The seed that led there by redirects.
    input: Option<&'a str>,
    status: u16,
    fetched_at: Option<SystemTime>,
}

impl Provenance<'_> {
    fn with(&self, fields: Record) -> Record {
        let mut record = Record::new();
        record.insert("_source", self.url);
        for (name, value) in fields.into_map() {
            record.insert(name, value);
        }
        if let Some(input) = self.input {
            record.insert("_input", input);
        }
        if let Some(time) = self.fetched_at {
            record.insert("_fetched_at", humantime::format_rfc3339_seconds(time).to_string());
            record.insert("_status", self.status);
        }
        record
    }
}

/// A body, and the room that it has in the client's memory budget until it is done with.
struct Body {
    bytes: Vec<u8>,
    room: Option<Room>,
}

/// What is known of a response besides its body.
struct Head {
    status: u16,
    content_type: Option<String>,
    /// The values of its X-Robots-Tag headers.
    robots: Vec<String>,
}

fn x_robots_tags(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all("x-robots-tag").iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
}

/// Which page is looked at.
struct Asked<'a> {
    url: &'a str,
    head: &'a Head,
    /// How many redirects in a row led to it.
    hops: u32,
}

struct Looked {
    extraction: Result<Extraction, gather_scraper::Error>,
    links: Vec<Found>,
    /// Why the page gives no records, if it is by its own word.
    kept_back: Option<&'static str>,
}

/// Parses, extracts and takes the links, which a page has also where its records do not hold.
fn look(
    asked: &Asked<'_>,
    body: Body,
    recipe: &Recipe,
    links: &Links,
    rules: &PageRules,
) -> Result<Looked, gather_scraper::Error> {
    let builder = Page::builder().url(asked.url);
    let builder = match &asked.head.content_type {
        Some(content_type) => builder.content_type(content_type),
        None => builder,
    };
    let Body { bytes, room: _held } = body;
    let page = builder.build(bytes)?;
    let outline = page.outline(recipe)?;
    let allowed = rules.allowed(&outline, &asked.head.robots);
    let mut found = if allowed.follow { links_of(&outline, links, rules)? } else { Vec::new() };
    found.retain(|found| found.url != asked.url);
    let canonical = rules.canonical_of(&outline).and_then(|url| links.found(&url, 0, asked.hops + 1));
    let canonical = canonical.filter(|found| found.in_scope && found.url != asked.url);
    let kept_back = match (&canonical, allowed.index) {
        (_, false) => Some(NOINDEX),
        (Some(_), true) => Some("canonical"),
        (None, true) => None,
    };
    found.extend(canonical);
    let extraction = if kept_back.is_some() { Ok(Extraction::default()) } else { outline.records() };
    Ok(Looked { extraction, links: found, kept_back })
}

/// The next page, and the links that are followed.
fn links_of(
    outline: &Outline<'_>,
    links: &Links,
    rules: &PageRules,
) -> Result<Vec<Found>, gather_scraper::Error> {
    let next = outline.next_page()?.into_iter().filter_map(|url| links.found(&url, 0, 0));
    let pages = outline.follow(|rel| rules.follows(rel))?;
    Ok(next.chain(pages.iter().filter_map(|page| links.found(page, 1, 0))).collect())
}

fn is_page(content_type: &str) -> bool {
    ["text/html", "application/xhtml+xml", ""].contains(&&*essence(content_type))
}

fn is_json(content_type: &str) -> bool {
    let essence = essence(content_type);
    ["application/json", "text/json"].contains(&&*essence) || essence.ends_with("+json")
}

fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The end of a lease for which the host was not asked.
fn end_of(lease: &Lease, state: State) -> PageEnd {
    PageEnd {
        id: lease.id,
        work: lease.work,
        answered: Answered { host: lease.host.clone(), ..Answered::default() },
        state,
        kind: None,
        message: None,
        status: None,
        phase: None,
        elapsed_ms: 0,
        attempts: lease.attempts,
        waits: lease.waits,
        not_before: 0,
        bytes: 0,
        known: Known::default(),
        unchanged: false,
        records: Vec::new(),
        dropped: Vec::new(),
        links: Vec::new(),
    }
}

/// The end of one for which it was asked, until now.
fn tried(lease: &Lease, state: State) -> PageEnd {
    let mut end = end_of(lease, state);
    (end.answered.until, end.attempts) = (Some(now()), lease.attempts + 1);
    end
}

fn without_records(end: PageEnd) -> Fetched {
    Fetched { ends: Ends { pages: vec![end], robots: Vec::new() }, stats: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_over_a_robots_txt_ends_its_lease() {
        let lease = Lease {
            work: Work::Robots,
            id: 7,
            url: "http://h/".to_owned(),
            host: "h:80".to_owned(),
            attempts: 0,
            waits: 0,
            hops: 0,
            depth: 0,
            input: None,
            known: None,
            delay: 0,
            robots_until: 0,
            moved: None,
        };
        let ends = Fetched::broken(&lease, "it panicked").ends;
        let file = ends.robots[0].file.as_ref().unwrap();
        assert_eq!((ends.robots[0].id, file.status), (7, 0));
        assert!(String::from_utf8_lossy(&file.body).contains("an error of gather itself: it panicked"));
    }

    #[test]
    fn only_pages_are_parsed() {
        for (content_type, expected) in [
            ("text/html; charset=x", true),
            ("Application/XHTML+xml", true),
            ("image/png", false),
            ("text/css", false),
        ] {
            assert_eq!(is_page(content_type), expected, "{content_type}");
        }
    }
}
