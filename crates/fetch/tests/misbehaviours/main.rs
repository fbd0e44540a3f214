//! A catalogue of what servers do that they should not, each with its source and with what must come of it. The rows are
//! data, in `catalogue`; they are run here one at a time and all at once, and through the binary in the workspace's `tests`.

#![cfg(all(feature = "gzip", feature = "br", feature = "zstd"))]
// The helpers of tests may do what tests may do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod catalogue;
mod memory;
mod names;
mod patience;
mod positions;
mod stage;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::join_all;

use catalogue::{Row, all};
use stage::{Stage, Trust};

/// What a row may add to the memory of this process, its server and the body it sends included.
const GROWTH: u64 = 24 << 20;

/// Peaks are those of the process: no two tests that look at them, or load it, run at once.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[track_caller]
fn nothing_wrong(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn named(row: &Row, wrong: Vec<String>) -> Vec<String> {
    wrong.into_iter().map(|what| format!("- {}: {what}", row.name)).collect()
}

#[test]
fn the_catalogue_is_long_and_no_row_stands_in_it_twice() {
    let rows = all();
    let names: HashSet<&str> = rows.iter().map(|row| row.name).collect();
    assert!(rows.len() >= 120, "{}", rows.len());
    assert_eq!(names.len(), rows.len());
    assert!(rows.iter().all(|row| !row.source.is_empty()));
    // Those that the binary can be given, all in one run.
    assert!(rows.iter().filter(|row| row.is_plain()).count() >= 120);
    assert!(rows.iter().filter(|row| row.is_sayable()).count() >= 150);
}

#[test]
fn each_misbehaviour_alone_ends_as_it_must_in_time_and_in_little_memory() {
    let _alone = alone();
    let (rows, trust) = (all(), Trust::new());
    let start = Instant::now();
    let (mut wrong, mut slowest, mut largest) = (Vec::new(), (Duration::ZERO, ""), (0, ""));
    gather_core::run(async {
        for row in &rows {
            let before = memory::forget_peak();
            let stage = Stage::set(row, &trust);
            let (what, took) = stage.play(&trust).await;
            wrong.extend(named(row, what));
            slowest = slowest.max((took, row.name));
            let growth = before.zip(memory::peak()).map_or(0, |(before, peak)| peak.saturating_sub(before));
            largest = largest.max((growth, row.name));
            if growth > GROWTH {
                wrong.push(format!("- {}: it took {growth} bytes", row.name));
            }
        }
    })
    .unwrap();
    println!(
        "{} rows one at a time in {:?}; slowest {slowest:?}, largest {largest:?}",
        rows.len(),
        start.elapsed()
    );
    nothing_wrong(wrong);
}

#[test]
fn all_misbehaviours_at_once_end_as_each_alone() {
    let _alone = alone();
    let (rows, trust) = (all(), Trust::new());
    let before = memory::forget_peak();
    let start = Instant::now();
    let played = gather_core::run(async {
        let stages: Vec<_> = rows.iter().map(|row| Stage::set(row, &trust)).collect();
        join_all(stages.iter().map(|stage| stage.play(&trust))).await
    })
    .unwrap();
    let growth = before.zip(memory::peak()).map_or(0, |(before, peak)| peak.saturating_sub(before));
    let slowest = played.iter().map(|(_, took)| *took).max();
    println!("{} rows at once in {:?}; slowest {slowest:?}, {growth} bytes", rows.len(), start.elapsed());
    nothing_wrong(rows.iter().zip(played).flat_map(|(row, (wrong, _))| named(row, wrong)).collect());
    assert!(growth < 300 << 20, "{growth}");
}
