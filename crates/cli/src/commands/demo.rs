//! `gather demo`: the whole job on the data shipped here, over real HTTP on loopback.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::{StreamExt, stream};
use gather_core::{map_concurrent, to_thread};
use gather_fetch::{Client, Query, Url};
use gather_file_reader::Reader;
use gather_records::{Format, Record, Sink, Style, WholeFile};
use gather_scraper::{Recipe, Scraper};
use gather_site::Site;

use crate::args::Demo;
use crate::exit::{Exit, usage};
use crate::units::{human_bytes, human_duration};

/// What every page takes to answer: loopback alone is too near to show what waiting costs.
const DELAY: Duration = Duration::from_millis(20);

/// How many at once.
const JOBS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);

pub(crate) async fn run(args: Demo) -> anyhow::Result<Exit> {
    let data = data_folder(args.data.as_deref())?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder {}", args.out.display()))?;
    let site = Site::builder(&data).delay(DELAY).start().await?;
    tell(&format!("data      {}", data.display()))?;
    tell(&format!("serving   {}/ (each answer takes {})", site.url(), human_duration(DELAY)))?;
    texts(&data, &args.out).await?;
    pages(&data, site.url(), &args.out).await?;
    answers(&data, site.url(), &args.out).await?;
    tell(&format!("requests  {} answered over HTTP", site.requests()))?;
    site.stop().await;
    Ok(Exit::Done)
}

fn tell(line: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()), // the files are written all the same
        written => written.context("cannot write to stdout"),
    }
}

/// The folder of `--data`, or `data/` here or in a folder above.
fn data_folder(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    const HINT: &str = "run it in gather's checkout, or name its folder: gather demo --data DIR";
    let is_ours =
        |folder: &Path| ["texts", "site", "api", "recipes"].iter().all(|part| folder.join(part).is_dir());
    if let Some(folder) = given {
        if !is_ours(folder) {
            return Err(usage(
                format!("{} does not hold texts, site, api and recipes", folder.display()),
                HINT,
            ));
        }
        return Ok(folder.to_owned());
    }
    let here = std::env::current_dir().context("cannot tell the current folder")?;
    let found = here.ancestors().map(|folder| folder.join("data")).find(|folder| is_ours(folder));
    found.ok_or_else(|| usage(format!("no data/ in {} or above", here.display()), HINT))
}

/// A step, done many at once and then one at a time.
struct Step {
    together: Duration,
    one_by_one: Duration,
}

impl Step {
    fn tell(&self, name: &str, what: &str) -> anyhow::Result<()> {
        let Self { together, one_by_one } = self;
        let factor = one_by_one.as_secs_f64() / together.as_secs_f64().max(1e-6);
        let (together, one_by_one) = (human_duration(*together), human_duration(*one_by_one));
        tell(&format!("{name:<9} {what}: {together}; one at a time {one_by_one} ({factor:.1} times as long)"))
    }
}

async fn texts(data: &Path, out: &Path) -> anyhow::Result<()> {
    read(data.join("texts"), JOBS).await; // so that both find the files in the system's cache
    let (records, together) = timed(read(data.join("texts"), JOBS)).await;
    let (alone, one_by_one) = timed(read(data.join("texts"), NonZeroUsize::MIN)).await;
    same(records.len(), alone.len(), "texts")?;
    let bytes = records.iter().filter_map(|record| record.get("bytes")?.as_u64()).sum();
    let what = format!("{} files, {}", records.len(), human_bytes(bytes));
    write_records(records, out.join("texts.jsonl")).await?;
    Step { together, one_by_one }.tell("read", &what)
}

async fn read(folder: PathBuf, jobs: NonZeroUsize) -> Vec<Record> {
    let files = Reader::builder().jobs(jobs).ordered(true).build().read([folder]);
    let records = files.filter_map(async |file| {
        let file = file.ok()?;
        let mut record = Record::new();
        record.insert_path("path", file.path());
        record.insert("bytes", file.size());
        record.insert("lines", file.lines());
        record.insert("encoding", file.encoding());
        record.insert("text", file.into_text());
        Some(record)
    });
    records.collect().await
}

async fn pages(data: &Path, url: &str, out: &Path) -> anyhow::Result<()> {
    let path = data.join("recipes/elements.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let recipe: Recipe = text.parse().with_context(|| path.display().to_string())?;
    let urls = catalogue(data, url)?;
    let (records, together) = timed(scrape(&recipe, url, urls.clone(), JOBS)).await;
    let (alone, one_by_one) = timed(scrape(&recipe, url, urls.clone(), NonZeroUsize::MIN)).await;
    let records = records?;
    same(records.len(), alone?.len(), "pages")?;
    let what = format!("{} pages, {} records", urls.len(), records.len());
    write_records(records, out.join("elements.jsonl")).await?;
    Step { together, one_by_one }.tell("scrape", &what)
}

/// The URL of every page of the catalogue.
fn catalogue(data: &Path, url: &str) -> anyhow::Result<Vec<String>> {
    let folder = data.join("site/elements");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut urls = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        if let Some(name) = name.to_str().filter(|name| name.ends_with(".html")) {
            urls.push(format!("{url}/site/elements/{name}"));
        }
    }
    urls.sort();
    Ok(urls)
}

async fn scrape(
    recipe: &Recipe,
    url: &str,
    urls: Vec<String>,
    jobs: NonZeroUsize,
) -> anyhow::Result<Vec<Record>> {
    let client = Client::builder().build()?;
    client.allow_origin(url)?;
    let scraper = Scraper::new(client, recipe.clone())?;
    let scraped = map_concurrent(stream::iter(urls), jobs, move |url| {
        let scraper = scraper.clone();
        async move { scraper.scrape_page(&url).await }
    });
    let mut scraped = scraped.ordered();
    let mut records = Vec::new();
    while let Some(page) = scraped.next().await {
        let page = page??;
        for fields in page.extraction.records {
            let source = [("_source".to_owned(), page.url.clone().into())];
            records.push(source.into_iter().chain(fields.into_map()).collect());
        }
    }
    Ok(records)
}

async fn answers(data: &Path, url: &str, out: &Path) -> anyhow::Result<()> {
    let path = data.join("api/query.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let query: Query = text.parse().with_context(|| path.display().to_string())?;
    let query = query.with_base(Url::parse(url)?);
    let client = Client::builder().build()?;
    let (answer, together) = timed(query.run(&client, JOBS)).await;
    let (alone, one_by_one) = timed(query.run(&client, NonZeroUsize::MIN)).await;
    let answer = answer?;
    if answer.value != alone?.value {
        bail!("asked one at a time the APIs gave another answer");
    }
    let Some(value) = answer.value else { bail!("the APIs did not answer") };
    let requests: u32 = answer.endpoints.iter().map(|endpoint| endpoint.requests).sum();
    let what = format!("{} endpoints, {requests} pages", answer.endpoints.len());
    write_answer(value, out.join("answer.json")).await?;
    Step { together, one_by_one }.tell("query", &what)
}

async fn timed<F: Future>(work: F) -> (F::Output, Duration) {
    let start = Instant::now();
    let output = work.await;
    (output, start.elapsed())
}

fn same(together: usize, alone: usize, what: &str) -> anyhow::Result<()> {
    if together != alone {
        bail!("one at a time there were {alone} {what}, and many at once {together}");
    }
    Ok(())
}

async fn write_records(records: Vec<Record>, path: PathBuf) -> anyhow::Result<()> {
    let shown = path.display().to_string();
    let count = records.len();
    to_thread(move || {
        let mut sink = Sink::file(&path, Format::Jsonl, Style::default())?;
        records.iter().try_for_each(|record| sink.write(record))?;
        sink.finish()
    })
    .await??;
    tell(&format!("wrote     {shown} ({count} records)"))
}

async fn write_answer(value: gather_records::Value, path: PathBuf) -> anyhow::Result<()> {
    let shown = path.display().to_string();
    to_thread(move || {
        let mut file = WholeFile::create(&path)?;
        file.write_all(format!("{value:#}\n").as_bytes())?;
        file.commit()
    })
    .await??;
    tell(&format!("wrote     {shown}"))
}
