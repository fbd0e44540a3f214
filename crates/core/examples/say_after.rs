//! One after the other: the second greeting waits until the first has been said.
//!
//! `cargo run -p gather-core --example say_after`
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

use std::time::{Duration, Instant};

use gather_core::{Interrupted, now, run, sleep};

async fn say_after(delay: Duration, what: &str) {
    sleep(delay).await;
    println!("{what}");
}

async fn greet() {
    let start = now();
    println!("started at {:.1}", seconds_since(start));

    // A future does nothing until it is awaited, and `.await` waits for its end: the delays add up.
    say_after(Duration::from_secs(1), "hello").await;
    say_after(Duration::from_secs(2), "world").await;

    println!("finished at {:.1}", seconds_since(start));
}

fn seconds_since(start: Instant) -> f64 {
    (now() - start).as_secs_f64()
}

fn main() -> Result<(), Interrupted> {
    run(greet())
}
