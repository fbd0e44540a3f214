use std::time::{Duration, Instant};

use futures::executor::block_on;
use gather_core::{Clock, Missed, Tick, every, now, sleep};
use proptest::prelude::*;

use crate::support::{fast_forward, test};

const PERIOD: Duration = Duration::from_millis(100);

/// What each tick said, and when it came, if the work after each takes so long.
fn ticks_of(missed: Missed, work: Vec<Duration>) -> (Instant, Vec<(Tick, Instant)>) {
    let clock = Clock::manual();
    block_on(fast_forward(&clock, async {
        let start = now();
        let mut schedule = every(PERIOD).missed(missed);
        let mut ticks = Vec::new();
        for work in work {
            ticks.push((schedule.tick().await, now()));
            sleep(work).await;
        }
        (start, ticks)
    }))
}

fn work() -> impl Strategy<Value = Vec<Duration>> {
    prop::collection::vec((0_u64..450).prop_map(Duration::from_millis), 1..40)
}

fn is_on_schedule(start: Instant, due: Instant) -> bool {
    (due - start).as_nanos().is_multiple_of(PERIOD.as_nanos())
}

#[test]
fn a_million_ticks_do_not_drift() {
    let clock = Clock::manual();
    let (start, last) = block_on(fast_forward(&clock, async {
        let start = now();
        let mut schedule = every(PERIOD);
        for _ in 0..999_999 {
            schedule.tick().await;
        }
        (start, schedule.tick().await)
    }));
    assert_eq!(last.number, 999_999);
    assert_eq!(last.due, start + 999_999 * PERIOD);
    assert_eq!(clock.clock().now(), last.due);
}

proptest! {
    #[test]
    fn skipping_stays_on_the_schedule_and_counts_what_was_left_out(work in work()) {
        let (start, ticks) = ticks_of(Missed::Skip, work);
        let mut accounted = 0;
        for (number, (tick, came)) in ticks.iter().enumerate() {
            prop_assert_eq!(tick.number, number as u64);
            prop_assert!(is_on_schedule(start, tick.due));
            prop_assert!(tick.due <= *came && *came < tick.due + PERIOD, "never late by a whole period");
            accounted += tick.missed;
            prop_assert_eq!(tick.due, start + u32::try_from(accounted).unwrap() * PERIOD);
            accounted += 1;
        }
    }

    #[test]
    fn bursting_loses_no_tick_and_catches_up(work in work()) {
        let (start, ticks) = ticks_of(Missed::Burst, work.clone());
        let mut free_at = start;
        for (number, ((tick, came), work)) in ticks.iter().zip(work).enumerate() {
            prop_assert_eq!(tick.due, start + u32::try_from(number).unwrap() * PERIOD);
            prop_assert_eq!(*came, tick.due.max(free_at), "at its time, or as soon as the work is done");
            prop_assert_eq!(tick.missed, 0);
            free_at = *came + work;
        }
    }

    #[test]
    fn delaying_keeps_a_whole_period_between_ticks(work in work()) {
        let (_, ticks) = ticks_of(Missed::Delay, work.clone());
        for (pair, work) in ticks.windows(2).zip(work) {
            prop_assert_eq!(pair[1].1 - pair[0].1, PERIOD.max(work));
            prop_assert_eq!(pair[1].0.due, pair[0].1 + PERIOD);
        }
    }

    #[test]
    fn jitter_delays_a_tick_but_not_the_schedule(jitter in 0_u64..100, seed: u64) {
        let clock = Clock::manual();
        let jitter = Duration::from_millis(jitter);
        fastrand::seed(seed);
        let (start, ticks) = block_on(fast_forward(&clock, async {
            let (start, mut schedule, mut ticks) = (now(), every(PERIOD).jitter(jitter), Vec::new());
            for _ in 0..20 {
                ticks.push((schedule.tick().await, now()));
            }
            (start, ticks)
        }));
        for (number, (tick, came)) in ticks.iter().enumerate() {
            prop_assert_eq!(tick.due, start + u32::try_from(number).unwrap() * PERIOD);
            prop_assert!(*came - tick.due <= jitter);
        }
    }
}

#[test]
fn the_first_tick_is_at_once_or_later() {
    let clock = Clock::manual();
    test(fast_forward(&clock, async {
        let start = now();
        assert_eq!(every(PERIOD).tick().await.due, start);
        let mut later = every(PERIOD).first_after(3 * PERIOD);
        assert_eq!(later.tick().await.due, start + 3 * PERIOD);
        assert_eq!(later.tick().await.due, start + 4 * PERIOD);
    }));
}

#[test]
fn a_tick_whose_wait_was_dropped_is_still_due() {
    let clock = Clock::manual();
    test(clock.within(async {
        let start = now();
        let mut schedule = every(PERIOD).first_after(PERIOD);
        assert!(futures::future::poll_immediate(Box::pin(schedule.tick())).await.is_none());
        clock.advance(PERIOD);
        let tick = schedule.tick().await;
        assert_eq!((tick.number, tick.due, tick.missed), (0, start + PERIOD, 0));
    }));
}

#[test]
fn a_schedule_that_is_always_behind_lets_others_run() {
    test(async {
        let mut endless = every(Duration::ZERO).missed(Missed::Burst);
        let loops = async {
            loop {
                endless.tick().await;
            }
        };
        let others = crate::support::yield_times(10);
        futures::future::select(Box::pin(loops), Box::pin(others)).await;
    });
}

#[test]
fn a_long_stop_leaves_the_phase_as_it_was() {
    let clock = Clock::manual();
    test(clock.within(async {
        let (start, mut schedule) = (now(), every(Duration::from_micros(7)));
        schedule.tick().await;
        clock.advance(Duration::from_secs(86_400));
        let tick = schedule.tick().await;
        assert_eq!((tick.due - start).as_nanos() % 7_000, 0);
        assert_eq!(tick.missed, 86_400_000_000 / 7 - 1);
        assert!(now() - tick.due < Duration::from_micros(7));
    }));
}
