//! How a server is stopped: a level that only rises, and a count of what is still alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use event_listener::Event;

/// How urgent stopping is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Take no new connection or request; finish the answers in progress.
    Finish = 1,
    /// Close everything at once.
    Now = 2,
}

/// Shared by a server's handle, its accept loop and its connections.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    level: AtomicU8,
    raised: Event,
    alive: AtomicUsize,
    gone: Event,
}

impl Stop {
    pub(crate) fn raise(&self, level: Level) {
        self.level.fetch_max(level as u8, Ordering::SeqCst);
        self.raised.notify(usize::MAX);
    }

    /// Ready once the level is at least `level`.
    pub(crate) async fn reached(&self, level: Level) {
        wait_until(&self.raised, || self.level.load(Ordering::SeqCst) >= level as u8).await;
    }

    /// Counts the caller as alive until the guard is dropped.
    pub(crate) fn alive(self: &Arc<Self>) -> Alive {
        self.alive.fetch_add(1, Ordering::SeqCst);
        Alive(self.clone())
    }

    /// Ready once nothing is alive.
    pub(crate) async fn gone(&self) {
        wait_until(&self.gone, || self.alive.load(Ordering::SeqCst) == 0).await;
    }
}

// Looks, listens, and looks again, so that what happens in between is not missed.
async fn wait_until(event: &Event, holds: impl Fn() -> bool) {
    while !holds() {
        let listener = event.listen();
        if holds() {
            return;
        }
        listener.await;
    }
}

/// Held by the accept loop and by each connection.
#[derive(Debug)]
pub(crate) struct Alive(Arc<Stop>);

impl Drop for Alive {
    fn drop(&mut self) {
        if self.0.alive.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.gone.notify(usize::MAX);
        }
    }
}
