//! The places with synchronisation of their own, in thousands of interleavings, by shuttle:
//!
//! `RUSTFLAGS="--cfg shuttle" cargo test -p gather-core --lib --target-dir target/shuttle models`

use std::sync::Arc;

use futures::FutureExt;
use shuttle::future::block_on;
use shuttle::thread;

use crate::cancel::CancelToken;
use crate::context::Context;
use crate::executor::Executor;
use crate::group::TaskGroup;
use crate::identity::Identity;
use crate::lane::Crew;
use crate::limiter::Limiter;
use crate::outcome::Reason;
use crate::primitives::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::primitives::{Mutex, yield_now};
use crate::registry::{Keep, Kind, Registry, Suspect};
use crate::run::Root;
use crate::simulation::Simulation;
use crate::task::{Task, spawn};
use crate::time::let_others_run;

const INTERLEAVINGS: usize = 5_000;

/// A hang is a failure too: shuttle sees that everybody waits.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    shuttle::check_random(model, INTERLEAVINGS);
}

#[test]
fn whoever_waits_for_a_token_is_told_however_late_it_listens() {
    explore(|| {
        let root = CancelToken::new();
        let child = root.child();
        let waiting = [root.clone(), child.clone(), child.child()]
            .map(|token| thread::spawn(move || block_on(token.cancelled()).why().to_owned()));
        let late = child.child();
        assert!(root.cancel(Reason::new("enough")));
        for waits in waiting {
            assert_eq!(waits.join().unwrap(), "enough");
        }
        assert_eq!(late.cancelled().now_or_never().unwrap().why(), "enough");
    });
}

#[test]
fn of_two_reasons_one_stays_and_everybody_sees_the_same() {
    explore(|| {
        let token = CancelToken::new();
        let racing = ["one", "two"].map(|why| {
            let token = token.clone();
            thread::spawn(move || token.cancel(Reason::new(why)))
        });
        let seen = block_on(token.cancelled());
        let first = racing.map(|thread| thread.join().unwrap());
        assert!(first[0] != first[1]);
        assert_eq!(token.reason(), Some(seen));
    });
}

#[test]
fn who_has_heard_the_cancelling_is_never_taken_for_deaf() {
    explore(|| {
        let token = CancelToken::new();
        let heard = Arc::new(AtomicBool::new(false));
        let (ears, hears) = (token.child(), heard.clone());
        let listener = thread::spawn(move || {
            block_on(ears.cancelled());
            hears.store(true, Ordering::SeqCst);
        });
        token.cancel(Reason::new("enough"));
        let had_heard = heard.load(Ordering::SeqCst);
        assert!(token.is_listened_to() || !had_heard);
        listener.join().unwrap();
        assert!(token.is_listened_to());
    });
}

#[test]
fn the_root_waits_until_the_last_has_left() {
    explore(|| {
        let registry = Arc::new(Registry::default());
        let left = Arc::new(AtomicUsize::new(0));
        let leaving: Vec<_> = (0..3)
            .map(|_| {
                registry.enter(Kind::Task);
                let (registry, left) = (registry.clone(), left.clone());
                thread::spawn(move || {
                    left.fetch_add(1, Ordering::SeqCst);
                    registry.leave(Kind::Task);
                })
            })
            .collect();
        block_on(registry.gone(Kind::Task));
        assert_eq!(left.load(Ordering::SeqCst), 3);
        leaving.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// A handle that counts its drops.
struct Handle(Arc<AtomicUsize>);

impl Keep for Handle {
    fn is_over(&self) -> bool {
        false
    }

    fn is_deaf(&self) -> bool {
        false
    }

    fn suspect(&self) -> Box<dyn Suspect> {
        Box::new(Nobody)
    }
}

struct Nobody;

impl Suspect for Nobody {
    fn is_gone(&self) -> bool {
        true
    }

    fn identity(&self) -> Option<Arc<Identity>> {
        None
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn no_handle_is_kept_past_the_end_of_its_kind() {
    explore(|| {
        let registry = Arc::new(Registry::default());
        let dropped = Arc::new(AtomicUsize::new(0));
        let keeping: Vec<_> = (0..3)
            .map(|_| {
                let (registry, handle) = (registry.clone(), Handle(dropped.clone()));
                thread::spawn(move || registry.keep(Kind::Task, handle))
            })
            .collect();
        registry.end(Kind::Task);
        keeping.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(dropped.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn the_turn_in_a_line_survives_whoever_leaves_it() {
    explore(|| {
        let limiter = Arc::new(Limiter::<()>::new().concurrency(std::num::NonZeroUsize::MIN));
        let inside = Arc::new(Mutex::new(0));
        let come_and_go: Vec<_> = (0..3)
            .map(|number| {
                let (limiter, inside) = (limiter.clone(), inside.clone());
                thread::spawn(move || {
                    if number == 1 {
                        let _ = limiter.acquire(()).now_or_never(); // stands in line for one poll
                        return;
                    }
                    let permit = block_on(limiter.acquire(()));
                    let count = &mut *inside.lock().unwrap();
                    *count += 1;
                    drop(permit);
                })
            })
            .collect();
        come_and_go.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*inside.lock().unwrap(), 2);
        assert!(limiter.try_acquire(()).is_some());
    });
}

/// Counts who is inside.
struct Inside(Arc<AtomicUsize>);

impl Inside {
    fn enter(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_group_that_another_thread_adds_to_and_stops_is_joined() {
    explore(|| {
        let simulation = Simulation::new();
        let root = Context::root(Arc::default()).on(Executor::Simulation(simulation.clone()));
        let (inside, busy) = (Arc::new(AtomicUsize::new(0)), simulation.busy());
        let work = |inside: &Arc<AtomicUsize>| {
            let inside = inside.clone();
            async move {
                let _inside = Inside::enter(&inside);
                let_others_run().await;
                Ok::<_, String>(())
            }
        };
        let story = root.within(async {
            let group = TaskGroup::new().width(std::num::NonZeroUsize::MIN);
            let (spawner, theirs) = (group.spawner(), work(&inside));
            let other = thread::spawn(move || {
                let _busy = busy;
                spawner.spawn(theirs);
                spawner.stop(Reason::new("enough"));
            });
            group.spawn(work(&inside));
            group.spawn(work(&inside));
            let closed = group.closed();
            assert!(group.settle().await.len() >= 2);
            closed.await;
            assert_eq!(inside.load(Ordering::SeqCst), 0);
            other
        });
        let other = simulation.block_on(1, story).unwrap();
        other.join().unwrap();
        simulation.clear();
    });
}

#[test]
fn of_three_who_wait_for_room_on_two_threads_each_is_told() {
    explore(|| {
        let simulation = Simulation::new();
        let root = Context::root(Arc::default()).on(Executor::Simulation(simulation.clone()));
        let busy = simulation.busy();
        let story = root.within(async {
            let group = Arc::new(TaskGroup::<(), String>::new().width(std::num::NonZeroUsize::MIN));
            group.spawn(async {
                let_others_run().await;
                Ok(())
            });
            let theirs = group.clone();
            let other = thread::spawn(move || {
                let _busy = busy;
                block_on(theirs.room());
            });
            futures::join!(group.room(), group.room());
            other
        });
        let other = simulation.block_on(1, story).unwrap();
        other.join().unwrap();
        simulation.clear();
    });
}

#[test]
fn a_closure_that_waits_for_a_place_is_neither_forgotten_nor_run_twice() {
    explore(|| {
        // Leaked, as the lanes are there as long as the process.
        let crew: &'static Crew = Box::leak(Box::new(Crew::new(1)));
        let (ran, inside) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let submit = |number: usize| {
            let (ran, inside) = (ran.clone(), inside.clone());
            let (tell, told) = futures::channel::oneshot::channel();
            let ticket = crew.submit(Box::new(move || {
                let _inside = Inside::enter(&inside);
                assert_eq!(inside.load(Ordering::SeqCst), 1, "more at once than there are places");
                ran.fetch_add(1 << (8 * number), Ordering::SeqCst);
                let _ = tell.send(());
            }));
            (ticket, told)
        };
        let first = submit(0);
        let racing: Vec<_> = [submit(1), submit(2)]
            .into_iter()
            .enumerate()
            .map(|(number, (ticket, told))| {
                thread::spawn(move || match number {
                    0 => drop(ticket), // nobody waits for this one any more
                    _ => block_on(told).unwrap(),
                })
            })
            .collect();
        block_on(first.1).unwrap();
        racing.into_iter().for_each(|thread| thread.join().unwrap());
        while crew.running() > 0 {
            yield_now();
        }
        assert_eq!(crew.queued(), 0);
        assert!([0x1_00_01, 0x1_01_01].contains(&ran.load(Ordering::SeqCst)));
    });
}

/// Panics, without the message that a panic prints.
fn boom<T>() -> T {
    std::panic::resume_unwind(Box::new("boom"))
}

/// A task that another thread lets go of, in whichever way, while it comes to its end: how often the root was told of it.
fn let_go<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
    let_go: impl FnOnce(Task<T>) + Send + 'static,
) -> usize {
    let told = Arc::new(AtomicUsize::new(0));
    let tells = told.clone();
    let root = Root::new().reporter(move |_| {
        tells.fetch_add(1, Ordering::SeqCst);
    });
    let (simulation, registry) = (Simulation::new(), root.registry());
    let context = Context::root(registry.clone()).on(Executor::Simulation(simulation.clone()));
    let busy = simulation.busy();
    let story = context.within(async {
        let task = spawn(work);
        let other = thread::spawn(move || {
            let_go(task);
            drop(busy);
        });
        registry.gone(Kind::Task).await;
        other
    });
    let other = simulation.block_on(1, story).unwrap();
    other.join().unwrap();
    drop(registry.end(Kind::Task));
    simulation.clear();
    told.load(Ordering::SeqCst)
}

#[test]
fn the_output_of_a_task_is_dropped_whoever_lets_go_of_it_when() {
    for is_detached in [true, false] {
        explore(move || {
            let inside = Arc::new(AtomicUsize::new(0));
            let output = Inside::enter(&inside);
            let work = async {
                let_others_run().await;
                output
            };
            let told = let_go(work, move |task| if is_detached { task.detach() } else { drop(task) });
            assert_eq!((told, inside.load(Ordering::SeqCst)), (0, 0));
        });
    }
}

#[test]
fn the_panic_of_a_task_is_told_once_whoever_detaches_it_when() {
    explore(|| {
        let panics = async {
            let_others_run().await;
            boom::<()>()
        };
        assert_eq!(let_go(panics, Task::detach), 1);
    });
}

#[test]
fn the_panic_of_a_task_that_is_awaited_elsewhere_is_not_told() {
    explore(|| {
        let panics = async {
            let_others_run().await;
            boom::<()>()
        };
        assert_eq!(let_go(panics, |task| assert!(block_on(task).unwrap_err().is_panic())), 0);
    });
}

#[test]
fn a_task_that_is_cancelled_from_another_thread_is_gone_when_that_is_told() {
    explore(|| {
        let inside = Arc::new(AtomicUsize::new(0));
        let (guard, counts) = (Inside::enter(&inside), inside.clone());
        let waits = async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        };
        let told = let_go(waits, move |task| {
            assert!(block_on(task.cancel(Reason::new("enough"))).is_err());
            assert_eq!(counts.load(Ordering::SeqCst), 0);
        });
        assert_eq!(told, 0);
    });
}

#[test]
fn the_error_of_a_task_is_told_once_whoever_detaches_it_so_when() {
    explore(|| {
        let fails = async {
            let_others_run().await;
            Err::<(), _>("disk full")
        };
        assert_eq!(let_go(fails, Task::detach_reporting), 1);
    });
}

#[test]
fn a_line_that_grows_on_one_thread_is_cancelled_from_another() {
    explore(|| {
        let root = CancelToken::new();
        let cancels = root.clone();
        let grows = thread::spawn(move || (0..40).fold(root, |token, _| token.child()));
        let other = thread::spawn(move || cancels.cancel(Reason::new("enough")));
        let last = grows.join().unwrap();
        assert!(other.join().unwrap() && last.is_cancelled());
    });
}
