//! The stories run under 1,000 seeds in virtual time; those about threads, and about cost, on the runtime.

use std::future::pending;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::join;
use gather_core::{
    By, Cause, GroupError, Policy, Reason, Root, TaskGroup, cancelled, finally, now, sleep, spawn,
    test as simulate, timeout,
};
use proptest::prelude::*;

use crate::support::{Crowd, Flag, eventually, test, yield_times};

const SECOND: Duration = Duration::from_secs(1);

fn width(width: usize) -> NonZeroUsize {
    NonZeroUsize::new(width).unwrap()
}

fn enough() -> Reason {
    Reason::new("enough")
}

type Group<T = usize> = TaskGroup<T, String>;

/// Runs a story under each of 1,000 seeds.
fn under_every_seed<F: Future<Output = ()>>(story: impl Fn() -> F) {
    (0..1000).for_each(|seed| simulate(seed, story()));
}

#[test]
fn values_come_in_the_order_of_spawning() {
    under_every_seed(async || {
        let group = <Group>::new();
        for n in 0..10 {
            group.spawn(async move {
                yield_times(10 - n).await;
                Ok(n)
            });
        }
        assert_eq!(group.join().await.unwrap(), Vec::from_iter(0..10));
    });
}

#[test]
fn outcomes_are_taken_as_they_come() {
    under_every_seed(async || {
        let group = <Group>::new();
        for n in [3, 1, 2] {
            group.spawn(async move {
                sleep(n * SECOND).await;
                Ok(0)
            });
        }
        let mut order = Vec::new();
        while let Some((number, outcome)) = group.next().await {
            assert!(outcome.is_ok());
            order.push(number);
        }
        assert_eq!(order, [1, 2, 0]);
        assert!(group.join().await.unwrap().is_empty());
    });
}

#[test]
fn two_who_take_outcomes_miss_none() {
    under_every_seed(async || {
        let group = <Group>::new();
        for n in 0..20 {
            group.spawn(async move {
                yield_times(n % 3).await;
                Ok(n)
            });
        }
        let taken = Mutex::new(Vec::new());
        let take = async || {
            while let Some((number, _)) = group.next().await {
                taken.lock().unwrap().push(number);
            }
        };
        join(take(), take()).await;
        let mut taken = taken.into_inner().unwrap();
        taken.sort_unstable();
        assert_eq!(taken, Vec::from_iter(0..20));
    });
}

#[test]
fn a_dropped_next_loses_no_outcome() {
    under_every_seed(async || {
        let group = <Group>::new();
        for n in 0..5 {
            group.spawn(async move {
                sleep(n as u32 * SECOND).await;
                Ok(n)
            });
        }
        let mut taken = 0;
        while taken < 5 {
            let short = timeout(SECOND / 3, group.next()).await;
            taken += usize::from(short.is_ok_and(|next| next.is_some()));
        }
        assert!(group.next().await.is_none());
    });
}

#[test]
fn never_are_more_at_work_than_the_width() {
    under_every_seed(async || {
        let crowd = Crowd::default();
        let group = <Group>::new().width(width(3));
        for n in 0..20 {
            let crowd = crowd.clone();
            group.spawn(async move {
                let _inside = crowd.enter();
                yield_times(n % 4).await;
                Ok(n)
            });
        }
        assert_eq!(group.len(), 20);
        assert_eq!(group.join().await.unwrap().len(), 20);
        assert_eq!(crowd.ever(), 20);
        assert!(crowd.most() <= 3);
    });
}

#[test]
fn who_waits_for_room_finds_the_queue_empty() {
    under_every_seed(async || {
        let group = <Group>::new().width(width(2));
        for n in 0..20 {
            group.room().await;
            group.spawn(async move {
                yield_times(3).await;
                Ok(n)
            });
            assert!(group.len() <= 2);
        }
        assert_eq!(group.join().await.unwrap().len(), 20);
    });
}

#[test]
fn one_failure_cancels_the_others_and_is_named() {
    under_every_seed(async || {
        let crowd = Crowd::default();
        let group = <Group>::new().named("pages");
        for n in 0..10 {
            let crowd = crowd.clone();
            group.spawn_named(format!("page {n}"), async move {
                let _inside = crowd.enter();
                yield_times(2).await;
                if n == 4 { Err("not found".to_owned()) } else { pending().await }
            });
        }
        let error = group.join().await.unwrap_err();
        assert_eq!(crowd.now(), 0);
        assert_eq!((error.failures().len(), error.cancelled()), (1, 9));
        assert_eq!((error.failures()[0].index(), error.failures()[0].name()), (4, Some("page 4")));
        assert_eq!(error.to_string(), "pages: 1 of 10 tasks failed (page 4: not found)");
        assert_eq!(error.reason().unwrap().by(), By::Sibling);
    });
}

#[test]
fn a_failure_leaves_what_waits_for_room_unbegun() {
    under_every_seed(async || {
        let begun = Crowd::default();
        let group = <Group>::new().width(width(1));
        group.spawn(async { Err("first".to_owned()) });
        for _ in 0..5 {
            let begun = begun.clone();
            group.spawn(async move {
                begun.enter();
                Ok(0)
            });
        }
        let error = group.join().await.unwrap_err();
        assert_eq!((error.cancelled(), begun.ever()), (5, 0));
    });
}

#[test]
fn those_that_fail_while_being_cancelled_are_named_too() {
    under_every_seed(async || {
        let group = <Group>::new();
        let listens = Flag::default();
        let listening = listens.clone().when_cancelled();
        group.spawn(async {
            let reason = listening.await;
            Err(format!("told: {}", reason.why()))
        });
        group.spawn(async move {
            eventually(|| listens.is_up()).await;
            Err("first".to_owned())
        });
        let error = group.join().await.unwrap_err();
        assert_eq!(error.to_string(), "2 of 2 tasks failed (task 0: told: task 1: first; task 1: first)");
    });
}

#[test]
fn who_listens_has_the_grace_and_no_more() {
    under_every_seed(async || {
        let start = now();
        let (listens, gone) = (Flag::default(), Flag::default());
        let (listening, guard) = (listens.clone().when_cancelled(), gone.on_drop());
        let group = <Group>::new().grace(2 * SECOND);
        group.spawn(async {
            let _guard = guard;
            listening.await;
            pending().await
        });
        eventually(|| listens.is_up()).await;
        let outcomes = group.cancel(enough()).await;
        assert!(outcomes[0].as_ref().unwrap_err().is_cancelled());
        assert!(gone.is_up());
        assert_eq!(now() - start, 2 * SECOND);
    });
}

#[test]
fn the_grace_ends_although_nobody_awaits_the_group() {
    under_every_seed(async || {
        let (listens, gone) = (Flag::default(), Flag::default());
        let (listening, guard) = (listens.clone().when_cancelled(), gone.on_drop());
        let group = <Group>::new().grace(SECOND);
        group.spawn(async {
            let _guard = guard;
            listening.await;
            pending().await
        });
        eventually(|| listens.is_up()).await;
        group.stop(enough());
        sleep(2 * SECOND).await;
        assert!(gone.is_up());
        assert_eq!(
            group.join().await.unwrap_err().to_string(),
            "1 of 1 tasks were cancelled by its caller: enough"
        );
    });
}

#[test]
fn clean_up_of_a_cancelled_task_comes_to_its_end() {
    under_every_seed(async || {
        let (begun, done) = (Flag::default(), Flag::default());
        let (begin, finish) = (begun.clone(), done.clone());
        let group = <Group>::new();
        let clean_up = async move {
            sleep(SECOND).await;
            finish.raise();
        };
        group.spawn(finally(begin.when_pending(pending()), clean_up));
        eventually(|| begun.is_up()).await;
        group.cancel(enough()).await;
        sleep(2 * SECOND).await;
        assert!(done.is_up());
    });
}

#[test]
fn collecting_lets_all_come_to_their_ends() {
    under_every_seed(async || {
        let group = <Group>::new().policy(Policy::Collect);
        for n in 0..6 {
            group.spawn(async move {
                yield_times(n).await;
                if n % 2 == 0 { Ok(n) } else { Err(format!("{n} is odd")) }
            });
        }
        let error = group.join().await.unwrap_err();
        let named: Vec<_> = error.failures().iter().map(ToString::to_string).collect();
        assert_eq!(named, ["task 1: 1 is odd", "task 3: 3 is odd", "task 5: 5 is odd"]);
        assert_eq!((error.cancelled(), error.reason()), (0, None));
    });
}

#[test]
fn settling_gives_each_its_outcome() {
    under_every_seed(async || {
        let group = <Group>::new().policy(Policy::Collect);
        group.spawn(async { Ok(7) });
        group.spawn(async { Err("down".to_owned()) });
        group.spawn(async { panic!("boom") });
        let outcomes = group.settle().await;
        assert_eq!(*outcomes[0].as_ref().unwrap(), 7);
        assert!(matches!(outcomes[1].as_ref().unwrap_err().cause(), Cause::Error(error) if error == "down"));
        let Err(failed) = outcomes.into_iter().next_back().unwrap() else { panic!("it did not fail") };
        let Cause::Panicked(panic) = failed.into_cause() else { panic!("it did not panic") };
        assert_eq!(panic.into_payload().downcast_ref(), Some(&"boom"));
    });
}

/// Runs a story and gives what the root was told.
fn told<F: Future<Output = ()>>(seed: u64, story: impl FnOnce() -> F) -> Vec<String> {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let told = notes.clone();
    let root = Root::new().reporter(move |unseen| notes.lock().unwrap().push(unseen.to_string()));
    root.simulate(seed, story());
    let mut told = told.lock().unwrap().clone();
    told.sort();
    told
}

#[test]
fn of_the_supervised_each_failure_is_told_and_harms_nobody() {
    for seed in 0..1000 {
        let told = told(seed, async || {
            let done = Crowd::default();
            let group = <Group>::new().policy(Policy::Supervise).width(width(2));
            for n in 0..6 {
                let done = done.clone();
                group.spawn(async move {
                    yield_times(n).await;
                    match n {
                        1 => Err("one".to_owned()),
                        2 => panic!("two"),
                        n => {
                            done.enter();
                            Ok(n)
                        }
                    }
                });
            }
            assert!(group.join().await.unwrap().is_empty());
            assert_eq!(done.ever(), 4);
        });
        assert_eq!(
            told,
            ["a task that nobody awaits failed: one", "a task that nobody awaits panicked: two"]
        );
    }
}

#[test]
fn failures_of_a_group_that_nobody_joins_are_told() {
    for seed in 0..1000 {
        let told = told(seed, async || {
            let group = <Group>::new().policy(Policy::Collect);
            group.spawn(async { Err("one".to_owned()) });
            group.spawn(async { panic!("two") });
            group.spawn(async { Ok(3) });
            let (all, closed) = (Flag::default(), group.closed());
            let last = all.clone();
            group.spawn(async move {
                Ok(usize::from({
                    last.raise();
                    true
                }))
            });
            eventually(|| all.is_up() && group.is_empty()).await;
            drop(group);
            closed.await;
        });
        assert_eq!(
            told,
            ["a task that nobody awaits failed: one", "a task that nobody awaits panicked: two"]
        );
    }
}

#[test]
fn a_dropped_group_polls_nobody_again_and_closes_when_all_are_gone() {
    under_every_seed(async || {
        let (crowd, dropped) = (Crowd::default(), Flag::default());
        let group = <Group>::new();
        for _ in 0..10 {
            let (crowd, dropped) = (crowd.clone(), dropped.clone());
            group.spawn(async move {
                let _inside = crowd.enter();
                loop {
                    assert!(!dropped.is_up(), "it is polled again");
                    yield_times(1).await;
                }
            });
        }
        eventually(|| crowd.now() > 5).await;
        let closed = group.closed();
        drop(group);
        dropped.raise();
        closed.await;
        assert_eq!(crowd.now(), 0);
    });
}

#[test]
fn whoever_drops_the_join_at_whichever_await_all_are_gone() {
    for polls in 0..6 {
        for seed in 0..200 {
            Root::new().reporter(|_| {}).simulate(seed, async {
                let crowd = Crowd::default();
                let group = <Group>::new();
                for n in 0..4 {
                    let crowd = crowd.clone();
                    group.spawn(async move {
                        let _inside = crowd.enter();
                        yield_times(n).await;
                        if n == 2 { Err("late".to_owned()) } else { Ok(n) }
                    });
                }
                let closed = group.closed();
                let mut join = Box::pin(group.settle());
                for _ in 0..polls {
                    if futures::poll!(join.as_mut()).is_ready() {
                        break;
                    }
                    yield_times(1).await;
                }
                drop(join);
                closed.await;
                assert_eq!(crowd.now(), 0);
            });
        }
    }
}

#[test]
fn a_task_that_finds_more_work_adds_it_to_its_own_group() {
    under_every_seed(async || {
        let group = <Group>::new().width(width(2));
        let spawner = group.spawner();
        group.spawn(async move {
            for n in 1..5 {
                spawner.spawn(async move { Ok(n) });
            }
            Ok(0)
        });
        assert_eq!(group.join().await.unwrap(), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn what_is_spawned_into_a_stopped_group_is_not_begun() {
    under_every_seed(async || {
        let (group, gone) = (<Group>::new(), Flag::default());
        group.stop(enough());
        let guard = gone.on_drop();
        group.spawn(async move {
            let _guard = guard;
            panic!("it is begun");
        });
        assert!(gone.is_up());
        assert!(group.settle().await[0].as_ref().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_spawner_that_outlives_its_group_starts_nothing() {
    under_every_seed(async || {
        let group = <Group>::new();
        let spawner = group.spawner();
        drop(group);
        spawner.spawn(async { panic!("it is begun") });
        yield_times(3).await;
    });
}

#[test]
fn cancelling_the_task_around_it_reaches_every_member() {
    under_every_seed(async || {
        let heard = Crowd::default();
        let hearing = heard.clone();
        let listening = Crowd::default();
        let ears = listening.clone();
        let owner = spawn(async move {
            let group = Group::<()>::new();
            for _ in 0..3 {
                let (hearing, ears) = (hearing.clone(), ears.clone());
                group.spawn(async move {
                    let cancelled = cancelled();
                    ears.enter();
                    assert_eq!(cancelled.await.why(), "enough");
                    hearing.enter();
                    Ok(())
                });
            }
            group.join().await.unwrap().len()
        });
        eventually(|| listening.ever() == 3).await;
        yield_times(3).await;
        assert_eq!(owner.cancel(enough()).await.unwrap(), 3);
        assert_eq!(heard.ever(), 3);
    });
}

#[test]
fn an_empty_group_is_joined_at_once() {
    under_every_seed(async || {
        assert!(<Group>::new().join().await.unwrap().is_empty());
        assert!(<Group>::new().next().await.is_none());
    });
}

#[test]
fn members_inherit_the_deadline_under_which_the_group_was_made() {
    under_every_seed(async || {
        let late = timeout(SECOND, async {
            let group = Group::<Option<Duration>>::new();
            group.spawn(async { Ok(gather_core::Deadline::current().remaining()) });
            group.join().await.unwrap()
        });
        assert_eq!(late.await.unwrap(), [Some(SECOND)]);
    });
}

#[test]
fn a_destructor_that_panics_is_a_failure_with_a_name() {
    struct PanicsOnDrop;
    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("on the way out");
            }
        }
    }
    under_every_seed(async || {
        let begun = Flag::default();
        let raise = begun.clone();
        let group = <Group>::new();
        group.spawn_named("clumsy", async move {
            let _panics = PanicsOnDrop;
            raise.raise();
            pending().await
        });
        eventually(|| begun.is_up()).await;
        let outcomes = group.cancel(enough()).await;
        assert_eq!(outcomes[0].as_ref().unwrap_err().to_string(), "clumsy: panicked: on the way out");
    });
}

#[test]
fn the_tree_names_every_failure_of_nested_groups() {
    let story = async || {
        let pages = TaskGroup::<(), GroupError<String>>::new().named("pages").policy(Policy::Collect);
        for page in 0..2 {
            pages.spawn_named(format!("page {page}"), async move {
                let links = TaskGroup::<(), String>::new().named("links").policy(Policy::Collect);
                for link in 0..2 {
                    links.spawn_named(format!("link {link}"), async move {
                        Err(format!("{page}.{link} is dead"))
                    });
                }
                links.join().await.map(drop)
            });
        }
        pages.spawn(async { panic!("boom") });
        pages.join().await.unwrap_err()
    };
    let error = simulate(1, story());
    let tree = "pages: 3 of 3 tasks failed\n\
                ├─ page 0: links: 2 of 2 tasks failed\n\
                │  ├─ link 0: 0.0 is dead\n\
                │  └─ link 1: 0.1 is dead\n\
                ├─ page 1: links: 2 of 2 tasks failed\n\
                │  ├─ link 0: 1.0 is dead\n\
                │  └─ link 1: 1.1 is dead\n\
                └─ task 2: panicked: boom";
    assert_eq!(format!("{error:#}"), tree);
    assert_eq!(error.to_string().lines().count(), 1);
}

#[test]
fn one_of_ten_thousand_that_fails_cancels_and_joins_the_rest_soon() {
    let tries: Vec<_> = (0..5).map(|_| one_of_ten_thousand_fails()).take_while(|took| *took > SOON).collect();
    assert!(tries.len() < 5, "it took {tries:?}");
}

/// Also in a debug build, where it is some 30 ms on an idle machine; on one that is not, one of a few tries must do.
const SOON: Duration = Duration::from_millis(100);

/// How long the group takes to be joined.
fn one_of_ten_thousand_fails() -> Duration {
    let (error, took) = test(async {
        let crowd = Crowd::default();
        let group = Group::<()>::new();
        let (fail, fails) = futures::channel::oneshot::channel();
        let fails = futures::FutureExt::shared(fails);
        for n in 0..10_000 {
            let (crowd, fails) = (crowd.clone(), fails.clone());
            group.spawn_named(format!("task {n}"), async move {
                let _inside = crowd.enter();
                if n == 5000 {
                    let _ = fails.await;
                    return Err("the one".to_owned());
                }
                pending().await
            });
        }
        eventually(|| crowd.now() == 10_000).await;
        let start = Instant::now();
        fail.send(()).unwrap();
        let error = group.join().await.unwrap_err();
        assert_eq!(crowd.now(), 0);
        (error, start.elapsed())
    });
    assert_eq!(error.to_string(), "1 of 10000 tasks failed (task 5000: the one)");
    took
}

#[test]
fn on_many_threads_nobody_is_lost() {
    test(async {
        for _ in 0..50 {
            let crowd = Crowd::default();
            let group = <Group>::new().width(width(7)).policy(Policy::Collect);
            let spawner = group.spawner();
            for n in 0..100 {
                let (crowd, spawner) = (crowd.clone(), spawner.clone());
                group.spawn(async move {
                    let _inside = crowd.enter();
                    yield_times(n % 3).await;
                    spawner.spawn(async move { if n % 10 == 0 { Err(n.to_string()) } else { Ok(n) } });
                    Ok(n)
                });
            }
            let outcomes = group.settle().await;
            assert_eq!(outcomes.len(), 200);
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 10);
            assert!(crowd.most() <= 7);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whatever fails, and whenever the group is stopped: each task has exactly one outcome, and none is left.
    #[test]
    fn every_task_is_accounted_for(
        seed: u64,
        ends in prop::collection::vec(0_u8..4, 0..30),
        at_once in 1_usize..10,
        policy in prop::sample::select(vec![Policy::FailFast, Policy::Collect]),
        stop_after in prop::option::of(0_usize..20),
    ) {
        let tasks = ends.len();
        let crowd = Crowd::default();
        let outcomes = simulate(seed, async {
            let group = <Group>::new().policy(policy).width(width(at_once));
            for (n, end) in ends.into_iter().enumerate() {
                let crowd = crowd.clone();
                group.spawn(async move {
                    let _inside = crowd.enter();
                    yield_times(n % 5).await;
                    match end {
                        0 => Err("failed".to_owned()),
                        1 => panic!("panicked"),
                        2 => Ok(usize::from(cancelled().await.why().is_empty())),
                        _ => Ok(n),
                    }
                });
            }
            let polls = stop_after.unwrap_or(50);
            yield_times(polls).await;
            group.cancel(enough()).await
        });
        prop_assert_eq!(outcomes.len(), tasks);
        prop_assert_eq!(crowd.now(), 0);
        prop_assert!(crowd.most() <= at_once);
    }
}

#[test]
fn of_two_who_wait_for_room_the_second_is_not_forgotten() {
    under_every_seed(async || {
        let group = <Group<()>>::new().width(width(1));
        let (open, door) = futures::channel::oneshot::channel();
        group.spawn(async move { door.await.map_err(|_| "closed".to_owned()) });
        let waits = || async { group.room().await };
        let opens = async {
            yield_times(3).await;
            open.send(()).unwrap();
        };
        futures::join!(waits(), waits(), waits(), opens);
        assert!(group.join().await.is_ok());
    });
}

/// A value that starts one more task of the group when it is dropped.
struct SpawnsOnDrop(Option<gather_core::Spawner<SpawnsOnDrop, String>>);

impl Drop for SpawnsOnDrop {
    fn drop(&mut self) {
        if let Some(spawner) = self.0.take() {
            spawner.spawn(async { Ok(SpawnsOnDrop(None)) });
        }
    }
}

#[test]
fn a_value_whose_destructor_adds_to_the_group_locks_nobody_out() {
    under_every_seed(async || {
        let group = <Group<SpawnsOnDrop>>::new().policy(Policy::Supervise);
        let spawner = group.spawner();
        group.spawn(async move { Ok(SpawnsOnDrop(Some(spawner))) });
        assert!(group.join().await.unwrap().is_empty());
    });
}

/// An error that cannot be shown.
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("unspeakable")
    }
}

#[test]
fn an_error_that_panics_when_it_is_shown_sinks_the_group_and_no_more() {
    for policy in [Policy::FailFast, Policy::Collect, Policy::Supervise] {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let told = notes.clone();
        let root = Root::new().reporter(move |unseen| told.lock().unwrap().push(unseen.to_string()));
        root.simulate(1, async {
            let group = TaskGroup::<(), Unspeakable>::new().policy(policy);
            group.spawn(async { Err(Unspeakable) });
            assert_eq!(group.join().await.is_err(), policy != Policy::Supervise);
        });
        assert_eq!(notes.lock().unwrap().len(), usize::from(policy == Policy::Supervise));
    }
}

/// A value that panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the bomb");
    }
}

#[test]
fn a_value_that_panics_when_it_is_dropped_is_told_and_harms_nobody() {
    for is_dropped in [false, true] {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let told = notes.clone();
        let root = Root::new().reporter(move |unseen| told.lock().unwrap().push(unseen.to_string()));
        root.simulate(1, async {
            let policy = if is_dropped { Policy::Collect } else { Policy::Supervise };
            let group = TaskGroup::<Bomb, String>::new().policy(policy);
            group.spawn(async { Ok(Bomb) });
            yield_times(20).await;
            let closed = group.closed();
            if is_dropped {
                drop(group);
            } else {
                assert!(group.join().await.unwrap().is_empty());
            }
            closed.await;
        });
        assert!(notes.lock().unwrap()[0].ends_with("panicked: the bomb"));
    }
}
