//! Trying again: exponential backoff with jitter, bounded in attempts and in time.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::deadline::Deadline;
use crate::outcome::TimedOut;
use crate::time::{now, sleep};

/// What to do after a failed attempt.
///
/// ```
/// use std::future::ready;
/// use std::time::Duration;
/// use gather_core::{Decision, Retry, now, test};
///
/// let decide = |status: &u16| match status {
///     429 | 503 => Decision::After(Duration::from_secs(60)),
///     500.. => Decision::Again,
///     _ => Decision::Stop,
/// };
/// test(1, async move {
///     let start = now();
///     let mut answers = [Err(503), Err(404), Ok("never asked for")].into_iter();
///     let answer = Retry::new().run(|_attempt| ready(answers.next().unwrap()), decide).await;
///     assert_eq!(answer.unwrap_err().into_inner(), 404);
///     assert_eq!(now() - start, Duration::from_secs(60));
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Give up: trying again cannot help.
    Stop,
    /// Try again after the backoff.
    Again,
    /// Try again after this long: the other side asked for it. The backoff applies where it is longer.
    After(Duration),
}

/// How chance spreads the waits, so that many clients do not come back at once.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{Jitter, Retry};
///
/// let retry = Retry::new().base(Duration::from_secs(1)).jitter(Jitter::None);
/// assert_eq!(retry.backoff(1), Duration::from_secs(1));
/// assert!(Retry::new().base(Duration::from_secs(1)).jitter(Jitter::Full).backoff(1) <= Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jitter {
    /// Between zero and the ceiling: spreads most.
    #[default]
    Full,
    /// Between half the ceiling and the ceiling: below the cap no wait is shorter than the one before it.
    Equal,
    /// The ceiling itself.
    None,
}

/// A policy for trying again. The first wait has the ceiling `base`, each further one twice that, at most `cap`.
///
/// Defaults: 3 attempts, base 200 ms, cap 30 s, no total budget, [`Jitter::Full`].
///
/// ```
/// use std::future::ready;
/// use std::time::Duration;
/// use gather_core::{Decision, Retry, run};
///
/// let mut answers = [Err("busy"), Err("busy"), Ok(7)].into_iter();
/// let retry = Retry::new().attempts(5).base(Duration::from_millis(1));
/// let answer = run(retry.run(|_attempt| ready(answers.next().unwrap()), |_error| Decision::Again));
/// assert_eq!(answer.unwrap().unwrap(), 7);
/// ```
#[derive(Clone, Debug)]
pub struct Retry {
    attempts: u32,
    base: Duration,
    cap: Duration,
    budget: Option<Duration>,
    jitter: Jitter,
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

impl Retry {
    /// The policy with the defaults above.
    pub const fn new() -> Self {
        Self {
            attempts: 3,
            base: Duration::from_millis(200),
            cap: Duration::from_secs(30),
            budget: None,
            jitter: Jitter::Full,
        }
    }

    /// How often to try at most, the first attempt included; 0 counts as 1. The default is 3.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// The ceiling of the first wait. The default is 200 ms; zero waits not at all.
    pub fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// The highest ceiling of a backoff. The default is 30 s.
    pub fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// Time for everything, attempts and waits: a wait that would end later is not begun. The default is none.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{Decision, GaveUp, Jitter, Retry, test};
    ///
    /// let retry = Retry::new().attempts(99).jitter(Jitter::None).budget(Duration::from_secs(1));
    /// let error = test(1, async move { retry.run(async |_attempt| Err::<(), _>("busy"), |_| Decision::Again).await });
    /// let error = error.unwrap_err(); // waits of 200 and 400 ms, and none of 800
    /// assert_eq!((error.attempts(), error.gave_up()), (3, GaveUp::Time));
    /// ```
    pub fn budget(mut self, budget: Duration) -> Self {
        self.budget = Some(budget);
        self
    }

    /// How chance spreads the waits. The default is [`Jitter::Full`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{Jitter, Retry};
    ///
    /// let retry = Retry::new().base(Duration::from_secs(2)).jitter(Jitter::Equal);
    /// assert!(retry.backoff(1) >= Duration::from_secs(1));
    /// assert!(retry.backoff(1) <= Duration::from_secs(2));
    /// ```
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// Runs `work` (given the number of the attempt, from 1) until it succeeds, `decide` says stop, or a bound is reached.
    ///
    /// The budget and the deadline of the context bound the waits, not an attempt in progress: bound that
    /// with [`timeout`](crate::timeout). Dropping the future drops the attempt.
    ///
    /// # Errors
    /// The last error, with how many attempts were made and why no more were.
    pub async fn run<T, E, F>(
        &self,
        mut work: impl FnMut(u32) -> F,
        mut decide: impl FnMut(&E) -> Decision,
    ) -> Result<T, RetryError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let end = self.end();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match work(attempts).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            match self.next_wait(attempts, decide(&error), end) {
                Ok(wait) => sleep(wait).await,
                Err(gave_up) => return Err(RetryError { error, attempts, gave_up, end }),
            }
        }
    }

    fn end(&self) -> Deadline {
        let budget =
            self.budget.map_or(Deadline::never(), |budget| Deadline::after(budget).named("retrying"));
        Deadline::current().or_earlier(budget)
    }

    /// The wait after so many failed attempts, or why there is none.
    fn next_wait(&self, attempts: u32, decision: Decision, end: Deadline) -> Result<Duration, GaveUp> {
        let asked = match decision {
            Decision::Stop => return Err(GaveUp::NotRetryable),
            Decision::Again => Duration::ZERO,
            Decision::After(asked) => asked,
        };
        if attempts >= self.attempts {
            return Err(GaveUp::Attempts);
        }
        let wait = asked.max(self.backoff(attempts));
        let in_time = end.when().is_none_or(|end| now().checked_add(wait).is_some_and(|then| then < end));
        if in_time { Ok(wait) } else { Err(GaveUp::Time) }
    }

    /// The backoff after so many failed attempts (1, 2, …), jitter included.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{Jitter, Retry};
    ///
    /// let retry = Retry::new().base(Duration::from_secs(1)).cap(Duration::from_secs(3)).jitter(Jitter::None);
    /// assert_eq!([1, 2, 3].map(|attempts| retry.backoff(attempts).as_secs()), [1, 2, 3]);
    /// ```
    pub fn backoff(&self, attempts: u32) -> Duration {
        let ceiling = self.ceiling(attempts);
        match self.jitter {
            Jitter::None => ceiling,
            Jitter::Full => part_of(ceiling, fastrand::f64()),
            Jitter::Equal => part_of(ceiling, 0.5 + 0.5 * fastrand::f64()),
        }
    }

    fn ceiling(&self, attempts: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }
}

/// A duration near the longest one may be rounded up past it; then it is taken whole.
fn part_of(whole: Duration, part: f64) -> Duration {
    Duration::try_from_secs_f64(whole.as_secs_f64() * part).unwrap_or(whole)
}

/// Why there was no further attempt.
///
/// ```
/// use std::future::ready;
/// use gather_core::{Decision, GaveUp, Retry, run};
///
/// let result = run(Retry::new().run(|_attempt| ready(Err::<(), _>("no such user")), |_error| Decision::Stop));
/// assert_eq!(result.unwrap().unwrap_err().gave_up(), GaveUp::NotRetryable);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GaveUp {
    /// The error was one that trying again does not help.
    NotRetryable,
    /// All attempts were made.
    Attempts,
    /// The next wait would have ended after the budget or the deadline.
    Time,
}

/// The last error of a [`Retry::run`].
///
/// ```
/// use std::future::ready;
/// use gather_core::{Decision, GaveUp, Retry, run};
///
/// let answer = run(Retry::new().run(|_attempt| ready(Err::<(), _>("not found")), |_error| Decision::Stop));
/// let error = answer.unwrap().unwrap_err();
/// assert_eq!(error.to_string(), "not found (after 1 attempt)");
/// assert_eq!((error.attempts(), error.gave_up()), (1, GaveUp::NotRetryable));
/// assert_eq!(*error.inner(), "not found");
/// assert_eq!(error.into_inner(), "not found");
/// ```
#[derive(Debug)]
pub struct RetryError<E> {
    error: E,
    attempts: u32,
    gave_up: GaveUp,
    /// Of all attempts.
    end: Deadline,
}

impl<E> RetryError<E> {
    /// The error of the last attempt.
    pub fn into_inner(self) -> E {
        self.error
    }

    /// The error of the last attempt.
    pub fn inner(&self) -> &E {
        &self.error
    }

    /// How many attempts were made.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Why there was no further one.
    pub fn gave_up(&self) -> GaveUp {
        self.gave_up
    }

    /// The time limit that left no room for a further attempt, if it was that ([`GaveUp::Time`]): the budget, which is
    /// called `retrying`, or the deadline of a scope, by its name.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{Deadline, Decision, Retry, run};
    ///
    /// let retry = Retry::new();
    /// let attempts = retry.run(async |_| Err::<(), _>("busy"), |_| Decision::After(Duration::MAX));
    /// let import = Deadline::after(Duration::from_secs(1)).named("import");
    /// let error = run(import.run(attempts)).unwrap().unwrap().unwrap_err();
    /// assert_eq!(error.ran_out().unwrap().scope(), Some("import"));
    /// ```
    pub fn ran_out(&self) -> Option<TimedOut> {
        (self.gave_up == GaveUp::Time).then(|| self.end.ran_out())
    }
}

impl<E: fmt::Display> fmt::Display for RetryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempts = if self.attempts == 1 { "attempt" } else { "attempts" };
        write!(f, "{} (after {} {attempts})", self.error, self.attempts)
    }
}

impl<E: std::error::Error + 'static> std::error::Error for RetryError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
