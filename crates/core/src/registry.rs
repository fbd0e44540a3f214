//! What a root scope knows of the tasks started below it, so that it can end and join them all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::Event;

use crate::cancel::CancelToken;
use crate::rt::Handle;

#[derive(Default)]
pub(crate) struct Registry {
    tasks: Population,
    services: Population,
    threads: Population,
    kept: Mutex<Kept>,
}

/// Handles that nobody else holds: of detached tasks and of services.
#[derive(Default)]
struct Kept {
    /// Kinds that the root has ended: it waits for no more of them.
    closed: Vec<Kind>,
    /// Finished ones are swept out when there are this many, so that keeping costs the same however many are kept.
    sweep_at: usize,
    handles: Vec<KeptHandle>,
}

struct KeptHandle {
    kind: Kind,
    token: CancelToken,
    handle: Box<dyn Keep>,
}

/// A handle, whatever its future gives.
pub(crate) trait Keep: Send {
    fn is_over(&self) -> bool;
}

impl<T: Send> Keep for Handle<T> {
    fn is_over(&self) -> bool {
        self.is_finished()
    }
}

const SWEEP_AT_LEAST: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Belongs to the scope that spawned it.
    Task,
    /// Serves others, or was spawned by what does, and ends after all tasks have.
    Service,
    /// A blocking closure, which nothing but itself can end.
    Thread,
}

impl Registry {
    /// Counts one more as alive, until the guard is dropped.
    pub(crate) fn enlist(self: &Arc<Self>, kind: Kind) -> Alive {
        self.population(kind).alive.fetch_add(1, Ordering::SeqCst);
        Alive { registry: self.clone(), kind }
    }

    fn population(&self, kind: Kind) -> &Population {
        match kind {
            Kind::Task => &self.tasks,
            Kind::Service => &self.services,
            Kind::Thread => &self.threads,
        }
    }

    /// Keeps a handle until its future has ended or the root ends it.
    pub(crate) fn keep(&self, kind: Kind, token: CancelToken, handle: impl Keep + 'static) {
        let mut kept = self.kept();
        if kept.closed.contains(&kind) {
            drop(kept);
            return; // the handle is dropped, which cancels it
        }
        if kept.handles.len() >= kept.sweep_at {
            kept.handles.retain(|kept| !kept.handle.is_over());
            kept.sweep_at = SWEEP_AT_LEAST.max(2 * kept.handles.len());
        }
        kept.handles.push(KeptHandle { kind, token, handle: Box::new(handle) });
    }

    /// Cancels what is kept of this kind. None of it is polled again after the poll in progress.
    pub(crate) fn end(&self, kind: Kind) {
        let ended: Vec<_> = {
            let mut kept = self.kept();
            kept.closed.push(kind);
            kept.handles.extract_if(.., |kept| kept.kind == kind).collect()
        };
        drop(ended);
    }

    /// Cancels those kept tasks in which nobody waits for the cancelling, so that time for clean-up is not for them.
    /// From now on no further task is kept.
    pub(crate) fn end_deaf_tasks(&self) {
        let deaf = |kept: &mut KeptHandle| kept.kind == Kind::Task && !kept.token.is_listened_to();
        let ended: Vec<_> = {
            let mut kept = self.kept();
            kept.closed.push(Kind::Task);
            kept.handles.extract_if(.., deaf).collect()
        };
        drop(ended);
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

#[derive(Default)]
struct Population {
    alive: AtomicUsize,
    empty: Event,
}

/// A task that is still there; its drop is the last thing that happens to the task's future.
pub(crate) struct Alive {
    registry: Arc<Registry>,
    kind: Kind,
}

impl Drop for Alive {
    fn drop(&mut self) {
        let population = self.registry.population(self.kind);
        if population.alive.fetch_sub(1, Ordering::SeqCst) == 1 {
            population.empty.notify(usize::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Finished;

    impl Keep for Finished {
        fn is_over(&self) -> bool {
            true
        }
    }

    #[test]
    fn finished_tasks_are_not_kept_for_ever() {
        let registry = Registry::default();
        for _ in 0..10_000 {
            registry.keep(Kind::Task, CancelToken::new(), Finished);
        }
        assert!(registry.kept().handles.len() <= SWEEP_AT_LEAST);
    }

    #[test]
    fn what_comes_after_the_end_of_its_kind_is_dropped() {
        let registry = Registry::default();
        registry.end(Kind::Task);
        registry.keep(Kind::Task, CancelToken::new(), Finished);
        registry.keep(Kind::Service, CancelToken::new(), Finished);
        assert_eq!(registry.kept().handles.len(), 1);
    }

    #[test]
    fn only_who_listens_is_left_time() {
        let registry = Registry::default();
        let listening = CancelToken::new();
        let told = futures::FutureExt::now_or_never(&mut listening.cancelled());
        assert_eq!(told, None);
        let mut ear = listening.child().cancelled();
        assert_eq!(futures::FutureExt::now_or_never(&mut ear), None);
        registry.keep(Kind::Task, CancelToken::new(), Finished);
        registry.keep(Kind::Task, listening, Finished);
        registry.end_deaf_tasks();
        assert_eq!(registry.kept().handles.len(), 1);
    }

    #[test]
    fn who_waits_for_the_last_one_is_woken() {
        let registry = Arc::new(Registry::default());
        let alive = registry.enlist(Kind::Task);
        let mut gone = std::pin::pin!(registry.gone(Kind::Task));
        assert!(futures::FutureExt::now_or_never(gone.as_mut()).is_none());
        drop(alive);
        futures::executor::block_on(gone);
    }
}
