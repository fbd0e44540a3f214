//! The two lanes of blocking work, and who is in them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, PoisonError};
use std::thread::available_parallelism;

use crate::primitives::{Condvar, Mutex, MutexGuard, start_blocking};

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

/// How long a thread without work stays with its lane.
#[cfg(not(shuttle))]
const LINGER: std::time::Duration = std::time::Duration::from_millis(500);

/// What runs and what waits. A thread that has ended a closure takes the next one: a lane that is full costs no hop. One that finds none
/// stays for a while, so that there are never more threads than the lane is wide: each would have caches and a heap to warm.
pub(crate) struct Crew {
    width: usize,
    queue: Mutex<Queue>,
    handed: Condvar,
}

#[derive(Default)]
struct Queue {
    /// By the number of their ticket, so the oldest is the first.
    waiting: BTreeMap<u64, Job>,
    tickets: u64,
    running: usize,
    /// Threads that stay without work.
    idle: usize,
    /// What they are to run; each counts as running already.
    handed: Vec<Job>,
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
        Self { width, queue: Mutex::default(), handed: Condvar::default() }
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
            if queue.idle > queue.handed.len() {
                queue.handed.push(job);
                drop(queue);
                self.handed.notify_one();
            } else {
                drop(queue);
                start_blocking(move || self.work(job));
            }
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
        if let Some((_, job)) = queue.waiting.pop_first() {
            return Some(job);
        }
        queue.running -= 1;
        self.linger(queue)
    }

    /// Stays for a while, and gives what is handed over meanwhile.
    #[cfg(not(shuttle))]
    fn linger(&self, mut queue: MutexGuard<'_, Queue>) -> Option<Job> {
        queue.idle += 1;
        let waited = self.handed.wait_timeout_while(queue, LINGER, |queue| queue.handed.is_empty());
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.idle -= 1;
        queue.handed.pop()
    }

    /// Models end when all threads have ended, and know no time.
    #[cfg(shuttle)]
    fn linger(&self, _: MutexGuard<'_, Queue>) -> Option<Job> {
        None
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

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::collections::HashSet;
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    fn crew(width: usize) -> &'static Crew {
        Box::leak(Box::new(Crew::new(width)))
    }

    #[test]
    fn one_after_the_other_is_run_by_as_many_threads_as_the_lane_is_wide() {
        let crew = crew(2);
        let (tell, told) = channel();
        let mut threads = HashSet::new();
        for _ in 0..1_000 {
            let tell = tell.clone();
            let ticket = crew.submit(Box::new(move || tell.send(thread::current().id()).unwrap()));
            threads.insert(told.recv().unwrap());
            drop(ticket);
        }
        assert!(threads.len() <= 2, "{}", threads.len());
    }

    #[test]
    fn what_is_handed_to_those_who_stay_runs_at_once_and_never_more_than_the_width() {
        let crew = crew(3);
        let (tell, told) = channel();
        for _ in 0..200 {
            let (meet, all) = channel::<()>();
            let all = std::sync::Arc::new(std::sync::Mutex::new(all));
            for _ in 0..3 {
                let (tell, all) = (tell.clone(), all.clone());
                drop(crew.submit(Box::new(move || {
                    tell.send(()).unwrap();
                    let _ = all.lock().unwrap().recv(); // until all three have begun
                })));
            }
            (0..3).for_each(|_| told.recv().unwrap());
            assert_eq!(crew.running(), 3);
            drop(meet);
            while crew.running() > 0 {
                thread::yield_now();
            }
        }
        assert_eq!(crew.queued(), 0);
    }
}
