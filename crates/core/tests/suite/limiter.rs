use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use futures::future::{join_all, poll_immediate};
use gather_core::{Clock, Limiter, Permit, now, sleep, sleep_until, spawn, timeout, to_thread};
use proptest::prelude::*;

use crate::support::{Crowd, eventually, fast_forward, test, yield_times};

const INTERVAL: Duration = Duration::from_millis(100);

fn limit(limit: usize) -> NonZeroUsize {
    NonZeroUsize::new(limit).unwrap()
}

/// One start per interval.
fn steady<K>() -> Limiter<K> {
    Limiter::new().rate(1, INTERVAL)
}

/// Who comes so long after the one before, waits so long at most, and works so long; in units of 10 ns.
#[derive(Clone, Copy, Debug)]
struct Caller {
    after: u64,
    patience: Option<u64>,
    work: u64,
}

impl Caller {
    /// Half a unit, so that nobody gives up at the very instant at which something else happens.
    fn gives_up_after(self) -> Duration {
        self.patience.map_or(Duration::MAX, |patience| Duration::from_nanos(patience * 10 + 5))
    }

    async fn call(self, limiter: &Limiter, comes: Instant, crowd: &Crowd) -> Option<Instant> {
        sleep_until(comes).await;
        let _permit = timeout(self.gives_up_after(), limiter.acquire(())).await.ok()?;
        let (_inside, started) = (crowd.enter(), now());
        sleep(Duration::from_nanos(self.work * 10)).await;
        Some(started)
    }
}

fn callers() -> impl Strategy<Value = Vec<Caller>> {
    let caller = (0_u64..60, prop::option::weighted(0.3, 0_u64..100), 0_u64..120);
    let caller = caller.prop_map(|(after, patience, work)| Caller { after, patience, work });
    prop::collection::vec(caller, 1..60)
}

fn arrivals(start: Instant, callers: &[Caller]) -> Vec<Instant> {
    let next = |comes: &mut Instant, caller: &Caller| {
        *comes += Duration::from_nanos(caller.after * 10);
        Some(*comes)
    };
    callers.iter().scan(start, next).collect()
}

/// When each starts, by the law: of `n` starts in a row the last is `(n - burst)` intervals after the first or more, no
/// more than the limit run at once, nobody starts before who came first, and otherwise nobody waits.
fn by_the_law(
    callers: &[Caller],
    comes: &[Instant],
    interval: Duration,
    burst: usize,
    limit: usize,
) -> Vec<Option<Instant>> {
    let (mut runs, mut gone) = (Vec::<(Instant, Instant)>::new(), comes[0]);
    let mut starts = Vec::new();
    for (caller, comes) in callers.iter().zip(comes) {
        let mut due = gone.max(*comes);
        for (nth, (earlier, _)) in runs.iter().rev().enumerate() {
            let starts_since = nth + 2;
            due = due.max(*earlier + interval * u32::try_from(starts_since.saturating_sub(burst)).unwrap());
        }
        let mut ends: Vec<_> = runs.iter().map(|(_, end)| *end).collect();
        ends.sort_unstable();
        due = due.max(ends.len().checked_sub(limit).map_or(due, |free| ends[free]));
        let gives_up = comes.checked_add(caller.gives_up_after());
        let started = gives_up.is_none_or(|gives_up| due < gives_up);
        gone = if started { due } else { gone.max(gives_up.unwrap_or(due)) };
        if started {
            runs.push((due, due + Duration::from_nanos(caller.work * 10)));
        }
        starts.push(started.then_some(due));
    }
    starts
}

proptest! {
    #[test]
    fn all_start_by_the_law_and_not_a_moment_later(
        callers in callers(), interval in 0_u64..50, burst in 1_usize..6, most in 1_usize..5,
    ) {
        let clock = Clock::manual();
        let interval = Duration::from_nanos(interval * 10);
        let limiter = Limiter::new().concurrency(limit(most)).rate(1, interval).burst(u32::try_from(burst).unwrap());
        let (crowd, start) = (Crowd::default(), clock.clock().now());
        let comes = arrivals(start, &callers);
        let calls = callers.iter().zip(&comes).map(|(caller, comes)| caller.call(&limiter, *comes, &crowd));
        let starts = block_on(fast_forward(&clock, join_all(calls)));
        prop_assert_eq!(&starts, &by_the_law(&callers, &comes, interval, burst, most));
        prop_assert!(crowd.most() <= most);
        prop_assert_eq!((limiter.running(&()), limiter.waiting(&())), (0, 0));
    }

    #[test]
    fn no_span_has_more_starts_than_the_rate_and_the_burst_allow(
        callers in callers(), count in 1_u32..20, per in 1_u64..5_000, burst in 1_u32..8,
    ) {
        let (clock, per) = (Clock::manual(), Duration::from_nanos(per));
        let limiter = Limiter::new().rate(count, per).burst(burst);
        let comes = arrivals(clock.clock().now(), &callers);
        let crowd = Crowd::default();
        let calls = callers.iter().zip(&comes).map(|(caller, comes)| caller.call(&limiter, *comes, &crowd));
        let mut starts: Vec<_> = block_on(fast_forward(&clock, join_all(calls))).into_iter().flatten().collect();
        starts.sort_unstable();
        let most = (count + burst - 1) as usize;
        for (first, start) in starts.iter().enumerate() {
            let span = starts[first..].iter().take_while(|later| **later - *start < per).count();
            prop_assert!(span <= most, "{span} starts within {per:?}");
        }
    }

    #[test]
    fn nobody_starts_during_a_hold_and_the_law_holds_around_it(
        callers in callers(), holds in prop::collection::vec((0_u64..2_000, 0_u64..300), 1..6), burst in 1_u32..4,
    ) {
        let (clock, interval) = (Clock::manual(), Duration::from_nanos(170));
        let limiter = Limiter::new().concurrency(limit(2)).rate(1, interval).burst(burst);
        let (crowd, start) = (Crowd::default(), clock.clock().now());
        let comes = arrivals(start, &callers);
        let calls = callers.iter().zip(&comes).map(|(caller, comes)| caller.call(&limiter, *comes, &crowd));
        let spans: Vec<_> = holds.iter().map(|(from, long)| {
            let from = start + Duration::from_nanos(from * 10 + 5);
            (from, from + Duration::from_nanos(long * 10))
        }).collect();
        let holding = spans.iter().map(async |(from, to)| {
            sleep_until(*from).await;
            limiter.hold((), *to - *from);
        });
        let both = async { futures::join!(join_all(calls), join_all(holding)).0 };
        let starts: Vec<_> = block_on(fast_forward(&clock, both)).into_iter().flatten().collect();
        for start in &starts {
            prop_assert!(spans.iter().all(|(from, to)| start <= from || start >= to));
        }
        prop_assert!(starts.is_sorted());
        for pair in starts.windows(burst as usize + 1) {
            prop_assert!(pair[burst as usize] - pair[0] >= interval);
        }
    }
}

proptest! {
    #[test]
    fn tasks_in_any_order_of_polls_obey_the_law_and_lose_nothing(
        seed: u64, callers in callers(), interval in 0_u64..50, burst in 1_u32..6, most in 1_usize..5,
    ) {
        let (interval, crowd) = (Duration::from_nanos(interval * 10), Crowd::default());
        let limiter = Arc::new(Limiter::new().concurrency(limit(most)).rate(1, interval).burst(burst));
        let mut starts: Vec<_> = gather_core::test(seed, async {
            let comes = arrivals(now(), &callers);
            let calls = callers.iter().zip(comes).map(|(caller, comes)| {
                let (caller, limiter, crowd) = (*caller, limiter.clone(), crowd.clone());
                spawn(async move { caller.call(&limiter, comes, &crowd).await })
            });
            let tasks: Vec<_> = calls.collect();
            join_all(tasks).await.into_iter().filter_map(Result::unwrap).collect()
        });
        starts.sort_unstable();
        for (first, start) in starts.iter().enumerate() {
            for (nth, later) in starts.iter().enumerate().skip(first) {
                let owed = u32::try_from(nth - first + 1).unwrap().saturating_sub(burst);
                prop_assert!(*later - *start >= interval * owed);
            }
        }
        let patient = callers.iter().filter(|caller| caller.patience.is_none()).count();
        prop_assert!(starts.len() >= patient && crowd.most() <= most);
        prop_assert_eq!((limiter.running(&()), limiter.waiting(&())), (0, 0));
    }
}

#[test]
fn a_hundred_thousand_starts_do_not_drift() {
    let clock = Clock::manual();
    let limiter = steady().burst(3);
    let took = block_on(fast_forward(&clock, async {
        let start = now();
        for _ in 0..100_000 {
            drop(limiter.acquire(()).await);
        }
        now() - start
    }));
    assert_eq!(took, (100_000 - 3) * INTERVAL);
}

#[test]
fn keys_do_not_wait_for_one_another() {
    let clock = Clock::manual();
    let limiter = steady().concurrency(limit(1));
    test(clock.within(async {
        let permits: Vec<Permit> = join_all((0..100).map(|key| limiter.acquire(key))).await;
        assert_eq!(permits.len(), 100);
        assert!(poll_immediate(pin!(limiter.acquire(7))).await.is_none());
    }));
}

#[test]
fn no_place_is_held_over_a_sleep() {
    let clock = Clock::manual();
    let limiter = steady().concurrency(limit(1));
    test(clock.within(async {
        drop(limiter.acquire(()).await);
        let mut sleeping = pin!(limiter.acquire(()));
        assert!(poll_immediate(&mut sleeping).await.is_none());
        assert_eq!((limiter.running(&()), limiter.waiting(&()), clock.sleepers()), (0, 1, 1));
    }));
}

#[test]
fn a_hold_during_the_wait_for_a_place_is_obeyed_and_takes_no_place() {
    let clock = Clock::manual();
    let limiter = Limiter::new().concurrency(limit(1));
    test(clock.within(async {
        let first = limiter.acquire(()).await;
        let mut second = pin!(limiter.acquire(()));
        assert!(poll_immediate(&mut second).await.is_none());
        limiter.hold((), INTERVAL);
        drop(first);
        assert!(poll_immediate(&mut second).await.is_none());
        assert_eq!(limiter.running(&()), 0);
        clock.advance(INTERVAL);
        assert!(poll_immediate(&mut second).await.is_some());
    }));
}

#[test]
fn of_several_holds_the_one_that_ends_last_counts() {
    let clock = Clock::manual();
    let limiter = Limiter::new();
    test(fast_forward(&clock, async {
        let start = now();
        limiter.hold((), 3 * INTERVAL);
        limiter.hold((), INTERVAL);
        let (_permit, ()) = futures::join!(limiter.acquire(()), async {
            sleep(2 * INTERVAL).await;
            limiter.hold_until((), start + 5 * INTERVAL);
        });
        assert_eq!(now(), start + 5 * INTERVAL);
    }));
}

#[test]
fn nobody_overtakes_the_line() {
    let clock = Clock::manual();
    let limiter = Limiter::new().concurrency(limit(1));
    test(clock.within(async {
        let first = limiter.acquire(()).await;
        let (mut second, mut third) = (pin!(limiter.acquire(())), pin!(limiter.acquire(())));
        assert!(poll_immediate(&mut second).await.is_none());
        assert!(poll_immediate(&mut third).await.is_none());
        drop(first); // second may start now, but has not been polled yet
        assert!(limiter.try_acquire(()).is_none());
        let mut fourth = pin!(limiter.acquire(()));
        assert!(poll_immediate(&mut fourth).await.is_none());
        assert!(poll_immediate(&mut third).await.is_none());
        drop(second.await);
        assert!(poll_immediate(&mut fourth).await.is_none());
        drop(third.await);
        drop(fourth.await);
    }));
}

#[test]
fn trying_costs_nothing_when_it_fails() {
    let clock = Clock::manual();
    let limiter = steady().concurrency(limit(1));
    test(clock.within(async {
        let first = limiter.try_acquire(()).unwrap();
        clock.advance(INTERVAL);
        assert!(limiter.try_acquire(()).is_none(), "no place");
        drop(first);
        drop(limiter.try_acquire(()).unwrap());
        assert!(limiter.try_acquire(()).is_none(), "no slot");
        clock.advance(INTERVAL);
        assert!(limiter.try_acquire(()).is_some());
    }));
}

#[test]
fn a_waiter_dropped_in_the_line_keeps_nobody_behind_it_waiting() {
    let limiter = Limiter::new().concurrency(limit(1));
    test(async {
        let first = limiter.acquire(()).await;
        let mut head = Box::pin(limiter.acquire(()));
        let mut middle = Box::pin(limiter.acquire(()));
        let mut last = Box::pin(limiter.acquire(()));
        for waiter in [&mut head, &mut middle, &mut last] {
            assert!(poll_immediate(waiter).await.is_none());
        }
        assert_eq!(limiter.waiting(&()), 3);
        drop(middle);
        assert_eq!(limiter.waiting(&()), 2);
        drop(first);
        drop(head.await);
        drop(last.await);
        assert_eq!((limiter.running(&()), limiter.waiting(&())), (0, 0));
    });
}

#[test]
fn a_waiter_dropped_when_its_turn_has_come_hands_it_on() {
    let limiter = Limiter::new().concurrency(limit(1));
    test(async {
        let first = limiter.acquire(()).await;
        let mut head = Box::pin(limiter.acquire(()));
        let mut second = Box::pin(limiter.acquire(()));
        let mut third = Box::pin(limiter.acquire(()));
        for waiter in [&mut head, &mut second, &mut third] {
            assert!(poll_immediate(waiter).await.is_none());
        }
        drop(head); // waited for a place; second is at the head now, and does not know it yet
        drop(second);
        drop(first);
        drop(third.await);
        assert!(limiter.try_acquire(()).is_some());
    });
}

#[test]
fn a_waiter_dropped_in_its_sleep_takes_no_slot() {
    let clock = Clock::manual();
    let limiter = steady();
    test(clock.within(async {
        drop(limiter.acquire(()).await);
        let mut sleeper = Box::pin(limiter.acquire(()));
        let mut next = pin!(limiter.acquire(()));
        assert!(poll_immediate(&mut sleeper).await.is_none());
        assert!(poll_immediate(&mut next).await.is_none());
        clock.advance(INTERVAL);
        drop(sleeper); // its time had come
        assert!(poll_immediate(&mut next).await.is_some());
    }));
}

#[test]
fn a_waiter_dropped_when_its_place_was_free_takes_none() {
    let limiter = Limiter::new().concurrency(limit(1));
    test(async {
        let first = limiter.acquire(()).await;
        let mut head = Box::pin(limiter.acquire(()));
        assert!(poll_immediate(&mut head).await.is_none());
        let next = spawn(limiter.acquire(()));
        eventually(|| limiter.waiting(&()) == 2).await;
        drop(first);
        drop(head);
        drop(next.await.unwrap());
        assert!(limiter.try_acquire(()).is_some());
    });
}

#[test]
fn a_future_that_was_never_polled_stands_in_no_line() {
    let limiter = Limiter::new().concurrency(limit(1));
    let unpolled = limiter.acquire(());
    assert_eq!(limiter.waiting(&()), 0);
    let permit = limiter.try_acquire(()).unwrap();
    drop(permit);
    drop(block_on(unpolled));
}

#[test]
fn permits_dropped_on_other_threads_free_their_places() {
    let limiter = Limiter::new().concurrency(limit(3));
    let crowd = Crowd::default();
    test(async {
        let tasks = (0..600).map(|n| {
            let (permit, crowd) = (limiter.acquire(()), crowd.clone());
            spawn(async move {
                let (permit, inside) = (permit.await, crowd.enter());
                yield_times(n % 5).await;
                if n % 3 == 0 {
                    to_thread(move || drop((inside, permit))).await.unwrap();
                } else {
                    drop((inside, permit));
                }
            })
        });
        let outcomes = join_all(tasks.collect::<Vec<_>>()).await;
        assert!(outcomes.iter().all(Result::is_ok));
    });
    assert_eq!((crowd.most(), crowd.ever()), (3, 600));
    assert_eq!((limiter.running(&()), limiter.waiting(&())), (0, 0));
}

#[test]
fn waiters_dropped_however_the_threads_race_lose_nothing() {
    test(async {
        let limiter = Arc::new(Limiter::new().concurrency(limit(2)));
        for _ in 0..30 {
            let tasks = (0..60_usize).map(|n| {
                let limiter = limiter.clone();
                spawn(async move {
                    let (permit, patience) = (Box::pin(limiter.acquire(n % 2)), yield_times(n * 7 % 13));
                    if n % 3 == 0 {
                        drop(futures::future::select(permit, Box::pin(patience)).await);
                    } else {
                        let _permit = permit.await;
                        patience.await;
                    }
                })
            });
            join_all(tasks.collect::<Vec<_>>()).await;
        }
        for key in 0..2 {
            assert_eq!((limiter.running(&key), limiter.waiting(&key)), (0, 0));
            let _both = [limiter.try_acquire(key).unwrap(), limiter.try_acquire(key).unwrap()];
        }
    });
}

#[test]
fn a_long_line_that_is_dropped_leaves_nothing_behind() {
    let limiter = Limiter::new().concurrency(limit(1));
    test(async {
        let first = limiter.acquire(()).await;
        let mut line: Vec<_> = (0..100_000).map(|_| Box::pin(limiter.acquire(()))).collect();
        for waiter in &mut line {
            assert!(poll_immediate(waiter).await.is_none());
        }
        assert_eq!(limiter.waiting(&()), 100_000);
        drop(line);
        assert_eq!((limiter.running(&()), limiter.waiting(&())), (1, 0));
        drop(first);
        assert!(limiter.try_acquire(()).is_some());
    });
}

#[test]
fn idle_keys_are_forgotten() {
    let clock = Clock::manual();
    let limiter = steady();
    test(clock.within(async {
        for key in 0..100_000 {
            drop(limiter.acquire(key).await);
            clock.advance(INTERVAL / 10);
        }
        assert!(limiter.keys() <= 64, "{} keys", limiter.keys());
    }));
}

#[test]
fn keys_that_are_in_use_or_owe_time_are_not_forgotten() {
    let names: Vec<_> = (0..1000).map(|n| n.to_string()).collect();
    let clock = Clock::manual();
    let limiter = Limiter::new().concurrency(limit(1)).rate(1, INTERVAL).burst(2);
    test(clock.within(async {
        limiter.hold("held", 3 * INTERVAL);
        let _running = limiter.acquire("in use").await;
        clock.advance(2 * INTERVAL);
        drop(limiter.acquire("owes").await);
        drop(limiter.acquire("owes").await);
        for name in &names {
            drop(limiter.acquire(name.as_str()).await);
        }
        for key in ["held", "in use", "owes"] {
            assert!(limiter.try_acquire(key).is_none(), "{key}");
        }
    }));
}

#[test]
fn without_limits_all_start_at_once() {
    let limiters = [
        Limiter::new(),
        Limiter::default().rate(1, Duration::ZERO).burst(0),
        Limiter::new().rate(0, Duration::ZERO),
        Limiter::new().burst(u32::MAX),
    ];
    for limiter in limiters {
        let permits: Vec<_> = (0..1000).map(|_| limiter.try_acquire(()).unwrap()).collect();
        assert_eq!(limiter.running(&()), 1000);
        drop(permits);
        assert_eq!(limiter.running(&()), 0);
    }
}

#[test]
fn spans_without_measure_hold_without_overflow() {
    let clock = Clock::manual();
    test(clock.within(async {
        let rare = Limiter::new().rate(0, Duration::MAX).burst(3);
        let permits: Vec<_> = (0..5).map_while(|_| rare.try_acquire(())).collect();
        assert_eq!(permits.len(), 3);
        assert!(poll_immediate(pin!(rare.acquire(()))).await.is_none());

        let held = Limiter::new();
        held.hold((), Duration::MAX);
        clock.advance(Duration::from_secs(99 * 365 * 24 * 3600));
        assert!(held.try_acquire(()).is_none());
        held.hold((), Duration::ZERO);
        assert!(held.try_acquire(()).is_none());
    }));
}

#[test]
fn permits_and_waits_can_be_sent() {
    fn sendable<T: Send + Sync + 'static>(_: &T) {}
    fn future<F: Future + Send + 'static>(_: F) {}
    let limiter: Limiter<String> = Limiter::new();
    sendable(&limiter);
    sendable(&limiter.try_acquire("key".to_owned()).unwrap());
    future(limiter.acquire("key".to_owned()));
}

#[test]
fn under_every_seed_all_have_their_turn_and_never_too_many_or_too_soon() {
    for seed in 0..1_000 {
        gather_core::test(seed, async {
            let (limiter, crowd) =
                (Arc::new(Limiter::new().concurrency(limit(2)).rate(1, INTERVAL)), Crowd::default());
            let calls = (0..6_u32).map(|n| {
                let (limiter, crowd) = (limiter.clone(), crowd.clone());
                let patience = if n % 3 == 2 { INTERVAL } else { 1000 * INTERVAL };
                spawn(timeout(patience, async move {
                    let _permit = limiter.acquire(()).await;
                    let (_inside, start) = (crowd.enter(), now());
                    sleep(INTERVAL * (n % 4)).await;
                    start
                }))
            });
            let tasks: Vec<_> = calls.collect();
            let mut starts: Vec<_> = join_all(tasks).await.into_iter().flatten().flatten().collect();
            starts.sort_unstable();
            assert!(starts.len() >= 4 && crowd.most() <= 2);
            assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= INTERVAL));
            assert_eq!((limiter.running(&()), limiter.waiting(&())), (0, 0));
        });
    }
}
