//! Interim responses: asked for or not, with bodies, and without end.

use gather_fetch::ErrorKind::Body;
use gather_fetch::Phase;
use gather_site::Step;

use super::row::{Row, answer, answer_and_hold, flood, script};

const FINAL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn before(name: &'static str, source: &'static str, interim: &str) -> Row {
    answer_and_hold(name, source, format!("{interim}{FINAL}")).gives(200, "ok")
}

pub(crate) fn rows() -> Vec<Row> {
    vec![
        before("100 unasked", "RFC 9110 section 15.2.1", "HTTP/1.1 100 Continue\r\n\r\n"),
        before("102", "RFC 2518 section 10.1", "HTTP/1.1 102 Processing\r\n\r\n"),
        before("103 with links", "RFC 8297", "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"),
        before("an interim status nobody knows", "curl test 1115", "HTTP/1.1 199 What\r\n\r\n"),
        before("a hundred interim responses", "RFC 9110 section 15.2", &"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100)),
        before(
            "an interim response that says how long it is",
            "RFC 9112 section 6.3",
            "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n",
        ),
        answer(
            "an interim response with a body",
            "RFC 9112 section 6.3",
            format!("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello{FINAL}"),
        )
        .fails(Body),
        answer("an interim response and no other", "RFC 9110 section 15.2", "HTTP/1.1 100 Continue\r\n\r\n").fails(Body),
        answer_and_hold("101 unasked", "RFC 9110 section 15.2.2", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
            .fails(Body),
        answer("101 to HTTP/2, unasked", "curl test 1704", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n\0\0\0\x04\0\0\0\0\0")
            .fails(Body),
        script("an interim response now and then", "RFC 9110 section 15.2", |_, _| {
            let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(400);
            vec![Step::Read, Step::drip(interim, std::time::Duration::from_millis(1))]
        })
        .times_out(Phase::FirstByte),
        flood("interim responses without end", "RFC 9110 section 15.2", "", "HTTP/1.1 100 Continue\r\n\r\n".repeat(100))
            .times_out(Phase::FirstByte),
    ]
}
