//! `gather sitemap`.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use gather_site::{Mock, Reply};
use serde_json::json;

use crate::support::{Folder, Served, data, field, jsonl_file, keys, lawful_summary};

fn urlset(urls: &[&str]) -> String {
    let urls: String = urls.iter().map(|url| format!("<url><loc>{url}</loc></url>")).collect();
    format!("<urlset>{urls}</urlset>")
}

fn index(urls: &[&str]) -> String {
    let urls: String = urls.iter().map(|url| format!("<sitemap><loc>{url}</loc></sitemap>")).collect();
    format!("<sitemapindex>{urls}</sitemapindex>")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A site with an index: two sitemaps, one packed, one of them named twice, and an index that names the first again.
fn site() -> Mock {
    Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::text("User-agent: *\nDisallow: /b\nSitemap: /index.xml\nSitemap: /c.txt"),
        "/index.xml" => Reply::text(index(&["/a.xml", "/b.xml.gz", "/a.xml#again", "/inner.xml"])),
        "/inner.xml" => Reply::text(index(&["/index.xml", "/c.txt"])),
        "/a.xml" => Reply::text(urlset(&["/1", "/2"])),
        "/b.xml.gz" => Reply::bytes(gzip(&urlset(&["/3"]))),
        "/c.txt" => Reply::text("http://h/4\n"),
        _ => Reply::status(404),
    })
    .unwrap()
}

#[test]
fn a_record_has_its_keys_in_order_and_a_number_is_one() {
    let xml = "<urlset><url><loc>/a</loc><lastmod>2024-05-01</lastmod><priority>0.80</priority></url>\
        <url><loc>/b</loc><changefreq>daily</changefreq><priority>high</priority></url></urlset>";
    let records = gather!["sitemap", "-", "--base", "http://x.example/d/"].stdin(xml).ok().records();
    assert_eq!(keys(&records[0]), ["url", "lastmod", "changefreq", "priority"]);
    let first =
        json!({"url": "http://x.example/a", "lastmod": "2024-05-01", "changefreq": null, "priority": 0.8});
    let second =
        json!({"url": "http://x.example/b", "lastmod": null, "changefreq": "daily", "priority": "high"});
    assert_eq!(records, [first, second]);
    let text = gather!["sitemap", "-", "--base", "http://x.example/d/", "--format", "text"].stdin(xml).ok();
    assert_eq!(text.stdout, "http://x.example/a\nhttp://x.example/b\n");
}

#[test]
fn lines_of_robots_txt_are_relative_to_it_and_an_empty_one_names_nothing() {
    let server = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::text("Sitemap:\nSitemap: maps/a.txt\nSitemap:   "),
        "/maps/a.txt" => Reply::text("http://h/1\n"),
        _ => Reply::status(404),
    })
    .unwrap();
    let found = gather!["sitemap", "--site", server.join("/shop/tea/")].ok();
    assert_eq!(field(&found.records(), "url"), ["http://h/1"]);
}

#[test]
fn a_sitemap_that_is_named_once_more_by_a_redirect_is_read_once() {
    let server = Mock::start(|request| match request.path() {
        "/index.xml" => Reply::text(index(&["/old.xml", "/new.xml", "/older.xml", "/inner.xml"])),
        "/inner.xml" => Reply::text(index(&["/new.xml"])),
        "/old.xml" | "/older.xml" => Reply::redirect(301, "/new.xml"),
        "/new.xml" => Reply::text(urlset(&["/1", "/2"])),
        _ => Reply::status(404),
    })
    .unwrap();
    let found = gather!["sitemap", server.join("/index.xml")].ok();
    assert_eq!(found.records().len(), 2);
}

#[test]
fn an_index_is_followed_in_its_order_and_each_sitemap_is_asked_for_once() {
    let server = site();
    let folder = Folder::new();
    let run = gather!["sitemap", server.join("/index.xml"), "--summary", folder.join("s")].ok();
    let expected = [server.join("/1"), server.join("/2"), server.join("/3"), "http://h/4".to_owned()];
    assert_eq!(field(&run.records(), "url"), expected);
    assert_eq!(server.calls(), 5);
    assert_eq!(lawful_summary(folder.join("s"))["ok"], 1);
    let narrow = gather!["sitemap", "-j", "1", server.join("/index.xml")].ok();
    assert_eq!(narrow.stdout, run.stdout);
}

#[test]
fn a_site_is_asked_where_its_sitemaps_are() {
    let server = site();
    let run = gather!["sitemap", "--site", server.join("/some/page")].ok();
    assert_eq!(run.records().len(), 4);
    assert_eq!(server.calls_of("/robots.txt"), 1);
    assert_eq!(server.calls_of("/sitemap.xml"), 0);
    for status in [404, 500] {
        let plain = Mock::start(move |request| match request.path() {
            "/robots.txt" => Reply::status(status),
            "/sitemap.xml" => Reply::text(urlset(&["/only"])),
            _ => Reply::status(404),
        })
        .unwrap();
        let run = gather!["sitemap", "--retries", "0", "--site", plain.url()].ok();
        assert_eq!(run.record()["url"], plain.join("/only"));
    }
}

#[test]
fn a_site_without_any_sitemap_is_a_failure_that_names_what_was_asked_for() {
    let server = Mock::start(|_| Reply::status(404)).unwrap();
    let folder = Folder::new();
    gather!["sitemap", "--site", server.url(), "--errors", folder.join("e"), "--summary", folder.join("s")]
        .run()
        .code(1)
        .says(&["/sitemap.xml", "404"]);
    let errors = jsonl_file(folder.join("e"));
    assert_eq!((&errors[0]["kind"], &errors[0]["input"]), (&json!("status"), &json!(server.url())));
    assert_eq!(lawful_summary(folder.join("s"))["failed"], 1);
}

#[test]
fn a_nested_sitemap_that_fails_makes_its_input_fail_and_the_others_are_given() {
    let server = Mock::start(|request| match request.path() {
        "/index.xml" => Reply::text(index(&["/gone.xml", "/a.xml", "/cut.xml", "/page.html"])),
        "/a.xml" => Reply::text(urlset(&["/1"])),
        "/cut.xml" => Reply::text("<urlset><url><loc>/2</loc></url>"),
        "/page.html" => Reply::html("<!doctype html><p>x"),
        _ => Reply::status(404),
    })
    .unwrap();
    let folder = Folder::new();
    let input = server.join("/index.xml");
    let run = gather!["sitemap", &input, "--errors", folder.join("e"), "--summary", folder.join("s")]
        .run()
        .code(1)
        .says(&["/gone.xml", "/cut.xml: line 1: ", "/page.html: not a sitemap", "hint: "]);
    assert_eq!(field(&run.records(), "url"), [server.join("/1"), server.join("/2")]);
    let errors = jsonl_file(folder.join("e"));
    assert_eq!(errors.len(), 3);
    // The input is failed last, by the first failure; the others are named by their own URLs.
    assert_eq!(field(&errors, "kind"), ["parse", "parse", "status"]);
    assert_eq!(field(&errors, "input"), [server.join("/cut.xml"), server.join("/page.html"), input]);
    let summary = lawful_summary(folder.join("s"));
    assert_eq!((&summary["failed"], &summary["inputs"]), (&json!(1), &json!(1)));
}

#[test]
fn a_sitemap_cannot_lead_to_a_private_address() {
    let server = site();
    let other = Mock::start(|_| Reply::text(urlset(&["/secret"]))).unwrap();
    let folder = Folder::new();
    let file = folder.write("index.xml", index(&[&other.join("/s.xml")]));
    gather!["sitemap", &file].run().code(1).says(&["hint: ", &other.join("/s.xml")]);
    assert_eq!(other.calls(), 0);
    let run = gather!["sitemap", &file, "--allow-private"].ok();
    assert_eq!(run.record()["url"], other.join("/secret"));
    drop(server);
}

#[test]
fn what_robots_txt_bars_is_refused() {
    let server = site();
    let run = gather!["sitemap", "--robots", server.join("/index.xml")].run().code(1).says(&["line 2 of"]);
    assert_eq!(run.records().len(), 3);
    assert_eq!(server.calls_of("/b.xml.gz"), 0);
}

#[test]
fn files_folders_lists_and_urls_are_taken_together() {
    let server = site();
    let folder = Folder::new();
    folder.write("site/a.xml", urlset(&["http://h/a"]));
    folder.write("site/sitemap.xml.gz", gzip(&urlset(&["http://h/b"])));
    folder.write("site/robots.txt", "User-agent: *");
    folder.write("site/index.html", "<p>x");
    let list = folder.write("list", format!("{}\n", server.join("/a.xml")));
    let run = gather!["sitemap", "--ordered", folder.join("site"), "--input", list].ok();
    let expected = ["http://h/a".to_owned(), "http://h/b".into(), server.join("/1"), server.join("/2")];
    assert_eq!(field(&run.records(), "url"), expected);
}

#[test]
fn entries_that_lead_nowhere_are_a_warning() {
    let run = gather!["sitemap", "-"].stdin(urlset(&["/a", "http://h/b", "ftp://h/c"])).ok();
    assert_eq!(run.says(&["warning: -: 2 entries"]).record()["url"], "http://h/b");
    assert_eq!(gather!["sitemap", "-"].stdin("<urlset/>").ok().stdout, "");
}

#[test]
fn what_is_too_large_is_refused() {
    let bomb = gzip(&" ".repeat(3 << 20));
    gather!["sitemap", "-", "--max-size", "1MiB"]
        .stdin(bomb)
        .run()
        .code(1)
        .says(&["1048576 bytes", "too_large"]);
    let server = Mock::start(|request| match request.path().trim_matches('/').parse::<u32>() {
        Ok(n) => Reply::text(index(&[&format!("/{}", n + 1), &format!("/{n}?x")])),
        Err(_) => Reply::status(404),
    })
    .unwrap();
    gather!["sitemap", server.join("/1")].run().code(1).says(&["4 deep", "too_large"]);
    assert!(server.calls() < 40, "{}", server.calls());
    let few = gather!["sitemap", server.join("/1"), "--max-sitemaps", "1"].run().code(1);
    few.says(&["more than 1 nested", "hint: --max-sitemaps"]);
}

#[test]
fn wrong_usage_is_said() {
    gather!["sitemap"].run().code(2).says(&["no sitemap to read", "hint: "]);
    gather!["sitemap", "-I", "http://h/"].run().code(2).says(&["GET"]);
    gather!["sitemap", "--base", "x", "-"].run().code(2).says(&["--base"]);
    gather!["sitemap", "--site", "x"].run().code(1).says(&["bad url \"x\""]);
}

#[test]
fn the_shipped_sitemaps_are_read() {
    let served = Served::start(data("site"), &[]);
    let records = gather!["sitemap", served.join("/sitemap-elements.xml.gz")].ok().records();
    assert!(!records.is_empty());
    assert!(field(&records, "url").iter().all(|url| url.starts_with("http")));
}
