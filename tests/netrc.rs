//! `--netrc` and `--netrc-file`: whose logins they are, and who gets them.

use gather_site::{Mock, Reply};

use crate::support::{Folder, Gather, dead_port};

/// me:secret and you:other.
const ME: &str = "Basic bWU6c2VjcmV0";
const YOU: &str = "Basic eW91Om90aGVy";

const FILE: &str = "# logins\nmachine 127.0.0.1\n  login me\n  password secret\nmachine 127.0.0.1 login you password other\n";

fn plain() -> Mock {
    Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::text("User-agent: *\nAllow: /"),
        "/api" => Reply::json("[1]"),
        _ => Reply::html("<title>t</title><a href=/a>a</a>"),
    })
    .unwrap()
}

/// The `Authorization` of each request, in their order.
fn logins(server: &Mock) -> Vec<String> {
    let login =
        |request: &gather_site::Request| request.header("authorization").unwrap_or_default().to_owned();
    server.requests().iter().map(login).collect()
}

fn with_variable(mut run: Gather, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Gather {
    run.command.env(name, value);
    run
}

#[test]
fn every_command_that_fetches_takes_logins() {
    let folder = Folder::new();
    let netrc = folder.write("logins", FILE).display().to_string();
    let server = plain();
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
        Gather::new().args(*command).args(["--netrc-file", &netrc]).ok();
        assert_eq!(logins(&server).get(at..), Some(&[ME.to_owned()][..]), "{command:?}");
    }
}

#[test]
fn the_usual_file_is_the_one_of_the_variable_or_else_at_home() {
    let folder = Folder::new();
    folder.write(".netrc", FILE);
    let other = folder.write("other", "machine 127.0.0.1 login you password other");
    let server = plain();
    let run = |option: &str, netrc: &std::path::Path| {
        let run = with_variable(gather!["fetch", server.url(), option], "HOME", folder.path());
        with_variable(run, "NETRC", netrc).ok();
    };
    run("--netrc", "".as_ref());
    run("-n", &other);
    run("-q", &other);
    assert_eq!(logins(&server), [ME, YOU, ""]);
}

#[test]
fn a_usual_file_that_is_not_there_is_an_empty_one_and_a_named_one_must_be_there() {
    let folder = Folder::new();
    let server = plain();
    with_variable(gather!["fetch", server.url(), "--netrc"], "NETRC", folder.join("none")).ok();
    let mut homeless = gather!["fetch", server.url(), "--netrc"];
    homeless.command.env_remove("NETRC").env_remove("HOME");
    homeless.ok();
    assert_eq!(logins(&server), ["", ""]);
    let run = gather!["fetch", server.url(), "--netrc-file", folder.join("none")].run();
    run.code(2).says(&["none", "hint:"]);
    with_variable(gather!["fetch", server.url(), "--netrc"], "NETRC", folder.path()).run().code(2);
    assert_eq!(server.calls(), 2);
}

#[test]
fn what_is_said_otherwise_comes_first() {
    let folder = Folder::new();
    let netrc = folder.write("logins", FILE).display().to_string();
    let server = plain();
    let with_user = |user: &str| server.url().replace("http://", &format!("http://{user}@"));
    let runs: [(&[&str], String, &str); 6] = [
        (&["-u", "you:other"], server.url().to_owned(), YOU),
        (&["-H", "Authorization: Bearer x"], server.url().to_owned(), "Bearer x"),
        (&["-H", "Authorization:"], server.url().to_owned(), ""),
        (&[], with_user("you:other"), YOU),
        (&[], with_user("you"), YOU),
        (&[], with_user("me"), ME),
    ];
    for (options, url, expected) in runs {
        gather!["fetch", &url, "--netrc-file", &netrc].args(options).ok();
        assert_eq!(logins(&server).last().unwrap(), expected, "{options:?} {url}");
    }
}

#[test]
fn no_login_goes_where_a_page_or_redirect_leads() {
    let folder = Folder::new();
    let netrc =
        folder.write("logins", "machine 127.0.0.1 login me password secret default login any password one");
    let other = plain();
    let (target, next) = (other.join("/redirected"), other.join("/next"));
    let server = Mock::start(move |request| match request.path() {
        "/away" => Reply::redirect(302, &target),
        _ => Reply::html(format!("<title>t</title><a class=next href={next}>more</a>")),
    })
    .unwrap();
    let recipe = folder.write("r.toml", "[fields]\nt = \"title\"\n[follow]\nnext = \"a.next\"\n");
    gather!["fetch", server.join("/away"), "--allow-private", "--netrc-file", &netrc].ok();
    gather!["scrape", server.join("/list"), "--recipe", recipe, "--allow-private", "--netrc-file", &netrc]
        .run();
    assert_eq!(logins(&server), [ME, ME]);
    assert_eq!((other.calls_of("/redirected"), other.calls_of("/next")), (1, 1));
    assert!(logins(&other).iter().all(String::is_empty), "{:?}", logins(&other));
}

#[test]
fn a_page_does_not_choose_whom_we_log_in_as() {
    let folder = Folder::new();
    let netrc = folder.write("logins", FILE);
    let server = Mock::start(|request| {
        let host = request.header("host").unwrap();
        let next = match request.path() {
            "/1" => format!("http://you@{host}/2"),
            "/2" => format!("http://you:other@{host}/3"),
            _ => String::new(),
        };
        Reply::html(format!("<title>t</title><h2><a href=http://you@{host}/detail>d</a></h2><a class=next href={next}>more</a>"))
    })
    .unwrap();
    let text = "[record]\neach = \"h2\"\n[fields]\nt = \"a\"\n[detail]\nlink = \"a@href\"\n[detail.fields]\nd = \"title\"\n[follow]\nnext = \"a.next\"\n";
    let recipe = folder.write("r.toml", text);
    let first = server.join("/1").replace("http://", "http://me@");
    gather!["scrape", first, "--recipe", recipe, "--netrc-file", netrc].ok();
    assert!(["/1", "/2", "/3", "/detail"].iter().all(|path| server.calls_of(path) > 0));
    assert!(logins(&server).iter().all(|login| login == ME), "{:?}", logins(&server));
}

#[test]
fn a_file_that_does_not_hold_is_told_by_its_line_and_nothing_of_its_content() {
    let folder = Folder::new();
    let server = plain();
    for (text, line) in [("machine h\nlogin a passwort hunter2", 2), ("machine h\n\npassword \"hunter2", 3)] {
        let path = folder.write("logins", text);
        let run = gather!["fetch", "-v", server.url(), "--netrc-file", path].run().code(2);
        let run = run.says(&[&format!("logins: line {line} ")]);
        assert!(!run.stderr.contains("hunter"), "{}", run.stderr);
    }
    assert_eq!(server.calls(), 0);
}

#[test]
fn a_password_is_never_said() {
    let folder = Folder::new();
    folder.write("logins", "default login me password hunter2");
    let url = format!("http://me@127.0.0.1:{}/", dead_port());
    let run = gather!["fetch", &url, "-v", "--retries", "0", "--netrc-file", "logins", "--errors", "e"];
    let run = run.here(folder.path()).run().code(1);
    let said = [run.stdout, run.stderr, folder.read("e")].concat();
    assert!(!said.contains("hunter2") && !said.contains("bWU6aHVudGVyMg"), "{said}");
}

#[test]
fn help_says_where_logins_come_from() {
    for command in [&["fetch"][..], &["links"], &["scrape"], &["robots", "check"], &["query"]] {
        let help = Gather::new().args(command).arg("--help").ok().stdout;
        for part in ["-n, --netrc", "--netrc-file <FILE>", "~/.netrc"] {
            assert!(help.contains(part), "{command:?}: no {part:?} in {help}");
        }
    }
}
