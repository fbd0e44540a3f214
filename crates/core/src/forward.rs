//! Tasks that can fail and that nobody awaits: their errors go to the reporter of the root scope.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll, ready};

use crate::context::Context;
use crate::outcome::{Ended, Outcome};
use crate::task::Task;
use crate::unseen::Fault;

impl<T, E> Task<Result<T, E>>
where
    T: Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
    /// [`detach`](Self::detach), for a task that can fail: its error goes, once, to the
    /// [`reporter`](crate::Root::reporter) of the root scope, as a panic of it does.
    ///
    /// ```
    /// use gather_core::{Root, spawn_named};
    ///
    /// let (tell, told) = std::sync::mpsc::channel();
    /// let root = Root::new().reporter(move |unseen| tell.send(unseen.error().unwrap().to_string()).unwrap());
    /// root.run(async {
    ///     let task = spawn_named("writer", async { Err::<(), _>("disk full") });
    ///     while !task.is_finished() {
    ///         gather_core::sleep(std::time::Duration::ZERO).await;
    ///     }
    ///     task.detach_reporting();
    /// })
    /// .unwrap();
    /// assert_eq!(told.recv().unwrap(), "disk full");
    /// ```
    pub fn detach_reporting(self) {
        let context = self.context().clone();
        let counted = Counted::begin(&context);
        let forward = Forward { task: Some(self), context: context.clone(), _counted: counted };
        let handle = context.executor().spawn(context.clone().within(forward));
        crate::task::keep(handle, context);
    }
}

/// Awaits a task for the sake of its error. Dropped when the task is over already, it still tells.
struct Forward<T, E>
where
    T: Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
    task: Option<Task<Result<T, E>>>,
    /// That of the task.
    context: Context,
    _counted: Counted,
}

impl<T, E> Forward<T, E>
where
    T: Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
    fn tell(&self, outcome: Outcome<Result<T, E>>) {
        match outcome {
            Ok(Err(error)) => self.context.report(Fault::Failed(error.into())),
            Err(Ended::Panicked(panic)) => self.context.report(Fault::Panicked(panic)),
            Ok(Ok(_)) | Err(Ended::Cancelled(_)) => {}
        }
    }
}

impl<T, E> Unpin for Forward<T, E>
where
    T: Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
}

impl<T, E> Future for Forward<T, E>
where
    T: Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Poller<'_>) -> Poll<()> {
        if let Some(task) = &mut self.task {
            let outcome = ready!(Pin::new(task).poll(cx));
            self.task = None;
            self.tell(outcome);
        }
        Poll::Ready(())
    }
}

impl<T, E> Drop for Forward<T, E>
where
    T: Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
    fn drop(&mut self) {
        if let Some(outcome) = self.task.take().and_then(Task::into_outcome) {
            self.tell(outcome);
        }
    }
}

/// Counts as alive, so that the root scope waits for the telling.
struct Counted(Context);

impl Counted {
    fn begin(context: &Context) -> Self {
        if let Some(registry) = context.registry() {
            registry.enter(context.kind());
        }
        Self(context.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(registry) = self.0.registry() {
            registry.leave(self.0.kind());
        }
    }
}
