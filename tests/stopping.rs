//! Ctrl-C and its like: what was done is kept, what is pending is said, nothing half-written stays behind.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use gather_site::{Mock, Reply};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Folder, Gather, Running, jsonl_file, lawful_summary};

/// A server whose first answer comes at once and whose others never do; and a channel that tells of each request.
fn stuck_after_one() -> (Mock, Receiver<()>) {
    let (sender, asked) = channel();
    let server = Mock::start(move |request| {
        let _ = sender.send(());
        if request.path() == "/0" { Reply::text("x") } else { Reply::text("x").after(std::future::pending()) }
    });
    (server.unwrap(), asked)
}

/// A run of `fetch` that has done one of ten inputs and hangs in the second.
fn stuck(folder: &Folder, options: &[&str]) -> (Mock, Running) {
    let (server, asked) = stuck_after_one();
    let urls: Vec<String> = (0..10).map(|n| server.join(&format!("/{n}"))).collect();
    let run: Gather = gather!["fetch", "-j", "1", "--summary", "s.json", "--errors", "e.jsonl"];
    let run = run.args(options).args(&urls).here(folder.path()).start();
    asked.recv().unwrap();
    asked.recv().unwrap();
    (server, run)
}

#[test]
fn what_was_done_is_kept_and_the_rest_is_pending() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let folder = Folder::new();
        let (server, run) = stuck(&folder, &["--grace", "50ms", "-o", "o.jsonl"]);
        run.signal(signal);
        run.wait().code(code).says(&["1 ok", "9 pending"]);
        assert_eq!(jsonl_file(folder.join("o.jsonl")).len(), 1);
        let summary = lawful_summary(folder.join("s.json"));
        assert_eq!((&summary["inputs"], &summary["pending"]), (&10.into(), &9.into()));
        assert_eq!(folder.names(), ["e.jsonl", "o.jsonl", "s.json"], "nothing half-written stays behind");
        assert_eq!(server.calls(), 2, "no new work is taken");
    }
}

#[test]
fn a_hangup_that_is_ignored_stays_so() {
    let (server, asked) = stuck_after_one();
    let run = Gather::after("trap '' HUP").args(["fetch", "--grace", "0", &server.join("/1")]).start();
    asked.recv().unwrap();
    run.signal(Signal::HUP);
    run.interrupt();
    run.wait().code(130);
}

#[test]
fn every_is_stopped_by_a_hangup() {
    let (server, asked) = stuck_after_one();
    let run = gather!["every", "1h", "--", "fetch", "--grace", "0", server.join("/1")].start();
    asked.recv().unwrap();
    run.signal(Signal::HUP);
    run.wait().code(129).says(&["1 pending"]);
}

#[test]
fn what_runs_may_finish_within_the_grace() {
    let (open, gate) = async_channel::bounded::<()>(1);
    let (sender, asked) = channel();
    let server = Mock::start(move |_| {
        let _ = sender.send(());
        let gate = gate.clone();
        Reply::text("x").after(async move {
            let _ = gate.recv().await;
        })
    })
    .unwrap();
    let run = gather!["fetch", "-j", "1", "--grace", "30s", server.join("/a"), server.join("/b")].start();
    asked.recv().unwrap();
    run.interrupt();
    // Nothing tells from outside that the signal was taken; the answer follows it, and both orders must keep it.
    open.close();
    let run = run.wait().code(130);
    assert!((1..=2).contains(&run.records().len()), "{run:?}");
}

#[test]
fn an_output_that_nobody_takes_does_not_hold_up_the_summary() {
    let folder = Folder::new();
    for number in 0..200 {
        folder.write(&format!("in/{number}"), "x".repeat(20_000));
    }
    let large = folder.write("large", "a line\n".repeat(400_000));
    let inside = folder.join("in");
    for (path, options) in [(&inside, &[][..]), (&inside, &["-j", "1"]), (&large, &["--lines"])] {
        let run = gather!["read", path, "--grace", "200ms", "--summary", folder.join("s")].args(options);
        let mut run = run.start();
        let stdout = run.stdout();
        // More than three records: the fourth is on its way, and nobody takes it.
        while rustix::io::ioctl_fionread(&stdout).unwrap() < 61_000 {
            std::thread::yield_now();
        }
        run.interrupt();
        run.wait().code(130).says(&["not written"]);
        lawful_summary(folder.join("s"));
        drop(stdout);
    }
}

#[test]
fn a_second_one_ends_it_at_once() {
    let folder = Folder::new();
    let (_server, run) = stuck(&folder, &["--grace", "10m", "-o", "o.jsonl", "--cookie-jar", "c.txt"]);
    let start = Instant::now();
    run.interrupt();
    // Two signals at once may be one: ask until it is gone, as an impatient user does.
    let run = interrupt_until_gone(run);
    run.code(130);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let half: Vec<String> = folder.names().into_iter().filter(|name| name.starts_with('.')).collect();
    assert_eq!(half, [""; 0], "nothing half-written stays behind");
}

/// Sends the signal every few milliseconds: the one that comes second is the one that counts.
fn interrupt_until_gone(run: Running) -> crate::support::Run {
    let impatient = run.handle();
    let (sender, gone) = channel::<()>();
    let fingers = std::thread::spawn(move || {
        while gone
            .recv_timeout(Duration::from_millis(20))
            .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            impatient.interrupt();
        }
    });
    let run = run.wait();
    drop(sender);
    fingers.join().unwrap();
    run
}

#[test]
fn a_zero_grace_ends_it_at_the_first() {
    let folder = Folder::new();
    let (_server, run) = stuck(&folder, &["--grace", "0"]);
    run.interrupt();
    assert_eq!(run.wait().code(130).records().len(), 1);
}

#[test]
fn a_file_that_was_there_is_replaced_by_what_was_done() {
    let folder = Folder::new();
    folder.write("o.json", "[]");
    let (_server, run) = stuck(&folder, &["--grace", "0", "-o", "o.json"]);
    run.interrupt();
    run.wait().code(130);
    let records: Vec<serde_json::Value> = serde_json::from_str(&folder.read("o.json")).unwrap();
    assert_eq!(records.len(), 1);
}

#[test]
fn saved_bodies_are_whole_and_in_the_index() {
    let folder = Folder::new();
    let (_server, run) = stuck(&folder, &["--grace", "0", "--output-dir", "pages"]);
    run.interrupt();
    run.wait().code(130);
    assert_eq!(jsonl_file(folder.join("pages/index.jsonl")).len(), 1);
    assert_eq!(crate::support::names(&folder.join("pages")).len(), 2);
}

#[test]
fn every_command_that_waits_for_a_server_can_be_interrupted() {
    for command in ["fetch", "links", "scrape"] {
        let (sender, asked) = channel();
        let server = Mock::start(move |_| {
            let _ = sender.send(());
            Reply::text("x").after(std::future::pending())
        })
        .unwrap();
        let folder = Folder::new();
        let run = gather![command, server.url(), "--grace", "0", "--summary", folder.join("s")].start();
        asked.recv().unwrap();
        run.interrupt();
        run.wait().code(130).says(&["1 pending"]);
        lawful_summary(folder.join("s"));
    }
}

#[test]
fn a_query_and_a_body_can_be_interrupted() {
    let (sender, asked) = channel();
    let server = Mock::start(move |_| {
        let _ = sender.send(());
        Reply::text("x").after(std::future::pending())
    })
    .unwrap();
    let folder = Folder::new();
    let file = folder.write("q.toml", "[[endpoint]]\nname = \"a\"\nurl = \"/a\"\n");
    let runs = [
        gather!["query", file, "--base", server.url(), "--grace", "0"],
        gather!["fetch", "--body", server.url(), "--grace", "0"],
    ];
    for run in runs {
        let run = run.start();
        asked.recv().unwrap();
        run.interrupt();
        assert_eq!(run.wait().code(130).stdout, "");
    }
}

/// A server that tells of each request and answers once the signal was sent; and what opens it.
fn answers_behind_a_gate() -> (Mock, Receiver<()>, async_channel::Sender<()>) {
    let (open, gate) = async_channel::bounded::<()>(1);
    let (sender, asked) = channel();
    let server = Mock::start(move |_| {
        let _ = sender.send(());
        let gate = gate.clone();
        Reply::json("1").after(async move {
            let _ = gate.recv().await;
        })
    });
    (server.unwrap(), asked, open)
}

#[test]
fn a_query_and_a_body_that_come_within_the_grace_are_given() {
    let folder = Folder::new();
    let file = folder.write("q.toml", "[[endpoint]]\nname = \"a\"\nurl = \"/a\"\n");
    for command in ["query", "fetch"] {
        let (server, asked, open) = answers_behind_a_gate();
        let run = match command {
            "query" => gather!["query", &file, "--base", server.url(), "--format", "jsonl"],
            _ => gather!["fetch", "--body", server.url()],
        };
        let run = run.args(["--grace", "30s"]).start();
        asked.recv().unwrap();
        run.interrupt();
        // Nothing tells from outside that the signal was taken; the answer follows it, and both orders must keep it.
        open.close();
        let run = run.wait().says(&["1 ok"]);
        assert_eq!(run.stdout.trim(), if command == "query" { "{\"a\":1}" } else { "1" });
    }
}

#[test]
fn a_query_keeps_what_was_answered_and_asks_for_nothing_more() {
    let (sender, asked) = channel();
    let server = Mock::start(move |request| {
        let _ = sender.send(());
        let reply = Reply::json("1");
        if request.path() == "/0" { reply } else { reply.after(std::future::pending()) }
    })
    .unwrap();
    let folder = Folder::new();
    let endpoints = (0..3).map(|n| format!("[[endpoint]]\nname = \"e{n}\"\nurl = \"/{n}\"\n"));
    let file = folder.write("q.toml", endpoints.collect::<String>());
    let run =
        gather!["query", &file, "--base", server.url(), "-j", "1", "--grace", "50ms", "--format", "jsonl"];
    let run = run.args(["--summary", "s.json"]).here(folder.path()).start();
    asked.recv().unwrap();
    asked.recv().unwrap();
    run.interrupt();
    let run = run.wait().code(130).says(&["1 ok", "2 pending"]);
    assert_eq!(run.stdout, "{\"e0\":1}\n");
    assert_eq!(lawful_summary(folder.join("s.json"))["inputs"], 3);
    assert_eq!(server.calls(), 2);
}

#[test]
fn a_wait_between_attempts_can_be_interrupted() {
    let (sender, asked) = channel();
    let server = Mock::start(move |_| {
        let _ = sender.send(());
        Reply::status(503).header("retry-after", "60")
    })
    .unwrap();
    let run = gather!["fetch", server.url(), "--grace", "0"].start();
    asked.recv().unwrap();
    run.interrupt();
    run.wait().code(130);
}

/// A run that takes its list from a stdin that stays open.
fn with_open_list(command: &str, list: &str) -> (std::process::Child, std::process::ChildStdin) {
    let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_gather"));
    run.args([command, "--input", "-", "--grace", "0"]).stderr(Stdio::null());
    let mut child = run.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(list.as_bytes()).unwrap();
    (child, stdin)
}

#[test]
fn a_list_on_stdin_that_never_ends_does_not_keep_fetch() {
    let (server, asked) = stuck_after_one();
    let (mut child, stdin) = with_open_list("fetch", &format!("{}\n", server.join("/1")));
    asked.recv().unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(stdin);
}

#[test]
fn a_list_on_stdin_that_never_ends_does_not_keep_read() {
    let folder = Folder::new();
    let path = folder.write("a.txt", "x");
    // One path, and then nothing for ever: it waits for no others.
    let list = format!("{}\n", path.display());
    let start = Instant::now();
    let (mut child, stdin) = with_open_list("read", &list);
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("a.txt"), "{line}");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    drop(stdin);
}

#[test]
fn a_read_that_is_interrupted_counts_the_rest_of_its_list() {
    let folder = Folder::new();
    let paths: String =
        (0..4_000).map(|n| format!("{}\n", folder.write(&n.to_string(), "x").display())).collect();
    let list = folder.write("list", paths);
    let mut run = gather!["read", "--input", list, "-j", "1", "--summary", folder.join("s")].start();
    let mut stdout = BufReader::new(run.stdout());
    stdout.read_line(&mut String::new()).unwrap();
    run.interrupt();
    std::io::copy(&mut stdout, &mut std::io::sink()).unwrap();
    run.wait().code(130);
    let summary = lawful_summary(folder.join("s"));
    assert!(summary["pending"].as_u64().unwrap() > 0, "{summary}");
}

#[test]
fn a_read_that_is_interrupted_counts_the_rest_of_its_folders() {
    let folder = Folder::new();
    for number in 0..4_000 {
        folder.write(&format!("in/{}/{number}", number % 20), "x");
    }
    let mut run = gather!["read", folder.join("in"), "-j", "1", "--summary", folder.join("s")].start();
    let mut stdout = BufReader::new(run.stdout());
    stdout.read_line(&mut String::new()).unwrap();
    run.interrupt();
    std::io::copy(&mut stdout, &mut std::io::sink()).unwrap();
    run.wait().code(130);
    let summary = lawful_summary(folder.join("s"));
    assert_eq!(summary["inputs"], 4_000, "{summary}");
    assert!(summary["pending"].as_u64().unwrap() > 0, "{summary}");
}

/// Waits until there is a file on its way in this folder, with so many bytes in it.
fn wait_for_a_file(folder: &Folder, bytes: u64) {
    let is_there = |entry: std::fs::DirEntry| {
        let is_on_its_way = entry.file_name().to_string_lossy().starts_with('.');
        is_on_its_way && entry.metadata().is_ok_and(|file| file.len() >= bytes)
    };
    while !std::fs::read_dir(folder.path()).unwrap().flatten().any(is_there) {
        std::thread::yield_now();
    }
}

#[test]
fn a_read_into_a_file_that_is_interrupted_gives_the_file_and_the_summary() {
    let inputs = Folder::new();
    for number in 0..2_000 {
        inputs.write(&number.to_string(), "a line of a text\n".repeat(1_000));
    }
    for options in [["-o", "o.jsonl"], ["-o", "o.json"]] {
        let folder = Folder::new();
        let run = gather!["read", inputs.path(), "--errors", "e.jsonl", "--summary", "s.json"];
        let run = run.args(options).here(folder.path()).start();
        wait_for_a_file(&folder, 2 << 20); // by now the reader waits for the writer
        run.interrupt();
        run.wait().code(130);
        let summary = lawful_summary(folder.join("s.json"));
        assert_eq!(summary["inputs"], 2_000, "{summary}");
        assert_eq!(folder.names(), ["e.jsonl", options[1], "s.json"]);
    }
}

#[test]
fn a_crawl_that_is_interrupted_while_its_store_is_opened_has_a_summary() {
    let server = Mock::start(|_| Reply::html("x")).unwrap();
    for _ in 0..5 {
        let folder = Folder::new();
        let run = gather!["crawl", server.url(), "--store", "c.db", "--summary", "s.json"];
        let run = run.here(folder.path()).start();
        wait_for_a_file(&folder, 0);
        run.interrupt();
        let run = run.wait();
        let summary = lawful_summary(folder.join("s.json"));
        assert_eq!(summary["inputs"], 1, "{run:?} {summary}");
        run.code(130);
    }
}

#[test]
fn a_crawl_whose_list_never_ends_can_be_interrupted_and_makes_no_store() {
    let folder = Folder::new();
    let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_gather"));
    run.args(["crawl", "--input", "-", "--store", "c.db", "--summary", "s.json"]);
    let run = run.current_dir(folder.path()).stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = run.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"http://127.0.0.1:1/\n").unwrap();
    while rustix::io::ioctl_fionread(&stdin).unwrap() > 0 {
        std::thread::yield_now(); // until it was taken
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    lawful_summary(folder.join("s.json"));
    assert_eq!(folder.names(), ["s.json"]);
    drop(stdin);
}

#[test]
fn pages_of_folders_that_were_not_looked_at_are_pending() {
    let folder = Folder::new();
    for number in 0..2_000 {
        folder.write(&format!("in/{}/{number}.html", number % 20), "<a href=/>x</a><title>x</title>");
        folder.write(&format!("more/{number}.html"), "<a href=/>x</a>");
    }
    for command in ["links", "scrape"] {
        let run = gather![command, folder.join("in"), folder.join("more"), folder.join("no"), "-j", "1"];
        let mut run = run.args(["--summary"]).arg(folder.join("s")).start();
        let mut stdout = BufReader::new(run.stdout());
        stdout.read_line(&mut String::new()).unwrap();
        run.interrupt();
        std::io::copy(&mut stdout, &mut std::io::sink()).unwrap();
        run.wait().code(130);
        let summary = lawful_summary(folder.join("s"));
        assert_eq!(summary["inputs"], 4_001, "{summary}");
        assert!(summary["pending"].as_u64().unwrap() > 2_000, "{summary}");
    }
}

#[test]
fn a_page_on_stdin_that_never_ends_is_pending() {
    let folder = Folder::new();
    let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_gather"));
    run.args(["links", "-", "--summary", "s.json", "--grace", "0"]).current_dir(folder.path());
    let mut child = run.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"<a href=http://x/>").unwrap();
    while rustix::io::ioctl_fionread(&stdin).unwrap() > 0 {
        std::thread::yield_now(); // until it was taken
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(lawful_summary(folder.join("s.json"))["pending"], 1);
    drop(stdin);
}

#[test]
fn a_packed_table_in_memory_is_waited_for() {
    let Ok(place) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("skipped: there is no /dev/shm");
        return;
    };
    let folder = Folder::new();
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    let bytes: Vec<u8> = (0..20_000).map(|_| noise()).collect();
    for number in 0..3_000 {
        folder.write(&format!("in/{number}"), &bytes);
    }
    let out = place.path().join("o.csv.gz");
    let run = gather!["read", folder.join("in"), "--bytes", "-o", &out, "--summary", folder.join("s")];
    let run = run.args(["--grace", "0"]).start();
    // As soon as it has begun to write.
    while std::fs::read_dir(place.path()).unwrap().count() == 0 {
        std::thread::yield_now();
    }
    run.interrupt();
    run.wait().code(130);
    let ok = lawful_summary(folder.join("s"))["ok"].as_u64().unwrap();
    let mut table = String::new();
    let packed = std::fs::File::open(&out).unwrap();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(packed), &mut table).unwrap();
    assert_eq!(table.lines().count() as u64, ok + 1);
    assert_eq!(crate::support::names(place.path()), ["o.csv.gz"]);
}
