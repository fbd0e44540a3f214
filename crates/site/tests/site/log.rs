//! The request log, read from outside while the server runs.

use crate::client::{ask, folder, get, start};
use gather_site::Site;
use serde_json::Value;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

#[test]
fn who_has_the_answer_finds_its_line() {
    let folder = folder(&[("site/a.txt", b"hello")]);
    let log = folder.path().join("log.jsonl");
    let site = start(Site::builder(folder.path().join("site")).log(&log));
    let before = now();
    ask(site.addr(), "GET", "/a.txt?x=1&y=%20", &[("User-Agent", "tester/1.0 \"q\"")]);
    let found = lines(&log);
    assert_eq!(found.len(), 1);
    let line = &found[0];
    let time = line["time"].as_f64().unwrap();
    assert!((before - 0.001..=now()).contains(&time), "{time}");
    let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["time", "method", "path", "query", "status", "bytes", "agent", "peer", "connection", "elapsed_ms"]
    );
    assert_eq!(line["method"], "GET");
    assert_eq!(line["path"], "/a.txt");
    assert_eq!(line["query"], "x=1&y=%20");
    assert_eq!(line["status"], 200);
    assert_eq!(line["bytes"], 5);
    assert_eq!(line["agent"], "tester/1.0 \"q\"");
    assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(line["connection"], 1);
    assert!(line["elapsed_ms"].as_f64().unwrap() >= 0.0);
}

#[test]
fn failures_and_what_is_missing_are_logged_too() {
    let folder = folder(&[("site/a.txt", b"hello")]);
    let log = folder.path().join("log.jsonl");
    let site = start(Site::builder(folder.path().join("site")).log(&log));
    get(site.addr(), "/missing");
    ask(site.addr(), "HEAD", "/a.txt", &[]);
    ask(site.addr(), "POST", "/a.txt", &[("Content-Length", "0")]);
    get(site.addr(), "/../x");
    let found: Vec<(u64, bool, Value)> = lines(&log)
        .iter()
        .map(|line| (line["status"].as_u64().unwrap(), line["bytes"] == 0, line["query"].clone()))
        .collect();
    let expected = [(404, false), (200, true), (405, false), (403, false)];
    assert_eq!(found, expected.map(|(status, empty)| (status, empty, Value::Null)));
    assert_eq!(lines(&log)[0]["agent"], Value::Null);
}

#[test]
fn lines_of_many_clients_are_whole_and_none_is_missing() {
    let folder = folder(&[("site/a.txt", b"hello")]);
    let log = folder.path().join("log.jsonl");
    let site = start(Site::builder(folder.path().join("site")).log(&log).fail_rate(0.1));
    let addr = site.addr();
    let clients: Vec<_> = (0..8)
        .map(|client| {
            std::thread::spawn(move || {
                let mut connection = crate::client::Connection::open(addr);
                for n in 0..100 {
                    connection.ask("GET", &format!("/a.txt?{client}-{n}"), &[]);
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    let found = lines(&log);
    let mut queries: Vec<&str> = found.iter().map(|line| line["query"].as_str().unwrap()).collect();
    queries.sort_unstable();
    queries.dedup();
    assert_eq!((found.len(), queries.len()), (800, 800));
    assert_eq!(site.requests(), 800);
    assert_eq!(site.log_lines_lost(), 0);
}

#[test]
fn a_log_is_appended_to() {
    let folder = folder(&[("site/a.txt", b"hello")]);
    let log = folder.path().join("log.jsonl");
    for _ in 0..2 {
        let site = start(Site::builder(folder.path().join("site")).log(&log));
        get(site.addr(), "/a.txt");
    }
    assert_eq!(lines(&log).len(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn lines_that_a_full_disk_swallows_are_counted_and_the_answers_go_on() {
    let folder = folder(&[("a.txt", b"hello")]);
    let site = start(Site::builder(folder.path()).log("/dev/full"));
    assert_eq!(get(site.addr(), "/a.txt").text(), "hello");
    assert_eq!(site.log_lines_lost(), 1);
}
