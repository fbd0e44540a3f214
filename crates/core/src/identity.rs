//! Who a task is: its name, and where it was spawned.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;

/// What is known of a task that has a name.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    name: Option<Cow<'static, str>>,
    spawned_at: &'static Location<'static>,
}

impl Identity {
    #[track_caller]
    pub(crate) fn named(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: Some(name.into()), spawned_at: Location::caller() }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "task {name:?}, spawned at {}", self.spawned_at),
            None => write!(f, "the task spawned at {}", self.spawned_at),
        }
    }
}
