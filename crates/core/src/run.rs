//! The root scope: runs a program's main future, listens for signals, and leaves nothing running behind it.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;

use crate::context::Context;
use crate::debug::{self, Watched};
use crate::ending::{Ending, Interrupted};
use crate::registry::Registry;
use crate::rt;
use crate::signals::Incoming;
use crate::task::DEFAULT_GRACE;
use crate::unseen::{Fault, Reporter, Unseen};

/// Runs the main future of a program on this thread until it is done (asyncio's `run`).
///
/// SIGINT, SIGTERM and SIGHUP (unless it is ignored, as below `nohup`) cancel its scope: who waits for
/// [`cancelled`](crate::cancelled) sees the signal and has 5 s to return a value; if nobody does, or the grace has run out,
/// or a second signal comes, the future is dropped and the result is [`Interrupted`]. Either way everything that was spawned below is ended and
/// joined before `run` returns, also when the main future panics; tasks first, services last. While that is under
/// way a signal ends the grace. While a poll of the main future blocks this thread nobody can do any of this: then a
/// second signal does, after half a second, what it does by default, and ends the process. After `run` the signals end
/// the process again, as they do by default. [`Root`] has the options.
///
/// A task belongs to its handle. One whose handle is held by nobody below the root when `main` is done, because `main`
/// returns it or has stored it in a `static`, is asked to stop like the others, at once, and has the grace if it listens.
/// But the root cannot drop it: it would have to know of every task, at a cost to every task. If it does not listen it is
/// given half a second, then reported as left behind ([`Root::reporter`]), and goes on until its handle is dropped.
///
/// It blocks the thread: inside another runtime, `.await` instead.
///
/// ```
/// assert_eq!(gather_core::run(async { 1 + 1 }).unwrap(), 2);
/// ```
#[track_caller]
pub fn run<F: Future>(main: F) -> Result<F::Output, Interrupted> {
    Root::new().run(main)
}

/// The options of a root scope.
///
/// ```
/// use std::time::Duration;
/// use gather_core::Root;
///
/// let root = Root::new().grace(Duration::from_secs(1));
/// assert_eq!(root.run(async { 1 + 1 }), Ok(2));
/// ```
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

    pub(crate) fn registry(&self) -> Arc<Registry> {
        let outer = || Context::with_current(|outer| outer.registry()?.reporter());
        Arc::new(Registry::new(self.reporter.clone().or_else(outer)))
    }

    /// Runs the main future as [`run`] does.
    ///
    /// # Errors
    /// [`Interrupted`], if a signal ended the future before it was done.
    #[track_caller]
    pub fn run<F: Future>(&self, main: F) -> Result<F::Output, Interrupted> {
        let root = Context::root(self.registry());
        let result = rt::block_on(self.watch(root, Incoming::listen, main, Location::caller()));
        result.unwrap_or_else(|payload| resume_unwind(payload))
    }

    /// Runs the main future below `root`, to which nothing else belongs, and joins what it has left.
    pub(crate) fn watch<F: Future>(
        &self,
        root: Context,
        signals: impl FnOnce() -> Incoming,
        main: F,
        place: &'static Location<'static>,
    ) -> impl Future<Output = std::thread::Result<Result<F::Output, Interrupted>>> {
        let token = Context::current_token().child();
        let mut context = root.with_token(token.clone());
        if debug::is_on() {
            context = context.identified(Some("main".into()), place);
        }
        // Boxed: it is moved through many frames, and may be large.
        let main = Box::pin(Watched::new(context.identity().cloned(), main));
        let grace = self.grace;
        context.clone().within(async move {
            let mut ending = Ending::new(&context, grace, signals());
            let result = AssertUnwindSafe(ending.until_interrupted(main)).catch_unwind().await;
            ending.end_all().await;
            result
        })
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
