//! Bounds on what comes, and on how much at once.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gather_fetch::ErrorKind;
use gather_site::{Mock, Reply, Rude, Step};

use crate::support::{get, local, run};

#[test]
fn an_endless_body_hits_the_limit() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"] {
        let server =
            Rude::start(move |_| vec![Step::Read, Step::send(head), Step::flood([b'x'; 4096])]).unwrap();
        let error = get(&local().max_body(1 << 20), server.url()).unwrap_err();
        assert_eq!(
            (error.kind(), error.attempts(), error.status()),
            (ErrorKind::TooLarge, 1, Some(200)),
            "{error}"
        );
        assert!(error.to_string().contains("1048576") && error.hint().is_some(), "{error}");
    }
}

#[test]
fn a_body_of_exactly_the_limit_is_allowed() {
    let server = Mock::start(|_| Reply::bytes(vec![0; 1000])).unwrap();
    assert_eq!(get(&local().max_body(1000), server.url()).unwrap().bytes().len(), 1000);
    assert_eq!(get(&local().max_body(999), server.url()).unwrap_err().kind(), ErrorKind::TooLarge);
}

#[test]
fn one_host_never_sees_more_requests_at_once_than_its_limit() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (running, peak) = (now.clone(), most.clone());
    let server = Mock::start(move |_| {
        peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let running = running.clone();
        Reply::text("ok").delay(Duration::from_millis(10)).after(async move {
            running.fetch_sub(1, Ordering::SeqCst);
        })
    })
    .unwrap();
    let port = server.addr().port();
    let client = local()
        .resolve(&format!("h.example:{port}:127.0.0.1"))
        .per_host(NonZeroUsize::new(3))
        .build()
        .unwrap();
    run(gather_core::gather((0..30).map(|n| client.get(format!("http://h.example:{port}/{n}"))))).unwrap();
    assert_eq!(server.calls(), 30);
    assert!(most.load(Ordering::SeqCst) <= 3, "{most:?}");
}

#[test]
fn a_hundred_slow_pages_of_loopback_come_at_once() {
    let server = Mock::start(|_| Reply::text("ok").delay(Duration::from_millis(200))).unwrap();
    let client = local().build().unwrap();
    let start = std::time::Instant::now();
    run(gather_core::gather((0..100).map(|n| client.get(server.join(&format!("/{n}")))))).unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn the_body_of_a_redirect_or_of_a_failed_attempt_is_not_looked_at() {
    let huge = "Content-Encoding: nonsense\r\nContent-Length: 99999999999\r\n\r\n";
    let server = Rude::start(move |connection| {
        let head = match connection {
            1 => format!("HTTP/1.1 503 Busy\r\n{huge}"),
            2 => format!("HTTP/1.1 302 Found\r\nLocation: /to\r\n{huge}"),
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(),
        };
        vec![Step::Read, Step::send(head), Step::Hold]
    })
    .unwrap();
    let response = get(&local(), server.url()).unwrap();
    assert_eq!((response.text().as_ref(), response.attempts()), ("ok", 2));
}
