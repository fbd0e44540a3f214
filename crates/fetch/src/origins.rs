//! What an origin is asked at most: so many requests at once, so far apart, and none before it said.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_lock::{Semaphore, SemaphoreGuardArc};
use gather_core::Limiter;
use url::Url;

use crate::address::is_loopback_host;
use crate::url_input::Origin;

pub(crate) use gather_core::Permit;

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

    fn is_limited(&self, url: &Url) -> bool {
        let has_limits = self.pace.at_once.is_some() || !self.pace.delay.is_zero();
        has_limits && (self.pace.on_loopback || !url.host().is_none_or(|host| is_loopback_host(&host)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use gather_core::{now, test};

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
