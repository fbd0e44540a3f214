//! gather-file-reader, bytes only, as a program that uses it would call it.

use std::ffi::OsStr;
use std::path::Path;

use futures::StreamExt;
use gather_file_reader::Reader;

use crate::work::{Laps, Work};

pub(super) fn run(folder: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let (folder, reader) = (Path::new(folder), Reader::builder().bytes(true).hidden(true).build());
    gather_core::run(laps.repeat(|| pass(&reader, folder)))?
}

async fn pass(reader: &Reader, folder: &Path) -> anyhow::Result<Work> {
    let mut files = reader.read([folder.to_owned()]);
    let mut sum = Work::default();
    while let Some(file) = files.next().await {
        sum = sum + file?.into_bytes().map_or(Work::default(), |content| Work::file(&content));
    }
    Ok(sum)
}
