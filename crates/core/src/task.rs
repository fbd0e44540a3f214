//! Tasks: work that runs on the executor while its owner does something else.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::cancel::CancelToken;
use crate::context::{Context, Within};
use crate::deadline::timeout;
use crate::outcome::{By, Ended, Outcome, Panic, Reason};
use crate::registry::{Alive, Kind};
use crate::rt::{self, Handle};

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
pub fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let outer = Context::current();
    let context = outer.with_token(outer.token().child());
    let alive = context.enlist(context.kind());
    let handle = rt::spawn(Guarded { work: context.clone().within(future), alive });
    Task { handle: Some(handle), context }
}

/// Starts a future that serves others (a connection driver, an accept loop) and inherits no scope and no deadline.
///
/// It runs until it is done. The root scope ends services last, after every task is gone; without a root
/// scope it runs as long as the process. A panic ends it alone.
pub fn spawn_service<F>(future: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let context = Context::current().for_service();
    let alive = context.enlist(Kind::Service);
    let handle = rt::spawn(Guarded { work: context.clone().within(future), alive });
    hand_over(handle, &context);
}

/// Leaves a handle to the root scope, or where there is none to nobody.
fn hand_over<T: Send + 'static>(handle: Handle<Result<T, Panic>>, context: &Context) {
    match context.registry() {
        Some(registry) => registry.keep(context.kind(), context.token().clone(), handle),
        None => handle.detach(),
    }
}

pin_project! {
    /// Work whose panics are values, those of its drop included, for they would abort the process; and which counts
    /// as alive until it has been dropped.
    struct Guarded<F> {
        #[pin]
        work: Within<F>,
        alive: Option<Alive>,
    }

    impl<F> PinnedDrop for Guarded<F> {
        fn drop(this: Pin<&mut Self>) {
            let _ = end(this.project().work);
        }
    }
}

fn end<F>(work: Pin<&mut Within<F>>) -> std::thread::Result<()> {
    catch_unwind(AssertUnwindSafe(|| work.end()))
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Panic>;

    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        let mut work = self.project().work;
        let output = match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(poll) => Ok(ready!(poll)),
            Err(payload) => Err(payload),
        };
        let dropped = end(work);
        Poll::Ready(output.and_then(|output| dropped.map(|()| output)).map_err(Panic::new))
    }
}

/// A running task. Awaiting it gives its [`Outcome`]; dropping it cancels it.
///
/// A dropped task is not polled again after the poll in progress, but its drop may still be under way on
/// another thread: [`cancel`](Self::cancel) returns once the future is gone.
#[must_use = "a task is cancelled when its handle is dropped: await it, keep it, or call detach()"]
pub struct Task<T> {
    handle: Option<Handle<Result<T, Panic>>>,
    /// The task's own.
    context: Context,
}

impl<T> Task<T> {
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
    pub async fn cancel_within(mut self, grace: Duration, reason: Reason) -> Outcome<T> {
        self.token().cancel(reason.clone());
        let has_time = !grace.is_zero() && self.token().is_listened_to();
        if has_time && let Ok(outcome) = timeout(grace, &mut self).await {
            return outcome;
        }
        match self.handle.take() {
            Some(handle) => match handle.cancel().await {
                Some(Ok(value)) => Ok(value),
                Some(Err(panic)) => Err(Ended::Panicked(panic)),
                None => Err(Ended::Cancelled(reason)),
            },
            None => Err(Ended::Cancelled(reason)),
        }
    }
}

impl<T: Send + 'static> Task<T> {
    /// Lets the task go on without a handle. The root scope still ends and joins it; once that has begun, a task
    /// that is detached is cancelled.
    pub fn detach(mut self) {
        if let Some(handle) = self.handle.take() {
            hand_over(handle, &self.context);
        }
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
        Poll::Ready(outcome.map_err(Ended::Panicked))
    }
}

fn already_taken() -> Reason {
    Reason::by_whom(By::Caller, "its outcome was already taken")
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        // First the handle, so that the token wakes nobody who would then be polled once more.
        if self.handle.take().is_some() {
            self.token().cancel(Reason::by_whom(By::Drop, "nobody waits for the task any more"));
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}
