use std::future::pending;
use std::rc::Rc;

use gather_core::{first, first_ok, gather, settle};

use crate::support::{Crowd, Flag, test, yield_times};

#[test]
fn values_come_in_the_order_given_whoever_is_first() {
    test(async {
        for count in [0, 1, 2, 30, 31, 1000] {
            let values = gather((0..count).map(async |n| {
                yield_times((count - n) % 7).await;
                Ok::<_, ()>(n)
            }));
            assert_eq!(values.await.unwrap(), (0..count).collect::<Vec<_>>());
        }
    });
}

#[test]
fn the_first_error_drops_the_others_before_it_is_returned() {
    test(async {
        for others in [1, 100] {
            let crowd = Crowd::default();
            let mut futures: Vec<futures::future::LocalBoxFuture<'_, Result<(), &str>>> = Vec::new();
            for _ in 0..others {
                futures.push(Box::pin(async {
                    let _inside = crowd.enter();
                    pending().await
                }));
            }
            futures.push(Box::pin(async {
                yield_times(3).await;
                Err("it failed")
            }));
            assert_eq!(gather(futures).await, Err("it failed"));
            assert_eq!((crowd.now(), crowd.ever()), (0, others));
        }
    });
}

#[test]
fn the_macro_takes_different_types_and_drops_the_others_at_an_error() {
    test(async {
        let text = String::from("borrowed");
        let both = gather!(async { Ok::<_, ()>(text.len()) }, async { Ok(text.as_str()) }).await;
        assert_eq!(both, Ok((8, "borrowed")));

        let gone = Flag::default();
        let guard = gone.on_drop();
        let failed = gather!(
            async move {
                let _guard = guard;
                pending::<Result<u8, &str>>().await
            },
            async { Err::<u8, _>("it failed") },
        );
        assert_eq!(failed.await, Err("it failed"));
        assert!(gone.is_up());
    });
}

#[test]
fn what_is_gathered_may_borrow_and_stay_on_its_thread() {
    test(async {
        let shared = Rc::new(7);
        let values = settle((0..3).map(|_| async { *Rc::clone(&shared) })).await;
        assert_eq!(values, [7, 7, 7]);
    });
}

#[test]
fn settling_waits_for_all_and_keeps_every_error() {
    test(async {
        let outputs = settle((0..100).map(async |n| {
            yield_times(n % 5).await;
            if n % 2 == 0 { Ok(n) } else { Err(n) }
        }));
        for (n, output) in outputs.await.into_iter().enumerate() {
            assert_eq!(output, if n % 2 == 0 { Ok(n) } else { Err(n) });
        }
    });
}

#[test]
fn the_first_wins_and_the_others_are_dropped() {
    test(async {
        let crowd = Crowd::default();
        let winner = first((0..10).map(|n| {
            let crowd = &crowd;
            async move {
                let _inside = crowd.enter();
                if n == 7 { n } else { pending().await }
            }
        }));
        assert_eq!(winner.await, Some(7));
        assert_eq!(crowd.now(), 0);
        assert_eq!(first(std::iter::empty::<std::future::Ready<()>>()).await, None);
    });
}

#[test]
fn the_first_success_wins_over_errors_that_came_before() {
    test(async {
        let answers = |good: Option<usize>| {
            (0..5).map(move |n| async move {
                yield_times(n).await;
                if Some(n) == good { Ok(n) } else { Err(n) }
            })
        };
        assert_eq!(first_ok(answers(Some(3))).await, Ok(3));
        assert_eq!(first_ok(answers(None)).await, Err(vec![0, 1, 2, 3, 4]));
    });
}

#[test]
fn whoever_drops_it_at_whichever_await_all_are_gone() {
    for polls in 0..8 {
        test(async {
            let crowd = Crowd::default();
            let work = async |n: usize| {
                let _inside = crowd.enter();
                yield_times(n).await;
                Ok::<_, ()>(n)
            };
            let mut all = Box::pin(gather([work(0), work(2), work(4)]));
            let mut is_done = false;
            for _ in 0..polls {
                is_done = is_done || futures::poll!(all.as_mut()).is_ready();
            }
            drop(all);
            assert_eq!((crowd.now(), crowd.ever()), (0, if polls == 0 { 0 } else { 3 }));
        });
    }
}
