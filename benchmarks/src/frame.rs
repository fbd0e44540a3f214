//! The frame: prepare the input, let the contestants take turns, compare.

use std::time::Duration;

use anyhow::ensure;

use crate::args::Args;
use crate::bench::{Contestant, Pace, Part};
use crate::machine;
use crate::report;
use crate::report::{Progress, Report};
use crate::starter::{Interrupted, Starter};
use crate::work::{Run, Work};

/// The measured runs of a part.
pub(crate) struct Measured {
    pub(crate) part: &'static Part,
    contestants: Vec<&'static Contestant>,
    /// The first one is ours.
    pub(crate) entries: Vec<Entry>,
    /// What the first run came to, and whose it was: all others have to come to the same.
    expected: Option<(&'static str, Work)>,
}

/// The measured runs of one contestant.
pub(crate) struct Entry {
    pub(crate) who: &'static str,
    pub(crate) runs: Vec<Run>,
}

/// Measures the benchmark that was asked for, and prints the figures.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let bench = args.bench()?;
    let interrupted = Interrupted::listen()?;
    let progress = Progress::start(bench, args);
    let input = (bench.prepare)(args)?;
    progress.input(&input.about);

    let starter = Starter { bench, input: &input.argument, interrupted: &interrupted };
    let load_before = machine::load();
    let measured = measure(&starter, args, &progress)?;
    if let Some(file) = &args.raw {
        report::write_raw(file, bench, &measured)?;
    }
    let load = (load_before, machine::load());
    Report { bench, args, input: &input.about, measured: &measured, load }.print()
}

/// One pass of each contestant that does not count, then round after round of all parts.
fn measure(starter: &Starter<'_>, args: &Args, progress: &Progress) -> anyhow::Result<Vec<Measured>> {
    let mut measured: Vec<Measured> = starter.bench.parts.iter().map(Measured::new).collect();
    for part in &mut measured {
        part.warm_up(starter, progress)?;
    }
    for round in 0..args.runs() {
        for part in &mut measured {
            part.round(round, starter, args, progress)?;
        }
    }
    Ok(measured)
}

impl Measured {
    fn new(part: &'static Part) -> Self {
        let entry = |who| Entry { who, runs: Vec::new() };
        let contestants: Vec<_> =
            part.contestants.iter().filter(|contestant| (contestant.is_here)()).collect();
        let entries = contestants.iter().map(|contestant| entry(contestant.who)).collect();
        Self { part, contestants, entries, expected: None }
    }

    /// One pass each that is not measured: pages of files get cached, and everyone has to find the same.
    fn warm_up(&mut self, starter: &Starter<'_>, progress: &Progress) -> anyhow::Result<()> {
        let usual = self.contestants.clone().into_iter().filter(|contestant| contestant.pace == Pace::Usual);
        for contestant in usual {
            progress.turn("warm-up", self.part.name, contestant.who);
            let run = starter.start(self.part, contestant, Duration::ZERO)?;
            self.check(contestant.who, run.work)?;
        }
        Ok(())
    }

    /// Each contestant once, but for the slow ones in later rounds, beginning with another one in each round.
    fn round(
        &mut self,
        round: u32,
        starter: &Starter<'_>,
        args: &Args,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let contestants = self.contestants.clone();
        for turn in 0..contestants.len() {
            let at = (round as usize + turn) % contestants.len();
            let takes_part = |contestant: &&&Contestant| round < args.runs_of(contestant.pace);
            let Some(&contestant) = contestants.get(at).filter(takes_part) else { continue };
            progress.turn(&format!("round {} of {}", round + 1, args.runs()), self.part.name, contestant.who);
            let run = starter.start(self.part, contestant, args.at_least())?;
            self.check(contestant.who, run.work)?;
            if let Some(entry) = self.entries.get_mut(at) {
                entry.runs.push(run);
            }
        }
        Ok(())
    }

    /// Fails if this work is not what everybody else's was.
    fn check(&mut self, who: &'static str, work: Work) -> anyhow::Result<()> {
        let (other, same) = *self.expected.get_or_insert((who, work));
        ensure!(same == work, "contestants did different work: {other} {same:?}, {who} {work:?}");
        Ok(())
    }
}
