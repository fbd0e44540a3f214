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
fn stdin_is_a_document_like_any_other() {
    use std::io::Write;
    let folder = Folder::new();
    folder.write("a", "x");
    folder.write("b", "y");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"packed\n").unwrap();
    let packed = packed.finish().unwrap();
    assert_eq!(gather!["read", "-", "-z"].stdin(packed.clone()).ok().record()["text"], "packed\n");
    let run = gather!["read", "-", "-z", "--lines"].stdin(packed).ok();
    assert_eq!(field(&run.records(), "text"), ["packed"]);
    let run = gather!["read", "a", "-", "b", "--ordered"].stdin("z").here(folder.path()).ok();
    assert_eq!(field(&run.records(), "path"), ["a", "-", "b"]);
    let run = gather!["read", "-", "--hash", "sha256", "--max-size", "2B"].stdin("abc").run().code(1);
    run.says(&["the limit is 2"]);
    let run = gather!["read", "-", "--lines"].stdin("caf\u{e9}\n".repeat(50_000)).ok();
    assert_eq!(run.records().len(), 50_000);
    gather!["read", "-", "--lines"].stdin("a\0b\n").run().code(1).says(&["NUL"]);
    gather!["read", "-", "--input", "-"].run().code(2).says(&["hint:"]);
}

#[test]
fn records_of_stdin_are_told_by_its_first_line() {
    for (text, expected) in [
        ("{\"n\":1}\n{\"n\":2}\n", 2),
        ("[{\"n\":1},\n{\"n\":2}]", 2),
        ("{\n\"n\":1}", 1),
        ("n,m\n1,2\n3,4\n", 2),
        ("n\tm\n1\t2\n", 1),
    ] {
        let records = gather!["read", "-", "--records"].stdin(text).ok().records();
        assert_eq!(records.len(), expected, "{text}");
        assert!(
            records.iter().all(|record| record["_source"] == "-" && !record["n"].is_null()),
            "{records:?}"
        );
    }
    assert_eq!(gather!["read", "-", "--records"].stdin("a text").ok().record()["text"], "a text");
}

#[test]
fn a_line_is_given_as_soon_as_it_comes_through_a_pipe() {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};
    let mut command = Command::new(env!("CARGO_BIN_EXE_gather"));
    command.args(["read", "-", "--lines", "-q"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for number in 0..5 {
        writeln!(stdin, "{number}").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap(); // the pipe stays open
        assert!(line.contains(&format!("\"text\":\"{number}\"")), "{line}");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn lines_of_a_large_stdin_are_never_held() {
    let text = format!("{}\n", "x".repeat(400)).repeat(200_000);
    let folder = Folder::new();
    let run = gather!["read", "-", "--lines", "-q", "-o", folder.join("o.csv")].stdin(text);
    let (run, peak) = run.start().wait_with_peak();
    run.code(0);
    assert!(peak.unwrap() < 64 << 20, "{} MB", peak.unwrap() >> 20);
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
    let list: String =
        (0..5_000).map(|n| format!("{}\n", folder.write(&n.to_string(), "x").display())).collect();
    let run = gather!["read", "--input", "-", "--no-text", "-q"].stdin(list).ok();
    assert_eq!(run.records().len(), 5_000);
}

#[test]
fn a_run_does_not_read_what_it_writes() {
    let folder = Folder::new();
    folder.write("a", "x");
    let run = gather!["read", ".", "--hidden", "-o", "z.jsonl", "--summary", "s"].here(folder.path()).ok();
    drop(run);
    assert_eq!(field(&jsonl_file(folder.join("z.jsonl")), "path"), ["./a"]);
    let inside = Folder::new();
    inside.write("a", "x");
    let out = inside.write("out.jsonl", "");
    gather!["read", ".", "--ordered"].here(inside.path()).run_into(&out).code(0);
    assert_eq!(field(&jsonl_file(out), "path"), ["./a"]);
}

#[test]
fn a_list_of_names_is_taken_as_the_names_are() {
    let folder = Folder::new();
    for name in ["[a].txt", "{b}.txt", "path", " lead", "trail ", "last"] {
        folder.write(name, "x");
    }
    for list in
        ["[a].txt\n{b}.txt\n", "{b}.txt\n[a].txt\n", "path\n last\n", " lead\ntrail \n", "last\r\npath\r\n"]
    {
        let run = gather!["read", "--input", "-"].here(folder.path()).stdin(list).ok();
        assert_eq!(run.records().len(), 2, "{list:?}");
    }
    let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_gather"));
    run.args(["read", "--input", "-", "-q"]).current_dir(folder.path());
    let mut child =
        run.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"last").unwrap();
    while rustix::io::ioctl_fionread(&stdin).unwrap() > 0 {
        std::thread::yield_now(); // what is there is taken before the rest comes
    }
    std::io::Write::write_all(&mut stdin, b"\0path\0").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 2, "{output:?}");
}

#[test]
fn a_list_of_names_ended_by_nul_is_taken_as_find_writes_it() {
    let folder = Folder::new();
    folder.write("a\nb", "x");
    folder.write(" c ", "y");
    let run = gather!["read", "--input", "-"].here(folder.path()).stdin("a\nb\0 c \0").ok();
    assert_eq!(run.records().len(), 2);
}

#[test]
fn a_file_that_is_reached_twice_gives_one_record() {
    let folder = Folder::new();
    let path = folder.write("in/a", "x");
    let summary = folder.join("s.json");
    let run = gather!["read", folder.join("in"), &path, &path, "--summary", &summary].ok();
    assert_eq!(run.records().len(), 1);
    assert_eq!(lawful_summary(summary)["skipped"], 2);
}

/// The names of the files that `read` gives of a folder with these options, in order.
fn chosen(folder: &Folder, options: &[&str]) -> Vec<String> {
    let records = gather!["read", "in", "--ordered", "-q"].here(folder.path()).args(options).ok().records();
    let name =
        |record: &serde_json::Value| record["path"].as_str().unwrap().trim_start_matches("in/").to_owned();
    records.iter().map(name).collect()
}

#[test]
fn options_choose_among_the_files_of_a_folder() {
    let folder = Folder::new();
    for name in ["a.html", "b.txt", "c.log", "deep/d.txt", "deep/er/e.txt", "skip/f.txt", ".g.txt"] {
        folder.write(&format!("in/{name}"), "x".repeat(name.len()));
    }
    folder.write("in/.gitignore", "*.log\nskip/\n");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(5 * 86_400);
    std::fs::File::options().write(true).open(folder.join("in/b.txt")).unwrap().set_modified(old).unwrap();
    for (options, expected) in [
        (&["--glob", "*.txt", "--exclude", "skip"][..], &["b.txt", "deep/d.txt", "deep/er/e.txt"][..]),
        (&["-g", "deep/*.txt", "-g", "*.html"], &["a.html", "deep/d.txt"]),
        (&["--type", "html,log"], &["a.html", "c.log"]),
        (&["--max-depth", "1"], &["a.html", "b.txt", "c.log"]),
        (&["--gitignore"], &["a.html", "b.txt", "deep/d.txt", "deep/er/e.txt"]),
        (&["--min-size", "7B"], &["deep/d.txt", "deep/er/e.txt", "skip/f.txt"]),
        (&["--older", "1d"], &["b.txt"]),
        (&["--newer", "1d", "--max-depth", "1"], &["a.html", "c.log"]),
        (&["--newer", "2024-01-01", "-t", "html"], &["a.html"]),
    ] {
        assert_eq!(chosen(&folder, options), expected, "{options:?}");
    }
}

#[test]
fn what_does_not_hold_in_a_selection_is_wrong_usage_with_a_hint() {
    for (option, value) in
        [("--glob", "a{b"), ("--exclude", ""), ("--type", "htmll"), ("--newer", "yesterday")]
    {
        gather!["read", ".", option, value].run().code(2).says(&[value, "hint:"]);
    }
    gather!["read", ".", "--max-depth", "0"].run().code(2);
    gather!["read", ".", "--lines", "--no-text"].run().code(2);
}

#[test]
fn lines_are_records_with_their_numbers() {
    let folder = Folder::new();
    folder.write("a", "one\r\ntwo\n\nend");
    let run = gather!["read", "a", "--lines", "--summary", "s"].here(folder.path()).ok();
    let records = run.records();
    assert_eq!(keys(&records[0]), ["path", "line", "text"]);
    assert_eq!(field(&records, "text"), ["one", "two", "", "end"]);
    assert_eq!(records[3]["line"], 4);
    assert_eq!(lawful_summary(folder.join("s"))["inputs"], 1);
    let run = gather!["read", "-", "--lines", "--format", "text"].stdin("x\ny\n").ok();
    assert_eq!(run.stdout, "-:1:x\n-:2:y\n");
}

#[test]
fn lines_of_a_large_file_are_all_there_in_order_and_it_is_never_held() {
    let folder = Folder::new();
    let text: String = (1..=400_000).map(|n| format!("line {n} of a file\n")).collect();
    let path = folder.write("large", text);
    let run = gather!["read", path, "--lines", "--format", "text", "-o", folder.join("out")].ok();
    drop(run);
    let out = folder.read("out");
    assert_eq!(out.lines().count(), 400_000);
    assert!(out.lines().zip(1..).all(|(line, n)| line.ends_with(&format!(":{n}:line {n} of a file"))));
}

#[test]
fn files_of_records_give_them_each_with_its_file() {
    let folder = Folder::new();
    folder.write("a.json", r#"[{"n":1},{"n":2}]"#);
    folder.write("b.jsonl", "{\"n\":3}\n\n4\n");
    folder.write("c.csv", "n,m\n5,\"x,y\"\n");
    folder.write("d.txt", "text");
    folder.write("e.json", "{\"n\":");
    let run = gather![
        "read",
        "a.json",
        "b.jsonl",
        "c.csv",
        "d.txt",
        "e.json",
        "--records",
        "--ordered",
        "--errors",
        "e"
    ];
    let run = run.here(folder.path()).run().code(1);
    let records = run.records();
    assert_eq!(field(&records[..4], "_source"), ["a.json", "a.json", "b.jsonl", "b.jsonl"]);
    assert_eq!((&records[0]["n"], &records[3]["value"]), (&1.into(), &4.into()));
    assert_eq!((&records[4]["n"], &records[4]["m"]), (&"5".into(), &"x,y".into()));
    assert_eq!(records[5]["text"], "text");
    assert_eq!(field(&jsonl_file(folder.join("e")), "kind"), ["parse"]);
}

#[test]
fn a_record_that_is_none_is_named_and_the_others_are_given() {
    let folder = Folder::new();
    folder.write("a.jsonl", "{\"a\":1}\nbad\n{\"a\":2}\nworse\n");
    folder.write("b.csv", "n,m\n1,2\n3\n4,5\n");
    let run =
        gather!["read", "a.jsonl", "b.csv", "--records", "--ordered", "--errors", "e", "--summary", "s"];
    let run = run.here(folder.path()).run().code(1).says(&["line 2", "1 more", "row 3"]);
    let records = run.records();
    assert_eq!((&records[0]["a"], &records[1]["a"]), (&1.into(), &2.into()));
    assert_eq!(field(&records[2..], "n"), ["1", "4"]);
    assert_eq!(field(&jsonl_file(folder.join("e")), "kind"), ["parse", "parse"]);
    assert_eq!(lawful_summary(folder.join("s"))["failed"], 2);
}

#[test]
fn a_name_that_is_there_twice_loses_no_value() {
    let folder = Folder::new();
    folder.write("a.csv", "a,a,b\n1,2,3\n");
    folder.write("b.jsonl", "{\"_source\":\"http://x/\"}\n");
    let records =
        gather!["read", "a.csv", "b.jsonl", "--records", "--ordered"].here(folder.path()).ok().records();
    assert_eq!(keys(&records[0]), ["_source", "a", "a_2", "b"]);
    assert_eq!(field(&records[..1], "a_2"), ["2"]);
    assert_eq!(field(&records[1..], "_source"), ["b.jsonl"]);
    assert_eq!(field(&records[1..], "_source_2"), ["http://x/"]);
}

#[test]
fn records_of_a_large_file_are_given_as_they_come_and_it_is_never_held() {
    let folder = Folder::new();
    folder.write(
        "a.jsonl",
        (0..600_000).map(|n| format!("{{\"number\":{n},\"text\":\"some\"}}\n")).collect::<String>(),
    );
    let csv: String = (0..600_000).map(|n| format!("{n},\"quoted, text\"\n")).collect();
    folder.write("b.csv", format!("number,text\n{csv}"));
    let run = gather!["read", "a.jsonl", "b.csv", "--records", "-q", "-o", "o.jsonl", "--summary", "s"];
    let (run, peak) = run.here(folder.path()).start().wait_with_peak();
    run.code(0);
    assert_eq!(folder.read("o.jsonl").lines().count(), 1_200_000);
    let peak = peak.unwrap();
    assert!(peak < 96 << 20, "{} MB", peak >> 20);
}

#[test]
fn records_of_a_json_array_are_given_while_it_is_parsed_and_it_is_held_once_as_text() {
    let folder = Folder::new();
    let numbers: Vec<String> = (0..600_000).map(|n| format!(r#"{{"number":{n},"text":"some"}}"#)).collect();
    folder.write("a.json", format!("[{}]", numbers.join(",\n")));
    let run = gather!["read", "a.json", "--records", "-q", "-o", "o.jsonl"];
    let (run, peak) = run.here(folder.path()).start().wait_with_peak();
    run.code(0);
    assert_eq!(folder.read("o.jsonl").lines().count(), 600_000);
    let peak = peak.unwrap();
    assert!(peak < 96 << 20, "{} MB, of a text of 20 MB", peak >> 20);
}

#[test]
fn an_array_that_breaks_off_gives_its_elements_and_is_a_failure_and_another_document_gives_none() {
    let folder = Folder::new();
    folder.write("a.json", r#"[{"n":1},{"n":2},{"n":"#);
    folder.write("b.json", r#"{"n":3} {"n":4}"#);
    folder.write("c.json", r#"[{"n":5}] 6"#);
    folder.write("d.json", "7");
    folder.write("e.json", "");
    let run = gather!["read", "a.json", "b.json", "c.json", "d.json", "e.json", "--records", "--ordered"];
    let run =
        run.args(["--errors", "e", "--summary", "s"]).here(folder.path()).run().code(1).says(&["not JSON"]);
    assert_eq!(field(&run.records()[..3], "_source"), ["a.json", "a.json", "c.json"]);
    assert_eq!(run.records()[3]["value"], 7);
    assert_eq!(field(&jsonl_file(folder.join("e")), "input"), ["a.json", "b.json", "c.json", "e.json"]);
    assert_eq!(lawful_summary(folder.join("s"))["failed"], 4);
}

#[test]
fn a_hash_takes_the_place_of_the_text_and_is_taken_of_anything() {
    let folder = Folder::new();
    folder.write("in/a", "abc");
    folder.write("in/b", b"\0");
    let records = gather!["read", folder.join("in"), "--hash", "sha256", "--ordered"].ok().records();
    assert_eq!(keys(&records[0]), ["path", "bytes", "lines", "encoding", "hash"]);
    assert_eq!(records[0]["hash"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(
        (&records[1]["encoding"], &records[1]["lines"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
    let run = gather!["read", "a", "--hash", "blake3", "--no-text", "--format", "text"]
        .here(folder.join("in"))
        .ok();
    assert_eq!(run.stdout, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85  a\n");
}

#[test]
fn bytes_are_given_as_they_are() {
    let folder = Folder::new();
    let path = folder.write("b", b"\0\xff");
    let record = gather!["read", path, "--bytes"].ok().record();
    assert_eq!((&record["base64"], &record["bytes"]), (&"AP8=".into(), &2.into()));
}

/// How much memory a run takes at most whose consumer takes a while for each record.
fn peak_beside_a_slow_consumer(
    folder: &Folder,
    options: &[&str],
    each: std::time::Duration,
    expected: usize,
) -> u64 {
    use std::io::BufRead;
    let mut run = gather!["read", "in", "-q"].args(options).here(folder.path()).start();
    let mut stdout = std::io::BufReader::with_capacity(1 << 12, run.stdout());
    let consumer = std::thread::spawn(move || {
        let (mut line, mut records) = (Vec::new(), 0);
        while stdout.read_until(b'\n', &mut line).unwrap() > 0 {
            line.clear();
            records += 1;
            #[allow(clippy::disallowed_methods, reason = "the consumer is slow: that is what is tried")]
            std::thread::sleep(each);
        }
        records
    });
    let (run, peak) = run.wait_with_peak();
    run.code(0);
    assert_eq!(consumer.join().unwrap(), expected);
    peak.unwrap()
}

#[test]
fn a_slow_consumer_costs_no_memory_however_much_there_is_to_read() {
    let folder = Folder::new();
    for number in 0..2_000 {
        folder.write(&format!("in/{}/{number}", number % 20), "some text of a file\n".repeat(5_000));
    }
    for options in [&[][..], &["--ordered"]] {
        let peak = peak_beside_a_slow_consumer(&folder, options, std::time::Duration::from_millis(1), 2_000);
        assert!(peak < 96 << 20, "{options:?}: {} MB of 200", peak >> 20);
    }
}

#[test]
fn what_is_compressed_is_unpacked_when_asked_for_and_only_to_the_limit() {
    use std::io::Write;
    let folder = Folder::new();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all("x\n".repeat(50_000).as_bytes()).unwrap();
    let bytes = packed.finish().unwrap();
    let (whole, cut) = (folder.write("a.gz", &bytes), folder.write("b.gz", &bytes[..bytes.len() / 2]));
    let record = gather!["read", &whole, "-z", "--no-text"].ok().record();
    assert_eq!(
        (&record["bytes"], &record["lines"], &record["compressed"]),
        (&100_000.into(), &50_000.into(), &"gz".into())
    );
    let kind = |options: &[&str], path| {
        gather!["read", path, "-z", "--errors", folder.join("e")].args(options).run().code(1);
        jsonl_file(folder.join("e"))[0]["kind"].as_str().unwrap().to_owned()
    };
    assert_eq!(kind(&["--max-size", "50k"], &whole), "too_large");
    assert_eq!(kind(&[], &cut), "decode");
}

#[test]
fn zeros_may_fill_up_a_gz_file_and_nothing_else_and_a_text_is_no_bz2() {
    use std::io::Write;
    let folder = Folder::new();
    let member = |text: &str| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let padded = [member("one\n"), member("two\n"), vec![0; 100_000]].concat();
    folder.write("padded.gz", &padded);
    folder.write("garbage.gz", [member("one\n"), b"garbage".to_vec()].concat());
    folder.write("late.gz", [padded, b"x".to_vec()].concat());
    folder.write("text", "BZh1 is how a bz2 file begins\n");
    let records = gather!["read", "padded.gz", "text", "-z", "--ordered"].here(folder.path());
    assert_eq!(field(&records.ok().records(), "text"), ["one\ntwo\n", "BZh1 is how a bz2 file begins\n"]);
    for file in ["garbage.gz", "late.gz"] {
        let run = gather!["read", file, "-z", "--errors", "e.jsonl"].here(folder.path()).run().code(1);
        run.says(&["cannot be unpacked as gz"]);
        assert_eq!(jsonl_file(folder.join("e.jsonl"))[0]["kind"], "decode");
    }
}

#[test]
fn a_file_that_says_it_is_empty_and_does_not_end_is_not_held() {
    let run = gather!["read", "/proc/self/pagemap", "--hash", "blake3", "--max-size", "200MiB"];
    let (run, peak) = run.start().wait_with_peak();
    run.code(1).says(&["200"]);
    assert!(peak.unwrap() < 64 << 20, "{peak:?}");
}

#[test]
fn types_are_told_in_any_case_and_a_label_that_decodes_nothing_is_refused() {
    let folder = Folder::new();
    folder.write("in/a.html", "x");
    folder.write("in/b.txt", "x");
    folder.write("in/c.log", "x");
    assert_eq!(chosen(&folder, &["-t", "HTML, txt"]), ["a.html", "b.txt"]);
    gather!["read", "in", "--encoding", "iso-2022-kr"].here(folder.path()).run().code(2).says(&["hint:"]);
    folder.write("in/image", b"\x89PNG\0");
    assert_eq!(chosen(&folder, &["--encoding", "windows-1252"]), ["a.html", "b.txt", "c.log"]);
}

#[test]
fn a_guess_says_that_it_is_one_in_all_encodings_and_strict_refuses_it() {
    let root = data("encodings");
    let run = gather!["read", root.join("files"), "--no-text"].ok().records();
    let strict = gather!["read", root.join("files"), "--strict", "-q"].run().code(1).records();
    for expected in jsonl_file(root.join("index.jsonl")) {
        let path = root.join(expected["path"].as_str().unwrap());
        let of = |records: &[serde_json::Value]| {
            records.iter().find(|record| record["path"].as_str() == path.to_str()).cloned()
        };
        let guess = expected["guess"].as_bool().unwrap();
        assert_eq!(of(&run).unwrap()["guessed"].as_bool().unwrap_or(false), guess, "{}", path.display());
        assert_eq!(of(&strict).is_none(), guess, "{}", path.display());
    }
    assert_eq!(run.len(), 300);
}

#[test]
fn a_file_is_named_whose_name_is_a_word_of_the_message() {
    let folder = Folder::new();
    for options in [&[][..], &["--lines"], &["--records"]] {
        gather!["read", "no"].args(options).here(folder.path()).run().code(1).says(&["no: no such file"]);
    }
}

#[test]
fn json_that_is_nested_past_the_bound_is_too_large() {
    let nested = |depth: usize| format!("{}1{}\n", "[".repeat(depth), "]".repeat(depth));
    let folder = Folder::new();
    for name in ["a.json", "a.jsonl"] {
        folder.write(name, nested(127));
        gather!["read", "--records", name].here(folder.path()).ok();
        folder.write(name, nested(128));
        let run = gather!["read", "--records", name, "--errors", "e.jsonl"].here(folder.path());
        run.run().code(1).says(&["more than 127 levels"]);
        assert_eq!(jsonl_file(folder.join("e.jsonl"))[0]["kind"], "too_large");
    }
}

#[test]
fn what_a_walk_cannot_go_into_fails_once_however_often_it_is_reached() {
    let folder = Folder::new();
    folder.write("d/sub/a.txt", "a");
    for link in ["loop", "other"] {
        std::os::unix::fs::symlink(".", folder.join("d/sub").join(link)).unwrap();
    }
    let run =
        gather!["read", "--follow", "d", "d/sub", "--summary", "s.json"].here(folder.path()).run().code(1);
    assert_eq!(run.stderr.matches("a loop").count(), 2, "{run:?}");
    let summary = lawful_summary(folder.join("s.json"));
    assert_eq!((&summary["failed"], &summary["skipped"]), (&2.into(), &3.into()));
}

#[test]
fn an_empty_stdin_gives_the_same_record_with_and_without_records() {
    for stdin in ["", "\u{feff}"] {
        let record = |args: &[&str]| gather!["read", "-"].args(args).stdin(stdin).ok().record();
        assert_eq!(record(&["--records"]), record(&[]));
        assert_eq!(record(&["--records"])["text"], "");
    }
}

#[test]
fn a_binary_stdin_is_told_by_its_beginning() {
    let run = crate::support::Gather::after("exec < /dev/zero").args(["read", "-"]);
    run.run().code(1).says(&["not text"]);
    let mut shell = crate::support::Gather::new();
    shell.command = std::process::Command::new("sh");
    let script = "cat /dev/zero | \"$0\" read -";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_gather")]).run().code(1).says(&["not text"]);
}

#[test]
fn entries_that_name_no_input_are_told_while_others_are_read() {
    let folder = crate::support::Folder::new();
    folder.write("a", "x");
    let list = format!("{}{{\"path\":\"a\"}}\n", "{}\n".repeat(300));
    folder.write("list", list);
    let run = gather!["read", "--input", "list", "--summary", "s", "-q"].here(folder.path()).run().code(1);
    assert_eq!(run.records().len(), 1);
    let summary = crate::support::lawful_summary(folder.join("s"));
    assert_eq!((&summary["ok"], &summary["failed"]), (&1.into(), &300.into()));
}

#[test]
fn progress_in_a_log_is_a_line_a_second_at_most() {
    let folder = crate::support::Folder::new();
    for number in 0..500 {
        folder.write(&format!("in/{number}"), "x");
    }
    let start = std::time::Instant::now();
    let run = gather!["read", folder.join("in"), "--progress", "always"].ok();
    let lines = run.stderr.lines().filter(|line| line.contains(" done")).count();
    assert!(lines as u64 <= 1 + start.elapsed().as_secs(), "{}", run.stderr);
}
