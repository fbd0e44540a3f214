//! A short response that ends, or is reset, at each of its bytes: every position is a case.

use gather_fetch::{Client, ErrorKind, Response};
use gather_site::{Rude, RudeBuilder, Step};

use crate::alone;
use crate::catalogue::encode::encode;
use crate::stage::Trust;

type Fetched = Result<Response, gather_fetch::Error>;

fn client(trust: &Trust) -> Client {
    Client::builder().allow_private(true).retries(0).add_root_pem(trust.pem().as_bytes()).build().unwrap()
}

/// Fetches once for each position: connection n gets what `steps` says of position n - 1.
fn at_each(
    positions: usize,
    builder: RudeBuilder,
    steps: impl Fn(usize) -> Vec<Step> + Send + 'static,
    check: impl Fn(usize, Fetched),
) {
    let trust = Trust::new();
    let _alone = alone();
    let server = builder.start(move |connection| steps(connection - 1)).unwrap();
    gather_core::run(async {
        // One client, whose connections all end: each request has its own.
        let client = client(&trust);
        for position in 0..positions {
            check(position, client.get(server.url()).await);
        }
    })
    .unwrap();
    assert_eq!(server.connections(), positions);
}

fn up_to(bytes: &[u8], position: usize, end: Step) -> Vec<Step> {
    vec![Step::Read, Step::send(&bytes[..position]), end]
}

const SIZED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world";
const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6;a=b\r\nhello \r\n5\r\nworld\r\n0\r\nX-Sum: 1\r\n\r\n";
const TO_THE_END: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello world";

fn is_body_failure(position: usize, fetched: &Fetched) {
    let error = fetched.as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Body, "{position}: {error}");
}

#[test]
fn a_framed_response_that_ends_at_any_byte_is_no_success() {
    for bytes in [SIZED, CHUNKED] {
        at_each(
            bytes.len(),
            Rude::builder(),
            |position| up_to(bytes, position, Step::Close),
            |at, got| is_body_failure(at, &got),
        );
    }
}

#[test]
fn a_response_that_is_reset_at_any_byte_is_no_success() {
    for bytes in [SIZED, CHUNKED, TO_THE_END] {
        // The end of the last one is the proper end of the connection, which a reset is not.
        let positions = bytes.len() + usize::from(bytes == TO_THE_END);
        at_each(
            positions,
            Rude::builder(),
            |position| up_to(bytes, position, Step::Reset),
            |at, got| is_body_failure(at, &got),
        );
    }
}

#[test]
fn a_body_to_the_end_of_the_connection_is_whole_wherever_that_is() {
    let head = TO_THE_END.len() - "hello world".len();
    at_each(
        TO_THE_END.len() + 1,
        Rude::builder(),
        |position| up_to(TO_THE_END, position, Step::Close),
        |at, got| match at.checked_sub(head) {
            Some(length) => assert_eq!(got.unwrap().bytes().as_ref(), &b"hello world"[..length]),
            None => is_body_failure(at, &got),
        },
    );
}

#[test]
fn a_tls_connection_that_is_cut_at_any_byte_is_no_success() {
    for bytes in [SIZED, CHUNKED, TO_THE_END] {
        let trust = Trust::new();
        let client = client(&trust);
        let positions = bytes.len() + usize::from(bytes == TO_THE_END);
        let _alone = alone();
        let server = trust.rude().start(move |connection| up_to(bytes, connection - 1, Step::Cut)).unwrap();
        gather_core::run(async {
            for at in 0..positions {
                is_body_failure(at, &client.get(server.url()).await);
            }
        })
        .unwrap();
        assert_eq!(server.connections(), positions);
    }
}

#[test]
fn where_a_response_is_cut_in_two_changes_nothing() {
    for bytes in [SIZED, CHUNKED] {
        at_each(
            bytes.len(),
            Rude::builder(),
            |position| {
                let (one, two) = bytes.split_at(position);
                vec![Step::Read, Step::send(one), Step::send(two), Step::Close]
            },
            |at, got| assert_eq!(got.unwrap().text(), "hello world", "{at}"),
        );
    }
}

/// Framed as it should be: only the coding can tell that something is missing.
#[test]
fn an_encoded_body_that_is_cut_at_any_byte_does_not_decode() {
    for (label, coding) in
        [("gzip", "gzip"), ("deflate", "deflate"), ("deflate", "raw deflate"), ("br", "br"), ("zstd", "zstd")]
    {
        let body = encode(coding, b"hello hello hello world");
        at_each(
            body.len() - 1,
            Rude::builder(),
            {
                let body = body.clone();
                move |position| {
                    let length = position + 1; // an empty body is empty in every coding
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: {label}\r\nContent-Length: {length}\r\n\r\n"
                    );
                    vec![Step::Read, Step::send([head.as_bytes(), &body[..length]].concat()), Step::Close]
                }
            },
            |at, got| {
                let error = got.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Decode, "{coding} at {at}: {error}");
            },
        );
    }
}
