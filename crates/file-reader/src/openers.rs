//! The wait for a file to be closed when no more may be open.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::budget::Budget;

/// The threads of a reading that may hold a file open, and those of them that wait for one to be closed.
#[derive(Debug, Default)]
pub(crate) struct Openers {
    reading: AtomicUsize,
    waiting: AtomicUsize,
    /// Somebody waited as long as there was hope: the next need not.
    is_hopeless: AtomicBool,
}

const STEP: Duration = Duration::from_millis(5);

/// Steps that are waited where none of us could close a file, for somebody else in the process to close one: 1 s.
const STEPS_ALONE: u32 = 200;

impl Openers {
    /// Counts a thread among those that close files, until the guard is dropped.
    pub(crate) fn reading(&self) -> Counted<'_> {
        Counted::new(&self.reading)
    }

    /// Counts a thread among those that wait for others, until the guard is dropped.
    pub(crate) fn waiting(&self) -> Counted<'_> {
        Counted::new(&self.waiting)
    }

    /// The wait of a thread that reads, and whose own files close only after it.
    pub(crate) fn wait_reading(&self) -> Wait<'_> {
        Wait::new(self, true)
    }

    /// The wait of a thread that does not read.
    pub(crate) fn wait(&self) -> Wait<'_> {
        Wait::new(self, false)
    }

    fn may_close(&self) -> bool {
        self.reading.load(Ordering::SeqCst) > self.waiting.load(Ordering::SeqCst)
    }
}

pub(crate) struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A wait for a file to be closed. It ends when the file is open, or nobody is left who could close one.
pub(crate) struct Wait<'a> {
    openers: &'a Openers,
    is_reader: bool,
    counted: Option<Counted<'a>>,
    alone: u32,
    gave_up: bool,
}

impl<'a> Wait<'a> {
    fn new(openers: &'a Openers, is_reader: bool) -> Self {
        Self { openers, is_reader, counted: None, alone: 0, gave_up: false }
    }

    /// Waits a while; `false` when there is no use in trying again.
    pub(crate) fn again(&mut self) -> bool {
        if self.is_reader && self.counted.is_none() {
            self.counted = Some(self.openers.waiting());
        }
        self.alone = if self.openers.may_close() { 0 } else { self.alone + 1 };
        let most = if self.openers.is_hopeless.load(Ordering::Relaxed) { 1 } else { STEPS_ALONE };
        self.gave_up = self.alone > most;
        if self.gave_up {
            self.openers.is_hopeless.store(true, Ordering::Relaxed);
        } else {
            pause();
        }
        !self.gave_up
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let has_waited = self.alone > 0 || self.counted.is_some();
        if has_waited && !self.gave_up {
            self.openers.is_hopeless.store(false, Ordering::Relaxed);
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "it is on a thread of its own, and waits for other threads")]
fn pause() {
    std::thread::sleep(STEP);
}

/// Too many files are open, in the process or in the system.
pub(crate) fn is_out_of_files(error: rustix::io::Errno) -> bool {
    matches!(error, rustix::io::Errno::MFILE | rustix::io::Errno::NFILE)
}

/// What to do when too many files are open.
#[derive(Clone, Copy)]
pub(crate) struct Again<'a> {
    pub(crate) budget: &'a Budget,
    pub(crate) openers: &'a Openers,
}

impl Again<'_> {
    /// Opens something, as soon as that is possible; fails when there is nobody who could make it so.
    pub(crate) fn until_open<T>(self, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let mut wait = self.openers.wait();
        loop {
            match open() {
                Err(error) if says_out_of_files(&error) && !self.budget.is_closed() && wait.again() => {}
                opened => return opened,
            }
        }
    }
}

pub(crate) fn says_out_of_files(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error).is_some_and(is_out_of_files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_another_reads_it_is_waited_for_and_when_all_wait_it_ends() {
        let openers = Openers::default();
        let (other, _me) = (openers.reading(), openers.reading());
        let mut wait = openers.wait_reading();
        assert!((0..STEPS_ALONE + 10).all(|_| wait.again()));
        drop(other);
        assert_eq!((0..).take_while(|_| wait.again()).count(), STEPS_ALONE as usize);
        drop(wait);
        let mut next = openers.wait_reading();
        assert!(next.again() && !next.again(), "the next need not wait as long");
    }
}
