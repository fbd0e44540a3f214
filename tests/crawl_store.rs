//! What no command line of `gather crawl` may do to a store, whose process may be at work on it, or whose file it may be.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::Duration;

use gather_site::{Mock, Reply};

use crate::support::{Folder, Gather};

fn site() -> Mock {
    Mock::start(|request| match request.path() {
        "/" => Reply::html("<title>home</title><a href=/a><a href=/b>"),
        "/robots.txt" => Reply::status(404),
        path => Reply::html(format!("<title>{path}</title>")),
    })
    .unwrap()
}

fn crawl(folder: &Folder, site: &Mock) -> Gather {
    gather!["crawl", site.url(), "--store", "a.db"].here(folder.path())
}

fn has_done_a_page(folder: &Folder) -> bool {
    folder.join("a.db").exists() && {
        let status = gather!["status", "a.db", "--format", "json"].here(folder.path()).run();
        status.stdout.contains("\"done\":1") && status.stdout.contains("\"leased\":0")
    }
}

#[track_caller]
fn assert_whole(folder: &Folder) {
    let records = gather!["export", "a.db"].here(folder.path()).ok().records();
    assert_eq!(records.len(), 3);
    gather!["verify", "a.db"].here(folder.path()).ok();
}

#[test]
fn an_output_never_takes_the_place_of_the_store() {
    let (folder, site) = (Folder::new(), site());
    crawl(&folder, &site).ok();
    fs::hard_link(folder.join("a.db"), folder.join("hard.jsonl")).unwrap();
    symlink(folder.join("a.db"), folder.join("soft.jsonl")).unwrap();
    fs::copy(folder.join("a.db"), folder.join("other.jsonl")).unwrap();
    let other = fs::read(folder.join("other.jsonl")).unwrap();
    for out in ["a.db", "hard.jsonl", "soft.jsonl", "other.jsonl", "a.db-wal", "a.db-shm"] {
        let run = crawl(&folder, &site).args(["--format", "jsonl", "--out", out]).run().code(2);
        run.says(&[out, "hint:"]);
        assert_whole(&folder);
    }
    assert_eq!(fs::read(folder.join("other.jsonl")).unwrap(), other, "nobody's database is overwritten");
    let fresh = Folder::new();
    crawl(&fresh, &site).args(["--format", "jsonl", "--out", "a.db"]).run().code(2);
    crawl(&fresh, &site).args(["--format", "jsonl", "--out", "a.db-wal"]).run().code(2);
}

#[test]
fn no_other_output_takes_the_place_of_the_store_either() {
    let (folder, site) = (Folder::new(), site());
    crawl(&folder, &site).ok();
    fs::hard_link(folder.join("a.db"), folder.join("hard.jsonl")).unwrap();
    fs::copy(folder.join("a.db"), folder.join("other.jsonl")).unwrap();
    for file in ["a.db", "hard.jsonl", "other.jsonl"] {
        let wrong = [
            gather!["export", "a.db", "--format", "jsonl", "-o", file],
            gather!["export", "a.db", "--changes", "--format", "jsonl", "-o", file],
            gather!["export", "a.db", "--summary", file],
            gather!["read", "a.db", "--format", "json", "-o", file],
            crawl(&folder, &site).args(["--errors", file]),
            crawl(&folder, &site).args(["--summary", file]),
        ];
        for run in wrong {
            let run = run.here(folder.path()).run().code(2);
            run.says(&[file, "is a store", "nothing was changed"]);
            assert_whole(&folder);
        }
    }
    let fresh = Folder::new();
    for file in ["a.db", "a.db-wal"] {
        crawl(&fresh, &site).args(["--errors", file]).run().code(2).says(&["are one file"]);
    }
    assert_eq!(fresh.names(), [""; 0]);
}

#[test]
fn a_restart_that_cannot_begin_removes_nothing() {
    let (folder, site) = (Folder::new(), site());
    crawl(&folder, &site).ok();
    let wrong: [&[&str]; 6] = [
        &["--allow", "["],
        &["--out", "nodir/x.jsonl"],
        &["--out", "x.json"],
        &["--out", "a.db", "--format", "jsonl"],
        &["--errors", "nodir/e.jsonl"],
        &["ftp://x/"],
    ];
    for wrong in wrong {
        crawl(&folder, &site).arg("--restart").args(wrong).run().code(2);
        assert_whole(&folder);
    }
    crawl(&folder, &site).args(["--restart", "--out", "o.jsonl"]).ok();
    assert_eq!(folder.read("o.jsonl").lines().count(), 3);
}

#[test]
fn a_wrong_output_leaves_no_store_behind() {
    let (folder, site) = (Folder::new(), site());
    for out in ["o.json", "nodir/x.jsonl"] {
        crawl(&folder, &site).args(["--out", out]).run().code(2);
        assert!(folder.names().is_empty(), "{out}: {:?}", folder.names());
    }
    assert_eq!(site.calls(), 0);
    crawl(&folder, &site).args(["--out", "/dev/null"]).ok();
    assert_eq!(site.calls(), 4);
}

/// A site that gives its second page only when it is told to.
fn slow_site() -> Mock {
    Mock::start(|request| match request.path() {
        "/" => Reply::html("<title>home</title><a href=/a><a href=/b>"),
        "/robots.txt" => Reply::status(404),
        path => Reply::html(format!("<title>{path}</title>")).delay(Duration::from_millis(1_500)),
    })
    .unwrap()
}

#[test]
fn a_store_that_is_worked_on_is_not_removed_between_two_requests_either() {
    let (folder, site) = (Folder::new(), slow_site());
    let first = crawl(&folder, &site).args(["--delay", "3s"]).start();
    // Its first page is committed, and it waits for the delay: nothing is leased.
    while !has_done_a_page(&folder) {
        thread::yield_now();
    }
    crawl(&folder, &site)
        .args(["--delay", "3s", "--restart"])
        .run()
        .code(2)
        .says(&["another process", "hint:"]);
    first.interrupt();
    first.wait().code(130);
}

#[test]
fn a_store_under_another_name_is_the_same_store() {
    let (folder, site) = (Folder::new(), slow_site());
    symlink("a.db", folder.join("b.db")).unwrap();
    let first = crawl(&folder, &site).start();
    while site.calls_of("/a") == 0 {
        thread::yield_now();
    }
    let second = gather!["crawl", site.url(), "--store", "b.db"].here(folder.path()).start();
    let (first, second) = (first.wait().code(0), second.wait().code(0));
    assert_eq!((first.records().len(), second.records().len()), (3, 3));
    assert_eq!((site.calls_of("/a"), site.calls_of("/b")), (1, 1), "a living worker is no dead one");
    assert_eq!(folder.names(), ["a.db", "b.db"]);
}

#[test]
fn the_order_of_seeds_and_rules_makes_no_other_crawl() {
    let (folder, site) = (Folder::new(), site());
    let run = |seeds: &[&str], rules: [&str; 4]| {
        let run = gather!["crawl", "--store", "a.db"].args(seeds.iter().map(|path| site.join(path)));
        run.args(rules).here(folder.path()).ok()
    };
    run(&["/a", "/b"], ["--deny", "/x", "--deny", "/y"]);
    assert_eq!(run(&["/b", "/a", "/b"], ["--deny", "/y", "--deny", "/x"]).records().len(), 2);
}

#[test]
fn provenance_of_the_first_run_is_a_column_of_the_second_ones_table() {
    let (folder, site) = (Folder::new(), site());
    crawl(&folder, &site).arg("--provenance").ok();
    crawl(&folder, &site).args(["--out", "o.csv"]).ok();
    let table = folder.read("o.csv");
    assert!(table.starts_with("_source,title,description,canonical,lang,_fetched_at,_status\r\n"), "{table}");
    assert_eq!(table.lines().count(), 4);
}

#[test]
fn a_table_without_records_has_its_header() {
    let site = Mock::start(|_| Reply::status(404)).unwrap();
    let folder = Folder::new();
    for _ in 0..2 {
        gather!["crawl", site.url(), "--store", "a.db", "--out", "o.csv"].here(folder.path()).run().code(1);
        assert_eq!(folder.read("o.csv"), "_source,title,description,canonical,lang\r\n");
    }
    assert_eq!(
        gather!["export", "a.db", "--format", "csv"].here(folder.path()).ok().stdout,
        folder.read("o.csv")
    );
}

/// A site of pages that link to the next ones, with records larger than a pipe.
fn large_site() -> Mock {
    Mock::start(|request| match request.path() {
        "/" => Reply::html((0..40).map(|page| format!("<a href=/{page}>")).collect::<String>()),
        "/robots.txt" => Reply::status(404),
        path => Reply::html(format!("<title>{path} {}</title>", "x".repeat(20_000))),
    })
    .unwrap()
}

#[test]
fn a_reader_that_is_stuck_holds_up_neither_commits_nor_ctrl_c() {
    let (folder, site) = (Folder::new(), large_site());
    let run = crawl(&folder, &site).args(["--grace", "300ms"]).start(); // nobody reads its stdout
    let finished = || {
        let status = gather!["status", "a.db", "--format", "json"].here(folder.path()).run();
        status.stdout.contains("\"done\":41")
    };
    let begun = std::time::Instant::now();
    while !(folder.join("a.db").exists() && finished()) {
        assert!(begun.elapsed() < Duration::from_secs(20), "the pages are not committed");
    }
    run.interrupt();
    let begun = std::time::Instant::now();
    run.wait_unread().code(130);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(crawl(&folder, &site).ok().records().len(), 41);
}

#[test]
fn a_store_that_is_damaged_inside_is_not_whole() {
    let (folder, site) = (Folder::new(), site());
    crawl(&folder, &site).arg("--durable").ok();
    let mut bytes = fs::read(folder.join("a.db")).unwrap();
    gather!["verify", "a.db"].here(folder.path()).ok();
    // Its second half is overwritten: pages in use, and free ones.
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..].fill(0xa5);
    fs::write(folder.join("b.db"), &bytes).unwrap();
    gather!["verify", "b.db"].here(folder.path()).run().code(1);
}

#[test]
fn a_status_tells_how_fast_the_crawl_is_while_somebody_works_on_it() {
    let (folder, site) = (Folder::new(), slow_site());
    crawl(&folder, &site).args(["--max-pages", "1"]).ok();
    // A status while a crawl runs tells how fast it is.
    let run = crawl(&folder, &site).args(["--delay", "400ms"]).start();
    let at_work = || {
        let status = gather!["status", "a.db", "--format", "json"].here(folder.path()).ok().record();
        status["workers"] == 1
            && status["pages_per_second"].as_f64().unwrap() > 0.0
            && status["eta_seconds"].is_number()
    };
    while !at_work() {
        thread::yield_now();
    }
    assert_eq!(run.wait().code(0).records().len(), 3);
    let status = gather!["status", "a.db", "--format", "json"].here(folder.path()).ok().record();
    assert_eq!((&status["workers"], &status["eta_seconds"]), (&0.into(), &serde_json::Value::Null));
    assert_eq!(["pages_per_second", "bytes_per_second"].map(|name| status[name].to_string()), ["0.0", "0.0"]);
}
