//! gather and its peers, measured side by side in one run.
//!
//! `cargo run --release -p gather-benchmarks -- NAME [--corpus DIR] [--urls FILE] [--tasks N] [--runs N]`
//!
//! The frame prepares one input, then runs every contestant in turn, round after round, each as a process of its own
//! with the same allocator, and compares what they did (it must be the same) and how fast. A contestant, and the server
//! that the pages come from, is this program again, called with a hidden option.

mod args;
mod bench;
mod contestant;
mod figure;
mod frame;
mod machine;
mod report;
mod server;
mod starter;
mod statistics;
mod trial;
mod work;

use std::process::ExitCode;

use crate::args::{Args, Role};

// The binary's allocator, for everyone: a contestant's time is its own and not its allocator's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::read();
    let done = match args.role() {
        Role::Frame => frame::run(&args),
        Role::Trial(trial) => (trial.run)(&args),
        Role::Contestant(order) => contestant::run(&order),
        Role::Server(folder, delay) => server::serve(folder, delay),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}
