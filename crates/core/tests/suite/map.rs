use std::collections::BTreeSet;
use std::future::pending;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::channel::{mpsc, oneshot};
use futures::future::poll_immediate;
use futures::{SinkExt, StreamExt, stream};
use gather_core::{map_concurrent, spawn, timeout};
use proptest::prelude::*;

use crate::support::{Crowd, FOREVER, eventually, test, yield_times};

fn limit(limit: usize) -> NonZeroUsize {
    NonZeroUsize::new(limit).unwrap()
}

/// Takes longer for some than for others.
async fn square(n: u64) -> u64 {
    yield_times((n * 7 % 11) as usize).await;
    n * n
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn the_width_changes_no_result(items in prop::collection::vec(0_u64..1000, 0..200)) {
        let expected: Vec<_> = items.iter().map(|n| n * n).collect();
        for width in [1, 2, 64] {
            let (ordered, mut completed) = test(async {
                let source = || stream::iter(items.clone());
                let ordered = map_concurrent(source(), limit(width), square).ordered().map(Result::unwrap);
                let completed = map_concurrent(source(), limit(width), square).map(Result::unwrap);
                (ordered.collect::<Vec<_>>().await, completed.collect::<Vec<_>>().await)
            });
            prop_assert_eq!(&ordered, &expected);
            let mut sorted = expected.clone();
            sorted.sort_unstable();
            completed.sort_unstable();
            prop_assert_eq!(completed, sorted);
        }
    }
}

#[test]
fn never_more_than_the_limit_are_in_flight() {
    test(async {
        for width in [1, 3, 64] {
            let crowd = Crowd::default();
            let work = |n: u64| {
                let crowd = crowd.clone();
                async move {
                    let _inside = crowd.enter();
                    square(n).await
                }
            };
            let outcomes = map_concurrent(stream::iter(0..500), limit(width), work).count().await;
            assert_eq!((outcomes, crowd.ever()), (500, 500));
            assert!(crowd.most() <= width, "{} at once", crowd.most());
        }
    });
}

#[test]
fn as_many_as_the_limit_do_run_at_once() {
    test(async {
        let meeting = Arc::new(gather_core::sync::Barrier::new(64)); // nobody passes until all 64 are there
        let outcomes = map_concurrent(stream::iter(0..64), limit(64), |_| {
            let meeting = meeting.clone();
            async move { meeting.wait().await.is_leader() }
        });
        assert_eq!(outcomes.filter(|leader| std::future::ready(*leader.as_ref().unwrap())).count().await, 1);
    });
}

#[test]
fn a_consumer_that_stops_polling_starves_nothing_that_runs() {
    test(async {
        let done = Arc::new(AtomicUsize::new(0));
        let mut outcomes = map_concurrent(stream::iter(0..100), limit(8), |n| {
            let done = done.clone();
            async move {
                yield_times(if n == 0 { 0 } else { 50 }).await;
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
        outcomes.next().await.unwrap().unwrap();
        eventually(|| done.load(Ordering::SeqCst) >= 8).await; // without a poll of the stream
        assert!(done.load(Ordering::SeqCst) <= 9, "and nothing new was taken in");
        assert_eq!(outcomes.count().await, 99);
    });
}

#[test]
fn a_slow_head_stops_the_intake_of_an_ordered_map() {
    test(async {
        let (open, gate) = oneshot::channel::<()>();
        let (taken, mut gate) = (Arc::new(AtomicUsize::new(0)), Some(gate));
        let counted = taken.clone();
        let source = stream::iter(0..100).inspect(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let mut outcomes = map_concurrent(source, limit(8), move |n| {
            let gate = gate.take();
            async move {
                if let Some(gate) = gate {
                    gate.await.unwrap();
                }
                n
            }
        })
        .ordered();
        for _ in 0..100 {
            assert!(poll_immediate(outcomes.next()).await.is_none());
        }
        assert_eq!(taken.load(Ordering::SeqCst), 8);
        open.send(()).unwrap();
        assert_eq!(outcomes.map(Result::unwrap).collect::<Vec<_>>().await, (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn dropping_the_map_cancels_all_that_runs() {
    test(async {
        let crowd = Crowd::default();
        let inside = crowd.clone();
        let mut outcomes = map_concurrent(stream::iter(0..100), limit(16), move |_| {
            let inside = inside.clone();
            async move {
                let _inside = inside.enter();
                pending::<()>().await;
            }
        });
        assert!(poll_immediate(outcomes.next()).await.is_none());
        eventually(|| crowd.now() == 16).await;
        drop(outcomes);
        eventually(|| crowd.now() == 0).await;
        assert_eq!(crowd.ever(), 16);
    });
}

#[test]
fn a_panic_is_the_outcome_of_its_item_alone() {
    test(async {
        let work = async |n: u32| {
            assert!(n % 10 != 3, "item {n}");
            n
        };
        let outcomes: Vec<_> = map_concurrent(stream::iter(0..100), limit(4), work).ordered().collect().await;
        for (n, outcome) in outcomes.iter().enumerate() {
            match outcome {
                Ok(value) => assert_eq!(*value as usize, n),
                Err(ended) => assert_eq!(ended.to_string(), format!("the task panicked: item {n}")),
            }
        }
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 10);
    });
}

#[test]
fn items_that_come_late_are_noticed() {
    test(async {
        let (mut send, receive) = mpsc::channel(0);
        let sender = spawn(async move {
            for n in 0..200_u64 {
                yield_times(n as usize % 4).await;
                send.send(n).await.unwrap();
            }
        });
        let seen: BTreeSet<_> = map_concurrent(receive, limit(3), square).map(Result::unwrap).collect().await;
        assert_eq!(seen.len(), 200);
        sender.await.unwrap();
    });
}

#[test]
fn outcomes_come_while_the_source_is_silent() {
    test(async {
        let source = stream::iter([3_u64]).chain(stream::pending());
        let mut outcomes = map_concurrent(source, limit(8), square);
        assert_eq!(timeout(FOREVER, outcomes.next()).await.unwrap().unwrap().unwrap(), 9);
        assert!(poll_immediate(outcomes.next()).await.is_none());
    });
}

#[test]
fn an_empty_stream_ends_at_once() {
    test(async {
        assert!(map_concurrent(stream::empty(), limit(1), square).next().await.is_none());
        assert!(map_concurrent(stream::empty(), limit(1), square).ordered().next().await.is_none());
    });
}

#[test]
fn whoever_drops_it_at_whichever_await_all_are_gone() {
    for polls in 0..40 {
        for is_ordered in [false, true] {
            gather_core::test(polls, async {
                let crowd = Crowd::default();
                let inside = crowd.clone();
                let work = move |n: u64| {
                    let inside = inside.clone();
                    async move {
                        let _inside = inside.enter();
                        yield_times(n as usize % 3).await;
                    }
                };
                let map = map_concurrent(stream::iter(0..10), limit(3), work);
                let map: stream::BoxStream<'_, _> =
                    if is_ordered { map.ordered().boxed() } else { map.boxed() };
                let mut all = Box::pin(map.count());
                for _ in 0..polls {
                    match poll_immediate(&mut all).await {
                        Some(count) => return assert_eq!(count, 10),
                        None => yield_times(1).await,
                    }
                }
                drop(all);
                eventually(|| crowd.now() == 0).await;
                let begun = crowd.ever();
                yield_times(20).await;
                assert_eq!(crowd.ever(), begun, "one begins after the drop");
            });
        }
    }
}

#[test]
fn a_panic_of_the_callers_closure_or_stream_goes_on_and_cancels_the_rest() {
    for is_stream in [false, true] {
        test(async {
            let crowd = Crowd::default();
            let inside = crowd.clone();
            let items = stream::iter(0..10).inspect(move |n| assert!(!(is_stream && *n == 3), "boom"));
            let work = move |n: u32| {
                assert!(is_stream || n != 3, "boom");
                let inside = inside.clone();
                async move {
                    let _inside = inside.enter();
                    pending::<()>().await;
                }
            };
            let all = spawn(map_concurrent(items, limit(8), work).count()).await;
            assert!(all.unwrap_err().to_string().ends_with("boom"));
            eventually(|| crowd.now() == 0).await;
        });
    }
}
