//! Cancelling by token: a token fires once, with a reason, and all below it see it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::lineage::{self, Ancestor, Link, Loose};
use crate::outcome::Reason;
use crate::primitives::atomic::{AtomicBool, Ordering};
use crate::primitives::{Event, EventListener, OnceLock};

/// Tells work that it should stop, and why. Clones are the same token; a child also sees its ancestors fire.
///
/// ```
/// use gather_core::{CancelToken, Reason};
///
/// let parent = CancelToken::new();
/// let child = parent.child();
/// parent.cancel(Reason::new("shutting down"));
/// assert_eq!(child.reason().unwrap().why(), "shutting down");
/// ```
#[derive(Clone)]
pub struct CancelToken(Arc<Inner>);

struct Inner {
    parent: Parent,
    reason: OnceLock<Reason>,
    fired: Event,
    /// Somebody who waited was told, and may be cleaning up.
    heard: AtomicBool,
}

enum Parent {
    Nobody,
    Near(CancelToken),
    Far(Loose<CancelToken>),
}

impl Parent {
    fn take(&mut self) -> Option<CancelToken> {
        match std::mem::replace(self, Parent::Nobody) {
            Parent::Nobody => None,
            Parent::Near(parent) => Some(parent),
            Parent::Far(loose) => loose.into_above(),
        }
    }
}

/// How many ancestors are looked at without a lock.
const MOST_STEPS: usize = 8;

/// Frees a long line of ancestors one by one, for freeing it recursively would overflow the stack.
impl Drop for Inner {
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(mut inner) = next.and_then(|token| Arc::into_inner(token.0)) {
            next = inner.parent.take();
        }
    }
}

impl Ancestor for CancelToken {
    fn link(&self) -> Link<'_, Self> {
        match &self.0.parent {
            Parent::Nobody => Link::Nobody,
            Parent::Near(parent) => Link::Fixed(parent),
            Parent::Far(loose) => Link::Loose(loose),
        }
    }

    /// One that has fired is there for all below it, whoever holds it.
    fn is_out_of_reach(&mut self) -> bool {
        Arc::get_mut(&mut self.0).is_some_and(|inner| inner.reason.get().is_none())
    }

    fn take_link(&mut self) -> Option<Self> {
        Arc::get_mut(&mut self.0)?.parent.take()
    }
}

impl CancelToken {
    /// A token without a parent.
    pub fn new() -> Self {
        Self::with_parent(Parent::Nobody)
    }

    /// A token that fires when this one does, and can also be fired alone.
    ///
    /// ```
    /// use gather_core::{CancelToken, Reason};
    ///
    /// let parent = CancelToken::new();
    /// let child = parent.child();
    /// child.cancel(Reason::new("only this one"));
    /// assert!(child.is_cancelled() && !parent.is_cancelled());
    /// ```
    pub fn child(&self) -> Self {
        let is_far = lineage::near(self).count() >= MOST_STEPS;
        Self::with_parent(if is_far {
            Parent::Far(Loose::new(self.clone()))
        } else {
            Parent::Near(self.clone())
        })
    }

    fn with_parent(parent: Parent) -> Self {
        let heard = AtomicBool::new(false);
        Self(Arc::new(Inner { parent, reason: OnceLock::new(), fired: Event::new(), heard }))
    }

    /// Fires the token. The first reason stays; a later call changes nothing and returns `false`.
    ///
    /// ```
    /// use gather_core::{CancelToken, Reason};
    ///
    /// let token = CancelToken::new();
    /// assert!(token.cancel(Reason::new("enough")));
    /// assert!(!token.cancel(Reason::new("more than enough")));
    /// assert_eq!(token.reason(), Some(Reason::new("enough")));
    /// ```
    pub fn cancel(&self, reason: Reason) -> bool {
        let first = self.0.reason.set(reason).is_ok();
        if first {
            self.0.fired.notify(usize::MAX);
        }
        first
    }

    /// The reason, once this token or one above it has fired.
    pub fn reason(&self) -> Option<Reason> {
        lineage::search(self, |token| token.0.reason.get().cloned())
    }

    /// Whether this token or one above it has fired.
    pub fn is_cancelled(&self) -> bool {
        lineage::search(self, |token| token.0.reason.get().map(|_| ())).is_some()
    }

    /// A future that is ready with the reason once the token has fired. It borrows nothing and can be kept.
    ///
    /// ```
    /// use gather_core::{CancelToken, Reason, run};
    ///
    /// let token = CancelToken::new();
    /// let fired = token.cancelled();
    /// token.cancel(Reason::new("enough"));
    /// assert_eq!(run(fired).unwrap().why(), "enough");
    /// ```
    pub fn cancelled(&self) -> Cancelled {
        Cancelled { token: self.clone(), listeners: Vec::new() }
    }

    /// Whether somebody waits in [`cancelled`](Self::cancelled) on this token or on one below it, or did so when it
    /// fired: then it is worth giving them time to end by themselves.
    ///
    /// To be asked after the token has fired. Who is told says so before he stops listening, and we look the
    /// other way round, so nobody is missed in between.
    pub(crate) fn is_listened_to(&self) -> bool {
        self.0.fired.total_listeners() > 0 || self.0.heard.load(Ordering::SeqCst)
    }

    /// Notes it up to the outermost that has fired. Those above have told nobody anything yet.
    fn told(&self) {
        let line = self.line();
        let fired = line.iter().rposition(|token| token.0.reason.get().is_some());
        let told = fired.map_or(0, |outermost| outermost + 1);
        line.iter().take(told).for_each(|token| token.0.heard.store(true, Ordering::SeqCst));
    }

    /// Itself and all above.
    fn line(&self) -> Vec<CancelToken> {
        let mut line = Vec::new();
        lineage::search(self, |token| {
            line.push(token.clone());
            None::<()>
        });
        line
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("reason", &self.reason()).finish()
    }
}

/// The future of [`CancelToken::cancelled`].
///
/// ```
/// use gather_core::{CancelToken, Cancelled, Reason, run};
///
/// struct Worker {
///     stop: Cancelled,
/// }
/// let token = CancelToken::new();
/// let worker = Worker { stop: token.cancelled() };
/// token.cancel(Reason::new("enough"));
/// assert_eq!(run(worker.stop).unwrap().why(), "enough");
/// ```
#[must_use = "it does nothing unless it is awaited"]
pub struct Cancelled {
    token: CancelToken,
    listeners: Vec<EventListener>,
}

impl Cancelled {
    fn listen(&mut self) {
        if self.listeners.is_empty() {
            self.listeners = self.token.line().iter().map(|token| token.0.fired.listen()).collect();
        }
    }
}

impl Future for Cancelled {
    type Output = Reason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reason> {
        loop {
            // Listen first, look second: a token that fires in between has notified the listener.
            self.listen();
            if let Some(reason) = self.token.reason() {
                self.token.told();
                self.listeners.clear();
                return Poll::Ready(reason);
            }
            ready!(poll_any(&mut self.listeners, cx));
            self.listeners.clear();
        }
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancelled").field("token", &self.token).finish()
    }
}

/// Polls all, so that each knows whom to wake.
fn poll_any(listeners: &mut [EventListener], cx: &mut Context<'_>) -> Poll<()> {
    let mut poll = Poll::Pending;
    for listener in listeners {
        if Pin::new(listener).poll(cx).is_ready() {
            poll = Poll::Ready(());
        }
    }
    poll
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(token: CancelToken, generations: usize) -> CancelToken {
        (0..generations).fold(token, |token, _| token.child())
    }

    #[test]
    fn whoever_listens_listens_to_those_who_can_still_fire_and_to_few_others() {
        let mut cancelled = below(CancelToken::new(), 100_000).cancelled();
        cancelled.listen();
        assert!(cancelled.listeners.len() < 100, "{} are listened to", cancelled.listeners.len());
    }

    #[test]
    fn whoever_is_held_is_heard_however_far_above() {
        let root = CancelToken::new();
        let middle = below(root.clone(), 1_000);
        let last = below(middle.clone(), 1_000);
        assert!(middle.cancel(Reason::new("enough")));
        assert_eq!(last.reason(), Some(Reason::new("enough")));

        let last = below(root.clone(), 1_000);
        root.cancel(Reason::new("all"));
        assert_eq!(last.reason(), Some(Reason::new("all")));
    }

    #[test]
    fn whoever_has_fired_stays_heard_when_nobody_holds_it_any_more() {
        let root = CancelToken::new();
        root.cancel(Reason::new("enough"));
        assert_eq!(below(root, 1_000).reason(), Some(Reason::new("enough")));
    }

    #[test]
    fn a_long_line_of_tokens_that_are_held_is_looked_through_and_freed_without_a_stack() {
        let root = CancelToken::new();
        let mut line = vec![root.clone()];
        for _ in 0..100_000 {
            line.extend(line.last().map(CancelToken::child));
        }
        let last = line.last().cloned().unwrap_or_default();
        root.cancel(Reason::new("all"));
        assert!(last.is_cancelled());
        line.reverse();
        drop(line);
        drop(last);
    }
}
