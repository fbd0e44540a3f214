//! The catalogue of misbehaviours through the binary: all at once, and the ones that are meant to exhaust it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use gather_site::{Mock, Reply, Rude, ServerTls, Step, TestCa};
use serde_json::Value;

use crate::support::{Folder, jsonl, jsonl_file, lawful_summary};
use catalogue::encode::{endless_gzip, endless_gzip_in_gzip};
use catalogue::{Certificate, Place, Row, Want};

#[path = "../crates/fetch/tests/misbehaviours/catalogue/mod.rs"]
#[allow(dead_code, unused_imports, reason = "a row says more than a run of the binary shows")]
mod catalogue;

/// What the process may have at most while all misbehave.
const ALL: u64 = if cfg!(debug_assertions) { 300 << 20 } else { 150 << 20 };

/// What it may have at most for one bomb, however large that is. (Without optimisation the program itself is 11 MB more.)
const BOMB: u64 = if cfg!(debug_assertions) { 65 << 20 } else { 50 << 20 };

fn certificate(ca: &TestCa, which: Certificate) -> ServerTls {
    match which {
        Certificate::Good => ca.good(),
        Certificate::Expired => ca.expired(),
        Certificate::NotYetValid => ca.not_yet_valid(),
        Certificate::WrongHost => ca.wrong_host(),
        Certificate::SelfSigned | Certificate::UnknownIssuer => ca.self_signed(),
    }
    .unwrap()
}

/// The row's server, and what is asked of it.
fn serve(row: &Row, ca: &TestCa) -> (Rude, String) {
    let place: Arc<OnceLock<Place>> = Arc::default();
    let (script, known) = (row.script.clone(), place.clone());
    let builder = match row.tls {
        Some(which) => Rude::builder().tls(certificate(ca, which)),
        None => Rude::builder(),
    };
    let server = builder.start(move |connection| script(known.get().unwrap(), connection)).unwrap();
    let place = place.get_or_init(|| Place { here: server.url().to_owned(), other: server.url().to_owned() });
    let url = (row.ask.url)(place);
    (server, url)
}

/// What the binary says of an input, in words: a status with its bytes, or a kind.
fn told(results: &[Value]) -> HashMap<String, String> {
    let said = results.iter().map(|result| match result["kind"].as_str() {
        Some(kind) => (result["input"].as_str().unwrap().to_owned(), kind.to_owned()),
        None => {
            let said = format!("{} with {} bytes", result["status"], result["bytes"]);
            (result["url"].as_str().unwrap().to_owned(), said)
        }
    });
    said.collect()
}

fn wanted(want: &Want) -> Vec<String> {
    match want {
        Want::Whole(status, _) if *status >= 400 => vec!["status".to_owned()],
        Want::Whole(status, body) => vec![format!("{status} with {} bytes", body.len())],
        Want::Fails(kind) => vec![kind.to_string()],
        Want::TimesOut(_) => vec!["timeout".to_owned()],
        Want::OneOf(wants) => wants.iter().flat_map(wanted).collect(),
    }
}

#[test]
fn all_misbehaviours_at_once_end_in_time_with_their_kinds_and_in_bounded_memory() {
    let ca = TestCa::new().unwrap();
    let rows: Vec<Row> = catalogue::all().into_iter().filter(Row::is_plain).collect();
    let (servers, urls): (Vec<Rude>, Vec<String>) = rows.iter().map(|row| serve(row, &ca)).unzip();
    let folder = Folder::new();
    let pem = folder.write("ca.pem", ca.ca_pem());
    let list = folder.write("urls", urls.join("\n"));
    let run = gather!["fetch", "--input", list, "-j", "64", "--retries", "0", "--cacert", pem]
        .args(["--connect-timeout", "2s", "--timeout", "6s", "--max-size", "256k"])
        .args(["--progress", "never", "-o"])
        .arg(folder.join("o.jsonl"))
        .arg("--errors")
        .arg(folder.join("e"))
        .arg("--summary")
        .arg(folder.join("s"));
    let start = Instant::now();
    let (run, peak) = run.start().wait_with_peak();
    let took = start.elapsed();
    run.code(1);
    println!("{} misbehaviours at once: {took:?}, peak {peak:?} bytes", rows.len());
    let results = [jsonl_file(folder.join("e")), jsonl(&folder.read("o.jsonl"))].concat();
    assert_eq!(results.len(), rows.len());
    let told = told(&results);
    let wrong: Vec<String> = (rows.iter().zip(&urls))
        .filter(|(row, url)| !wanted(&row.want).contains(&told[*url]))
        .map(|(row, url)| format!("{}: wanted {:?}, told {}", row.name, wanted(&row.want), told[url]))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let slowest = results.iter().filter_map(|result| result["elapsed_ms"].as_u64()).max();
    assert!(slowest.is_some_and(|ms| ms < 9_000), "{slowest:?}");
    assert_eq!(lawful_summary(folder.join("s"))["inputs"], rows.len());
    assert!(peak.is_none_or(|peak| peak < ALL), "{peak:?}");
    drop(servers);
}

/// The kind that a fetch of this URL ends with, and its peak.
fn kind(url: &str, options: &[&str]) -> (String, Option<u64>) {
    let folder = Folder::new();
    let run = gather!["fetch", url, "--retries", "0", "--errors", folder.join("e")].args(options);
    let (run, peak) = run.start().wait_with_peak();
    run.code(1);
    let kind = jsonl_file(folder.join("e"))[0]["kind"].as_str().unwrap().to_owned();
    (kind, peak)
}

#[test]
fn a_bomb_that_would_be_larger_than_ten_gigabytes_is_refused_in_little_memory() {
    for (coding, (begin, again)) in [("gzip", endless_gzip()), ("gzip, gzip", endless_gzip_in_gzip())] {
        // It never ends: whoever takes ten gigabytes of it takes more.
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n");
        let begin = [head.as_bytes(), &begin].concat();
        let server = Rude::start(move |_| vec![Step::Read, Step::send(&begin), Step::flood(&again)]).unwrap();
        let folder = Folder::new();
        let saved = folder.join("saved").display().to_string();
        for options in [&[][..], &["--max-size", "20GiB"], &["--text"], &["--output-dir", &saved]] {
            let (kind, peak) = kind(server.url(), options);
            println!("{coding} {options:?}: {kind}, peak {peak:?} bytes");
            assert_eq!(kind, "too_large", "{coding} {options:?}");
            assert!(peak.is_none_or(|peak| peak < BOMB), "{coding} {options:?}: {peak:?}");
        }
    }
}

#[test]
fn ten_thousand_redirects_to_ever_new_urls_end_at_the_limit() {
    for (options, limit) in [(&[][..], 10), (&["--max-redirects", "1000"][..], 1000)] {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let server = Mock::start(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
            10_000.. => Reply::text("the end"),
            n => Reply::redirect(302, &format!("/{n}")),
        })
        .unwrap();
        assert_eq!(kind(server.url(), options).0, "redirect");
        assert_eq!(asked.load(Ordering::SeqCst), limit + 1);
    }
}

/// What the process may have at most while large bodies come that are kept, however many there are.
const KEPT: u64 = 150 << 20;

/// Runs this on so many pages of this body, all at once, and tells the peak.
fn peak_of(args: &[&str], content_type: &'static str, body: Vec<u8>, pages: usize) -> Option<u64> {
    let server = Mock::start(move |_| Reply::bytes(body.clone()).header("content-type", content_type));
    let server = server.unwrap();
    let folder = Folder::new();
    let urls: Vec<String> = (0..pages).map(|n| server.join(&format!("/{n}"))).collect();
    let list = folder.write("urls", urls.join("\n"));
    let run = gather!["-j", "64", "-o", "/dev/null", "--format", "jsonl", "--input", list];
    let mut whole = gather![];
    whole.command.args(args).args(run.command.get_args());
    let (run, peak) = whole.start().wait_with_peak();
    run.code(0);
    println!("{args:?}: peak {peak:?} bytes");
    peak
}

#[test]
fn large_bodies_that_are_kept_wait_for_each_other_until_they_are_written() {
    let folder = Folder::new();
    let saved = folder.join("saved").display().to_string();
    let peak = peak_of(&["fetch", "--output-dir", &saved], "text/plain", vec![b'x'; 20 << 20], 16);
    assert!(peak.is_none_or(|peak| peak < KEPT), "{peak:?}");
}

#[test]
fn large_pages_wait_for_each_other_until_they_are_parsed() {
    // A page that costs next to nothing but its text.
    let page = [b"<title>t</title><!--", &vec![b'x'; 4 << 20][..], b"-->"].concat();
    for args in [&["scrape", "--field", "t=title"][..], &["links"]] {
        let peak = peak_of(args, "text/html", page.clone(), 48);
        assert!(peak.is_none_or(|peak| peak < KEPT), "{args:?}: {peak:?}");
    }
}
