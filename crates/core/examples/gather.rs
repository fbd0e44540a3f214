//! Both at once: `gather` runs futures together and gives their values in the order they were written.
//!
//! `cargo run -p gather-core --example gather`
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

use std::convert::Infallible;
use std::time::Duration;

use gather_core::{Interrupted, gather, now, run, sleep};

async fn say_after(delay: Duration, what: &str) -> Result<&str, Infallible> {
    sleep(delay).await;
    Ok(what)
}

async fn greet() {
    let start = now();

    let Ok(said) =
        gather([say_after(Duration::from_secs(1), "hello"), say_after(Duration::from_secs(2), "world")])
            .await;

    // The longest delay counts, not the sum.
    println!("{said:?}");
    println!("Completed in {:.2} seconds", (now() - start).as_secs_f64());
}

fn main() -> Result<(), Interrupted> {
    run(greet())
}
