//! What is answered for a file.

use crate::client::{ask, folder, get, serve, start};
use gather_site::Site;
use std::time::{Duration, SystemTime};

#[test]
fn types_and_bytes_are_those_of_the_file() {
    let folder = folder(&[
        ("page.html", b"<meta charset=latin1>caf\xe9"),
        ("a.json", b"{}"),
        ("a.css", b"p{}"),
        ("legacy.txt", b"caf\xe9"),
        ("sitemap.xml.gz", b"\x1f\x8b"),
        ("README", b"x"),
        ("empty.txt", b""),
    ]);
    let site = serve(folder.path());
    for (path, kind, length) in [
        ("/page.html", "text/html", 25),
        ("/a.json", "application/json", 2),
        ("/a.css", "text/css; charset=utf-8", 3),
        ("/legacy.txt", "text/plain", 4),
        ("/sitemap.xml.gz", "application/gzip", 2),
        ("/README", "application/octet-stream", 1),
        ("/empty.txt", "text/plain; charset=utf-8", 0),
    ] {
        let answer = get(site.addr(), path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
        assert_eq!(answer.body.len(), length, "{path}");
        assert_eq!(answer.header("content-length"), Some(length.to_string().as_str()), "{path}");
        assert_eq!(answer.header("content-encoding"), None, "{path}");
        assert_eq!(answer.header("accept-ranges"), Some("bytes"), "{path}");
        assert!(answer.header("date").is_some(), "{path}");
    }
}

#[test]
fn a_folder_is_its_index_and_wants_its_slash() {
    let folder = folder(&[("index.html", b"root"), ("a b/index.html", b"inner"), ("old/index.htm", b"old")]);
    let site = serve(folder.path());
    assert_eq!(get(site.addr(), "/").text(), "root");
    assert_eq!(get(site.addr(), "/?page=2").text(), "root");
    assert_eq!(get(site.addr(), "/a%20b/").text(), "inner");
    assert_eq!(get(site.addr(), "/old/").text(), "old");
    let moved = get(site.addr(), "/a%20b?x=1");
    assert_eq!((moved.status, moved.header("location")), (301, Some("/a%20b/?x=1")));
}

#[test]
fn a_redirect_never_leads_to_another_host() {
    let folder = folder(&[("evil.example/index.html", b"x")]);
    let site = serve(folder.path());
    for path in ["//evil.example", "///evil.example"] {
        assert_eq!(get(site.addr(), path).header("location"), Some("/evil.example/"), "{path}");
    }
}

#[test]
fn a_query_does_not_change_the_file() {
    let folder = folder(&[("a.txt", b"x")]);
    let site = serve(folder.path());
    assert_eq!(get(site.addr(), "/a.txt?v=1&../x").text(), "x");
}

#[test]
fn what_is_not_there_is_404_and_stays_so_below_a_file() {
    let folder = folder(&[("a.txt", b"x")]);
    let site = serve(folder.path());
    for path in ["/b.txt", "/a.txt/", "/a.txt/b", &format!("/{}", "n".repeat(300))] {
        let answer = get(site.addr(), path);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (404, Some("text/html; charset=utf-8")),
            "{path}"
        );
        assert!(answer.text().contains("404 Not Found"));
    }
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let folder = folder(&[("a.txt", b"hello"), ("big.bin", &vec![7; 300_000]), ("sub/x", b"")]);
    let site = serve(folder.path());
    for path in ["/a.txt", "/big.bin", "/missing", "/sub/", "/sub"] {
        let mut connection = crate::client::Connection::open(site.addr());
        let head = connection.ask("HEAD", path, &[]);
        let get = connection.ask("GET", path, &[]);
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert_eq!(head.header("etag"), get.header("etag"), "{path}");
        assert!(head.body.is_empty());
    }
}

#[test]
fn other_methods_are_told_what_is_allowed() {
    let folder = folder(&[("a.txt", b"hello")]);
    let site = serve(folder.path());
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        let answer = ask(site.addr(), method, "/a.txt", &[("Content-Length", "0")]);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, OPTIONS")), "{method}");
    }
    for target in ["/a.txt", "/missing", "*"] {
        let answer = ask(site.addr(), "OPTIONS", target, &[]);
        assert_eq!((answer.status, answer.header("allow")), (204, Some("GET, HEAD, OPTIONS")), "{target}");
    }
}

#[test]
fn a_large_file_arrives_whole() {
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let folder = folder(&[("big.bin", &bytes)]);
    let site = serve(folder.path());
    let answer = get(site.addr(), "/big.bin");
    assert_eq!(answer.header("content-length"), Some("3000000"));
    assert!(answer.body == bytes);
}

#[test]
fn a_changed_file_is_seen_at_once_though_it_was_kept_in_memory() {
    let folder = folder(&[("a.txt", b"one")]);
    let path = folder.path().join("a.txt");
    let then = SystemTime::now() - Duration::from_secs(3600);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    let site = serve(folder.path());
    assert_eq!(get(site.addr(), "/a.txt").text(), "one");
    assert_eq!(get(site.addr(), "/a.txt").text(), "one");
    // As long as before.
    std::fs::write(&path, "two").unwrap();
    assert_eq!(get(site.addr(), "/a.txt").text(), "two");
    std::fs::write(&path, "six").unwrap();
    assert_eq!(get(site.addr(), "/a.txt").text(), "six");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(get(site.addr(), "/a.txt").status, 404);
}

#[test]
fn a_file_that_replaces_another_of_the_same_date_and_length_is_seen() {
    let folder = folder(&[("a.txt", b"one"), ("b.txt", b"two")]);
    let then = SystemTime::now() - Duration::from_secs(3600);
    for name in ["a.txt", "b.txt"] {
        std::fs::File::options()
            .write(true)
            .open(folder.path().join(name))
            .unwrap()
            .set_modified(then)
            .unwrap();
    }
    let site = serve(folder.path());
    assert_eq!(get(site.addr(), "/a.txt").text(), "one");
    std::fs::rename(folder.path().join("b.txt"), folder.path().join("a.txt")).unwrap();
    assert_eq!(get(site.addr(), "/a.txt").text(), "two");
}

#[test]
fn without_a_cache_or_with_a_tiny_one_the_answers_are_the_same() {
    let folder = folder(&[("a.txt", b"one"), ("b.txt", &[b'x'; 5000])]);
    for cache in [0, 1500, 1 << 20] {
        let site = start(Site::builder(folder.path()).cache(cache));
        for _ in 0..3 {
            assert_eq!(get(site.addr(), "/a.txt").text(), "one");
            assert_eq!(get(site.addr(), "/b.txt").body.len(), 5000);
        }
    }
}

#[test]
fn a_date_before_1970_has_a_tag_and_no_last_modified() {
    let folder = folder(&[("a.txt", b"old")]);
    let path = folder.path().join("a.txt");
    let then = SystemTime::UNIX_EPOCH - Duration::from_secs(86_400);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    let site = serve(folder.path());
    let answer = get(site.addr(), "/a.txt");
    assert_eq!((answer.status, answer.header("last-modified")), (200, None));
    assert!(answer.header("etag").is_some());
}
