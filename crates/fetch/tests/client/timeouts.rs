//! Time limits, each with its phase.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use gather_fetch::{ErrorKind, Phase, Request};
use gather_site::{Rude, Step};

use crate::support::{get, local, run};

const SHORT: Duration = Duration::from_millis(150);

#[test]
fn a_server_that_says_nothing_is_a_timeout_of_the_first_byte() {
    let server = Rude::start(|_| vec![Step::Read, Step::Hold]).unwrap();
    let start = Instant::now();
    let error = get(&local().retries(0).first_byte_timeout(SHORT), server.url()).unwrap_err();
    assert_eq!(
        (error.kind(), error.phase(), error.attempts()),
        (ErrorKind::Timeout, Some(Phase::FirstByte), 1)
    );
    assert!(error.is_timeout() && start.elapsed() >= SHORT && start.elapsed() < 10 * SHORT);
    assert!(error.to_string().contains("150ms"), "{error}");
}

#[test]
fn a_timeout_is_tried_again() {
    let server = Rude::start(|connection| match connection {
        1 => vec![Step::Read, Step::Hold],
        _ => vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Step::Close],
    })
    .unwrap();
    assert_eq!(get(&local().first_byte_timeout(SHORT), server.url()).unwrap().attempts(), 2);
}

#[test]
fn endless_interim_responses_are_a_timeout_of_the_first_byte() {
    let server = Rude::start(|_| {
        vec![Step::Read, Step::drip("HTTP/1.1 100 Continue\r\n\r\n".repeat(100), Duration::from_millis(1))]
    })
    .unwrap();
    let error = get(&local().retries(0).first_byte_timeout(SHORT), server.url()).unwrap_err();
    assert_eq!(error.phase(), Some(Phase::FirstByte), "{error}");
}

#[test]
fn a_body_that_stalls_is_a_timeout_of_the_idle_phase() {
    let server = Rude::start(|_| {
        vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), Step::Hold]
    })
    .unwrap();
    let builder = local().retries(0).idle_timeout(SHORT);
    let error = get(&builder, server.url()).unwrap_err();
    assert_eq!((error.phase(), error.status()), (Some(Phase::Idle), Some(200)));
    let client = builder.build().unwrap();
    let error = run(async {
        let mut stream = client.stream(Request::get(server.url()).unwrap()).await.unwrap();
        stream.chunk().await.unwrap();
        stream.chunk().await.unwrap_err()
    });
    assert_eq!(error.phase(), Some(Phase::Idle));
}

#[test]
fn a_byte_at_a_time_ends_at_the_total_which_is_final() {
    let server = Rude::start(|_| {
        let head = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        vec![Step::Read, head, Step::drip([b'x'; 1000], Duration::from_millis(20))]
    })
    .unwrap();
    let start = Instant::now();
    let error =
        get(&local().idle_timeout(Duration::from_secs(5)).total_timeout(SHORT), server.url()).unwrap_err();
    assert_eq!((error.phase(), error.attempts()), (Some(Phase::Total), 1));
    assert!(start.elapsed() < 10 * SHORT);
}

#[test]
fn a_request_can_have_its_own_total() {
    let server = Rude::start(|_| vec![Step::Read, Step::Hold]).unwrap();
    let client = local().build().unwrap();
    let request = Request::get(server.url()).unwrap().total_timeout(SHORT);
    assert_eq!(run(client.execute(request)).unwrap_err().phase(), Some(Phase::Total));
}

#[test]
fn a_handshake_that_stalls_is_a_timeout_of_tls() {
    let server = Rude::start(|_| vec![Step::Hold]).unwrap();
    let url = server.url().replace("http:", "https:");
    let error = get(&local().retries(0).connect_timeout(SHORT), &url).unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, Some(Phase::Tls)), "{error}");
}

#[test]
fn a_connection_that_does_not_come_about_is_a_timeout_of_connect() {
    // A listener whose queue is full takes no further connection, and Linux drops the attempt silently.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let held: Vec<_> =
        (0..300).map_while(|_| std::net::TcpStream::connect_timeout(&address, SHORT).ok()).collect();
    if held.len() == 300 {
        return; // a queue that large is not to be filled here
    }
    let error = get(&local().retries(0).connect_timeout(SHORT), &format!("http://{address}/")).unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, Some(Phase::Connect)), "{error}");
}

#[test]
fn a_limit_that_is_off_does_not_end_anything() {
    let server = Rude::start(|_| {
        vec![
            Step::Read,
            Step::Wait(SHORT),
            Step::send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            Step::Close,
        ]
    })
    .unwrap();
    let builder =
        local().first_byte_timeout(None).idle_timeout(None).total_timeout(None).connect_timeout(None);
    assert_eq!(get(&builder, server.url()).unwrap().text(), "ok");
}

#[test]
fn a_deadline_of_the_caller_drops_the_request() {
    let server = Rude::start(|_| vec![Step::Read, Step::Hold]).unwrap();
    let client = local().build().unwrap();
    let start = Instant::now();
    assert!(run(gather_core::timeout(SHORT, client.get(server.url()))).is_err());
    assert!(start.elapsed() < 10 * SHORT);
}

#[test]
fn in_virtual_time_a_fetch_is_an_error_that_names_the_rule() {
    let failed = gather_core::test(1, async {
        let client = local().retries(0).build().unwrap();
        client.get("http://127.0.0.1:9/").await.unwrap_err()
    });
    assert!(failed.to_string().contains("gather_core::test"), "{failed}");
}

#[allow(
    clippy::disallowed_methods,
    reason = "the slow reader is a thread of its own, outside of any executor"
)]
#[test]
fn a_long_request_that_is_read_slowly_is_no_timeout_and_one_that_is_not_read_is() {
    let limit = Duration::from_millis(400);
    let client = local().retries(0).first_byte_timeout(limit).build().unwrap();
    let body = vec![b'x'; 24 << 20];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let slow = std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let (mut buffer, mut read, start) = (vec![0; 1 << 20], 0, Instant::now());
        while read < 24 << 20 {
            read += peer.read(&mut buffer).unwrap();
            // The pace of who reads: what is left of the body is never written in one go.
            std::thread::sleep(Duration::from_millis(15));
        }
        peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        start.elapsed()
    });
    let post = Request::post(url).unwrap().body(body.clone());
    assert_eq!(run(client.execute(post)).unwrap().text(), "ok");
    assert!(slow.join().unwrap() > limit / 2, "it took its time");

    let deaf = Rude::start(|_| vec![Step::Hold]).unwrap();
    let error = run(client.execute(Request::post(deaf.url()).unwrap().body(body))).unwrap_err();
    assert_eq!(error.phase(), Some(Phase::FirstByte), "{error}");
}
