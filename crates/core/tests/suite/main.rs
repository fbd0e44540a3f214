//! gather-core's promises, each tested by the fear that somebody might have of it.
//!
//! - [`cancel`]: clean-up that is cut short, tokens that tell nobody
//! - [`completed`]: outcomes that cannot be told apart, tasks that outlive their stream
//! - [`deadline`]: limits that never come, come too late, or are lost on the way
//! - [`debug`]: tasks that block and are not seen
//! - [`every`]: schedules that drift
//! - [`executors`]: what works here and hangs elsewhere
//! - [`gather`]: siblings that outlive a failure, results out of order
//! - [`group`]: tasks that outlive their group, failures that go unnamed
//! - [`limiter`]: starts too fast, too many or out of turn, waiters that are forgotten
//! - [`map`]: too many at once, stalled work, results that depend on the width
//! - [`retry`]: waits without bounds
//! - [`root`]: programs that end too early, too late or never
//! - [`scope`]: futures that outlive what they borrow, or that nobody polls
//! - [`shield`]: clean-up that is itself cut short, begins too early, or never
//! - [`simulation`]: tests that pass by luck, or only in real time
//! - [`task`]: tasks that outlive their handles, panics that spread
//! - [`thread`]: lanes that overflow, closures that nobody wants any more
//! - [`unseen`]: errors and panics that nobody hears of

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by panicking, and print"
)]

mod cancel;
mod completed;
mod deadline;
mod debug;
mod every;
mod executors;
mod gather;
mod group;
mod limiter;
mod map;
mod program;
mod retry;
mod root;
mod scope;
mod shield;
mod simulation;
mod support;
mod task;
mod thread;
mod unseen;
