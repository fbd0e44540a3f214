//! The bodies of our answers.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body::{Frame, SizeHint};

/// A hop to the I/O lane is paid per piece; a larger piece would only cost memory.
const PIECE: u64 = 256 * 1024;

/// What is sent after the head.
pub(crate) enum Body {
    /// Nothing.
    Empty,
    /// Bytes that are at hand.
    Full(Bytes),
    /// Pieces of unannounced length: sent with `Transfer-Encoding: chunked`.
    Chunked(VecDeque<Bytes>),
    /// Part of a file, read piece by piece while it is sent.
    File(FileBody),
}

impl Body {
    /// The length, where it is known beforehand.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Full(bytes) => Some(bytes.len() as u64),
            Self::Chunked(_) => None,
            Self::File(file) => Some(file.left),
        }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Full(text.into())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let body = self.get_mut();
        match body {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *body = Self::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Self::Chunked(pieces) => Poll::Ready(pieces.pop_front().map(|piece| Ok(Frame::data(piece)))),
            Self::File(file) => file.poll_piece(cx).map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.length() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.length().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// The next `left` bytes of a file; a piece is read when it is asked for.
pub(crate) struct FileBody {
    left: u64,
    state: State,
}

enum State {
    Idle(File),
    Reading(BoxFuture<'static, io::Result<(File, Bytes)>>),
    Ended,
}

impl FileBody {
    /// The file's position is where the body begins.
    pub(crate) fn new(file: File, length: u64) -> Self {
        Self { left: length, state: State::Idle(file) }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.begin_reading();
        let State::Reading(reading) = &mut self.state else { return Poll::Ready(None) };
        let result = ready!(reading.as_mut().poll(cx));
        self.state = State::Ended;
        Poll::Ready(Some(result.map(|(file, piece)| {
            self.left = self.left.saturating_sub(piece.len() as u64);
            self.state = State::Idle(file);
            piece
        })))
    }

    fn begin_reading(&mut self) {
        let length = self.left.min(PIECE);
        self.state = match std::mem::replace(&mut self.state, State::Ended) {
            State::Idle(file) if length > 0 => State::Reading(Box::pin(read_piece(file, length))),
            State::Idle(_) => State::Ended,
            other => other,
        };
    }
}

async fn read_piece(file: File, length: u64) -> io::Result<(File, Bytes)> {
    gather_core::to_thread(move || {
        let mut piece = Vec::with_capacity(length as usize);
        (&file).take(length).read_to_end(&mut piece)?;
        if (piece.len() as u64) < length {
            // The length was promised in the head: the connection is broken off rather than the body ended early.
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was sent",
            ));
        }
        Ok((file, piece.into()))
    })
    .await
    .map_err(|ended| io::Error::other(ended.to_string()))?
}
