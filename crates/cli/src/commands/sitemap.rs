//! `gather sitemap INPUT…`: the pages that sitemaps name, those of nested sitemaps too; a record per page.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use gather_core::{Lane, to_thread_in};
use gather_fetch::{Access, Request, Url};
use gather_records::{Failure, Kind, Record, plain};
use gather_scraper::{Sitemap, SitemapEntry};
use serde_json::{Number, Value};

use crate::args::Sitemap as Args;
use crate::commands::pages::{self, Source, Sources, one};
use crate::drive::{Unit, bad_unit, drive_units};
use crate::exit::{Exit, usage};
use crate::input::{self, Asked, Given, Inputs, as_text};
use crate::report::names;
use crate::request::{Requests, failure};
use crate::session::{Look, Session};
use crate::worked::{End, Worked};

/// Indexes inside one another; the protocol has one.
const MAX_DEPTH: usize = 4;

/// Nested sitemaps of one input that are fetched at once.
const AT_ONCE: usize = 8;

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let list = input::list(args.shared.input.as_ref(), args.shared.input_key.clone())?;
    if args.inputs.is_empty() && args.site.is_empty() && list.is_none() {
        return Err(usage("no sitemap to read", "gather sitemap URL, FILE or DIR, or --site URL"));
    }
    if Requests::is_other_than_get(&args.request) {
        return Err(usage("sitemaps are asked for with GET", "fetch sends -X, -d, --json and -I"));
    }
    let requests = Requests::polite(&args.request, &args.shared, &args.polite)?;
    let max_size = args.request.max_size;
    let sources = Sources::only(is_sitemap, args.base.as_deref(), max_size, &args.shared)?;
    let columns = Some(input::SITEMAP_KEYS.map(str::to_owned).to_vec());
    let mut session = Session::open(&args.shared, Look { text, columns, more_columns: false }).await?;
    session.saves(requests.take_cookies());
    requests.allow_typed(&args.site);
    requests.allow_typed(&args.inputs);
    let at_once = args.shared.jobs.get().min(AT_ONCE);
    let job = Arc::new(Job { requests, max_size, at_once, max_sitemaps: args.max_sitemaps.get() });
    let sites = args.site.len();
    let inputs = Inputs::start(args.site.into_iter().chain(args.inputs).map(Into::into).collect(), list)?;
    let given = inputs.stream().enumerate();
    let left = sources.left_of(&inputs);
    let units = given.flat_map(move |(at, given)| match at < sites {
        true => one(site(given)),
        false => sources.clone().of(given).map(|(name, unit)| (name, unit.map(Start::Sitemap))).boxed(),
    });
    drive_units(&mut session, &left, units.boxed(), move |start| {
        let job = job.clone();
        async move { job.work(start).await.unwrap_or_else(Worked::failed) }
    })
    .await;
    session.finish().await
}

/// Where an input begins.
enum Start {
    Sitemap(Source),
    /// A site: its robots.txt says where its sitemaps are.
    Site(Asked),
}

fn site(given: Given) -> Unit<Start> {
    match as_text(given) {
        Ok(asked) => (asked.clone(), Ok(Start::Site(asked))),
        Err(bad) => bad_unit(bad),
    }
}

/// Whether a file of a folder is taken for a sitemap. Of texts only those that are called so are.
fn is_sitemap(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let (stem, is_packed) = match name.strip_suffix(".gz") {
        Some(stem) => (stem, true),
        None => (&*name, false),
    };
    let is_xml = [".xml", ".rss", ".atom"].iter().any(|extension| stem.ends_with(extension));
    is_xml || (stem.contains("sitemap") && (is_packed || stem.ends_with(".txt")))
}

/// What is done for each input.
struct Job {
    requests: Requests,
    max_size: u64,
    at_once: usize,
    max_sitemaps: usize,
}

/// What one document gave.
struct Read {
    /// Where it stands, after redirects.
    source: String,
    sitemap: Sitemap,
    bytes: u64,
}

impl Job {
    async fn work(&self, start: Start) -> Result<Worked, Failure> {
        let (input, children) = match start {
            Start::Site(asked) => {
                let sitemaps = self.sitemaps_of(&asked).await;
                (asked.text.clone(), sitemaps.map_err(|error| failure(&asked.text, &error))?)
            }
            Start::Sitemap(Source::Url(asked)) => {
                let fetched = self.requests.fetch(&asked).await;
                let url = asked.text;
                let response = fetched.map_err(|error| failure(&url, &error))?;
                let (at, room) = (response.url().to_string(), response.room());
                let read = self.read(&url, at, response.into_bytes().into()).await;
                drop(room); // what it leads to needs room too
                return Ok(self.beginning_with(url, read?).await);
            }
            Start::Sitemap(Source::Here(here)) => {
                let at = here.url.clone().unwrap_or_default();
                let read = self.read(&here.input, at, here.bytes).await?;
                return Ok(self.beginning_with(here.input, read).await);
            }
        };
        let mut tree = Tree::new(input);
        self.follow(&mut tree, children, 0).await;
        Ok(tree.worked())
    }

    /// The sitemaps that the robots.txt of a site names, else the one at the usual place.
    async fn sitemaps_of(&self, site: &Asked) -> Result<Vec<String>, gather_fetch::Error> {
        self.requests.allow(site)?;
        let site = site.text.as_str();
        let root = Request::get(site)?;
        let robots = root.url().join("/robots.txt").unwrap_or_else(|_| root.url().clone());
        let join = |url: &str| robots.join(url).map_or_else(|_| url.to_owned(), Url::into);
        let access = self.requests.client().robots(site).await?;
        let named = match &*access {
            Access::Rules(robots) => robots.sitemaps(),
            _ => &[],
        };
        Ok(if named.is_empty() {
            vec![join("/sitemap.xml")]
        } else {
            named.iter().map(|url| join(url)).collect()
        })
    }

    async fn beginning_with(&self, input: String, read: Read) -> Worked {
        let mut tree = Tree::new(input.clone());
        tree.seen.insert(plain_url(&input));
        tree.is_new(&read);
        let children = tree.take(input, read, None);
        self.follow(&mut tree, children, 1).await;
        tree.worked()
    }

    /// Reads sitemaps and those that they name, a level at a time, and puts all into document order.
    async fn follow(&self, tree: &mut Tree, mut level: Vec<String>, mut depth: usize) {
        let mut places: Vec<usize> = vec![0; level.len()];
        loop {
            let wanted = tree.unseen(level, places, self.max_sitemaps);
            if wanted.is_empty() {
                return;
            }
            if depth > MAX_DEPTH {
                let message = format!("sitemaps are inside one another more than {MAX_DEPTH} deep");
                for (url, place) in wanted {
                    let failure = Failure::new(&url, Kind::TooLarge, format!("{url}: {message}"));
                    tree.fail(failure, Some(place));
                }
                return;
            }
            (level, places) = (Vec::new(), Vec::new());
            let fetches =
                wanted.into_iter().map(|(url, place)| async move { (self.nested(&url).await, url, place) });
            let mut fetched = stream::iter(fetches).buffered(self.at_once);
            while let Some((read, url, place)) = fetched.next().await {
                let children = tree.add(place, url, read);
                places.extend(children.iter().map(|_| tree.nodes.len() - 1));
                level.extend(children);
            }
            depth += 1;
        }
    }

    /// A sitemap that a page named, not the user: nothing private is asked for it.
    async fn nested(&self, url: &str) -> Result<Read, Failure> {
        let fetched = async {
            let request = Request::get(url)?.error_for_status(true).hold_room(true);
            self.requests.client().execute(request).await
        };
        let response = fetched.await.map_err(|error| failure(url, &error))?;
        let (at, _room) = (response.url().to_string(), response.room());
        self.read(url, at, response.into_bytes().into()).await
    }

    /// Parses on the CPU lane.
    async fn read(&self, input: &str, url: String, bytes: Vec<u8>) -> Result<Read, Failure> {
        let (max, length) = (self.max_size, bytes.len() as u64);
        let source = if url.is_empty() { input.to_owned() } else { url.clone() };
        let parsed = to_thread_in(Lane::Cpu, move || Sitemap::within(bytes, &url, max)).await;
        match parsed {
            Ok(sitemap) => Ok(Read { source, sitemap, bytes: length }),
            Err(ended) => Err(Failure::new(input, Kind::Io, format!("an error of gather itself: {ended}"))),
        }
    }
}

/// The sitemaps of one input, as they name one another.
struct Tree {
    input: String,
    /// The first one is the input itself.
    nodes: Vec<Node>,
    seen: HashSet<String>,
    /// Those that were read, by where they came from.
    read: HashSet<String>,
    fetched: usize,
    bytes: u64,
    failures: Vec<Failure>,
    warnings: Vec<String>,
}

#[derive(Default)]
struct Node {
    /// Where it stands: what led to those that it names.
    source: String,
    entries: Vec<SitemapEntry>,
    children: Vec<usize>,
}

impl Tree {
    fn new(input: String) -> Self {
        let root = Node { source: input.clone(), ..Node::default() };
        Self {
            input,
            nodes: vec![root],
            seen: HashSet::new(),
            read: HashSet::new(),
            fetched: 0,
            bytes: 0,
            failures: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Those that were not asked for before, up to the limit; what is beyond it is one failure.
    fn unseen(&mut self, urls: Vec<String>, places: Vec<usize>, max: usize) -> Vec<(String, usize)> {
        let mut wanted: Vec<(String, usize)> =
            urls.into_iter().zip(places).filter(|(url, _)| self.seen.insert(plain_url(url))).collect();
        let left = max.saturating_sub(self.fetched);
        if wanted.len() > left {
            let over = wanted.len() - left;
            wanted.truncate(left);
            let message = format!(
                "{}: more than {max} nested sitemaps, {over} are left out\n  hint: --max-sitemaps N takes more",
                self.input
            );
            self.fail(Failure::new(&self.input, Kind::TooLarge, message), None);
        }
        self.fetched += wanted.len();
        wanted
    }

    /// Notes a failure of the input, or of a document that the one in this place named.
    fn fail(&mut self, failure: Failure, parent: Option<usize>) {
        let source = parent.and_then(|at| self.nodes.get(at)).map(|node| node.source.clone());
        self.failures.push(Failure { source, ..failure });
    }

    fn add(&mut self, parent: usize, url: String, read: Result<Read, Failure>) -> Vec<String> {
        let read = match read {
            Ok(read) if self.is_new(&read) => read,
            Ok(_) => return Vec::new(),
            Err(failure) => {
                self.fail(failure, Some(parent));
                return Vec::new();
            }
        };
        let at = self.nodes.len();
        self.nodes.push(Node::default());
        if let Some(parent) = self.nodes.get_mut(parent) {
            parent.children.push(at);
        }
        self.take(url, read, Some(parent))
    }

    /// Whether it was not read before, under another name that leads there.
    fn is_new(&mut self, read: &Read) -> bool {
        let at = plain_url(&read.source);
        self.seen.insert(at.clone());
        self.read.insert(at)
    }

    /// Takes what a document gave into the last node; returns the sitemaps that it names.
    fn take(&mut self, from: String, read: Read, parent: Option<usize>) -> Vec<String> {
        let Sitemap { entries, sitemaps, skipped, too_long, error, .. } = read.sitemap;
        let skipped = skipped - too_long.min(skipped);
        self.bytes += read.bytes;
        if skipped > 0 {
            let (entries, are) = if skipped == 1 { ("entry has", "is") } else { ("entries have", "are") };
            let fact = format!("{skipped} {entries} no URL of http or https, and {are} left out");
            self.warnings.push(format!("{from}: {fact}"));
        }
        if let Some(error) = error {
            let mut failure = pages::failure(&from, &error);
            failure.message = format!("{from}: {}", failure.message);
            self.fail(failure, parent);
        }
        if let Some(node) = self.nodes.last_mut() {
            (node.source, node.entries) = (read.source, entries);
        }
        sitemaps.into_iter().map(|entry| entry.url).collect()
    }

    /// One failure is that of the input; more are named beside it.
    fn worked(mut self) -> Worked {
        let mut worked = Worked::ok(Vec::new(), self.bytes);
        worked.part.records = self.records();
        worked.part.warnings = self.warnings;
        let mut failures = self.failures.into_iter();
        if let Some(mut first) = failures.next() {
            if !names(&first.message, &first.input) {
                first.message = format!("{}: {}", first.input, first.message);
            }
            (first.input, first.source) = (self.input, None);
            worked.end = End::Failed(Box::new(first));
        }
        worked.part.dropped = failures.collect();
        worked
    }

    fn records(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        let mut open = vec![0];
        while let Some(node) = open.pop().and_then(|at| self.nodes.get_mut(at)) {
            open.extend(node.children.iter().rev());
            records.extend(std::mem::take(&mut node.entries).into_iter().map(record));
        }
        records
    }
}

/// A URL without what never reaches a server.
fn plain_url(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return url.to_owned() };
    parsed.set_fragment(None);
    parsed.into()
}

fn record(entry: SitemapEntry) -> Record {
    let mut record = Record::new();
    record.insert("url", entry.url);
    record.insert("lastmod", entry.lastmod);
    record.insert("changefreq", entry.changefreq);
    record.insert("priority", entry.priority.map(number));
    record
}

/// A number if it is one, else as it is written.
fn number(text: String) -> Value {
    match text.parse().ok().and_then(Number::from_f64) {
        Some(number) => Value::Number(number),
        None => Value::String(text),
    }
}

fn text(record: &Record) -> String {
    record.get("url").map_or_else(String::new, plain)
}
