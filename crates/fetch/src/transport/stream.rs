//! The body of a response as it comes off the wire.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};

#[cfg(feature = "http2")]
use super::errors::was_among_others;
use super::errors::{broken_off, explain_body, explain_read};
use super::http1::Http1;
#[cfg(feature = "http2")]
use super::io::{ConnectionInfo, Ride};
use super::pool::Pool;
use super::server::Server;
use crate::error::Failure;

/// From so many bytes on what is left of a body is worth reading without hyper.
const WORTH_BARING: u64 = 8 << 10;

/// The most of a body that is read at once where its reader has no buffer for all of it.
const PIECE: u64 = 64 << 10;

/// What a response comes by.
pub(super) enum On {
    /// Its own connection, which then goes back to the pool. `is_alone` if its request had no body, which might still be on
    /// its way.
    Own { line: Box<Http1>, is_alone: bool, pool: Arc<Pool>, server: Server },
    #[cfg(feature = "http2")]
    Shared {
        #[allow(dead_code, reason = "it is held until the end")]
        ride: Ride,
        info: ConnectionInfo,
    },
}

impl On {
    #[cfg_attr(not(feature = "http2"), allow(unused_variables, reason = "only http/2 shares connections"))]
    fn was_among_others(&self, error: &hyper::Error) -> bool {
        match self {
            On::Own { .. } => false,
            #[cfg(feature = "http2")]
            On::Shared { info, .. } => was_among_others(error, info),
        }
    }

    fn remote(&self) -> SocketAddr {
        match self {
            On::Own { line, .. } => line.info.remote(),
            #[cfg(feature = "http2")]
            On::Shared { info, .. } => info.remote(),
        }
    }
}

/// Whether a connection may serve again.
#[derive(Clone, Copy)]
pub(super) struct Again {
    /// The end of the response can be told for certain.
    pub(super) by_framing: bool,
    /// The server says so. hyper itself sees to that, where it reads the response to its end.
    pub(super) by_word: bool,
}

/// The body of a response. Dropped before its end, it takes a connection of its own with it.
///
/// hyper gives a body in pieces, each in a buffer of its own, and to read into that takes a copy: two for every byte, where
/// the body is put together. Most bodies say their length, and then the rest can come from the socket right to where it stays,
/// once hyper has [let go](Self::goes_bare) of it.
pub(crate) struct Stream {
    incoming: Incoming,
    /// What came of it while it was not asked for.
    ahead: Option<Option<Result<Frame<Bytes>, hyper::Error>>>,
    bare: Option<Bare>,
    remote: SocketAddr,
    again: Again,
    /// Until the end.
    on: Option<On>,
}

/// What is left of a body that hyper does not read any more.
struct Bare {
    left: u64,
    /// What hyper had read of it.
    first: Bytes,
}

impl Stream {
    pub(super) fn new(incoming: Incoming, on: On, again: Again) -> Self {
        let mut stream = Self { incoming, ahead: None, bare: None, remote: on.remote(), again, on: Some(on) };
        if stream.incoming.is_end_stream() {
            stream.end(again.by_framing);
        }
        stream
    }

    /// Where it comes from.
    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// How much is still to come, as far as the response says it.
    pub(crate) fn size_hint(&self) -> SizeHint {
        match &self.bare {
            Some(bare) => SizeHint::with_exact(bare.left),
            None => self.incoming.size_hint(),
        }
    }

    /// The next piece.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        if self.bare.is_some() {
            let mut piece = Vec::with_capacity(self.size_hint().lower().min(PIECE) as usize);
            return self.poll_fill(cx, &mut piece).map(|read| match read {
                Ok(0) => None,
                Ok(_) => Some(Ok(piece.into())),
                Err(failure) => Some(Err(failure)),
            });
        }
        loop {
            let frame = match self.ahead.take() {
                Some(frame) => frame,
                None => ready!(self.poll_frame(cx)),
            };
            match self.piece(frame) {
                Some(Ok(piece)) if piece.is_empty() => {}
                piece => return Poll::Ready(piece),
            }
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut incoming = Pin::new(&mut self.incoming);
        match &mut self.on {
            Some(On::Own { line, .. }) => line.poll_beside(cx, |cx| incoming.as_mut().poll_frame(cx)),
            _ => incoming.poll_frame(cx),
        }
    }

    /// What a frame is of the body; trailers are nothing.
    fn piece(&mut self, frame: Option<Result<Frame<Bytes>, hyper::Error>>) -> Option<Result<Bytes, Failure>> {
        match frame {
            None if !self.has_ended() => {
                self.on = None;
                Some(Err(broken_off()))
            }
            None => {
                self.end(self.again.by_framing);
                None
            }
            Some(Ok(frame)) => Some(Ok(frame.into_data().unwrap_or_default())),
            Some(Err(error)) => {
                let among_others = self.on.take().is_some_and(|on| on.was_among_others(&error));
                let mut failure = explain_body(error);
                failure.among_others = among_others;
                Some(Err(failure))
            }
        }
    }

    /// Whether what is over came to its end. A reset of HTTP/2 that names no error is an end to hyper wherever it comes, and to
    /// RFC 9113, section 8.1, only behind a complete response.
    fn has_ended(&self) -> bool {
        match &self.on {
            #[cfg(feature = "http2")]
            Some(On::Shared { .. }) => self.incoming.is_end_stream(),
            _ => true,
        }
    }

    /// Whether the rest comes by [`poll_fill`](Self::poll_fill), from now on if that can be and is worth it.
    pub(crate) fn goes_bare(&mut self) -> bool {
        if let Some(bare) = &self.bare {
            return bare.left > 0;
        }
        if self.ahead.is_some() {
            return false;
        }
        let Some(On::Own { line, is_alone: true, .. }) = &mut self.on else { return false };
        let left = self.incoming.size_hint().exact().filter(|left| *left >= WORTH_BARING);
        let Some(left) = left.filter(|_| line.can_be_bared()) else { return false };
        // What hyper has given already is to be taken first.
        let mut nobody = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.incoming).poll_frame(&mut nobody) {
            Poll::Ready(frame) => self.ahead = Some(frame),
            Poll::Pending => self.bare = line.bare().map(|first| Bare { left, first }),
        }
        self.bare.is_some()
    }

    /// Adds what comes next to a buffer, as far as its capacity goes, and says how much it was; nothing at the end. Only for one that
    /// [has gone bare](Self::goes_bare).
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<Result<usize, Failure>> {
        let (Some(bare), Some(On::Own { line, .. })) = (&mut self.bare, &mut self.on) else {
            return Poll::Ready(Ok(0));
        };
        let before = buffer.len();
        if bare.first.is_empty() {
            let read = ready!(line.poll_fill(cx, buffer));
            let read = read.and_then(|bytes| match bytes {
                0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
                _ => Ok(()),
            });
            if let Err(error) = read {
                self.on = None;
                return Poll::Ready(Err(explain_read(error)));
            }
        } else {
            buffer.extend_from_slice(&std::mem::take(&mut bare.first));
        }
        let came = (buffer.len() - before) as u64;
        let (of_body, left) = (came.min(bare.left), bare.left.saturating_sub(came));
        bare.left = left;
        buffer.truncate(before + of_body as usize);
        if left == 0 {
            // What follows unasked is no answer to the next request.
            let again = self.again;
            self.end(again.by_framing && again.by_word && came == of_body);
        }
        Poll::Ready(Ok(of_body as usize))
    }

    /// It has come whole.
    fn end(&mut self, is_reusable: bool) {
        if let Some(On::Own { line, pool, server, .. }) = self.on.take()
            && is_reusable
        {
            pool.give_back(&server, line);
        }
    }
}
