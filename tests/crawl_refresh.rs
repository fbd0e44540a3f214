//! What a crawl makes of pages that it knows: `--refresh`, and going on with one that was interrupted.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gather_site::{Mock, Reply, Request};

use crate::support::{Folder, Gather, Run, dead_port, execute, field, jsonl};

fn crawl(folder: &Folder, url: &str) -> Gather {
    gather!["crawl", url, "--store", "a.db", "--retries", "0"].here(folder.path())
}

/// A site that knows which round it is in.
fn site(page: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> (Mock, Arc<AtomicUsize>) {
    let round = Arc::new(AtomicUsize::new(0));
    let now = round.clone();
    let answer = move |request: &Request| match request.path() {
        "/robots.txt" => Reply::status(404),
        _ => page(request, now.load(Ordering::SeqCst)),
    };
    (Mock::start(answer).unwrap(), round)
}

fn titled(title: &str, links: &[&str]) -> String {
    let links: String = links.iter().map(|link| format!("<a href='{link}'>")).collect();
    format!("<title>{title}</title>{links}")
}

fn titles(run: &Run) -> Vec<String> {
    let records = run.records();
    let mut titles: Vec<String> = field(&records, "title").into_iter().map(str::to_owned).collect();
    titles.sort();
    titles
}

/// What the rounds have changed: how, and which page.
fn changes(folder: &Folder, site: &Mock) -> Vec<String> {
    let run = gather!["export", "a.db", "--changes"].here(folder.path()).ok();
    let of = |change: &serde_json::Value| {
        let path = change["_source"].as_str().unwrap().replace(site.url(), "");
        format!("{} {path}", change["change"].as_str().unwrap())
    };
    run.records().iter().map(of).collect()
}

/// Makes the robots.txt that a store has a day old.
const AGE_ROBOTS: &str = "update hosts set robots_until = 0";

fn verified(folder: &Folder) {
    gather!["verify", "a.db"].here(folder.path()).ok();
}

#[test]
fn a_host_whose_robots_cannot_be_had_holds_up_no_refresh() {
    let unavailable = Mock::start(|_| Reply::status(503)).unwrap();
    for other in [format!("http://127.0.0.1:{}", dead_port()), unavailable.url().to_owned()] {
        let folder = Folder::new();
        let link = format!("{other}/x");
        let (site, round) = site(move |_, round| Reply::html(titled(&format!("version {round}"), &[&link])));
        let run = |options: &[&str]| {
            crawl(&folder, site.url())
                .args(["--allow", "http://127.0.0.1:*/**", "--allow-private"])
                .args(options)
        };
        run(&[]).run();
        for number in 1..3 {
            round.store(number, Ordering::SeqCst);
            assert_eq!(titles(&run(&["--refresh"]).run()), [format!("version {number}")], "{other}");
        }
        verified(&folder);
    }
}

#[test]
fn a_shorter_way_found_in_a_refresh_leads_on_behind_pages_that_have_not_changed() {
    for is_conditional in [true, false] {
        let folder = Folder::new();
        let (site, round) = site(move |request, round| {
            let links: &[&str] = match request.path() {
                "/" if round == 0 => &["/a"],
                "/" => &["/a", "/hub"],
                "/a" => &["/b"],
                "/b" => &["/hub"],
                "/hub" => &["/x"],
                "/x" => &["/y"],
                _ => &[],
            };
            let etag = format!("\"{}\"", links.join(" "));
            if is_conditional && request.header("if-none-match") == Some(&etag) {
                return Reply::status(304);
            }
            let page = Reply::html(titled(request.path(), links));
            if is_conditional { page.header("etag", etag) } else { page }
        });
        let run = || crawl(&folder, site.url()).args(["--max-depth", "3", "-j", "1"]);
        assert_eq!(titles(&run().ok()), ["/", "/a", "/b", "/hub"]);
        round.store(1, Ordering::SeqCst);
        let expected = ["/", "/a", "/b", "/hub", "/x", "/y"];
        assert_eq!(titles(&run().arg("--refresh").ok()), expected, "conditional: {is_conditional}");
        verified(&folder);
    }
}

#[test]
fn links_that_a_page_has_no_more_leave_a_store_whole() {
    let folder = Folder::new();
    let (site, round) = site(|request, round| match (request.path(), round) {
        ("/", 0) => Reply::html(titled("/", &["/a"])),
        ("/", _) => Reply::html(titled("/", &["/b", "/gone"])),
        ("/a", 0) => Reply::html(titled("/a", &["/b", "/gone"])),
        ("/a", _) => Reply::html(titled("/a", &[])),
        ("/b", 0) => Reply::html(titled("/b", &["/c"])),
        ("/b", _) => Reply::html(titled("/b", &[])),
        ("/gone", 0) => Reply::html(titled("/gone", &["/d"])),
        ("/c" | "/d", _) => Reply::html(titled(request.path(), &[])),
        _ => Reply::status(404),
    });
    crawl(&folder, site.url()).args(["--max-depth", "5"]).ok();
    round.store(1, Ordering::SeqCst);
    crawl(&folder, site.url()).args(["--max-depth", "5", "--refresh"]).ok();
    verified(&folder);
}

#[test]
fn a_page_that_is_none_any_more_is_gone_from_the_answer_and_the_feed_says_so() {
    for what in ["pdf", "out of scope", "itself", "no web page", "too large", "barred"] {
        let folder = Folder::new();
        let round = Arc::new(AtomicUsize::new(0));
        let now = round.clone();
        let site = Mock::start(move |request| {
            let is_other = now.load(Ordering::SeqCst) == 1;
            match (request.path(), what) {
                ("/robots.txt", "barred") if is_other => Reply::text("User-agent: *\nDisallow: /a"),
                ("/robots.txt", _) => Reply::status(404).header("cache-control", "max-age=0"),
                ("/", _) => Reply::html(titled("home", &["/a"])),
                (_, "pdf") if is_other => Reply::bytes("%PDF").header("content-type", "application/pdf"),
                (_, "out of scope") if is_other => Reply::redirect(302, "http://example.com/"),
                (_, "itself") if is_other => Reply::redirect(302, "/a"),
                (_, "no web page") if is_other => Reply::redirect(302, "mailto:a@example.com"),
                (_, "too large") if is_other => Reply::html("x".repeat(200_000)),
                _ => Reply::html(titled("a", &[])),
            }
        })
        .unwrap();
        let run = |options: &[&str]| crawl(&folder, site.url()).args(["--max-size", "100k"]).args(options);
        assert_eq!(titles(&run(&[]).ok()), ["a", "home"]);
        if what == "barred" {
            drop(execute(folder.join("a.db"), AGE_ROBOTS));
        }
        for (number, expected) in [(1, &["home"][..]), (0, &["a", "home"][..])] {
            round.store(number, Ordering::SeqCst);
            if what == "barred" && number == 0 {
                drop(execute(folder.join("a.db"), AGE_ROBOTS));
            }
            assert_eq!(titles(&run(&["--refresh"]).run()), expected, "{what}");
            verified(&folder);
        }
        assert_eq!(changes(&folder, &site), ["gone /a", "added /a"], "{what}");
    }
}

#[test]
fn an_empty_validator_is_not_sent_back() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::status(404),
        _ => Reply::html("<title>x</title>").header("etag", ""),
    })
    .unwrap();
    crawl(&folder, site.url()).ok();
    crawl(&folder, site.url()).arg("--refresh").ok();
    assert!(site.requests().iter().all(|request| request.header("if-none-match").is_none()));
}

#[test]
fn going_on_with_a_refresh_prints_each_page_once() {
    let folder = Folder::new();
    let (site, round) = site(|request, round| match request.path() {
        "/" => Reply::html(titled(&format!("/ {round}"), &["/a", "/b"])),
        path => Reply::html(titled(&format!("{path} {round}"), &[])),
    });
    crawl(&folder, site.url()).ok();
    round.store(1, Ordering::SeqCst);
    crawl(&folder, site.url()).args(["--refresh", "--max-pages", "1", "-j", "1"]).ok();
    assert_eq!(titles(&crawl(&folder, site.url()).ok()), ["/ 1", "/a 1", "/b 1"]);
}

#[test]
fn an_export_beside_a_refresh_is_of_one_moment() {
    // More than is read of a store at once, and more than a pipe holds: the export is stuck in its middle.
    const PAGES: usize = 1_500;
    let folder = Folder::new();
    let (site, round) = site(|request, round| match request.path() {
        "/" => Reply::html((1..PAGES).map(|page| format!("<a href=/{page}>")).collect::<String>()),
        path => Reply::html(format!("<title>{path} {round} {}</title>", "x".repeat(400))),
    });
    crawl(&folder, site.url()).arg("-q").ok();
    let mut export = gather!["export", "a.db"].here(folder.path()).start();
    let (mut reader, mut text) = (BufReader::new(export.stdout()), String::new());
    reader.read_line(&mut text).unwrap();
    round.store(1, Ordering::SeqCst);
    crawl(&folder, site.url()).args(["--refresh", "-q"]).ok();
    reader.read_to_string(&mut text).unwrap();
    export.wait().code(0);
    let records = jsonl(&text);
    let mut sources = field(&records, "_source");
    sources.sort_unstable();
    sources.dedup();
    assert_eq!((records.len(), sources.len()), (PAGES, PAGES));
}
