//! `gather query`.

use gather_site::{Mock, Reply};
use serde_json::Value;

use crate::support::{Folder, Served, data, lawful_summary};

fn expected(name: &str) -> Value {
    let path = data("api/expected").join(format!("{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn root() -> std::path::PathBuf {
    data("api").parent().unwrap().to_owned()
}

#[test]
fn the_shipped_queries_give_the_shipped_answers_at_every_width() {
    let served = Served::start(root(), &[]);
    for name in ["query", "query-concat", "query-join"] {
        let file = data("api").join(format!("{name}.toml"));
        for jobs in ["1", "64"] {
            let run = gather!["query", &file, "--base", &served.url, "--format", "json", "-j", jobs].ok();
            assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap(), expected(name), "{name}");
        }
    }
}

#[test]
fn an_endpoint_that_fails_is_reported_and_left_out() {
    let served = Served::start(root(), &[]);
    let folder = Folder::new();
    let file = data("api/query-partial.toml");
    let run =
        gather!["query", file, "--base", &served.url, "--format", "json", "--summary", folder.join("s")];
    let run = run.run().code(1).says(&["missing", "cut"]);
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap(), expected("query-partial"));
    let summary = lawful_summary(folder.join("s"));
    assert_eq!((&summary["ok"], &summary["failed"]), (&1.into(), &2.into()));
}

#[test]
fn a_required_endpoint_that_fails_leaves_no_answer() {
    let server = Mock::start(|request| match request.path() {
        "/good" => Reply::json("[1]"),
        _ => Reply::status(404),
    })
    .unwrap();
    let folder = Folder::new();
    let file = folder.write(
        "q.toml",
        "[[endpoint]]\nname = \"good\"\nurl = \"/good\"\n\
         [[endpoint]]\nname = \"bad\"\nurl = \"/bad\"\nrequired = true\n",
    );
    let out = folder.join("o.json");
    let run = gather!["query", file, "--base", server.url(), "-o", &out].run().code(1).says(&["bad"]);
    assert_eq!(run.stdout, "");
    assert!(!out.exists());
}

#[test]
fn an_answer_is_written_whole_to_a_file() {
    let served = Served::start(root(), &[]);
    let folder = Folder::new();
    let out = folder.join("o.json");
    let run = gather!["query", data("api/query.toml"), "--base", &served.url, "-o", &out].ok();
    assert_eq!(run.stdout, "");
    assert_eq!(serde_json::from_slice::<Value>(&std::fs::read(out).unwrap()).unwrap(), expected("query"));
    assert_eq!(folder.names(), ["o.json"]);
}

#[test]
fn a_secret_of_the_environment_is_sent_and_never_shown() {
    let server = Mock::start(|request| match request.header("authorization") {
        Some("hunter2") => Reply::status(403),
        _ => Reply::json("1"),
    })
    .unwrap();
    let folder = Folder::new();
    let file = folder.write(
        "q.toml",
        "[[endpoint]]\nname = \"a\"\nurl = \"/a\"\nheaders = { Authorization = \"env:GATHER_TEST_TOKEN\" }\n",
    );
    let mut run = gather!["query", &file, "--base", server.url(), "-v", "--errors", folder.join("e")];
    run.command.env("GATHER_TEST_TOKEN", "hunter2");
    let run = run.run().code(1);
    assert_eq!(server.requests()[0].header("authorization"), Some("hunter2"));
    let all = [run.stdout, run.stderr, folder.read("e")].concat();
    assert!(!all.contains("hunter2"), "{all}");
    gather!["query", &file, "--base", server.url()].run().code(2).says(&["GATHER_TEST_TOKEN"]);
}

#[test]
fn stopping_at_max_with_more_left_is_a_warning_and_in_the_summary() {
    let server = Mock::start(|_| Reply::json("{\"data\":[1]}")).unwrap();
    let folder = Folder::new();
    let file = folder.write(
        "q.toml",
        "[[endpoint]]\nname = \"a\"\nurl = \"/a?page={page}\"\npointer = \"/data\"\n\
         paginate = { param = \"page\", from = 1, until_empty = true, max = 3 }\n",
    );
    let run =
        gather!["query", file, "--base", server.url(), "--format", "json", "--summary", folder.join("s")];
    let run = run.ok().says(&["warning:"]);
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap(), serde_json::json!({"a": [1, 1, 1]}));
    assert_eq!(server.calls(), 3);
    assert!(lawful_summary(folder.join("s"))["stopped_by"].is_string());
}

#[test]
fn options_that_would_make_another_request_are_refused() {
    let folder = Folder::new();
    let file = folder.write("q.toml", "[[endpoint]]\nname = \"a\"\nurl = \"/a\"\n");
    for options in [&["-X", "DELETE"][..], &["-d", "a=b"], &["--json", "{}"], &["-I"]] {
        let run = gather!["query", &file, "--base", "http://127.0.0.1:1"].args(options).run();
        run.code(2).says(&["hint: write method, data or json below its [[endpoint]]"]);
    }
}

#[test]
fn a_secret_that_is_a_number_is_not_shown_as_one() {
    let server =
        Mock::start(|_| Reply::json(r#"{"id": 482913, "of": [482913.0, 12, true], "n": 5}"#)).unwrap();
    let folder = Folder::new();
    let file =
        folder.write("q.toml", "[[endpoint]]\nname = \"a\"\nurl = \"/a?key={env:GATHER_TEST_TOKEN}\"\n");
    let run = gather!["query", &file, "--base", server.url(), "--format", "jsonl"];
    let run = run.env("GATHER_TEST_TOKEN", "482913").ok().says(&["*** stands for it"]);
    assert_eq!(run.record()["a"], serde_json::json!({"id": "***", "of": ["***", 12, true], "n": 5}));
}
