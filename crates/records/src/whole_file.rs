//! A file that is whole or not there: written beside its place, and moved into it when it is complete.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// What the names of files begin with until they are whole.
const UNFINISHED: &str = ".gather-";

/// The permissions of a new file, before the umask takes from them.
const FOR_ALL: u32 = 0o666;
const FOR_ITS_OWNER: u32 = 0o600;

/// A file in the making. Dropped before [`commit`](Self::commit) it is gone, and what was in its place still stands.
///
/// A device or a FIFO is no place for a file, and is never replaced by one: what is written goes into it at once.
#[derive(Debug)]
pub struct WholeFile {
    making: Making,
    place: PathBuf,
}

#[derive(Debug)]
enum Making {
    /// Beside its place.
    File(NamedTempFile),
    Device(File),
}

impl Making {
    fn file(&mut self) -> &mut File {
        match self {
            Self::File(temporary) => temporary.as_file_mut(),
            Self::Device(device) => device,
        }
    }
}

impl WholeFile {
    /// Whether a path is that of a file that is being written and has not appeared yet.
    ///
    /// ```
    /// use gather_records::WholeFile;
    ///
    /// assert!(WholeFile::is_unfinished("out/.gather-hTqXgr".as_ref()));
    /// assert!(!WholeFile::is_unfinished("out/gather.jsonl".as_ref()));
    /// ```
    pub fn is_unfinished(path: &Path) -> bool {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes()))
    }

    /// Begins a file that will replace what is at `path`. A symbolic link is followed, so that the link stays.
    ///
    /// # Errors
    /// The folder is not there or cannot be written to.
    ///
    /// ```
    /// use std::io::Write;
    /// use gather_records::WholeFile;
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("a.txt");
    /// let mut file = WholeFile::create(&path).unwrap();
    /// file.write_all(b"whole").unwrap();
    /// assert!(!path.exists());
    /// file.commit().unwrap();
    /// assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    /// ```
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::at(behind_links(path)?, FOR_ALL)
    }

    /// As [`create`](Self::create), but nobody else can read the file: for credentials. A file that is there already
    /// keeps its permissions.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    ///
    /// ```
    /// use std::os::unix::fs::PermissionsExt;
    /// use gather_records::WholeFile;
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("a.txt");
    /// WholeFile::create_private(&path).unwrap().commit().unwrap();
    /// assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    /// ```
    pub fn create_private(path: &Path) -> io::Result<Self> {
        Self::at(behind_links(path)?, FOR_ITS_OWNER)
    }

    /// Begins a file that will stand at `path` itself: a symbolic link there is replaced, and never written through,
    /// so that the file cannot leave its folder.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn in_place_of(path: &Path) -> io::Result<Self> {
        Self::at(path.to_owned(), FOR_ALL)
    }

    fn at(place: PathBuf, mode: u32) -> io::Result<Self> {
        if place.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        if place.exists() && !place.is_file() {
            let device = File::options().write(true).open(&place)?;
            return Ok(Self { making: Making::Device(device), place });
        }
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder)?;
        if let Ok(existing) = fs::metadata(&place) {
            temporary.as_file().set_permissions(existing.permissions())?;
        }
        Ok(Self { making: Making::File(temporary), place })
    }

    /// Begins a file that holds what is at `path` already, ready to be added to. An unfinished last line is finished.
    ///
    /// # Errors
    /// As [`create`](Self::create), or what is there cannot be read.
    pub fn append(path: &Path, lines: bool) -> io::Result<Self> {
        let mut file = Self::create(path)?;
        if let Making::Device(_) = file.making {
            return Ok(file);
        }
        match File::open(&file.place) {
            Ok(mut existing) => {
                io::copy(&mut existing, file.making.file())?;
                if lines && ends_inside_a_line(&mut existing)? {
                    file.write_all(b"\n")?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(file)
    }

    /// Moves the file into its place.
    ///
    /// # Errors
    /// The move failed; what was there before still stands.
    pub fn commit(self) -> io::Result<()> {
        match self.making {
            Making::File(temporary) => temporary.persist(&self.place).map(drop).map_err(|error| error.error),
            Making::Device(mut device) => device.flush(),
        }
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.making.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.making.file().flush()
    }
}

/// The file that a path stands for, which need not be there yet: as with a shell's `>`, a link to nothing makes its target.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    const MOST_LINKS: usize = 40; // as in Linux; a loop is an error of `canonicalize` before it comes to this
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        place => return place,
    }
    let mut place = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(target) = fs::read_link(&place) else { break };
        place = place.parent().unwrap_or(Path::new("")).join(target);
    }
    Ok(place)
}

fn ends_inside_a_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileTypeExt;
    use std::process::Command;
    use std::thread;

    use super::*;

    #[test]
    fn what_is_no_file_is_written_into_and_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        for begin in
            [WholeFile::create, WholeFile::create_private, |path: &Path| WholeFile::append(path, true)]
        {
            let reader = thread::spawn({
                let fifo = fifo.clone();
                move || fs::read_to_string(fifo).unwrap()
            });
            let mut file = begin(&fifo).unwrap();
            file.write_all(b"tea").unwrap();
            file.commit().unwrap();
            assert_eq!(reader.join().unwrap(), "tea");
            assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());
        }
    }
}
