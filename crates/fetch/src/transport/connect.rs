//! A connection to an origin: name, address policy, socket, TLS.

use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt};
use gather_core::{Limiter, now, sleep, sleep_until};

use super::connections::{CloseUnused, Connections, Permits};
use super::dns::Resolver;
use super::io::Io;
use super::server::Server;
use super::socket::Socket;
use super::tls::{Offer, Tls};
use super::tunnel;
use crate::address::{classify, is_loopback_host};
use crate::config::Config;
use crate::error::{ErrorKind, Failure, Phase, shortened};
use crate::origins::{Pace, Permit};
use crate::proxy::{self, Proxies, Proxy};
use crate::url_input::Origin;

/// How long one address is given before the next one is tried beside it (RFC 8305, section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// How long to wait for a free file descriptor before asking again.
const DESCRIPTOR_WAIT: Duration = Duration::from_millis(50);

/// The origins that a person typed. They grow with what is typed, never with what pages say.
#[derive(Default)]
pub(crate) struct Typed {
    origins: RwLock<HashSet<Origin>>,
    doors: RwLock<HashSet<(String, u16)>>,
}

impl Typed {
    pub(crate) fn new(origins: impl IntoIterator<Item = Origin>) -> Self {
        let typed = Self::default();
        origins.into_iter().for_each(|origin| typed.add(origin));
        typed
    }

    pub(crate) fn add(&self, origin: Origin) {
        if self.contains(&origin) {
            return;
        }
        self.add_door(&origin);
        self.origins.write().unwrap_or_else(PoisonError::into_inner).insert(origin);
    }

    /// Its host and port may be private; no credentials go there.
    pub(crate) fn add_door(&self, origin: &Origin) {
        if !self.has_door(origin.host(), origin.port()) {
            let door = (origin.host().to_owned(), origin.port());
            self.doors.write().unwrap_or_else(PoisonError::into_inner).insert(door);
        }
    }

    /// Whether this very origin was typed: default credentials may go there.
    pub(crate) fn contains(&self, origin: &Origin) -> bool {
        self.origins.read().unwrap_or_else(PoisonError::into_inner).contains(origin)
    }

    /// Whether this host and port were typed, with whichever scheme: a private address is then meant.
    fn has_door(&self, host: &str, port: u16) -> bool {
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        doors.contains(&(host.to_owned(), port))
    }
}

/// Makes connections.
pub(crate) struct Connector {
    resolver: Resolver,
    tls: Tls,
    typed: Arc<Typed>,
    allow_private: bool,
    proxies: Proxies,
    limit: Option<Duration>,
    pace: Pace,
    places: Limiter<Server>,
    connections: Connections,
    /// Those that want HTTP/1.1 though they agree on HTTP/2.
    http1_only: Mutex<HashSet<Server>>,
}

/// So many of them are remembered; the others would only say it again.
const MOST_HTTP1_ONLY: usize = 1024;

impl Connector {
    pub(crate) fn new(config: &Config, typed: Arc<Typed>) -> Self {
        Self {
            resolver: Resolver::new(config.resolve.clone(), config.resolver.clone()),
            tls: Tls::new(config.insecure, config.roots.clone()),
            typed,
            allow_private: config.allow_private,
            proxies: config.proxies.clone(),
            limit: config.timeouts.connect,
            pace: config.pace,
            places: match config.pace.at_once {
                Some(at_once) => Limiter::new().concurrency(at_once),
                None => Limiter::new(),
            },
            connections: Connections::new(config.max_connections.map(NonZeroUsize::get)),
            http1_only: Mutex::default(),
        }
    }

    /// HTTP/2 is not offered to this server any more.
    pub(super) fn leave_http2(&self, server: &Server) {
        let mut known = self.http1_only.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_HTTP1_ONLY {
            known.clear();
        }
        known.insert(server.clone());
    }

    pub(super) fn has_left_http2(&self, server: &Server) -> bool {
        self.http1_only.lock().unwrap_or_else(PoisonError::into_inner).contains(server)
    }
}

/// What is left of the limit on connecting, and the phase that uses it.
struct Budget {
    end: Option<Instant>,
    limit: Option<Duration>,
}

impl Budget {
    async fn spend<T>(
        &self,
        phase: Phase,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut work = pin!(work);
        let mut timer = self.end.map(sleep_until);
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            match &mut timer {
                Some(timer) => Pin::new(timer).poll(cx).map(|()| Err(Failure::timeout(phase, self.limit))),
                None => Poll::Pending,
            }
        })
        .await
    }
}

impl Connector {
    /// Waits for a place among the connections to a server, and among all. It counts towards a request's total only.
    pub(super) async fn enter(&self, server: &Server, close_unused: CloseUnused<'_>) -> Permits {
        let of_origin = self.place(server).await;
        self.connections.enter(of_origin, close_unused).await
    }

    /// Whether somebody waits for a connection to be closed.
    pub(super) fn has_who_waits(&self) -> bool {
        self.connections.has_who_waits()
    }

    /// Makes a connection, within the limit on connecting.
    pub(super) async fn connect(
        &self,
        server: &Server,
        permits: Permits,
        close_unused: CloseUnused<'_>,
    ) -> Result<Io, Failure> {
        let (host, https, port) = (server.host(), server.is_https(), server.port());
        let budget = Budget { end: self.limit.and_then(|limit| now().checked_add(limit)), limit: self.limit };

        let proxy = self.proxies.choose(https, host, port);
        let (stream, remote) = match proxy {
            Some(proxy) => self.reach_through(proxy, server, &budget, close_unused).await?,
            None => {
                let addresses = budget.spend(Phase::Dns, self.resolver.resolve(host, port)).await?;
                let addresses = self.allowed(host, port, addresses)?;
                budget.spend(Phase::Connect, self.connect_any(host, addresses, close_unused)).await?
            }
        };
        if !https {
            return Ok(Io::plain(stream, remote, permits, proxy.is_some()));
        }
        let reader = stream.reader();
        let offer = if self.has_left_http2(server) { Offer::Http1 } else { Offer::All };
        let stream = budget.spend(Phase::Tls, self.tls.handshake(host, stream, offer)).await?;
        Ok(Io::tls(stream, remote, permits, || self.connections.add(reader)))
    }

    /// A connection to the proxy, and for https a tunnel through it. The proxy's own address was given by the user; of
    /// where it leads only what stands in the URL can be judged.
    async fn reach_through(
        &self,
        proxy: &Proxy,
        server: &Server,
        budget: &Budget,
        close_unused: CloseUnused<'_>,
    ) -> Result<(Socket, SocketAddr), Failure> {
        let (host, port) = (server.host(), server.port());
        if let Some(address) = proxy::literal(host) {
            self.allowed(host, port, vec![SocketAddr::new(address, port)])?;
        }
        let addresses = budget.spend(Phase::Dns, self.resolver.resolve(&proxy.host, proxy.port)).await?;
        let connecting = self.connect_any(&proxy.host, addresses, close_unused);
        let (stream, remote) = budget.spend(Phase::Connect, connecting).await?;
        if !server.is_https() {
            return Ok((stream, remote));
        }
        let tunnel = budget.spend(Phase::Connect, tunnel::dig(stream, proxy, host, port)).await?;
        Ok((tunnel, remote))
    }

    /// A place among the connections to the server, which the connection keeps as long as it lives.
    async fn place(&self, server: &Server) -> Option<Permit> {
        let is_loopback = url::Host::parse(server.host()).is_ok_and(|host| is_loopback_host(&host));
        self.pace.connections(is_loopback)?;
        Some(self.places.acquire(server.clone()).await)
    }

    /// The first connection that comes about. The families take turns, in the order the resolver prefers, each address
    /// gets a head start on the next, and one that fails lets the next begin at once (RFC 8305).
    async fn connect_any(
        &self,
        host: &str,
        addresses: Vec<SocketAddr>,
        close_unused: CloseUnused<'_>,
    ) -> Result<(Socket, SocketAddr), Failure> {
        if let [only] = addresses.as_slice() {
            return self.connect_one(host, *only, close_unused).await;
        }
        let mut waiting = taking_turns(addresses).into_iter();
        let mut running = FuturesUnordered::new();
        let mut last =
            Failure::new(ErrorKind::Dns, format!("cannot resolve {:?}: it has no address", shortened(host)));
        loop {
            match waiting.next() {
                Some(address) => running.push(self.connect_one(host, address, close_unused)),
                None if running.is_empty() => return Err(last),
                None => {}
            }
            match next_within(&mut running, waiting.len() > 0).await {
                Some(Ok(connected)) => return Ok(connected),
                Some(Err(failure)) => last = failure,
                None => {}
            }
        }
    }

    async fn connect_one(
        &self,
        host: &str,
        address: SocketAddr,
        close_unused: CloseUnused<'_>,
    ) -> Result<(Socket, SocketAddr), Failure> {
        loop {
            match Socket::connect(address).await {
                Ok(stream) => return Ok((stream, address)),
                Err(error) if is_out_of_descriptors(&error) => {
                    self.connections.make_room(close_unused);
                    sleep(DESCRIPTOR_WAIT).await;
                }
                Err(error) => return Err(not_connected(host, address, error)),
            }
        }
    }

    /// The addresses that may be connected to: the check is on what is connected to, not on the name.
    fn allowed(&self, host: &str, port: u16, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Failure> {
        if self.allow_private || self.typed.has_door(host, port) || self.resolver.is_overridden(host, port) {
            return Ok(addresses);
        }
        let (public, refused): (Vec<_>, Vec<_>) =
            addresses.into_iter().partition(|address| classify(address.ip()).is_public());
        match (public.is_empty(), refused.first()) {
            (true, Some(address)) => Err(private_address(host, *address)),
            _ => Ok(public),
        }
    }
}

fn private_address(host: &str, address: SocketAddr) -> Failure {
    let (ip, class) = (address.ip(), classify(address.ip()));
    let host = shortened(host.trim_start_matches('[').trim_end_matches(']'));
    let fact = if host == ip.to_string() {
        format!("refused to connect to {address}: a {class} address")
    } else {
        format!("refused to connect to {host}: {ip} is a {class} address")
    };
    Failure::new(ErrorKind::PrivateAddress, fact).hint("--allow-private (allow_private) is for local work")
}

/// The next attempt that ends; or nothing, once it is time to begin another one.
async fn next_within<S: StreamExt + Unpin>(running: &mut S, more_to_begin: bool) -> Option<S::Item> {
    if !more_to_begin {
        return running.next().await;
    }
    gather_core::timeout(STAGGER, running.next()).await.ok().flatten()
}

/// One of each family in turn, beginning with the family of the first.
fn taking_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (one, two): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let longest = one.len().max(two.len());
    (0..longest).flat_map(|n| [one.get(n).copied(), two.get(n).copied()]).flatten().collect()
}

/// EMFILE and ENFILE: some other connection will close and free one.
fn is_out_of_descriptors(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

fn not_connected(host: &str, address: SocketAddr, error: std::io::Error) -> Failure {
    let why = match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        std::io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        std::io::ErrorKind::TimedOut => "it does not answer".to_owned(),
        _ => error.to_string().to_lowercase(),
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name =
        if bare == address.ip().to_string() { String::new() } else { format!("{} at ", shortened(host)) };
    Failure::new(ErrorKind::Connect, format!("cannot connect to {name}{address}: {why}")).source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_take_turns() {
        let addresses =
            ["[2606::1]:1", "[2606::2]:1", "[2606::3]:1", "1.1.1.1:1"].map(|a| a.parse().unwrap());
        let order: Vec<String> = taking_turns(addresses.to_vec()).iter().map(ToString::to_string).collect();
        assert_eq!(order, ["[2606::1]:1", "1.1.1.1:1", "[2606::2]:1", "[2606::3]:1"]);
    }
}
