//! Whether a write-ahead log of SQLite ends within a transaction (<https://sqlite.org/fileformat.html#walformat>).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// A log that grows. What was read of it once is not read again.
pub(super) struct Log {
    path: PathBuf,
    header: [u8; HEADER],
    /// Behind the last frame that holds.
    end: u64,
    checksum: (u32, u32),
    is_torn: bool,
}

impl Log {
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), header: [0; HEADER], end: 0, checksum: (0, 0), is_torn: false }
    }

    /// Whether the last frame that holds is not the last of its transaction: who wrote it was within a commit. A log that is not
    /// there is not torn.
    pub(super) fn is_torn(&mut self) -> io::Result<bool> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        let mut header = [0; HEADER];
        if file.read_exact(&mut header).is_err() {
            return Ok(false); // it is being made
        }
        if header != self.header {
            self.begin(header);
        }
        file.seek(SeekFrom::Start(self.end))?;
        let mut more = Vec::new();
        file.read_to_end(&mut more)?;
        self.take(&more);
        Ok(self.is_torn)
    }

    /// A log that is used from its beginning again has another header.
    fn begin(&mut self, header: [u8; HEADER]) {
        (self.header, self.end, self.is_torn) = (header, HEADER as u64, false);
        self.checksum = sum((0, 0), &header[..24], self.is_big_endian());
    }

    /// The byte order of the checksums.
    fn is_big_endian(&self) -> bool {
        self.header[3] & 1 == 1
    }

    /// Frames of an earlier use of the file, or of a commit that was never whole, do not go on with the checksum.
    fn take(&mut self, more: &[u8]) {
        let page = usize::try_from(number(&self.header, 8)).unwrap_or(0);
        for frame in more.chunks_exact(FRAME_HEADER + page) {
            let (header, page) = frame.split_at(FRAME_HEADER);
            let checksum = sum(self.checksum, &header[..8], self.is_big_endian());
            let checksum = sum(checksum, page, self.is_big_endian());
            if header[8..16] != self.header[16..24] || (number(header, 16), number(header, 20)) != checksum {
                return;
            }
            self.end += frame.len() as u64;
            self.checksum = checksum;
            self.is_torn = number(header, 4) == 0;
        }
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn sum((mut first, mut second): (u32, u32), bytes: &[u8], is_big_endian: bool) -> (u32, u32) {
    let read = if is_big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
    for pair in bytes.chunks_exact(8) {
        let (a, b) = pair.split_at(4);
        first = first.wrapping_add(read([a[0], a[1], a[2], a[3]])).wrapping_add(second);
        second = second.wrapping_add(read([b[0], b[1], b[2], b[3]])).wrapping_add(first);
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use gather_crawler::{SqliteStore, Store};

    use super::*;

    #[test]
    fn a_log_is_torn_where_the_last_frames_of_a_transaction_are_missing() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = gather_core::run(async {
            let mut store = SqliteStore::create(&folder.path().join("a.db"), false).await.unwrap();
            store.keep_note("large", &"x".repeat(20_000)).await.unwrap();
            std::fs::read(folder.path().join("a.db-wal")).unwrap()
        })
        .unwrap();
        let path = folder.path().join("log");
        let mut log = Log::at(&path);
        assert!(!log.is_torn().unwrap(), "there is none");
        let mut is_torn = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            (log.is_torn().unwrap(), Log::at(&path).is_torn().unwrap())
        };
        let without = |frames: usize| &bytes[..bytes.len() - frames * (4096 + FRAME_HEADER)];
        assert_eq!(is_torn(&bytes[..HEADER]), (false, false));
        assert_eq!(is_torn(without(3)), (true, true));
        assert_eq!(is_torn(without(1)), (true, true));
        assert_eq!(is_torn(&bytes[..bytes.len() - 1]), (true, true), "half a frame is none");
        let mut stale = bytes.clone();
        *stale.last_mut().unwrap() ^= 1;
        assert_eq!(is_torn(&stale), (true, true), "its checksum does not hold");
        assert_eq!(is_torn(&bytes), (false, false));
        let mut other = bytes.clone();
        other[20] ^= 1;
        assert_eq!(is_torn(&other), (false, false), "a new header, and frames of the one before");
    }
}
