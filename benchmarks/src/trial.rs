//! Trials: whether the crawl keeps a promise, and what it costs far out. They have no peers.

mod crawling;
mod kill;
mod million;
mod visits;

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

/// The trial of this name.
pub(crate) fn find(name: &str) -> Option<&'static Trial> {
    ALL.into_iter().find(|trial| trial.name == name)
}
