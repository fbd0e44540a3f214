//! Bodies that come whole, and those that do not.

use gather_fetch::{ErrorKind, Request};
use gather_site::{Mock, Reply, Rude, Step};

#[cfg(feature = "gzip")]
use crate::support::encode;
use crate::support::{get, local, run};

#[test]
fn a_large_body_arrives_byte_for_byte() {
    let body: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    for chunked in [false, true] {
        let expected = body.clone();
        let server = Mock::start(move |_| {
            let reply = Reply::bytes(expected.clone());
            if chunked { reply.chunked() } else { reply }
        })
        .unwrap();
        let response = get(&local(), server.url()).unwrap();
        assert!(response.bytes() == &body[..]);
        assert_eq!(response.wire_bytes(), body.len() as u64);
    }
}

#[test]
fn a_stream_gives_the_same_bytes_in_pieces() {
    let body: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
    let expected = body.clone();
    let server = Mock::start(move |_| Reply::bytes(expected.clone())).unwrap();
    let client = local().build().unwrap();
    let all = run(async {
        let mut stream = client.stream(Request::get(server.url()).unwrap()).await.unwrap();
        assert_eq!((stream.status(), stream.attempts()), (200, 1));
        let mut all = Vec::new();
        while let Some(piece) = stream.chunk().await.unwrap() {
            all.extend_from_slice(&piece);
        }
        assert_eq!(stream.wire_bytes(), 1_000_000);
        assert!(stream.chunk().await.unwrap().is_none());
        all
    });
    assert!(all == body);
}

#[test]
fn a_stream_shows_a_broken_body_once_and_does_not_try_again() {
    let server = Rude::start(|_| {
        vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), Step::Close]
    })
    .unwrap();
    let client = local().build().unwrap();
    run(async {
        let mut stream = client.stream(Request::get(server.url()).unwrap()).await.unwrap();
        assert_eq!(stream.chunk().await.unwrap().unwrap(), "abc");
        assert_eq!(stream.chunk().await.unwrap_err().kind(), ErrorKind::Body);
        assert!(stream.chunk().await.unwrap().is_none());
    });
    assert_eq!(server.connections(), 1);
}

#[test]
fn dropping_a_request_amid_its_body_gives_its_place_back() {
    let server = Rude::start(|connection| match connection {
        1 => vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), Step::Hold],
        _ => vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Step::Close],
    })
    .unwrap();
    // Not a loopback name, so that the limit per host applies.
    let port = server.addr().port();
    let client = local()
        .resolve(&format!("h.example:{port}:127.0.0.1"))
        .per_origin(std::num::NonZeroUsize::MIN)
        .build()
        .unwrap();
    let url = format!("http://h.example:{port}/");
    run(async {
        let mut stream = client.stream(Request::get(&url).unwrap()).await.unwrap();
        assert_eq!(stream.chunk().await.unwrap().unwrap(), "abc");
        let mut second = Box::pin(client.get(&url));
        assert!(futures::poll!(&mut second).is_pending());
        drop(stream);
        assert_eq!(second.await.unwrap().text(), "ok");
    });
}

#[cfg(feature = "gzip")]
#[test]
fn a_stream_is_collected_whole_or_from_where_it_was_read_to() {
    let body = vec![b'x'; 300_000];
    for encoding in ["identity", "gzip"] {
        let sent = if encoding == "gzip" { encode("gzip", &body) } else { body.clone() };
        let server =
            Mock::start(move |_| Reply::bytes(sent.clone()).header("content-encoding", encoding)).unwrap();
        let client = local().build().unwrap();
        run(async {
            let stream = || client.stream(Request::get(server.url()).unwrap());
            let whole = stream().await.unwrap().collect().await.unwrap();
            assert!(whole.bytes() == &body && whole.length() == 300_000, "{encoding}");
            let mut begun = stream().await.unwrap();
            let first = begun.chunk().await.unwrap().unwrap();
            let rest = begun.collect().await.unwrap();
            assert_eq!(first.len() + rest.bytes().len(), body.len(), "{encoding}");
        });
    }
}
