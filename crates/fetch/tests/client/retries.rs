//! What is tried again, how often, and when.

use std::time::{Duration, Instant};

use gather_fetch::{Client, ErrorKind, Method, Request};
use gather_site::{Mock, Reply, Rude, Step};

use crate::support::{get, local, outcome, run};

fn gaps(server: &Mock) -> Vec<Duration> {
    let times: Vec<Instant> = server.requests().iter().map(gather_site::Request::at).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn two_failures_and_a_success_are_three_attempts_with_growing_waits() {
    let server = Mock::sequence([Reply::status(500), Reply::status(500), Reply::text("ok")]).unwrap();
    let response = get(&Client::builder().allow_private(true), server.url()).unwrap();
    assert_eq!((response.status(), response.attempts()), (200, 3));
    let gaps = gaps(&server);
    assert!(gaps[0] >= Duration::from_millis(100) && gaps[1] >= Duration::from_millis(200), "{gaps:?}");
}

#[test]
fn each_status_has_its_number_of_attempts() {
    let table =
        [(200, 1), (204, 1), (304, 1), (400, 1), (403, 1), (404, 1), (408, 3), (410, 1), (425, 1), (429, 3)];
    let more =
        [(500, 3), (501, 3), (502, 3), (503, 3), (504, 3), (520, 3), (599, 3), (999, 1), (299, 1), (499, 1)];
    for (status, attempts) in table.into_iter().chain(more) {
        let server = Mock::start(move |_| Reply::status(status)).unwrap();
        let response = get(&local(), server.url()).unwrap();
        assert_eq!((response.status(), response.attempts()), (status, attempts));
        assert_eq!(server.calls(), attempts as usize, "{status}");
    }
}

#[test]
fn retries_can_be_turned_off() {
    let server = Mock::start(|_| Reply::status(500)).unwrap();
    assert_eq!(get(&local().retries(0), server.url()).unwrap().attempts(), 1);
    assert_eq!(server.calls(), 1);
}

#[test]
fn a_request_that_is_not_idempotent_is_never_sent_twice() {
    for (method, calls) in [("POST", 1), ("PATCH", 1), ("PUT", 3), ("DELETE", 3), ("GET", 3)] {
        let server = Mock::start(|_| Reply::status(503)).unwrap();
        let client = local().build().unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = Request::new(method.clone(), server.url()).unwrap().body("x");
        assert_eq!(run(client.execute(request)).unwrap().status(), 503);
        assert_eq!(server.calls(), calls, "{method}");
    }
}

#[test]
fn retry_after_is_waited_for() {
    let server = Mock::sequence([Reply::status(503).header("retry-after", "1"), Reply::text("ok")]).unwrap();
    let response = get(&local(), server.url()).unwrap();
    assert_eq!((response.status(), response.attempts()), (200, 2));
    assert!(gaps(&server)[0] >= Duration::from_secs(1));
}

#[test]
fn a_retry_after_beyond_the_cap_or_the_total_ends_it_at_once() {
    let server = Mock::start(|_| Reply::status(429).header("retry-after", "3600")).unwrap();
    let start = Instant::now();
    let response = get(&local(), server.url()).unwrap();
    assert_eq!((response.status(), response.attempts()), (429, 1));
    assert_eq!(response.retry_after(), Some(Duration::from_secs(3600)));
    let builder = local().max_wait(Duration::from_secs(7200)).total_timeout(Duration::from_secs(60));
    assert_eq!(get(&builder, server.url()).unwrap().attempts(), 1);
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_dead_port_is_a_failure_of_kind_connect_after_all_attempts() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let error = get(&local(), &format!("http://127.0.0.1:{port}/")).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3));
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}: connection refused")), "{error}");
    assert!(error.is_retryable() && !error.is_refused());
}

#[test]
fn a_name_that_does_not_resolve_is_one_attempt() {
    let error = get(&local(), "http://does-not-exist.invalid/").unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Dns, 1));
    assert!(error.to_string().contains("does-not-exist.invalid"), "{error}");
}

#[test]
fn a_body_that_breaks_off_is_fetched_again() {
    let server = Rude::start(|connection| match connection {
        1 => vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), Step::Close],
        _ => vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), Step::Close],
    })
    .unwrap();
    let response = get(&local(), server.url()).unwrap();
    assert_eq!((response.text().as_ref(), response.attempts()), ("abc", 2));
}

#[test]
fn a_kept_connection_that_died_costs_no_attempt() {
    // One response per connection, which then dies the moment a second request comes.
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let server = Rude::start(move |connection| match connection {
        1 => vec![Step::Read, Step::send(page), Step::Read, Step::Reset],
        _ => vec![Step::Read, Step::send(page), Step::Hold],
    })
    .unwrap();
    let client = local().retries(0).build().unwrap();
    run(async {
        for _ in 0..2 {
            let response = client.get(server.url()).await.unwrap();
            assert_eq!((response.text().as_ref(), response.attempts()), ("ok", 1));
        }
    });
    assert!(server.connections() >= 2);
}

#[test]
fn however_many_kept_connections_are_dead_none_costs_an_attempt() {
    // Every connection serves one request, and the pool is full of those that will not serve another.
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for end in [Step::Close, Step::Reset] {
        let script =
            vec![Step::Read, Step::Wait(Duration::from_millis(50)), Step::send(page), Step::Read, end];
        let server = Rude::start(move |_| script.clone()).unwrap();
        let client = local().retries(0).build().unwrap();
        run(async {
            for _ in 0..3 {
                let all = gather_core::gather((0..24).map(|_| client.get(server.url()))).await.unwrap();
                assert!(all.iter().all(|response| response.attempts() == 1 && response.text() == "ok"));
            }
        });
    }
}

#[test]
fn a_post_on_a_kept_connection_that_died_is_not_sent_again() {
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let server = Rude::start(move |_| vec![Step::Read, Step::send(page), Step::Read, Step::Close]).unwrap();
    let client = local().build().unwrap();
    run(async {
        client.get(server.url()).await.unwrap();
        let error = client.execute(Request::post(server.url()).unwrap().body("x")).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Body, 1));
    });
    // hyper may have begun a second connection meanwhile, but nothing was asked on it.
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn the_total_bounds_attempts_and_waits() {
    let server = Mock::start(|_| Reply::status(500)).unwrap();
    let builder =
        local().retries(1000).backoff(Duration::from_millis(50)).total_timeout(Duration::from_millis(400));
    let start = Instant::now();
    let result = get(&builder, server.url());
    assert!(start.elapsed() < Duration::from_secs(2));
    assert!(matches!(outcome(&result).as_str(), "500" | "timeout"), "{result:?}");
}

#[test]
fn failures_of_one_do_not_harm_the_others() {
    let server = Mock::start(|_| Reply::text("ok")).unwrap();
    let client = local().retries(0).build().unwrap();
    let outcomes = run(async {
        let urls = [server.url().to_owned(), "http://127.0.0.1:1/".to_owned(), server.url().to_owned()];
        gather_core::settle(urls.map(|url| client.get(url))).await
    });
    assert_eq!(outcomes.iter().map(outcome).collect::<Vec<_>>(), ["200", "connect", "200"]);
}

#[test]
fn a_retry_after_holds_back_the_whole_origin_and_no_other() {
    let busy =
        Mock::sequence([Reply::status(429).header("retry-after", "1"), Reply::text("ok"), Reply::text("ok")])
            .unwrap();
    let idle = Mock::start(|_| Reply::text("ok")).unwrap();
    let client = local().retries(0).build().unwrap();
    run(async {
        assert_eq!(client.get(busy.join("/first")).await.unwrap().status(), 429);
        let start = Instant::now();
        client.get(idle.url()).await.unwrap();
        assert!(start.elapsed() < Duration::from_millis(900));
        gather_core::gather(["/second", "/third"].map(|path| client.get(busy.join(path)))).await.unwrap();
    });
    assert!(gaps(&busy)[0] >= Duration::from_millis(990), "{:?}", gaps(&busy));
}

#[test]
fn a_pause_that_is_too_long_to_wait_for_is_still_kept() {
    let busy = Mock::start(|_| Reply::status(429).header("retry-after", "3600")).unwrap();
    let idle = Mock::start(|_| Reply::text("ok")).unwrap();
    let client = local().build().unwrap();
    run(async {
        assert_eq!(client.get(busy.url()).await.unwrap().status(), 429);
        for _ in 0..20 {
            let error = client.get(busy.join("/other")).await.unwrap_err();
            assert_eq!((error.kind(), error.status()), (ErrorKind::Status, Some(429)));
            assert!(error.to_string().contains("--max-wait"), "{error}");
        }
        assert_eq!(client.get(idle.url()).await.unwrap().status(), 200);
    });
    assert_eq!(busy.calls(), 1);
}

#[test]
fn a_dead_site_is_not_asked_again_for_every_one_of_its_pages() {
    let server = Mock::start(|_| Reply::status(503)).unwrap();
    let client = local().retries(2).retry_budget(5).build().unwrap();
    run(async {
        for n in 0..20 {
            assert_eq!(client.get(server.join(&format!("/{n}"))).await.unwrap().status(), 503);
        }
    });
    assert_eq!(server.calls(), 20 + 5);
}

#[test]
fn a_site_that_fails_now_and_then_is_asked_again_for_ever() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let server = Mock::start(move |_| match calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 2 {
        0 => Reply::status(503),
        _ => Reply::text("ok"),
    })
    .unwrap();
    let client = local().retries(1).retry_budget(1).build().unwrap();
    run(async {
        for _ in 0..20 {
            assert_eq!(client.get(server.url()).await.unwrap().attempts(), 2);
        }
    });
}

#[test]
fn the_error_of_a_streams_status_knows_whether_it_may_pass() {
    for (status, may_pass) in [(404, false), (408, true), (429, true), (500, true), (501, true)] {
        let server = Mock::start(move |_| Reply::status(status)).unwrap();
        let request = gather_fetch::Request::get(server.url()).unwrap();
        let streaming = run(local().retries(0).build().unwrap().stream(request)).unwrap();
        assert_eq!(streaming.status_error().unwrap().is_retryable(), may_pass, "{status}");
    }
}

#[test]
fn a_status_that_is_to_be_an_error_is_one_whatever_its_body_is() {
    for (head, body) in [
        ("Content-Length: 10", "cut"),
        ("Content-Length: 99999999999", "x"),
        ("Content-Encoding: gzip\r\nContent-Length: 3", "bad"),
        ("Content-Encoding: other\r\nContent-Length: 1", "x"),
        ("Transfer-Encoding: chunked", "zz\r\n"),
    ] {
        for ending in [Step::Close, Step::Hold] {
            let answer = format!("HTTP/1.1 404 Not Found\r\n{head}\r\n\r\n{body}");
            let server = Rude::start(move |_| vec![Step::Read, Step::send(&answer), ending.clone()]).unwrap();
            let client = local().total_timeout(Duration::from_secs(5)).build().unwrap();
            let request = Request::get(server.url()).unwrap().error_for_status(true);
            let error = run(client.execute(request)).unwrap_err();
            assert_eq!(error.to_string(), format!("status 404 Not Found"), "{head}");
            assert_eq!((error.kind(), error.status()), (ErrorKind::Status, Some(404)), "{head}");
            assert_eq!((error.attempts(), server.connections()), (1, 1), "{head}");
        }
    }
}
