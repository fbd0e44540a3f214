//! Seeing inside a running program: which tasks there are, what each does, and which one blocks the others.
//!
//! `GATHER_DEBUG=1` in the environment turns it on in any program that uses gather-core, below a root scope or in another
//! runtime; [`start`] does so from within. Then
//!
//! - a poll that blocks its thread for more than 100 ms (`GATHER_DEBUG=250ms` or `=2s`: another threshold) is reported while
//!   it does, with the task's name and the place it was spawned at, and once more when it is over (what asyncio's debug
//!   mode does for slow callbacks, but live);
//! - SIGUSR1 prints the tree of tasks, also while everything is blocked (`python -m asyncio pstree`);
//! - [`dump`] gives that tree as a value, as text and as JSON, with the queues of the [lanes](crate::Lane);
//! - [`lag`] is a gauge of how late the executor is.
//!
//! While it is off, a task costs one look at a flag. While it is on, a task costs about as much again.

mod lag;
mod slow;
mod tree;
mod watchdog;

use std::borrow::Cow;
use std::panic::Location;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

pub use self::lag::{Lag, lag};
use self::slow::DEFAULT_SLOW;
pub use self::slow::{Options, SlowPoll};
pub(crate) use self::tree::over;
pub use self::tree::{Dump, State, TaskInfo};
pub(crate) use self::watchdog::{Polling, Watched};
use crate::identity::Identity;

/// Turns debug mode on for the rest of the process. Tasks that were spawned before are not seen. Returns whether it was
/// off; if it was on, nothing changes.
///
/// ```standalone_crate
/// use std::time::Duration;
/// use gather_core::{debug, run, spawn_named};
///
/// assert!(debug::start(debug::Options::new().slow(Duration::from_millis(250))));
/// run(async {
///     let task = spawn_named("waits", std::future::pending::<()>());
///     let dump = debug::dump();
///     assert!(dump.tasks().iter().any(|task| task.name() == Some("waits")));
///     assert!(dump.to_string().contains("waits"));
///     drop(task);
/// })
/// .unwrap();
/// ```
pub fn start(options: Options) -> bool {
    is_on(); // so that the environment, if it says anything, comes first
    let was_off = MODE.compare_exchange(OFF, ON, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    if was_off {
        watchdog::start(options);
    }
    was_off
}

/// Whether debug mode is on.
///
/// ```standalone_crate
/// use gather_core::debug;
///
/// debug::start(debug::Options::new());
/// assert!(debug::is_on());
/// ```
pub fn is_on() -> bool {
    match MODE.load(Ordering::Relaxed) {
        ON => true,
        OFF => false,
        _ => {
            ASKED.call_once(ask_the_environment);
            MODE.load(Ordering::SeqCst) == ON
        }
    }
}

static MODE: AtomicU8 = AtomicU8::new(NOT_ASKED);
static ASKED: Once = Once::new();

const NOT_ASKED: u8 = 0;
const OFF: u8 = 1;
const ON: u8 = 2;

#[cold]
fn ask_the_environment() {
    let wanted = std::env::var("GATHER_DEBUG").ok().and_then(|value| threshold(&value));
    MODE.store(if wanted.is_some() { ON } else { OFF }, Ordering::SeqCst);
    if let Some(slow) = wanted {
        watchdog::start(Options::new().slow(slow));
    }
}

/// What `GATHER_DEBUG` asks for: nothing if it is empty or `0`, a threshold if it is one, and else the default.
fn threshold(value: &str) -> Option<Duration> {
    match value.trim() {
        "" | "0" => None,
        value => Some(duration(value).unwrap_or(DEFAULT_SLOW)),
    }
}

/// A number of `ms` or of `s`, such as `250ms`, `2s` or `0.5s`.
fn duration(value: &str) -> Option<Duration> {
    let (number, second) = match value.strip_suffix("ms") {
        Some(millis) => (millis, 1e3),
        None => (value.strip_suffix('s')?, 1.0),
    };
    let number: f64 = number.trim_end().parse().ok()?;
    Duration::try_from_secs_f64(number / second).ok().filter(|slow| !slow.is_zero())
}

/// All tasks that there are now, and how busy the lanes and the executor are. While debug mode is off there are none.
///
/// ```
/// use gather_core::debug;
///
/// let dump = debug::dump();
/// assert_eq!(dump.is_on(), debug::is_on());
/// assert!(dump.to_json()["tasks"].is_array());
/// ```
pub fn dump() -> Dump {
    tree::dump(is_on())
}

/// The identity of a task about to be spawned, if it needs one.
pub(crate) fn identify(
    name: Option<Cow<'static, str>>,
    spawned_at: &'static Location<'static>,
    parent: Option<&Arc<Identity>>,
) -> Option<Arc<Identity>> {
    if is_on() {
        return Some(tree::enter(name, spawned_at, parent));
    }
    name.map(|name| Arc::new(Identity::new(Some(name), spawned_at, None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_says_whether_and_from_when_on() {
        assert_eq!(threshold(""), None);
        assert_eq!(threshold("0"), None);
        assert_eq!(threshold("1"), Some(DEFAULT_SLOW));
        assert_eq!(threshold("yes"), Some(DEFAULT_SLOW));
        assert_eq!(threshold(" 250ms "), Some(Duration::from_millis(250)));
        assert_eq!(threshold("2s"), Some(Duration::from_secs(2)));
        assert_eq!(threshold("0.5 s"), Some(Duration::from_millis(500)));
        assert_eq!(threshold("infs"), Some(DEFAULT_SLOW));
        assert_eq!(threshold("0ms"), Some(DEFAULT_SLOW));
    }
}
