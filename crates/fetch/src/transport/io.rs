//! A connection, as hyper reads and writes it.
//!
//! hyper hands out uninitialised memory. The usual adapter fills all of it with zeros at every poll, which costs a third
//! of the CPU; this one reads into a buffer of the thread and copies what came.

use std::cell::RefCell;
use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::io::{AsyncRead, AsyncWrite};
use futures_rustls::client::TlsStream;
use gather_core::{Sleep, now, sleep_until};
use hyper::rt::ReadBufCursor;

use super::connections::{Permits, Use};
use super::socket::Socket;

const BUFFER: usize = 64 << 10;

/// How many bytes may come without a wait before the others on this thread get their turn. hyper reads on as long as there
/// is something, so a peer that is fast enough, and sends what never becomes a piece of a body (a chunk size of zeros,
/// interim responses), would hold the thread for ever, past every time limit.
const TURN: usize = 2 * BUFFER;

thread_local! {
    /// Shared by all connections that this thread polls: a read fills it and empties it again within one poll.
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER].into_boxed_slice());
}

/// How long the end of a connection of HTTP/2 is held back while requests wait for their answers. hyper hands a request
/// over and then looks once more whether its connection is well: if all of the answer and the end come between the two,
/// the answer is lost.
const LAST_WORDS: Duration = Duration::from_millis(10);

/// What the transport knows of a connection and hyper does not tell.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionInfo {
    remote: SocketAddr,
    traffic: Arc<Traffic>,
    /// Of one that many share.
    shared: Option<Arc<Use>>,
    is_proxied: bool,
}

#[derive(Debug, Default)]
struct Traffic {
    /// Something has been read in the connection's life.
    ever: AtomicBool,
    /// The head of a response has come.
    served: AtomicBool,
    /// Something has been read since the last write.
    since_write: AtomicBool,
    /// A write had to wait for the other side to read.
    is_blocked: AtomicBool,
    /// When a write last went on that had had to wait.
    sent: Mutex<Option<Instant>>,
    /// Others on this thread are to get their turn.
    has_yielded: AtomicBool,
    /// Bytes of the last write that are still to be written.
    unwritten: AtomicUsize,
}

impl ConnectionInfo {
    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Whether many requests can be on it at once.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Whether requests on it go to a proxy as they are, so that they must name their origin.
    pub(crate) fn is_proxied(&self) -> bool {
        self.is_proxied
    }

    /// Whether the connection had served before, and died without a byte of this response: the server closed it while
    /// it was idle, and the request was never looked at (RFC 9112, section 9.3.1). One of HTTP/2 begins with settings, which
    /// are no service yet.
    pub(crate) fn was_stale(&self) -> bool {
        let before = if self.is_shared() { &self.traffic.served } else { &self.traffic.ever };
        before.load(Ordering::Relaxed) && !self.heard_something()
    }

    /// Whether it makes room for others: it takes no request any more.
    pub(crate) fn gives_way(&self) -> bool {
        self.shared.as_ref().is_some_and(|used| used.gives_way())
    }

    /// Whether several requests were on it since it was unused last.
    #[cfg(feature = "http2")]
    pub(crate) fn is_crowded(&self) -> bool {
        self.shared.as_ref().is_some_and(|used| used.is_crowded())
    }

    /// Since when no request is on it, if it is one that many share.
    #[cfg(feature = "http2")]
    pub(crate) fn unused_since(&self) -> Option<Instant> {
        self.shared.as_ref().and_then(|used| used.unused_since())
    }

    /// When something was last written that did not go at once: a request too long for the system's buffers.
    pub(crate) fn sent_until(&self) -> Option<Instant> {
        *self.traffic.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anything of a response has come.
    pub(crate) fn heard_something(&self) -> bool {
        self.traffic.since_write.load(Ordering::Relaxed)
    }

    /// Whether all that was to be written is.
    pub(crate) fn is_written(&self) -> bool {
        self.traffic.unwritten.load(Ordering::Relaxed) == 0
    }

    /// Takes note that the head of a response has come.
    #[cfg(feature = "http2")]
    pub(crate) fn note_served(&self) {
        self.traffic.served.store(true, Ordering::Relaxed);
    }

    /// Whether its last read left the turn to others on this thread, though there may be more to read.
    pub(crate) fn has_yielded(&self) -> bool {
        self.traffic.has_yielded.swap(false, Ordering::Relaxed)
    }
}

/// A request on a connection that many share, until dropped.
#[cfg(feature = "http2")]
pub(crate) struct Ride(Arc<Use>);

#[cfg(feature = "http2")]
impl Ride {
    /// It is to begin before anything of the request is written; `None` if the connection takes none any more.
    pub(crate) fn begin(connection: &ConnectionInfo) -> Option<Self> {
        let used = connection.shared.as_ref()?;
        used.join().then(|| Self(used.clone()))
    }
}

#[cfg(feature = "http2")]
impl Drop for Ride {
    fn drop(&mut self) {
        self.0.rest();
    }
}

pub(crate) struct Io {
    stream: Stream,
    info: ConnectionInfo,
    turn: Turn,
    last_words: Option<Sleep>,
    _permits: Permits,
}

enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl Stream {
    /// Whether the server chose HTTP/2 in the handshake.
    fn speaks_http2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            #[cfg(feature = "http2")]
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(super::tls::HTTP2),
            #[cfg(not(feature = "http2"))]
            Self::Tls(_) => false,
        }
    }
}

impl Io {
    pub(crate) fn plain(stream: Socket, remote: SocketAddr, permits: Permits, is_proxied: bool) -> Self {
        Self::new(Stream::Plain(stream), remote, permits, None, is_proxied)
    }

    /// `share` counts it among the connections that many share, if it turns out to be one.
    pub(crate) fn tls(
        stream: TlsStream<Socket>,
        remote: SocketAddr,
        permits: Permits,
        share: impl FnOnce() -> Arc<Use>,
    ) -> Self {
        let stream = Stream::Tls(Box::new(stream));
        let shared = stream.speaks_http2().then(share);
        Self::new(stream, remote, permits, shared, false)
    }

    fn new(
        stream: Stream,
        remote: SocketAddr,
        permits: Permits,
        shared: Option<Arc<Use>>,
        is_proxied: bool,
    ) -> Self {
        let info = ConnectionInfo { remote, traffic: Arc::default(), shared, is_proxied };
        Self { stream, info, turn: Turn::default(), last_words: None, _permits: permits }
    }

    pub(crate) fn info(&self) -> ConnectionInfo {
        self.info.clone()
    }

    fn poll_into(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }

    fn has_read(&self) {
        self.info.traffic.ever.store(true, Ordering::Relaxed);
        self.info.traffic.since_write.store(true, Ordering::Relaxed);
    }

    /// Adds what comes to a buffer, as far as its capacity goes; only without TLS.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<Result<usize>> {
        if self.turn.is_over(cx) {
            return Poll::Pending;
        }
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.poll_fill(cx, buffer),
            Stream::Tls(_) => Poll::Ready(Err(ErrorKind::Unsupported.into())),
        };
        self.turn.note(&read);
        if let Poll::Ready(Ok(1..)) = read {
            self.has_read();
        }
        read
    }

    /// Whether bytes come from the socket as they are.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.stream, Stream::Plain(_))
    }

    /// Whether nothing comes, and the connection is not at its end. Who is woken when that changes is said by `cx`.
    pub(crate) fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        self.poll_into(cx, &mut [0]).is_pending()
    }

    fn note_write(&self, all: usize, written: &Poll<Result<usize>>) {
        let traffic = &self.info.traffic;
        let left = if let Poll::Ready(Ok(bytes)) = written { all.saturating_sub(*bytes) } else { all };
        traffic.unwritten.store(left, Ordering::Relaxed);
        if written.is_pending() {
            traffic.is_blocked.store(true, Ordering::Relaxed);
        } else if traffic.is_blocked.load(Ordering::Relaxed) {
            traffic.is_blocked.store(false, Ordering::Relaxed);
            *traffic.sent.lock().unwrap_or_else(PoisonError::into_inner) = Some(now());
        }
    }

    /// Something is about to be written.
    fn begin_write(&self) -> Result<()> {
        self.info.traffic.since_write.store(false, Ordering::Relaxed);
        if self.info.gives_way() { Err(ErrorKind::NotConnected.into()) } else { Ok(()) }
    }

    /// Ready when the end, if that is what was read, may be told.
    fn poll_last_words(&mut self, cx: &mut Context<'_>, read: &Result<usize>) -> Poll<()> {
        let is_end = !matches!(read, Ok(1..));
        if !(is_end && self.info.shared.as_ref().is_some_and(|used| used.is_in_use())) {
            return Poll::Ready(());
        }
        Pin::new(self.last_words.get_or_insert_with(|| sleep_until(now() + LAST_WORDS))).poll(cx)
    }
}

/// Counts the bytes of a connection that came without a wait.
#[derive(Debug, Default)]
struct Turn(usize);

impl Turn {
    /// Whether it is for others to go on; the task is woken to come again.
    fn is_over(&mut self, cx: &Context<'_>) -> bool {
        if self.0 < TURN {
            return false;
        }
        self.0 = 0;
        cx.waker().wake_by_ref();
        true
    }

    fn note(&mut self, read: &Poll<Result<usize>>) {
        match read {
            Poll::Ready(Ok(bytes)) => self.0 += bytes,
            _ => self.0 = 0,
        }
    }
}

impl hyper::rt::Read for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        let this = self.get_mut();
        if this.turn.is_over(cx) {
            this.info.traffic.has_yielded.store(true, Ordering::Relaxed);
            return Poll::Pending;
        }
        if this.info.gives_way() {
            return Poll::Ready(Ok(())); // as if the server had closed it
        }
        READ.with(|buffer| {
            let mut buffer = buffer.try_borrow_mut().map_err(Error::other)?;
            let room = cursor.remaining().min(buffer.len());
            let space = buffer.get_mut(..room).unwrap_or_default();
            let read = this.poll_into(cx, space);
            this.turn.note(&read);
            let read = ready!(read);
            ready!(this.poll_last_words(cx, &read));
            let read = read?;
            if read > 0 {
                this.has_read();
                cursor.put_slice(space.get(..read).unwrap_or_default());
            }
            Poll::Ready(Ok(()))
        })
    }
}

impl hyper::rt::Write for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let this = self.get_mut();
        this.begin_write()?;
        let written = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
        this.note_write(bytes.len(), &written);
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_close(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_close(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        matches!(self.stream, Stream::Plain(_))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let this = self.get_mut();
        this.begin_write()?;
        let written = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        };
        this.note_write(slices.iter().map(|slice| slice.len()).sum(), &written);
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::task::noop_waker_ref;

    #[test]
    fn who_always_has_something_to_say_is_interrupted() {
        let mut turn = Turn::default();
        let cx = Context::from_waker(noop_waker_ref());
        let mut reads = |first: Poll<Result<usize>>| {
            turn.note(&first);
            (0..1000).find(|_| {
                let over = turn.is_over(&cx);
                turn.note(&Poll::Ready(Ok(TURN / 8)));
                over
            })
        };
        assert_eq!(reads(Poll::Pending), Some(8));
        assert!(reads(Poll::Ready(Ok(1))).is_some());
        assert_eq!(reads(Poll::Pending), Some(8));
    }
}
