//! Several requests to one server: which connection serves, and whose answer is whose.

use gather_fetch::ErrorKind::Body;
use gather_site::Step;

use super::Want;
use super::row::{Row, script};

const FIRST: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst";
const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
const EVIL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";

fn good() -> Vec<Step> {
    vec![Step::Read, Step::send(GOOD), Step::Hold]
}

/// A first connection of these steps; whatever comes later is served well.
fn first(
    name: &'static str,
    source: &'static str,
    steps: impl Fn() -> Vec<Step> + Send + Sync + 'static,
) -> Row {
    script(name, source, move |_, connection| if connection == 1 { steps() } else { good() }).times(2)
}

/// The first answer, and bytes that nobody asked for behind it.
fn unasked(name: &'static str, source: &'static str, bytes: &'static str) -> Row {
    first(name, source, move || {
        vec![Step::Read, Step::send(format!("{FIRST}{bytes}")), Step::Read, Step::send(EVIL), Step::Hold]
    })
    .gives(200, "good")
}

fn closing(name: &'static str, source: &'static str, head: &'static str) -> Row {
    first(name, source, move || vec![Step::Read, Step::send(head), Step::Read, Step::send(EVIL), Step::Hold])
        .gives(200, "good")
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = stale();
    rows.extend(vec![
        unasked("a second response unasked", "RFC 9112 section 9.3: response queue poisoning", EVIL),
        unasked("rubbish after a response", "RFC 9112 section 6.3", "rubbish"),
        unasked("an empty line after a response", "RFC 9112 section 2.2", "\r\n"),
        unasked("the beginning of another response", "RFC 9112 section 9.3", "HTTP/1.1 200 OK\r\nX: "),
        closing(
            "Connection: close and the connection open",
            "RFC 9112 section 9.6",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nfirst",
        ),
        closing(
            "close and keep-alive at once",
            "RFC 9112 section 9.6",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nfirst",
        ),
        closing(
            "HTTP/1.0 without keep-alive and the connection open",
            "RFC 9112 section 9.3",
            "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nfirst",
        ),
        closing("204 that says it has a body", "RFC 9110 section 8.6", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
        first("HTTP/1.0 with keep-alive", "RFC 9112 appendix C.2.2", || {
            let kept = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nfirst";
            vec![Step::Read, Step::send(kept), Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nkept"), Step::Hold]
        })
        .gives(200, "kept"),
        script("a response before the request", "RFC 9112 section 9.5 (408)", |_, _| {
            vec![Step::send(GOOD), Step::Read, Step::Hold]
        })
        .one_of([Want::Whole(200, b"good".to_vec()), Want::Fails(Body)])
        .requests(None),
    ]);
    rows
}

/// The connection is gone when it is used again.
fn stale() -> Vec<Row> {
    let dies = || vec![Step::Read, Step::send(FIRST), Step::Read, Step::Close];
    let resets = || vec![Step::Read, Step::send(FIRST), Step::Read, Step::Reset];
    vec![
        // Sent twice, once on each connection; no attempt is counted.
        first("an idle connection that was closed", "RFC 9112 section 9.3.1", dies)
            .gives(200, "good")
            .requests(3),
        first("an idle connection that was reset", "RFC 9112 section 9.3.1", resets)
            .gives(200, "good")
            .requests(3),
        first("an idle connection that was closed, PUT", "RFC 9110 section 9.2.2", dies)
            .method("PUT", "x")
            .gives(200, "good")
            .requests(3),
        // A POST may have been carried out already.
        first("an idle connection that was closed, POST", "RFC 9110 section 9.2.2", dies)
            .method("POST", "x")
            .fails(Body)
            .requests(2),
        first("a connection that dies amid its second response", "RFC 9112 section 8", || {
            vec![Step::Read, Step::send(FIRST), Step::Read, Step::send("HTTP/1.1 200 OK\r\n"), Step::Close]
        })
        .fails(Body),
        script("every connection dies after one answer", "RFC 9112 section 9.3.1", |_, _| {
            vec![Step::Read, Step::send(FIRST), Step::Close]
        })
        .times(3)
        .gives(200, "first"),
        script("never an answer, and two retries", "RFC 9110 section 9.2.2", |_, _| {
            vec![Step::Read, Step::Close]
        })
        .options(|builder, _| builder.retries(2))
        .fails(Body)
        .attempts(3)
        .requests(3),
        script("never an answer to a POST", "RFC 9110 section 9.2.2", |_, _| vec![Step::Read, Step::Close])
            .method("POST", "x")
            .options(|builder, _| builder.retries(2))
            .fails(Body),
    ]
}
