//! The connections that may serve again, by their origins, and who waits for one.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::future::{Either, select};
use gather_core::{now, sleep, spawn_service};

use super::connect::Connector;
use super::connections::Permits;
use super::http1::Http1;
#[cfg(feature = "http2")]
use super::http2::Http2;
use super::server::Server;
use crate::error::Failure;

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// How often the unused ones are looked through for those that are too old, or have been closed by the other side.
const LOOK: Duration = Duration::from_secs(1);

/// How many unused connections to one origin are kept.
pub(crate) const MOST_UNUSED: usize = 1024;

/// A connection for a request.
pub(super) enum Line {
    /// For this request alone.
    Own(Box<Http1>),
    /// For many at once.
    #[cfg(feature = "http2")]
    Shared(Http2),
}

impl Line {
    /// Whether it is fit for a request that must not be sent twice; one that is not new may take a moment to show it.
    pub(super) async fn settles(&mut self) -> bool {
        match self {
            Self::Own(line) => line.settles().await,
            #[cfg(feature = "http2")]
            Self::Shared(_) => true,
        }
    }
}

pub(crate) struct Pool {
    connector: Connector,
    keep_alive: bool,
    /// The most bytes of a response's head.
    pub(super) head: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    shelves: HashMap<Server, Shelf>,
    /// Whether somebody looks through them.
    is_looked_through: bool,
}

/// The connections to one origin.
#[derive(Default)]
struct Shelf {
    /// The last one was used last.
    unused: VecDeque<Unused>,
    #[cfg(feature = "http2")]
    shared: Option<Http2>,
    waiting: VecDeque<oneshot::Sender<Line>>,
}

struct Unused {
    since: Instant,
    line: Box<Http1>,
}

impl Pool {
    /// `head` is the most bytes of a response's head.
    pub(super) fn new(connector: Connector, keep_alive: bool, head: usize) -> Arc<Self> {
        Arc::new(Self { connector, keep_alive, head, state: Mutex::default() })
    }

    /// A connection to a server, and whether it is a new one: an unused one, or the first that becomes unused or comes about.
    ///
    /// Dropped before, it gives back what it was given. What it began to connect, others get, if it is not needed any more.
    pub(super) async fn line(self: &Arc<Self>, server: &Server) -> Result<(Line, bool), Failure> {
        // All but the first is large, and seldom: it would be room, and copied, in every request.
        if !self.keep_alive {
            return Box::pin(self.own_line(server)).await;
        }
        match self.take(server) {
            Taken::Line(line) => Ok((line, false)),
            Taken::Turn(receiver) => Box::pin(self.next_line(Turn { pool: self, server, receiver })).await,
        }
    }

    /// A new connection that no other request shares.
    pub(super) async fn own_line(self: &Arc<Self>, server: &Server) -> Result<(Line, bool), Failure> {
        let permits = self.connector.enter(server, &|| self.close_unused()).await;
        Ok((self.open(server, permits).await?, true))
    }

    async fn open(&self, server: &Server, permits: Permits) -> Result<Line, Failure> {
        let io = self.connector.connect(server, permits, &|| self.close_unused()).await?;
        #[cfg(feature = "http2")]
        if io.info().is_shared() {
            return Ok(Line::Shared(Http2::begin(io, self.head).await?));
        }
        Ok(Line::Own(Box::new(Http1::new(io))))
    }

    async fn next_line(self: &Arc<Self>, mut turn: Turn<'_>) -> Result<(Line, bool), Failure> {
        let (server, close_unused) = (turn.server, || self.close_unused());
        let entering = pin!(self.connector.enter(server, &close_unused));
        let permits = match select(&mut turn.receiver, entering).await {
            Either::Left((Ok(line), _)) => return Ok((line, false)),
            Either::Left((Err(_), entering)) => entering.await,
            Either::Right((permits, _)) => permits,
        };
        let connecting = Box::pin(self.clone().connect(server.clone(), permits));
        match select(&mut turn.receiver, connecting).await {
            Either::Left((Ok(line), connecting)) => {
                self.clone().keep_when_connected(server.clone(), connecting);
                Ok((line, false))
            }
            Either::Left((Err(_), connecting)) => connecting.await.map(|line| (line, true)),
            Either::Right((connected, _)) => connected.map(|line| (line, true)),
        }
    }

    /// A connection that nobody is on any more goes to who waits for it longest, or is kept for the next.
    pub(super) fn give_back(self: &Arc<Self>, server: &Server, mut line: Box<Http1>) {
        line.note_rest();
        self.keep(server, line);
    }

    fn keep(self: &Arc<Self>, server: &Server, mut line: Box<Http1>) {
        if self.keep_alive && line.is_ready() {
            self.put(server, line);
        }
    }

    fn keep_when_connected(
        self: Arc<Self>,
        server: Server,
        connecting: impl Future<Output = Result<Line, Failure>> + Send + 'static,
    ) {
        spawn_service(async move {
            if let Ok(Line::Own(line)) = connecting.await {
                self.keep(&server, line);
            }
        });
    }

    async fn connect(self: Arc<Self>, server: Server, permits: Permits) -> Result<Line, Failure> {
        Ok(match self.open(&server, permits).await? {
            #[cfg(feature = "http2")]
            Line::Shared(new) => Line::Shared(self.share(&server, new)),
            own => own,
        })
    }

    /// The connection that all requests to this server are on: this new one, unless there is one already.
    #[cfg(feature = "http2")]
    fn share(self: &Arc<Self>, server: &Server, new: Http2) -> Http2 {
        if self.connector.has_left_http2(server) {
            return new;
        }
        let mut state = self.state();
        let shelf = self.shelf(&mut state, server);
        shelf.shared().unwrap_or_else(|| {
            shelf.shared = Some(new.clone());
            // All who wait can be on it.
            for waiting in shelf.waiting.drain(..) {
                let _ = waiting.send(Line::Shared(new.clone()));
            }
            new
        })
    }

    fn take(self: &Arc<Self>, server: &Server) -> Taken {
        loop {
            let mut state = self.state();
            let shelf = self.shelf(&mut state, server);
            #[cfg(feature = "http2")]
            if let Some(shared) = shelf.shared() {
                return Taken::Line(Line::Shared(shared));
            }
            let Some(mut unused) = shelf.unused.pop_back() else {
                let (sender, receiver) = oneshot::channel();
                shelf.waiting.retain(|waiting| !waiting.is_canceled());
                shelf.waiting.push_back(sender);
                return Taken::Turn(receiver);
            };
            drop(state);
            if !unused.line.has_rung() || unused.line.is_ready() {
                return Taken::Line(Line::Own(unused.line));
            }
        }
    }

    /// Gives a connection to who waits for it longest; else it is kept, if it is of use and nobody needs its place more.
    fn put(self: &Arc<Self>, server: &Server, mut line: Box<Http1>) {
        let mut state = self.state();
        let shelf = self.shelf(&mut state, server);
        while let Some(waiting) = shelf.waiting.pop_front() {
            match waiting.send(Line::Own(line)) {
                Ok(()) => return,
                Err(Line::Own(refused)) => line = refused,
                #[cfg(feature = "http2")]
                Err(Line::Shared(_)) => return,
            }
        }
        if self.connector.has_who_waits() || shelf.unused.len() >= MOST_UNUSED {
            drop(state);
            drop(line); // its place is for somebody else
            return;
        }
        shelf.unused.push_back(Unused { since: now(), line });
    }

    /// As long as there is any shelf somebody looks through them.
    fn shelf<'a>(self: &Arc<Self>, state: &'a mut State, server: &Server) -> &'a mut Shelf {
        if !std::mem::replace(&mut state.is_looked_through, true) {
            self.look_through();
        }
        state.shelves.entry(server.clone()).or_default()
    }

    /// Closes, from now on, what is unused for too long or was closed by the other side.
    fn look_through(self: &Arc<Self>) {
        let pool = Arc::downgrade(self);
        spawn_service(async move {
            loop {
                sleep(LOOK).await;
                let Some(pool) = pool.upgrade() else { return };
                if !pool.close_old() {
                    return;
                }
            }
        });
    }

    /// Whether any is left.
    fn close_old(&self) -> bool {
        let (mut old, now) = (Vec::new(), now());
        let mut state = self.state();
        for shelf in state.shelves.values_mut() {
            shelf.waiting.retain(|waiting| !waiting.is_canceled());
            let is_old = |unused: &Unused| {
                now.saturating_duration_since(unused.since) >= IDLE || unused.line.has_rung()
            };
            let (gone, left): (Vec<_>, Vec<_>) = shelf.unused.drain(..).partition(is_old);
            shelf.unused = left.into();
            old.extend(gone);
            #[cfg(feature = "http2")]
            shelf.shared.take_if(|shared| !shared.takes_requests() || shared.is_unused_for(IDLE));
        }
        state.shelves.retain(|_, shelf| !shelf.is_empty());
        state.is_looked_through = !state.shelves.is_empty();
        let any_left = state.is_looked_through;
        drop(state);
        drop(old);
        any_left
    }

    /// Closes the connection that is unused for longest; `false` if there is none.
    fn close_unused(&self) -> bool {
        let mut state = self.state();
        let since = |shelf: &Shelf| shelf.unused.front().map(|unused| unused.since);
        let oldest = state
            .shelves
            .values_mut()
            .filter(|shelf| !shelf.unused.is_empty())
            .min_by_key(|shelf| since(shelf));
        let closed = oldest.and_then(|shelf| shelf.unused.pop_front());
        drop(state);
        closed.is_some()
    }

    /// From now on the server is spoken to in HTTP/1.1. What is still on a connection that many share stays there.
    pub(super) fn leave_http2(self: &Arc<Self>, server: &Server) {
        self.connector.leave_http2(server);
        #[cfg(feature = "http2")]
        self.shelf(&mut self.state(), server).shared.take();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Taken {
    Line(Line),
    /// There is none; here comes the next.
    Turn(oneshot::Receiver<Line>),
}

/// The turn of one who waits. What it was given and did not take goes on to the next.
struct Turn<'a> {
    pool: &'a Arc<Pool>,
    server: &'a Server,
    receiver: oneshot::Receiver<Line>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.receiver.close();
        // One that many share stands in the pool since it was made.
        if let Ok(Some(Line::Own(line))) = self.receiver.try_recv() {
            self.pool.put(self.server, line);
        }
    }
}

impl Shelf {
    #[cfg(feature = "http2")]
    fn shared(&mut self) -> Option<Http2> {
        self.shared.take_if(|shared| !shared.takes_requests());
        self.shared.clone()
    }

    fn is_empty(&self) -> bool {
        #[cfg(feature = "http2")]
        let has_shared = self.shared.is_some();
        #[cfg(not(feature = "http2"))]
        let has_shared = false;
        self.unused.is_empty() && self.waiting.is_empty() && !has_shared
    }
}
