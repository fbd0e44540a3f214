//! The reader: paths in, a stream of files out.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use async_channel::{Receiver, Sender, bounded};
use futures::stream::{self, Stream, StreamExt};
use gather_core::{Lane, Task, map_concurrent, spawn, to_thread};

use crate::batch::{BatchReader, Chunk, Taken};
use crate::budget::{Budget, Hold, Returns};
use crate::course::Course;
use crate::error::ReadError;
use crate::file::File;
use crate::how::How;
use crate::openers::Openers;
use crate::part::Part;
use crate::read::decode_bytes;
use crate::select::{Candidate, Origin, Selection};
use crate::walk::{Batches, PIECES_AHEAD, walk};

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
    pub(crate) jobs: NonZeroUsize,
    pub(crate) bytes_in_flight: u64,
    pub(crate) how: How,
    pub(crate) selection: Selection,
}

impl Reader {
    /// Reads files, and folders with all below them, as a stream of results as they complete (or in order, if asked for).
    ///
    /// Nothing is read before the stream is polled; a slow consumer holds the reading back. Dropping the stream
    /// stops it: files that are just being read are read to their end and let go. A path that comes after a while, from
    /// an iterator that waits, holds up none that came before.
    pub fn read<P, I>(&self, paths: I) -> Files
    where
        P: Into<PathBuf> + 'static,
        I: IntoIterator<Item = P>,
        I::IntoIter: Send + 'static,
    {
        Files { parts: self.start(paths, self.how) }
    }

    /// The same in parts: a large file, whatever its size, is never held whole. Each file's parts come in order, then its
    /// end; after an error nothing more comes of that file.
    ///
    /// What a text is in must be known before its first line is given. Where neither the user nor a byte order mark says
    /// it, a large file is looked through first, and so read twice.
    ///
    /// ```
    /// use futures::StreamExt;
    /// use gather_file_reader::{Part, Reader};
    ///
    /// let longest = gather_core::run(async {
    ///     let parts = Reader::new().read_parts(["Cargo.toml"]);
    ///     let longest_of = |part: &Part| match part {
    ///         Part::Text { text, .. } => text.lines().map(str::len).max(),
    ///         _ => None,
    ///     };
    ///     parts.map(|part| longest_of(&part.unwrap()).unwrap_or(0)).fold(0, async |a, b| a.max(b)).await
    /// });
    /// assert!(longest.unwrap() > 20);
    /// ```
    pub fn read_parts<P, I>(&self, paths: I) -> Parts
    where
        P: Into<PathBuf> + 'static,
        I: IntoIterator<Item = P>,
        I::IntoIter: Send + 'static,
    {
        self.start(paths, How { in_parts: true, max_line: self.bytes_in_flight, ..self.how })
    }

    fn start<P, I>(&self, paths: I, how: How) -> Parts
    where
        P: Into<PathBuf> + 'static,
        I: IntoIterator<Item = P>,
        I::IntoIter: Send + 'static,
    {
        let budget = Arc::new(Budget::new(self.bytes_in_flight));
        let course = Arc::new(Course::default());
        let (piece_sender, pieces) = bounded(PIECES_AHEAD);
        let (lane_sender, lanes) = bounded(2 * self.hops().get());
        let paths = paths.into_iter().map(Into::into);
        let openers = Arc::new(Openers::default());
        let selection = self.selection.clone();
        let walk = walk(paths, selection, piece_sender, course.clone(), budget.clone(), openers.clone());
        let walk = spawn(walk);
        let ordered = self.selection.sorted;
        let reader = BatchReader { how, budget: budget.clone(), course: course.clone(), openers, ordered };
        let read =
            spawn(self.clone().read_batches(Batches::new(pieces, course.clone()), lane_sender, reader));
        Parts {
            lanes: Box::pin(lanes),
            lane: None,
            ready: VecDeque::new(),
            taken: Hold::default(),
            returns: Returns::new(budget.clone()),
            budget,
            head: 0,
            ordered: self.selection.sorted,
            course,
            given: 0,
            walk: Some(walk),
            read: Some(read),
        }
    }

    /// Makes of bytes what [`read`](Self::read) makes of a file's: for text that comes from elsewhere, such as stdin.
    ///
    /// # Errors
    /// Kind `encoding` for what is not text, `too_large` for what is over the limit.
    pub fn decode(&self, name: impl Into<PathBuf>, bytes: Vec<u8>) -> Result<File, ReadError> {
        decode_bytes(bytes, &mut Candidate { path: name.into(), origin: Origin::Named }, &self.how)
    }

    /// Reads batches on threads. In order, each batch is a hop and has a lane of its own, and the consumer empties one lane
    /// after the other; otherwise there is one lane for all, and a hop goes on as long as there are batches.
    async fn read_batches(self, batches: Batches, lanes: Sender<Receiver<Chunk>>, reader: BatchReader) {
        let common = match self.selection.sorted {
            true => None,
            false => Some(own_lane(&lanes, self.hops().get()).await),
        };
        let (reader, batches) = (Arc::new(reader), Arc::new(batches));
        let routed = stream::unfold((batches.clone(), lanes), |(batches, lanes)| {
            let common = common.clone();
            async move {
                let batch = batches.next().await?;
                let chunks = match common {
                    Some(chunks) => chunks,
                    None => own_lane(&lanes, 1).await,
                };
                Some(((batch, chunks), (batches, lanes)))
            }
        });
        let goes_on = !self.selection.sorted;
        let reading = map_concurrent(routed, self.hops(), move |(batch, chunks)| {
            let (reader, batches) = (reader.clone(), batches.clone());
            to_thread(move || {
                let mut next = Some(batch);
                while let Some(batch) = next {
                    next = if reader.read(batch, &chunks) && goes_on { batches.next_ready() } else { None };
                }
            })
        });
        reading.for_each(async |_| {}).await;
    }

    /// Threads that read at once. More than twice the cores only get into each other's way.
    fn hops(&self) -> NonZeroUsize {
        let useful = NonZeroUsize::MIN.saturating_add(2 * Lane::Cpu.width() - 1);
        self.jobs.min(useful)
    }
}

async fn own_lane(lanes: &Sender<Receiver<Chunk>>, capacity: usize) -> Sender<Chunk> {
    let (chunks, lane) = bounded(capacity);
    let _ = lanes.send(lane).await; // when nobody takes the lane, sending into it fails and ends the reading
    chunks
}

/// The stream of [`Reader::read_parts`].
///
/// What it gave last counts as in flight until it is asked for more.
#[must_use = "a stream does nothing unless it is polled"]
pub struct Parts {
    lanes: Pin<Box<Receiver<Receiver<Chunk>>>>,
    lane: Option<Pin<Box<Receiver<Chunk>>>>,
    ready: VecDeque<Taken>,
    taken: Hold,
    returns: Returns,
    budget: Arc<Budget>,
    head: u64,
    ordered: bool,
    course: Arc<Course>,
    given: u64,
    walk: Option<Task<()>>,
    read: Option<Task<()>>,
}

impl Stream for Parts {
    type Item = Result<Part, ReadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let done_with = std::mem::take(&mut self.taken);
        self.returns.add(done_with);
        loop {
            if let Some(taken) = self.ready.pop_front() {
                return Poll::Ready(Some(self.give(taken)));
            }
            self.returns.flush();
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

impl Parts {
    /// How many files are known of and have not come to their end yet. While folders are walked there may be more.
    pub fn pending(&self) -> u64 {
        self.course.known.load(Ordering::Relaxed).saturating_sub(self.given)
    }

    /// Reads no more, and returns how many files are left: the walk goes on to its end, and only counts.
    ///
    /// Dropped before, it leaves `pending` at what was counted so far; the walk stops with the stream.
    pub async fn count_rest(&mut self) -> u64 {
        self.course.only_count.store(true, Ordering::SeqCst);
        self.budget.close();
        self.lanes.close();
        self.lane = None;
        self.ready.clear();
        self.read = None; // its end closes the way from the walk
        if let Some(walk) = self.walk.take() {
            let _ = walk.await;
        }
        self.pending()
    }

    fn give(&mut self, taken: Taken) -> Result<Part, ReadError> {
        self.taken = taken.held;
        self.given += u64::from(matches!(&taken.result, Ok(Part::End(_)) | Err(_)));
        taken.result
    }

    fn next_lane(&mut self, lane: Receiver<Chunk>) {
        self.lane = Some(Box::pin(lane));
        if self.ordered {
            self.head += 1;
            self.budget.advance(self.head);
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.budget.close();
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

/// The stream of [`Reader::read`].
///
/// The file it gave last counts as in flight until it is asked for the next one.
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct Files {
    parts: Parts,
}

impl Stream for Files {
    type Item = Result<File, ReadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.parts).poll_next(cx)) {
                Some(Ok(Part::End(file))) => return Poll::Ready(Some(Ok(file))),
                Some(Ok(_)) => {} // files are not asked for in parts
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Files {
    /// How many files are known of and have not been given yet. While folders are walked there may be more.
    pub fn pending(&self) -> u64 {
        self.parts.pending()
    }

    /// Reads no more, and returns how many files are left: the walk goes on to its end, and only counts.
    ///
    /// Dropped before, it leaves `pending` at what was counted so far; the walk stops with the stream.
    pub async fn count_rest(&mut self) -> u64 {
        self.parts.count_rest().await
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
    let files = Reader::builder().ordered(true).once(false).build().read(paths);
    files.map(|file| file.map(|file| file.into_text().unwrap_or_default())).collect().await
}
