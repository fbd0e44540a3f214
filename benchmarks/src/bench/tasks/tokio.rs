//! tokio's runtime of several threads, and `buffer_unordered` for the map, as its users write it.

use std::ffi::OsStr;
use std::future::pending;

use futures::{StreamExt, stream};
use tokio::runtime::Runtime;
use tokio::task::{JoinHandle, JoinSet};

use super::{AT_ONCE, NAP};
use crate::work::{Laps, Work};

pub(super) fn spawn(input: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let tasks = super::tasks(input)?;
    let pass = || sum((0..tasks).map(|n| tokio::spawn(async move { n })).collect());
    runtime()?.block_on(laps.repeat(pass))
}

pub(super) fn sleep(input: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let sleepers = super::sleepers(input)?;
    runtime()?.block_on(laps.repeat(|| sum((0..sleepers).map(|n| tokio::spawn(nap(n))).collect())))
}

pub(super) fn map(input: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let items = super::tasks(input)?;
    runtime()?.block_on(laps.repeat(|| map_items(items)))
}

pub(super) fn group(input: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let members = super::members(input)?;
    runtime()?.block_on(laps.repeat(|| end_group(members)))
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

#[allow(clippy::disallowed_methods, reason = "it is tokio that is measured")]
async fn nap(number: u64) -> u64 {
    tokio::time::sleep(NAP).await;
    number
}

async fn sum(tasks: Vec<JoinHandle<u64>>) -> anyhow::Result<Work> {
    let mut sum = Work::default();
    for task in tasks {
        sum = sum + Work::number(task.await?);
    }
    Ok(sum)
}

async fn map_items(items: u64) -> anyhow::Result<Work> {
    let tasks = stream::iter(0..items).map(|n| tokio::spawn(async move { n }));
    let mut numbers = tasks.buffer_unordered(AT_ONCE);
    let mut sum = Work::default();
    while let Some(number) = numbers.next().await {
        sum = sum + Work::number(number?);
    }
    Ok(sum)
}

async fn end_group(members: u64) -> anyhow::Result<Work> {
    let mut group = JoinSet::<Result<(), &str>>::new();
    for _ in 0..members {
        group.spawn(pending());
    }
    group.spawn(async { Err("the one that fails") });
    let mut cancelled = 0;
    while let Some(end) = group.join_next().await {
        match end {
            Ok(_) => group.abort_all(),
            Err(_) => cancelled += 1,
        }
    }
    Ok((0..cancelled).map(Work::number).sum())
}
