//! What SQLite says, in our words.

use std::path::Path;

use crate::error::{Error, ErrorKind};

/// The primary result codes of SQLite that people can do something about.
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
    let full = if code == Some(NO_ROOM_TO_SHARE) { Some(FULL) } else { None };
    match full.or(code.map(|code| code & 0xff)) {
        Some(BUSY | LOCKED) => Error::new(ErrorKind::Locked, format!("the store {shown} is locked"))
            .hinted("another program holds it; close that, or wait"),
        Some(READ_ONLY) => Error::new(ErrorKind::ReadOnly, format!("the store {shown} is read-only"))
            .hinted("make the file and its folder writable, or copy it and name the copy with --store"),
        Some(FULL) => Error::new(ErrorKind::Full, format!("no space left for the store {shown}"))
            .hinted("nothing that was committed is lost: make room and run the same command again"),
        Some(CORRUPT) => unusable(ErrorKind::Corrupt, path, "it is damaged"),
        Some(NOT_A_DATABASE) => foreign(path, "it is damaged, or no store"),
        Some(CANNOT_OPEN) => Error::new(ErrorKind::Io, format!("the store {shown} cannot be opened"))
            .hinted("its folder must exist and be writable"),
        _ => Error::new(ErrorKind::Io, format!("the store {shown}: {error}")),
    }
}

pub(super) fn foreign(path: &Path, why: &str) -> Error {
    unusable(ErrorKind::Foreign, path, why)
}

fn unusable(kind: ErrorKind, path: &Path, why: &str) -> Error {
    Error::new(kind, format!("{} cannot be used as a store: {why}", path.display()))
        .hinted("name another with --store; nothing was changed")
}
