//! The command line.

use std::ffi::{OsStr, OsString};
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;

use crate::bench::Pace;
use crate::{bench, trial};

/// How often a slow contestant runs at most, and with `--quick`.
const SLOW_RUNS: u32 = 3;
const SLOW_QUICK_RUNS: u32 = 1;

/// Measures gather and its peers side by side: same input, same machine, taking turns.
#[derive(Debug, Parser)]
#[command(name = "gather-benchmarks", max_term_width = 100)]
pub(crate) struct Args {
    /// What to measure: crawl, fetch, parse, read, read-large, read-shell, scrape or tasks; or to try: kill or million
    #[arg(value_name = "NAME", value_parser = named, required_unless_present = "serve")]
    named: Option<Named>,

    /// Real input instead of the one made here: a folder to read (DIR/small if there is one), or the pages in DIR/site
    /// that DIR/pages.txt lists
    #[arg(long, value_name = "DIR")]
    pub(crate) corpus: Option<PathBuf>,

    /// The pages to fetch, a URL a line, from a server that you run
    #[arg(long, value_name = "FILE", conflicts_with = "corpus")]
    pub(crate) urls: Option<PathBuf>,

    /// How many tasks to spawn and items to map; a tenth as many tasks sleep [default: 1000000]
    #[arg(long, value_name = "N")]
    pub(crate) tasks: Option<NonZeroU64>,

    /// kill: how many crawls are killed [default: 200, with --quick 3]
    #[arg(long, value_name = "N")]
    times: Option<NonZeroU32>,

    /// kill and million: how many pages the site has [default: 2000 and 1000000, with --quick 200 and 5000]
    #[arg(long, value_name = "N")]
    pages: Option<NonZeroU64>,

    /// million: after how many minutes it stops, wherever it is
    #[arg(long, value_name = "N", default_value_t = NonZeroU64::MIN.saturating_add(29))]
    pub(crate) minutes: NonZeroU64,

    /// kill: what its random moments begin with
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// How many times each contestant runs [default: 7, with --quick 3]
    #[arg(long, value_name = "N")]
    runs: Option<NonZeroU32>,

    /// Three short runs, to see that everything works; the figures are rough
    #[arg(long)]
    pub(crate) quick: bool,

    /// A line of JSON per figure
    #[arg(long)]
    pub(crate) json: bool,

    /// Keep every run's measurements in this file, a line of JSON each
    #[arg(long, value_name = "FILE")]
    pub(crate) raw: Option<PathBuf>,

    /// Be this contestant, once, and print what was measured
    #[arg(long, hide = true, requires_all = ["part", "input"])]
    contestant: Option<String>,

    /// The part of the benchmark that the contestant does
    #[arg(long, hide = true)]
    part: Option<String>,

    /// What the contestant works on
    #[arg(long, hide = true)]
    input: Option<OsString>,

    /// Milliseconds that the contestant works at least
    #[arg(long, hide = true, default_value_t = 0)]
    at_least_ms: u64,

    /// Be the server of this folder until stdin ends
    #[arg(long, hide = true, value_name = "DIR")]
    serve: Option<PathBuf>,

    /// Milliseconds before each of its answers
    #[arg(long, hide = true, default_value_t = 0)]
    delay_ms: u64,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
enum Named {
    Bench(&'static bench::Bench),
    Trial(&'static trial::Trial),
}

/// The benchmark or the trial of this name.
fn named(name: &str) -> Result<Named, String> {
    match trial::find(name) {
        Some(trial) => Ok(Named::Trial(trial)),
        None => bench::find(name).map(Named::Bench).map_err(|error| format!("{error}, kill, million")),
    }
}

/// What this process is to do.
pub(crate) enum Role<'a> {
    /// Start the others and compare them.
    Frame,
    /// See whether a promise is kept.
    Trial(&'static trial::Trial),
    /// Work, and print what was measured.
    Contestant(Order<'a>),
    /// Serve this folder, each answer after so long.
    Server(&'a Path, Duration),
}

/// What the frame asks of a contestant's process.
pub(crate) struct Order<'a> {
    pub(crate) bench: &'static bench::Bench,
    pub(crate) part: &'a str,
    pub(crate) who: &'a str,
    pub(crate) input: &'a OsStr,
    pub(crate) at_least: Duration,
}

impl Args {
    /// The arguments of this process; wrong ones end it with a message and exit code 2.
    pub(crate) fn read() -> Self {
        Self::parse()
    }

    pub(crate) fn role(&self) -> Role<'_> {
        match (&self.serve, self.order(), self.named) {
            (Some(folder), ..) => Role::Server(folder, Duration::from_millis(self.delay_ms)),
            (None, Some(order), _) => Role::Contestant(order),
            (None, None, Some(Named::Trial(trial))) => Role::Trial(trial),
            (None, None, _) => Role::Frame,
        }
    }

    fn order(&self) -> Option<Order<'_>> {
        Some(Order {
            bench: self.bench().ok()?,
            part: self.part.as_deref()?,
            who: self.contestant.as_deref()?,
            input: self.input.as_deref()?,
            at_least: Duration::from_millis(self.at_least_ms),
        })
    }

    /// The benchmark that was named.
    pub(crate) fn bench(&self) -> anyhow::Result<&'static bench::Bench> {
        match self.named {
            Some(Named::Bench(bench)) => Ok(bench),
            _ => anyhow::bail!("no benchmark is named"),
        }
    }

    /// How many times each contestant runs.
    pub(crate) fn runs(&self) -> u32 {
        self.runs.map_or(if self.quick { 3 } else { 7 }, NonZeroU32::get)
    }

    /// How many times a contestant of this pace runs.
    pub(crate) fn runs_of(&self, pace: Pace) -> u32 {
        let most = if self.quick { SLOW_QUICK_RUNS } else { SLOW_RUNS };
        if pace == Pace::Slow { self.runs().min(most) } else { self.runs() }
    }

    /// How many crawls are killed.
    pub(crate) fn times(&self) -> u32 {
        self.times.map_or(if self.quick { 3 } else { 200 }, NonZeroU32::get)
    }

    /// How many pages a generated site has, where the user does not say.
    pub(crate) fn pages(&self, usual: u64, quick: u64) -> u64 {
        self.pages.map_or(if self.quick { quick } else { usual }, NonZeroU64::get)
    }

    /// How long each run lasts at least.
    pub(crate) fn at_least(&self) -> Duration {
        if self.quick { Duration::from_millis(300) } else { Duration::from_secs(5) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_contestant_runs_less_often_and_never_not_at_all() {
        let runs = |line: &[&str]| {
            let args = Args::parse_from(["gather-benchmarks", "crawl"].iter().chain(line));
            (args.runs_of(Pace::Usual), args.runs_of(Pace::Slow))
        };
        assert_eq!(runs(&[]), (7, 3));
        assert_eq!(runs(&["--quick", "--runs", "3"]), (3, 1));
        assert_eq!(runs(&["--runs", "1"]), (1, 1));
    }
}
