//! Where records go: a thread that owns the sink, so that a slow disk or a full pipe never holds up the event loop; a task
//! of its own where they go into a table.

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::time::Duration;

use async_channel::{Receiver, Sender, TryRecvError, bounded};
use futures::future::{Either, select};
use gather_core::{CancelToken, Deadline, Outcome, Task, now, spawn, timeout, to_thread};
use gather_records::{ErrorKind, Record, Sink, SinkError, TableSink};

/// Messages on their way to the thread: enough for it to write in large pieces, few enough to bound memory.
const IN_FLIGHT: usize = 64;

/// Records that are held back to be handed over together, at most, and the bytes of text in them.
const HELD: (usize, usize) = (64, 256 << 10);

/// How long a dropped outlet waits for the thread to take the unfinished file away.
const TIDY_UP: Duration = Duration::from_millis(500);

/// Bytes of text from which a record is waited for until it is written: large ones do not queue up in memory.
const LARGE: usize = 64 << 10;

/// How long records wait for more before they are written to a table: where none come, and where they come slowly.
const TABLE_IDLE: Duration = Duration::from_millis(250);
const TABLE_AT_MOST: Duration = Duration::from_secs(1);

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
    patience: Option<Patience>,
}

/// How long an output that takes nothing is waited for once the run was told to stop.
pub(crate) struct Patience {
    token: CancelToken,
    grace: Duration,
    end: Option<Deadline>,
}

/// However short the grace, what is complete is written if somebody takes it.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);

impl Patience {
    /// Waits without limit until the current scope is cancelled, and from then on for the grace.
    pub(crate) fn new(grace: Duration) -> Self {
        Self { token: CancelToken::current(), grace: grace.max(LEAST_PATIENCE), end: None }
    }

    /// The run was told to stop: from here the grace counts.
    fn begin(&mut self) -> Deadline {
        *self.end.get_or_insert_with(|| Deadline::after(self.grace))
    }

    /// `None` once the grace is over.
    async fn wait<F: Future>(&mut self, work: F) -> Option<F::Output> {
        let work = pin!(work);
        let work = match select(work, self.token.cancelled()).await {
            Either::Left((output, _)) => return Some(output),
            Either::Right((_, work)) => work,
        };
        self.begin().run(work).await.ok()
    }
}

async fn wait<F: Future>(patience: &mut Option<Patience>, work: F) -> Option<F::Output> {
    match patience {
        Some(patience) => patience.wait(work).await,
        None => Some(work.await),
    }
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
    /// The other side takes nothing, and the grace is over: the last records are not written.
    Stuck,
}

impl Outlet {
    /// Without `patience` the sink is waited for as long as it takes.
    pub(crate) fn new(sink: Sink, patience: Option<Patience>) -> Self {
        let (sender, receiver) = bounded(IN_FLIGHT);
        let (leaving, gone) = mpsc::channel();
        let thread = spawn(to_thread(move || {
            let _leaving = leaving; // its drop tells that the sink is gone
            write_all(sink, &Messages(receiver))
        }));
        Self { sender: Some(sender), thread: Some(thread), gone, held: Held::default(), patience }
    }

    /// The run was told to stop: from here the grace counts.
    pub(crate) fn stop(&mut self) {
        if let Some(patience) = &mut self.patience {
            patience.begin();
        }
    }

    /// An outlet into a table. Dropped before the end, its whole batches stay.
    pub(crate) fn table(sink: TableSink) -> Self {
        let (sender, receiver) = bounded(IN_FLIGHT);
        let thread = spawn(async move { Ok(write_to_table(sink, Messages(receiver)).await) });
        let (_, gone) = mpsc::channel(); // there is no file to take away
        Self { sender: Some(sender), thread: Some(thread), gone, held: Held::default(), patience: None }
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

    async fn sync(&mut self) -> Result<Flow, SinkError> {
        let (answer, written) = bounded(1);
        let flow = self.send(Message::Sync(answer)).await?;
        match wait(&mut self.patience, written.recv()).await {
            Some(_) => Ok(flow),
            None => Ok(self.give_up()),
        }
    }

    /// Completes the output and waits until it is in its place.
    ///
    /// # Errors
    /// An output that could not be completed; then the file is as it was before.
    pub(crate) async fn finish(&mut self) -> Result<Flow, SinkError> {
        let flow = match self.release().await? {
            Flow::Open => self.send(Message::Finish).await?,
            flow => flow,
        };
        if flow == Flow::Open { self.end().await } else { Ok(flow) }
    }

    async fn send(&mut self, message: Message) -> Result<Flow, SinkError> {
        let Some(sender) = &self.sender else { return Ok(Flow::Closed) };
        match wait(&mut self.patience, sender.send(message)).await {
            Some(Ok(())) => Ok(Flow::Open),
            Some(Err(_)) => self.end().await,
            None => Ok(self.give_up()),
        }
    }

    async fn end(&mut self) -> Result<Flow, SinkError> {
        self.sender = None;
        let Some(thread) = &mut self.thread else { return Ok(Flow::Closed) };
        let Some(ended) = wait(&mut self.patience, thread).await else { return Ok(self.give_up()) };
        self.thread = None;
        match ended.and_then(|outcome| outcome) {
            Ok(Ok(())) => Ok(Flow::Open),
            Ok(Err(error)) if error.kind() == ErrorKind::Closed => Ok(Flow::Closed),
            Ok(Err(error)) => Err(error),
            Err(ended) => Err(SinkError::other(ended)),
        }
    }
}

impl Outlet {
    /// The thread is left where it is: it waits for whoever does not take what it writes.
    fn give_up(&mut self) -> Flow {
        self.sender = None;
        Flow::Stuck
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

/// What is to be written. Dropped, it leaves nothing in the channel: who waits there for an answer would wait for ever.
struct Messages(Receiver<Message>);

impl Drop for Messages {
    fn drop(&mut self) {
        self.0.close();
        while self.0.try_recv().is_ok() {}
    }
}

fn write_all(mut sink: Sink, Messages(messages): &Messages) -> Result<(), SinkError> {
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

async fn write_to_table(mut table: TableSink, messages: Messages) -> Result<(), SinkError> {
    let (messages, mut flushed) = (&messages.0, now());
    loop {
        let message = match messages.try_recv() {
            Ok(message) => Ok(message),
            Err(_) => match timeout(TABLE_IDLE, messages.recv()).await {
                Ok(message) => message,
                Err(_) => {
                    table.flush().await?; // let others see what there is
                    messages.recv().await
                }
            },
        };
        match message {
            Ok(Message::Records(records)) => {
                for record in records {
                    table.write(record).await?;
                }
                if now().saturating_duration_since(flushed) >= TABLE_AT_MOST {
                    table.flush().await?;
                    flushed = now();
                }
            }
            Ok(Message::Sync(_)) => {}
            Ok(Message::Finish) => return table.finish().await.map(|_| ()),
            Err(_) => return Ok(()), // not finished
        }
    }
}
