//! Where redirects lead, what goes along, and what stays behind.

use std::net::{IpAddr, Ipv4Addr};

use gather_fetch::{Client, ErrorKind, Method, Request};
use gather_site::{Mock, Reply};

use crate::support::{get, local, run};

#[test]
fn a_chain_is_followed_and_told() {
    let server = Mock::start(|request| match request.path() {
        "/a" => Reply::redirect(302, "/b"),
        "/b" => Reply::redirect(301, "c#d"),
        _ => Reply::text("end"),
    })
    .unwrap();
    let response = get(&local(), &server.join("/a#x")).unwrap();
    assert_eq!(response.text(), "end");
    assert_eq!(response.url().as_str(), server.join("/c#d"));
    assert_eq!(response.requested_url().as_str(), server.join("/a#x"));
    assert_eq!(response.attempts(), 1);
    let history: Vec<_> = response.history().iter().map(|hop| (hop.url.path(), hop.status)).collect();
    assert_eq!(history, [("/a", 302), ("/b", 301)]);
}

#[test]
fn method_and_body_follow_the_status() {
    let table = [
        ("POST", 301, "GET", ""),
        ("POST", 302, "GET", ""),
        ("POST", 303, "GET", ""),
        ("PUT", 303, "GET", ""),
        ("POST", 307, "POST", "body"),
        ("POST", 308, "POST", "body"),
        ("PUT", 301, "PUT", "body"),
    ];
    for (method, status, expected, body) in table {
        let server = Mock::start(move |request| match request.path() {
            "/from" => Reply::redirect(status, "/to"),
            _ => Reply::text("end"),
        })
        .unwrap();
        let client = local().build().unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = Request::new(method.clone(), server.join("/from")).unwrap().body("body");
        let request = request.header("content-type", "text/plain").unwrap();
        run(client.execute(request)).unwrap();
        let last = &server.requests()[1];
        assert_eq!((last.method(), last.text().as_str()), (expected, body), "{method} {status}");
        assert_eq!(last.header("content-type").is_some(), !body.is_empty(), "{method} {status}");
    }
}

#[test]
fn a_loop_is_seen_when_it_closes() {
    let server = Mock::start(|request| match request.path() {
        "/a" => Reply::redirect(302, "/b"),
        _ => Reply::redirect(302, "/a"),
    })
    .unwrap();
    let error = get(&local(), &server.join("/a")).unwrap_err();
    assert_eq!((error.kind(), error.attempts(), error.status()), (ErrorKind::Redirect, 1, Some(302)));
    assert!(error.to_string().contains("redirect loop"), "{error}");
    assert_eq!(server.calls(), 2);
}

#[test]
fn a_loop_that_sets_cookies_hints_at_them() {
    let server = Mock::start(|_| Reply::redirect(302, "/").header("set-cookie", "a=b")).unwrap();
    let error = get(&local(), server.url()).unwrap_err();
    assert!(error.hint().unwrap().contains("--cookies"), "{error}");
}

#[test]
fn ever_new_urls_end_at_the_limit() {
    let server = Mock::start(|request| Reply::redirect(302, &format!("/{}", request.number()))).unwrap();
    let error = get(&local(), server.url()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect);
    assert!(error.to_string().contains("more than 10 redirects"), "{error}");
    assert_eq!(server.calls(), 11);
    assert_eq!(get(&local().max_redirects(0), server.url()).unwrap_err().kind(), ErrorKind::Redirect);
}

#[test]
fn a_client_that_does_not_follow_gives_the_redirect() {
    let server = Mock::start(|_| Reply::redirect(302, "/elsewhere")).unwrap();
    let response = get(&local().follow_redirects(false), server.url()).unwrap();
    assert_eq!((response.status(), response.headers()["location"].as_bytes()), (302, &b"/elsewhere"[..]));
}

#[test]
fn a_redirect_without_a_location_is_the_response() {
    let server = Mock::start(|_| Reply::status(302)).unwrap();
    assert_eq!(get(&local(), server.url()).unwrap().status(), 302);
}

#[test]
fn a_redirect_out_of_the_web_is_an_error() {
    for location in ["file:///etc/passwd", "javascript:alert(1)", "ftp://h/", "http://["] {
        let server = Mock::start(move |_| Reply::redirect(302, location)).unwrap();
        let error = get(&local(), server.url()).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Redirect, 1), "{location}");
    }
}

#[test]
fn a_location_with_bytes_that_are_not_ascii_is_escaped() {
    for (location, path) in [(&b"/\xfc"[..], "/%FC"), ("/ü".as_bytes(), "/%C3%BC")] {
        let server = Mock::start(move |request| match request.path() {
            "/" => Reply::status(302).header("location", location),
            _ => Reply::text("end"),
        })
        .unwrap();
        assert_eq!(get(&local(), server.url()).unwrap().url().path(), path);
    }
}

#[test]
fn where_a_redirect_that_is_not_followed_leads_is_told_as_it_would_be_followed() {
    let server = Mock::start(|request| match request.path() {
        "/bytes" => Reply::status(301).header("Location", b"/\xfc"),
        "/out" => Reply::redirect(301, "file:///etc/passwd"),
        "/none" => Reply::status(301),
        "/created" => Reply::redirect(201, "/x"),
        _ => Reply::redirect(302, "//user:pw@o.example/x"),
    })
    .unwrap();
    let client = Client::builder().allow_private(true).follow_redirects(false).build().unwrap();
    let redirect = |path: &str| {
        let request = Request::get(server.join(path)).unwrap();
        run(client.stream(request)).unwrap().redirect()
    };
    assert_eq!(redirect("/").unwrap().unwrap().as_str(), "http://o.example/x");
    assert_eq!(redirect("/out").unwrap().unwrap_err().kind(), ErrorKind::Redirect);
    assert_eq!([redirect("/none").is_none(), redirect("/created").is_none()], [true; 2]);
    assert_eq!(redirect("/bytes").unwrap().unwrap().as_str(), server.join("/%FC"));
}

/// One that leads to the other at `/away`, and to itself at `/from`.
fn two_origins() -> (Mock, Mock) {
    let other =
        Mock::builder().host(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))).start(|_| Reply::text("end")).unwrap();
    let elsewhere = other.join("/to");
    let server = Mock::start(move |request| match request.path() {
        "/away" => Reply::redirect(302, &elsewhere),
        "/from" => Reply::redirect(302, "/to"),
        _ => Reply::text("end"),
    })
    .unwrap();
    (server, other)
}

#[test]
fn credentials_stay_behind_at_another_origin_and_go_along_at_the_same() {
    let (server, other) = two_origins();
    let client = local().build().unwrap();
    let with_secrets = |path: &str| {
        let request = Request::get(server.join(path)).unwrap().typed(true);
        ["authorization", "cookie", "proxy-authorization", "x-other"]
            .into_iter()
            .fold(request, |request, name| request.header(name, "secret").unwrap())
    };
    run(async {
        client.execute(with_secrets("/from")).await.unwrap();
        client.execute(with_secrets("/away")).await.unwrap();
    });
    let count = |request: &gather_site::Request| {
        request.headers().values().filter(|value| *value == "secret").count()
    };
    let seen: Vec<_> = server.requests().iter().map(count).collect();
    assert_eq!(seen, [4, 4, 4]);
    assert_eq!(other.requests().iter().map(count).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_host_header_is_for_the_origin_that_was_asked() {
    let (server, other) = two_origins();
    let client = Client::builder().allow_private(true).header("Host", "inner.example");
    for path in ["/away", "/from"] {
        get(&client, &server.join(path)).unwrap();
    }
    let hosts = |server: &Mock| -> Vec<_> {
        server.requests().iter().map(|request| request.header("host").unwrap().to_owned()).collect()
    };
    assert_eq!(hosts(&server), ["inner.example"; 3]);
    assert_eq!(hosts(&other), [other.addr().to_string()]);
}

#[test]
fn default_credentials_stay_behind_too() {
    let other = Mock::start(|_| Reply::text("end")).unwrap();
    let elsewhere = other.join("/");
    let server = Mock::start(move |_| Reply::redirect(307, &elsewhere)).unwrap();
    let client = local().header("authorization", "Bearer x").cookie("a=b").build().unwrap();
    run(client.execute(Request::get(server.url()).unwrap().typed(true))).unwrap();
    assert_eq!(server.requests()[0].header("authorization"), Some("Bearer x"));
    let leaked = &other.requests()[0];
    assert_eq!((leaked.header("authorization"), leaked.header("cookie")), (None, None));
}

#[test]
fn a_redirect_whose_body_never_comes_is_followed_soon() {
    let server = gather_site::Rude::start(|connection| {
        let head = match connection {
            1 => "HTTP/1.1 302 Found\r\nLocation: /to\r\nContent-Length: 5\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        };
        vec![gather_site::Step::Read, gather_site::Step::send(head), gather_site::Step::Hold]
    })
    .unwrap();
    let start = std::time::Instant::now();
    assert_eq!(get(&local(), server.url()).unwrap().text(), "ok");
    assert!(start.elapsed() < std::time::Duration::from_secs(2));
}
