//! `gather every INTERVAL -- COMMAND…`: a gather command, periodically.

use std::ffi::OsString;
use std::time::Duration;

use clap::Parser;
use futures::future::{Either, select};
use gather_core::{CancelToken, Missed as MissedTicks, every};

use crate::args::{Cli, Command, Every, Missed};
use crate::exit::{Exit, usage, usage_error};
use crate::progress::say;
use crate::wrong_usage;

/// Runs the command at every tick, one after the other, until stopped or `--times` are over.
///
/// The exit code is the gravest of all runs; a command that is wrong is refused before the first, or ends with it.
pub(crate) async fn run(args: Every) -> anyhow::Result<Exit> {
    parse(&args)?;
    let stop = CancelToken::current();
    let mut ticks = every(args.interval).jitter(args.jitter).missed(args.missed.into());
    let mut gravest = Exit::Done;
    let mut runs = 0;
    while args.times.is_none_or(|times| runs < times.get()) {
        let tick = std::pin::pin!(ticks.tick());
        if let Either::Right((reason, _)) = select(tick, stop.cancelled()).await {
            return Ok(reason.signal().map_or(gravest, Exit::from));
        }
        let exit = run_once(&args).await?;
        gravest = gravest.max(exit);
        runs += 1;
        let never_holds = runs == 1 && exit == Exit::Usage;
        if stop.is_cancelled() || exit == Exit::OutputClosed || never_holds {
            break;
        }
    }
    Ok(stop.reason().and_then(|reason| reason.signal()).map_or(gravest, Exit::from))
}

/// One run; what ends it alone is said, and the next one comes all the same.
async fn run_once(args: &Every) -> anyhow::Result<Exit> {
    match Box::pin(super::run(parse(args)?)).await {
        Ok(exit) => Ok(exit),
        Err(error) => {
            say(&format!("error: {error:#}"));
            Ok(Exit::of_error(&error))
        }
    }
}

fn parse(args: &Every) -> anyhow::Result<Command> {
    let itself = args.command.first().is_some_and(|first| first == "gather");
    let words = args.command.iter().skip(usize::from(itself)).cloned();
    let typed = std::iter::once(OsString::from("gather")).chain(words);
    match Cli::try_parse_from(typed) {
        Ok(Cli { command: Command::Every(_) | Command::Serve(_) | Command::Demo(_) }) => Err(usage(
            "this command is not one to run periodically",
            "take read, fetch, links, scrape, robots or query",
        )),
        Ok(cli) => Ok(cli.command),
        Err(error) => Err(does_not_hold(args, &error)),
    }
}

fn does_not_hold(args: &Every, error: &clap::Error) -> anyhow::Error {
    let named = args.command.iter().find_map(|word| word.to_str().filter(|word| *word != "gather"));
    match wrong_usage::explain(error, named) {
        Some(why) => usage_error(format!("the command after `--` does not hold: {why}")),
        None => usage("no command stands after `--`", "gather every 5m -- fetch https://example.com"),
    }
}

/// The grace of the command that is run.
pub(crate) fn inner_grace(args: &Every) -> Duration {
    parse(args).map_or(gather_core::DEFAULT_GRACE, |command| super::grace(&command))
}

impl From<Missed> for MissedTicks {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Skip => MissedTicks::Skip,
            Missed::Burst => MissedTicks::Burst,
            Missed::Delay => MissedTicks::Delay,
        }
    }
}
