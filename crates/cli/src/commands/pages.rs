//! Where pages come from: URLs, files, folders (also those that `fetch --output-dir` saved), stdin.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use futures::stream::{self, BoxStream, StreamExt};
use gather_core::{Lane, to_thread_in};
use gather_fetch::{Error as FetchError, Response, Url};
use gather_file_reader::Reader;
use gather_records::{Failure, Kind};
use gather_scraper::{Error as PageError, Page};

use crate::args::Shared;
use crate::commands::linked::GivenFolder;
use crate::commands::read;
use crate::commands::rest::{Left, Open};
use crate::drive::{Unit, bad_unit};
use crate::exit::usage;
use crate::input::{self, Asked, Given, Inputs, is_url};
use crate::request;
use crate::saved::{self, Entry};
use crate::worked::Worked;

/// A page to work on.
pub(crate) enum Source {
    /// One that is to be fetched.
    Url(Asked),
    /// One that is here.
    Here(Here),
}

/// The bytes of a page, and what is known of them.
pub(crate) struct Here {
    /// The input: a path as given or found.
    pub(crate) input: String,
    /// Where it came from, if that is known.
    pub(crate) url: Option<String>,
    /// Its path below the folder, which a recipe's `match` looks at.
    pub(crate) path: String,
    pub(crate) content_type: Option<String>,
    pub(crate) status: Option<u16>,
    /// When it was fetched, if that is known.
    pub(crate) date: Option<SystemTime>,
    pub(crate) bytes: Vec<u8>,
    /// The folder that was given, and the file's path below it: where its links may lead.
    pub(crate) place: Option<(Arc<GivenFolder>, PathBuf)>,
}

/// How inputs become pages.
#[derive(Clone)]
pub(crate) struct Sources {
    base: Option<String>,
    reader: Reader,
    max_size: u64,
    open: Open,
}

impl Sources {
    /// # Errors
    /// A base that is not an absolute URL.
    pub(crate) fn new(base: Option<&str>, max_size: u64, shared: &Shared) -> anyhow::Result<Self> {
        Self::only(read::is_page, base, max_size, shared)
    }

    /// The same, taking from folders what `wanted` says.
    ///
    /// # Errors
    /// A base that is not an absolute URL.
    pub(crate) fn only(
        wanted: fn(&Path) -> bool,
        base: Option<&str>,
        max_size: u64,
        shared: &Shared,
    ) -> anyhow::Result<Self> {
        if let Some(base) = base {
            Url::parse(base).map_err(|error| {
                usage(
                    format!("--base `{base}` is not an absolute URL: {error}"),
                    "write --base https://example.com/page",
                )
            })?;
        }
        let reader = Reader::builder()
            .jobs(shared.jobs)
            .ordered(shared.ordered)
            .max_size(max_size)
            .bytes(true)
            .only(wanted)
            .build();
        Ok(Self { base: base.map(str::to_owned), reader, max_size, open: Open::default() })
    }

    /// How many pages are left of what was begun, and of the inputs after it, where a run is stopped.
    pub(crate) fn left_of<'a>(&self, inputs: &'a Inputs) -> Left<'a> {
        Left::new(inputs, self.reader.clone(), self.open.clone())
    }

    /// All pages of all inputs: folders are walked, files read, stdin taken; URLs are passed on.
    pub(crate) fn units(&self, inputs: &Inputs) -> BoxStream<'static, Unit<Source>> {
        let sources = self.clone();
        inputs.stream().flat_map(move |given| sources.clone().of(given)).boxed()
    }

    /// The pages of one input.
    pub(crate) fn of(self, given: Given) -> BoxStream<'static, Unit<Source>> {
        let input = match given {
            Ok(input) => input,
            Err(bad) => return one(bad_unit(bad)),
        };
        match input.name.to_str() {
            Some("-") => stream::once(self.open.clone().until(self.stdin())).boxed(),
            Some(url) if is_url(url) => {
                let asked = Asked { text: url.to_owned(), by: input.by };
                one((asked.clone(), Ok(Source::Url(asked))))
            }
            _ => self.files(input.name),
        }
    }

    async fn stdin(self) -> Unit<Source> {
        let name = "-".to_owned();
        let unit = match input::stdin_document(self.max_size).await {
            Ok(Some(bytes)) => Ok(Source::Here(Here {
                input: name.clone(),
                url: self.base,
                path: name.clone(),
                content_type: None,
                status: None,
                date: None,
                bytes,
                place: None,
            })),
            Ok(None) => {
                let message = format!("more than {} bytes on stdin", self.max_size);
                Err(Failure::new(&name, Kind::TooLarge, message))
            }
            Err(error) => Err(Failure::new(&name, Kind::Io, format!("cannot read stdin: {error}"))),
        };
        (Asked::by_user(name), unit.map_err(|failure| Box::new(Worked::failed(failure))))
    }

    fn files(self, input: OsString) -> BoxStream<'static, Unit<Source>> {
        let root = PathBuf::from(input);
        let folder = match index_of(&root) {
            Ok(index) => Arc::new(GivenFolder::new(root.clone(), index, self.reader.clone())),
            Err(failure) => {
                let input = Asked::by_user(&failure.input);
                return one((input, Err(Box::new(Worked::failed(*failure)))));
            }
        };
        let base = self.base;
        let files = self.open.begin(self.reader.read([root.clone()]));
        files
            .map(move |result| match result {
                Ok(file) => {
                    let name = file.path().to_string_lossy().into_owned();
                    let below = file.path().strip_prefix(&root).unwrap_or(file.path());
                    let entry = folder.entry(below);
                    let is_in_folder = !below.as_os_str().is_empty() && below != file.path();
                    let here = Here {
                        input: name.clone(),
                        url: entry.map(|entry| entry.final_url.clone()).or_else(|| base.clone()),
                        path: path_of(below, file.path()),
                        content_type: entry.and_then(|entry| entry.content_type.clone()),
                        status: entry.map(|entry| entry.status),
                        date: entry.and_then(Entry::date),
                        place: is_in_folder.then(|| (folder.clone(), below.to_owned())),
                        bytes: file.into_bytes().unwrap_or_default(),
                    };
                    (Asked::by_user(name), Ok(Source::Here(here)))
                }
                Err(error) => {
                    let name = error.path().to_string_lossy().into_owned();
                    let skipped = error.is_skipped();
                    let worked = if skipped {
                        Worked::skipped(error.fact())
                    } else {
                        Worked::failed(read::failure(&error))
                    };
                    (Asked::by_user(name), Err(Box::new(worked)))
                }
            })
            .boxed()
    }
}

pub(crate) fn one<T: Send + 'static>(unit: Unit<T>) -> BoxStream<'static, Unit<T>> {
    stream::iter([unit]).boxed()
}

/// What an earlier `fetch --output-dir` says of the files in a folder.
fn index_of(folder: &Path) -> Result<HashMap<PathBuf, Entry>, Box<Failure>> {
    if !folder.is_dir() {
        return Ok(HashMap::new());
    }
    match saved::index(folder) {
        Ok(entries) => Ok(entries.into_iter().map(|entry| (PathBuf::from(&entry.file), entry)).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(HashMap::new()),
        Err(error) => {
            let index = folder.join("index.jsonl");
            Err(Box::new(Failure::new(
                index.to_string_lossy(),
                Kind::Parse,
                format!("not the index of saved pages: {error}"),
            )))
        }
    }
}

/// The path below the folder given, or of a single file its own, as a URL would have it.
fn path_of(below: &Path, whole: &Path) -> String {
    let path = if below.as_os_str().is_empty() { whole } else { below };
    format!("/{}", path.to_string_lossy().trim_start_matches("./").trim_start_matches('/'))
}

impl Here {
    /// What a record says of where it is from.
    pub(crate) fn source(&self) -> &str {
        self.url.as_deref().unwrap_or(&self.input)
    }

    /// Decodes the page and works on it, on the CPU lane.
    pub(crate) async fn parsed<T, F>(self, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Page) -> Result<T, PageError> + Send + 'static,
    {
        let Here { input, url, path, content_type, date, bytes, .. } = self;
        parse(input, Known { url, path: Some(path), content_type, date }, bytes, work).await
    }
}

/// Decodes a fetched page and works on it, on the CPU lane.
pub(crate) async fn parsed<T, F>(input: &str, response: Response, work: F) -> Result<T, Failure>
where
    T: Send + 'static,
    F: FnOnce(&Page) -> Result<T, PageError> + Send + 'static,
{
    let url = response.url().to_string();
    let content_type = response.content_type().map(|value| value.into_owned());
    let bytes = response.into_bytes();
    let known = Known { url: Some(url), content_type, ..Known::default() };
    parse(input.to_owned(), known, bytes, work).await
}

/// What is known of a page besides its bytes.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) url: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) date: Option<SystemTime>,
}

/// Decodes a page and works on it, on the CPU lane.
pub(crate) async fn parse<T, F>(
    input: String,
    known: Known,
    bytes: impl Into<Vec<u8>> + Send + 'static,
    work: F,
) -> Result<T, Failure>
where
    T: Send + 'static,
    F: FnOnce(&Page) -> Result<T, PageError> + Send + 'static,
{
    let done = to_thread_in(Lane::Cpu, move || {
        let Known { url, path, content_type, date } = known;
        let mut builder = Page::builder().url(url.as_deref().unwrap_or_default());
        if let Some(path) = &path {
            builder = builder.path(path);
        }
        if let Some(content_type) = &content_type {
            builder = builder.content_type(content_type);
        }
        if let Some(date) = date {
            builder = builder.date(date);
        }
        builder.build(bytes).and_then(|page| work(&page))
    });
    match done.await {
        Ok(done) => done.map_err(|error| failure(&input, &error)),
        Err(ended) => Err(Failure::new(input, Kind::Io, format!("an error of gather itself: {ended}"))),
    }
}

/// The failure that an error of the scraper is; where a fetch is behind it, with all that is known of that.
pub(crate) fn failure(input: &str, error: &PageError) -> Failure {
    let fetch = std::error::Error::source(error).and_then(|source| source.downcast_ref::<FetchError>());
    if let Some(fetch) = fetch {
        return request::failure(input, fetch);
    }
    let kind = error.kind().as_str().parse().unwrap_or(Kind::Parse);
    let mut failure = Failure::new(input, kind, error.to_string());
    failure.final_url = error.url().map(str::to_owned);
    failure.attempts = error.attempts().max(1);
    failure
}
