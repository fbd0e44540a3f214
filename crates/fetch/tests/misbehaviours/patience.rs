//! The defaults against who sends a byte a second: a minute in a clock of the test's own.

use std::time::Duration;

use futures::future::{Either, select};
use gather_core::{Clock, sleep};
use gather_fetch::{Client, Phase};
use gather_site::{Rude, Step};

#[test]
fn a_byte_a_second_is_ended_by_the_default_limits() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
    let every = Duration::from_millis(2);
    let server =
        Rude::start(move |_| vec![Step::Read, Step::send(head), Step::drip(vec![b'x'; 50_000], every)])
            .unwrap();
    let client = Client::builder().allow_private(true).retries(0).build().unwrap();
    let clock = Clock::manual();
    gather_core::run(async {
        let start = clock.clock().now();
        let fetch = std::pin::pin!(clock.within(async { client.get(server.url()).await }));
        // For each byte of the server's a second passes for the client, or nearly.
        let seconds = std::pin::pin!(async {
            loop {
                sleep(every).await;
                clock.advance(Duration::from_secs(1));
            }
        });
        let result: Result<_, _> = match select(fetch, seconds).await {
            Either::Left((result, _)) => result,
            Either::Right((never, _)) => never,
        };
        let error = result.unwrap_err();
        assert_eq!(error.phase(), Some(Phase::Idle), "{error}");
        let took = clock.clock().now() - start;
        // 30 s of either limit, and as much again before the first byte.
        assert!(took >= Duration::from_secs(30) && took < Duration::from_secs(90), "{took:?}");
    })
    .unwrap();
}
