//! One large file in pieces, never held whole.

use std::io::{self, Read};
use std::path::Path;
use std::str;
use std::sync::Arc;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, DecoderResult, Encoding, ISO_2022_JP, UTF_8};

use crate::decode::{NotText, SHIFTS, forced_by, mark, may_hold_nul};
use crate::error::{ErrorKind, ReadError};
use crate::file::File;
use crate::hash::Hasher;
use crate::how::{How, Keep};
use crate::part::Part;
use crate::read::not_text;
use crate::select::Candidate;
use crate::source::Source;

/// Bytes read at once: what stays in a core's cache.
const PIECE: usize = 256 << 10;

/// Takes a part; `false` says that nobody wants more.
pub(crate) type Give<'a> = &'a mut dyn FnMut(Part) -> bool;

/// Reads a file in pieces, gives its parts, and returns what was found out about it.
pub(crate) fn stream(
    source: &Source,
    candidate: &Candidate,
    how: &How,
    give: Give<'_>,
) -> Result<File, ReadError> {
    let mut passes = Passes {
        source,
        candidate,
        how,
        path: candidate.path.as_path().into(),
        hasher: how.hash.map(Hasher::new),
        file: File::new(candidate.path.clone()),
        buffer: Vec::new(),
    };
    passes.file.packing = source.packing;
    let passed = match how.keep {
        Keep::Bytes => passes.give_bytes(give),
        Keep::Text | Keep::Facts => passes.text(give),
    };
    passed.map_err(|error| source.or_changed(&candidate.path, error))?;
    source.check_unchanged(&candidate.path)?;
    Ok(passes.file)
}

/// One or more times through a file.
struct Passes<'a> {
    source: &'a Source,
    candidate: &'a Candidate,
    how: &'a How,
    path: Arc<Path>,
    /// Taken in the first pass.
    hasher: Option<Hasher>,
    file: File,
    buffer: Vec<u8>,
}

/// What a text is in.
#[derive(Clone, Copy)]
struct Told {
    encoding: &'static Encoding,
    /// The length of the byte order mark.
    mark: usize,
    guessed: bool,
}

impl Passes<'_> {
    /// Goes through the file once, in pieces that may be taken away. Checks that it is as large as it was, or as it may
    /// become.
    fn pass(&mut self, mut take: impl FnMut(&mut Vec<u8>) -> Result<(), ReadError>) -> Result<(), ReadError> {
        let path = &self.candidate.path;
        let at = |error| self.source.error(path, error);
        let (mut read, mut hasher) = (0, self.hasher.take());
        let mut reader = self.source.reader().map_err(at)?;
        loop {
            let piece = &mut self.buffer;
            piece.clear();
            piece.reserve_exact(PIECE);
            let length = (&mut reader).take(PIECE as u64).read_to_end(piece).map_err(at)?;
            if length == 0 {
                break;
            }
            read += length as u64;
            if let Some(limit) = self.source.limit.filter(|limit| read > *limit) {
                return Err(self.source.over(path, limit));
            }
            if let Some(hasher) = &mut hasher {
                hasher.update(piece);
            }
            take(piece)?;
        }
        self.source.check_size(path, read)?;
        self.file.size = read;
        if let Some(hasher) = hasher {
            self.file.hash = Some(hasher.finish());
        }
        Ok(())
    }

    fn give_bytes(&mut self, give: Give<'_>) -> Result<(), ReadError> {
        let (path, mut offset) = (self.path.clone(), 0);
        self.pass(|piece| {
            let length = piece.len() as u64;
            let part = Part::Bytes { path: path.clone(), offset, bytes: std::mem::take(piece) };
            offset += length;
            if give(part) { Ok(()) } else { Err(given_up(&path)) }
        })
    }

    /// What it is in must be known before its first part is given: where nothing says it, a pass finds out.
    fn text(&mut self, give: Give<'_>) -> Result<(), ReadError> {
        let told = match self.said()? {
            Some(told) => told,
            None => {
                let survey = self.survey()?;
                if survey.holds_nul {
                    return Ok(()); // only where a hash is taken, which is taken of anything
                }
                let told = self.told_by(&survey)?;
                if told.encoding == UTF_8 && self.how.keep == Keep::Facts {
                    self.note(told, survey.lines());
                    return Ok(());
                }
                told
            }
        };
        let lines = self.decode(told, give)?;
        self.note(told, lines);
        Ok(())
    }

    fn note(&mut self, told: Told, lines: u64) {
        self.file.lines = lines;
        self.file.encoding = Some(told.encoding.name());
        self.file.guessed = told.guessed;
    }

    /// What the user or a byte order mark says.
    fn said(&self) -> Result<Option<Told>, ReadError> {
        // A mark has four bytes at most; some files of /proc are read by words of eight or not at all.
        let mut head = [0; 8];
        let mut reader = self.source.reader().map_err(|error| self.source.error(&self.path, error))?;
        let length =
            read_some(&mut reader, &mut head).map_err(|error| self.source.error(&self.path, error))?;
        let marked = mark(head.get(..length).unwrap_or_default());
        Ok(match (self.how.encoding.map(|forced| forced_by(forced, marked)), marked) {
            (Some(forced), Some((encoding, mark))) if encoding == forced => {
                Some(Told { encoding, mark, guessed: false })
            }
            (Some(encoding), _) => Some(Told { encoding, mark: 0, guessed: false }),
            (None, Some((encoding, mark))) => Some(Told { encoding, mark, guessed: false }),
            (None, None) => None,
        })
    }

    fn survey(&mut self) -> Result<Survey, ReadError> {
        let mut survey = Survey::default();
        let (candidate, goes_on) = (self.candidate, self.hasher.is_some());
        self.pass(|piece| {
            survey.take(piece);
            if survey.holds_nul && !goes_on {
                return Err(not_text(NotText::HoldsNul, candidate));
            }
            Ok(())
        })?;
        Ok(survey)
    }

    fn told_by(&mut self, survey: &Survey) -> Result<Told, ReadError> {
        let utf8 = Told { encoding: UTF_8, mark: 0, guessed: false };
        if survey.is_utf8() && (self.how.strict || !survey.is_shifted) {
            return Ok(utf8);
        }
        if self.how.strict {
            return Err(not_text(NotText::OnlyAGuess, self.candidate));
        }
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
        self.pass(|piece| {
            detector.feed(piece, false);
            Ok(())
        })?;
        detector.feed(&[], true);
        let encoding = detector.guess(None, Utf8Detection::Deny);
        if survey.is_utf8() && encoding != ISO_2022_JP {
            return Ok(utf8);
        }
        Ok(Told { encoding, mark: 0, guessed: true })
    }

    /// Decodes it, gives its lines where they are wanted, and returns how many there are.
    fn decode(&mut self, told: Told, give: Give<'_>) -> Result<u64, ReadError> {
        let exact = self.how.strict || self.how.encoding.is_some();
        let (path, candidate) = (self.path.clone(), self.candidate);
        let mut lines = Lines::new(&path, self.how);
        let mut text = Text::new(told.encoding, exact);
        let mut mark = told.mark;
        let malformed = || not_text(NotText::DoesNotFit(told.encoding.name()), candidate);
        let no_nul = self.how.encoding.is_some() && !may_hold_nul(told.encoding) && self.how.hash.is_none();
        self.pass(|piece| {
            if no_nul && memchr::memchr(0, piece).is_some() {
                return Err(not_text(NotText::HoldsNul, candidate));
            }
            let skipped = mark.min(piece.len());
            mark -= skipped;
            let piece = piece.get(skipped..).unwrap_or_default();
            text.decode(piece, false, &mut lines.rest).ok_or_else(malformed)?;
            lines.give(give)
        })?;
        text.decode(&[], true, &mut lines.rest).ok_or_else(malformed)?;
        lines.finish(give)
    }
}

/// Fills a buffer as far as the file goes.
fn read_some(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(free) = buffer.get_mut(length..).filter(|free| !free.is_empty()) {
        match reader.read(free) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Nobody takes the parts any more, so nobody sees this.
fn given_up(path: &Path) -> ReadError {
    ReadError::new(ErrorKind::Io, path, "given up")
}

/// What a look at all bytes tells.
#[derive(Default)]
struct Survey {
    holds_nul: bool,
    malformed: bool,
    /// Whether there is what begins two-byte characters in ISO-2022-JP, unless it lies across two pieces.
    is_shifted: bool,
    newlines: u64,
    last: Option<u8>,
    /// The beginning of a character whose end is in the next piece.
    begun: Vec<u8>,
}

impl Survey {
    fn take(&mut self, piece: &[u8]) {
        self.holds_nul |= memchr::memchr(0, piece).is_some();
        self.is_shifted |= SHIFTS.iter().any(|shift| memchr::memmem::find(piece, shift).is_some());
        self.newlines += memchr::memchr_iter(b'\n', piece).count() as u64;
        self.last = piece.last().copied().or(self.last);
        if !self.malformed {
            self.check(piece);
        }
    }

    fn check(&mut self, mut piece: &[u8]) {
        // A character has four bytes at most: what was begun is completed byte by byte.
        while !self.begun.is_empty()
            && let Some((byte, rest)) = piece.split_first()
        {
            self.begun.push(*byte);
            piece = rest;
            let begun = std::mem::take(&mut self.begun);
            self.validate(&begun);
        }
        if !self.malformed {
            self.validate(piece);
        }
    }

    fn validate(&mut self, bytes: &[u8]) {
        let Err(error) = str::from_utf8(bytes) else { return };
        match error.error_len() {
            Some(_) => self.malformed = true,
            None => self.begun.extend_from_slice(bytes.get(error.valid_up_to()..).unwrap_or_default()),
        }
    }

    fn is_utf8(&self) -> bool {
        !self.malformed && self.begun.is_empty()
    }

    fn lines(&self) -> u64 {
        self.newlines + u64::from(self.last.is_some_and(|last| last != b'\n'))
    }
}

/// Bytes to text, piece by piece.
pub(crate) struct Text {
    decoder: Decoder,
    /// Malformed bytes are an error, not replaced.
    exact: bool,
}

impl Text {
    /// Without `exact` what is malformed is replaced.
    pub(crate) fn new(encoding: &'static Encoding, exact: bool) -> Self {
        Self { decoder: encoding.new_decoder_without_bom_handling(), exact }
    }

    pub(crate) fn decode(&mut self, bytes: &[u8], last: bool, text: &mut String) -> Option<()> {
        text.reserve(self.decoder.max_utf8_buffer_length(bytes.len())?);
        if self.exact {
            let (result, _) = self.decoder.decode_to_string_without_replacement(bytes, text, last);
            return (result == DecoderResult::InputEmpty).then_some(());
        }
        let _ = self.decoder.decode_to_string(bytes, text, last);
        Some(())
    }
}

/// Decoded text on its way out, line by line.
pub(crate) struct Lines<'a> {
    path: &'a Arc<Path>,
    /// What was decoded and not yet given.
    pub(crate) rest: String,
    /// Whether the last line seen has no end yet, where lines are only counted.
    is_open: bool,
    /// The number of the next line.
    number: u64,
    max: u64,
    keep: Keep,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(path: &'a Arc<Path>, how: &How) -> Self {
        Self { path, rest: String::new(), is_open: false, number: 1, max: how.max_line, keep: how.keep }
    }

    /// Gives the lines that are whole, or counts them.
    pub(crate) fn give(&mut self, give: Give<'_>) -> Result<(), ReadError> {
        if self.keep == Keep::Facts {
            self.count();
            return Ok(());
        }
        let Some(end) = memchr::memrchr(b'\n', self.rest.as_bytes()) else {
            return self.check_length();
        };
        let rest = self.rest.split_off(end + 1);
        let text = std::mem::replace(&mut self.rest, rest);
        self.check_length()?;
        self.send(text, give)
    }

    fn count(&mut self) {
        self.number += memchr::memchr_iter(b'\n', self.rest.as_bytes()).count() as u64;
        if let Some(last) = self.rest.as_bytes().last() {
            self.is_open = *last != b'\n';
        }
        self.rest.clear();
    }

    fn send(&mut self, mut text: String, give: Give<'_>) -> Result<(), ReadError> {
        let line = self.number;
        self.number += crate::decode::lines(&text);
        text.shrink_to_fit();
        if give(Part::Text { path: self.path.clone(), line, text }) {
            Ok(())
        } else {
            Err(given_up(self.path))
        }
    }

    fn check_length(&mut self) -> Result<(), ReadError> {
        if self.rest.len() as u64 <= self.max {
            return Ok(());
        }
        let fact = format!("line {} is longer than {} bytes, which is the limit", self.number, self.max);
        Err(ReadError::new(ErrorKind::TooLarge, self.path, fact))
    }

    /// Gives the last line and returns how many there were.
    pub(crate) fn finish(mut self, give: Give<'_>) -> Result<u64, ReadError> {
        if self.keep == Keep::Facts {
            self.count();
            return Ok(self.number - 1 + u64::from(self.is_open));
        }
        let last = std::mem::take(&mut self.rest);
        if !last.is_empty() {
            self.send(last, give)?;
        }
        Ok(self.number - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::folder::Folder;
    use crate::select::Origin;
    use crate::source::open;

    /// What streaming a file of 4 MiB gives that is changed when its first part has come: the bytes of its parts, and its end.
    fn changed(how: How, change: impl Fn(&fs::File)) -> (u64, Result<File, ReadError>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "a line of the file\n".repeat((4 << 20) / 19)).unwrap();
        let candidate = Candidate { path: file.path().to_owned(), origin: Origin::Found };
        let source = open(&candidate, &how, &mut Folder::default(), &mut || false).unwrap();
        let mut given = 0;
        let end = stream(&source, &candidate, &how, &mut |part| {
            if given == 0 {
                change(file.as_file());
            }
            given += match part {
                Part::Text { text, .. } => text.len() as u64,
                Part::Bytes { bytes, .. } => bytes.len() as u64,
                Part::End(_) => 0,
            };
            true
        });
        (given, end)
    }

    #[test]
    fn a_file_that_is_changed_between_its_parts_is_an_error_after_them_and_never_a_whole_file() {
        for keep in [Keep::Text, Keep::Bytes] {
            let how = || How { keep, in_parts: true, max_line: 1 << 20, ..How::default() };
            for (size, what) in [(1 << 20, "shrank"), (10, "shrank"), (0, "shrank"), (8 << 20, "grew")] {
                let (given, end) = changed(how(), |file| file.set_len(size).unwrap());
                let error = end.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Io, "{keep:?} {size}: {error}");
                let told = [
                    format!("the file {what} while it was read"),
                    "the file changed while it was read".into(),
                ];
                assert!(told.contains(&error.fact().to_owned()), "{keep:?} {size}: {}", error.fact());
                assert!(given > 0, "what was read before it is given");
            }
            let (_, end) =
                changed(how(), |file| file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap());
            assert_eq!(end.unwrap_err().fact(), "the file changed while it was read");
            let (given, end) = changed(how(), |_| {});
            assert_eq!(given, end.unwrap().size());
        }
    }

    proptest! {
        #[test]
        fn a_look_in_pieces_sees_what_a_look_at_the_whole_does(
            text in "[a\né😀]{0,40}",
            junk in proptest::option::of(any::<u8>()),
            cut in 1..7usize,
        ) {
            let mut bytes = text.into_bytes();
            bytes.extend(junk);
            let mut survey = Survey::default();
            bytes.chunks(cut).for_each(|piece| survey.take(piece));
            prop_assert_eq!(survey.is_utf8(), str::from_utf8(&bytes).is_ok());
            prop_assert_eq!(survey.holds_nul, bytes.contains(&0));
            if let Ok(text) = str::from_utf8(&bytes) {
                prop_assert_eq!(survey.lines(), crate::decode::lines(text));
            }
        }
    }
}
