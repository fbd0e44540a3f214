//! `tasks`: what a task costs, a sleep, a bounded map, and a group of which one fails, on the runtime itself.

mod async_std;
mod gather;
mod tokio;

use std::ffi::OsStr;
use std::num::NonZeroU64;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::{Bench, Contestant, Input, Part};
use crate::args::Args;
use crate::figure::Figure;

/// How many tasks are spawned, and items mapped, unless `--tasks` says otherwise.
const TASKS: u64 = 1_000_000;
/// How many tasks there are for each that sleeps.
const TASKS_PER_SLEEPER: u64 = 10;
/// How many tasks there are for each in the group.
const TASKS_PER_MEMBER: u64 = 100;
/// How long each sleeper sleeps.
const NAP: Duration = Duration::from_millis(500);
/// How many items everybody has in work.
const AT_ONCE: usize = 64;

pub(super) static BENCH: Bench = Bench {
    name: "tasks",
    about: "spawn and await tasks; let a tenth as many sleep at once; map as many items, 64 at once; end a group of a \
            hundredth as many of which one fails",
    parts: &[SPAWN, SLEEP, MAP, GROUP],
    packages: &["async-std", "async-global-executor", "futures", "tokio", "mimalloc"],
    prepare,
};

const SPAWN: Part = Part {
    name: "spawn",
    figures: &[
        Figure::time("spawn", "us/task"),
        Figure::cpu("spawn cpu", "us/task"),
        Figure::pass_peak_memory("peak memory"),
    ],
    contestants: &[
        Contestant::new("gather", gather::spawn),
        Contestant::debugged("gather (debug)", gather::spawn),
        Contestant::new("async-std", async_std::spawn),
        Contestant::new("tokio", tokio::spawn),
    ],
};

const SLEEP: Part = Part {
    name: "sleep",
    figures: &[
        Figure::seconds_per_pass("sleep"),
        Figure::cpu("sleep cpu", "us/sleep"),
        Figure::pass_peak_memory("sleep memory"),
    ],
    contestants: &[
        Contestant::new("gather", gather::sleep),
        Contestant::debugged("gather (debug)", gather::sleep),
        Contestant::new("async-std", async_std::sleep),
        Contestant::new("tokio", tokio::sleep),
    ],
};

const MAP: Part = Part {
    name: "map",
    figures: &[
        Figure::time("map", "us/item"),
        Figure::cpu("map cpu", "us/item"),
        Figure::peak_memory("map memory"),
    ],
    contestants: &[
        Contestant::new("gather", gather::map),
        Contestant::debugged("gather (debug)", gather::map),
        Contestant::new("async-std", async_std::map),
        Contestant::new("tokio", tokio::map),
    ],
};

const GROUP: Part = Part {
    name: "group",
    figures: &[Figure::millis_per_pass("group"), Figure::cpu("group cpu", "us/task")],
    contestants: &[
        Contestant::new("gather", gather::group),
        Contestant::debugged("gather (debug)", gather::group),
        Contestant::new("async-std", async_std::group),
        Contestant::new("tokio", tokio::group),
    ],
};

fn prepare(args: &Args) -> anyhow::Result<Input> {
    ensure!(
        args.corpus.is_none() && args.urls.is_none(),
        "`tasks` takes no --corpus and no --urls; hint: --tasks N"
    );
    let tasks = args.tasks.map_or(TASKS, NonZeroU64::get);
    let about = format!(
        "{tasks} tasks; {} that sleep {NAP:?}; {tasks} items, {AT_ONCE} at once; a group of {}",
        sleepers_among(tasks),
        members_among(tasks)
    );
    Ok(Input::new(tasks.to_string(), about, Vec::new()))
}

/// How many tasks to spawn, or items to map.
fn tasks(input: &OsStr) -> anyhow::Result<u64> {
    let number = input.to_str().and_then(|number| number.parse().ok());
    number.with_context(|| format!("{} is not a number of tasks", input.display()))
}

/// How many tasks are to sleep.
fn sleepers(input: &OsStr) -> anyhow::Result<u64> {
    Ok(sleepers_among(tasks(input)?))
}

/// How many tasks are in the group, besides the one that fails.
fn members(input: &OsStr) -> anyhow::Result<u64> {
    Ok(members_among(tasks(input)?))
}

fn members_among(tasks: u64) -> u64 {
    tasks.div_ceil(TASKS_PER_MEMBER)
}

fn sleepers_among(tasks: u64) -> u64 {
    tasks.div_ceil(TASKS_PER_SLEEPER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_tasks_sleeps_a_hundredth_is_in_the_group_and_at_least_one() {
        assert_eq!([1, 10, 1_000_000].map(sleepers_among), [1, 1, 100_000]);
        assert_eq!([1, 10, 1_000_000].map(members_among), [1, 1, 10_000]);
    }

    #[test]
    fn the_input_is_a_number() {
        assert_eq!(tasks("12".as_ref()).unwrap(), 12);
        assert!(tasks("a folder".as_ref()).is_err());
    }

    #[test]
    fn every_part_has_the_same_contestants() {
        let who = |part: &Part| part.contestants.iter().map(|contestant| contestant.who).collect::<Vec<_>>();
        assert!(BENCH.parts.iter().all(|part| who(part) == who(&SPAWN)));
    }
}
