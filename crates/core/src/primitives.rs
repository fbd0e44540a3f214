//! What synchronisation is made of: std's, or, where `models` explore the interleavings (`--cfg shuttle`), shuttle's.

#[cfg(not(shuttle))]
mod real {
    pub(crate) use event_listener::Event;
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, atomic};
    pub(crate) use std::thread_local;
}

#[cfg(shuttle)]
mod explored {
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard, atomic};
    pub(crate) use shuttle::thread_local;

    use event_listener::EventListener;

    /// Not shuttle's `yield_now`: that wakes the thread's own waker, and who is woken by that is never seen to hang.
    fn let_others_go() {
        shuttle::thread::sleep(std::time::Duration::ZERO);
    }

    /// An event that lets others go first.
    #[derive(Default)]
    pub(crate) struct Event(event_listener::Event);

    impl Event {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn listen(&self) -> EventListener {
            let_others_go();
            self.0.listen()
        }

        pub(crate) fn notify(&self, most: usize) -> usize {
            let_others_go();
            self.0.notify(most)
        }

        pub(crate) fn notify_additional(&self, more: usize) -> usize {
            let_others_go();
            self.0.notify_additional(more)
        }

        pub(crate) fn total_listeners(&self) -> usize {
            let_others_go();
            self.0.total_listeners()
        }
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
