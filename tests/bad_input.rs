//! Bad files: each a message, the right exit code, and the others go on.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::support::{Folder, Gather, field, jsonl_file, lawful_summary};

/// The errors of a `read` of these paths beside a good file, which must be read all the same.
fn errors(folder: &Folder, bad: &[&str]) -> Vec<Value> {
    folder.write("good.txt", "good");
    let run = gather!["read", "good.txt", "--errors", "e", "--summary", "s"].args(bad).here(folder.path());
    let run = run.run().code(1).says(bad);
    assert_eq!(run.record()["text"], "good");
    assert_eq!(lawful_summary(folder.join("s"))["failed"], bad.len());
    jsonl_file(folder.join("e"))
}

/// The run by somebody who may not read everything, as root may. Where nobody else can even run us, there is nothing to try.
#[allow(clippy::print_stderr, reason = "a test that is left out says so")]
fn as_somebody(mut run: Gather) -> Option<Gather> {
    if rustix::process::geteuid().is_root() {
        let nobody = Command::new(env!("CARGO_BIN_EXE_gather")).arg("--version").uid(65_534).output();
        if !nobody.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: nobody but its owner may run the binary where it is");
            return None;
        }
        run.command.uid(65_534);
    }
    Some(run)
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
    let Some(run) = as_somebody(gather!["read", &path]) else { return };
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
    // Each file is read once; the names of a file are files.
    let names: Vec<String> = (0..200).map(|number| format!("name-{number}")).collect();
    for name in &names {
        std::fs::hard_link(&path, folder.join(name)).unwrap();
    }
    let list = names.join("\n");
    let run = gather!["read", "--input", "-", "-q", "--errors", "e", "--summary", "s"];
    let run = run.here(folder.path()).stdin(list).run();
    done.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    assert_eq!(lawful_summary(folder.join("s"))["inputs"], 200);
    for record in run.records() {
        let text = record["text"].as_str().unwrap();
        assert_eq!(record["bytes"], text.len(), "the size is that of what was read");
        assert!(text.bytes().all(|byte| byte == b'x'), "a mixture");
    }
    // Where a file is cut and grows again within one tick of the file system's clock, the NUL bytes that a read saw
    // meanwhile are all there is to tell it by.
    for error in jsonl_file(folder.join("e")) {
        let nul = error["kind"] == "encoding" && error["message"].as_str().unwrap().contains("NUL");
        assert!(error["kind"] == "io" || nul, "{error}");
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

#[test]
fn too_many_open_files_are_waited_for() {
    let folder = Folder::new();
    for number in 0..3_000 {
        folder.write(&format!("in/{}/{}/{}/{number}", number % 7, number % 5, number % 3), "x");
    }
    for limit in [64, 24] {
        let run = Gather::after(&format!("ulimit -n {limit}")).here(folder.path());
        let run = run.args(["read", "in", "-j", "64", "--no-text", "--summary", "s"]).ok();
        assert_eq!(run.records().len(), 3_000, "{limit}");
        assert_eq!(lawful_summary(folder.join("s"))["ok"], 3_000);
    }
}

#[test]
fn too_many_open_files_in_deep_folders_end_in_records_or_errors_and_never_in_a_wait() {
    let folder = Folder::new();
    let (mut path, mut deepest) = ("in".to_owned(), String::new());
    for depth in 0..30 {
        deepest = format!("{path}/file");
        folder.write(&deepest, "x");
        folder.write(&format!("{path}/.gitignore"), "*.log\n");
        path = format!("{path}/{depth}");
    }
    let read = |script: &str| {
        let run = Gather::after(script).here(folder.path());
        let options = ["in", "--gitignore", "--no-text", "-q", "--summary", "s", "--errors", "e"];
        run.arg("read").args(options).run()
    };
    for limit in [48, 26, 20] {
        let run = read(&format!("ulimit -n {limit}")).code(0);
        assert_eq!(run.records().len(), 30, "{limit}");
        assert!(run.stdout.contains(&deepest));
    }
    // What is inherited takes all but a few: there is nobody who could close it.
    for limit in [17, 18, 19, 20, 22] {
        for name in ["s", "e"] {
            std::fs::remove_file(folder.join(name)).unwrap();
        }
        let run = read(&format!("exec 6<. 7<. 8<. 9<.; ulimit -n {limit}"));
        if !folder.join("s").exists() {
            run.says(&["open files"]); // not even its outputs could be opened
            for name in ["s", "e"] {
                folder.write(name, "");
            }
            continue;
        }
        let summary = lawful_summary(folder.join("s"));
        let failed = jsonl_file(folder.join("e"));
        assert_eq!(
            (summary["ok"].as_u64(), summary["failed"].as_u64()),
            (Some(run.records().len() as u64), Some(failed.len() as u64))
        );
        assert!(run.records().len() == 30 || !failed.is_empty(), "{limit}: something is lost in silence");
    }
}

#[test]
fn a_gitignore_that_cannot_be_read_is_a_failure_and_not_left_out_in_silence() {
    let folder = Folder::new();
    folder.write("in/a.log", "x");
    let rules = folder.write("in/.gitignore", "*.log\n");
    for open in [folder.path().to_owned(), folder.join("in")] {
        std::fs::set_permissions(open, PermissionsExt::from_mode(0o755)).unwrap();
    }
    std::fs::set_permissions(rules, PermissionsExt::from_mode(0o000)).unwrap();
    let Some(run) = as_somebody(gather!["read", folder.join("in"), "--gitignore"]) else { return };
    run.run().code(1).says(&[".gitignore", "permission denied"]);
}

#[test]
fn a_folder_that_cannot_be_listed_is_named_and_the_rest_goes_on() {
    let folder = Folder::new();
    folder.write("in/closed/a", "x");
    folder.write("in/open/b", "x");
    for open in [folder.path().to_owned(), folder.join("in"), folder.join("in/open")] {
        std::fs::set_permissions(open, PermissionsExt::from_mode(0o755)).unwrap();
    }
    std::fs::set_permissions(folder.join("in/closed"), PermissionsExt::from_mode(0o000)).unwrap();
    let Some(run) = as_somebody(gather!["read", folder.join("in")]) else { return };
    let run = run.run().code(1).says(&["closed", "permission denied"]);
    assert_eq!(run.records().len(), 1);
    std::fs::set_permissions(folder.join("in/closed"), PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn an_error_in_the_middle_of_a_file_is_its_own_and_no_others() {
    // The first page of a process's memory is never there: reading it is an error of the device, not of opening it.
    let errors = errors(&Folder::new(), &["/proc/self/mem"]);
    assert_eq!(errors[0]["kind"], "io");
    assert!(errors[0]["message"].as_str().unwrap().contains("error"), "{errors:?}");
}

#[test]
fn files_that_vanish_and_shrink_meanwhile_are_failures_or_gone_and_the_account_holds() {
    let folder = Folder::new();
    for number in 0..4_000 {
        folder.write(&format!("in/{number:04}"), "0123456789".repeat(10));
    }
    let inside = folder.join("in");
    let vandal = std::thread::spawn(move || {
        for number in (0..4_000).rev() {
            let path = inside.join(format!("{number:04}"));
            match number % 2 {
                0 => std::fs::remove_file(path).unwrap(),
                _ => std::fs::File::options().write(true).open(path).unwrap().set_len(10).unwrap(),
            }
        }
    });
    let run = gather!["read", "in", "-q", "--errors", "e", "--summary", "s"].here(folder.path()).run();
    vandal.join().unwrap();
    for record in run.records() {
        let text = record["text"].as_str().unwrap();
        assert_eq!(record["bytes"], text.len());
        assert!([10, 100].contains(&text.len()), "neither what was nor what is");
    }
    for kind in field(&jsonl_file(folder.join("e")), "kind") {
        assert!(["not_found", "io"].contains(&kind), "{kind}");
    }
    lawful_summary(folder.join("s"));
}

#[test]
fn what_a_folder_holds_and_is_no_file_is_skipped_and_a_name_that_is_not_utf_8_is_exact_in_errors() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    folder.write("in/a", "x");
    assert!(Command::new("mkfifo").arg(folder.join("in/fifo")).status().unwrap().success());
    let run = gather!["read", "in", "--summary", "s", "-v"].here(folder.path()).ok().says(&["fifo", "FIFO"]);
    assert_eq!(run.records().len(), 1);
    assert_eq!(lawful_summary(folder.join("s"))["skipped"], 1);
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    gather!["read", name, "--errors", "e"].here(folder.path()).run().code(1);
    let error = jsonl_file(folder.join("e")).remove(0);
    assert_eq!((&error["input"], &error["input_bytes"]), (&"caf\u{fffd}".into(), &"Y2Fm6Q==".into()));
}

#[test]
fn a_slow_list_gives_each_record_at_once() {
    let folder = Folder::new();
    let paths: Vec<_> = (0..5).map(|number| folder.write(&number.to_string(), "x")).collect();
    let mut child = Command::new(env!("CARGO_BIN_EXE_gather"))
        .args(["read", "--input", "-", "-q"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for path in &paths {
        writeln!(stdin, "{}", path.display()).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.contains(path.to_str().unwrap()), "{line}");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}
