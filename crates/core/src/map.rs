//! A stream mapped by spawned tasks, so many at once.

use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::{Fuse, FusedStream, FuturesOrdered, FuturesUnordered, Stream, StreamExt};
use pin_project_lite::pin_project;

use crate::outcome::Outcome;
use crate::task::{Task, begin};

/// Maps a stream by `work`, at most `limit` items at once, each in a task of its own; outcomes come as they complete.
///
/// The tasks run on the executor, so a slow consumer holds back the intake but starves nothing that runs.
/// At most `limit` items are in work or waiting to be taken: memory does not grow with the stream.
/// A panic is the outcome of its item alone. Dropping the stream cancels what runs.
///
/// ```
/// use std::num::NonZeroUsize;
/// use futures::{StreamExt, stream};
/// use gather_core::{map_concurrent, run};
///
/// let limit = NonZeroUsize::new(8).unwrap();
/// let squares = run(async {
///     map_concurrent(stream::iter(0..100u64), limit, async |n| n * n)
///         .ordered()
///         .map(Result::unwrap)
///         .collect::<Vec<_>>()
///         .await
/// });
/// assert_eq!(squares.unwrap()[99], 9801);
/// ```
#[track_caller]
pub fn map_concurrent<S, W, F>(
    items: S,
    limit: NonZeroUsize,
    work: W,
) -> MapConcurrent<S, W, FuturesUnordered<Task<F::Output>>>
where
    S: Stream,
    W: FnMut(S::Item) -> F,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (items, place) = (items.fuse(), Location::caller());
    MapConcurrent { items, limit, work, place, window: FuturesUnordered::new() }
}

pin_project! {
    /// The stream of [`map_concurrent`].
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use futures::StreamExt;
    /// use gather_core::{map_concurrent, run};
    ///
    /// let items = futures::stream::iter(0..10);
    /// let lengths = map_concurrent(items, NonZeroUsize::new(4).unwrap(), async |n| n.to_string().len());
    /// assert_eq!(run(lengths.count()).unwrap(), 10);
    /// ```
    #[must_use = "a stream does nothing unless it is polled"]
    pub struct MapConcurrent<S, W, Q> {
        #[pin]
        items: Fuse<S>,
        limit: NonZeroUsize,
        work: W,
        place: &'static Location<'static>,
        window: Q,
    }
}

impl<S: Stream, W, T> MapConcurrent<S, W, FuturesUnordered<Task<T>>> {
    /// Gives the outcomes in the order of the items.
    ///
    /// What completes early waits in the window, which stays `limit` wide: a slow item at the head stops the intake.
    pub fn ordered(self) -> MapConcurrent<S, W, FuturesOrdered<Task<T>>> {
        let Self { items, limit, work, place, window } = self;
        MapConcurrent { items, limit, work, place, window: window.into_iter().collect() }
    }
}

/// Tasks in work, and the rule by which their outcomes are taken.
///
/// ```
/// use std::num::NonZeroUsize;
/// use futures::{Stream, StreamExt};
/// use gather_core::{Outcome, map_concurrent, run};
///
/// fn doubled() -> impl Stream<Item = Outcome<u64>> {
///     let items = futures::stream::iter([1, 2, 3]);
///     map_concurrent(items, NonZeroUsize::MIN, async |n| 2 * n).ordered()
/// }
/// let sum = doubled().fold(0, async |sum, outcome| sum + outcome.unwrap());
/// assert_eq!(run(sum).unwrap(), 12);
/// ```
pub trait Window<T>: Stream<Item = Outcome<T>> + sealed::Sealed + Unpin {
    #[doc(hidden)]
    fn push(&mut self, task: Task<T>);
    #[doc(hidden)]
    fn width(&self) -> usize;
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for futures::stream::FuturesUnordered<T> {}
    impl<T: Future> Sealed for futures::stream::FuturesOrdered<T> {}
}

impl<T> Window<T> for FuturesUnordered<Task<T>> {
    fn push(&mut self, task: Task<T>) {
        FuturesUnordered::push(self, task);
    }

    fn width(&self) -> usize {
        self.len()
    }
}

impl<T> Window<T> for FuturesOrdered<Task<T>> {
    fn push(&mut self, task: Task<T>) {
        self.push_back(task);
    }

    fn width(&self) -> usize {
        self.len()
    }
}

impl<S, W, F, Q> Stream for MapConcurrent<S, W, Q>
where
    S: Stream,
    W: FnMut(S::Item) -> F,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    Q: Window<F::Output>,
{
    type Item = Outcome<F::Output>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        while this.window.width() < this.limit.get() {
            match this.items.as_mut().poll_next(cx) {
                Poll::Ready(Some(item)) => this.window.push(begin(None, this.place, (this.work)(item))),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        match ready!(Pin::new(this.window).poll_next(cx)) {
            Some(outcome) => Poll::Ready(Some(outcome)),
            None if this.items.is_terminated() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl<S, W, Q> fmt::Debug for MapConcurrent<S, W, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapConcurrent").field("limit", &self.limit).finish_non_exhaustive()
    }
}
