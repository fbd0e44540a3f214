//! `gather scrape` by options.

use std::io::BufRead;

use futures::FutureExt;
use futures::channel::oneshot;
use gather_site::{Mock, Reply};

use crate::bad_pages::is_late;
use crate::support::{Folder, jsonl_file, keys, lawful_summary};

const LIST: &str =
    "<ul><li><b>One</b> <i>1,234.50 EUR</i><u>a</u><u>b</u></li><li><b>Two</b> <i>2</i></li></ul>";

#[test]
fn fields_on_the_command_line_are_a_recipe() {
    let run = gather!["scrape", "-", "--each", "li", "--field", "name=b", "--field", "price:number=i"];
    let records = run.args(["--field", "tags[]=u"]).stdin(LIST).ok().records();
    assert_eq!(records.len(), 2);
    assert_eq!(keys(&records[0]), ["_source", "name", "price", "tags"]);
    assert_eq!(records[0]["name"], "One");
    assert_eq!(records[0]["price"].to_string(), "1234.50", "digits are kept exactly");
    assert_eq!(records[0]["tags"], serde_json::json!(["a", "b"]));
    assert_eq!(records[1]["tags"], serde_json::Value::Null, "a missing field is null");
}

#[test]
fn without_fields_a_page_gives_what_pages_say_of_themselves() {
    let page = "<html lang=de><title>T</title><meta name=description content=D>\
                <link rel=canonical href=http://x.example/c>";
    let record = gather!["scrape", "-"].stdin(page).ok().record();
    assert_eq!(keys(&record), ["_source", "title", "description", "canonical", "lang"]);
    assert_eq!(record["title"], "T");
    assert_eq!(record["description"], "D");
    assert_eq!(record["canonical"], "http://x.example/c");
    assert_eq!(record["lang"], "de");
}

#[test]
fn a_recipe_saved_gives_the_same_records() {
    let folder = Folder::new();
    let page = folder.write("p.html", LIST);
    let options = ["--each", "li", "--field", "name=b", "--field", "price:number=i", "--field", "tags[]=u"];
    let saved = folder.join("r.toml");
    let typed = gather!["scrape", &page, "--save-recipe", &saved].args(options).ok();
    let again = gather!["scrape", &page, "--recipe", &saved].ok();
    assert_eq!(typed.stdout, again.stdout);
}

#[test]
fn a_table_gives_a_record_for_each_row() {
    let page = "<table class=x><tr><th>Name<th>Price<tr><td>A<td>1<tr><td>B<td>2</table>";
    let records = gather!["scrape", "-", "--table", "table.x"].stdin(page).ok().records();
    assert_eq!(records.len(), 2, "{records:?}");
}

#[test]
fn the_input_is_named_where_it_is_not_the_source() {
    let server = Mock::start(|request| match request.path() {
        "/old" => Reply::redirect(301, "/new"),
        _ => Reply::html("<h1>x</h1>"),
    })
    .unwrap();
    let record = gather!["scrape", server.join("/old"), "--field", "t=h1"].ok().record();
    assert_eq!(record["_source"], server.join("/new"));
    assert_eq!(record["_input"], server.join("/old"));
    let record = gather!["scrape", server.join("/new"), "--field", "t=h1"].ok().record();
    assert_eq!(keys(&record), ["_source", "t"]);
}

#[test]
fn provenance_says_when_and_with_which_status() {
    let server = Mock::start(|_| Reply::html("<h1>x</h1>")).unwrap();
    let record = gather!["scrape", server.url(), "--field", "t=h1", "--provenance"].ok().record();
    assert_eq!(record["_status"], 200);
    assert!(record["_fetched_at"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn the_charset_of_the_header_wins_over_the_page() {
    let server = Mock::start(|_| {
        Reply::bytes(b"<meta charset=utf-8><h1>caf\xe9</h1>".as_slice())
            .header("content-type", "text/html; charset=windows-1252")
    })
    .unwrap();
    assert_eq!(gather!["scrape", server.url(), "--field", "t=h1"].ok().record()["t"], "café");
}

#[test]
fn what_does_not_convert_is_null_and_counted() {
    let run = gather!["scrape", "-", "--field", "n:integer=b"].stdin("<b>many</b>").ok();
    assert_eq!(run.record()["n"], serde_json::Value::Null);
    run.says(&["many"]);
}

#[test]
fn a_status_from_400_is_no_page() {
    let server = Mock::start(|_| Reply::html("<h1>not found</h1>")).unwrap();
    let missing = Mock::start(|_| Reply::status(404).body("<h1>not found</h1>")).unwrap();
    let run = gather!["scrape", server.url(), missing.url(), "--field", "t=h1"].run().code(1);
    assert_eq!(run.records().len(), 1);
}

#[test]
fn a_table_without_fields_has_its_own_columns_as_csv() {
    let page = "<table><tr><th>_source<th>Name<tr><td>x<td>Tea</table>";
    let run =
        gather!["scrape", "-", "--base", "http://h/", "--table", "table", "--format", "csv"].stdin(page).ok();
    assert!(run.stdout.starts_with("_source,"), "{}", run.stdout);
    let row = run.stdout.lines().nth(1).unwrap();
    assert!(
        run.stdout.contains("_source_2,Name") && row.starts_with("http://h/") && row.contains("x,Tea"),
        "{}",
        run.stdout
    );
}

const WITH_DETAIL: &str = "[record]\nmatch = '**/list*'\neach = 'li'\n[fields]\nn = 'a'\n[detail]\nlink = 'a@href'\n\
    [detail.fields]\nd = 'i'\n[follow]\nnext = 'a.next'";

#[test]
fn in_a_folder_records_lead_to_the_pages_beside_and_to_nothing_else() {
    let folder = Folder::new();
    let recipe = folder.write("r.toml", WITH_DETAIL);
    folder.write("secret.html", "<i>secret</i>");
    folder.write(
        "site/a/list.html",
        "<ul><li><a href='1.html#x'>1</a><li><a href='/b/caf%C3%A9.html?q=1'>2</a><li><a href='gone.html'>3</a>\
         <li><a href='../../secret.html'>4</a><li><a href='http://h.invalid/x'>5</a><li><a>6</a></ul><a class=next href=list-2.html>",
    );
    folder.write("site/a/list-2.html", "<ul><li><a href=1.html>7</a><li><a href=out.html>8</a></ul>");
    folder.write("site/a/1.html", "<i>one</i>");
    folder.write("site/b/caf\u{e9}.html", "<i>two</i>");
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.join("secret.html"), folder.join("site/a/out.html")).unwrap();
    let run = gather!["scrape", folder.join("site"), "--recipe", &recipe, "--ordered"].ok();
    let mut found: Vec<_> = run
        .records()
        .iter()
        .map(|record| {
            format!("{} {} {}", record["n"], record["d"], record.get("_detail").unwrap_or(&"".into()))
        })
        .collect();
    found.sort();
    let outside = if cfg!(unix) { "\"scope\"" } else { "\"not_found\"" };
    assert_eq!(
        found,
        [
            r#""1" "one" """#,
            r#""2" "two" """#,
            r#""3" null "not_found""#,
            r#""4" null "scope""#,
            r#""5" null "scope""#,
            r#""6" null """#,
            r#""7" "one" """#,
            &format!("\"8\" null {outside}"),
        ]
    );
    assert!(!run.stderr.contains("leads to no other"), "{}", run.stderr);
    // A file alone gives no leave to read others.
    let alone = gather!["scrape", folder.join("site/a/list-2.html"), "--recipe", &recipe].ok();
    assert_eq!(alone.records()[0]["_detail"], "scope");
    alone.says(&["a page given as a file leads to no other"]);
}

#[test]
fn saved_pages_lead_to_one_another_by_their_urls() {
    let server = Mock::start(|request| match request.path() {
        "/list" => Reply::html("<ul><li><a href=1>1</a><li><a href='/2#x'>2</a><li><a href=/3>3</a></ul>"),
        "/2" => Reply::redirect(301, "/two"),
        path => Reply::html(format!("<i>{path}</i>")),
    })
    .unwrap();
    let folder = Folder::new();
    let (recipe, pages) = (folder.write("r.toml", WITH_DETAIL), folder.join("pages"));
    gather!["fetch", server.join("/list"), server.join("/1"), server.join("/2"), "--output-dir", &pages].ok();
    let calls = server.calls();
    let records = gather!["scrape", pages, "--recipe", recipe].ok().records();
    let found: Vec<_> = records.iter().map(|record| (&record["d"], record.get("_detail"))).collect();
    assert_eq!(found, [(&"/1".into(), None), (&"/two".into(), None), (&().into(), Some(&"scope".into()))]);
    assert_eq!(server.calls(), calls, "files lead to nothing that is fetched");
}

#[test]
fn records_of_a_page_are_there_before_the_next_page_is() {
    for options in [&[][..], &["--ordered"]] {
        let (open, gate) = oneshot::channel::<()>();
        let gate = gate.map(drop).shared();
        let server = Mock::start(move |request| match request.path() {
            "/1" => Reply::html("<p>1<a href=/2>"),
            "/2" => Reply::html("<p>2<a href=/3>").after(gate.clone()),
            _ => Reply::status(404),
        })
        .unwrap();
        let folder = Folder::new();
        let recipe = folder.write("r.toml", "[fields]\nn = 'p'\n[follow]\nnext = 'a'");
        let run = gather!["scrape", server.join("/1"), "--recipe", recipe, "--summary", folder.join("s")];
        let mut running = run.args(options).start();
        let mut lines = std::io::BufReader::new(running.stdout()).lines();
        assert!(lines.next().unwrap().unwrap().contains(r#""n":"1""#));
        open.send(()).unwrap();
        assert!(lines.next().unwrap().unwrap().contains(r#""n":"2""#));
        running.wait().code(1).says(&["/3"]);
        let summary = lawful_summary(folder.join("s"));
        assert_eq!((&summary["records"], &summary["failed"]), (&2.into(), &1.into()));
    }
}

#[test]
fn an_interrupt_keeps_the_records_of_the_pages_before() {
    for options in [&[][..], &["--ordered"]] {
        let (asked, is_asked) = std::sync::mpsc::channel();
        let server = Mock::start(move |request| match request.path() {
            "/1" => Reply::html("<p>1<a href=/2>"),
            _ => {
                let _ = asked.send(());
                Reply::html("").after(std::future::pending())
            }
        })
        .unwrap();
        let folder = Folder::new();
        let recipe = folder.write("r.toml", "[fields]\nn = 'p'\n[follow]\nnext = 'a'");
        let run = gather!["scrape", server.join("/1"), "--recipe", recipe, "--grace", "10ms"];
        let run = run.args(["-o", "out.jsonl", "--summary", "s"]).args(options).here(folder.path()).start();
        is_asked.recv().unwrap();
        run.interrupt();
        run.wait().code(130);
        assert_eq!(jsonl_file(folder.join("out.jsonl")).len(), 1);
        let summary = lawful_summary(folder.join("s"));
        assert_eq!((&summary["records"], &summary["pending"]), (&1.into(), &1.into()));
    }
}

#[test]
fn chains_of_pages_come_in_the_order_of_their_inputs() {
    let server = Mock::start(|request| {
        let (chain, page) = request.path()[1..].split_once('/').unwrap();
        let next: u32 = page.parse::<u32>().unwrap() + 1;
        Reply::html(format!(
            "<p>{chain}{page}{}",
            if next < 4 { format!("<a href=/{chain}/{next}>") } else { String::new() }
        ))
    })
    .unwrap();
    let folder = Folder::new();
    let recipe = folder.write("r.toml", "[fields]\nn = 'p'\n[follow]\nnext = 'a'");
    let urls: Vec<_> = ["a", "b", "c", "d"].map(|chain| server.join(&format!("/{chain}/1"))).into();
    let scrape = |options: &[&str]| {
        let run = gather!["scrape", "--recipe", &recipe].args(&urls).args(options).ok();
        run.records().iter().map(|record| record["n"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let expected = ["a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2", "c3", "d1", "d2", "d3"];
    for jobs in ["1", "2", "64"] {
        assert_eq!(scrape(&["--ordered", "-j", jobs]), expected, "-j {jobs}");
        let mut found = scrape(&["-j", jobs]);
        found.sort();
        assert_eq!(found, expected, "-j {jobs}");
    }
}

#[test]
fn a_detail_page_is_fetched_once_for_all_inputs() {
    let server = Mock::start(|request| match request.path() {
        "/x" => Reply::html("<i>x</i>"),
        path => Reply::html(format!("<ul><li><a href=/x{}>n</a></ul>", path.replace('/', "#"))),
    })
    .unwrap();
    let folder = Folder::new();
    let recipe = folder.write("r.toml", WITH_DETAIL);
    let urls = ["/list1", "/list2", "/list3"].map(|path| server.join(path));
    let records = gather!["scrape", "--recipe", recipe].args(urls).ok().records();
    assert_eq!(records.iter().filter(|record| record["d"] == "x").count(), 3, "{records:?}");
    assert_eq!(server.calls_of("/x"), 1);
}

#[test]
fn a_match_that_holds_for_no_page_is_a_warning() {
    let folder = Folder::new();
    let recipe = folder.write("r.toml", "[record]\nmatch = '/boooks/**'\n[fields]\nt = 'p'");
    folder.write("site/books/1.html", "<p>x");
    let run = gather!["scrape", folder.join("site"), "--recipe", recipe].ok();
    assert_eq!(run.stdout, "");
    run.says(&["warning:", "`match` does not hold", "/books/1.html"]);
}

#[test]
fn a_million_ends_of_paragraphs_are_bounded_in_the_binary_too() {
    let folder = Folder::new();
    let page = folder.write("p.html", format!("<body>{}", "</p>".repeat(1_000_000)));
    let (run, peak) = gather!["links", page].start().wait_with_peak();
    let run = run.code(1);
    assert!(run.stderr.contains("1000000 nodes") || is_late(&run.stderr), "{}", run.stderr);
    assert!(peak.is_none_or(|peak| peak < 220 << 20), "{peak:?}");
}

#[test]
fn headers_of_the_command_line_go_before_those_of_the_recipe_and_robots_is_asked_about_who_we_say_we_are() {
    let server = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::text("User-agent: barred\nDisallow: /"),
        _ => {
            let of = |name| request.header(name).unwrap_or("none").to_owned();
            Reply::html(format!("<p>{} {} {}</p>", of("user-agent"), of("accept-language"), of("x")))
        }
    })
    .unwrap();
    let folder = Folder::new();
    let headers = "headers = { User-Agent = \"barred/1\", Accept-Language = \"de\", X = \"y\" }";
    let recipe = folder.write("r.toml", format!("[fields]\nt = \"p\"\n[request]\n{headers}\n"));
    for command in ["scrape", "crawl"] {
        let run = |options: &[&str]| {
            let run = gather![command, server.join("/p"), "--recipe", &recipe].args(options);
            let store = folder.join(&format!("{}.db", server.calls()));
            if command == "crawl" {
                run.args(["--store".as_ref(), store.as_os_str()])
            } else {
                run.arg("--robots")
            }
        };
        run(&[]).run().code(1).says(&["robots.txt"]);
        let record = run(&["-A", "me", "-H", "Accept-Language: fr", "-H", "X:"]).ok().record();
        assert_eq!(record["t"], "me fr none", "{command}");
    }
    let recipe = folder.write("bad.toml", "[fields]\nt = \"p\"\n[request]\nheaders = { A = \"x\\ny\" }\n");
    gather!["recipe", "check", &recipe].run().code(2).says(&["`A`", "control character", "line 4"]);
}
