//! What travels with a task: the token of its scope, its deadline, its clock, its root.
//!
//! The context is ambient: it is set around every poll of a future that runs [`Context::within`] one, and
//! [`spawn`](crate::spawn) hands it on. It reaches what gather-core polls or spawns, and nothing else.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use pin_project_lite::pin_project;

use crate::cancel::CancelToken;
use crate::clock::Clock;
use crate::registry::{Alive, Kind, Registry};

thread_local! {
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

#[derive(Clone)]
pub(crate) struct Context(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    token: CancelToken,
    deadline: Option<Instant>,
    clock: Clock,
    registry: Option<Arc<Registry>>,
    /// What is spawned here counts as this.
    kind: Kind,
}

impl Context {
    /// The context of the code that asks; outside of any, one that never fires and never ends.
    pub(crate) fn current() -> Self {
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten().unwrap_or_else(Self::outside)
    }

    fn outside() -> Self {
        Context(Arc::new(Inner {
            token: CancelToken::new(),
            deadline: None,
            clock: Clock::system(),
            registry: None,
            kind: Kind::Task,
        }))
    }

    pub(crate) fn root(registry: Arc<Registry>) -> Self {
        let outside = Self::current();
        Context(Arc::new(Inner { registry: Some(registry), kind: Kind::Task, ..(*outside.0).clone() }))
    }

    pub(crate) fn token(&self) -> &CancelToken {
        &self.0.token
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn registry(&self) -> Option<&Arc<Registry>> {
        self.0.registry.as_ref()
    }

    pub(crate) fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Counts one more as alive below the root, if there is one.
    pub(crate) fn enlist(&self, kind: Kind) -> Option<Alive> {
        self.registry().map(|registry| registry.enlist(kind))
    }

    pub(crate) fn with_token(&self, token: CancelToken) -> Self {
        Context(Arc::new(Inner { token, ..(*self.0).clone() }))
    }

    pub(crate) fn with_clock(&self, clock: Clock) -> Self {
        Context(Arc::new(Inner { clock, ..(*self.0).clone() }))
    }

    /// The same with a deadline; of two the earlier one holds.
    pub(crate) fn with_deadline(&self, deadline: Instant) -> Self {
        let deadline = Some(self.0.deadline.map_or(deadline, |outer| outer.min(deadline)));
        Context(Arc::new(Inner { deadline, ..(*self.0).clone() }))
    }

    /// Nothing inherited but the registry of the root, which must know of every task.
    pub(crate) fn for_service(&self) -> Self {
        let registry = self.0.registry.clone();
        Context(Arc::new(Inner { registry, kind: Kind::Service, ..(*Self::outside().0).clone() }))
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
        Entered { outer: set_current(Some(self.clone())) }
    }
}

pub(crate) struct Entered {
    outer: Option<Context>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let _inner = set_current(self.outer.take());
    }
}

/// Gives back what was current. While the thread's locals are being destroyed there is nothing to set.
fn set_current(context: Option<Context>) -> Option<Context> {
    CURRENT.try_with(|current| current.replace(context)).ok().flatten()
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

    /// Drops the future, in its context. It is not polled again.
    pub(crate) fn end(self: Pin<&mut Self>) {
        let mut this = self.project();
        let _entered = this.context.as_ref().map(Context::enter);
        this.future.set(None);
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.context.as_ref().map(Context::enter);
        match this.future.as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Pending,
        }
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
