//! Works through inputs, so many at once, and accounts for each: the loop behind most commands.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{Either, FutureExt, select};
use futures::{Stream, StreamExt};
use gather_core::{CancelToken, Reason, map_concurrent, sleep};
use gather_fetch::Room;
use gather_records::{Failure, Kind, Record};
use gather_scraper::Stats;

use crate::input::{Asked, BadEntry, Inputs, as_text};
use crate::session::{Session, Stop};

/// What became of one input.
pub(crate) struct Worked {
    pub(crate) records: Vec<Record>,
    pub(crate) end: End,
    /// How well the fields were filled, where there are fields.
    pub(crate) stats: Option<Stats>,
    /// Records that were dropped, each as the failure that `--errors` names.
    pub(crate) dropped: Vec<Failure>,
    /// What large bodies hold of the memory budget, until the records are written.
    pub(crate) room: Option<Room>,
    /// What to tell the user although it is no failure.
    pub(crate) warnings: Vec<String>,
}

/// How one input ended.
pub(crate) enum End {
    /// Done; how many bytes were read for it.
    Ok { bytes: u64 },
    /// It could not be done, or we would not.
    Failed(Box<Failure>),
    /// Left out on purpose, and why.
    Skipped(String),
}

impl Worked {
    fn ended(records: Vec<Record>, end: End) -> Self {
        Self { records, end, stats: None, dropped: Vec::new(), room: None, warnings: Vec::new() }
    }

    pub(crate) fn ok(records: Vec<Record>, bytes: u64) -> Self {
        Self::ended(records, End::Ok { bytes })
    }

    pub(crate) fn failed(failure: Failure) -> Self {
        Self::ended(Vec::new(), End::Failed(Box::new(failure)))
    }

    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        Self::ended(Vec::new(), End::Skipped(why.into()))
    }
}

/// Something to work on, under the name of its input; or what became of an input that needs no work.
pub(crate) type Unit<T> = (String, Result<T, Box<Worked>>);

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

/// The same where inputs become units of work first: a folder its pages, each an input of its own.
pub(crate) async fn drive_units<S, T, W, F>(session: &mut Session, inputs: &Inputs, units: S, work: W)
where
    S: Stream<Item = Unit<T>>,
    T: Send + 'static,
    W: Fn(T) -> F + Send + Sync + 'static,
    F: Future<Output = Worked> + Send + 'static,
{
    let unfinished = run(session, units, work).await;
    let rest = if session.stopped().is_some() { inputs.count_rest().await } else { 0 };
    session.report.pending(unfinished + rest);
}

/// Returns how many units were taken and did not come to an end.
async fn run<S, T, W, F>(session: &mut Session, units: S, work: W) -> u64
where
    S: Stream<Item = Unit<T>>,
    T: Send + 'static,
    W: Fn(T) -> F + Send + Sync + 'static,
    F: Future<Output = Worked> + Send + 'static,
{
    let token = CancelToken::current();
    let taken = Arc::new(AtomicU64::new(0));
    let mut finished = 0;
    let open = units.take_until(token.cancelled()).inspect(|_| {
        taken.fetch_add(1, Ordering::Relaxed);
    });
    let work = Arc::new(work);
    let map = map_concurrent(open, session.jobs, move |(name, unit)| attempt(work.clone(), name, unit));
    let outcomes = if session.ordered { map.ordered().left_stream() } else { map.right_stream() };
    let mut outcomes = std::pin::pin!(outcomes);
    let mut out_of_time = std::pin::pin!(grace_after(&token, session.grace).fuse());
    loop {
        let outcome = match select(outcomes.next(), &mut out_of_time).await {
            Either::Left((Some(outcome), _)) => outcome,
            Either::Left((None, _)) | Either::Right(_) => break,
        };
        finished += 1;
        match outcome {
            Ok((name, worked)) => session.take(&name, worked).await,
            Err(ended) => session.report.warn(&format!("a task ended early: {ended}")),
        }
        if session.is_output_over() {
            break;
        }
    }
    if let Some(reason) = token.reason() {
        session.stop(Stop::Signal(reason));
    }
    taken.load(Ordering::Relaxed).saturating_sub(finished)
}

/// Ready when the scope was cancelled and the grace has passed since.
async fn grace_after(token: &CancelToken, grace: Duration) -> Reason {
    let reason = token.cancelled().await;
    sleep(grace).await;
    reason
}

/// Works on one unit; a panic in it is a failure of that input and no other.
async fn attempt<T, W, F>(work: Arc<W>, name: String, unit: Result<T, Box<Worked>>) -> (String, Worked)
where
    W: Fn(T) -> F,
    F: Future<Output = Worked>,
{
    let worked = match unit {
        Ok(unit) => AssertUnwindSafe(async { work(unit).await }).catch_unwind().await.unwrap_or_else(|_| {
            Worked::failed(Failure::new(&name, Kind::Io, "an error of gather itself (it panicked)"))
        }),
        Err(worked) => *worked,
    };
    (name, worked)
}

/// A unit that is its own name.
fn named(input: Result<Asked, BadEntry>) -> Unit<Asked> {
    match input {
        Ok(input) => (input.text.clone(), Ok(input)),
        Err(bad) => bad_unit(bad),
    }
}

/// The unit of an entry that names no input.
pub(crate) fn bad_unit<T>(bad: BadEntry) -> Unit<T> {
    let failure = Failure::new(&bad.entry, Kind::InvalidInput, &bad.message);
    (bad.entry, Err(Box::new(Worked::failed(failure))))
}
