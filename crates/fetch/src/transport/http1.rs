//! A connection of HTTP/1, driven by the task of the request that is on it.
//!
//! hyper would have a task for each connection: request, response and every piece of a body then go through channels from
//! one task to the other, and each costs a switch of tasks there and back, often of threads. Here the request's own task
//! polls both sides. While it is unused nobody polls it; what came meanwhile is seen when it is looked at, before it serves again.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use futures::task::AtomicWaker;
use http_body_util::Full;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};

use super::io::{ConnectionInfo, Io};

/// How many headers a response may have; their bytes are bounded in any case.
const HEADERS: usize = 256;

/// How often both sides are polled in turn before others on the thread get theirs.
const ROUNDS: usize = 16;

pub(crate) type Request = http::Request<Full<Bytes>>;
pub(super) type Response = http::Response<hyper::body::Incoming>;

pub(crate) struct Http1 {
    sender: SendRequest<Full<Bytes>>,
    driver: Box<Connection<Io, Full<Bytes>>>,
    is_over: bool,
    bell: Arc<Bell>,
    /// `bell` as a waker: the same one for the connection's whole life.
    ring: Waker,
    pub(super) info: ConnectionInfo,
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
    /// Begins to speak HTTP/1. A head may have so many bytes.
    pub(super) async fn begin(io: Io, head: usize) -> hyper::Result<Self> {
        let info = io.info();
        let (sender, driver) = Builder::new()
            // RFC 9112, section 5.2: a user agent reads a folded line as one.
            .allow_obsolete_multiline_headers_in_responses(true)
            .max_buf_size(head)
            .max_headers(HEADERS)
            .handshake(io)
            .await?;
        let bell = Arc::new(Bell::default());
        let ring = Waker::from(bell.clone());
        Ok(Self { sender, driver: Box::new(driver), is_over: false, bell, ring, info })
    }

    /// Sends a request, and is ready with the head of the response. Dropped before, it leaves the connection unfit for any other.
    pub(super) async fn send(&mut self, request: Request) -> Result<Response, TrySendError<Request>> {
        let mut response = pin!(self.sender.try_send_request(request));
        let (driver, bell, ring) = (&mut self.driver, &self.bell, &self.ring);
        let mut side = Side { driver, is_over: &mut self.is_over, bell, ring, info: &self.info };
        std::future::poll_fn(|cx| side.poll_beside(cx, |cx| response.as_mut().poll(cx))).await
    }

    /// Polls what reads from the connection, such as a body, and with it the connection.
    pub(super) fn poll_beside<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.side().poll_beside(cx, poll)
    }

    fn side(&mut self) -> Side<'_> {
        let (driver, bell, ring) = (&mut self.driver, &self.bell, &self.ring);
        Side { driver, is_over: &mut self.is_over, bell, ring, info: &self.info }
    }

    /// Whether it can take a request: the last response has come whole, and nothing has come since that says otherwise.
    pub(super) fn is_ready(&mut self) -> bool {
        drop(self.bell.task.take()); // a request that is over must not be kept in memory by its waker
        self.side().poll_idle();
        !self.is_over && self.sender.is_ready()
    }

    /// Whether something has come while it was unused, which is its end in nearly all cases.
    pub(super) fn has_rung(&self) -> bool {
        self.bell.rang.load(Ordering::SeqCst)
    }
}

/// The connection's side of a poll.
struct Side<'a> {
    driver: &'a mut Connection<Io, Full<Bytes>>,
    is_over: &'a mut bool,
    bell: &'a Bell,
    ring: &'a Waker,
    info: &'a ConnectionInfo,
}

impl Side<'_> {
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
        if !*self.is_over {
            // What ends it is told to the request that is on it.
            *self.is_over = Pin::new(&mut *self.driver).poll(cx).is_ready();
        }
    }

    fn poll_idle(&mut self) {
        let mut cx = Context::from_waker(self.ring);
        for _ in 0..ROUNDS {
            self.bell.rang.store(false, Ordering::SeqCst);
            self.poll_driver(&mut cx);
            if *self.is_over || !self.bell.rang.load(Ordering::SeqCst) {
                return;
            }
        }
    }
}
