//! `gather every`.

use std::io::{BufRead, BufReader};

use gather_site::{Mock, Reply};

use crate::support::field;

#[test]
fn a_command_is_run_as_often_as_asked() {
    let server = Mock::start(|_| Reply::text("x")).unwrap().expect(3);
    let run = gather!["every", "10ms", "--times", "3", "--", "fetch", server.url()].ok();
    assert_eq!(field(&run.records(), "url"), [server.url(); 3]);
}

#[test]
fn gather_itself_may_be_named() {
    let server = Mock::start(|_| Reply::text("x")).unwrap().expect(1);
    gather!["every", "10ms", "--times", "1", "--", "gather", "fetch", server.url()].ok();
}

#[test]
fn a_run_that_fails_does_not_end_the_others_and_shows_in_the_exit_code() {
    let server = Mock::sequence([Reply::text("x"), Reply::status(404), Reply::text("x")]).unwrap().expect(3);
    let run = gather!["every", "10ms", "--times", "3", "--", "fetch", server.url()].run().code(1);
    assert_eq!(run.records().len(), 2);
}

#[test]
fn a_command_that_does_not_hold_is_refused_before_the_first_run() {
    gather!["every", "10ms", "--", "fetch", "--no-such-option"].run().code(2).says(&["--no-such-option"]);
    gather!["every", "10ms", "--", "every", "1s", "--", "read", "."].run().code(2);
    gather!["every", "10ms", "--", "serve", "."].run().code(2);
    gather!["every", "10ms"].run().code(2);
}

#[test]
fn wrong_usage_that_shows_only_in_the_first_run_ends_it() {
    gather!["every", "5ms", "--", "read"].run().code(2).says(&["no path to read"]);
}

#[test]
fn it_goes_on_until_it_is_stopped() {
    let server = Mock::start(|_| Reply::text("x")).unwrap();
    let mut run = gather!["every", "5ms", "--", "fetch", server.url(), "-q"].start();
    let mut lines = BufReader::new(run.stdout()).lines();
    (0..5).for_each(|_| assert!(lines.next().unwrap().unwrap().contains("\"status\":200")));
    run.interrupt();
    lines.for_each(drop);
    run.wait().code(130);
    assert!(server.calls() >= 5);
}

#[test]
fn appending_collects_what_all_runs_gave() {
    let folder = crate::support::Folder::new();
    let file = folder.write("a.txt", "x");
    let out = folder.join("o.jsonl");
    gather!["every", "5ms", "--times", "3", "--", "read", file, "-o", &out, "--append"].ok();
    assert_eq!(crate::support::jsonl_file(out).len(), 3);
}

#[test]
fn it_ends_when_nobody_reads_any_more() {
    let folder = crate::support::Folder::new();
    let file = folder.write("a.txt", "x");
    let mut run = gather!["every", "5ms", "--", "read", file].start();
    let mut line = String::new();
    BufReader::new(run.stdout()).read_line(&mut line).unwrap();
    run.wait().code(0);
}
