//! What went wrong in a group, as a tree.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::identity::Identity;
use crate::outcome::{Panic, Reason};

/// A task of a group that gave no value.
///
/// ```
/// use gather_core::{Cause, TaskGroup, run};
///
/// let outcomes = run(async {
///     let group = TaskGroup::<(), &str>::new();
///     group.spawn_named("probe", async { Err("down") });
///     group.settle().await
/// });
/// let failed = outcomes.unwrap().remove(0).unwrap_err();
/// assert_eq!((failed.index(), failed.name()), (0, Some("probe")));
/// assert!(!failed.is_cancelled());
/// assert!(matches!(failed.cause(), Cause::Error("down")));
/// assert_eq!(failed.to_string(), "probe: down");
/// ```
#[derive(Debug)]
pub struct Failed<E> {
    pub(super) index: usize,
    pub(super) identity: Option<Arc<Identity>>,
    pub(super) cause: Cause<E>,
}

/// Why a task of a group gave no value.
///
/// ```
/// use gather_core::{Cause, TaskGroup, run};
///
/// let outcomes = run(async {
///     let group = TaskGroup::<(), String>::new();
///     group.spawn(async { panic!("no such branch") });
///     group.settle().await
/// });
/// match outcomes.unwrap().remove(0).unwrap_err().into_cause() {
///     Cause::Panicked(panic) => assert_eq!(panic.message(), "no such branch"),
///     other => unreachable!("{other:?}"),
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause<E> {
    /// It returned an error.
    Error(E),
    /// It panicked; the payload is kept.
    Panicked(Panic),
    /// It was cancelled, or never begun because its group was.
    Cancelled(Reason),
}

impl<E> Failed<E> {
    /// The number of the task in its group, in the order of spawning, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The name of the task, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.identity.as_ref()?.name()
    }

    /// Why it gave no value.
    pub fn cause(&self) -> &Cause<E> {
        &self.cause
    }

    /// Why it gave no value.
    pub fn into_cause(self) -> Cause<E> {
        self.cause
    }

    /// Whether it was cancelled, and did not fail by itself.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.cause, Cause::Cancelled(_))
    }
}

impl<E: fmt::Display> fmt::Display for Cause<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Error(error) => error.fmt(f),
            Cause::Panicked(panic) => panic.fmt(f),
            Cause::Cancelled(reason) => write!(f, "cancelled {reason}"),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Failed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name}: ")?,
            None => write!(f, "task {}: ", self.index)?,
        }
        self.cause.fmt(f)
    }
}

impl<E: Error + 'static> Error for Failed<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Error(error) => Some(error),
            Cause::Panicked(_) | Cause::Cancelled(_) => None,
        }
    }
}

/// Why a group gave no values: every failure in it. Where a task's error is that of another group, it is a tree.
///
/// `{}` is one line that names every failure; `{:#}` shows the tree, a line for each.
///
/// ```
/// use gather_core::{TaskGroup, run};
///
/// let error = run(async {
///     let inner = async {
///         let links = TaskGroup::new().named("links");
///         links.spawn_named("link 7", async { Err::<(), _>("not found") });
///         links.join().await
///     };
///     let pages = TaskGroup::new().named("pages");
///     pages.spawn_named("front page", inner);
///     pages.join().await.unwrap_err()
/// });
/// assert_eq!(
///     format!("{:#}", error.unwrap()),
///     "pages: 1 of 1 tasks failed\n\
///      └─ front page: links: 1 of 1 tasks failed\n   \
///         └─ link 7: not found"
/// );
/// ```
#[derive(Debug)]
pub struct GroupError<E> {
    pub(super) name: Option<String>,
    pub(super) reason: Option<Reason>,
    pub(super) failures: Vec<Failed<E>>,
    pub(super) cancelled: usize,
    pub(super) tasks: usize,
}

impl<E> GroupError<E> {
    /// The name of the group, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The tasks that failed by themselves, in the order of spawning. Empty if the group was merely cancelled.
    ///
    /// ```
    /// use gather_core::{By, TaskGroup, run};
    ///
    /// let error = run(async {
    ///     let pages = TaskGroup::<(), &str>::new().named("pages");
    ///     pages.spawn(async { Err("down") });
    ///     pages.spawn(std::future::pending());
    ///     pages.join().await.unwrap_err()
    /// })
    /// .unwrap();
    /// assert_eq!((error.name(), error.cancelled()), (Some("pages"), 1));
    /// assert_eq!(error.reason().unwrap().by(), By::Sibling);
    /// assert_eq!(error.failures()[0].to_string(), "task 0: down");
    /// assert_eq!(error.into_failures().len(), 1);
    /// ```
    pub fn failures(&self) -> &[Failed<E>] {
        &self.failures
    }

    /// The same, to keep.
    pub fn into_failures(self) -> Vec<Failed<E>> {
        self.failures
    }

    /// How many tasks were cancelled, because of a failure or with the group.
    pub fn cancelled(&self) -> usize {
        self.cancelled
    }

    /// Why the group was cancelled, if it was.
    pub fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name}: ")?;
        }
        match (&self.reason, self.failures.is_empty()) {
            (Some(reason), true) => {
                write!(f, "{} of {} tasks were cancelled {reason}", self.cancelled, self.tasks)
            }
            _ => write!(f, "{} of {} tasks failed", self.failures.len(), self.tasks),
        }?;
        if f.alternate() { self.branches(f) } else { self.in_line(f) }
    }
}

impl<E: fmt::Display> GroupError<E> {
    fn in_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, failure) in self.failures.iter().enumerate() {
            write!(f, "{}{failure}", if number == 0 { " (" } else { "; " })?;
        }
        if self.failures.is_empty() { Ok(()) } else { f.write_str(")") }
    }

    fn branches(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.failures.len().saturating_sub(1);
        for (number, failure) in self.failures.iter().enumerate() {
            let (first, rest) = if number == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let text = format!("{failure:#}");
            for (line_number, line) in text.lines().enumerate() {
                write!(f, "\n{}{line}", if line_number == 0 { first } else { rest })?;
            }
        }
        Ok(())
    }
}

impl<E: Error + 'static> Error for GroupError<E> {
    /// The first failure; [`failures`](Self::failures) has them all.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.failures.first().map(|failure| failure as _)
    }
}
