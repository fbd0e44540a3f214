//! The connections of a client, over all origins: how many there may be, and which of those that many share could give way.
//!
//! A pool keeps what is unused for its own origin. Whoever goes through thousands of sites would fill it with connections
//! that nobody asks for again, until none is left: so when places, or file descriptors, are short, unused ones are closed.
//! Those for one request at a time the pool itself can close; one that many share has a task of its own, which is asked to.

#![cfg_attr(not(feature = "http2"), allow(dead_code, reason = "only http/2 shares connections"))]

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use async_lock::{Semaphore, SemaphoreGuardArc};
use gather_core::{now, timeout};

use crate::origins::Permit;

/// The list of connections is rid of those that are gone when it is this long, or twice what was left the last time.
const SWEEP_AT_LEAST: usize = 64;

/// How often those who wait look for unused connections.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

pub(crate) struct Connections {
    places: Option<Arc<Semaphore>>,
    waiting: Arc<AtomicUsize>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    uses: Vec<Weak<Use>>,
    sweep_at: usize,
}

/// How long a connection may take until its first request; after that it counts as unused.
const FIRST_REQUEST: Duration = Duration::from_millis(200);

/// What a connection holds as long as it lives.
pub(crate) struct Permits {
    _of_origin: Option<Permit>,
    _of_client: Option<SemaphoreGuardArc>,
}

/// Closes an unused connection of those that the pool has; `false` if there is none.
pub(crate) type CloseUnused<'a> = &'a (dyn Fn() -> bool + Sync);

/// Whether a connection that many share is in use.
#[derive(Debug)]
pub(crate) struct Use {
    state: Mutex<State>,
    /// Wakes the task that reads from it.
    reader: Waker,
    waiting: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its first request is about to begin.
    Fresh(Instant),
    /// By so many requests now, and so many at most since it was unused.
    InUse {
        now: usize,
        most: usize,
    },
    Unused(Instant),
    /// It is to close, and takes no request any more.
    GivingWay,
}

impl Connections {
    /// At most so many; `None` is no limit.
    pub(crate) fn new(limit: Option<usize>) -> Self {
        let places = limit.map(|limit| Arc::new(Semaphore::new(limit.max(1))));
        Self { places, waiting: Arc::default(), known: Mutex::default() }
    }

    /// What a connection holds beside its place at its origin. Waits for it, and has an unused connection closed.
    pub(crate) async fn enter(&self, of_origin: Option<Permit>, close_unused: CloseUnused<'_>) -> Permits {
        Permits { _of_origin: of_origin, _of_client: self.place(close_unused).await }
    }

    async fn place(&self, close_unused: CloseUnused<'_>) -> Option<SemaphoreGuardArc> {
        let places = self.places.as_ref()?;
        if let Some(place) = places.try_acquire_arc() {
            return Some(place);
        }
        let _waiting = Waiting::begin(&self.waiting);
        let mut place = pin!(places.acquire_arc());
        loop {
            self.make_room(close_unused);
            if let Ok(place) = timeout(LOOK_AGAIN, place.as_mut()).await {
                return Some(place);
            }
        }
    }

    /// Whether somebody waits for a place.
    pub(crate) fn has_who_waits(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Closes one unused connection, if there is one, or asks one to close.
    pub(crate) fn make_room(&self, close_unused: CloseUnused<'_>) {
        if !close_unused() {
            let known = self.known();
            let _ = known.uses.iter().filter_map(Weak::upgrade).find(|used| used.give_way());
        }
    }

    /// A new connection that many share, whose reader is woken by this waker.
    pub(crate) fn add(&self, reader: Waker) -> Arc<Use> {
        let (state, waiting) = (Mutex::new(State::Fresh(now())), self.waiting.clone());
        let used = Arc::new(Use { state, reader, waiting });
        let mut known = self.known();
        if known.uses.len() >= known.sweep_at {
            known.uses.retain(|used| used.strong_count() > 0);
            known.sweep_at = SWEEP_AT_LEAST.max(2 * known.uses.len());
        }
        known.uses.push(Arc::downgrade(&used));
        used
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one more that waits, until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Use {
    /// One more request begins on it, if it does not give way.
    pub(crate) fn join(&self) -> bool {
        let mut state = self.state();
        *state = match *state {
            State::GivingWay => return false,
            State::InUse { now, most } => State::InUse { now: now + 1, most: most.max(now + 1) },
            State::Fresh(_) | State::Unused(_) => State::InUse { now: 1, most: 1 },
        };
        true
    }

    /// One of its requests is over. If it was the last one, and others wait for a connection, it gives way at once.
    pub(crate) fn rest(&self) {
        let mut state = self.state();
        match *state {
            State::InUse { now: now @ 2.., most } => *state = State::InUse { now: now - 1, most },
            State::InUse { .. } if self.waiting.load(Ordering::SeqCst) > 0 => self.close(&mut state),
            State::InUse { .. } => *state = State::Unused(now()),
            _ => {}
        }
    }

    pub(crate) fn is_in_use(&self) -> bool {
        matches!(*self.state(), State::InUse { .. })
    }

    /// Whether several requests were on it since it was unused last.
    pub(crate) fn is_crowded(&self) -> bool {
        matches!(*self.state(), State::InUse { most: 2.., .. })
    }

    pub(crate) fn gives_way(&self) -> bool {
        *self.state() == State::GivingWay
    }

    /// Since when it is unused, if it is.
    pub(crate) fn unused_since(&self) -> Option<Instant> {
        match *self.state() {
            State::Fresh(since) | State::Unused(since) => Some(since),
            _ => None,
        }
    }

    fn give_way(&self) -> bool {
        let mut state = self.state();
        let gives = match *state {
            State::Unused(_) => true,
            State::Fresh(since) => now().saturating_duration_since(since) > FIRST_REQUEST,
            State::InUse { .. } | State::GivingWay => false,
        };
        if gives {
            self.close(&mut state);
        }
        gives
    }

    fn close(&self, state: &mut State) {
        *state = State::GivingWay;
        self.reader.wake_by_ref();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn add(connections: &Connections) -> Arc<Use> {
        connections.add(Waker::noop().clone())
    }

    fn enter(connections: &Connections) -> Option<Permits> {
        connections.enter(None, &|| false).now_or_never()
    }

    #[test]
    fn only_what_is_unused_gives_way_and_then_takes_no_request() {
        let connections = Connections::new(None);
        let (one, two) = (add(&connections), add(&connections));
        assert!(one.join() && two.join());
        connections.make_room(&|| false);
        assert!(!one.gives_way() && !two.gives_way());
        two.rest();
        connections.make_room(&|| true);
        assert!(!two.gives_way(), "the pool had one to close");
        connections.make_room(&|| false);
        assert!(!one.gives_way() && two.gives_way() && one.join() && !two.join());
        one.rest();
        one.rest();
        assert!(one.join(), "nobody waits");
    }

    #[test]
    fn who_waits_gets_the_place_of_what_is_unused_or_becomes_so() {
        let connections = Connections::new(Some(1));
        let place = enter(&connections).unwrap();
        let used = add(&connections);
        assert!(used.join());
        {
            let mut next = std::pin::pin!(connections.enter(None, &|| false));
            assert!(next.as_mut().now_or_never().is_none() && connections.has_who_waits());
            used.rest();
            assert!(used.gives_way());
            drop(place);
            assert!(next.now_or_never().is_some());
        }
        assert!(!connections.has_who_waits());
        let unused = add(&connections);
        assert!(unused.join());
        let place = enter(&connections).unwrap();
        unused.rest();
        let mut next = std::pin::pin!(connections.enter(None, &|| false));
        assert!(next.as_mut().now_or_never().is_none() && unused.gives_way());
        drop(place);
        assert!(next.now_or_never().is_some());
    }

    #[test]
    fn one_that_never_had_a_request_gives_way_after_a_while() {
        gather_core::test(1, async {
            let connections = Connections::new(None);
            let fresh = add(&connections);
            connections.make_room(&|| false);
            assert!(!fresh.gives_way());
            gather_core::sleep(2 * FIRST_REQUEST).await;
            connections.make_room(&|| false);
            assert!(fresh.gives_way() && !fresh.join());
        });
    }

    #[test]
    fn one_that_many_share_gives_way_after_the_last_of_them() {
        let connections = Connections::new(None);
        let shared = add(&connections);
        assert!(shared.join() && shared.join());
        shared.rest();
        connections.make_room(&|| false);
        assert!(!shared.gives_way(), "one is left");
        shared.rest();
        connections.make_room(&|| false);
        assert!(shared.gives_way() && !shared.join());
    }

    #[test]
    fn connections_that_are_gone_are_forgotten() {
        let connections = Connections::new(None);
        for _ in 0..10_000 {
            drop(add(&connections));
        }
        assert!(connections.known().uses.len() <= SWEEP_AT_LEAST);
    }
}
