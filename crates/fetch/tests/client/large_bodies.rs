//! Bodies of a known length that are too large for one read: their rest comes without hyper, by the same rules.

use std::time::Duration;

use gather_fetch::{ErrorKind, Request};
use gather_site::{Rude, Step};

use crate::support::{get, local, run};

const LENGTH: usize = 300_000;

fn body() -> Vec<u8> {
    (0..LENGTH as u32).map(|n| (n % 251) as u8).collect()
}

fn head(lines: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n{lines}\r\n").into_bytes()
}

/// A response in pieces of these sizes, the last one repeated, and what follows.
fn in_pieces(head: Vec<u8>, body: &[u8], pieces: &[usize], then: Vec<Step>) -> Vec<Step> {
    let mut script = vec![Step::Read, Step::send(head)];
    let mut left = body;
    for size in pieces.iter().chain(std::iter::repeat(pieces.last().unwrap())) {
        let (piece, rest) = left.split_at((*size).min(left.len()));
        script.push(Step::send(piece));
        left = rest;
        if left.is_empty() {
            break;
        }
        script.push(Step::Wait(Duration::from_millis(1)));
    }
    script.extend(then);
    script
}

fn twice(script: Vec<Step>) -> Vec<Step> {
    [script.clone(), script].concat()
}

#[test]
fn they_come_whole_in_whatever_pieces_and_the_connection_serves_again() {
    for pieces in [&[LENGTH][..], &[1, 100_000], &[8_000, 8_192, 65_536, 131_072], &[20_000]] {
        let again = || in_pieces(head(""), &body(), pieces, Vec::new());
        let server = Rude::start(move |_| [again(), again(), again()].concat()).unwrap();
        let client = local().build().unwrap();
        run(async {
            for _ in 0..3 {
                let response = client.get(server.url()).await.unwrap();
                assert!(response.bytes() == &body()[..], "{pieces:?}");
                assert_eq!((response.wire_bytes(), response.attempts()), (LENGTH as u64, 1));
            }
        });
        assert_eq!(server.connections(), 1, "{pieces:?}");
    }
}

#[test]
fn they_are_counted_where_they_are_not_kept() {
    let server = Rude::start(|_| twice(in_pieces(head(""), &body(), &[50_000], Vec::new()))).unwrap();
    let client = local().build().unwrap();
    run(async {
        for _ in 0..2 {
            let request = Request::get(server.url()).unwrap().keep_body(false);
            let response = client.execute(request).await.unwrap();
            assert_eq!((response.length(), response.bytes().len()), (LENGTH as u64, 0));
        }
    });
    assert_eq!(server.connections(), 1);
}

#[test]
fn what_follows_one_is_never_taken_for_the_next_response() {
    let unasked = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for gap in [Duration::ZERO, Duration::from_millis(20)] {
        let server = Rude::start(move |_| {
            let then = vec![Step::Wait(gap), Step::send(unasked), Step::Hold];
            let mut body = body();
            if gap.is_zero() {
                body.extend_from_slice(unasked.as_bytes());
            }
            in_pieces(head(""), &body, &[100_000], then)
        })
        .unwrap();
        let client = local().build().unwrap();
        run(async {
            for _ in 0..2 {
                let response = client.get(server.url()).await.unwrap();
                assert!(response.bytes() == &body()[..]);
                gather_core::sleep(Duration::from_millis(60)).await;
            }
        });
        assert_eq!(server.connections(), 2, "{gap:?}");
    }
}

#[test]
fn a_server_that_keeps_no_connection_is_taken_at_its_word() {
    let old = format!("HTTP/1.0 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n").into_bytes();
    for head in [head("Connection: close\r\n"), head("Connection: TE, Close\r\n"), old] {
        let script = move |_| in_pieces(head.clone(), &body(), &[60_000], vec![Step::Hold]);
        let server = Rude::start(script).unwrap();
        let client = local().build().unwrap();
        run(async {
            for _ in 0..2 {
                assert!(client.get(server.url()).await.unwrap().bytes() == &body()[..]);
            }
        });
        assert_eq!(server.connections(), 2);
    }
}

#[test]
fn one_that_breaks_off_is_no_success_wherever_it_does() {
    for (end, why) in [(Step::Close, "ended too early"), (Step::Reset, "reset")] {
        for sent in [1, 9_000, 100_000, LENGTH - 1] {
            let end = end.clone();
            let server = Rude::start(move |_| {
                in_pieces(
                    head(""),
                    &body()[..sent],
                    &[40_000],
                    vec![Step::Wait(Duration::from_millis(20)), end.clone()],
                )
            })
            .unwrap();
            let error = get(&local().retries(0), server.url()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Body);
            let message = error.to_string();
            assert!(message.contains("did not arrive whole") && message.contains(why), "{sent}: {message}");
        }
    }
}

#[test]
fn one_that_stalls_ends_at_the_idle_limit_and_is_tried_again() {
    let server = Rude::start(|connection| match connection {
        1 => in_pieces(head(""), &body()[..LENGTH - 5], &[90_000], vec![Step::Hold]),
        _ => in_pieces(head(""), &body(), &[90_000], Vec::new()),
    })
    .unwrap();
    let response = get(&local().idle_timeout(Duration::from_millis(150)), server.url()).unwrap();
    assert_eq!((response.attempts(), server.connections()), (2, 2));
    assert!(response.bytes() == &body()[..]);
}

#[test]
fn the_answer_to_a_request_whose_body_may_still_be_on_its_way_comes_whole_too() {
    let server = Rude::start(|_| twice(in_pieces(head(""), &body(), &[70_000], Vec::new()))).unwrap();
    let client = local().build().unwrap();
    run(async {
        for _ in 0..2 {
            let request = Request::post(server.url()).unwrap().body(vec![b'x'; 100_000]);
            assert!(client.execute(request).await.unwrap().bytes() == &body()[..]);
        }
    });
}
