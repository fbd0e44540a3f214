//! What is tried again, how often and when; and what is not.

use std::time::{Duration, Instant};

use gather_site::{Mock, Reply, Rude, Step};

use crate::support::{Folder, dead_port, jsonl_file};

/// The waits between the requests that a server got.
fn waits(server: &Mock) -> Vec<Duration> {
    let times: Vec<Instant> = server.requests().iter().map(gather_site::Request::at).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn a_server_that_comes_back_costs_three_attempts_with_growing_waits() {
    let server =
        Mock::sequence([Reply::status(500), Reply::status(500), Reply::text("back")]).unwrap().expect(3);
    let record = gather!["fetch", server.url()].ok().record();
    assert_eq!(record["attempts"], 3);
    let waits = waits(&server);
    assert!(waits[1] > waits[0], "{waits:?}");
}

#[test]
fn a_missing_page_costs_one_attempt() {
    for status in [400, 401, 403, 404, 410] {
        let server = Mock::start(move |_| Reply::status(status)).unwrap().expect(1);
        gather!["fetch", server.url()].run().code(1).says(&[&status.to_string()]);
    }
}

#[test]
fn what_may_pass_is_tried_again_as_often_as_asked_and_no_more() {
    for status in [408, 429, 500, 502, 503, 504] {
        let server = Mock::start(move |_| Reply::status(status)).unwrap().expect(2);
        gather!["fetch", server.url(), "--retries", "1"].run().code(1);
    }
    let server = Mock::start(|_| Reply::status(503)).unwrap().expect(1);
    gather!["fetch", server.url(), "--retries", "0"].run().code(1);
}

#[test]
fn retry_after_is_waited_for() {
    let server =
        Mock::sequence([Reply::status(503).header("retry-after", "1"), Reply::text("x")]).unwrap().expect(2);
    let record = gather!["fetch", server.url()].ok().record();
    assert_eq!(record["attempts"], 2);
    assert!(waits(&server)[0] >= Duration::from_secs(1), "{:?}", waits(&server));
}

#[test]
fn waits_are_inside_the_total_time() {
    let server = Mock::start(|_| Reply::status(503).header("retry-after", "3600")).unwrap();
    let start = Instant::now();
    gather!["fetch", server.url(), "--timeout", "300ms"].run().code(1);
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(server.calls(), 1);
}

#[test]
fn what_may_have_had_an_effect_is_never_sent_twice() {
    let server = Mock::start(|_| Reply::status(503)).unwrap().expect(1);
    gather!["fetch", server.url(), "-d", "order=1"].run().code(1);
    let rude = Rude::start(|_| vec![Step::Read, Step::Reset]).unwrap();
    gather!["fetch", rude.url(), "-d", "order=1"].run().code(1);
    assert_eq!(rude.connections(), 1);
}

#[test]
fn a_body_that_broke_off_is_fetched_again() {
    let rude = Rude::start(|connection| {
        let body = if connection == 1 { "half" } else { "whole body" };
        vec![
            Step::Read,
            Step::send(format!("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{body}")),
            Step::Close,
        ]
    })
    .unwrap();
    let record = gather!["fetch", rude.url(), "--text"].ok().record();
    assert_eq!((&record["text"], &record["attempts"]), (&"whole body".into(), &2.into()));
}

#[test]
fn a_dead_port_is_tried_again() {
    let folder = Folder::new();
    let url = format!("http://127.0.0.1:{}/", dead_port());
    gather!["fetch", &url, "--errors", folder.join("e")].run().code(1);
    let error = &jsonl_file(folder.join("e"))[0];
    assert_eq!((&error["kind"], &error["attempts"]), (&"connect".into(), &3.into()));
}

#[test]
fn a_server_that_answers_some_requests_with_500_loses_none() {
    let folder = Folder::new();
    let names: Vec<String> = (0..40).map(|n| format!("{n}.txt")).collect();
    for name in &names {
        folder.write(name, name);
    }
    let served = crate::support::Served::start(folder.path(), &["--fail-rate", "0.2"]);
    let urls: Vec<String> = names.iter().map(|name| served.join(&format!("/{name}"))).collect();
    let run = gather!["fetch", "--retries", "12", "--timeout", "50s"].args(&urls).ok();
    assert_eq!(run.records().len(), 40);
}
