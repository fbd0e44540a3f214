//! `tokio::fs::read`, as a program on tokio would call it: a task per file, 64 at once.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};

use crate::work::{Laps, Work};

const AT_ONCE: usize = 64;

pub(super) fn run(folder: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(laps.repeat(|| pass(folder.as_ref())))
}

async fn pass(folder: &Path) -> anyhow::Result<Work> {
    let (folder, (send, mut files)) = (folder.to_owned(), mpsc::channel(1024));
    let walk = spawn_blocking(move || {
        for entry in walkdir::WalkDir::new(folder) {
            let entry = entry?;
            if entry.file_type().is_file() && send.blocking_send(entry.into_path()).is_err() {
                break;
            }
        }
        anyhow::Ok(())
    });
    let mut sum = Work::default();
    let mut reading = JoinSet::new();
    while let Some(path) = files.recv().await {
        if reading.len() >= AT_ONCE
            && let Some(done) = reading.join_next().await
        {
            sum = sum + done??;
        }
        reading.spawn(async move {
            let content =
                tokio::fs::read(&path).await.with_context(|| format!("cannot read {}", path.display()))?;
            anyhow::Ok(Work::file(&content))
        });
    }
    while let Some(done) = reading.join_next().await {
        sum = sum + done??;
    }
    walk.await??;
    Ok(sum)
}
