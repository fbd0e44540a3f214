//! Work that must come to its end although the scope around it is cancelled: [`shield`] and [`finally`].

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context as Poller, Poll, ready};
use std::time::Duration;

use futures::FutureExt;
use pin_project_lite::pin_project;

use crate::context::Context;
use crate::deadline::Deadline;
use crate::outcome::{By, Ended, Outcome, Reason, TimedOut};
use crate::task::{DEFAULT_GRACE, Task};
use crate::unseen::Fault;

/// Starts work, at once, that the scope and the deadline of the caller do not reach; it has `bound` to be done
/// (asyncio's `shield`, which has none).
///
/// The caller may be cancelled or dropped, or drop this handle: the work goes on. When the root scope ends it waits
/// for shielded work, to the end of its grace. What the work spawns is shielded with it.
///
/// Awaiting gives its outcome: [`Ended::Cancelled`] [by the deadline](By::Deadline) if the bound ran out. That, or a
/// panic, goes to the [`reporter`](crate::Root::reporter) of the root scope if nobody awaits it.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{run, shield, sleep, timeout};
///
/// let (tell, told) = std::sync::mpsc::channel();
/// run(async {
///     let save = async move {
///         sleep(Duration::from_millis(20)).await;
///         tell.send("saved")
///     };
///     let caller = async { shield(Duration::from_secs(1), save).await };
///     assert!(timeout(Duration::from_millis(1), caller).await.is_err());
/// })
/// .unwrap();
/// assert_eq!(told.recv(), Ok("saved"));
/// ```
#[track_caller]
pub fn shield<F>(bound: Duration, work: F) -> Shield<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let deadline = Deadline::from_now(bound, Location::caller());
    let context =
        Context::with_current(|outer| outer.shielded(deadline)).identified(None, Location::caller());
    let late = context.clone();
    let work = deadline.run(work).map(|result| result.map_err(|ran_out| Late(Some((ran_out, late)))));
    Shield { task: Some(Task::begin(context, work)) }
}

/// The news that the bound ran out. The root scope is told of it as soon as it is clear that nobody reads it.
struct Late(Option<(TimedOut, Context)>);

impl Late {
    fn read(mut self) -> Ended {
        let (ran_out, _) = self.0.take().unzip();
        Ended::Cancelled(Reason::by_whom(By::Deadline, ran_out.map_or_else(String::new, message)))
    }
}

fn message(ran_out: TimedOut) -> String {
    format!("the shielded work {ran_out}")
}

impl Drop for Late {
    fn drop(&mut self) {
        if let Some((ran_out, context)) = self.0.take() {
            context.report(Fault::Failed(message(ran_out).into()));
        }
    }
}

/// The handle of [`shield`]ed work. Dropping it lets the work go on.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{Shield, run, shield};
///
/// run(async {
///     let saving: Shield<u8> = shield(Duration::from_secs(1), async { 7 });
///     assert_eq!(saving.await.unwrap(), 7);
/// })
/// .unwrap();
/// ```
pub struct Shield<T: Send + 'static> {
    task: Option<Task<Result<T, Late>>>,
}

impl<T: Send + 'static> Future for Shield<T> {
    type Output = Outcome<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Poller<'_>) -> Poll<Outcome<T>> {
        let Some(task) = &mut self.task else { return Poll::Pending };
        let outcome = ready!(Pin::new(task).poll(cx));
        self.task = None;
        Poll::Ready(outcome.and_then(|result| result.map_err(Late::read)))
    }
}

impl<T: Send + 'static> Drop for Shield<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.detach();
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Shield<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield").field("finished", &self.task.as_ref().is_none_or(Task::is_finished)).finish()
    }
}

/// Runs `work`, and after it, however it ends, `clean_up` (Python's `try … finally`, with an `await` in it).
///
/// The clean-up runs when the work is done, when it panics, and when this future is dropped, also before its first
/// poll: cancelled, timed out, or lost to a sibling's failure. The work is dropped first. The clean-up is
/// [`shield`]ed, for 5 s ([`DEFAULT_GRACE`]); the root scope waits for it within its grace.
///
/// The output is the work's. A panic of the work goes on after the clean-up; a panic of the clean-up goes on if there is
/// somebody to go on in, and is reported otherwise, as is a clean-up that is not done within its time.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{finally, run, timeout};
///
/// let (tell, told) = std::sync::mpsc::channel();
/// run(async {
///     let work = finally(std::future::pending::<()>(), async move { tell.send("released").unwrap() });
///     assert!(timeout(Duration::from_millis(1), work).await.is_err());
/// })
/// .unwrap();
/// assert_eq!(told.recv(), Ok("released"));
/// ```
pub fn finally<F, C>(work: F, clean_up: C) -> Finally<F, C>
where
    F: Future,
    C: Future<Output = ()> + Send + 'static,
{
    Finally { work: Some(work), clean_up: CleanUp(Some(clean_up)), cleaning: None, end: None }
}

pin_project! {
    /// The future of [`finally`].
    ///
    /// ```
    /// use gather_core::{finally, run};
    ///
    /// let (tell, told) = std::sync::mpsc::channel();
    /// let work = finally(async { 7 }, async move { tell.send("released").unwrap() });
    /// assert_eq!(format!("{work:?}"), "Finally { cleaning: None, .. }");
    /// assert_eq!(run(work).unwrap(), 7);
    /// assert_eq!(told.recv(), Ok("released"));
    /// ```
    #[must_use = "it does nothing but clean up unless it is awaited"]
    pub struct Finally<F: Future, C>
    where
        C: Future<Output = ()>,
        C: Send,
        C: 'static,
    {
        #[pin]
        work: Option<F>,
        cleaning: Option<Shield<()>>,
        end: Option<Result<F::Output, Box<dyn Any + Send>>>,
        // After the work in this list, so that it is dropped, and begins, after it.
        clean_up: CleanUp<C>,
    }
}

/// A clean-up that begins when it is dropped, unless it has begun before.
struct CleanUp<C: Future<Output = ()> + Send + 'static>(Option<C>);

impl<C: Future<Output = ()> + Send + 'static> CleanUp<C> {
    fn begin(&mut self) -> Option<Shield<()>> {
        self.0.take().map(|clean_up| shield(DEFAULT_GRACE, clean_up))
    }
}

impl<C: Future<Output = ()> + Send + 'static> Drop for CleanUp<C> {
    fn drop(&mut self) {
        drop(self.begin());
    }
}

impl<F, C> Finally<F, C>
where
    F: Future,
    C: Future<Output = ()> + Send + 'static,
{
    /// Polls the work to its end, drops it, and begins the clean-up.
    fn poll_work(self: Pin<&mut Self>, cx: &mut Poller<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(mut work) = this.work.as_mut().as_pin_mut() else { return Poll::Ready(()) };
        let end = match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(poll) => Ok(ready!(poll)),
            Err(payload) => Err(payload),
        };
        *this.end = Some(end);
        this.work.set(None);
        *this.cleaning = this.clean_up.begin();
        Poll::Ready(())
    }
}

impl<F, C> Future for Finally<F, C>
where
    F: Future,
    C: Future<Output = ()> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Poller<'_>) -> Poll<F::Output> {
        ready!(self.as_mut().poll_work(cx));
        let this = self.project();
        let Some(cleaning) = this.cleaning else { return Poll::Pending };
        let cleaned = ready!(Pin::new(cleaning).poll(cx));
        *this.cleaning = None;
        match (this.end.take(), cleaned) {
            (Some(Ok(_)), Err(Ended::Panicked(panic))) => panic.resume(),
            (Some(end), cleaned) => {
                cleaned.unwrap_or_else(report);
                Poll::Ready(end.unwrap_or_else(|payload| resume_unwind(payload)))
            }
            (None, _) => Poll::Pending,
        }
    }
}

/// What there is nobody to tell, because the work has an end of its own.
fn report(ended: Ended) {
    Context::current().report(match ended {
        Ended::Panicked(panic) => Fault::Panicked(panic),
        Ended::Cancelled(reason) => Fault::Failed(format!("the clean-up was cancelled {reason}").into()),
    });
}

impl<F: Future, C: Future<Output = ()> + Send + 'static> fmt::Debug for Finally<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finally").field("cleaning", &self.cleaning).finish_non_exhaustive()
    }
}
