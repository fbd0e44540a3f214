use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use futures::executor::block_on;
use futures::future::poll_immediate;
use gather_core::{Clock, Deadline, TimedOut, now, sleep, spawn, spawn_service, timeout};
use proptest::prelude::*;

use crate::support::{FOREVER, Flag, eventually, fast_forward, test};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn time_stands_still_until_the_clock_is_advanced() {
    let clock = Clock::manual();
    test(async {
        let mut nap = pin!(clock.within(sleep(SECOND)));
        assert!(poll_immediate(&mut nap).await.is_none());
        clock.advance(SECOND - Duration::from_nanos(1));
        assert!(poll_immediate(&mut nap).await.is_none());
        assert_eq!(clock.next_due(), Some(Duration::from_nanos(1)));
        clock.advance(Duration::from_nanos(1));
        assert!(poll_immediate(&mut nap).await.is_some());
        assert_eq!(clock.sleepers(), 0);
    });
}

#[test]
fn a_dropped_sleep_leaves_no_timer_behind() {
    let clock = Clock::manual();
    test(async {
        let mut nap = Box::pin(clock.within(sleep(SECOND)));
        assert!(poll_immediate(&mut nap).await.is_none());
        assert_eq!(clock.sleepers(), 1);
        drop(nap);
        assert_eq!(clock.sleepers(), 0);
    });
}

#[test]
fn sleepers_on_other_threads_are_woken() {
    let clock = Clock::manual();
    test(async {
        let tasks = clock
            .within(async {
                (1..=50).map(|n| spawn(async move { sleep(n * SECOND).await })).collect::<Vec<_>>()
            })
            .await;
        eventually(|| clock.sleepers() == 50).await;
        clock.advance(25 * SECOND);
        eventually(|| tasks.iter().filter(|task| task.is_finished()).count() == 25).await;
        clock.advance(25 * SECOND);
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn an_endless_sleep_and_an_endless_limit_do_not_overflow() {
    test(async {
        assert!(poll_immediate(pin!(sleep(Duration::MAX))).await.is_none());
        assert_eq!(timeout(Duration::MAX, async { 7 }).await, Ok(7));
        assert_eq!(Deadline::after(Duration::MAX), Deadline::never());
    });
}

#[test]
fn what_takes_too_long_is_dropped_before_the_timeout_returns() {
    let clock = Clock::manual();
    test(async {
        let gone = Flag::default();
        let guard = gone.on_drop();
        let work = async move {
            let _guard = guard;
            sleep(5 * SECOND).await;
        };
        let start = clock.clock().now();
        let late = fast_forward(&clock, timeout(2 * SECOND, work)).await.unwrap_err();
        assert_eq!(clock.clock().now() - start, 2 * SECOND);
        assert!(gone.is_up());
        assert_eq!(late.limit(), Some(2 * SECOND));
        assert_eq!(late.to_string(), "timed out after 2s");
        assert_eq!(std::io::Error::from(late).kind(), std::io::ErrorKind::TimedOut);
    });
}

#[test]
fn who_is_done_at_the_very_limit_is_in_time() {
    let clock = Clock::manual();
    test(async {
        assert_eq!(fast_forward(&clock, timeout(SECOND, sleep(SECOND))).await, Ok(()));
        assert_eq!(timeout(Duration::ZERO, async { 7 }).await, Ok(7));
        assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
    });
}

#[test]
fn of_nested_limits_the_one_that_ran_out_is_named() {
    let clock = Clock::manual();
    test(async {
        let outer_first = timeout(SECOND, timeout(5 * SECOND, pending::<()>()));
        assert_eq!(fast_forward(&clock, outer_first).await.unwrap_err().limit(), Some(SECOND));
        let inner_first = timeout(5 * SECOND, timeout(SECOND, pending::<()>()));
        let inner = fast_forward(&clock, inner_first).await.expect("the outer limit holds");
        assert_eq!(inner.unwrap_err().limit(), Some(SECOND));
    });
}

#[test]
fn a_spawned_task_inherits_the_deadline_but_a_service_does_not() {
    test(async {
        let (tell, told) = futures::channel::oneshot::channel();
        let outer = Deadline::after(10 * SECOND);
        let (here, there, deeper) = outer
            .run(timeout(20 * SECOND, async move {
                spawn_service(async move { tell.send(Deadline::current()).unwrap() });
                let there = spawn(async { Deadline::current() }).await.unwrap();
                let deeper =
                    timeout(SECOND, async { spawn(async { Deadline::current() }).await.unwrap() }).await;
                (Deadline::current(), there, deeper.unwrap())
            }))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(here, outer);
        assert_eq!(there, outer);
        assert!(deeper.remaining().unwrap() <= SECOND);
        assert_eq!(told.await.unwrap(), Deadline::never());
        assert_eq!(Deadline::current().or_earlier(outer), outer.or_earlier(Deadline::current()));
    });
}

#[test]
fn closures_on_threads_see_the_deadline_and_the_clock() {
    let clock = Clock::manual();
    test(clock.within(async {
        let at = now() + SECOND;
        let seen = Deadline::at(at).run(gather_core::to_thread(|| (Deadline::current().when(), now()))).await;
        assert_eq!(seen.unwrap().unwrap(), (Some(at), at - SECOND));
    }));
}

#[test]
fn limits_around_limits_do_not_double_the_size_of_the_future() {
    let work = async {
        let large = [0_u8; 10_000];
        sleep(SECOND).await;
        large.len()
    };
    let size = size_of_val(&work);
    let token = gather_core::CancelToken::new();
    let clock = Clock::manual();
    let around =
        clock.within(token.run(token.within(timeout(SECOND, Deadline::never().run(timeout(SECOND, work))))));
    assert!(size_of_val(&around) < size + 1000, "{} around {size}", size_of_val(&around));
}

#[test]
fn a_deadline_that_has_passed_says_so() {
    let clock = Clock::manual();
    test(clock.within(async {
        let deadline = Deadline::after(SECOND);
        assert_eq!(deadline.remaining(), Some(SECOND));
        assert!(!deadline.has_passed());
        clock.advance(2 * SECOND);
        assert_eq!(deadline.remaining(), Some(Duration::ZERO));
        assert!(deadline.has_passed());
        let late: Result<(), TimedOut> = deadline.run(pending()).await;
        assert_eq!(late.unwrap_err().to_string(), "timed out after 1s");
        assert_eq!(Deadline::never().remaining(), None);
    }));
}

#[test]
fn of_nested_limits_the_error_names_the_one_that_ran_out() {
    let clock = Clock::manual();
    let name_of_late = |outer: u32, inner: u32| {
        block_on(fast_forward(&clock, async move {
            let inner =
                async move { Deadline::after(inner * SECOND).named("page").run(pending::<()>()).await };
            match Deadline::after(outer * SECOND).named("import").run(inner).await {
                Ok(inner) => inner.unwrap_err(),
                Err(outer) => outer,
            }
        }))
    };
    assert_eq!(name_of_late(1, 2).scope(), Some("import"));
    assert_eq!(name_of_late(2, 1).scope(), Some("page"));
    assert_eq!(name_of_late(2, 1).to_string(), "page timed out after 1s");
}

#[test]
fn a_limit_without_a_name_is_known_by_its_place() {
    let late: Result<(), TimedOut> = test(timeout(Duration::ZERO, pending()));
    let late = late.unwrap_err();
    assert_eq!(late.scope(), None);
    assert_eq!((late.set_at().file(), late.set_at().line()), (file!(), line!() - 3));
}

#[test]
fn a_task_knows_the_name_of_the_deadline_it_inherits() {
    let name = test(Deadline::after(FOREVER).named("import").run(async {
        let within = timeout(2 * FOREVER, spawn(async { Deadline::current().name() }));
        within.await.unwrap().unwrap()
    }));
    assert_eq!(name, Ok(Some("import")));
}

proptest! {
    #[test]
    fn however_limits_are_nested_the_earliest_ends_the_work(limits in prop::collection::vec(1_u64..100, 1..6)) {
        fn nested(limits: Vec<u64>) -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
            match limits.split_first() {
                None => Box::pin(pending()),
                Some((first, rest)) => {
                    let (limit, rest) = (Duration::from_millis(*first), rest.to_vec());
                    Box::pin(async move {
                        let _ = timeout(limit, nested(rest)).await;
                    })
                }
            }
        }
        let clock = Clock::manual();
        let start = clock.clock().now();
        block_on(fast_forward(&clock, nested(limits.clone())));
        let earliest = Duration::from_millis(*limits.iter().min().unwrap());
        prop_assert_eq!(clock.clock().now() - start, earliest);
        prop_assert_eq!(clock.sleepers(), 0);
    }
}
