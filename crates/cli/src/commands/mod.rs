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
mod rest;
mod robots;
mod scrape;
mod serve;
mod sitemap;
mod status;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use futures::FutureExt;
use gather_core::{CancelToken, Cancelled};

use crate::args::{Command, Request, Robots, RobotsCommand, Shared};
use crate::exit::Exit;
use crate::places;

/// Runs a command to its end. One with an account of its inputs gives it at every end: told to stop, it is waited for.
pub(crate) async fn run(command: Command) -> anyhow::Result<Exit> {
    let shared = shared(&command);
    let _listens = shared.map(|_| listening());
    shared.map_or(Ok(()), |shared| places::check(shared, &written_beside(&command)))?;
    begun(command).await
}

fn begun(command: Command) -> Pin<Box<dyn Future<Output = anyhow::Result<Exit>>>> {
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

/// While it is held, the root scope knows that somebody waits for the signal to stop, and gives the grace.
fn listening() -> Cancelled {
    let mut told = CancelToken::current().cancelled();
    let _ = (&mut told).now_or_never(); // it listens from when it is polled
    told
}

/// How long the command lets running inputs go on after it was told to stop.
pub(crate) fn grace(command: &Command) -> Duration {
    match command {
        Command::Every(args) => every::inner_grace(args),
        other => shared(other).map_or(gather_core::DEFAULT_GRACE, |shared| shared.grace),
    }
}

/// The files that a command writes beside those that all have, each with its option.
fn written_beside(command: &Command) -> Vec<(&'static str, &Path)> {
    let recipe = match command {
        Command::Scrape(args) => args.save_recipe.as_deref(),
        _ => None,
    };
    let jar = request(command).and_then(|request| request.cookie_jar.as_deref());
    let files = [("--save-recipe", recipe), ("--cookie-jar", jar)];
    files.into_iter().filter_map(|(option, file)| Some((option, file?))).collect()
}

/// The options of a command that fetches.
fn request(command: &Command) -> Option<&Request> {
    match command {
        Command::Fetch(args) => Some(&args.request),
        Command::Links(args) => Some(&args.request),
        Command::Scrape(args) => Some(&args.request),
        Command::Crawl(args) => Some(&args.request),
        Command::Sitemap(args) => Some(&args.request),
        Command::Robots(Robots { command: RobotsCommand::Check(args) }) => Some(&args.request),
        Command::Query(args) => Some(&args.request),
        _ => None,
    }
}

/// The options of a command that works through inputs.
fn shared(command: &Command) -> Option<&Shared> {
    match command {
        Command::Read(args) => Some(&args.shared),
        Command::Fetch(args) => Some(&args.shared),
        Command::Links(args) => Some(&args.shared),
        Command::Scrape(args) => Some(&args.shared),
        Command::Crawl(args) => Some(&args.shared),
        Command::Export(args) => Some(&args.shared),
        Command::Sitemap(args) => Some(&args.shared),
        Command::Robots(Robots { command: RobotsCommand::Check(args) }) => Some(&args.shared),
        Command::Query(args) => Some(&args.shared),
        Command::Every(_)
        | Command::Recipe(_)
        | Command::Serve(_)
        | Command::Demo(_)
        | Command::Status(_)
        | Command::Verify(_) => None,
    }
}
