//! What the tests share. Nothing here sleeps to bring things into an order.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use gather_core::{ManualClock, Reason, cancelled, run, sleep, timeout};

/// Aborts the process if the test is not over after a long time, also when its thread is blocked, which no timeout of a
/// future sees.
pub(crate) struct Watchdog(
    #[allow(dead_code, reason = "its drop is what counts")] std::sync::mpsc::Sender<()>,
);

impl Watchdog {
    pub(crate) fn start() -> Self {
        let (alive, over) = std::sync::mpsc::channel::<()>();
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        std::thread::spawn(move || {
            if over.recv_timeout(2 * FOREVER) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                eprintln!("{name} blocks its thread");
                std::process::abort();
            }
        });
        Self(alive)
    }
}

/// When a test is taken to hang.
pub(crate) const FOREVER: Duration = Duration::from_secs(60);

/// Names the executor that [`test`] runs on; without it, that is our own root scope.
pub(crate) const EXECUTOR: &str = "GATHER_TEST_EXECUTOR";

/// Runs a test; hanging is a failure.
pub(crate) fn test<F: Future>(future: F) -> F::Output {
    let _watchdog = Watchdog::start();
    let future = async { timeout(FOREVER, future).await.expect("the test hangs") };
    match std::env::var(EXECUTOR).as_deref() {
        Err(_) => run(future).expect("nobody interrupts the tests"),
        Ok("async-std") => async_std::task::block_on(future),
        Ok("smol") => smol::block_on(future),
        Ok("tokio") => tokio::runtime::Runtime::new().expect("a runtime").block_on(future),
        Ok("futures") => futures::executor::block_on(future),
        Ok(other) => panic!("no executor is called {other}"),
    }
}

/// Fails when the work takes so long that it must have waited for something.
pub(crate) fn promptly<T>(work: impl FnOnce() -> T) -> T {
    let _watchdog = Watchdog::start();
    let start = Instant::now();
    let result = work();
    assert!(start.elapsed() < FOREVER / 4, "it took {:?}", start.elapsed());
    result
}

/// Lets others run until the condition holds.
pub(crate) async fn eventually(condition: impl Fn() -> bool) {
    while !condition() {
        sleep(Duration::ZERO).await;
    }
}

pub(crate) async fn yield_times(times: usize) {
    for _ in 0..times {
        sleep(Duration::ZERO).await;
    }
}

/// Runs a future that spawns nothing under the clock, and moves the clock on to the next sleep whenever all sleep.
pub(crate) async fn fast_forward<F: Future>(clock: &ManualClock, future: F) -> F::Output {
    let mut future = pin!(clock.within(future));
    poll_fn(|cx| {
        loop {
            let again = Arc::new(Again { asked: AtomicBool::new(false), outer: cx.waker().clone() });
            let waker = Waker::from(again.clone());
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(output);
            }
            match clock.next_due() {
                _ if again.asked.load(Ordering::SeqCst) => {}
                Some(due) => clock.advance(due),
                None => return Poll::Pending,
            }
        }
    })
    .await
}

/// Notes that it was woken, as who lets others run does.
struct Again {
    asked: AtomicBool,
    outer: Waker,
}

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        self.asked.store(true, Ordering::SeqCst);
        self.outer.wake_by_ref();
    }
}

/// A flag that is shared.
#[derive(Clone, Default)]
pub(crate) struct Flag(Arc<AtomicBool>);

impl Flag {
    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_up(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Raises the flag when it is dropped, which it takes its time for.
    pub(crate) fn on_drop(&self) -> RaiseOnDrop {
        RaiseOnDrop(self.clone())
    }

    /// Waits for the cancelling of the scope it is polled in, and raises the flag once it listens.
    pub(crate) async fn when_cancelled(self) -> Reason {
        self.when_pending(cancelled()).await
    }

    /// Raises the flag whenever the future was polled and is not done.
    pub(crate) async fn when_pending<F: Future>(self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx: &mut Context<'_>| {
            let poll = future.as_mut().poll(cx);
            if poll.is_pending() {
                self.raise();
            }
            poll
        })
        .await
    }
}

pub(crate) struct RaiseOnDrop(Flag);

impl Drop for RaiseOnDrop {
    fn drop(&mut self) {
        for _ in 0..3 {
            std::thread::yield_now();
        }
        self.0.raise();
    }
}

/// How many are inside at once, and the most there ever were.
#[derive(Clone, Default)]
pub(crate) struct Crowd {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    ever: Arc<AtomicUsize>,
}

impl Crowd {
    pub(crate) fn enter(&self) -> Inside {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.ever.fetch_add(1, Ordering::SeqCst);
        Inside(self.clone())
    }

    pub(crate) fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }

    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub(crate) fn ever(&self) -> usize {
        self.ever.load(Ordering::SeqCst)
    }
}

pub(crate) struct Inside(Crowd);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}
