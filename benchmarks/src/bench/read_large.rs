//! `read-large`: a few large files, all bytes counted and none held.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use futures::StreamExt;
use gather_file_reader::{Part as FilePart, Reader};
use walkdir::WalkDir;

use super::small_files::place;
use super::{Bench, Contestant, Input, Part};
use crate::args::Args;
use crate::figure::Figure;
use crate::work::{Laps, Work};

const FILES: usize = 8;
/// Bytes in a file.
const SIZE: usize = 256_000_000;

pub(super) static BENCH: Bench = Bench {
    name: "read-large",
    about: "read every byte of a few large files, and hold none",
    parts: &[Part {
        name: "read-large",
        figures: &[Figure::MEGABYTES_PER_SECOND, Figure::peak_memory("peak memory")],
        contestants: &[Contestant::new("gather", gather), Contestant::new("cat", cat)],
    }],
    packages: &["async-std", "mimalloc"],
    prepare,
};

fn prepare(args: &Args) -> anyhow::Result<Input> {
    let others = args.urls.is_some() || args.tasks.is_some();
    ensure!(!others, "`read-large` takes no --urls and no --tasks; hint: --corpus DIR");
    if let Some(corpus) = &args.corpus {
        let folder = std::path::absolute(corpus)?;
        let about = format!("{} files in {}", files(&folder)?.len(), folder.display());
        return Ok(Input::new(folder, about, Vec::new()));
    }
    let space = (FILES * SIZE) as u64;
    let folder = tempfile::Builder::new().prefix("gather-large-files-").tempdir_in(place(space))?;
    let text = b"the quick brown fox jumps over the lazy dog\n".repeat(SIZE / 44 + 1);
    for number in 0..FILES {
        std::fs::write(folder.path().join(number.to_string()), text.get(..SIZE).unwrap_or(&text))?;
    }
    let about = format!("{FILES} files of {} MB, in {}", SIZE / 1_000_000, folder.path().display());
    Ok(Input::new(folder.path().to_owned(), about, vec![Box::new(folder)]))
}

/// Fails if there is none.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = WalkDir::new(folder).into_iter().collect::<Result<Vec<_>, _>>()?;
    let files = entries.into_iter().filter(|entry| entry.file_type().is_file());
    let files: Vec<PathBuf> = files.map(walkdir::DirEntry::into_path).collect();
    ensure!(!files.is_empty(), "no file in {}", folder.display());
    Ok(files)
}

/// gather-file-reader in parts, bytes only, as a program that uses it would call it.
fn gather(folder: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let (folder, reader) = (Path::new(folder), Reader::builder().bytes(true).hidden(true).build());
    gather_core::run(laps.repeat(async || {
        let mut parts = reader.read_parts([folder.to_owned()]);
        let mut sum = Work::default();
        while let Some(part) = parts.next().await {
            match part? {
                FilePart::Bytes { bytes, .. } => sum.bytes += bytes.len() as u64,
                _ => sum.items += 1,
            }
        }
        Ok(sum)
    }))?
}

/// `cat` of all files, into nothing. Its memory is not counted: it is a process of its own.
fn cat(folder: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let files = files(Path::new(folder))?;
    let sizes = files.iter().map(|file| Ok(file.metadata()?.len())).collect::<std::io::Result<Vec<_>>>()?;
    let work = Work { items: files.len() as u64, bytes: sizes.iter().sum(), checksum: 0 };
    while laps.again() {
        let cat =
            Command::new("cat").args(&files).stdout(Stdio::null()).status().context("cannot start cat")?;
        ensure!(cat.success(), "cat failed: {cat}");
        laps.done(work)?;
    }
    Ok(())
}
