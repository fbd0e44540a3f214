//! What an origin is asked at most: so many requests at once, so far apart, and none before it said.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_lock::{Semaphore, SemaphoreGuardArc};
use gather_core::{Limiter, now};
use url::Url;

use crate::address::is_loopback_host;
use crate::error::{ErrorKind, Failure, shortened};
use crate::url_input::Origin;

pub(crate) use gather_core::Permit;

/// How many origins that asked for too long a pause are remembered; more are asked again.
const CLOSED: usize = 10_000;

/// No origin decides for longer than this.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The places of a request: among those to its origin, and among all. Given back when dropped.
#[derive(Default)]
pub(crate) struct Places {
    _of_origin: Option<Permit>,
    _of_client: Option<SemaphoreGuardArc>,
}

/// How politely a client asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Requests and connections at once.
    pub(crate) at_once: Option<NonZeroUsize>,
    /// Time between the starts of two requests.
    pub(crate) delay: Duration,
    /// Whether this is for loopback, too: it is not by default.
    pub(crate) on_loopback: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self { at_once: NonZeroUsize::new(8), delay: Duration::ZERO, on_loopback: false }
    }
}

impl Pace {
    /// How many connections to this host there may be; `None` is no limit.
    pub(crate) fn connections(&self, is_loopback: bool) -> Option<NonZeroUsize> {
        self.at_once.filter(|_| self.on_loopback || !is_loopback)
    }
}

pub(crate) struct Origins {
    pace: Pace,
    places: Limiter<Origin>,
    /// For origins without limits: they, too, may ask for a pause.
    pauses: Limiter<Origin>,
    any_pause: AtomicBool,
    /// Until when origins asked to be left alone that asked for too long, and with which status.
    closed: Mutex<HashMap<Origin, (Instant, u16)>>,
    any_closed: AtomicBool,
    /// Over all origins.
    all: Option<Arc<Semaphore>>,
}

impl Origins {
    /// With at most so many requests at once over all origins.
    pub(crate) fn new(pace: Pace, at_once: Option<NonZeroUsize>) -> Self {
        let limiter = Limiter::new().rate(1, pace.delay);
        let places = match pace.at_once {
            Some(at_once) => limiter.concurrency(at_once),
            None => limiter,
        };
        Self {
            pace,
            places,
            pauses: Limiter::new(),
            any_pause: AtomicBool::new(false),
            closed: Mutex::default(),
            any_closed: AtomicBool::new(false),
            all: at_once.map(|n| Arc::new(Semaphore::new(n.get()))),
        }
    }

    /// Waits for the places of a request: first at its origin, so that who waits there keeps nobody else waiting. A wait
    /// that is dropped takes none.
    pub(crate) async fn enter(&self, url: &Url) -> Places {
        let of_origin = self.enter_origin(url).await;
        let of_client = match &self.all {
            Some(all) => Some(all.acquire_arc().await),
            None => None,
        };
        Places { _of_origin: of_origin, _of_client: of_client }
    }

    /// `None` where there is no limit.
    async fn enter_origin(&self, url: &Url) -> Option<Permit> {
        if self.is_limited(url) {
            return Some(self.places.acquire(Origin::of(url)).await);
        }
        if self.any_pause.load(Ordering::Relaxed) {
            drop(self.pauses.acquire(Origin::of(url)).await);
        }
        None
    }

    /// Whether [`enter`](Self::enter) may have to wait.
    pub(crate) fn may_wait(&self, url: &Url) -> bool {
        self.all.is_some() || self.is_limited(url) || self.any_pause.load(Ordering::Relaxed)
    }

    /// The origin asks to be left alone for so long: `Retry-After`. What is under way goes on.
    pub(crate) fn pause(&self, url: &Url, pause: Duration) {
        let limiter = if self.is_limited(url) { &self.places } else { &self.pauses };
        limiter.hold(Origin::of(url), pause);
        self.any_pause.store(true, Ordering::Relaxed);
    }

    /// The origin asks to be left alone for longer than anybody waits: until then nothing is asked of it.
    pub(crate) fn close(&self, url: &Url, pause: Duration, status: u16) {
        let Some(until) = now().checked_add(pause.min(LONGEST)) else { return };
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if closed.len() >= CLOSED {
            closed.retain(|_, (until, _)| *until > now());
        }
        if closed.len() < CLOSED {
            closed.insert(Origin::of(url), (until, status));
            self.any_closed.store(true, Ordering::Relaxed);
        }
    }

    /// Why nothing is asked of the origin now, if that is so.
    pub(crate) fn closed(&self, url: &Url) -> Option<Failure> {
        if !self.any_closed.load(Ordering::Relaxed) {
            return None;
        }
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, status) = *closed.get(&Origin::of(url))?;
        let left = until.checked_duration_since(now()).filter(|left| !left.is_zero())?;
        Some(left_alone(url, status, left))
    }

    fn is_limited(&self, url: &Url) -> bool {
        let has_limits = self.pace.at_once.is_some() || !self.pace.delay.is_zero();
        has_limits && (self.pace.on_loopback || !url.host().is_none_or(|host| is_loopback_host(&host)))
    }
}

fn left_alone(url: &Url, status: u16, left: Duration) -> Failure {
    let (origin, seconds) = (shortened(&url.origin().ascii_serialization()), left.as_secs().max(1));
    let fact = format!("not asked: {origin} answered {status} and asks for a pause of {seconds}s more");
    let failure = Failure::new(ErrorKind::Status, fact).with_status(status).retryable(false);
    failure.hint("--max-wait (max_wait) is how long such a pause is waited for")
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use gather_core::test;

    fn at_once(limit: usize) -> Origins {
        Origins::new(Pace { at_once: NonZeroUsize::new(limit), ..Pace::default() }, None)
    }

    fn url(url: &str) -> Url {
        Url::parse(url).unwrap()
    }

    #[test]
    fn an_origin_has_its_places_and_loopback_has_no_limit_unless_asked_for() {
        let origins = at_once(2);
        let one = url("http://h.example/");
        let held = [(); 2].map(|()| origins.enter_origin(&one).now_or_never().flatten().unwrap());
        assert!(origins.enter_origin(&one).now_or_never().is_none());
        assert!(origins.enter_origin(&url("http://other.example/")).now_or_never().unwrap().is_some());
        assert!(origins.enter_origin(&url("https://h.example/")).now_or_never().unwrap().is_some());
        assert!(origins.enter_origin(&url("http://h.example:8080/")).now_or_never().unwrap().is_some());
        assert!(origins.enter_origin(&url("http://127.0.0.1/")).now_or_never().unwrap().is_none());
        drop(held);
        assert!(origins.enter_origin(&one).now_or_never().is_some());

        let everywhere = Origins::new(Pace { on_loopback: true, ..Pace::default() }, None);
        assert!(everywhere.enter_origin(&url("http://127.0.0.1/")).now_or_never().unwrap().is_some());
    }

    #[test]
    fn a_wait_that_is_dropped_loses_no_place() {
        let (origins, url) = (at_once(1), url("http://h.example/"));
        let held = origins.enter_origin(&url).now_or_never().flatten();
        let mut waiting = Box::pin(origins.enter_origin(&url));
        assert!((&mut waiting).now_or_never().is_none());
        drop(waiting);
        drop(held);
        assert!(origins.enter_origin(&url).now_or_never().is_some());
    }

    #[test]
    fn a_pause_holds_back_its_whole_origin_and_no_other() {
        for host in ["http://h.example/", "http://127.0.0.1/"] {
            test(1, async {
                let (origins, start) = (at_once(8), now());
                origins.pause(&url(host), Duration::from_secs(60));
                drop(origins.enter_origin(&url("http://other.example/")).await);
                drop(origins.enter_origin(&url("http://127.0.0.1:81/")).await);
                assert_eq!(now(), start);
                drop(origins.enter_origin(&url(host)).await);
                assert_eq!(now() - start, Duration::from_secs(60));
            });
        }
    }

    #[test]
    fn requests_are_the_delay_apart() {
        test(1, async {
            let origins = Origins::new(Pace { delay: Duration::from_secs(1), ..Pace::default() }, None);
            let start = now();
            for _ in 0..4 {
                drop(origins.enter_origin(&url("http://h.example/")).await);
            }
            assert_eq!(now() - start, Duration::from_secs(3));
        });
    }
}
