//! An executor for tests: one thread, virtual time, and an order of polls that a seed decides.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use async_task::Runnable;
use fastrand::Rng;

use crate::clock::{Clock, ManualClock};
use crate::primitives::{Condvar, Mutex, MutexGuard};
use crate::rt::Handle;

/// Clones are the same executor.
#[derive(Clone)]
pub(crate) struct Simulation(Arc<Shared>);

struct Shared {
    clock: ManualClock,
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Default)]
struct State {
    ready: Vec<Runnable>,
    main_is_ready: bool,
    /// What goes on outside of virtual time: closures on threads.
    busy: usize,
}

/// What comes next.
enum Step {
    Main,
    Task(Runnable),
    /// Nobody is ready, and nobody on another thread will wake anybody.
    Idle,
}

impl Simulation {
    pub(crate) fn new() -> Self {
        let (clock, state) = (Clock::manual(), Mutex::new(State { main_is_ready: true, ..State::default() }));
        Self(Arc::new(Shared { clock, state, woken: Condvar::new() }))
    }

    pub(crate) fn clock(&self) -> Clock {
        self.0.clock.clock()
    }

    pub(crate) fn spawn<F>(&self, future: F) -> Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let shared = self.0.clone();
        let (runnable, handle) = async_task::spawn(future, move |runnable| shared.wake_task(runnable));
        runnable.schedule();
        handle
    }

    /// While the guard lives, time stands still.
    pub(crate) fn busy(&self) -> Busy {
        self.0.state().busy += 1;
        Busy(self.0.clone())
    }

    /// Runs until the future is done, or nothing can go on any more.
    pub(crate) fn block_on<F: Future>(&self, seed: u64, main: F) -> Result<F::Output, Stuck> {
        let mut order = Rng::with_seed(seed);
        let mut main = pin!(main);
        let waker = Waker::from(Arc::new(WakeMain(self.0.clone())));
        loop {
            match self.0.next(&mut order) {
                Step::Main => {
                    if let Poll::Ready(output) = main.as_mut().poll(&mut Context::from_waker(&waker)) {
                        return Ok(output);
                    }
                }
                Step::Task(runnable) => drop(runnable.run()),
                Step::Idle => match self.0.clock.next_due() {
                    Some(due) => self.0.clock.advance(due),
                    None => return Err(Stuck),
                },
            }
        }
    }

    /// Drops what is still to be polled: each holds the executor that holds it.
    pub(crate) fn clear(&self) {
        loop {
            let left = std::mem::take(&mut self.0.state().ready);
            if left.is_empty() {
                return;
            }
            drop(left); // which may cancel others, and so make them ready to be dropped
        }
    }
}

/// All wait, and nothing can wake them.
#[derive(Debug)]
pub(crate) struct Stuck;

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "everything waits, no sleep is set, and nothing can wake anybody: a deadlock, or somebody waits for a \
             socket or another thread, which virtual time does not know of (Clock::manual() is for those)",
        )
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.woken.notify_all();
    }

    fn wake_task(&self, runnable: Runnable) {
        self.change(|state| state.ready.push(runnable));
    }

    fn next(&self, order: &mut Rng) -> Step {
        let waits = |state: &mut State| state.busy > 0 && !state.main_is_ready && state.ready.is_empty();
        let state = self.woken.wait_while(self.state(), waits);
        state.unwrap_or_else(PoisonError::into_inner).next(order)
    }
}

impl State {
    fn next(&mut self, order: &mut Rng) -> Step {
        let ready = self.ready.len() + usize::from(self.main_is_ready);
        if ready == 0 {
            return Step::Idle;
        }
        let chosen = order.usize(..ready);
        if chosen < self.ready.len() {
            return Step::Task(self.ready.swap_remove(chosen));
        }
        self.main_is_ready = false;
        Step::Main
    }
}

struct WakeMain(Arc<Shared>);

impl Wake for WakeMain {
    fn wake(self: Arc<Self>) {
        self.0.change(|state| state.main_is_ready = true);
    }
}

pub(crate) struct Busy(Arc<Shared>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.change(|state| state.busy -= 1);
    }
}
