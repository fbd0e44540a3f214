//! Any bytes as a response, through the whole transport: it ends, and what did not arrive whole is no success.
#![no_main]

use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use gather_fetch::{Client, Request};
use gather_site::{Rude, Step};
use libfuzzer_sys::fuzz_target;

static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Sends the bytes of the moment to whoever connects, and closes.
static SERVER: LazyLock<Rude> = LazyLock::new(|| {
    Rude::start(|_| {
        let answer = ANSWER.lock().expect("nobody panics with it").clone();
        vec![Step::Read, Step::send(answer), Step::Close]
    })
    .expect("it listens")
});

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    let limit = Duration::from_secs(2);
    Client::builder()
        .retries(0)
        .max_redirects(1)
        .max_body(1 << 20)
        .keep_alive(false)
        .total_timeout(limit)
        .allow_origin(SERVER.url())
        .build()
        .expect("its options hold")
});

fuzz_target!(|bytes: &[u8]| {
    *ANSWER.lock().expect("nobody panics with it") = bytes.to_vec();
    let request = Request::get(SERVER.url()).expect("it is a URL");
    let Ok(response) = gather_core::run(CLIENT.execute(request)).expect("nobody interrupts") else { return };
    assert!(response.bytes().len() <= 1 << 20);
    let encoded = response.headers().contains_key("content-encoding");
    let chunked = response.headers().contains_key("transfer-encoding");
    let bodiless = matches!(response.status(), 204 | 304);
    if let Some(length) = response.header("content-length").filter(|_| !chunked && !encoded && !bodiless) {
        assert_eq!(length.trim(), response.length().to_string(), "a success is whole");
    }
});
