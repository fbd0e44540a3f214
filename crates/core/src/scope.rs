//! The token of the current scope, and running a future under another.

use std::future::Future;

use futures::future::{Either, select};

use crate::cancel::{CancelToken, Cancelled};
use crate::context::Context;
use crate::outcome::Reason;

/// A future that is ready, with who and why, once the current scope is cancelled.
///
/// Inside a [`spawn`](crate::spawn)ed task that is the task's own token, or that of any scope around it.
/// Waiting for it asks for time to clean up: see [`Task::cancel`](crate::Task::cancel).
pub fn cancelled() -> Cancelled {
    CancelToken::current().cancelled()
}

impl CancelToken {
    /// The token of the scope that the calling code runs in; outside of any, one that never fires.
    pub fn current() -> Self {
        Context::current().token().clone()
    }

    /// Runs a future, and what it spawns, with this token as its scope. It is not dropped when the token fires.
    pub fn within<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let token = self.clone();
        async move { Context::current().with_token(token).within(future).await }
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
    pub async fn run<F: Future>(&self, future: F) -> Result<F::Output, Reason> {
        let work = std::pin::pin!(self.within(future));
        match select(work, self.cancelled()).await {
            Either::Left((output, _)) => Ok(output),
            Either::Right((reason, _)) => Err(reason),
        }
    }
}
