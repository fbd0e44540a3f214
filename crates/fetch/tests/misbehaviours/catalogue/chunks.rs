//! Framing by chunks: sizes that are none, what is missing, what is endless, and codings that are not chunked.

use gather_fetch::ErrorKind::{Body, TooLarge};
use gather_fetch::Phase;

use super::row::{Row, answer, answer_and_hold, chunked, flood};

fn sent(name: &'static str, source: &'static str, body: &str) -> Row {
    answer(name, source, chunked(body)).fails(Body)
}

fn coded(name: &'static str, source: &'static str, lines: &str) -> Row {
    let bytes = format!("HTTP/1.1 200 OK\r\n{lines}\r\n5\r\nhello\r\n0\r\n\r\n");
    answer(name, source, bytes).fails(Body)
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = sizes();
    rows.extend(ends());
    rows.extend(extensions_and_trailers());
    rows.extend(codings());
    rows
}

fn sizes() -> Vec<Row> {
    vec![
        sent("a chunk size in 0x", "RFC 9112 section 7.1", "0x5\r\nhello\r\n0\r\n\r\n"),
        sent("a chunk size with a plus", "RFC 9112 section 7.1; CVE-2023-47627", "+5\r\nhello\r\n0\r\n\r\n"),
        sent("a negative chunk size", "RFC 9112 section 7.1; CVE-2013-2028", "-5\r\nhello\r\n0\r\n\r\n"),
        sent(
            "a chunk size with an underscore",
            "RFC 9112 section 7.1; CVE-2023-47627",
            "0_5\r\nhello\r\n0\r\n\r\n",
        ),
        sent("a chunk size that is no number", "RFC 9112 section 7.1", "zz\r\nhello\r\n0\r\n\r\n"),
        sent("an empty chunk size", "RFC 9112 section 7.1", "\r\nhello\r\n0\r\n\r\n"),
        sent("a space before the chunk size", "RFC 9112 section 7.1", " 5\r\nhello\r\n0\r\n\r\n"),
        sent("spaces amid the chunk size", "RFC 9112 section 7.1", "0 5\r\nhello\r\n0\r\n\r\n"),
        sent("spaces after the chunk size", "RFC 9112 section 7.1.1", "5  \t\r\nhello\r\n0\r\n\r\n")
            .gives(200, "hello"),
        sent(
            "a chunk size beyond 64 bits",
            "curl test 1416; CVE-2021-32714",
            "1000000000000000005\r\nhello\r\n0\r\n\r\n",
        ),
        sent(
            "the largest chunk size of 64 bits",
            "RFC 9112 section 7.1",
            "ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        ),
        sent("a chunk larger than what comes", "RFC 9112 section 8", "7fffffffffffffff\r\nhello"),
        sent(
            "a chunk size with many zeros",
            "RFC 9112 section 7.1",
            "00000000000000000000005\r\nhello\r\n000\r\n\r\n",
        )
        .gives(200, "hello"),
        sent(
            "chunk sizes in both cases",
            "RFC 9112 section 7.1",
            "A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n",
        )
        .gives(200, "01234567890123456789a"),
        flood("a chunk size without end", "RFC 9112 section 7.1", chunked("1"), "0".repeat(4096)).fails(Body),
        flood("zeros for a chunk size without end", "RFC 9112 section 7.1", chunked(""), "0".repeat(4096))
            .times_out(Phase::Idle),
        flood(
            "spaces after a chunk size without end",
            "RFC 9112 section 7.1",
            chunked("5"),
            " ".repeat(4096),
        )
        .times_out(Phase::Idle),
    ]
}

fn ends() -> Vec<Row> {
    vec![
        sent("no last chunk", "curl test 207", "5\r\nhello\r\n"),
        sent("no chunk at all", "RFC 9112 section 8", ""),
        sent("a last chunk without the empty line", "RFC 9112 section 7.1", "5\r\nhello\r\n0\r\n"),
        sent("a last chunk cut in its line", "RFC 9112 section 7.1", "5\r\nhello\r\n0"),
        sent("a chunk cut in its data", "RFC 9112 section 8", "5\r\nhel"),
        sent("no line break after a chunk", "RFC 9112 section 7.1", "5\r\nhello0\r\n\r\n"),
        sent("a chunk longer than it says", "RFC 9112 section 7.1", "4\r\nhello\r\n0\r\n\r\n"),
        sent("a chunk shorter than it says", "RFC 9112 section 7.1", "6\r\nhello\r\n0\r\n\r\n"),
        sent("chunk lines that end in a bare LF", "RFC 9112 section 2.2; CVE-2025-22871", "5\nhello\n0\n\n"),
        sent("a chunk line that ends in a bare CR", "RFC 9112 section 2.2", "5\rhello\r\n0\r\n\r\n"),
        answer_and_hold(
            "what follows the last chunk",
            "RFC 9112 section 6.3",
            chunked("5\r\nhello\r\n0\r\n\r\nmore"),
        )
        .gives(200, "hello"),
    ]
}

fn extensions_and_trailers() -> Vec<Row> {
    let trailers = |lines: &str| format!("5\r\nhello\r\n0\r\n{lines}\r\n");
    vec![
        sent("a chunk extension", "RFC 9112 section 7.1.1", "5;a=b;c=\"d\"\r\nhello\r\n0;e\r\n\r\n").gives(200, "hello"),
        sent("a bare LF in a chunk extension", "RFC 9112 section 7.1.1; CVE-2025-22871", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        sent("a chunk extension of 20 kB", "CVE-2023-39326", &format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(20_000))),
        flood("chunk extensions without end", "CVE-2023-39326", chunked("5;"), "a".repeat(4096)).fails(Body),
        flood("chunks of one byte with large extensions, for ever", "CVE-2023-39326", chunked(""), format!("1;{}\r\nx\r\n", "a".repeat(4000))).fails(Body),
        flood("chunks of one byte without end", "RFC 9112 section 7.1", chunked(""), "1\r\nx\r\n".repeat(500))
            // Each is a piece of its own, which costs time.
            .options(|builder, _| builder.max_body(16 << 10))
            .fails(TooLarge),
        sent("a trailer that was not announced", "curl test 1116", &trailers("X-Sum: 1\r\n")).gives(200, "hello"),
        sent("a trailer without a colon", "RFC 9112 section 7.1.2", &trailers("nonsense\r\n")),
        sent("a trailer with a NUL", "curl test 2106", &trailers("X: a\0b\r\n")),
        sent(
            "trailers that frame, name and redirect",
            "RFC 9110 section 6.5.1",
            &trailers("Content-Length: 500\r\nTransfer-Encoding: gzip\r\nHost: evil\r\nLocation: /x\r\nContent-Encoding: gzip\r\n"),
        )
        .gives(200, "hello"),
        sent("a trailer of 20 kB", "RFC 9112 section 7.1.2", &trailers(&format!("X: {}\r\n", "a".repeat(20_000)))),
        flood("trailers without end", "RFC 9112 section 7.1.2", chunked("5\r\nhello\r\n0\r\n"), "X-More: yes\r\n").fails(Body),
        flood("one trailer without end", "RFC 9112 section 7.1.2", chunked("5\r\nhello\r\n0\r\nX: "), "a".repeat(4096)).fails(Body),
    ]
}

fn codings() -> Vec<Row> {
    vec![
        coded("Chunked in capitals", "RFC 9112 section 7", "Transfer-Encoding: CHUNKED\r\n")
            .gives(200, "hello"),
        coded(
            "chunked twice",
            "RFC 9112 section 6.1; curl test 1482",
            "Transfer-Encoding: chunked, chunked\r\n",
        ),
        coded(
            "chunked in two headers",
            "curl test 1483",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ),
        coded("gzip under chunked, unasked", "curl test 1496", "Transfer-Encoding: gzip, chunked\r\n"),
        coded("gzip for a transfer coding, unasked", "curl test 1122", "Transfer-Encoding: gzip\r\n"),
        coded("chunked that is not last", "curl test 1722", "Transfer-Encoding: chunked, gzip\r\n"),
        coded("chunked before identity", "curl test 1495", "Transfer-Encoding: chunked, identity\r\n"),
        coded(
            "chunked and identity in two headers",
            "curl test 1723",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        ),
        coded("a transfer coding nobody knows", "RFC 9112 section 6.1", "Transfer-Encoding: xchunked\r\n"),
        coded("chunked with a vertical tab", "CVE-2019-18277", "Transfer-Encoding: \u{b}chunked\r\n"),
        coded(
            "a transfer coding with a space before the colon",
            "CVE-2019-16869",
            "Transfer-Encoding : chunked\r\n",
        ),
        coded("chunked in a folded line", "RFC 9112 section 5.2", "Transfer-Encoding:\r\n chunked\r\n")
            .gives(200, "hello"),
        answer(
            "identity for a transfer coding",
            "RFC 2616 section 3.6",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello",
        )
        .gives(200, "hello"),
    ]
}
