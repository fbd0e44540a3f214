//! A site that is stored nowhere.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use gather_site::Generated;
use serde_json::Value;

use crate::client::{Connection, get};

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn pages_are_html_with_their_links_and_all_else_is_missing() {
    let site = Generated::builder(5).links(|page| vec![page + 1]).start().unwrap();
    let home = get(site.addr(), "/");
    assert_eq!(home.status, 200);
    assert_eq!(home.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(home.text().contains("<title>page 0</title>") && home.text().contains("href=\"/p/1\""));
    assert!(!get(site.addr(), "/p/4").text().contains("href"));
    for path in ["/p/5", "/robots.txt", "/p/0"] {
        assert_eq!(get(site.addr(), path).status, 404, "{path}");
    }
    assert_eq!(site.requests(), 5);
}

#[test]
fn a_page_fails_as_often_as_its_url_says_and_then_no_more() {
    let site = Generated::builder(40).fail_rate(0.5).failures(2).start().unwrap();
    let mut connection = Connection::open(site.addr());
    let mut failures = BTreeMap::new();
    for page in 1..40 {
        let statuses = [0; 4].map(|_| connection.ask("GET", &format!("/p/{page}"), &[]).status);
        let times = statuses.iter().take_while(|status| **status == 503).count();
        assert!(times <= 2 && statuses[times..].iter().all(|status| *status == 200), "{statuses:?}");
        *failures.entry(times).or_insert(0) += 1;
    }
    assert!([0, 1, 2].iter().all(|times| failures[times] > 2), "{failures:?}");
    let again = Generated::builder(40).fail_rate(0.5).failures(2).start().unwrap();
    let first = |site: &gather_site::GeneratedSite| {
        (1..40).map(|page| get(site.addr(), &format!("/p/{page}")).status).collect::<Vec<_>>()
    };
    site.forget();
    assert_eq!(first(&site), first(&again), "the same site anew");
}

#[test]
fn the_log_says_when_each_request_began_and_ended() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    let site = Generated::builder(9).delay(Duration::from_millis(40)).log(&log).start().unwrap();
    for page in 1..9 {
        get(site.addr(), &format!("/p/{page}"));
    }
    get(site.addr(), "/x?y");
    let found = lines(&log);
    assert_eq!(found.len(), 9, "who has the answer finds its line");
    let took = |line: &Value| line["end"].as_f64().unwrap() - line["start"].as_f64().unwrap();
    for (line, page) in found.iter().zip(1..9) {
        assert_eq!((&line["page"], &line["status"]), (&page.into(), &200.into()));
        assert!((0.0..10.0).contains(&took(line)), "{line}");
    }
    assert!(found.iter().map(took).sum::<f64>() > 0.04, "eight pages of up to 40 ms");
    assert_eq!((&found[8]["path"], &found[8]["page"]), (&"/x?y".into(), &Value::Null));
    assert_eq!(site.log_lines_lost(), 0);
}

#[test]
fn a_request_whose_answer_never_went_out_is_in_the_log_without_a_status() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    let site = Generated::builder(9).delay(Duration::from_secs(600)).log(&log).start().unwrap();
    let mut connection = Connection::open(site.addr());
    std::io::Write::write_all(connection.socket(), b"GET /p/3 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    while site.requests() == 0 {
        std::thread::yield_now();
    }
    drop(connection);
    drop(site);
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while std::fs::metadata(&log).unwrap().len() == 0 && std::time::Instant::now() < end {
        std::thread::yield_now();
    }
    let found = lines(&log);
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["page"], &found[0]["status"]), (&3.into(), &Value::Null));
}
