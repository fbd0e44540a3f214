//! `kill`: a crawl killed at random moments, also within a commit, and begun again until it is finished.
//!
//! Its records have to be those of a crawl that was never killed, each once, and the server's log has to show fetched again
//! only pages that were on their way at a kill, or had ended within the time of a commit before it.

use std::fmt;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use fastrand::Rng;
use gather_site::{Generated, GeneratedSite};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::crawling::Crawling;
use super::visits::Killed;
use super::wal::Log;
use super::{Trial, visits};
use crate::args::Args;
use crate::bench::small_files;
use crate::starter::Interrupted;

pub(super) static TRIAL: Trial = Trial { name: "kill", run };

const PAGES: u64 = 2_000;
const QUICK_PAGES: u64 = 200;

/// The longest that a page takes.
const DELAY: Duration = Duration::from_millis(60);

/// The share of pages that fail at first, and how often at most: within the crawl's retries.
const FAIL_RATE: f64 = 0.1;
const FAILURES: u32 = 2;

/// A crawl that is not finished after so many kills makes no progress.
const MOST_KILLS: usize = 200;

/// So often a process is stopped to find it within a commit.
const MOST_STOPS: usize = 50;

/// What a trial's store, output and log may take.
const SPACE: u64 = 1 << 28;

fn run(args: &Args) -> anyhow::Result<()> {
    let interrupted = Interrupted::listen()?;
    let pages = args.pages(PAGES, QUICK_PAGES);
    let calm = undisturbed(pages)?;
    say(&format!("undisturbed: {} records in {:.1} s", calm.records.len(), calm.time.as_secs_f64()));
    ensure!(calm.records.len() as u64 == pages, "{} records of {pages} pages", calm.records.len());
    let mut random = Rng::with_seed(args.seed);
    let (mut kept, mut kills, mut in_commit) = (0, 0, 0);
    for time in 1..=args.times() {
        let outcome = trial(pages, &calm, &mut random, &interrupted);
        interrupted.check()?;
        match outcome {
            Ok(found) => {
                kept += 1;
                kills += found.kills;
                in_commit += found.in_commit;
                say(&format!("{time}: {found}"));
            }
            Err(error) => say(&format!("{time}: not kept: {error:#}")),
        }
    }
    writeln!(
        std::io::stdout(),
        "{kept} of {} (pages {pages}, seed {}, kills {kills}, within a commit {in_commit})",
        args.times(),
        args.seed
    )?;
    ensure!(kept == args.times(), "the promise was not kept");
    Ok(())
}

fn say(line: &str) {
    // Nobody's loss if it cannot be written.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A crawl that was never killed.
struct Calm {
    records: Vec<String>,
    time: Duration,
}

fn undisturbed(pages: u64) -> anyhow::Result<Calm> {
    let folder = folder()?;
    let site = serve(pages, folder.path())?;
    let crawl = Crawling::new(site.url(), folder.path())?;
    let begun = Instant::now();
    let status = crawl.command().arg("--out").arg(crawl.out()).status()?;
    let time = begun.elapsed();
    ensure!(status.success(), "the undisturbed crawl ended with {status}");
    Ok(Calm { records: records(&crawl, &site)?, time })
}

/// How a trial went in which the promise was kept.
struct Found {
    kills: usize,
    in_commit: usize,
    again: u64,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, in_commit, again } = self;
        write!(f, "{kills} kills, {in_commit} within a commit, {again} pages fetched again")
    }
}

fn trial(pages: u64, calm: &Calm, random: &mut Rng, interrupted: &Interrupted) -> anyhow::Result<Found> {
    let folder = folder()?;
    let site = serve(pages, folder.path())?;
    let crawl = Crawling::new(site.url(), folder.path())?;
    let mut kills = Vec::new();
    while let Some(kill) = run_until(&crawl, moment(calm.time, random))? {
        interrupted.check()?;
        mark(&site, &visits::mark(kills.len()))?;
        kills.push(kill);
        ensure!(kills.len() < MOST_KILLS, "not finished after {MOST_KILLS} kills");
    }
    ensure!(records(&crawl, &site)? == calm.records, "the records are not those of the undisturbed crawl");
    let out = std::fs::read_to_string(crawl.out())?;
    ensure!(out.lines().eq(crawl.export()?), "the file of --out is not what export gives");
    crawl.verify()?;
    let visits = visits::parse(&std::fs::read_to_string(log(folder.path()))?)?;
    let killed: Vec<Killed> = kills.iter().map(|kill| kill.killed.clone()).collect();
    let needless = visits::needless(&visits, &killed);
    if let Some(first) = needless.first() {
        bail!("{} pages were fetched again needlessly: {first}", needless.len());
    }
    let in_commit = kills.iter().filter(|kill| kill.in_commit).count();
    Ok(Found { kills: kills.len(), in_commit, again: visits::again(&visits) })
}

/// A folder in memory, where there is room.
fn folder() -> anyhow::Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().prefix("gather-kill-").tempdir_in(small_files::place(SPACE))?)
}

fn log(folder: &Path) -> std::path::PathBuf {
    folder.join("log.jsonl")
}

fn serve(pages: u64, folder: &Path) -> anyhow::Result<GeneratedSite> {
    let site = Generated::builder(pages).delay(DELAY).fail_rate(FAIL_RATE).failures(FAILURES);
    Ok(site.log(log(folder)).start()?)
}

/// All records in the order of their text, as if every site had the same address.
fn records(crawl: &Crawling, site: &GeneratedSite) -> anyhow::Result<Vec<String>> {
    let mut records: Vec<String> =
        crawl.export()?.iter().map(|record| record.replace(site.url(), "")).collect();
    records.sort();
    Ok(records)
}

/// When a run is killed.
struct Moment {
    after: Duration,
    /// Not then, but within one of the next commits.
    in_commit: bool,
}

fn moment(whole: Duration, random: &mut Rng) -> Moment {
    Moment { after: whole.mul_f64(random.f64() / 2.0), in_commit: random.bool() }
}

/// A kill that has happened.
struct Kill {
    /// Just before it.
    killed: Killed,
    /// Whether it has left a part of a commit.
    in_commit: bool,
}

/// Runs the crawl until it ends (`None`), or kills it.
fn run_until(crawl: &Crawling, moment: Moment) -> anyhow::Result<Option<Kill>> {
    let mut child = crawl.command().arg("--out").arg(crawl.out()).spawn().context("cannot start gather")?;
    let begun = Instant::now();
    while begun.elapsed() < moment.after {
        if let Some(status) = child.try_wait()? {
            return ended(status);
        }
        super::pause(Duration::from_millis(1).min(moment.after.saturating_sub(begun.elapsed())));
    }
    let mut log = Log::at(&crawl.wal());
    let mut stops = Vec::new();
    let stopped = match moment.in_commit {
        true => stop_in_commit(&mut child, &crawl.wal(), &mut log, &mut stops)?,
        false => None,
    };
    let at = stopped.map_or_else(now, Ok)?;
    child.kill()?;
    let status = child.wait()?;
    if status.code().is_some() {
        return ended(status);
    }
    Ok(Some(Kill { killed: Killed { at, stops }, in_commit: log.is_torn()? }))
}

fn now() -> anyhow::Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64())
}

fn ended(status: std::process::ExitStatus) -> anyhow::Result<Option<Kill>> {
    ensure!(status.success(), "the crawl ended with {status}");
    Ok(None)
}

/// Stops the process (as a debugger does) when its write-ahead log is seen to be written to, until it is found within a
/// commit. Returns when that was; `None` if it ended before, or was never found there. Notes for how long it was stopped in vain.
fn stop_in_commit(
    child: &mut Child,
    file: &Path,
    log: &mut Log,
    stops: &mut Vec<(f64, f64)>,
) -> anyhow::Result<Option<f64>> {
    let process = Pid::from_child(child);
    for _ in 0..MOST_STOPS {
        log.is_torn()?; // what is there already is not to be read while the process stands still
        if !wait_for_write(child, file)? {
            return Ok(None);
        }
        let at = now()?;
        kill_process(process, Signal::STOP)?;
        let ends = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let is_stopped = waitid(WaitId::Pid(process), ends)?.is_some_and(|status| status.stopped());
        if !is_stopped || log.is_torn()? {
            return Ok(is_stopped.then_some(at));
        }
        kill_process(process, Signal::CONT)?;
        stops.push((at, now()?));
    }
    Ok(None)
}

/// Looks at the file until it is written to; `false` if the process ended before. The processor is for the crawl.
fn wait_for_write(child: &mut Child, file: &Path) -> anyhow::Result<bool> {
    let look = || std::fs::metadata(file).ok().map(|found| (found.len(), found.modified().ok()));
    let before = look();
    for turn in 1_u32.. {
        if look() != before {
            return Ok(true);
        }
        if turn.is_multiple_of(64) && child.try_wait()?.is_some() {
            break;
        }
        super::pause(Duration::from_micros(20));
    }
    Ok(false)
}

/// Asks the server for a page that no crawl asks for, so that its log tells what was asked for before.
fn mark(site: &GeneratedSite, path: &str) -> anyhow::Result<()> {
    let mut connection = TcpStream::connect(site.addr())?;
    write!(connection, "GET {path} HTTP/1.1\r\nHost: mark\r\nConnection: close\r\n\r\n")?;
    std::io::copy(&mut connection, &mut std::io::sink())?;
    Ok(())
}
