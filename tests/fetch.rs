//! `gather fetch`: its records, and how many at once.

use std::time::{Duration, Instant};

use gather_site::{Mock, Reply};
use serde_json::Value;

use crate::support::{dead_port, field, keys};

#[test]
fn a_record_has_its_keys_in_order() {
    let server = Mock::start(|request| match request.path() {
        "/old" => Reply::redirect(301, "/new"),
        _ => Reply::text("hello"),
    })
    .unwrap();
    let record = gather!["fetch", server.join("/old")].ok().record();
    let expected = ["url", "final_url", "status", "bytes", "content_type", "attempts", "elapsed_ms", "saved"];
    assert_eq!(keys(&record), expected);
    assert_eq!(record["url"], server.join("/old"));
    assert_eq!(record["final_url"], server.join("/new"));
    assert_eq!(record["status"], 200);
    assert_eq!(record["bytes"], 5);
    assert_eq!(record["content_type"], "text/plain; charset=utf-8");
    assert_eq!(record["attempts"], 1);
    assert_eq!(record["saved"], Value::Null);
}

#[test]
fn text_is_decoded_and_headers_are_given() {
    let server = Mock::start(|_| {
        Reply::bytes(b"caf\xe9".as_slice())
            .header("content-type", "text/plain; charset=iso-8859-1")
            .header("x-one", "1")
            .header("x-two", "a")
            .header("x-two", "b")
            .header("x-odd", b"\xff")
    })
    .unwrap();
    let record = gather!["fetch", server.url(), "--text", "--headers"].ok().record();
    assert_eq!(record["text"], "café");
    assert_eq!(record["headers"]["x-one"], "1");
    assert_eq!(record["headers"]["x-two"], serde_json::json!(["a", "b"]));
    assert_eq!(record["headers"]["x-odd"], "\u{ff}"); // not UTF-8: as ISO-8859-1, so that no byte is lost
}

#[test]
fn body_gives_the_bytes_and_nothing_else() {
    let server = Mock::start(|_| Reply::bytes(b"\x00\xff raw".as_slice())).unwrap();
    assert_eq!(gather!["fetch", "--body", server.url()].ok().bytes, b"\x00\xff raw");
    let two = gather!["fetch", "--body", server.url(), server.url()].run().code(2);
    two.says(&["--body", "hint:"]);
    let missing = Mock::start(|_| Reply::status(404).body("not here")).unwrap();
    assert_eq!(gather!["fetch", "--body", missing.url()].run().code(1).stdout, "");
}

#[test]
fn statuses_from_400_fail_unless_they_are_accepted() {
    let server = Mock::start(|request| {
        Reply::status(request.path().trim_start_matches('/').parse().unwrap()).body("x")
    })
    .unwrap();
    for status in [400, 404, 410, 451, 999] {
        let url = server.join(&format!("/{status}"));
        gather!["fetch", &url, "--retries", "0"].run().code(1).says(&[&status.to_string()]);
        for accepted in [status.to_string(), "all".to_owned(), format!("{status}-999")] {
            let record = gather!["fetch", &url, "--retries", "0", "--accept-status", &accepted].ok().record();
            assert_eq!(record["status"], status, "{accepted}");
        }
    }
    gather!["fetch", server.url(), "--accept-status", "4xx"].run().code(2).says(&["4xx", "hint:"]);
}

#[test]
fn a_dead_port_is_a_failure_of_its_own_and_the_others_succeed() {
    let server = Mock::start(|_| Reply::text("x")).unwrap();
    let folder = crate::support::Folder::new();
    let dead = format!("http://127.0.0.1:{}/", dead_port());
    let errors = folder.join("e.jsonl");
    let run = gather!["fetch", server.join("/a"), &dead, server.join("/b"), "--errors", &errors, "--ordered"];
    let run = run.run().code(1).says(&[&dead]);
    assert_eq!(field(&run.records(), "url"), [server.join("/a"), server.join("/b")]);
    let errors = crate::support::jsonl_file(errors);
    assert_eq!(field(&errors, "kind"), ["connect"]);
    assert_eq!(errors[0]["attempts"], 3);
}

#[test]
fn a_hundred_slow_answers_take_the_time_of_one() {
    let server = Mock::start(|_| Reply::text("x").delay(Duration::from_millis(200))).unwrap();
    let urls: Vec<String> = (0..100).map(|n| server.join(&format!("/{n}"))).collect();
    let start = Instant::now();
    let run = gather!["fetch", "-j", "100"].args(&urls).ok();
    assert_eq!(run.records().len(), 100);
    // One after the other they take 20 s. The release binary stays below 0.5 s; this one has a busy machine.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn jobs_bound_how_many_are_under_way() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    struct Leaving(Arc<AtomicUsize>);
    impl Drop for Leaving {
        fn drop(&mut self) {
            self.0.fetch_sub(1, SeqCst);
        }
    }
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (inside, seen) = (now.clone(), most.clone());
    let server = Mock::start(move |_| {
        seen.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
        let leaving = Leaving(inside.clone());
        Reply::text("x").after(async move {
            gather_core::sleep(Duration::from_millis(10)).await;
            drop(leaving);
        })
    })
    .unwrap();
    let urls: Vec<String> = (0..40).map(|n| server.join(&format!("/{n}"))).collect();
    gather!["fetch", "-j", "4"].args(&urls).ok();
    assert!((2..=4).contains(&most.load(SeqCst)), "{most:?}");
}

#[test]
fn ordered_gives_the_order_of_the_inputs_however_they_complete() {
    let (open, gate) = async_channel::bounded::<()>(1);
    let server = Mock::start(move |request| match request.path() {
        "/first" => {
            let gate = gate.clone();
            Reply::text("x").after(async move {
                let _ = gate.recv().await;
            })
        }
        _ => {
            open.close(); // the first answers once the second was asked for
            Reply::text("x")
        }
    })
    .unwrap();
    let urls = [server.join("/first"), server.join("/second")];
    let run = gather!["fetch", "--ordered"].args(&urls).ok();
    assert_eq!(field(&run.records(), "url"), urls);
}

#[test]
fn a_page_that_is_packed_is_unpacked_and_counted_decoded() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, &[b'x'; 1_000]).unwrap();
    let packed = packed.finish().unwrap();
    let server =
        Mock::start(move |_| Reply::bytes(packed.clone()).header("content-encoding", "gzip")).unwrap();
    assert_eq!(gather!["fetch", server.url()].ok().record()["bytes"], 1_000);
    assert!(server.requests()[0].header("accept-encoding").unwrap().contains("gzip"));
}

#[test]
fn a_dash_is_no_url() {
    gather!["fetch", "-"].run().code(2).says(&["--input -"]);
}
