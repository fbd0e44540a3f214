//! What becomes of single pages in a crawl: pages that hang, and limits of time.

use std::time::{Duration, Instant};

use gather_site::{Mock, Reply};

use crate::support::{Folder, Gather, lawful_summary};

fn crawl(folder: &Folder, url: &str) -> Gather {
    gather!["crawl", url, "--store", "a.db", "--summary", "s.json", "--errors", "e.jsonl"].here(folder.path())
}

#[test]
fn pages_that_hang_do_not_hold_up_the_others() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/" => {
            let hang = (0..50).map(|page| format!("<a href=/hang{page}>"));
            let fast = (0..200).map(|page| format!("<a href=/fast{page}>"));
            Reply::html(hang.chain(fast).collect::<String>())
        }
        "/robots.txt" => Reply::status(404),
        path if path.starts_with("/hang") => Reply::html("").delay(Duration::from_secs(4)),
        _ => Reply::html("<title>fast</title>"),
    })
    .unwrap();
    crawl(&folder, site.url()).args(["-j", "64"]).ok();
    let requests = site.requests();
    let begun = requests[0].at();
    let early = |request: &&gather_site::Request| request.at() - begun < Duration::from_millis(3_500);
    let fast = requests.iter().filter(|request| request.path().starts_with("/fast")).filter(early).count();
    assert_eq!(fast, 200);
}

#[test]
fn a_limit_of_time_gives_what_runs_its_grace_and_no_more() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/" => Reply::html("<a href=/hang>"),
        "/robots.txt" => Reply::status(404),
        _ => Reply::html("").delay(Duration::from_secs(20)),
    })
    .unwrap();
    let begun = Instant::now();
    crawl(&folder, site.url()).args(["--max-time", "1s", "--grace", "1s"]).ok();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let summary = lawful_summary(folder.join("s.json"));
    assert_eq!(summary["stopped_by"], "max_time");
    assert_eq!((&summary["crawl"]["pending"], &summary["crawl"]["leased"]), (&1.into(), &0.into()));
}
