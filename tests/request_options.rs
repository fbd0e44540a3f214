//! What is sent, as the request options say.

use gather_site::{Mock, Reply, Request};

use crate::support::{Folder, dead_port};

/// What the server saw of one request with these options.
fn sent(options: &[&str]) -> Request {
    let server = Mock::start(|_| Reply::text("x")).unwrap();
    gather!["fetch", server.url()].args(options).ok();
    let mut requests = server.requests();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

#[test]
fn without_options_it_is_a_get_by_gather_without_secrets() {
    let request = sent(&[]);
    assert_eq!(request.method(), "GET");
    assert!(request.header("user-agent").unwrap().starts_with("gather/"));
    assert_eq!(request.header("cookie"), None);
    assert_eq!(request.header("authorization"), None);
    assert!(request.body().is_empty());
}

#[test]
fn headers_are_added_replaced_and_left_out() {
    let request = sent(&["-H", "X-One: 1", "--header", "Accept: text/css", "-H", "User-Agent:"]);
    assert_eq!(request.header("x-one"), Some("1"));
    assert_eq!(request.header("accept"), Some("text/css"));
    assert_eq!(request.header("user-agent"), None);
}

#[test]
fn the_agent_can_be_named() {
    assert_eq!(sent(&["-A", "robot/1"]).header("user-agent"), Some("robot/1"));
    assert_eq!(sent(&["--user-agent", "robot/2"]).header("user-agent"), Some("robot/2"));
}

#[test]
fn data_makes_a_post_of_a_form() {
    let request = sent(&["-d", "a=1", "--data", "b=2"]);
    assert_eq!(request.method(), "POST");
    assert_eq!(request.text(), "a=1&b=2");
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(request.header("content-length"), Some("7"));
}

#[test]
fn data_comes_from_a_file_or_stdin_too() {
    let folder = Folder::new();
    let file = folder.write("body", "from a file");
    assert_eq!(sent(&["-d", &format!("@{}", file.display())]).text(), "from a file");
    let server = Mock::start(|_| Reply::text("x")).unwrap();
    gather!["fetch", server.url(), "-d", "@-"].stdin("from stdin").ok();
    assert_eq!(server.requests()[0].text(), "from stdin");
    gather!["fetch", server.url(), "-d", "@/no/such"].run().code(2).says(&["/no/such"]);
}

#[test]
fn json_makes_a_post_of_json() {
    let request = sent(&["--json", r#"{"a":1}"#]);
    assert_eq!(request.method(), "POST");
    assert_eq!(request.text(), r#"{"a":1}"#);
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("accept"), Some("application/json"));
    gather!["fetch", "http://127.0.0.1:1/", "--json", "{a:1}"].run().code(2).says(&["JSON", "hint:"]);
}

#[test]
fn the_method_can_be_named() {
    assert_eq!(sent(&["-X", "DELETE"]).method(), "DELETE");
    let request = sent(&["--request", "PUT", "-d", "x"]);
    assert_eq!((request.method(), request.text().as_str()), ("PUT", "x"));
    gather!["fetch", "http://127.0.0.1:1/", "-X", "GE T"].run().code(2).says(&["GE T", "hint:"]);
}

#[test]
fn head_asks_for_the_head_only() {
    assert_eq!(sent(&["-I"]).method(), "HEAD");
    gather!["fetch", "http://127.0.0.1:1/", "-I", "-d", "x"].run().code(2);
}

#[test]
fn credentials_and_cookies_go_to_the_origin_given_and_no_other() {
    let other = Mock::start(|_| Reply::text("other")).unwrap();
    let target = other.join("/other");
    let server = Mock::start(move |request| match request.path() {
        "/away" => Reply::redirect(302, &target),
        "/here" => Reply::redirect(302, "/there"),
        _ => Reply::text("x"),
    })
    .unwrap();
    let options =
        ["-u", "me:secret", "-b", "session=1; b=2", "-H", "Authorization-Like: x", "--allow-private"];
    gather!["fetch", server.join("/away"), server.join("/here")].args(options).ok();
    for request in server.requests() {
        assert_eq!(request.header("authorization"), Some("Basic bWU6c2VjcmV0"), "{}", request.path());
        assert_eq!(request.header("cookie"), Some("session=1; b=2"));
    }
    assert_eq!(server.calls_of("/there"), 1);
    let strayed = &other.requests()[0];
    assert_eq!(strayed.header("authorization"), None);
    assert_eq!(strayed.header("cookie"), None);
}

#[test]
fn a_secret_is_never_said() {
    let url = format!("http://127.0.0.1:{}/", dead_port());
    let folder = Folder::new();
    let run = gather!["fetch", &url, "-v", "-u", "me:hunter2", "-b", "sid=hunter2", "--retries", "0"];
    let run = run.arg("--errors").arg(folder.join("e")).run().code(1);
    assert!(!run.stderr.contains("hunter2") && !folder.read("e").contains("hunter2"));
    let typed = url.replace("http://", "http://me:hunter2@");
    let run = gather!["fetch", typed, "--retries", "0"].run().code(1);
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
}

#[test]
fn resolve_connects_to_the_address_named() {
    let server = Mock::start(|_| Reply::text("x")).unwrap();
    let port = server.addr().port();
    let rule = format!("shop.example:{port}:127.0.0.1");
    let url = format!("http://shop.example:{port}/");
    gather!["fetch", &url, "--resolve", rule].ok();
    let host = format!("shop.example:{port}");
    assert_eq!(server.requests()[0].header("host"), Some(host.as_str()));
    gather!["fetch", &url, "--resolve", "nonsense"].run().code(2).says(&["nonsense"]);
}

#[test]
fn redirects_are_followed_so_far_and_no_further() {
    let server = Mock::start(|request| {
        let n: u32 = request.path().trim_start_matches('/').parse().unwrap_or(0);
        if n == 0 { Reply::text("end") } else { Reply::redirect(302, &format!("/{}", n - 1)) }
    })
    .unwrap();
    assert_eq!(gather!["fetch", server.join("/10")].ok().record()["final_url"], server.join("/0"));
    let folder = Folder::new();
    let run = |n: u32, limit: &str| {
        gather![
            "fetch",
            server.join(&format!("/{n}")),
            "--max-redirects",
            limit,
            "--errors",
            folder.join("e")
        ]
        .run()
    };
    run(3, "3").code(0);
    run(3, "2").code(1);
    assert!(folder.read("e").contains("\"kind\":\"redirect\""));
    let none = run(3, "0").code(0).record();
    assert_eq!((&none["status"], &none["final_url"]), (&302.into(), &server.join("/3").into()));
}

#[test]
fn a_body_above_max_size_is_refused() {
    let server = Mock::start(|request| match request.path() {
        "/chunked" => Reply::bytes(vec![b'x'; 2_000]).chunked(),
        "/fits" => Reply::bytes(vec![b'x'; 1_024]),
        _ => Reply::bytes(vec![b'x'; 2_000]),
    })
    .unwrap();
    for path in ["/", "/chunked"] {
        let folder = Folder::new();
        let run = gather!["fetch", server.join(path), "--max-size", "1k", "--errors", folder.join("e")];
        assert_eq!(run.run().code(1).stdout, "");
        assert!(folder.read("e").contains("\"kind\":\"too_large\""));
    }
    gather!["fetch", server.join("/fits"), "--max-size", "1k"].ok();
}

#[test]
fn habits_of_curls_that_are_on_already_are_accepted() {
    assert_eq!(sent(&["-L", "-s", "-S", "-f", "--compressed"]).method(), "GET");
    assert_eq!(sent(&["-sSfL"]).method(), "GET");
}

#[test]
fn what_is_no_header_cookie_or_number_is_wrong_usage() {
    for options in [["-H", "no colon"], ["-H", "bad name: x"], ["-b", "file.txt"], ["--max-size", "100"]] {
        gather!["fetch", "http://127.0.0.1:1/"].args(options).run().code(2);
    }
    gather!["fetch", "http://127.0.0.1:1/", "-H", "x: a\r\nevil: 1"].run().code(2);
    gather!["fetch", "http://127.0.0.1:1/", "-j", "0"].run().code(2).says(&["hint:"]);
}

#[test]
fn a_request_goes_to_every_input_of_links_and_scrape_too() {
    for command in ["links", "scrape"] {
        let server = Mock::start(|_| Reply::html("<title>x</title>")).unwrap();
        gather![command, server.url(), "-H", "X-One: 1", "-A", "robot/1"].ok();
        let request = &server.requests()[0];
        assert_eq!(request.header("x-one"), Some("1"));
        assert_eq!(request.header("user-agent"), Some("robot/1"));
    }
}

#[test]
fn a_password_in_a_url_is_in_no_record() {
    let server = Mock::start(|request| match request.path() {
        "/missing" => Reply::status(404),
        _ => Reply::text(request.header("authorization").unwrap_or_default().to_owned()),
    })
    .unwrap();
    let folder = Folder::new();
    let with_login = |path: &str| server.join(path).replace("http://", "http://me:hunter2@");
    let (here, missing, errors) = (with_login("/here"), with_login("/missing"), folder.join("e"));
    let run = gather!["fetch", here, missing, "--text", "--errors", &errors].run().code(1);
    assert_eq!(run.record()["text"], "Basic bWU6aHVudGVyMg==", "it is sent all the same");
    let told = [run.stdout, run.stderr, std::fs::read_to_string(errors).unwrap()].concat();
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn how_fast_a_host_is_asked_can_be_set() {
    let server = Mock::start(|_| Reply::text("ok")).unwrap();
    let urls = [server.join("/1"), server.join("/2"), server.join("/3")];
    for pace in [["--delay", "150ms"], ["--rate", "400/m"]] {
        let start = std::time::Instant::now();
        gather!["fetch"].args(pace).args(&urls).ok();
        assert!(start.elapsed() >= std::time::Duration::from_millis(300), "{pace:?}");
    }
    gather!["fetch", "--per-host", "1"].args(&urls).ok();
    gather!["fetch", "--rate", "10", &urls[0]].run().code(2).says(&["10/s"]);
}

#[test]
fn a_site_that_asks_for_an_hour_is_asked_nothing_more() {
    let server = Mock::start(|_| Reply::status(429).header("retry-after", "3600")).unwrap();
    let urls: Vec<String> = (0..20).map(|n| server.join(&format!("/{n}"))).collect();
    gather!["fetch", "-j", "1"].args(&urls).run().code(1).says(&["--max-wait"]);
    assert_eq!(server.calls(), 1);
}
