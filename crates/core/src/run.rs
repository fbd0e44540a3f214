//! The root scope: runs a program's main future, listens for signals, and leaves nothing running behind it.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{Either, select};

use crate::cancel::CancelToken;
use crate::context::Context;
use crate::deadline::Deadline;
use crate::outcome::{By, Reason, Signal};
use crate::registry::{Kind, Registry};
use crate::rt;
use crate::signals::Incoming;
use crate::task::DEFAULT_GRACE;
use crate::unseen::{Fault, Reporter, Unseen};

/// Runs the main future of a program on this thread until it is done (asyncio's `run`).
///
/// SIGINT and SIGTERM cancel its scope: who waits for [`cancelled`](crate::cancelled) sees the signal and has
/// 5 s to return a value; if nobody does, or the grace has run out, or a second signal comes, the future is
/// dropped and the result is [`Interrupted`]. Either way everything that was spawned below is ended and
/// joined before `run` returns, also when the main future panics; tasks first, services last. While that is under
/// way a signal ends the grace. A task whose handle `main` returns is asked to stop like the others, but is not
/// dropped. After `run` the two signals end the process again, as they do by default. [`Root`] has the options.
///
/// It blocks the thread: inside another runtime, `.await` instead.
///
/// ```
/// assert_eq!(gather_core::run(async { 1 + 1 }).unwrap(), 2);
/// ```
pub fn run<F: Future>(main: F) -> Result<F::Output, Interrupted> {
    Root::new().run(main)
}

/// The options of a root scope.
#[derive(Clone)]
pub struct Root {
    grace: Duration,
    reporter: Option<Reporter>,
}

impl Default for Root {
    fn default() -> Self {
        Self::new()
    }
}

impl Root {
    /// A root scope with the defaults: a grace period of 5 s.
    pub fn new() -> Self {
        Self { grace: DEFAULT_GRACE, reporter: None }
    }

    /// How long the main future and the tasks may go on after the first signal, or the tasks after the main future
    /// is done. The default is 5 s; zero ends everything at once.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Who is told, once each, of the errors and panics that nobody looked at: see [`Unseen`]. The default is the reporter
    /// of the root scope around this one; where there is none, a panic has been shown by the panic hook, and an
    /// error is dropped. It is called on the thread on which it came to light, and should return soon.
    #[must_use]
    pub fn reporter(mut self, reporter: impl Fn(&Unseen) + Send + Sync + 'static) -> Self {
        self.reporter = Some(Arc::new(reporter));
        self
    }

    fn registry(&self) -> Arc<Registry> {
        let outer = || Context::with_current(|outer| outer.registry()?.reporter());
        Arc::new(Registry::new(self.reporter.clone().or_else(outer)))
    }

    /// Runs the main future as [`run`] does.
    ///
    /// # Errors
    /// [`Interrupted`], if a signal ended the future before it was done.
    pub fn run<F: Future>(&self, main: F) -> Result<F::Output, Interrupted> {
        let registry = self.registry();
        let token = CancelToken::current().child();
        let context = Context::root(registry.clone()).with_token(token.clone());
        let main = Box::pin(main); // it is moved through many frames, and may be large
        let result = rt::block_on(context.within(async move {
            let mut ending =
                Ending { token, registry, grace: self.grace, end: None, signals: Incoming::listen() };
            let result = AssertUnwindSafe(ending.until_interrupted(main)).catch_unwind().await;
            ending.end_all().await;
            result
        }));
        result.unwrap_or_else(|payload| resume_unwind(payload))
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Root").field("grace", &self.grace).finish_non_exhaustive()
    }
}

/// Hands an error that nobody will look at to the [`reporter`](Root::reporter) of the root scope: the last thing that
/// a detached task does with its own.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use gather_core::{Root, report, spawn};
///
/// let seen = Arc::new(Mutex::new(Vec::new()));
/// let notes = seen.clone();
/// let root = Root::new().reporter(move |unseen| notes.lock().unwrap().push(unseen.to_string()));
/// root.run(async { spawn(async { report("disk full") }).await }).unwrap().unwrap();
/// assert_eq!(*seen.lock().unwrap(), ["a task that nobody awaits failed: disk full"]);
/// ```
pub fn report(error: impl Into<Box<dyn Error + Send + Sync>>) {
    Context::current().report(Fault::Failed(error.into()));
}

/// How a root scope comes to its end.
struct Ending {
    token: CancelToken,
    registry: Arc<Registry>,
    grace: Duration,
    /// The end of the grace period, which begins at the first signal or when the main future is done.
    end: Option<Deadline>,
    signals: Incoming,
}

impl Ending {
    async fn until_interrupted<F: Future>(&mut self, main: Pin<Box<F>>) -> Result<F::Output, Interrupted> {
        let (signal, main) = match select(main, pin!(self.signals.next())).await {
            Either::Left((output, _)) => return Ok(output),
            Either::Right((signal, main)) => (signal, main),
        };
        self.begin(Reason::by_whom(By::Signal(signal), format!("the process received {signal}")));
        if self.grace.is_zero() || !self.token.is_listened_to() {
            return Err(Interrupted { signal, forced: false });
        }
        match self.wait_for(pin!(main)).await {
            Waited::Done(output) => Ok(output),
            Waited::TooLong => Err(Interrupted { signal, forced: false }),
            Waited::Signal(signal) => Err(Interrupted { signal, forced: true }),
        }
    }

    /// Fires the token and begins the grace period, unless a signal did both before.
    fn begin(&mut self, reason: Reason) {
        self.token.cancel(reason);
        self.end.get_or_insert_with(|| Deadline::after(self.grace));
    }

    /// Ends and joins what is left: tasks, then closures on threads, then services. A poll that never returns is
    /// left behind when the grace ends, for waiting on it would never end either.
    async fn end_all(&mut self) {
        self.begin(Reason::by_whom(By::Root, "the main future has ended"));
        self.registry.end_deaf_tasks();
        self.wait_until_gone(Kind::Task, Duration::ZERO).await;
        self.registry.end(Kind::Task);
        self.wait_until_gone(Kind::Task, MOMENT).await;
        self.cut_to(THREAD_GRACE);
        self.wait_until_gone(Kind::Thread, Duration::ZERO).await;
        self.registry.end(Kind::Service);
        self.wait_until_gone(Kind::Service, MOMENT).await;
    }

    /// Waits to the end of the grace, but at least so long.
    async fn wait_until_gone(&mut self, kind: Kind, at_least: Duration) {
        let registry = self.registry.clone();
        let gone = registry.gone(kind);
        if self.time_left() >= at_least {
            self.wait_for(pin!(gone)).await;
        } else {
            let _ = Deadline::after(at_least).run(gone).await;
        }
    }

    fn time_left(&self) -> Duration {
        self.end.and_then(|end| end.remaining()).unwrap_or(self.grace)
    }

    fn cut_to(&mut self, most: Duration) {
        self.end = self.end.map(|end| end.or_earlier(Deadline::after(most)));
    }

    /// Waits to the end of the grace; one more signal ends it.
    async fn wait_for<F: Future>(&mut self, work: Pin<&mut F>) -> Waited<F::Output> {
        let end = self.end.unwrap_or(Deadline::never());
        let waited = match end.run(select(work, pin!(self.signals.next()))).await {
            Ok(Either::Left((output, _))) => Waited::Done(output),
            Ok(Either::Right((signal, _))) => Waited::Signal(signal),
            Err(_) => Waited::TooLong,
        };
        if let Waited::Signal(_) = waited {
            self.cut_to(Duration::ZERO);
        }
        waited
    }
}

enum Waited<T> {
    Done(T),
    TooLong,
    Signal(Signal),
}

/// What a poll in progress gets to return, however short the grace.
const MOMENT: Duration = Duration::from_millis(100);

/// What closures on threads get at most: one that reads a terminal may never return.
const THREAD_GRACE: Duration = Duration::from_millis(500);

/// A signal ended the main future before it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted {
    signal: Signal,
    forced: bool,
}

impl Interrupted {
    /// The signal.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// Whether it was a second signal that cut the grace period short.
    pub fn is_forced(&self) -> bool {
        self.forced
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "interrupted by {}", self.signal)
    }
}

impl Error for Interrupted {}
