//! Absolute time limits, as values.

use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use crate::outcome::TimedOut;

/// An absolute time limit. Nested ones: the earlier holds.
///
/// It knows the scope that it limits: by the name given with [`named`](Self::named), and by the place in the code
/// that made it. What runs out of time names both.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{Deadline, now};
///
/// let deadline = Deadline::at(now()).named("the import");
/// assert_eq!(deadline.name(), Some("the import"));
/// assert_eq!(deadline.remaining(), Some(Duration::ZERO));
/// assert!(deadline.has_passed());
///
/// assert_eq!(Deadline::never().remaining(), None);
/// assert!(!Deadline::never().has_passed());
/// ```
#[derive(Clone, Copy)]
pub struct Deadline {
    when: Option<Instant>,
    /// Where it was given as a duration.
    limit: Option<Duration>,
    scope: Scope,
}

/// What a time limit is called.
#[derive(Clone, Copy)]
struct Scope {
    name: Option<&'static str>,
    made_at: &'static Location<'static>,
}

impl Deadline {
    /// No limit.
    #[track_caller]
    pub const fn never() -> Self {
        Self::new(None, None, Location::caller())
    }

    /// At this instant.
    #[track_caller]
    pub const fn at(when: Instant) -> Self {
        Self::new(Some(when), None, Location::caller())
    }

    pub(crate) const fn new(
        when: Option<Instant>,
        limit: Option<Duration>,
        made_at: &'static Location<'static>,
    ) -> Self {
        Self { when, limit, scope: Scope { name: None, made_at } }
    }

    /// Names the scope that it limits.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{Deadline, run, sleep};
    ///
    /// let late = run(async {
    ///     let deadline = Deadline::after(Duration::from_millis(10)).named("the whole import");
    ///     deadline.run(sleep(Duration::from_secs(60))).await
    /// });
    /// assert_eq!(late.unwrap().unwrap_err().scope(), Some("the whole import"));
    /// ```
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.scope.name = Some(name);
        self
    }

    /// The name of the scope, if it has one.
    pub const fn name(&self) -> Option<&'static str> {
        self.scope.name
    }

    /// The instant, unless there is no limit.
    ///
    /// ```
    /// use gather_core::{Deadline, now};
    ///
    /// let when = now();
    /// assert_eq!(Deadline::at(when).when(), Some(when));
    /// assert_eq!(Deadline::never().when(), None);
    /// ```
    pub const fn when(&self) -> Option<Instant> {
        self.when
    }

    /// The earlier of two.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::Deadline;
    ///
    /// let (near, far) = (Deadline::after(Duration::from_secs(1)), Deadline::after(Duration::from_secs(9)));
    /// assert_eq!(far.or_earlier(near), near);
    /// assert_eq!(near.or_earlier(Deadline::never()), near);
    /// ```
    #[must_use]
    pub fn or_earlier(self, other: Deadline) -> Self {
        let other_is_earlier = other.when.is_some_and(|other| self.when.is_none_or(|own| other < own));
        if other_is_earlier { other } else { self }
    }

    /// The error of who ran out of time under this deadline: for code that looks at
    /// [`remaining`](Self::remaining) and gives up by itself.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{Deadline, TimedOut};
    ///
    /// fn look(deadline: Deadline) -> Result<(), TimedOut> {
    ///     if deadline.has_passed() { Err(deadline.ran_out()) } else { Ok(()) }
    /// }
    /// let deadline = Deadline::after(Duration::ZERO).named("the import");
    /// assert_eq!(look(deadline).unwrap_err().to_string(), "the import timed out after 0ns");
    /// ```
    pub const fn ran_out(&self) -> TimedOut {
        TimedOut::new(self.limit, self.scope.name, self.scope.made_at)
    }
}

/// Deadlines are equal that are at the same instant, whatever they are called.
impl PartialEq for Deadline {
    fn eq(&self, other: &Self) -> bool {
        self.when == other.when
    }
}

impl Eq for Deadline {}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scope { name, made_at } = self.scope;
        let location = format_args!("{made_at}");
        f.debug_struct("Deadline")
            .field("when", &self.when)
            .field("name", &name)
            .field("at", &location)
            .finish()
    }
}
