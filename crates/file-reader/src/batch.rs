//! Files in batches: one hop to the I/O lane for many small files costs what one for a single file does.

use std::path::Path;
use std::sync::Arc;

use async_channel::Sender;

use crate::budget::{Budget, Hold};
use crate::course::Course;
use crate::error::ReadError;
use crate::file::{Content, File};
use crate::folder::Folder;
use crate::how::{How, Keep};
use crate::openers::Openers;
use crate::part::Part;
use crate::read::{LARGE, read};
use crate::select::{Candidate, Origin, Selected, read_already};
use crate::source::{Source, open, opened};
use crate::stdin::{self, Stdin, spooled};
use crate::stream::stream;

/// Bytes after which results are handed over although the batch is not at its end: large files do not wait for their
/// neighbours.
const BYTES_PER_CHUNK: u64 = 1 << 20;

/// Neighbours in the order of the walk, and their number in it, from 1.
pub(crate) struct Batch {
    pub(crate) number: u64,
    pub(crate) files: Vec<Selected>,
}

/// Results that are handed over together.
pub(crate) type Chunk = Vec<Taken>;

/// A result, and what it holds of the budget.
pub(crate) struct Taken {
    pub(crate) result: Result<Part, ReadError>,
    pub(crate) held: Hold,
}

/// Reads batches on the thread it is called on.
pub(crate) struct BatchReader {
    pub(crate) how: How,
    pub(crate) budget: Arc<Budget>,
    pub(crate) course: Arc<Course>,
    pub(crate) openers: Arc<Openers>,
    /// Whether batches are taken in their order, so that one may wait for another.
    pub(crate) ordered: bool,
}

impl BatchReader {
    /// Reads the files of a batch, one after the other, until nobody takes the results: then it is `false`.
    pub(crate) fn read(&self, batch: Batch, chunks: &Sender<Chunk>) -> bool {
        let _reading = self.openers.reading();
        let mut out = Out {
            chunk: Chunk::with_capacity(batch.files.len()),
            bytes: 0,
            batch: batch.number,
            chunks,
            budget: &self.budget,
            waits_for: self.ordered.then_some(&*self.openers),
        };
        let (mut files, mut bytes) = (0, 0);
        let mut folder = Folder::default();
        let mut batch = batch.files.into_iter().peekable();
        while let Some(selected) = batch.next() {
            if self.budget.is_closed() {
                return false;
            }
            let read = selected.and_then(|mut candidate| {
                if self.is_piped(&candidate) {
                    return self.read_lines(&candidate, &mut out);
                }
                if candidate.is_found() {
                    let next = batch.peek().and_then(|next| next.as_ref().ok());
                    folder.enter(&candidate.path, next.map(|next| next.path.as_path()));
                }
                candidate = self.unless_read(candidate)?;
                let source = self.open(&candidate, &mut folder)?;
                (files, bytes) = (files + 1, bytes + source.size);
                self.read_one(&source, &mut candidate, &mut out)
            });
            if let Err(error) = read {
                out.add(Err(error), Hold::default());
            }
        }
        self.course.has_read(files, bytes);
        out.hand_over();
        !self.budget.is_closed()
    }

    /// Whether it is standard input, whose lines are given as they come.
    fn is_piped(&self, candidate: &Candidate) -> bool {
        let How { keep, decompress, .. } = self.how;
        let as_lines = self.how.in_parts(&candidate.path) && keep == Keep::Text && decompress.is_none();
        candidate.origin == Origin::Stdin && as_lines && stdin::as_file().is_none()
    }

    fn read_lines(&self, candidate: &Candidate, out: &mut Out<'_>) -> Result<(), ReadError> {
        let mut give = |part| {
            let goes_on = out.give(part);
            out.hand_over(); // the next may be long in coming
            goes_on
        };
        let file = stdin::lines(self.stdin(), candidate, &self.how, &mut give)?;
        out.add(Ok(Part::End(file)), Hold::default());
        Ok(())
    }

    fn stdin(&self) -> Stdin<'_> {
        Stdin { budget: &self.budget }
    }

    fn open(&self, candidate: &Candidate, folder: &mut Folder) -> Result<Source, ReadError> {
        if candidate.origin == Origin::Stdin {
            return opened(spooled(self.stdin(), candidate, &self.how)?, candidate, &self.how);
        }
        let mut wait = self.openers.wait_reading();
        open(candidate, &self.how, folder, &mut || !self.budget.is_closed() && wait.again())
    }

    /// What a walk found before it was named was read then, unless it was left out, which only reading it tells.
    fn unless_read(&self, candidate: Candidate) -> Selected {
        if candidate.origin != Origin::NamedAgain {
            return Ok(candidate);
        }
        let found = Candidate { origin: Origin::Found, ..candidate };
        match self.open(&found, &mut Folder::default()).and_then(|source| self.look_at(&source, &found)) {
            Err(error) if error.is_skipped() => Ok(Candidate { origin: Origin::Named, ..found }),
            _ => Err(read_already(&found.path)),
        }
    }

    /// Only whether its content is what a folder is read for.
    fn look_at(&self, source: &Source, candidate: &Candidate) -> Result<(), ReadError> {
        if self.how.keep == Keep::Bytes {
            return Ok(());
        }
        let how = How { keep: Keep::Facts, ..self.how };
        stream(source, candidate, &how, &mut |_| true).map(drop)
    }

    fn read_one(
        &self,
        source: &Source,
        candidate: &mut Candidate,
        out: &mut Out<'_>,
    ) -> Result<(), ReadError> {
        if self.is_streamed(source, candidate) {
            let file = stream(source, candidate, &self.how, &mut |part| out.give(part))?;
            out.add(Ok(Part::End(file)), Hold::default());
            return Ok(());
        }
        if self.how.keep == Keep::Facts {
            let file = read(source, candidate, &self.how, &mut |_| {})?;
            out.add(Ok(Part::End(file)), Hold::default());
            return Ok(());
        }
        let mut held = out.hold(source.size);
        let mut grow = |bytes| {
            out.hand_over(); // what is held back must not be what is waited for
            self.budget.grow(&mut held, bytes);
        };
        match read(source, candidate, &self.how, &mut grow) {
            Ok(file) => {
                if self.how.in_parts(file.path()) {
                    out.split(file, held)
                } else {
                    out.add(Ok(Part::End(file)), held)
                }
            }
            Err(error) => {
                self.budget.give_back(held);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Whether a file is read in pieces: it need not be held whole, and is large or may be, as what is packed and what says
    /// that it is empty.
    fn is_streamed(&self, source: &Source, candidate: &Candidate) -> bool {
        let in_pieces = self.how.in_parts(&candidate.path) || self.how.keep == Keep::Facts;
        in_pieces && (source.size > LARGE || source.size == 0 || source.packing.is_some())
    }
}

/// Results that wait to be handed over.
struct Out<'a> {
    chunk: Chunk,
    bytes: u64,
    batch: u64,
    chunks: &'a Sender<Chunk>,
    budget: &'a Budget,
    /// In order a batch may wait for one before it, and that one for a file to be closed, which it then must not expect of
    /// this.
    waits_for: Option<&'a Openers>,
}

impl Out<'_> {
    /// Takes room in the budget, and waits for it.
    fn hold(&mut self, bytes: u64) -> Hold {
        match self.budget.try_take(bytes, self.batch) {
            Some(held) => held,
            None => {
                // What this thread holds back may be what fills the budget: waiting with it would be for ever.
                self.hand_over();
                let _waiting = self.waits_for.map(Openers::waiting);
                self.budget.take(bytes, self.batch)
            }
        }
    }

    fn add(&mut self, result: Result<Part, ReadError>, held: Hold) {
        self.bytes += held.bytes();
        self.chunk.push(Taken { result, held });
        if self.bytes >= BYTES_PER_CHUNK {
            self.hand_over();
        }
    }

    /// A part of a large file; `false` when nobody takes the parts any more.
    fn give(&mut self, part: Part) -> bool {
        let bytes = match &part {
            Part::Text { text, .. } => text.len(),
            Part::Bytes { bytes, .. } => bytes.len(),
            Part::End(_) => 0,
        };
        let held = self.hold(bytes as u64);
        self.add(Ok(part), held);
        !self.budget.is_closed()
    }

    /// A small file as its only part and its end.
    fn split(&mut self, mut file: File, held: Hold) {
        let path: Arc<Path> = file.path().into();
        match std::mem::replace(&mut file.content, Content::Nothing) {
            Content::Text(text) if !text.is_empty() => self.add(Ok(Part::Text { path, line: 1, text }), held),
            Content::Bytes(bytes) if !bytes.is_empty() => {
                self.add(Ok(Part::Bytes { path, offset: 0, bytes }), held)
            }
            _ => self.budget.give_back(held),
        }
        self.add(Ok(Part::End(file)), Hold::default());
    }

    /// When nobody takes the results any more the budget is closed too, which ends the batch.
    fn hand_over(&mut self) {
        self.bytes = 0;
        if !self.chunk.is_empty() {
            let _waiting = self.waits_for.map(Openers::waiting);
            let _ = self.chunks.send_blocking(std::mem::take(&mut self.chunk));
        }
    }
}
