//! `gather scrape INPUT…`: pages to records.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use gather_fetch::{Url, without_password};
use gather_records::{Failure, Kind, Record, WholeFile, plain};
use gather_scraper::{Dropped, ErrorKind, Extraction, Page, Recipe, ScrapedPage, Scraper};

use crate::args::{Scrape, Take};
use crate::commands::linked::{GivenFolder, Linked};
use crate::commands::pages::{self, Here, Known, Source, Sources};
use crate::drive::{Early, drive_parts};
use crate::exit::{Exit, usage, usage_error};
use crate::input::{self, Asked, Inputs};
use crate::request::{self, Requests};
use crate::session::{Look, Session};
use crate::worked::{Part, Worked};

pub(crate) async fn run(args: Scrape) -> anyhow::Result<Exit> {
    let recipe = recipe(&args.take)?;
    if let Some(path) = &args.save_recipe {
        save(path, &recipe)?;
    }
    let list = input::list(args.shared.input.as_ref(), args.shared.input_key.clone())?;
    if args.inputs.is_empty() && list.is_none() {
        return match args.save_recipe {
            Some(_) => Ok(Exit::Done),
            None => {
                Err(usage("no page to scrape", "gather scrape URL, FILE or DIR, or - for a page on stdin"))
            }
        };
    }
    if Requests::is_other_than_get(&args.request) {
        return Err(usage(
            "scrape asks for pages with GET",
            "fetch sends -X, -d, --json and -I; scrape can read what --output-dir saved",
        ));
    }
    let mut request = args.request.clone();
    request.cookies |= recipe.request().cookies;
    request::adopt_agent(&mut request, &recipe)?;
    let named = request::named_headers(&request)?;
    let requests = Requests::polite(&request, &args.shared, &args.polite)?;
    let sources = Sources::new(args.base.as_deref(), args.request.max_size, &args.shared)?;
    let scraper =
        Scraper::new(requests.client().clone(), recipe.clone()).map_err(usage_error)?.share_details();
    let scraper = named.iter().fold(scraper, |scraper, name| scraper.without_header(name));
    let job = Arc::new(Job { requests, scraper, recipe, provenance: args.provenance });
    let columns = Some(job.columns());
    // A table without fields has the columns that its pages have.
    let more_columns = job.recipe.field_names().is_empty();
    let look = Look { text, columns, more_columns };
    let mut session = Session::open_for(&args.shared, look, &job.recipe).await?;
    session.saves(job.requests.take_cookies());
    session.report.fields(&gather_scraper::Stats::default());
    job.requests.allow_typed(&args.inputs);
    let inputs = Inputs::start(args.inputs.into_iter().map(Into::into).collect(), list)?;
    let units = sources.units(&inputs);
    drive_parts(&mut session, &sources.left_of(&inputs), units, move |source, early| {
        let job = job.clone();
        async move { job.scrape(source, early).await.unwrap_or_else(Worked::failed) }
    })
    .await;
    session.finish().await
}

/// The recipe in a file, or the one that the other options say.
///
/// # Errors
/// What does not hold.
pub(crate) fn recipe(options: &Take) -> anyhow::Result<Recipe> {
    if let Some(path) = &options.recipe {
        let text = std::fs::read_to_string(path).map_err(|error| {
            usage(
                format!("cannot read the recipe {}: {error}", path.display()),
                "--recipe takes a file in TOML; --field says it on the command line",
            )
        })?;
        return text.parse().map_err(|error| usage_error(format!("{}: {error}", path.display())));
    }
    let mut builder = Recipe::builder();
    if let Some(each) = &options.each {
        builder = builder.each(each);
    }
    if let Some(table) = &options.table {
        builder = builder.table(table);
    }
    for field in &options.fields {
        builder = builder.spec(field);
    }
    builder.build().map_err(usage_error)
}

fn save(path: &Path, recipe: &Recipe) -> anyhow::Result<()> {
    let written = WholeFile::create(path).and_then(|mut file| {
        file.write_all(recipe.to_toml().as_bytes())?;
        file.commit()
    });
    written.with_context(|| format!("cannot write the recipe {}", path.display()))
}

/// A page from a file or from stdin cannot make us read others.
const LEADS_NOWHERE: &str = "a page given as a file leads to no other: `next` is followed from URLs (in a folder each page is an \
    input of its own), `[detail]` from URLs and within a folder that is given";

/// What is done with each page.
struct Job {
    requests: Requests,
    scraper: Scraper,
    recipe: Recipe,
    provenance: bool,
}

/// Where a record is from.
struct Origin<'a> {
    input: &'a str,
    source: &'a str,
    fetched_at: Option<SystemTime>,
    status: Option<u16>,
}

impl Job {
    fn columns(&self) -> Vec<String> {
        let mut columns = vec!["_source".to_owned()];
        columns.extend(self.recipe.field_names().into_iter().map(str::to_owned));
        if self.recipe.has_detail() {
            columns.push("_detail".to_owned());
        }
        columns.push("_input".to_owned());
        if self.provenance {
            columns.extend(["_fetched_at", "_status"].map(str::to_owned));
        }
        columns
    }

    async fn scrape(&self, source: Source, early: Early) -> Result<Worked, Failure> {
        match source {
            Source::Here(here) => self.here(here).await,
            Source::Url(asked) => self.url(&asked, &early).await,
        }
    }

    async fn here(&self, mut here: Here) -> Result<Worked, Failure> {
        if !self.recipe.matches_path(&here.path) {
            // `match` may be meant for the path below the folder given, or for the whole one.
            here.path = format!("/{}", here.input.trim_start_matches("./").trim_start_matches('/'));
        }
        let (input, source, status) = (here.input.clone(), here.source().to_owned(), here.status);
        let (bytes, place) = (here.bytes.len() as u64, here.place.clone());
        let recipe = self.recipe.clone();
        let mut extraction = here.parsed(move |page| page.records(&recipe)).await?;
        let leads_on = extraction.next.is_some() || extraction.details.iter().any(Option::is_some);
        let is_alone = place.is_none() && leads_on;
        let merged = self.merge_files(&mut extraction, place).await;
        merged.map_err(|error| pages::failure(&input, &error))?;
        let mut worked = Worked::ok(Vec::new(), bytes);
        worked.part =
            self.part(extraction, &Origin { input: &input, source: &source, fetched_at: None, status });
        if is_alone {
            worked.part.warnings.push(LEADS_NOWHERE.to_owned());
        }
        Ok(worked)
    }

    /// Merges the pages of the same folder that records lead to.
    async fn merge_files(
        &self,
        extraction: &mut Extraction,
        place: Option<(Arc<GivenFolder>, PathBuf)>,
    ) -> Result<(), gather_scraper::Error> {
        let links: Vec<_> = extraction.detail_links().into_iter().map(str::to_owned).collect();
        let mut found = HashMap::new();
        for link in links {
            let detail = match &place {
                Some((folder, below)) => self.detail(folder, below, &link).await,
                None => Err(Kind::Scope),
            };
            found.insert(link, detail.map_err(|kind| ErrorKind::Fetch(kind.as_str())));
        }
        extraction.merge_details(&self.recipe, &found)
    }

    async fn detail(&self, folder: &Arc<GivenFolder>, below: &Path, link: &str) -> Result<Extraction, Kind> {
        let Linked { url, content_type, date, bytes } = folder.page(below, link).await?;
        let known = Known { url, content_type, date, path: None };
        let recipe = self.recipe.clone();
        let detail = move |page: &Page| page.parse()?.detail(&recipe);
        pages::parse(link.to_owned(), known, bytes, detail).await.map_err(|failure| failure.kind)
    }

    /// Gives the records of each page when it is here, unless it is the last.
    async fn url(&self, asked: &Asked, early: &Early) -> Result<Worked, Failure> {
        let url = asked.text.as_str();
        self.requests.allow(asked).map_err(|error| crate::request::failure(url, &error))?;
        let mut pages = self.scraper.pages(url);
        let shown = without_password(url);
        let mut bytes = 0;
        let mut last = Part::default();
        while let Some(asked) = pages.next_url().map(str::to_owned) {
            let Some(page) = pages.next_page().await else { break };
            let page = page.map_err(|error| failure_of_page(url, &asked, &error))?;
            bytes += page.bytes;
            let ScrapedPage { url: source, status, fetched_at, extraction, .. } = page;
            let origin =
                Origin { input: &shown, source: &source, fetched_at: Some(fetched_at), status: Some(status) };
            let part = self.part(extraction, &origin);
            match pages.next_url() {
                Some(_) => early.give(part).await,
                None => last = part,
            }
        }
        if let Some(left) = pages.left() {
            last.warnings
                .push(format!("{shown}: the bound of pages was reached; {left} would have been next"));
        }
        let mut worked = Worked::ok(Vec::new(), bytes);
        worked.part = last;
        Ok(worked)
    }

    /// What a page gave, as what its input gives.
    fn part(&self, extraction: Extraction, origin: &Origin<'_>) -> Part {
        let Extraction { records, dropped, stats, .. } = extraction;
        Part {
            records: records.into_iter().map(|record| self.record(record, origin)).collect(),
            dropped: dropped.iter().map(|dropped| failure(dropped, origin)).collect(),
            stats: Some(stats),
            warnings: Vec::new(),
        }
    }

    fn record(&self, fields: Record, origin: &Origin<'_>) -> Record {
        let mut record = Record::new();
        record.insert("_source", origin.source);
        for (name, value) in fields.into_map() {
            record.insert(name, value);
        }
        if differs(origin.input, origin.source) {
            record.insert("_input", origin.input);
        }
        if self.provenance {
            let time = origin.fetched_at.map(|time| humantime::format_rfc3339_seconds(time).to_string());
            record.insert("_fetched_at", time);
            record.insert("_status", origin.status);
        }
        record
    }
}

/// Whether the input says something that the source does not; `http://h` and `http://h/` are the same.
fn differs(input: &str, source: &str) -> bool {
    input != source && Url::parse(input).map_or(true, |url| url.as_str() != source)
}

/// A page that `next` led to is named, for the input is another.
fn failure_of_page(input: &str, asked: &str, error: &gather_scraper::Error) -> Failure {
    let mut failure = pages::failure(input, error);
    if asked != input && !failure.message.contains(asked) {
        failure.message = format!("{asked}: {}", failure.message);
    }
    failure
}

fn failure(dropped: &Dropped, origin: &Origin<'_>) -> Failure {
    let mut failure = Failure::new(origin.input, Kind::Parse, dropped.to_string());
    failure.status = origin.status;
    failure.final_url = Url::parse(origin.source).ok().map(|url| url.to_string());
    failure
}

/// A block of lines for each record, without what is null.
pub(crate) fn text(record: &Record) -> String {
    let lines = record.iter().filter(|(_, value)| !value.is_null());
    let lines = lines.map(|(name, value)| format!("{name}: {}\n", plain(value).replace('\n', " ")));
    lines.chain(["\n".to_owned()]).collect()
}
