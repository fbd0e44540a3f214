//! A task of a group.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll, ready};

use pin_project_lite::pin_project;

use super::failure::{Cause, Failed};
use super::shared::Shared;
use crate::context::Context;
use crate::identity::Identity;
use crate::outcome::{By, Ended, Panic, Reason};
use crate::task::{Guarded, Unread};

pin_project! {
    /// Work that tells its group what came of it once it is gone, and not before.
    pub(super) struct Member<F, T, E>
    where
        T: Send,
        T: 'static,
        E: fmt::Display,
        E: Send,
        E: 'static,
    {
        #[pin]
        work: Guarded<F>,
        place: Place<T, E>,
    }

    impl<F, T, E> PinnedDrop for Member<F, T, E>
    where
        T: Send,
        T: 'static,
        E: fmt::Display,
        E: Send,
        E: 'static,
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

impl<F, T, E> Member<F, T, E>
where
    F: Future<Output = Result<T, E>>,
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    pub(super) fn new(context: &Context, work: F, place: Place<T, E>) -> Self {
        Self { work: Guarded::new(context.clone(), work), place }
    }
}

impl<F, T, E> Future for Member<F, T, E>
where
    F: Future<Output = Result<T, E>>,
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
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
pub(super) struct Place<T, E> {
    group: Option<Arc<Shared<T, E>>>,
    index: usize,
    identity: Option<Arc<Identity>>,
}

impl<T, E> Place<T, E>
where
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    pub(super) fn new(group: Arc<Shared<T, E>>, index: usize, identity: Option<Arc<Identity>>) -> Self {
        Self { group: Some(group), index, identity }
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
        let reason = self.group.as_ref().and_then(|group| group.context().token().reason());
        let reason = reason.unwrap_or_else(|| Reason::by_whom(By::Drop, "its group was dropped"));
        self.end(Err(match dropped {
            Ok(()) => Cause::Cancelled(reason),
            Err(payload) => Cause::Panicked(Panic::from(payload)),
        }));
    }
}
