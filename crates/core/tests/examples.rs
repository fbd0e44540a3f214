//! The tutorial's programs print the tutorial's lines.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

/// Each program with the lines it prints. `…` stands for digits that differ from run to run.
const PROGRAMS: [(&str, &[&str]); 10] = [
    ("say_after", &["started at 0.0", "hello", "world", "finished at 3.…"]),
    ("gather", &[r#"["hello", "world"]"#, "Completed in 2.… seconds"]),
    (
        "tasks",
        &[
            "Creating task",
            "Start fetching data",
            "Doing other work",
            "Still working...",
            "Data fetched",
            r#"Got result: {"data": "important stuff"}"#,
        ],
    ),
    ("timeout", &["Task took too long!"]),
    (
        "background",
        &[
            "Background worker running...",
            "Background worker running...",
            "Background worker running...",
            "Background worker running...",
            "Background worker running...",
            "Main logic completed",
        ],
    ),
    ("cancel", &["Long task started", "Long task was cancelled!", "Main: task was cancelled"]),
    (
        "blocking",
        &[
            "blocking the event loop: nothing else ran for 1.… seconds",
            "with to_thread: nothing else ran for 0.… seconds",
        ],
    ),
    (
        "forgotten_await",
        &[
            "a future that is not awaited does nothing",
            "a task whose handle is dropped is cancelled",
            "hello, world",
            "hello, task",
        ],
    ),
    ("periodic", &["tick 0 at 0.…", "tick 1 at 0.…", "tick 2 at 1.…", "tick 3 at 1.…", "tick 4 at 2.…"]),
    (
        "read_files",
        &[
            "Cargo.toml: … bytes",
            "no such file: No such file or directory (os error 2)",
            "Completed in 0.… seconds",
        ],
    ),
];

#[test]
fn each_program_prints_the_lines_of_the_tutorial() {
    let running: Vec<_> =
        PROGRAMS.map(|(name, lines)| (name, lines, thread::spawn(|| output_of(name)))).into();
    for (name, lines, output) in running {
        let output = output.join().unwrap();
        let printed: Vec<&str> = output.lines().collect();
        assert_eq!(printed.len(), lines.len(), "{name} printed\n{output}");
        for (printed, line) in printed.iter().zip(lines) {
            assert!(fits(printed, line), "{name} printed {printed:?}, not {line:?}");
        }
    }
}

fn output_of(name: &str) -> String {
    let files: &[&str] = if name == "read_files" { &["Cargo.toml", "no such file"] } else { &[] };
    let output = Command::new(program(name))
        .args(files)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// `cargo test` builds the programs into `examples`, beside the `deps` that this test lies in.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join(name);
    assert!(
        program.exists(),
        "{} is missing: run `cargo build -p gather-core --examples`",
        program.display()
    );
    program
}

fn fits(printed: &str, line: &str) -> bool {
    match line.split_once('…') {
        None => printed == line,
        Some((before, after)) => {
            let digits = printed.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            digits
                .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        }
    }
}

#[test]
fn the_service_under_axum_answers_and_stops() {
    let mut service = Command::new(program("axum_service"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(service.stdout.take().unwrap()).lines().map(Result::unwrap);
    let listening = lines.next().unwrap();
    let address = listening.strip_prefix("listening on http://").unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    write!(connection, "GET /length/one/three HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("[3, 5]\n"), "{answer}");
    drop(service.stdin.take());
    assert_eq!(lines.next().as_deref(), Some("stopped"));
    assert!(service.wait().unwrap().success());
}
