//! `gather scrape` by options.

use gather_site::{Mock, Reply};

use crate::support::{Folder, keys};

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

#[test]
fn a_million_ends_of_paragraphs_are_bounded_in_the_binary_too() {
    let folder = Folder::new();
    let page = folder.write("p.html", format!("<body>{}", "</p>".repeat(1_000_000)));
    let (run, peak) = gather!["links", page].start().wait_with_peak();
    run.code(1).says(&["1000000 nodes"]);
    assert!(peak.is_none_or(|peak| peak < 220 << 20), "{peak:?}");
}
