//! The figures that are read off a run.

use crate::work::Run;

/// What is read off the runs of a part, and what it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    measure: Measure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    /// Items a second: the more, the better.
    ItemsPerSecond,
    /// Megabytes (10^6 bytes) of input a second: the more, the better.
    MegabytesPerSecond,
    /// Microseconds for each item: the fewer, the better.
    Time,
    /// Seconds for a pass over the whole input: the fewer, the better.
    SecondsPerPass,
    /// The same in milliseconds.
    MillisPerPass,
    /// Microseconds of CPU for each item: the fewer, the better.
    Cpu,
    /// Megabytes (10^6 bytes) that the process held at most: the fewer, the better.
    PeakMemory,
    /// The same, until the end of the first pass.
    PassPeakMemory,
}

impl Figure {
    pub(crate) const MEGABYTES_PER_SECOND: Self = Self::new("MB/s", "MB/s", Measure::MegabytesPerSecond);

    /// Those of whatever goes through pages.
    pub(crate) const OF_PAGES: [Self; 4] = [
        Self::items_per_second("pages/s"),
        Self::MEGABYTES_PER_SECOND,
        Self::cpu("cpu", "us/page"),
        Self::peak_memory("peak memory"),
    ];

    /// Items a second, named by its unit, such as `files/s`.
    pub(crate) const fn items_per_second(name: &'static str) -> Self {
        Self::new(name, name, Measure::ItemsPerSecond)
    }

    /// Microseconds for each item; the unit says of what, such as `us/task`.
    pub(crate) const fn time(name: &'static str, unit: &'static str) -> Self {
        Self::new(name, unit, Measure::Time)
    }

    /// Seconds for a pass over the whole input.
    pub(crate) const fn seconds_per_pass(name: &'static str) -> Self {
        Self::new(name, "s", Measure::SecondsPerPass)
    }

    /// Milliseconds for a pass over the whole input.
    pub(crate) const fn millis_per_pass(name: &'static str) -> Self {
        Self::new(name, "ms", Measure::MillisPerPass)
    }

    /// Microseconds of CPU for each item; the unit says of what, such as `us/file`.
    pub(crate) const fn cpu(name: &'static str, unit: &'static str) -> Self {
        Self::new(name, unit, Measure::Cpu)
    }

    /// The most that the process held.
    pub(crate) const fn peak_memory(name: &'static str) -> Self {
        Self::new(name, "MB", Measure::PeakMemory)
    }

    /// The most that the process held in its first pass.
    pub(crate) const fn pass_peak_memory(name: &'static str) -> Self {
        Self::new(name, "MB", Measure::PassPeakMemory)
    }

    const fn new(name: &'static str, unit: &'static str, measure: Measure) -> Self {
        Self { name, unit, measure }
    }

    /// Its value in this run.
    pub(crate) fn of(self, run: &Run) -> f64 {
        match self.measure {
            Measure::ItemsPerSecond => run.items() / run.seconds,
            Measure::MegabytesPerSecond => run.bytes() / 1e6 / run.seconds,
            Measure::Time => run.seconds * 1e6 / run.items(),
            Measure::SecondsPerPass => run.seconds / run.passes as f64,
            Measure::MillisPerPass => run.seconds * 1e3 / run.passes as f64,
            Measure::Cpu => run.cpu_seconds * 1e6 / run.items(),
            Measure::PeakMemory => run.peak_bytes as f64 / 1e6,
            Measure::PassPeakMemory => run.pass_peak_bytes as f64 / 1e6,
        }
    }

    /// How many times better we are than the peer: above 1 where we are ahead.
    pub(crate) fn ratio(self, ours: f64, peers: f64) -> f64 {
        match self.measure {
            Measure::ItemsPerSecond | Measure::MegabytesPerSecond => ours / peers,
            Measure::Time
            | Measure::SecondsPerPass
            | Measure::MillisPerPass
            | Measure::Cpu
            | Measure::PeakMemory
            | Measure::PassPeakMemory => peers / ours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::Work;

    const RUN: Run = Run {
        work: Work { items: 100, bytes: 4_000_000, checksum: 0 },
        passes: 10,
        seconds: 5.0,
        cpu_seconds: 8.0,
        peak_bytes: 64_000_000,
        pass_peak_bytes: 32_000_000,
    };

    #[test]
    fn figures_count_every_pass() {
        assert_eq!(Figure::items_per_second("pages/s").of(&RUN), 200.0);
        assert_eq!(Figure::MEGABYTES_PER_SECOND.of(&RUN), 8.0);
        assert_eq!(Figure::time("page", "us/page").of(&RUN), 5000.0);
        assert_eq!(Figure::seconds_per_pass("pass").of(&RUN), 0.5);
        assert_eq!(Figure::millis_per_pass("pass").of(&RUN), 500.0);
        assert_eq!(Figure::cpu("cpu", "us/page").of(&RUN), 8000.0);
        assert_eq!(Figure::peak_memory("peak memory").of(&RUN), 64.0);
        assert_eq!(Figure::pass_peak_memory("peak memory").of(&RUN), 32.0);
    }

    #[test]
    fn the_ratio_is_above_one_where_we_are_ahead() {
        assert_eq!(Figure::items_per_second("pages/s").ratio(200.0, 100.0), 2.0);
        assert_eq!(Figure::time("page", "us/page").ratio(200.0, 100.0), 0.5);
        assert_eq!(Figure::cpu("cpu", "us/page").ratio(200.0, 100.0), 0.5);
    }
}
