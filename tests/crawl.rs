//! `gather crawl`, killed, interrupted, begun again, beside itself; and what its store says.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use gather_site::{Mock, Reply, Request};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Folder, Gather, Run, as_set, field, jsonl_file, lawful_summary};

const PAGES: usize = 200;

/// A site of pages that link to each other, slowly, some of which fail at first.
fn site() -> Mock {
    Mock::start(page).unwrap()
}

fn page(request: &Request) -> Reply {
    let number = match request.path() {
        "/" => 0,
        "/robots.txt" => return Reply::status(404),
        path => match path.trim_start_matches("/p").parse::<usize>() {
            Ok(number) if number < PAGES => number,
            _ => return Reply::status(404),
        },
    };
    if number % 17 == 3 && request.call() % 2 == 1 {
        return Reply::status(503);
    }
    let links: String = [number * 2 + 1, number * 2 + 2, number / 2, number + 7]
        .iter()
        .map(|to| format!("<a href='/p{to}#x'>{to}</a>"))
        .collect();
    let delay = Duration::from_millis((number % 7) as u64 * 4);
    Reply::html(format!("<title>page {number}</title>{links}")).delay(delay)
}

fn crawl(folder: &Folder, site: &Mock) -> Gather {
    let gather = gather!["crawl", "--store", "a.db", "--retries", "4", "-j", "8"];
    gather.arg(site.url()).here(folder.path())
}

fn status(folder: &Folder) -> Value {
    let status = gather!["status", "a.db", "--format", "json"].here(folder.path()).ok().record();
    let of = |name: &str| status[name].as_u64().unwrap();
    let parts = ["done", "failed", "refused", "skipped", "pending", "leased"];
    assert_eq!(of("discovered"), parts.iter().map(|name| of(name)).sum::<u64>(), "{status}");
    status
}

/// The records as a set, as if each site had the same port.
fn elsewhere(site: &Mock, records: Vec<Value>) -> Vec<String> {
    as_set(records).into_iter().map(|record| record.replace(site.url().trim_end_matches('/'), "")).collect()
}

fn verified(folder: &Folder) -> Run {
    gather!["verify", "a.db"].here(folder.path()).ok()
}

/// The paths of the pages that are in the store.
fn kept_pages(folder: &Folder) -> Vec<String> {
    if !folder.join("a.db").exists() {
        return Vec::new();
    }
    let records = gather!["export", "a.db"].here(folder.path()).run().records();
    let path = |record: &Value| {
        let url = record["_source"].as_str().unwrap().to_owned();
        url.splitn(4, '/').last().map(|path| format!("/{path}")).unwrap()
    };
    records.iter().map(path).collect()
}

/// How often each page was asked for.
fn asked(site: &Mock) -> BTreeMap<String, usize> {
    site.requests().iter().fold(BTreeMap::new(), |mut asked, request| {
        *asked.entry(request.path().to_owned()).or_default() += 1;
        asked
    })
}

#[test]
fn a_crawl_killed_at_any_moment_ends_with_the_records_of_one_that_was_not() {
    let calm = Folder::new();
    let calm_site = site();
    let undisturbed = elsewhere(&calm_site, crawl(&calm, &calm_site).ok().records());
    assert_eq!(undisturbed.len(), PAGES + 1, "the seed is page 0 under another name");
    let folder = Folder::new();
    let site = site();
    let mut kept = Vec::new();
    for kill in 1..=6_u64 {
        let run = crawl(&folder, &site).args(["--out", "o.jsonl"]).start();
        let before = site.calls();
        let end = Instant::now() + Duration::from_secs(20);
        while site.calls() < before + 3 + usize::try_from(kill).unwrap() * 7 && Instant::now() < end {
            thread::yield_now();
        }
        run.signal(Signal::KILL);
        run.wait();
        kept.push((kept_pages(&folder), asked(&site)));
    }
    let finished = crawl(&folder, &site).args(["--out", "o.jsonl", "--summary", "s.json"]).run().code(0);
    assert!(finished.stdout.is_empty());
    assert_eq!(elsewhere(&site, jsonl_file(folder.join("o.jsonl"))), undisturbed);
    let asked = asked(&site);
    for (pages, asked_then) in kept {
        let again: Vec<_> = pages.iter().filter(|page| asked.get(*page) != asked_then.get(*page)).collect();
        assert!(again.is_empty(), "in the store before a kill, and fetched again: {again:?}");
    }
    let exported = gather!["export", "a.db"].here(folder.path()).ok().records();
    assert_eq!(elsewhere(&site, exported), undisturbed);
    let status = status(&folder);
    assert_eq!((status["done"].as_u64(), status["finished"].as_bool()), (Some(PAGES as u64 + 1), Some(true)));
    verified(&folder);
    assert_eq!(folder.names(), ["a.db", "o.jsonl", "s.json"], "nothing else stays behind");
    let summary = lawful_summary(folder.join("s.json"));
    assert_eq!((&summary["inputs"], &summary["ok"], &summary["pending"]), (&1.into(), &1.into(), &0.into()));
}

#[test]
fn a_finished_store_answers_with_its_records_and_asks_nobody() {
    let (folder, site) = (Folder::new(), site());
    let first = crawl(&folder, &site).ok();
    let calls = site.calls();
    let second = crawl(&folder, &site).ok().says(&["--restart"]);
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(site.calls(), calls);
    assert_eq!(crawl(&folder, &site).arg("--new").ok().stdout, "");
    crawl(&folder, &site).arg("--restart").ok();
    assert!(site.calls() > calls);
}

#[test]
fn interrupted_and_begun_again_a_file_of_stdout_is_whole() {
    let (folder, site) = (Folder::new(), site());
    let run = crawl(&folder, &site).start();
    while site.calls() < 60 {
        thread::yield_now();
    }
    run.interrupt();
    let stopped = run.wait().code(130);
    assert!(status(&folder)["leased"] == 0, "what runs is finished or given back");
    let whole = crawl(&folder, &site).ok();
    assert!(whole.stdout.starts_with(&stopped.stdout));
    assert_eq!(whole.records().len(), PAGES + 1);
    let most = asked(&site).into_values().max().unwrap();
    assert!(most <= 4, "{most} requests for one page");
}

#[test]
fn a_file_of_out_is_what_export_gives_also_where_it_was_interrupted() {
    let (folder, site) = (Folder::new(), site());
    let run = crawl(&folder, &site).args(["--out", "o.jsonl"]).start();
    while site.calls() < 60 {
        thread::yield_now();
    }
    run.interrupt();
    run.wait().code(130);
    let exported = || gather!["export", "a.db"].here(folder.path()).ok().stdout;
    let stopped = folder.read("o.jsonl");
    assert_eq!(stopped, exported());
    crawl(&folder, &site).args(["--out", "o.jsonl"]).ok();
    let whole = folder.read("o.jsonl");
    assert!(whole.starts_with(&stopped) && whole.lines().count() == PAGES + 1);
    assert_eq!(whole, exported());
}

#[test]
fn two_processes_work_on_one_store_and_no_page_is_fetched_by_both() {
    let (folder, site) = (
        Folder::new(),
        Mock::start(|request| match request.path() {
            "/robots.txt" => Reply::status(404),
            _ => page_without_failures(request),
        })
        .unwrap(),
    );
    let first = crawl(&folder, &site).start();
    let second = crawl(&folder, &site).start();
    let (first, second) = (first.wait().code(0), second.wait().code(0));
    assert_eq!(as_set(first.records()), as_set(second.records()));
    let twice: Vec<_> =
        asked(&site).into_iter().filter(|(path, count)| path != "/robots.txt" && *count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    verified(&folder);
}

fn page_without_failures(request: &Request) -> Reply {
    let number = request.path().trim_start_matches("/p").parse::<usize>().unwrap_or(0);
    let links: String =
        (1..=2).map(|n| number * 2 + n).filter(|to| *to < 60).map(|to| format!("<a href=/p{to}>")).collect();
    Reply::html(format!("<title>{number}</title>{links}")).delay(Duration::from_millis(20))
}

#[test]
fn robots_is_obeyed_and_what_it_bars_is_no_failure_unless_it_was_given() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::text("User-agent: *\nDisallow: /private"),
        "/" => Reply::html("<a href=/private/x><a href=/gone><a href=http://elsewhere.example/>"),
        _ => Reply::status(404),
    })
    .unwrap();
    gather!["crawl", site.url(), "--store", "a.db", "--errors", "e.jsonl"].here(folder.path()).ok();
    assert_eq!(site.calls_of("/private/x"), 0);
    let errors = jsonl_file(folder.join("e.jsonl"));
    assert_eq!(field(&errors, "kind"), ["robots", "status"]);
    let status = status(&folder);
    assert_eq!(
        (&status["refused"], &status["skipped"], &status["failed"]),
        (&1.into(), &1.into(), &1.into())
    );
    let barred = gather!["crawl", site.join("/private/"), "--store", "b.db"].here(folder.path());
    barred.run().code(1).says(&["robots.txt does not allow", "line 2"]);
}

#[test]
fn a_host_is_asked_again_a_delay_after_its_last_answer_also_after_a_restart() {
    let delay = Duration::from_millis(150);
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::text("User-agent: *\nDisallow:"),
        path => Reply::html(format!("<title>{path}</title><a href=/a><a href=/b><a href=/c>"))
            .delay(Duration::from_millis(30)),
    })
    .unwrap();
    let crawl = || gather!["crawl", site.url(), "--store", "a.db", "--delay", "150ms"].here(folder.path());
    crawl().args(["--max-pages", "2"]).ok();
    crawl().ok();
    let times: Vec<Instant> = site.requests().iter().map(Request::at).collect();
    assert_eq!(site.calls(), 5, "four pages, and robots.txt once");
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= delay, "{:?} between two requests", pair[1] - pair[0]);
    }
}

#[test]
fn another_crawl_in_the_store_is_wrong_usage_with_a_way_out() {
    let (folder, site) = (Folder::new(), site());
    crawl(&folder, &site).args(["--max-pages", "1"]).ok();
    let others: [&[&str]; 3] = [&["http://127.0.0.1:1/"], &["--field", "x=h1"], &["--deny", "/x"]];
    for (other, what) in others.iter().zip(["other seeds", "another recipe", "another scope"]) {
        crawl(&folder, &site).args(*other).run().code(2).says(&[what, "--restart"]);
    }
}

#[test]
fn what_is_no_store_of_ours_is_left_alone() {
    let (folder, site) = (Folder::new(), site());
    folder.write("a.db", "this is a text and no database, however long it may go on ".repeat(40));
    crawl(&folder, &site).run().code(2).says(&["no store", "hint:"]);
    crawl(&folder, &site).arg("--restart").run().code(2).says(&["no store"]);
    assert!(folder.read("a.db").starts_with("this is a text"));
    gather!["status", "b.db"].here(folder.path()).run().code(2).says(&["there is no store"]);
    assert_eq!(site.calls(), 0);
}

#[test]
fn depth_is_that_of_the_shortest_way_however_late_it_is_found() {
    // The short way to /hub is slow: the long one is found first, and /leaf is too deep by it.
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/" => Reply::html("<a href=/slow><a href=/1>"),
        "/slow" => Reply::html("<a href=/hub>").delay(Duration::from_millis(600)),
        "/1" => Reply::html("<a href=/2>"),
        "/2" => Reply::html("<a href=/hub>"),
        "/hub" => Reply::html("<a href=/leaf>"),
        "/leaf" => Reply::html("<a href=/deeper>"),
        _ => Reply::status(404),
    })
    .unwrap();
    let records =
        gather!["crawl", site.url(), "--store", "a.db", "--max-depth", "3"].here(folder.path()).ok();
    let mut urls: Vec<String> = records
        .records()
        .iter()
        .map(|record| record["_source"].as_str().unwrap().replace(site.url(), ""))
        .collect();
    urls.sort();
    assert_eq!(urls.len(), 6, "{urls:?}");
    assert_eq!(site.calls_of("/hub"), 1);
    assert_eq!((site.calls_of("/leaf"), site.calls_of("/deeper")), (1, 0));
    verified(&folder);
}

#[test]
fn redirects_stay_in_scope_and_lead_to_one_record() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/" => Reply::html("<a href=/old><a href=/new><a href=/out><a href=/loop>"),
        "/old" => Reply::redirect(301, "/new"),
        "/new" => Reply::html("<title>new</title>"),
        "/out" => Reply::redirect(302, "http://elsewhere.example/"),
        "/loop" => Reply::redirect(302, "/loop"),
        _ => Reply::status(404),
    })
    .unwrap();
    let run = gather!["crawl", site.url(), "--store", "a.db", "--errors", "e.jsonl"].here(folder.path()).ok();
    assert_eq!(run.records().len(), 2);
    assert_eq!(site.calls_of("/new"), 1);
    let mut kinds = field(&jsonl_file(folder.join("e.jsonl")), "kind").join(" ");
    kinds.make_ascii_lowercase();
    assert!(kinds.contains("scope") && kinds.contains("redirect"), "{kinds}");
}

#[test]
fn a_server_error_that_outlives_its_retries_fails_the_crawl() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/" => Reply::html("<a href=/broken>"),
        "/broken" => Reply::status(500),
        _ => Reply::status(404),
    })
    .unwrap();
    let crawl = gather!["crawl", site.url(), "--store", "a.db", "--summary", "s.json"].here(folder.path());
    crawl.run().code(1).says(&["/broken", "500"]);
    assert_eq!(site.calls_of("/broken"), 3);
    assert_eq!(lawful_summary(folder.join("s.json"))["crawl"]["failed"], 1);
}

#[test]
fn the_next_page_adds_no_depth_and_out_may_be_a_table() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::status(404),
        "/1" => Reply::html("<h1>one, first</h1><a class=next href=/2>"),
        "/2" => Reply::html("<h1>two</h1><a class=next href=/3><a href=/away>"),
        path => Reply::html(format!("<h1>{path}</h1>")),
    })
    .unwrap();
    folder.write("r.toml", "[fields]\nname = 'h1'\n[follow]\nnext = 'a.next'\nmax_depth = 0\n");
    let crawl = || {
        let crawl = gather!["crawl", site.join("/1"), "--recipe", "r.toml", "--out", "o.csv", "-j", "1"];
        crawl.here(folder.path())
    };
    crawl().ok();
    let expected = format!(
        "_source,name\r\n{0}/1,\"one, first\"\r\n{0}/2,two\r\n{0}/3,/3\r\n",
        site.url().trim_end_matches('/')
    );
    assert_eq!(folder.read("o.csv"), expected);
    folder.write("o.csv", &expected[..30]);
    crawl().ok();
    assert_eq!(folder.read("o.csv"), expected, "a file that is too short is written anew");
    assert_eq!(site.calls_of("/away"), 0);
    assert!(folder.join("gather-127.0.0.1.db").exists());
}

#[test]
fn a_given_url_that_nobody_answers_is_named_and_the_rest_is_crawled() {
    let (folder, site) = (Folder::new(), Mock::start(page_without_failures).unwrap());
    let dead = format!("http://127.0.0.1:{}/", crate::support::dead_port());
    let run = gather!["crawl", site.url(), &dead, "--store", "a.db", "--summary", "s.json", "--retries", "0"];
    let run = run.here(folder.path()).run().code(1).says(&[&dead]);
    assert_eq!(run.records().len(), 60);
    let summary = lawful_summary(folder.join("s.json"));
    assert_eq!((&summary["inputs"], &summary["ok"]), (&2.into(), &1.into()));
}

#[test]
fn a_limit_of_pages_stops_the_crawl_and_the_same_command_with_more_goes_on() {
    let (folder, site) = (Folder::new(), Mock::start(page_without_failures).unwrap());
    crawl(&folder, &site).args(["--max-pages", "10", "--summary", "s.json"]).ok();
    assert_eq!(lawful_summary(folder.join("s.json"))["stopped_by"], "max_pages");
    assert_eq!(status(&folder)["done"], 10);
    crawl(&folder, &site).args(["--max-pages", "10"]).ok();
    assert_eq!(status(&folder)["done"], 10);
    assert_eq!(crawl(&folder, &site).ok().records().len(), 60);
}

#[test]
fn pages_that_answer_later_are_waited_for_as_long_as_they_ask() {
    let folder = Folder::new();
    let site = Mock::start(|request| match (request.path(), request.call()) {
        ("/robots.txt", _) => Reply::status(404),
        ("/", 1) => Reply::status(429).header("retry-after", "1"),
        _ => Reply::html("<title>here</title>"),
    })
    .unwrap();
    gather!["crawl", site.url(), "--store", "a.db"].here(folder.path()).ok();
    let times: Vec<Instant> = site.requests().iter().map(Request::at).collect();
    assert_eq!(times.len(), 3);
    assert!(times[2] - times[1] >= Duration::from_secs(1));
}

#[test]
fn one_at_a_time_pages_come_nearest_first_and_in_the_order_of_their_links() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::status(404),
        "/" => Reply::html("<a href=/z><a href=/a><a href=/m>"),
        "/z" => Reply::html("<a href=/zz>"),
        _ => Reply::html("<p>"),
    })
    .unwrap();
    gather!["crawl", site.url(), "--store", "a.db", "-j", "1"].here(folder.path()).ok();
    let order: Vec<String> = site.requests().iter().map(|request| request.path().to_owned()).collect();
    assert_eq!(order, ["/robots.txt", "/", "/z", "/a", "/m", "/zz"]);
}

#[test]
fn a_long_list_of_seeds_is_begun_with_in_a_moment() {
    const SEEDS: usize = 40_000;
    let folder = Folder::new();
    let site = Mock::start(|_| Reply::html("<title>x</title>")).unwrap();
    let list: String = (0..SEEDS).map(|page| format!("{}\n", site.join(&format!("/{page}")))).collect();
    let list = folder.write("list", list);
    let crawl = gather!["crawl", "--input", list, "--store", "a.db", "--max-pages", "1", "-q"];
    let (run, cost) = crawl.here(folder.path()).start().wait_with_cost();
    run.code(0);
    assert_eq!(status(&folder)["discovered"], SEEDS);
    assert!(cost.time.is_none_or(|time| time < Duration::from_secs(20)), "{cost:?}");
    assert!(cost.peak.is_none_or(|peak| peak < 200 << 20), "{cost:?}");
}
