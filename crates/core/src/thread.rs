//! Blocking work on threads, in two lanes that are bounded, so that neither starves the other.

use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};

use futures::channel::oneshot;

use crate::cancel::CancelToken;
use crate::context::Context;
use crate::lane::Lane;
use crate::outcome::{By, Outcome, Reason};
use crate::registry::Kind;
use crate::task::Unread;

/// Runs a blocking closure on a thread of the I/O lane (asyncio's `to_thread`).
///
/// A panic in it is a value. Dropping the future before the closure has started means that it never starts; after
/// that the closure runs to its end, still holding its place in the lane, and its result is dropped. A closure that
/// takes long looks at [`CancelToken::current`] from time to time: that is a token of its own, below the caller's,
/// which also fires when the future is dropped.
///
/// At its end the root scope waits for closures that tasks have started, but half a second at most: nothing can
/// stop a thread from outside. One that goes on longer is left behind, and its place told to the
/// [`reporter`](crate::Root::reporter).
///
/// ```
/// use gather_core::{run, to_thread};
///
/// let text = run(async { to_thread(|| std::fs::read_to_string("Cargo.toml")).await });
/// assert!(text.unwrap().unwrap().unwrap().contains("gather-core"));
/// ```
#[track_caller]
pub fn to_thread<T, F>(work: F) -> impl Future<Output = Outcome<T>> + Send + use<T, F>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    run_on_thread(Lane::Io, work, Location::caller())
}

/// [`to_thread`], in the lane of your choice.
///
/// A closure that blocks until another one of the same lane is done (by a `block_on`, a channel or a lock) keeps its place
/// meanwhile. When all places are taken by such ones, none goes on any more; in the CPU lane of a machine with one core
/// that takes a single one. Let the task await the one closure, then the other; where a closure must wait for another, that
/// belongs in the other lane. [`Lane::running`] and [`Lane::queued`] show such a lane: full, with others in line.
///
/// ```
/// use gather_core::{Lane, run, to_thread_in};
///
/// let sum = run(to_thread_in(Lane::Cpu, || (1..=1000_u64).sum::<u64>()));
/// assert_eq!(sum.unwrap().unwrap(), 500_500);
/// ```
#[track_caller]
pub fn to_thread_in<T, F>(lane: Lane, work: F) -> impl Future<Output = Outcome<T>> + Send + use<T, F>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    run_on_thread(lane, work, Location::caller())
}

async fn run_on_thread<T, F>(lane: Lane, work: F, place: &'static Location<'static>) -> Outcome<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let caller = Context::current();
    let busy = caller.executor().busy();
    let token = caller.token().child();
    let context = caller.with_token(token.clone());
    let mut wanted = Wanted(Some(token));
    let alive = (caller.kind() != Kind::Service).then(|| caller.enlist_thread(place));
    let (tell, told) = oneshot::channel();
    let ticket = lane.crew().submit(Box::new(move || {
        let _busy = busy; // until the caller is woken, which the end of the closure alone is too early for
        let _alive = alive;
        let _entered = context.enter();
        let result = catch_unwind(AssertUnwindSafe(work));
        let _ = tell.send(result.map_err(|payload| Unread::new(payload, Some(&context))));
    }));
    let result = told.await;
    wanted.0 = None; // it has come to its end, and what it has started goes on
    drop(ticket);
    result.unwrap_or_else(|_| Err(Unread::lost())).map_err(Unread::read)
}

/// Tells the closure, when it is dropped before the end of that, that nobody waits for it any more.
struct Wanted(Option<CancelToken>);

impl Drop for Wanted {
    fn drop(&mut self) {
        if let Some(token) = self.0.take() {
            token.cancel(Reason::by_whom(By::Drop, "nobody waits for the closure any more"));
        }
    }
}
