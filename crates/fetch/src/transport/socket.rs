//! A socket that asks the system only when there is something to hear.
//!
//! hyper polls a connection several times per request: the request comes, it is written, the head and the body are taken.
//! Each poll tries to read, and a try before there is anything is a system call that says "not yet": five for one page, with
//! async-std's socket. Here a page costs one: after a read that took all there was, the next one waits for the reactor
//! first, and while it waits no other poll asks anything. That needs to wait without a try, which async-std's
//! socket does not offer, and the one below it does.

use std::io::{IoSlice, Result};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker, ready};

use async_io::Async;
use futures::io::{AsyncRead, AsyncWrite};
use futures::task::AtomicWaker;

pub(crate) struct Socket {
    tcp: Async<TcpStream>,
    bell: Arc<Bell>,
    /// `bell` as a waker: the same one for the socket's whole life.
    ring: Waker,
    incoming: Incoming,
}

/// What is known of what there is to read.
enum Incoming {
    /// Nothing is known: a read may find something.
    Unknown,
    /// Everything has been taken; what comes next the reactor will tell, also if it has come already.
    Taken,
    /// The reactor has been asked, and has not called since.
    Awaited,
}

/// What the reactor calls: notes it, and passes it on to the task that reads.
#[derive(Default)]
struct Bell {
    rang: AtomicBool,
    reader: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::SeqCst);
        self.reader.wake();
    }
}

impl Socket {
    /// A connection to this address; in virtual time an error. Dropping the future gives it up.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        gather_core::sockets_allowed()?;
        let tcp = Async::<TcpStream>::connect(address).await?;
        // Without it small requests wait for the other side's delayed acknowledgement.
        let _ = tcp.get_ref().set_nodelay(true);
        let bell = Arc::new(Bell::default());
        Ok(Self { tcp, ring: Waker::from(bell.clone()), bell, incoming: Incoming::Unknown })
    }

    /// Wakes whoever reads from it.
    pub(crate) fn reader(&self) -> Waker {
        self.ring.clone()
    }

    /// Waits until a read may find something.
    fn poll_incoming(&mut self, reader: &Waker) -> Poll<Result<()>> {
        if matches!(self.incoming, Incoming::Unknown) {
            return Poll::Ready(Ok(()));
        }
        // First say who waits, then look whether it rang: a bell in between is not lost.
        self.bell.reader.register(reader);
        let rang = self.bell.rang.swap(false, Ordering::SeqCst);
        if matches!(self.incoming, Incoming::Awaited) {
            if !rang {
                return Poll::Pending;
            }
        } else {
            self.incoming = Incoming::Awaited;
            ready!(self.poll_call())?;
        }
        self.incoming = Incoming::Unknown;
        Poll::Ready(Ok(()))
    }

    /// Asks the reactor to call. It first owns up to calls that were answered long ago; if there is something to read,
    /// it calls at once.
    fn poll_call(&self) -> Poll<Result<()>> {
        let mut cx = Context::from_waker(&self.ring);
        ready!(self.tcp.poll_readable(&mut cx))?;
        self.tcp.poll_readable(&mut cx)
    }
}

impl Socket {
    /// Adds what comes to a buffer, as far as its capacity goes. That memory need not be written before, as it must be for
    /// `poll_read`.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<Result<usize>> {
        let room = buffer.capacity() - buffer.len();
        self.poll_with(cx, room, |tcp| {
            Ok(rustix::io::read(tcp, rustix::buffer::spare_capacity(&mut *buffer))?)
        })
    }

    /// Reads as soon as there may be something to read; `room` is how much could be read at most.
    fn poll_with(
        &mut self,
        cx: &mut Context<'_>,
        room: usize,
        mut read: impl FnMut(&TcpStream) -> Result<usize>,
    ) -> Poll<Result<usize>> {
        loop {
            ready!(self.poll_incoming(cx.waker()))?;
            match read(self.tcp.get_ref()) {
                Ok(bytes) => {
                    // The end is told again and again; anything else short of the buffer was all there was.
                    if (1..room).contains(&bytes) {
                        self.incoming = Incoming::Taken;
                    }
                    return Poll::Ready(Ok(bytes));
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.incoming = Incoming::Taken;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<usize>> {
        self.poll_with(cx, buffer.len(), |mut tcp| std::io::Read::read(&mut tcp, buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.tcp).poll_close(cx)
    }
}
