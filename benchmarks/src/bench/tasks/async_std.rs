//! async-std as it is, and `buffer_unordered` for the map, as its users write it.

use std::ffi::OsStr;
use std::future::pending;

use anyhow::ensure;
use async_std::task::{self, JoinHandle};
use futures::{StreamExt, stream};

use super::{AT_ONCE, NAP};
use crate::work::{Laps, Work};

pub(super) fn spawn(input: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let tasks = super::tasks(input)?;
    task::block_on(laps.repeat(|| sum((0..tasks).map(|n| task::spawn(async move { n })).collect())))
}

pub(super) fn sleep(input: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let sleepers = super::sleepers(input)?;
    task::block_on(laps.repeat(|| sum((0..sleepers).map(|n| task::spawn(nap(n))).collect())))
}

pub(super) fn map(input: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let items = super::tasks(input)?;
    task::block_on(laps.repeat(|| map_items(items)))
}

pub(super) fn group(input: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let members = super::members(input)?;
    task::block_on(laps.repeat(|| end_group(members)))
}

#[allow(clippy::disallowed_methods, reason = "it is async-std that is measured")]
async fn nap(number: u64) -> u64 {
    task::sleep(NAP).await;
    number
}

async fn sum(tasks: Vec<JoinHandle<u64>>) -> anyhow::Result<Work> {
    let mut sum = Work::default();
    for task in tasks {
        sum = sum + Work::number(task.await);
    }
    Ok(sum)
}

async fn map_items(items: u64) -> anyhow::Result<Work> {
    let tasks = stream::iter(0..items).map(|n| task::spawn(async move { n }));
    let mut numbers = tasks.buffer_unordered(AT_ONCE);
    let mut sum = Work::default();
    while let Some(number) = numbers.next().await {
        sum = sum + Work::number(number);
    }
    Ok(sum)
}

/// It has no groups: its users keep the handles.
async fn end_group(members: u64) -> anyhow::Result<Work> {
    let handles: Vec<JoinHandle<()>> = (0..members).map(|_| task::spawn(pending())).collect();
    let fails = task::spawn(async { Err::<(), _>("the one that fails") });
    ensure!(fails.await.is_err(), "nobody failed");
    let mut cancelled = 0;
    for handle in handles {
        cancelled += u64::from(handle.cancel().await.is_none());
    }
    Ok((0..cancelled).map(Work::number).sum())
}
