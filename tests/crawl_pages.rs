//! What becomes of single pages in a crawl: redirects, pages that hang, pages that ask to come later.

use std::time::{Duration, Instant};

use gather_site::{Mock, Reply};

use crate::support::{Folder, Gather, field, jsonl_file, keys, lawful_summary};

fn crawl(folder: &Folder, url: &str) -> Gather {
    gather!["crawl", url, "--store", "a.db", "--summary", "s.json", "--errors", "e.jsonl"].here(folder.path())
}

#[test]
fn a_seed_has_the_outcome_of_what_it_leads_to() {
    let site = Mock::start(|request| match request.path() {
        "/moved" => Reply::redirect(301, "/gone"),
        "/a" => Reply::redirect(302, "/b"),
        "/b" => Reply::redirect(302, "/a"),
        "/there" => Reply::redirect(302, "/page"),
        "/page" => Reply::html("<title>here</title>"),
        _ => Reply::status(404),
    })
    .unwrap();
    for (path, kind) in [("/moved", "status"), ("/a", "redirect")] {
        let folder = Folder::new();
        crawl(&folder, &site.join(path)).run().code(1).says(&[path]);
        let summary = lawful_summary(folder.join("s.json"));
        assert_eq!((&summary["ok"], &summary["failed"]), (&0.into(), &1.into()), "{path}: {summary}");
        assert_eq!(summary["by_kind"][kind], 1, "{path}: {summary}");
        let errors = jsonl_file(folder.join("e.jsonl"));
        assert!(field(&errors, "kind").contains(&kind), "{path}: {errors:?}");
        gather!["verify", "a.db"].here(folder.path()).ok();
    }
    let folder = Folder::new();
    let record = crawl(&folder, &site.join("/there")).ok().record();
    assert_eq!(record["_source"], site.join("/page"));
    assert_eq!(record["_input"], site.join("/there"), "where the source is another");
}

#[test]
fn how_many_redirects_lead_to_a_page_does_not_depend_on_who_is_first() {
    for late in [false, true] {
        let folder = Folder::new();
        let site = Mock::start(move |request| match request.path() {
            "/" if late => Reply::html("<title>home</title><a href=/r0><a href=/slow>"),
            "/" => Reply::html("<title>home</title><a href=/r8><a href=/r0>"),
            "/slow" => Reply::html("<title>slow</title><a href=/r8>").delay(Duration::from_millis(700)),
            "/robots.txt" => Reply::status(404),
            "/r14" => Reply::html("<title>end</title>"),
            path => match path.trim_start_matches("/r").parse::<u32>() {
                Ok(hop) => Reply::redirect(302, &format!("/r{}", hop + 1)),
                Err(_) => Reply::status(404),
            },
        })
        .unwrap();
        let records = crawl(&folder, site.url()).ok().records();
        assert!(field(&records, "title").contains(&"end"), "late: {late}: {records:?}");
    }
}

#[test]
fn a_chain_of_redirects_is_no_circle_however_long_it_is() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path().trim_start_matches("/r").parse::<u32>() {
        Ok(120) => Reply::html("<title>end</title>"),
        Ok(hop) => Reply::redirect(302, &format!("/r{}", hop + 1)),
        Err(_) => Reply::status(404),
    })
    .unwrap();
    let run = crawl(&folder, &site.join("/r0")).args(["--max-redirects", "200"]).ok();
    assert_eq!(field(&run.records(), "title"), ["end"]);
    gather!["verify", "a.db"].here(folder.path()).ok();
}

#[test]
fn a_redirect_that_leads_nowhere_is_asked_for_once_however_short_the_way_to_it_is() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/" => Reply::html("<a href=/long><a href=/slow>"),
        "/long" => Reply::redirect(302, "/self"),
        "/slow" => Reply::html("<a href=/self><a href=/mail>").delay(Duration::from_millis(600)),
        "/self" => Reply::redirect(302, "/self"),
        _ => Reply::status(404),
    })
    .unwrap();
    crawl(&folder, site.url()).ok();
    assert_eq!(site.calls_of("/self"), 1);
}

#[test]
fn which_seed_led_to_a_page_does_not_depend_on_who_answers_first() {
    let site = Mock::start(|request| match request.path() {
        "/slow" => Reply::redirect(302, "/way").delay(Duration::from_millis(500)),
        "/fast" => Reply::redirect(302, "/way"),
        "/way" => Reply::redirect(302, "/page"),
        "/" => Reply::html("<a href=/page><title>home</title>"),
        "/page" => Reply::html("<title>page</title>"),
        _ => Reply::status(404),
    })
    .unwrap();
    for (others, options) in [("/fast", &[][..]), ("/", &[]), ("/", &["--provenance"])] {
        let answer = |jobs: &str| {
            let folder = Folder::new();
            let run = crawl(&folder, &site.join("/slow")).arg(site.join(others)).args(options);
            run.args(["-j", jobs, "--out", "o.jsonl"]).ok();
            gather!["verify", "a.db"].here(folder.path()).ok();
            let exported = gather!["export", "a.db"].here(folder.path()).ok();
            assert_eq!(exported.stdout, folder.read("o.jsonl"));
            let records = exported.records();
            let page = records.iter().find(|record| record["title"] == "page").unwrap();
            assert_eq!(page["_input"], site.join("/slow"), "{others} -j {jobs}");
            keys(page).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(answer("1"), answer("64"));
    }
    let folder = Folder::new();
    let run = crawl(&folder, &site.join("/slow")).arg(site.join("/page")).ok();
    assert_eq!(run.record().get("_input"), None, "it was given itself");
}

#[test]
fn a_seed_in_another_spelling_is_no_other_input() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/" => Reply::html("<title>home</title>"),
        _ => Reply::status(404),
    })
    .unwrap();
    for end in ["/", "", "/#x"] {
        crawl(&folder, &site.join(end)).ok();
        assert_eq!(lawful_summary(folder.join("s.json"))["inputs"], 1, "{end:?}");
    }
}

#[test]
fn a_password_in_a_seed_is_sent_to_its_origin_and_told_to_nobody() {
    let folder = Folder::new();
    let other = Mock::start(|_| Reply::html("<title>other</title>")).unwrap();
    let link = format!("<title>home</title><a href={}>", other.url());
    let site = Mock::start(move |request| match (request.path(), request.header("authorization")) {
        ("/robots.txt", _) => Reply::status(404),
        (_, None) => Reply::status(401),
        ("/", _) => Reply::redirect(302, "/home"),
        ("/home", _) => Reply::html(link.clone()),
        _ => Reply::status(404),
    })
    .unwrap();
    let seed = |path: &str| site.join(path).replace("http://", "http://me:hunter2@");
    let run = crawl(&folder, &seed("/")).args([&seed("/none")]).args([
        "--allow",
        "http://127.0.0.1:*/**",
        "--allow-private",
    ]);
    let run = run.run().code(1);
    assert_eq!(run.records().len(), 2, "{run:?}");
    assert!(other.requests().iter().all(|request| request.header("authorization").is_none()));
    let scraped = gather!["scrape", seed("/")].ok();
    let said = [run.stdout, run.stderr, folder.read("e.jsonl"), scraped.stdout].concat();
    assert!(said.contains("me:***@") && !said.contains("hunter2"), "{said}");
    let store = std::fs::read(folder.join("a.db")).unwrap();
    assert!(!store.windows(7).any(|part| part == b"hunter2"), "it is in the store");
}

#[test]
fn a_page_that_sends_us_to_itself_until_it_sees_its_cookie_is_had_with_cookies() {
    let site = Mock::start(|request| match (request.path(), request.header("cookie")) {
        ("/", Some(_)) => Reply::html("<title>in</title>"),
        ("/", None) => Reply::redirect(302, "/").header("set-cookie", "seen=1; Path=/"),
        ("/never", _) => Reply::redirect(302, "/never").header("set-cookie", "seen=1; Path=/"),
        _ => Reply::status(404),
    })
    .unwrap();
    let folder = Folder::new();
    assert_eq!(crawl(&folder, site.url()).arg("--cookies").ok().record()["title"], "in");
    gather!["verify", "a.db"].here(folder.path()).ok();
    crawl(&Folder::new(), site.url()).run().code(1).says(&["leads to itself"]);
    let folder = Folder::new();
    let never = crawl(&folder, &site.join("/never")).args(["--cookies", "--max-redirects", "3"]);
    never.run().code(1).says(&["leads to itself"]);
    assert_eq!(site.calls_of("/never"), 4);
}

#[test]
fn a_failure_tells_the_phase_and_how_long_it_took() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::status(404),
        _ => Reply::html("x").delay(Duration::from_secs(5)),
    })
    .unwrap();
    crawl(&folder, site.url()).args(["--first-byte-timeout", "300ms", "--retries", "0"]).run().code(1);
    let errors = jsonl_file(folder.join("e.jsonl"));
    assert_eq!((&errors[0]["kind"], &errors[0]["phase"]), (&"timeout".into(), &"first_byte".into()));
    assert!((300..5_000).contains(&errors[0]["elapsed_ms"].as_u64().unwrap()), "{errors:?}");
}

#[test]
fn json_is_a_page_where_the_recipe_takes_records_from_it() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/" => Reply::json(r#"{"items": [{"t": "1"}], "next": "/2"}"#),
        "/2" => Reply::json(r#"{"items": [{"t": "2"}, {"t": "3"}], "next": null}"#),
        _ => Reply::status(404),
    })
    .unwrap();
    let recipe = "[record]\neach_json = '/items'\n[fields]\nt = { json = '/t' }\n[follow]\nnext = '/next'\n";
    let recipe = folder.write("r.toml", recipe);
    let run = crawl(&folder, site.url()).arg("--recipe").arg(recipe).ok();
    assert_eq!(field(&run.records(), "t"), ["1", "2", "3"]);
    crawl(&Folder::new(), site.url()).ok().says(&["1 skipped"]);
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
