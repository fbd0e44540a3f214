//! `--cookies` and `--cookie-jar`: what is kept, where it goes, and what stands in the file afterwards.

use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::channel;

use gather_site::{Mock, Reply};
use rustix::process::Signal;

use crate::support::{Folder, dead_port};

/// A server that sets a cookie of the session and one for an hour.
fn setting() -> Mock {
    Mock::start(|request| {
        let body = match request.path() {
            "/robots.txt" => Reply::text("User-agent: *\nAllow: /"),
            "/api" => Reply::json("[1]"),
            _ => Reply::html("<title>t</title><a href=/a>a</a>"),
        };
        body.header("set-cookie", "sid=7; Path=/; HttpOnly")
            .header("set-cookie", "lang=de; Path=/; Max-Age=3600")
    })
    .unwrap()
}

/// The `Cookie` of each request, in their order.
fn cookies(server: &Mock) -> Vec<String> {
    let cookie = |request: &gather_site::Request| request.header("cookie").unwrap_or_default().to_owned();
    server.requests().iter().map(cookie).collect()
}

const KEPT: &str = "# Netscape HTTP Cookie File\n\
    127.0.0.1\tFALSE\t/\tFALSE\t0\tkept\t1\n\
    #HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tlater\t2\n\
    127.0.0.1\tFALSE\t/\tTRUE\t0\tsecure\t3\n\
    127.0.0.1\tFALSE\t/\tFALSE\t1\told\t4\n\
    other.example\tFALSE\t/\tFALSE\t0\tother\t5\n";

#[test]
fn cookies_are_kept_for_the_run_if_that_is_asked_for() {
    for (options, second) in [(&["--cookies"][..], "sid=7; lang=de"), (&[], "")] {
        let server = setting();
        gather!["fetch", "-j", "1", server.join("/1"), server.join("/2")].args(options).ok();
        assert_eq!(cookies(&server), ["", second]);
    }
}

#[test]
fn a_site_that_redirects_until_it_sees_its_cookie_is_fetched_with_cookies() {
    let server = Mock::start(|request| match request.header("cookie") {
        Some(_) => Reply::text("in"),
        None => Reply::redirect(302, request.path()).header("set-cookie", "seen=1"),
    })
    .unwrap();
    gather!["fetch", server.url()].run().code(1).says(&["redirect loop", "hint:", "--cookies"]);
    assert_eq!(gather!["fetch", "--body", "--cookies", server.url()].ok().stdout, "in");
}

#[test]
fn the_jar_is_read_sent_and_written_whole() {
    let folder = Folder::new();
    let path = folder.write("c.txt", KEPT);
    let server = setting();
    for _ in 0..2 {
        gather!["fetch", server.url(), "--cookie-jar", &path].ok();
    }
    assert_eq!(cookies(&server), ["kept=1; later=2", "kept=1; later=2; sid=7; lang=de"]);
    let lines: Vec<String> = folder.read("c.txt").lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 7, "{lines:?}");
    let kept: Vec<&str> = KEPT.lines().filter(|line| !line.contains("\told\t")).collect();
    assert_eq!(lines[..5], kept);
    assert_eq!(lines[5], "#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\t7");
    assert!(lines[6].starts_with("127.0.0.1\tFALSE\t/\tFALSE\t") && lines[6].ends_with("\tlang\tde"));
    assert_eq!(folder.names(), ["c.txt"], "nothing half-written stays behind");
}

#[test]
fn a_new_jar_is_for_its_owner_and_one_that_was_there_keeps_its_permissions() {
    let folder = Folder::new();
    let mode = || std::fs::metadata(folder.join("c.txt")).unwrap().permissions().mode() & 0o777;
    let server = setting();
    let run = || gather!["fetch", server.url(), "--cookie-jar", "c.txt"].here(folder.path()).ok();
    run();
    assert_eq!(mode(), 0o600);
    std::fs::set_permissions(folder.join("c.txt"), PermissionsExt::from_mode(0o640)).unwrap();
    run();
    assert_eq!(mode(), 0o640);
}

#[test]
fn every_command_that_fetches_has_the_jar() {
    let folder = Folder::new();
    let server = setting();
    let query =
        folder.write("q.toml", format!("[[endpoint]]\nname = \"a\"\nurl = \"{}\"\n", server.join("/api")));
    let (url, query) = (server.join("/x"), query.display().to_string());
    let commands: [&[&str]; 6] = [
        &["fetch", &url],
        &["fetch", "--body", &url],
        &["links", &url],
        &["scrape", "--field", "t=title", &url],
        &["robots", "check", &url],
        &["query", &query],
    ];
    for (at, command) in commands.iter().enumerate() {
        let jar = folder.write("c.txt", KEPT);
        let run = crate::support::Gather::new().args(*command).arg("--cookie-jar").arg(&jar).ok();
        assert!(!run.stdout.is_empty(), "{command:?}");
        assert_eq!(cookies(&server).get(at..), Some(&["kept=1; later=2".to_owned()][..]), "{command:?}");
        assert!(folder.read("c.txt").contains("\tsid\t7\n"), "{command:?}");
    }
}

#[test]
fn every_run_of_every_goes_on_with_the_jar_of_the_one_before() {
    let folder = Folder::new();
    let server = setting();
    let run = gather!["every", "1ms", "--times", "2", "--", "fetch", server.url(), "--cookie-jar", "c.txt"];
    run.here(folder.path()).ok();
    assert_eq!(cookies(&server), ["", "sid=7; lang=de"]);
    assert_eq!(folder.names(), ["c.txt"]);
}

#[test]
fn an_output_that_cannot_be_written_does_not_cost_the_jar() {
    let folder = Folder::new();
    let server = setting();
    let run = gather!["fetch", "--body", server.url(), "--cookie-jar", folder.join("c.txt")];
    run.run_into("/dev/full").code(1).says(&["cannot write the body"]);
    assert!(folder.read("c.txt").contains("\tsid\t7\n"));
}

#[test]
fn the_jar_is_written_when_inputs_failed_too() {
    let folder = Folder::new();
    let server = setting();
    let dead = format!("http://127.0.0.1:{}/", dead_port());
    let run = gather!["fetch", server.url(), dead, "--retries", "0", "--cookie-jar", "c.txt"];
    run.here(folder.path()).run().code(1);
    assert!(folder.read("c.txt").contains("\tsid\t7\n"));
}

#[test]
fn the_jar_is_written_when_the_run_is_stopped() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let folder = Folder::new();
        let (sender, asked) = channel();
        let server = Mock::start(move |request| {
            let _ = sender.send(());
            match request.path() {
                "/1" => Reply::text("x").header("set-cookie", "sid=7"),
                _ => Reply::text("x").after(std::future::pending()),
            }
        })
        .unwrap();
        let run = gather!["fetch", "-j", "1", server.join("/1"), server.join("/2"), "--grace", "0"];
        let run = run.args(["--cookie-jar", "c.txt"]).here(folder.path()).start();
        asked.recv().unwrap();
        asked.recv().unwrap();
        run.signal(signal);
        run.wait().code(code);
        assert!(folder.read("c.txt").contains("\tsid\t7\n"));
        assert_eq!(folder.names(), ["c.txt"]);
    }
}

#[test]
fn a_bad_line_is_refused_before_anything_is_fetched() {
    let folder = Folder::new();
    let server = setting();
    let bad = format!("{KEPT}127.0.0.1\tFALSE\t/\tFALSE\tsoon\tn\thunter2\n");
    folder.write("c.txt", &bad);
    let run = gather!["fetch", server.url(), "--cookie-jar", "c.txt"].here(folder.path()).run().code(2);
    let run = run.says(&["c.txt: line 7 ", "expiry", "hint:"]);
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    assert_eq!((server.calls(), folder.read("c.txt")), (0, bad));
}

#[test]
fn a_file_with_more_than_a_jar_holds_is_refused() {
    let folder = Folder::new();
    let line = |n: u32| format!("h.example\tFALSE\t/\tFALSE\t0\tn{n}\tx\n");
    let path = folder.write("c.txt", (0..51).map(line).collect::<String>());
    let run = gather!["fetch", "http://127.0.0.1:1/", "--cookie-jar", path].run().code(2);
    run.says(&["line 51 ", "50 of a domain", "hint:"]);
}

#[test]
fn a_jar_that_cannot_be_written_is_refused_before_any_work() {
    let folder = Folder::new();
    let server = setting();
    for path in ["/no/such/folder/c.txt", "/dev/null", ".", "-"] {
        let run = gather!["fetch", server.url(), "--cookie-jar", path].here(folder.path());
        run.run().code(2).says(&[path]);
    }
    assert_eq!(server.calls(), 0);
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn the_cookie_given_comes_first_and_a_secret_is_never_said() {
    let folder = Folder::new();
    let path = folder.write("c.txt", KEPT.replace("\tkept\t1", "\tkept\thunter2"));
    let server = setting();
    let run = gather!["fetch", "-v", server.url(), "-b", "given=0", "--cookie-jar", path].ok();
    assert_eq!(cookies(&server), ["given=0; kept=hunter2; later=2"]);
    assert!(!run.stderr.contains("hunter2") && !run.stdout.contains("hunter2"));
}

#[test]
fn a_file_of_cookies_in_place_of_a_cookie_is_told_the_option() {
    gather!["fetch", "http://127.0.0.1:1/", "-b", "c.txt"].run().code(2).says(&["hint:", "--cookie-jar"]);
}

#[test]
fn help_says_that_cookies_are_off_and_what_turns_them_on() {
    for command in [&["fetch"][..], &["links"], &["scrape"], &["robots", "check"], &["query"]] {
        let help = crate::support::Gather::new().args(command).arg("--help").ok().stdout;
        for part in ["--cookies", "--cookie-jar <FILE>", "[default: off]"] {
            assert!(help.contains(part), "{command:?}: no {part:?} in {help}");
        }
    }
}
