//! Pages over HTTP -> records: fetched by the client, parsed on the CPU lane, followed page by page.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::time::SystemTime;

use futures::{StreamExt, stream};
use gather_core::{Lane, map_concurrent, to_thread_in};
use gather_fetch::{Client, Request as FetchRequest, Response};
use url::{Origin, Url};

use crate::backlog::Backlog;
use crate::error::{Error, ErrorKind};
use crate::extract::{Dropped, Extraction, Stats};
use crate::limits::Limits;
use crate::page::{Document, Page, PageBuilder};
use crate::recipe::Recipe;

/// Detail pages of one page that are fetched at once. The client's limit per host holds as well.
const DETAILS_AT_ONCE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);

/// Fetches pages and takes records from them by a recipe.
///
/// It follows the recipe's `next` from page to page, and gets each record's `[detail]` page. Fetching
/// follows the rules of the [`Client`] it was given; parsing runs on the CPU lane. Cloning is cheap.
/// Dropping a future stops the work after the page being parsed.
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
            backlog: Backlog::new(),
        })
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
        let origin = origin_of(url);
        let first = self.page(url, &origin).await?;
        let mut seen = HashSet::from([without_fragment(url), without_fragment(&first.url)]);
        let mut next = first.extraction.next.clone();
        let mut scraped = Scraped { pages: vec![first], ..Scraped::default() };
        while let Some(url) = next.take().filter(|url| seen.insert(without_fragment(url))) {
            if scraped.pages.len() >= self.max_pages {
                scraped.left = Some(url);
                break;
            }
            match self.page(&without_login(&url), &origin).await {
                Ok(page) => {
                    let is_new = page.url == url || seen.insert(without_fragment(&page.url));
                    if is_new {
                        next = page.extraction.next.clone();
                        scraped.pages.push(page);
                    }
                }
                Err(error) => scraped.failed = Some(error),
            }
        }
        Ok(scraped)
    }

    /// Scrapes one page, and the detail pages of its records, without following `next`.
    ///
    /// # Errors
    ///
    /// What kept the page from being had. A detail page that fails leaves its record's fields null, with
    /// the kind in `_detail`.
    pub async fn scrape_page(&self, url: &str) -> Result<ScrapedPage, Error> {
        self.page(url, &origin_of(url)).await
    }

    async fn page(&self, url: &str, origin: &Option<Origin>) -> Result<ScrapedPage, Error> {
        let response = self.get(url, origin).await?;
        let (status, attempts) = (response.status(), response.attempts());
        let (final_url, bytes) = (response.url().to_string(), response.bytes().len() as u64);
        let fetched_at = SystemTime::now();
        let recipe = self.recipe.clone();
        let mut extraction = self.parsed(response, move |page| page.records(&recipe)).await?;
        self.add_details(&mut extraction, origin).await?;
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
        let mut request = FetchRequest::get(url)?;
        let at_home = origin_of(url) == *origin;
        for header in self.headers.iter().filter(|header| at_home || !header.secret) {
            request = request.header(&header.name, &header.value)?;
        }
        self.backlog.has_room().await;
        Ok(self.client.execute(request).await?.error_for_status()?)
    }

    /// Decodes, parses and extracts in one closure on the CPU lane: a tree cannot leave its thread.
    async fn parsed<T: Send + 'static>(
        &self,
        response: Response,
        ask: impl FnOnce(&Document<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (builder, pending) = (page_builder(&response, self.limits), self.backlog.add());
        let work = move || {
            let _pending = pending;
            builder.build(response.into_bytes())?.into_answer(ask)
        };
        match to_thread_in(Lane::Cpu, work).await {
            Ok(outcome) => outcome,
            Err(ended) => Err(Error::new(ErrorKind::Cancelled, format!("parsing did not end: {ended}"))),
        }
    }

    /// Gets each record's own page once and merges it in.
    async fn add_details(&self, extraction: &mut Extraction, origin: &Option<Origin>) -> Result<(), Error> {
        let mut wanted = HashSet::new();
        let urls: Vec<_> =
            extraction.details.iter().flatten().filter(|url| wanted.insert(url.as_str())).cloned().collect();
        if urls.is_empty() {
            return Ok(());
        }
        let scraper = self.clone();
        let origin = origin.clone();
        let work = move |url: String| {
            let (scraper, origin) = (scraper.clone(), origin.clone());
            async move {
                let detail = scraper.detail(&url, &origin).await;
                (url, detail)
            }
        };
        let mut found = HashMap::new();
        let mut details = map_concurrent(stream::iter(urls), DETAILS_AT_ONCE, work);
        while let Some(outcome) = details.next().await {
            let (url, detail) = outcome.map_err(|ended| {
                Error::new(ErrorKind::Cancelled, format!("a detail page did not end: {ended}"))
            })?;
            found.insert(url, detail);
        }
        merge_details(extraction, &found);
        Ok(())
    }

    async fn detail(&self, url: &str, origin: &Option<Origin>) -> Result<Extraction, Error> {
        let response = self.get(&without_login(url), origin).await?;
        let recipe = self.recipe.clone();
        self.parsed(response, move |page| page.detail(&recipe)).await
    }
}

fn page_builder(response: &Response, limits: Limits) -> PageBuilder {
    let builder = Page::builder().url(response.url().as_str()).limits(limits);
    match response.content_type() {
        Some(content_type) => builder.content_type(&content_type),
        None => builder,
    }
}

/// A record whose page failed says so in `_detail`; one whose page lacks a required field is dropped.
fn merge_details(extraction: &mut Extraction, found: &HashMap<String, Result<Extraction, Error>>) {
    let details = std::mem::take(&mut extraction.details);
    let records = std::mem::take(&mut extraction.records);
    for (place, (mut record, url)) in records.into_iter().zip(&details).enumerate() {
        match url.as_ref().and_then(|url| found.get(url)) {
            None => {}
            Some(Err(error)) => drop(record.insert("_detail", error.kind().as_str())),
            Some(Ok(detail)) => {
                extraction.stats.merge_fields(&detail.stats);
                if let Some(dropped) = detail.dropped.first() {
                    extraction.stats.records = extraction.stats.records.saturating_sub(1);
                    extraction.stats.dropped += 1;
                    extraction.dropped.push(Dropped { place: place + 1, ..dropped.clone() });
                    continue;
                }
                for (name, value) in detail.records.iter().flat_map(|record| record.iter()) {
                    record.insert(name, value.clone());
                }
            }
        }
        extraction.records.push(record);
        extraction.details.push(url.clone());
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
