//! Several at once in the caller's own task, started one by one, which may borrow what is outside of the scope.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use futures::future::{LocalBoxFuture, maybe_done};
use futures::stream::{FuturesUnordered, StreamExt};

use crate::cancel::CancelToken;
use crate::outcome::Reason;

/// Runs `body`, which may [`spawn`](Scope::spawn) futures that borrow from outside of the scope, and returns its value once
/// all of them are done (`std::thread::scope`, for futures).
///
/// All are polled in the caller's task: concurrent, but on one thread at a time, with the caller's runtime
/// context; they need not be `Send`. While one of them blocks, or the caller is not polled, none goes on: what that
/// can lead to, and when to take a [`TaskGroup`](crate::TaskGroup), says [`guide`](crate::guide).
///
/// The scope is one for cancelling too: [`cancelled`](crate::cancelled) in it fires with [`Scope::cancel`], or with
/// the scope around it. A panic goes on in the caller. Dropping the future drops all.
///
/// ```
/// use gather_core::{run, scope};
///
/// let pages = vec!["one".to_owned(), "three".to_owned()];
/// let longest = run(scope(async |scope| {
///     let lengths: Vec<_> = pages.iter().map(|page| scope.spawn(async move { page.len() })).collect();
///     let mut longest = 0;
///     for length in lengths {
///         longest = longest.max(length.await);
///     }
///     longest
/// }));
/// assert_eq!(longest.unwrap(), 5);
/// ```
pub async fn scope<'env, T>(body: impl AsyncFnOnce(&Scope<'env>) -> T) -> T {
    let token = CancelToken::current().child();
    let scope = Scope { started: Rc::default(), token: token.clone() };
    let _cleared = Cleared(&scope);
    token.within(drive(&scope, body(&scope))).await
}

/// Polls the body and what it has started, until all are done.
async fn drive<T>(scope: &Scope<'_>, body: impl Future<Output = T>) -> T {
    let mut body = pin!(maybe_done(body));
    let mut running = FuturesUnordered::new();
    poll_fn(|cx| {
        let body = body.as_mut().poll(cx);
        loop {
            running.extend(scope.started.take());
            let none_left = match running.poll_next_unpin(cx) {
                Poll::Ready(Some(())) => continue,
                Poll::Ready(None) => Poll::Ready(()),
                Poll::Pending => Poll::Pending,
            };
            if scope.started.borrow().is_empty() {
                ready!(body);
                return none_left;
            }
        }
    })
    .await;
    match body.as_mut().take_output() {
        Some(value) => value,
        None => pending().await, // it was taken nowhere else
    }
}

/// Drops what was started and never polled, which may hold the scope that holds it.
struct Cleared<'a, 'env>(&'a Scope<'env>);

impl Drop for Cleared<'_, '_> {
    fn drop(&mut self) {
        drop(self.0.started.take());
    }
}

/// Where futures are started that are done before the scope is. Clones are the same scope, for futures that start
/// more of them.
///
/// ```
/// use gather_core::{run, scope};
///
/// let found = run(scope(async |scope| {
///     let more = scope.clone();
///     scope.spawn(async move { more.spawn(async { "found on the way" }).await }).await
/// }));
/// assert_eq!(found.unwrap(), "found on the way");
/// ```
#[derive(Clone)]
pub struct Scope<'env> {
    started: Rc<Started<'env>>,
    token: CancelToken,
}

type Started<'env> = RefCell<Vec<LocalBoxFuture<'env, ()>>>;

impl<'env> Scope<'env> {
    /// Starts a future, which is polled from now on whether anybody awaits its handle or not.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use gather_core::{run, scope};
    ///
    /// let count = Cell::new(0);
    /// run(scope(async |scope| {
    ///     for _ in 0..10 {
    ///         scope.spawn(async { count.set(count.get() + 1) });
    ///     }
    /// }))
    /// .unwrap();
    /// assert_eq!(count.get(), 10);
    /// ```
    pub fn spawn<F>(&self, future: F) -> Scoped<F::Output>
    where
        F: Future + 'env,
        F::Output: 'env,
    {
        let slot = Rc::new(Slot { value: Cell::new(None), waiting: Cell::new(None) });
        let filled = slot.clone();
        self.started.borrow_mut().push(Box::pin(async move { filled.fill(future.await) }));
        Scoped { slot }
    }

    /// Asks all in the scope to stop: they see it in [`cancelled`](crate::cancelled). None is dropped by it.
    /// Returns whether this was the first time.
    ///
    /// ```
    /// use gather_core::{Reason, cancelled, run, scope};
    ///
    /// let why = run(scope(async |scope| {
    ///     let listens = scope.spawn(cancelled());
    ///     scope.cancel(Reason::new("enough"));
    ///     listens.await
    /// }));
    /// assert_eq!(why.unwrap().why(), "enough");
    /// ```
    pub fn cancel(&self, reason: Reason) -> bool {
        self.token.cancel(reason)
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("token", &self.token).finish_non_exhaustive()
    }
}

/// The handle of a future that runs in a [`scope`]. Dropping it lets the future go on.
///
/// ```
/// use gather_core::{run, scope};
///
/// let words = ["one", "two"];
/// let length = run(scope(async |scope| {
///     let first = scope.spawn(async { words[0].len() });
///     let second = scope.spawn(async { words[1].len() });
///     first.await + second.await
/// }));
/// assert_eq!(length.unwrap(), 6);
/// ```
pub struct Scoped<T> {
    slot: Rc<Slot<T>>,
}

struct Slot<T> {
    value: Cell<Option<T>>,
    waiting: Cell<Option<Waker>>,
}

impl<T> Slot<T> {
    fn fill(&self, value: T) {
        self.value.set(Some(value));
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

impl<T> Future for Scoped<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match self.slot.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                self.slot.waiting.set(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl<T> fmt::Debug for Scoped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scoped").finish_non_exhaustive()
    }
}
