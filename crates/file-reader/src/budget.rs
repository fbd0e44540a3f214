//! The bytes in flight: read, and not yet taken by the consumer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Holds reading threads back while too many bytes wait for the consumer.
///
/// Of the batch that the consumer waits for next one file, or part of one, always passes: in ordered reading later batches
/// may hold the whole budget, and are taken only after it.
pub(crate) struct Budget {
    limit: u64,
    state: Mutex<State>,
    freed: Condvar,
    closed: AtomicBool,
}

#[derive(Default)]
struct State {
    used: u64,
    /// The batch that the consumer waits for; 0 where it takes what comes.
    head: u64,
    /// What it has of that batch, or could take.
    used_by_head: u64,
    waiting: usize,
    /// Whether a file is in flight that grew beyond the limit.
    is_over: bool,
}

/// What a file, or a part of it, takes of the budget until the consumer is done with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hold {
    bytes: u64,
    batch: u64,
    /// Whether it is the one that grew beyond the limit.
    is_over: bool,
}

impl Hold {
    pub(crate) fn bytes(self) -> u64 {
        self.bytes
    }
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, state: Mutex::default(), freed: Condvar::new(), closed: AtomicBool::new(false) }
    }

    /// Takes room for so many bytes of a batch, if there is some; what is larger than the whole budget passes alone.
    pub(crate) fn try_take(&self, bytes: u64, batch: u64) -> Option<Hold> {
        let mut state = self.lock();
        self.has_room(&state, bytes, batch).then(|| state.take(bytes, batch))
    }

    /// Waits for room. Who waits must hold nothing back that the consumer could take.
    /// Once the reading has been given up there is always room.
    pub(crate) fn take(&self, bytes: u64, batch: u64) -> Hold {
        let mut state = self.lock();
        state.waiting += 1;
        while !self.is_closed() && !self.has_room(&state, bytes, batch) {
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
        state.take(bytes, batch)
    }

    fn has_room(&self, state: &State, bytes: u64, batch: u64) -> bool {
        state.used == 0
            || state.used + bytes <= self.limit
            || (batch == state.head && state.used_by_head == 0)
    }

    /// Takes more room for what turns out to be larger, and waits for it: who holds some cannot wait until there is enough
    /// for all, so one at a time, and the batch that the consumer waits for, goes beyond the limit.
    pub(crate) fn grow(&self, hold: &mut Hold, bytes: u64) {
        let mut state = self.lock();
        state.waiting += 1;
        while !self.is_closed() && !state.may_grow(hold, bytes, self.limit) {
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
        if state.used + bytes > self.limit && hold.batch != state.head && !hold.is_over {
            (hold.is_over, state.is_over) = (true, true);
        }
        hold.bytes += state.take(bytes, hold.batch).bytes;
    }

    /// Gives back what the consumer is done with.
    pub(crate) fn give_back(&self, hold: Hold) {
        if hold == Hold::default() {
            return;
        }
        let mut state = self.lock();
        state.used = state.used.saturating_sub(hold.bytes);
        state.is_over &= !hold.is_over;
        if hold.batch == state.head {
            state.used_by_head = state.used_by_head.saturating_sub(hold.bytes);
        }
        self.wake(&state);
    }

    /// The consumer now waits for this batch.
    pub(crate) fn advance(&self, head: u64) {
        let mut state = self.lock();
        state.head = head;
        state.used_by_head = 0;
        self.wake(&state);
    }

    /// Nobody takes anything any more.
    pub(crate) fn close(&self) {
        let state = self.lock();
        self.closed.store(true, Ordering::SeqCst);
        self.wake(&state);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn wake(&self, state: &State) {
        if state.waiting > 0 {
            self.freed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives back what a consumer is done with, small files together: each by itself would take the lock that the reading threads
/// need.
pub(crate) struct Returns {
    budget: Arc<Budget>,
    kept: Hold,
}

impl Returns {
    /// What is kept back of the budget stays below this.
    const FEW: u64 = 64 << 10;

    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, kept: Hold::default() }
    }

    pub(crate) fn add(&mut self, hold: Hold) {
        let together = self.kept.bytes + hold.bytes;
        if hold.batch == self.kept.batch && !hold.is_over && together < Self::FEW {
            self.kept.bytes = together;
            return;
        }
        self.flush();
        match hold.is_over || hold.bytes >= Self::FEW {
            true => self.budget.give_back(hold),
            false => self.kept = hold,
        }
    }

    /// Gives back all: the consumer waits, and somebody may wait for room.
    pub(crate) fn flush(&mut self) {
        self.budget.give_back(std::mem::take(&mut self.kept));
    }
}

impl State {
    fn may_grow(&self, hold: &Hold, bytes: u64, limit: u64) -> bool {
        self.used + bytes <= limit || hold.is_over || !self.is_over || hold.batch == self.head
    }

    fn take(&mut self, bytes: u64, batch: u64) -> Hold {
        self.used += bytes;
        if batch == self.head {
            self.used_by_head += bytes;
        }
        Hold { bytes, batch, is_over: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_larger_than_the_budget_passes_alone() {
        let budget = Budget::new(10);
        let hold = budget.try_take(100, 5).unwrap();
        assert!(budget.try_take(1, 6).is_none());
        budget.give_back(hold);
        assert!(budget.try_take(100, 6).is_some());
    }

    #[test]
    fn small_files_are_given_back_together_and_large_ones_at_once() {
        let used = |budget: &Budget| budget.lock().used;
        let budget = Arc::new(Budget::new(1 << 20));
        let mut returns = Returns::new(budget.clone());
        let [first, second, other] =
            [(100, 1), (200, 1), (300, 2)].map(|(bytes, batch)| budget.take(bytes, batch));
        let large = budget.take(Returns::FEW, 2);
        returns.add(first);
        returns.add(second);
        assert_eq!(used(&budget), 600 + Returns::FEW);
        returns.add(other);
        assert_eq!(used(&budget), 300 + Returns::FEW, "another batch");
        returns.add(large);
        assert_eq!(used(&budget), 0);
        returns.add(budget.take(100, 3));
        returns.flush();
        assert_eq!(used(&budget), 0);
    }

    #[test]
    fn one_of_the_batch_that_is_waited_for_is_never_held_back_and_two_are() {
        let budget = Budget::new(10);
        budget.advance(3);
        assert!(budget.try_take(10, 7).is_some());
        let hold = budget.try_take(10, 3).unwrap();
        assert!(budget.try_take(10, 3).is_none());
        budget.give_back(hold);
        assert!(budget.try_take(10, 3).is_some());
    }

    #[test]
    fn one_file_at_a_time_grows_beyond_the_limit_and_the_next_when_it_is_taken() {
        let budget = Arc::new(Budget::new(10));
        let (mut first, mut second) = (budget.take(5, 1), budget.take(5, 2));
        budget.grow(&mut first, 20);
        budget.grow(&mut first, 20);
        let waiting = {
            let budget = budget.clone();
            std::thread::spawn(move || budget.grow(&mut second, 20))
        };
        assert!(budget.try_take(1, 3).is_none());
        budget.give_back(first);
        waiting.join().unwrap();
        assert_eq!(first.bytes(), 45);
    }

    #[test]
    fn who_waits_is_let_go_when_room_is_made_and_when_all_is_given_up() {
        let budget = Arc::new(Budget::new(10));
        let hold = budget.take(10, 1);
        let waiting = {
            let budget = budget.clone();
            std::thread::spawn(move || budget.take(5, 2))
        };
        budget.give_back(hold);
        assert_eq!(waiting.join().unwrap().bytes(), 5);
        let waiting = {
            let budget = budget.clone();
            std::thread::spawn(move || budget.take(9, 2))
        };
        budget.close();
        assert_eq!(waiting.join().unwrap().bytes(), 9);
    }
}
