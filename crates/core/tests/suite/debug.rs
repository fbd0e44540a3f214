//! Debug mode belongs to a process, so each story is a program of its own. What blocks waits for the test to close its
//! input: no time is involved.

use std::future::pending;
use std::io::Read;
use std::time::Duration;

use gather_core::debug::{self, Options, State};
use gather_core::{TaskGroup, run, shield, sleep, spawn, spawn_named, spawn_service};
use rustix::process::Signal;
use serde_json::Value;

use crate::program::{self, Program};
use crate::support::{FOREVER, eventually};

fn start(name: &str, debug: Option<&str>) -> Program {
    Program::start("debug::program", name, debug)
}

const THIS_FILE: &str = "crates/core/tests/suite/debug.rs:";

#[test]
fn a_poll_that_blocks_is_reported_while_it_does_and_when_it_is_over() {
    let mut program = start("blocks", Some("20ms"));
    program.expect("blocking");
    // It goes on blocking until we close its input: so whatever is told now is told while it does.
    program.expect_with(&["gather: task \"sleeper\"", THIS_FILE, "has been blocking the thread"]);
    program.close_input();
    program.expect_with(&["gather: task \"sleeper\"", THIS_FILE, "blocked the thread"]);
    program.expect("went on");
    assert_eq!(program.exit_code(), 0);
}

#[test]
fn a_main_future_that_blocks_is_reported_too() {
    let mut program = start("main blocks", Some("20ms"));
    program.expect_with(&["gather: task \"main\"", THIS_FILE, "has been blocking"]);
    program.close_input();
    program.expect_with(&["gather: task \"main\"", "blocked"]);
}

#[test]
fn who_blocks_again_is_reported_again() {
    let mut program = start("blocks twice", None);
    for expected in ["slow, over: false", "slow, over: true", "slow, over: false", "slow, over: true"] {
        program.expect(expected);
    }
}

#[test]
fn who_blocks_for_half_a_second_is_reported_before_that_is_over() {
    assert_eq!(start("half a second", None).exit_code(), 0);
}

#[test]
fn a_signal_prints_the_tree_although_everything_is_blocked() {
    let mut program = start("blocks", Some("1"));
    program.expect("blocking");
    program.send(Signal::USR1);
    program.expect_with(&["gather: ", "tasks; lag", "io lane: 0 running, 0 queued"]);
    program.expect_with(&["main #", THIS_FILE]);
    program.expect_with(&["  sleeper #", THIS_FILE, "running"]);
}

#[test]
fn the_tree_has_parents_names_states_and_places() {
    assert_eq!(start("tree", Some("1")).exit_code(), 0);
}

#[test]
fn what_is_over_leaves_the_tree() {
    assert_eq!(start("leaves", Some("1")).exit_code(), 0);
}

#[test]
fn the_lag_is_measured() {
    assert_eq!(start("lag", Some("1")).exit_code(), 0);
}

#[test]
fn it_works_in_a_program_of_another_runtime() {
    let mut program = start("tokio", Some("20ms"));
    program.expect_with(&["gather: task \"sleeper\"", "has been blocking"]);
}

#[test]
fn it_is_off_unless_it_is_asked_for() {
    for debug in [None, Some("0"), Some("")] {
        assert_eq!(start("off", debug).exit_code(), 0, "GATHER_DEBUG={debug:?}");
    }
}

/// Not a test of its own: what the tests above run in a process of its own.
#[test]
fn program() {
    let Some(name) = program::wanted() else { return };
    match name.as_str() {
        "blocks" => run(blocks()).unwrap(),
        "main blocks" => run(async { block() }).unwrap(),
        "blocks twice" => blocks_twice(),
        "half a second" => half_a_second(),
        "tree" => run(tree()).unwrap(),
        "leaves" => run(leaves()).unwrap(),
        "lag" => run(lag()).unwrap(),
        "tokio" => tokio::runtime::Runtime::new().unwrap().block_on(blocks()),
        "off" => run(off()).unwrap(),
        other => panic!("no program is called {other}"),
    }
}

/// Blocks the thread until the test closes our input.
fn block() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

async fn blocks() {
    let task = spawn_named("sleeper", async {
        println!("blocking");
        block();
    });
    task.await.unwrap();
    println!("went on");
}

fn blocks_twice() {
    let (tell, told) = std::sync::mpsc::channel();
    let options = Options::new().slow(Duration::from_millis(20)).reporter(move |slow| {
        assert_eq!((slow.task(), slow.spawned_at().file()), (Some("sleeper"), file!()));
        assert!(slow.elapsed() >= Duration::from_millis(20));
        println!("slow, over: {}", slow.is_over());
        let _ = tell.send(slow.is_over());
    });
    assert!(debug::start(options));
    assert!(!debug::start(Options::new()), "it is on already");
    let blocks = async move {
        for _ in 0..2 {
            assert!(!told.recv().unwrap()); // blocks until the watchdog has seen that
            sleep(Duration::ZERO).await;
            assert!(told.recv().unwrap());
            sleep(Duration::from_millis(1)).await;
        }
    };
    run(spawn_named("sleeper", blocks)).unwrap().unwrap();
}

/// With the thresholds that there are by default.
fn half_a_second() {
    let (tell, told) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    assert!(debug::start(Options::new().reporter(move |slow| drop(tell.send(slow.clone())))));
    let blocks = async move { told.lock().unwrap().recv_timeout(Duration::from_millis(500)) };
    let line = line!() + 1;
    let main = async { spawn_named("sleeper", blocks).await };
    let slow = run(main).unwrap().unwrap().expect("the report comes while the poll blocks");
    assert_eq!((slow.task(), slow.is_over()), (Some("sleeper"), false));
    assert_eq!((slow.spawned_at().file(), slow.spawned_at().line()), (file!(), line));
    assert!((Duration::from_millis(100)..Duration::from_millis(500)).contains(&slow.elapsed()), "{slow}");
}

async fn tree() {
    let _parent = spawn_named("parent", async {
        let _child = spawn(pending::<()>());
        pending::<()>().await;
    });
    let group = TaskGroup::<(), String>::new();
    group.spawn_named("member", pending());
    let (_seen, until_seen) = futures::channel::oneshot::channel::<()>();
    drop(shield(FOREVER, until_seen));
    spawn_service(pending());
    eventually(|| debug::dump().tasks().len() >= 6).await;
    eventually(|| debug::dump().tasks().iter().filter(|task| task.polls() > 0).count() >= 5).await;

    let dump = debug::dump();
    let named = |name| dump.tasks().iter().find(|task| task.name() == Some(name)).unwrap();
    let (main, parent, member) = (named("main"), named("parent"), named("member"));
    let child = dump.tasks().iter().find(|task| task.parent() == Some(parent.id())).unwrap();
    assert_eq!((main.state(), main.parent()), (State::Running, None));
    assert_eq!((parent.parent(), member.parent()), (Some(main.id()), Some(main.id())));
    assert!(child.name().is_none() && child.age() <= parent.age());
    assert!(dump.tasks().iter().all(|task| task.spawned_at().file() == file!()), "{dump}");

    let json: Value = serde_json::from_str(&dump.to_json().to_string()).unwrap();
    let tasks = json["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), dump.tasks().len());
    for key in ["id", "parent", "name", "spawned_at", "state", "busy_ms", "polls", "age_ms"] {
        assert!(tasks.iter().all(|task| task.get(key).is_some()), "{key} is missing");
    }
    assert!(json["lanes"]["io"]["queued"].is_u64() && json["lag_ms"].is_number());
    let text = dump.to_string();
    assert!(text.lines().any(|line| line.starts_with("  parent #")), "{text}");
    assert!(text.lines().any(|line| line.starts_with("    task #")), "{text}");
}

async fn leaves() {
    let before = debug::dump().tasks().len();
    for _ in 0..100 {
        spawn(async {}).await.unwrap();
        drop(spawn(pending::<()>()));
    }
    let group = TaskGroup::<(), String>::new().width(std::num::NonZeroUsize::MIN);
    for _ in 0..10 {
        group.spawn(pending());
    }
    drop(group);
    let deep = spawn(async { spawn(async { spawn(async {}).await }).await });
    deep.await.unwrap().unwrap().unwrap();
    eventually(|| debug::dump().tasks().len() == before).await;
}

async fn lag() {
    spawn(async {}).await.unwrap();
    eventually(|| debug::lag().greatest > Duration::ZERO).await;
    assert!(debug::lag().latest <= debug::lag().greatest);
}

async fn off() {
    let task = spawn_named("named", pending::<()>());
    let dump = debug::dump();
    assert!(!dump.is_on() && dump.tasks().is_empty());
    assert!(dump.to_string().contains("GATHER_DEBUG=1"));
    assert_eq!(task.name(), Some("named"));
}
