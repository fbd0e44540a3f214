//! Tests in virtual time, in an order of polls that a seed decides.

use std::future::Future;
use std::io;
use std::panic::{Location, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use crate::context::Context;
use crate::executor::Executor;
use crate::run::Root;
use crate::signals::Incoming;
use crate::simulation::Simulation;

/// Runs a test on an executor of its own, on this thread, in virtual time.
///
/// - **Time** stands still while anything can go on, and jumps to the next sleep when all wait: an hour's sleep costs
///   nothing, and takes exactly an hour of [`now`](crate::now).
/// - **Order**: of all that are ready, the seed decides who is polled next. The same seed gives the same order, and the
///   same jitter and random numbers of `fastrand`; another one shows another interleaving. Loop over many.
/// - **Closures** of [`to_thread`](crate::to_thread) run on real threads; while they do, time stands still. The order in
///   which several of them end is the threads' own, and no seed decides it.
/// - **Sockets** are not for virtual time, which would jump past every answer: those of gather are an
///   [error](sockets_allowed) here, and what waits for any other is reported as below. For them there is
///   [`Clock::manual`](crate::Clock::manual).
///
/// It is a root scope like [`run`](crate::run), without signals: what was started is joined before it returns.
///
/// # Panics
/// If the future panics; if something goes wrong that nobody looks at (see [`Unseen`](crate::Unseen)); if
/// all wait, no sleep is set, and so nothing can ever wake them. The seed is printed on stderr.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{now, sleep, spawn, test};
///
/// let order = |seed| test(seed, async {
///     let start = now();
///     sleep(Duration::from_secs(3600)).await;
///     assert_eq!(now() - start, Duration::from_secs(3600));
///     let (tell, told) = std::sync::mpsc::channel();
///     let tasks: Vec<_> = (0..9).map(|n| (n, tell.clone())).map(|(n, tell)| spawn(async move { tell.send(n) })).collect();
///     gather_core::settle(tasks).await;
///     told.try_iter().collect::<Vec<_>>()
/// });
/// assert_eq!(order(7), order(7));
/// assert_ne!(order(7), order(8));
/// ```
#[track_caller]
pub fn test<F: Future>(seed: u64, future: F) -> F::Output {
    let unseen = Arc::new(Mutex::new(Vec::new()));
    let notes = unseen.clone();
    let note = move |what: String| notes.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    let output = Root::new().reporter(move |unseen| note(unseen.to_string())).simulate(seed, future);
    let unseen = unseen.lock().unwrap_or_else(PoisonError::into_inner);
    if !unseen.is_empty() {
        fail(seed, &format!("nobody looked at this: {}", unseen.join("; ")));
    }
    output
}

impl Root {
    /// [`test()`], with these options. With a [`reporter`](Self::reporter), what it is told of is no failure of the test.
    ///
    /// # Panics
    /// As [`test()`] does.
    ///
    /// ```
    /// use gather_core::{Root, report};
    ///
    /// let (tell, told) = std::sync::mpsc::channel();
    /// let root = Root::new().reporter(move |unseen| tell.send(unseen.error().unwrap().to_string()).unwrap());
    /// root.simulate(7, async { report("disk full") });
    /// assert_eq!(told.recv().unwrap(), "disk full");
    /// ```
    #[track_caller]
    pub fn simulate<F: Future>(&self, seed: u64, future: F) -> F::Output {
        let simulation = Simulation::new();
        let root = Context::root(self.registry()).on(Executor::Simulation(simulation.clone()));
        let chance = fastrand::get_seed();
        fastrand::seed(seed);
        let result = simulation.block_on(seed, self.watch(root, Incoming::none, future, Location::caller()));
        simulation.clear();
        fastrand::seed(chance);
        match result {
            Ok(Ok(Ok(output))) => output,
            Ok(Ok(Err(_interrupted))) => fail(seed, "it was interrupted"),
            Ok(Err(payload)) => {
                say(seed);
                resume_unwind(payload)
            }
            Err(stuck) => fail(seed, &stuck.to_string()),
        }
    }
}

#[allow(clippy::panic, reason = "this is how tests fail")]
fn fail(seed: u64, what: &str) -> ! {
    say(seed);
    panic!("{what} (seed {seed})")
}

#[allow(clippy::print_stderr, reason = "this is where tests tell what they know")]
fn say(seed: u64) {
    eprintln!("gather_core::test failed with seed {seed}");
}

/// Whether sockets work for the code that asks: an error, which names the rule, under [`test()`].
///
/// # Errors
/// Of kind [`io::ErrorKind::Unsupported`].
///
/// ```
/// use gather_core::{run, sockets_allowed, test};
///
/// assert!(run(async { sockets_allowed() }).unwrap().is_ok());
/// assert!(test(1, async { sockets_allowed() }).unwrap_err().to_string().contains("Clock::manual()"));
/// ```
pub fn sockets_allowed() -> io::Result<()> {
    match Context::with_current(|context| context.executor().is_simulation()) {
        false => Ok(()),
        true => Err(io::Error::new(io::ErrorKind::Unsupported, NO_SOCKETS)),
    }
}

const NO_SOCKETS: &str = "no sockets in gather_core::test, whose virtual time would jump past every answer; \
                          hint: a test with sockets takes Clock::manual()";
