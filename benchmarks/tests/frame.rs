//! The program as people call it, on inputs small enough for a debug build.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn benchmarks(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gather-benchmarks")).args(args).output().unwrap()
}

/// The figures that `--json` prints.
fn rows(args: &[&str]) -> Vec<Value> {
    let output = benchmarks(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(parse).collect()
}

fn parse(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(line)))
}

fn set<'a>(rows: &'a [Value], key: &str) -> BTreeSet<&'a str> {
    rows.iter().map(|row| row[key].as_str().unwrap()).collect()
}

/// The laws of a figure: its range, and a ratio that says who is ahead.
fn check(rows: &[Value]) {
    for row in rows {
        let keys: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["bench", "who", "figure", "unit", "median", "min", "max", "ratio"]);
        let number = |key: &str| row[key].as_f64().unwrap();
        assert!(
            0.0 <= number("min") && number("min") <= number("median") && number("median") <= number("max"),
            "{row}"
        );
        let ours =
            rows.iter().find(|ours| ours["who"] == "gather" && ours["figure"] == row["figure"]).unwrap();
        let ours = ours["median"].as_f64().unwrap();
        let more_is_better = row["figure"].as_str().unwrap().ends_with("/s");
        let ratio = if more_is_better { ours / number("median") } else { number("median") / ours };
        assert!((ratio - number("ratio")).abs() <= 0.002 * ratio + 0.001, "{row}");
    }
}

fn pages(folder: &Path) {
    std::fs::create_dir_all(folder.join("site/a b")).unwrap();
    let page = |title: &str| {
        format!("<!doctype html><title> {title} </title><a href='/x y'>x</a><a>none</a><a href=z#%20>z</a>")
    };
    std::fs::write(folder.join("site/index.html"), page("caf\u{e9}\n&amp; bar")).unwrap();
    std::fs::write(folder.join("site/a b/c%#?.html"), page("2")).unwrap();
    std::fs::write(folder.join("pages.txt"), "./index.html\n./a b/c%#?.html\n").unwrap();
}

#[test]
fn large_files_are_counted_by_everybody_alike() {
    let folder = tempfile::tempdir().unwrap();
    for (name, size) in [("a", 1_000_000), ("b", 10), ("c", 0)] {
        std::fs::write(folder.path().join(name), vec![b'x'; size]).unwrap();
    }
    let rows = rows(&[
        "read-large",
        "--quick",
        "--json",
        "--runs",
        "1",
        "--corpus",
        folder.path().to_str().unwrap(),
    ]);
    assert_eq!(set(&rows, "who"), ["cat", "gather"].into());
    check(&rows);
}

#[test]
fn read_prints_every_figure_of_everybody() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("inner")).unwrap();
    for name in ["a.txt", "inner/b.txt", "inner/empty"] {
        std::fs::write(folder.path().join(name), name.repeat(if name.ends_with("txt") { 100 } else { 0 }))
            .unwrap();
    }
    let rows = rows(&["read", "--quick", "--json", "--corpus", folder.path().to_str().unwrap()]);
    let has_asyncio = Command::new("python3")
        .args(["-c", "import asyncio; asyncio.to_thread"])
        .output()
        .is_ok_and(|output| output.status.success());
    let mut everybody = BTreeSet::from(["gather", "jwalk+rayon", "walkdir+rayon", "tokio::fs"]);
    if has_asyncio {
        everybody.extend(["asyncio.to_thread", "asyncio, by turns"]);
    }
    assert_eq!(set(&rows, "who"), everybody);
    assert_eq!(set(&rows, "figure"), BTreeSet::from(["files/s", "MB/s", "cpu", "peak memory"]));
    assert_eq!(rows.len(), 4 * everybody.len());
    check(&rows);
}

#[test]
fn scrape_serves_the_corpus_and_all_find_the_same() {
    let folder = tempfile::tempdir().unwrap();
    pages(folder.path());
    let (corpus, raw) = (folder.path().to_str().unwrap(), folder.path().join("raw.jsonl"));
    let options =
        ["scrape", "--quick", "--runs", "2", "--json", "--corpus", corpus, "--raw", raw.to_str().unwrap()];
    let rows = rows(&options);
    assert_eq!(set(&rows, "who"), BTreeSet::from(["gather", "reqwest+scraper"]));
    assert_eq!(set(&rows, "figure"), BTreeSet::from(["pages/s", "MB/s", "cpu", "peak memory"]));
    check(&rows);
    let raw: Vec<Value> =
        std::fs::read(raw).unwrap().split_inclusive(|&byte| byte == b'\n').map(parse).collect();
    assert_eq!(raw.len(), 4, "two runs of each");
    assert!(raw.iter().all(|run| run["work"]["items"] == 2 && run["work"] == raw[0]["work"]), "{raw:?}");
    assert!(raw.iter().all(|run| run["part"] == "scrape"), "{raw:?}");
}

#[test]
fn parse_makes_the_same_trees_of_the_corpus_as_its_peers() {
    let folder = tempfile::tempdir().unwrap();
    pages(folder.path());
    let rows = rows(&["parse", "--quick", "--json", "--corpus", folder.path().to_str().unwrap()]);
    assert!(set(&rows, "who").is_superset(&BTreeSet::from(["gather", "scraper"])), "{rows:?}");
    assert_eq!(set(&rows, "figure"), BTreeSet::from(["MB/s"]));
    check(&rows);
}

#[test]
fn crawl_finds_the_same_pages_and_titles_whoever_does_it() {
    let rows = rows(&["crawl", "--quick", "--runs", "1", "--json"]);
    assert!(set(&rows, "who").is_superset(&BTreeSet::from(["gather", "gather (--durable)"])), "{rows:?}");
    assert_eq!(set(&rows, "figure"), BTreeSet::from(["pages/s", "MB/s", "cpu", "peak memory"]));
    check(&rows);
}

#[test]
fn trials_run_the_binary_beside_or_say_that_there_is_none() {
    let is_built = Path::new(env!("CARGO_BIN_EXE_gather-benchmarks")).with_file_name("gather").exists();
    let tried = [
        (&["kill", "--times", "1", "--pages", "60"][..], "1 of 1 (pages 60"),
        (&["million", "--pages", "1200"][..], "finished after"),
    ];
    for (args, end) in tried {
        let output = benchmarks(args);
        let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.success(), is_built, "{error}");
        assert!(
            if is_built { out.contains(end) } else { error.contains("hint: cargo build") },
            "{out}{error}"
        );
    }
}

#[test]
fn tasks_measures_each_part_in_processes_of_its_own() {
    let rows = rows(&["tasks", "--quick", "--runs", "2", "--json", "--tasks", "1000"]);
    assert_eq!(set(&rows, "who"), BTreeSet::from(["gather", "gather (debug)", "async-std", "tokio"]));
    let figures =
        ["spawn", "spawn cpu", "peak memory", "sleep", "sleep cpu", "sleep memory", "map", "map cpu"];
    assert_eq!(
        set(&rows, "figure"),
        figures.into_iter().chain(["map memory", "group", "group cpu"]).collect()
    );
    assert_eq!(rows.len(), 44);
    check(&rows);
    let naps = rows.iter().filter(|row| row["figure"] == "sleep");
    assert!(naps.map(|row| row["min"].as_f64().unwrap()).all(|seconds| seconds >= 0.5), "{rows:?}");
}

#[test]
fn input_that_is_for_another_benchmark_is_refused() {
    let wrong = [["read", "--urls", "f"], ["read", "--tasks", "1"], ["scrape", "--tasks", "1"]];
    let more = [["parse", "--urls", "f"], ["parse", "--tasks", "1"]];
    for args in wrong.into_iter().chain([["tasks", "--corpus", "d"], ["tasks", "--urls", "f"]]).chain(more) {
        let output = benchmarks(&args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("hint: --"), "{args:?}");
    }
}

#[test]
fn without_input_there_is_no_figure() {
    let empty = tempfile::tempdir().unwrap();
    for bench in ["parse", "read", "scrape"] {
        let output = benchmarks(&[bench, "--quick", "--corpus", empty.path().to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

#[test]
fn an_unknown_benchmark_is_wrong_usage() {
    let output = benchmarks(&["red"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains(
        "hint: it is one of crawl, fetch, parse, read, read-large, read-shell, scrape, tasks, kill, million"
    ));
}
