use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{join_all, poll_immediate};
use gather_core::{CancelToken, Lane, spawn, timeout, to_thread, to_thread_in};

use crate::support::{Crowd, FOREVER, Flag, eventually, test};

/// The lanes are shared by the process: tests that fill the CPU lane take turns.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A door that closures wait at.
fn door() -> (Sender<()>, Receiver<()>) {
    channel()
}

#[test]
fn the_cpu_lane_never_runs_more_than_there_are_cores() {
    let _alone = alone();
    test(async {
        let crowd = Crowd::default();
        let closures = (0..200).map(|_| {
            let crowd = crowd.clone();
            to_thread_in(Lane::Cpu, move || {
                let _inside = crowd.enter();
                for _ in 0..100 {
                    std::thread::yield_now();
                }
            })
        });
        assert!(join_all(closures).await.iter().all(Result::is_ok));
        assert_eq!(crowd.ever(), 200);
        assert!(crowd.most() <= Lane::Cpu.width(), "{} at once", crowd.most());
    });
}

#[test]
fn a_full_cpu_lane_does_not_keep_the_io_lane_waiting() {
    let _alone = alone();
    test(async {
        let (doors, fill) = fill_the_cpu_lane().await;
        assert_eq!(to_thread(|| 7).await.unwrap(), 7);
        drop(doors);
        assert!(join_all(fill).await.iter().all(Result::is_ok));
    });
}

#[test]
fn a_closure_that_is_dropped_before_it_starts_never_starts() {
    let _alone = alone();
    test(async {
        let (doors, fill) = fill_the_cpu_lane().await;
        let started = Flag::default();
        let raise = started.clone();
        let mut waiting = Box::pin(to_thread_in(Lane::Cpu, move || raise.raise()));
        assert!(poll_immediate(&mut waiting).await.is_none());
        drop(waiting);
        drop(doors);
        assert!(join_all(fill).await.iter().all(Result::is_ok));
        // The lane is free again, for as many as ever.
        assert!(
            join_all((0..10 * Lane::Cpu.width()).map(|_| to_thread_in(Lane::Cpu, || ())))
                .await
                .iter()
                .all(Result::is_ok)
        );
        assert!(!started.is_up());
    });
}

/// Closures that keep the lane busy until the doors are dropped.
async fn fill_the_cpu_lane() -> (Vec<Sender<()>>, Vec<gather_core::Task<()>>) {
    let crowd = Crowd::default();
    let (doors, closures): (Vec<_>, Vec<_>) = (0..Lane::Cpu.width())
        .map(|_| {
            let ((open, door), crowd) = (door(), crowd.clone());
            let closure = gather_core::spawn(async move {
                let waits = to_thread_in(Lane::Cpu, move || {
                    let _inside = crowd.enter();
                    let _ = door.recv();
                });
                waits.await.unwrap();
            });
            (open, closure)
        })
        .unzip();
    eventually(|| crowd.now() == Lane::Cpu.width()).await;
    (doors, closures)
}

#[test]
fn a_panic_on_a_thread_is_a_value_and_gives_its_place_back() {
    test(async {
        for lane in [Lane::Io, Lane::Cpu] {
            for n in 0..lane.width() * 2 {
                let ended = to_thread_in(lane, move || panic!("closure {n}")).await.unwrap_err();
                assert_eq!(ended.to_string(), format!("the task panicked: closure {n}"));
            }
        }
    });
}

#[test]
fn a_closure_that_nobody_waits_for_is_told() {
    test(async {
        let (running, told) = (Flag::default(), Flag::default());
        let (run, tell) = (running.clone(), told.clone());
        let mut closure = Box::pin(to_thread(move || {
            run.raise();
            while !CancelToken::current().is_cancelled() {
                std::thread::yield_now();
            }
            tell.raise();
        }));
        assert!(poll_immediate(&mut closure).await.is_none());
        eventually(|| running.is_up()).await;
        drop(closure);
        eventually(|| told.is_up()).await;
    });
}

#[test]
fn a_closure_sees_the_token_of_its_caller() {
    test(async {
        let token = CancelToken::new();
        token.cancel(gather_core::Reason::new("enough"));
        let why = token.within(to_thread(|| CancelToken::current().reason())).await.unwrap();
        assert_eq!(why.unwrap().why(), "enough");
    });
}

#[test]
fn a_closure_whose_caller_timed_out_keeps_its_place_until_its_end() {
    let _alone = alone();
    test(async {
        let ((open, door), crowd) = (door(), Crowd::default());
        let inside = crowd.clone();
        let closure = to_thread_in(Lane::Cpu, move || {
            let _inside = inside.enter();
            let _ = door.recv();
        });
        assert!(timeout(Duration::from_millis(20), closure).await.is_err());
        eventually(|| crowd.ever() == 1).await;
        let all = |crowd: Crowd| {
            (0..100).map(move |_| {
                let crowd = crowd.clone();
                to_thread_in(Lane::Cpu, move || drop(crowd.enter()))
            })
        };
        if Lane::Cpu.width() > 1 {
            timeout(FOREVER, join_all(all(crowd.clone()))).await.unwrap();
            assert!(crowd.most() <= Lane::Cpu.width());
        }
        drop(open);
        eventually(|| crowd.now() == 0).await;
    });
}

#[test]
fn the_queue_of_a_lane_can_be_seen_and_forgets_who_leaves_it() {
    let (open, door) = std::sync::mpsc::channel::<()>();
    let door = std::sync::Arc::new(std::sync::Mutex::new(door));
    test(async {
        let closures = Lane::Cpu.width() + 3;
        let tasks: Vec<_> = (0..closures)
            .map(|_| {
                let door = door.clone();
                spawn(to_thread_in(Lane::Cpu, move || door.lock().unwrap().recv().is_err()))
            })
            .collect();
        eventually(|| Lane::Cpu.running() == Lane::Cpu.width() && Lane::Cpu.queued() >= 3).await;
        drop(tasks);
        drop(open);
        eventually(|| Lane::Cpu.queued() == 0).await;
    });
}

#[test]
fn a_value_that_panics_when_nobody_takes_it_gives_its_place_back() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let _alone = alone();
    test(async {
        for _ in 0..2 * Lane::Cpu.width() {
            let ((open, door), running) = (door(), Flag::default());
            let run = running.clone();
            let mut closure = Box::pin(to_thread_in(Lane::Cpu, move || {
                run.raise();
                let _ = door.recv();
                Bomb
            }));
            assert!(poll_immediate(&mut closure).await.is_none());
            eventually(|| running.is_up()).await;
            drop((closure, open));
        }
        assert_eq!(to_thread_in(Lane::Cpu, || 7).await.unwrap(), 7);
    });
}

#[test]
fn a_task_that_a_closure_started_outlives_the_closure() {
    test(async {
        let waits = Flag::default();
        let listens = waits.clone().when_cancelled();
        let task = to_thread(|| spawn(listens)).await.unwrap();
        eventually(|| waits.is_up()).await;
        assert!(!task.token().is_cancelled());
        let told = task.cancel(gather_core::Reason::new("enough")).await;
        assert_eq!(told.unwrap().why(), "enough");
    });
}

#[test]
fn whoever_drops_it_at_whichever_await_the_lane_is_whole() {
    let _alone = alone();
    test(async {
        for polls in 0..4 {
            for is_over in [false, true] {
                let ((open, door), over) = (door(), Flag::default());
                let guard = over.on_drop();
                let mut closure = Box::pin(to_thread_in(Lane::Cpu, move || {
                    let _guard = guard;
                    let _ = door.recv();
                }));
                let mut open = Some(open);
                for _ in 0..polls {
                    if poll_immediate(&mut closure).await.is_some() {
                        break;
                    }
                    if is_over {
                        open = None;
                        eventually(|| over.is_up()).await;
                    }
                }
                drop((closure, open));
                eventually(|| over.is_up() && Lane::Cpu.running() == 0).await;
            }
        }
        assert_eq!(
            join_all((0..2 * Lane::Cpu.width()).map(|_| to_thread_in(Lane::Cpu, || ()))).await.len(),
            { 2 * Lane::Cpu.width() }
        );
    });
}
