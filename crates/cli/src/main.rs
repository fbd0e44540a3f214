//! `gather`: reads thousands of files and web pages at once and turns them into records.

mod args;
mod commands;
mod cookies;
mod drive;
mod exit;
mod habits;
mod input;
mod limits;
mod netrc;
mod output;
mod places;
mod progress;
mod report;
mod request;
mod saved;
mod session;
mod statuses;
mod units;
mod worked;
mod wrong_usage;

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
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error),
    };
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

/// A command line that does not hold, or a call for help.
fn not_understood(error: &clap::Error) -> ExitCode {
    let command = wrong_usage::command_of(std::env::args_os());
    match wrong_usage::explain(error, command.as_deref()) {
        Some(message) => {
            progress::say(&format!("error: {message}"));
            ExitCode::from(Exit::Usage.code())
        }
        None => error.exit(),
    }
}

/// A closure left behind is no fault here: after Ctrl-C it may wait for a terminal.
fn report_unseen(unseen: &Unseen) {
    if unseen.left_behind().is_none() {
        progress::say(&format!("error: internal: {unseen}"));
    }
}
