//! The server whose answers are a closure.

use crate::client::{Connection, ask, get, request};
use gather_site::{Mock, Reply};
use std::time::{Duration, Instant};

#[test]
fn calls_are_counted_per_path_and_over_all() {
    let server = Mock::start(|request| match (request.path(), request.call()) {
        ("/flaky", 1 | 2) => Reply::status(500).header("Retry-After", "1"),
        ("/flaky", _) => Reply::text("fine"),
        _ => Reply::text(request.number().to_string()),
    })
    .unwrap();
    let statuses: Vec<u16> = (0..3).map(|_| get(server.addr(), "/flaky").status).collect();
    assert_eq!(statuses, [500, 500, 200]);
    assert_eq!(get(server.addr(), "/other?q").text(), "4");
    assert_eq!((server.calls(), server.calls_of("/flaky"), server.calls_of("/none")), (4, 3, 0));
}

#[test]
fn a_sequence_repeats_its_last_answer() {
    let server = Mock::sequence([Reply::status(503), Reply::text("ok")]).unwrap();
    let statuses: Vec<u16> = (0..4).map(|_| get(server.addr(), "/").status).collect();
    assert_eq!(statuses, [503, 200, 200, 200]);
}

#[test]
fn what_was_asked_can_be_looked_at() {
    let server = Mock::start(|request| Reply::bytes(request.body().clone())).unwrap();
    let mut connection = Connection::open(server.addr());
    connection.send(request("POST", "/p?a=1", &[("Content-Length", "4"), ("X-A", "b"), ("Cookie", "c=d")]));
    connection.send("body");
    assert_eq!(connection.receive("POST").unwrap().text(), "body");
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let seen = &requests[0];
    assert_eq!((seen.method(), seen.path(), seen.query()), ("POST", "/p", Some("a=1")));
    assert_eq!(seen.target(), "/p?a=1");
    assert_eq!(
        (seen.header("x-a"), seen.header("cookie"), seen.header("none")),
        (Some("b"), Some("c=d"), None)
    );
    assert_eq!((seen.text().as_str(), seen.connection()), ("body", 1));
}

#[test]
fn headers_keep_their_bytes_and_odd_statuses_go_out() {
    let server = Mock::start(|request| match request.path() {
        "/bytes" => Reply::text("x")
            .header("X-Raw", b"caf\xe9")
            .header("Set-Cookie", "a=1")
            .header("Set-Cookie", "b=2"),
        path => Reply::status(path.trim_start_matches('/').parse().unwrap()),
    })
    .unwrap();
    let answer = get(server.addr(), "/bytes");
    assert_eq!(answer.header("x-raw"), Some("caf\u{fffd}"));
    assert_eq!(answer.headers.iter().filter(|(name, _)| name == "set-cookie").count(), 2);
    for status in [299, 499, 520, 999] {
        assert_eq!(get(server.addr(), &format!("/{status}")).status, status);
    }
}

#[test]
fn a_reply_that_cannot_be_sent_and_a_handler_that_panics_say_so() {
    let server = Mock::start(|request| match request.path() {
        "/header" => Reply::status(200).header("bad name", "x"),
        "/status" => Reply::status(100),
        _ => panic!("no such page"),
    })
    .unwrap();
    for (path, text) in
        [("/header", "cannot be sent"), ("/status", "cannot be sent"), ("/", "panicked: no such page")]
    {
        let answer = get(server.addr(), path);
        assert_eq!(answer.status, 500);
        assert!(answer.text().contains(text), "{}", answer.text());
    }
}

#[test]
fn redirects_chunks_delays_and_closing() {
    let server = Mock::start(|request| match request.path() {
        "/moved" => Reply::redirect(308, "/new?x"),
        "/chunked" => Reply::text("in pieces").chunked(),
        "/slow" => Reply::text("slow").delay(Duration::from_millis(100)),
        _ => Reply::text("bye").close(),
    })
    .unwrap();
    let moved = get(server.addr(), "/moved");
    assert_eq!((moved.status, moved.header("location")), (308, Some("/new?x")));
    let chunked = get(server.addr(), "/chunked");
    assert_eq!((chunked.text().as_str(), chunked.header("content-length")), ("in pieces", None));
    let began = Instant::now();
    assert_eq!(get(server.addr(), "/slow").text(), "slow");
    assert!(began.elapsed() >= Duration::from_millis(100));
    let mut connection = Connection::open(server.addr());
    assert_eq!(connection.ask("GET", "/bye", &[]).text(), "bye");
    assert!(connection.is_closed());
}

#[test]
fn an_answer_waits_for_its_gate() {
    let (open, gate) = futures::channel::oneshot::channel::<()>();
    let reply = Reply::text("gated").after(async { gate.await.unwrap_or_default() });
    let server = Mock::start(move |request| match request.path() {
        "/gated" => reply.clone(),
        _ => Reply::text("free"),
    })
    .unwrap();
    let mut gated = Connection::open(server.addr());
    gated.send(request("GET", "/gated", &[]));
    while server.calls() == 0 {
        std::thread::yield_now();
    }
    assert_eq!(get(server.addr(), "/free").text(), "free");
    open.send(()).unwrap();
    assert_eq!(gated.receive("GET").unwrap().text(), "gated");
}

#[test]
fn the_expected_number_of_calls_is_checked_when_it_is_dropped() {
    let server = Mock::start(|_| Reply::text("x")).unwrap().expect(2);
    get(server.addr(), "/");
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(server)));
    let message = *dropped.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("expected 2 requests and got 1"), "{message}");

    let server = Mock::start(|_| Reply::text("x")).unwrap().expect(1);
    ask(server.addr(), "GET", "/", &[]);
}

#[test]
fn two_hosts_can_share_a_port() {
    let one = Mock::start(|_| Reply::text("one")).unwrap();
    if cfg!(target_os = "linux") {
        let two = Mock::builder().host([127, 0, 0, 2].into()).port(one.addr().port());
        let two = two.start(|_| Reply::text("two")).unwrap();
        assert_eq!((get(one.addr(), "/").text(), get(two.addr(), "/").text()), ("one".into(), "two".into()));
    }
}
