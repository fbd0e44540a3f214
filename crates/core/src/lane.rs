//! The two lanes of blocking work, and who is in them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;

use async_lock::{Semaphore, SemaphoreGuardArc};

/// Where blocking work runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// For calls that wait (files, name look-ups): 64 at once.
    Io,
    /// For work that computes (parsing, hashing): as many at once as there are cores.
    Cpu,
}

const IO_WIDTH: usize = 64;

struct Places {
    free: Arc<Semaphore>,
    queued: AtomicUsize,
}

impl Places {
    fn new(width: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(width)), queued: AtomicUsize::new(0) }
    }
}

static IO: LazyLock<Places> = LazyLock::new(|| Places::new(IO_WIDTH));
static CPU: LazyLock<Places> = LazyLock::new(|| Places::new(Lane::Cpu.width()));

impl Lane {
    /// How many closures run at once.
    ///
    /// ```
    /// use gather_core::Lane;
    ///
    /// assert_eq!(Lane::Io.width(), 64);
    /// assert!(Lane::Cpu.width() >= 1);
    /// ```
    pub fn width(self) -> usize {
        match self {
            Lane::Io => IO_WIDTH,
            Lane::Cpu => available_parallelism().map_or(1, usize::from),
        }
    }

    /// How many closures run at the moment, those included that nobody waits for any more.
    ///
    /// ```
    /// use gather_core::{Lane, run, to_thread_in};
    ///
    /// let running = run(to_thread_in(Lane::Cpu, || Lane::Cpu.running()));
    /// assert!(running.unwrap().unwrap() >= 1);
    /// ```
    pub fn running(self) -> usize {
        self.width() - self.places().free.available_permits()
    }

    /// How many closures wait for a place at the moment: the length of the queue.
    ///
    /// ```
    /// use gather_core::Lane;
    ///
    /// assert_eq!(Lane::Io.queued(), 0);
    /// ```
    pub fn queued(self) -> usize {
        self.places().queued.load(Ordering::SeqCst)
    }

    /// Waits for a place. Dropping the future leaves the queue.
    pub(crate) async fn enter(self) -> SemaphoreGuardArc {
        let places = self.places();
        match places.free.try_acquire_arc() {
            Some(place) => place,
            None => {
                let _queued = Queued::join(&places.queued);
                places.free.acquire_arc().await
            }
        }
    }

    fn places(self) -> &'static Places {
        match self {
            Lane::Io => &IO,
            Lane::Cpu => &CPU,
        }
    }
}

struct Queued(&'static AtomicUsize);

impl Queued {
    fn join(queue: &'static AtomicUsize) -> Self {
        queue.fetch_add(1, Ordering::SeqCst);
        Self(queue)
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
