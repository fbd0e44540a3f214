//! `gather links`.

use gather_site::{Mock, Reply};

use crate::support::{Folder, Served, data, field, keys};

#[test]
fn a_record_has_its_keys_in_order() {
    let page = "<base href='http://x.example/d/'><a href='p' rel='nofollow me'> A <b>b</b>\n c </a>";
    let record = gather!["links", "-"].stdin(page).ok().record();
    assert_eq!(keys(&record), ["source", "url", "text", "rel", "nofollow"]);
    assert_eq!(record["url"], "http://x.example/d/p");
    assert_eq!(record["text"], "A b c");
    assert_eq!(record["nofollow"], true);
}

#[test]
fn base_says_where_a_document_on_stdin_came_from() {
    let run = gather!["links", "-", "--base", "http://x.example/a/b"].stdin("<a href=../c>x</a>").ok();
    assert_eq!(run.record()["url"], "http://x.example/c");
    assert_eq!(run.record()["source"], "http://x.example/a/b");
}

#[test]
fn urls_files_and_folders_are_taken_together() {
    let server = Mock::start(|_| Reply::html("<a href=/net>n</a>")).unwrap();
    let folder = Folder::new();
    folder.write("site/a.html", "<a href='http://x.example/a'>a</a>");
    folder.write("site/notes.txt", "<a href='http://x.example/no'>a text is no page</a>");
    let file = folder.write("b.html", "<a href='http://x.example/b'>b</a>");
    let run = gather!["links", server.url(), folder.join("site"), file, "--ordered"].ok();
    let urls = [server.join("/net"), "http://x.example/a".into(), "http://x.example/b".into()];
    assert_eq!(field(&run.records(), "url"), urls);
}

#[test]
fn every_kind_of_link_of_the_shipped_page_is_resolved_or_left_out() {
    let served = Served::start(data("site"), &[]);
    let records = gather!["links", served.join("/about.html")].ok().records();
    assert!(records.len() > 5, "{records:?}");
    for url in field(&records, "url") {
        assert!(url.starts_with("http://") || url.starts_with("https://"), "{url}");
    }
}

#[test]
fn the_source_is_where_the_page_was_in_the_end() {
    let server = Mock::start(|request| match request.path() {
        "/old" => Reply::redirect(301, "/dir/new"),
        _ => Reply::html("<a href=x>x</a>"),
    })
    .unwrap();
    let record = gather!["links", server.join("/old")].ok().record();
    assert_eq!(record["source"], server.join("/dir/new"));
    assert_eq!(record["url"], server.join("/dir/x"));
}

#[test]
fn links_that_are_no_anchors_come_on_request_and_repeated_ones_can_be_folded() {
    let page = "<link rel=canonical href=/a><link rel=alternate hreflang=de href=/de><meta http-equiv=refresh content='0; url=/r'>\
        <a href=/a>A</a><a href=/a>B</a><img srcset='/s.png 1x, /l.png 2x'>";
    let urls = |options: &[&str]| {
        let run =
            gather!["links", "-", "--base", "http://h/", "--format", "text"].args(options).stdin(page).ok();
        run.stdout.replace("http://h", "").replace('\n', " ")
    };
    assert_eq!(urls(&[]), "/a /a ");
    assert_eq!(urls(&["--unique"]), "/a ");
    assert_eq!(urls(&["--also", "link,refresh,srcset", "--unique"]), "/a /de /r /s.png /l.png ");
    let records = gather!["links", "-", "--base", "http://h/", "--also", "link"].stdin(page).ok().records();
    assert_eq!(records[1]["hreflang"], "de");
}
