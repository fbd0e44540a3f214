//! A connection, as hyper reads and writes it.
//!
//! hyper hands out uninitialised memory. The usual adapter fills all of it with zeros at every poll, which costs a third
//! of the CPU; this one reads into a buffer of the thread and copies what came.

use std::cell::RefCell;
use std::io::{Error, IoSlice, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};
use futures_rustls::client::TlsStream;
use hyper::rt::ReadBufCursor;
use hyper_util::client::legacy::connect::{Connected, Connection};

use super::socket::Socket;
use crate::origins::Permit;

const BUFFER: usize = 64 << 10;

thread_local! {
    /// Shared by all connections that this thread polls: a read fills it and empties it again within one poll.
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER].into_boxed_slice());
}

/// What the transport knows of a connection and hyper does not tell.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionInfo {
    pub(crate) remote: SocketAddr,
    traffic: Arc<Traffic>,
}

#[derive(Debug, Default)]
struct Traffic {
    /// Something has been read in the connection's life.
    ever: AtomicBool,
    /// Something has been read since the last write.
    since_write: AtomicBool,
}

impl ConnectionInfo {
    /// Whether the connection had served before, and died without a byte of this response: the server closed it while
    /// it was idle, and the request was never looked at (RFC 9112, section 9.3.1).
    pub(crate) fn was_stale(&self) -> bool {
        self.traffic.ever.load(Ordering::Relaxed) && !self.traffic.since_write.load(Ordering::Relaxed)
    }

    /// Whether anything of a response has come.
    pub(crate) fn heard_something(&self) -> bool {
        self.traffic.since_write.load(Ordering::Relaxed)
    }
}

pub(crate) struct Io {
    stream: Stream,
    info: ConnectionInfo,
    /// Among the connections to the origin.
    _place: Option<Permit>,
}

enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl Io {
    pub(crate) fn plain(stream: Socket, remote: SocketAddr, place: Option<Permit>) -> Self {
        Self::new(Stream::Plain(stream), remote, place)
    }

    pub(crate) fn tls(stream: TlsStream<Socket>, remote: SocketAddr, place: Option<Permit>) -> Self {
        Self::new(Stream::Tls(Box::new(stream)), remote, place)
    }

    fn new(stream: Stream, remote: SocketAddr, place: Option<Permit>) -> Self {
        Self { stream, info: ConnectionInfo { remote, traffic: Arc::default() }, _place: place }
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

    fn has_written(&self) {
        self.info.traffic.since_write.store(false, Ordering::Relaxed);
    }
}

impl hyper::rt::Read for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        let this = self.get_mut();
        READ.with(|buffer| {
            let mut buffer = buffer.try_borrow_mut().map_err(Error::other)?;
            let room = cursor.remaining().min(buffer.len());
            let space = buffer.get_mut(..room).unwrap_or_default();
            let read = ready!(this.poll_into(cx, space))?;
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
        this.has_written();
        match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
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
        this.has_written();
        match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }
}

impl Connection for Io {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.info.clone())
    }
}
