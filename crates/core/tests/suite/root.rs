use std::future::pending;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use gather_core::{
    By, CancelToken, Interrupted, Reason, Root, Task, run, shield, sleep, spawn, spawn_service, to_thread,
};
use rustix::process::Signal;

use crate::program::{self, Program};
use crate::support::{FOREVER, Flag, eventually, promptly, yield_times};

fn patient() -> Root {
    Root::new().grace(FOREVER)
}

/// Notes its name when it is dropped.
struct Note(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl Drop for Note {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[test]
fn detached_tasks_are_gone_when_run_returns() {
    for _ in 0..20 {
        let gone = Flag::default();
        let guard = gone.on_drop();
        promptly(|| {
            patient().run(async {
                spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                })
                .detach();
            })
        })
        .unwrap();
        assert!(gone.is_up());
    }
}

#[test]
fn a_detached_task_that_listens_cleans_up_first() {
    let clean = Flag::default();
    let cleaned = clean.clone();
    let reason = Arc::new(Mutex::new(None));
    let told = reason.clone();
    promptly(|| {
        patient().run(async {
            let waits = Flag::default();
            let listening = waits.clone().when_cancelled();
            spawn(async move {
                *told.lock().unwrap() = Some(listening.await);
                yield_times(10).await;
                cleaned.raise();
            })
            .detach();
            spawn(pending::<()>()).detach(); // who does not listen keeps nobody waiting
            eventually(|| waits.is_up()).await;
        })
    })
    .unwrap();
    assert!(clean.is_up());
    assert_eq!(reason.lock().unwrap().as_ref().map(Reason::by), Some(By::Root));
}

#[test]
fn services_end_after_all_tasks() {
    for _ in 0..20 {
        let log = Arc::new(Mutex::new(Vec::new()));
        let (task, service) = (Note("task", log.clone()), Note("service", log.clone()));
        run(async {
            spawn_service(async move {
                let _note = service;
                pending::<()>().await;
            });
            spawn(async move {
                let _note = task;
                pending::<()>().await;
            })
            .detach();
        })
        .unwrap();
        assert_eq!(*log.lock().unwrap(), ["task", "service"]);
    }
}

#[test]
fn tasks_of_a_service_keep_nobody_waiting_and_end_with_it() {
    let gone = Flag::default();
    let guard = gone.on_drop();
    promptly(|| {
        patient().run(async {
            let started = Flag::default();
            let raise = started.clone();
            spawn_service(async move {
                let connection = spawn(async move {
                    let _guard = guard;
                    raise.raise();
                    pending::<()>().await;
                });
                let _ = connection.await;
            });
            eventually(|| started.is_up()).await;
        })
    })
    .unwrap();
    assert!(gone.is_up());
}

#[test]
fn a_deaf_task_that_once_cancelled_one_that_listens_holds_up_nobody() {
    let main = async {
        let ready = Flag::default();
        let raise = ready.clone();
        spawn(async move {
            cancels_a_child().await;
            raise.raise();
            pending::<()>().await;
        })
        .detach();
        eventually(|| ready.is_up()).await;
    };
    promptly(|| patient().run(main)).unwrap();
}

#[test]
fn a_task_that_the_root_cannot_tell_holds_up_nobody() {
    let main = async {
        let waits = Flag::default();
        let listening = waits.clone().when_cancelled();
        let elsewhere = CancelToken::new();
        elsewhere.within(async { spawn(listening).detach() }).await;
        eventually(|| waits.is_up()).await;
    };
    promptly(|| patient().run(main)).unwrap();
}

#[test]
fn a_task_whose_handle_is_held_elsewhere_is_asked_to_stop_and_holds_up_nobody() {
    static STORED: Mutex<Option<Task<()>>> = Mutex::new(None);
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = told.clone();
    let root = patient().reporter(move |unseen| notes.lock().unwrap().push(unseen.to_string()));
    let returned = promptly(|| {
        root.run(async {
            *STORED.lock().unwrap() = Some(spawn(pending()));
            std::mem::forget(spawn(pending::<()>()));
            Some(spawn(pending::<()>()))
        })
    })
    .unwrap();
    assert_eq!(told.lock().unwrap().len(), 3);
    let stored = STORED.lock().unwrap().take();
    for task in [returned, stored].map(Option::unwrap) {
        assert_eq!(task.token().reason().unwrap().by(), By::Root);
    }
}

#[test]
fn a_task_whose_handle_is_held_elsewhere_and_listens_has_its_time() {
    let cleaned_up = Flag::default();
    let cleans_up = cleaned_up.clone();
    let returned = Root::new().simulate(1, async {
        let waits = Flag::default();
        let listens = waits.clone().when_cancelled();
        let task = spawn(async move {
            listens.await;
            sleep(std::time::Duration::from_secs(4)).await;
            cleans_up.raise();
        });
        eventually(|| waits.is_up()).await;
        Some(task)
    });
    assert!(cleaned_up.is_up());
    drop(returned);
}

#[test]
fn shielded_work_whose_handle_is_held_elsewhere_has_its_time() {
    let saved = Flag::default();
    let saves = saved.clone();
    let work = async move {
        sleep(std::time::Duration::from_secs(4)).await;
        saves.raise();
    };
    let saving = Root::new().simulate(1, async { Some(shield(FOREVER, work)) });
    assert!(saved.is_up());
    drop(saving);
}

/// Starts another task, and leaves it alone, when it is dropped.
struct StartsAnother(Option<crate::support::RaiseOnDrop>);

impl Drop for StartsAnother {
    fn drop(&mut self) {
        let guard = self.0.take();
        spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .detach();
    }
}

#[test]
fn a_task_started_while_all_is_ending_is_ended_too() {
    for _ in 0..20 {
        let gone = Flag::default();
        let last_words = StartsAnother(Some(gone.on_drop()));
        promptly(|| {
            patient().run(async {
                spawn(async move {
                    let _last_words = last_words;
                    pending::<()>().await;
                })
                .detach();
            })
        })
        .unwrap();
        assert!(gone.is_up());
    }
}

#[test]
fn a_panic_of_main_goes_on_after_all_is_joined() {
    let gone = Flag::default();
    let guard = gone.on_drop();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        promptly(|| {
            patient().run(async {
                spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                })
                .detach();
                panic!("main panics");
            })
        })
    }));
    assert_eq!(panicked.map(|_| ()).unwrap_err().downcast_ref(), Some(&"main panics"));
    assert!(gone.is_up());
}

#[test]
fn a_closure_that_a_task_started_is_waited_for() {
    let (started, done) = (Flag::default(), Flag::default());
    let (start, guard) = (started.clone(), done.on_drop());
    run(async {
        spawn(async {
            let closure = to_thread(move || {
                start.raise();
                drop(guard);
            });
            closure.await
        })
        .detach();
        eventually(|| started.is_up()).await;
    })
    .unwrap();
    assert!(done.is_up());
}

#[test]
fn a_closure_that_never_ends_is_left_behind_and_its_place_told() {
    let (open, door) = std::sync::mpsc::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel();
    promptly(|| {
        let told = patient().reporter(move |unseen| tell.send(unseen.left_behind()).unwrap());
        told.run(async {
            let started = Flag::default();
            let start = started.clone();
            spawn(async move {
                let blocked = to_thread(move || {
                    start.raise();
                    let _ = door.recv();
                });
                blocked.await
            })
            .detach();
            eventually(|| started.is_up()).await;
        })
    })
    .unwrap();
    assert_eq!(told.recv().unwrap().unwrap().file(), file!());
    drop(open);
    assert!(told.recv().is_err(), "it is told once");
}

#[test]
fn thousands_of_detached_tasks_are_joined() {
    let crowd = crate::support::Crowd::default();
    promptly(|| {
        patient().run(async {
            for n in 0..5000 {
                let crowd = crowd.clone();
                spawn(async move {
                    let _inside = crowd.enter();
                    if n % 2 == 0 {
                        pending::<()>().await;
                    }
                })
                .detach();
            }
        })
    })
    .unwrap();
    assert_eq!(crowd.now(), 0);
}

#[test]
fn a_root_within_a_root_joins_its_own() {
    let gone = Flag::default();
    let guard = gone.on_drop();
    run(async {
        let inner = run(async {
            spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            })
            .detach();
            7
        });
        assert_eq!(inner, Ok(7));
        assert!(gone.is_up());
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    })
    .unwrap();
}

// What signals do is seen from outside: the programs below run in processes of their own.

#[test]
fn a_signal_drops_a_main_that_does_not_listen() {
    for (signal, line, code) in [
        (Signal::INT, "interrupted by SIGINT", 130),
        (Signal::TERM, "interrupted by SIGTERM", 143),
        (Signal::HUP, "interrupted by SIGHUP", 129),
    ] {
        let mut program = start("waits");
        program.expect("ready");
        program.send(signal);
        program.expect("main is gone");
        program.expect(line);
        assert_eq!(program.exit_code(), code);
    }
}

#[test]
fn a_main_that_listens_returns_what_it_has() {
    let mut program = start("listens");
    program.expect("ready");
    program.send(Signal::TERM);
    program.expect("told by SIGTERM: the process received SIGTERM");
    program.expect("main returned");
    assert_eq!(program.exit_code(), 0);
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut program = start("goes on");
    program.expect("ready");
    program.send(Signal::INT);
    program.expect("told");
    program.send(Signal::INT);
    program.expect("interrupted by SIGINT, forced");
    assert_eq!(program.exit_code(), 130);
}

#[test]
fn a_main_that_once_cancelled_one_that_listens_is_no_listener() {
    let mut program = start("cancels a child");
    program.expect("ready");
    promptly(|| {
        program.send(Signal::INT);
        program.expect("interrupted by SIGINT");
    });
    assert_eq!(program.exit_code(), 130);
}

#[test]
fn a_second_signal_ends_a_main_whose_poll_does_not_return() {
    let mut program = start("blocks");
    program.expect("ready");
    program.send(Signal::INT);
    program.send(Signal::TERM); // another one, for two that are alike may be delivered as one
    let signal = program.status().signal();
    assert!([Signal::INT, Signal::TERM].map(|signal| Some(signal.as_raw())).contains(&signal), "{signal:?}");
}

#[test]
fn two_signals_in_a_row_leave_a_main_that_listens_its_last_words() {
    let mut program = start("waits");
    program.expect("ready");
    program.send(Signal::INT);
    program.send(Signal::TERM);
    program.expect("main is gone");
    program.expect_with(&["interrupted by SIG"]);
    assert!([130, 143].contains(&program.exit_code()));
}

#[test]
fn a_signal_cuts_the_joining_short() {
    let mut program = start("joins");
    program.expect("told");
    program.send(Signal::INT);
    program.expect("main returned");
    assert_eq!(program.exit_code(), 0);
}

#[test]
fn the_grace_ends_without_a_second_signal() {
    let mut program = start("goes on briefly");
    program.expect("ready");
    program.send(Signal::INT);
    program.expect("interrupted by SIGINT");
    assert_eq!(program.exit_code(), 130);
}

#[test]
fn after_the_root_a_signal_ends_the_process_as_ever() {
    let mut program = start("is done");
    program.expect("main returned");
    program.send(Signal::INT);
    assert_eq!(program.status().signal(), Some(Signal::INT.as_raw()));
}

fn start(name: &str) -> Program {
    Program::start("root::program", name, None)
}

/// Not a test of its own: what the tests above run in a process of its own.
#[test]
fn program() {
    let Some(name) = program::wanted() else { return };
    let result = match name.as_str() {
        "waits" => patient().run(waits()),
        "listens" => patient().run(listens()),
        "cancels a child" => patient().run(async {
            cancels_a_child().await;
            waits().await;
        }),
        "blocks" => patient().run(async {
            println!("ready");
            let _ = std::io::stdin().read(&mut [0]);
        }),
        "goes on" => patient().run(goes_on()),
        "goes on briefly" => Root::new().grace(std::time::Duration::from_millis(50)).run(goes_on()),
        "joins" => patient().run(leaves_one_behind()),
        "is done" => run(async {}),
        other => panic!("no program is called {other}"),
    };
    let code = report(result);
    if name == "is done" {
        let _ = std::io::stdin().read(&mut [0]); // waits for a signal, or for the test to die
    }
    #[allow(clippy::exit, reason = "the exit code is what the test looks at")]
    std::process::exit(code.into());
}

fn report(result: Result<(), Interrupted>) -> u8 {
    match result {
        Ok(()) => println!("main returned"),
        Err(interrupted) if interrupted.is_forced() => println!("{interrupted}, forced"),
        Err(interrupted) => println!("{interrupted}"),
    }
    result.map_or_else(|interrupted| interrupted.signal().exit_code(), |()| 0)
}

struct SaysWhenGone;

impl Drop for SaysWhenGone {
    fn drop(&mut self) {
        println!("main is gone");
    }
}

async fn waits() {
    let _says = SaysWhenGone;
    println!("ready");
    pending::<()>().await;
}

async fn listens() {
    println!("told {}", ready_to_be_told().await);
}

async fn goes_on() {
    ready_to_be_told().await;
    println!("told");
    pending::<()>().await;
}

/// Says that it is ready once it listens, not before.
async fn ready_to_be_told() -> Reason {
    let ready = Flag::default();
    let says = async {
        eventually(|| ready.is_up()).await;
        println!("ready");
    };
    futures::join!(ready.clone().when_cancelled(), says).0
}

async fn leaves_one_behind() {
    let waits = Flag::default();
    let listening = waits.clone().when_cancelled();
    spawn(async {
        listening.await;
        println!("told");
        pending::<()>().await;
    })
    .detach();
    eventually(|| waits.is_up()).await;
}

async fn cancels_a_child() {
    let waits = Flag::default();
    let child = spawn(waits.clone().when_cancelled());
    eventually(|| waits.is_up()).await;
    assert!(child.cancel(Reason::new("enough")).await.is_ok());
}
