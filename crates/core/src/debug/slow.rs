//! Slow polls, and who is told of them.

use std::fmt;
use std::io::Write;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::identity::Identity;

/// A poll that blocks its thread, or did.
///
/// ```standalone_crate
/// use std::sync::mpsc;
/// use std::time::Duration;
/// use gather_core::debug::{self, Options};
/// use gather_core::{run, spawn_named};
///
/// let (tell, told) = mpsc::channel();
/// let report = move |slow: &debug::SlowPoll| drop(tell.send(slow.clone()));
/// debug::start(Options::new().slow(Duration::from_millis(5)).reporter(report));
/// let slow = run(spawn_named("sleeper", async move { told.recv().unwrap() })).unwrap().unwrap();
/// assert_eq!((slow.task(), slow.is_over()), (Some("sleeper"), false));
/// assert!(slow.elapsed() >= Duration::from_millis(5));
/// ```
#[derive(Clone, Debug)]
pub struct SlowPoll {
    pub(super) task: Arc<Identity>,
    pub(super) thread: Option<String>,
    pub(super) elapsed: Duration,
    pub(super) is_over: bool,
}

impl SlowPoll {
    /// The name of the task, if it has one.
    pub fn task(&self) -> Option<&str> {
        self.task.name()
    }

    /// Where the task was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.task.spawned_at()
    }

    /// The name of the thread that it blocks, if it has one.
    pub fn thread(&self) -> Option<&str> {
        self.thread.as_deref()
    }

    /// How long the poll has lasted so far, or in the end.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Whether the poll has returned.
    pub fn is_over(&self) -> bool {
        self.is_over
    }
}

impl fmt::Display for SlowPoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (has, millis) =
            (if self.is_over { "blocked" } else { "has been blocking" }, self.elapsed.as_millis());
        let thread = self.thread.as_deref().unwrap_or("without a name");
        write!(f, "{} {has} the thread {thread} for {millis} ms", self.task)
    }
}

/// How debug mode reports. The defaults are those of `GATHER_DEBUG=1`.
///
/// ```
/// use std::time::Duration;
/// use gather_core::debug::Options;
///
/// let options = Options::new().slow(Duration::ZERO).reporter(|slow| assert!(!slow.elapsed().is_zero()));
/// assert_eq!(format!("{options:?}"), "Options { slow: 1ms, .. }");
/// ```
#[derive(Clone)]
pub struct Options {
    pub(super) slow: Duration,
    pub(super) reporter: Arc<dyn Fn(&SlowPoll) + Send + Sync>,
}

impl Options {
    /// 100 ms; reports go to stderr.
    pub fn new() -> Self {
        Self { slow: DEFAULT_SLOW, reporter: Arc::new(|slow| say(slow)) }
    }

    /// From when on a poll counts as slow. The default is 100 ms; less than 1 ms counts as 1 ms.
    #[must_use]
    pub fn slow(mut self, threshold: Duration) -> Self {
        self.slow = threshold.max(Duration::from_millis(1));
        self
    }

    /// Who is told of slow polls, on the watchdog's thread while they last, and on their own when they are over. The
    /// default prints a line to stderr.
    #[must_use]
    pub fn reporter(mut self, reporter: impl Fn(&SlowPoll) + Send + Sync + 'static) -> Self {
        self.reporter = Arc::new(reporter);
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("slow", &self.slow).finish_non_exhaustive()
    }
}

pub(super) const DEFAULT_SLOW: Duration = Duration::from_millis(100);

/// To stderr: whoever turns debug mode on asks for it. Where that is closed there is nobody to tell.
pub(super) fn say(what: &dyn std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "gather: {what}");
}
