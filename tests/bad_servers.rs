//! Servers that lie, stall, loop or flood: each a failure with its kind, none a hang or a truncated success.

use std::io::Write;
use std::time::Duration;

use gather_site::{Mock, Reply, Rude, Step};
use serde_json::Value;

use crate::support::{Folder, dead_port, jsonl_file, lawful_summary};

/// What a fetch that must fail says of itself.
fn error(url: &str, options: &[&str]) -> Value {
    let folder = Folder::new();
    let run =
        gather!["fetch", url, "--retries", "0", "--errors", folder.join("e"), "--summary", folder.join("s")];
    let run = run.args(options).run().code(1);
    assert_eq!(run.stdout, "");
    lawful_summary(folder.join("s"));
    let mut errors = jsonl_file(folder.join("e"));
    assert_eq!(errors.len(), 1);
    let error = errors.remove(0);
    assert!(run.stderr.contains(error["input"].as_str().unwrap()), "{}", run.stderr);
    error
}

fn kind(url: &str, options: &[&str]) -> String {
    error(url, options)["kind"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_no_url_and_what_has_no_known_scheme() {
    for url in ["nonsense", "http://", "http://[::1", "http://a b/", "//example.com/", "ftp://example.com/x"]
    {
        assert_eq!(kind(url, &[]), "invalid_input", "{url}");
    }
    for url in ["file:///etc/passwd", "data:text/plain,x", "javascript:alert(1)"] {
        assert_eq!(kind(url, &[]), "invalid_input", "{url}");
    }
}

#[test]
fn a_refused_connection_and_a_name_that_does_not_resolve() {
    assert_eq!(kind(&format!("http://127.0.0.1:{}/", dead_port()), &[]), "connect");
    assert_eq!(kind("http://no-such-host.invalid/", &[]), "dns");
}

#[test]
fn a_loop_of_redirects_ends() {
    let server = Mock::start(|request| match request.path() {
        "/a" => Reply::redirect(302, "/b"),
        _ => Reply::redirect(302, "/a"),
    })
    .unwrap();
    assert_eq!(kind(&server.join("/a"), &[]), "redirect");
    assert!(server.calls() <= 11, "{}", server.calls());
}

#[test]
fn a_redirect_that_leads_nowhere() {
    let server = Mock::start(|_| Reply::redirect(302, "http://[nonsense")).unwrap();
    assert_eq!(kind(server.url(), &[]), "redirect");
    let server = Mock::start(|_| Reply::redirect(302, "file:///etc/passwd")).unwrap();
    assert_eq!(kind(server.url(), &[]), "redirect");
}

#[test]
fn an_endless_body_is_refused_at_the_limit() {
    let head = "HTTP/1.1 200 OK\r\n\r\n";
    let flood = Rude::start(move |_| vec![Step::Read, Step::send(head), Step::flood([b'x'; 1_024])]).unwrap();
    assert_eq!(kind(flood.url(), &["--max-size", "100k"]), "too_large");
}

#[test]
fn endless_headers_are_refused() {
    let flood =
        Rude::start(|_| vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\n"), Step::flood("x-more: yes\r\n")])
            .unwrap();
    let kind = kind(flood.url(), &[]);
    assert!(["too_large", "body", "decode"].contains(&kind.as_str()), "{kind}");
}

#[test]
fn a_body_shorter_than_promised_is_no_success() {
    let short = Rude::answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort").unwrap();
    assert_eq!(kind(short.url(), &[]), "body");
    let chunked =
        Rude::answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").unwrap();
    assert_eq!(kind(chunked.url(), &[]), "body");
}

#[test]
fn garbage_instead_of_http_is_no_success() {
    for garbage in
        ["SSH-2.0-OpenSSH_9.9\r\n", "\0\u{1}\u{2}\u{3}", "<html>hello</html>", "HTTP/9.9 what\r\n\r\n"]
    {
        let server = Rude::answer(garbage).unwrap();
        let error = error(server.url(), &[]);
        assert!(["body", "decode", "connect", "io"].contains(&error["kind"].as_str().unwrap()), "{error}");
    }
    let silent = Rude::start(|_| vec![Step::Read, Step::Close]).unwrap();
    error(silent.url(), &[]);
}

#[test]
fn a_bomb_is_refused_and_what_is_not_packed_as_said_does_not_decode() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    (0..100).for_each(|_| bomb.write_all(&zeros).unwrap());
    let bomb = bomb.finish().unwrap();
    let server = Mock::start(move |_| Reply::bytes(bomb.clone()).header("content-encoding", "gzip")).unwrap();
    assert_eq!(kind(server.url(), &[]), "too_large");
    let server = Mock::start(|_| Reply::text("not packed").header("content-encoding", "gzip")).unwrap();
    assert_eq!(kind(server.url(), &[]), "decode");
}

#[test]
fn a_server_that_says_nothing_times_out_in_a_phase_that_is_named() {
    let silent = Rude::start(|_| vec![Step::Read, Step::Hold]).unwrap();
    let total = error(silent.url(), &["--timeout", "200ms"]);
    assert_eq!((&total["kind"], &total["phase"]), (&"timeout".into(), &"total".into()));
    let url = silent.url().replace("http://", "https://");
    let tls = error(&url, &["--timeout", "200ms"]);
    assert_eq!(tls["kind"], "timeout");
    assert!(tls["phase"].is_string(), "{tls}");
}

#[test]
fn a_body_that_drips_is_bounded_by_the_total_time() {
    let every = Duration::from_millis(20);
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    let drip = Rude::start(move |_| vec![Step::Read, Step::send(head), Step::drip(vec![b'x'; 5_000], every)])
        .unwrap();
    let error = error(drip.url(), &["--timeout", "300ms"]);
    assert_eq!((&error["kind"], &error["phase"]), (&"timeout".into(), &"total".into()));
}

#[test]
fn a_page_cannot_lead_us_to_a_private_address() {
    let inside = Mock::start(|_| Reply::text("the secrets of this machine")).unwrap();
    let target = inside.join("/admin");
    let server = Mock::start(move |_| Reply::redirect(302, &target)).unwrap();
    for command in ["fetch", "links", "scrape"] {
        let folder = Folder::new();
        let run = gather![command, server.url(), "--errors", folder.join("e"), "--summary", folder.join("s")];
        run.run().code(1).says(&["hint:"]);
        assert_eq!(jsonl_file(folder.join("e"))[0]["kind"], "private_address", "{command}");
        assert_eq!(lawful_summary(folder.join("s"))["refused"], 1);
    }
    assert_eq!(inside.calls(), 0);
    gather!["fetch", server.url(), "--allow-private"].ok();
    assert_eq!(inside.calls(), 1);
}

#[test]
fn what_a_server_says_never_reaches_the_terminal_raw() {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J";
    let rude = Rude::answer(format!("{evil}\r\n\r\n")).unwrap();
    let server = Mock::start(|_| Reply::redirect(302, "http://evil.invalid/\u{1b}[31m")).unwrap();
    let typed = format!("{}/\u{1b}[31m\u{9b}2J", server.url());
    for url in [rude.url(), server.url(), &typed, "\u{1b}[31mnot a url"] {
        let run = gather!["fetch", "-v", url, "--retries", "0"].run().code(1);
        let raw = run.stderr.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(raw, None, "{:?}", run.stderr);
    }
    let page = Mock::start(|_| Reply::html("<title>\u{1b}[2Jx</title><a href='/a'>\u{1b}[31m</a>")).unwrap();
    for run in [
        gather!["scrape", page.url(), "--field", "t=title", "--format", "text"],
        gather!["links", page.url(), "--format", "text"],
    ] {
        assert!(!run.ok().stdout.contains('\u{1b}'));
    }
}
