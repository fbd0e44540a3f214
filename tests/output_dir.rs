//! `fetch --output-dir`, and `scrape` and `links` on what it saved.

use gather_site::{Mock, Reply};

use crate::support::{Folder, field, jsonl_file, names};

fn server() -> Mock {
    Mock::start(|request| match request.path() {
        "/old" => Reply::redirect(302, "/dir/new"),
        "/dir/new" => Reply::html("<title>New</title><a href=next>n</a>"),
        path => Reply::html(format!("<title>{path}</title>")),
    })
    .unwrap()
}

#[test]
fn bodies_are_saved_and_the_pages_still_know_their_urls() {
    let (server, folder) = (server(), Folder::new());
    let pages = folder.join("pages");
    let run =
        gather!["fetch", server.join("/old"), server.join("/b"), "--output-dir", &pages, "--ordered"].ok();
    for record in run.records() {
        assert!(std::path::Path::new(record["saved"].as_str().unwrap()).is_file(), "{record}");
    }
    let index = jsonl_file(pages.join("index.jsonl"));
    assert_eq!(index.len(), 2);
    assert_eq!(names(&pages).len(), 3, "two pages and the index: {:?}", names(&pages));

    let scraped = gather!["scrape", &pages, "--field", "title=title"].ok().records();
    let mut sources = field(&scraped, "_source");
    sources.sort_unstable();
    assert_eq!(sources, [server.join("/b"), server.join("/dir/new")]);
    let links = gather!["links", &pages].ok().record();
    assert_eq!(links["url"], server.join("/dir/next"), "resolved against where the page came from");
    assert_eq!(links["source"], server.join("/dir/new"));
}

#[test]
fn a_second_run_adds_to_the_index_and_replaces_what_it_fetched_again() {
    let (server, folder) = (server(), Folder::new());
    gather!["fetch", server.join("/a"), server.join("/b"), "--output-dir", "p"].here(folder.path()).ok();
    gather!["fetch", server.join("/b"), server.join("/c"), "--output-dir", "p"].here(folder.path()).ok();
    let mut urls: Vec<String> = jsonl_file(folder.join("p/index.jsonl"))
        .iter()
        .map(|e| e["url"].as_str().unwrap().to_owned())
        .collect();
    urls.sort();
    assert_eq!(urls, ["/a", "/b", "/c"].map(|path| server.join(path)));
    assert_eq!(names(&folder.join("p")).len(), 4);
}

#[test]
fn a_run_that_is_killed_leaves_no_body_without_its_line() {
    let (sender, asked) = std::sync::mpsc::channel();
    let server = Mock::start(move |request| {
        let _ = sender.send(());
        if request.path() == "/0" { Reply::text("x") } else { Reply::text("x").after(std::future::pending()) }
    })
    .unwrap();
    let folder = Folder::new();
    let run = gather!["fetch", "-j", "1", server.join("/0"), server.join("/1"), "--output-dir", "p"];
    let run = run.here(folder.path()).start();
    asked.recv().unwrap();
    asked.recv().unwrap();
    run.signal(rustix::process::Signal::KILL);
    run.wait();
    let index = jsonl_file(folder.join("p/index.jsonl"));
    assert_eq!(field(&index, "url"), [server.join("/0")]);
    assert_eq!(names(&folder.join("p")).len(), 2);
}

#[test]
fn no_url_leads_out_of_the_folder() {
    let server = Mock::start(|_| Reply::text("x")).unwrap();
    let folder = Folder::new();
    let paths = ["/../../up", "/%2e%2e/%2e%2e/up", "/a/..%2f..%2fup", "/.bashrc", "/a%00b", "/nul%0a"];
    let urls: Vec<String> = paths.iter().map(|path| server.join(path)).collect();
    gather!["fetch", "--output-dir", "in/pages"].args(&urls).here(folder.path()).ok();
    assert_eq!(folder.names(), ["in"]);
    assert_eq!(names(&folder.join("in")), ["pages"]);
    for name in names(&folder.join("in/pages")) {
        assert!(!name.starts_with('.') && !name.contains(char::is_control), "{name:?}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_wrong_usage() {
    let folder = Folder::new();
    let file = folder.write("file", "");
    gather!["fetch", "http://127.0.0.1:1/", "--output-dir", file].run().code(2).says(&["file", "hint:"]);
}
