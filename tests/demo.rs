//! `gather demo`.

use crate::support::{Folder, data, jsonl_file};

fn shipped() -> std::path::PathBuf {
    data("site").parent().unwrap().to_owned()
}

#[test]
fn the_whole_job_is_done_on_the_shipped_data() {
    let folder = Folder::new();
    let run = gather!["demo", "--data", shipped(), "-o", "out"].here(folder.path()).ok();
    for word in ["read", "scrape", "query", "one at a time", "out/"] {
        assert!(run.stdout.contains(word), "no {word:?} in {}", run.stdout);
    }
    assert_eq!(folder.names(), ["out"]);
    assert_eq!(jsonl_file(folder.join("out/texts.jsonl")).len(), 430);
    let elements = jsonl_file(folder.join("out/elements.jsonl"));
    let expected = jsonl_file(data("recipes/expected/elements.jsonl"));
    assert_eq!(elements.len(), expected.len());
    let answer: serde_json::Value = serde_json::from_str(&folder.read("out/answer.json")).unwrap();
    let shipped: serde_json::Value =
        serde_json::from_slice(&std::fs::read(data("api/expected/query.json")).unwrap()).unwrap();
    assert_eq!(answer, shipped);
}

#[test]
fn the_data_is_found_in_a_folder_above() {
    let folder = Folder::new();
    let run = gather!["demo", "-o", folder.join("out")].here(data("site/elements")).ok();
    assert!(run.stdout.contains(shipped().to_str().unwrap()), "{}", run.stdout);
}

#[test]
fn without_data_it_is_wrong_usage_and_nothing_is_written() {
    let folder = Folder::new();
    gather!["demo"].here(folder.path()).run().code(2).says(&["hint:", "--data"]);
    gather!["demo", "--data", folder.path()].here(folder.path()).run().code(2).says(&["hint:"]);
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_closed_stdout_is_no_failure_of_it() {
    let folder = Folder::new();
    let mut run = gather!["demo", "--data", shipped(), "-o", folder.join("out")].start();
    drop(run.stdout());
    run.wait().code(0);
    assert_eq!(jsonl_file(folder.join("out/elements.jsonl")).len(), 118);
}
