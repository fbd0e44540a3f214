//! Which pages belong to a crawl, and what a page says of itself.

use std::time::Duration;

use gather_site::{Mock, Reply, Request};

use crate::support::{Folder, Run, as_set, field, lawful_summary};

/// Crawls a site of these pages with these options.
fn crawl(site: &Mock, start: &str, options: &[&str]) -> (Folder, Run) {
    let folder = Folder::new();
    let gather = gather!["crawl", site.join(start), "--store", "a.db", "--summary", "s.json"];
    let run = gather.args(options).here(folder.path()).ok();
    (folder, run)
}

/// The pages that gave records, without their host.
fn pages(site: &Mock, run: &Run) -> Vec<String> {
    let mut pages: Vec<String> =
        field(&run.records(), "_source").iter().map(|url| url.replace(site.url(), "")).collect();
    pages.sort();
    pages
}

fn site(page: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Mock {
    Mock::start(move |request| page(request).unwrap_or_else(|| Reply::status(404))).unwrap()
}

#[test]
fn a_page_that_forbids_it_gives_no_records_or_no_links_unless_it_is_ignored() {
    let site = site(|request| {
        let leaf = |name: &str| format!("<title>t</title><a href=/{name}-leaf>");
        Some(match request.path() {
            "/" => Reply::html(
                "<a href=/noindex><a href=/nofollow><a href=/none><a href=/header><a href=/other>",
            ),
            "/noindex" => Reply::html(format!("<meta name=robots content=noindex>{}", leaf("noindex"))),
            "/nofollow" => Reply::html(format!("<meta name=robots content=nofollow>{}", leaf("nofollow"))),
            "/none" => Reply::html(leaf("none")).header("x-robots-tag", "otherbot: all, gather: none"),
            "/header" => Reply::html(leaf("header")).header("x-robots-tag", "noindex"),
            "/other" => Reply::html(leaf("other")).header("x-robots-tag", "otherbot: none"),
            path if path.ends_with("-leaf") => Reply::html("<p>"),
            _ => return None,
        })
    });
    let (folder, run) = crawl(&site, "/", &[]);
    assert_eq!(
        pages(&site, &run),
        ["/", "/header-leaf", "/nofollow", "/noindex-leaf", "/other", "/other-leaf"]
    );
    let summary = lawful_summary(folder.join("s.json"));
    assert_eq!(summary["crawl"]["by_kind"]["noindex"], 3);
    gather!["verify", "a.db"].here(folder.path()).ok();
    assert_eq!(pages(&site, &crawl(&site, "/", &["--ignore-meta-robots"]).1).len(), 11);
}

#[test]
fn marked_links_and_canonical_pages_count_where_that_is_asked_for() {
    let site = site(|request| {
        Some(match request.path() {
            "/" => Reply::html("<a href=/ad rel=nofollow><a href=/copy>"),
            "/copy" => Reply::html("<link rel=canonical href=/original><title>copy</title>"),
            "/ad" | "/original" => Reply::html("<title>x</title>"),
            _ => return None,
        })
    });
    let of = |options: &[&str]| pages(&site, &crawl(&site, "/", options).1);
    assert_eq!(of(&[]), ["/", "/ad", "/copy"]);
    assert_eq!(of(&["--nofollow"]), ["/", "/copy"]);
    assert_eq!(
        of(&["--canonical", "--max-depth", "1"]),
        ["/", "/ad", "/original"],
        "no deeper than its copy"
    );
}

#[test]
fn a_crawl_may_stay_in_a_folder_or_go_all_over_its_domain() {
    let site = site(|request| {
        Some(match request.path() {
            "/docs/a" => Reply::html("<a href=/docs/b/c><a href=/blog>"),
            "/docs/b/c" | "/blog" => Reply::html("<p>"),
            _ => return None,
        })
    });
    let of = |options: &[&str]| pages(&site, &crawl(&site, "/docs/a", options).1);
    assert_eq!(of(&[]), ["/blog", "/docs/a", "/docs/b/c"]);
    assert_eq!(of(&["--same", "folder"]), ["/docs/a", "/docs/b/c"]);
    let other = Mock::start(|_| Reply::html("<title>other port</title>")).unwrap();
    let there = other.join("/x");
    let home = Mock::start(move |_| Reply::html(format!("<a href={there}>"))).unwrap();
    assert_eq!(crawl(&home, "/", &[]).1.records().len(), 1);
    assert_eq!(crawl(&home, "/", &["--same", "domain", "--allow-private"]).1.records().len(), 2);
}

#[test]
fn pages_are_one_whatever_their_session_and_the_order_of_their_query() {
    let site = site(|request| {
        Some(match request.path() {
            "/" => Reply::html("<a href='/p?a=1&b=2'><a href='/p?b=2&a=1'><a href='/p?a=1&b=2&PHPSESSID=7'>"),
            "/p" => Reply::html("<title>p</title>"),
            _ => return None,
        })
    });
    let of = |options: &[&str]| as_set(crawl(&site, "/", options).1.records()).len();
    assert_eq!(of(&[]), 4);
    assert_eq!(of(&["--sort-query"]), 3);
    assert_eq!(of(&["--sort-query", "--strip-session"]), 2);
}

#[test]
fn a_loop_of_folders_ends() {
    let site = site(|request| {
        Some(match request.path() {
            "/robots.txt" => return None,
            _ => Reply::html("<title>again</title><a href=x/y/>"),
        })
    });
    let (folder, run) = crawl(&site, "/", &[]);
    assert_eq!(run.records().len(), 4, "the fourth /x/y/ is one too many");
    assert_eq!(lawful_summary(folder.join("s.json"))["crawl"]["by_kind"]["trap"], 1);
}

#[test]
fn other_rules_are_another_crawl_and_a_way_into_the_scope_is_shown() {
    let site = site(|request| match request.path() {
        "/" => Some(Reply::redirect(302, "http://elsewhere.example/")),
        _ => None,
    });
    let folder = Folder::new();
    let crawl = || gather!["crawl", site.url(), "--store", "a.db"].here(folder.path());
    crawl().run().code(1).says(&["leads out of scope", "--allow 'http://elsewhere.example/**'"]);
    for option in ["--sort-query", "--nofollow", "--canonical", "--ignore-meta-robots"] {
        crawl().arg(option).run().code(2).says(&["another scope"]);
    }
    crawl().args(["--same", "planet"]).run().code(2).says(&["host", "domain", "folder"]);
}

#[test]
fn a_calendar_without_end_ends_by_the_budget_of_its_pattern_also_over_several_runs() {
    let site = site(|request| {
        let month = |path: &str| path.strip_prefix("/calendar?month=")?.parse::<u32>().ok();
        Some(match request.target() {
            "/robots.txt" => return None,
            "/" => Reply::html("<a href='/calendar?month=1'><a href=/about><a href=/contact>"),
            path => match month(path) {
                Some(now) => {
                    let links = (now + 1..now + 4).map(|then| format!("<a href='/calendar?month={then}'>"));
                    Reply::html(links.collect::<String>())
                }
                None => Reply::html("<p>"),
            },
        })
    });
    let folder = Folder::new();
    let crawl = |options: &[&str]| {
        let gather = gather!["crawl", site.url(), "--store", "a.db", "--per-pattern", "10", "-j", "2"];
        gather.args(["--summary", "s.json"]).args(options).here(folder.path()).ok()
    };
    crawl(&["--max-pages", "6"]);
    let pages = pages(&site, &crawl(&[]));
    assert_eq!(pages.iter().filter(|page| page.contains("month")).count(), 10, "{pages:?}");
    assert_eq!(pages.len(), 13);
    let summary = lawful_summary(folder.join("s.json"));
    assert!(summary["crawl"]["by_kind"]["budget"].as_u64().unwrap() >= 1, "{summary}");
    let status = gather!["status", "a.db", "--format", "text"].here(folder.path()).ok();
    assert!(status.stdout.contains("skipped budget"), "{}", status.stdout);
    gather!["verify", "a.db"].here(folder.path()).ok();
    let other = gather!["crawl", site.url(), "--store", "a.db"].here(folder.path());
    other.run().code(2).says(&["another scope"]);
}

#[test]
fn what_is_too_deep_takes_nothing_of_the_budget_of_its_pattern() {
    // The links that are too deep are found first; later /4 is near enough, and still has its place in the budget.
    let site = site(|request| {
        Some(match request.path() {
            "/" => Reply::html("<a href=/fast><a href=/slow>"),
            "/fast" => Reply::html("<a href=/deep>"),
            "/deep" => Reply::html("<a href=/p/1><a href=/p/2><a href=/p/3><a href=/p/4>"),
            "/slow" => {
                Reply::html("<a href=/p/4><a href=/p/5><a href=/p/6>").delay(Duration::from_millis(600))
            }
            path if path.starts_with("/p/") => Reply::html("<p>"),
            _ => return None,
        })
    });
    let (folder, run) = crawl(&site, "/", &["--max-depth", "2", "--per-pattern", "2"]);
    let pages = pages(&site, &run);
    assert_eq!(pages.iter().filter(|page| page.starts_with("/p/")).count(), 2, "{pages:?}");
    let summary = lawful_summary(folder.join("s.json"));
    assert_eq!(summary["crawl"]["by_kind"], serde_json::json!({"budget": 1, "depth": 3}));
    gather!["verify", "a.db"].here(folder.path()).ok();
}

#[test]
fn a_link_that_is_too_long_is_left_out_and_counted() {
    let site = site(|request| {
        let long = "x".repeat(9_000);
        Some(match request.path() {
            "/" => Reply::html(format!("<a href='/?{long}1'><a href='/?{long}2'><a href=/next>")),
            "/next" => Reply::html("<p>"),
            _ => return None,
        })
    });
    let (folder, run) = crawl(&site, "/", &[]);
    assert_eq!(pages(&site, &run), ["/", "/next"]);
    let summary = lawful_summary(folder.join("s.json"));
    assert_eq!(summary["crawl"]["by_kind"]["length"], 2);
    gather!["verify", "a.db"].here(folder.path()).ok();
}
