//! `million`: a crawl of a site of a million pages: what a page costs far out, and in how much memory.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use gather_site::Generated;

use super::Trial;
use super::crawling::Crawling;
use crate::args::Args;
use crate::bench::small_files;
use crate::machine;
use crate::starter::Interrupted;
use crate::work::{cpu_time_of, peak_memory_of};

pub(super) static TRIAL: Trial = Trial { name: "million", run };

const PAGES: u64 = 1_000_000;
const QUICK_PAGES: u64 = 5_000;

/// How large a page is, about.
const PAGE_BYTES: usize = 2_000;

/// What the store of a million pages may take.
const SPACE: u64 = 6 << 30;

/// How often the process is looked at.
const EVERY: Duration = Duration::from_millis(50);

/// A row is printed for these numbers of pages, and for their tenfold, and so on.
const ROWS: [u64; 3] = [1, 2, 5];

/// What is known of the process at a moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    pages: u64,
    seconds: f64,
    cpu_seconds: f64,
}

fn run(args: &Args) -> anyhow::Result<()> {
    let interrupted = Interrupted::listen()?;
    let pages = args.pages(PAGES, QUICK_PAGES);
    let most = Duration::from_secs(args.minutes.get().saturating_mul(60));
    let folder = tempfile::Builder::new().prefix("gather-million-").tempdir_in(small_files::place(SPACE))?;
    let site = Generated::builder(pages).page_bytes(PAGE_BYTES).start()?;
    let crawl = Crawling::new(site.url(), folder.path())?;
    let child = crawl.command().stdout(Stdio::null()).spawn().context("cannot start gather")?;
    let mut watch = Watch { child, samples: Vec::new(), begun: Instant::now(), peak: 0 };
    header(pages)?;
    let mut rows = rows().peekable();
    let finished = loop {
        super::pause(EVERY);
        let ended = watch.child.try_wait()?;
        if ended.is_none() {
            watch.look(site.requests());
        }
        while let Some(pages) = rows.next_if(|row| *row <= watch.last().pages) {
            watch.print(pages, &crawl.store())?;
        }
        if let Some(status) = ended {
            ensure!(status.success(), "the crawl ended with {status}");
            break true;
        }
        if watch.begun.elapsed() >= most || interrupted.check().is_err() {
            watch.child.kill()?;
            watch.child.wait()?;
            break false;
        }
    };
    watch.close(finished, &crawl.store())
}

fn rows() -> impl Iterator<Item = u64> {
    (3..).flat_map(|zeros| ROWS.map(|row| row * 10_u64.pow(zeros)))
}

fn header(pages: u64) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "million: crawl a generated site of {pages} pages of {PAGE_BYTES} bytes, 64 at once")?;
    writeln!(out, "machine   {}", machine::describe())?;
    writeln!(out, "commit    {}\n", machine::commit())?;
    writeln!(
        out,
        "{:>10} {:>9} {:>9} {:>12} {:>12} {:>9}",
        "pages", "seconds", "pages/s", "cpu us/page", "peak MB", "store MB"
    )?;
    Ok(())
}

const START: Sample = Sample { pages: 0, seconds: 0.0, cpu_seconds: 0.0 };

/// The crawl's process, and what was seen of it.
struct Watch {
    child: Child,
    samples: Vec<Sample>,
    begun: Instant,
    peak: u64,
}

impl Watch {
    fn look(&mut self, pages: u64) {
        let process = self.child.id().to_string();
        let cpu_seconds = cpu_time_of(&process).as_secs_f64();
        self.peak = self.peak.max(peak_memory_of(&process).unwrap_or(0));
        self.samples.push(Sample { pages, seconds: self.begun.elapsed().as_secs_f64(), cpu_seconds });
    }

    fn last(&self) -> Sample {
        self.samples.last().copied().unwrap_or(START)
    }

    /// What a page cost over the last fifth of so many: seconds and seconds of CPU.
    fn cost(&self, pages: u64) -> (f64, f64) {
        let at = |pages: u64| self.samples.iter().find(|sample| sample.pages >= pages).copied();
        let (Some(from), Some(to)) = (at(pages - pages / 5), at(pages)) else { return (f64::NAN, f64::NAN) };
        // So quick that nobody looked in between: what all of them cost.
        let from = if from.pages < to.pages { from } else { START };
        let count = (to.pages - from.pages).max(1) as f64;
        ((to.seconds - from.seconds) / count, (to.cpu_seconds - from.cpu_seconds) / count)
    }

    fn print(&self, pages: u64, store: &Path) -> anyhow::Result<()> {
        let (seconds, cpu) = self.cost(pages);
        let megabytes = std::fs::metadata(store).map_or(0.0, |file| file.len() as f64 / 1e6);
        writeln!(
            std::io::stdout(),
            "{pages:>10} {:>9.1} {:>9.0} {:>12.0} {:>12.1} {megabytes:>9.1}",
            self.last().seconds,
            1.0 / seconds,
            cpu * 1e6,
            self.peak as f64 / 1e6,
        )?;
        Ok(())
    }

    fn close(&self, finished: bool, store: &Path) -> anyhow::Result<()> {
        let last = self.last().pages;
        self.print(last, store)?;
        let ((_, near), (_, far)) = (self.cost(10_000.min(last)), self.cost(last));
        let end = if finished { "finished" } else { "stopped" };
        writeln!(
            std::io::stdout(),
            "\n{end} after {last} pages: cpu per page {:.2} of that at 10,000, peak {:.0} MB",
            far / near,
            self.peak as f64 / 1e6
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_few_at_any_size() {
        let rows: Vec<u64> = rows().take_while(|row| *row <= 1_000_000).collect();
        assert_eq!(rows, [1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000]);
    }
}
