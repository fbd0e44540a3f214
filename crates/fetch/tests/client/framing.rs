//! Responses that are not as they should be, byte for byte.

use gather_fetch::{Error, Request};
use gather_site::{Rude, Step};

use crate::support::{get, local, outcome, run};

/// What a server sends, how it ends, and what must come of it.
fn check(bytes: &[u8], end: Step, expected: &str, body: &str) {
    let sent = bytes.to_vec();
    let server = Rude::start(move |_| vec![Step::Read, Step::send(&sent), end.clone()]).unwrap();
    let result = get(&local().retries(0), server.url());
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    assert_eq!(outcome(&result), expected, "{shown:?}: {result:?}");
    if let Ok(response) = result {
        assert_eq!(response.text(), body, "{shown:?}");
    }
}

#[test]
fn what_does_not_arrive_whole_is_never_a_success() {
    let broken = [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n",
        "HTTP/1.1 200 OK",
        "HTTP/1.1 2",
        "",
        "hello, this is no http at all\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "<html>HTTP/0.9 is not spoken</html>",
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nna me: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ];
    for bytes in broken {
        check(bytes.as_bytes(), Step::Close, "body", "");
    }
}

#[test]
fn a_reset_at_any_position_is_a_failure() {
    for bytes in ["", "HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"] {
        check(bytes.as_bytes(), Step::Reset, "body", "");
    }
}

#[test]
fn what_is_odd_but_whole_is_a_success() {
    let odd = [
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end"),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"),
        ("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", "ok"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            "ok",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;ext=1\r\nok\r\n0\r\nTrailer: x\r\n\r\n",
            "ok",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "ok",
        ),
    ];
    for (bytes, body) in odd {
        check(bytes.as_bytes(), Step::Close, "200", body);
    }
    check(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", Step::Hold, "204", "");
    check(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", Step::Hold, "304", "");
}

#[test]
fn statuses_that_nobody_registered_are_told_as_they_are() {
    for status in ["299", "420", "499", "999"] {
        let head = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 2\r\n\r\nok");
        check(head.as_bytes(), Step::Close, status, "ok");
    }
}

#[test]
fn header_bytes_that_are_not_ascii_are_kept() {
    let server =
        Rude::answer(b"HTTP/1.1 200 OK\r\nX-Name: gr\xfc\xdfe\r\nContent-Length: 0\r\n\r\n").unwrap();
    let response = get(&local(), server.url()).unwrap();
    assert_eq!(response.headers()["x-name"].as_bytes(), b"gr\xfc\xdfe");
    assert_eq!(response.header("x-name").unwrap(), "gr\u{fffd}\u{fffd}e");
}

#[test]
fn a_head_without_end_is_refused() {
    for flood in [
        &b"X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"[..],
        b"aaaaaaaaaaaaaaaaaaaa",
    ] {
        let server =
            Rude::start(move |_| vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nA: "), Step::flood(flood)])
                .unwrap();
        let error: Error = get(&local().retries(0), server.url()).unwrap_err();
        assert_eq!(error.kind().as_str(), "too_large", "{error}");
    }
}

#[test]
fn garbage_is_not_asked_for_twice_and_says_what_it_is() {
    let server = Rude::answer("no http\r\n\r\n").unwrap();
    let error = get(&local(), server.url()).unwrap_err();
    assert_eq!((error.kind().as_str(), error.attempts()), ("body", 1));
    assert!(error.to_string().contains("not http"), "{error}");
}

#[test]
fn a_response_has_up_to_256_headers() {
    for (headers, expected) in [(101, "200"), (250, "200"), (300, "too_large")] {
        let lines: String = (0..headers).map(|n| format!("X-{n}: y\r\n")).collect();
        let head = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nok");
        let server = Rude::start(move |_| vec![Step::Read, Step::send(&head), Step::Hold]).unwrap();
        assert_eq!(outcome(&get(&local(), server.url())), expected, "{headers}");
    }
}

#[test]
fn a_body_that_comes_late_where_there_is_none_is_not_taken_for_the_next_response() {
    let evil = "HTTP/1.1 299 EVIL\r\nContent-Length: 4\r\n\r\nevil";
    for (method, status) in [("HEAD", "200 OK"), ("GET", "304 Not Modified"), ("GET", "204 No Content")] {
        for framing in ["Content-Length: 47", "Transfer-Encoding: chunked"] {
            let head = format!("HTTP/1.1 {status}\r\n{framing}\r\n\r\n");
            let server = Rude::start(move |connection| match connection {
                1 => vec![Step::Read, Step::send(&head), Step::Read, Step::send(evil), Step::Hold],
                _ => vec![
                    Step::Read,
                    Step::send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"),
                    Step::Hold,
                ],
            })
            .unwrap();
            let client = local().retries(0).build().unwrap();
            run(async {
                let request = Request::new(method.parse().unwrap(), server.url()).unwrap();
                client.execute(request).await.unwrap();
                assert_eq!(
                    client.get(server.url()).await.unwrap().text(),
                    "good",
                    "{method} {status} {framing}"
                );
            });
        }
    }
}
