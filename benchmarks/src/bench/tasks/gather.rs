//! gather-core, as a program that uses it would call it.

use std::ffi::OsStr;
use std::future::pending;
use std::num::NonZeroUsize;

use anyhow::{anyhow, ensure};
use futures::{StreamExt, stream};
use gather_core::{Task, TaskGroup, map_concurrent};

use super::{AT_ONCE, NAP};
use crate::work::{Laps, Work};

const LIMIT: NonZeroUsize = NonZeroUsize::new(AT_ONCE).unwrap();

pub(super) fn spawn(input: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let tasks = super::tasks(input)?;
    gather_core::run(laps.repeat(|| sum((0..tasks).map(|n| gather_core::spawn(async move { n })).collect())))?
}

pub(super) fn sleep(input: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let sleepers = super::sleepers(input)?;
    gather_core::run(laps.repeat(|| sum((0..sleepers).map(|n| gather_core::spawn(nap(n))).collect())))?
}

pub(super) fn map(input: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let items = super::tasks(input)?;
    gather_core::run(laps.repeat(|| map_items(items)))?
}

pub(super) fn group(input: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let members = super::members(input)?;
    gather_core::run(laps.repeat(|| end_group(members)))?
}

async fn nap(number: u64) -> u64 {
    gather_core::sleep(NAP).await;
    number
}

async fn sum(tasks: Vec<Task<u64>>) -> anyhow::Result<Work> {
    let mut sum = Work::default();
    for task in tasks {
        sum = sum + Work::number(task.await.map_err(|ended| anyhow!("{ended}"))?);
    }
    Ok(sum)
}

async fn map_items(items: u64) -> anyhow::Result<Work> {
    let mut numbers = map_concurrent(stream::iter(0..items), LIMIT, |n| async move { n });
    let mut sum = Work::default();
    while let Some(number) = numbers.next().await {
        sum = sum + Work::number(number.map_err(|ended| anyhow!("{ended}"))?);
    }
    Ok(sum)
}

async fn end_group(members: u64) -> anyhow::Result<Work> {
    let group = TaskGroup::<(), &str>::new();
    for _ in 0..members {
        group.spawn(pending());
    }
    group.spawn(async { Err("the one that fails") });
    let Err(error) = group.join().await else { anyhow::bail!("the group did not fail") };
    ensure!(error.failures().len() == 1, "{} failed", error.failures().len());
    Ok((0..error.cancelled() as u64).map(Work::number).sum())
}
