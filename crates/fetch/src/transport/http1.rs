//! A connection of HTTP/1, driven by the task of the request that is on it.
//!
//! hyper would have a task for each connection: request, response and every piece of a body then go through channels from
//! one task to the other, and each costs a switch of tasks there and back, often of threads. Here the request's own task
//! polls both sides. While it is unused nobody polls it; what came meanwhile is seen when it is looked at, before it serves again.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::task::AtomicWaker;
use gather_core::{now, timeout};
use http_body_util::Full;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, Connection, Parts, SendRequest};

use super::io::{ConnectionInfo, Io};

/// How many headers a response may have; their bytes are bounded in any case.
const HEADERS: usize = 256;

/// How often both sides are polled in turn before others on the thread get theirs.
const ROUNDS: usize = 16;

/// How long a server has left a connection open after its first response when it does not close each behind its response.
const SETTLED: Duration = Duration::from_millis(50);

pub(crate) type Request = http::Request<Full<Bytes>>;
pub(super) type Response = http::Response<hyper::body::Incoming>;

pub(crate) struct Http1 {
    state: State,
    bell: Arc<Bell>,
    /// `bell` as a waker: the same one for the connection's whole life.
    ring: Waker,
    is_plain: bool,
    rest: Rest,
    pub(super) info: ConnectionInfo,
}

/// What the server does with the connection between two requests.
#[derive(Clone, Copy)]
enum Rest {
    /// There was none yet.
    Never,
    /// It is the first one, since then.
    Since(Instant),
    /// It leaves the connection open.
    Settled,
}

enum State {
    Spoken(Spoken),
    /// Nothing is held of it but the socket: hyper has read the head of a response, and the body, whose length is known, comes
    /// straight into the buffer where it stays.
    Bare(Box<Io>),
    Over,
}

/// A connection in hyper's hands.
struct Spoken {
    sender: SendRequest<Full<Bytes>>,
    /// Until it is over: a request that it did not take comes back when it is dropped.
    driver: Option<Box<Connection<Io, Full<Bytes>>>>,
}

/// What wakes the connection: notes it, and passes it on to the task whose request is on it. While that polls it need not
/// be woken, it looks again before it ends.
#[derive(Default)]
struct Bell {
    rang: AtomicBool,
    is_polled: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::SeqCst);
        if !self.is_polled.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

impl Http1 {
    /// A connection that has not been spoken on yet.
    pub(super) fn new(io: Io) -> Self {
        let (info, is_plain, bell) = (io.info(), io.is_plain(), Arc::new(Bell::default()));
        let (state, ring) = (State::Bare(Box::new(io)), Waker::from(bell.clone()));
        Self { state, ring, bell, is_plain, rest: Rest::Never, info }
    }

    /// Makes ready for a request, the head of whose response may have so many bytes; `None` if the connection is over.
    pub(super) async fn speak(&mut self, head: usize) -> Option<Side<'_>> {
        self.state = match std::mem::replace(&mut self.state, State::Over) {
            State::Bare(io) => Box::pin(speak(*io, head)).await,
            other => other,
        };
        self.side()
    }

    /// Polls what comes over the connection, such as a body, and with it the connection.
    pub(super) fn poll_beside<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        match self.side() {
            Some(mut side) => side.poll_beside(cx, poll),
            None => poll(cx),
        }
    }

    /// Whether the socket can be [taken from hyper](Self::bare) amid a body: nothing is to be written any more.
    pub(super) fn can_be_bared(&self) -> bool {
        let is_spoken = matches!(&self.state, State::Spoken(spoken) if spoken.driver.is_some());
        is_spoken && self.is_plain && self.info.is_written()
    }

    /// Takes the socket from hyper, and what hyper has read and not given: [`poll_fill`](Self::poll_fill) reads on.
    pub(super) fn bare(&mut self) -> Option<Bytes> {
        let State::Spoken(spoken) = &mut self.state else { return None };
        let Parts { io, read_buf, .. } = spoken.driver.take()?.into_parts();
        self.state = State::Bare(Box::new(io));
        Some(read_buf)
    }

    /// Adds what comes to a buffer, as far as its capacity goes.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<std::io::Result<usize>> {
        match &mut self.state {
            State::Bare(io) => io.poll_fill(cx, buffer),
            State::Spoken(_) | State::Over => Poll::Ready(Err(std::io::ErrorKind::Unsupported.into())),
        }
    }

    /// Whether it can take a request: the last response has come whole, and nothing has come since that says otherwise.
    pub(super) fn is_ready(&mut self) -> bool {
        drop(self.bell.task.take()); // a request that is over must not be kept in memory by its waker
        match &mut self.state {
            State::Bare(io) => {
                self.bell.rang.store(false, Ordering::SeqCst);
                io.is_silent(&mut Context::from_waker(&self.ring))
            }
            State::Spoken(_) => self.side().is_some_and(|mut side| side.is_ready()),
            State::Over => false,
        }
    }

    /// Takes note that a response has come whole, and nobody is on it any more.
    pub(super) fn note_rest(&mut self) {
        self.rest = match self.rest {
            Rest::Never => Rest::Since(now()),
            Rest::Since(_) | Rest::Settled => Rest::Settled,
        };
    }

    /// Whether it is fit for a request that must not be sent twice. There are servers that close each connection behind its
    /// response and do not say so: what is sent meanwhile is lost, and nobody can tell whether it was looked at. So such a request
    /// waits until a connection has outlived its first response for a little.
    pub(super) async fn settles(&mut self) -> bool {
        if let Rest::Since(begun) = self.rest {
            let left = SETTLED.saturating_sub(now().saturating_duration_since(begun));
            let _ = timeout(left, self.rings()).await;
            self.rest = Rest::Settled;
        }
        !self.has_rung() || self.is_ready()
    }

    async fn rings(&self) {
        poll_fn(|cx| {
            self.bell.task.register(cx.waker());
            if self.has_rung() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Whether something has come while it was unused, which is its end in nearly all cases.
    pub(super) fn has_rung(&self) -> bool {
        self.bell.rang.load(Ordering::SeqCst)
    }

    fn side(&mut self) -> Option<Side<'_>> {
        let State::Spoken(spoken) = &mut self.state else { return None };
        Some(Side { spoken, bell: &self.bell, ring: &self.ring, info: &self.info })
    }
}

async fn speak(io: Io, head: usize) -> State {
    let begun = Builder::new()
        // RFC 9112, section 5.2: a user agent reads a folded line as one.
        .allow_obsolete_multiline_headers_in_responses(true)
        .max_buf_size(head)
        .max_headers(HEADERS)
        .handshake(io)
        .await;
    match begun {
        Ok((sender, driver)) => State::Spoken(Spoken { sender, driver: Some(Box::new(driver)) }),
        Err(_) => State::Over,
    }
}

/// A connection that a request can be sent on, and the side of it in what is polled.
pub(super) struct Side<'a> {
    spoken: &'a mut Spoken,
    bell: &'a Bell,
    ring: &'a Waker,
    info: &'a ConnectionInfo,
}

impl Side<'_> {
    /// Sends a request, and is ready with the head of the response. Dropped before, it leaves the connection unfit for any other.
    pub(super) async fn send(mut self, request: Request) -> Result<Response, TrySendError<Request>> {
        let mut response = pin!(self.spoken.sender.try_send_request(request));
        poll_fn(|cx| self.poll_beside(cx, |cx| response.as_mut().poll(cx))).await
    }

    fn poll_beside<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        // Who is to be woken is said first, so that no ring after the last look is lost.
        self.bell.task.register(cx.waker());
        self.bell.is_polled.store(true, Ordering::SeqCst);
        let polled = self.poll_in_turn(&mut poll);
        self.bell.is_polled.store(false, Ordering::SeqCst);
        let again = match polled {
            Some(Poll::Pending) => self.bell.rang.load(Ordering::SeqCst),
            Some(ready) => return ready,
            None => true,
        };
        if again {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// `None` when it is for others to go on, though there may be more.
    fn poll_in_turn<T>(&mut self, poll: &mut impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<Poll<T>> {
        let mut cx = Context::from_waker(self.ring);
        for _ in 0..ROUNDS {
            self.bell.rang.store(false, Ordering::SeqCst);
            // It tells the driver what it wants, and then takes what the driver brought.
            if let ready @ Poll::Ready(_) = poll(&mut cx) {
                return Some(ready);
            }
            self.poll_driver(&mut cx);
            if let ready @ Poll::Ready(_) = poll(&mut cx) {
                return Some(ready);
            }
            if self.info.has_yielded() {
                return None;
            }
            if !self.bell.rang.load(Ordering::SeqCst) {
                return Some(Poll::Pending);
            }
        }
        None
    }

    fn poll_driver(&mut self, cx: &mut Context<'_>) {
        let Some(driver) = &mut self.spoken.driver else { return };
        // What ends it is told to the request that is on it.
        if Pin::new(&mut **driver).poll(cx).is_ready() {
            self.spoken.driver = None;
        }
    }

    fn is_ready(&mut self) -> bool {
        let mut cx = Context::from_waker(self.ring);
        for _ in 0..ROUNDS {
            self.bell.rang.store(false, Ordering::SeqCst);
            self.poll_driver(&mut cx);
            if self.spoken.driver.is_none() || !self.bell.rang.load(Ordering::SeqCst) {
                break;
            }
        }
        self.spoken.driver.is_some() && self.spoken.sender.is_ready()
    }
}
