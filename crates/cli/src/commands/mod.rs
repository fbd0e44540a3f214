//! The commands, one file each.

mod demo;
mod every;
mod fetch;
mod links;
mod pages;
mod query;
mod read;
mod scrape;
mod serve;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::args::Command;
use crate::exit::Exit;

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> Pin<Box<dyn Future<Output = anyhow::Result<Exit>>>> {
    match command {
        Command::Read(args) => Box::pin(read::run(args)),
        Command::Fetch(args) => Box::pin(fetch::run(args)),
        Command::Links(args) => Box::pin(links::run(args)),
        Command::Scrape(args) => Box::pin(scrape::run(args)),
        Command::Query(args) => Box::pin(query::run(args)),
        Command::Every(args) => Box::pin(every::run(args)),
        Command::Serve(args) => Box::pin(serve::run(args)),
        Command::Demo(args) => Box::pin(demo::run(args)),
    }
}

/// How long the command lets running inputs go on after it was told to stop.
pub(crate) fn grace(command: &Command) -> Duration {
    match command {
        Command::Read(args) => args.shared.grace,
        Command::Fetch(args) => args.shared.grace,
        Command::Links(args) => args.shared.grace,
        Command::Scrape(args) => args.shared.grace,
        Command::Query(args) => args.shared.grace,
        Command::Every(args) => every::inner_grace(args),
        Command::Serve(_) | Command::Demo(_) => gather_core::DEFAULT_GRACE,
    }
}
