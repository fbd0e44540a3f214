//! Bounding work in time: when the limit runs out the work is dropped, and with it all it holds.
//!
//! `cargo run -p gather-core --example timeout`
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

use std::sync::Arc;
use std::time::Duration;

use gather_core::{Interrupted, run, sleep, timeout};

async fn long_task(_held: Arc<str>) -> &'static str {
    sleep(Duration::from_secs(5)).await;
    "Task completed"
}

async fn wait_for_it() {
    let held: Arc<str> = "what the work holds".into();

    match timeout(Duration::from_secs(2), long_task(held.clone())).await {
        Ok(result) => println!("{result}"),
        Err(_timed_out) => println!("Task took too long!"),
    }

    assert_eq!(Arc::strong_count(&held), 1, "the work is gone, and so is its hold");
}

fn main() -> Result<(), Interrupted> {
    run(wait_for_it())
}
