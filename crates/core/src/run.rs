//! The root scope: runs a program's main future, listens for signals, and leaves nothing running behind it.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_signal::{Signal as OsSignal, Signals};
use futures::future::{Either, select};
use futures::stream::{FusedStream, Stream, StreamExt};

use crate::cancel::CancelToken;
use crate::context::Context;
use crate::deadline::timeout;
use crate::outcome::{By, Reason, Signal};
use crate::registry::{Kind, Registry};
use crate::rt;
use crate::task::DEFAULT_GRACE;

/// Runs the main future of a program on this thread until it is done (asyncio's `run`).
///
/// SIGINT and SIGTERM cancel its scope: who waits for [`cancelled`](crate::cancelled) sees the signal and has
/// 5 s to return a value; if nobody does, or the grace has run out, or a second signal comes, the future is
/// dropped and the result is [`Interrupted`]. Either way everything that was spawned below is ended and
/// joined before `run` returns. [`Root`] has the options.
///
/// It blocks the thread: inside another runtime, `.await` instead.
///
/// ```
/// assert_eq!(gather_core::run(async { 1 + 1 }).unwrap(), 2);
/// ```
pub fn run<F: Future>(main: F) -> Result<F::Output, Interrupted> {
    Root::new().run(main)
}

/// The options of a root scope.
#[derive(Clone, Debug)]
pub struct Root {
    grace: Duration,
}

impl Default for Root {
    fn default() -> Self {
        Self::new()
    }
}

impl Root {
    /// A root scope with the defaults: a grace period of 5 s.
    pub fn new() -> Self {
        Self { grace: DEFAULT_GRACE }
    }

    /// How long the main future may go on after the first signal, and tasks after the main future has ended.
    /// The default is 5 s; zero ends everything at once.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Runs the main future as [`run`] does.
    ///
    /// # Errors
    /// [`Interrupted`], if a signal ended the future before it was done.
    pub fn run<F: Future>(&self, main: F) -> Result<F::Output, Interrupted> {
        let registry = Arc::new(Registry::default());
        let token = CancelToken::current().child();
        let context = Context::root(registry.clone()).with_token(token.clone());
        rt::block_on(context.within(async move {
            let result = self.until_interrupted(main, &token).await;
            self.end_all(&token, &registry).await;
            result
        }))
    }

    async fn until_interrupted<F: Future>(
        &self,
        main: F,
        token: &CancelToken,
    ) -> Result<F::Output, Interrupted> {
        let main = std::pin::pin!(main);
        let mut signals = signals();
        let (signal, main) = match select(main, signals.select_next_some()).await {
            Either::Left((output, _)) => return Ok(output),
            Either::Right((signal, main)) => (signal, main),
        };
        token.cancel(Reason::by_whom(By::Signal(signal), format!("the process received {signal}")));
        if self.grace.is_zero() || !token.is_listened_to() {
            return Err(Interrupted { signal, forced: false });
        }
        match timeout(self.grace, select(main, signals.select_next_some())).await {
            Ok(Either::Left((output, _))) => Ok(output),
            Ok(Either::Right((signal, _))) => Err(Interrupted { signal, forced: true }),
            Err(_) => Err(Interrupted { signal, forced: false }),
        }
    }

    /// Ends and joins what is left, tasks first, then services. A poll that never returns is left behind
    /// when the grace ends, for waiting on it would never end either.
    async fn end_all(&self, token: &CancelToken, registry: &Registry) {
        token.cancel(Reason::by_whom(By::Root, "the main future has ended"));
        if token.is_listened_to() {
            let _ = timeout(self.grace, registry.gone(Kind::Task)).await;
        }
        for kind in [Kind::Task, Kind::Service] {
            registry.end(kind);
            let _ = timeout(self.grace.max(MOMENT), registry.gone(kind)).await;
        }
    }
}

/// What a poll in progress gets to return, however short the grace.
const MOMENT: Duration = Duration::from_millis(100);

/// SIGINT and SIGTERM as they come. Where they cannot be listened for, none ever comes.
fn signals() -> Pin<Box<dyn FusedStream<Item = Signal>>> {
    match Signals::new([OsSignal::Int, OsSignal::Term]) {
        Ok(signals) => Box::pin(known(signals).chain(futures::stream::pending()).fuse()),
        Err(_) => Box::pin(futures::stream::pending()),
    }
}

fn known(signals: Signals) -> impl Stream<Item = Signal> {
    signals.filter_map(async |signal: io::Result<OsSignal>| match signal {
        Ok(OsSignal::Int) => Some(Signal::Interrupt),
        Ok(OsSignal::Term) => Some(Signal::Terminate),
        _ => None,
    })
}

/// A signal ended the main future before it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted {
    signal: Signal,
    forced: bool,
}

impl Interrupted {
    /// The signal.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// Whether it was a second signal that cut the grace period short.
    pub fn is_forced(&self) -> bool {
        self.forced
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "interrupted by {}", self.signal)
    }
}

impl Error for Interrupted {}
