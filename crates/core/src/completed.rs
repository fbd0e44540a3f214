//! Many at once as tasks, their outcomes as they come.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::{FusedStream, FuturesUnordered, Stream};

use crate::outcome::Outcome;
use crate::task::{Task, begin};

/// Starts all, at once, as tasks, and gives their outcomes as they come, each with the number of its future
/// (asyncio's `as_completed`).
///
/// The tasks run on the executor, so a slow consumer holds up none of them. A panic is the outcome of its future
/// alone. Dropping the stream cancels what still runs. For more futures than should run at once there is
/// [`map_concurrent`](crate::map_concurrent).
///
/// ```
/// use std::time::Duration;
/// use futures::StreamExt;
/// use gather_core::{as_completed, run, sleep};
///
/// let order = run(async {
///     let naps = [30, 10, 20].map(async |ms| {
///         sleep(Duration::from_millis(ms)).await;
///         ms
///     });
///     as_completed(naps).map(|(number, slept)| (number, slept.unwrap())).collect::<Vec<_>>().await
/// });
/// assert_eq!(order.unwrap(), [(1, 10), (2, 20), (0, 30)]);
/// ```
#[track_caller]
pub fn as_completed<I, F>(futures: I) -> AsCompleted<F::Output>
where
    I: IntoIterator<Item = F>,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let place = Location::caller();
    let numbered = |(number, future)| Numbered { number, task: begin(None, place, future) };
    AsCompleted { running: futures.into_iter().enumerate().map(numbered).collect() }
}

/// The stream of [`as_completed`].
///
/// ```
/// use futures::StreamExt;
/// use gather_core::{as_completed, run};
///
/// run(async {
///     let mut answers = as_completed([1, 2].map(async |n| n));
///     assert_eq!(answers.len(), 2);
///     while answers.next().await.is_some() {}
///     assert!(answers.is_empty());
/// })
/// .unwrap();
/// ```
#[must_use = "the tasks are cancelled when the stream is dropped"]
pub struct AsCompleted<T> {
    running: FuturesUnordered<Numbered<T>>,
}

impl<T> AsCompleted<T> {
    /// How many outcomes are still to come.
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether all outcomes were given.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}

impl<T> Stream for AsCompleted<T> {
    type Item = (usize, Outcome<T>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.running).poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<T> FusedStream for AsCompleted<T> {
    fn is_terminated(&self) -> bool {
        self.is_empty()
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("len", &self.len()).finish()
    }
}

struct Numbered<T> {
    number: usize,
    task: Task<T>,
}

impl<T> Future for Numbered<T> {
    type Output = (usize, Outcome<T>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.task).poll(cx));
        Poll::Ready((self.number, outcome))
    }
}
