use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use futures::FutureExt;
use gather_core::{Reason, cancelled, scope, sleep, spawn, test as simulate, timeout};

use crate::support::{Flag, eventually, test, yield_times};

#[test]
fn what_is_started_may_borrow_and_is_done_before_the_scope_is() {
    for seed in 0..200 {
        simulate(seed, async {
            let done = RefCell::new(Vec::new());
            let value = scope(async |scope| {
                for n in [3, 1, 2] {
                    let done = &done;
                    scope.spawn(async move {
                        sleep(Duration::from_secs(n)).await;
                        done.borrow_mut().push(n);
                    });
                }
                7
            });
            assert_eq!(value.await, 7);
            assert_eq!(*done.borrow(), [1, 2, 3]);
        });
    }
}

#[test]
fn a_handle_gives_the_value_whenever_it_is_awaited() {
    test(async {
        let sum = scope(async |scope| {
            let (early, late) = (scope.spawn(async { 1 }), scope.spawn(yield_times(5).map(|()| 2)));
            yield_times(3).await;
            early.await + late.await
        });
        assert_eq!(sum.await, 3);
    });
}

#[test]
fn a_dropped_handle_lets_the_future_go_on() {
    test(async {
        let done = Cell::new(false);
        scope(async |scope| drop(scope.spawn(yield_times(5).map(|()| done.set(true))))).await;
        assert!(done.get());
    });
}

#[test]
fn what_is_started_may_start_more() {
    test(async {
        let count = Cell::new(0);
        scope(async |scope| {
            let (more, count) = (scope.clone(), &count);
            scope.spawn(async move {
                for _ in 0..10 {
                    more.spawn(async move { count.set(count.get() + 1) });
                    yield_times(1).await;
                }
            });
        })
        .await;
        assert_eq!(count.get(), 10);
    });
}

#[test]
fn the_body_waits_for_what_only_a_started_future_can_give() {
    test(async {
        let (open, door) = async_lock_pair();
        scope(async |scope| {
            scope.spawn(async move {
                yield_times(3).await;
                drop(open);
            });
            let _ = door.await;
        })
        .await;
    });
}

fn async_lock_pair() -> (futures::channel::oneshot::Sender<()>, futures::channel::oneshot::Receiver<()>) {
    futures::channel::oneshot::channel()
}

#[test]
fn dropping_the_scope_drops_all_in_it() {
    test(async {
        let (begun, never_begun) = (Flag::default(), Flag::default());
        let (first, second) = (begun.on_drop(), never_begun.on_drop());
        let mut waits = Box::pin(scope(async |scope| {
            scope.spawn(async move {
                let _guard = first;
                pending::<()>().await;
            });
            yield_times(1).await;
            let more = scope.clone();
            scope.spawn(async move {
                let _guard = (second, more);
                pending::<()>().await;
            });
            pending::<()>().await;
        }));
        assert!(futures::poll!(waits.as_mut()).is_pending());
        assert!(futures::poll!(waits.as_mut()).is_pending());
        drop(waits);
        assert!(begun.is_up() && never_begun.is_up());
    });
}

#[test]
fn nothing_leaks_that_was_started_and_never_polled() {
    let gone = Flag::default();
    let guard = gone.on_drop();
    let ends = catch_unwind(AssertUnwindSafe(|| {
        test(scope(async |scope| {
            let more = scope.clone();
            scope.spawn(async move {
                let _guard = (guard, more);
            });
            panic!("before anything is polled");
        }));
    }));
    assert!(ends.is_err());
    assert!(gone.is_up());
}

#[test]
fn a_panic_in_what_was_started_goes_on_in_the_caller() {
    let panics = catch_unwind(AssertUnwindSafe(|| {
        test(scope(async |scope| {
            scope.spawn(async { panic!("boom") });
        }));
    }));
    assert_eq!(panics.unwrap_err().downcast_ref(), Some(&"boom"));
}

#[test]
fn cancelling_the_scope_reaches_what_listens_in_it_and_nothing_else() {
    test(async {
        let why = scope(async |scope| {
            let listens = scope.spawn(cancelled());
            yield_times(2).await;
            assert!(scope.cancel(Reason::new("enough")));
            listens.await
        });
        assert_eq!(why.await.why(), "enough");
        assert!(cancelled().now_or_never().is_none());
    });
}

#[test]
fn it_ends_with_the_scope_around_it() {
    test(async {
        let waits = Flag::default();
        let listening = waits.clone();
        let task = spawn(async move { listening.when_cancelled().await });
        eventually(|| waits.is_up()).await;
        assert_eq!(task.cancel(Reason::new("enough")).await.unwrap().why(), "enough");
        let inner = scope(async |scope| timeout(Duration::ZERO, scope.spawn(pending::<()>())).await.is_err());
        assert!(timeout(Duration::from_millis(5), inner).await.is_err());
    });
}

#[test]
fn a_thousand_that_wait_for_one_another_are_all_polled() {
    test(async {
        let last = scope(async |scope| {
            let mut before = scope.spawn(async { 0 });
            for _ in 0..1000 {
                before = scope.spawn(async move { before.await + 1 });
            }
            before.await
        });
        assert_eq!(last.await, 1000);
    });
}

#[test]
fn values_need_not_be_send() {
    test(async {
        let shared = Rc::new(7);
        let same = scope(async |scope| scope.spawn(async { shared.clone() }).await);
        assert_eq!(*same.await, 7);
    });
}
