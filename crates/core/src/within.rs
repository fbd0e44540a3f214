//! The token of the current scope, and running a future under another.

use std::future::Future;
use std::pin::Pin;
use std::task::{Poll, ready};

use pin_project_lite::pin_project;

use crate::cancel::{CancelToken, Cancelled};
use crate::context::{Changed, Context};
use crate::outcome::Reason;

/// A future that is ready, with who and why, once the current scope is cancelled.
///
/// That is the scope of the code that calls this function, wherever the future is awaited. Inside a
/// [`spawn`](crate::spawn)ed task it is the task's own, and a scope is cancelled with any of those around it.
/// Waiting for it asks for time to clean up: see [`Task::cancel`](crate::Task::cancel).
///
/// ```
/// use futures::future::{Either, select};
/// use gather_core::{CancelToken, Reason, cancelled, run};
///
/// let token = CancelToken::new();
/// token.cancel(Reason::new("closing"));
/// let why = run(token.within(async {
///     match select(Box::pin(std::future::pending::<()>()), cancelled()).await {
///         Either::Left(_) => unreachable!(),
///         Either::Right((reason, _work)) => reason,
///     }
/// }));
/// assert_eq!(why.unwrap().why(), "closing");
/// ```
pub fn cancelled() -> Cancelled {
    CancelToken::current().cancelled()
}

impl CancelToken {
    /// The token of the scope that the calling code runs in; outside of any, one that never fires.
    ///
    /// ```
    /// use gather_core::{CancelToken, Reason, run, to_thread};
    ///
    /// let token = CancelToken::new();
    /// token.cancel(Reason::new("closing"));
    /// let is_cancelled = || CancelToken::current().is_cancelled();
    /// assert!(run(token.within(to_thread(is_cancelled))).unwrap().unwrap());
    /// assert!(!is_cancelled());
    /// ```
    pub fn current() -> Self {
        Context::current_token()
    }

    /// Runs a future, and what it spawns, with this token as its scope. It is not dropped when the token fires.
    ///
    /// ```
    /// use gather_core::{CancelToken, Reason, run, spawn};
    ///
    /// let token = CancelToken::new();
    /// let stop = token.clone();
    /// let seen = run(token.within(async move {
    ///     stop.cancel(Reason::new("closing"));
    ///     spawn(async { CancelToken::current().reason() }).await.unwrap()
    /// }));
    /// assert_eq!(seen.unwrap(), Some(Reason::new("closing")));
    /// ```
    pub fn within<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.scope_of(future)
    }

    /// Runs a future until it is done or the token fires; then it is dropped and the reason returned.
    ///
    /// ```
    /// use gather_core::{CancelToken, Reason, run};
    ///
    /// let token = CancelToken::new();
    /// token.cancel(Reason::new("enough"));
    /// let stopped = run(token.run(std::future::pending::<()>())).unwrap();
    /// assert_eq!(stopped.unwrap_err().why(), "enough");
    /// ```
    pub fn run<F: Future>(&self, future: F) -> impl Future<Output = Result<F::Output, Reason>> + use<F> {
        UntilCancelled { work: self.scope_of(future), cancelled: self.cancelled() }
    }

    fn scope_of<F: Future>(&self, future: F) -> Changed<F, impl FnOnce(&Context) -> Context + use<F>> {
        let token = self.clone();
        Context::changed(move |outer| outer.with_token(token), future)
    }
}

pin_project! {
    struct UntilCancelled<F, C> {
        #[pin]
        work: Changed<F, C>,
        cancelled: Cancelled,
    }
}

impl<F, C> Future for UntilCancelled<F, C>
where
    F: Future,
    C: FnOnce(&Context) -> Context,
{
    type Output = Result<F::Output, Reason>;

    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(output) = this.work.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let reason = ready!(Pin::new(this.cancelled).poll(cx));
        this.work.end();
        Poll::Ready(Err(reason))
    }
}
