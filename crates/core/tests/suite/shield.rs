use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;
use gather_core::{
    By, Clock, Deadline, Reason, Root, cancelled, finally, run, shield, sleep, spawn, spawn_service, timeout,
    to_thread,
};

use crate::support::{FOREVER, Flag, eventually, promptly, test, yield_times};

const SECOND: Duration = Duration::from_secs(1);

/// Work that takes a few polls and then raises the flag.
async fn slowly(done: Flag) {
    yield_times(20).await;
    done.raise();
}

#[test]
fn shielded_work_outlives_the_caller_that_is_dropped() {
    test(async {
        let done = Flag::default();
        drop(shield(FOREVER, slowly(done.clone())));
        eventually(|| done.is_up()).await;
    });
}

#[test]
fn the_cancelling_of_the_caller_does_not_reach_it() {
    test(async {
        let (begun, go_on, done) = (Flag::default(), Flag::default(), Flag::default());
        let (begin, told, finish) = (begun.clone(), go_on.clone(), done.clone());
        let work = async move {
            begin.raise();
            eventually(|| told.is_up()).await;
            assert!(cancelled().now_or_never().is_none());
            finish.raise();
        };
        let caller = spawn(async move { shield(FOREVER, work).await });
        eventually(|| begun.is_up()).await;
        assert!(caller.cancel(Reason::new("enough")).await.is_err());
        go_on.raise();
        eventually(|| done.is_up()).await;
    });
}

#[test]
fn the_deadline_of_the_caller_is_not_its_own() {
    let remaining = test(timeout(SECOND, async {
        shield(10 * SECOND, async { Deadline::current().remaining() }).await.unwrap().unwrap()
    }));
    assert!(remaining.unwrap() > SECOND);
}

#[test]
fn its_own_bound_ends_it() {
    let clock = Clock::manual();
    test(clock.within(async {
        let gone = Flag::default();
        let guard = gone.on_drop();
        let work = shield(SECOND, async move {
            let _guard = guard;
            pending::<()>().await;
        });
        eventually(|| clock.sleepers() == 1).await;
        clock.advance(SECOND);
        let ended = work.await.unwrap_err();
        assert_eq!(ended.reason().unwrap().by(), By::Deadline);
        assert!(gone.is_up());
    }));
}

#[test]
fn the_root_waits_for_shielded_work() {
    let done = Flag::default();
    run(async { drop(shield(FOREVER, slowly(done.clone()))) }).unwrap();
    assert!(done.is_up());
}

#[test]
fn the_root_waits_for_what_is_shielded_while_it_ends() {
    struct ShieldsOnDrop(Flag);
    impl Drop for ShieldsOnDrop {
        fn drop(&mut self) {
            drop(shield(FOREVER, slowly(self.0.clone())));
        }
    }
    for _ in 0..20 {
        let done = Flag::default();
        let last_words = ShieldsOnDrop(done.clone());
        run(async {
            spawn(async move {
                let _last_words = last_words;
                pending::<()>().await;
            })
            .detach();
        })
        .unwrap();
        assert!(done.is_up());
    }
}

#[test]
fn the_grace_of_the_root_bounds_shielded_work() {
    promptly(|| {
        let root = Root::new().grace(Duration::from_millis(20));
        root.run(async { drop(shield(10 * FOREVER, pending::<()>())) })
    })
    .unwrap();
}

#[test]
fn the_clean_up_comes_after_the_work_and_before_its_value() {
    test(async {
        let (gone, done) = (Flag::default(), Flag::default());
        let (guard, was_gone, finish) = (gone.on_drop(), gone.clone(), done.clone());
        let work = async move {
            let _guard = guard;
            7
        };
        let clean_up = async move {
            assert!(was_gone.is_up());
            slowly(finish).await;
        };
        assert_eq!(finally(work, clean_up).await, 7);
        assert!(done.is_up());
    });
}

#[test]
fn whoever_drops_it_at_whichever_await_the_clean_up_runs_once() {
    for polls in 0..4 {
        let (begun, done) = (Flag::default(), Flag::default());
        run(async {
            let (start, finish) = (begun.clone(), done.clone());
            let clean_up = async move {
                assert!(!start.is_up(), "it runs twice");
                start.raise();
                slowly(finish).await;
            };
            let mut work = Box::pin(finally(yield_times(2), clean_up));
            for _ in 0..polls {
                let _ = futures::poll!(work.as_mut());
            }
            drop(work);
        })
        .unwrap();
        assert!(done.is_up(), "dropped after {polls} polls");
    }
}

#[test]
fn a_cancelled_task_cleans_up() {
    test(async {
        let (waits, done) = (Flag::default(), Flag::default());
        let work = waits.clone().when_pending(pending::<()>());
        let task = spawn(finally(work, slowly(done.clone())));
        eventually(|| waits.is_up()).await;
        assert!(task.cancel(Reason::new("enough")).await.is_err());
        eventually(|| done.is_up()).await;
    });
}

#[test]
fn a_panic_of_the_work_goes_on_after_the_clean_up() {
    let done = Flag::default();
    let finish = done.clone();
    let outcome = test(spawn(finally(async { panic!("the work") }, slowly(finish))));
    assert!(outcome.unwrap_err().to_string().contains("the work"));
    assert!(done.is_up());
}

#[test]
fn a_panic_of_the_clean_up_goes_on_in_who_awaits() {
    let outcome = test(spawn(finally(async { 7 }, async { panic!("the clean-up") })));
    assert!(outcome.unwrap_err().to_string().contains("the clean-up"));
}

#[test]
fn a_panic_of_a_clean_up_that_nobody_awaits_is_told() {
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let notes = told.clone();
    let root = Root::new().reporter(move |unseen| notes.lock().unwrap().push(unseen.to_string()));
    root.run(async { drop(finally(async {}, async { panic!("the clean-up") })) }).unwrap();
    assert_eq!(*told.lock().unwrap(), ["a task that nobody awaits panicked: the clean-up"]);
}

#[test]
fn a_clean_up_that_takes_too_long_is_ended_and_told() {
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let notes = told.clone();
    let root = Root::new().reporter(move |unseen| notes.lock().unwrap().push(unseen.to_string()));
    let clock = Clock::manual();
    root.run(clock.within(async {
        let mut work = pin!(finally(async { 7 }, pending()));
        assert!(futures::poll!(work.as_mut()).is_pending());
        eventually(|| clock.sleepers() == 1).await;
        clock.advance(10 * SECOND);
        assert_eq!(work.await, 7);
    }))
    .unwrap();
    assert_eq!(told.lock().unwrap().len(), 1);
}

#[test]
fn it_works_without_a_root() {
    let done = Flag::default();
    block_on(async {
        drop(finally(sleep(FOREVER), slowly(done.clone())));
        eventually(|| done.is_up()).await;
    });
    let panics = catch_unwind(AssertUnwindSafe(|| block_on(finally(async { panic!("the work") }, async {}))));
    assert!(panics.is_err());
}

#[test]
fn a_service_that_the_root_ends_cleans_up_and_has_its_time() {
    for work in [0, 1] {
        let (done, gone) = (Flag::default(), Flag::default());
        let (finish, last) = (done.clone(), gone.on_drop());
        let root = Root::new().grace(FOREVER);
        promptly(|| {
            root.run(async {
                let waits = Flag::default();
                let serves = waits.clone().when_pending(pending::<()>());
                let clean_up = async move {
                    sleep(Duration::from_millis(600 * work)).await; // longer than closures on threads get
                    slowly(finish).await;
                    drop(last);
                };
                spawn_service(finally(serves, clean_up));
                eventually(|| waits.is_up()).await;
            })
        })
        .unwrap();
        assert!(done.is_up() && gone.is_up());
    }
}

#[test]
fn a_service_that_does_not_clean_up_does_not_hold_up_the_root() {
    promptly(|| {
        Root::new().grace(FOREVER).run(async {
            spawn_service(async {
                spawn(pending::<()>()).detach();
                pending::<()>().await;
            });
        })
    })
    .unwrap();
}

#[test]
fn a_root_within_a_service_shields_nobody() {
    test(async {
        let done = Flag::default();
        let finish = done.clone();
        spawn_service(async move {
            let nested = || {
                promptly(|| Root::new().grace(FOREVER).run(async { spawn(pending::<()>()).detach() }))
                    .unwrap();
            };
            to_thread(nested).await.unwrap();
            finish.raise();
        });
        eventually(|| done.is_up()).await;
    });
}

#[test]
fn a_clean_up_that_takes_too_long_and_that_nobody_awaits_is_told() {
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let notes = told.clone();
    let root = Root::new().reporter(move |unseen| notes.lock().unwrap().push(unseen.to_string()));
    let clock = Clock::manual();
    root.run(clock.within(async {
        drop(finally(async {}, pending()));
        eventually(|| clock.sleepers() == 1).await;
        clock.advance(10 * SECOND);
        eventually(|| !told.lock().unwrap().is_empty()).await;
    }))
    .unwrap();
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("the shielded work"), "{told:?}");
}

#[test]
fn shielded_work_that_is_late_is_told_if_its_handle_is_dropped_afterwards() {
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let notes = told.clone();
    let root = Root::new().reporter(move |unseen| notes.lock().unwrap().push(unseen.to_string()));
    let clock = Clock::manual();
    root.run(clock.within(async {
        let gone = Flag::default();
        let guard = gone.on_drop();
        let work = shield(SECOND, async move {
            let _guard = guard;
            pending::<()>().await;
        });
        eventually(|| clock.sleepers() == 1).await;
        clock.advance(SECOND);
        eventually(|| gone.is_up()).await;
        drop(work);
    }))
    .unwrap();
    assert_eq!(told.lock().unwrap().len(), 1);
}
