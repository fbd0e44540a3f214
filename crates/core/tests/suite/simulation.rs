use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use gather_core::{
    Clock, Deadline, Retry, Root, every, now, report, run, settle, shield, sleep, sockets_allowed, spawn,
    spawn_service, test as simulate, timeout, to_thread,
};

use crate::support::{Flag, promptly, yield_times};

const HOUR: Duration = Duration::from_secs(3600);

/// The order in which tasks note that they run.
fn order(seed: u64) -> Vec<(usize, u64)> {
    let notes = Arc::new(Mutex::new(Vec::new()));
    simulate(seed, async {
        let tasks = (0..8).map(|n| {
            let notes = notes.clone();
            spawn(async move {
                for _ in 0..3 {
                    notes.lock().unwrap().push((n, fastrand::u64(..)));
                    yield_times(1).await;
                }
            })
        });
        settle(tasks).await;
    });
    Arc::into_inner(notes).unwrap().into_inner().unwrap()
}

#[test]
fn the_same_seed_replays_order_and_chance() {
    for seed in 0..100 {
        assert_eq!(order(seed), order(seed));
    }
}

#[test]
fn another_seed_is_another_order() {
    let orders: std::collections::HashSet<Vec<usize>> =
        (0..100).map(|seed| order(seed).into_iter().map(|(n, _)| n).collect()).collect();
    assert!(orders.len() > 90, "{} different orders", orders.len());
}

#[test]
fn a_year_of_sleeping_takes_no_time() {
    promptly(|| {
        simulate(1, async {
            let start = now();
            sleep(365 * 24 * HOUR).await;
            assert_eq!(now() - start, 365 * 24 * HOUR);
        });
    });
}

#[test]
fn time_jumps_only_when_all_wait() {
    simulate(1, async {
        let start = now();
        let busy = spawn(async move {
            yield_times(1000).await;
            now() - start
        });
        sleep(HOUR).await;
        assert_eq!(busy.await.unwrap(), Duration::ZERO);
    });
}

#[test]
fn limits_periods_and_retries_live_in_virtual_time() {
    simulate(1, async {
        let start = now();
        assert!(timeout(HOUR, pending::<()>()).await.is_err());
        let mut ticks = every(HOUR);
        for _ in 0..1000 {
            ticks.tick().await;
        }
        let retry = Retry::new().attempts(5).base(HOUR).cap(10 * HOUR);
        let gave_up = retry.run(async |_| Err::<(), _>("busy"), |_| gather_core::Decision::Again).await;
        assert_eq!(gave_up.unwrap_err().attempts(), 5);
        assert!(now() - start > 1000 * HOUR);
        assert_eq!(Deadline::current(), Deadline::never());
    });
}

#[test]
fn while_a_closure_runs_time_stands_still() {
    for seed in 0..20 {
        simulate(seed, async {
            let start = now();
            let (go_on, wait) = std::sync::mpsc::channel::<()>();
            let closure = spawn(to_thread(move || wait.recv()));
            yield_times(5).await;
            assert_eq!(now(), start);
            drop(go_on);
            assert!(closure.await.unwrap().unwrap().is_err());
            assert_eq!(now(), start);
        });
    }
}

#[test]
fn a_closure_that_nobody_polls_for_does_not_stop_the_clock_for_ever() {
    promptly(|| {
        simulate(1, async {
            let (go_on, wait) = std::sync::mpsc::channel::<()>();
            let mut closure = Box::pin(to_thread(move || wait.recv()));
            assert!(futures::poll!(closure.as_mut()).is_pending());
            drop(go_on);
            sleep(HOUR).await;
            assert!(closure.await.unwrap().is_err());
        });
    });
}

fn failure(test: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(test)).unwrap_err();
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn a_deadlock_is_a_failure_that_tells_the_seed() {
    let told = failure(|| {
        simulate(42, async {
            let (_keep, never) = oneshot::channel::<()>();
            let _ = never.await;
        });
    });
    assert!(told.contains("everything waits") && told.contains("seed 42"), "{told}");
}

#[test]
fn a_panic_goes_on_as_it_was() {
    assert_eq!(failure(|| simulate(1, async { panic!("boom") })), "boom");
}

#[test]
fn what_nobody_looked_at_fails_the_test() {
    let told = failure(|| {
        simulate(7, async {
            let done = Flag::default();
            let guard = done.on_drop();
            spawn(async move {
                let _guard = guard;
                panic!("boom")
            })
            .detach();
            crate::support::eventually(|| done.is_up()).await;
        });
    });
    assert!(told.contains("boom") && told.contains("seed 7"), "{told}");
    assert!(failure(|| simulate(7, async { report("disk full") })).contains("disk full"));
}

#[test]
fn a_socket_is_an_error_that_names_the_rule() {
    assert!(sockets_allowed().is_ok());
    simulate(1, async {
        assert!(sockets_allowed().unwrap_err().to_string().contains("Clock::manual()"));
        assert!(spawn(async { sockets_allowed() }).await.unwrap().is_err());
        spawn_service(async { assert!(sockets_allowed().is_err()) });
        yield_times(3).await;
    });
}

#[test]
fn all_is_joined_before_it_returns() {
    for seed in 0..200 {
        let (gone, done) = (Flag::default(), Flag::default());
        simulate(seed, async {
            let (guard, finish) = (gone.on_drop(), done.clone());
            spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            })
            .detach();
            drop(shield(HOUR, async move {
                sleep(Duration::from_secs(1)).await;
                finish.raise();
            }));
        });
        assert!(gone.is_up() && done.is_up());
    }
}

#[test]
fn a_clock_of_its_own_within_is_the_tests_own() {
    let clock = Clock::manual();
    simulate(1, async {
        let nap = spawn(clock.within(async { sleep(HOUR).await }));
        yield_times(10).await;
        crate::support::eventually(|| clock.sleepers() == 1).await;
        clock.advance(HOUR);
        nap.await.unwrap();
    });
}

#[test]
fn a_root_within_runs_in_real_time() {
    simulate(1, async {
        let start = Instant::now();
        run(async { sleep(Duration::from_millis(20)).await }).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(20));
    });
}

#[test]
fn tests_on_several_threads_do_not_see_each_other() {
    let threads: Vec<_> = (0..4).map(|seed| std::thread::spawn(move || order(seed))).collect();
    for (seed, thread) in (0..4).zip(threads) {
        assert_eq!(thread.join().unwrap(), order(seed));
    }
}

#[test]
fn a_reporter_of_ones_own_is_told_instead() {
    let told = Arc::new(Mutex::new(0));
    let count = told.clone();
    let root = Root::new().reporter(move |_| *count.lock().unwrap() += 1);
    root.simulate(1, async { report("disk full") });
    assert_eq!(*told.lock().unwrap(), 1);
}

#[test]
fn a_test_that_fails_leaves_nothing_behind_however_deep() {
    let gone = Flag::default();
    let guard = gone.on_drop();
    let nested = async {
        spawn(async {
            spawn(async {
                spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                })
                .await
            })
            .await
        })
        .await
    };
    assert!(catch_unwind(AssertUnwindSafe(|| simulate(1, nested))).is_err());
    assert!(gone.is_up());
}
