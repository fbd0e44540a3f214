//! The figures that are read off a run.

use crate::work::Run;

/// A figure, named by its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Files or pages a second: the more, the better.
    ItemsPerSecond,
    /// Megabytes (10^6 bytes) of input a second: the more, the better.
    MegabytesPerSecond,
    /// Microseconds of CPU for each file or page: the fewer, the better.
    Cpu,
    /// Megabytes (10^6 bytes) that the process held at most: the fewer, the better.
    PeakMemory,
}

impl Figure {
    /// What it is called where the items are called so.
    pub(crate) fn name(self, item: &str) -> String {
        match self {
            Self::ItemsPerSecond => format!("{item}s/s"),
            Self::MegabytesPerSecond => "MB/s".to_owned(),
            Self::Cpu => "cpu".to_owned(),
            Self::PeakMemory => "peak memory".to_owned(),
        }
    }

    /// The unit its values are in.
    pub(crate) fn unit(self, item: &str) -> String {
        match self {
            Self::ItemsPerSecond | Self::MegabytesPerSecond => self.name(item),
            Self::Cpu => format!("us/{item}"),
            Self::PeakMemory => "MB".to_owned(),
        }
    }

    /// Its value in this run.
    pub(crate) fn of(self, run: &Run) -> f64 {
        match self {
            Self::ItemsPerSecond => run.items() / run.seconds,
            Self::MegabytesPerSecond => run.bytes() / 1e6 / run.seconds,
            Self::Cpu => run.cpu_seconds * 1e6 / run.items(),
            Self::PeakMemory => run.peak_bytes as f64 / 1e6,
        }
    }

    /// How many times better we are than the peer: above 1 where we are ahead.
    pub(crate) fn ratio(self, ours: f64, peers: f64) -> f64 {
        match self {
            Self::ItemsPerSecond | Self::MegabytesPerSecond => ours / peers,
            Self::Cpu | Self::PeakMemory => peers / ours,
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
    };

    #[test]
    fn figures_count_every_pass() {
        assert_eq!(Figure::ItemsPerSecond.of(&RUN), 200.0);
        assert_eq!(Figure::MegabytesPerSecond.of(&RUN), 8.0);
        assert_eq!(Figure::Cpu.of(&RUN), 8000.0);
        assert_eq!(Figure::PeakMemory.of(&RUN), 64.0);
    }

    #[test]
    fn the_ratio_is_above_one_where_we_are_ahead() {
        assert_eq!(Figure::ItemsPerSecond.ratio(200.0, 100.0), 2.0);
        assert_eq!(Figure::Cpu.ratio(200.0, 100.0), 0.5);
    }

    #[test]
    fn figures_are_named_by_their_unit() {
        assert_eq!(Figure::ItemsPerSecond.name("page"), "pages/s");
        assert_eq!(Figure::Cpu.unit("page"), "us/page");
    }
}
