//! The benchmarks, one file each, and what they have in common.

mod crawl;
pub(crate) mod fetch;
mod pages;
pub(crate) mod parse;
mod python;
pub(crate) mod read;
mod read_large;
pub(crate) mod read_shell;
pub(crate) mod scrape;
mod site;
pub(crate) mod small_files;
pub(crate) mod tasks;

use std::any::Any;
use std::ffi::{OsStr, OsString};

use crate::args::Args;
use crate::figure::Figure;
use crate::work::Laps;

/// Every benchmark there is.
const ALL: [&Bench; 8] = [
    &crawl::BENCH,
    &fetch::BENCH,
    &parse::BENCH,
    &read::BENCH,
    &read_large::BENCH,
    &read_shell::BENCH,
    &scrape::BENCH,
    &tasks::BENCH,
];

/// A piece of work that gather and others can do.
#[derive(Debug)]
pub(crate) struct Bench {
    /// What it is called on the command line and in the figures.
    pub(crate) name: &'static str,
    /// What is done, in a few words.
    pub(crate) about: &'static str,
    /// What is measured apart, in the order in which it is done and printed.
    pub(crate) parts: &'static [Part],
    /// The packages whose versions matter.
    pub(crate) packages: &'static [&'static str],
    /// Makes or finds the input.
    pub(crate) prepare: fn(&Args) -> anyhow::Result<Input>,
}

/// Work that has processes, and so CPU and memory, of its own.
#[derive(Debug)]
pub(crate) struct Part {
    /// What it is called in the raw runs.
    pub(crate) name: &'static str,
    /// What is read off its runs.
    pub(crate) figures: &'static [Figure],
    /// Who takes part. The first one is gather, to whom the others are compared.
    pub(crate) contestants: &'static [Contestant],
}

/// Somebody who can do the work.
#[derive(Debug)]
pub(crate) struct Contestant {
    pub(crate) who: &'static str,
    /// Gets ready, then passes over the input for as long as the laps say.
    pub(crate) run: fn(&OsStr, &mut Laps) -> anyhow::Result<()>,
    pub(crate) debug: DebugMode,
    pub(crate) pace: Pace,
    /// Whether this machine has what it takes; who is not here does not take part.
    pub(crate) is_here: fn() -> bool,
}

/// How long a run of a contestant takes, beside those of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// About as long.
    Usual,
    /// So much longer that it is not warmed up, and does not take part in every round.
    Slow,
}

/// Whether the contestant's process is asked for the core's debug mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DebugMode {
    Off,
    On,
}

impl Contestant {
    const fn new(who: &'static str, run: fn(&OsStr, &mut Laps) -> anyhow::Result<()>) -> Self {
        Self { who, run, debug: DebugMode::Off, pace: Pace::Usual, is_here: || true }
    }

    const fn debugged(who: &'static str, run: fn(&OsStr, &mut Laps) -> anyhow::Result<()>) -> Self {
        Self { who, run, debug: DebugMode::On, pace: Pace::Usual, is_here: || true }
    }

    const fn where_it_is(
        who: &'static str,
        run: fn(&OsStr, &mut Laps) -> anyhow::Result<()>,
        is_here: fn() -> bool,
    ) -> Self {
        Self { who, run, debug: DebugMode::Off, pace: Pace::Usual, is_here }
    }

    const fn slow(self) -> Self {
        Self { pace: Pace::Slow, ..self }
    }
}

/// What all contestants work on.
pub(crate) struct Input {
    /// What a contestant is given: a path, a number.
    pub(crate) argument: OsString,
    /// What it is, for people.
    pub(crate) about: String,
    /// Temporary folders and servers, gone when this is.
    _kept: Vec<Box<dyn Any>>,
}

impl Input {
    pub(crate) fn new(argument: impl Into<OsString>, about: String, kept: Vec<Box<dyn Any>>) -> Self {
        Self { argument: argument.into(), about, _kept: kept }
    }
}

/// The benchmark of this name.
pub(crate) fn find(name: &str) -> Result<&'static Bench, String> {
    let names = || ALL.map(|bench| bench.name).join(", ");
    let found = ALL.into_iter().find(|bench| bench.name == name);
    found.ok_or_else(|| format!("unknown benchmark `{name}`\nhint: it is one of {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gather_comes_first_and_has_peers() {
        for part in ALL.into_iter().flat_map(|bench| bench.parts) {
            assert_eq!(part.contestants[0].who, "gather", "{}", part.name);
            assert!(part.contestants.len() > 1, "{}", part.name);
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        assert!(
            find("red")
                .unwrap_err()
                .contains("crawl, fetch, parse, read, read-large, read-shell, scrape, tasks")
        );
        assert_eq!(find("read").unwrap().name, "read");
    }
}
