//! How far walk and reading are, and what follows for the next batch.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How far walk and reading are.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// Files known of.
    pub(crate) known: AtomicU64,
    /// Nothing is read any more, and what is left is counted.
    pub(crate) only_count: AtomicBool,
    files_read: AtomicU64,
    bytes_read: AtomicU64,
}

impl Course {
    /// Takes note of a file's size.
    pub(crate) fn has_read(&self, files: u64, bytes: u64) {
        self.files_read.fetch_add(files, Ordering::Relaxed);
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How many files a hop is worth: many small ones, few large ones.
    pub(crate) fn files_per_hop(&self, number: u64) -> usize {
        /// Measured: 64 take 4 to 8 % longer, for threads are woken more often; 256 are no faster, and in memory all at once.
        const MOST: u64 = 1 << DOUBLED;
        const DOUBLED: u64 = 7;
        /// Before anything is known of the files, each goes alone, then two and four: large ones must not queue up
        /// behind each other.
        const ALONE: u64 = 8;
        const BYTES: u64 = 4 << 20;
        let files = self.files_read.load(Ordering::Relaxed);
        let average = self.bytes_read.load(Ordering::Relaxed) / files.max(1);
        let by_size = BYTES.checked_div(average).unwrap_or(MOST);
        let by_number = 1 << (number / ALONE).min(DOUBLED);
        by_size.min(by_number).clamp(1, MOST) as usize
    }
}
