//! The two lanes of blocking work, and who is in them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, PoisonError};
use std::thread::available_parallelism;

use crate::primitives::{Mutex, MutexGuard, start_blocking};

/// Where blocking work runs.
///
/// ```
/// use gather_core::{Lane, run, to_thread_in};
///
/// let shouted = run(to_thread_in(Lane::Cpu, || "loud".to_uppercase()));
/// assert_eq!(shouted.unwrap().unwrap(), "LOUD");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// For calls that wait (files, name look-ups): 64 at once.
    Io,
    /// For work that computes (parsing, hashing): as many at once as there are cores.
    Cpu,
}

const IO_WIDTH: usize = 64;

/// A closure with all that it brings along.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// What runs and what waits. A thread that has ended a closure takes the next one: a lane that is full costs no hop.
pub(crate) struct Crew {
    width: usize,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// By the number of their ticket, so the oldest is the first.
    waiting: BTreeMap<u64, Job>,
    tickets: u64,
    running: usize,
}

static IO: LazyLock<Crew> = LazyLock::new(|| Crew::new(IO_WIDTH));

/// The width is asked for once: in a container the answer is read from files.
static CPU: LazyLock<Crew> = LazyLock::new(|| Crew::new(available_parallelism().map_or(1, usize::from)));

/// A place in the queue of a lane. Dropped, it takes the closure out of it, unless that has started.
pub(crate) struct Ticket {
    crew: &'static Crew,
    number: Option<u64>,
}

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
        self.crew().width
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
        self.crew().running()
    }

    /// How many closures wait for a place at the moment: the length of the queue.
    ///
    /// ```
    /// use gather_core::Lane;
    ///
    /// assert_eq!(Lane::Io.queued(), 0);
    /// ```
    pub fn queued(self) -> usize {
        self.crew().queued()
    }

    pub(crate) fn crew(self) -> &'static Crew {
        match self {
            Lane::Io => &IO,
            Lane::Cpu => &CPU,
        }
    }
}

impl Crew {
    pub(crate) fn new(width: usize) -> Self {
        Self { width, queue: Mutex::default() }
    }

    pub(crate) fn running(&self) -> usize {
        self.queue().running
    }

    pub(crate) fn queued(&self) -> usize {
        self.queue().waiting.len()
    }

    /// Runs a closure on a thread as soon as there is a place.
    pub(crate) fn submit(&'static self, job: Job) -> Ticket {
        let mut queue = self.queue();
        if queue.running < self.width {
            queue.running += 1;
            drop(queue);
            start_blocking(move || self.work(job));
            return Ticket { crew: self, number: None };
        }
        let number = queue.tickets;
        queue.tickets += 1;
        queue.waiting.insert(number, job);
        Ticket { crew: self, number: Some(number) }
    }

    /// What a thread does: this closure, and then those that wait.
    fn work(&self, job: Job) {
        let mut next = Some(job);
        while let Some(job) = next {
            // What it gives is caught by itself; what is left to unwind is the drop of a value that nobody took.
            let _ = catch_unwind(AssertUnwindSafe(job));
            next = self.next();
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.queue();
        let next = queue.waiting.pop_first();
        if next.is_none() {
            queue.running -= 1;
        }
        next.map(|(_, job)| job)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let job = self.crew.queue().waiting.remove(&number);
        drop(job); // after the lock was let go: it drops what is the caller's
    }
}
