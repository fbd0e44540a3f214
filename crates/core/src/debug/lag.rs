//! How late the executor is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::rt;
use crate::timers::Timer;

/// How long a task that was ready had to wait for a thread of the executor.
///
/// ```
/// use gather_core::debug;
///
/// let lag = debug::lag();
/// assert!(lag.latest <= lag.greatest);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lag {
    /// At the last measurement, which is made ten times a second.
    pub latest: Duration,
    /// The most since debug mode was turned on.
    pub greatest: Duration,
}

static LATEST: AtomicU64 = AtomicU64::new(0);
static GREATEST: AtomicU64 = AtomicU64::new(0);

const EACH: Duration = Duration::from_millis(100);

/// The lag of the executor that [`spawn`](crate::spawn)ed tasks run on; zero until debug mode has measured some.
///
/// ```
/// use gather_core::debug;
///
/// let lag = debug::lag();
/// assert!(lag.latest <= lag.greatest);
/// ```
pub fn lag() -> Lag {
    let [latest, greatest] =
        [&LATEST, &GREATEST].map(|gauge| Duration::from_nanos(gauge.load(Ordering::SeqCst)));
    Lag { latest: latest.min(greatest), greatest }
}

/// Measures from now on, by the system's clock whatever the tasks live by.
pub(super) fn start() {
    rt::spawn(async {
        loop {
            let due = Instant::now() + EACH;
            Timer::at(due).await;
            let late = u64::try_from(due.elapsed().as_nanos()).unwrap_or(u64::MAX);
            GREATEST.fetch_max(late, Ordering::SeqCst);
            LATEST.store(late, Ordering::SeqCst);
        }
    })
    .detach();
}
