//! A worker in the background, stopped cleanly when the main work is done.
//!
//! `cargo run -p gather-core --example background`
//!
//! In Python's version of this program the worker outlives `main` and the program never ends. Here a task ends
//! with its handle at the latest; cancelling it says when, and returns once it is gone.
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

use std::time::Duration;

use gather_core::{Interrupted, Reason, every, run, sleep, spawn};

const SECOND: Duration = Duration::from_secs(1);

async fn background_worker() {
    // Half a second off main's time, so that the two never race for the last line.
    let mut seconds = every(SECOND).first_after(SECOND / 2);
    loop {
        seconds.tick().await;
        println!("Background worker running...");
    }
}

async fn main_logic() {
    let worker = spawn(background_worker());

    sleep(5 * SECOND).await;
    println!("Main logic completed");

    let outcome = worker.cancel(Reason::new("main is done")).await;
    assert!(
        outcome.is_err_and(|ended| ended.reason().is_some()),
        "a worker in a loop ends only by cancelling"
    );
}

fn main() -> Result<(), Interrupted> {
    run(main_logic())
}
