//! What happens when `.await` is forgotten, and what the compiler says.
//!
//! `cargo run -p gather-core --example forgotten_await`
//!
//! Python warns when the program runs: "coroutine 'greet' was never awaited". Rust warns when it is compiled; the
//! two `#[expect(unused_must_use)]` below are there to let this program through, and would themselves be
//! reported if the compiler had nothing to say:
//!
//! ```text
//! warning: unused implementer of `Future` that must be used
//!   = note: futures do nothing unless you `.await` or poll them
//! warning: unused `Task` that must be used
//!   = note: a task is cancelled when its handle is dropped: await it, keep it, or call detach()
//! ```
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

use std::future::pending;

use gather_core::{Ended, run, spawn};

async fn greet(whom: &str) {
    println!("hello, {whom}");
}

async fn forget() -> Result<(), Ended> {
    #[expect(unused_must_use)]
    greet("future that nobody awaits");
    println!("a future that is not awaited does nothing");

    #[expect(unused_must_use)]
    spawn(pending::<()>());
    println!("a task whose handle is dropped is cancelled");

    greet("world").await;
    spawn(greet("task")).await
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Ok(run(forget())??)
}
