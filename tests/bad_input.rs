//! Bad files: each a message, the right exit code, and the others go on.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::support::{Folder, field, jsonl_file, lawful_summary};

/// The errors of a `read` of these paths beside a good file, which must be read all the same.
fn errors(folder: &Folder, bad: &[&str]) -> Vec<Value> {
    folder.write("good.txt", "good");
    let run = gather!["read", "good.txt", "--errors", "e", "--summary", "s"].args(bad).here(folder.path());
    let run = run.run().code(1).says(bad);
    assert_eq!(run.record()["text"], "good");
    assert_eq!(lawful_summary(folder.join("s"))["failed"], bad.len());
    jsonl_file(folder.join("e"))
}

#[test]
fn a_missing_path() {
    let errors = errors(&Folder::new(), &["no/such/file"]);
    assert_eq!((&errors[0]["input"], &errors[0]["kind"]), (&"no/such/file".into(), &"not_found".into()));
    assert_eq!(errors[0]["status"], Value::Null);
}

#[test]
fn an_unreadable_file() {
    let folder = Folder::new();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let path = folder.write("secret", "x");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o000)).unwrap();
    let mut run = gather!["read", &path];
    if rustix::process::geteuid().is_root() {
        // Root may read everything; somebody else may not. Where nobody else can even run us, there is nothing to try.
        let nobody = Command::new(env!("CARGO_BIN_EXE_gather")).arg("--version").uid(65_534).output();
        if !nobody.is_ok_and(|output| output.status.success()) {
            return;
        }
        run.command.uid(65_534);
    }
    run.run().code(1).says(&["secret", "permission"]);
}

#[test]
fn a_loop_of_folders() {
    let folder = Folder::new();
    folder.write("in/deep/a.txt", "x");
    symlink("..", folder.join("in/deep/up")).unwrap();
    symlink("self", folder.join("in/self")).unwrap();
    let run = gather!["read", folder.join("in"), "--summary", folder.join("s")].ok();
    assert_eq!(run.records().len(), 1);
    assert_eq!(lawful_summary(folder.join("s"))["skipped"], 2);
    let run = gather!["read", folder.join("in"), "--follow"].run().code(1).says(&["up", "loop"]);
    assert_eq!(run.records().len(), 1, "each file once");
}

#[test]
fn an_empty_file_is_a_record_like_any_other() {
    let folder = Folder::new();
    let path = folder.write("empty", "");
    let record = gather!["read", path].ok().record();
    assert_eq!((&record["bytes"], &record["lines"], &record["text"]), (&0.into(), &0.into(), &"".into()));
}

#[test]
fn a_file_that_changes_while_it_is_read_gives_no_mixture() {
    let folder = Folder::new();
    let path = folder.write("changing", "");
    let done = Arc::new(AtomicBool::new(false));
    let (at, until) = (path.clone(), done.clone());
    let writer = std::thread::spawn(move || {
        let long = "x".repeat(1 << 20);
        while !until.load(Ordering::Relaxed) {
            std::fs::write(&at, &long).unwrap();
            std::fs::File::options().write(true).open(&at).unwrap().set_len(100).unwrap();
        }
    });
    let list = "changing\n".repeat(200);
    let run = gather!["read", "--input", "-", "-q", "--errors", "e", "--summary", "s"];
    let run = run.here(folder.path()).stdin(list).run();
    done.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    assert_eq!(lawful_summary(folder.join("s"))["inputs"], 200);
    for record in run.records() {
        let text = record["text"].as_str().unwrap();
        assert_eq!(record["bytes"], text.len(), "the size is that of what was read");
    }
    for kind in field(&jsonl_file(folder.join("e")), "kind") {
        assert_eq!(kind, "io");
    }
}

#[test]
fn a_fifo_and_a_device_are_named_and_never_waited_for() {
    let folder = Folder::new();
    assert!(Command::new("mkfifo").arg(folder.join("fifo")).status().unwrap().success());
    let errors = errors(&folder, &["fifo", "/dev/zero", "/dev/null"]);
    assert_eq!(field(&errors, "kind"), ["io"; 3]);
    gather!["scrape", folder.join("fifo"), "--field", "t=title"].run().code(1).says(&["fifo"]);
}

#[test]
fn a_file_that_is_not_text_is_skipped_in_a_folder() {
    let folder = Folder::new();
    folder.write("in/binary", b"PNG\0\0\0");
    folder.write("in/text", "x");
    let run = gather!["read", folder.join("in"), "--summary", folder.join("s"), "-v"].ok().says(&["binary"]);
    assert_eq!(run.records().len(), 1);
    assert_eq!(lawful_summary(folder.join("s"))["skipped"], 1);
}

#[test]
fn an_unknown_option_or_command_is_wrong_usage() {
    gather!["read", ".", "--no-such-option"].run().code(2).says(&["--no-such-option"]);
    gather!["reed", "."].run().code(2).says(&["reed"]);
    gather![].run().code(2);
}

#[test]
fn a_bare_number_is_no_duration_and_zero_needs_no_unit() {
    for option in ["--timeout", "--grace", "--connect-timeout"] {
        let run = gather!["fetch", "http://127.0.0.1:1/", option, "5"].run().code(2);
        run.says(&["5", "hint:", "5s"]);
        gather!["fetch", "--input", "-", option, "0"].ok();
    }
    gather!["every", "5", "--", "read", "."].run().code(2).says(&["hint:", "5s"]);
    gather!["read", ".", "--max-size", "100"].run().code(2).says(&["hint:", "100B"]);
}
