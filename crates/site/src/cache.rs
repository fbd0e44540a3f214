//! Small files kept in memory, each answer checked against the file by one `stat`.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::representation::Representation;

/// What an entry costs besides its bytes: its key, path and headers, about.
const OVERHEAD: usize = 1024;

/// A file changed this recently is not kept: another change within the clock's tick would not show.
const SETTLED: Duration = Duration::from_secs(1);

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    identity: (u64, u64),
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { modified: metadata.modified().ok(), length: metadata.len(), identity: identity(metadata) }
    }

    fn is_settled(&self) -> bool {
        let age = self.modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
        age.is_some_and(|age| age > SETTLED)
    }
}

// A link that now points elsewhere is another file, whatever its date.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// A small file as it is answered with.
#[derive(Debug)]
pub(crate) struct Page {
    /// As it was asked for, links unresolved, so that looking again follows them again.
    pub(crate) path: PathBuf,
    pub(crate) stamp: Stamp,
    pub(crate) representation: Representation,
    pub(crate) bytes: Bytes,
}

impl Page {
    fn cost(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }

    fn is_current(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|metadata| Stamp::of(&metadata) == self.stamp)
    }
}

/// Bounded by bytes. When it is full the pages in it stay, so that a walk over a folder larger than the cache
/// still finds some of it (with the oldest put out, such a walk would find nothing).
#[derive(Debug)]
pub(crate) struct Cache {
    limit: usize,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    by_url: HashMap<Box<str>, Arc<Page>>,
    cost: usize,
}

impl Cache {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, pages: Mutex::default() }
    }

    /// The page last stored for this URL path, if the file is still the same. It makes one `stat` of a file that
    /// was there a moment ago, which is cheaper than a hop to another thread.
    pub(crate) fn current(&self, url: &str) -> Option<Arc<Page>> {
        let page = self.lock().by_url.get(url).cloned()?;
        if page.is_current() {
            return Some(page);
        }
        self.lock().remove(url);
        None
    }

    /// Keeps a page, if there is room for it.
    pub(crate) fn keep(&self, url: &str, page: &Arc<Page>) {
        let mut pages = self.lock();
        pages.remove(url);
        if page.stamp.is_settled() && pages.cost + page.cost() <= self.limit {
            pages.cost += page.cost();
            pages.by_url.insert(url.into(), page.clone());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn remove(&mut self, url: &str) {
        if let Some(page) = self.by_url.remove(url) {
            self.cost -= page.cost();
        }
    }
}
