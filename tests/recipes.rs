//! The recipes that ship give the records that ship with them: from the folder and over HTTP, at every width.

use serde_json::Value;

use crate::support::{Served, as_set, data, jsonl_file};

/// `_source` below the site, whatever was in front of it.
fn below(records: Vec<Value>, root: &str) -> Vec<Value> {
    records
        .into_iter()
        .map(|mut record| {
            let source = record["_source"].as_str().unwrap().to_owned();
            let short = source.strip_prefix(root).unwrap_or(&source).trim_start_matches('/');
            record["_source"] = short.into();
            record
        })
        .collect()
}

fn expected(name: &str) -> Vec<Value> {
    jsonl_file(data("recipes/expected").join(format!("{name}.jsonl")))
}

fn recipe(name: &str) -> std::path::PathBuf {
    data("recipes").join(format!("{name}.toml"))
}

#[track_caller]
fn same(got: Vec<Value>, expected: Vec<Value>) {
    let (got, expected) = (as_set(got), as_set(expected));
    for (got, expected) in got.iter().zip(&expected) {
        assert_eq!(got, expected);
    }
    assert_eq!(got.len(), expected.len());
}

const OF_PAGES: [&str; 6] = ["elements", "elements-embedded", "catalogue", "periods", "legacy", "based"];

#[test]
fn from_the_folder() {
    let site = data("site");
    for name in OF_PAGES {
        for jobs in ["1", "64"] {
            let records = gather!["scrape", &site, "--recipe", recipe(name), "-j", jobs].ok().records();
            same(below(records, site.to_str().unwrap()), expected(name));
        }
    }
}

#[test]
fn over_http() {
    let served = Served::start(data("site"), &[]);
    let pages = gather!["read", data("site"), "--no-text"].ok().records();
    let root = data("site");
    let urls: String = pages
        .iter()
        .filter_map(|page| page["path"].as_str().unwrap().strip_prefix(root.to_str().unwrap()))
        .filter(|path| path.ends_with(".html"))
        .map(|path| format!("{}\n", served.join(path)))
        .collect();
    for name in OF_PAGES {
        for jobs in ["1", "64"] {
            let run =
                gather!["scrape", "--input", "-", "--recipe", recipe(name), "-j", jobs].stdin(urls.clone());
            same(below(run.ok().records(), &served.url), expected(name));
        }
    }
}

#[test]
fn the_whole_catalogue_from_its_first_page() {
    let served = Served::start(data("site"), &[]);
    let run = gather!["scrape", served.join("/elements/page-1.html"), "--recipe", recipe("catalogue-follow")];
    let mut records = run.ok().records();
    for record in records.iter_mut().filter_map(Value::as_object_mut) {
        record.retain(|name, _| !["_detail", "_input"].contains(&name.as_str()));
    }
    let expected: Vec<Value> = expected("catalogue-follow")
        .into_iter()
        .map(|mut record| {
            record.as_object_mut().unwrap().retain(|name, _| !["_detail", "_input"].contains(&name.as_str()));
            record
        })
        .collect();
    same(below(records, &served.url), expected);
}

#[test]
fn the_encodings_of_the_pages_are_told_apart_over_http() {
    let served = Served::start(data("site"), &[]);
    let run = gather!["scrape", served.join("/legacy/undeclared.html"), "--field", "t=h1"].ok();
    assert!(!run.record()["t"].as_str().unwrap().contains('\u{fffd}'));
}
