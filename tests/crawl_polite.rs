//! What a server sees of a crawl: never less than the delay, never more than it asks for, whatever happens to us.

use std::thread;
use std::time::{Duration, Instant};

use gather_site::{Mock, Reply, Request};

use crate::support::{Folder, Gather, as_set, dead_port, jsonl_file, lawful_summary};

fn crawl(folder: &Folder, url: &str) -> Gather {
    gather!["crawl", url, "--store", "a.db", "--summary", "s.json"].here(folder.path())
}

fn links(count: usize) -> Reply {
    Reply::html((0..count).map(|page| format!("<a href=/{page}>")).collect::<String>())
}

/// The shortest time between two requests.
fn shortest(site: &Mock) -> Duration {
    let times: Vec<Instant> = site.requests().iter().map(Request::at).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap()
}

#[test]
fn the_delay_holds_across_robots_redirects_retries_width_and_two_processes() {
    let folder = Folder::new();
    let site = Mock::start(|request| match (request.path(), request.call()) {
        ("/robots.txt", 1) => Reply::status(503),
        ("/robots.txt", 2) => Reply::redirect(302, "/robots-moved.txt"),
        ("/robots-moved.txt", _) => {
            Reply::text("User-agent: *\nDisallow: /3").delay(Duration::from_millis(150))
        }
        ("/", _) => links(8),
        ("/1", 1) => Reply::status(500),
        ("/2", _) => Reply::redirect(302, "/target"),
        _ => Reply::html("<title>x</title>"),
    })
    .unwrap();
    let run = || crawl(&folder, site.url()).args(["--delay", "60ms", "--per-host", "4", "-j", "64"]);
    let (first, second) = (run().start(), run().start());
    while site.calls() < 6 {
        thread::yield_now();
    }
    first.interrupt();
    first.wait();
    second.wait().code(0);
    run().ok();
    assert!(shortest(&site) >= Duration::from_millis(60), "{:?}", shortest(&site));
    assert_eq!((site.calls_of("/3"), site.calls_of("/robots-moved.txt")), (0, 1), "one robots.txt for all");
    assert_eq!(site.calls_of("/target"), 1);
}

/// A host whose robots.txt is at this URL of another.
fn with_robots_at(url: String, pages: usize) -> Mock {
    Mock::start(move |request| match request.path() {
        "/robots.txt" => Reply::redirect(301, &url),
        "/" => links(pages),
        _ => Reply::html("<title>x</title>"),
    })
    .unwrap()
}

#[test]
fn a_host_to_which_the_robots_txt_of_others_lead_gets_its_delay_from_them_too() {
    let folder = Folder::new();
    let shared = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::status(404),
        "/of-others.txt" => Reply::text("User-agent: *\nDisallow: /3").delay(Duration::from_millis(70)),
        "/" => links(6),
        _ => Reply::html("<title>x</title>"),
    })
    .unwrap();
    let others: Vec<Mock> = (0..3).map(|_| with_robots_at(shared.join("/of-others.txt"), 4)).collect();
    let run = || {
        let run = crawl(&folder, shared.url()).args(["--delay", "60ms", "-j", "64"]);
        run.args(others.iter().map(Mock::url))
    };
    let (first, second) = (run().start(), run().start());
    first.wait().code(0);
    second.wait().code(0);
    assert_eq!((shared.calls_of("/of-others.txt"), shared.calls_of("/3")), (3, 1));
    for host in others.iter().chain([&shared]) {
        assert!(shortest(host) >= Duration::from_millis(60), "{:?}", shortest(host));
    }
    assert_eq!(others.iter().map(|host| host.calls_of("/3")).sum::<usize>(), 0, "what it says is heeded");
    gather!["verify", "a.db"].here(folder.path()).ok();
}

#[test]
fn a_host_that_no_page_is_on_gets_its_delay_and_its_retry_after_from_redirects_of_robots_txt() {
    let folder = Folder::new();
    let shared = Mock::start(|request| match request.call() {
        1 => Reply::status(503).header("retry-after", "1"),
        _ => Reply::text("User-agent: *"),
    })
    .unwrap();
    let hosts: Vec<Mock> = (0..3).map(|_| with_robots_at(shared.join("/robots.txt"), 0)).collect();
    let run = crawl(&folder, hosts[0].url()).args(hosts[1..].iter().map(Mock::url));
    run.args(["--delay", "60ms", "--allow-private"]).ok();
    let requests = shared.requests();
    assert_eq!(requests.len(), 4, "the one that was too early comes again");
    assert!(requests[1].at() - requests[0].at() >= Duration::from_secs(1), "{:?}", shortest(&shared));
    assert!(shortest(&shared) >= Duration::from_millis(60), "{:?}", shortest(&shared));
    let status = gather!["status", "a.db", "--format", "json"].here(folder.path()).ok();
    assert!(!status.stdout.contains(shared.url().trim_start_matches("http://")), "{}", status.stdout);
}

#[test]
fn of_a_robots_txt_that_leads_in_a_circle_five_redirects_are_followed() {
    let folder = Folder::new();
    let site = with_robots_at("/robots.txt".to_owned(), 2);
    let run = crawl(&folder, site.url()).args(["--delay", "20ms"]).ok();
    assert_eq!((site.calls_of("/robots.txt"), run.records().len()), (6, 3), "then it counts as not there");
    assert!(shortest(&site) >= Duration::from_millis(20), "{:?}", shortest(&site));
}

#[test]
fn over_a_whole_crawl_a_host_gets_its_delay_its_retry_after_and_its_robots_txt() {
    const DELAY: Duration = Duration::from_millis(60);
    const ANSWER: Duration = Duration::from_millis(30);
    let folder = Folder::new();
    let site = Mock::start(|request| match (request.path(), request.call()) {
        ("/robots.txt", _) => Reply::text("User-agent: *\nDisallow: /3"),
        ("/", _) => links(30),
        ("/14", 1) => Reply::status(429).header("retry-after", "1"),
        ("/25", 1) => Reply::status(503).header("retry-after", "1"),
        _ => Reply::html("<title>x</title>").delay(ANSWER),
    })
    .unwrap();
    let run = || crawl(&folder, site.url()).args(["--delay", "60ms", "-j", "64"]);
    let (first, second) = (run().start(), run().start());
    while site.calls() < 8 {
        thread::yield_now();
    }
    first.signal(rustix::process::Signal::KILL);
    first.wait();
    let third = run().start();
    let (second, third) = (second.wait().code(0), third.wait().code(0));
    assert_eq!(as_set(second.records()), as_set(third.records()));
    assert_eq!(third.records().len(), 30, "the first page, and 30 but /3");
    let requests = site.requests();
    let mut short = 0;
    for pair in requests.windows(2) {
        let (path, apart) = (pair[0].path(), pair[1].at() - pair[0].at());
        let asked = match (path, pair[0].call()) {
            ("/14" | "/25", 1) => Duration::from_secs(1),
            ("/" | "/robots.txt", _) => DELAY,
            _ => DELAY + ANSWER,
        };
        // How long an answer takes that its process does not live to see is not known.
        short += usize::from(apart < asked);
        assert!(apart >= asked.min(DELAY.max(asked - ANSWER)), "{apart:?} after {path}");
    }
    assert!(short <= 1, "{short} requests came sooner after an answer than they may");
    assert!(!requests.iter().any(|request| request.path() == "/3"));
    let twice = requests.iter().filter(|request| request.call() > 1).count();
    assert!(twice <= 3, "{twice}: two that were to come later, and one that was on its way at the kill");
}

#[test]
fn a_host_never_has_more_requests_than_its_limit_also_of_two_processes() {
    const ANSWER: Duration = Duration::from_millis(100);
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::status(404),
        "/" => links(40),
        _ => Reply::html("<title>x</title>").delay(ANSWER),
    })
    .unwrap();
    let run = || crawl(&folder, site.url()).args(["--per-host", "3", "-j", "64"]);
    let (first, second) = (run().start(), run().start());
    while site.calls() < 12 {
        thread::yield_now();
    }
    first.interrupt();
    let _ = first.wait();
    let third = run().start();
    assert_eq!((second.wait().code(0).records().len(), third.wait().code(0).records().len()), (41, 41));
    let requests = site.requests();
    let pages: Vec<Instant> = requests.iter().skip(2).map(Request::at).collect();
    for at_once in pages.windows(4) {
        assert!(at_once[3] - at_once[0] >= ANSWER, "{:?}: a fourth at once", at_once[3] - at_once[0]);
    }
}

#[test]
fn a_page_that_is_unavailable_slows_down_no_other_and_a_host_that_has_too_many_requests_does() {
    for (status, is_slower) in [(503, false), (429, true)] {
        let folder = Folder::new();
        let site = Mock::start(move |request| match request.path() {
            "/" => links(3),
            "/robots.txt" => Reply::status(404),
            _ => Reply::status(status),
        })
        .unwrap();
        crawl(&folder, site.url()).args(["--retries", "0"]).run();
        let found = gather!["status", "a.db", "--format", "json"].here(folder.path()).ok().record();
        let delay = found["hosts"][0]["delay_ms"].as_i64().unwrap();
        assert_eq!(delay > 0, is_slower, "{status}: {found}");
    }
}

#[test]
fn another_delay_holds_for_a_crawl_that_goes_on() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/" => links(4),
        "/robots.txt" => Reply::status(404),
        _ => Reply::html("x"),
    })
    .unwrap();
    crawl(&folder, site.url()).args(["--max-pages", "1"]).ok();
    let before = site.calls();
    crawl(&folder, site.url()).args(["--delay", "100ms", "-j", "8"]).ok();
    let times: Vec<Instant> = site.requests().iter().skip(before).map(Request::at).collect();
    assert_eq!(times.len(), 4);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(100)));
}

#[test]
fn another_delay_holds_for_hosts_that_no_seed_is_on_too() {
    let folder = Folder::new();
    let other = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::status(404),
        _ => Reply::html("<title>x</title>"),
    })
    .unwrap();
    let links: String = (0..6).map(|page| format!("<a href={}>", other.join(&format!("/{page}")))).collect();
    let site = Mock::start(move |request| match request.path() {
        "/" => Reply::html(links.clone()),
        _ => Reply::status(404),
    })
    .unwrap();
    let run = || crawl(&folder, site.url()).args(["--allow-private", "--allow", "http://127.0.0.1:*/**"]);
    run().args(["--max-pages", "2", "-j", "1"]).ok();
    let before = other.calls();
    run().args(["--delay", "100ms"]).ok();
    let times: Vec<Instant> = other.requests().iter().skip(before).map(Request::at).collect();
    let shortest = times.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
    assert!(times.len() > 3 && shortest >= Duration::from_millis(100), "{shortest:?}");
}

#[test]
fn a_redirect_may_ask_to_be_left_alone_as_well() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/" => Reply::redirect(302, "/page").header("retry-after", "1"),
        "/page" => Reply::html("<title>x</title>"),
        _ => Reply::status(404),
    })
    .unwrap();
    crawl(&folder, site.url()).ok();
    let times: Vec<Instant> = site.requests().iter().skip(1).map(Request::at).collect();
    assert!(times[1] - times[0] >= Duration::from_millis(1_000), "{:?}", times[1] - times[0]);
}

#[test]
fn a_host_that_cannot_be_asked_for_robots_fails_as_what_it_is() {
    let folder = Folder::new();
    let private = Mock::start(|_| Reply::status(500)).unwrap();
    let (dead, inside) = (format!("http://127.0.0.1:{}/x", dead_port()), private.join("/x"));
    let links = format!("<a href={dead}><a href={inside}><a href=http://no.such.invalid/x>");
    let site = Mock::start(move |request| match request.path() {
        "/" => Reply::html(links.clone()),
        _ => Reply::status(404),
    })
    .unwrap();
    let run = || crawl(&folder, site.url()).args(["--allow", "http://**", "--errors", "e.jsonl"]);
    run().run().code(1);
    let mut kinds: Vec<(String, String)> = jsonl_file(folder.join("e.jsonl"))
        .iter()
        .map(|error| {
            (error["input"].as_str().unwrap().to_owned(), error["kind"].as_str().unwrap().to_owned())
        })
        .collect();
    kinds.sort();
    let kind = |url: &str| kinds.iter().find(|(input, _)| input == url).map(|(_, kind)| kind.as_str());
    assert_eq!(kind(&inside), Some("private_address"));
    assert_eq!(kind(&dead), Some("private_address"), "nobody looks whether a private address answers");
    assert_eq!(kind("http://no.such.invalid/x"), Some("dns"));
    assert_eq!(private.calls(), 0);
    gather!["verify", "a.db"].here(folder.path()).ok();
    let folder = Folder::new();
    let link = format!("<a href={dead}>");
    let site = Mock::start(move |request| match request.path() {
        "/" => Reply::html(link.clone()),
        _ => Reply::status(404),
    })
    .unwrap();
    let run =
        crawl(&folder, site.url()).args(["--allow", "http://**", "--allow-private", "--errors", "e.jsonl"]);
    run.run().code(1).says(&[&dead]);
    let errors = jsonl_file(folder.join("e.jsonl"));
    assert_eq!((errors.len(), &errors[0]["kind"]), (1, &"connect".into()), "{errors:?}");
    gather!["verify", "a.db"].here(folder.path()).ok();
}

#[test]
fn nobody_is_asked_before_retry_after_is_over() {
    let folder = Folder::new();
    let site = Mock::start(|request| match (request.path(), request.call()) {
        ("/", _) => links(40),
        ("/robots.txt", _) => Reply::status(404),
        ("/0", 1) => Reply::status(429).header("retry-after", "1"),
        _ => Reply::html("<title>x</title>").delay(Duration::from_millis(100)),
    })
    .unwrap();
    let records = crawl(&folder, site.url()).args(["-j", "8"]).ok().records();
    assert_eq!(records.len(), 41);
    let requests = site.requests();
    let refused = requests.iter().find(|request| request.path() == "/0").unwrap().at();
    let early = requests
        .iter()
        .map(Request::at)
        .filter(|at| *at > refused + Duration::from_millis(150) && *at < refused + Duration::from_secs(1));
    assert_eq!(early.count(), 0, "after the answer, whatever else was on its way");
}

#[test]
fn a_host_that_takes_only_so_much_is_crawled_whole() {
    let folder = Folder::new();
    let taken = std::sync::Mutex::new(Vec::<Instant>::new());
    let site = Mock::start(move |request| {
        if request.path() == "/robots.txt" {
            return Reply::status(404);
        }
        let mut taken = taken.lock().unwrap();
        taken.retain(|at| at.elapsed() < Duration::from_secs(1));
        if taken.len() >= 10 {
            return Reply::status(429).header("retry-after", "1");
        }
        taken.push(Instant::now());
        if request.path() == "/" { links(40) } else { Reply::html("<title>x</title>") }
    })
    .unwrap();
    let records = crawl(&folder, site.url()).args(["-j", "16"]).ok().records();
    assert_eq!(records.len(), 41);
}

#[test]
fn who_asks_to_be_left_alone_for_an_hour_is() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/" => links(3),
        "/robots.txt" => Reply::status(404),
        _ => Reply::status(429).header("retry-after", "3600"),
    })
    .unwrap();
    crawl(&folder, site.url()).args(["-j", "1"]).run().code(1).says(&["pending", "waits until", "hint:"]);
    assert_eq!(site.calls(), 3, "robots.txt, the first page, and one that is refused");
    let summary = lawful_summary(folder.join("s.json"));
    assert_eq!((&summary["crawl"]["pending"], &summary["crawl"]["failed"]), (&3.into(), &0.into()));
    crawl(&folder, site.url()).args(["-j", "1"]).run().code(1);
    assert_eq!(site.calls(), 3, "the store knows");
}

#[test]
fn a_wait_is_too_long_from_max_wait_on() {
    let site = || {
        Mock::start(|request| match (request.path(), request.call()) {
            ("/robots.txt", 1) => Reply::status(503), // its backoff is no wait that was asked for
            ("/robots.txt", _) => Reply::status(404),
            ("/", 1) => Reply::status(503).header("retry-after", "2"),
            _ => Reply::html("<title>x</title>"),
        })
        .unwrap()
    };
    for (longest, code, pending) in [("1s", 1, 1), ("3s", 0, 0)] {
        let (folder, site) = (Folder::new(), site());
        crawl(&folder, site.url()).args(["--max-wait", longest]).run().code(code);
        assert_eq!(lawful_summary(folder.join("s.json"))["pending"], pending, "{longest}");
    }
}

#[test]
fn a_page_that_is_always_to_come_later_has_failed_when_its_time_is_over() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/" => links(1),
        "/robots.txt" => Reply::status(404),
        _ => Reply::status(429).header("retry-after", "1"),
    })
    .unwrap();
    let begun = Instant::now();
    let run = crawl(&folder, site.url()).args(["--timeout", "3s", "--errors", "e.jsonl"]).run().code(1);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?} {run:?}", begun.elapsed());
    assert!((2..=4).contains(&site.calls_of("/0")), "{} times", site.calls_of("/0"));
    let error = jsonl_file(folder.join("e.jsonl")).remove(0);
    assert_eq!((&error["kind"], &error["status"]), (&"status".into(), &429.into()));
    assert_eq!(lawful_summary(folder.join("s.json"))["crawl"]["failed"], 1);
}

#[test]
fn robots_that_cannot_be_had_once_bars_nothing_for_good() {
    let folder = Folder::new();
    let site = Mock::start(|request| match (request.path(), request.call()) {
        ("/robots.txt", 1) => Reply::status(503),
        ("/robots.txt", _) => Reply::text("User-agent: *\nDisallow: /1"),
        ("/", _) => links(3),
        _ => Reply::html("<title>x</title>"),
    })
    .unwrap();
    let first = crawl(&folder, site.url()).ok().records();
    assert_eq!((first.len(), site.calls_of("/robots.txt"), site.calls_of("/1")), (3, 2, 0));
}

#[test]
fn a_host_whose_robots_never_comes_is_refused_until_the_next_run() {
    let folder = Folder::new();
    let site = Mock::start(|request| match (request.path(), request.call()) {
        ("/robots.txt", call) if call <= 1 => Reply::status(503),
        ("/robots.txt", _) => Reply::status(404),
        _ => Reply::html("<title>x</title>"),
    })
    .unwrap();
    let refused = crawl(&folder, site.url()).args(["--retries", "0"]).run().code(1);
    refused.says(&["robots.txt cannot be had: status 503"]);
    assert_eq!(site.calls_of("/"), 0);
    assert_eq!(crawl(&folder, site.url()).args(["--retries", "0"]).ok().records().len(), 1);
}

#[test]
fn a_rate_spreads_requests_without_a_delay() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/" => links(10),
        "/robots.txt" => Reply::status(404),
        _ => Reply::html("x").delay(Duration::from_millis(300)),
    })
    .unwrap();
    let begun = Instant::now();
    crawl(&folder, site.url()).args(["--rate", "20/s"]).ok();
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(11 * 50), "{took:?}: twelve requests, 20 a second");
    assert!(took < Duration::from_secs(3), "{took:?}: several at once");
    crawl(&folder, site.url()).args(["--rate", "0"]).run().code(2).says(&["rate", "hint:"]);
}

#[test]
fn a_rate_of_few_an_hour_is_waited_for_and_ends_no_crawl() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::status(404),
        _ => Reply::html("<title>x</title>"),
    })
    .unwrap();
    // Its robots.txt has had its turn, and the next is in three minutes.
    crawl(&folder, site.url()).args(["--rate", "20/h", "--max-time", "1500ms", "--grace", "0"]).ok();
    assert_eq!(site.calls(), 1);
    let summary = lawful_summary(folder.join("s.json"));
    assert_eq!((&summary["stopped_by"], &summary["pending"]), (&"max_time".into(), &1.into()));
}

#[test]
fn a_refresh_asks_conditionally_and_tells_what_changed() {
    let folder = Folder::new();
    let round = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let now = round.clone();
    let site = Mock::start(move |request| {
        let second = now.load(std::sync::atomic::Ordering::SeqCst) > 0;
        match request.path() {
            "/robots.txt" => Reply::status(404),
            "/" if second => Reply::html("<title>home</title><a href=/same><a href=/other><a href=/new>"),
            "/" => Reply::html("<title>home</title><a href=/same><a href=/other><a href=/gone>"),
            "/same" if request.header("if-none-match") == Some("\"v1\"") => Reply::status(304),
            "/same" => Reply::html("<title>same</title><a href=/below>").header("etag", "\"v1\""),
            "/other" if second => Reply::html("<title>after</title>"),
            "/other" => Reply::html("<title>before</title>"),
            "/gone" if second => Reply::status(404),
            path => Reply::html(format!("<title>{path}</title>")),
        }
    })
    .unwrap();
    let run = || crawl(&folder, site.url()).args(["--out", "o.jsonl"]);
    run().ok();
    assert_eq!(site.calls_of("/below"), 1);
    round.store(1, std::sync::atomic::Ordering::SeqCst);
    run().arg("--refresh").ok();
    assert_eq!((site.calls_of("/same"), site.calls_of("/below")), (2, 2), "a 304 still leads on");
    let changes = gather!["export", "a.db", "--changes"].here(folder.path()).ok().records();
    let mut seen: Vec<String> = changes
        .iter()
        .map(|change| {
            let path = change["_source"].as_str().unwrap().replace(site.url().trim_end_matches('/'), "");
            format!("{} {path} {}", change["change"].as_str().unwrap(), change["fields"])
        })
        .collect();
    seen.sort();
    assert_eq!(seen, ["added /new []", "changed /other [\"title\"]", "gone /gone []"]);
    let exported = gather!["export", "a.db"].here(folder.path()).ok();
    assert_eq!(folder.read("o.jsonl"), exported.stdout, "the file has what the store has");
    assert_eq!(exported.records().len(), 5);
    gather!["verify", "a.db"].here(folder.path()).ok();
    let later = gather!["export", "a.db", "--changes", "--since", "2"].here(folder.path()).ok();
    assert_eq!(later.stdout, "");
    let printed = crawl(&folder, site.url()).arg("--refresh").ok();
    assert_eq!(as_set(printed.records()), as_set(exported.records()));
}

/// What the records of each round are, by their titles.
fn rounds(site: &Mock, folder: &Folder, count: usize) -> Vec<Vec<String>> {
    let round = |_| {
        let records = crawl(folder, site.url()).arg("--refresh").run().records();
        gather!["verify", "a.db"].here(folder.path()).ok();
        records.iter().map(|record| record["title"].as_str().unwrap().to_owned()).collect()
    };
    (0..count).map(round).collect()
}

/// Answers 304 to who knows this page, as the server of a file does.
fn unless_known(request: &Request, page: Reply) -> Reply {
    if request.header("if-none-match").is_some() { Reply::status(304) } else { page.header("etag", "\"1\"") }
}

#[test]
fn a_page_that_was_a_redirect_for_one_round_gives_its_records_again() {
    let folder = Folder::new();
    let site = Mock::start(|request| match (request.path(), request.call()) {
        ("/", _) => Reply::html("<title>home</title><a href=/page>"),
        ("/page", 2) => Reply::redirect(302, "/login"),
        ("/page", _) => unless_known(request, Reply::html("<title>page</title>")),
        ("/login", _) => Reply::html("<title>login</title>"),
        _ => Reply::status(404),
    })
    .unwrap();
    let rounds = rounds(&site, &folder, 4);
    assert_eq!(rounds[0], ["home", "page"]);
    assert_eq!(rounds[1], ["home", "login"]);
    for round in &rounds[2..] {
        assert_eq!(round.len(), 3, "{round:?}");
    }
}

#[test]
fn a_word_of_the_head_that_changed_is_seen_in_the_next_round_also_where_the_body_is_the_same() {
    for has_etag in [false, true] {
        let folder = Folder::new();
        let site = Mock::start(move |request| match (request.path(), request.call()) {
            ("/", call) => {
                let page = Reply::html("<title>home</title>");
                let page = if has_etag { unless_known(request, page) } else { page };
                if matches!(call, 2 | 3) { page.header("x-robots-tag", "noindex") } else { page }
            }
            _ => Reply::status(404),
        })
        .unwrap();
        let expected: [&[&str]; 5] = [&["home"], &[], &[], &["home"], &["home"]];
        for (round, expected) in expected.into_iter().enumerate() {
            let found = rounds(&site, &folder, 1).remove(0);
            assert_eq!(found, expected, "round {round}");
            let kinds = &lawful_summary(folder.join("s.json"))["crawl"]["by_kind"];
            assert_eq!(kinds["noindex"].as_u64().unwrap_or(0), u64::from(expected.is_empty()), "{kinds}");
        }
    }
}
