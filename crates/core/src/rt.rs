//! The runtime, named here and nowhere else but for its timers: the executor and the blocking pool that async-std stands on.
//!
//! `async_std::task::spawn` keeps a list of all tasks, so that an executor can be dropped, under a lock that every spawn
//! and every end of a task takes. Ours lives as long as the process, keeps none, and leaves the threads of
//! async-std's executor unstarted. The reactor and the blocking pool are the same for both.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::thread;

use async_executor::StaticExecutor;

/// A handle on the executor: dropping it cancels the future, `detach` lets it go on.
pub(crate) type Handle<T> = async_executor::Task<T>;

static EXECUTOR: StaticExecutor = StaticExecutor::new();

/// Runs a future on this thread, and with it all tasks if no thread could be started for them.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    if threads() == 0 { async_io::block_on(EXECUTOR.run(future)) } else { async_io::block_on(future) }
}

pub(crate) fn spawn<F>(future: F) -> Handle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    threads();
    EXECUTOR.spawn(future)
}

/// How many threads there are for tasks. The first call starts them: one for each core.
fn threads() -> usize {
    static STARTED: OnceLock<usize> = OnceLock::new();
    *STARTED.get_or_init(|| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let start = |number| thread::Builder::new().name(format!("gather-{number}")).spawn(work);
        (1..=cores).filter_map(|number| start(number).ok()).count()
    })
}

/// Runs a future on a thread of its own, if one can be started.
pub(crate) fn start_thread(name: &str, future: impl Future<Output = ()> + Send + 'static) {
    let _ = thread::Builder::new().name(name.to_owned()).spawn(|| async_io::block_on(future));
}

/// A panic of a task is caught with the task; should another get here, the thread goes on.
fn work() {
    loop {
        let _ = catch_unwind(AssertUnwindSafe(|| async_io::block_on(EXECUTOR.run(pending::<()>()))));
    }
}

/// Runs work on a thread of the blocking pool. Models have threads of their own for that.
#[cfg(not(shuttle))]
pub(crate) fn start_blocking(work: impl FnOnce() + Send + 'static) {
    blocking::unblock(work).detach();
}
