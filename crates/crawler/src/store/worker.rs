//! A worker's sign of life: a file beside the store that it keeps locked. The system lets go of the lock when the
//! process is no more, however that came about.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// This worker, for as long as it lives.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) name: String,
    path: PathBuf,
    _lock: File,
}

impl Worker {
    pub(super) fn begin(store: &Path) -> io::Result<Self> {
        remove_the_dead(store);
        loop {
            let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
            let name = format!("{:x}-{time:x}", std::process::id());
            let path = file_of(store, &name);
            let lock = OpenOptions::new().write(true).create_new(true).open(&path)?;
            lock.lock()?;
            // Before it was locked another may have taken it for a dead one's.
            if path.exists() {
                return Ok(Self { name, path, _lock: lock });
            }
        }
    }
}

/// Removes what killed workers left behind.
fn remove_the_dead(store: &Path) {
    for name in names(store) {
        lives(store, &name);
    }
}

/// Whether any worker lives, also one that has nothing leased at the moment.
pub(super) fn somebody_lives(store: &Path) -> bool {
    names(store).iter().any(|name| lives(store, name))
}

/// Those who have a file beside the store.
fn names(store: &Path) -> Vec<String> {
    let folder = store.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let prefix = format!("{}-worker-", store.file_name().unwrap_or_default().to_string_lossy());
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            entry.file_name().to_str().and_then(|name| name.strip_prefix(&prefix).map(str::to_owned))
        })
        .collect()
}

impl Drop for Worker {
    fn drop(&mut self) {
        // What stays behind is found dead and removed by the next worker.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether a worker lives; the file of a dead one is removed.
pub(super) fn lives(store: &Path, name: &str) -> bool {
    let path = file_of(store, name);
    let Ok(file) = OpenOptions::new().write(true).open(&path) else { return path.exists() };
    match file.try_lock() {
        Ok(()) => {
            let _ = fs::remove_file(&path);
            false
        }
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(_)) => true,
    }
}

fn file_of(store: &Path, name: &str) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(format!("-worker-{name}"));
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_lives_until_it_is_dropped_and_its_file_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("a.db");
        let worker = Worker::begin(&store).unwrap();
        assert!(lives(&store, &worker.name));
        let name = worker.name.clone();
        drop(worker);
        assert!(!lives(&store, &name));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_file_that_a_killed_worker_left_is_no_sign_of_life() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("a.db");
        File::create(file_of(&store, "1-2")).unwrap();
        assert!(!lives(&store, "1-2"));
        assert!(!file_of(&store, "1-2").exists());
        File::create(file_of(&store, "3-4")).unwrap();
        let worker = Worker::begin(&store).unwrap();
        assert!(!file_of(&store, "3-4").exists() && lives(&store, &worker.name));
    }
}
