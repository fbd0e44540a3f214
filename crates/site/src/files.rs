//! The files of a folder as answers: looked up on the I/O lane, never outside of the folder.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, ALLOW, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

use crate::body::{Body, FileBody};
use crate::cache::{Cache, Page, Stamp};
use crate::conditions::{Part, Verdict, part, verdict};
use crate::listing::{escape, listing};
use crate::representation::Representation;
use crate::url_path::{Place, Refusal, place};

/// Larger files are streamed from the disk; smaller ones are read at once, and may be kept.
const SMALL: u64 = 256 * 1024;

/// The pages that stand for a folder, the first one there.
const INDEX: [&str; 2] = ["index.html", "index.htm"];

const ALLOWED: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const BYTES: HeaderValue = HeaderValue::from_static("bytes");

/// A folder that is served.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Without links, so that what lies in it can be told by its path.
    root: PathBuf,
    cache: Cache,
}

impl Folder {
    pub(crate) fn new(root: PathBuf, cache: usize) -> Self {
        Self { root, cache: Cache::new(cache) }
    }

    /// The answer to a request. Its body is not looked at.
    pub(crate) async fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        match *request.method() {
            Method::GET | Method::HEAD => self.file(request).await,
            Method::OPTIONS => allowed(StatusCode::NO_CONTENT, Body::Empty),
            _ => allowed(StatusCode::METHOD_NOT_ALLOWED, Body::from(note(StatusCode::METHOD_NOT_ALLOWED))),
        }
    }

    async fn file<B>(&self, request: &Request<B>) -> Response<Body> {
        let url = request.uri().path();
        if let Some(page) = self.cache.current(url) {
            return send_page(&page, request);
        }
        match self.look_up(url).await {
            Ok(Found::Page(page)) => {
                self.cache.keep(url, &page);
                send_page(&page, request)
            }
            Ok(Found::Large(file, representation)) => send_file(file, &representation, request).await,
            Ok(Found::Listing(page)) => send_html(StatusCode::OK, page, request.method()),
            Ok(Found::Elsewhere(folder)) => redirect(&folder, request),
            Err(status) => send_html(status, note(status), request.method()),
        }
    }

    async fn look_up(&self, url: &str) -> Result<Found, StatusCode> {
        let place = place(url).map_err(status_of_refusal)?;
        let root = self.root.clone();
        let found = gather_core::to_thread(move || look_up(&root, &place)).await;
        found.unwrap_or(Err(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

/// What a path stands for.
enum Found {
    Page(Arc<Page>),
    Large(File, Representation),
    Listing(String),
    /// A folder that was asked for without the slash at the end.
    Elsewhere(String),
}

fn look_up(root: &Path, place: &Place) -> Result<Found, StatusCode> {
    let path = root.join(place.relative().ok_or(StatusCode::NOT_FOUND)?);
    let inner = resolve(root, &path)?;
    let metadata = fs::metadata(&inner).map_err(|error| status_of(&error))?;
    match (metadata.is_dir(), place.is_folder) {
        (true, true) => folder(root, &path, &inner, place),
        (true, false) => Ok(Found::Elsewhere(place.folder_url())),
        (false, false) => file(path, &inner),
        // A file has nothing below it.
        (false, true) => Err(StatusCode::NOT_FOUND),
    }
}

/// The path without links, if that still lies in the folder.
fn resolve(root: &Path, path: &Path) -> Result<PathBuf, StatusCode> {
    let inner = fs::canonicalize(path).map_err(|error| status_of(&error))?;
    if inner.starts_with(root) { Ok(inner) } else { Err(StatusCode::FORBIDDEN) }
}

fn folder(root: &Path, path: &Path, inner: &Path, place: &Place) -> Result<Found, StatusCode> {
    for name in INDEX {
        let index = path.join(name);
        match resolve(root, &index) {
            Ok(inner) if inner.is_file() => return file(index, &inner),
            Ok(_) | Err(StatusCode::NOT_FOUND) => {}
            Err(status) => return Err(status),
        }
    }
    listing(inner, place).map(Found::Listing).map_err(|error| status_of(&error))
}

fn file(path: PathBuf, inner: &Path) -> Result<Found, StatusCode> {
    // Looked at before it is opened: opening a FIFO would wait for its other end.
    if !fs::metadata(inner).map_err(|error| status_of(&error))?.is_file() {
        return Err(StatusCode::NOT_FOUND);
    }
    read(path, inner).map_err(|error| status_of(&error))
}

fn read(path: PathBuf, inner: &Path) -> io::Result<Found> {
    let file = File::open(inner)?;
    let metadata = file.metadata()?;
    if metadata.len() > SMALL {
        let representation = Representation::new(&path, &metadata, metadata.len(), None);
        return Ok(Found::Large(file, representation));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    // A file that grows while it is read is answered as long as it was.
    file.take(metadata.len()).read_to_end(&mut bytes)?;
    let representation = Representation::new(&path, &metadata, bytes.len() as u64, Some(&bytes));
    Ok(Found::Page(Arc::new(Page { path, stamp: Stamp::of(&metadata), representation, bytes: bytes.into() })))
}

fn status_of(error: &io::Error) -> StatusCode {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::PermissionDenied => StatusCode::FORBIDDEN,
        Kind::NotFound | Kind::NotADirectory | Kind::InvalidInput | Kind::InvalidFilename => {
            StatusCode::NOT_FOUND
        }
        _ if is_link_loop(error) => StatusCode::NOT_FOUND,
        _ if is_out_of_files(error) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// ELOOP, for which the standard library has no stable word.
fn is_link_loop(error: &io::Error) -> bool {
    let code = if cfg!(any(target_os = "linux", target_os = "android")) { 40 } else { 62 };
    cfg!(unix) && error.raw_os_error() == Some(code)
}

/// EMFILE and ENFILE: this goes by.
fn is_out_of_files(error: &io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

fn status_of_refusal(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::Malformed => StatusCode::BAD_REQUEST,
        Refusal::Outside => StatusCode::FORBIDDEN,
        Refusal::Hidden => StatusCode::NOT_FOUND,
    }
}

/// What is to be sent of a file.
enum Answer {
    All,
    Part {
        first: u64,
        length: u64,
    },
    /// Only this status, and the headers.
    Bare(StatusCode),
}

fn decide<B>(representation: &Representation, request: &Request<B>) -> Answer {
    let validators = representation.validators();
    match verdict(request.headers(), validators) {
        Verdict::NotModified => return Answer::Bare(StatusCode::NOT_MODIFIED),
        Verdict::Failed => return Answer::Bare(StatusCode::PRECONDITION_FAILED),
        Verdict::Send => {}
    }
    // Range is defined for GET only (RFC 9110, section 14.2).
    if request.method() != Method::GET {
        return Answer::All;
    }
    match part(request.headers(), validators, representation.length) {
        Part::Whole => Answer::All,
        Part::Range { first, length } => Answer::Part { first, length },
        Part::Unsatisfiable => Answer::Bare(StatusCode::RANGE_NOT_SATISFIABLE),
    }
}

fn send_page<B>(page: &Page, request: &Request<B>) -> Response<Body> {
    let representation = &page.representation;
    match decide(representation, request) {
        Answer::Bare(status) => bare(status, representation),
        Answer::All => whole(representation, request, || Body::Full(page.bytes.clone())),
        Answer::Part { first, length } => {
            let range = first as usize..(first + length) as usize;
            let bytes = page.bytes.get(range.clone()).map(|_| page.bytes.slice(range));
            partial(representation, first, length, Body::Full(bytes.unwrap_or_default()))
        }
    }
}

async fn send_file<B>(file: File, representation: &Representation, request: &Request<B>) -> Response<Body> {
    match decide(representation, request) {
        Answer::Bare(status) => bare(status, representation),
        Answer::All => {
            whole(representation, request, || Body::File(FileBody::new(file, representation.length)))
        }
        Answer::Part { first, length } => match seek(file, first).await {
            Ok(file) => partial(representation, first, length, Body::File(FileBody::new(file, length))),
            Err(error) => send_html(status_of(&error), note(status_of(&error)), request.method()),
        },
    }
}

async fn seek(mut file: File, position: u64) -> io::Result<File> {
    let seek = move || file.seek(SeekFrom::Start(position)).map(|_| file);
    gather_core::to_thread(seek).await.map_err(|ended| io::Error::other(ended.to_string()))?
}

fn whole<B>(
    representation: &Representation,
    request: &Request<B>,
    body: impl FnOnce() -> Body,
) -> Response<Body> {
    let body = if request.method() == Method::HEAD { Body::Empty } else { body() };
    let mut response = described(StatusCode::OK, representation, body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, representation.length.into());
    headers.insert(CONTENT_TYPE, representation.content_type.clone());
    response
}

fn partial(representation: &Representation, first: u64, length: u64, body: Body) -> Response<Body> {
    let range = format!("bytes {first}-{}/{}", first + length.saturating_sub(1), representation.length);
    let mut response = described(StatusCode::PARTIAL_CONTENT, representation, body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, length.into());
    headers.insert(CONTENT_TYPE, representation.content_type.clone());
    insert(headers, CONTENT_RANGE, range);
    response
}

fn bare(status: StatusCode, representation: &Representation) -> Response<Body> {
    let mut response = described(status, representation, Body::Empty);
    if status == StatusCode::RANGE_NOT_SATISFIABLE {
        insert(response.headers_mut(), CONTENT_RANGE, format!("bytes */{}", representation.length));
    }
    response
}

fn described(status: StatusCode, representation: &Representation, body: Body) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(ETAG, representation.etag.clone());
    headers.insert(ACCEPT_RANGES, BYTES);
    if let Some(date) = &representation.last_modified {
        headers.insert(LAST_MODIFIED, date.clone());
    }
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn redirect<B>(folder: &str, request: &Request<B>) -> Response<Body> {
    let target = match request.uri().query() {
        Some(query) => format!("{folder}?{query}"),
        None => folder.to_owned(),
    };
    let status = StatusCode::MOVED_PERMANENTLY;
    let mut response = send_html(status, note(status), request.method());
    insert(response.headers_mut(), LOCATION, target);
    response
}

fn allowed(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(ALLOW, ALLOWED);
    if response.body().length() != Some(0) {
        response.headers_mut().insert(CONTENT_TYPE, HTML);
    }
    response
}

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// A page that we wrote ourselves.
pub(crate) fn send_html(status: StatusCode, page: String, method: &Method) -> Response<Body> {
    let length = page.len();
    let body = if method == Method::HEAD { Body::Empty } else { Body::Full(Bytes::from(page)) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HTML);
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    response
}

/// The page of a status without content of its own.
pub(crate) fn note(status: StatusCode) -> String {
    let text = escape(&status.to_string());
    format!(
        "<!DOCTYPE html>\n<html>\n<head><title>{text}</title></head>\n<body><h1>{text}</h1></body>\n</html>\n"
    )
}

// A value made of ASCII that we wrote or that came through a URI: left out if it were none after all.
fn insert(headers: &mut HeaderMap, name: http::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}
