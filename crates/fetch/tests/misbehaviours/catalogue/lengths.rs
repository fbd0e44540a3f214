//! Framing by length: `Content-Length` that lies, disagrees, or is no number, and what has no body at all.

use gather_fetch::ErrorKind::{Body, TooLarge};
use gather_site::Step;

use super::row::{Row, answer, answer_and_hold, script};

fn length(name: &'static str, source: &'static str, value: &str) -> Row {
    answer(name, source, format!("HTTP/1.1 200 OK\r\nContent-Length: {value}\r\n\r\nhello"))
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = lies();
    rows.extend(nonsense());
    rows.extend(smuggling());
    rows.extend(bodiless());
    rows.extend(to_the_end());
    rows
}

fn lies() -> Vec<Row> {
    vec![
        length("a length that promises more", "RFC 9112 section 8; aiohttp ContentLengthError", "6")
            .fails(Body),
        length("a length that promises nearly nothing more", "Scrapy DOWNLOAD_FAIL_ON_DATALOSS", "4096")
            .fails(Body),
        length("a length that promises less", "RFC 9112 section 6.3", "4").gives(200, "hell"),
        length("a length of zero before a body", "RFC 9112 section 6.3", "0").gives(200, ""),
        length("the same length twice in one header", "RFC 9110 section 8.6", "5, 5").gives(200, "hello"),
        length("two lengths in one header", "RFC 9110 section 8.6", "5, 6").fails(Body),
        length("a length with leading zeros", "RFC 9110 section 8.6", "0000000005").gives(200, "hello"),
        length("a length in spaces", "RFC 9110 section 5.5", "  5\t ").gives(200, "hello"),
        answer(
            "the same length in two headers",
            "RFC 9110 section 8.6",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        )
        .gives(200, "hello"),
        answer(
            "two lengths in two headers",
            "RFC 9112 section 6.3",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\nhello",
        )
        .fails(Body),
        script("a reset amid a body of known length", "RFC 9112 section 9.5", |_, _| {
            vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"), Step::Reset]
        })
        .fails(Body),
    ]
}

fn nonsense() -> Vec<Row> {
    vec![
        length("a negative length", "curl test 178", "-6").fails(Body),
        length("a length with a plus", "RFC 9110 section 8.6; CVE-2021-32715", "+5").fails(Body),
        length("a length in hexadecimal", "RFC 9110 section 8.6", "0x5").fails(Body),
        length("a length with a fraction", "RFC 9110 section 8.6", "5.0").fails(Body),
        length("a length with an underscore", "RFC 9110 section 8.6; CVE-2023-47627", "5_0").fails(Body),
        length("rubbish for a length", "curl test 394", "five").fails(Body),
        length("an empty length", "RFC 9110 section 8.6", "").fails(Body),
        length("a length list with an empty member", "RFC 9110 section 8.6", "5,").fails(Body),
        length("digits that are not ASCII", "RFC 9110 section 8.6", "\u{665}").fails(Body),
        length("a length beyond 64 bits", "curl test 395", "99999999999999999999999999").fails(Body),
        length("the largest length of 64 bits", "curl test 393", "18446744073709551615").fails(TooLarge),
        length("a length beyond the limit", "curl test 393", "9223372036854775807").fails(TooLarge),
        length("a length just beyond the limit", "ClientBuilder::max_body", "262145").fails(TooLarge),
    ]
}

/// A length beside a transfer coding: two readers of one connection would not agree on where a response ends.
fn smuggling() -> Vec<Row> {
    let both =
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    vec![
        answer("a length beside chunked", "RFC 9112 section 6.3", both).gives(200, "ok"),
        script(
            "a length beside chunked, and the connection kept",
            "RFC 9112 section 6.3",
            move |_, connection| match connection {
                1 => vec![
                    Step::Read,
                    Step::send(both),
                    Step::Read,
                    Step::send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad"),
                ],
                _ => vec![
                    Step::Read,
                    Step::send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"),
                    Step::Close,
                ],
            },
        )
        .times(2)
        .gives(200, "good"),
        answer(
            "an unknown coding beside a length too long",
            "RFC 9112 section 6.1; curl test 2119",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: identityx\r\n\r\nhello",
        )
        .fails(Body),
        answer(
            "identity beside a length too long",
            "RFC 9112 section 6.1; curl test 1494",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: identity\r\n\r\nhello",
        )
        .fails(Body),
        answer(
            "an empty transfer coding beside a length too long",
            "RFC 9112 section 6.1",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding:\r\n\r\nhello",
        )
        .fails(Body),
    ]
}

fn bodiless() -> Vec<Row> {
    vec![
        answer_and_hold(
            "204 with a length",
            "RFC 9110 section 8.6",
            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        )
        .gives(204, ""),
        answer_and_hold(
            "204 with a body",
            "RFC 9110 section 15.3.5",
            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
        )
        .gives(204, ""),
        answer_and_hold(
            "204 that is chunked",
            "RFC 9112 section 6.1",
            "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
        .gives(204, ""),
        answer_and_hold(
            "304 with a length",
            "curl test 249",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        )
        .gives(304, ""),
        answer_and_hold(
            "304 with a body",
            "RFC 9110 section 15.4.5",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello",
        )
        .gives(304, ""),
        answer_and_hold(
            "HEAD with a length",
            "RFC 9110 section 9.3.2",
            "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
        )
        .method("HEAD", "")
        .gives(200, ""),
        answer_and_hold(
            "HEAD that is chunked",
            "RFC 9112 section 6.3",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
        .method("HEAD", "")
        .gives(200, ""),
        answer("HEAD with a body", "curl test 1144", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            .method("HEAD", "")
            .gives(200, ""),
        answer_and_hold(
            "205 with a length of zero",
            "RFC 9110 section 15.3.6",
            "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
        )
        .gives(205, ""),
    ]
}

/// Bodies that end with the connection are whole when it is closed, and not when it is reset.
fn to_the_end() -> Vec<Row> {
    vec![
        answer("a body to the end of the connection", "RFC 9112 section 6.3", "HTTP/1.1 200 OK\r\n\r\nhello")
            .gives(200, "hello"),
        answer("HTTP/1.0", "RFC 9112 section 6.3", "HTTP/1.0 200 OK\r\n\r\nhello").gives(200, "hello"),
        answer("an empty body to the end of the connection", "curl test 282", "HTTP/1.1 200 OK\r\n\r\n")
            .gives(200, ""),
        answer_and_hold(
            "HTTP/1.0 that keeps the connection",
            "RFC 9112 appendix C.2.2",
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
        )
        .gives(200, "hello"),
        answer_and_hold(
            "HTTP/1.0 with a length and no end",
            "RFC 9112 section 6.3",
            "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        )
        .gives(200, "hello"),
        answer(
            "HTTP/1.0 that is chunked",
            "RFC 9112 section 6.1",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        )
        .fails(Body),
        script("a reset amid a body to the end of the connection", "RFC 9112 section 8", |_, _| {
            vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\n\r\nhello"), Step::Reset]
        })
        .fails(Body),
    ]
}
