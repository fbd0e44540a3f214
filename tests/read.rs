//! `gather read`.

use std::os::unix::ffi::OsStrExt;

use crate::support::{Folder, data, field, jsonl_file, keys, lawful_summary};

#[test]
fn the_shipped_texts_are_read_and_what_is_not_text_is_skipped_and_counted() {
    let folder = Folder::new();
    let run = gather!["read", data("texts"), "--summary", folder.join("s.json")].ok();
    assert_eq!(run.records().len(), 430);
    let summary = lawful_summary(folder.join("s.json"));
    assert_eq!((&summary["ok"], &summary["skipped"]), (&430.into(), &2.into()));
}

#[test]
fn every_encoding_is_told_and_gives_the_text_that_was_meant() {
    let records = gather!["read", data("encodings/files")].ok().records();
    let root = data("encodings");
    for expected in jsonl_file(root.join("index.jsonl")) {
        let path = root.join(expected["path"].as_str().unwrap());
        let record = records.iter().find(|record| record["path"].as_str() == path.to_str()).unwrap();
        assert_eq!(record["text"], expected["text"], "{}", path.display());
    }
}

#[test]
fn a_record_has_its_keys_in_order() {
    let folder = Folder::new();
    let path = folder.write("a.txt", "one\ntwo\n");
    let record = gather!["read", &path].ok().record();
    assert_eq!(keys(&record), ["path", "bytes", "lines", "encoding", "text"]);
    assert_eq!(record["bytes"], 8);
    assert_eq!(record["lines"], 2);
    assert_eq!(record["encoding"], "UTF-8");
    assert_eq!(record["text"], "one\ntwo\n");
    let record = gather!["read", &path, "--no-text"].ok().record();
    assert_eq!(keys(&record), ["path", "bytes", "lines", "encoding"]);
}

#[test]
fn one_document_is_read_from_stdin() {
    let record = gather!["read", "-"].stdin("from a pipe\n").ok().record();
    assert_eq!((&record["path"], &record["text"]), (&"-".into(), &"from a pipe\n".into()));
}

#[test]
fn hidden_files_are_read_when_asked_for() {
    let folder = Folder::new();
    folder.write(".hidden", "x");
    folder.write("seen", "x");
    assert_eq!(gather!["read", folder.path()].ok().records().len(), 1);
    assert_eq!(gather!["read", folder.path(), "--hidden"].ok().records().len(), 2);
}

#[test]
fn a_name_that_is_not_utf_8_is_given_lossily_and_exactly() {
    let folder = Folder::new();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.txt");
    std::fs::write(folder.path().join(name), "x").unwrap();
    let record = gather!["read", folder.path()].here(folder.path()).ok().record();
    assert!(record["path"].as_str().unwrap().ends_with("caf\u{fffd}.txt"));
    let relative = gather!["read", name].here(folder.path()).ok().record();
    assert_eq!(relative["path_bytes"], "Y2Fm6S50eHQ="); // base64 of the four bytes and the extension
}

#[test]
fn a_file_above_max_size_is_refused_and_never_cut_short() {
    let folder = Folder::new();
    folder.write("large", "x".repeat(2_000));
    folder.write("small", "x".repeat(1_024));
    let errors = folder.join("errors.jsonl");
    let summary = folder.join("s.json");
    let inputs = [folder.join("large"), folder.join("small")];
    let run = gather!["read", "--max-size", "1k", "--errors", &errors, "--summary", &summary];
    let run = run.args(&inputs).run().code(1).says(&["large"]);
    assert_eq!(run.record()["bytes"], 1_024);
    assert_eq!(field(&jsonl_file(errors), "kind"), ["too_large"]);
    assert_eq!(lawful_summary(summary)["refused"], 1);
}

#[test]
fn ordered_gives_the_order_of_the_inputs() {
    let folder = Folder::new();
    let paths: Vec<_> = (0..100)
        .map(|n| folder.write(&format!("{n:03}"), "x".repeat(if n % 10 == 0 { 200_000 } else { 1 })))
        .collect();
    let records = gather!["read", "--ordered", "--no-text", "-j", "32"].args(&paths).ok().records();
    let expected: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(field(&records, "path"), expected);
}

#[test]
fn an_encoding_can_be_said_and_one_that_is_unknown_is_refused() {
    let folder = Folder::new();
    let path = folder.write("a", b"\xe9");
    let record = gather!["read", &path, "--encoding", "windows-1251"].ok().record();
    assert_eq!(record["text"], "й");
    gather!["read", &path, "--encoding", "klingon"].run().code(2).says(&["klingon", "hint:"]);
}

#[test]
fn text_is_one_line_a_file_with_nothing_raw_of_what_a_name_holds() {
    let folder = Folder::new();
    folder.write("a\u{1b}[31m\nb", "x");
    let run = gather!["read", folder.path(), "--format", "text"].ok();
    assert_eq!(run.stdout.lines().count(), 1, "{run:?}");
    assert!(!run.stdout.contains('\u{1b}'), "{run:?}");
}

#[test]
fn a_list_longer_than_any_queue_is_read_to_its_end() {
    let folder = Folder::new();
    let path = folder.write("a", "x");
    let list = format!("{}\n", path.display()).repeat(5_000);
    let run = gather!["read", "--input", "-", "--no-text", "-q"].stdin(list).ok();
    assert_eq!(run.records().len(), 5_000);
}
