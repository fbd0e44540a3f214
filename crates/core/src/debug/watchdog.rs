//! Who is being polled, for how long by now, and a thread that looks.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::slow::{Options, SlowPoll, say};
use super::{lag, tree};
use crate::identity::Identity;

/// What a thread is polling. Locked by the thread itself, and four times in each threshold by the watchdog.
struct Slot {
    thread: Option<String>,
    poll: Mutex<Option<Current>>,
}

struct Current {
    task: Arc<Identity>,
    since: Instant,
    is_reported: bool,
}

impl Slot {
    fn poll(&self) -> MutexGuard<'_, Option<Current>> {
        self.poll.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

static SLOTS: Mutex<Vec<Weak<Slot>>> = Mutex::new(Vec::new());
static OPTIONS: OnceLock<Options> = OnceLock::new();

thread_local! {
    static SLOT: RefCell<Option<Arc<Slot>>> = const { RefCell::new(None) };
}

fn slots() -> MutexGuard<'static, Vec<Weak<Slot>>> {
    SLOTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This thread's, made at its first poll.
fn slot() -> Option<Arc<Slot>> {
    SLOT.try_with(|slot| slot.borrow_mut().get_or_insert_with(make_slot).clone()).ok()
}

fn make_slot() -> Arc<Slot> {
    let thread = std::thread::current().name().map(ToOwned::to_owned);
    let slot = Arc::new(Slot { thread, poll: Mutex::new(None) });
    slots().push(Arc::downgrade(&slot));
    slot
}

/// A poll in progress. What is polled within it, on the same thread, belongs to it.
pub(crate) struct Polling {
    slot: Arc<Slot>,
    task: Arc<Identity>,
    since: Instant,
    is_outermost: bool,
}

impl Polling {
    pub(crate) fn begin(task: Option<&Arc<Identity>>) -> Option<Self> {
        let task = task?;
        task.life()?.poll_begins();
        let (slot, since) = (slot()?, Instant::now());
        let is_outermost = {
            let mut poll = slot.poll();
            let is_outermost = poll.is_none();
            poll.get_or_insert_with(|| Current { task: task.clone(), since, is_reported: false });
            is_outermost
        };
        Some(Self { slot, task: task.clone(), since, is_outermost })
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        let elapsed = self.since.elapsed();
        if let Some(life) = self.task.life() {
            life.poll_ends(elapsed);
        }
        let ended = if self.is_outermost { self.slot.poll().take() } else { None };
        if ended.is_some_and(|current| current.is_reported) {
            let (task, thread) = (self.task.clone(), self.slot.thread.clone());
            tell(&SlowPoll { task, thread, elapsed, is_over: true });
        }
    }
}

/// A reporter that panics harms nobody: it may run while a task unwinds.
fn tell(slow: &SlowPoll) {
    if let Some(options) = OPTIONS.get() {
        let report = std::panic::AssertUnwindSafe(|| (options.reporter)(slow));
        let _ = std::panic::catch_unwind(report);
    }
}

pin_project! {
    /// A future whose polls are watched.
    pub(crate) struct Watched<F> {
        task: Option<Arc<Identity>>,
        #[pin]
        future: F,
    }

    impl<F> PinnedDrop for Watched<F> {
        fn drop(this: Pin<&mut Self>) {
            tree::over(this.task.as_ref());
        }
    }
}

impl<F: Future> Watched<F> {
    pub(crate) fn new(task: Option<Arc<Identity>>, future: F) -> Self {
        Self { task, future }
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _polling = Polling::begin(this.task.as_ref());
        this.future.poll(cx)
    }
}

/// Starts the thread that looks, and what else debug mode keeps going.
pub(super) fn start(options: Options) {
    let look_each = options.slow / 4;
    let slow = options.slow;
    let _ = OPTIONS.set(options);
    lag::start();
    let wanted = dump_on_signal();
    let watch = move || {
        loop {
            std::thread::park_timeout(look_each);
            look(slow);
            if wanted.swap(false, Ordering::SeqCst) {
                say(&tree::dump(true)); // nobody else starts this thread
            }
        }
    };
    // Without the thread nothing is reported; the tree can be seen all the same.
    let _ = std::thread::Builder::new().name("gather-watchdog".to_owned()).spawn(watch);
}

fn look(slow: Duration) {
    let late: Vec<SlowPoll> = {
        let mut slots = slots();
        slots.retain(|slot| slot.strong_count() > 0);
        slots.iter().filter_map(|slot| too_long(&*slot.upgrade()?, slow)).collect()
    };
    late.iter().for_each(tell);
}

/// What there is to report of this thread, once for each poll.
fn too_long(slot: &Slot, slow: Duration) -> Option<SlowPoll> {
    let mut poll = slot.poll();
    let current = poll.as_mut()?;
    let elapsed = current.since.elapsed();
    if current.is_reported || elapsed < slow {
        return None;
    }
    current.is_reported = true;
    Some(SlowPoll { task: current.task.clone(), thread: slot.thread.clone(), elapsed, is_over: false })
}

/// A flag that SIGUSR1 raises. Looked at by the watchdog, so that it works while everything else is blocked.
fn dump_on_signal() -> Arc<AtomicBool> {
    let wanted = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    let _ = signal_hook::flag::register(signal_hook::consts::SIGUSR1, wanted.clone());
    wanted
}
