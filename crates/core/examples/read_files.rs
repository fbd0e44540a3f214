//! Exercise: read many files at once, so many at a time, and say how long each is.
//!
//! `cargo run -p gather-core --example read_files -- FILE…` (without files: the programs of this tutorial)
//!
//! Files block, so each is read on a thread. A file that cannot be read is a line of its own and stops no other.
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use futures::{StreamExt, stream};
use gather_core::{Ended, map_concurrent, now, run, to_thread};

const AT_ONCE: NonZeroUsize = NonZeroUsize::new(16).unwrap();

async fn read(path: PathBuf) -> (PathBuf, Result<io::Result<Vec<u8>>, Ended>) {
    let name = path.clone();
    (name, to_thread(move || std::fs::read(path)).await)
}

async fn read_all(paths: Vec<PathBuf>) -> Result<(), Ended> {
    let start = now();
    let mut files = map_concurrent(stream::iter(paths), AT_ONCE, read).ordered();
    while let Some(file) = files.next().await {
        let (path, bytes) = file?;
        match bytes? {
            Ok(bytes) => println!("{}: {} bytes", path.display(), bytes.len()),
            Err(error) => println!("{}: {error}", path.display()),
        }
    }
    println!("Completed in {:.2} seconds", (now() - start).as_secs_f64());
    Ok(())
}

fn programs() -> io::Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut paths: Vec<_> = folder.read_dir()?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let paths = if given.is_empty() { programs()? } else { given };
    Ok(run(read_all(paths))??)
}
