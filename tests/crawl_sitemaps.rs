//! Sitemaps as the beginning of a crawl.

use std::time::Duration;

use gather_site::{Mock, Reply, Request};

use crate::support::{Folder, Gather, Run, field, jsonl_file, lawful_summary};

/// A site of pages that link to nothing, with these sitemaps, which write `HOST` for its address.
fn site(sitemap: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Mock {
    Mock::start(move |request| {
        sitemap(request).unwrap_or_else(|| match request.path() {
            "/robots.txt" => Reply::status(404),
            path if path.contains('.') => Reply::status(404),
            path => Reply::html(format!("<title>{path}</title>")),
        })
    })
    .unwrap()
}

fn urlset(request: &Request, pages: &[(&str, &str)]) -> Reply {
    let host = request.header("host").unwrap();
    let page = |(path, lastmod): &(&str, &str)| {
        let url = if path.starts_with('/') { format!("http://{host}{path}") } else { (*path).to_owned() };
        format!("<url><loc>{url}</loc><lastmod>{lastmod}</lastmod></url>")
    };
    let pages: String = pages.iter().map(page).collect();
    Reply::text(format!("<urlset>{pages}</urlset>")).header("content-type", "application/xml")
}

fn index(request: &Request, sitemaps: &[&str]) -> Reply {
    let host = request.header("host").unwrap();
    let sitemap = |path: &&str| format!("<sitemap><loc>http://{host}{path}</loc></sitemap>");
    Reply::text(format!("<sitemapindex>{}</sitemapindex>", sitemaps.iter().map(sitemap).collect::<String>()))
}

fn crawl(folder: &Folder) -> Gather {
    gather!["crawl", "--store", "a.db", "--summary", "s.json"].here(folder.path())
}

/// The pages that gave records, in their order, without their host.
fn pages(site: &Mock, run: &Run) -> Vec<String> {
    field(&run.records(), "_source").iter().map(|url| url.replace(site.url(), "")).collect()
}

#[test]
fn the_sitemaps_of_robots_are_followed_to_their_pages_in_scope_the_latest_first() {
    let site = site(|request| {
        Some(match request.path() {
            "/robots.txt" => Reply::text("User-agent: *\nDisallow: /barred\nSitemap: /index.xml"),
            "/index.xml" => index(request, &["/one.xml", "/two.xml", "/index.xml"]),
            "/one.xml" => {
                urlset(request, &[("/old", "2020-01-01"), ("/never", ""), ("/barred", "2024-01-01")])
            }
            "/two.xml" => {
                urlset(request, &[("/new", "2024-05-01T10:00:00Z"), ("http://elsewhere.example/", "")])
            }
            _ => return None,
        })
    });
    let folder = Folder::new();
    let run = crawl(&folder).args([site.url(), "--sitemap", "-j", "1", "--max-depth", "0"]).ok();
    assert_eq!(pages(&site, &run), ["/", "/new", "/old", "/never"]);
    let summary = lawful_summary(folder.join("s.json"));
    assert_eq!(summary["inputs"], 1);
    let by_kind = &summary["crawl"]["by_kind"];
    assert_eq!((&by_kind["scope"], &by_kind["robots"]), (&1.into(), &1.into()), "{summary}");
    assert_eq!((site.calls_of("/index.xml"), site.calls_of("/barred")), (1, 0));
    gather!["verify", "a.db"].here(folder.path()).ok();
}

#[test]
fn a_crawl_that_stops_among_its_sitemaps_goes_on_there() {
    let site = site(|request| {
        Some(match request.path() {
            "/index.xml" => index(request, &["/one.xml", "/two.xml"]),
            "/one.xml" => urlset(request, &[("/a", ""), ("/b", "")]),
            "/two.xml" => urlset(request, &[("/c", "")]),
            _ => return None,
        })
    });
    let folder = Folder::new();
    let run =
        |options: &[&str]| crawl(&folder).args(["--sitemap", &site.join("/index.xml")]).args(options).ok();
    assert_eq!(pages(&site, &run(&["--max-pages", "2", "-j", "1"])), [""; 0]);
    let mut found = pages(&site, &run(&[]));
    found.sort();
    assert_eq!(found, ["/a", "/b", "/c"]);
    for path in ["/index.xml", "/one.xml", "/two.xml", "/a"] {
        assert_eq!(site.calls_of(path), 1, "{path}");
    }
    let summary = lawful_summary(folder.join("s.json"));
    assert_eq!((&summary["inputs"], &summary["ok"]), (&1.into(), &1.into()));
    let other = crawl(&folder).arg(site.join("/index.xml"));
    other.run().code(2).says(&["another scope"]);
}

#[test]
fn a_given_sitemap_that_is_none_fails_the_crawl_and_one_that_nobody_names_does_not() {
    let site = site(|request| (request.path() == "/broken.xml").then(|| Reply::html("<p>sorry</p>")));
    let folder = Folder::new();
    let broken = site.join("/broken.xml");
    crawl(&folder).args(["--sitemap", &broken]).run().code(1).says(&[&broken, "not a sitemap"]);
    let folder = Folder::new();
    let run = crawl(&folder).args([site.url(), "--sitemap", "--errors", "e.jsonl"]).ok();
    assert_eq!(pages(&site, &run), ["/"]);
    assert_eq!(site.calls_of("/sitemap.xml"), 1);
    assert_eq!(field(&jsonl_file(folder.join("e.jsonl")), "kind"), ["status"]);
    let wrong = crawl(&folder).args(["--sitemap", site.url()]).run().code(2);
    wrong.says(&["is no sitemap", &format!("gather crawl {} --sitemap", site.url())]);
}

#[test]
fn a_sitemap_that_a_page_links_to_first_is_still_one() {
    let site = site(|request| {
        Some(match request.path() {
            "/robots.txt" => Reply::text("Sitemap: /index.xml"),
            "/" => Reply::html("<a href=/late.xml>"),
            "/index.xml" => index(request, &["/late.xml"]).delay(std::time::Duration::from_millis(500)),
            "/late.xml" => urlset(request, &[("/a", "")]),
            _ => return None,
        })
    });
    let folder = Folder::new();
    let mut found = pages(&site, &crawl(&folder).args([site.url(), "--sitemap"]).ok());
    found.sort();
    assert_eq!(found, ["/", "/a"]);
    assert_eq!(site.calls_of("/late.xml"), 2, "as a page, and as a sitemap");
    gather!["verify", "a.db"].here(folder.path()).ok();
}

/// The records of a crawl of this site at each width, with the sitemaps of this path late or not.
fn at_each_width(sitemap: fn(&Request) -> Option<Reply>, late: &'static str) -> Vec<Vec<String>> {
    let mut answers = Vec::new();
    for (jobs, is_late) in [("1", false), ("64", false), ("64", true)] {
        let site = site(move |request| {
            let reply = sitemap(request)?;
            let waits = is_late && request.path() == late;
            Some(if waits { reply.delay(Duration::from_millis(400)) } else { reply })
        });
        let folder = Folder::new();
        let run = crawl(&folder).args([site.url(), "--sitemap", "-j", jobs]).ok();
        let mut found = pages(&site, &run);
        found.sort();
        answers.push(found);
        assert_eq!(gather!["export", "a.db"].here(folder.path()).ok().records().len(), answers[0].len());
        gather!["verify", "a.db"].here(folder.path()).ok();
    }
    answers
}

#[test]
fn a_sitemap_that_was_fetched_as_a_page_before_anybody_named_it_is_one_all_the_same() {
    let redirect = |request: &Request| {
        Some(match request.path() {
            "/robots.txt" => Reply::text("Sitemap: /index.xml"),
            "/index.xml" => index(request, &["/old.xml"]),
            "/old.xml" => Reply::redirect(302, "/real.xml"),
            "/real.xml" => urlset(request, &[("/only-there", "")]),
            "/" => Reply::html("<title>home</title><a href=/old.xml>"),
            _ => return None,
        })
    };
    let as_html = |request: &Request| {
        Some(match request.path() {
            "/robots.txt" => Reply::text("Sitemap: /index.xml"),
            "/index.xml" => index(request, &["/old.xml"]),
            "/old.xml" => urlset(request, &[("/only-there", "")]).header("content-type", "text/html"),
            "/" => Reply::html("<title>home</title><a href=/old.xml>"),
            _ => return None,
        })
    };
    for answers in [at_each_width(redirect, "/index.xml"), at_each_width(as_html, "/index.xml")] {
        assert!(answers.iter().all(|found| found == &["/", "/only-there"]), "{answers:?}");
    }
}

#[test]
fn a_sitemap_that_is_out_of_scope_for_one_and_not_for_another_belongs_to_the_crawl() {
    // A sitemap names those on its own host, wherever that is; one of the seeds' host does not lead away from it.
    for late in ["/one.xml", "/two.xml"] {
        let slow = move |request: &Request, reply: Reply| match request.path() == late {
            true => reply.delay(Duration::from_millis(400)),
            false => reply,
        };
        let other = site(move |request| {
            let to = request.query().unwrap_or_default();
            let reply = match request.path() {
                "/two.xml" => {
                    Reply::text(index_of(&format!("http://{}/pages.xml?{to}", request.header("host")?)))
                }
                "/pages.xml" => Reply::text(format!("<urlset><url><loc>{to}</loc></url></urlset>")),
                _ => return None,
            };
            Some(slow(request, reply))
        });
        let there = other.url().trim_end_matches('/').to_owned();
        let site = site(move |request| {
            let to = format!("http://{}/only-there", request.header("host")?);
            let reply = match request.path() {
                "/robots.txt" => Reply::text(format!("Sitemap: /one.xml\nSitemap: {there}/two.xml?{to}")),
                "/one.xml" => Reply::text(index_of(&format!("{there}/pages.xml?{to}"))),
                _ => return None,
            };
            Some(slow(request, reply))
        });
        let folder = Folder::new();
        let run = crawl(&folder).args([site.url(), "--sitemap", "--allow-private"]).ok();
        let mut found = pages(&site, &run);
        found.sort();
        assert_eq!(found, ["/", "/only-there"], "{late} was late");
        gather!["verify", "a.db"].here(folder.path()).ok();
    }
}

fn index_of(url: &str) -> String {
    format!("<sitemapindex><sitemap><loc>{url}</loc></sitemap></sitemapindex>")
}

#[test]
fn a_sitemap_that_was_too_deep_by_one_way_is_read_by_a_shorter_one() {
    let site = site(|request| {
        let path = request.path();
        Some(match path {
            "/robots.txt" => Reply::text("Sitemap: /n1.xml\nSitemap: /flat.xml"),
            "/flat.xml" => index(request, &["/deep.xml"]).delay(Duration::from_millis(400)),
            "/deep.xml" => urlset(request, &[("/only-there", "")]),
            "/n5.xml" => index(request, &["/deep.xml"]),
            path if path.starts_with("/n") => {
                let next = path[2..3].parse::<u8>().ok()? + 1;
                index(request, &[&format!("/n{next}.xml")])
            }
            _ => return None,
        })
    });
    let folder = Folder::new();
    let run = crawl(&folder).args([site.url(), "--sitemap"]).ok();
    let mut found = pages(&site, &run);
    found.sort();
    assert_eq!(found, ["/", "/only-there"]);
}

#[test]
fn a_sitemap_that_moved_is_followed_and_a_tower_of_indexes_is_not() {
    let site = site(|request| {
        let level = |path: &str| path.strip_prefix("/level/")?.strip_suffix(".xml")?.parse::<u32>().ok();
        Some(match request.path() {
            "/old.xml" => Reply::redirect(301, "/level/0.xml"),
            path => index(request, &[&format!("/level/{}.xml", level(path)? + 1)]),
        })
    });
    let folder = Folder::new();
    crawl(&folder).args(["--sitemap", &site.join("/old.xml")]).ok();
    assert_eq!((site.calls_of("/level/4.xml"), site.calls_of("/level/5.xml")), (1, 0));
    assert_eq!(lawful_summary(folder.join("s.json"))["crawl"]["by_kind"]["trap"], 1);
}

#[test]
fn a_refresh_finds_what_is_new_in_a_sitemap() {
    let second = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let now = second.clone();
    let site = site(move |request| {
        let pages: &[(&str, &str)] = match now.load(std::sync::atomic::Ordering::SeqCst) {
            true => &[("/a", ""), ("/b", "")],
            false => &[("/a", "")],
        };
        (request.path() == "/sitemap.xml").then(|| urlset(request, pages))
    });
    let folder = Folder::new();
    let run = || crawl(&folder).args(["--sitemap", &site.join("/sitemap.xml")]);
    assert_eq!(run().ok().records().len(), 1);
    second.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(run().arg("--refresh").ok().records().len(), 2);
}
