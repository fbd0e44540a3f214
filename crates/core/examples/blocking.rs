//! What a blocking call does to everything else in its task, measured, and the cure.
//!
//! `cargo run -p gather-core --example blocking`
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

use std::future::Future;
use std::thread;
use std::time::Duration;

use futures::future::{Either, select};
use gather_core::{Interrupted, every, now, run, to_thread};

/// Stands for what does not know of async: a database driver, a compressor, `std::fs`.
#[allow(clippy::disallowed_methods, reason = "it is here to block")]
fn blocking_call() {
    thread::sleep(Duration::from_secs(1));
}

/// Beats every 10 ms while the work goes on, and gives the longest time between two beats.
async fn longest_pause_during(work: impl Future) -> Duration {
    let mut work = std::pin::pin!(work);
    let mut beats = every(Duration::from_millis(10));
    let (mut last, mut longest) = (now(), Duration::ZERO);
    loop {
        let done = matches!(select(std::pin::pin!(beats.tick()), &mut work).await, Either::Right(_));
        longest = longest.max(now() - last);
        last = now();
        if done {
            return longest;
        }
    }
}

async fn measure() {
    let pause = longest_pause_during(async { blocking_call() }).await;
    println!("blocking the event loop: nothing else ran for {:.2} seconds", pause.as_secs_f64());

    let pause = longest_pause_during(to_thread(blocking_call)).await;
    println!("with to_thread: nothing else ran for {:.2} seconds", pause.as_secs_f64());
}

fn main() -> Result<(), Interrupted> {
    run(measure())
}
