//! The walk, on a thread of its own, and its way to the reading threads.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_channel::{Receiver, Sender};
use gather_core::to_thread;

use crate::batch::Batch;
use crate::budget::Budget;
use crate::course::Course;
use crate::openers::Openers;
use crate::select::{Selected, Selection, Selector};

/// Files that a walk hands over at once: few at first, so that reading begins, and then twice as many each time, for every piece
/// wakes a thread. What was named goes alone: the next name may be long in coming.
const FIRST_PIECE: usize = 64;
const LARGEST_PIECE: usize = 256;

/// Pieces that wait between the walk and the reading threads.
pub(crate) const PIECES_AHEAD: usize = 16;

pub(crate) type Piece = Vec<Selected>;

/// Walks in the I/O lane and sends pieces until all is walked or nobody takes them.
pub(crate) async fn walk<I>(
    paths: I,
    selection: Selection,
    pieces: Sender<Piece>,
    course: Arc<Course>,
    budget: Arc<Budget>,
    openers: Arc<Openers>,
) where
    I: Iterator<Item = PathBuf> + Send + 'static,
{
    let walked = to_thread(move || {
        let several = paths.size_hint() != (1, Some(1));
        let mut selector = Selector::new(selection, several, budget, openers);
        let mut out = Out { piece: Piece::new(), wanted: FIRST_PIECE, pieces, course: &course };
        for path in paths {
            if !(selector.files(path, &mut |selected| out.give(selected)) && out.send()) {
                return;
            }
        }
    });
    let _ = walked.await;
}

struct Out<'a> {
    piece: Piece,
    /// How many files the piece is to have.
    wanted: usize,
    pieces: Sender<Piece>,
    course: &'a Course,
}

impl Out<'_> {
    fn give(&mut self, selected: Selected) -> bool {
        self.course.known.fetch_add(1, Ordering::Relaxed);
        self.piece.push(selected);
        if self.piece.len() < self.wanted {
            return true;
        }
        self.wanted = (2 * self.wanted).min(LARGEST_PIECE);
        self.send()
    }

    /// Whether there is any use in going on.
    fn send(&mut self) -> bool {
        let piece = std::mem::take(&mut self.piece);
        let taken = piece.is_empty() || self.pieces.send_blocking(piece).is_ok();
        taken || self.course.only_count.load(Ordering::SeqCst)
    }
}

/// Pieces put together, or taken apart, to what a hop is worth.
pub(crate) struct Batches {
    pieces: Receiver<Piece>,
    course: Arc<Course>,
    state: Mutex<Begun>,
}

#[derive(Default)]
struct Begun {
    /// Taken from the walk, and in no batch yet.
    files: VecDeque<Selected>,
    /// The number of the last batch.
    number: u64,
}

impl Batches {
    pub(crate) fn new(pieces: Receiver<Piece>, course: Arc<Course>) -> Self {
        Self { pieces, course, state: Mutex::default() }
    }

    /// The next batch, as soon as there is a file for it. Who waits for it alone gets all in the order of the walk.
    pub(crate) async fn next(&self) -> Option<Batch> {
        loop {
            if let Some(batch) = self.next_ready() {
                return Some(batch);
            }
            let piece = self.pieces.recv().await.ok()?;
            self.lock().files.extend(piece);
        }
    }

    /// The next batch, if there are files for it.
    pub(crate) fn next_ready(&self) -> Option<Batch> {
        let mut state = self.lock();
        let wanted = self.course.files_per_hop(state.number);
        while state.files.len() < wanted {
            match self.pieces.try_recv() {
                Ok(piece) => state.files.extend(piece),
                Err(_) => break,
            }
        }
        if state.files.is_empty() {
            return None;
        }
        state.number += 1;
        let taken = wanted.min(state.files.len());
        Some(Batch { number: state.number, files: state.files.drain(..taken).collect() })
    }

    fn lock(&self) -> MutexGuard<'_, Begun> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
