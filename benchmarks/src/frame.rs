//! The frame: prepare the input, let the contestants take turns, compare.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::args::Args;
use crate::bench::{Bench, Contestant};
use crate::machine;
use crate::report;
use crate::report::{Progress, Report};
use crate::work::Run;

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

    let starter = Starter { bench, input: &input.path, interrupted: &interrupted };
    let load_before = machine::load();
    warm_up(&starter, &progress)?;
    let entries = take_turns(&starter, args, &progress)?;
    if let Some(file) = &args.raw {
        report::write_raw(file, bench, &entries)?;
    }
    let report =
        Report { bench, args, input: &input.about, entries: &entries, load: (load_before, machine::load()) };
    report.print()
}

/// One pass each that is not measured: pages of files get cached, and everyone has to find the same.
fn warm_up(starter: &Starter<'_>, progress: &Progress) -> anyhow::Result<()> {
    let mut first: Option<(&str, Run)> = None;
    for contestant in starter.bench.contestants {
        progress.turn("warm-up", contestant.who);
        let run = starter.start(contestant, Duration::ZERO)?;
        match &first {
            None => first = Some((contestant.who, run)),
            Some((other, same)) => ensure!(
                same.work == run.work,
                "contestants did different work: {other} {:?}, {} {:?}",
                same.work,
                contestant.who,
                run.work
            ),
        }
    }
    Ok(())
}

/// Round after round, each contestant once, beginning with another one each time.
fn take_turns(starter: &Starter<'_>, args: &Args, progress: &Progress) -> anyhow::Result<Vec<Entry>> {
    let contestants = starter.bench.contestants;
    let mut entries: Vec<Entry> =
        contestants.iter().map(|contestant| Entry { who: contestant.who, runs: Vec::new() }).collect();
    let mut seen = None;
    for round in 0..args.runs() as usize {
        for turn in 0..contestants.len() {
            let at = (round + turn) % contestants.len();
            let (Some(contestant), Some(entry)) = (contestants.get(at), entries.get_mut(at)) else {
                continue;
            };
            progress.turn(&format!("round {} of {}", round + 1, args.runs()), contestant.who);
            let run = starter.start(contestant, args.at_least())?;
            let expected = *seen.get_or_insert(run.work);
            ensure!(expected == run.work, "{} did {:?}, not {expected:?}", contestant.who, run.work);
            entry.runs.push(run);
        }
    }
    Ok(entries)
}

/// Starts contestants, each as a process of its own.
struct Starter<'a> {
    bench: &'static Bench,
    input: &'a Path,
    interrupted: &'a Interrupted,
}

impl Starter<'_> {
    fn start(&self, contestant: &Contestant, at_least: Duration) -> anyhow::Result<Run> {
        let output = Command::new(std::env::current_exe()?)
            .args([self.bench.name, "--contestant", contestant.who, "--input"])
            .arg(self.input)
            .args(["--at-least-ms", &at_least.as_millis().to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start {}", contestant.who))?;
        self.interrupted.check()?;
        if !output.status.success() {
            bail!("{} failed: {}", contestant.who, output.status);
        }
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{} printed no measurement", contestant.who))
    }
}

/// Ctrl-C: the contestant in its turn gets it too and ends, and then so do we, after putting away what was prepared.
struct Interrupted(Arc<AtomicBool>);

impl Interrupted {
    fn listen() -> anyhow::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self(flag))
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.0.load(Ordering::Relaxed), "interrupted");
        Ok(())
    }
}
