//! A task starts at once and goes on while its owner does something else.
//!
//! `cargo run -p gather-core --example tasks`
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gather_core::sync::Barrier;
use gather_core::{Ended, run, sleep, spawn};

async fn fetch_data(meeting: Arc<Barrier>) -> BTreeMap<&'static str, &'static str> {
    println!("Start fetching data");
    meeting.wait().await;
    sleep(Duration::from_secs(2)).await;
    meeting.wait().await;
    println!("Data fetched");
    BTreeMap::from([("data", "important stuff")])
}

async fn work() -> Result<(), Ended> {
    // Task and owner run on different threads. They meet twice, so the order of the lines is certain.
    let meeting = Arc::new(Barrier::new(2));

    println!("Creating task");
    let task = spawn(fetch_data(meeting.clone()));
    meeting.wait().await;

    println!("Doing other work");
    sleep(Duration::from_secs(1)).await;
    println!("Still working...");
    meeting.wait().await;

    let data = task.await?;
    println!("Got result: {data:?}");
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Ok(run(work())??)
}
