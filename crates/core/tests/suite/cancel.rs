use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use futures::future::{join_all, poll_immediate};
use gather_core::{By, CancelToken, Clock, DEFAULT_GRACE, Reason, cancelled, gather, settle, spawn};

use crate::support::{Flag, eventually, test, yield_times};

fn enough() -> Reason {
    Reason::new("enough")
}

#[test]
fn cancel_returns_when_the_future_is_gone() {
    test(async {
        for _ in 0..200 {
            let gone = Flag::default();
            let guard = gone.on_drop();
            let task = spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            let ended = task.cancel(enough()).await.unwrap_err();
            assert!(gone.is_up());
            assert_eq!(ended.reason(), Some(&enough()));
            assert_eq!(ended.to_string(), "the task was cancelled by its caller: enough");
        }
    });
}

#[test]
fn who_listens_has_time_to_clean_up_however_the_threads_race() {
    test(async {
        for _ in 0..1000 {
            let waits = Flag::default();
            let listening = waits.clone().when_cancelled();
            let task = spawn(async move {
                let reason = listening.await;
                yield_times(3).await;
                reason
            });
            eventually(|| waits.is_up()).await;
            assert_eq!(task.cancel(enough()).await.unwrap(), enough());
        }
    });
}

#[test]
fn a_listener_deep_inside_gives_time_too() {
    test(async {
        let waits = Flag::default();
        let listening = waits.clone().when_cancelled();
        let outer = spawn(async { spawn(async { spawn(listening).await }).await });
        eventually(|| waits.is_up()).await;
        let reason = outer.cancel(enough()).await.unwrap().unwrap().unwrap();
        assert_eq!(reason, enough());
    });
}

#[test]
fn a_task_that_ignores_its_token_is_dropped_at_once() {
    let clock = Clock::manual(); // nobody advances it: waiting for the grace would hang
    test(clock.within(async {
        let ended = spawn(pending::<()>()).cancel(enough()).await.unwrap_err();
        assert_eq!(ended.reason(), Some(&enough()));
    }));
}

#[test]
fn a_task_that_listens_and_goes_on_is_dropped_when_the_grace_ends() {
    let clock = Clock::manual();
    test(async {
        let waits = Flag::default();
        let listening = waits.clone().when_cancelled();
        let task = spawn(async move {
            listening.await;
            pending::<()>().await;
        });
        eventually(|| waits.is_up()).await;
        let mut cancelling = pin!(clock.within(task.cancel(enough())));
        assert!(poll_immediate(&mut cancelling).await.is_none());
        clock.advance(DEFAULT_GRACE - Duration::from_millis(1));
        assert!(poll_immediate(&mut cancelling).await.is_none());
        clock.advance(Duration::from_millis(1));
        assert_eq!(cancelling.await.unwrap_err().reason(), Some(&enough()));
    });
}

#[test]
fn no_grace_means_none_for_listeners_either() {
    let clock = Clock::manual();
    test(clock.within(async {
        let waits = Flag::default();
        let listening = waits.clone().when_cancelled();
        let task = spawn(async move {
            listening.await;
            pending::<()>().await;
        });
        eventually(|| waits.is_up()).await;
        assert!(task.cancel_within(Duration::ZERO, enough()).await.is_err());
    }));
}

#[test]
fn cancelling_what_is_done_gives_its_value() {
    test(async {
        let task = spawn(async { 7 });
        eventually(|| task.is_finished()).await;
        assert_eq!(task.cancel(enough()).await.unwrap(), 7);
    });
}

#[test]
fn a_panic_during_clean_up_is_the_outcome() {
    test(async {
        let waits = Flag::default();
        let listening = waits.clone().when_cancelled();
        let task = spawn(async move {
            listening.await;
            panic!("while cleaning up");
        });
        eventually(|| waits.is_up()).await;
        assert!(task.cancel(enough()).await.unwrap_err().is_panic());
    });
}

#[test]
fn cancelling_that_is_itself_dropped_still_ends_the_task() {
    test(async {
        let (waits, gone) = (Flag::default(), Flag::default());
        let (guard, listening) = (gone.on_drop(), waits.clone().when_cancelled());
        let task = spawn(async move {
            let _guard = guard;
            listening.await;
            pending::<()>().await;
        });
        eventually(|| waits.is_up()).await;
        assert!(poll_immediate(Box::pin(task.cancel(enough()))).await.is_none());
        eventually(|| gone.is_up()).await;
    });
}

#[test]
fn a_token_tells_everyone_below_it_once_and_nobody_above() {
    let root = CancelToken::new();
    let (child, sibling) = (root.child(), root.child());
    let grandchild = child.child();
    assert!(child.cancel(enough()));
    assert!(!child.cancel(Reason::new("again")));
    assert_eq!(grandchild.reason(), Some(enough()));
    assert!(!root.is_cancelled() && !sibling.is_cancelled());
    assert_eq!(grandchild.reason().unwrap().by(), By::Caller);
}

#[test]
fn no_listener_is_missed_when_the_token_fires() {
    test(async {
        for _ in 0..200 {
            let token = CancelToken::new();
            let listeners: Vec<_> = (0..8).map(|_| spawn(token.child().cancelled())).collect();
            token.cancel(enough());
            for told in join_all(listeners).await {
                assert_eq!(told.unwrap(), enough());
            }
        }
    });
}

#[test]
fn a_token_that_fired_before_is_heard_at_once() {
    test(async {
        let token = CancelToken::new();
        token.cancel(enough());
        assert_eq!(poll_immediate(token.child().cancelled()).await, Some(enough()));
        assert_eq!(token.run(pending::<()>()).await, Err(enough()));
    });
}

#[test]
fn running_under_a_token_drops_the_work_when_it_fires() {
    test(async {
        let (token, gone) = (CancelToken::new(), Flag::default());
        let guard = gone.on_drop();
        let work = token.run(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        let (result, ()) = futures::join!(work, async {
            yield_times(3).await;
            token.cancel(enough());
        });
        assert_eq!(result, Err(enough()));
        assert!(gone.is_up());
    });
}

#[test]
fn what_is_spawned_within_a_token_belongs_to_it() {
    test(async {
        let token = CancelToken::new();
        let mut task = None;
        token.within(async { task = Some(spawn(cancelled())) }).await;
        let task = task.unwrap();
        token.cancel(enough());
        assert_eq!(task.await.unwrap(), enough());
    });
}

#[test]
fn a_token_given_to_the_root_from_outside_still_lets_the_root_join() {
    let gone = Flag::default();
    let guard = gone.on_drop();
    let token = CancelToken::new();
    gather_core::run(token.within(async move {
        spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .detach();
    }))
    .unwrap();
    assert!(gone.is_up());
}

#[test]
fn tasks_that_start_one_another_without_end_overflow_nothing() {
    let mut token = CancelToken::new();
    for _ in 0..200_000 {
        token = token.child();
    }
    drop(token);
}

#[test]
fn cancelling_many_at_once_leaves_none() {
    test(async {
        let tasks: Vec<_> = (0..1000).map(|_| spawn(pending::<()>())).collect();
        let ended = settle(tasks.into_iter().map(|task| task.cancel(enough()))).await;
        assert!(ended.iter().all(|ended| ended.is_err()));
        let none = gather((0..0).map(|_| async { Err::<(), _>("never") })).await;
        assert_eq!(none, Ok(vec![]));
    });
}
