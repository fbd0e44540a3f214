//! Who a task is: its name, where it was spawned, and, where somebody wants to see inside, what it does.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Identity {
    name: Option<Cow<'static, str>>,
    spawned_at: &'static Location<'static>,
    /// Kept in debug mode only.
    life: Option<Life>,
}

#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) id: u64,
    /// Where the tree has it.
    pub(crate) slot: usize,
    pub(crate) parent: Option<u64>,
    pub(crate) began: Instant,
    polls: AtomicU64,
    busy_nanos: AtomicU64,
    is_running: AtomicBool,
}

impl Identity {
    pub(crate) fn new(
        name: Option<Cow<'static, str>>,
        spawned_at: &'static Location<'static>,
        life: Option<Life>,
    ) -> Self {
        Self { name, spawned_at, life }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    pub(crate) fn life(&self) -> Option<&Life> {
        self.life.as_ref()
    }
}

impl Life {
    pub(crate) fn new(id: u64, slot: usize, parent: Option<u64>) -> Self {
        let (polls, busy_nanos, is_running) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        Self { id, slot, parent, began: Instant::now(), polls, busy_nanos, is_running }
    }

    pub(crate) fn poll_begins(&self) {
        self.polls.fetch_add(1, Ordering::Relaxed);
        self.is_running.store(true, Ordering::Relaxed);
    }

    pub(crate) fn poll_ends(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.busy_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.is_running.store(false, Ordering::Relaxed);
    }

    pub(crate) fn polls(&self) -> u64 {
        self.polls.load(Ordering::Relaxed)
    }

    /// Time in polls that are over.
    pub(crate) fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy_nanos.load(Ordering::Relaxed))
    }

    pub(crate) fn is_running(&self) -> bool {
        self.is_running.load(Ordering::Relaxed)
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
