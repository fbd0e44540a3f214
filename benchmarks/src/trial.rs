//! Trials: whether the crawl keeps a promise, and what it costs far out. They have no peers.

mod crawling;
mod kill;
mod million;
mod visits;
mod wal;

use std::time::Duration;

use crate::args::Args;

/// Every trial there is.
const ALL: [&Trial; 2] = [&kill::TRIAL, &million::TRIAL];

/// Something that is tried out, and what came of it printed.
#[derive(Debug)]
pub(crate) struct Trial {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// Fails if the promise is not kept.
    pub(crate) run: fn(&Args) -> anyhow::Result<()>,
}

/// Waits, in the frame's own thread: what runs meanwhile is another process, or on the executor's threads.
#[allow(clippy::disallowed_methods, reason = "no executor's thread is blocked, and the clock is the wall's")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// The trial of this name.
pub(crate) fn find(name: &str) -> Option<&'static Trial> {
    ALL.into_iter().find(|trial| trial.name == name)
}
