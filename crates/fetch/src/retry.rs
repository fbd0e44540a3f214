//! What is tried again, and when. Pure.

use std::time::{Duration, SystemTime};

use gather_core::{Jitter, Retry};
use http::HeaderMap;
use http::header::RETRY_AFTER;

use crate::error::{ErrorKind, Failure};

/// The longest backoff, before `Retry-After` has a say.
const BACKOFF_CAP: Duration = Duration::from_secs(30);

/// 408 Request Timeout, 429 Too Many Requests, and every 5xx, known or not.
pub(crate) fn is_retryable_status(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

/// The failure that a status of 4xx or 5xx (or above: some servers use 999) is; `None` for all others.
pub(crate) fn status_failure(status: u16) -> Option<Failure> {
    if status < 400 {
        return None;
    }
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let fact = format!("status {status} {}", reason.unwrap_or_default());
    let failure = Failure::new(ErrorKind::Status, fact.trim_end()).with_status(status);
    Some(failure.retryable(is_retryable_status(status)))
}

/// How long the whole origin is to be left alone: what an answer that says "not now" asks for.
pub(crate) fn asked_pause(status: u16, headers: &HeaderMap) -> Option<Duration> {
    let says_not_now = matches!(status, 429 | 503);
    let asked = says_not_now.then(|| retry_after(headers, SystemTime::now())).flatten();
    asked.filter(|asked| !asked.is_zero())
}

/// How long to wait after the n-th failed attempt: exponential, half of it by chance. (With all of it by chance a later
/// wait could be shorter than an earlier one; they are to grow.)
pub(crate) fn backoff(base: Duration, attempts: u32) -> Duration {
    Retry::new().base(base).cap(BACKOFF_CAP).jitter(Jitter::Equal).backoff(attempts)
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date that is compared with `now`.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        retry_after(&headers, SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777))
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(after("1"), seconds(1));
        assert_eq!(after(" 120 "), seconds(120));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:40 GMT"), seconds(3));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:00 GMT"), seconds(0));
        assert_eq!(after("99999999999999999999999"), seconds(u64::MAX));
        assert_eq!([after("-1"), after("soon"), after(""), after("1.5")], [None; 4]);
    }

    #[test]
    fn waits_grow_from_one_attempt_to_the_next() {
        let base = Duration::from_millis(200);
        for _ in 0..100 {
            let waits: Vec<_> = (1..6).map(|attempts| backoff(base, attempts)).collect();
            assert!(waits.is_sorted(), "{waits:?}");
            assert!(waits[0] >= base / 2);
        }
    }

    #[test]
    fn the_statuses_that_may_pass() {
        let retried: Vec<u16> = (100..1000).filter(|status| is_retryable_status(*status)).collect();
        assert_eq!(retried, [408, 429].into_iter().chain(500..600).collect::<Vec<u16>>());
    }
}
