//! A second signal that the root scope does not take, because a poll of the main future does not return, does what it
//! does by default: it ends the process.
//!
//! A thread of its own sees the signals as the root does, and is told when that takes one. SIGHUP it does not see: whoever closes
//! a terminal does not ask twice.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use async_signal::{Signal, Signals};
use futures::StreamExt;
use signal_hook::low_level::emulate_default_handler;

use crate::rt;
use crate::timers::Timer;

/// How long the root has to take the second signal.
const PATIENCE: Duration = Duration::from_millis(500);

/// A root that took one so short a time before is not stuck: two that come together may be taken as one.
const RECENT: Duration = Duration::from_secs(1);

static SEEN: Mutex<Seen> = Mutex::new(Seen { is_listening: false, signals: 0, last_taken: None });

struct Seen {
    is_listening: bool,
    /// Since somebody listens.
    signals: usize,
    last_taken: Option<Instant>,
}

fn seen() -> MutexGuard<'static, Seen> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The first root begins to listen.
pub(crate) fn begin() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        if let Ok(signals) = Signals::new([Signal::Int, Signal::Term]) {
            rt::start_thread("gather-signals", watch(signals));
        }
    });
    *seen() = Seen { is_listening: true, signals: 0, last_taken: None };
}

/// The last root listens no more.
pub(crate) fn end() {
    seen().is_listening = false;
}

/// A root has taken a signal.
pub(crate) fn taken() {
    seen().last_taken = Some(Instant::now());
}

async fn watch(mut signals: Signals) {
    while let Some(Ok(signal)) = signals.next().await {
        if is_insistent() {
            let came = Instant::now();
            Timer::at(came + PATIENCE).await;
            if seen().is_ignored(came) {
                let _ = emulate_default_handler(signal as i32);
            }
        }
    }
}

/// Counts one more, and says whether it is not the first.
fn is_insistent() -> bool {
    let mut seen = seen();
    seen.signals += 1;
    seen.signals > 1
}

impl Seen {
    /// Whether no root took this signal or, shortly before, another one.
    fn is_ignored(&self, came: Instant) -> bool {
        self.is_listening && self.last_taken.is_none_or(|taken| taken + RECENT < came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_ignored_unless_one_was_taken_at_about_that_time() {
        let came = Instant::now() + 10 * RECENT;
        let seen = |is_listening, last_taken| Seen { is_listening, signals: 2, last_taken };
        assert!(seen(true, None).is_ignored(came));
        assert!(seen(true, Some(came - 2 * RECENT)).is_ignored(came));
        assert!(!seen(true, Some(came - RECENT / 2)).is_ignored(came));
        assert!(!seen(true, Some(came + PATIENCE / 2)).is_ignored(came));
        assert!(!seen(false, None).is_ignored(came));
    }
}
