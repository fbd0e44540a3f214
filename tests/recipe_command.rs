//! `gather recipe check|test|schema`.

use serde_json::Value;

use crate::support::{Folder, data};

const RECIPE: &str =
    "[record]\neach = \"li\"\n[fields]\nname = \"b\"\nprice = { css = \"i\", as = \"number\" }\n";

fn shop() -> Folder {
    let folder = Folder::new();
    folder.write("shop.toml", RECIPE);
    folder.write("shop.test/list.html", "<li><b>Tea</b><i>1.50</i><li><b>Cup</b><i>7</i>");
    folder
        .write("shop.test/list.jsonl", "{\"name\":\"Tea\",\"price\":1.50}\n{\"name\":\"Cup\",\"price\":7}\n");
    folder
}

#[test]
fn check_says_of_each_file_whether_it_holds_and_where_it_does_not() {
    let folder = shop();
    folder.write("bad.toml", "[fields]\ntitle = { css = \"h1\", requird = true }\n");
    let run =
        gather!["recipe", "check", folder.join("shop.toml"), folder.join("bad.toml"), folder.join("no.toml")];
    let run = run.run().code(2).says(&["bad.toml", "line 2, column", "`required`", "no.toml", "hint:"]);
    assert!(run.stdout.ends_with("shop.toml: ok, name, price\n"), "{}", run.stdout);
    gather!["recipe", "check"].args(shipped()).ok();
}

fn shipped() -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(data("recipes")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect()
}

#[test]
fn a_test_passes_when_the_records_are_the_expected_ones() {
    let folder = shop();
    let run = gather!["recipe", "test", folder.join("shop.toml")].ok();
    assert!(run.stdout.contains("list.html: 2 records\n1 page: 1 ok, 0 failed"), "{}", run.stdout);
}

#[test]
fn a_test_names_each_field_that_differs_and_each_record_too_few_or_too_many() {
    let folder = shop();
    folder.write("shop.test/list.jsonl", "{\"name\":\"Tea\",\"price\":1.5}\n");
    let run = gather!["recipe", "test", folder.join("shop.toml")].run().code(1);
    for part in ["FAILED", "record 1, price", "- 1.5\n", "+ 1.50\n", "record 2 is one too many", "1 failed"] {
        assert!(run.stdout.contains(part), "no {part:?} in {}", run.stdout);
    }
    assert_eq!(folder.read("shop.test/list.jsonl"), "{\"name\":\"Tea\",\"price\":1.5}\n");
}

#[test]
fn update_writes_what_the_recipe_gives() {
    let folder = shop();
    let expected = folder.read("shop.test/list.jsonl");
    std::fs::remove_file(folder.join("shop.test/list.jsonl")).unwrap();
    gather!["recipe", "test", folder.join("shop.toml")].run().code(1);
    let run = gather!["recipe", "test", folder.join("shop.toml"), "--update"].ok();
    assert!(run.stdout.contains("written to"), "{}", run.stdout);
    assert_eq!(folder.read("shop.test/list.jsonl"), expected);
    let again = gather!["recipe", "test", folder.join("shop.toml"), "--update"].ok();
    assert!(again.stdout.contains("unchanged"), "{}", again.stdout);
}

#[test]
fn a_page_that_fails_fails_its_test_and_no_other() {
    let folder = shop();
    folder.write("shop.toml", RECIPE.replace("[fields]", "min = 1\n[fields]"));
    folder.write("shop.test/empty.html", "<p>");
    let run = gather!["recipe", "test", folder.join("shop.toml")].run().code(1);
    assert!(run.stdout.contains("2 pages: 1 ok, 1 failed"), "{}", run.stdout);
}

#[test]
fn a_saved_page_knows_its_url() {
    let folder = shop();
    folder.write("shop.toml", "[fields]\nlink = { css = \"a@href\", as = \"url\" }\n");
    folder.write("shop.test/list.html", "<a href=x>");
    folder.write("shop.test/list.jsonl", "{\"link\":\"http://h.test/d/x\"}\n");
    let entry = "{\"file\":\"list.html\",\"url\":\"http://h.test/\",\"final_url\":\"http://h.test/d/\",\"status\":200,\
                 \"content_type\":\"text/html\"}\n";
    folder.write("shop.test/index.jsonl", entry);
    gather!["recipe", "test", folder.join("shop.toml")].ok();
}

#[test]
fn what_is_missing_is_wrong_usage_with_a_hint() {
    let folder = Folder::new();
    folder.write("shop.toml", RECIPE);
    gather!["recipe", "test", folder.join("shop.toml")].run().code(2).says(&[
        "shop.test",
        "hint:",
        "--update",
    ]);
    folder.write("bad.toml", "[record]\neach = \"li[\"\n");
    gather!["recipe", "test", folder.join("bad.toml")].run().code(2).says(&["line 2"]);
}

#[test]
fn the_recipes_that_ship_with_pages_give_their_records() {
    let tested: Vec<_> = shipped().into_iter().filter(|path| path.with_extension("test").is_dir()).collect();
    assert!(!tested.is_empty());
    for recipe in tested {
        gather!["recipe", "test", recipe].ok();
    }
}

#[test]
fn the_schema_is_printed() {
    let run = gather!["recipe", "schema"].ok();
    let schema: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(schema["$defs"]["long"]["properties"]["css"].is_object());
}
