//! `gather`: reads thousands of files and web pages at once and turns them into records.

mod args;
mod commands;
mod cookies;
mod drive;
mod exit;
mod input;
mod limits;
mod netrc;
mod output;
mod progress;
mod report;
mod request;
mod saved;
mod session;
mod statuses;
mod units;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use gather_core::{Root, Unseen};

use crate::args::Cli;
use crate::exit::Exit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a command may take to write its outputs after its own grace has ended.
const TIME_TO_WRITE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let cli = Cli::parse();
    limits::raise_open_files();
    let grace = commands::grace(&cli.command).saturating_add(TIME_TO_WRITE);
    let root = Root::new().grace(grace).reporter(report_unseen);
    let exit = match root.run(commands::run(cli.command)) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            progress::say(&format!("error: {error:#}"));
            Exit::of_error(&error)
        }
        Err(interrupted) => interrupted.signal().into(),
    };
    ExitCode::from(exit.code())
}

/// A closure left behind is no fault here: after Ctrl-C it may wait for a terminal.
fn report_unseen(unseen: &Unseen) {
    if unseen.left_behind().is_none() {
        progress::say(&format!("error: internal: {unseen}"));
    }
}
