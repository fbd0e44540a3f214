//! The clock on the wall: what outlives the process is told by it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds of the Unix epoch.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

/// A duration in milliseconds, rounded up.
pub(crate) fn millis(duration: impl Into<Duration>) -> i64 {
    let duration = duration.into();
    i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX / 4)
}
