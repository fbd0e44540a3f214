//! Many small files, the same every time.

use std::path::Path;

use anyhow::Context;
use fastrand::Rng;
use tempfile::TempDir;

const FOLDERS: usize = 200;
const FILES_PER_FOLDER: usize = 500;
/// Bytes in a file.
const SIZES: std::ops::RangeInclusive<usize> = 500..=8000;
/// Where a folder is in memory, on Linux; a cold disk would be all that is measured.
const IN_MEMORY: &str = "/dev/shm";
/// What the files take, with room to spare.
const SPACE: u64 = 1 << 30;

/// 100,000 files of 500 to 8,000 bytes in 200 folders, two levels deep, in memory where there is room.
pub(super) fn make() -> anyhow::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("gather-small-files-").tempdir_in(place(SPACE))?;
    let mut random = Rng::with_seed(1);
    let text = text(&mut random);
    for number in 0..FOLDERS {
        let folder = folder.path().join((number / 20).to_string()).join(number.to_string());
        std::fs::create_dir_all(&folder)?;
        fill(&folder, &text, &mut random)
            .with_context(|| format!("cannot write files in {}", folder.display()))?;
    }
    Ok(folder)
}

/// In memory, where there is room for so many bytes.
pub(crate) fn place(space: u64) -> std::path::PathBuf {
    let free = |path| rustix::fs::statvfs(path).map(|stat| stat.f_bavail * stat.f_frsize).unwrap_or(0);
    if free(IN_MEMORY) >= space { IN_MEMORY.into() } else { std::env::temp_dir() }
}

/// Words of random letters.
fn text(random: &mut Rng) -> Vec<u8> {
    let mut word = || (0..random.usize(2..=9)).map(|_| random.lowercase() as u8).collect::<Vec<u8>>();
    let words: Vec<Vec<u8>> = (0..5000).map(|_| word()).collect();
    let chosen: Vec<&[u8]> = (0..20_000).filter_map(|_| random.choice(&words)).map(Vec::as_slice).collect();
    chosen.join(&b' ')
}

fn fill(folder: &Path, text: &[u8], random: &mut Rng) -> std::io::Result<()> {
    for number in 0..FILES_PER_FOLDER {
        let size = random.usize(SIZES);
        let start = random.usize(0..=text.len() - size);
        let content = text.get(start..start + size).unwrap_or(text);
        std::fs::write(folder.join(format!("{number}.txt")), content)?;
    }
    Ok(())
}
