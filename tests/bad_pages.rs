//! Bad pages, selectors, recipes and endpoint files.

use std::time::Duration;

use gather_site::{Mock, Reply};

use crate::support::{Folder, jsonl_file, lawful_summary};

#[test]
fn a_fetched_page_that_is_not_html_is_a_failure_of_kind_parse() {
    let server = Mock::start(|_| {
        Reply::bytes(b"\x89PNG\r\n\x1a\n\0\0".as_slice()).header("content-type", "image/png")
    })
    .unwrap();
    for command in ["scrape", "links"] {
        let folder = Folder::new();
        let run = gather![command, server.url(), "--errors", folder.join("e")].run().code(1);
        assert_eq!(run.stdout, "");
        assert_eq!(jsonl_file(folder.join("e"))[0]["kind"], "parse", "{command}");
    }
}

#[test]
fn a_page_cut_off_in_the_middle_of_a_tag_is_still_a_page() {
    let run = gather!["scrape", "-", "--field", "t=h1"].stdin("<h1>Title</h1><p class=\"x").ok();
    assert_eq!(run.record()["t"], "Title");
}

#[test]
fn a_selector_that_does_not_parse_is_wrong_usage_before_anything_is_fetched() {
    let server = Mock::start(|_| Reply::html("x")).unwrap();
    for selector in ["t=a[", "t=>", "t=p:nth-child(", "t=", "=h1", "no equals sign", "t:money=b"] {
        gather!["scrape", server.url(), "--field", selector].run().code(2).says(&["error:"]);
    }
    gather!["scrape", server.url(), "--each", "a["].run().code(2).says(&["a["]);
    assert_eq!(server.calls(), 0);
}

#[test]
fn an_xpath_is_refused_with_its_translation() {
    let run = gather!["scrape", "-", "--field", "u=//a/@href"].stdin("").run().code(2);
    run.says(&["//a/@href", "hint:", "a@href"]);
}

#[test]
fn scrapys_pseudo_elements_are_read() {
    let run = gather!["scrape", "-", "--field", "t=h1::text", "--field", "u=a::attr(href)"];
    let record = run.stdin("<h1>T</h1><a href='http://x.example/'>l</a>").ok().record();
    assert_eq!((&record["t"], &record["u"]), (&"T".into(), &"http://x.example/".into()));
}

#[test]
fn a_recipe_that_does_not_hold_says_where() {
    let folder = Folder::new();
    let scrape = |recipe: &str| {
        let path = folder.write("r.toml", recipe);
        gather!["scrape", "-", "--recipe", path].stdin("<h1>x</h1>").run().code(2).says(&["r.toml"])
    };
    scrape("[fields]\ntitle = { css = \"h1\", requird = true }\n").says(&["requird", "required", "2"]);
    scrape("[record]\neech = \"p\"\n[fields]\nt = \"h1\"\n").says(&["eech", "each", "2"]);
    scrape("[fields]\nt = \"a[\"\n").says(&["a["]);
    scrape("[fields]\nt = { css = \"h1\", regex = \"(\" }\n").says(&["("]);
    scrape("[fields]\nt = { css = \"h1\", as = \"money\" }\n").says(&["money"]);
    scrape("not toml at all").says(&["1"]);
}

#[test]
fn a_recipe_or_file_of_endpoints_that_is_missing_is_wrong_usage() {
    gather!["scrape", "-", "--recipe", "/no/such.toml"].run().code(2).says(&["/no/such.toml", "hint:"]);
    gather!["query", "/no/such.toml"].run().code(2).says(&["/no/such.toml", "hint:"]);
}

#[test]
fn a_file_of_endpoints_that_does_not_hold_says_why() {
    let folder = Folder::new();
    let query = |text: &str| {
        let path = folder.write("q.toml", text);
        gather!["query", path].run().code(2).says(&["q.toml"])
    };
    query("[[endpoint]]\nname = \"a\"\nurll = \"http://127.0.0.1/\"\n").says(&["urll"]);
    query("[[endpoint]]\nname = \"a\"\n").says(&["url"]);
    query("nonsense");
}

#[test]
fn a_missing_required_field_drops_the_record_and_names_it() {
    let folder = Folder::new();
    let recipe = folder
        .write("r.toml", "[record]\neach = \"li\"\n[fields]\nname = { css = \"b\", required = true }\n");
    let run = gather![
        "scrape",
        "-",
        "--recipe",
        recipe,
        "--errors",
        folder.join("e"),
        "--summary",
        folder.join("s")
    ];
    let run = run.stdin("<li><b>good</b><li>nothing").run().code(1);
    assert_eq!(run.record()["name"], "good");
    let errors = jsonl_file(folder.join("e"));
    assert!(errors[0]["message"].as_str().unwrap().contains("name"), "{errors:?}");
    assert_eq!(lawful_summary(folder.join("s"))["records_dropped"], 1);
}

#[test]
fn a_field_that_is_null_everywhere_is_a_warning() {
    let run = gather!["scrape", "-", "--field", "t=h1", "--field", "typo=h7"].stdin("<h1>x</h1>").ok();
    run.says(&["warning:", "typo"]);
}

#[test]
fn a_base_that_is_no_url_is_wrong_usage() {
    gather!["links", "-", "--base", "nonsense"].run().code(2).says(&["nonsense", "hint:"]);
}

/// Unoptimised code is about ten times slower than what users run.
const TIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 30 } else { 1 });
/// Unoptimised code holds a bit more on its way.
const MEMORY: u64 = if cfg!(debug_assertions) { 260_000_000 } else { 200_000_000 };

/// Unoptimised code on a machine with more to do may come to the bound of time before any other.
pub(crate) fn is_late(message: &str) -> bool {
    cfg!(debug_assertions) && message.contains("past the bound of 10s of time")
}

/// Scrapes a page that was made to hurt, and holds the outcome that is said, the time and the memory against what they may be:
/// `outcome` is part of the message, or of the record where there is one.
#[track_caller]
fn assert_bounded(html: String, outcome: &str) {
    let server = Mock::start(move |_| Reply::html(html.clone())).unwrap();
    let folder = Folder::new();
    let run = gather!["scrape", server.url(), "--field", "n=li", "--errors", folder.join("e")];
    let (run, cost) = run.start().wait_with_cost();
    let records = run.records();
    if records.is_empty() {
        let errors = jsonl_file(folder.join("e"));
        assert_eq!(errors[0]["kind"], "too_large");
        let message = errors[0]["message"].as_str().unwrap();
        assert!(message.contains(outcome) || is_late(message), "{message}");
        run.code(1);
    } else {
        assert_eq!(records[0]["n"], outcome);
        run.code(0);
    }
    assert!(cost.time.is_none_or(|time| time < TIME), "{cost:?}");
    assert!(cost.peak.is_none_or(|peak| peak < MEMORY), "{cost:?}");
}

macro_rules! bounded {
    ($($test:ident: $html:expr, $outcome:literal;)*) => {
        $(#[test]
        fn $test() {
            assert_bounded($html, $outcome);
        })*
    };
}

bounded! {
    half_a_megabyte_of_nested_lists: "<ul><li>".repeat(64 * 1024), "512 levels of nesting";
    a_million_unclosed_bold: "<b>".repeat(1_000_000), "512 levels of nesting";
    a_hundred_thousand_attributes:
        format!("<p {}>", (0..100_000).map(|n| format!("a{n}=\"{n}\" ")).collect::<String>()), "10000 attributes";
    ten_megabytes_of_brackets: format!("<li>x</li>{}", "<".repeat(10_000_000)), "x";
    five_thousand_nested_tables: "<table><tr><td>".repeat(5_000), "512 levels of nesting";
    a_million_ends_of_paragraphs: format!("<body>{}", "</p>".repeat(1_000_000)), "1000000 nodes";
    formatting_elements_that_nest:
        format!("{}{}", "<a><b><i><u>".repeat(50_000), "</p>".repeat(10_000)), "512 levels of nesting";
}
