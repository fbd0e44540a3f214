//! The order of things, as the README tells it: what is around what.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gather_core::{sleep, timeout};
use gather_fetch::{ErrorKind, Phase, Request, surf};
use gather_site::{Mock, Reply};

use crate::support::{get, local, run};

/// Counts what passes, and adds a header.
struct Counting(Arc<AtomicUsize>);

#[surf::utils::async_trait]
impl surf::middleware::Middleware for Counting {
    async fn handle(
        &self,
        mut request: surf::Request,
        client: surf::Client,
        next: surf::middleware::Next<'_>,
    ) -> Result<surf::Response, surf::Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        request.insert_header("x-mine", "1");
        next.run(request, client).await
    }
}

#[test]
fn middleware_is_around_retries_which_are_around_redirects() {
    let server = Mock::start(|request| match (request.path(), request.call()) {
        ("/from", _) => Reply::redirect(302, "/to"),
        ("/to", 1) => Reply::status(503),
        _ => Reply::text("ok"),
    })
    .unwrap();
    let passes = Arc::new(AtomicUsize::new(0));
    let client = local().build().unwrap().surf().with(Counting(passes.clone()));
    run(async { assert_eq!(client.get(server.join("/from")).recv_string().await.unwrap(), "ok") });
    assert_eq!(passes.load(Ordering::SeqCst), 1);
    // What failed is asked again where it failed, and every request of the chain has the middleware's header.
    assert_eq!((server.calls_of("/from"), server.calls_of("/to")), (1, 2));
    assert!(server.requests().iter().all(|request| request.header("x-mine") == Some("1")));
}

#[test]
fn the_callers_deadline_is_around_everything_and_the_total_around_all_attempts() {
    let server = Mock::start(|_| Reply::status(503)).unwrap();
    let client = local().backoff(Duration::from_secs(60)).build().unwrap();
    run(async {
        // A wait that the deadline does not leave time for is not begun: the 503 is the answer.
        let answered = timeout(Duration::from_secs(5), client.get(server.url())).await.unwrap().unwrap();
        assert_eq!((answered.status(), answered.attempts()), (503, 1));
    });
    let slow = Mock::start(|_| Reply::text("late").delay(Duration::from_secs(5))).unwrap();
    let error = get(&local().total_timeout(Duration::from_millis(50)), slow.url()).unwrap_err();
    assert_eq!((error.kind(), error.phase(), error.attempts()), (ErrorKind::Timeout, Some(Phase::Total), 1));
}

#[test]
fn no_place_among_the_requests_to_an_origin_is_held_during_a_wait() {
    let server = Mock::start(|request| match (request.path(), request.call()) {
        ("/busy", 1) => Reply::status(500),
        _ => Reply::text("ok"),
    })
    .unwrap();
    let client = local().per_origin(NonZeroUsize::MIN).backoff(Duration::from_millis(400)).build().unwrap();
    run(async {
        let busy = gather_core::spawn(client.get(server.join("/busy")));
        while server.calls_of("/busy") == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        let start = std::time::Instant::now();
        assert_eq!(client.get(server.join("/other")).await.unwrap().text(), "ok");
        assert!(start.elapsed() < Duration::from_millis(200), "{:?}", start.elapsed());
        assert_eq!(busy.await.unwrap().unwrap().attempts(), 2);
    });
}

#[test]
fn default_headers_are_added_for_each_hop_and_the_requests_own_win() {
    let server = Mock::start(|request| match request.path() {
        "/from" => Reply::redirect(302, "/to"),
        _ => Reply::text("ok"),
    })
    .unwrap();
    let client = local().header("x-default", "client").header("x-both", "client").build().unwrap();
    let request = Request::get(server.join("/from")).unwrap().header("x-both", "request").unwrap();
    run(client.execute(request)).unwrap();
    for seen in server.requests() {
        assert_eq!((seen.header("x-default"), seen.header("x-both")), (Some("client"), Some("request")));
    }
}
