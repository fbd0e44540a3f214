//! SIGINT, SIGTERM and SIGHUP as a root scope hears them. While none listens they do what they do by default.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use async_signal::{Signal as OsSignal, Signals};
use futures::StreamExt;
use signal_hook::flag::register_conditional_default;

use crate::insistence;
use crate::outcome::Signal;

/// The signals as they come, from now on. Where they cannot be listened for, none ever comes.
pub(crate) struct Incoming {
    // Dropped in this order, so that there is no moment in which a signal does nothing.
    _listening: Option<Listening>,
    signals: Option<Signals>,
}

impl Incoming {
    pub(crate) fn listen() -> Self {
        // Handlers run in the order they were installed in: the question whether anybody listens must come first, for
        // once the signal is delivered the root may be done before the handler is.
        LazyLock::force(&BY_DEFAULT);
        let signals = Signals::new(HEARD.iter().copied()).ok();
        Self { _listening: signals.as_ref().map(|_| Listening::begin()), signals }
    }

    /// None ever comes, and what signals do stays as it is.
    pub(crate) fn none() -> Self {
        Self { _listening: None, signals: None }
    }

    /// The next signal. Dropping the future loses none.
    pub(crate) async fn next(&mut self) -> Signal {
        while let Some(signals) = &mut self.signals {
            let signal = match signals.next().await {
                Some(Ok(OsSignal::Int)) => Signal::Interrupt,
                Some(Ok(OsSignal::Term)) => Signal::Terminate,
                Some(Ok(OsSignal::Hup)) => Signal::Hangup,
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => {
                    self.signals = None;
                    continue;
                }
            };
            insistence::taken();
            return signal;
        }
        std::future::pending().await
    }
}

/// What is listened for. SIGHUP is not where it is ignored, as `nohup` asks for, or where that cannot be told.
static HEARD: LazyLock<Vec<OsSignal>> = LazyLock::new(|| {
    let hangup = (is_hangup_ignored() == Some(false)).then_some(OsSignal::Hup);
    [OsSignal::Int, OsSignal::Term].into_iter().chain(hangup).collect()
});

/// Whether the process ignores SIGHUP, as proc(5) tells it: a bit for each signal, the lowest for the first.
fn is_hangup_ignored() -> Option<bool> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let ignored = u64::from_str_radix(ignored.trim(), 16).ok()?;
    Some(ignored & (1 << (OsSignal::Hup as i32 - 1)) != 0)
}

/// A handler once installed stays installed, so it is told when to do what no handler would have done.
static BY_DEFAULT: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| {
    let by_default = Arc::new(AtomicBool::new(true));
    for signal in HEARD.iter() {
        let _ = register_conditional_default(*signal as i32, by_default.clone()); // without it a signal after the root is ignored
    }
    by_default
});

static LISTENERS: Mutex<usize> = Mutex::new(0);

struct Listening;

impl Listening {
    fn begin() -> Self {
        if Self::count(|listeners| listeners + 1) == 1 {
            insistence::begin();
        }
        Self
    }

    fn count(change: impl FnOnce(usize) -> usize) -> usize {
        let mut listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
        *listeners = change(*listeners);
        BY_DEFAULT.store(*listeners == 0, Ordering::SeqCst);
        *listeners
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if Self::count(|listeners| listeners.saturating_sub(1)) == 0 {
            insistence::end();
        }
    }
}
