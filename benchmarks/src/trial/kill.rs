//! `kill`: a crawl killed at random moments, also within a commit, and begun again until it is finished.
//!
//! Its records have to be those of a crawl that was never killed, each once, and the server's log has to show fetched again
//! only pages that were on their way at a kill, or had ended within the time of a commit before it.

use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use fastrand::Rng;
use gather_site::{Generated, GeneratedSite};

use super::crawling::Crawling;
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

/// What a trial's store, output and log may take.
const SPACE: u64 = 1 << 28;

fn run(args: &Args) -> anyhow::Result<()> {
    let interrupted = Interrupted::listen()?;
    let pages = args.pages(PAGES, QUICK_PAGES);
    let calm = undisturbed(pages)?;
    say(&format!("undisturbed: {} records in {:.1} s", calm.records.len(), calm.time.as_secs_f64()));
    ensure!(calm.records.len() as u64 == pages, "{} records of {pages} pages", calm.records.len());
    let mut random = Rng::with_seed(args.seed);
    let (mut kept, mut kills) = (0, 0);
    for time in 1..=args.times() {
        let outcome = trial(pages, &calm, &mut random, &interrupted);
        interrupted.check()?;
        match outcome {
            Ok(found) => {
                kept += 1;
                kills += found.kills;
                say(&format!("{time}: {} kills, {} pages fetched again", found.kills, found.again));
            }
            Err(error) => say(&format!("{time}: not kept: {error:#}")),
        }
    }
    writeln!(
        std::io::stdout(),
        "{kept} of {} (pages {pages}, seed {}, kills {kills})",
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
    again: u64,
}

fn trial(pages: u64, calm: &Calm, random: &mut Rng, interrupted: &Interrupted) -> anyhow::Result<Found> {
    let folder = folder()?;
    let site = serve(pages, folder.path())?;
    let crawl = Crawling::new(site.url(), folder.path())?;
    let mut kills = Vec::new();
    while let Some(kill) = run_until(&crawl, moment(calm.time, random))? {
        interrupted.check()?;
        kills.push(kill);
        ensure!(kills.len() < MOST_KILLS, "not finished after {MOST_KILLS} kills");
    }
    ensure!(records(&crawl, &site)? == calm.records, "the records are not those of the undisturbed crawl");
    let out = std::fs::read_to_string(crawl.out())?;
    ensure!(out.lines().eq(crawl.export()?), "the file of --out is not what export gives");
    crawl.verify()?;
    let visits = visits::parse(&std::fs::read_to_string(log(folder.path()))?)?;
    let needless = visits::needless(&visits, &kills);
    if let Some(first) = needless.first() {
        bail!("{} pages were fetched again needlessly: {first}", needless.len());
    }
    Ok(Found { kills: kills.len(), again: visits::again(&visits) })
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
    /// Not then, but when the store is next written to.
    in_commit: bool,
}

fn moment(whole: Duration, random: &mut Rng) -> Moment {
    Moment { after: whole.mul_f64(random.f64() / 2.0), in_commit: random.bool() }
}

/// Runs the crawl until it ends (`None`), or kills it: when, in seconds since 1970.
fn run_until(crawl: &Crawling, moment: Moment) -> anyhow::Result<Option<f64>> {
    let mut child = crawl.command().arg("--out").arg(crawl.out()).spawn().context("cannot start gather")?;
    let begun = Instant::now();
    while begun.elapsed() < moment.after {
        if let Some(status) = child.try_wait()? {
            return ended(status);
        }
        super::pause(Duration::from_millis(1).min(moment.after.saturating_sub(begun.elapsed())));
    }
    if moment.in_commit
        && let Some(status) = wait_for_write(&mut child, &crawl.wal())?
    {
        return ended(status);
    }
    let at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    child.kill()?;
    let status = child.wait()?;
    if status.code().is_some() { ended(status) } else { Ok(Some(at)) }
}

fn ended(status: std::process::ExitStatus) -> anyhow::Result<Option<f64>> {
    ensure!(status.success(), "the crawl ended with {status}");
    Ok(None)
}

/// Looks at the write-ahead log without a pause until it is written to, which is the middle of a commit. Returns how the
/// crawl ended if it did before.
fn wait_for_write(child: &mut Child, wal: &Path) -> anyhow::Result<Option<std::process::ExitStatus>> {
    let look = || std::fs::metadata(wal).ok().map(|found| (found.len(), found.modified().ok()));
    let before = look();
    for turn in 0_u32.. {
        if look() != before {
            return Ok(None);
        }
        if turn.is_multiple_of(64)
            && let Some(status) = child.try_wait()?
        {
            return Ok(Some(status));
        }
    }
    Ok(None)
}
