//! Tasks: work that runs on the executor while its owner does something else.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use futures::FutureExt;
use pin_project_lite::pin_project;

use crate::cancel::CancelToken;
use crate::context::{Context, Within};
use crate::debug::{self, Polling};
use crate::identity::Identity;
use crate::outcome::{By, Ended, Outcome, Panic, Reason};
use crate::primitives::yield_now;
use crate::registry::{Keep, Suspect};
use crate::rt::Handle;
use crate::timeout::timeout;
use crate::unseen::Fault;

/// How long a cancelled task or scope has to clean up, unless somebody says otherwise: 5 s.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(5);

/// Starts a future on the executor, at once, and returns the handle to it (asyncio's `create_task`).
///
/// The task inherits the scope, deadline and clock of the code that spawns it. A panic in it is a value
/// ([`Ended::Panicked`]) and harms nobody else. Dropping the handle cancels the task.
///
/// ```
/// use gather_core::{run, spawn};
///
/// let sum = run(async {
///     let task = spawn(async { 1 + 2 });
///     task.await.unwrap()
/// });
/// assert_eq!(sum.unwrap(), 3);
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    begin(None, Location::caller(), future)
}

/// [`spawn`], with a name for the task: errors, reports and [`Task::name`] tell it
/// (asyncio's `create_task(…, name=…)`).
///
/// ```
/// use gather_core::{run, spawn_named};
///
/// run(async {
///     let task = spawn_named("adder", async { 1 + 2 });
///     assert_eq!(task.name(), Some("adder"));
///     assert_eq!(task.await.unwrap(), 3);
/// })
/// .unwrap();
/// ```
#[track_caller]
pub fn spawn_named<F>(name: impl Into<Cow<'static, str>>, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    begin(Some(name.into()), Location::caller(), future)
}

/// Spawns on behalf of somebody else, whose place it was.
pub(crate) fn begin<F>(
    name: Option<Cow<'static, str>>,
    place: &'static Location<'static>,
    future: F,
) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let context =
        Context::with_current(|outer| outer.child(debug::identify(name.clone(), place, outer.identity())));
    Task::begin(context, future)
}

/// Starts a future that serves others (a connection driver, an accept loop) and inherits no scope and no deadline.
///
/// It runs until it is done. The root scope ends services last, after every task is gone; without a root
/// scope it runs as long as the process. A panic ends it alone, and goes to the
/// [`reporter`](crate::Root::reporter) of the root scope.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{Deadline, run, spawn_service, timeout};
///
/// let (tell, told) = std::sync::mpsc::channel();
/// run(timeout(Duration::from_secs(60), async {
///     spawn_service(async move { tell.send(Deadline::current()).unwrap() });
///     assert_eq!(told.recv(), Ok(Deadline::never()));
/// }))
/// .unwrap()
/// .unwrap();
/// ```
#[track_caller]
pub fn spawn_service<F>(future: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let context = Context::with_current(Context::for_service).identified(None, Location::caller());
    Task::begin(context, future).detach();
}

pin_project! {
    /// Work whose panics are values, those of its drop included, for they would abort the process; and which counts
    /// as alive until it has been dropped.
    pub(crate) struct Guarded<F> {
        #[pin]
        work: Within<F>,
    }

    impl<F> PinnedDrop for Guarded<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut work = this.project().work;
            let dropped = end(work.as_mut());
            let Some(context) = work.context() else { return };
            if let Err(payload) = dropped {
                drop(Unread::new(payload, Some(context)));
            }
            debug::over(context.identity());
            context.set_gone();
            if let Some(registry) = context.registry() {
                if context.is_shielded() {
                    registry.leave_shielded();
                }
                registry.leave(context.kind());
            }
        }
    }
}

impl<F> Guarded<F> {
    pub(crate) fn new(context: Context, work: F) -> Self
    where
        F: Future,
    {
        if let Some(registry) = context.registry() {
            registry.enter(context.kind());
            if context.is_shielded() {
                registry.enter_shielded();
            }
        }
        Self { work: context.within(work) }
    }

    /// Drops the work. A panic of its destructor is given back.
    pub(crate) fn end(self: Pin<&mut Self>) -> std::thread::Result<()> {
        end(self.project().work)
    }
}

fn end<F>(work: Pin<&mut Within<F>>) -> std::thread::Result<()> {
    catch_unwind(AssertUnwindSafe(|| work.end()))
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Unread>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        let mut work = self.as_mut().project().work;
        let _polling = Polling::begin(work.as_mut().context().and_then(Context::identity));
        let payload = match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(poll) => return poll.map(|output| hand_over(output, work.context())),
            Err(payload) => payload,
        };
        let _ = end(work.as_mut()); // of two panics the first is told
        Poll::Ready(Err(Unread::new(payload, work.context())))
    }
}

/// Sends an output on its way to the handle. If nobody holds that it is dropped here: kept to the end of the root scope it
/// would hold back what it holds, a permit or a lock.
fn hand_over<T>(output: T, context: Option<&Context>) -> Result<T, Unread> {
    let Some(context) = context.filter(|context| !context.sets_out()) else { return Ok(output) };
    drop_for_good(output, context);
    Err(Unread::lost())
}

/// The panic of a task on its way to who awaits it. The root scope is told of it as soon as it is clear that nobody
/// does.
pub(crate) struct Unread(Option<Box<(Panic, Option<Context>)>>);

impl Unread {
    pub(crate) fn new(payload: Box<dyn Any + Send>, context: Option<&Context>) -> Self {
        let mut unread = Self(Some(Box::new((Panic::from(payload), context.cloned()))));
        if context.is_some_and(|context| !context.sets_out()) {
            unread.tell();
        }
        unread
    }

    /// Of what has gone without a trace.
    pub(crate) fn lost() -> Self {
        Self(None)
    }

    fn tell(&mut self) {
        if let Some((panic, Some(context))) = self.0.take().map(|unread| *unread) {
            context.report(Fault::Panicked(panic));
        }
    }

    pub(crate) fn read(mut self) -> Ended {
        match self.0.take() {
            Some(unread) => Ended::Panicked(unread.0),
            None => Ended::Cancelled(already_taken()),
        }
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.tell();
    }
}

/// A running task. Awaiting it gives its [`Outcome`]; dropping it cancels it.
///
/// A dropped task is not polled again after the poll in progress, but its drop may still be under way on
/// another thread: [`cancel`](Self::cancel) returns once the future is gone.
///
/// ```
/// use gather_core::{Reason, cancelled, run, sleep, spawn};
///
/// run(async {
///     let task = spawn(async { cancelled().await }); // called in the task, it is that scope
///     assert!(!task.is_finished());
///     task.token().cancel(Reason::new("enough"));
///     assert_eq!(task.await.unwrap().why(), "enough");
/// })
/// .unwrap();
/// ```
#[must_use = "a task is cancelled when its handle is dropped: await it, keep it, or call detach()"]
pub struct Task<T> {
    handle: Option<Handle<Result<T, Unread>>>,
    /// The task's own.
    context: Context,
}

impl<T> Task<T> {
    /// The name that [`spawn_named`] gave it.
    pub fn name(&self) -> Option<&str> {
        self.context.identity()?.name()
    }

    /// Whether the task has ended, in whichever way.
    pub fn is_finished(&self) -> bool {
        self.handle.as_ref().is_none_or(Handle::is_finished)
    }

    /// The token of the task's own scope: firing it asks the task to stop, and no more than that.
    pub fn token(&self) -> &CancelToken {
        self.context.token()
    }

    /// Cancels the task and returns once its future is gone, with what became of it.
    ///
    /// First the task's token fires. If somebody inside waits for [`cancelled`](crate::cancelled), the task has
    /// [`DEFAULT_GRACE`] to end by itself, and what it returns is its outcome; otherwise, and after the grace,
    /// the future is dropped where it is and the outcome is [`Ended::Cancelled`] with this reason.
    ///
    /// ```
    /// use gather_core::{Reason, run, spawn};
    ///
    /// let outcome = run(async {
    ///     let task = spawn(std::future::pending::<()>());
    ///     task.cancel(Reason::new("enough")).await
    /// });
    /// assert_eq!(outcome.unwrap().unwrap_err().reason().unwrap().why(), "enough");
    /// ```
    pub async fn cancel(self, reason: Reason) -> Outcome<T> {
        self.cancel_within(DEFAULT_GRACE, reason).await
    }

    /// [`cancel`](Self::cancel) with a grace period of its own; zero drops the future at once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{Reason, run, spawn};
    ///
    /// let outcome = run(async {
    ///     spawn(std::future::pending::<()>()).cancel_within(Duration::ZERO, Reason::new("enough")).await
    /// });
    /// assert!(outcome.unwrap().is_err());
    /// ```
    pub async fn cancel_within(mut self, grace: Duration, reason: Reason) -> Outcome<T> {
        self.token().cancel(reason.clone());
        let has_time = !grace.is_zero() && self.token().is_listened_to();
        if has_time && let Ok(outcome) = timeout(grace, &mut self).await {
            return outcome;
        }
        match self.handle.take() {
            Some(handle) => match handle.cancel().await {
                Some(result) => result.map_err(Unread::read),
                None => Err(Ended::Cancelled(reason)),
            },
            None => Err(Ended::Cancelled(reason)),
        }
    }
}

impl<T: Send + 'static> Task<T> {
    pub(crate) fn begin<F>(context: Context, future: F) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        let handle = context.executor().spawn(Guarded::new(context.clone(), future));
        Self { handle: Some(handle), context }
    }

    /// Lets the task go on without a handle. The root scope still ends and joins it; once that has begun, a task
    /// that is detached is cancelled, unless it listens for that.
    ///
    /// A panic in it goes to the [`reporter`](crate::Root::reporter) of the root scope. Its output is dropped, also if it is
    /// an `Err`, for there is no telling one among all types there are. So a task that can fail is detached by
    /// [`detach_reporting`](Self::detach_reporting), or hands its error to [`report`](crate::report).
    ///
    /// ```
    /// use gather_core::{run, spawn};
    ///
    /// let (tell, told) = std::sync::mpsc::channel();
    /// run(async {
    ///     spawn(async move { tell.send(7) }).detach();
    ///     assert_eq!(told.recv(), Ok(7));
    /// })
    /// .unwrap();
    /// ```
    pub fn detach(mut self) {
        let Some(handle) = self.handle.take() else { return };
        match self.context.abandon() {
            true => drop_finished(handle, &self.context),
            false => keep(handle, self.context.clone()),
        }
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// What came of it, if it is over or about to be; else it is cancelled.
    pub(crate) fn into_outcome(mut self) -> Option<Outcome<T>> {
        if !self.context.is_over() {
            return None;
        }
        let handle = self.handle.take()?;
        wait_for_end(&handle);
        let result = handle.fallible().now_or_never().flatten();
        result.map(|result| result.map_err(Unread::read))
    }
}

/// Leaves a handle to the root scope, if there is one.
pub(crate) fn keep<T: Send + 'static>(handle: Handle<T>, context: Context) {
    match context.registry() {
        Some(registry) => registry.clone().keep(context.kind(), Detached { handle, context }),
        None => handle.detach(),
    }
}

/// Drops the handle of a task that is about to be over: its panic is to be told, or its output dropped, now and not when the
/// root scope has ended.
fn drop_finished<T>(handle: Handle<T>, context: &Context) {
    wait_for_end(&handle);
    drop_for_good(handle, context);
}

/// Of a task whose output has set out, which is a matter of instructions.
fn wait_for_end<T>(handle: &Handle<T>) {
    while !handle.is_finished() {
        yield_now();
    }
}

/// Drops what nobody will look at, in the context of its task. A panic of its destructor is told.
fn drop_for_good<T>(unwanted: T, context: &Context) {
    let _entered = context.enter();
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(unwanted))) {
        context.report(Fault::Panicked(Panic::from(payload)));
    }
}

/// A task whose handle only the root scope holds.
struct Detached<T> {
    handle: Handle<T>,
    context: Context,
}

impl<T: Send> Keep for Detached<T> {
    fn is_over(&self) -> bool {
        self.handle.is_finished()
    }

    fn is_deaf(&self) -> bool {
        !self.context.is_shielded() && !self.context.is_listened_to()
    }

    fn suspect(&self) -> Box<dyn Suspect> {
        Box::new(self.context.clone())
    }
}

impl Suspect for Context {
    fn is_gone(&self) -> bool {
        self.is_gone()
    }

    fn identity(&self) -> Option<Arc<Identity>> {
        self.identity().cloned()
    }
}

impl<T> Future for Task<T> {
    type Output = Outcome<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Outcome<T>> {
        let Some(handle) = self.handle.as_mut() else {
            return Poll::Ready(Err(Ended::Cancelled(already_taken())));
        };
        let outcome = ready!(Pin::new(handle).poll(cx));
        self.handle = None;
        Poll::Ready(outcome.map_err(Unread::read))
    }
}

fn already_taken() -> Reason {
    Reason::by_whom(By::Caller, "its outcome was already taken")
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        // First the handle, so that the token wakes nobody who would then be polled once more.
        if let Some(handle) = self.handle.take() {
            match self.context.abandon() {
                true => drop_finished(handle, &self.context),
                false => drop(handle),
            }
            self.token().cancel(Reason::by_whom(By::Drop, "nobody waits for the task any more"));
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}
