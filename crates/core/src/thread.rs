//! Blocking work on threads, in two lanes that are bounded, so that neither starves the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;

use async_lock::Semaphore;

use crate::context::Context;
use crate::outcome::{Ended, Outcome, Panic};
use crate::rt;

/// Where blocking work runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// For calls that wait (files, name look-ups): 64 at once.
    Io,
    /// For work that computes (parsing, hashing): as many at once as there are cores.
    Cpu,
}

const IO_WIDTH: usize = 64;

static IO: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(IO_WIDTH)));
static CPU: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(Lane::Cpu.width())));

impl Lane {
    /// How many closures run at once.
    pub fn width(self) -> usize {
        match self {
            Lane::Io => IO_WIDTH,
            Lane::Cpu => available_parallelism().map_or(1, usize::from),
        }
    }

    fn permits(self) -> Arc<Semaphore> {
        match self {
            Lane::Io => IO.clone(),
            Lane::Cpu => CPU.clone(),
        }
    }
}

/// Runs a blocking closure on a thread of the I/O lane (asyncio's `to_thread`).
///
/// A panic in it is a value. The closure runs in the caller's context, so [`CancelToken::current`] is the caller's
/// token and can be looked at from time to time. Dropping the future before the closure has started means that
/// it never starts; after that the closure runs to its end, still holding its place in the lane, and its result
/// is dropped.
///
/// [`CancelToken::current`]: crate::CancelToken::current
///
/// ```
/// use gather_core::{run, to_thread};
///
/// let text = run(async { to_thread(|| std::fs::read_to_string("Cargo.toml")).await });
/// assert!(text.unwrap().unwrap().unwrap().contains("gather-core"));
/// ```
pub async fn to_thread<T, F>(work: F) -> Outcome<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    to_thread_in(Lane::Io, work).await
}

/// [`to_thread`], in the lane of your choice.
pub async fn to_thread_in<T, F>(lane: Lane, work: F) -> Outcome<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let permit = lane.permits().acquire_arc().await;
    let context = Context::current();
    let outcome = rt::unblock(move || {
        let _permit = permit;
        let _entered = context.enter();
        catch_unwind(AssertUnwindSafe(work))
    });
    outcome.await.map_err(|payload| Ended::Panicked(Panic::new(payload)))
}
