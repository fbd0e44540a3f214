//! The everyday toolkit of Python's asyncio, in Rust, with promises asyncio does not make.
//!
//! | to | take |
//! |---|---|
//! | run a program | [`run`], [`Root`] |
//! | start work and go on | [`spawn`], [`Task`], [`spawn_service`] |
//! | run several at once, in place | [`gather`](gather()), [`gather!`], [`settle`], [`first`], [`first_ok`], [`scope`] |
//! | run several at once, as tasks | [`TaskGroup`], [`as_completed`] |
//! | work through a stream, so many at once | [`map_concurrent`] |
//! | bound it in time | [`timeout`], [`Deadline`] |
//! | stop it | [`Task::cancel`], [`CancelToken`], [`cancelled`] |
//! | see it to its end, or clean up | [`shield`], [`finally`] |
//! | hear of what nobody looked at | [`Root::reporter`], [`report`] |
//! | call what blocks | [`to_thread`], [`to_thread_in`], [`Lane`] |
//! | limit how many and how fast | [`Limiter`] |
//! | share and hand over | [`sync`], [`channel`] |
//! | repeat it | [`every`], [`Retry`] |
//! | tell the time | [`now`], [`sleep`], [`Clock`] |
//! | test it in virtual time | [`test()`] |
//!
//! ```
//! use std::time::Duration;
//! use gather_core::{gather, run, sleep};
//!
//! async fn say_after(ms: u64, what: &str) -> Result<&str, std::convert::Infallible> {
//!     sleep(Duration::from_millis(ms)).await;
//!     Ok(what)
//! }
//!
//! let said = run(gather([say_after(20, "hello"), say_after(10, "world")])).unwrap();
//! assert_eq!(said, Ok(vec!["hello", "world"]));
//! ```
//!
//! Sockets and timers have their own reactor, so all of it runs under any executor. What [`spawn`] starts runs
//! on this crate's own threads, one per core, which have no tokio context: await tokio's own types in the caller's task.

mod cancel;
mod clock;
mod completed;
mod context;
mod deadline;
pub mod debug;
mod ending;
mod every;
mod executor;
mod forward;
mod gather;
mod group;
mod identity;
mod insistence;
mod lane;
mod limiter;
mod lineage;
mod map;
#[cfg(all(test, shuttle))]
mod models;
mod outcome;
mod primitives;
mod registry;
mod retry;
mod rt;
mod run;
mod scope;
mod shield;
mod signals;
mod simulation;
mod task;
mod test;
mod thread;
mod time;
mod timeout;
mod timers;
mod unseen;
mod within;

pub use cancel::{CancelToken, Cancelled};
pub use clock::{Clock, ManualClock, Sleep};
pub use completed::{AsCompleted, as_completed};
pub use deadline::Deadline;
pub use ending::Interrupted;
pub use every::{Every, Missed, Overlap, Tick, every};
pub use gather::{first, first_ok, gather, settle};
pub use group::{Cause, Failed, GroupError, Policy, Spawner, TaskGroup};
pub use lane::Lane;
pub use limiter::{Limiter, Permit};
pub use map::{MapConcurrent, Window, map_concurrent};
pub use outcome::{By, Ended, Outcome, Panic, Reason, Signal, TimedOut};
pub use retry::{Decision, GaveUp, Jitter, Retry, RetryError};
pub use run::{Root, report, run};
pub use scope::{Scope, Scoped, scope};
pub use shield::{Finally, Shield, finally, shield};
pub use task::{DEFAULT_GRACE, Task, spawn, spawn_named, spawn_service};
pub use test::{sockets_allowed, test};
pub use thread::{to_thread, to_thread_in};
pub use time::{now, sleep, sleep_until};
pub use timeout::timeout;
pub use unseen::Unseen;
pub use within::cancelled;

/// Queues between tasks, bounded or not (asyncio's `Queue`); the project writes none of its own.
pub use async_channel as channel;
/// Locks and semaphores for tasks; the project writes none of its own.
pub use async_lock as sync;

#[doc = include_str!("../docs/scope-or-group.md")]
pub mod guide {}

#[doc(hidden)]
pub mod __private {
    pub use futures::try_join;
}

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// So are those of the project's README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ProjectReadme;
