//! Groups of tasks that begin, fail and end together.

mod failure;
mod member;
mod policy;
mod shared;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

pub use self::failure::{Cause, Failed, GroupError};
pub use self::policy::Policy;
use self::shared::Shared;
use crate::cancel::CancelToken;
use crate::context::Context;
use crate::outcome::{By, Reason};

/// Tasks that are joined together, whatever comes (asyncio's `TaskGroup`, trio's nursery).
///
/// The tasks run on the executor, below the scope, the deadline and the clock of the code that made the group.
/// Each returns a `Result`. No path that returns from [`join`](Self::join), [`settle`](Self::settle) or
/// [`cancel`](Self::cancel) leaves one running. A group that is dropped cancels all of its tasks without blocking:
/// none is polled again after the poll in progress, and [`closed`](Self::closed) or the root scope waits until they
/// are gone. Failures that nobody looked at are then reported to the root scope.
///
/// Defaults: [`Policy::FailFast`], no bound on the width, a grace of 5 s.
///
/// ```
/// use gather_core::{TaskGroup, run, sleep};
/// use std::time::Duration;
///
/// let values = run(async {
///     let group = TaskGroup::new();
///     for n in [3, 1, 2] {
///         group.spawn(async move {
///             sleep(Duration::from_millis(n)).await;
///             if n < 10 { Ok(n) } else { Err("too many") }
///         });
///     }
///     group.join().await
/// });
/// assert_eq!(values.unwrap().unwrap(), [3, 1, 2]);
/// ```
#[must_use = "a group cancels its tasks when it is dropped: join it"]
pub struct TaskGroup<T, E>
where
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    shared: Arc<Shared<T, E>>,
}

impl<T, E> Default for TaskGroup<T, E>
where
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<T, E> TaskGroup<T, E>
where
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    /// A group below the current scope, with the defaults.
    pub fn new() -> Self {
        let token = CancelToken::current().child();
        let context = Context::with_current(|outer| outer.with_token(token.clone()));
        Self { shared: Arc::new(Shared::new(context)) }
    }

    /// What a failure means for the others. To be set before the first task is spawned, like the options below.
    pub fn policy(self, policy: Policy) -> Self {
        self.shared.state().options.policy = policy;
        self
    }

    /// How many tasks run at once; further ones wait, in order, until there is room. The default is no bound.
    pub fn width(self, width: NonZeroUsize) -> Self {
        self.shared.state().options.width = Some(width);
        self
    }

    /// How long a task that listens for its cancelling has to end by itself. The default is 5 s; zero drops all at
    /// once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{Reason, TaskGroup, cancelled, run, sleep};
    ///
    /// let outcomes = run(async {
    ///     let group = TaskGroup::<(), String>::new().grace(Duration::ZERO);
    ///     group.spawn(async {
    ///         cancelled().await;
    ///         sleep(Duration::from_secs(3600)).await; // to clean up
    ///         Ok(())
    ///     });
    ///     group.cancel(Reason::new("enough")).await
    /// });
    /// assert!(outcomes.unwrap()[0].as_ref().unwrap_err().is_cancelled());
    /// ```
    pub fn grace(self, grace: Duration) -> Self {
        self.shared.state().options.grace = grace;
        self
    }

    /// What the group is called in its error.
    pub fn named(self, name: impl Into<String>) -> Self {
        self.shared.state().options.name = Some(name.into());
        self
    }

    /// Adds a task, which begins at once or when there is room, and gives its number, from 0. In a group that has been
    /// cancelled it is not begun, and counts as cancelled.
    #[track_caller]
    pub fn spawn<F>(&self, work: F) -> usize
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.shared.admit(None, Location::caller(), work)
    }

    /// [`spawn`](Self::spawn), with a name, which the error tells.
    ///
    /// ```
    /// use gather_core::{TaskGroup, run};
    ///
    /// let error = run(async {
    ///     let group = TaskGroup::<(), &str>::new();
    ///     assert_eq!(group.spawn_named("probe", async { Err("down") }), 0);
    ///     group.join().await.unwrap_err()
    /// });
    /// assert_eq!(error.unwrap().to_string(), "1 of 1 tasks failed (probe: down)");
    /// ```
    #[track_caller]
    pub fn spawn_named<F>(&self, name: impl Into<Cow<'static, str>>, work: F) -> usize
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.shared.admit(Some(name.into()), Location::caller(), work)
    }

    /// Something that adds tasks to the group, for those that find more work while they run.
    ///
    /// ```
    /// use gather_core::{TaskGroup, run};
    ///
    /// let found = run(async {
    ///     let group = TaskGroup::<&str, String>::new();
    ///     let more = group.spawner();
    ///     group.spawn(async move {
    ///         more.spawn(async { Ok("found on the way") });
    ///         Ok("the first")
    ///     });
    ///     group.join().await
    /// });
    /// assert_eq!(found.unwrap().unwrap(), ["the first", "found on the way"]);
    /// ```
    pub fn spawner(&self) -> Spawner<T, E> {
        Spawner { shared: self.shared.clone() }
    }

    /// Waits until a task that is spawned now would begin at once: what fills a group from a long list waits here, so
    /// that no queue grows.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use gather_core::{TaskGroup, run};
    ///
    /// let sum = run(async {
    ///     let group = TaskGroup::<u64, String>::new().width(NonZeroUsize::new(8).unwrap());
    ///     for n in 0..100 {
    ///         group.room().await;
    ///         group.spawn(async move { Ok(n) });
    ///     }
    ///     group.join().await.unwrap().into_iter().sum::<u64>()
    /// });
    /// assert_eq!(sum.unwrap(), 4950);
    /// ```
    pub async fn room(&self) {
        self.shared.room().await;
    }

    /// The next outcome as they come, with the number of its task; `None` when no task is left. What it gives,
    /// [`join`](Self::join) does not give again. Dropping the future loses none.
    ///
    /// ```
    /// use gather_core::{TaskGroup, run};
    ///
    /// let sum = run(async {
    ///     let group = TaskGroup::<u64, String>::new();
    ///     for n in 0..10 {
    ///         group.spawn(async move { Ok(n) });
    ///     }
    ///     let mut sum = 0;
    ///     while let Some((_number, outcome)) = group.next().await {
    ///         sum += outcome.unwrap();
    ///     }
    ///     sum
    /// });
    /// assert_eq!(sum.unwrap(), 45);
    /// ```
    pub async fn next(&self) -> Option<(usize, Result<T, Failed<E>>)> {
        self.shared.next().await
    }

    /// Waits for all tasks and gives their values in the order of spawning. Dropped while pending, it drops the group.
    ///
    /// # Errors
    /// [`GroupError`], which names every failure, if a task failed or was cancelled. Under [`Policy::Supervise`] there is
    /// none, and there are no values either.
    ///
    /// ```
    /// use gather_core::{TaskGroup, run};
    ///
    /// let joined = run(async {
    ///     let group = TaskGroup::new();
    ///     group.spawn(async { if 7 % 2 == 1 { Err("odd") } else { Ok(7) } });
    ///     group.join().await
    /// });
    /// assert_eq!(joined.unwrap().unwrap_err().to_string(), "1 of 1 tasks failed (task 0: odd)");
    /// ```
    pub async fn join(self) -> Result<Vec<T>, GroupError<E>> {
        let outcomes = self.shared.all().await;
        let mut error = GroupError {
            name: self.shared.state().options.name.take(),
            reason: self.shared.context().token().reason(),
            failures: Vec::new(),
            cancelled: 0,
            tasks: outcomes.len(),
        };
        let mut values = Vec::with_capacity(outcomes.len());
        for (_, outcome) in outcomes {
            match outcome {
                Ok(value) => values.push(value),
                Err(failed) if failed.is_cancelled() => error.cancelled += 1,
                Err(failed) => error.failures.push(failed),
            }
        }
        let is_whole = error.failures.is_empty() && error.cancelled == 0;
        if is_whole { Ok(values) } else { Err(error) }
    }

    /// Waits for all tasks and gives what came of each, in the order of spawning. Dropped while pending, it drops the
    /// group.
    ///
    /// ```
    /// use gather_core::{Policy, TaskGroup, run};
    ///
    /// let outcomes = run(async {
    ///     let group = TaskGroup::new().policy(Policy::Collect);
    ///     group.spawn(async { Err("down") });
    ///     group.spawn(async { Ok(7) });
    ///     group.settle().await
    /// })
    /// .unwrap();
    /// assert_eq!(outcomes[0].as_ref().unwrap_err().to_string(), "task 0: down");
    /// assert_eq!(*outcomes[1].as_ref().unwrap(), 7);
    /// ```
    pub async fn settle(self) -> Vec<Result<T, Failed<E>>> {
        self.shared.all().await.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// Cancels all tasks, and returns what came of each once all are gone. Those that wait for room are not begun;
    /// those that listen have the grace to end by themselves; the others are dropped where they are.
    ///
    /// ```
    /// use gather_core::{Reason, TaskGroup, run};
    ///
    /// let outcomes = run(async {
    ///     let group = TaskGroup::<(), String>::new();
    ///     group.spawn(std::future::pending());
    ///     group.cancel(Reason::new("enough")).await
    /// });
    /// assert!(outcomes.unwrap()[0].as_ref().unwrap_err().is_cancelled());
    /// ```
    pub async fn cancel(self, reason: Reason) -> Vec<Result<T, Failed<E>>> {
        self.stop(reason);
        self.settle().await
    }

    /// Begins to [`cancel`](Self::cancel) all tasks, without waiting. The first reason stays.
    ///
    /// ```
    /// use gather_core::{Reason, TaskGroup, run};
    ///
    /// let error = run(async {
    ///     let group = TaskGroup::<(), String>::new();
    ///     group.spawn(std::future::pending());
    ///     group.stop(Reason::new("enough"));
    ///     group.join().await.unwrap_err()
    /// });
    /// assert_eq!(error.unwrap().reason(), Some(&Reason::new("enough")));
    /// ```
    pub fn stop(&self, reason: Reason) {
        self.shared.cancel(reason);
    }

    /// A future that is ready once the group was cancelled, joined or dropped, and all of its tasks are gone. It can
    /// outlive the group.
    ///
    /// ```
    /// use gather_core::{TaskGroup, run};
    ///
    /// run(async {
    ///     let group = TaskGroup::<(), String>::new();
    ///     group.spawn(std::future::pending());
    ///     let closed = group.closed();
    ///     drop(group);
    ///     closed.await;
    /// })
    /// .unwrap();
    /// ```
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<T, E> {
        let shared = self.shared.clone();
        async move { shared.closed().await }
    }

    /// How many tasks are there: running, waiting for room, or on their way out.
    ///
    /// ```
    /// use gather_core::{TaskGroup, run};
    ///
    /// run(async {
    ///     let group = TaskGroup::<(), String>::new();
    ///     assert!(group.is_empty());
    ///     group.spawn(std::future::pending());
    ///     assert_eq!(group.len(), 1);
    /// })
    /// .unwrap();
    /// ```
    pub fn len(&self) -> usize {
        self.shared.state().len()
    }

    /// Whether no task is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T, E> Drop for TaskGroup<T, E>
where
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    fn drop(&mut self) {
        self.shared.abandon(Reason::by_whom(By::Drop, "its group was dropped"));
    }
}

impl<T, E> fmt::Debug for TaskGroup<T, E>
where
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Adds tasks to a [`TaskGroup`] from anywhere. Clones add to the same group; none keeps the group from being joined.
///
/// ```
/// use gather_core::{Reason, TaskGroup, run};
///
/// let outcomes = run(async {
///     let group = TaskGroup::<&str, String>::new();
///     let spawner = group.spawner();
///     spawner.spawn(std::future::pending());
///     spawner.spawn_named("late", std::future::pending());
///     spawner.stop(Reason::new("enough"));
///     group.settle().await
/// });
/// let late = outcomes.unwrap().remove(1).unwrap_err();
/// assert_eq!(late.to_string(), "late: cancelled by its caller: enough");
/// ```
pub struct Spawner<T, E> {
    shared: Arc<Shared<T, E>>,
}

impl<T, E> Spawner<T, E>
where
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    /// As [`TaskGroup::spawn`].
    #[track_caller]
    pub fn spawn<F>(&self, work: F) -> usize
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.shared.admit(None, Location::caller(), work)
    }

    /// As [`TaskGroup::spawn_named`].
    #[track_caller]
    pub fn spawn_named<F>(&self, name: impl Into<Cow<'static, str>>, work: F) -> usize
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.shared.admit(Some(name.into()), Location::caller(), work)
    }

    /// As [`TaskGroup::stop`].
    pub fn stop(&self, reason: Reason) {
        self.shared.cancel(reason);
    }
}

impl<T, E> Clone for Spawner<T, E> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T, E> fmt::Debug for Spawner<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").finish_non_exhaustive()
    }
}
