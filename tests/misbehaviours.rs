//! The catalogue of misbehaviours through the binary: all at once, and the ones that are meant to exhaust it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use gather_site::{Mock, Reply, Rude, ServerTls, Step, TestCa};
use serde_json::Value;

use crate::support::{Folder, Gather, jsonl, jsonl_file, lawful_summary};
use catalogue::encode::{endless_gzip, endless_gzip_in_gzip};
use catalogue::{Certificate, Place, Row, Want};

#[path = "../crates/fetch/tests/misbehaviours/catalogue/mod.rs"]
#[allow(dead_code, unused_imports, reason = "a row says more than a run of the binary shows")]
mod catalogue;

/// What the process may have at most: while all misbehave, or while large bodies come that are kept.
const MOST: u64 = 150 << 20;

/// How long the slowest row may take, from the start of its process to its end.
const LONGEST: Duration = Duration::from_secs(9);

/// What it may have at most for one bomb, however large that is. (Without optimisation the program itself is 11 MB more.)
const BOMB: u64 = if cfg!(debug_assertions) { 65 << 20 } else { 50 << 20 };

/// An authority that is trusted, and one that is not.
struct Authorities {
    known: TestCa,
    stranger: TestCa,
}

impl Authorities {
    fn new() -> Self {
        Self { known: TestCa::new().unwrap(), stranger: TestCa::new().unwrap() }
    }

    fn certificate(&self, which: Certificate) -> ServerTls {
        match which {
            Certificate::Good => self.known.good(),
            Certificate::Expired => self.known.expired(),
            Certificate::NotYetValid => self.known.not_yet_valid(),
            Certificate::WrongHost => self.known.wrong_host(),
            Certificate::SelfSigned => self.known.self_signed(),
            Certificate::UnknownIssuer => self.stranger.good(),
        }
        .unwrap()
    }
}

/// The row's servers, and what is asked of the first.
fn serve(row: &Row, authorities: &Authorities) -> ([Rude; 2], String) {
    let place: Arc<OnceLock<Place>> = Arc::default();
    let (script, known) = (row.script.clone(), place.clone());
    let builder = match row.tls {
        Some(which) => Rude::builder().tls(authorities.certificate(which)),
        None => Rude::builder(),
    };
    let server = builder.start(move |connection| script(known.get().unwrap(), connection)).unwrap();
    let other = Rude::answer("HTTP/1.1 200 OK\r\n\r\nother").unwrap();
    let here = server.url().to_owned();
    let place = place.get_or_init(|| Place { here, other: other.url().to_owned() });
    let url = (row.ask.url)(place);
    ([server, other], url)
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

/// A fetch that keeps what comes, for so long at most.
fn fetch(folder: &Folder, pem: &Path, timeout: &str) -> Gather {
    gather!["fetch", "--retries", "0", "--cacert", pem, "--output-dir", folder.join("saved"), "--text"]
        .args(["--connect-timeout", "2s", "--timeout", timeout, "--progress", "never", "--allow-private"])
        .arg("-o")
        .arg(folder.join("o.jsonl"))
        .arg("--errors")
        .arg(folder.join("e"))
        .arg("--summary")
        .arg(folder.join("s"))
}

fn results(folder: &Folder) -> Vec<Value> {
    [jsonl_file(folder.join("e")), jsonl(&folder.read("o.jsonl"))].concat()
}

#[test]
fn all_misbehaviours_at_once_end_in_time_with_their_kinds_and_in_bounded_memory() {
    let authorities = Authorities::new();
    let rows: Vec<Row> = catalogue::all().into_iter().filter(Row::is_plain).collect();
    let (servers, urls): (Vec<_>, Vec<String>) = rows.iter().map(|row| serve(row, &authorities)).unzip();
    let folder = Folder::new();
    let pem = folder.write("ca.pem", authorities.known.ca_pem());
    let list = folder.write("urls", urls.join("\n"));
    let run = fetch(&folder, &pem, "6s").args(["-j", "64", "--max-size", "256k", "--input"]).arg(list);
    let start = Instant::now();
    let (run, peak) = run.start().wait_with_peak();
    let took = start.elapsed();
    run.code(1);
    println!("{} misbehaviours at once: {took:?}, peak {peak:?} bytes", rows.len());
    let results = results(&folder);
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
    assert!(peak.is_none_or(|peak| peak < MOST), "{peak:?}");
    drop(servers);
}

/// Runs the binary on one row, and says what is not as the row has it.
fn alone(row: &Row, authorities: &Authorities) -> Option<String> {
    let (servers, url) = serve(row, authorities);
    let folder = Folder::new();
    let pem = folder.write("ca.pem", authorities.known.ca_pem());
    let mut run = fetch(&folder, &pem, "3s").args(["-j", "1", "--per-host", "1", "-X", row.ask.method]);
    run = run.args(["--max-size", &format!("{}k", row.limits.body.min(1 << 40) >> 10)]);
    for (name, value) in &row.ask.headers {
        run = run.args(["-H", &format!("{name}: {value}")]);
    }
    if !row.ask.body.is_empty() {
        run = run.arg("-d").arg(format!("@{}", folder.write("body", &row.ask.body).display()));
    }
    let start = Instant::now();
    let (run, peak) = run.args(vec![&url; row.ask.times]).start().wait_with_peak();
    let took = start.elapsed();
    if !folder.join("s").exists() {
        return Some(format!("- {}: {}", row.name, run.stderr));
    }
    let results = results(&folder);
    drop(servers);
    // Of several requests the last one is judged, and those before it succeed: a failure is the last one's.
    let failed = results.iter().find(|result| result["kind"].is_string());
    let judged = failed.or(results.last()).cloned();
    let told = told(judged.as_slice()).remove(&url).unwrap_or_default();
    let wrong = (!wanted(&row.want).contains(&told)).then(|| format!("told {told:?}, wanted {:?}", row.want));
    let wrong = wrong.or_else(|| (took > LONGEST).then(|| format!("it took {took:?}")));
    let wrong = wrong.or_else(|| peak.filter(|peak| *peak > MOST).map(|peak| format!("peak {peak}")));
    let is_panic = run.stderr.contains("panicked") || results.len() != row.ask.times;
    let wrong = wrong.or_else(|| is_panic.then(|| run.stderr.clone()));
    wrong.map(|wrong| format!("- {}: {wrong}", row.name))
}

#[test]
fn each_misbehaviour_alone_ends_in_time_with_its_kind_and_in_bounded_memory() {
    let authorities = Authorities::new();
    let rows: Vec<Row> = catalogue::all().into_iter().filter(Row::is_sayable).collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    // Most rows wait for a limit: several processes at once do not disturb each other.
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::SeqCst)) {
                    wrong.lock().unwrap().extend(alone(row, &authorities));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
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
    peak
}

#[test]
fn large_bodies_that_are_kept_wait_for_each_other_until_they_are_written() {
    let folder = Folder::new();
    let saved = folder.join("saved").display().to_string();
    let peak = peak_of(&["fetch", "--output-dir", &saved], "text/plain", vec![b'x'; 20 << 20], 16);
    assert!(peak.is_none_or(|peak| peak < MOST), "{peak:?}");
}

#[test]
fn large_pages_wait_for_each_other_until_they_are_parsed() {
    // A page that costs next to nothing but its text.
    let page = [b"<title>t</title><!--", &vec![b'x'; 4 << 20][..], b"-->"].concat();
    for args in [&["scrape", "--field", "t=title"][..], &["links"]] {
        let peak = peak_of(args, "text/html", page.clone(), 48);
        assert!(peak.is_none_or(|peak| peak < MOST), "{args:?}: {peak:?}");
    }
}
