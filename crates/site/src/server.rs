//! Listening, accepting, and driving HTTP connections: what Site, Mock and Rude share.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use async_lock::Semaphore;
use async_std::net::{TcpListener, TcpStream};
use futures::future::{Either, select};
use futures::io::{AsyncRead, AsyncWrite};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use socket2::{Domain, Socket, Type};

use crate::body::Body;
use crate::error::Error;
use crate::io::HyperIo;
use crate::stop::{Level, Stop};
use crate::transport::Protocol;

/// More connections at once wait in the listener's queue.
const CONNECTIONS: usize = 10_000;

/// The standard library asks for 128, and a thousand clients that connect at once would wait a second for the rest.
const BACKLOG: i32 = 4096;

/// How long to wait when no descriptor is left for another connection.
const BREATHE: Duration = Duration::from_millis(20);

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) addr: SocketAddr,
    /// Connections count from 1.
    pub(crate) connection: u64,
}

/// Answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// A socket that listens, and where.
pub(crate) struct Listening {
    listener: TcpListener,
    pub(crate) addr: SocketAddr,
}

/// Binds and listens; port 0 takes a free one.
pub(crate) fn listen(addr: SocketAddr) -> Result<Listening, Error> {
    let listener = bind(addr).map_err(|error| refused_address(addr, error))?;
    let addr = listener.local_addr().map_err(|error| refused_address(addr, error))?;
    Ok(Listening { listener: listener.into(), addr })
}

fn bind(addr: SocketAddr) -> io::Result<StdListener> {
    gather_core::sockets_allowed()?;
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    // On Windows it would let two servers share a port; on Unix it lets one start again at once.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn refused_address(addr: SocketAddr, error: io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "\nhint: another program listens there; port 0 takes a free one",
        io::ErrorKind::PermissionDenied => "\nhint: ports below 1024 are for the administrator; try 8000",
        io::ErrorKind::AddrNotAvailable => "\nhint: this machine has no such address; try 127.0.0.1",
        _ => "",
    };
    Error::from_io(format!("cannot listen on {addr}: {error}{hint}"), error)
}

impl Listening {
    /// Starts accepting as a service; each connection is a service too, until it ends or `stop` says so.
    pub(crate) fn serve<F, Fut>(self, stop: Arc<Stop>, connection: F)
    where
        F: Fn(TcpStream, Peer) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let alive = stop.alive();
        gather_core::spawn_service(async move {
            let _alive = alive;
            let accepting = pin!(accept(&self.listener, &stop, connection));
            let stopped = pin!(stop.reached(Level::Finish));
            select(accepting, stopped).await;
        });
    }
}

async fn accept<F, Fut>(listener: &TcpListener, stop: &Arc<Stop>, connection: F)
where
    F: Fn(TcpStream, Peer) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut count = 0;
    loop {
        let permit = permits.acquire_arc().await;
        // A connection that was gone before we took it, or no descriptors: neither ends the server.
        let Ok((stream, addr)) = listener.accept().await else {
            gather_core::sleep(BREATHE).await;
            continue;
        };
        // Without it the last small piece of an answer waits for an acknowledgement. Not worth a failure.
        let _ = stream.set_nodelay(true);
        count += 1;
        let driven = connection(stream, Peer { addr, connection: count });
        let (stop, alive) = (stop.clone(), stop.alive());
        gather_core::spawn_service(async move {
            let _held = (alive, permit);
            select(pin!(driven), pin!(stop.reached(Level::Now))).await;
        });
    }
}

/// Drives HTTP on a connection until it ends, or until `stop` and the answer in progress is out.
pub(crate) async fn drive<S, H>(stream: S, protocol: Protocol, peer: Peer, handler: Arc<H>, stop: Arc<Stop>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let service = service_fn(move |request| {
        let answer = handler.clone().answer(request, peer);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let stream = HyperIo::new(stream);
    match protocol {
        Protocol::Http1 => {
            // Half-closed: `printf … | nc` ends its side before it has its answer. Not `pipeline_flush`: with it hyper
            // keeps its 400 to itself as long as the malformed request is in its buffer.
            let connection = http1::Builder::new().half_close(true).serve_connection(stream, service);
            until_stopped(connection, |connection| connection.graceful_shutdown(), &stop).await;
        }
        #[cfg(feature = "tls")]
        Protocol::Http2 => {
            let connection =
                hyper::server::conn::http2::Builder::new(Services).serve_connection(stream, service);
            until_stopped(connection, |connection| connection.graceful_shutdown(), &stop).await;
        }
    }
}

async fn until_stopped<C: Future>(connection: C, shut_down: impl FnOnce(Pin<&mut C>), stop: &Arc<Stop>) {
    let mut connection = pin!(connection);
    // How a connection ended is the client's affair: hyper has answered what it could (400 to a malformed request).
    if let Either::Right(_) = select(connection.as_mut(), pin!(stop.reached(Level::Finish))).await {
        shut_down(connection.as_mut());
        let _ = connection.await;
    }
}

/// Where hyper answers the streams of an HTTP/2 connection.
#[cfg(feature = "tls")]
#[derive(Clone, Copy)]
struct Services;

#[cfg(feature = "tls")]
impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Services {
    fn execute(&self, stream: F) {
        gather_core::spawn_service(stream);
    }
}
