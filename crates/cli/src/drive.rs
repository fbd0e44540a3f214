//! Works through inputs, so many at once, and accounts for each: the loop behind most commands.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures::future::{Either, FutureExt, select};
use futures::{Stream, StreamExt};
use gather_core::channel::{Receiver, Sender, bounded};
use gather_core::{CancelToken, Outcome, Reason, map_concurrent, sleep};
use gather_records::{Failure, Kind};

use crate::input::{Asked, BadEntry, By, Inputs, as_text};
use crate::session::Session;
use crate::worked::{Part, Worked};

/// Where an input puts what it gives before it is done.
pub(crate) struct Early {
    sender: Sender<Part>,
    by: By,
}

impl Early {
    /// Waits until there is room for the part: who reads the records decides how fast they are made.
    pub(crate) async fn give(&self, mut part: Part) {
        part.led_to_by(&self.by);
        let _ = self.sender.send(part).await; // refused only when the run is over, and then nobody wants it
    }
}

/// What inputs give before they are done: of all of them as it comes, or in the order of the inputs, in which the others wait
/// for the one whose turn it is.
struct Parts {
    /// Of all inputs, where their order does not matter.
    shared: Option<Sender<Part>>,
    lines: Mutex<VecDeque<Pin<Box<Receiver<Part>>>>>,
}

impl Parts {
    fn new(ordered: bool) -> Self {
        if ordered {
            return Self { shared: None, lines: Mutex::default() };
        }
        let (sender, receiver) = bounded(1);
        Self { shared: Some(sender), lines: Mutex::new(VecDeque::from([Box::pin(receiver)])) }
    }

    fn lines(&self) -> MutexGuard<'_, VecDeque<Pin<Box<Receiver<Part>>>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the next input, which is by `by`.
    fn early(&self, by: By) -> Early {
        if let Some(sender) = self.shared.clone() {
            return Early { sender, by };
        }
        let (sender, receiver) = bounded(1);
        self.lines().push_back(Box::pin(receiver));
        Early { sender, by }
    }

    /// The next part of whose turn it is. It looks at each poll whose that is: none may have come before.
    fn next(&self) -> impl Future<Output = Part> + Unpin {
        poll_fn(|cx| match self.lines().front_mut().map(|line| line.as_mut().poll_next(cx)) {
            Some(Poll::Ready(Some(part))) => Poll::Ready(part),
            _ => Poll::Pending,
        })
    }

    /// A part that is here already.
    fn here(&self) -> Option<Part> {
        self.next().now_or_never()
    }

    /// The input whose turn it is has ended, and all of its parts are taken.
    fn is_done(&self) {
        if self.shared.is_none() {
            self.lines().pop_front();
        }
    }
}

/// What a run waits for.
enum Came {
    Part(Part),
    Outcome(Outcome<(String, Worked)>),
    Over,
}

/// Something to work on, and the input it is of; or what became of an input that needs no work.
pub(crate) type Unit<T> = (Asked, Result<T, Box<Worked>>);

/// Works through all inputs with `work`, hands the records to the session's output and counts the outcomes.
///
/// When the scope is cancelled no more inputs are taken, what runs has the session's grace to finish, and the
/// rest is counted as pending. When the output is closed everything stops at once.
pub(crate) async fn drive<W, F>(session: &mut Session, inputs: Inputs, work: W)
where
    W: Fn(Asked) -> F + Send + Sync + 'static,
    F: Future<Output = Worked> + Send + 'static,
{
    let units = inputs.stream().map(|given| named(as_text(given)));
    drive_units(session, &inputs, units, work).await
}

/// What a run that was stopped has not begun with.
pub(crate) trait Rest {
    /// How many units are left, as far as that can be told.
    fn count(&self, session: &mut Session) -> impl Future<Output = u64>;
}

/// Each input is a unit.
impl Rest for Inputs {
    async fn count(&self, _: &mut Session) -> u64 {
        self.count_rest().await
    }
}

/// The same where inputs become units of work first: a folder its pages, each an input of its own.
pub(crate) async fn drive_units<R, S, T, W, F>(session: &mut Session, rest: &R, units: S, work: W)
where
    R: Rest,
    S: Stream<Item = Unit<T>>,
    T: Send + 'static,
    W: Fn(T) -> F + Send + Sync + 'static,
    F: Future<Output = Worked> + Send + 'static,
{
    drive_parts(session, rest, units, move |unit, _| work(unit)).await;
}

/// The same where an input may give parts of what it gives before it is done.
pub(crate) async fn drive_parts<R, S, T, W, F>(session: &mut Session, rest: &R, units: S, work: W)
where
    R: Rest,
    S: Stream<Item = Unit<T>>,
    T: Send + 'static,
    W: Fn(T, Early) -> F + Send + Sync + 'static,
    F: Future<Output = Worked> + Send + 'static,
{
    let unfinished = run(session, units, work).await;
    let rest = if session.stopped().is_some() { rest.count(session).await } else { 0 };
    session.report.pending(unfinished + rest);
}

/// Returns how many units were taken and did not come to an end.
async fn run<S, T, W, F>(session: &mut Session, units: S, work: W) -> u64
where
    S: Stream<Item = Unit<T>>,
    T: Send + 'static,
    W: Fn(T, Early) -> F + Send + Sync + 'static,
    F: Future<Output = Worked> + Send + 'static,
{
    let token = CancelToken::current();
    let taken = Arc::new(AtomicU64::new(0));
    let mut finished = 0;
    let parts = Parts::new(session.ordered);
    let open = units.take_until(token.cancelled()).map(|(input, unit)| {
        taken.fetch_add(1, Ordering::Relaxed);
        let early = parts.early(input.by.clone());
        (input, unit, early)
    });
    let work = Arc::new(work);
    let map = map_concurrent(open, session.jobs, move |(input, unit, early)| {
        attempt(work.clone(), input, unit, early)
    });
    let outcomes = if session.ordered { map.ordered().left_stream() } else { map.right_stream() };
    let mut outcomes = std::pin::pin!(outcomes);
    let mut out_of_time = std::pin::pin!(grace_after(&token, session.grace).fuse());
    loop {
        let either = select(outcomes.next(), parts.next());
        let came = match select(either, &mut out_of_time).await {
            Either::Left((Either::Left((Some(outcome), _)), _)) => Came::Outcome(outcome),
            Either::Left((Either::Right((part, _)), _)) => Came::Part(part),
            Either::Left((Either::Left((None, _)), _)) | Either::Right(_) => Came::Over,
        };
        // Whoever has ended gave its parts before that, and a line holds one.
        if !matches!(came, Came::Part(_))
            && let Some(part) = parts.here()
        {
            session.give(part).await;
        }
        match came {
            Came::Part(part) => session.give(part).await,
            Came::Outcome(outcome) => {
                parts.is_done();
                match outcome {
                    Ok((name, worked)) => {
                        finished += 1;
                        session.take(&name, worked).await;
                    }
                    // It is pending, as what was not begun.
                    Err(ended) => session.report.warn(&format!("a task ended early: {ended}")),
                }
            }
            Came::Over => break,
        }
        if session.is_output_over() {
            break;
        }
    }
    session.note_signal();
    taken.load(Ordering::Relaxed).saturating_sub(finished)
}

/// Ready when the scope was cancelled and the grace has passed since.
pub(crate) async fn grace_after(token: &CancelToken, grace: Duration) -> Reason {
    let reason = token.cancelled().await;
    sleep(grace).await;
    reason
}

/// Works on one unit; a panic in it is a failure of that input and no other.
async fn attempt<T, W, F>(
    work: Arc<W>,
    input: Asked,
    unit: Result<T, Box<Worked>>,
    early: Early,
) -> (String, Worked)
where
    W: Fn(T, Early) -> F,
    F: Future<Output = Worked>,
{
    let worked = match unit {
        Ok(unit) => {
            AssertUnwindSafe(async { work(unit, early).await }).catch_unwind().await.unwrap_or_else(|_| {
                Worked::failed(Failure::new(&input.text, Kind::Io, "an error of gather itself (it panicked)"))
            })
        }
        Err(worked) => *worked,
    };
    let worked = worked.led_to_by(&input.by);
    (input.text, worked)
}

/// A unit that is its own name.
fn named(input: Result<Asked, BadEntry>) -> Unit<Asked> {
    match input {
        Ok(input) => (input.clone(), Ok(input)),
        Err(bad) => bad_unit(bad),
    }
}

/// The unit of an entry that names no input.
pub(crate) fn bad_unit<T>(bad: BadEntry) -> Unit<T> {
    (Asked::by_user(bad.entry.clone()), Err(Box::new(Worked::failed(bad.into_failure()))))
}
