//! What SQLite says, in our words.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use crate::error::{Error, ErrorKind};

/// The primary result codes of SQLite that people can do something about.
const ERROR: i32 = 1; // our statements hold: the tables are not those of a store
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READ_ONLY: i32 = 8;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANNOT_OPEN: i32 = 14;
const NOT_A_DATABASE: i32 = 26;

/// An extended code: there is no room for the memory that processes share.
const NO_ROOM_TO_SHARE: i32 = 4874;

pub(super) fn fault(path: &Path, error: &sqlx::Error) -> Error {
    let shown = path.display();
    let code = match error {
        sqlx::Error::Database(error) => error.code().and_then(|code| code.parse::<i32>().ok()),
        _ => None,
    };
    let plain = match code {
        Some(NO_ROOM_TO_SHARE) => Some(FULL),
        // Beside a file in such a place no log can be made, of which SQLite says no more than that.
        Some(code) if code & 0xff == CANNOT_OPEN && is_read_only(path) => Some(READ_ONLY),
        code => code.map(|code| code & 0xff),
    };
    match plain {
        Some(ERROR) => damaged(path, &format!("it is damaged: {}", said(error))),
        _ if matches!(error, sqlx::Error::RowNotFound) => damaged(path, "it is damaged: its tally is empty"),
        Some(BUSY | LOCKED) => Error::new(ErrorKind::Locked, format!("the store {shown} is locked"))
            .hinted("another program holds it; close that, or wait"),
        Some(READ_ONLY) => Error::new(ErrorKind::ReadOnly, format!("the store {shown} is read-only"))
            .hinted("make the file and its folder writable, or copy it and name the copy with --store"),
        Some(FULL) => Error::new(ErrorKind::Full, format!("no space left for the store {shown}"))
            .hinted("nothing that was committed is lost: make room and run the same command again"),
        Some(CORRUPT) => damaged(path, "it is damaged"),
        Some(NOT_A_DATABASE) => foreign(path, "it is damaged, or no store"),
        Some(CANNOT_OPEN) => cannot_open(path),
        _ => Error::new(ErrorKind::Io, format!("the store {shown}: {error}")),
    }
}

/// SQLite says no more than that: the folder tells why.
fn cannot_open(path: &Path) -> Error {
    let (shown, folder) = (path.display(), folder_of(path));
    if !folder.is_dir() {
        let fact = format!("there is no folder {} for the store {shown}", folder.display());
        return Error::new(ErrorKind::NotFound, fact)
            .hinted("make it first, or name another place with --store");
    }
    if !path.exists() && is_closed(folder) {
        let fact =
            format!("the store {shown} cannot be made: nothing can be written into {}", folder.display());
        return Error::new(ErrorKind::ReadOnly, fact)
            .hinted("make the folder writable, or name another place with --store");
    }
    Error::new(ErrorKind::Io, format!("the store {shown} cannot be opened"))
        .hinted("it and its folder must be writable")
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether no file can be made in the folder.
fn is_closed(folder: &Path) -> bool {
    let name = folder.join(format!(".gather-try-{}", std::process::id()));
    let made = OpenOptions::new().write(true).create_new(true).open(&name);
    let _ = made.is_ok().then(|| std::fs::remove_file(&name));
    made.is_err()
}

/// What is there and can never be a store: a folder, a device.
pub(super) fn check_place(path: &Path) -> Result<(), Error> {
    match path.metadata() {
        Ok(there) if there.is_dir() => Err(foreign(path, "it is a folder")),
        Ok(there) if !there.is_file() => Err(foreign(path, "it is no file")),
        _ => Ok(()),
    }
}

/// Whether the file is there and may not be written to.
fn is_read_only(path: &Path) -> bool {
    let opened = OpenOptions::new().append(true).open(path);
    opened.is_err_and(|error| {
        matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
    })
}

/// The words of SQLite, such as that there is no such table.
fn said(error: &sqlx::Error) -> &str {
    error.as_database_error().map_or("", |error| error.message())
}

pub(super) fn damaged(path: &Path, why: &str) -> Error {
    unusable(ErrorKind::Corrupt, path, why)
}

pub(super) fn foreign(path: &Path, why: &str) -> Error {
    unusable(ErrorKind::Foreign, path, why)
}

fn unusable(kind: ErrorKind, path: &Path, why: &str) -> Error {
    Error::new(kind, format!("{} cannot be used as a store: {why}", path.display()))
        .hinted("name another with --store; nothing was changed")
}
