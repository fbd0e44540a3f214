use std::future::pending;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use gather_core::{Root, report, run, spawn, spawn_named, spawn_service, to_thread};

use crate::support::{Flag, eventually, promptly};

/// Runs a program and gives what its root was told.
fn told(main: impl Future<Output = ()>) -> Vec<String> {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let told = notes.clone();
    let root = Root::new().reporter(move |unseen| notes.lock().unwrap().push(unseen.to_string()));
    root.run(main).unwrap();
    told.lock().unwrap().clone()
}

const BOOM: [&str; 1] = ["a task that nobody awaits panicked: boom"];

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("boom");
        }
    }
}

/// What panics once it runs, and how one sees that it did.
fn boom() -> (impl Future<Output = ()> + Send + 'static, impl Future<Output = ()>) {
    let done = Flag::default();
    let guard = done.on_drop();
    let panics = async move {
        let _guard = guard;
        panic!("boom")
    };
    (panics, async move { eventually(|| done.is_up()).await })
}

#[test]
fn the_panic_of_a_detached_task_is_told() {
    let detached = async {
        let (panics, done) = boom();
        spawn(panics).detach();
        done.await;
    };
    assert_eq!(told(detached), BOOM);
}

#[test]
fn the_panic_of_a_task_whose_handle_is_dropped_is_told() {
    let dropped = async {
        let task = spawn(async { panic!("boom") });
        eventually(|| task.is_finished()).await;
    };
    assert_eq!(told(dropped), BOOM);
}

#[test]
fn a_panic_that_somebody_looked_at_is_not_told() {
    let looked_at = async {
        assert!(spawn(async { panic!("boom") }).await.unwrap_err().is_panic());
        assert!(to_thread(|| panic!("boom")).await.unwrap_err().is_panic());
    };
    assert!(told(looked_at).is_empty());
}

#[test]
fn the_panic_of_a_destructor_is_told() {
    let cancelled = async {
        let started = Flag::default();
        let raise = started.clone();
        let task = spawn(async move {
            let _panics = PanicsOnDrop;
            raise.raise();
            pending::<()>().await;
        });
        eventually(|| started.is_up()).await;
        drop(task);
    };
    assert_eq!(told(cancelled), BOOM);
}

#[test]
fn the_panic_of_a_service_is_told() {
    let served = async {
        let (panics, done) = boom();
        spawn_service(panics);
        done.await;
    };
    assert_eq!(told(served), BOOM);
}

#[test]
fn the_panic_of_a_closure_that_nobody_waits_for_is_told() {
    let (open, door) = std::sync::mpsc::channel::<()>();
    let left = async {
        let (started, unwound) = (Flag::default(), Flag::default());
        let (raise, guard) = (started.clone(), unwound.on_drop());
        let task = spawn(to_thread(move || {
            let _guard = guard;
            raise.raise();
            let _ = door.recv();
            panic!("boom");
        }));
        eventually(|| started.is_up()).await;
        drop(task);
        drop(open);
        eventually(|| unwound.is_up()).await;
    };
    assert_eq!(told(left), BOOM);
}

#[test]
fn the_error_of_a_detached_task_is_told_with_its_name() {
    let told = told(async { spawn_named("pruner", async { report("disk full") }).await.unwrap() });
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("task \"pruner\", spawned at crates/core/tests/suite/unseen.rs:"),
        "{told:?}"
    );
    assert!(told[0].ends_with(", failed: disk full"), "{told:?}");
}

#[test]
fn a_root_within_a_root_tells_the_same_reporter() {
    let inner = async {
        let (panics, done) = boom();
        spawn(panics).detach();
        done.await;
    };
    assert_eq!(told(async { run(inner).unwrap() }), BOOM);
}

#[test]
fn a_reporter_that_panics_harms_nobody() {
    let root = Root::new().reporter(|_| panic!("the reporter panics"));
    let (panics, done) = boom();
    root.run(async { drop((spawn(panics), done.await)) }).unwrap();
}

#[test]
fn a_task_whose_poll_does_not_return_is_left_behind_and_named() {
    let (open, door) = std::sync::mpsc::channel::<()>();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let told = notes.clone();
    let root = Root::new().grace(std::time::Duration::from_millis(20));
    let root = root.reporter(move |unseen| notes.lock().unwrap().push(unseen.to_string()));
    promptly(|| {
        root.run(async {
            let started = Flag::default();
            let raise = started.clone();
            spawn_named("stuck", async move {
                raise.raise();
                let _ = door.recv();
            })
            .detach();
            spawn_named("waits", pending::<()>()).detach();
            eventually(|| started.is_up()).await;
        })
    })
    .unwrap();
    drop(open);
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("task \"stuck\"") && told[0].contains("was left behind"), "{told:?}");
}

#[test]
fn a_task_whose_handle_main_returns_is_told_to_be_left_behind() {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let told = notes.clone();
    let root = Root::new().grace(std::time::Duration::from_millis(20));
    let root = root.reporter(move |unseen| notes.lock().unwrap().push(unseen.to_string()));
    let task = promptly(|| root.run(std::future::ready(()).map(|()| spawn(pending::<()>())))).unwrap();
    assert_eq!(told.lock().unwrap().len(), 1);
    drop(task);
}

#[test]
fn the_error_of_a_task_that_is_detached_so_is_told_once_whenever_it_comes() {
    for yields in [0, 1, 5] {
        for is_awaited in [false, true] {
            let notes = Arc::new(Mutex::new(Vec::new()));
            let (note, is_told) = (notes.clone(), || !notes.lock().unwrap().is_empty());
            let root = Root::new().reporter(move |unseen| note.lock().unwrap().push(unseen.to_string()));
            root.run(async {
                let task = spawn_named("pruner", async move {
                    crate::support::yield_times(yields).await;
                    Err::<(), _>("disk full")
                });
                if is_awaited {
                    eventually(|| task.is_finished()).await;
                }
                task.detach_reporting();
                eventually(is_told).await;
            })
            .unwrap();
            let told = notes.lock().unwrap();
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains("pruner") && told[0].ends_with("failed: disk full"), "{told:?}");
        }
    }
}

#[test]
fn a_task_that_is_detached_so_and_listens_has_its_time_and_its_error_is_told() {
    let fails = async {
        let waits = Flag::default();
        let listens = waits.clone().when_cancelled();
        let task = spawn(async move { Err::<(), _>(listens.await.why().to_owned()) });
        eventually(|| waits.is_up()).await;
        task.detach_reporting();
    };
    assert_eq!(told(fails), ["a task that nobody awaits failed: the main future has ended"]);
}

#[test]
fn the_value_of_a_task_that_is_let_go_of_is_dropped_with_it_also_if_it_is_an_error() {
    let lets_go = async {
        let task = spawn(async { Err::<(), _>("disk full") });
        eventually(|| task.is_finished()).await;
        task.detach();
        let task = spawn(async { Err::<(), _>("disk full") });
        eventually(|| task.is_finished()).await;
        drop(task);
    };
    assert!(told(lets_go).is_empty());
}

#[test]
fn the_panic_of_a_task_that_is_detached_so_is_told() {
    let panics = async {
        let (panics, done) = boom();
        let fails = panics.map(Ok::<_, String>);
        spawn(fails).detach_reporting();
        done.await;
    };
    assert_eq!(told(panics), BOOM);
}
