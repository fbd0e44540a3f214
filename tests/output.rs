//! Where results go, and how they look there.

use std::io::{BufRead, BufReader, Read};

use gather_site::{Mock, Reply};
use serde_json::Value;

use crate::support::{Folder, data, jsonl, jsonl_file};

fn two_files() -> Folder {
    let folder = Folder::new();
    folder.write("in/a.txt", "one, \"two\"\n");
    folder.write("in/b.txt", "three\tfour\n");
    folder
}

fn out(folder: &Folder, name: &str, more: &[&str]) -> Vec<u8> {
    let path = folder.join(name);
    let run = gather!["read", "in", "--ordered", "-o", &path].args(more).here(folder.path()).ok();
    assert_eq!(run.stdout, "", "with -o nothing goes to stdout");
    std::fs::read(path).unwrap()
}

fn unzipped(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

fn texts(records: &[Value]) -> Vec<&str> {
    crate::support::field(records, "text")
}

const TEXTS: [&str; 2] = ["one, \"two\"\n", "three\tfour\n"];

fn rows(bytes: &[u8], delimiter: u8) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(bytes);
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn the_extension_tells_the_format() {
    let folder = two_files();
    assert_eq!(texts(&jsonl(std::str::from_utf8(&out(&folder, "o.jsonl", &[])).unwrap())), TEXTS);
    let array: Vec<Value> = serde_json::from_slice(&out(&folder, "o.json", &[])).unwrap();
    assert_eq!(texts(&array), TEXTS);
    for (name, delimiter) in [("o.csv", b','), ("o.tsv", b'\t')] {
        let rows = rows(&out(&folder, name, &[]), delimiter);
        let text = rows[0].iter().position(|column| column == "text").unwrap();
        assert_eq!([&rows[1][text], &rows[2][text]], TEXTS, "{name}");
    }
}

#[test]
fn gz_behind_it_packs_any_format() {
    let folder = two_files();
    assert_eq!(texts(&jsonl(&unzipped(&out(&folder, "o.jsonl.gz", &[])))), TEXTS);
    let array: Vec<Value> = serde_json::from_str(&unzipped(&out(&folder, "o.json.gz", &[]))).unwrap();
    assert_eq!(array.len(), 2);
    assert_eq!(rows(unzipped(&out(&folder, "o.csv.gz", &[])).as_bytes(), b',').len(), 3);
    assert_eq!(rows(unzipped(&out(&folder, "o.tsv.gz", &[])).as_bytes(), b'\t').len(), 3);
}

#[test]
fn format_wins_over_the_extension() {
    let folder = two_files();
    assert_eq!(rows(&out(&folder, "o.jsonl", &["--format", "csv"]), b',').len(), 3);
    let array: Vec<Value> =
        serde_json::from_slice(&out(&folder, "o.anything", &["--format", "json"])).unwrap();
    assert_eq!(array.len(), 2);
}

#[test]
fn output_is_another_name_for_out() {
    let folder = two_files();
    gather!["read", "in", "--output", "o.jsonl"].here(folder.path()).ok();
    assert_eq!(jsonl_file(folder.join("o.jsonl")).len(), 2);
}

#[test]
fn append_adds_to_what_is_there() {
    let folder = two_files();
    for name in ["o.jsonl", "o.csv", "o.jsonl.gz"] {
        out(&folder, name, &["--append"]);
        let twice = out(&folder, name, &["--append"]);
        let text = if name.ends_with("gz") { unzipped(&twice) } else { String::from_utf8(twice).unwrap() };
        match name {
            "o.csv" => assert_eq!(rows(text.as_bytes(), b',').len(), 5, "one header, four rows: {text}"),
            _ => assert_eq!(texts(&jsonl(&text)).len(), 4, "{name}"),
        }
    }
}

#[test]
fn without_append_the_file_is_replaced() {
    let folder = two_files();
    folder.write("o.jsonl", "{\"old\":1}\n");
    assert_eq!(jsonl(std::str::from_utf8(&out(&folder, "o.jsonl", &[])).unwrap()).len(), 2);
}

#[test]
fn no_records_are_an_empty_document_of_each_format() {
    let folder = Folder::new();
    std::fs::create_dir(folder.join("in")).unwrap();
    assert_eq!(out(&folder, "o.jsonl", &[]), b"");
    assert_eq!(
        serde_json::from_slice::<Vec<Value>>(&out(&folder, "o.json", &[])).unwrap(),
        Vec::<Value>::new()
    );
}

#[test]
fn an_output_that_nobody_understands_is_refused_before_any_work() {
    let server = Mock::start(|_| Reply::text("x")).unwrap();
    let folder = Folder::new();
    let run = |name: &str| gather!["fetch", server.url(), "-o", name].here(folder.path()).run().code(2);
    run("page.html").says(&["page.html", "hint:", "--body"]);
    run("page.xyz").says(&["page.xyz", "hint:"]);
    run("no/such/folder/o.jsonl").says(&["no/such/folder/o.jsonl"]);
    for option in ["--errors", "--summary"] {
        let run = gather!["fetch", server.url(), option, "no/such/file"].here(folder.path()).run().code(2);
        run.says(&["no/such/file"]);
    }
    assert_eq!(server.calls(), 0);
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn append_without_a_file_is_wrong_usage() {
    gather!["read", ".", "--append"].run().code(2);
}

#[test]
fn stdout_has_nothing_but_results() {
    let server = Mock::start(|request| match request.path() {
        "/good" => Reply::text("good"),
        _ => Reply::status(404),
    })
    .unwrap();
    let urls = [server.join("/good"), server.join("/bad")];
    let run = gather!["fetch", "-v", "--progress", "always"].args(&urls).run().code(1);
    assert_eq!(run.record()["url"], urls[0]);
    let run = run.says(&[&urls[1], "1 ok, 1 failed"]);
    assert_eq!(run.stdout.lines().count(), 1);
    assert!(!run.stdout.contains(&urls[1]));
}

#[test]
fn quiet_says_failures_and_nothing_else() {
    let server = Mock::start(|_| Reply::text("good")).unwrap();
    let run = gather!["fetch", "-q", server.url()].ok();
    assert_eq!(run.stderr, "");
    let run = gather!["fetch", "-q", "nonsense"].run().code(1).says(&["nonsense"]);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

#[test]
fn errors_are_records_that_name_everything() {
    let server = Mock::start(|_| Reply::status(410)).unwrap();
    let folder = Folder::new();
    let url = server.join("/gone");
    gather!["fetch", &url, "--errors", folder.join("e.jsonl")].run().code(1);
    let errors = jsonl_file(folder.join("e.jsonl"));
    assert_eq!(errors.len(), 1);
    let expected = ["input", "kind", "phase", "message", "status", "final_url", "attempts", "elapsed_ms"];
    assert_eq!(crate::support::keys(&errors[0]), expected);
    assert_eq!(errors[0]["input"], url);
    assert_eq!(errors[0]["final_url"], url);
    assert_eq!(errors[0]["kind"], "status");
    assert_eq!(errors[0]["status"], 410);
    assert_eq!(errors[0]["phase"], Value::Null);
    assert_eq!(errors[0]["attempts"], 1);
}

#[test]
fn without_failures_the_file_of_errors_is_there_and_empty() {
    let folder = two_files();
    gather!["read", "in", "--errors", "e.jsonl"].here(folder.path()).ok();
    assert_eq!(folder.read("e.jsonl"), "");
}

#[test]
fn a_closed_stdout_ends_the_run_without_a_failure() {
    let mut run = gather!["read", data("texts"), "-q"].start();
    let mut stdout = BufReader::new(run.stdout());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    assert!(line.starts_with("{\"path\""));
    run.wait().code(0);
}

#[test]
fn an_output_that_has_ended_holds_up_no_large_record_either() {
    let folder = Folder::new();
    for name in ["a.txt", "b.txt", "c.txt"] {
        folder.write(name, vec![b'x'; 200_000]);
    }
    for _ in 0..5 {
        let mut run = gather!["read", folder.path(), "-q"].start();
        drop(run.stdout());
        run.wait().code(0);
    }
    gather!["read", folder.path(), "-q"].run_into("/dev/full").code(1).says(&["stdout"]);
    for format in ["json", "csv"] {
        gather!["read", folder.path(), "--format", format].run_into("/dev/full").code(1).says(&["stdout"]);
    }
}

#[test]
fn a_closed_stdout_leaves_a_summary_that_holds() {
    let folder = Folder::new();
    let list = format!("{}\n", data("texts").display()).repeat(20);
    let list = folder.write("list", list);
    let mut run = gather!["read", "--input", list, "--summary", folder.join("s.json")].start();
    drop(run.stdout());
    run.wait().code(0);
    let summary = crate::support::lawful_summary(folder.join("s.json"));
    assert!(summary["ok"].as_u64().unwrap() < 20 * 430, "{summary}");
}

#[test]
fn a_full_disk_is_said_and_the_exit_code_is_1() {
    let texts = data("texts");
    for format in ["jsonl", "json", "csv", "text"] {
        let run = gather!["read", &texts, "--format", format].run_into("/dev/full");
        run.code(1).says(&["stdout", "space"]);
    }
    gather!["read", &texts, "-o", "/dev/full"].run().code(1).says(&["/dev/full", "space"]);
    let server = Mock::start(|_| Reply::text("body")).unwrap();
    gather!["fetch", server.url(), "--body"].run_into("/dev/full").code(1).says(&["stdout"]);
}

#[test]
fn a_killed_run_leaves_the_old_file_as_it_was() {
    let folder = two_files();
    let old = out(&folder, "o.jsonl", &[]);
    let (sender, asked) = std::sync::mpsc::channel();
    let server = Mock::start(move |request| {
        let _ = sender.send(());
        if request.call() == 1 { Reply::text("x") } else { Reply::text("x").after(std::future::pending()) }
    })
    .unwrap();
    let urls = [server.join("/1"), server.join("/2")];
    let run = gather!["fetch", "-j", "1", "-o", folder.join("o.jsonl")].args(&urls).start();
    asked.recv().unwrap();
    asked.recv().unwrap(); // the first is done, the second is not
    run.signal(rustix::process::Signal::KILL);
    run.wait();
    assert_eq!(std::fs::read(folder.join("o.jsonl")).unwrap(), old);
}

#[test]
fn records_come_while_the_run_goes_on() {
    let server = Mock::start(|request| match request.path() {
        "/now" => Reply::text("now"),
        _ => Reply::text("never").after(std::future::pending()),
    })
    .unwrap();
    let mut run = gather!["fetch", server.join("/never"), server.join("/now"), "--grace", "0"].start();
    let mut line = String::new();
    BufReader::new(run.stdout()).read_line(&mut line).unwrap();
    assert!(line.contains("/now"), "{line}");
    run.interrupt();
    run.wait().code(130);
}

#[test]
fn a_formula_from_a_page_stays_a_text_in_a_spreadsheet_on_request() {
    let folder = Folder::new();
    let file = folder.write("a.jsonl", "{\"t\":\"=cmd()\",\"n\":-1}\n{\"t\":\"a=b\",\"n\":2}\n");
    let plain = gather!["read", "--records", &file, "--format", "csv"].ok().stdout;
    assert!(plain.contains("=cmd(),-1") && !plain.contains("'=cmd"), "{plain}");
    let safe = gather!["read", "--records", &file, "--format", "csv", "--csv-safe"].ok().stdout;
    assert!(safe.contains("'=cmd(),-1") && safe.contains("a=b,2"), "{safe}");
}

#[test]
fn two_outputs_to_one_file_are_refused_before_anything_is_written() {
    let folder = two_files();
    folder.write("old", "as it was");
    std::os::unix::fs::symlink("old", folder.join("link")).unwrap();
    let pairs: [&[&str]; 6] = [
        &["-o", "x.jsonl", "--errors", "./x.jsonl"],
        &["-o", "x.jsonl", "--summary", "in/../x.jsonl"],
        &["--errors", "x", "--summary", "x"],
        &["--errors", "old", "--summary", "link"],
        &["--format", "jsonl", "-o", "link", "--summary", "old"],
        &["-o", "sqlite:x.db#t", "--errors", "x.db"],
    ];
    for pair in pairs {
        let run = gather!["read", "in"].args(pair).here(folder.path()).run().code(2);
        run.says(&["are one file", "hint:"]);
        assert_eq!(folder.names(), ["in", "link", "old"], "{pair:?}");
        assert_eq!(folder.read("old"), "as it was");
    }
}

#[test]
fn a_cookie_jar_or_a_recipe_that_is_saved_is_no_other_output() {
    let folder = Folder::new();
    folder.write("page.html", "<title>t</title>");
    for command in [
        &["fetch", "http://127.0.0.1:9/", "--cookie-jar", "x"][..],
        &["scrape", "page.html", "--save-recipe", "x"],
        &["scrape", "page.html", "--save-recipe", "y", "--cookie-jar", "./y"],
    ] {
        let run = gather![].args(command).args(["-o", "x"]).here(folder.path()).run().code(2);
        run.says(&["are one file", "hint:"]);
        assert_eq!(folder.names(), ["page.html"], "{command:?}");
    }
}

#[test]
fn two_outputs_may_go_to_one_device() {
    let folder = two_files();
    gather!["read", "in", "-o", "/dev/null", "--errors", "/dev/null"].here(folder.path()).ok();
    let run = gather!["read", "in", "--errors", "/dev/stderr", "--summary", "/dev/stderr"];
    assert_eq!(run.here(folder.path()).ok().records().len(), 2);
}

#[test]
fn a_dash_names_no_file_to_write_to() {
    let folder = two_files();
    let run = gather!["read", "in", "-o", "-"].here(folder.path()).run().code(2);
    run.says(&["`-o -`", "leave -o out"]);
    gather!["read", "in", "--errors", "-"].here(folder.path()).run().code(2).says(&["/dev/stdout"]);
    assert_eq!(folder.names(), ["in"]);
}

#[test]
fn a_name_never_forges_a_line_on_stderr() {
    let folder = two_files();
    let forged = "no\nerror: forged";
    let runs = [
        gather!["read", forged],
        gather!["links", forged],
        gather!["read", "in", "--input", forged],
        gather!["scrape", "in", "--recipe", forged],
        gather!["status", forged],
        gather!["read", "-v", "in", "-g", "x"].arg(forged),
    ];
    for run in runs {
        let run = run.here(folder.path()).run();
        assert!(run.stderr.contains("no\\nerror: forged"), "{run:?}");
        assert!(
            !run.stderr.lines().any(|line| line == "error: forged" || line.starts_with("error: forged:"))
        );
    }
}
