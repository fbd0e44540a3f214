//! Pages over HTTP -> records: fetched by the client, parsed on the CPU lane, followed page by page.

mod once;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::SystemTime;

use futures::{Stream, StreamExt, stream};
use gather_core::{Lane, map_concurrent, to_thread_in};
use gather_fetch::{Client, Request as FetchRequest, Response};
use url::{Origin, Url};

use self::once::{Key, Once};
use crate::backlog::Backlog;
use crate::date;
use crate::details;
use crate::error::{Error, ErrorKind};
use crate::extract::{Extraction, Stats};
use crate::limits::Limits;
use crate::page::{Document, Page, PageBuilder};
use crate::recipe::Recipe;

/// Detail pages of one page that are fetched at once. The client's limit per host holds as well.
const DETAILS_AT_ONCE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);

/// Fetches pages and takes records from them by a recipe.
///
/// It follows the recipe's `next` from page to page, and gets each record's `[detail]` page, once for all records of
/// these pages that lead to it. Fetching follows the rules of the [`Client`] it was given; parsing runs on the CPU lane.
/// Cloning is cheap. Dropping a future stops the work after the page being parsed.
///
/// ```no_run
/// use gather_scraper::{Recipe, Scraper};
///
/// gather_core::run(async {
///     let recipe = Recipe::builder().each("article").field("title", "h3 a@title").next("li.next a").build()?;
///     let scraper = Scraper::new(gather_fetch::Client::new(), recipe)?;
///     let scraped = scraper.scrape("https://shop.example/").await?;
///     for record in scraped.pages.iter().flat_map(|page| &page.extraction.records) {
///         println!("{record}");
///     }
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Scraper {
    client: Client,
    recipe: Recipe,
    headers: Vec<Header>,
    limits: Limits,
    max_pages: usize,
    shared: Option<Arc<Once>>,
    backlog: Backlog,
}

/// A header of the recipe's `[request]`, its value known.
#[derive(Clone)]
struct Header {
    name: String,
    value: String,
    /// It goes to the origin of the first page and to no other.
    secret: bool,
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = if self.secret { "***" } else { &self.value };
        write!(f, "{}: {value}", self.name)
    }
}

/// What a page and those after it gave.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Scraped {
    /// The pages, in the order they were followed.
    pub pages: Vec<ScrapedPage>,
    /// Why a page after the first could not be had; what came before it is in `pages`.
    pub failed: Option<Error>,
    /// The page that would have been next when the bound of pages was reached.
    pub left: Option<String>,
}

impl Scraped {
    /// How well the fields were filled on all pages.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for page in &self.pages {
            stats.merge(&page.extraction.stats);
        }
        stats
    }
}

/// One page that was fetched, and what it gave.
#[derive(Debug)]
#[non_exhaustive]
pub struct ScrapedPage {
    /// The URL that was asked for.
    pub requested_url: String,
    /// The URL after redirects.
    pub url: String,
    /// The status of the response.
    pub status: u16,
    /// How many requests it took.
    pub attempts: u32,
    /// The size of the body after decoding.
    pub bytes: u64,
    /// When the response was here.
    pub fetched_at: SystemTime,
    /// The records.
    pub extraction: Extraction,
}

impl Scraper {
    /// A scraper with a client and a recipe, at most 10,000 pages for one URL, and the default limits
    /// on parsing.
    ///
    /// # Errors
    ///
    /// Kind `invalid_input` if the recipe names an environment variable (`env:TOKEN`) that is not set.
    pub fn new(client: Client, recipe: Recipe) -> Result<Self, Error> {
        let headers = recipe.request().headers.iter().map(|(name, value)| header(name, value));
        Ok(Self {
            headers: headers.collect::<Result<_, _>>()?,
            client,
            recipe,
            limits: Limits::default(),
            max_pages: 10_000,
            shared: None,
            backlog: Backlog::new(),
        })
    }

    /// Leaves out a header of the recipe: who runs it says otherwise.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|header| !header.name.eq_ignore_ascii_case(name));
        self
    }

    /// How much of a page is parsed before it counts as too large. Default: [`Limits::default`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How many pages are followed from one URL by `next`, the first one included. Default 10,000;
    /// `usize::MAX` turns the bound off. [`Scraped::left`] says when it was reached.
    #[must_use]
    pub fn max_pages(mut self, pages: usize) -> Self {
        self.max_pages = pages.max(1);
        self
    }

    /// Fetches a detail page once for all calls of this scraper and its clones, as one run over many pages wants it. The
    /// latest 10,000 are kept, or as many as have 64 MiB of text in their fields; failures are kept too. Default: once for
    /// each call, so that a later one sees what has changed since.
    #[must_use]
    pub fn share_details(mut self) -> Self {
        self.shared = Some(Arc::default());
        self
    }

    /// The recipe.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Scrapes a page and those that `next` leads to. A page that was seen already ends the row.
    ///
    /// # Errors
    ///
    /// What kept the first page from being had. A failure of a later page is [`Scraped::failed`].
    pub async fn scrape(&self, url: &str) -> Result<Scraped, Error> {
        let mut pages = self.pages(url);
        let mut scraped = Scraped::default();
        while let Some(page) = pages.next_page().await {
            match page {
                Ok(page) => scraped.pages.push(page),
                Err(error) if scraped.pages.is_empty() => return Err(error),
                Err(error) => scraped.failed = Some(error),
            }
        }
        scraped.left = pages.left().map(str::to_owned);
        Ok(scraped)
    }

    /// The page and those that `next` leads to, one by one: the next is fetched when it is asked for.
    pub fn pages(&self, url: &str) -> Pages {
        Pages {
            scraper: self.clone(),
            once: self.once(),
            origin: origin_of(url),
            next: Some(url.to_owned()),
            seen: HashSet::new(),
            given: 0,
            left: None,
        }
    }

    /// Scrapes one page, and the detail pages of its records, without following `next`.
    ///
    /// # Errors
    ///
    /// What kept the page from being had. A detail page that fails leaves its record's fields null, with
    /// the kind in `_detail`; one that lacks a strict field fails the page.
    pub async fn scrape_page(&self, url: &str) -> Result<ScrapedPage, Error> {
        self.page(url, &origin_of(url), &self.once()).await
    }

    /// Where the detail pages of one call are known.
    fn once(&self) -> Arc<Once> {
        self.shared.clone().unwrap_or_default()
    }

    async fn page(&self, url: &str, origin: &Option<Origin>, once: &Arc<Once>) -> Result<ScrapedPage, Error> {
        let response = self.get(url, origin).await?;
        let (status, attempts) = (response.status(), response.attempts());
        let (final_url, bytes) = (response.url().to_string(), response.bytes().len() as u64);
        let fetched_at = SystemTime::now();
        let mut extraction = self.parsed(response, |page, recipe| page.records(recipe)).await?;
        let merged = self.add_details(&mut extraction, origin, once).await;
        merged.map_err(|error| error.at(&final_url))?;
        Ok(ScrapedPage {
            requested_url: url.to_owned(),
            url: final_url,
            status,
            attempts,
            bytes,
            fetched_at,
            extraction,
        })
    }

    async fn get(&self, url: &str, origin: &Option<Origin>) -> Result<Response, Error> {
        let mut request = FetchRequest::get(url)?.hold_room(true).error_for_status(true);
        let at_home = origin_of(url) == *origin;
        for header in self.headers.iter().filter(|header| at_home || !header.secret) {
            request = request.header(&header.name, &header.value)?;
        }
        self.backlog.has_room().await;
        Ok(self.client.execute(request).await?)
    }

    /// Decodes, parses and extracts in one closure on the CPU lane: a tree cannot leave its thread. Until then the body
    /// holds its room in the client's budget, for the lane has few places and many pages may come at once.
    async fn parsed(
        &self,
        response: Response,
        ask: fn(&Document<'_>, &Recipe) -> Result<Extraction, Error>,
    ) -> Result<Extraction, Error> {
        let (builder, room) = (page_builder(&response, self.limits), response.room());
        let (recipe, pending) = (self.recipe.clone(), self.backlog.add());
        let work = move || {
            let _held = (room, pending);
            builder.build(response.into_bytes())?.into_answer(&recipe, |page| ask(page, &recipe))
        };
        match to_thread_in(Lane::Cpu, work).await {
            Ok(outcome) => outcome,
            Err(ended) => Err(Error::new(ErrorKind::Cancelled, format!("parsing did not end: {ended}"))),
        }
    }

    /// Gets each record's own page once and merges it in.
    async fn add_details(
        &self,
        extraction: &mut Extraction,
        origin: &Option<Origin>,
        once: &Arc<Once>,
    ) -> Result<(), Error> {
        let links: Vec<_> = extraction.detail_links().into_iter().map(str::to_owned).collect();
        let work = {
            let (scraper, origin, once) = (self.clone(), origin.clone(), once.clone());
            move |link: String| {
                let (scraper, origin, once) = (scraper.clone(), origin.clone(), once.clone());
                async move {
                    let url = without_fragment(&without_login(&link));
                    let key = Key { at_home: origin_of(&url) == origin, url: url.clone() };
                    let fetch =
                        || async { scraper.detail(&url, &origin).await.map_err(|error| error.kind()) };
                    (link, once.get(key, fetch).await)
                }
            }
        };
        let mut found = HashMap::new();
        let mut details = map_concurrent(stream::iter(links), DETAILS_AT_ONCE, work);
        while let Some(outcome) = details.next().await {
            let (link, detail) = outcome.map_err(|ended| {
                Error::new(ErrorKind::Cancelled, format!("a detail page did not end: {ended}"))
            })?;
            found.insert(link, detail);
        }
        details::merge(extraction, &self.recipe, |link| found.get(link).map(|detail| &**detail))
    }

    async fn detail(&self, url: &str, origin: &Option<Origin>) -> Result<Extraction, Error> {
        let response = self.get(url, origin).await?;
        self.parsed(response, |page, recipe| page.detail(recipe)).await
    }
}

/// A page and those that `next` leads to, from [`Scraper::pages`]: a page is given as soon as it is here, and nothing is
/// held of those before it but their URLs.
///
/// ```no_run
/// use futures::TryStreamExt;
/// use gather_scraper::{Recipe, Scraper};
///
/// gather_core::run(async {
///     let recipe = Recipe::builder().each("article").field("title", "h3 a@title").next("li.next a").build()?;
///     let scraper = Scraper::new(gather_fetch::Client::new(), recipe)?;
///     let mut pages = scraper.pages("https://shop.example/");
///     while let Some(page) = pages.next_page().await.transpose()? {
///         println!("{}: {} records", page.url, page.extraction.records.len());
///     }
///     let again = scraper.pages("https://shop.example/").into_stream();
///     let records: usize = again.try_fold(0, async |sum, page| Ok(sum + page.extraction.records.len())).await?;
///     println!("{records} records");
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pages {
    scraper: Scraper,
    once: Arc<Once>,
    origin: Option<Origin>,
    next: Option<String>,
    seen: HashSet<String>,
    given: usize,
    left: Option<String>,
}

impl Pages {
    /// The next page, or None after the last. A page that was seen already ends the row; so does a failure.
    ///
    /// Dropped while it waits, it has lost nothing: the next call asks for the same page.
    pub async fn next_page(&mut self) -> Option<Result<ScrapedPage, Error>> {
        let url = self.next.clone()?;
        if self.given >= self.scraper.max_pages {
            self.left = self.next.take();
            return None;
        }
        let fetched = self.scraper.page(&url, &self.origin, &self.once).await;
        self.next = None;
        let page = match fetched {
            Ok(page) => page,
            Err(error) => return Some(Err(error)),
        };
        self.seen.insert(without_fragment(&url));
        let (asked, final_url) = (without_fragment(&url), without_fragment(&page.url));
        let is_new = final_url == asked || self.seen.insert(final_url);
        if !is_new {
            return None;
        }
        let next = page.extraction.next.as_deref().map(without_login);
        self.next = next.filter(|next| !self.seen.contains(&without_fragment(next)));
        self.given += 1;
        Some(Ok(page))
    }

    /// The page that [`next_page`](Self::next_page) would ask for, if there is one.
    pub fn next_url(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// The page that would have been next, once the bound of pages was reached.
    pub fn left(&self) -> Option<&str> {
        self.left.as_deref()
    }

    /// The pages as a stream, which ends after a failure.
    pub fn into_stream(self) -> impl Stream<Item = Result<ScrapedPage, Error>> + Send + 'static {
        stream::unfold(self, async |mut pages| {
            let page = pages.next_page().await?;
            Some((page, pages))
        })
    }
}

/// `relative` dates count from what the server says, else from now.
fn page_builder(response: &Response, limits: Limits) -> PageBuilder {
    let date = response.header("date").and_then(|date| date::of_header(&date));
    let date = date.unwrap_or_else(SystemTime::now);
    let builder = Page::builder().url(response.url().as_str()).date(date).limits(limits);
    match response.content_type() {
        Some(content_type) => builder.content_type(&content_type),
        None => builder,
    }
}

fn header(name: &str, value: &str) -> Result<Header, Error> {
    let carries_credentials = ["authorization", "cookie", "proxy-authorization"];
    let is_credential = carries_credentials.iter().any(|known| name.eq_ignore_ascii_case(known));
    let Some(variable) = value.strip_prefix("env:") else {
        return Ok(Header { name: name.to_owned(), value: value.to_owned(), secret: is_credential });
    };
    match std::env::var(variable) {
        Ok(value) => Ok(Header { name: name.to_owned(), value, secret: true }),
        Err(_) => Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "environment variable `{variable}` is not set, and the recipe's header `{name}` needs it"
            ),
        )
        .hinted(format!("export {variable}=… before the run"))),
    }
}

fn origin_of(url: &str) -> Option<Origin> {
    Url::parse(url).ok().map(|url| url.origin())
}

/// The URL that a page gave, without credentials: a page does not choose whom we log in as.
fn without_login(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) if !parsed.username().is_empty() || parsed.password().is_some() => {
            // Both fail only where there is no host, and then there are no credentials either.
            let _ = parsed.set_username("").and_then(|()| parsed.set_password(None));
            parsed.into()
        }
        _ => url.to_owned(),
    }
}

fn without_fragment(url: &str) -> String {
    url.split('#').next().unwrap_or(url).to_owned()
}
