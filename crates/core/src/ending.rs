//! How a root scope comes to its end: interrupted or not, and leaving nothing behind.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};

use crate::cancel::CancelToken;
use crate::context::Context;
use crate::deadline::Deadline;
use crate::outcome::{By, Reason, Signal};
use crate::registry::{Kind, Registry, Suspect};
use crate::signals::Incoming;
use crate::unseen::{Fault, Unseen};

pub(crate) struct Ending {
    token: CancelToken,
    registry: Arc<Registry>,
    grace: Duration,
    /// The end of the grace period, which begins at the first signal or when the main future is done.
    end: Option<Deadline>,
    signals: Incoming,
}

impl Ending {
    /// Of the root scope that this is the context of.
    pub(crate) fn new(root: &Context, grace: Duration, signals: Incoming) -> Self {
        let registry = root.registry().cloned().unwrap_or_default();
        Self { token: root.token().clone(), registry, grace, end: None, signals }
    }

    pub(crate) async fn until_interrupted<F: Future>(
        &mut self,
        main: Pin<Box<F>>,
    ) -> Result<F::Output, Interrupted> {
        let (signal, main) = match select(main, pin!(self.signals.next())).await {
            Either::Left((output, _)) => return Ok(output),
            Either::Right((signal, main)) => (signal, main),
        };
        self.begin(Reason::by_whom(By::Signal(signal), format!("the process received {signal}")));
        if self.grace.is_zero() || !self.token.is_listened_to() {
            return Err(Interrupted { signal, forced: false });
        }
        match self.wait_for(pin!(main)).await {
            Waited::Done(output) => Ok(output),
            Waited::TooLong => Err(Interrupted { signal, forced: false }),
            Waited::Signal(signal) => Err(Interrupted { signal, forced: true }),
        }
    }

    /// Fires the token and begins the grace period, unless a signal did both before.
    fn begin(&mut self, reason: Reason) {
        self.token.cancel(reason);
        self.end.get_or_insert_with(|| Deadline::after(self.grace));
    }

    /// Ends and joins what is left: tasks, then closures on threads, then services, then what those shield. A poll that
    /// never returns is left behind when the grace ends, for waiting on it would never end either.
    pub(crate) async fn end_all(&mut self) {
        self.begin(Reason::by_whom(By::Root, "the main future has ended"));
        let mut suspects = self.registry.end_deaf_tasks();
        self.wait_for_tasks(&suspects).await;
        suspects.extend(self.registry.end(Kind::Task));
        let _ = Deadline::after(MOMENT).run(self.registry.gone(Kind::Task)).await; // of the grace, the rest is for others
        self.wait_for_threads().await;
        suspects.extend(self.registry.end(Kind::Service));
        self.wait_until_gone(Kind::Service, MOMENT).await;
        self.wait_until_gone(Kind::CleanUp, Duration::ZERO).await;
        suspects.extend(self.registry.end(Kind::CleanUp));
        self.wait_until_gone(Kind::CleanUp, MOMENT).await;
        self.tell_who_is_left_behind(&suspects);
    }

    /// Waits as long as somebody uses the grace. A task that does not listen is cancelled by whoever holds its handle; if
    /// that is nobody below the root, the task is not going to end.
    async fn wait_for_tasks(&mut self, suspects: &[Box<dyn Suspect>]) {
        while let Waited::TooLong = self.wait_briefly(Kind::Task).await {
            let is_polled = suspects.iter().any(|suspect| !suspect.is_gone());
            let is_used = is_polled || self.token.is_listened_to() || self.registry.needs_time();
            if !is_used || self.time_left().is_zero() {
                return;
            }
        }
    }

    /// Waits for less than the grace, the rest of which is for the clean-up of services.
    async fn wait_for_threads(&mut self) {
        self.wait_briefly(Kind::Thread).await;
    }

    /// Waits for half a second, or to the end of the grace if that comes before.
    async fn wait_briefly(&mut self, kind: Kind) -> Waited<()> {
        let end = self.end;
        self.cut_to(BRIEFLY);
        let waited = self.wait_until_gone(kind, Duration::ZERO).await;
        if !waited.is_signal() {
            self.end = end;
        }
        waited
    }

    /// Those whose handles only the root held by their names, the others by their number.
    fn tell_who_is_left_behind(&self, suspects: &[Box<dyn Suspect>]) {
        for place in self.registry.running_closures() {
            self.registry.report(&Unseen::new(None, Fault::LeftBehind(place)));
        }
        let alive: usize =
            [Kind::Task, Kind::Service, Kind::CleanUp].map(|kind| self.registry.alive(kind)).iter().sum();
        let known = suspects.iter().filter(|suspect| !suspect.is_gone()).map(|suspect| suspect.identity());
        for identity in known.chain(std::iter::repeat(None)).take(alive) {
            self.registry.report(&Unseen::new(identity, Fault::StillThere));
        }
    }

    /// Waits to the end of the grace, but at least so long.
    async fn wait_until_gone(&mut self, kind: Kind, at_least: Duration) -> Waited<()> {
        let registry = self.registry.clone();
        let gone = registry.gone(kind);
        if self.time_left() >= at_least {
            return self.wait_for(pin!(gone)).await;
        }
        Deadline::after(at_least).run(gone).await.map_or(Waited::TooLong, Waited::Done)
    }

    fn time_left(&self) -> Duration {
        self.end.and_then(|end| end.remaining()).unwrap_or(self.grace)
    }

    fn cut_to(&mut self, most: Duration) {
        self.end = self.end.map(|end| end.or_earlier(Deadline::after(most)));
    }

    /// Waits to the end of the grace; one more signal ends it.
    async fn wait_for<F: Future>(&mut self, work: Pin<&mut F>) -> Waited<F::Output> {
        let end = self.end.unwrap_or(Deadline::never());
        let waited = match end.run(select(work, pin!(self.signals.next()))).await {
            Ok(Either::Left((output, _))) => Waited::Done(output),
            Ok(Either::Right((signal, _))) => Waited::Signal(signal),
            Err(_) => Waited::TooLong,
        };
        if waited.is_signal() {
            self.cut_to(Duration::ZERO);
        }
        waited
    }
}

enum Waited<T> {
    Done(T),
    TooLong,
    Signal(Signal),
}

impl<T> Waited<T> {
    fn is_signal(&self) -> bool {
        matches!(self, Waited::Signal(_))
    }
}

/// What a poll in progress gets to return, however short the grace.
const MOMENT: Duration = Duration::from_millis(100);

/// What closures on threads get at most, for one that reads a terminal may never return; and tasks that nobody below the
/// root can end.
const BRIEFLY: Duration = Duration::from_millis(500);

/// A signal ended the main future before it was done.
///
/// ```standalone_crate
/// use gather_core::{Signal, run};
/// use rustix::process::{self, getpid, kill_process};
///
/// let ended = run(async {
///     kill_process(getpid(), process::Signal::TERM).unwrap();
///     std::future::pending::<()>().await
/// });
/// let interrupted = ended.unwrap_err();
/// assert_eq!(interrupted.signal(), Signal::Terminate);
/// assert!(!interrupted.is_forced());
/// assert_eq!(interrupted.to_string(), "interrupted by SIGTERM");
/// ```
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
