//! The facade: the options of a crawl.

mod begin;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use gather_fetch::{Client, ClientBuilder, Robots};
use gather_scraper::Recipe;

use crate::canonical::Form;
use crate::engine::Most;
use crate::handle::Crawl;
use crate::hooks::Hooks;
use crate::page_rules::PageRules;
use crate::scope::Same;

/// The longest `Retry-After` that is waited for.
const MAX_WAIT: Duration = Duration::from_secs(120);

/// The time of a page, with the waits that its host asks for.
const TOTAL: Duration = Duration::from_secs(600);

/// Who gave a seed, which decides what it is trusted with.
#[derive(Clone, Debug)]
enum By {
    User,
    List,
    Page(String),
}

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
    seeds: Vec<(String, By)>,
    sitemaps: Vec<String>,
    robots_sitemaps: bool,
    recipe: Recipe,
    without_headers: Vec<String>,
    client: ClientBuilder,
    agent: String,
    robots: bool,
    jobs: NonZeroUsize,
    retries: u32,
    total_timeout: Option<Duration>,
    max_wait: Duration,
    max_redirects: u32,
    allow_downgrade: bool,
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
            without_headers: Vec::new(),
            client: Client::builder(),
            agent: "gather".to_owned(),
            robots: true,
            jobs: NonZeroUsize::MIN.saturating_add(63),
            retries: 2,
            total_timeout: Some(TOTAL),
            max_wait: MAX_WAIT,
            max_redirects: 10,
            allow_downgrade: false,
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
    /// A URL to begin at. It was typed, so its host may be private, and the client's credentials and a recipe's secret headers go there.
    pub fn seed(mut self, url: impl Into<String>) -> Self {
        self.seeds.push((url.into(), By::User));
        self
    }

    /// A URL to begin at, of a list beside those that were typed: its host may be private, and no credentials go there.
    pub fn seed_of_list(mut self, url: impl Into<String>) -> Self {
        self.seeds.push((url.into(), By::List));
        self
    }

    /// A URL to begin at that the page at `page` led to, or a page that is not known, if that is empty: no credentials go there, and its
    /// host may be private only as far as [`Client::allow_link`] says.
    ///
    /// ```
    /// use gather_crawler::{Crawl, SqliteStore};
    /// use gather_site::{Mock, Reply};
    ///
    /// # gather_core::run(async {
    /// let site = Mock::start(|_| Reply::html("<title>inside</title>")).unwrap();
    /// let store = SqliteStore::in_memory().await.unwrap();
    /// let crawl = Crawl::builder().seed_of_page("http://example.com/", site.url());
    /// let mut crawl = crawl.begin(Box::new(store)).await.unwrap();
    /// assert!(crawl.next().await.unwrap().is_none());
    /// assert_eq!((crawl.counts().await.unwrap().refused, site.calls()), (1, 0));
    /// # }).unwrap();
    /// ```
    pub fn seed_of_page(mut self, page: impl Into<String>, url: impl Into<String>) -> Self {
        self.seeds.push((url.into(), By::Page(page.into())));
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

    /// How often a page that failed is tried again, where that may help. Default: 2; 0 never. What its host asks to come later
    /// for (`Retry-After`) is no such try, and has its bound in the [`total_timeout`](Self::total_timeout).
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The time of a page from its first request in this run, with the waits that its host asks for: one that would wait past it
    /// has failed, with the status that it answered. Default: 10 minutes; `None` is no limit. A `Retry-After` of more than two
    /// minutes is not waited for, and leaves the page pending. How long one request may take is the
    /// [`client`](Self::client)'s to say.
    pub fn total_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.total_timeout = limit.into();
        self
    }

    /// How many redirects in a row are followed. Default: 10.
    pub fn max_redirects(mut self, redirects: u32) -> Self {
        self.max_redirects = redirects;
        self
    }

    /// Whether redirects of a robots.txt may leave https. Default: no. Those of a page are links, which may lead to http where that is
    /// in scope.
    pub fn allow_downgrade(mut self, allow: bool) -> Self {
        self.allow_downgrade = allow;
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
    /// changed is in [`Store::changes_after`](crate::Store::changes_after). Default: no.
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

    /// Leaves out a header of the recipe: who runs it says otherwise.
    pub fn without_header(mut self, name: &str) -> Self {
        self.without_headers.push(name.to_owned());
        self
    }

    /// The longest `Retry-After` that is waited for. A host that asks for more is asked nothing more until then: when all that
    /// is left waits for such hosts, the crawl ends, and their pages stay pending. Default: 2 minutes.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
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
}
