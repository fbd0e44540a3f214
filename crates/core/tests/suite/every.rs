use std::future::pending;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::executor::block_on;
use futures::future::{FutureExt, poll_immediate, select};
use gather_core::sync::Barrier;
use gather_core::{
    CancelToken, Clock, Every, Missed, Overlap, Reason, Root, Tick, cancelled, every, now, sleep, spawn,
    timeout,
};
use proptest::prelude::*;

use crate::support::{Crowd, Flag, eventually, fast_forward, test, yield_times};

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
        let (start, mut schedule) = (now(), every(PERIOD));
        for number in 0..999_999 {
            assert_eq!(schedule.tick().await.due, start + number * PERIOD);
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

fn enough() -> Reason {
    Reason::new("enough")
}

fn allow(most: usize) -> Overlap {
    Overlap::Allow(NonZeroUsize::new(most).unwrap())
}

/// Polls what repeats, and lets others run, until the condition holds.
async fn goes_on_until<F: Future + Unpin>(mut repeated: F, condition: impl Fn() -> bool) {
    while !condition() {
        assert!(poll_immediate(&mut repeated).await.is_none());
        yield_times(1).await;
    }
}

/// Runs so many pieces of work, which yield so often each, and says how many there were, and the most at once.
fn crowd_of(overlap: Overlap, yields: Vec<usize>) -> (usize, usize) {
    let (crowd, scope) = (Crowd::default(), CancelToken::new());
    let (begun, stop) = (crowd.clone(), scope.clone());
    let schedule = every(Duration::ZERO).missed(Missed::Burst).overlap(overlap);
    let reason = test(scope.within(schedule.run(move |tick| {
        let (inside, stop, number) = (begun.enter(), stop.clone(), tick.number as usize);
        let (yields, is_last) = (yields.get(number).copied(), number + 1 == yields.len());
        async move {
            yield_times(yields.unwrap_or(0)).await;
            if is_last {
                stop.cancel(enough());
            }
            drop(inside);
        }
    })));
    assert_eq!((reason, crowd.now()), (enough(), 0));
    (crowd.ever(), crowd.most())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn work_never_overlaps_more_than_is_allowed(
        yields in prop::collection::vec(0_usize..20, 1..50), most in 1_usize..5,
    ) {
        let pieces = yields.len();
        prop_assert_eq!(crowd_of(Overlap::default(), yields.clone()), (pieces, 1));
        let (ever, at_once) = crowd_of(allow(most), yields);
        prop_assert!(ever >= pieces && at_once <= most, "{} at once", at_once);
    }
}

#[test]
fn as_many_as_are_allowed_do_run_at_once() {
    let scope = CancelToken::new();
    let (meeting, stop) = (Arc::new(Barrier::new(8)), scope.clone()); // nobody passes until all are there
    test(scope.within(every(Duration::ZERO).overlap(allow(8)).run(move |_| {
        let (meeting, stop) = (meeting.clone(), stop.clone());
        async move {
            select(Box::pin(meeting.wait()), cancelled()).await;
            stop.cancel(enough());
        }
    })));
}

/// The first three ticks, if the first piece of work takes three and a half periods, and when it all began.
fn ticks_around_long_work(missed: Missed) -> (Instant, Vec<Tick>) {
    let (clock, scope, ticks) = (Clock::manual(), CancelToken::new(), Arc::new(Mutex::new(Vec::new())));
    let (done, gate) = oneshot::channel::<()>();
    let (mut gate, noted) = (Some(gate), ticks.clone());
    let repeated = every(PERIOD).missed(missed).run(move |tick| {
        noted.lock().unwrap().push(tick);
        let gate = gate.take();
        async move {
            if let Some(gate) = gate {
                gate.await.unwrap();
            }
        }
    });
    let so_many = async |count| eventually(|| ticks.lock().unwrap().len() >= count).await;
    let events = async {
        so_many(1).await;
        clock.advance(3 * PERIOD + PERIOD / 2);
        done.send(()).unwrap();
        so_many(2).await;
        clock.advance(PERIOD);
        so_many(3).await;
        scope.cancel(enough());
    };
    let start = clock.clock().now();
    test(async { futures::join!(clock.within(scope.within(repeated)), events) });
    (start, ticks.lock().unwrap()[..3].to_vec())
}

#[test]
fn ticks_that_came_due_during_the_work_follow_the_rule_for_missed_ones() {
    let due = |missed| {
        let (start, ticks) = ticks_around_long_work(missed);
        let left_out: Vec<_> = ticks.iter().map(|tick| tick.missed).collect();
        (ticks.iter().map(|tick| (tick.due - start).as_millis()).collect::<Vec<_>>(), left_out)
    };
    assert_eq!(due(Missed::Skip), (vec![0, 300, 400], vec![0, 2, 0]));
    assert_eq!(due(Missed::Burst), (vec![0, 100, 200], vec![0, 0, 0]));
    assert_eq!(due(Missed::Delay), (vec![0, 100, 450], vec![0, 0, 0]));
}

#[test]
fn a_restart_begins_when_the_work_before_is_gone() {
    let (crowd, scope) = (Crowd::default(), CancelToken::new());
    let (begun, stop) = (crowd.clone(), scope.clone());
    let schedule = every(Duration::ZERO).overlap(Overlap::Restart);
    test(scope.within(schedule.run(move |tick| {
        let (slow_drop, inside) = (Flag::default().on_drop(), begun.enter());
        if tick.number == 200 {
            stop.cancel(enough());
        }
        async move {
            let _held = (inside, slow_drop);
            cancelled_or_never(tick.number == 200).await;
        }
    })));
    assert_eq!((crowd.ever(), crowd.most(), crowd.now()), (201, 1, 0));
}

async fn cancelled_or_never(listens: bool) {
    if listens {
        cancelled().await;
    } else {
        pending::<()>().await;
    }
}

/// Work that waits to be cancelled, then cleans up until the gate opens, and says so.
struct Cleaner {
    waits: Flag,
    told: Flag,
    open: oneshot::Sender<()>,
    cleaned: Flag,
}

/// The first piece of work is a cleaner, the others do nothing.
fn cleaner() -> (Cleaner, impl FnMut(Tick) -> futures::future::BoxFuture<'static, ()> + Send) {
    let (open, gate) = oneshot::channel::<()>();
    let (waits, told, cleaned) = (Flag::default(), Flag::default(), Flag::default());
    let mut first = Some((waits.clone(), told.clone(), gate, cleaned.clone()));
    let work = move |_| {
        let first = first.take();
        Box::pin(async move {
            if let Some((waits, told, gate, cleaned)) = first {
                waits.when_cancelled().await;
                told.raise();
                gate.await.unwrap();
                cleaned.raise();
            }
        }) as _
    };
    (Cleaner { waits, told, open, cleaned }, work)
}

#[test]
fn a_restart_leaves_work_that_listens_its_time() {
    let (clock, scope, (cleaner, mut work)) = (Clock::manual(), CancelToken::new(), cleaner());
    let (stop, cleaned, second) = (scope.clone(), cleaner.cleaned.clone(), Flag::default());
    let begun = second.clone();
    let repeated = every(PERIOD).overlap(Overlap::Restart).run(move |tick| {
        if tick.number == 1 && cleaned.is_up() {
            begun.raise();
            stop.cancel(enough());
        }
        work(tick)
    });
    let events = async {
        eventually(|| cleaner.waits.is_up()).await;
        clock.advance(PERIOD);
        eventually(|| cleaner.told.is_up()).await;
        yield_times(20).await; // time in which the next could begin too early
        cleaner.open.send(()).unwrap();
    };
    test(async { futures::join!(clock.within(scope.within(repeated)), events) });
    assert!(second.is_up());
}

#[test]
fn a_scope_that_ends_during_a_restart_begins_no_more_and_waits_for_the_old_work() {
    let (clock, scope, (cleaner, mut work)) = (Clock::manual(), CancelToken::new(), cleaner());
    let pieces = Arc::new(Mutex::new(0));
    let begun = pieces.clone();
    let repeated = every(PERIOD).overlap(Overlap::Restart).run(move |tick| {
        *begun.lock().unwrap() += 1;
        work(tick)
    });
    test(async {
        let mut repeated = Box::pin(clock.within(scope.within(repeated)));
        goes_on_until(&mut repeated, || cleaner.waits.is_up()).await;
        clock.advance(PERIOD);
        goes_on_until(&mut repeated, || cleaner.told.is_up()).await;
        scope.cancel(enough());
        assert!(poll_immediate(&mut repeated).await.is_none());
        cleaner.open.send(()).unwrap();
        assert_eq!(repeated.await, enough());
    });
    assert!(cleaner.cleaned.is_up());
    assert_eq!(*pieces.lock().unwrap(), 1);
}

#[test]
fn at_its_end_the_work_that_runs_is_told_and_waited_for() {
    for overlap in [Overlap::Wait, allow(3), Overlap::Restart] {
        let (clock, (cleaner, work)) = (Clock::manual(), cleaner());
        test(async {
            let repeated = spawn(clock.within(every(PERIOD).overlap(overlap).run(work)));
            eventually(|| cleaner.waits.is_up()).await;
            let cancelling = repeated.cancel(enough());
            let (outcome, ()) = futures::join!(cancelling, async {
                eventually(|| cleaner.told.is_up()).await;
                cleaner.open.send(()).unwrap();
            });
            assert_eq!(outcome.unwrap(), enough());
        });
        assert!(cleaner.cleaned.is_up());
    }
}

#[test]
fn a_scope_that_ends_between_two_ticks_is_not_kept_waiting() {
    let (clock, scope) = (Clock::manual(), CancelToken::new()); // nobody advances the clock
    test(async {
        let mut repeated = Box::pin(clock.within(scope.within(every(PERIOD).run(|_| async {}))));
        goes_on_until(&mut repeated, || clock.sleepers() == 1).await;
        scope.cancel(enough());
        assert_eq!(repeated.await, enough());
    });
}

#[test]
fn no_work_begins_in_a_scope_that_was_cancelled_before() {
    let (scope, crowd) = (CancelToken::new(), Crowd::default());
    scope.cancel(enough());
    let reason = test(scope.within(every(PERIOD).run(|_| {
        drop(crowd.enter());
        async {}
    })));
    assert_eq!((reason, crowd.ever()), (enough(), 0));
}

#[test]
fn dropping_the_schedule_cancels_what_runs() {
    test(async {
        let crowd = Crowd::default();
        let mut repeated = Box::pin(every(Duration::ZERO).overlap(allow(5)).run(|_| {
            let inside = crowd.enter();
            async move {
                let _inside = inside;
                pending::<()>().await;
            }
        }));
        goes_on_until(&mut repeated, || crowd.now() == 5).await;
        drop(repeated);
        eventually(|| crowd.now() == 0).await;
        assert_eq!(crowd.ever(), 5);
    });
}

#[test]
fn a_panic_ends_its_piece_of_work_only_and_is_reported() {
    for (seed, overlap) in [Overlap::Wait, allow(3), Overlap::Restart].into_iter().enumerate() {
        let (scope, told) = (CancelToken::new(), Arc::new(Mutex::new(Vec::new())));
        let (stop, notes) = (scope.clone(), told.clone());
        let root = Root::new().reporter(move |unseen| notes.lock().unwrap().push(unseen.to_string()));
        let repeated = every(PERIOD).overlap(overlap).run(move |tick| {
            let stop = stop.clone();
            async move {
                if tick.number == 3 {
                    stop.cancel(enough());
                }
                panic!("piece {}", tick.number);
            }
        });
        assert_eq!(root.simulate(seed as u64, scope.within(repeated)), enough());
        let pieces = (0..4).map(|n| format!("a task that nobody awaits panicked: piece {n}"));
        assert_eq!(*told.lock().unwrap(), pieces.collect::<Vec<_>>());
    }
}

#[test]
fn a_panic_is_reported_when_it_happens_not_at_the_next_tick() {
    for overlap in [Overlap::Wait, allow(3), Overlap::Restart] {
        let told = Arc::new(Mutex::new(0));
        let notes = told.clone();
        let root = Root::new().reporter(move |_| *notes.lock().unwrap() += 1);
        let repeated = every(PERIOD).overlap(overlap).run(|_| async { panic!("no such branch") });
        root.simulate(1, async {
            assert!(timeout(PERIOD / 2, repeated).await.is_err());
            assert_eq!(*told.lock().unwrap(), 1, "{overlap:?}");
        });
    }
}

#[test]
fn a_tick_that_is_waited_for_again_and_again_comes_when_it_would_have_come() {
    let waited = |again: bool| {
        gather_core::test(7, async move {
            let (start, mut ticks) = (now(), every(PERIOD).jitter(PERIOD));
            if again {
                for _ in 0..100 {
                    assert!(ticks.tick().now_or_never().is_none());
                }
            }
            ticks.tick().await;
            now() - start
        })
    };
    assert!(waited(false) > Duration::ZERO);
    assert_eq!(waited(true), waited(false));
}

/// When each piece of work began and ended, if each takes so long, in virtual time; and when it all began.
fn pieces_of(seed: u64, schedule: Every, work: Vec<Duration>) -> (Instant, Vec<(Tick, Instant, Instant)>) {
    let (scope, pieces) = (CancelToken::new(), Arc::new(Mutex::new(Vec::new())));
    let (stop, notes) = (scope.clone(), pieces.clone());
    let start = gather_core::test(seed, async {
        let start = now();
        let repeated = schedule.run(move |tick| {
            let (stop, notes, long) = (stop.clone(), notes.clone(), work.get(tick.number as usize).copied());
            async move {
                let _note = Noted { tick, began: now(), pieces: notes };
                match long {
                    Some(long) => sleep(long).await,
                    None => drop(stop.cancel(enough())),
                }
            }
        });
        scope.within(repeated).await;
        start
    });
    let mut pieces = std::mem::take(&mut *pieces.lock().unwrap());
    pieces.sort_by_key(|(tick, ..)| tick.number);
    (start, pieces)
}

/// Notes when it is dropped.
struct Noted {
    tick: Tick,
    began: Instant,
    pieces: Arc<Mutex<Vec<(Tick, Instant, Instant)>>>,
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.pieces.lock().unwrap().push((self.tick, self.began, now()));
    }
}

fn since(start: Instant, tick: Tick, came: Instant) -> (u64, Duration, u64, Duration) {
    (tick.number, tick.due - start, tick.missed, came - start)
}

proptest! {
    #[test]
    fn work_that_waits_runs_as_if_it_were_done_between_the_ticks(
        seed: u64, work in work(), missed in prop::sample::select(vec![Missed::Skip, Missed::Burst, Missed::Delay]),
    ) {
        let (start, ticks) = ticks_of(missed, work.clone());
        let (begin, pieces) = pieces_of(seed, every(PERIOD).missed(missed), work.clone());
        prop_assert_eq!(pieces.len(), work.len() + 1);
        for ((tick, came), (same, began, _)) in ticks.into_iter().zip(pieces) {
            prop_assert_eq!(since(start, tick, came), since(begin, same, began));
        }
    }

    #[test]
    fn a_restart_comes_at_every_tick_and_ends_what_is_not_done(seed: u64, work in work()) {
        let (start, pieces) = pieces_of(seed, every(PERIOD).overlap(Overlap::Restart), work.clone());
        prop_assert_eq!(pieces.len(), work.len() + 1);
        for ((number, (tick, began, ended)), work) in pieces.into_iter().enumerate().zip(work) {
            let due = start + u32::try_from(number).unwrap() * PERIOD;
            prop_assert_eq!((tick.due, began, tick.missed), (due, due, 0));
            prop_assert_eq!(ended - began, work.min(PERIOD));
        }
    }

    #[test]
    fn work_that_may_overlap_begins_at_its_tick_or_when_there_is_room(
        seed: u64, work in work(), most in 1_usize..5,
    ) {
        let schedule = every(PERIOD).missed(Missed::Burst).overlap(allow(most));
        let (start, pieces) = pieces_of(seed, schedule, work.clone());
        let (mut ends, mut last) = (Vec::<Instant>::new(), start);
        for (number, ((tick, began, _), work)) in pieces.into_iter().zip(work).enumerate() {
            ends.sort_unstable();
            let room = ends.len().checked_sub(most).map_or(start, |free| ends[free]);
            prop_assert_eq!(tick.due, start + u32::try_from(number).unwrap() * PERIOD);
            prop_assert_eq!(began, tick.due.max(room).max(last));
            ends.push(began + work);
            last = began;
        }
    }
}

#[test]
fn the_work_can_be_sent_along() {
    fn future<F: Future + Send + 'static>(_: F) {}
    future(every(PERIOD).run(|_| async {}));
}

#[test]
fn a_panic_of_the_work_closure_goes_on_in_who_awaits() {
    let outcome = test(spawn(every(Duration::from_millis(1)).run(|tick| {
        assert!(tick.number != 2, "boom");
        async {}
    })));
    assert!(outcome.unwrap_err().to_string().ends_with("boom"));
}

/// How late a thread is that does nothing but wait for the instant: what the machine is good for at that time.
fn lateness_of_a_thread(due: Instant) -> std::thread::JoinHandle<Duration> {
    std::thread::spawn(move || {
        while Instant::now() < due {
            std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
        }
        due.elapsed()
    })
}

/// Tries again where the machine has other things to do, and judges only by those tries in which a thread that just
/// waits was on time.
#[test]
fn the_hundredth_tick_of_50_ms_is_within_5_ms_of_its_time() {
    const TICKS: u32 = 100;
    const NEAR: Duration = Duration::from_millis(5);
    let period = Duration::from_millis(50);
    let try_once = |_: u32| {
        test(async {
            let mut schedule = every(period);
            let due = schedule.tick().await.due + period * (TICKS - 1);
            let thread = lateness_of_a_thread(due);
            for _ in 1..TICKS {
                schedule.tick().await;
            }
            let off = due.elapsed().max(due.saturating_duration_since(Instant::now()));
            (off, thread.join().unwrap())
        })
    };
    let late: Vec<_> = (0..3).map(try_once).take_while(|(tick, _)| *tick > NEAR).collect();
    let is_idle = late.iter().all(|(_, thread)| *thread < NEAR / 5);
    assert!(late.len() < 3 || !is_idle, "off by (and a thread by) {late:?}");
}
