//! Several futures at once in the caller's own task: they may borrow, and need not be `Send`.

use std::future::Future;

use futures::future::join_all;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};

/// Runs all at once and returns their values in the order given, or the first error (asyncio's `gather`).
///
/// At the first error the others are dropped where they are. All are polled in the caller's task.
///
/// ```
/// use gather_core::{gather, run};
///
/// let names = vec!["one", "two"];
/// let lengths = run(gather(names.iter().map(async |name| Ok::<_, ()>(name.len())))).unwrap();
/// assert_eq!(lengths, Ok(vec![3, 3]));
/// ```
pub async fn gather<I, F, T, E>(futures: I) -> Result<Vec<T>, E>
where
    I: IntoIterator<Item = F>,
    F: Future<Output = Result<T, E>>,
{
    // Not futures' `try_join_all`, which sees an error only after everything before it in the order is done.
    let numbered = |(number, future): (usize, F)| future.map(move |result| (number, result));
    let mut running: FuturesUnordered<_> = futures.into_iter().enumerate().map(numbered).collect();
    let mut values = Vec::with_capacity(running.len());
    while let Some((number, result)) = running.next().await {
        values.push((number, result?));
    }
    values.sort_unstable_by_key(|(number, _)| *number);
    Ok(values.into_iter().map(|(_, value)| value).collect())
}

/// Runs all at once to their ends and returns every output in the order given
/// (asyncio's `gather(return_exceptions=True)`).
///
/// ```
/// use gather_core::{run, settle};
///
/// let outputs = run(settle((0..3).map(async |n| if n == 1 { Err("one") } else { Ok(n) }))).unwrap();
/// assert_eq!(outputs, [Ok(0), Err("one"), Ok(2)]);
/// ```
pub async fn settle<I, F>(futures: I) -> Vec<F::Output>
where
    I: IntoIterator<Item = F>,
    F: Future,
{
    join_all(futures).await
}

/// The output of the first that is done; the others are dropped. `None` if there were none.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{first, run, sleep};
///
/// let winner = run(first([50, 1].map(async |ms| {
///     sleep(Duration::from_millis(ms)).await;
///     ms
/// })));
/// assert_eq!(winner.unwrap(), Some(1));
/// ```
pub async fn first<I, F>(futures: I) -> Option<F::Output>
where
    I: IntoIterator<Item = F>,
    F: Future,
{
    FuturesUnordered::from_iter(futures).next().await
}

/// The value of the first that succeeds; the others are dropped. If none does, all errors as they came.
///
/// ```
/// use gather_core::{first_ok, run};
///
/// let answer = run(first_ok([Err("down"), Ok(7)].map(async |answer| answer))).unwrap();
/// assert_eq!(answer, Ok(7));
/// ```
pub async fn first_ok<I, F, T, E>(futures: I) -> Result<T, Vec<E>>
where
    I: IntoIterator<Item = F>,
    F: Future<Output = Result<T, E>>,
{
    let mut running = FuturesUnordered::from_iter(futures);
    let mut errors = Vec::new();
    while let Some(result) = running.next().await {
        match result {
            Ok(value) => return Ok(value),
            Err(error) => errors.push(error),
        }
    }
    Err(errors)
}

/// Runs futures of different types at once and gives their values as a tuple, or the first error.
///
/// At the first error the others are dropped. All must have the same error type.
///
/// ```
/// use gather_core::{gather, run};
///
/// let both = run(gather!(async { Ok::<_, ()>(1) }, async { Ok("two") })).unwrap();
/// assert_eq!(both, Ok((1, "two")));
/// ```
#[macro_export]
macro_rules! gather {
    ($($future:expr),+ $(,)?) => {
        async { $crate::__private::try_join!($($future),+) }
    };
}
