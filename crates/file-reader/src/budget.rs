//! The bytes in flight: read, and not yet taken by the consumer.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Holds reading threads back while too many bytes wait for the consumer.
///
/// The batch that the consumer waits for next is never held back: in ordered reading later batches may hold the whole
/// budget, and are taken only after it.
pub(crate) struct Budget {
    limit: u64,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    used: u64,
    /// Batches before this one have been taken.
    head: u64,
    closed: bool,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, state: Mutex::default(), freed: Condvar::new() }
    }

    /// Takes room for so many bytes of a batch, if there is some; a file larger than the whole budget passes alone.
    pub(crate) fn try_take(&self, bytes: u64, batch: u64) -> bool {
        let mut state = self.lock();
        let room = self.has_room(&state, bytes, batch);
        if room {
            state.used += bytes;
        }
        room
    }

    /// Waits for room. Who waits must hold nothing back that the consumer could take.
    /// `false` when the reading has been given up.
    pub(crate) fn take(&self, bytes: u64, batch: u64) -> bool {
        let mut state = self.lock();
        while !state.closed && !self.has_room(&state, bytes, batch) {
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.used += bytes;
        !state.closed
    }

    fn has_room(&self, state: &State, bytes: u64, batch: u64) -> bool {
        state.used == 0 || state.used + bytes <= self.limit || batch <= state.head
    }

    /// Gives back what the consumer has taken.
    pub(crate) fn give_back(&self, bytes: u64) {
        self.lock().used -= bytes;
        self.freed.notify_all();
    }

    /// The consumer now waits for this batch.
    pub(crate) fn advance(&self, head: u64) {
        self.lock().head = head;
        self.freed.notify_all();
    }

    /// Nobody takes anything any more.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.freed.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_file_larger_than_the_budget_passes_alone() {
        let budget = Budget::new(10);
        assert!(budget.take(100, 5));
        budget.give_back(100);
        assert!(budget.take(100, 6));
    }

    #[test]
    fn the_batch_that_is_waited_for_is_never_held_back() {
        let budget = Budget::new(10);
        budget.advance(3);
        assert!(budget.take(10, 7));
        assert!(budget.take(10, 3));
    }

    #[test]
    fn who_waits_is_let_go_when_room_is_made_and_when_all_is_given_up() {
        let budget = Arc::new(Budget::new(10));
        assert!(budget.take(10, 1));
        let waiting = {
            let budget = budget.clone();
            std::thread::spawn(move || budget.take(5, 2))
        };
        budget.give_back(10);
        assert!(waiting.join().unwrap());
        let waiting = {
            let budget = budget.clone();
            std::thread::spawn(move || budget.take(9, 2))
        };
        budget.close();
        assert!(!waiting.join().unwrap());
    }
}
