//! One budget for what bodies on their way, and the decoders they need, hold in memory: many servers that send large
//! bodies at once do not add up.
//!
//! A body takes room as it grows. When there is none left it waits for its turn, and whoever has the turn may go beyond
//! the budget, as far as the limit on bodies allows: so one always gets through, and none waits for another that waits.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_lock::{Mutex, MutexGuardArc};

/// Room is taken in steps of this many bytes, so that small pieces cost nothing.
const STEP: u64 = 64 << 10;

/// The budget of a client.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Shared>);

struct Shared {
    free: AtomicU64,
    turn: Arc<Mutex<()>>,
}

impl Memory {
    pub(crate) fn new(bytes: u64) -> Self {
        Self(Arc::new(Shared { free: AtomicU64::new(bytes), turn: Arc::default() }))
    }

    pub(crate) fn claim(&self) -> Claim {
        Claim { memory: self.clone(), held: 0, turn: None }
    }

    fn take(&self, bytes: u64) -> bool {
        let (succeed, fail) = (Ordering::Relaxed, Ordering::Relaxed);
        self.0.free.fetch_update(succeed, fail, |free| free.checked_sub(bytes)).is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.0.free.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What one body holds; given back when dropped.
pub(crate) struct Claim {
    memory: Memory,
    held: u64,
    turn: Option<MutexGuardArc<()>>,
}

impl Claim {
    /// Holds so many bytes in all, if there is room.
    pub(crate) fn try_hold(&mut self, bytes: u64) -> bool {
        if bytes <= self.held || self.turn.is_some() {
            return true;
        }
        let more = (bytes - self.held).next_multiple_of(STEP);
        let taken = self.memory.take(more);
        self.held += if taken { more } else { 0 };
        taken
    }

    /// Waits for its turn to go beyond the budget. Dropping the future loses nothing.
    pub(crate) async fn take_turn(&mut self) {
        if self.turn.is_none() {
            self.turn = Some(self.memory.0.turn.lock_arc().await);
        }
    }

    /// Gives all of it back.
    pub(crate) fn release(&mut self) {
        self.memory.give_back(std::mem::take(&mut self.held));
        self.turn = None;
    }
}

impl Claim {
    /// What it holds, as a value of its own; this claim then holds nothing. It never holds more than `bytes` take.
    pub(crate) fn take(&mut self, bytes: u64) -> Room {
        let mut taken = self.memory.claim();
        taken.held = self.held.min(bytes.next_multiple_of(STEP));
        self.held -= taken.held;
        taken.turn = self.turn.take();
        self.release();
        Room(Arc::new(taken))
    }
}

/// The room that a kept body has in the memory budget of its client; given back when the last clone is dropped.
///
/// See [`Request::hold_room`](crate::Request::hold_room).
#[derive(Clone)]
pub struct Room(#[allow(dead_code, reason = "it is there to be dropped")] Arc<Claim>);

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Room")
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    impl Claim {
        async fn hold(&mut self, bytes: u64) {
            if !self.try_hold(bytes) {
                self.take_turn().await;
            }
        }
    }

    #[test]
    fn what_is_held_is_given_back() {
        let memory = Memory::new(4 * STEP);
        let (mut one, mut two) = (memory.claim(), memory.claim());
        assert!(one.try_hold(3 * STEP) && one.try_hold(1) && !two.try_hold(STEP + 1));
        assert!(two.try_hold(STEP) && !two.try_hold(STEP + 1));
        drop(one);
        assert!(two.try_hold(4 * STEP));
        two.release();
        assert!(memory.claim().try_hold(4 * STEP));
    }

    #[test]
    fn one_at_a_time_goes_beyond_and_the_next_follows() {
        let memory = Memory::new(STEP);
        let (mut one, mut two, mut three) = (memory.claim(), memory.claim(), memory.claim());
        assert!(one.hold(100 * STEP).now_or_never().is_some());
        assert!(one.hold(1000 * STEP).now_or_never().is_some());
        assert!(two.hold(STEP).now_or_never().is_some(), "there is room for it");
        assert!(two.hold(2 * STEP).now_or_never().is_none());
        assert!(three.hold(2 * STEP).now_or_never().is_none());
        drop(one);
        assert!(two.hold(2 * STEP).now_or_never().is_some());
        drop(two);
        assert!(three.hold(2 * STEP).now_or_never().is_some());
    }

    #[test]
    fn room_that_is_taken_is_held_until_its_last_clone_is_gone() {
        let memory = Memory::new(4 * STEP);
        let mut claim = memory.claim();
        assert!(claim.try_hold(4 * STEP));
        let room = claim.take(STEP);
        assert!(memory.claim().try_hold(3 * STEP), "the rest is free again");
        drop(claim);
        let clone = room.clone();
        drop(room);
        assert!(!memory.claim().try_hold(4 * STEP));
        drop(clone);
        assert!(memory.claim().try_hold(4 * STEP));
    }

    #[test]
    fn a_wait_that_is_dropped_does_not_keep_the_turn() {
        let memory = Memory::new(0);
        let (mut one, mut two, mut three) = (memory.claim(), memory.claim(), memory.claim());
        assert!(one.hold(1).now_or_never().is_some());
        assert!(two.hold(1).now_or_never().is_none());
        drop(one);
        assert!(three.hold(1).now_or_never().is_some());
    }
}
