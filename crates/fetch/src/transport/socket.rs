//! A socket that asks the system only when there is something to hear.
//!
//! hyper polls a connection several times per request: the request comes, it is written, the head and the body are taken.
//! Each poll tries to read, and with async-io each try is a system call that says "not yet": five for one page. So once a
//! read has had to wait, no other is made until the reactor has called.

use std::io::{IoSlice, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use async_std::net::TcpStream;
use futures::io::{AsyncRead, AsyncWrite};
use futures::task::AtomicWaker;

pub(crate) struct Socket {
    tcp: TcpStream,
    bell: Arc<Bell>,
    /// `bell` as a waker: the same one for the socket's whole life.
    ring: Waker,
    /// The last read had to wait.
    waiting: bool,
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
        let tcp = TcpStream::connect(address).await?;
        // Without it small requests wait for the other side's delayed acknowledgement.
        let _ = tcp.set_nodelay(true);
        let bell = Arc::new(Bell::default());
        Ok(Self { tcp, ring: Waker::from(bell.clone()), bell, waiting: false })
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<usize>> {
        let this = &mut *self;
        // First say who waits, then look whether it rang: a bell in between is not lost.
        this.bell.reader.register(cx.waker());
        if !this.bell.rang.swap(false, Ordering::SeqCst) && this.waiting {
            return Poll::Pending;
        }
        let poll = Pin::new(&mut this.tcp).poll_read(&mut Context::from_waker(&this.ring), buffer);
        this.waiting = poll.is_pending();
        poll
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
