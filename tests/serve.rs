//! `gather serve`.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Folder, Served, dead_port, jsonl_file};

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("index.html", "<h1>home</h1>");
    folder.write("a.txt", "0123456789");
    folder
}

#[test]
fn it_prints_the_url_it_listens_on_and_serves_types_and_index() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let home = gather!["fetch", served.join("/"), "--text", "--headers"].ok().record();
    assert_eq!(home["text"], "<h1>home</h1>");
    assert!(home["content_type"].as_str().unwrap().starts_with("text/html"));
    assert!(home["headers"]["etag"].is_string() && home["headers"]["last-modified"].is_string());
    let text = gather!["fetch", served.join("/a.txt"), "-H", "Range: bytes=2-4", "--text"].ok().record();
    assert_eq!((&text["status"], &text["text"]), (&206.into(), &"234".into()));
    let etag = home["headers"]["etag"].as_str().unwrap();
    let same = gather!["fetch", served.join("/"), "-H", format!("If-None-Match: {etag}")].ok().record();
    assert_eq!((&same["status"], &same["bytes"]), (&304.into(), &0.into()));
    gather!["fetch", served.join("/missing")].run().code(1).says(&["404"]);
}

#[test]
fn nothing_outside_of_the_folder_is_served() {
    let folder = Folder::new();
    folder.write("secret.txt", "secret");
    folder.write("site/index.html", "home");
    let served = Served::start(folder.join("site"), &[]);
    for path in ["/%2e%2e/secret.txt", "/..%2fsecret.txt", "/%2e%2e%2fsecret.txt"] {
        let run = gather!["fetch", "--body", served.join(path)].run();
        assert_ne!(run.stdout, "secret", "{path}");
    }
}

#[test]
fn every_answer_waits_for_the_delay() {
    let folder = folder();
    let served = Served::start(folder.path(), &["--delay", "150ms"]);
    let record = gather!["fetch", served.join("/a.txt")].ok().record();
    assert!(record["elapsed_ms"].as_u64().unwrap() >= 150, "{record}");
}

#[test]
fn the_log_has_a_line_for_each_request_with_its_time() {
    let folder = folder();
    let log = Folder::new();
    let path = log.join("log.jsonl");
    let served = Served::start(folder.path(), &["--log", path.to_str().unwrap()]);
    gather!["fetch", served.join("/a.txt"), served.join("/missing")].run().code(1);
    assert_eq!(served.stop(Signal::INT), Some(130));
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(jsonl_file(&path).len(), 2, "{text}");
    assert!(text.contains("/a.txt") && text.contains("404") && text.contains("200"), "{text}");
}

#[test]
fn a_rate_of_failures_is_answered_with_500() {
    let folder = folder();
    let served = Served::start(folder.path(), &["--fail-rate", "1"]);
    gather!["fetch", served.join("/a.txt"), "--retries", "0"].run().code(1).says(&["500"]);
}

#[test]
fn it_is_stopped_by_signals_with_their_codes() {
    let folder = folder();
    assert_eq!(Served::start(folder.path(), &[]).stop(Signal::INT), Some(130));
    assert_eq!(Served::start(folder.path(), &[]).stop(Signal::TERM), Some(143));
}

#[test]
fn what_cannot_be_served_is_wrong_usage() {
    let folder = folder();
    gather!["serve", folder.join("missing"), "--port", "0"].run().code(2).says(&["missing"]);
    let file = folder.join("a.txt");
    gather!["serve", file, "--port", "0"].run().code(2);
    gather!["serve", folder.path(), "--fail-rate", "2"].run().code(2).says(&["hint:"]);
    gather!["serve", folder.path(), "--delay", "5"].run().code(2).says(&["hint:"]);
    let listener = std::net::TcpListener::bind(("127.0.0.1", dead_port())).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    gather!["serve", folder.path(), "--port", &port].run().code(2).says(&[&port]);
}

#[test]
fn a_client_that_says_nothing_holds_nobody_up() {
    let folder = folder();
    let served = Served::start(folder.path(), &[]);
    let address = served.url.trim_start_matches("http://");
    let silent = std::net::TcpStream::connect(address).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    gather!["fetch", served.join("/a.txt")].ok();
    assert_eq!(served.stop(Signal::TERM), Some(143));
}
