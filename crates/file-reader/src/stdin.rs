//! Standard input as a file among others.

use std::fs;
use std::io::{self, Read, Seek, Write};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::budget::Budget;
use crate::compress::Packing;
use crate::decode::{NotText, forced_by, holds_nul, mark, may_hold_nul};
use crate::error::ReadError;
use crate::file::File;
use crate::hash::Hasher;
use crate::how::How;
use crate::read::{HEAD, not_text, takes_anything};
use crate::select::Candidate;
use crate::source::too_large;
use crate::stream::{Give, Lines, Text};

/// Standard input, read until nobody wants more of it.
pub(crate) struct Stdin<'a> {
    pub(crate) budget: &'a Budget,
}

impl Read for Stdin<'_> {
    /// Waits in steps: whoever is to type something may never do so.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const STEP: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        let stdin = io::stdin();
        while !self.budget.is_closed() {
            match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&STEP)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(rustix::io::read(&stdin, buffer)?),
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::other("given up"))
    }
}

/// Standard input itself where it is a file at its beginning.
pub(crate) fn as_file() -> Option<fs::File> {
    let mut file = fs::File::from(rustix::io::dup(io::stdin()).ok()?);
    let is_at_start =
        file.metadata().is_ok_and(|metadata| metadata.is_file()) && file.stream_position().ok()? == 0;
    is_at_start.then_some(file)
}

/// Standard input as a file without a name, which can be gone through twice and is never held.
pub(crate) fn spooled(stdin: Stdin<'_>, candidate: &Candidate, how: &How) -> Result<fs::File, ReadError> {
    if let Some(file) = as_file() {
        return Ok(file);
    }
    let at = |error| ReadError::io(&candidate.path, error);
    let mut file = tempfile::tempfile().map_err(at)?;
    let limit = how.max_size.unwrap_or(u64::MAX);
    let mut bytes = stdin.take(limit.saturating_add(1));
    let mut head = Vec::new();
    bytes.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(at)?;
    let is_packed = how.decompress.is_some() && Packing::of(&head).is_some();
    if !takes_anything(how) && !is_packed && holds_nul(&head) {
        return Err(not_text(NotText::HoldsNul, candidate));
    }
    let size = io::copy(&mut head.as_slice().chain(bytes), &mut file).map_err(at)?;
    if size > limit {
        return Err(too_large(&candidate.path, size, limit));
    }
    file.flush().and_then(|()| file.rewind()).map_err(at)?;
    Ok(file)
}

/// The lines of standard input as they come. What it is in is told by its beginning: it cannot be gone through twice.
pub(crate) fn lines(
    mut stdin: Stdin<'_>,
    candidate: &Candidate,
    how: &How,
    give: Give<'_>,
) -> Result<File, ReadError> {
    let at = |error| ReadError::io(&candidate.path, error);
    let mut piece = head(&mut stdin).map_err(at)?;
    let told = Told::by(&piece, how).map_err(|why| not_text(why, candidate))?;
    let path = candidate.path.as_path().into();
    let mut lines = Lines::new(&path, how);
    let mut text = Text::new(told.encoding, told.exact);
    let (mut file, mut hasher) = (File::new(candidate.path.clone()), how.hash.map(Hasher::new));
    let mut skipped = told.mark;
    while !piece.is_empty() {
        file.size += piece.len() as u64;
        if let Some(limit) = how.max_size.filter(|limit| file.size > *limit) {
            return Err(too_large(&candidate.path, file.size, limit));
        }
        if !may_hold_nul(told.encoding) && memchr::memchr(0, &piece).is_some() {
            return Err(not_text(NotText::HoldsNul, candidate));
        }
        if let Some(hasher) = &mut hasher {
            hasher.update(&piece);
        }
        let body = piece.get(std::mem::take(&mut skipped)..).unwrap_or_default();
        text.decode(body, false, &mut lines.rest).ok_or_else(|| not_text(told.malformed(), candidate))?;
        lines.give(give)?;
        piece = next(&mut stdin).map_err(at)?;
    }
    text.decode(&[], true, &mut lines.rest).ok_or_else(|| not_text(told.malformed(), candidate))?;
    file.lines = lines.finish(give)?;
    (file.encoding, file.guessed) = (Some(told.encoding.name()), told.guessed);
    file.hash = hasher.map(Hasher::finish);
    Ok(file)
}

/// What comes first, and more of it where it may be the beginning of a byte order mark.
fn head(stdin: &mut Stdin<'_>) -> io::Result<Vec<u8>> {
    let mut head = next(stdin)?;
    while matches!(head.as_slice(), [0xEF | 0xFE | 0xFF, ..]) && head.len() < 4 {
        let more = next(stdin)?;
        if more.is_empty() {
            break;
        }
        head.extend(more);
    }
    Ok(head)
}

fn next(stdin: &mut Stdin<'_>) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; 64 << 10];
    let read = stdin.read(&mut piece)?;
    piece.truncate(read);
    Ok(piece)
}

/// What the beginning tells.
struct Told {
    encoding: &'static Encoding,
    mark: usize,
    guessed: bool,
    /// What does not fit is an error, not replaced.
    exact: bool,
}

impl Told {
    fn by(head: &[u8], how: &How) -> Result<Self, NotText> {
        let marked = mark(head);
        if let Some(forced) = how.encoding {
            let encoding = forced_by(forced, marked);
            let mark = marked.filter(|(marked, _)| *marked == encoding).map_or(0, |(_, length)| length);
            return Ok(Self { encoding, mark, guessed: false, exact: true });
        }
        if let Some((encoding, mark)) = marked {
            return Ok(Self { encoding, mark, guessed: false, exact: how.strict });
        }
        // A character may end in the next piece.
        if str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true) {
            return Ok(Self { encoding: UTF_8, mark: 0, guessed: false, exact: true });
        }
        if how.strict {
            return Err(NotText::OnlyAGuess);
        }
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(head, false);
        Ok(Self { encoding: detector.guess(None, Utf8Detection::Deny), mark: 0, guessed: true, exact: false })
    }

    fn malformed(&self) -> NotText {
        NotText::DoesNotFit(self.encoding.name())
    }
}
