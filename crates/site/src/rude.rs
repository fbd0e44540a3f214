//! A server that sends exact bytes by a script: for everything a polite server would not do.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_std::net::TcpStream;
use bytes::Bytes;
use futures::io::{AsyncReadExt, AsyncWriteExt};

use crate::error::Error;
use crate::serve::{STOP_GRACE, stop_within};
use crate::server::{Peer, listen};
use crate::stop::{Level, Stop};
#[cfg(feature = "tls")]
use crate::tls::ServerTls;
use crate::transport::{Duplex, Transport};

/// A request that is longer is broken off.
const REQUEST_LIMIT: usize = 16 << 20;

/// How long a closed connection waits for the client to close its side, so that unread bytes do not reset it.
const LINGER: Duration = Duration::from_secs(1);

/// What is sent again and again is sent in pieces of at least so many bytes.
const FLOOD: usize = 16 * 1024;

/// What a connection of a [`Rude`] server does next. After its last step it is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Reads one request: its head, and as much body as its Content-Length says.
    Read,
    /// Reads until these bytes have come, and takes all that was read: for what is no HTTP/1.1.
    ReadUntil(Bytes),
    /// Sends these bytes at once.
    Send(Bytes),
    /// Sends these bytes one at a time, with a pause after each.
    Drip {
        /// What is sent.
        bytes: Bytes,
        /// The pause after each byte.
        every: Duration,
    },
    /// Sends these bytes again and again until the client has gone.
    Flood(Bytes),
    /// Does nothing for a while.
    Wait(Duration),
    /// Closes the connection properly (with TLS: after `close_notify`).
    Close,
    /// Ends the connection below TLS, without `close_notify`; without TLS the same as `Close`.
    Cut,
    /// Resets the connection (RST): the client's next read fails.
    Reset,
    /// Keeps the connection open and silent until the server is dropped.
    Hold,
}

impl Step {
    /// [`Step::Send`] of text or bytes.
    pub fn send(bytes: impl AsRef<[u8]>) -> Self {
        Self::Send(Bytes::copy_from_slice(bytes.as_ref()))
    }

    /// [`Step::Drip`] of text or bytes.
    pub fn drip(bytes: impl AsRef<[u8]>, every: Duration) -> Self {
        Self::Drip { bytes: Bytes::copy_from_slice(bytes.as_ref()), every }
    }

    /// [`Step::Flood`] of text or bytes.
    pub fn flood(bytes: impl AsRef<[u8]>) -> Self {
        Self::Flood(Bytes::copy_from_slice(bytes.as_ref()))
    }
}

/// A server for tests that follows a script on each connection and knows no HTTP.
///
/// ```
/// use std::io::{Read, Write};
/// use gather_site::{Rude, Step};
///
/// // Promises ten bytes and sends three.
/// let server = Rude::start(|_connection| {
///     vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), Step::Close]
/// })?;
///
/// let mut socket = std::net::TcpStream::connect(server.addr())?;
/// socket.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
/// let mut answer = String::new();
/// socket.read_to_string(&mut answer)?;
/// assert!(answer.ends_with("abc"));
/// assert_eq!(server.requests(), [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// It can be started inside and outside of `gather_core::run`, and lives until it is dropped, or until the root
/// scope it was started in ends.
#[must_use = "it stops when it is dropped"]
pub struct Rude {
    url: String,
    addr: SocketAddr,
    seen: Arc<Seen>,
    stop: Arc<Stop>,
}

/// The options of a [`Rude`] server, made by [`Rude::builder`].
#[must_use = "nothing is served before it is started"]
pub struct RudeBuilder {
    addr: SocketAddr,
    transport: Transport,
}

impl RudeBuilder {
    /// The address to listen on. Default: 127.0.0.1.
    pub fn host(mut self, host: IpAddr) -> Self {
        self.addr.set_ip(host);
        self
    }

    /// The port to listen on. Default: 0, which takes a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.addr.set_port(port);
        self
    }

    /// Speaks TLS; the script begins after the handshake. Default: off.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.transport = Transport::Tls(tls);
        self
    }

    /// Starts the server. `script` is asked for the steps of each connection; they count from 1. It fails when
    /// the address cannot be listened on.
    pub fn start<F>(self, script: F) -> Result<Rude, Error>
    where
        F: Fn(usize) -> Vec<Step> + Send + 'static,
    {
        let listening = listen(self.addr)?;
        let stop = Arc::new(Stop::default());
        let seen = Arc::new(Seen::default());
        let rude = Rude {
            url: format!("{}://{}", self.transport.scheme(), listening.addr),
            addr: listening.addr,
            seen: seen.clone(),
            stop: stop.clone(),
        };
        let transport = self.transport;
        listening.serve(stop, move |stream, peer: Peer| {
            seen.connections.fetch_add(1, Ordering::SeqCst);
            let script = script(peer.connection as usize);
            let (transport, seen) = (transport.clone(), seen.clone());
            async move {
                // That the client has gone before the end of the script is what many tests are about.
                if let Ok((duplex, _)) = transport.open(stream.clone()).await {
                    let _ = Connection { tcp: stream, duplex, unread: Vec::new(), seen }.follow(script).await;
                }
            }
        });
        Ok(rude)
    }
}

impl Rude {
    /// A server on a free port of 127.0.0.1.
    pub fn builder() -> RudeBuilder {
        RudeBuilder { addr: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), transport: Transport::default() }
    }

    /// Starts a server on a free port of 127.0.0.1; see [`RudeBuilder::start`].
    pub fn start<F>(script: F) -> Result<Rude, Error>
    where
        F: Fn(usize) -> Vec<Step> + Send + 'static,
    {
        Self::builder().start(script)
    }

    /// Starts a server that reads a request and sends these bytes, on each connection, then closes it.
    pub fn answer(bytes: impl AsRef<[u8]>) -> Result<Rude, Error> {
        let send = Step::send(bytes);
        Self::start(move |_| vec![Step::Read, send.clone(), Step::Close])
    }

    /// Where it serves, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of a path (with its slash in front, and its query).
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The address and port it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// What [`Step::Read`] has read so far: head and body of each request, in the order of their ends.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.seen.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes every connection and returns once they are gone.
    pub async fn stop(self) {
        self.stop.raise(Level::Now);
        stop_within(&self.stop, STOP_GRACE).await;
    }
}

impl Drop for Rude {
    fn drop(&mut self) {
        self.stop.raise(Level::Now);
    }
}

impl fmt::Debug for Rude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rude").field("url", &self.url).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<Vec<u8>>>,
}

struct Connection {
    /// The socket below TLS.
    tcp: TcpStream,
    duplex: Box<dyn Duplex>,
    /// Read, but not yet part of a request.
    unread: Vec<u8>,
    seen: Arc<Seen>,
}

impl Connection {
    async fn follow(mut self, script: Vec<Step>) -> io::Result<()> {
        for step in script {
            match step {
                Step::Read => self.read().await?,
                Step::ReadUntil(bytes) => self.read_until(&bytes).await?,
                Step::Send(bytes) => self.send(&bytes).await?,
                Step::Drip { bytes, every } => self.drip(&bytes, every).await?,
                Step::Flood(bytes) => return self.flood(&bytes).await,
                Step::Wait(time) => gather_core::sleep(time).await,
                Step::Close => break,
                Step::Cut => return self.cut().await,
                Step::Reset => return self.reset(),
                Step::Hold => futures::future::pending().await,
            }
        }
        self.close().await
    }

    async fn read_until(&mut self, bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() && !self.unread.windows(bytes.len()).any(|window| window == bytes) {
            self.read_more().await?;
        }
        self.unread.clear();
        Ok(())
    }

    async fn read_more(&mut self) -> io::Result<()> {
        if self.unread.len() > REQUEST_LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut buffer = vec![0; 16 * 1024];
        match self.duplex.read(&mut buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.unread.extend_from_slice(&buffer[..read]);
                Ok(())
            }
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        let length = loop {
            match request_length(&self.unread) {
                Some(length) if length <= self.unread.len() => break length,
                _ => self.read_more().await?,
            }
        };
        let request = self.unread.drain(..length).collect();
        self.seen.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        Ok(())
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.duplex.write_all(bytes).await?;
        self.duplex.flush().await
    }

    async fn drip(&mut self, bytes: &[u8], every: Duration) -> io::Result<()> {
        for byte in bytes.chunks(1) {
            self.send(byte).await?;
            gather_core::sleep(every).await;
        }
        Ok(())
    }

    async fn flood(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let many = bytes.repeat(FLOOD.div_ceil(bytes.len()));
        loop {
            self.send(&many).await?;
            // A client that reads as fast would keep this thread from every other connection.
            give_way().await;
        }
    }

    async fn close(mut self) -> io::Result<()> {
        // With TLS this says `close_notify`; the socket below is not closed by it.
        self.duplex.close().await?;
        self.cut().await
    }

    async fn cut(self) -> io::Result<()> {
        self.tcp.shutdown(std::net::Shutdown::Write)?;
        self.drain().await
    }

    // Closing with unread bytes would reset the connection, and the client might lose what it has not read yet.
    async fn drain(mut self) -> io::Result<()> {
        let mut nowhere = futures::io::sink();
        let drained = futures::io::copy(&mut self.tcp, &mut nowhere);
        gather_core::timeout(LINGER, drained).await.map_or(Ok(()), |end| end.map(|_| ()))
    }

    fn reset(self) -> io::Result<()> {
        socket2::SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO))
    }
}

/// Lets other tasks go on, and comes again.
async fn give_way() {
    let mut has_waited = false;
    poll_fn(|cx| match std::mem::replace(&mut has_waited, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// How long the request at the front is, once its head is complete.
fn request_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(bytes.get(..head)?).to_ascii_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    Some(head.saturating_add(body.unwrap_or(0)))
}
