//! The recipes that ship with the project give the records that ship with it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use gather_scraper::{Page, Recipe};
use serde_json::Value;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data")
}

fn recipe(name: &str) -> Recipe {
    let text = fs::read_to_string(data().join("recipes").join(name).with_extension("toml")).unwrap();
    text.parse().unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn pages_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "html") {
            found.push(path);
        }
    }
}

fn expected(name: &str) -> Vec<Value> {
    let text =
        fs::read_to_string(data().join("recipes/expected").join(name).with_extension("jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All records of the folder `site` by a recipe, in the order of the paths.
fn scraped(recipe: &Recipe) -> Vec<Value> {
    let site = data().join("site");
    let mut paths = Vec::new();
    pages_below(&site, &mut paths);
    paths.sort();
    let mut records = Vec::new();
    for path in paths {
        let source = path.strip_prefix(&site).unwrap().to_str().unwrap().to_owned();
        let page = Page::builder().path(&format!("/{source}")).build(fs::read(&path).unwrap());
        let found =
            page.and_then(|page| page.records(recipe)).unwrap_or_else(|error| panic!("{source}: {error}"));
        for record in found.records {
            let mut with_source = serde_json::Map::from_iter([("_source".to_owned(), source.clone().into())]);
            with_source.extend(record.into_map());
            records.push(with_source.into());
        }
    }
    records
}

fn assert_gives_what_is_expected(name: &str) {
    let mut found = scraped(&recipe(name));
    let mut expected = expected(name);
    let key = |value: &Value| value.to_string();
    found.sort_by_key(key);
    expected.sort_by_key(key);
    for (found, expected) in found.iter().zip(&expected) {
        // The text, so that the order of keys and every digit count.
        assert_eq!(found.to_string(), expected.to_string(), "{name}");
    }
    assert_eq!(found.len(), expected.len(), "{name}");
}

#[test]
fn a_page_with_a_base() {
    assert_gives_what_is_expected("based");
}

#[test]
fn the_catalogue() {
    assert_gives_what_is_expected("catalogue");
}

#[test]
fn detail_pages_with_labels_and_numbers() {
    assert_gives_what_is_expected("elements");
}

#[test]
fn data_embedded_in_pages() {
    assert_gives_what_is_expected("elements-embedded");
}

#[test]
fn pages_in_old_encodings() {
    assert_gives_what_is_expected("legacy");
}

#[test]
fn tables_with_spans() {
    assert_gives_what_is_expected("periods");
}

#[test]
fn every_recipe_is_the_same_after_being_written_and_read() {
    for entry in fs::read_dir(data().join("recipes")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let recipe = recipe(path.file_stem().unwrap().to_str().unwrap());
            let again: Recipe = recipe.to_toml().parse().unwrap();
            assert_eq!(again, recipe);
            let json = serde_json::to_string(&recipe).unwrap();
            assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), recipe);
        }
    }
}

#[test]
fn encodings_that_nothing_declares_are_guessed() {
    let index = fs::read_to_string(data().join("encodings/index.jsonl")).unwrap();
    let mut wrong = Vec::new();
    for line in index.lines() {
        let file: Value = serde_json::from_str(line).unwrap();
        let path = file["path"].as_str().unwrap();
        let bytes = fs::read(data().join("encodings").join(path)).unwrap();
        if file["bom"] != true && path.contains("utf-16") {
            continue;
        }
        let page = Page::builder().content_type("text/html").build(bytes).unwrap();
        if page.source() != file["text"].as_str().unwrap() {
            wrong.push(format!("{path}: {}", page.charset().name()));
        }
    }
    assert!(wrong.is_empty(), "{} wrong: {wrong:?}", wrong.len());
}
