//! The tutorial's programs that fetch print the tutorial's lines.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The lines that a program prints without arguments; the port of its server becomes `PORT`.
fn lines_of(name: &str) -> Vec<String> {
    let output = Command::new(program(name)).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{name}: {}", output.status);
    String::from_utf8(output.stdout).unwrap().lines().map(without_port).collect()
}

/// `cargo test` builds the programs into `examples`, beside the `deps` that this test lies in.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join(name);
    assert!(program.exists(), "{} is missing: cargo build -p gather-fetch --examples", program.display());
    program
}

fn without_port(line: &str) -> String {
    match line.split_once("127.0.0.1:") {
        Some((before, after)) => {
            format!("{before}PORT{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => line.to_owned(),
    }
}

/// Splits off the last line, and gives the seconds that it tells.
fn seconds(lines: &mut Vec<String>) -> f64 {
    let last = lines.pop().unwrap();
    let number = last.strip_prefix("Completed in ").and_then(|rest| rest.strip_suffix(" seconds"));
    number.unwrap_or_else(|| panic!("{last:?}")).parse().unwrap()
}

#[test]
fn five_pages_take_as_long_as_the_slowest_and_come_in_the_order_of_the_input() {
    let mut lines = lines_of("fetch_urls");
    let seconds = seconds(&mut lines);
    let expected = [5, 4, 3, 2, 1].map(|n| format!("http://PORT/{n}: {n}000 bytes"));
    assert_eq!(lines, expected);
    // One after the other they take 3 s.
    assert!((1.0..2.5).contains(&seconds), "{seconds}");
}

#[test]
fn four_apis_give_one_answer() {
    let mut lines = lines_of("query_apis");
    seconds(&mut lines);
    let answer = lines.pop().unwrap();
    assert!(answer.starts_with("One answer: ") && answer.ends_with(" bytes of JSON"), "{answer}");
    let names: Vec<&str> = lines.iter().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(names, ["groups", "periods", "discoverers", "elements"]);
    assert_eq!(lines[3], "elements: 118 items, requests: 6");
}

#[test]
fn a_server_that_fails_twice_takes_three_attempts() {
    let mut lines = lines_of("fetch_retry");
    let seconds = seconds(&mut lines);
    assert_eq!(
        lines,
        ["Attempt 1: status 500", "Attempt 2: status 500", "Attempt 3: status 200", "Got 7 bytes"]
    );
    // At least half of each backoff: 100 and 200 ms.
    assert!((0.3..5.0).contains(&seconds), "{seconds}");
}
