//! What a group and its tasks share: who runs, who waits, what came of whom.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::failure::{Cause, Failed};
use super::member::{Home, Member, Place};
use super::policy::Policy;
use crate::context::Context;
use crate::debug;
use crate::identity::Identity;
use crate::outcome::{By, Panic, Reason};
use crate::primitives::{Event, EventListener, Mutex, MutexGuard};
use crate::rt::Handle;
use crate::task::DEFAULT_GRACE;
use crate::time::sleep;
use crate::unseen::{Fault, Unseen};

/// What came of a task of a group.
pub(super) type Ended<T, E> = Result<T, Failed<E>>;

type Work<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

pub(super) struct Shared<T, E> {
    /// That of the group, which its tasks' are below.
    context: Context,
    state: Mutex<State<T, E>>,
    /// An outcome is there to be taken.
    came: Event,
    /// There is room for one more to run.
    room: Event,
    /// None runs and none waits.
    idle: Event,
}

pub(super) struct State<T, E> {
    pub(super) options: Options,
    /// How many were spawned so far.
    spawned: usize,
    /// How many have a future that is not gone yet.
    alive: usize,
    /// Those of them that nobody has begun to drop.
    running: BTreeMap<usize, Running>,
    queue: VecDeque<Queued<T, E>>,
    ended: VecDeque<(usize, Ended<T, E>)>,
    /// No more is begun, for this reason.
    cancelled: Option<Reason>,
    is_dropped: bool,
    /// Ends who is still there when the grace is over. Dropped with the group.
    reaper: Option<Handle<()>>,
}

pub(super) struct Options {
    pub(super) policy: Policy,
    pub(super) width: Option<NonZeroUsize>,
    pub(super) grace: Duration,
    pub(super) name: Option<String>,
}

struct Running {
    handle: Handle<()>,
    context: Context,
}

struct Queued<T, E> {
    index: usize,
    identity: Option<Arc<Identity>>,
    work: Work<T, E>,
}

impl<T, E> State<T, E> {
    fn has_room(&self) -> bool {
        self.options.width.is_none_or(|width| self.alive < width.get())
    }

    fn is_idle(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.alive + self.queue.len()
    }

    /// Nobody will ask for what comes of the tasks.
    fn is_unwanted(&self) -> bool {
        self.options.policy == Policy::Supervise || self.is_dropped
    }

    /// Nobody can add to it any more, and all are gone.
    fn is_closed(&self) -> bool {
        self.is_idle() && (self.cancelled.is_some() || self.is_dropped)
    }

    /// Takes out those who run and fulfil the condition.
    fn extract(&mut self, condition: impl Fn(&Running) -> bool) -> Vec<Running> {
        self.running.extract_if(.., |_, running| condition(running)).map(|(_, running)| running).collect()
    }
}

impl<T, E> Shared<T, E>
where
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    pub(super) fn new(context: Context) -> Self {
        let options = Options { policy: Policy::default(), width: None, grace: DEFAULT_GRACE, name: None };
        let state = State {
            options,
            spawned: 0,
            alive: 0,
            running: BTreeMap::new(),
            queue: VecDeque::new(),
            ended: VecDeque::new(),
            cancelled: None,
            is_dropped: false,
            reaper: None,
        };
        let (came, room, idle) = (Event::new(), Event::new(), Event::new());
        Self { context, state: Mutex::new(state), came, room, idle }
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State<T, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the work, or lets it wait for room, or, if the group is cancelled, drops it.
    pub(super) fn admit<F>(
        self: &Arc<Self>,
        name: Option<Cow<'static, str>>,
        place: &'static Location<'static>,
        work: F,
    ) -> usize
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let identity = debug::identify(name, place, self.context.identity());
        let mut state = self.state();
        let index = state.spawned;
        state.spawned += 1;
        if let Some(reason) = state.cancelled.clone() {
            debug::over(identity.as_ref());
            let failed = Failed { index, identity, cause: Cause::Cancelled(reason) };
            let unwanted = self.record(&mut state, index, Err(failed));
            drop(state);
            drop(unwanted);
            self.discard(work);
        } else if state.has_room() {
            self.begin(&mut state, index, identity, work);
        } else {
            state.queue.push_back(Queued { index, identity, work: Box::pin(work) });
        }
        index
    }

    /// Under the lock, so that the task is known before it can be over.
    fn begin<F>(
        self: &Arc<Self>,
        state: &mut State<T, E>,
        index: usize,
        identity: Option<Arc<Identity>>,
        work: F,
    ) where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let context = self.context.child(identity.clone());
        let member = Member::new(&context, work, Place::new(self.clone(), index, identity));
        let handle = context.executor().spawn(member);
        state.alive += 1;
        state.running.insert(index, Running { handle, context });
    }

    /// The next one takes its place.
    fn leave(self: &Arc<Self>, index: usize, ended: Option<Ended<T, E>>) {
        let why = ended.as_ref().and_then(|ended| self.why_it_sinks(ended));
        let mut state = self.state();
        let over = state.running.remove(&index);
        state.alive -= 1;
        let sinks_the_group = why.filter(|_| state.cancelled.is_none());
        let unwanted = ended.and_then(|ended| self.record(&mut state, index, ended));
        if sinks_the_group.is_none()
            && let Some(next) = state.queue.pop_front()
        {
            self.begin(&mut state, next.index, next.identity, next.work);
        }
        self.notify(&state);
        drop(state);
        if let Some(over) = over {
            over.handle.detach();
        }
        unwanted.into_iter().for_each(|unwanted| self.dispose(unwanted));
        if let Some(reason) = sinks_the_group {
            self.cancel(reason);
        }
    }

    /// If this end is that of the whole group, the reason.
    fn why_it_sinks(&self, ended: &Ended<T, E>) -> Option<Reason> {
        let failed = ended.as_ref().err().filter(|failed| !failed.is_cancelled())?;
        if self.state().options.policy != Policy::FailFast {
            return None;
        }
        let why = catch_unwind(AssertUnwindSafe(|| failed.to_string()));
        Some(Reason::by_whom(By::Sibling, why.unwrap_or_else(|_| format!("task {} failed", failed.index))))
    }

    /// Drops an outcome that nobody will ask for, and tells of it what must not go unseen. Not under the lock: what the
    /// caller's types do here may come back to the group.
    fn dispose(&self, ended: Ended<T, E>) {
        let _entered = self.context.enter();
        let unseen = catch_unwind(AssertUnwindSafe(|| ended.err().and_then(Failed::into_unseen)));
        match unseen {
            Ok(unseen) => unseen.iter().for_each(|unseen| self.context.tell(unseen)),
            Err(payload) => self.context.report(Fault::Panicked(Panic::from(payload))),
        }
    }

    /// Keeps the outcome for who will ask for it; if nobody will, gives it back.
    fn record(&self, state: &mut State<T, E>, index: usize, ended: Ended<T, E>) -> Option<Ended<T, E>> {
        if state.is_unwanted() {
            return Some(ended);
        }
        state.ended.push_back((index, ended));
        self.came.notify_additional(1);
        None
    }

    fn notify(&self, state: &State<T, E>) {
        if state.has_room() {
            self.room.notify_additional(1);
        }
        if state.is_idle() {
            self.idle.notify(usize::MAX);
            self.came.notify(usize::MAX);
        }
    }

    /// Fires the group's token. Who listens has the grace to end by itself, everybody else is dropped at once.
    pub(super) fn cancel(self: &Arc<Self>, reason: Reason) {
        if !self.begin_no_more(&reason) {
            return;
        }
        self.context.token().cancel(reason);
        let mut state = self.state();
        let deaf = state.extract(|running| !running.context.is_listened_to());
        if !state.running.is_empty() {
            state.reaper = Some(self.reaper(state.options.grace));
        }
        drop(state);
        drop(deaf);
    }

    /// Drops all at once. The token fires last, so that it wakes nobody who would then be polled once more.
    pub(super) fn abandon(self: &Arc<Self>, reason: Reason) {
        self.begin_no_more(&reason);
        let (all, unwanted) = {
            let mut state = self.state();
            state.is_dropped = true;
            (state.extract(|_| true), std::mem::take(&mut state.ended))
        };
        drop(all);
        self.context.token().cancel(reason);
        unwanted.into_iter().for_each(|(_, ended)| self.dispose(ended));
        self.idle.notify(usize::MAX);
    }

    /// Whether this is the first reason. What waits for room will not be begun.
    fn begin_no_more(&self, reason: &Reason) -> bool {
        let mut state = self.state();
        let first = state.cancelled.is_none();
        state.cancelled.get_or_insert_with(|| reason.clone());
        let left = std::mem::take(&mut state.queue);
        let mut futures = Vec::with_capacity(left.len());
        for Queued { index, identity, work } in left {
            debug::over(identity.as_ref());
            let failed = Failed { index, identity, cause: Cause::Cancelled(reason.clone()) };
            self.record(&mut state, index, Err(failed));
            futures.push(work);
        }
        self.room.notify(usize::MAX);
        self.notify(&state);
        drop(state);
        futures.into_iter().for_each(|future| self.discard(future));
        first
    }

    /// Drops work that was never begun, whose destructor may do what it likes.
    fn discard<F>(&self, work: F) {
        let _entered = self.context.enter();
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(work))) {
            self.context.report(Fault::Panicked(Panic::from(payload)));
        }
    }

    fn reaper(self: &Arc<Self>, grace: Duration) -> Handle<()> {
        let group = Arc::downgrade(self);
        self.context.executor().spawn(self.context.clone().within(async move {
            sleep(grace).await;
            if let Some(group) = group.upgrade() {
                let late = group.state().extract(|_| true);
                drop(late);
            }
        }))
    }

    /// The next outcome as they come, or `None` when none is left.
    pub(super) async fn next(&self) -> Option<(usize, Ended<T, E>)> {
        let take = |state: &mut State<T, E>| match state.ended.pop_front() {
            Some(ended) => Some(Some(ended)),
            None => state.is_idle().then_some(None),
        };
        self.wait(&self.came, take).await
    }

    /// Waits until all are gone, and gives what has come of them, in the order of spawning.
    pub(super) async fn all(&self) -> Vec<(usize, Ended<T, E>)> {
        let take = |state: &mut State<T, E>| state.is_idle().then(|| std::mem::take(&mut state.ended));
        let mut all = Vec::from(self.wait(&self.idle, take).await);
        all.sort_unstable_by_key(|(index, _)| *index);
        all
    }

    pub(super) async fn room(&self) {
        let has_room =
            |state: &mut State<T, E>| (state.has_room() || state.cancelled.is_some()).then_some(());
        self.wait(&self.room, has_room).await;
        self.room.notify_additional(1); // who leaves may not take the place: the next one looks, too
    }

    pub(super) async fn closed(&self) {
        self.wait(&self.idle, |state| state.is_closed().then_some(())).await;
    }

    /// Looks whenever the event says that there may be something to see.
    async fn wait<R>(&self, event: &Event, look: impl Fn(&mut State<T, E>) -> Option<R>) -> R {
        loop {
            // Listen first, look second: what comes in between has notified the listener.
            let change: EventListener = event.listen();
            if let Some(seen) = look(&mut self.state()) {
                return seen;
            }
            change.await;
        }
    }
}

impl<T, E> Home<T, E> for Shared<T, E>
where
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    fn end(self: &Arc<Self>, index: usize, ended: Ended<T, E>) {
        if self.state().is_unwanted() {
            self.dispose(ended); // first, so that nothing of it is left when the group is joined
            self.leave(index, None);
        } else {
            self.leave(index, Some(ended));
        }
    }

    fn cancelled(&self) -> Option<Reason> {
        self.context.token().reason()
    }
}

impl<E: fmt::Display> Failed<E> {
    /// What somebody should hear of, if nobody looks at this: being cancelled is no fault.
    fn into_unseen(self) -> Option<Unseen> {
        let fault = match self.cause {
            Cause::Error(error) => Fault::Failed(error.to_string().into()),
            Cause::Panicked(panic) => Fault::Panicked(panic),
            Cause::Cancelled(_) => return None,
        };
        Some(Unseen::new(self.identity, fault))
    }
}
