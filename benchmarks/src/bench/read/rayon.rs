//! Threads that share out the work: the fastest that a Rust program gets without an asynchronous runtime.
//!
//! The files come straight from the walk (`par_bridge`): as fast as making a list of them first, in half the memory.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Context;
use rayon::prelude::*;

use crate::work::{Laps, Work};

/// jwalk reads the folders in threads of its own, rayon the files. (In rayon's own threads the two would wait for
/// each other.)
pub(super) fn jwalk(folder: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    while laps.again() {
        let threads = jwalk::Parallelism::RayonNewPool(std::thread::available_parallelism()?.get());
        let walk = jwalk::WalkDir::new(folder).skip_hidden(false).sort(false).parallelism(threads);
        let read_entry = |entry: jwalk::Result<jwalk::DirEntry<((), ())>>| {
            let entry = entry?;
            if entry.file_type.is_file() { read(&entry.path()) } else { Ok(Work::default()) }
        };
        laps.done(walk.into_iter().par_bridge().map(read_entry).try_reduce(Work::default, add)?)?;
    }
    Ok(())
}

/// walkdir reads the folders, one at a time, rayon the files.
pub(super) fn walkdir(folder: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    while laps.again() {
        let walk = walkdir::WalkDir::new(folder);
        let read_entry = |entry: walkdir::Result<walkdir::DirEntry>| {
            let entry = entry?;
            if entry.file_type().is_file() { read(entry.path()) } else { Ok(Work::default()) }
        };
        laps.done(walk.into_iter().par_bridge().map(read_entry).try_reduce(Work::default, add)?)?;
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Work> {
    let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Work::file(&content))
}

fn add(a: Work, b: Work) -> anyhow::Result<Work> {
    Ok(a + b)
}
