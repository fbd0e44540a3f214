//! `-o sqlite:…` and `-o postgres://…`: the same records as anywhere, in a table.

use gather_core::run;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use crate::support::{Folder, Served, data, field, jsonl_file, lawful_summary};

/// The one column of an answer, as text.
fn ask(file: impl AsRef<std::path::Path>, query: &str) -> Vec<String> {
    let (url, query) = (format!("sqlite:{}", file.as_ref().display()), query.to_owned());
    run(async move {
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        let rows: Vec<Option<String>> =
            sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&mut connection).await.unwrap();
        rows.into_iter().map(|text| text.unwrap_or_else(|| "null".to_owned())).collect()
    })
    .unwrap()
}

fn table(folder: &Folder) -> String {
    format!("sqlite:{}", folder.join("a.db").display())
}

const SHOP: &str = "[record]\neach = \"li\"\nkey = \"sku\"\n[fields]\nsku = \"b\"\nprice = { css = \"i\", as = \"number\" }\n\
                    tags = { css = \"u\", many = true }\n";

fn shop(folder: &Folder, page: &str) -> std::path::PathBuf {
    folder.write("shop.toml", SHOP);
    folder.write("shop.html", page)
}

#[test]
fn a_recipe_makes_the_table_and_its_key_brings_it_up_to_date() {
    let folder = Folder::new();
    let page = shop(&folder, "<li><b>x</b><i>1.50</i><u>new</u><u>red</u><li><b>y</b><i>2</i>");
    let scrape = || gather!["scrape", &page, "--recipe", folder.join("shop.toml"), "-o", table(&folder)];
    scrape().ok();
    scrape().ok();
    shop(&folder, "<li><b>y</b><i>3</i><li><b>z</b><i>4</i>");
    scrape().ok();
    let query =
        "select sku || ' ' || price || ' ' || coalesce(cast(tags as text), '-') from records order by sku";
    assert_eq!(ask(folder.join("a.db"), query), ["x 1.5 [\"new\",\"red\"]", "y 3.0 -", "z 4.0 -"]);
    let types = "select name || ' ' || type from pragma_table_info('records')";
    assert_eq!(
        ask(folder.join("a.db"), types),
        ["_source TEXT", "sku TEXT", "price REAL", "tags TEXT", "_input TEXT"]
    );
}

#[test]
fn a_record_without_its_key_is_dropped_and_named_and_no_run_adds_it_again() {
    let folder = Folder::new();
    let page = shop(&folder, "<li><b>x</b><i>1.50</i><li><i>2</i><li><b>y</b><i>3</i>");
    let scrape = || {
        let run = gather!["scrape", &page, "--recipe", folder.join("shop.toml"), "-o", table(&folder)];
        run.args(["--errors", "e", "--summary", "s"]).here(folder.path())
    };
    for _ in 0..2 {
        scrape().run().code(1).says(&["its key `sku` is null", "2 records, 1 dropped"]);
        lawful_summary(folder.join("s"));
        assert_eq!(field(&jsonl_file(folder.join("e")), "kind"), ["parse"]);
        assert_eq!(ask(folder.join("a.db"), "select sku from records order by sku"), ["x", "y"]);
    }
    gather!["scrape", &page, "--recipe", folder.join("shop.toml"), "-o", folder.join("a.jsonl")].ok();
}

#[test]
fn a_table_without_a_name_and_one_with_two_are_wrong_usage() {
    let folder = Folder::new();
    let file = folder.write("a.txt", "a");
    for name in ["", "a#b", "a#"] {
        let out = format!("{}#{name}", table(&folder));
        gather!["read", &file, "-o", out]
            .run()
            .code(2)
            .says(&["hint: write sqlite:FILE or sqlite:FILE#table"]);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no file is made");
}

#[test]
fn every_command_that_gives_records_writes_them() {
    let folder = Folder::new();
    let out = |name: &str| format!("{}#{name}", table(&folder));
    let served = Served::start(data("site"), &[]);
    let texts = data("texts/fr");
    let page = served.join("/index.html");
    gather!["read", &texts, "-o", out("read")].ok();
    gather!["fetch", &page, "-o", out("fetch"), "--headers"].ok();
    gather!["links", &page, "-o", out("links")].ok();
    gather!["scrape", &page, "-o", out("scrape")].ok();
    let api = Served::start(data("."), &[]);
    gather!["query", data("api/query-concat.toml"), "--base", &api.url, "-o", out("query")].ok();
    gather!["robots", "check", &page, "-o", out("robots")].ok();
    let count = |name: &str| {
        ask(folder.join("a.db"), &format!("select cast(count(*) as text) from \"{name}\""))[0].clone()
    };
    let stdout = |run: crate::support::Run| run.records().len().to_string();
    assert_eq!(count("read"), stdout(gather!["read", &texts].ok()));
    assert_eq!(count("links"), stdout(gather!["links", &page].ok()));
    assert_eq!(count("query"), "118");
    assert_eq!([count("fetch"), count("scrape"), count("robots")], ["1", "1", "1"]);
    let status = "select typeof(status) || json_extract(headers, '$.content-type') from fetch";
    assert!(ask(folder.join("a.db"), status)[0].starts_with("integertext/html"));
}

#[test]
fn rows_that_are_there_are_added_to_only_on_request() {
    let folder = Folder::new();
    let file = folder.write("a.txt", "a");
    gather!["read", &file, "-o", table(&folder)].ok();
    gather!["read", &file, "-o", table(&folder)]
        .run()
        .code(2)
        .says(&["`records` has rows", "hint: --append"]);
    gather!["read", &file, "-o", table(&folder), "--append"].ok();
    gather!["read", &file, "-o", format!("{}#other", table(&folder))].ok();
    assert_eq!(ask(folder.join("a.db"), "select text from records"), ["a", "a"]);
    assert_eq!(ask(folder.join("a.db"), "select text from other"), ["a"]);
}

#[test]
fn an_empty_result_makes_the_table_all_the_same() {
    let folder = Folder::new();
    let page = shop(&folder, "<p>");
    gather!["scrape", &page, "--recipe", folder.join("shop.toml"), "-o", table(&folder)].ok();
    assert_eq!(ask(folder.join("a.db"), "select sku from records"), [""; 0]);
}

#[test]
fn interrupted_it_writes_what_is_there_and_says_what_is_pending() {
    let folder = Folder::new();
    let served = Served::start(data("site"), &["--delay", "50ms"]);
    let urls: String = (0..1_000).map(|n| format!("{}?{n}\n", served.join("/index.html"))).collect();
    let list = folder.write("urls.txt", urls);
    let running = gather![
        "fetch",
        "--input",
        &list,
        "-j",
        "4",
        "-o",
        table(&folder),
        "--summary",
        folder.join("s.json")
    ]
    .start();
    // The first batch is in the table: the run is in its midst.
    while !folder.join("a.db").exists()
        || ask(folder.join("a.db"), "select name from sqlite_schema").is_empty()
    {
        std::thread::yield_now();
    }
    running.interrupt();
    running.wait().code(130);
    let summary = lawful_summary(folder.join("s.json"));
    let count = ask(folder.join("a.db"), "select cast(count(*) as text) from records");
    assert_eq!(count[0], summary["ok"].to_string());
    assert!(summary["pending"].as_u64().unwrap() > 0);
}

#[test]
fn what_cannot_be_written_to_is_refused_before_any_work() {
    let folder = Folder::new();
    let file = folder
        .write("a.txt", "not a database, but long enough to have been one: this is no header of SQLite's");
    for (target, says) in [
        (format!("sqlite:{}", file.display()), "is no database"),
        (format!("sqlite:{}", folder.join("no/a.db").display()), "folder must exist"),
        ("postgres://me:S3CRET@127.0.0.1:1/db#t".to_owned(), "cannot reach the server"),
        ("postgres://me:S3CRET@127.0.0.1:x/db#t".to_owned(), "is no URL of a database"),
    ] {
        let run = gather!["read", &file, "-o", target].run().code(2).says(&[says, "hint:"]);
        assert!(!run.stderr.contains("S3CRET") && run.stdout.is_empty(), "{}", run.stderr);
    }
    gather!["read", &file, "-o", table(&folder), "--format", "csv"]
        .run()
        .code(2)
        .says(&["--format", "hint:"]);
    assert_eq!(folder.names(), ["a.txt"]);
}

#[test]
fn a_crawl_goes_into_a_table_by_its_key_and_an_export_into_any() {
    let folder = Folder::new();
    let served = Served::start(data("site"), &[]);
    let url = served.join("/elements/page-1.html");
    let recipe = data("recipes/elements.toml");
    let store = folder.join("crawl.db");
    let crawl = |out: String| {
        gather!["crawl", &url, "--store", &store, "--max-pages", "5", "--recipe", &recipe, "-o", out]
    };
    let keyed = std::fs::read_to_string(&recipe).unwrap().contains("\nkey = ");
    assert!(keyed, "the recipe has a key");
    crawl(table(&folder)).ok();
    crawl(table(&folder)).ok(); // it is finished: the same rows again
    gather!["export", &store, "-o", format!("{}#exported", table(&folder))].ok();
    let count = |name: &str| ask(folder.join("a.db"), &format!("select cast(count(*) as text) from {name}"));
    assert_eq!(count("records"), count("exported"));
    assert_eq!(count("records")[0], gather!["export", &store].ok().records().len().to_string());
    crawl(format!("sqlite:{}", store.display())).run().code(2).says(&["the store are one file", "hint:"]);
    let several = gather!["crawl", &url, "--store", folder.join("b.db"), "--each", "p", "--field", "x=@text"];
    let several = several.args(["-o", &format!("{}#b", table(&folder))]);
    several.run().code(2).says(&["`key`", "hint: gather export"]);
}

#[test]
fn a_crawl_of_one_record_to_a_page_goes_into_a_table_by_its_page() {
    let folder = Folder::new();
    let served = Served::start(data("site"), &[]);
    let store = folder.join("crawl.db");
    let crawl = |pages: &str| {
        let url = served.join("/elements/page-1.html");
        gather!["crawl", &url, "--store", &store, "--max-pages", pages, "-o", table(&folder)].ok()
    };
    crawl("3");
    crawl("5");
    let rows = ask(folder.join("a.db"), "select _source from records order by 1");
    let records = gather!["export", &store].ok().records();
    let mut pages: Vec<&str> = records.iter().map(|record| record["_source"].as_str().unwrap()).collect();
    pages.sort_unstable();
    assert_eq!((rows, pages.len()), (pages.iter().map(ToString::to_string).collect::<Vec<_>>(), 5));
}

#[test]
fn a_table_in_postgres_holds_what_the_recipe_says() {
    let Ok(server) = std::env::var("GATHER_TEST_POSTGRES") else {
        eprintln!("skipped: GATHER_TEST_POSTGRES is not set");
        return;
    };
    let folder = Folder::new();
    let page = shop(&folder, "<li><b>x</b><i>1.50</i><u>new</u><li><b>y</b><i>2</i>");
    let name = format!("gather_binary_{}", std::process::id());
    for _ in 0..2 {
        gather!["scrape", &page, "--recipe", folder.join("shop.toml"), "-o", format!("{server}#{name}")].ok();
    }
    let rows = run(async move {
        let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
        let query = format!(
            "select sku || ' ' || price || ' ' || coalesce(cast(tags as text), '-') from {name} order by sku"
        );
        let rows: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&mut connection).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("drop table {name}"))).execute(&mut connection).await.unwrap();
        rows
    });
    assert_eq!(rows.unwrap(), ["x 1.50 [\"new\"]", "y 2 -"]);
}
