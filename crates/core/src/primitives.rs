//! What synchronisation is made of: std's, or, where `models` explore the interleavings (`--cfg shuttle`), shuttle's; and
//! so the threads that closures run on.

#[cfg(not(shuttle))]
mod real {
    pub(crate) use crate::rt::start_blocking;
    pub(crate) use event_listener::{Event, EventListener};
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, atomic};
    pub(crate) use std::thread::yield_now;
    pub(crate) use std::thread_local;
}

#[cfg(shuttle)]
mod explored {
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard, atomic};
    pub(crate) use shuttle::thread_local;

    use std::cell::RefCell;
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};

    pub(crate) use let_others_go as yield_now;

    /// Not shuttle's `yield_now`: that wakes the thread's own waker, and who is woken by that is never seen to hang.
    pub(crate) fn let_others_go() {
        shuttle::thread::sleep(std::time::Duration::ZERO);
    }

    pub(crate) fn start_blocking(work: impl FnOnce() + Send + 'static) {
        shuttle::thread::spawn(work);
    }

    /// An event that lets others go first.
    ///
    /// It wakes while it holds a lock of its own, of which shuttle knows nothing: were others let go meanwhile, they
    /// would wait for it and never come back. So who is woken is told when the lock was let go.
    #[derive(Default)]
    pub(crate) struct Event(event_listener::Event);

    impl Event {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn listen(&self) -> EventListener {
            let_others_go();
            EventListener(Some(self.0.listen()))
        }

        pub(crate) fn notify(&self, most: usize) -> usize {
            let_others_go();
            and_tell(|| self.0.notify(most))
        }

        pub(crate) fn notify_additional(&self, more: usize) -> usize {
            let_others_go();
            and_tell(|| self.0.notify_additional(more))
        }

        pub(crate) fn total_listeners(&self) -> usize {
            let_others_go();
            self.0.total_listeners()
        }
    }

    pub(crate) struct EventListener(Option<event_listener::EventListener>);

    impl Future for EventListener {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            let waker = Waker::from(Arc::new(Later(cx.waker().clone())));
            let Some(listener) = &mut self.0 else { return Poll::Ready(()) };
            and_tell(|| Pin::new(listener).poll(&mut Context::from_waker(&waker)))
        }
    }

    /// Who leaves after it was told tells the next one.
    impl Drop for EventListener {
        fn drop(&mut self) {
            and_tell(|| drop(self.0.take()));
        }
    }

    std::thread_local! {
        static TO_WAKE: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
        static TO_DROP: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
    }

    /// A waker whose waking, and whose drop, come later.
    struct Later(Waker);

    impl Wake for Later {
        fn wake(self: Arc<Self>) {
            TO_WAKE.with_borrow_mut(|wakers| wakers.push(self.0.clone()));
        }
    }

    impl Drop for Later {
        fn drop(&mut self) {
            TO_DROP.with_borrow_mut(|wakers| wakers.push(self.0.clone()));
        }
    }

    fn and_tell<T>(change: impl FnOnce() -> T) -> T {
        let result = change();
        let (told, spent) = (TO_WAKE.take(), TO_DROP.take());
        told.into_iter().for_each(Waker::wake);
        drop(spent);
        result
    }

    /// A cell that lets others go first.
    #[derive(Default)]
    pub(crate) struct OnceLock<T>(std::sync::OnceLock<T>);

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            Self(std::sync::OnceLock::new())
        }

        pub(crate) fn get(&self) -> Option<&T> {
            let_others_go();
            self.0.get()
        }

        pub(crate) fn set(&self, value: T) -> Result<(), T> {
            let_others_go();
            self.0.set(value)
        }
    }
}

#[cfg(shuttle)]
pub(crate) use explored::*;
#[cfg(not(shuttle))]
pub(crate) use real::*;
