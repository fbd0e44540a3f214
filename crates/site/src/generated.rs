//! A site of any size that is made as it is asked for.

use std::collections::HashMap;
use std::fmt;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;

use crate::body::Body;
use crate::error::Error;
use crate::faults::{fraction, hash};
use crate::files::{note, send_html};
use crate::log::Log;
use crate::serve::{STOP_GRACE, check_rate, open_log, stop_within, unix_seconds};
use crate::server::{Handler, Peer, drive, listen};
use crate::stop::{Level, Stop};
use crate::transport::Protocol;

/// What a hash is taken for, so that the delay of a page says nothing about its failures.
const FOR_DELAY: u64 = 1;
const FOR_FAILURES: u64 = 2;

/// The words that pages are filled up with.
const FILLER: &str = "<p>The quick brown fox jumps over the lazy dog, and the dog does not mind. </p>\n";

/// A site of `n` pages that are made as they are asked for, so that a million take no room; made by
/// [`Generated::builder`].
///
/// Page 0 is `/`, page `k` is `/p/k`; everything else, robots.txt too, is 404. The title of a page is `page k`. Links,
/// delays and failures are functions of the page's number, its URL and the seed: every server of the same options serves
/// the same site.
///
/// ```
/// use gather_site::Generated;
///
/// let site = Generated::builder(1_000_000).links(|page| vec![2 * page + 1, 2 * page + 2]).start()?;
/// assert!(site.url().starts_with("http://127.0.0.1:"));
/// assert_eq!(site.join(7), format!("{}/p/7", site.url()));
/// assert_eq!(site.requests(), 0);
/// # Ok::<_, gather_site::Error>(())
/// ```
#[must_use = "nothing is served before it is started"]
pub struct Generated {
    pages: u64,
    links: Box<dyn Fn(u64) -> Vec<u64> + Send + Sync>,
    delay: Duration,
    fail_rate: f64,
    failures: u32,
    page_bytes: usize,
    seed: u64,
    addr: SocketAddr,
    log: Option<PathBuf>,
}

impl Generated {
    /// A site of so many pages: on a free port of 127.0.0.1, without delays, failures or log.
    pub fn builder(pages: u64) -> Self {
        Self {
            pages,
            links: Box::new(|page| vec![2 * page + 1, 2 * page + 2, page / 2, page + 7]),
            delay: Duration::ZERO,
            fail_rate: 0.0,
            failures: 1,
            page_bytes: 0,
            seed: 0,
            addr: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
            log: None,
        }
    }

    /// The pages that a page links to, in its order; numbers that are no page's are left out. Default: two further
    /// pages, by which all are reached, one back, and one nearby.
    pub fn links(mut self, links: impl Fn(u64) -> Vec<u64> + Send + Sync + 'static) -> Self {
        self.links = Box::new(links);
        self
    }

    /// Each page is held back, by its URL, for a time from zero up to this. Default: zero, which is off.
    pub fn delay(mut self, most: Duration) -> Self {
        self.delay = most;
        self
    }

    /// The share of pages, from 0 (none, the default) to 1 (all), that are answered with 503 the first times they are
    /// asked for; which ones goes by their URLs. Any other value is an error of [`start`](Self::start).
    pub fn fail_rate(mut self, rate: f64) -> Self {
        self.fail_rate = rate;
        self
    }

    /// How often such a page fails at most: from once to so often, by its URL. Default: 1. With as many retries every
    /// page can be had.
    pub fn failures(mut self, most: u32) -> Self {
        self.failures = most;
        self
    }

    /// A page is filled up with text to so many bytes, about. Default: 0, nothing but title and links.
    pub fn page_bytes(mut self, bytes: usize) -> Self {
        self.page_bytes = bytes;
        self
    }

    /// The seed of delays and failures. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The address to listen on. Default: 127.0.0.1.
    pub fn host(mut self, host: IpAddr) -> Self {
        self.addr.set_ip(host);
        self
    }

    /// The port to listen on. Default: 0, which takes a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.addr.set_port(port);
        self
    }

    /// A file that gets a JSON line per request when it has ended; it is made if need be, and appended to. Default: none.
    ///
    /// `path` (as sent, with its query), `page` (its number, null for what is no page), `connection` (they count from
    /// 1), `start` and `end` (seconds since 1970, with microseconds: when the request's head had arrived, and when its
    /// answer went out), `status` (null where the connection was closed before there was an answer; `end` is when that was
    /// noticed). A line is written whole, and before the answer is sent.
    pub fn log(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    /// Starts serving, as a service of gather-core.
    ///
    /// # Errors
    /// When the log cannot be written, when the address cannot be listened on, and when the fail rate is not from 0 to 1.
    pub fn start(self) -> Result<GeneratedSite, Error> {
        check_rate(self.fail_rate)?;
        let log = self.log.as_deref().map(open_log).transpose()?;
        let listening = listen(self.addr)?;
        let stop = Arc::new(Stop::default());
        let (addr, url) = (listening.addr, format!("http://{}", listening.addr));
        let served =
            Arc::new(Served { site: self, asked: Mutex::default(), log, requests: AtomicU64::new(0) });
        let site = GeneratedSite { url, addr, served: served.clone(), stop: stop.clone() };
        listening.serve(stop.clone(), move |stream, peer| {
            drive(stream, Protocol::Http1, peer, served.clone(), stop.clone())
        });
        Ok(site)
    }

    /// The number of the page that a path (with its query) names.
    fn page(&self, path: &str) -> Option<u64> {
        let page = match path {
            "/" => 0,
            path => path.strip_prefix("/p/")?.parse().ok().filter(|page| path == path_of(*page))?,
        };
        (page < self.pages).then_some(page)
    }

    fn chance(&self, purpose: u64, page: u64) -> f64 {
        fraction(hash(hash(self.seed, &purpose.to_le_bytes()), path_of(page).as_bytes()))
    }

    fn delay_of(&self, page: u64) -> Duration {
        self.delay.mul_f64(self.chance(FOR_DELAY, page))
    }

    /// How often the page fails before it can be had.
    fn failures_of(&self, page: u64) -> u32 {
        let chance = self.chance(FOR_FAILURES, page);
        if chance >= self.fail_rate {
            return 0;
        }
        // The share of the rate that the chance is: again evenly from 0 to 1.
        let times = (chance / self.fail_rate * f64::from(self.failures)) as u32 + 1;
        times.min(self.failures)
    }

    fn html(&self, page: u64) -> String {
        let mut html = format!("<!DOCTYPE html>\n<html>\n<head><title>page {page}</title></head>\n<body>\n");
        for link in (self.links)(page).into_iter().filter(|link| *link < self.pages) {
            // Writing to a string does not fail.
            let _ = writeln!(html, "<a href=\"{}\">page {link}</a>", path_of(link));
        }
        while html.len() < self.page_bytes {
            html.push_str(FILLER);
        }
        html.push_str("</body>\n</html>\n");
        html
    }
}

impl fmt::Debug for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generated")
            .field("pages", &self.pages)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

fn path_of(page: u64) -> String {
    if page == 0 { "/".to_owned() } else { format!("/p/{page}") }
}

/// A generated site that is served. Dropping it stops accepting and closes its connections; so does the end of the root
/// scope it was started in.
#[must_use = "it stops when it is dropped"]
pub struct GeneratedSite {
    url: String,
    addr: SocketAddr,
    served: Arc<Served>,
    stop: Arc<Stop>,
}

impl GeneratedSite {
    /// Where it serves, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of a page.
    pub fn join(&self, page: u64) -> String {
        format!("{}{}", self.url, path_of(page))
    }

    /// The address and port it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many requests have arrived.
    pub fn requests(&self) -> u64 {
        self.served.requests.load(Ordering::SeqCst)
    }

    /// How many lines the log has lost because they could not be written.
    pub fn log_lines_lost(&self) -> u64 {
        self.served.log.as_ref().map_or(0, Log::lost)
    }

    /// Forgets which pages have failed already: the site is as at its start.
    pub fn forget(&self) {
        self.served.asked.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Stops accepting, lets the answers in progress finish for [`STOP_GRACE`](crate::STOP_GRACE), and returns once every
    /// connection is gone.
    pub async fn stop(self) {
        stop_within(&self.stop, STOP_GRACE).await;
    }
}

impl Drop for GeneratedSite {
    fn drop(&mut self) {
        self.stop.raise(Level::Now);
    }
}

impl fmt::Debug for GeneratedSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeneratedSite").field("url", &self.url).finish_non_exhaustive()
    }
}

struct Served {
    site: Generated,
    /// How often those pages have failed that do.
    asked: Mutex<HashMap<u64, u32>>,
    log: Option<Log>,
    requests: AtomicU64,
}

impl Served {
    /// Whether the request for the page that now arrives fails.
    fn fails(&self, page: u64) -> bool {
        let most = self.site.failures_of(page);
        if most == 0 {
            return false;
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry(page).or_default();
        let fails = *times < most;
        *times += u32::from(fails);
        fails
    }
}

impl Handler for Served {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, peer: Peer) -> Response<Body> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let path = request.uri().path_and_query().map_or("", |path| path.as_str());
        let page = self.site.page(path);
        let mut visit = Visit::begin(self.log.as_ref(), path, page, peer);
        let fails = page.is_some_and(|page| self.fails(page));
        let delay = page.map_or(Duration::ZERO, |page| self.site.delay_of(page));
        if !delay.is_zero() {
            gather_core::sleep(delay).await;
        }
        let (status, html) = match page {
            Some(page) if !fails => (StatusCode::OK, self.site.html(page)),
            Some(_) => (StatusCode::SERVICE_UNAVAILABLE, note(StatusCode::SERVICE_UNAVAILABLE)),
            None => (StatusCode::NOT_FOUND, note(StatusCode::NOT_FOUND)),
        };
        visit.status = Some(status.as_u16());
        drop(visit);
        send_html(status, html, request.method())
    }
}

/// A request in progress. Its line is written when it ends, also by the client's going.
struct Visit<'a> {
    log: Option<&'a Log>,
    path: &'a str,
    page: Option<u64>,
    connection: u64,
    start: SystemTime,
    status: Option<u16>,
}

#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    page: Option<u64>,
    connection: u64,
    start: f64,
    end: f64,
    status: Option<u16>,
}

impl<'a> Visit<'a> {
    fn begin(log: Option<&'a Log>, path: &'a str, page: Option<u64>, peer: Peer) -> Self {
        Self { log, path, page, connection: peer.connection, start: SystemTime::now(), status: None }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let Some(log) = self.log else { return };
        let (start, end) = (unix_seconds(self.start), unix_seconds(SystemTime::now()));
        let Self { path, page, connection, status, .. } = *self;
        log.write(&Line { path, page, connection, start, end, status });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_one_path_and_what_is_no_page_has_none() {
        let site = Generated::builder(10);
        for page in 0..10 {
            assert_eq!(site.page(&path_of(page)), Some(page));
        }
        for path in ["", "/p", "/p/", "/p/0", "/p/10", "/p/01", "/p/+1", "/p/1?x", "/q", "/robots.txt"] {
            assert_eq!(site.page(path), None, "{path}");
        }
    }

    #[test]
    fn delays_and_failures_are_spread_over_the_pages_and_the_same_for_the_same_seed() {
        let most = Duration::from_millis(100);
        let site = |seed| Generated::builder(10_000).delay(most).fail_rate(0.2).failures(3).seed(seed);
        let of = |site: &Generated| -> Vec<(Duration, u32)> {
            (0..10_000).map(|page| (site.delay_of(page), site.failures_of(page))).collect()
        };
        let (one, again, other) = (of(&site(1)), of(&site(1)), of(&site(2)));
        assert!(one == again && one != other);
        assert!(one.iter().all(|(delay, failures)| *delay < most && *failures <= 3));
        for times in 1..=3 {
            let count = one.iter().filter(|(_, failures)| *failures == times).count();
            assert!((500..850).contains(&count), "{count} pages fail {times} times");
        }
        let mean = one.iter().map(|(delay, _)| *delay).sum::<Duration>() / 10_000;
        assert!((45..55).contains(&mean.as_millis()), "{mean:?}");
        let slow = one.iter().filter(|(delay, failures)| *failures > 0 && *delay > most / 2).count();
        assert!((800..1_200).contains(&slow), "{slow}: a failing page is not slower than others");
    }

    #[test]
    fn by_the_links_of_the_default_every_page_is_reached_whatever_their_number() {
        for pages in [1, 2, 3, 10, 1_000] {
            let site = Generated::builder(pages);
            let mut seen = std::collections::BTreeSet::from([0]);
            let mut next = vec![0];
            while let Some(page) = next.pop() {
                let links = (site.links)(page).into_iter().filter(|link| *link < pages);
                next.extend(links.filter(|link| seen.insert(*link)));
            }
            assert_eq!(seen.len() as u64, pages);
        }
    }

    #[test]
    fn a_page_is_filled_up_and_has_no_link_to_what_is_no_page() {
        let site = Generated::builder(3).links(|_| vec![2, 99]).page_bytes(5_000);
        let html = site.html(1);
        assert!((5_000..5_200).contains(&html.len()), "{}", html.len());
        assert_eq!(html.matches("href").count(), 1);
        assert!(html.contains("<title>page 1</title>") && html.contains("href=\"/p/2\""));
    }
}
