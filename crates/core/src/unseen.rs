//! What goes wrong in a task when nobody awaits it any more.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::identity::Identity;
use crate::outcome::Panic;

/// What nobody looked at. It is handed, once, to the [`reporter`](crate::Root::reporter) of the root scope:
///
/// - a panic: of a detached task, of one whose handle was dropped, of a service, of a destructor;
/// - an error: of a task of a [`TaskGroup`](crate::TaskGroup) that supervises or was dropped, of one that was detached by
///   [`detach_reporting`](crate::Task::detach_reporting), of [`shield`](crate::shield)ed work whose time ran out, and what
///   is handed to [`report`](crate::report);
/// - a task, or a closure on a thread, that outlives the root scope.
///
/// The output of a task that is plainly [`detach`](crate::Task::detach)ed or dropped is a value like any other, and is
/// dropped, also if it is an `Err`: of a type that may be anything, nobody can tell that it is one.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use gather_core::{Root, spawn_named};
///
/// let seen = Arc::new(Mutex::new(Vec::new()));
/// let notes = seen.clone();
/// let root = Root::new().reporter(move |unseen| notes.lock().unwrap().push(unseen.to_string()));
/// root.run(async {
///     let task = spawn_named("pruner", async { panic!("no such branch") });
///     while !task.is_finished() {
///         gather_core::sleep(std::time::Duration::ZERO).await;
///     }
/// })
/// .unwrap();
/// assert!(seen.lock().unwrap()[0].ends_with("panicked: no such branch"));
/// ```
#[derive(Debug)]
pub struct Unseen {
    task: Option<Arc<Identity>>,
    fault: Fault,
}

#[derive(Debug)]
pub(crate) enum Fault {
    Panicked(Panic),
    Failed(Box<dyn Error + Send + Sync>),
    /// A closure on a thread outlives the root scope.
    LeftBehind(&'static Location<'static>),
    /// A task outlives the root scope.
    StillThere,
}

impl Unseen {
    pub(crate) fn new(task: Option<Arc<Identity>>, fault: Fault) -> Self {
        Self { task, fault }
    }

    /// The name of the task, if it has one.
    ///
    /// ```
    /// use gather_core::{Root, report, spawn_named};
    ///
    /// let (tell, told) = std::sync::mpsc::channel();
    /// let root = Root::new().reporter(move |unseen| {
    ///     let what = unseen.error().map(ToString::to_string);
    ///     tell.send((unseen.task().map(str::to_owned), what, unseen.panic().is_some())).unwrap();
    /// });
    /// root.run(async { spawn_named("writer", async { report("disk full") }).await }).unwrap().unwrap();
    /// assert_eq!(told.recv(), Ok((Some("writer".to_owned()), Some("disk full".to_owned()), false)));
    /// ```
    pub fn task(&self) -> Option<&str> {
        self.task.as_ref()?.name()
    }

    /// The panic, if it was one.
    pub fn panic(&self) -> Option<&Panic> {
        match &self.fault {
            Fault::Panicked(panic) => Some(panic),
            Fault::Failed(_) | Fault::LeftBehind(_) | Fault::StillThere => None,
        }
    }

    /// The error, if it was one.
    pub fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.fault {
            Fault::Failed(error) => Some(&**error),
            Fault::Panicked(_) | Fault::LeftBehind(_) | Fault::StillThere => None,
        }
    }

    /// Where the closure was handed to [`to_thread`](crate::to_thread) that still ran when the root scope had ended, if it
    /// was one. It goes on until it returns or the process ends.
    pub fn left_behind(&self) -> Option<&'static Location<'static>> {
        match &self.fault {
            Fault::LeftBehind(place) => Some(place),
            Fault::Panicked(_) | Fault::Failed(_) | Fault::StillThere => None,
        }
    }
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.task, &self.fault) {
            (_, Fault::LeftBehind(place)) => {
                return write!(f, "the closure started at {place} was left behind");
            }
            (Some(task), _) => write!(f, "{task}, ")?,
            (None, _) => f.write_str("a task that nobody awaits ")?,
        }
        match &self.fault {
            Fault::Panicked(panic) => write!(f, "{panic}"),
            Fault::Failed(error) => write!(f, "failed: {error}"),
            Fault::StillThere => {
                f.write_str("was left behind: its poll does not return, or its handle is held elsewhere")
            }
            Fault::LeftBehind(_) => Ok(()),
        }
    }
}

/// Whom the root scope tells.
pub(crate) type Reporter = Arc<dyn Fn(&Unseen) + Send + Sync>;
