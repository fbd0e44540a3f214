//! How a task can end, as values: done, cancelled (by whom, why), panicked.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What became of a task: its value, or how it ended without one.
pub type Outcome<T> = Result<T, Ended>;

/// How a task ended without a value.
///
/// ```
/// use gather_core::{Reason, run, spawn};
///
/// let (cancelled, panicked) = run(async {
///     let waits = spawn(std::future::pending::<()>());
///     let breaks = spawn(async { panic!("no such branch") as bool });
///     (waits.cancel(Reason::new("enough")).await, breaks.await)
/// })
/// .unwrap();
/// assert_eq!(cancelled.unwrap_err().reason().unwrap().why(), "enough");
/// assert!(panicked.unwrap_err().is_panic());
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Ended {
    /// The task was cancelled before it was done.
    Cancelled(Reason),
    /// The task panicked; the payload is kept.
    Panicked(Panic),
}

impl Ended {
    /// The reason, if the task was cancelled.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Ended::Cancelled(reason) => Some(reason),
            Ended::Panicked(_) => None,
        }
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self, Ended::Panicked(_))
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Cancelled(reason) => write!(f, "the task was cancelled {reason}"),
            Ended::Panicked(panic) => write!(f, "the task {panic}"),
        }
    }
}

impl Error for Ended {}

/// Who cancelled, and why.
///
/// ```
/// use gather_core::{By, Reason};
///
/// let reason = Reason::new("no longer needed");
/// assert_eq!(reason.by(), By::Caller);
/// assert_eq!(reason.to_string(), "by its caller: no longer needed");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    by: By,
    why: Cow<'static, str>,
}

impl Reason {
    /// A reason given by the program itself.
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self::by_whom(By::Caller, why)
    }

    pub(crate) fn by_whom(by: By, why: impl Into<Cow<'static, str>>) -> Self {
        Self { by, why: why.into() }
    }

    /// Who cancelled.
    pub fn by(&self) -> By {
        self.by
    }

    /// Why, in words.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The signal that cancelled, if it was one.
    ///
    /// ```
    /// use gather_core::Reason;
    ///
    /// assert_eq!(Reason::new("no longer needed").signal(), None);
    /// ```
    pub fn signal(&self) -> Option<Signal> {
        match self.by {
            By::Signal(signal) => Some(signal),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by {}: {}", self.by, self.why)
    }
}

/// Who cancelled a task or a scope.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{By, run, shield};
///
/// let ended = run(async { shield(Duration::ZERO, std::future::pending::<()>()).await.unwrap_err() });
/// assert_eq!(ended.unwrap().reason().unwrap().by(), By::Deadline);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum By {
    /// The program called `cancel`.
    Caller,
    /// The task's handle was dropped.
    Drop,
    /// The process received a signal.
    Signal(Signal),
    /// The root scope ended while the task was still running.
    Root,
    /// Another task of its group failed.
    Sibling,
    /// Its time limit ran out.
    Deadline,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Caller => f.write_str("its caller"),
            By::Drop => f.write_str("the drop of its handle"),
            By::Signal(signal) => write!(f, "{signal}"),
            By::Root => f.write_str("the root scope"),
            By::Sibling => f.write_str("a failed sibling"),
            By::Deadline => f.write_str("its deadline"),
        }
    }
}

/// A signal that stops a program.
///
/// ```
/// use gather_core::Signal;
///
/// assert_eq!(Signal::Interrupt.to_string(), "SIGINT");
/// assert_eq!(Signal::Terminate.exit_code(), 143);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// SIGINT, which a terminal sends for Ctrl-C.
    Interrupt,
    /// SIGTERM, which `kill` and service managers send.
    Terminate,
    /// SIGHUP, which comes when a terminal is closed.
    Hangup,
}

impl Signal {
    /// The exit code that shells expect of a process that this signal ended: 128 and its number, which is 130, 143 or 129.
    ///
    /// ```
    /// use gather_core::Signal;
    ///
    /// assert_eq!(Signal::Interrupt.exit_code(), 130);
    /// assert_eq!(Signal::Terminate.exit_code(), 143);
    /// assert_eq!(Signal::Hangup.exit_code(), 129);
    /// ```
    pub fn exit_code(self) -> u8 {
        match self {
            Signal::Interrupt => 130,
            Signal::Terminate => 143,
            Signal::Hangup => 129,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
            Signal::Hangup => "SIGHUP",
        })
    }
}

/// The panic of a task or of a closure on a thread, with its payload.
///
/// ```
/// use gather_core::{Ended, run, to_thread};
///
/// let Err(Ended::Panicked(panic)) = run(to_thread(|| panic!("no such branch") as u8)).unwrap() else {
///     unreachable!()
/// };
/// assert_eq!(panic.message(), "no such branch");
/// assert_eq!(panic.into_payload().downcast_ref(), Some(&"no such branch"));
/// ```
pub struct Panic(Box<Caught>); // boxed, because every task keeps room for one

struct Caught {
    message: String,
    /// A payload need not be `Sync`; behind the lock the error is, as errors should be.
    payload: Mutex<Box<dyn Any + Send>>,
}

impl Panic {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
            (Some(text), _) => (*text).to_owned(),
            (_, Some(text)) => text.clone(),
            _ => "a payload that is not a string".to_owned(),
        };
        Self(Box::new(Caught { message, payload: Mutex::new(payload) }))
    }

    /// The message the panic carried.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The payload, to look at or to pass on.
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.0.payload.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the panic go on in the caller.
    ///
    /// ```
    /// use std::panic::catch_unwind;
    /// use gather_core::Panic;
    ///
    /// let panic = Panic::from(catch_unwind(|| panic!("no such branch")).unwrap_err());
    /// let payload = catch_unwind(std::panic::AssertUnwindSafe(|| panic.resume())).unwrap_err();
    /// assert_eq!(payload.downcast_ref(), Some(&"no such branch"));
    /// ```
    pub fn resume(self) -> ! {
        std::panic::resume_unwind(self.into_payload())
    }
}

impl From<Box<dyn Any + Send>> for Panic {
    /// From what `catch_unwind` and `JoinHandle::join` give.
    fn from(payload: Box<dyn Any + Send>) -> Self {
        Self::new(payload)
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panic").field("message", &self.0.message).finish_non_exhaustive()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.0.message)
    }
}

/// A time limit ran out, and what it bounded was dropped.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{Deadline, run};
///
/// let late = run(Deadline::after(Duration::ZERO).named("the import").run(std::future::pending::<()>()));
/// assert_eq!(late.unwrap().unwrap_err().to_string(), "the import timed out after 0ns");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut {
    limit: Option<Duration>,
    scope: Option<&'static str>,
    set_at: &'static Location<'static>,
}

impl TimedOut {
    pub(crate) const fn new(
        limit: Option<Duration>,
        scope: Option<&'static str>,
        set_at: &'static Location<'static>,
    ) -> Self {
        Self { limit, scope, set_at }
    }

    /// The limit, where it was given as a duration.
    pub fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// The name of the scope that ran out of time, if its [`Deadline`](crate::Deadline) has one.
    pub fn scope(&self) -> Option<&'static str> {
        self.scope
    }

    /// Where in the code the limit was set: which of several it was, when none has a name.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{run, timeout};
    ///
    /// let late = run(timeout(Duration::ZERO, std::future::pending::<()>())).unwrap().unwrap_err();
    /// assert_eq!(late.set_at().file(), file!());
    /// assert_eq!((late.limit(), late.scope()), (Some(Duration::ZERO), None));
    /// ```
    pub fn set_at(&self) -> &'static Location<'static> {
        self.set_at
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scope) = self.scope {
            write!(f, "{scope} ")?;
        }
        match (self.limit, self.scope) {
            (Some(limit), _) => write!(f, "timed out after {limit:?}"),
            (None, Some(_)) => f.write_str("missed its deadline"),
            (None, None) => f.write_str("the deadline passed"),
        }
    }
}

impl Error for TimedOut {}

impl From<TimedOut> for std::io::Error {
    fn from(error: TimedOut) -> Self {
        std::io::Error::new(std::io::ErrorKind::TimedOut, error)
    }
}
