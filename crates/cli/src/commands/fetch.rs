//! `gather fetch URL…`: a record per URL.

use std::borrow::Cow;
use std::io::Write;
use std::pin::pin;
use std::sync::Arc;

use anyhow::Context as _;
use futures::future::{Either, select};
use gather_core::{CancelToken, to_thread};
use gather_fetch::{Response, without_password};
use gather_file_reader::Encoding;
use gather_records::{Failure, Kind, Record};
use serde_json::{Map, Value};

use crate::args::Fetch;
use crate::drive::{drive, grace_after};
use crate::exit::{Exit, usage};
use crate::input::{self, Asked, By, Inputs};
use crate::request::{Requests, failure, milliseconds};
use crate::saved::{Entry, Folder, Saving};
use crate::session::{Look, Session};
use crate::statuses::Accepted;
use crate::worked::{Worked, led_to};

pub(crate) async fn run(args: Fetch) -> anyhow::Result<Exit> {
    let list = input::list(args.shared.input.as_ref(), args.shared.input_key.clone())?;
    if args.urls.is_empty() && list.is_none() {
        return Err(usage(
            "no URL to fetch",
            "gather fetch https://example.com, or --input FILE with a URL a line",
        ));
    }
    if args.urls.iter().any(|url| url == "-") {
        return Err(usage(
            "`-` is a document, and fetch takes URLs",
            "--input - reads a list of URLs from stdin",
        ));
    }
    let job = Arc::new(Job::new(&args)?);
    if args.body {
        return body(&args, &job).await;
    }
    job.requests.allow_typed(&args.urls);
    let inputs = Inputs::start(args.urls.into_iter().map(Into::into).collect(), list)?;
    let mut session =
        Session::open(&args.shared, Look { text, columns: Some(job.columns()), more_columns: false }).await?;
    session.saves(job.requests.take_cookies());
    let _saving = job.folder.clone().map(Saving);
    let work = job.clone();
    drive(&mut session, inputs, move |asked| {
        let job = work.clone();
        async move { job.fetch(asked).await }
    })
    .await;
    if let Err(error) = job.close().await {
        session.broke(error);
    }
    session.finish().await
}

/// What is done for each URL.
struct Job {
    requests: Requests,
    accepted: Accepted,
    with_text: bool,
    with_headers: bool,
    keeps_bodies: bool,
    folder: Option<Arc<Folder>>,
}

impl Job {
    fn new(args: &Fetch) -> anyhow::Result<Self> {
        let accepted = args.accept_status.as_deref().map(Accepted::parse).transpose();
        let folder = args.output_dir.as_ref().map(|path| {
            Folder::open(path).map(Arc::new).map_err(|error| {
                usage(
                    format!("cannot save to {}: {error}", path.display()),
                    "--output-dir takes a folder, which is made if need be",
                )
            })
        });
        Ok(Self {
            requests: Requests::polite(&args.request, &args.shared, &args.polite)?,
            accepted: accepted.map_err(crate::exit::usage_error)?.unwrap_or_default(),
            with_text: args.text,
            with_headers: args.with_headers,
            keeps_bodies: args.text || args.body || args.output_dir.is_some(),
            folder: folder.transpose()?,
        })
    }

    fn columns(&self) -> Vec<String> {
        let mut columns =
            ["url", "final_url", "status", "bytes", "content_type", "attempts", "elapsed_ms", "saved"]
                .to_vec();
        columns.extend(self.with_headers.then_some("headers"));
        columns.extend(self.with_text.then_some("text"));
        columns.into_iter().map(str::to_owned).collect()
    }

    async fn fetch(&self, asked: Asked) -> Worked {
        let response = match self.response(&asked).await {
            Ok(response) => response,
            Err(failure) => return Worked::failed(*failure),
        };
        let url = without_password(&asked.text);
        let saved = match self.save(&asked, &url, &response).await {
            Ok(saved) => saved,
            Err(error) => {
                return Worked::failed(Failure::new(url, Kind::Io, format!("cannot save the body: {error}")));
            }
        };
        let (bytes, room) = (response.length(), response.room());
        let mut worked = Worked::ok(vec![self.record(&url, response, saved)], bytes);
        worked.room = room;
        worked
    }

    /// The response, unless its status is one that counts as a failure.
    async fn response(&self, asked: &Asked) -> Result<Response, Box<Failure>> {
        let failed = |error| Box::new(failure(&asked.text, &error));
        let response = self.send(asked).await.map_err(failed)?;
        match response.status_error() {
            Some(error) if !self.accepted.contains(response.status()) => Err(failed(error)),
            _ => Ok(response),
        }
    }

    async fn send(&self, asked: &Asked) -> Result<Response, gather_fetch::Error> {
        let request = self.requests.to(asked)?.keep_body(self.keeps_bodies);
        let request = request.error_for_status(self.accepted.is_none());
        self.requests.client().execute(request).await
    }

    async fn save(&self, asked: &Asked, url: &str, response: &Response) -> std::io::Result<Option<String>> {
        let Some(folder) = self.folder.clone() else { return Ok(None) };
        let entry = Entry { source: led_to(&asked.by).map(str::to_owned), ..Entry::new(url, response) };
        let shown = folder.path().join(&entry.file).to_string_lossy().into_owned();
        let body = response.bytes().clone();
        to_thread(move || folder.save(&entry, &body))
            .await
            .unwrap_or_else(|ended| Err(std::io::Error::other(ended)))?;
        Ok(Some(shown))
    }

    async fn close(&self) -> anyhow::Result<()> {
        let Some(folder) = self.folder.clone() else { return Ok(()) };
        let shown = folder.path().display().to_string();
        to_thread(move || folder.close()).await?.with_context(|| format!("cannot write the index of {shown}"))
    }

    fn record(&self, url: &str, response: Response, saved: Option<String>) -> Record {
        let mut record = Record::new();
        record.insert("url", url);
        record.insert("final_url", response.url().as_str());
        record.insert("status", response.status());
        record.insert("bytes", response.length());
        record.insert("content_type", response.content_type().map(|value| value.into_owned()));
        record.insert("attempts", response.attempts());
        record.insert("elapsed_ms", milliseconds(response.elapsed()));
        record.insert("saved", saved);
        if self.with_headers {
            record.insert("headers", headers(&response));
        }
        if self.with_text {
            record.insert("text", decoded(response));
        }
        record
    }
}

/// The body as text; of a page, by what the page itself says of its encoding as well. What is UTF-8 is not copied.
fn decoded(response: Response) -> String {
    let text = text_of(&response);
    let is_whole = matches!(&text, Cow::Borrowed(text) if text.len() == response.bytes().len());
    if !is_whole {
        return text.into_owned();
    }
    drop(text);
    String::from_utf8(response.into_bytes().into()).unwrap_or_default()
}

fn text_of(response: &Response) -> Cow<'_, str> {
    let content_type = response.content_type();
    if !content_type.as_deref().is_some_and(|kind| kind.contains("html")) {
        return response.text();
    }
    let charset = gather_scraper::charset(response.bytes(), content_type.as_deref());
    match Encoding::for_label(charset.name().as_bytes()) {
        Some(encoding) => encoding.decode(response.bytes()).0,
        None => response.text(),
    }
}

/// UTF-8, or else ISO-8859-1, which loses no byte (RFC 9110, section 5.5).
fn header_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// Header names in lower case; a header that came more than once has a list of values.
fn headers(response: &Response) -> Value {
    let headers = response.headers();
    let values = |name| headers.get_all(name).iter().map(|value| Value::from(header_text(value.as_bytes())));
    let object: Map<String, Value> = headers
        .keys()
        .map(|name| {
            let mut values: Vec<Value> = values(name).collect();
            let value = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
            (name.as_str().to_owned(), value)
        })
        .collect();
    Value::Object(object)
}

/// `--body`: the bytes of one response, and nothing else, on stdout.
async fn body(args: &Fetch, job: &Job) -> anyhow::Result<Exit> {
    let [url] = args.urls.as_slice() else {
        return Err(usage("--body takes one URL", "--output-dir DIR saves the bodies of many"));
    };
    let mut session = Session::without_records(&args.shared)?;
    session.saves(job.requests.take_cookies());
    let asked = Asked { text: url.clone(), by: By::User };
    let token = CancelToken::current();
    let (response, end) = (pin!(job.response(&asked)), pin!(grace_after(&token, session.grace)));
    match select(response, end).await {
        Either::Left((Ok(response), _)) => {
            let bytes = response.bytes().len() as u64;
            let written = to_thread(move || {
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(response.bytes()).and_then(|()| stdout.flush())
            });
            match written.await? {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    let error = anyhow::Error::new(error).context("cannot write the body to stdout");
                    session.broke(error);
                }
                _ => session.report.ok(url, bytes),
            }
        }
        Either::Left((Err(failure), _)) => session.fail(*failure).await,
        Either::Right(_) => session.report.pending(1),
    }
    session.note_signal();
    session.finish().await
}

fn text(record: &Record) -> String {
    let field = |name: &str| record.get(name).map_or_else(String::new, gather_records::plain);
    format!("{} {:>9} {}", field("status"), field("bytes"), field("final_url"))
}
