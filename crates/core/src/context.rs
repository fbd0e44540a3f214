//! What travels with a task: the token of its scope, and what it inherits.
//!
//! The context is ambient: it is set around every poll of a future that runs [`Context::within`] one, and
//! [`spawn`](crate::spawn) hands it on. It reaches what gather-core polls or spawns, and nothing else.

use std::borrow::Cow;
use std::cell::RefCell;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::{Poll, ready};

use pin_project_lite::pin_project;

use crate::cancel::CancelToken;
use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::debug;
use crate::executor::Executor;
use crate::identity::Identity;
use crate::lineage::{self, Ancestor, Link, Loose};
use crate::primitives::atomic::{AtomicU8, Ordering};
use crate::registry::{Kind, Registry, Running};
use crate::unseen::{Fault, Unseen};

crate::primitives::thread_local! {
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

#[derive(Clone)]
pub(crate) struct Context(Arc<Inner>);

/// A task costs one of these, so it is small, and made without touching much that is shared.
struct Inner {
    /// The one that it inherits from, if it does.
    outer: Option<Context>,
    scope: Scope,
    /// Made when somebody first asks for it, which for most tasks nobody does.
    token: OnceLock<CancelToken>,
    /// `None`: what the outer one has. Cloning the `Arc` in it would let all threads that spawn wait for its counter.
    own: Option<Box<Own>>,
    /// How many outer ones may have to be asked.
    steps: u8,
    /// Of the task that runs in it; most need none.
    identity: Option<Arc<Identity>>,
    /// One of the four below: what holds a task together with its handle.
    bond: AtomicU8,
}

/// What a context has that inherits nothing from the outer one.
struct Own {
    inherited: Arc<Inherited>,
    /// For the token alone.
    outer: Option<Loose<Context>>,
}

impl Inner {
    fn take_outer(&mut self) -> Option<Context> {
        self.outer.take().or_else(|| self.own.as_mut()?.outer.take()?.into_above())
    }
}

const HELD: u8 = 0;
const ABANDONED: u8 = 1;
const OVER: u8 = 2;
const GONE: u8 = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// A scope of its own, cancelled with the outer one.
    Child,
    /// The outer one.
    Same,
}

/// Frees a long line of outer contexts one by one, for freeing it recursively would overflow the stack.
impl Drop for Inner {
    fn drop(&mut self) {
        let mut next = self.take_outer();
        while let Some(mut inner) = next.and_then(|context| Arc::into_inner(context.0)) {
            next = inner.take_outer();
        }
    }
}

impl Ancestor for Context {
    fn link(&self) -> Link<'_, Self> {
        if let Some(outer) = &self.0.outer {
            return Link::Fixed(outer);
        }
        let loose = self.0.own.as_ref().and_then(|own| own.outer.as_ref());
        loose.map_or(Link::Nobody, Link::Loose)
    }

    /// Once there is a token, that knows who is above.
    fn is_on_the_way(&self) -> bool {
        self.0.token.get().is_none()
    }

    fn is_out_of_reach(&mut self) -> bool {
        Arc::get_mut(&mut self.0)
            .is_some_and(|inner| inner.token.get_mut().is_none_or(Ancestor::is_out_of_reach))
    }

    fn take_link(&mut self) -> Option<Self> {
        Arc::get_mut(&mut self.0)?.take_outer()
    }
}

#[derive(Clone)]
struct Inherited {
    deadline: Deadline,
    clock: Clock,
    executor: Executor,
    registry: Option<Arc<Registry>>,
    /// What is spawned here counts as this.
    kind: Kind,
    /// What is spawned here has its time when the root scope ends, also if it does not listen.
    is_shielded: bool,
}

/// What there is outside of any scope: it never fires and never ends.
static OUTSIDE: LazyLock<Context> =
    LazyLock::new(|| Context::new(None, Scope::Child, Some(NOTHING.clone()), None));

static NOTHING: LazyLock<Arc<Inherited>> = LazyLock::new(|| {
    Arc::new(Inherited {
        deadline: Deadline::never(),
        clock: Clock::system(),
        executor: Executor::Runtime,
        registry: None,
        kind: Kind::Task,
        is_shielded: false,
    })
});

/// So that a chain of tasks which start one another does not make the way to what they inherit longer and longer.
const MOST_STEPS: u8 = 8;

impl Context {
    fn new(
        outer: Option<&Context>,
        scope: Scope,
        inherited: Option<Arc<Inherited>>,
        identity: Option<Arc<Identity>>,
    ) -> Self {
        let steps = match (outer, &inherited) {
            (Some(outer), None) => outer.0.steps + 1,
            _ => 0,
        };
        let (outer, own) = match (outer.cloned(), inherited) {
            (outer, None) => (outer, None),
            (outer, Some(inherited)) => {
                (None, Some(Box::new(Own { inherited, outer: outer.map(Loose::new) })))
            }
        };
        let (token, bond) = (OnceLock::new(), AtomicU8::new(HELD));
        Self(Arc::new(Inner { outer, scope, token, own, steps, identity, bond }))
    }

    /// Below this one, and inheriting the same.
    fn below(&self, scope: Scope, identity: Option<Arc<Identity>>) -> Self {
        let is_far = self.0.steps + 1 >= MOST_STEPS;
        Self::new(Some(self), scope, is_far.then(|| self.inherited().clone()), identity)
    }

    fn inherited(&self) -> &Arc<Inherited> {
        let own = lineage::near(self).find_map(|context| context.0.own.as_ref());
        own.map_or(&NOTHING, |own| &own.inherited)
    }

    /// The context of the code that asks.
    pub(crate) fn current() -> Self {
        Self::with_current(Self::clone)
    }

    /// Looks at the context of the code that asks, without the cost of a clone. To look is all it may do.
    pub(crate) fn with_current<T>(look: impl Fn(&Self) -> T) -> T {
        let inside = CURRENT.try_with(|current| current.borrow().as_ref().map(&look));
        inside.ok().flatten().unwrap_or_else(|| look(&OUTSIDE))
    }

    /// The token of the scope of the code that asks; outside of any, one of its own.
    pub(crate) fn current_token() -> CancelToken {
        let inside =
            CURRENT.try_with(|current| current.borrow().as_ref().map(|context| context.token().clone()));
        inside.ok().flatten().unwrap_or_default()
    }

    /// A root scope on the runtime: below the present one, with its clock, unless time there is virtual.
    pub(crate) fn root(registry: Arc<Registry>) -> Self {
        Self::current().inheriting(|all| {
            if all.executor.is_simulation() {
                (all.executor, all.clock) = (Executor::Runtime, Clock::system());
            }
            (all.registry, all.kind, all.is_shielded) = (Some(registry), Kind::Task, false);
        })
    }

    /// The same on another executor, with the clock of that.
    pub(crate) fn on(&self, executor: Executor) -> Self {
        self.inheriting(|all| (all.clock, all.executor) = (executor.clock(), executor))
    }

    /// The token of its scope.
    pub(crate) fn token(&self) -> &CancelToken {
        if let Some(token) = self.0.token.get() {
            return token;
        }
        // Outermost first, and not recursively: the line may be long.
        let mut without = Vec::new();
        let mut token = lineage::search(self, |context| {
            let token = context.0.token.get();
            if token.is_none() {
                without.push(context.clone());
            }
            token.cloned()
        });
        for context in without.into_iter().rev() {
            token = Some(context.0.token.get_or_init(|| context.make_token(token)).clone());
        }
        self.0.token.get_or_init(CancelToken::new)
    }

    fn make_token(&self, outer: Option<CancelToken>) -> CancelToken {
        match (outer, self.0.scope) {
            (None, _) => CancelToken::new(),
            (Some(outer), Scope::Child) => outer.child(),
            (Some(outer), Scope::Same) => outer,
        }
    }

    /// Whether its scope was cancelled and somebody in it waits for that, or did so when it came.
    pub(crate) fn is_listened_to(&self) -> bool {
        self.0.token.get().is_some_and(|token| token.is_cancelled() && token.is_listened_to())
    }

    pub(crate) fn deadline(&self) -> Deadline {
        self.inherited().deadline
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.inherited().clock
    }

    pub(crate) fn executor(&self) -> &Executor {
        &self.inherited().executor
    }

    pub(crate) fn registry(&self) -> Option<&Arc<Registry>> {
        self.inherited().registry.as_ref()
    }

    /// Nobody holds the handle of its task any more: what comes of it from now on nobody will look at. Returns whether
    /// an output or a panic is on its way to the handle.
    pub(crate) fn abandon(&self) -> bool {
        matches!(self.0.bond.swap(ABANDONED, Ordering::SeqCst), OVER | GONE)
    }

    /// The future of its task is gone.
    pub(crate) fn set_gone(&self) {
        self.0.bond.store(GONE, Ordering::Release);
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.0.bond.load(Ordering::Acquire) == GONE
    }

    /// Whether an output or a panic has set out on its way to the handle.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.0.bond.load(Ordering::SeqCst), OVER | GONE)
    }

    /// An output or a panic sets out on its way to the handle. Returns whether there is one that may be looked at.
    pub(crate) fn sets_out(&self) -> bool {
        self.0.bond.compare_exchange(HELD, OVER, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Tells the root scope of what nobody else will look at.
    pub(crate) fn report(&self, fault: Fault) {
        self.tell(&Unseen::new(self.0.identity.clone(), fault));
    }

    /// The same, of another task.
    pub(crate) fn tell(&self, unseen: &Unseen) {
        if let Some(registry) = self.registry() {
            registry.report(unseen);
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.inherited().kind
    }

    pub(crate) fn is_shielded(&self) -> bool {
        self.inherited().is_shielded
    }

    /// Counts one more closure as running below the root, if there is one.
    pub(crate) fn enlist_thread(&self, place: &'static Location<'static>) -> Option<Running> {
        self.registry().map(|registry| registry.enlist_thread(place))
    }

    /// What a task that is spawned here runs in.
    pub(crate) fn child(&self, identity: Option<Arc<Identity>>) -> Self {
        self.below(Scope::Child, identity)
    }

    /// The same for a task of its own, that is spawned here.
    pub(crate) fn identified(&self, name: Option<Cow<'static, str>>, at: &'static Location<'static>) -> Self {
        let identity = debug::identify(name, at, self.identity());
        self.below(Scope::Same, identity)
    }

    pub(crate) fn identity(&self) -> Option<&Arc<Identity>> {
        self.0.identity.as_ref()
    }

    pub(crate) fn with_token(&self, token: CancelToken) -> Self {
        let same = Self::new(None, Scope::Same, Some(self.inherited().clone()), self.0.identity.clone());
        let _ = same.0.token.set(token);
        same
    }

    pub(crate) fn with_clock(&self, clock: Clock) -> Self {
        self.inheriting(|all| all.clock = clock)
    }

    /// The same with a deadline; of two the earlier one holds.
    pub(crate) fn with_deadline(&self, deadline: Deadline) -> Self {
        self.inheriting(|all| all.deadline = all.deadline.or_earlier(deadline))
    }

    /// Nothing inherited but the registry of the root, which must know of every task.
    pub(crate) fn for_service(&self) -> Self {
        self.with_token(CancelToken::new()).inheriting(|all| {
            (all.deadline, all.is_shielded) = (Deadline::never(), false);
            (all.clock, all.kind) = (all.executor.clock(), Kind::Service);
        })
    }

    /// Out of reach of every scope around it, with a deadline of its own.
    pub(crate) fn shielded(&self, deadline: Deadline) -> Self {
        self.with_token(CancelToken::new()).inheriting(|all| {
            (all.deadline, all.is_shielded) = (deadline, true);
            all.kind = all.kind.shielded();
        })
    }

    fn inheriting(&self, change: impl FnOnce(&mut Inherited)) -> Self {
        let mut inherited = (**self.inherited()).clone();
        change(&mut inherited);
        Self::new(Some(self), Scope::Same, Some(Arc::new(inherited)), self.0.identity.clone())
    }

    pub(crate) fn within<F: Future>(self, future: F) -> Within<F> {
        Within { context: Some(self), future: Some(future) }
    }

    /// Runs a future in what `change` makes of the context that it is first polled in.
    pub(crate) fn changed<F, C>(change: C, future: F) -> Changed<F, C>
    where
        F: Future,
        C: FnOnce(&Context) -> Context,
    {
        Changed { change: Some(change), work: Within::anywhere(future) }
    }

    /// Makes this the current context until the guard is dropped.
    pub(crate) fn enter(&self) -> Entered {
        let mut outer = Some(self.clone());
        swap_with_current(&mut outer);
        Entered { outer }
    }
}

pub(crate) struct Entered {
    outer: Option<Context>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        swap_with_current(&mut self.outer);
    }
}

/// While the thread's locals are being destroyed there is nothing to swap with.
fn swap_with_current(context: &mut Option<Context>) {
    let _ = CURRENT.try_with(|current| std::mem::swap(&mut *current.borrow_mut(), context));
}

/// A context that is current until the guard is dropped; meanwhile its place holds the outer one. It is moved, not
/// cloned: what is polled a million times should not count references.
struct Lent<'a>(&'a mut Option<Context>);

impl<'a> Lent<'a> {
    fn from(place: &'a mut Option<Context>) -> Option<Self> {
        place.as_ref()?;
        swap_with_current(place);
        Some(Self(place))
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        swap_with_current(self.0);
    }
}

// The futures here and in `deadline` and `scope` are written by hand, because an `async fn` keeps its argument beside
// the pinned copy of it: each one around a future would double its size.

pin_project! {
    /// A future that is polled, and dropped, in a context.
    pub(crate) struct Within<F> {
        context: Option<Context>,
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Within<F> {
        fn drop(this: Pin<&mut Self>) {
            this.end();
        }
    }
}

impl<F> Within<F> {
    /// In the context of whoever polls it, until it is [`moved`](Self::move_to).
    pub(crate) fn anywhere(future: F) -> Self {
        Self { context: None, future: Some(future) }
    }

    pub(crate) fn move_to(self: Pin<&mut Self>, context: Context) {
        *self.project().context = Some(context);
    }

    /// The context, unless it is polled in it right now.
    pub(crate) fn context(self: Pin<&mut Self>) -> Option<&Context> {
        self.project().context.as_ref()
    }

    /// Drops the future, in its context. It is not polled again.
    pub(crate) fn end(self: Pin<&mut Self>) {
        let mut this = self.project();
        if this.future.is_some() {
            let _lent = Lent::from(this.context);
            this.future.set(None);
        }
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _lent = Lent::from(this.context);
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
        let output = ready!(future.poll(cx));
        this.future.set(None); // here, where it is in its context already
        Poll::Ready(output)
    }
}

pin_project! {
    /// The future of [`Context::changed`].
    pub(crate) struct Changed<F, C> {
        change: Option<C>,
        #[pin]
        work: Within<F>,
    }
}

impl<F, C> Changed<F, C> {
    pub(crate) fn end(self: Pin<&mut Self>) {
        self.project().work.end();
    }
}

impl<F, C> Future for Changed<F, C>
where
    F: Future,
    C: FnOnce(&Context) -> Context,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        if let Some(change) = this.change.take() {
            this.work.as_mut().move_to(change(&Context::current()));
        }
        this.work.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, Weak};
    use std::time::Duration;

    use futures::FutureExt;
    use futures::channel::oneshot;
    use futures::future::BoxFuture;

    use super::*;
    use crate::outcome::Reason;
    use crate::run::run;
    use crate::task::spawn_named;
    use crate::timeout::timeout;
    use crate::within::cancelled;

    /// What the links of a chain have in common: each starts the next one and is over.
    struct Chain {
        tasks: Mutex<Vec<Weak<Identity>>>,
        each: fn(usize, BoxFuture<'static, ()>) -> BoxFuture<'static, ()>,
        last: Mutex<Option<oneshot::Sender<CancelToken>>>,
    }

    fn link(chain: Arc<Chain>, left: usize) -> BoxFuture<'static, ()> {
        let each = chain.each;
        let work = async move {
            chain.tasks.lock().unwrap().extend(Context::current().identity().map(Arc::downgrade));
            match left {
                0 => drop(chain.last.lock().unwrap().take().unwrap().send(CancelToken::current())),
                left => spawn_named("link", link(chain, left - 1)).detach(),
            }
        };
        each(left, work.boxed())
    }

    /// Runs to the last link, and gives how many contexts there are, and the token of that link.
    async fn links(
        many: usize,
        each: fn(usize, BoxFuture<'static, ()>) -> BoxFuture<'static, ()>,
    ) -> (usize, CancelToken) {
        let (tell, told) = oneshot::channel();
        let chain = Arc::new(Chain { tasks: Mutex::default(), each, last: Mutex::new(Some(tell)) });
        spawn_named("link", link(chain.clone(), many)).detach();
        let token = told.await.unwrap();
        let tasks = chain.tasks.lock().unwrap();
        assert_eq!(tasks.len(), many + 1);
        (tasks.iter().filter(|task| task.strong_count() > 0).count(), token)
    }

    fn listens(_left: usize, link: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        async {
            assert!(cancelled().now_or_never().is_none());
            link.await;
        }
        .boxed()
    }

    fn has_a_deadline(_left: usize, link: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        timeout(Duration::from_secs(60), link).map(Result::unwrap).boxed()
    }

    /// Listens in one link of three, and has a deadline in one of two.
    fn mixed(left: usize, link: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let link = if left.is_multiple_of(3) { listens(left, link) } else { link };
        if left.is_multiple_of(2) { has_a_deadline(left, link) } else { link }
    }

    #[test]
    fn a_context_is_small_for_each_task_has_one() {
        assert_eq!(size_of::<Inner>(), 48);
    }

    #[test]
    fn a_chain_of_tasks_that_start_one_another_keeps_none_of_those_that_are_over() {
        let plain = |_, link| link;
        for (links_of, each) in
            [(100_000, plain as fn(_, _) -> _), (10_000, listens), (10_000, has_a_deadline), (10_000, mixed)]
        {
            let (left, _) = run(links(links_of, each)).unwrap();
            assert!(left < 1_000, "{left} contexts are left");
        }
    }

    #[test]
    fn the_last_of_a_chain_is_cancelled_with_what_is_around_it() {
        for each in [(|_, link| link) as fn(_, _) -> _, mixed] {
            let token = CancelToken::new();
            let (_, last) = run(token.within(links(1_000, each))).unwrap();
            assert!(!last.is_cancelled());
            token.cancel(Reason::new("enough"));
            assert_eq!(last.reason(), Some(Reason::new("enough")));
        }
    }

    #[test]
    fn a_token_that_somebody_holds_cancels_the_links_after_it() {
        static HELD: Mutex<Option<CancelToken>> = Mutex::new(None);
        let held_in_the_middle = |left, link| {
            if left != 600 {
                return mixed(left, link);
            }
            let holds = async {
                *HELD.lock().unwrap() = Some(CancelToken::current());
                link.await;
            };
            holds.boxed()
        };
        let (_, last) = run(CancelToken::new().within(links(1_000, held_in_the_middle))).unwrap();
        assert!(!last.is_cancelled());
        HELD.lock().unwrap().take().unwrap().cancel(Reason::new("enough"));
        assert_eq!(last.reason(), Some(Reason::new("enough")));
    }
}
