//! `--cookies` and `--cookie-jar`: the jar of a run, and the file it is read from and written to.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use gather_fetch::Jar;
use gather_records::WholeFile;

use crate::args::Request;
use crate::exit::{usage, usage_error};

/// Bytes of a file of cookies: more than a full jar comes to.
const MAX_FILE: u64 = 32 << 20;

/// The file of `--cookie-jar`, which is written whole when the run is over. Dropped before, it is as it was.
pub(crate) struct CookieFile {
    path: PathBuf,
    jar: Jar,
    /// Opened before any work, so that a place that cannot be written to is known then.
    file: WholeFile,
}

/// The jar that the options ask for, and its file if there is one.
///
/// # Errors
/// A file that cannot be read or written, or has a line that is no cookie.
pub(crate) fn open(options: &Request) -> anyhow::Result<Option<(Jar, Option<CookieFile>)>> {
    match &options.cookie_jar {
        Some(path) => {
            let file = CookieFile::open(path)?;
            Ok(Some((file.jar.clone(), Some(file))))
        }
        None => Ok(options.cookies.then(|| (Jar::new(), None))),
    }
}

impl CookieFile {
    fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Err(usage(
                "--cookie-jar takes a file, and stdout is for the results",
                "write ./- for a file of that name",
            ));
        }
        let jar = match std::fs::metadata(path) {
            Ok(found) if !found.is_file() => return Err(no_file(path)),
            Ok(_) => read(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Jar::new(),
            Err(error) => return Err(unreadable(path, &error)),
        };
        let file = WholeFile::create_private(path)
            .map_err(|error| usage_error(format!("cannot write to {}: {error}", path.display())))?;
        Ok(Self { path: path.to_owned(), jar, file })
    }

    /// Writes all cookies of the jar, those of the session included.
    ///
    /// # Errors
    /// The file could not be written; then it is as it was before.
    pub(crate) fn save(mut self) -> anyhow::Result<()> {
        let written = self.file.write_all(&self.jar.to_netscape()).and_then(|()| self.file.commit());
        written.with_context(|| format!("cannot write the cookies to {}", self.path.display()))
    }
}

fn read(path: &Path) -> anyhow::Result<Jar> {
    let mut text = Vec::new();
    let file = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut text));
    file.map_err(|error| unreadable(path, &error))?;
    if text.len() as u64 > MAX_FILE {
        return Err(usage(
            format!("{} is no file of cookies: it has more than 32 MiB", path.display()),
            "--cookie-jar takes a file in Netscape's format, as curl -c writes it",
        ));
    }
    Jar::from_netscape(text).map_err(|error| usage_error(format!("{}: {error}", path.display())))
}

fn no_file(path: &Path) -> anyhow::Error {
    usage(
        format!("{} is not a regular file", path.display()),
        "--cookie-jar names a file, which need not be there yet; --cookies keeps cookies for this run only",
    )
}

fn unreadable(path: &Path, error: &io::Error) -> anyhow::Error {
    usage(
        format!("cannot read the cookies of {}: {error}", path.display()),
        "--cookie-jar names a file, which need not be there yet",
    )
}
