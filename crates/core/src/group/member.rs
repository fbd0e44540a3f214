//! A task of a group.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll, ready};

use pin_project_lite::pin_project;

use super::failure::{Cause, Failed};
use crate::context::Context;
use crate::identity::Identity;
use crate::outcome::{By, Ended, Panic, Reason};
use crate::task::{Guarded, Unread};

/// The group of a member, as far as the member knows it.
pub(super) trait Home<T, E> {
    /// The task is over: its future is gone.
    fn end(self: &Arc<Self>, index: usize, ended: Result<T, Failed<E>>);

    /// Why the group is cancelled, if it is.
    fn cancelled(&self) -> Option<Reason>;
}

pin_project! {
    /// Work that tells its group what came of it once it is gone, and not before.
    pub(super) struct Member<F, T, E, G>
    where
        G: Home<T, E>,
    {
        #[pin]
        work: Guarded<F>,
        place: Place<T, E, G>,
    }

    impl<F, T, E, G> PinnedDrop for Member<F, T, E, G>
    where
        G: Home<T, E>,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if this.place.is_taken() {
                let dropped = this.work.end();
                this.place.leave(dropped);
            }
        }
    }
}

impl<F, T, E, G> Member<F, T, E, G>
where
    F: Future<Output = Result<T, E>>,
    G: Home<T, E>,
{
    pub(super) fn new(context: &Context, work: F, place: Place<T, E, G>) -> Self {
        Self { work: Guarded::new(context.clone(), work), place }
    }
}

impl<F, T, E, G> Future for Member<F, T, E, G>
where
    F: Future<Output = Result<T, E>>,
    G: Home<T, E>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Poller<'_>) -> Poll<()> {
        let this = self.project();
        let result = ready!(this.work.poll(cx));
        this.place.end(match result {
            Ok(result) => result.map_err(Cause::Error),
            Err(unread) => Err(cause_of(unread)),
        });
        Poll::Ready(())
    }
}

fn cause_of<E>(unread: Unread) -> Cause<E> {
    match unread.read() {
        Ended::Panicked(panic) => Cause::Panicked(panic),
        Ended::Cancelled(reason) => Cause::Cancelled(reason),
    }
}

/// A task's place in its group, until it is over.
pub(super) struct Place<T, E, G> {
    group: Option<Arc<G>>,
    index: usize,
    identity: Option<Arc<Identity>>,
    of: PhantomData<fn() -> (T, E)>,
}

impl<T, E, G: Home<T, E>> Place<T, E, G> {
    pub(super) fn new(group: Arc<G>, index: usize, identity: Option<Arc<Identity>>) -> Self {
        Self { group: Some(group), index, identity, of: PhantomData }
    }

    fn is_taken(&self) -> bool {
        self.group.is_some()
    }

    fn end(&mut self, result: Result<T, Cause<E>>) {
        if let Some(group) = self.group.take() {
            let (index, identity) = (self.index, self.identity.take());
            group.end(index, result.map_err(|cause| Failed { index, identity, cause }));
        }
    }

    /// Its future was dropped before it was done.
    fn leave(&mut self, dropped: std::thread::Result<()>) {
        let reason = self.group.as_ref().and_then(|group| group.cancelled());
        let reason = reason.unwrap_or_else(|| Reason::by_whom(By::Drop, "its group was dropped"));
        self.end(Err(match dropped {
            Ok(()) => Cause::Cancelled(reason),
            Err(payload) => Cause::Panicked(Panic::from(payload)),
        }));
    }
}
