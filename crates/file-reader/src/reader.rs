//! The reader: paths in, a stream of files out.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use async_channel::{Receiver, Sender, bounded};
use encoding_rs::Encoding;
use futures::stream::{Stream, StreamExt};
use gather_core::{Lane, Task, map_concurrent, spawn, to_thread};

use crate::batch::{Batch, Chunk, FILES_PER_BATCH, Taken, read_batch};
use crate::budget::Budget;
use crate::error::ReadError;
use crate::file::File;
use crate::read::{How, Keep, decode_bytes};
use crate::select::{Candidate, Selected, Selection};

/// Reads many files at once.
///
/// ```
/// use futures::StreamExt;
/// use gather_file_reader::Reader;
///
/// gather_core::run(async {
///     let mut files = Reader::new().read(["src"]);
///     while let Some(file) = files.next().await {
///         let file = file.unwrap();
///         assert_eq!(file.encoding(), Some("UTF-8"));
///     }
/// })
/// .unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Reader {
    jobs: NonZeroUsize,
    bytes_in_flight: u64,
    how: How,
    selection: Selection,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader with the defaults of [`ReaderBuilder`].
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A reader with options of its own.
    pub fn builder() -> ReaderBuilder {
        ReaderBuilder::default()
    }

    /// Reads files, and folders with all below them, as a stream of results as they complete (or in order, if asked for).
    ///
    /// Nothing is read before the stream is polled; a slow consumer holds the reading back. Dropping the stream
    /// stops it: files that are just being read are read to their end and let go.
    pub fn read<P, I>(&self, paths: I) -> Files
    where
        P: Into<PathBuf> + 'static,
        I: IntoIterator<Item = P>,
        I::IntoIter: Send + 'static,
    {
        let budget = Arc::new(Budget::new(self.bytes_in_flight));
        let (batch_sender, batches) = bounded(BATCHES_AHEAD);
        let (lane_sender, lanes) = bounded(2 * self.hops().get());
        let known = Arc::new(AtomicU64::new(0));
        let walk =
            spawn(walk(paths.into_iter().map(Into::into), self.selection, batch_sender, known.clone()));
        let read = spawn(self.clone().read_batches(batches, lane_sender, budget.clone()));
        Files {
            lanes: Box::pin(lanes),
            lane: None,
            ready: VecDeque::new(),
            budget,
            head: 0,
            ordered: self.selection.sorted,
            known,
            given: 0,
            _tasks: (walk, read),
        }
    }

    /// Makes of bytes what [`read`](Self::read) makes of a file's: for text that comes from elsewhere, such as stdin.
    ///
    /// # Errors
    /// Kind `encoding` for what is not text, `too_large` for what is over the limit.
    pub fn decode(&self, name: impl Into<PathBuf>, bytes: Vec<u8>) -> Result<File, ReadError> {
        decode_bytes(bytes, &Candidate { path: name.into(), found: false }, self.how)
    }

    /// Reads batches on threads. In order, each batch has a lane of its own, and the consumer empties one lane after the
    /// other; otherwise there is one lane for all.
    async fn read_batches(
        self,
        batches: Receiver<Batch>,
        lanes: Sender<Receiver<Chunk>>,
        budget: Arc<Budget>,
    ) {
        let common = if self.selection.sorted { None } else { Some(own_lane(&lanes).await) };
        let routed = batches.then(|batch| {
            let (common, lanes) = (common.clone(), lanes.clone());
            async move {
                let chunks = match common {
                    Some(chunks) => chunks,
                    None => own_lane(&lanes).await,
                };
                (batch, chunks)
            }
        });
        let how = self.how;
        let reading = map_concurrent(routed, self.hops(), move |(batch, chunks)| {
            let budget = budget.clone();
            to_thread(move || read_batch(batch, how, &budget, &chunks))
        });
        reading.for_each(async |_| {}).await;
    }

    /// Threads that read at once. More than twice the cores only get into each other's way.
    fn hops(&self) -> NonZeroUsize {
        let useful = NonZeroUsize::MIN.saturating_add(2 * Lane::Cpu.width() - 1);
        self.jobs.min(useful)
    }
}

/// Batches that wait between the walk and the reading threads.
const BATCHES_AHEAD: usize = 4;

/// Walks in the I/O lane and sends batches until all is walked or nobody takes them.
async fn walk<I>(paths: I, selection: Selection, batches: Sender<Batch>, known: Arc<AtomicU64>)
where
    I: Iterator<Item = PathBuf> + Send + 'static,
{
    let walked = to_thread(move || {
        let mut files: Vec<Selected> = Vec::with_capacity(FILES_PER_BATCH);
        let mut number = 0;
        let mut send = |files: &mut Vec<Selected>| {
            let batch =
                Batch { number, files: std::mem::replace(files, Vec::with_capacity(FILES_PER_BATCH)) };
            number += 1;
            batches.send_blocking(batch).is_ok()
        };
        for selected in paths.flat_map(|path| selection.files(path)) {
            known.fetch_add(1, Ordering::Relaxed);
            files.push(selected);
            if files.len() == FILES_PER_BATCH && !send(&mut files) {
                return;
            }
        }
        if !files.is_empty() {
            send(&mut files);
        }
    });
    let _ = walked.await;
}

async fn own_lane(lanes: &Sender<Receiver<Chunk>>) -> Sender<Chunk> {
    let (chunks, lane) = bounded(1);
    let _ = lanes.send(lane).await; // when nobody takes the lane, sending into it fails and ends the reading
    chunks
}

/// The stream of [`Reader::read`].
#[must_use = "a stream does nothing unless it is polled"]
pub struct Files {
    lanes: Pin<Box<Receiver<Receiver<Chunk>>>>,
    lane: Option<Pin<Box<Receiver<Chunk>>>>,
    ready: VecDeque<Taken>,
    budget: Arc<Budget>,
    head: u64,
    ordered: bool,
    known: Arc<AtomicU64>,
    given: u64,
    _tasks: (Task<()>, Task<()>),
}

impl Stream for Files {
    type Item = Result<File, ReadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(taken) = self.ready.pop_front() {
                self.budget.give_back(taken.held);
                self.given += 1;
                return Poll::Ready(Some(taken.result));
            }
            let Some(lane) = &mut self.lane else {
                match ready!(self.lanes.as_mut().poll_next(cx)) {
                    Some(lane) => self.next_lane(lane),
                    None => return Poll::Ready(None),
                }
                continue;
            };
            match ready!(lane.as_mut().poll_next(cx)) {
                Some(chunk) => self.ready.extend(chunk),
                None => self.lane = None,
            }
        }
    }
}

impl Files {
    /// How many files are known of and have not been given yet.
    pub fn pending(&self) -> u64 {
        self.known.load(Ordering::Relaxed).saturating_sub(self.given)
    }

    fn next_lane(&mut self, lane: Receiver<Chunk>) {
        self.lane = Some(Box::pin(lane));
        if self.ordered {
            self.head += 1;
            self.budget.advance(self.head);
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.budget.close();
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

/// The options of a [`Reader`].
#[derive(Clone, Debug)]
pub struct ReaderBuilder {
    jobs: NonZeroUsize,
    bytes_in_flight: u64,
    how: How,
    selection: Selection,
}

impl Default for ReaderBuilder {
    fn default() -> Self {
        Self {
            jobs: NonZeroUsize::MIN.saturating_add(63),
            bytes_in_flight: 32 << 20,
            how: How { keep: Keep::Text, encoding: None, max_size: None },
            selection: Selection::default(),
        }
    }
}

impl ReaderBuilder {
    /// How many files are read at once, at most; more than twice the cores are not. The default is 64.
    pub fn jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.jobs = jobs;
        self
    }

    /// Bytes that may wait for the consumer; a file that is larger passes alone. The default is 32 MiB.
    pub fn bytes_in_flight(mut self, bytes: u64) -> Self {
        self.bytes_in_flight = bytes;
        self
    }

    /// Bytes of the largest file; a larger one is refused, never cut short. The default is `None`: no limit.
    pub fn max_size(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.how.max_size = bytes.into();
        self
    }

    /// The encoding every file is taken to be in, instead of looking. The default is `None`: look.
    /// A file that does not fit is a failure.
    pub fn encoding(mut self, encoding: impl Into<Option<&'static Encoding>>) -> Self {
        self.how.encoding = encoding.into();
        self
    }

    /// Results in the order of the paths, folders by name. The default is `false`: as they complete.
    pub fn ordered(mut self, ordered: bool) -> Self {
        self.selection.sorted = ordered;
        self
    }

    /// Walks into hidden folders and reads hidden files, too. The default is `false`: they are skipped. What is named is
    /// always read.
    pub fn hidden(mut self, hidden: bool) -> Self {
        self.selection.hidden = hidden;
        self
    }

    /// Which files of a folder are wanted, by their path; the others are skipped. The default is all. What is named is
    /// always read.
    pub fn only(mut self, wanted: fn(&Path) -> bool) -> Self {
        self.selection.only = Some(wanted);
        self
    }

    /// Follows symbolic links in folders; a loop is a failure of its link. The default is `false`: they are skipped.
    pub fn follow(mut self, follow: bool) -> Self {
        self.selection.follow = follow;
        self
    }

    /// Gives bytes instead of text, and leaves nothing out for not being text. The default is `false`.
    pub fn bytes(mut self, bytes: bool) -> Self {
        self.how.keep = if bytes { Keep::Bytes } else { Keep::Text };
        self
    }

    /// Keeps the facts (size, lines, encoding) and lets the text go. The default is `false`.
    pub fn facts_only(mut self, facts_only: bool) -> Self {
        self.how.keep = if facts_only { Keep::Facts } else { Keep::Text };
        self
    }

    /// The reader. The builder can be used again.
    pub fn build(&self) -> Reader {
        Reader {
            jobs: self.jobs,
            bytes_in_flight: self.bytes_in_flight,
            how: self.how,
            selection: self.selection,
        }
    }
}

/// Reads several files at once and returns their texts in the order of the paths.
///
/// ```
/// let texts = gather_core::run(gather_file_reader::read_to_strings(["Cargo.toml", "no/such/file"])).unwrap();
/// assert!(texts[0].as_ref().unwrap().contains("gather-file-reader"));
/// assert_eq!(texts[1].as_ref().unwrap_err().kind(), gather_file_reader::ErrorKind::NotFound);
/// ```
pub async fn read_to_strings<P, I>(paths: I) -> Vec<Result<String, ReadError>>
where
    P: Into<PathBuf> + 'static,
    I: IntoIterator<Item = P>,
    I::IntoIter: Send + 'static,
{
    let files = Reader::builder().ordered(true).build().read(paths);
    files.map(|file| file.map(|file| file.into_text().unwrap_or_default())).collect().await
}
