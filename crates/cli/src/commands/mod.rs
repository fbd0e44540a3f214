//! The commands, one file each.

mod crawl;
mod demo;
mod every;
mod export;
mod fetch;
mod linked;
mod links;
mod pages;
mod query;
mod read;
mod recipe;
mod robots;
mod scrape;
mod serve;
mod sitemap;
mod status;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::args::{Command, Robots, RobotsCommand};
use crate::exit::Exit;

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> Pin<Box<dyn Future<Output = anyhow::Result<Exit>>>> {
    match command {
        Command::Read(args) => Box::pin(read::run(args)),
        Command::Fetch(args) => Box::pin(fetch::run(args)),
        Command::Links(args) => Box::pin(links::run(args)),
        Command::Scrape(args) => Box::pin(scrape::run(args)),
        Command::Crawl(args) => Box::pin(crawl::run(args)),
        Command::Status(args) => Box::pin(status::run(args)),
        Command::Verify(args) => Box::pin(status::verify(args)),
        Command::Export(args) => Box::pin(export::run(args)),
        Command::Sitemap(args) => Box::pin(sitemap::run(args)),
        Command::Robots(args) => Box::pin(robots::run(args)),
        Command::Query(args) => Box::pin(query::run(args)),
        Command::Recipe(args) => Box::pin(recipe::run(args.command)),
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
        Command::Crawl(args) => args.shared.grace,
        Command::Export(args) => args.shared.grace,
        Command::Sitemap(args) => args.shared.grace,
        Command::Robots(Robots { command: RobotsCommand::Check(args) }) => args.shared.grace,
        Command::Query(args) => args.shared.grace,
        Command::Every(args) => every::inner_grace(args),
        Command::Recipe(_)
        | Command::Serve(_)
        | Command::Demo(_)
        | Command::Status(_)
        | Command::Verify(_) => gather_core::DEFAULT_GRACE,
    }
}
