//! The bounds on a body, counted as it comes.

use std::time::Instant;

use crate::bounds::{Limits, MinRate};
use crate::error::{ErrorKind, Failure};

/// Below this many decoded bytes the ratio is not looked at: small pages of blanks compress well, too.
const RATIO_FLOOR: u64 = 1 << 20;

/// What of a body has come so far, against what may come.
#[derive(Debug)]
pub(crate) struct Meter {
    wire: u64,
    /// How much of it the decoder has taken: what waits to be decoded is no licence for what comes out.
    taken: u64,
    decoded: u64,
    max: u64,
    ratio: u64,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { wire: 0, taken: 0, decoded: 0, max: limits.body, ratio: u64::from(limits.ratio) }
    }

    /// Bytes that came over the wire.
    pub(crate) fn wire(&self) -> u64 {
        self.wire
    }

    /// Refuses a body that says it will be too large, before any of it is read.
    pub(crate) fn declared(&self, bytes: u64) -> Result<(), Failure> {
        if bytes > self.max { Err(self.too_large(&format!("the body has {bytes} bytes"))) } else { Ok(()) }
    }

    pub(crate) fn add_wire(&mut self, bytes: usize) -> Result<(), Failure> {
        self.wire = self.wire.saturating_add(bytes as u64);
        if self.wire > self.max { Err(self.too_large("the body is too large")) } else { Ok(()) }
    }

    /// So many bytes more were taken off the wire's, and so many came out of them.
    pub(crate) fn add_decoded(&mut self, taken: usize, bytes: usize) -> Result<(), Failure> {
        self.taken = self.taken.saturating_add(taken as u64);
        self.decoded = self.decoded.saturating_add(bytes as u64);
        if self.decoded > self.max {
            return Err(self.too_large("the decoded body is too large"));
        }
        if self.decoded > RATIO_FLOOR && self.decoded / self.ratio.max(1) > self.taken {
            let fact = format!("the body decodes to more than {} times its size", self.ratio);
            let failure = Failure::new(ErrorKind::TooLarge, fact);
            return Err(failure.hint("--max-ratio (Limits::ratio) sets the limit"));
        }
        Ok(())
    }

    /// What so many more bytes on the wire are likely to decode to: as much as those before them, and a little more.
    pub(crate) fn likely(&self, wire: u64) -> usize {
        let all = u128::from(wire) * u128::from(self.decoded) / u128::from(self.taken.max(1));
        let all = u64::try_from(all + all / 16).unwrap_or(u64::MAX);
        usize::try_from(all.min(self.max.saturating_sub(self.decoded))).unwrap_or_default()
    }

    /// The body is decoded once more from its beginning.
    pub(crate) fn forget_decoded(&mut self) {
        (self.taken, self.decoded) = (0, 0);
    }

    fn too_large(&self, fact: &str) -> Failure {
        let fact = format!("{fact}: the limit is {} bytes", self.max);
        Failure::new(ErrorKind::TooLarge, fact).hint("--max-size (max_body) sets the limit")
    }
}

/// Whether a body comes fast enough, looked at as its pieces come: what does not come at all is idle.
#[derive(Debug)]
pub(crate) struct Pulse {
    slowest: Option<MinRate>,
    since: Option<Instant>,
    bytes: u64,
}

impl Pulse {
    pub(crate) fn new(slowest: Option<MinRate>) -> Self {
        Self { slowest, since: None, bytes: 0 }
    }

    /// Nothing was read for a while, and that was our choice.
    pub(crate) fn rest(&mut self) {
        (self.since, self.bytes) = (None, 0);
    }

    /// A piece has come. Large ones are beyond doubt, and cost no look at the clock.
    pub(crate) fn beat(&mut self, bytes: usize, now: impl FnOnce() -> Instant) -> Result<(), Failure> {
        let Some(slowest) = self.slowest else { return Ok(()) };
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes >= slowest.bytes {
            self.rest();
            return Ok(());
        }
        let now = now();
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= slowest.within {
            return Err(Failure::too_slow(self.bytes, slowest));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn meter(body: u64, ratio: u32) -> Meter {
        Meter::new(&Limits { body, ratio, ..Limits::default() })
    }

    #[test]
    fn the_limit_itself_is_allowed_and_one_more_is_not() {
        assert!(meter(10, 5).declared(10).is_ok());
        assert!(meter(10, 5).declared(11).is_err());
        let mut meter = meter(10, 5);
        assert!(meter.add_wire(10).is_ok());
        assert_eq!(meter.add_wire(1).unwrap_err().kind, ErrorKind::TooLarge);
    }

    #[test]
    fn the_ratio_counts_only_above_the_floor() {
        let mut meter = meter(u64::MAX, 10);
        meter.add_wire(1000).unwrap();
        assert!(meter.add_decoded(1000, RATIO_FLOOR as usize).is_ok());
        assert_eq!(meter.add_decoded(0, 1).unwrap_err().kind, ErrorKind::TooLarge);
    }

    #[test]
    fn what_has_come_and_was_not_decoded_yet_counts_for_nothing() {
        let mut meter = meter(u64::MAX, 10);
        meter.add_wire(1 << 20).unwrap();
        assert!(meter.add_decoded(RATIO_FLOOR as usize / 10, RATIO_FLOOR as usize).is_ok());
        assert!(meter.add_decoded(0, 11).is_err());
    }

    #[test]
    fn what_is_likely_to_come_is_as_what_came_and_never_beyond_the_limit() {
        let mut meter = meter(1000, 100);
        assert_eq!(meter.likely(1 << 60), 0);
        meter.add_wire(20).unwrap();
        meter.add_decoded(10, 160).unwrap();
        assert_eq!(meter.likely(10), 170);
        assert_eq!(meter.likely(u64::MAX), 840);
    }

    #[test]
    fn a_wait_of_our_own_does_not_count_as_a_stall() {
        let slowest = MinRate { bytes: 100, within: Duration::from_secs(10) };
        let (mut pulse, start) = (Pulse::new(Some(slowest)), Instant::now());
        pulse.beat(1, || start).unwrap();
        pulse.rest();
        assert!(pulse.beat(1, || start + Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn a_trickle_ends_and_a_slow_stream_goes_on() {
        let slowest = MinRate { bytes: 100, within: Duration::from_secs(10) };
        let start = Instant::now();
        let ends_after = |bytes: usize| {
            let mut pulse = Pulse::new(Some(slowest));
            (0..100).find(|second| pulse.beat(bytes, || start + Duration::from_secs(*second)).is_err())
        };
        assert_eq!(ends_after(1), Some(10));
        assert_eq!(ends_after(9), Some(10));
        assert_eq!(ends_after(11), None);
        assert_eq!(ends_after(1000), None);
    }
}
