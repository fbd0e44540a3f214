//! Cancelling a task: it is told, it cleans up, and its owner knows when it is gone and why.
//!
//! `cargo run -p gather-core --example cancel`
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

use std::time::Duration;

use gather_core::{CancelToken, Ended, Interrupted, Reason, run, sleep, spawn};

async fn long_task() -> Result<&'static str, Reason> {
    println!("Long task started");

    // Done, or stopped by whoever cancels this task; then there is time to clean up.
    match CancelToken::current().run(sleep(Duration::from_secs(10))).await {
        Ok(()) => Ok("Long task done"),
        Err(reason) => {
            println!("Long task was cancelled!");
            Err(reason)
        }
    }
}

async fn cancel_it() {
    let task = spawn(long_task());
    sleep(Duration::from_secs(2)).await;

    match task.cancel(Reason::new("it takes too long")).await {
        Ok(Ok(done)) => println!("Main: {done}"),
        Ok(Err(_)) | Err(Ended::Cancelled(_)) => println!("Main: task was cancelled"),
        Err(ended) => println!("Main: {ended}"),
    }
}

fn main() -> Result<(), Interrupted> {
    run(cancel_it())
}
