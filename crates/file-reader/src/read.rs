//! One file, held whole.

use std::mem;
use std::path::PathBuf;

use crate::decode::{Decoded, NotText, decode, holds_nul, lines, may_hold_nul};
use crate::error::{ErrorKind, ReadError};
use crate::file::{Content, File};
use crate::hash::Hasher;
use crate::how::{How, Keep};
use crate::select::Candidate;
use crate::source::{Source, too_large};

/// From this size on a file is read in pieces where it need not be held whole, and its beginning is looked at first where it
/// must be.
pub(crate) const LARGE: u64 = 256 << 10;

/// Reads an open file to its end and makes of it what was asked for.
///
/// The file takes the candidate's path. Before it takes more memory than for the size that the file says, it tells `grow` how many bytes, which may wait.
pub(crate) fn read(
    source: &Source,
    candidate: &mut Candidate,
    how: &How,
    grow: &mut dyn FnMut(u64),
) -> Result<File, ReadError> {
    let mut file =
        whole(source, candidate, how, grow).map_err(|error| source.or_changed(&candidate.path, error))?;
    file.packing = source.packing;
    Ok(file)
}

fn whole(
    source: &Source,
    candidate: &mut Candidate,
    how: &How,
    grow: &mut dyn FnMut(u64),
) -> Result<File, ReadError> {
    if (source.size > LARGE || source.size == 0) && begins_as_no_text(source, candidate, how)? {
        return Err(not_text(NotText::HoldsNul, candidate));
    }
    of_bytes(source.whole(&candidate.path, grow)?, candidate, how)
}

/// Makes of bytes from elsewhere what was asked for.
pub(crate) fn decode_bytes(bytes: Vec<u8>, candidate: &mut Candidate, how: &How) -> Result<File, ReadError> {
    match how.max_size.filter(|limit| bytes.len() as u64 > *limit) {
        Some(limit) => Err(too_large(&candidate.path, bytes.len() as u64, limit)),
        None => of_bytes(bytes, candidate, how),
    }
}

/// The file takes the candidate's path: where there are many small ones a copy of each is felt.
fn of_bytes(bytes: Vec<u8>, candidate: &mut Candidate, how: &How) -> Result<File, ReadError> {
    let mut file = nameless(bytes, candidate, how)?;
    file.path = mem::take(&mut candidate.path);
    Ok(file)
}

fn nameless(bytes: Vec<u8>, candidate: &Candidate, how: &How) -> Result<File, ReadError> {
    let mut file = File::new(PathBuf::new());
    file.size = bytes.len() as u64;
    file.hash = how.hash.map(|kind| Hasher::of(kind, &bytes));
    if how.keep == Keep::Bytes {
        file.content = Content::Bytes(bytes);
        return Ok(file);
    }
    let Decoded { text, encoding, guessed } = match decode(bytes, how.encoding, how.strict) {
        Ok(decoded) => decoded,
        // A hash is taken of anything.
        Err(NotText::HoldsNul) if how.hash.is_some() => return Ok(file),
        Err(why) => return Err(not_text(why, candidate)),
    };
    file.lines = lines(&text);
    (file.encoding, file.guessed) = (Some(encoding), guessed);
    if how.keep == Keep::Text {
        file.content = Content::Text(text);
    }
    Ok(file)
}

/// As much of the beginning as tells that a file is not text.
pub(crate) const HEAD: usize = 16 << 10;

/// Whether the first bytes of a large file tell that it is not text: the rest is then never read.
fn begins_as_no_text(source: &Source, candidate: &Candidate, how: &How) -> Result<bool, ReadError> {
    if takes_anything(how) || source.packing.is_some() {
        return Ok(false);
    }
    let head = source.head(HEAD).map_err(|error| ReadError::io(&candidate.path, error))?;
    Ok(holds_nul(&head))
}

/// Whether NUL bytes are no reason to leave a file out.
pub(crate) fn takes_anything(how: &How) -> bool {
    how.keep == Keep::Bytes || how.encoding.is_some_and(may_hold_nul) || how.hash.is_some()
}

/// What is found in a folder and is not text is left out; what is named is an error.
pub(crate) fn not_text(why: NotText, candidate: &Candidate) -> ReadError {
    let path = &candidate.path;
    match why {
        NotText::HoldsNul if candidate.is_found() => ReadError::skipped(path, "not text: it holds NUL bytes"),
        NotText::HoldsNul => ReadError::new(ErrorKind::Encoding, path, "not text: it holds NUL bytes"),
        NotText::DoesNotFit(name) => {
            ReadError::new(ErrorKind::Encoding, path, format!("not {name}: malformed bytes"))
        }
        NotText::OnlyAGuess => {
            ReadError::new(ErrorKind::Encoding, path, "neither marked nor UTF-8, and no guess is wanted")
        }
    }
}
