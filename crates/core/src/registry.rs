//! What a root scope knows of the tasks started below it, so that it can end and join them all.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Arc, PoisonError};

use crate::identity::Identity;
use crate::primitives::atomic::{AtomicUsize, Ordering};
use crate::primitives::{Event, Mutex, MutexGuard};
use crate::unseen::{Reporter, Unseen};

#[derive(Default)]
pub(crate) struct Registry {
    reporter: Option<Reporter>,
    tasks: Population,
    services: Population,
    clean_ups: Population,
    threads: Population,
    /// How many of the tasks are shielded.
    shielded: AtomicUsize,
    closures: Mutex<BTreeMap<u64, &'static Location<'static>>>,
    kept: Mutex<Kept>,
}

/// Handles that nobody else holds: of detached tasks and of services.
#[derive(Default)]
struct Kept {
    /// Kinds that the root has ended: it waits for no more of them.
    closed: Vec<Kind>,
    /// The grace period has begun: time is left only for who uses it.
    ending: bool,
    /// Finished ones are swept out when there are this many, so that keeping costs the same however many are kept.
    sweep_at: usize,
    handles: Vec<KeptHandle>,
}

impl Kept {
    /// Takes out those that are over, if it is time.
    fn sweep(&mut self) -> Vec<KeptHandle> {
        if self.handles.len() < self.sweep_at {
            return Vec::new();
        }
        let over = self.handles.extract_if(.., |kept| kept.handle.is_over()).collect();
        self.sweep_at = SWEEP_AT_LEAST.max(2 * self.handles.len());
        over
    }
}

struct KeptHandle {
    kind: Kind,
    handle: Box<dyn Keep>,
}

/// The handle of something that runs. Dropping it cancels.
pub(crate) trait Keep: Send {
    fn is_over(&self) -> bool;

    /// Whether time for clean-up would be wasted on it.
    fn is_deaf(&self) -> bool;

    /// What may turn out to be left behind once the handle is dropped.
    fn suspect(&self) -> Box<dyn Suspect>;
}

/// A task that was cancelled, but may be in a poll that does not return.
pub(crate) trait Suspect: Send {
    fn is_gone(&self) -> bool;
    fn identity(&self) -> Option<Arc<Identity>>;
}

const SWEEP_AT_LEAST: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Belongs to the scope that spawned it.
    Task,
    /// Serves others, or was spawned by what does, and ends after all tasks have.
    Service,
    /// Shielded by what serves others, and ends last.
    CleanUp,
    /// A blocking closure, which nothing but itself can end.
    Thread,
}

impl Kind {
    /// What is shielded by this kind: the clean-up of a service outlives the services, that of a task the task.
    pub(crate) fn shielded(self) -> Self {
        if self == Kind::Service { Kind::CleanUp } else { self }
    }
}

impl Registry {
    pub(crate) fn new(reporter: Option<Reporter>) -> Self {
        Self { reporter, ..Self::default() }
    }

    pub(crate) fn reporter(&self) -> Option<Reporter> {
        self.reporter.clone()
    }

    /// Tells the reporter; its own panics end here, for there is nobody left to tell.
    pub(crate) fn report(&self, unseen: &Unseen) {
        if let Some(reporter) = &self.reporter {
            let _ = catch_unwind(AssertUnwindSafe(|| reporter(unseen)));
        }
    }

    /// Counts one more closure as running, until the guard is dropped.
    pub(crate) fn enlist_thread(self: &Arc<Self>, place: &'static Location<'static>) -> Running {
        self.enter(Kind::Thread);
        let mut closures = self.closures();
        let number = closures.last_key_value().map_or(0, |(last, _)| last + 1);
        closures.insert(number, place);
        Running { registry: self.clone(), number }
    }

    /// Where the closures were started that still run.
    pub(crate) fn running_closures(&self) -> Vec<&'static Location<'static>> {
        self.closures().values().copied().collect()
    }

    fn closures(&self) -> MutexGuard<'_, BTreeMap<u64, &'static Location<'static>>> {
        self.closures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more as alive, until it [leaves](Self::leave).
    pub(crate) fn enter(&self, kind: Kind) {
        self.population(kind).alive.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn leave(&self, kind: Kind) {
        let population = self.population(kind);
        if population.alive.fetch_sub(1, Ordering::SeqCst) == 1 {
            population.empty.notify(usize::MAX);
        }
    }

    fn population(&self, kind: Kind) -> &Population {
        match kind {
            Kind::Task => &self.tasks,
            Kind::Service => &self.services,
            Kind::CleanUp => &self.clean_ups,
            Kind::Thread => &self.threads,
        }
    }

    /// The same for what is shielded, whoever holds its handle.
    pub(crate) fn enter_shielded(&self) {
        self.shielded.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn leave_shielded(&self) {
        self.shielded.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether there is work that uses the grace although it does not listen, or whose handle was left to the root because
    /// it does.
    pub(crate) fn needs_time(&self) -> bool {
        self.shielded.load(Ordering::SeqCst) > 0
            || self.kept().handles.iter().any(|kept| kept.kind == Kind::Task && !kept.handle.is_over())
    }

    /// Keeps a handle until its future has ended or the root ends it.
    pub(crate) fn keep(&self, kind: Kind, handle: impl Keep + 'static) {
        let mut kept = self.kept();
        if kept.closed.contains(&kind) || (kept.ending && kind == Kind::Task && handle.is_deaf()) {
            drop(kept);
            return; // the handle is dropped, which cancels it
        }
        let over = kept.sweep();
        kept.handles.push(KeptHandle { kind, handle: Box::new(handle) });
        drop(kept);
        drop(over); // after the lock was let go, like all handles
    }

    /// Cancels what is kept of this kind. None of it is polled again after the poll in progress.
    pub(crate) fn end(&self, kind: Kind) -> Vec<Box<dyn Suspect>> {
        let ended: Vec<_> = {
            let mut kept = self.kept();
            kept.closed.push(kind);
            kept.handles.extract_if(.., |kept| kept.kind == kind).collect()
        };
        cancel(ended)
    }

    /// How many of this kind are not gone.
    pub(crate) fn alive(&self, kind: Kind) -> usize {
        self.population(kind).alive.load(Ordering::SeqCst)
    }

    /// Begins the grace period: cancels those kept tasks for which it would be wasted, and from now on each such one
    /// that is to be kept.
    pub(crate) fn end_deaf_tasks(&self) -> Vec<Box<dyn Suspect>> {
        let deaf = |kept: &mut KeptHandle| kept.kind == Kind::Task && kept.handle.is_deaf();
        let ended: Vec<_> = {
            let mut kept = self.kept();
            kept.ending = true;
            kept.handles.extract_if(.., deaf).collect()
        };
        cancel(ended)
    }

    /// Waits until none of this kind is alive.
    pub(crate) async fn gone(&self, kind: Kind) {
        let population = self.population(kind);
        loop {
            let change = population.empty.listen();
            if population.alive.load(Ordering::SeqCst) == 0 {
                return;
            }
            change.await;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Not under the lock: to drop a handle may be to drop its future.
fn cancel(handles: Vec<KeptHandle>) -> Vec<Box<dyn Suspect>> {
    let running = handles.iter().filter(|kept| !kept.handle.is_over());
    running.map(|kept| kept.handle.suspect()).collect()
}

#[derive(Default)]
struct Population {
    alive: AtomicUsize,
    empty: Event,
}

/// A closure that still runs; its drop is the last thing that happens on its thread.
pub(crate) struct Running {
    registry: Arc<Registry>,
    number: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.registry.closures().remove(&self.number);
        self.registry.leave(Kind::Thread);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Suspect for () {
        fn is_gone(&self) -> bool {
            true
        }

        fn identity(&self) -> Option<Arc<Identity>> {
            None
        }
    }

    struct Finished;

    impl Keep for Finished {
        fn is_over(&self) -> bool {
            true
        }

        fn is_deaf(&self) -> bool {
            true
        }

        fn suspect(&self) -> Box<dyn Suspect> {
            Box::new(())
        }
    }

    struct Listening;

    impl Keep for Listening {
        fn is_over(&self) -> bool {
            false
        }

        fn is_deaf(&self) -> bool {
            false
        }

        fn suspect(&self) -> Box<dyn Suspect> {
            Box::new(())
        }
    }

    #[test]
    fn finished_tasks_are_not_kept_for_ever() {
        let registry = Registry::default();
        for _ in 0..10_000 {
            registry.keep(Kind::Task, Finished);
        }
        assert!(registry.kept().handles.len() <= SWEEP_AT_LEAST);
    }

    #[test]
    fn what_comes_after_the_end_of_its_kind_is_dropped() {
        let registry = Registry::default();
        registry.end(Kind::Task);
        registry.keep(Kind::Task, Listening);
        registry.keep(Kind::Service, Listening);
        assert_eq!(registry.kept().handles.len(), 1);
    }

    #[test]
    fn only_who_listens_is_left_time() {
        let registry = Registry::default();
        registry.keep(Kind::Task, Finished);
        registry.keep(Kind::Task, Listening);
        registry.end_deaf_tasks();
        assert_eq!(registry.kept().handles.len(), 1);
        registry.keep(Kind::Task, Finished);
        registry.keep(Kind::Task, Listening);
        assert_eq!(registry.kept().handles.len(), 2);
    }

    #[test]
    fn who_waits_for_the_last_one_is_woken() {
        let registry = Registry::default();
        registry.enter(Kind::Task);
        let mut gone = std::pin::pin!(registry.gone(Kind::Task));
        assert!(futures::FutureExt::now_or_never(gone.as_mut()).is_none());
        registry.leave(Kind::Task);
        futures::executor::block_on(gone);
    }
}
