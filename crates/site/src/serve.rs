//! A folder served over HTTP.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::header::{HOST, USER_AGENT};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use crate::body::Body;
use crate::error::{Error, ErrorKind};
use crate::faults::Faults;
use crate::files::{Folder, note, send_html};
use crate::log::{Line, Log};
use crate::server::{Handler, Peer, drive, listen};
use crate::stop::{Level, Stop};
use crate::transport::Protocol;

/// How long [`Running::stop`] waits for answers in progress before it closes their connections.
pub const STOP_GRACE: Duration = Duration::from_secs(1);

/// A folder to be served over HTTP/1.1; the options of a server, made by [`Site::builder`].
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use gather_core::{run, to_thread};
/// use gather_site::Site;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("index.html"), "<h1>hello</h1>")?;
///
/// let answer = run(async {
///     let site = Site::builder(folder.path()).start().await?;
///     let mut socket = TcpStream::connect(site.addr())?;
///     let asked = to_thread(move || -> std::io::Result<String> {
///         socket.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
///         let mut answer = String::new();
///         socket.read_to_string(&mut answer)?;
///         Ok(answer)
///     });
///     let answer = asked.await??;
///     assert_eq!(site.requests(), 1);
///     site.stop().await;
///     Ok::<_, Box<dyn std::error::Error>>(answer)
/// })??;
/// assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("<h1>hello</h1>"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is served before it is started"]
pub struct Site {
    folder: PathBuf,
    addr: SocketAddr,
    delay: Duration,
    fail_rate: f64,
    seed: u64,
    log: Option<PathBuf>,
    cache: usize,
}

impl Site {
    /// A server of this folder: on a free port of 127.0.0.1, without delay, failures or log.
    pub fn builder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            addr: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
            delay: Duration::ZERO,
            fail_rate: 0.0,
            seed: 0,
            log: None,
            cache: 64 << 20,
        }
    }

    /// The address and port to listen on. Default: 127.0.0.1, port 0. It replaces host and port set before.
    pub fn addr(mut self, addr: SocketAddr) -> Self {
        self.addr = addr;
        self
    }

    /// The address to listen on. Default: 127.0.0.1. On any other than a loopback address the folder can be read
    /// by whoever reaches this machine.
    pub fn host(mut self, host: IpAddr) -> Self {
        self.addr.set_ip(host);
        self
    }

    /// The port to listen on. Default: 0, which takes a free one (see [`Running::addr`]).
    pub fn port(mut self, port: u16) -> Self {
        self.addr.set_port(port);
        self
    }

    /// How long each answer is held back, failures included. Default: zero, which is off.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The share of requests that fail, from 0 (none, the default) to 1 (all). They are answered with 500 and a
    /// short page, whatever was asked for.
    ///
    /// Which ones fail is fixed by the seed, the path with its query, and how often that has been asked for on
    /// this server: the same run fails the same way at any width, and asking again can succeed. Any other value
    /// is an error of [`start`](Self::start).
    pub fn fail_rate(mut self, rate: f64) -> Self {
        self.fail_rate = rate;
        self
    }

    /// The seed of the failures. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// A file that gets a JSON line per request; it is made if need be, and appended to. Default: none.
    ///
    /// `time` (seconds since 1970, with microseconds, when the request's head had arrived), `method`, `path` and
    /// `query` (as sent; null without one), `status`, `bytes` (of the body), `agent` (null without one), `peer`,
    /// `connection` (they count from 1), `elapsed_ms`. A line is written whole, and before the answer's head is
    /// sent. Requests too malformed to have a path are answered with 400 and not logged.
    pub fn log(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    /// How many bytes of small files (up to 256 KiB each) may be kept in memory. Default: 64 MiB; 0 is off.
    /// Whether a kept file has changed is looked up for each answer.
    pub fn cache(mut self, bytes: usize) -> Self {
        self.cache = bytes;
        self
    }

    /// Starts serving, as a service of gather-core: no deadline or scope of the caller reaches it.
    ///
    /// # Errors
    ///
    /// When the folder is not there or is no folder, when the log cannot be written, when the address cannot be
    /// listened on, and when the fail rate is not from 0 to 1.
    pub async fn start(self) -> Result<Running, Error> {
        let served = gather_core::to_thread({
            let site = self.clone();
            move || site.open()
        });
        let served = served.await.map_err(|ended| Error::new(ErrorKind::Io, ended.to_string()))??;
        let listening = listen(self.addr)?;
        let stop = Arc::new(Stop::default());
        let running = Running {
            url: format!("http://{}", listening.addr),
            addr: listening.addr,
            served: served.clone(),
            stop: stop.clone(),
        };
        listening.serve(stop.clone(), move |stream, peer| {
            drive(stream, Protocol::Http1, peer, served.clone(), stop.clone())
        });
        Ok(running)
    }

    fn open(&self) -> Result<Arc<Served>, Error> {
        check_rate(self.fail_rate)?;
        Ok(Arc::new(Served {
            folder: Folder::new(open_folder(&self.folder)?, self.cache),
            faults: Faults::new(self.fail_rate, self.seed),
            delay: self.delay,
            log: self.log.as_deref().map(open_log).transpose()?,
            requests: AtomicU64::new(0),
        }))
    }
}

pub(crate) fn check_rate(rate: f64) -> Result<(), Error> {
    if (0.0..=1.0).contains(&rate) {
        return Ok(());
    }
    let message = format!("fail rate {rate} is out of range\nhint: from 0 (none) to 1 (all), such as 0.2");
    Err(Error::new(ErrorKind::InvalidInput, message))
}

fn open_folder(folder: &Path) -> Result<PathBuf, Error> {
    let shown = folder.display();
    let root = std::fs::canonicalize(folder)
        .map_err(|error| Error::from_io(format!("cannot serve {shown}: {error}"), error).at(folder))?;
    if root.is_dir() {
        return Ok(root);
    }
    let message = format!("cannot serve {shown}: it is not a folder\nhint: give the folder it lies in");
    Err(Error::new(ErrorKind::InvalidInput, message).at(folder))
}

pub(crate) fn open_log(path: &Path) -> Result<Log, Error> {
    Log::open(path).map_err(|error| {
        Error::from_io(format!("cannot write the log {}: {error}", path.display()), error).at(path)
    })
}

/// A server that runs. Dropping it stops accepting and closes its connections; so does the end of the root scope
/// it was started in.
#[must_use = "it stops when it is dropped"]
pub struct Running {
    url: String,
    addr: SocketAddr,
    served: Arc<Served>,
    stop: Arc<Stop>,
}

impl Running {
    /// Where it serves, without a slash at the end: `http://127.0.0.1:8000`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address and port it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many requests have arrived, the failed ones included.
    pub fn requests(&self) -> u64 {
        self.served.requests.load(Ordering::SeqCst)
    }

    /// How many lines the log has lost because they could not be written (a full disk).
    pub fn log_lines_lost(&self) -> u64 {
        self.served.log.as_ref().map_or(0, Log::lost)
    }

    /// Stops accepting, lets the answers in progress finish for [`STOP_GRACE`], closes what is left, and returns
    /// once every connection is gone. Dropping the future closes everything at once.
    pub async fn stop(self) {
        stop_within(&self.stop, STOP_GRACE).await;
    }
}

/// Ends gently, then firmly.
pub(crate) async fn stop_within(stop: &Stop, grace: Duration) {
    stop.raise(Level::Finish);
    if gather_core::timeout(grace, stop.gone()).await.is_err() {
        stop.raise(Level::Now);
        stop.gone().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.raise(Level::Now);
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("url", &self.url).finish_non_exhaustive()
    }
}

struct Served {
    folder: Folder,
    faults: Faults,
    delay: Duration,
    log: Option<Log>,
    requests: AtomicU64,
}

impl Handler for Served {
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<Body>> + Send {
        // Counted and struck as it arrives: answers may come in another order.
        let arrived = Arrived { time: SystemTime::now(), instant: gather_core::now() };
        self.requests.fetch_add(1, Ordering::SeqCst);
        let fails = self.faults.strike(url(&request));
        async move {
            if !self.delay.is_zero() {
                gather_core::sleep(self.delay).await;
            }
            let response = match () {
                () if !names_its_host(&request) => refusal(&request, StatusCode::BAD_REQUEST),
                () if fails => refusal(&request, StatusCode::INTERNAL_SERVER_ERROR),
                () => self.folder.answer(&request).await,
            };
            if let Some(log) = &self.log {
                log.write(&line(&request, &response, peer, arrived));
            }
            response
        }
    }
}

fn url<B>(request: &Request<B>) -> &str {
    request.uri().path_and_query().map_or("", |url| url.as_str())
}

/// Once, as HTTP/1.1 asks for (RFC 9112, section 3.2).
fn names_its_host<B>(request: &Request<B>) -> bool {
    request.version() != Version::HTTP_11 || request.headers().get_all(HOST).iter().count() == 1
}

fn refusal<B>(request: &Request<B>, status: StatusCode) -> Response<Body> {
    send_html(status, note(status), request.method())
}

#[derive(Clone, Copy)]
struct Arrived {
    time: SystemTime,
    instant: Instant,
}

fn line<'a, B>(request: &'a Request<B>, response: &Response<Body>, peer: Peer, arrived: Arrived) -> Line<'a> {
    let agent = request.headers().get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    let elapsed = gather_core::now().saturating_duration_since(arrived.instant);
    Line {
        time: unix_seconds(arrived.time),
        method: request.method().as_str(),
        path: request.uri().path(),
        query: request.uri().query(),
        status: response.status().as_u16(),
        bytes: response.body().length(),
        agent,
        peer: peer.addr,
        connection: peer.connection,
        elapsed_ms: elapsed.as_micros() as f64 / 1000.0,
    }
}

pub(crate) fn unix_seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_micros() as f64 / 1e6
}
