//! Status lines and headers that are not as they should be.

use gather_fetch::ErrorKind::{Body, TooLarge};

use super::row::{Row, answer, flood};

fn status(name: &'static str, source: &'static str, line: &str) -> Row {
    answer(name, source, format!("{line}\r\nContent-Length: 2\r\n\r\nok")).fails(Body)
}

fn header(name: &'static str, source: &'static str, line: &[u8]) -> Row {
    let bytes = [&b"HTTP/1.1 200 OK\r\n"[..], line, b"\r\nContent-Length: 2\r\n\r\nok"].concat();
    answer(name, source, bytes).fails(Body)
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = versions();
    rows.extend(statuses());
    rows.extend(lines());
    rows.extend(headers());
    rows.extend(sizes());
    rows
}

fn versions() -> Vec<Row> {
    vec![
        answer("HTTP/0.9", "curl test 1174", "<html>hello</html>").fails(Body),
        answer("HTTP/0.9 of one byte", "curl test 1266", "a").fails(Body),
        answer("nothing but zeros", "curl test 1164", [0; 64]).fails(Body),
        answer("nothing at all", "curl test 30", "").fails(Body),
        answer("another protocol", "RFC 4253 section 4.2", "SSH-2.0-OpenSSH_9.9\r\n").fails(Body),
        answer("a frame of HTTP/2", "RFC 9113 section 3.4", b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80")
            .fails(Body),
        status("HTTP/2.0 in a status line", "RFC 9113 section 8.1", "HTTP/2.0 200 OK"),
        status("HTTP/2 in a status line", "curl test 1704", "HTTP/2 200 OK"),
        status("HTTP/3 in a status line", "RFC 9114 section 3.1", "HTTP/3 200 OK"),
        status("HTTP/1.2 in a status line", "RFC 9112 section 2.3", "HTTP/1.2 200 OK"),
        status("HTTP/1.10 in a status line", "RFC 9112 section 2.3", "HTTP/1.10 200 OK"),
        status("http in small letters", "RFC 9112 section 2.3", "http/1.1 200 OK"),
        status("ICY for a version", "SHOUTcast", "ICY 200 OK"),
        status("rubbish in the status line", "RFC 9112 section 4", "hello world"),
    ]
}

fn statuses() -> Vec<Row> {
    vec![
        status("status 299", "RFC 9110 section 15", "HTTP/1.1 299 Whatever").gives(299, "ok"),
        status("status 499", "nginx", "HTTP/1.1 499 Client Closed Request").gives(499, "ok"),
        status("status 520", "Cloudflare", "HTTP/1.1 520 Web Server Returned an Unknown Error")
            .gives(520, "ok"),
        status("status 600", "RFC 9110 section 15", "HTTP/1.1 600 What").gives(600, "ok"),
        status("status 999", "RFC 9110 section 15; LinkedIn", "HTTP/1.1 999 Request Denied").gives(999, "ok"),
        status("status 000", "RFC 9110 section 15", "HTTP/1.1 000 OK"),
        status("status 099", "RFC 9110 section 15", "HTTP/1.1 099 OK"),
        status("status 20", "RFC 9112 section 4", "HTTP/1.1 20 OK"),
        status("status 1000", "RFC 9112 section 4", "HTTP/1.1 1000 OK"),
        status("status -1", "RFC 9112 section 4", "HTTP/1.1 -1 OK"),
        status("a status that is no number", "RFC 9112 section 4", "HTTP/1.1 abc OK"),
        status("no status", "RFC 9112 section 4", "HTTP/1.1"),
        status("no reason", "RFC 9112 section 4", "HTTP/1.1 200").gives(200, "ok"),
        status("no reason but its space", "RFC 9112 section 4", "HTTP/1.1 200 ").gives(200, "ok"),
        status("a reason that is not ASCII", "RFC 9112 section 4", "HTTP/1.1 200 \u{c0}\u{fc}\u{df}")
            .gives(200, "ok"),
        status("a reason with a NUL", "RFC 9112 section 4", "HTTP/1.1 200 O\0K"),
    ]
}

fn lines() -> Vec<Row> {
    vec![
        answer("bare LF for every line", "RFC 9112 section 2.2", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok")
            .gives(200, "ok"),
        answer("bare CR for every line", "RFC 9112 section 2.2", "HTTP/1.1 200 OK\rContent-Length: 2\r\rok")
            .fails(Body),
        answer(
            "empty lines before the status",
            "RFC 9112 section 2.2",
            "\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        )
        .gives(200, "ok"),
        flood("empty lines without end", "RFC 9112 section 2.2", "\r\n", "\r\n".repeat(2048)).fails(TooLarge),
        header("a bare CR in a header", "curl test 2105", b"X: a\rb"),
        header("a folded header", "RFC 9112 section 5.2; curl test 1274", b"X: a\r\n b\r\n\tc")
            .gives(200, "ok"),
        answer(
            "a folded header that is the first",
            "RFC 9112 section 2.2; curl test 1473",
            "HTTP/1.1 200 OK\r\n Content-Length: 2\r\n\r\nok",
        )
        .fails(Body),
        answer(
            "a length folded in two",
            "RFC 9112 section 5.2",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\nhello hello.",
        )
        .fails(Body),
        answer(
            "headers without an end",
            "RFC 9112 section 8; curl test 1665",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
        )
        .fails(Body),
        answer("a status line without an end", "RFC 9112 section 8", "HTTP/1.1 200 OK").fails(Body),
    ]
}

fn headers() -> Vec<Row> {
    vec![
        header("a header without a colon", "curl test 398", b"nonsense"),
        header("a header without a name", "RFC 9112 section 5", b": x"),
        header("a header name with a space", "RFC 9112 section 5.1", b"X Y: x"),
        header("a space before the colon", "RFC 9112 section 5.1", b"X : x"),
        header("a header name with a NUL", "RFC 9110 section 5.1", b"X\0: x"),
        header("a header name that is not ASCII", "RFC 9110 section 5.1", b"X\xfc: x"),
        header("a NUL in a header", "curl test 262", b"X: a\0b"),
        header("a control character in a header", "curl test 415", b"X: a\x01b"),
        header("bytes that are not ASCII in a header", "RFC 9110 section 5.5", b"X: gr\xfc\xdfe")
            .gives(200, "ok"),
        header("an empty header", "RFC 9110 section 5.5", b"X:").gives(200, "ok"),
        header("the same header a hundred times but one", "hyper", b"X: 1\r\n".repeat(98).trim_ascii_end())
            .gives(200, "ok"),
    ]
}

fn sizes() -> Vec<Row> {
    vec![
        header("a hundred headers and more", "curl test 747", b"X: 1\r\n".repeat(120).trim_ascii_end())
            .gives(200, "ok"),
        header("three hundred headers", "curl test 747", b"X: 1\r\n".repeat(300).trim_ascii_end())
            .fails(TooLarge),
        header("a header of 100 kB", "curl test 1154", &[b"X: ".to_vec(), vec![b'a'; 100_000]].concat())
            .gives(200, "ok"),
        header("a header of 300 kB", "curl test 497", &[b"X: ".to_vec(), vec![b'a'; 300_000]].concat())
            .fails(TooLarge),
        header("a header name of 70 kB", "http::HeaderName", &[vec![b'a'; 70_000], b": x".to_vec()].concat())
            .fails(TooLarge),
        flood("headers without end", "curl test 498", "HTTP/1.1 200 OK\r\n", "X: yes\r\n").fails(TooLarge),
        flood("one header without end", "curl test 497", "HTTP/1.1 200 OK\r\nX: ", "a".repeat(4096))
            .fails(TooLarge),
        flood("a header name without end", "curl test 497", "HTTP/1.1 200 OK\r\nX", "a".repeat(4096))
            .fails(TooLarge),
        flood("a reason without end", "RFC 9112 section 4", "HTTP/1.1 200 ", "a".repeat(4096))
            .fails(TooLarge),
        flood(
            "a folded header without end",
            "RFC 9112 section 5.2",
            "HTTP/1.1 200 OK\r\nX: a\r\n",
            " a\r\n".repeat(1024),
        )
        .fails(TooLarge),
    ]
}
