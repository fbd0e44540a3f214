//! The tasks there are, as a tree.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use slab::Slab;

use super::lag::{Lag, lag};
use crate::identity::{Identity, Life};
use crate::lane::Lane;

type Part = Mutex<Slab<Arc<Identity>>>;

/// In several parts, so that threads which spawn do not wait for one another.
static TASKS: LazyLock<[Part; 16]> = LazyLock::new(|| std::array::from_fn(|_| Mutex::new(Slab::new())));
static NEXT: AtomicU64 = AtomicU64::new(1);

pub(super) fn enter(
    name: Option<Cow<'static, str>>,
    spawned_at: &'static Location<'static>,
    parent: Option<&Arc<Identity>>,
) -> Arc<Identity> {
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let parent = parent.and_then(|parent| parent.life()).map(|life| life.id);
    let mut part = part(id);
    let place = part.vacant_entry();
    let life = Life::new(id, place.key(), parent);
    place.insert(Arc::new(Identity::new(name, spawned_at, Some(life)))).clone()
}

fn leave(life: &Life) {
    let gone = part(life.id).try_remove(life.slot);
    drop(gone);
}

/// The task is over.
pub(crate) fn over(identity: Option<&Arc<Identity>>) {
    if let Some(life) = identity.and_then(|identity| identity.life()) {
        leave(life);
    }
}

fn part(id: u64) -> MutexGuard<'static, Slab<Arc<Identity>>> {
    let part = usize::try_from(id).unwrap_or_default() % TASKS.len();
    lock(&TASKS[part])
}

fn lock(part: &Part) -> MutexGuard<'_, Slab<Arc<Identity>>> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn dump(is_on: bool) -> Dump {
    let mut tasks: Vec<TaskInfo> = Vec::new();
    for part in TASKS.iter() {
        tasks.extend(lock(part).iter().filter_map(|(_, identity)| TaskInfo::of(identity)));
    }
    tasks.sort_unstable_by_key(|task| task.id);
    Dump { is_on, tasks, lag: lag(), lanes: [Lane::Io, Lane::Cpu].map(LaneInfo::of) }
}

/// What [`dump`](super::dump) has seen. `Display` is the tree as text.
///
/// ```
/// use gather_core::debug;
///
/// let dump = debug::dump();
/// if !dump.is_on() {
///     assert!(dump.tasks().is_empty());
///     assert_eq!(dump.to_string(), "debug mode is off; hint: GATHER_DEBUG=1");
/// }
/// assert!(dump.to_json()["lanes"]["io"]["queued"].is_u64());
/// ```
#[derive(Clone, Debug)]
pub struct Dump {
    is_on: bool,
    tasks: Vec<TaskInfo>,
    lag: Lag,
    lanes: [LaneInfo; 2],
}

#[derive(Clone, Debug)]
struct LaneInfo {
    name: &'static str,
    running: usize,
    queued: usize,
}

impl LaneInfo {
    fn of(lane: Lane) -> Self {
        let name = match lane {
            Lane::Io => "io",
            Lane::Cpu => "cpu",
        };
        Self { name, running: lane.running(), queued: lane.queued() }
    }
}

/// What is known of one task.
///
/// ```standalone_crate
/// use gather_core::{debug, run, spawn_named};
///
/// debug::start(debug::Options::new());
/// run(async {
///     let waits = spawn_named("waits", std::future::pending::<()>());
///     let dump = debug::dump();
///     let info = dump.tasks().iter().find(|task| task.name() == Some("waits")).unwrap();
///     let main = dump.tasks().iter().find(|task| task.name() == Some("main")).unwrap();
///     assert_eq!(info.parent(), Some(main.id()));
///     assert!(info.to_string().starts_with("waits #"));
///     drop(waits);
/// })
/// .unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct TaskInfo {
    id: u64,
    parent: Option<u64>,
    name: Option<String>,
    spawned_at: &'static Location<'static>,
    state: State,
    busy: Duration,
    polls: u64,
    age: Duration,
}

/// What a task does.
///
/// ```standalone_crate
/// use gather_core::{debug, run, spawn_named};
///
/// debug::start(debug::Options::new());
/// run(async {
///     let waits = spawn_named("waits", std::future::pending::<()>());
///     let dump = debug::dump();
///     let info = dump.tasks().iter().find(|task| task.name() == Some("waits")).unwrap();
///     assert!([debug::State::Running, debug::State::Waiting].contains(&info.state()));
///     assert_eq!(debug::State::Waiting.to_string(), "waiting");
///     drop(waits);
/// })
/// .unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It is being polled.
    Running,
    /// It waits: to be woken, or to be polled.
    Waiting,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Running => "running",
            State::Waiting => "waiting",
        })
    }
}

impl TaskInfo {
    fn of(identity: &Identity) -> Option<Self> {
        let life = identity.life()?;
        Some(Self {
            id: life.id,
            parent: life.parent,
            name: identity.name().map(ToOwned::to_owned),
            spawned_at: identity.spawned_at(),
            state: if life.is_running() { State::Running } else { State::Waiting },
            busy: life.busy(),
            polls: life.polls(),
            age: life.began.elapsed(),
        })
    }

    /// Its number in this process, from 1.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The number of the task that spawned it, which need not be there any more.
    pub fn parent(&self) -> Option<u64> {
        self.parent
    }

    /// Its name, if it has one. The main future of a root scope is called `main`.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The place in the code that spawned it.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// What it does.
    pub fn state(&self) -> State {
        self.state
    }

    /// How long it was polled, the poll in progress not included.
    pub fn busy(&self) -> Duration {
        self.busy
    }

    /// How often it was polled.
    pub fn polls(&self) -> u64 {
        self.polls
    }

    /// How long ago it was spawned.
    pub fn age(&self) -> Duration {
        self.age
    }

    fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "parent": self.parent,
            "name": self.name,
            "spawned_at": self.spawned_at.to_string(),
            "state": self.state.to_string(),
            "busy_ms": millis(self.busy),
            "polls": self.polls,
            "age_ms": millis(self.age),
        })
    }
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("task");
        write!(f, "{name} #{} at {}: {}, ", self.id, self.spawned_at, self.state)?;
        write!(f, "busy {} ms in {} polls, {} ms old", millis(self.busy), self.polls, millis(self.age))
    }
}

impl Dump {
    /// Whether debug mode is on: while it is off, nothing is seen.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// The tasks, in the order of spawning.
    pub fn tasks(&self) -> &[TaskInfo] {
        &self.tasks
    }

    /// The same as JSON: `tasks` (each with `id`, `parent`, `name`, `spawned_at`, `state`, `busy_ms`, `polls`, `age_ms`),
    /// `lag_ms`, `greatest_lag_ms`, and `lanes` (`io` and `cpu`, each with `running` and `queued`).
    pub fn to_json(&self) -> Value {
        let lanes = self
            .lanes
            .iter()
            .map(|lane| (lane.name.to_owned(), json!({ "running": lane.running, "queued": lane.queued })));
        json!({
            "is_on": self.is_on,
            "tasks": self.tasks.iter().map(TaskInfo::to_json).collect::<Vec<_>>(),
            "lag_ms": millis(self.lag.latest),
            "greatest_lag_ms": millis(self.lag.greatest),
            "lanes": Value::Object(lanes.collect()),
        })
    }

    fn branches(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there: BTreeMap<u64, &TaskInfo> = self.tasks.iter().map(|task| (task.id, task)).collect();
        let mut children = Children::new();
        for task in self.tasks.iter().rev() {
            let parent = task.parent.filter(|parent| there.contains_key(parent));
            children.entry(parent).or_default().push(task);
        }
        // Not recursively: tasks that each spawn the next make a deep tree.
        let mut left = below(&mut children, None, 0);
        while let Some((depth, task)) = left.pop() {
            write!(f, "\n{:indent$}{task}", "", indent = 2 * depth)?;
            left.extend(below(&mut children, Some(task.id), depth + 1));
        }
        Ok(())
    }
}

type Children<'a> = BTreeMap<Option<u64>, Vec<&'a TaskInfo>>;

fn below<'a>(children: &mut Children<'a>, parent: Option<u64>, depth: usize) -> Vec<(usize, &'a TaskInfo)> {
    children.remove(&parent).unwrap_or_default().into_iter().map(|task| (depth, task)).collect()
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_on {
            return f.write_str("debug mode is off; hint: GATHER_DEBUG=1");
        }
        write!(
            f,
            "{} tasks; lag {} ms, at most {} ms",
            self.tasks.len(),
            millis(self.lag.latest),
            millis(self.lag.greatest)
        )?;
        for LaneInfo { name, running, queued } in &self.lanes {
            write!(f, "; {name} lane: {running} running, {queued} queued")?;
        }
        self.branches(f)
    }
}

/// To a microsecond.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
