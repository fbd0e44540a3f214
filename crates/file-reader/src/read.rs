//! One file, read whole: opened without waiting, checked to be a regular file that did not change meanwhile.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use encoding_rs::Encoding;
use rustix::fs::{Mode, OFlags};

use crate::decode::{Decoded, NotText, decode, holds_nul, lines};
use crate::error::{ErrorKind, ReadError};
use crate::file::{Content, File};
use crate::select::Candidate;

/// What is made of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The text, decoded.
    Text,
    /// The bytes as they are.
    Bytes,
    /// Nothing: the text is looked at, counted and let go.
    Facts,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(crate) keep: Keep,
    pub(crate) encoding: Option<&'static Encoding>,
    pub(crate) max_size: Option<u64>,
}

/// A file that is open and can be read.
pub(crate) struct Opened {
    file: fs::File,
    size: u64,
}

impl Opened {
    /// The size it had when it was opened.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}

/// Opens a regular file. Never waits: not for the other end of a FIFO, not for a device.
///
/// When the process or the system has too many files open it tries again until `give_up` says so.
pub(crate) fn open(path: &Path, how: How, give_up: &dyn Fn() -> bool) -> Result<Opened, ReadError> {
    let file = open_when_possible(path, give_up).map_err(|error| ReadError::io(path, error))?;
    let metadata = file.metadata().map_err(|error| ReadError::io(path, error))?;
    if let Some(what) = not_regular(metadata.file_type()) {
        return Err(ReadError::new(ErrorKind::Io, path, format!("not a regular file: {what}")));
    }
    match how.max_size {
        Some(limit) if metadata.len() > limit => Err(too_large(path, metadata.len(), limit)),
        _ => Ok(Opened { file, size: metadata.len() }),
    }
}

fn too_large(path: &Path, size: u64, limit: u64) -> ReadError {
    ReadError::new(ErrorKind::TooLarge, path, format!("{size} bytes, and the limit is {limit}"))
}

#[allow(
    clippy::disallowed_methods,
    reason = "it is on a thread of its own, and waits for other threads to close files"
)]
fn open_when_possible(path: &Path, give_up: &dyn Fn() -> bool) -> io::Result<fs::File> {
    const PAUSE: Duration = Duration::from_millis(5);
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    loop {
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(file) => return Ok(file.into()),
            Err(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) if !give_up() => thread::sleep(PAUSE),
            Err(rustix::io::Errno::INTR) => {}
            // What opening a socket or a device without a driver says.
            Err(rustix::io::Errno::NXIO) => {
                return Err(io::Error::other("not a regular file: a socket or a device"));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn not_regular(kind: fs::FileType) -> Option<&'static str> {
    match kind {
        kind if kind.is_file() => None,
        kind if kind.is_dir() => Some("a folder"),
        kind if kind.is_fifo() => Some("a FIFO"),
        kind if kind.is_socket() => Some("a socket"),
        kind if kind.is_char_device() || kind.is_block_device() => Some("a device"),
        _ => Some("something else"),
    }
}

/// Reads an open file to its end and makes of it what was asked for.
pub(crate) fn read(mut opened: Opened, candidate: &Candidate, how: How) -> Result<File, ReadError> {
    let head = head(&mut opened, &candidate.path, how)?;
    if holds_nul(&head) {
        return Err(not_text(NotText::HoldsNul, candidate));
    }
    let bytes = whole(opened, head, &candidate.path, how.max_size)?;
    decode_bytes(bytes, candidate, how)
}

/// Makes of a file's bytes what was asked for.
pub(crate) fn decode_bytes(bytes: Vec<u8>, candidate: &Candidate, how: How) -> Result<File, ReadError> {
    let path = &candidate.path;
    if let Some(limit) = how.max_size.filter(|limit| bytes.len() as u64 > *limit) {
        return Err(too_large(path, bytes.len() as u64, limit));
    }
    let size = bytes.len() as u64;
    let file = |lines, encoding, guessed, content| File {
        path: path.clone(),
        size,
        lines,
        encoding,
        guessed,
        content,
    };
    if how.keep == Keep::Bytes {
        return Ok(file(0, None, false, Content::Bytes(bytes)));
    }
    let Decoded { text, encoding, guessed } =
        decode(bytes, how.encoding).map_err(|why| not_text(why, candidate))?;
    let lines = lines(&text);
    let content = if how.keep == Keep::Text { Content::Text(text) } else { Content::Nothing };
    Ok(file(lines, Some(encoding), guessed, content))
}

/// The first bytes of a large file, where they can tell that it is not text: the rest is then never read. Else nothing.
fn head(opened: &mut Opened, path: &Path, how: How) -> Result<Vec<u8>, ReadError> {
    const LARGE: u64 = 256 << 10;
    const HEAD: u64 = 16 << 10;
    let mut head = Vec::new();
    if opened.size > LARGE && how.keep != Keep::Bytes && how.encoding.is_none() {
        (&mut opened.file).take(HEAD).read_to_end(&mut head).map_err(|error| ReadError::io(path, error))?;
    }
    Ok(head)
}

/// All bytes, of which the first were read already. A file whose size is not what it was when it was opened gave neither its old content nor its new.
fn whole(opened: Opened, head: Vec<u8>, path: &Path, max_size: Option<u64>) -> Result<Vec<u8>, ReadError> {
    let Opened { mut file, size } = opened;
    let expected =
        usize::try_from(size).map_err(|_| ReadError::new(ErrorKind::TooLarge, path, "larger than memory"))?;
    let begun = head.len();
    let mut bytes = head;
    bytes.try_reserve_exact(expected.saturating_add(1).saturating_sub(begun)).map_err(|_| {
        ReadError::new(ErrorKind::TooLarge, path, format!("{size} bytes do not fit into memory"))
    })?;
    // One byte more than expected: in the usual case the second read says that this is the end.
    let limit = if size == 0 {
        max_size.map_or(u64::MAX, |limit| limit.saturating_add(1))
    } else {
        (size + 1).saturating_sub(begun as u64)
    };
    (&mut file).take(limit).read_to_end(&mut bytes).map_err(|error| ReadError::io(path, error))?;
    let read = bytes.len() as u64;
    match max_size {
        _ if read == size => {}
        // Files of /proc and the like say 0 and have content.
        Some(limit) if size == 0 && read > limit => return Err(too_large(path, read, limit)),
        _ if size == 0 => {}
        _ => {
            let how = if read < size { "shrank" } else { "grew" };
            return Err(ReadError::new(ErrorKind::Io, path, format!("the file {how} while it was read")));
        }
    }
    Ok(bytes)
}

/// What is found in a folder and is not text is left out; what is named is an error.
fn not_text(why: NotText, candidate: &Candidate) -> ReadError {
    let path = &candidate.path;
    match why {
        NotText::HoldsNul if candidate.found => ReadError::skipped(path, "not text: it holds NUL bytes"),
        NotText::HoldsNul => ReadError::new(ErrorKind::Encoding, path, "not text: it holds NUL bytes"),
        NotText::DoesNotFit(name) => {
            ReadError::new(ErrorKind::Encoding, path, format!("not {name}: malformed bytes"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOW: How = How { keep: Keep::Text, encoding: None, max_size: None };

    /// What reading gives when a file of `before` bytes has `after` once it is open.
    fn changed(before: usize, after: u64) -> Result<File, ReadError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), vec![b'x'; before]).unwrap();
        let opened = open(file.path(), HOW, &|| true).unwrap();
        file.as_file().set_len(after).unwrap();
        read(opened, &Candidate { path: file.path().to_owned(), found: true }, HOW)
    }

    #[test]
    fn a_file_that_changes_size_while_it_is_read_is_an_error_that_says_so() {
        for (before, after, how) in [
            (1_000, 10, "shrank"),
            (1_000, 0, "shrank"),
            (1_000, 2_000, "grew"),
            (1 << 20, 1 << 19, "shrank"),
            (1 << 20, 10, "shrank"),
            (1 << 20, 1 << 21, "grew"),
        ] {
            let error = changed(before, after).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io);
            assert_eq!(error.fact(), format!("the file {how} while it was read"), "{before} to {after}");
        }
        assert_eq!(changed(1_000, 1_000).unwrap().size(), 1_000);
    }
}
