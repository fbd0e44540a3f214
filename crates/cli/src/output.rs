//! Where records go: a thread that owns the sink, so that a slow disk or a full pipe never holds up the event loop.

use std::sync::mpsc;
use std::time::Duration;

use async_channel::{Receiver, Sender, TryRecvError, bounded};
use gather_core::{Outcome, Task, spawn, to_thread};
use gather_records::{ErrorKind, Record, Sink, SinkError};

/// Messages on their way to the thread: enough for it to write in large pieces, few enough to bound memory.
const IN_FLIGHT: usize = 64;

/// Records that are held back to be handed over together, at most, and the bytes of text in them.
const HELD: (usize, usize) = (64, 256 << 10);

/// How long a dropped outlet waits for the thread to take the unfinished file away.
const TIDY_UP: Duration = Duration::from_millis(500);

/// Bytes of text from which a record is waited for until it is written: large ones do not queue up in memory.
const LARGE: usize = 64 << 10;

enum Message {
    Records(Vec<Record>),
    /// Answered by closing the channel once all before it is written.
    Sync(#[allow(dead_code, reason = "it is there to be dropped")] Sender<()>),
    Finish,
}

/// A sink on a thread of its own. Finished, the output is complete; dropped before, a file does not appear.
pub(crate) struct Outlet {
    sender: Option<Sender<Message>>,
    thread: Option<Task<Outcome<Result<(), SinkError>>>>,
    gone: mpsc::Receiver<()>,
    held: Held,
}

/// Records that are handed over together: waking the thread for each one costs more than writing it.
#[derive(Default)]
struct Held {
    /// Whether more are about to come.
    holds: bool,
    records: Vec<Record>,
    weight: usize,
}

/// How writing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// All is written so far.
    Open,
    /// The other side has closed the pipe: nobody reads any more.
    Closed,
}

impl Outlet {
    pub(crate) fn new(sink: Sink) -> Self {
        let (sender, receiver) = bounded(IN_FLIGHT);
        let (leaving, gone) = mpsc::channel();
        let thread = spawn(to_thread(move || {
            let _leaving = leaving; // its drop tells that the sink is gone
            write_all(sink, &receiver)
        }));
        Self { sender: Some(sender), thread: Some(thread), gone, held: Held::default() }
    }

    /// Hands a record over; waits while the thread is behind.
    ///
    /// # Errors
    /// What ended the writing, once it has ended.
    pub(crate) async fn write(&mut self, record: Record) -> Result<Flow, SinkError> {
        let weight = weight(&record);
        self.held.weight += weight;
        self.held.records.push(record);
        let is_full = self.held.records.len() >= HELD.0 || self.held.weight >= HELD.1;
        if self.held.holds && !is_full && weight < LARGE {
            return Ok(Flow::Open);
        }
        let flow = self.hand_over().await?;
        if weight >= LARGE && flow == Flow::Open { self.sync().await } else { Ok(flow) }
    }

    /// Holds records back until [`release`](Self::release): more are about to come.
    pub(crate) fn hold(&mut self) {
        self.held.holds = true;
    }

    /// Hands over what was held back, and holds nothing back any more.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(crate) async fn release(&mut self) -> Result<Flow, SinkError> {
        self.held.holds = false;
        self.hand_over().await
    }

    async fn hand_over(&mut self) -> Result<Flow, SinkError> {
        self.held.weight = 0;
        match std::mem::take(&mut self.held.records) {
            records if records.is_empty() => Ok(Flow::Open),
            records => self.send(Message::Records(records)).await,
        }
    }

    /// Waits until all that was handed over is written, or cannot be.
    pub(crate) async fn drain(&mut self) {
        // What went wrong is said when it is finished.
        let _ = self.sync().await;
    }

    async fn sync(&mut self) -> Result<Flow, SinkError> {
        let (answer, written) = bounded(1);
        let flow = self.send(Message::Sync(answer)).await?;
        let _ = written.recv().await;
        Ok(flow)
    }

    /// Completes the output and waits until it is in its place.
    ///
    /// # Errors
    /// An output that could not be completed; then the file is as it was before.
    pub(crate) async fn finish(&mut self) -> Result<Flow, SinkError> {
        if self.release().await? == Flow::Closed || self.send(Message::Finish).await? == Flow::Closed {
            return Ok(Flow::Closed);
        }
        self.end().await
    }

    async fn send(&mut self, message: Message) -> Result<Flow, SinkError> {
        let Some(sender) = &self.sender else { return Ok(Flow::Closed) };
        match sender.send(message).await {
            Ok(()) => Ok(Flow::Open),
            Err(_) => self.end().await,
        }
    }

    async fn end(&mut self) -> Result<Flow, SinkError> {
        self.sender = None;
        let Some(thread) = self.thread.take() else { return Ok(Flow::Closed) };
        match thread.await.and_then(|outcome| outcome) {
            Ok(Ok(())) => Ok(Flow::Open),
            Ok(Err(error)) if error.kind() == ErrorKind::Closed => Ok(Flow::Closed),
            Ok(Err(error)) => Err(error),
            Err(ended) => Err(SinkError::other(ended)),
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.sender = None;
        if self.thread.is_some() {
            // The process may end right after this; an unfinished file must not stay behind.
            let _ = self.gone.recv_timeout(TIDY_UP);
        }
    }
}

fn weight(record: &Record) -> usize {
    record.iter().filter_map(|(_, value)| value.as_str()).map(str::len).sum()
}

fn write_all(mut sink: Sink, messages: &Receiver<Message>) -> Result<(), SinkError> {
    loop {
        let message = match messages.try_recv() {
            Ok(message) => message,
            Err(TryRecvError::Closed) => return Ok(()), // not finished: the sink is dropped as it is
            Err(TryRecvError::Empty) => {
                sink.flush()?; // nothing to do: let the reader see what there is
                match messages.recv_blocking() {
                    Ok(message) => message,
                    Err(_) => return Ok(()),
                }
            }
        };
        match message {
            Message::Records(records) => records.iter().try_for_each(|record| sink.write(record))?,
            Message::Sync(_) => {}
            Message::Finish => return sink.finish(),
        }
    }
}
