//! The line of those who want to start for one key.
//!
//! Whoever has the [`Turn`] is at its head, and hands it to the next by dropping it. The mutexes and semaphores that
//! there are let newcomers overtake who was woken; a turn that is sent to the one whose it is cannot be overtaken.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use async_lock::{Semaphore, SemaphoreGuardArc};
use futures::channel::oneshot::{self, Receiver, Sender};

use super::pace::{Meter, Pace};
use crate::primitives::{Mutex, MutexGuard};
use crate::time::{now, sleep_until};

/// What is known of one key.
pub(super) struct Line {
    limit: usize,
    /// Only the head of the line waits for one.
    permits: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    meter: Meter,
    held_until: Option<Instant>,
    /// Who stands behind the head, by the order of coming. `None`: there is no head.
    behind: Option<BTreeMap<u64, Sender<Turn>>>,
    next_number: u64,
}

/// What somebody finds who joins the line.
enum Place {
    Head(Turn),
    Behind(Waiter),
}

impl Line {
    pub(super) fn new(limit: usize, now: Instant) -> Self {
        let state = State { meter: Meter::new(now), held_until: None, behind: None, next_number: 0 };
        Self { limit, permits: Arc::new(Semaphore::new(limit)), state: Mutex::new(state) }
    }

    /// Waits in line, then for the slot, then for a permit: so no permit is held over a sleep.
    pub(super) async fn start(self: &Arc<Self>, pace: Pace) -> SemaphoreGuardArc {
        let _turn = self.turn().await;
        loop {
            self.slot(pace).await;
            let permit = self.permits.acquire_arc().await;
            if self.state().take_slot(pace, now()) {
                return permit;
            }
            // A hold came while we waited for the permit, which others need meanwhile.
        }
    }

    /// The permit, if it can be had without waiting and without overtaking.
    pub(super) fn try_start(&self, pace: Pace, now: Instant) -> Option<SemaphoreGuardArc> {
        let mut state = self.state();
        if state.behind.is_some() || !state.is_free(pace, now) {
            return None;
        }
        let permit = self.permits.try_acquire_arc()?;
        state.take_slot(pace, now);
        Some(permit)
    }

    /// Of two holds the later end counts.
    pub(super) fn hold_until(&self, when: Instant) {
        let mut state = self.state();
        state.held_until = state.held_until.max(Some(when));
    }

    pub(super) fn running(&self) -> usize {
        self.limit.saturating_sub(self.permits.available_permits())
    }

    pub(super) fn waiting(&self) -> usize {
        self.state().behind.as_ref().map_or(0, |behind| 1 + behind.len())
    }

    /// Whether a new line would behave the same. To be asked when nobody uses this one.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let state = self.state();
        state.meter.debt(now).is_zero() && state.held_until.is_none_or(|end| end <= now)
    }

    async fn turn(self: &Arc<Self>) -> Turn {
        loop {
            match self.join() {
                Place::Head(turn) => return turn,
                Place::Behind(mut waiter) => {
                    if let Ok(turn) = Pin::new(&mut waiter.turn).await {
                        return turn;
                    }
                }
            }
        }
    }

    fn join(self: &Arc<Self>) -> Place {
        let mut state = self.state();
        let number = state.next_number;
        state.next_number += 1;
        let Some(behind) = &mut state.behind else {
            state.behind = Some(BTreeMap::new());
            return Place::Head(Turn(self.clone()));
        };
        let (sender, turn) = oneshot::channel();
        behind.insert(number, sender);
        Place::Behind(Waiter { line: self.clone(), number, turn })
    }

    /// Sleeps until the next slot. A hold may move it meanwhile, so one sleep need not be enough.
    async fn slot(&self, pace: Pace) {
        while let Some(when) = self.slot_after(pace, now()) {
            sleep_until(when).await;
        }
    }

    fn slot_after(&self, pace: Pace, now: Instant) -> Option<Instant> {
        Some(self.state().next_slot(pace, now)).filter(|when| *when > now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_slot(&self, pace: Pace, now: Instant) -> Instant {
        let due = now + self.meter.wait(pace, now);
        self.held_until.map_or(due, |end| end.max(due))
    }

    fn is_free(&self, pace: Pace, now: Instant) -> bool {
        self.next_slot(pace, now) <= now
    }

    fn take_slot(&mut self, pace: Pace, now: Instant) -> bool {
        let is_free = self.is_free(pace, now);
        if is_free {
            self.meter.count_start(pace, now);
        }
        is_free
    }

    /// Who comes after the head; if there is nobody, the line is empty from now on.
    fn next_in_line(&mut self) -> Option<Sender<Turn>> {
        let next = self.behind.as_mut()?.pop_first();
        if next.is_none() {
            self.behind = None;
        }
        next.map(|(_, sender)| sender)
    }
}

/// The place at the head of the line. Its drop hands it on.
struct Turn(Arc<Line>);

impl Drop for Turn {
    fn drop(&mut self) {
        let next = self.0.state().next_in_line();
        if let Some(next) = next {
            // If the next one has just left, the turn comes back, or is dropped with the channel: to be handed on again.
            drop(next.send(Turn(self.0.clone())));
        }
    }
}

/// A place behind the head. Its drop gives it up, and hands on a turn that has come already.
struct Waiter {
    line: Arc<Line>,
    number: u64,
    turn: Receiver<Turn>,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let sender = self.line.state().behind.as_mut().and_then(|behind| behind.remove(&self.number));
        drop(sender); // which wakes, so not under the lock
    }
}
