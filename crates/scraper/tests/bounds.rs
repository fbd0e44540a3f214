//! Pages made to cost more than they should. Each is parsed in a process of its own, so that its time and its memory can be told.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests, and what a child measured"
)]

use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gather_scraper::{ErrorKind, Limits, Page};

/// Unoptimised code is about ten times slower than what users run, on a machine that may have more to do.
const TIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 1 });
const MEGABYTES: u64 = if cfg!(debug_assertions) { 400 } else { 200 };

/// One child at a time, so that none is measured beside another.
static TURN: Mutex<()> = Mutex::new(());

/// Inside a child: which input it parses.
const INPUT: &str = "GATHER_BOUNDS_INPUT";

fn input(name: &str) -> String {
    match name {
        "lists" => "<ul><li>".repeat(64 * 1024),
        "bold" => "<b>".repeat(1_000_000),
        "attributes" => format!("<p {}>", (0..100_000).map(|n| format!("a{n}=\"{n}\" ")).collect::<String>()),
        "same attribute" => format!("<p {}>", "a=1 ".repeat(1_000_000)),
        "brackets" => "<".repeat(10_000_000),
        "tables" => "<table><tr><td>".repeat(5_000),
        "paragraphs" => format!("<body>{}", "</p>".repeat(1_000_000)),
        "formatting" => format!("{}{}", "<a><b><i><u>".repeat(50_000), "</p>".repeat(10_000)),
        "formatting in paragraphs" => {
            let elements = (0..400).map(|n| format!("<b id={n}>")).collect::<String>();
            format!("<p>{elements}{}", "</p><p>x".repeat(10_000))
        }
        "formatting with attributes" => {
            let attributes = (0..9_000).map(|n| format!("a{n} ")).collect::<String>();
            format!("<p><b {attributes}>{}", "<p>x".repeat(100_000))
        }
        "attributes of the root" => (0..500_000).map(|n| format!("<html a{n}>")).collect(),
        "ends without a start" => format!("{}{}", "<div>".repeat(500), "</li>".repeat(100_000)),
        "misnested" => "<a><p></a>".repeat(100_000),
        "text before a table" => format!("<table>{}", "x<tr>".repeat(100_000)),
        "templates" => "<template>".repeat(100_000),
        "comment" => format!("<!--{}", "--><!--->-".repeat(100_000)),
        "references" => "&notit;&ampx&#1;&x".repeat(200_000),
        "script" => format!("<script>{}", "<!--<script ".repeat(200_000)),
        _ => panic!("no such input: {name}"),
    }
}

/// Parses the input in a child, and compares what came of it: "parsed", or the bound that was hit.
fn assert_bounded(name: &str, expected: &str) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "child", "--ignored", "--nocapture"]).env(INPUT, name);
    let output = child.output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let line = stdout.lines().find_map(|line| line.split_once("measured: "));
    let Some((_, measured)) = line else {
        panic!("{name}: {stdout}{}", String::from_utf8_lossy(&output.stderr))
    };
    let mut words = measured.splitn(3, ' ');
    let mut number = || words.next().unwrap().parse::<u64>().unwrap();
    let (took, peak) = (Duration::from_millis(number()), number());
    let outcome = words.next().unwrap();
    println!("{name}: {took:?}, {peak} MB, {outcome}");
    assert!(outcome.contains(expected), "{name}: {outcome}");
    assert!(took < TIME, "{name}: {took:?}");
    assert!(peak < MEGABYTES, "{name}: {peak} MB");
}

#[test]
#[ignore = "the others start it"]
fn child() {
    let text = input(&std::env::var(INPUT).unwrap());
    let started = Instant::now();
    // Unoptimised code on a busy machine would come to the bound of time before any other.
    let limits = if cfg!(debug_assertions) { Limits::default().time(TIME) } else { Limits::default() };
    let page = Page::builder().content_type("text/html; charset=utf-8").limits(limits).build(text).unwrap();
    let outcome = match page.with_tree(|html| html.tree.nodes().count()) {
        Ok(nodes) => format!("parsed: {nodes} nodes"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::TooLarge);
            error.to_string()
        }
    };
    println!("measured: {} {} {outcome}", started.elapsed().as_millis(), peak_megabytes());
}

/// Linux counts it; elsewhere there is no bound to look at.
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024 / 1_000_000)
}

macro_rules! bounded {
    ($($test:ident: $name:literal is $outcome:literal;)*) => {
        $(#[test]
        fn $test() {
            assert_bounded($name, $outcome);
        })*
    };
}

bounded! {
    nested_lists: "lists" is "512 levels of nesting";
    unclosed_bold: "bold" is "512 levels of nesting";
    a_hundred_thousand_attributes: "attributes" is "10000 attributes";
    one_attribute_a_million_times: "same attribute" is "parsed: 5 nodes";
    ten_megabytes_of_brackets: "brackets" is "parsed: 5 nodes";
    nested_tables: "tables" is "512 levels of nesting";
    a_million_ends_of_paragraphs: "paragraphs" is "1000000 nodes";
    formatting_elements_that_nest: "formatting" is "512 levels of nesting";
    formatting_elements_made_again: "formatting in paragraphs" is "1000000 nodes";
    formatting_elements_made_again_with_their_attributes: "formatting with attributes" is "attributes";
    attributes_that_gather_on_the_root: "attributes of the root" is "10000 attributes";
    ends_without_a_start: "ends without a start" is "parsed";
    links_around_paragraphs: "misnested" is "parsed: 200005 nodes";
    text_moved_before_a_table: "text before a table" is "parsed";
    nested_templates: "templates" is "512 levels of nesting";
    comments_that_nearly_end: "comment" is "parsed";
    references_that_are_none: "references" is "parsed: 5 nodes";
    a_script_that_never_ends: "script" is "parsed: 6 nodes";
}
