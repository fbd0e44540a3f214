//! Conditional and range requests over the wire; the rules themselves are tested beside them.

use crate::client::{ask, folder, get, serve};

#[test]
fn an_unchanged_file_is_304_without_a_body() {
    let folder = folder(&[("a.txt", b"hello")]);
    let site = serve(folder.path());
    let first = get(site.addr(), "/a.txt");
    let etag = first.header("etag").unwrap();
    assert!(etag.starts_with('"') && etag.ends_with("-5\""), "{etag}");
    for condition in [("If-None-Match", etag), ("If-Modified-Since", first.header("last-modified").unwrap())]
    {
        for method in ["GET", "HEAD"] {
            let mut connection = crate::client::Connection::open(site.addr());
            let answer = connection.ask(method, "/a.txt", &[condition]);
            assert_eq!((answer.status, answer.header("etag")), (304, Some(etag)), "{condition:?}");
            assert_eq!(answer.header("content-length"), None);
            // Nothing was left on the connection.
            assert_eq!(connection.ask("GET", "/a.txt", &[]).text(), "hello");
        }
    }
}

#[test]
fn a_changed_file_has_another_tag_and_is_sent() {
    let folder = folder(&[("a.txt", b"hello")]);
    let site = serve(folder.path());
    let old = get(site.addr(), "/a.txt").header("etag").unwrap().to_owned();
    std::fs::write(folder.path().join("a.txt"), "changed").unwrap();
    let answer = ask(site.addr(), "GET", "/a.txt", &[("If-None-Match", &old)]);
    assert_eq!((answer.status, answer.text().as_str()), (200, "changed"));
    assert_eq!(ask(site.addr(), "GET", "/a.txt", &[("If-Match", &old)]).status, 412);
}

#[test]
fn a_range_of_a_small_and_of_a_large_file() {
    let large: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let folder = folder(&[("small.bin", &large[..1000]), ("large.bin", &large)]);
    let site = serve(folder.path());
    for (path, length) in [("/small.bin", 1000_usize), ("/large.bin", 1_000_000)] {
        let answer = |range: &str| ask(site.addr(), "GET", path, &[("Range", range)]);
        let middle = answer("bytes=10-19");
        assert_eq!(middle.status, 206);
        assert_eq!(middle.header("content-range"), Some(format!("bytes 10-19/{length}").as_str()));
        assert_eq!(middle.header("content-length"), Some("10"));
        assert_eq!(middle.body, &large[10..20]);
        assert_eq!(answer("bytes=500-").body, &large[500..length]);
        assert_eq!(answer("bytes=-7").body, &large[length - 7..length]);
        let whole = answer("bytes=0-1,5-6");
        assert_eq!((whole.status, whole.body.len()), (200, length));
        let beyond = answer(&format!("bytes={length}-"));
        assert_eq!(
            (beyond.status, beyond.header("content-range")),
            (416, Some(format!("bytes */{length}").as_str()))
        );
        assert!(beyond.body.is_empty());
    }
}

#[test]
fn a_range_of_what_has_changed_since_gives_the_whole() {
    let folder = folder(&[("a.txt", b"hello")]);
    let site = serve(folder.path());
    let etag = get(site.addr(), "/a.txt").header("etag").unwrap().to_owned();
    let part = ask(site.addr(), "GET", "/a.txt", &[("Range", "bytes=1-2"), ("If-Range", &etag)]);
    assert_eq!((part.status, part.text().as_str()), (206, "el"));
    let whole = ask(site.addr(), "GET", "/a.txt", &[("Range", "bytes=1-2"), ("If-Range", "\"other\"")]);
    assert_eq!((whole.status, whole.text().as_str()), (200, "hello"));
}

#[test]
fn head_ignores_a_range() {
    let folder = folder(&[("a.txt", b"hello")]);
    let site = serve(folder.path());
    let head = ask(site.addr(), "HEAD", "/a.txt", &[("Range", "bytes=1-2")]);
    assert_eq!((head.status, head.header("content-length")), (200, Some("5")));
}
