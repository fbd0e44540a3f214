//! An open file: opened without waiting, checked to be a regular one, and to be the same at its end.

use std::fs;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{FileType, Mode, OFlags, Stat};

use crate::compress::{MAGIC, Packing, unpack};
use crate::error::{ErrorKind, ReadError};
use crate::folder::Folder;
use crate::how::How;
use crate::openers::is_out_of_files;
use crate::select::{Candidate, what_it_is};

/// A file that is open and can be read.
#[derive(Debug)]
pub(crate) struct Source {
    file: fs::File,
    pub(crate) size: u64,
    modified: Option<SystemTime>,
    pub(crate) packing: Option<Packing>,
    /// The most that may come out of it.
    pub(crate) limit: Option<u64>,
}

/// Without a wait: not for the other end of a FIFO, not for a device.
const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Opens a regular file, by way of this folder if it is in it. Never waits for anything but this:
///
/// When the process or the system has too many files open it tries again as long as `wait`, which may wait, says so.
pub(crate) fn open(
    candidate: &Candidate,
    how: &How,
    folder: &mut Folder,
    wait: &mut dyn FnMut() -> bool,
) -> Result<Source, ReadError> {
    let file = match folder.open(&candidate.path, FLAGS) {
        Some(file) => file,
        None => open_when_possible(&candidate.path, wait)
            .map_err(|error| ReadError::io(&candidate.path, error))?,
    };
    opened(file, candidate, how)
}

/// Looks at a file that is open.
pub(crate) fn opened(file: fs::File, candidate: &Candidate, how: &How) -> Result<Source, ReadError> {
    let path = candidate.path.as_path();
    let at = |error| ReadError::io(path, error);
    // fstat: the call that the standard library makes for it costs twice as much, which is felt with small files.
    let facts = rustix::fs::fstat(&file).map_err(|error| at(error.into()))?;
    if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile
        && let Some(what) = what_it_is(file.metadata().map_err(at)?.file_type())
    {
        return Err(not_a_file(candidate, what));
    }
    if how.except == Some((facts.st_dev, facts.st_ino)) && candidate.is_found() {
        return Err(ReadError::skipped(path, "what is written to"));
    }
    let (size, modified) = (u64::try_from(facts.st_size).unwrap_or_default(), modified(&facts));
    if let Some(why) = how.filter.leaves_out(size, modified).filter(|_| candidate.is_found()) {
        return Err(ReadError::skipped(path, why));
    }
    if let Some(limit) = how.max_size.filter(|limit| size > *limit) {
        return Err(too_large(path, size, limit));
    }
    let mut source = Source { file, size, modified, packing: None, limit: how.max_size };
    if let Some(limit) = how.decompress {
        source.packing = Packing::of(&source.head(MAGIC).map_err(at)?);
        source.limit = if source.packing.is_some() { Some(limit) } else { how.max_size };
    }
    Ok(source)
}

fn modified(facts: &Stat) -> Option<SystemTime> {
    let whole = Duration::from_secs(facts.st_mtime.unsigned_abs());
    let seconds = match facts.st_mtime {
        0.. => SystemTime::UNIX_EPOCH.checked_add(whole),
        _ => SystemTime::UNIX_EPOCH.checked_sub(whole),
    };
    seconds?.checked_add(Duration::from_nanos(facts.st_mtime_nsec))
}

/// What a walk finds and is no file is left out; what is named is a failure.
fn not_a_file(candidate: &Candidate, what: &str) -> ReadError {
    if candidate.is_found() {
        ReadError::skipped(&candidate.path, what)
    } else {
        ReadError::new(ErrorKind::Io, &candidate.path, what)
    }
}

pub(crate) fn too_large(path: &Path, size: u64, limit: u64) -> ReadError {
    ReadError::new(ErrorKind::TooLarge, path, format!("{size} bytes, and the limit is {limit}"))
}

fn open_when_possible(path: &Path, wait: &mut dyn FnMut() -> bool) -> io::Result<fs::File> {
    loop {
        match rustix::fs::open(path, FLAGS, Mode::empty()) {
            Ok(file) => return Ok(file.into()),
            Err(error) if is_out_of_files(error) && wait() => {}
            Err(rustix::io::Errno::INTR) => {}
            // What opening a socket or a device without a driver says.
            Err(rustix::io::Errno::NXIO) => {
                return Err(io::Error::other("not a regular file: a socket or a device"));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

impl Source {
    /// Its first bytes, as they are in the file.
    pub(crate) fn head(&self, length: usize) -> io::Result<Vec<u8>> {
        let mut head = vec![0; length];
        let read = rustix::io::pread(&self.file, head.as_mut_slice(), 0)?;
        head.truncate(read);
        Ok(head)
    }

    /// All its bytes, in one read where its size is known.
    pub(crate) fn whole(&self, path: &Path, grow: &mut dyn FnMut(u64)) -> Result<Vec<u8>, ReadError> {
        let bytes = if self.packing.is_some() || self.size == 0 {
            self.to_the_end(path, grow)?
        } else {
            let bytes = self.of_known_size(path)?;
            self.check_size(path, bytes.len() as u64)?;
            bytes
        };
        Ok(bytes)
    }

    /// What is unpacked, and files of /proc and the like, which say 0 and have content.
    fn to_the_end(&self, path: &Path, grow: &mut dyn FnMut(u64)) -> Result<Vec<u8>, ReadError> {
        const STEP: u64 = 1 << 20;
        let limit = self.limit.unwrap_or(u64::MAX);
        let at = |error| self.error(path, error);
        let (mut bytes, mut reader) = (Vec::new(), self.reader().map_err(at)?);
        loop {
            let before = bytes.len() as u64;
            let most = limit.saturating_add(1).saturating_sub(before).min(STEP);
            let read = (&mut reader).take(most).read_to_end(&mut bytes).map_err(at)? as u64;
            if before + read > limit {
                return Err(self.over(path, limit));
            }
            if read == 0 {
                return Ok(bytes);
            }
            grow((before + read).saturating_sub(self.size.max(before)));
        }
    }

    /// A byte more than expected is asked for: a read that gives less has seen the end.
    fn of_known_size(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        let too_large = || {
            ReadError::new(ErrorKind::TooLarge, path, format!("{} bytes do not fit into memory", self.size))
        };
        let expected = usize::try_from(self.size).map_err(|_| too_large())?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(expected.saturating_add(1)).map_err(|_| too_large())?;
        loop {
            let read = match rustix::io::read(&self.file, rustix::buffer::spare_capacity(&mut bytes)) {
                Ok(read) => read,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(ReadError::io(path, error.into())),
            };
            if read == 0 || bytes.len() >= expected {
                return Ok(bytes);
            }
        }
    }

    /// A file whose size is not what it was when it was opened gave neither its old content nor its new.
    ///
    /// Files that the kernel makes up do not know theirs: those of /proc say 0, those of /sys a page.
    pub(crate) fn check_size(&self, path: &Path, read: u64) -> Result<(), ReadError> {
        let what = match read {
            _ if self.packing.is_some() || self.size == 0 || read == self.size => return Ok(()),
            _ if read < self.size && self.check_unchanged(path).is_ok() => return Ok(()),
            _ if read < self.size => "shrank",
            _ => "grew",
        };
        Err(ReadError::new(ErrorKind::Io, path, format!("the file {what} while it was read")))
    }

    /// What takes long to read can change without changing its size.
    pub(crate) fn check_unchanged(&self, path: &Path) -> Result<(), ReadError> {
        let facts = rustix::fs::fstat(&self.file).map_err(|error| ReadError::io(path, error.into()))?;
        if u64::try_from(facts.st_size) != Ok(self.size) || modified(&facts) != self.modified {
            return Err(ReadError::new(ErrorKind::Io, path, "the file changed while it was read"));
        }
        Ok(())
    }

    /// What is wrong with a file's content may come of a change: while it is cut, a read sees NUL bytes in place of what
    /// was there.
    pub(crate) fn or_changed(&self, path: &Path, error: ReadError) -> ReadError {
        match error.kind() {
            ErrorKind::Encoding | ErrorKind::Decode | ErrorKind::Skipped | ErrorKind::TooLarge => {
                self.check_unchanged(path).err().unwrap_or(error)
            }
            _ => error,
        }
    }

    /// What is in it, from the beginning.
    pub(crate) fn reader(&self) -> io::Result<Box<dyn Read + '_>> {
        let mut file = &self.file;
        file.rewind()?;
        match self.packing {
            Some(packing) => unpack(packing, file, self.limit.unwrap_or(u64::MAX)),
            None => Ok(Box::new(file)),
        }
    }

    pub(crate) fn over(&self, path: &Path, limit: u64) -> ReadError {
        let what = if self.packing.is_some() { "unpacked " } else { "" };
        ReadError::new(
            ErrorKind::TooLarge,
            path,
            format!("{what}more than {limit} bytes, which is the limit"),
        )
    }

    /// An error of reading; where nothing is wrong with the file itself, it is what is packed in it.
    pub(crate) fn error(&self, path: &Path, error: io::Error) -> ReadError {
        match self.packing {
            Some(_) if error.kind() == io::ErrorKind::FileTooLarge => {
                ReadError::new(ErrorKind::TooLarge, path, error.to_string())
            }
            Some(packing) if error.raw_os_error().is_none() => {
                ReadError::damaged(path, packing.as_str(), error)
            }
            _ => ReadError::io(path, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::File;
    use crate::read::read;
    use crate::select::Origin;

    /// What reading gives when a file of `before` bytes has `after` once it is open.
    fn changed(before: usize, after: u64) -> Result<File, ReadError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), vec![b'x'; before]).unwrap();
        let mut candidate = Candidate { path: file.path().to_owned(), origin: Origin::Found };
        let how = How::default();
        let source = open(&candidate, &how, &mut Folder::default(), &mut || false).unwrap();
        file.as_file().set_len(after).unwrap();
        read(&source, &mut candidate, &how, &mut |_| {})
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

    #[test]
    fn what_is_no_text_because_it_changed_is_said_to_have_changed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), vec![b'x'; 1_000]).unwrap();
        let mut candidate = Candidate { path: file.path().to_owned(), origin: Origin::Found };
        let how = How::default();
        for size in [1_000, 1 << 20] {
            file.as_file().set_len(size).unwrap();
            let source = open(&candidate, &how, &mut Folder::default(), &mut || false).unwrap();
            fs::write(file.path(), vec![0; size as usize]).unwrap();
            // A file system's clock is coarse: a change at once may bear the same time.
            file.as_file().set_modified(SystemTime::UNIX_EPOCH).unwrap();
            let error = read(&source, &mut candidate, &how, &mut |_| {}).unwrap_err();
            assert_eq!((error.kind(), error.fact()), (ErrorKind::Io, "the file changed while it was read"));
        }
    }

    #[test]
    fn the_time_of_a_change_is_the_one_that_the_standard_library_tells() {
        let file = tempfile::tempfile().unwrap();
        for since in [Duration::new(1_700_000_000, 123_456_789), Duration::new(3, 1)] {
            for time in [SystemTime::UNIX_EPOCH + since, SystemTime::UNIX_EPOCH - since] {
                file.set_modified(time).unwrap();
                let facts = rustix::fs::fstat(&file).unwrap();
                assert_eq!(modified(&facts), file.metadata().unwrap().modified().ok());
            }
        }
    }
}
