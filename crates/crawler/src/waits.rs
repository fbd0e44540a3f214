//! How long to wait before a host is asked again.

use std::time::Duration;

use gather_fetch::Streaming;

/// The first wait before another attempt; it doubles each time.
const BACKOFF: Duration = Duration::from_millis(200);

/// The doublings of it, and so the longest.
const DOUBLINGS: u32 = 7;
pub(crate) const LONGEST_BACKOFF: Duration = Duration::from_millis(200 << DOUBLINGS);

/// The longest `Retry-After` that is believed.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long until another attempt, after so many.
pub(crate) fn backoff(attempts: u32) -> Duration {
    BACKOFF.saturating_mul(1 << attempts.min(DOUBLINGS))
}

/// How long the host asks to be left alone.
pub(crate) fn asked_wait(response: &Streaming) -> Option<Duration> {
    response.retry_after().map(|wait| wait.min(LONGEST_WAIT))
}
