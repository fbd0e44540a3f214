//! Exercise: do something every half second, five times. The time the work takes does not add up.
//!
//! `cargo run -p gather-core --example periodic`
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

use std::time::Duration;

use gather_core::{Interrupted, every, now, run, sleep};

const TIMES: u64 = 5;

async fn work() {
    sleep(Duration::from_millis(200)).await;
}

async fn repeat() {
    let start = now();
    let mut ticks = every(Duration::from_millis(500));
    loop {
        let tick = ticks.tick().await;
        println!("tick {} at {:.1}", tick.number, (now() - start).as_secs_f64());
        work().await;
        if tick.number + 1 == TIMES {
            break;
        }
    }
}

fn main() -> Result<(), Interrupted> {
    run(repeat())
}
