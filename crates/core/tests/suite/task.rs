use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures::channel::oneshot;
use gather_core::{Ended, Reason, Task, spawn, spawn_service};

use crate::support::{Flag, eventually, test};

#[test]
fn a_task_starts_although_nobody_awaits_it() {
    test(async {
        let started = Flag::default();
        let raise = started.clone();
        let task = spawn(async move { raise.raise() });
        eventually(|| started.is_up()).await;
        task.await.unwrap();
    });
}

#[test]
fn a_task_gives_its_value_when_it_was_done_long_before() {
    test(async {
        let task = spawn(async { 7 });
        eventually(|| task.is_finished()).await;
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn a_dropped_task_is_not_polled_again_after_the_poll_in_progress() {
    test(async {
        for _ in 0..100 {
            let (polls, gone) = (Arc::new(AtomicUsize::new(0)), Flag::default());
            let (counted, guard) = (polls.clone(), gone.on_drop());
            let task = spawn(async move {
                let _guard = guard;
                poll_fn(|cx| {
                    counted.fetch_add(1, Ordering::SeqCst);
                    cx.waker().wake_by_ref();
                    Poll::<()>::Pending
                })
                .await;
            });
            eventually(|| polls.load(Ordering::SeqCst) > 0).await;
            drop(task);
            let at_drop = polls.load(Ordering::SeqCst);
            eventually(|| gone.is_up()).await;
            assert!(polls.load(Ordering::SeqCst) <= at_drop + 1);
        }
    });
}

#[test]
fn a_dropped_task_is_not_polled_once_more_to_be_told_so() {
    test(async {
        for _ in 0..1000 {
            let (waits, told, gone) = (Flag::default(), Flag::default(), Flag::default());
            let (tell, guard) = (told.clone(), gone.on_drop());
            let listening = waits.clone().when_cancelled();
            let task = spawn(async move {
                let _guard = guard;
                listening.await;
                tell.raise();
            });
            eventually(|| waits.is_up()).await;
            drop(task);
            eventually(|| gone.is_up()).await;
            assert!(!told.is_up());
        }
    });
}

#[test]
fn a_task_that_is_dropped_before_it_was_polled_never_starts_or_is_gone_all_the_same() {
    test(async {
        for _ in 0..100 {
            let gone = Flag::default();
            let guard = gone.on_drop();
            drop(spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            }));
            eventually(|| gone.is_up()).await;
        }
    });
}

#[test]
fn dropping_a_task_drops_the_tasks_it_holds() {
    test(async {
        let (gone, holds) = (Flag::default(), Flag::default());
        let (guard, inner_runs) = (gone.on_drop(), holds.clone());
        let outer = spawn(async move {
            spawn(async move {
                let _guard = guard;
                inner_runs.raise();
                pending::<()>().await;
            })
            .await
        });
        eventually(|| holds.is_up()).await;
        drop(outer);
        eventually(|| gone.is_up()).await;
    });
}

#[test]
fn a_detached_task_goes_on() {
    test(async {
        let (tell, told) = oneshot::channel();
        spawn(async move { tell.send("done").unwrap() }).detach();
        assert_eq!(told.await, Ok("done"));
    });
}

#[test]
fn a_panic_is_a_value_with_its_payload_and_harms_nobody_else() {
    test(async {
        let bystander = spawn(async { 1 });
        let number = std::hint::black_box(7);
        let ended = spawn(async move { panic!("number {number}") }).await.unwrap_err();
        assert!(ended.is_panic());
        assert_eq!(ended.to_string(), "the task panicked: number 7");
        let Ended::Panicked(panic) = ended else { unreachable!() };
        assert_eq!(panic.message(), "number 7");
        assert_eq!(panic.into_payload().downcast_ref::<String>().unwrap(), "number 7");
        assert_eq!(bystander.await.unwrap(), 1);
    });
}

#[test]
fn a_panic_with_any_payload_can_go_on_in_the_caller() {
    test(async {
        let Err(Ended::Panicked(panic)) = spawn(async { std::panic::panic_any(7_u8) }).await else {
            panic!("the task panics")
        };
        assert_eq!(panic.message(), "a payload that is not a string");
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| panic.resume())).map(|_| ());
        assert_eq!(caught.unwrap_err().downcast_ref::<u8>(), Some(&7));
    });
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the bomb");
    }
}

#[test]
fn a_destructor_that_panics_does_not_abort_the_process() {
    test(async {
        let bomb = Bomb;
        let before_it_ran = spawn(async move {
            let _bomb = bomb;
            pending::<()>().await;
        });
        let ended = before_it_ran.cancel(Reason::new("enough")).await.unwrap_err();
        assert_eq!(ended.reason().unwrap().why(), "enough");

        let waits = Flag::default();
        let pending_with_bomb = waits.clone().when_pending(async {
            let _bomb = Bomb;
            pending::<()>().await;
        });
        let while_it_runs = spawn(pending_with_bomb);
        eventually(|| waits.is_up()).await;
        let ended = while_it_runs.cancel(Reason::new("enough")).await.unwrap_err();
        assert_eq!(ended.reason().unwrap().why(), "enough");

        assert!(spawn(async { drop(Bomb) }).await.unwrap_err().is_panic());
    });
}

#[test]
fn a_future_is_dropped_in_the_context_it_ran_in() {
    struct Leaves(Option<oneshot::Sender<Reason>>);
    impl Drop for Leaves {
        fn drop(&mut self) {
            let reason = gather_core::CancelToken::current().reason();
            self.0.take().unwrap().send(reason.unwrap_or(Reason::new("no token"))).unwrap();
        }
    }
    test(async {
        let (tell, told) = oneshot::channel();
        let leaves = Leaves(Some(tell));
        let task = spawn(async move {
            let _leaves = leaves;
            pending::<()>().await;
        });
        let _ = task.cancel(Reason::new("enough")).await;
        assert_eq!(told.await.unwrap().why(), "enough");
    });
}

#[test]
fn a_service_that_panics_ends_alone() {
    test(async {
        let gone = Flag::default();
        let guard = gone.on_drop();
        spawn_service(async move {
            let _guard = guard;
            panic!("a service panics");
        });
        eventually(|| gone.is_up()).await;
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn a_task_whose_outcome_was_taken_says_so_instead_of_hanging() {
    test(async {
        let mut task = spawn(async { 1 });
        assert_eq!((&mut task).await.unwrap(), 1);
        assert!(task.is_finished());
        assert!(task.await.unwrap_err().reason().unwrap().why().contains("already taken"));
    });
}

#[test]
fn handles_and_futures_can_be_sent() {
    fn sendable<T: Send + 'static>() {}
    sendable::<Task<u8>>();
    sendable::<gather_core::Sleep>();
    sendable::<gather_core::Cancelled>();
    sendable::<gather_core::Every>();
    sendable::<gather_core::Retry>();
    sendable::<gather_core::Ended>();
    fn future<F: Future + Send + 'static>(_: F) {}
    future(gather_core::sleep(crate::support::FOREVER));
    future(gather_core::timeout(crate::support::FOREVER, async {}));
    future(gather_core::to_thread(|| ()));
    future(gather_core::CancelToken::new().within(async {}));
}

#[test]
fn the_output_of_a_detached_task_is_dropped_when_the_task_ends() {
    test(async {
        for _ in 0..100 {
            let dropped = Flag::default();
            let output = dropped.on_drop();
            spawn(async move { output }).detach();
            eventually(|| dropped.is_up()).await;
        }
    });
}

#[test]
fn a_task_that_is_detached_after_its_end_drops_its_output() {
    test(async {
        let dropped = Flag::default();
        let output = dropped.on_drop();
        let task = spawn(async move { output });
        eventually(|| task.is_finished()).await;
        task.detach();
        assert!(dropped.is_up());
    });
}

#[test]
fn a_permit_that_a_detached_task_returns_is_free_again() {
    let limiter = Arc::new(gather_core::Limiter::new().concurrency(8.try_into().unwrap()));
    test(async {
        for _ in 0..9 {
            let permit = limiter.acquire(()).await;
            spawn(async move { permit }).detach();
        }
    });
}

/// Starts another task when it is dropped.
struct StartsAnother;

impl Drop for StartsAnother {
    fn drop(&mut self) {
        spawn(async {}).detach();
    }
}

#[test]
fn an_output_whose_destructor_detaches_a_task_locks_nobody_out() {
    test(async {
        for _ in 0..500 {
            spawn(async { StartsAnother }).detach();
        }
        let finished = spawn(async { StartsAnother });
        eventually(|| finished.is_finished()).await;
        finished.detach();
    });
}

#[test]
fn an_output_whose_destructor_panics_harms_nobody() {
    test(async {
        spawn(async { Bomb }).detach();
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
}
