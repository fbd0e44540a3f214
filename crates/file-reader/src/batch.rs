//! Files in batches: one hop to the I/O lane for many small files costs what one for a single file does.

use async_channel::Sender;

use crate::budget::Budget;
use crate::error::ReadError;
use crate::file::File;
use crate::read::{How, open, read};
use crate::select::{Candidate, Selected};

/// Files a hop reads. Measured: from 32 to 256 there is no difference; a hop a file is four times slower.
pub(crate) const FILES_PER_BATCH: usize = 64;

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

/// A result, and the bytes of the budget that it holds.
pub(crate) struct Taken {
    pub(crate) result: Result<File, ReadError>,
    pub(crate) held: u64,
}

/// Reads the files of a batch, one after the other, on the thread it is called on, until nobody takes the results.
pub(crate) fn read_batch(batch: Batch, how: How, budget: &Budget, chunks: &Sender<Chunk>) {
    let mut pending = Pending { chunk: Chunk::with_capacity(batch.files.len()), bytes: 0, chunks };
    for selected in batch.files {
        let taken = match selected
            .and_then(|candidate| read_one(&candidate, batch.number, how, budget, &mut pending))
        {
            Ok((file, held)) => Taken { result: Ok(file), held },
            Err(error) => Taken { result: Err(error), held: 0 },
        };
        pending.add(taken);
        if budget.is_closed() {
            return;
        }
    }
    pending.hand_over();
}

fn read_one(
    candidate: &Candidate,
    batch: u64,
    how: How,
    budget: &Budget,
    pending: &mut Pending<'_>,
) -> Result<(File, u64), ReadError> {
    let opened = open(&candidate.path, how, &|| budget.is_closed())?;
    let size = opened.size();
    if !budget.try_take(size, batch) {
        // What this thread holds back may be what fills the budget: waiting with it would be for ever.
        pending.hand_over();
        budget.take(size, batch);
    }
    let result = read(opened, candidate, how);
    if result.is_err() {
        budget.give_back(size);
    }
    result.map(|file| (file, size))
}

/// Results that wait to be handed over.
struct Pending<'a> {
    chunk: Chunk,
    bytes: u64,
    chunks: &'a Sender<Chunk>,
}

impl Pending<'_> {
    fn add(&mut self, taken: Taken) {
        self.bytes += taken.held;
        self.chunk.push(taken);
        if self.bytes >= BYTES_PER_CHUNK {
            self.hand_over();
        }
    }

    /// When nobody takes the results any more the budget is closed too, which ends the batch.
    fn hand_over(&mut self) {
        self.bytes = 0;
        if !self.chunk.is_empty() {
            let _ = self.chunks.send_blocking(std::mem::take(&mut self.chunk));
        }
    }
}
