//! Content codings: right, nested, mislabelled, broken off, and made to hurt.

use std::time::{Duration, Instant};

use gather_fetch::{ErrorKind, Request};
use gather_site::{Mock, Reply};

use crate::support::{encode, get, local, outcome, run};

fn text() -> String {
    (0..20_000).map(|n| format!("line {n} of a page\n")).collect()
}

fn serve(coding: &str, body: Vec<u8>) -> Mock {
    let coding = coding.to_owned();
    Mock::start(move |_| Reply::bytes(body.clone()).header("content-encoding", &coding)).unwrap()
}

#[test]
fn every_coding_is_undone() {
    let table = [
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("deflate", "deflate"),
        ("deflate", "raw deflate"),
        ("br", "br"),
        ("zstd", "zstd"),
    ];
    for (label, coding) in table {
        let body = encode(coding, text().as_bytes());
        let wire = body.len() as u64;
        let response = get(&local(), serve(label, body).url()).unwrap();
        assert!(response.text() == text(), "{coding}");
        assert_eq!(response.wire_bytes(), wire);
    }
}

#[test]
fn a_body_in_one_byte_pieces_is_the_same() {
    for (label, coding) in
        [("gzip", "gzip"), ("deflate", "deflate"), ("deflate", "raw deflate"), ("br", "br"), ("zstd", "zstd")]
    {
        let body = encode(coding, b"a body that is sent byte by byte");
        let mut chunked = Vec::new();
        for byte in &body {
            chunked.extend_from_slice(b"1\r\n");
            chunked.push(*byte);
            chunked.extend_from_slice(b"\r\n");
        }
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: {label}\r\nTransfer-Encoding: chunked\r\n\r\n");
        let sent = [head.as_bytes(), &chunked, b"0\r\n\r\n"].concat();
        let server = gather_site::Rude::answer(sent).unwrap();
        assert_eq!(
            get(&local(), server.url()).unwrap().text(),
            "a body that is sent byte by byte",
            "{coding}"
        );
    }
}

#[test]
fn several_members_are_one_body() {
    for coding in ["gzip", "zstd"] {
        let body = [encode(coding, b"one, "), encode(coding, b"two, "), encode(coding, b"three")].concat();
        assert_eq!(get(&local(), serve(coding, body).url()).unwrap().text(), "one, two, three", "{coding}");
    }
}

#[test]
fn what_follows_a_gzip_member_and_is_none_is_ignored() {
    let body = [encode("gzip", b"page"), b"\0\0\0\0 garbage".to_vec()].concat();
    assert_eq!(get(&local(), serve("gzip", body).url()).unwrap().text(), "page");
}

#[test]
fn layers_are_undone_in_their_order() {
    let body = encode("br", &encode("zstd", &encode("gzip", text().as_bytes())));
    assert!(get(&local(), serve("gzip, zstd, br", body.clone()).url()).unwrap().text() == text());
    let identity = get(&local(), serve("identity, gzip, none, zstd,, br", body).url()).unwrap();
    assert!(identity.text() == text());
}

#[test]
fn too_many_layers_are_refused() {
    let six = (0..6).fold(b"x".to_vec(), |body, _| encode("gzip", &body));
    let error = get(&local(), serve("gzip, gzip, gzip, gzip, gzip, gzip", six).url()).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::TooLarge, 1));
}

#[test]
fn a_wrong_label_is_an_error_of_kind_decode() {
    for label in ["gzip", "deflate", "br", "zstd", "compress", "nonsense"] {
        let error = get(&local(), serve(label, b"<p>not encoded at all</p>".to_vec()).url()).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Decode, 1), "{label}: {error}");
        assert_eq!(error.status(), Some(200));
    }
}

#[test]
fn a_body_cut_anywhere_is_never_a_success() {
    for (label, coding) in
        [("gzip", "gzip"), ("deflate", "deflate"), ("deflate", "raw deflate"), ("br", "br"), ("zstd", "zstd")]
    {
        let whole = encode(coding, text().as_bytes());
        for cut in [1, 2, 5, whole.len() / 2, whole.len() - 1] {
            let result = get(&local(), serve(label, whole[..cut].to_vec()).url());
            assert_eq!(outcome(&result), "decode", "{coding} cut at {cut}: {result:?}");
        }
    }
}

#[test]
fn an_empty_body_is_empty_in_every_coding() {
    for label in ["gzip", "deflate", "br", "zstd"] {
        assert!(get(&local(), serve(label, Vec::new()).url()).unwrap().bytes().is_empty(), "{label}");
    }
    let server = Mock::start(|_| Reply::status(204).header("content-encoding", "gzip")).unwrap();
    assert_eq!(get(&local(), server.url()).unwrap().status(), 204);
}

#[test]
fn a_head_response_is_not_decoded() {
    let server = serve("gzip", encode("gzip", b"x"));
    let client = local().build().unwrap();
    assert!(run(client.execute(Request::head(server.url()).unwrap())).unwrap().bytes().is_empty());
}

#[test]
fn a_bomb_ends_at_the_limit_soon_and_is_not_fetched_again() {
    for (label, coding) in
        [("gzip", "gzip"), ("deflate", "deflate"), ("deflate", "raw deflate"), ("br", "br"), ("zstd", "zstd")]
    {
        let bomb = encode(coding, &vec![0; 16 << 20]);
        assert!(bomb.len() < 64 << 10);
        let server = serve(label, bomb);
        let start = Instant::now();
        for builder in [local(), local().max_body(1 << 20)] {
            let error = get(&builder, server.url()).unwrap_err();
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::TooLarge, 1), "{coding}");
            assert!(error.is_refused());
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{coding}");
    }
}

#[test]
fn a_bomb_within_a_bomb_ends_as_well() {
    let bomb = encode("gzip", &encode("gzip", &vec![0; 32 << 20]));
    assert!(bomb.len() < 4096);
    let error = get(&local(), serve("gzip, gzip", bomb).url()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn a_stream_is_decoded_in_small_pieces() {
    let body: String = (0..200_000).map(|n| format!("{} ", n * 7_919 % 1_000_003)).collect();
    let server = serve("gzip", encode("gzip", body.as_bytes()));
    let client = local().build().unwrap();
    run(async {
        let mut stream = client.stream(Request::get(server.url()).unwrap()).await.unwrap();
        let mut all = Vec::new();
        while let Some(piece) = stream.chunk().await.unwrap() {
            assert!(piece.len() < 256 << 10, "{}", piece.len());
            all.extend_from_slice(&piece);
        }
        assert!(all == body.as_bytes());
    });
}

#[test]
fn a_stream_cut_amid_its_coding_ends_in_an_error() {
    let whole = encode("gzip", text().as_bytes());
    let server = serve("gzip", whole[..whole.len() - 4].to_vec());
    let client = local().build().unwrap();
    run(async {
        let mut stream = client.stream(Request::get(server.url()).unwrap()).await.unwrap();
        let error = loop {
            match stream.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a success"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Decode);
    });
}
