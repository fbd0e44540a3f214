use std::time::Duration;

use futures::executor::block_on;
use gather_core::{Clock, Deadline, Decision, GaveUp, Jitter, Retry, RetryError, now, sleep};
use proptest::prelude::*;

use crate::support::{fast_forward, test};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What happened: the wait before each attempt but the first, and the end.
struct Story {
    waits: Vec<Duration>,
    took: Duration,
    end: Result<u32, RetryError<&'static str>>,
}

/// Fails so many times, then succeeds; each attempt takes so long; after each the error asks for this wait.
fn story(retry: &Retry, deadline: Option<Duration>, failures: u32, each: Duration, asked: Decision) -> Story {
    let clock = Clock::manual();
    let start = clock.clock().now();
    let (mut waits, mut failed_at) = (Vec::new(), None);
    let attempts = retry.run(
        |attempt| {
            waits.extend(failed_at.map(|failed_at| now() - failed_at));
            failed_at = Some(now() + each);
            async move {
                sleep(each).await;
                if attempt > failures { Ok(attempt) } else { Err("it fails") }
            }
        },
        |_| asked,
    );
    let end = block_on(fast_forward(&clock, async {
        match deadline {
            Some(limit) => Deadline::after(limit).run(attempts).await,
            None => Ok(attempts.await),
        }
    }));
    let end = end.expect("no wait is begun that ends after the deadline, and no attempt takes time");
    Story { waits, took: clock.clock().now() - start, end }
}

fn jitter() -> impl Strategy<Value = Jitter> {
    prop::sample::select(vec![Jitter::Full, Jitter::Equal, Jitter::None])
}

proptest! {
    #[test]
    fn every_wait_is_within_its_ceiling_and_attempts_are_counted(
        attempts in 0_u32..12, base in 0_u64..500, cap in 0_u64..5_000, failures in 0_u32..15, jitter in jitter(),
    ) {
        let retry = Retry::new().attempts(attempts).base(ms(base)).cap(ms(cap)).jitter(jitter);
        let story = story(&retry, None, failures, ms(3), Decision::Again);
        let attempts = attempts.max(1);
        for (n, wait) in story.waits.iter().enumerate() {
            let ceiling = ms((base << n).min(cap));
            prop_assert!(*wait <= ceiling);
            match jitter {
                Jitter::Full => {}
                Jitter::Equal => prop_assert!(*wait + Duration::from_nanos(1) >= ceiling / 2),
                Jitter::None => prop_assert_eq!(*wait, ceiling),
            }
        }
        match story.end {
            Ok(attempt) => {
                prop_assert_eq!(attempt, failures + 1);
                prop_assert!(attempt <= attempts);
            }
            Err(error) => {
                prop_assert_eq!(error.attempts(), attempts);
                prop_assert!(failures >= attempts);
                prop_assert_eq!(error.gave_up(), GaveUp::Attempts);
            }
        }
    }

    #[test]
    fn no_wait_goes_past_the_budget_or_the_deadline(
        budget in 0_u64..3_000, deadline in prop::option::of(1_u64..3_000), failures in 0_u32..15, jitter in jitter(),
    ) {
        let retry = Retry::new().attempts(100).base(ms(50)).budget(ms(budget)).jitter(jitter);
        let story = story(&retry, deadline.map(ms), failures, Duration::ZERO, Decision::Again);
        let limit = ms(deadline.map_or(budget, |deadline| deadline.min(budget)));
        prop_assert!(story.took <= limit);
        if let Err(error) = story.end {
            prop_assert_eq!(error.gave_up(), GaveUp::Time);
            prop_assert!(error.attempts() <= failures);
        }
    }

    #[test]
    fn what_the_other_side_asks_for_is_waited_for_or_not_begun(asked in 0_u64..5_000, budget in 0_u64..5_000) {
        let retry = Retry::new().attempts(2).base(ms(1)).cap(ms(1)).budget(ms(budget));
        let story = story(&retry, None, 1, Duration::ZERO, Decision::After(ms(asked)));
        match story.end {
            Ok(_) => prop_assert!(story.waits[0] >= ms(asked)),
            Err(error) => {
                prop_assert_eq!(error.gave_up(), GaveUp::Time);
                prop_assert_eq!(story.took, Duration::ZERO, "it gives up at once rather than wait in vain");
                prop_assert!(asked + 1 >= budget);
            }
        }
    }
}

#[test]
fn an_error_that_cannot_be_helped_costs_one_attempt() {
    let story = story(&Retry::new(), None, 1, Duration::ZERO, Decision::Stop);
    let error = story.end.unwrap_err();
    assert_eq!((error.attempts(), error.gave_up()), (1, GaveUp::NotRetryable));
    assert_eq!(error.to_string(), "it fails (after 1 attempt)");
    assert_eq!(error.into_inner(), "it fails");
}

#[test]
fn the_defaults_are_as_documented() {
    let story = story(&Retry::new().jitter(Jitter::None), None, 9, Duration::ZERO, Decision::Again);
    assert_eq!(story.waits, [ms(200), ms(400)]);
    assert_eq!(story.end.unwrap_err().to_string(), "it fails (after 3 attempts)");
    assert_eq!(Retry::new().jitter(Jitter::None).backoff(100), Duration::from_secs(30));
}

#[test]
fn no_bound_however_large_overflows() {
    for jitter in [Jitter::Full, Jitter::Equal, Jitter::None] {
        let retry = Retry::new().base(Duration::MAX).cap(Duration::MAX).budget(Duration::MAX).jitter(jitter);
        for attempts in [0, 1, 31, 32, 33, 64, u32::MAX] {
            for _ in 0..100 {
                retry.backoff(attempts);
            }
        }
    }
    let endless = Retry::new()
        .base(Duration::MAX)
        .cap(Duration::MAX)
        .budget(Duration::from_secs(1))
        .jitter(Jitter::None);
    let story = story(&endless, None, 5, Duration::ZERO, Decision::After(Duration::MAX));
    assert_eq!(story.end.unwrap_err().gave_up(), GaveUp::Time);
}

#[test]
fn dropping_a_retry_while_it_waits_makes_no_further_attempt() {
    let clock = Clock::manual();
    test(fast_forward(&clock, async {
        let mut made = 0;
        let retry = Retry::new().base(ms(1_000)).jitter(Jitter::None);
        let attempts = retry.run(
            |_| {
                made += 1;
                async { Err::<(), _>(()) }
            },
            |()| Decision::Again,
        );
        futures::future::select(Box::pin(attempts), Box::pin(sleep(ms(1_500)))).await;
        assert_eq!(made, 2);
    }));
}
