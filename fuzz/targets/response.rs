//! Any bytes as responses, through the whole transport: it ends, and what did not arrive whole is no success. Two requests
//! go out, the second one over the first one's connection if that is still sound.
//!
//! The first byte says whether they are GET (even) or HEAD (odd); a line of `--` parts what the server says to each.
#![no_main]

use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use gather_fetch::{Client, Method, Request, Response};
use gather_site::{Rude, Step};
use libfuzzer_sys::fuzz_target;

const BETWEEN: &[u8] = b"\n--\n";

/// The most that a body may have.
const BODY: u64 = 1 << 20;

static ANSWERS: Mutex<(Vec<u8>, Vec<u8>)> = Mutex::new((Vec::new(), Vec::new()));

/// Sends the bytes of the moment to whoever connects, those of the second answer once it is asked again, and closes.
static SERVER: LazyLock<Rude> = LazyLock::new(|| {
    Rude::start(|_| {
        let (first, second) = ANSWERS.lock().expect("nobody panics with it").clone();
        let mut steps = vec![Step::Read, Step::send(first)];
        if !second.is_empty() {
            steps.extend([Step::Read, Step::send(second)]);
        }
        steps.push(Step::Close);
        steps
    })
    .expect("it listens")
});

/// A client of its own for each input: no connection is left of the one before.
fn client() -> Client {
    Client::builder()
        .retries(0)
        .max_redirects(1)
        .max_body(BODY)
        .first_byte_timeout(Duration::from_millis(200))
        .idle_timeout(Duration::from_millis(200))
        .total_timeout(Duration::from_secs(2))
        .allow_origin(SERVER.url())
        .build()
        .expect("its options hold")
}

fn check(response: &Response, is_head: bool) {
    assert!(response.bytes().len() as u64 <= BODY);
    let encoded = response.headers().contains_key("content-encoding");
    let chunked = response.headers().contains_key("transfer-encoding");
    let bodiless = is_head || matches!(response.status(), 204 | 304);
    if bodiless {
        assert!(response.bytes().is_empty(), "it has no body");
    } else if let Some(length) = response.header("content-length").filter(|_| !chunked && !encoded) {
        assert_eq!(length.trim(), response.length().to_string(), "a success is whole");
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, answers)) = bytes.split_first() else { return };
    let is_head = first % 2 == 1;
    let part = answers.windows(BETWEEN.len()).position(|window| window == BETWEEN);
    *ANSWERS.lock().expect("nobody panics with it") = match part {
        Some(at) => (answers[..at].to_vec(), answers[at + BETWEEN.len()..].to_vec()),
        None => (answers.to_vec(), Vec::new()),
    };
    let requests = if part.is_some() { 2 } else { 1 };
    let client = client();
    gather_core::run(async {
        for _ in 0..requests {
            let method = if is_head { Method::HEAD } else { Method::GET };
            let request = Request::new(method, SERVER.url()).expect("it is a URL");
            if let Ok(response) = client.execute(request).await {
                check(&response, is_head);
            }
        }
    })
    .expect("nobody interrupts");
});
