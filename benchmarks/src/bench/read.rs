//! `read`: every file of a folder, its bytes in memory, nothing else.

mod asyncio;
mod gather;
mod rayon;
mod tokio;

use std::path::Path;

use anyhow::ensure;
use walkdir::WalkDir;

use super::{Bench, Contestant, Input, Part, small_files};
use crate::args::Args;
use crate::figure::Figure;

pub(super) static BENCH: Bench = Bench {
    name: "read",
    about: "read every file of a folder",
    parts: &[Part {
        name: "read",
        figures: &[
            Figure::items_per_second("files/s"),
            Figure::MEGABYTES_PER_SECOND,
            Figure::cpu("cpu", "us/file"),
            Figure::peak_memory("peak memory"),
        ],
        contestants: &[
            Contestant::new("gather", gather::run),
            Contestant::new("jwalk+rayon", rayon::jwalk),
            Contestant::new("walkdir+rayon", rayon::walkdir),
            Contestant::new("tokio::fs", tokio::run),
            Contestant::where_it_is("asyncio.to_thread", asyncio::all, asyncio::is_here),
            Contestant::where_it_is("asyncio, by turns", asyncio::by_turns, asyncio::is_here),
        ],
    }],
    packages: &["async-std", "jwalk", "rayon", "walkdir", "tokio", "mimalloc"],
    prepare,
};

/// The corpus, or files made here.
pub(super) fn prepare(args: &Args) -> anyhow::Result<Input> {
    let others = args.urls.is_some() || args.tasks.is_some();
    ensure!(!others, "this benchmark takes no --urls and no --tasks; hint: --corpus DIR");
    let Some(corpus) = &args.corpus else {
        let folder = small_files::make()?;
        return Ok(Input::new(folder.path().to_owned(), describe(folder.path())?, vec![Box::new(folder)]));
    };
    let small = corpus.join("small");
    let folder = if small.is_dir() { small } else { corpus.clone() };
    let folder = std::path::absolute(folder)?;
    let about = describe(&folder)?;
    Ok(Input::new(folder, about, Vec::new()))
}

/// How many files of how many bytes there are. Fails if there is none.
fn describe(folder: &Path) -> anyhow::Result<String> {
    let (mut files, mut bytes) = (0u64, 0);
    for entry in WalkDir::new(folder) {
        let entry = entry?;
        if entry.file_type().is_file() {
            files += 1;
            bytes += entry.metadata()?.len();
        }
    }
    ensure!(files > 0, "no file in {}", folder.display());
    Ok(format!("{files} files, {:.0} MB, in {}", bytes as f64 / 1e6, folder.display()))
}
