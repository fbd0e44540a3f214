//! The runtime, named here and nowhere else: async-std's executor, blocking pool and timers.
//!
//! `async_std::task::spawn` is a thin layer over `async-global-executor`; we spawn on that executor directly,
//! because its handle (unlike async-std's) can cancel when it is dropped. Both share one set of threads.

use std::future::Future;
use std::time::Instant;

/// A handle on the executor: dropping it cancels the future, `detach` lets it go on.
pub(crate) type Handle<T> = async_global_executor::Task<T>;

/// A timer of the process-wide reactor.
pub(crate) type Timer = async_io::Timer;

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    async_std::task::block_on(future)
}

pub(crate) fn spawn<F>(future: F) -> Handle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    async_global_executor::spawn(future)
}

pub(crate) fn unblock<T, F>(work: F) -> Handle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    async_global_executor::spawn_blocking(work)
}

#[allow(clippy::disallowed_methods, reason = "the clock itself sleeps by it")]
pub(crate) fn timer_at(when: Instant) -> Timer {
    Timer::at(when)
}
