//! What tasks run on: the runtime, or in a test the simulation.

use std::future::Future;

use crate::clock::Clock;
use crate::rt::{self, Handle};
use crate::simulation::{Busy, Simulation};

#[derive(Clone)]
pub(crate) enum Executor {
    Runtime,
    Simulation(Simulation),
}

impl Executor {
    pub(crate) fn spawn<F>(&self, future: F) -> Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match self {
            Executor::Runtime => rt::spawn(future),
            Executor::Simulation(simulation) => simulation.spawn(future),
        }
    }

    /// The clock it keeps by itself.
    pub(crate) fn clock(&self) -> Clock {
        match self {
            Executor::Runtime => Clock::system(),
            Executor::Simulation(simulation) => simulation.clock(),
        }
    }

    /// Keeps virtual time, if there is any, from going on.
    pub(crate) fn busy(&self) -> Option<Busy> {
        match self {
            Executor::Runtime => None,
            Executor::Simulation(simulation) => Some(simulation.busy()),
        }
    }

    pub(crate) fn is_simulation(&self) -> bool {
        matches!(self, Executor::Simulation(_))
    }
}
