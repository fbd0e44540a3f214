//! What a contestant did, and what it cost.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// What one pass over the whole input came to. Two contestants that did the same work have equal ones, whatever the order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Work {
    /// Files, pages, tasks: what is counted.
    pub(crate) items: u64,
    /// The bytes in them.
    pub(crate) bytes: u64,
    /// The sum of what was found in each.
    pub(crate) checksum: u64,
}

impl Work {
    /// A file was read.
    pub(crate) fn file(content: &[u8]) -> Self {
        let edges = content.first().copied().unwrap_or(0) as u64
            + ((content.last().copied().unwrap_or(0) as u64) << 8);
        Self { items: 1, bytes: content.len() as u64, checksum: edges }
    }

    /// So many bytes came.
    pub(crate) fn body(bytes: u64) -> Self {
        Self { items: 1, bytes, checksum: bytes }
    }

    /// A task returned its number.
    pub(crate) fn number(number: u64) -> Self {
        Self { items: 1, bytes: 0, checksum: number }
    }

    /// A page of so many bytes gave this title and these links, in the page's order.
    pub(crate) fn page<'a>(bytes: usize, title: &str, links: impl IntoIterator<Item = &'a str>) -> Self {
        let start = fold_words(0xcbf2_9ce4_8422_2325, title);
        Self { items: 1, bytes: bytes as u64, checksum: links.into_iter().fold(start, fold_words) }
    }
}

impl std::ops::Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            items: self.items + other.items,
            bytes: self.bytes + other.bytes,
            checksum: self.checksum.wrapping_add(other.checksum),
        }
    }
}

impl std::iter::Sum for Work {
    fn sum<I: Iterator<Item = Self>>(works: I) -> Self {
        works.fold(Self::default(), |sum, work| sum + work)
    }
}

/// FNV-1a over the words of a text, so that white space at the edges or within does not count.
fn fold_words(hash: u64, text: &str) -> u64 {
    let byte = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let words = text.split_ascii_whitespace();
    byte(words.fold(hash, |hash, word| byte(word.bytes().fold(hash, byte), b' ')), b'\n')
}

/// What a run came to: some passes over the input, and their cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Run {
    /// One pass's work; every pass does the same.
    pub(crate) work: Work,
    pub(crate) passes: u64,
    pub(crate) seconds: f64,
    /// User and system time of the whole process, between the first pass's start and the last one's end.
    pub(crate) cpu_seconds: f64,
    /// The most memory the process ever held (resident).
    pub(crate) peak_bytes: u64,
    /// The most it held until the end of the first pass: the allocator may keep some of a pass for the next one.
    pub(crate) pass_peak_bytes: u64,
}

impl Run {
    /// Files, pages, tasks: what was done, in all passes.
    pub(crate) fn items(&self) -> f64 {
        (self.work.items * self.passes) as f64
    }

    /// Bytes in them.
    pub(crate) fn bytes(&self) -> f64 {
        (self.work.bytes * self.passes) as f64
    }
}

/// Repeats the passes of a run until it has lasted long enough, and measures them.
///
/// What comes before the first [`again`](Self::again), such as starting a runtime, is not measured.
pub(crate) struct Laps {
    at_least: Duration,
    whose: Whose,
    start: Option<Start>,
    passes: Option<Passes>,
    elsewhere: Option<Run>,
}

/// The process that does the work.
#[derive(Debug, Clone, Copy)]
enum Whose {
    /// This one, with the programs it has run to their end.
    Ours,
    /// One that works at our word, and runs all the time.
    Other(u32),
}

struct Start {
    at: Instant,
    cpu: Duration,
}

struct Passes {
    work: Work,
    count: u64,
    end: Instant,
    cpu: Duration,
    first_peak: u64,
    peak: u64,
}

impl Laps {
    pub(crate) fn new(at_least: Duration) -> Self {
        Self { at_least, whose: Whose::Ours, start: None, passes: None, elsewhere: None }
    }

    /// How long the passes have to last together at least.
    pub(crate) fn at_least(&self) -> Duration {
        self.at_least
    }

    /// The work is done by the process of this number: its CPU and memory count, and not ours.
    pub(crate) fn done_by(&mut self, process: u32) {
        self.whose = Whose::Other(process);
    }

    /// The passes were made by another program, which has measured itself.
    pub(crate) fn made_elsewhere(&mut self, run: Run) {
        self.elsewhere = Some(run);
    }

    /// Makes passes for as long as it has to.
    pub(crate) async fn repeat(
        &mut self,
        mut pass: impl AsyncFnMut() -> anyhow::Result<Work>,
    ) -> anyhow::Result<()> {
        while self.again() {
            let work = pass().await?;
            self.done(work)?;
        }
        Ok(())
    }

    /// Shall there be another pass? The first answer, always yes, starts the clock.
    pub(crate) fn again(&mut self) -> bool {
        match (&self.start, &self.passes) {
            (Some(start), Some(passes)) => passes.end.duration_since(start.at) < self.at_least,
            _ => {
                self.start = Some(Start { cpu: self.whose.cpu_time(), at: Instant::now() });
                true
            }
        }
    }

    /// A pass ended and came to this. Fails if an earlier one came to something else.
    pub(crate) fn done(&mut self, work: Work) -> anyhow::Result<()> {
        let (end, cpu, peak) = (Instant::now(), self.whose.cpu_time(), self.whose.peak_memory()?);
        let (count, first_peak) = match &self.passes {
            Some(before) if before.work != work => {
                anyhow::bail!("two passes over the same input differ: {:?}, then {work:?}", before.work)
            }
            Some(before) => (before.count + 1, before.first_peak),
            None => (1, peak),
        };
        self.passes = Some(Passes { work, count, end, cpu, first_peak, peak });
        Ok(())
    }

    /// What the run came to. Fails if no pass was done.
    pub(crate) fn finish(self) -> anyhow::Result<Run> {
        if let Some(run) = self.elsewhere {
            return Ok(run);
        }
        let (Some(start), Some(passes)) = (self.start, self.passes) else {
            anyhow::bail!("the contestant did nothing");
        };
        Ok(Run {
            work: passes.work,
            passes: passes.count,
            seconds: passes.end.duration_since(start.at).as_secs_f64(),
            cpu_seconds: passes.cpu.saturating_sub(start.cpu).as_secs_f64(),
            peak_bytes: passes.peak,
            pass_peak_bytes: passes.first_peak,
        })
    }
}

impl Whose {
    fn cpu_time(self) -> Duration {
        match self {
            Self::Ours => cpu_time(),
            Self::Other(process) => cpu_time_of(&process.to_string()),
        }
    }

    fn peak_memory(self) -> anyhow::Result<u64> {
        match self {
            Self::Ours => peak_memory_of("self"),
            Self::Other(process) => peak_memory_of(&process.to_string()),
        }
    }
}

/// CPU time so far of all threads of this process, and of the programs it has run to their end.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
        + ticks_of("self", 15)
}

/// CPU time so far of all threads of a process; zero if there is none.
pub(crate) fn cpu_time_of(process: &str) -> Duration {
    ticks_of(process, 13)
}

/// User and system time as Linux counts them, in ticks: two fields of the process's line (proc(5) counts from 1), the
/// second of which is a name that may hold anything. From 13 on: its own; from 15 on: its children's.
fn ticks_of(process: &str, from: usize) -> Duration {
    let line = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = line.rsplit_once(')').map_or("", |(_, fields)| fields).split_ascii_whitespace();
    let ticks: u64 = fields.skip(from - 2).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1))
}

/// The high-water mark of a process's resident memory, as Linux counts it.
pub(crate) fn peak_memory_of(process: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    Ok(kilobytes.ok_or_else(|| anyhow::anyhow!("/proc/{process}/status has no VmHWM"))? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_items_does_not_count_and_their_content_does() {
        let (a, b) = (Work::page(3, "one", ["x", "y"]), Work::page(4, "two", ["z"]));
        assert_eq!(a + b, b + a);
        assert_ne!(a.checksum, Work::page(3, "one", ["y", "x"]).checksum);
        assert_ne!(a.checksum, Work::page(3, "one", ["xy"]).checksum);
        assert_ne!(a.checksum, Work::page(3, "one x", ["y"]).checksum);
        assert_ne!(Work::file(b"abc"), Work::file(b"abd"));
    }

    #[test]
    fn white_space_does_not_count() {
        assert_eq!(Work::page(1, " a\n b ", [" x "]), Work::page(1, "a b", ["x"]));
    }

    #[test]
    fn passes_are_repeated_until_the_time_is_up_and_all_are_counted() {
        let mut laps = Laps::new(Duration::from_millis(20));
        let work = Work { items: 2, bytes: 10, checksum: 7 };
        while laps.again() {
            laps.done(work).unwrap();
        }
        let run = laps.finish().unwrap();
        assert!(run.seconds >= 0.020, "{run:?}");
        assert!(run.passes > 1 && run.items() == 2.0 * run.passes as f64, "{run:?}");
        assert!(100_000 < run.pass_peak_bytes && run.pass_peak_bytes <= run.peak_bytes, "{run:?}");
    }

    #[test]
    fn a_run_of_no_time_is_one_pass() {
        let mut laps = Laps::new(Duration::ZERO);
        let mut passes = 0;
        while laps.again() {
            passes += 1;
            laps.done(Work::default()).unwrap();
        }
        assert_eq!(passes, 1);
    }

    #[test]
    fn a_pass_that_differs_from_the_one_before_is_an_error() {
        let mut laps = Laps::new(Duration::from_secs(1));
        assert!(laps.again());
        laps.done(Work { items: 1, ..Work::default() }).unwrap();
        assert!(laps.done(Work { items: 2, ..Work::default() }).is_err());
    }

    #[test]
    fn the_cost_of_another_process_is_its_own() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let mut laps = Laps::new(Duration::ZERO);
        laps.done_by(child.id());
        assert!(laps.again());
        let busy = Instant::now();
        while busy.elapsed() < Duration::from_millis(50) {}
        laps.done(Work::default()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let run = laps.finish().unwrap();
        assert!(run.cpu_seconds < 0.03, "{run:?}");
        assert!(run.peak_bytes > 0, "{run:?}");
    }

    #[test]
    fn what_another_program_measured_of_itself_is_what_it_came_to() {
        let mut laps = Laps::new(Duration::from_secs(1));
        let work = Work { items: 3, ..Work::default() };
        let run = Run { work, passes: 2, seconds: 1.0, cpu_seconds: 2.0, peak_bytes: 9, pass_peak_bytes: 8 };
        laps.made_elsewhere(run);
        let finished = laps.finish().unwrap();
        assert_eq!((finished.work, finished.passes, finished.peak_bytes), (work, 2, 9));
    }

    #[test]
    fn nothing_done_is_an_error() {
        assert!(Laps::new(Duration::ZERO).finish().is_err());
    }
}
