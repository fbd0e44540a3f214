//! A jar in a client: what is kept of responses, and which requests it goes along with.

use std::net::{IpAddr, Ipv4Addr};

use gather_fetch::{Client, ClientBuilder, ErrorKind, Jar, Request, Url};
use gather_site::{Mock, Reply, TestCa};

use crate::support::{get, local, run};

/// The `Cookie` of each request, in their order.
fn cookies(server: &Mock) -> Vec<String> {
    let cookie = |request: &gather_site::Request| request.header("cookie").unwrap_or_default().to_owned();
    server.requests().iter().map(cookie).collect()
}

fn with_jar() -> (Jar, ClientBuilder) {
    let jar = Jar::new();
    (jar.clone(), local().cookies(jar))
}

fn get_all(client: &Client, urls: &[String]) {
    run(async {
        for url in urls {
            client.get(url).await.unwrap();
        }
    });
}

/// A server on another host than the others'.
fn elsewhere(answer: impl Fn(&gather_site::Request) -> Reply + Send + Sync + 'static) -> Mock {
    Mock::builder().host(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))).start(answer).unwrap()
}

#[test]
fn what_a_response_sets_goes_with_the_next_request() {
    let server = Mock::start(|request| match request.path() {
        "/set" => Reply::text("x").header("set-cookie", "a=1; Path=/").header("set-cookie", "b=2; Path=/b"),
        "/end" => Reply::text("x").header("set-cookie", "a=; Path=/; Max-Age=0"),
        _ => Reply::text("x"),
    })
    .unwrap();
    let client = with_jar().1.build().unwrap();
    let urls = ["/before", "/set", "/after", "/b/c", "/end", "/over"].map(|path| server.join(path));
    get_all(&client, &urls);
    assert_eq!(cookies(&server), ["", "", "a=1", "b=2; a=1", "a=1", ""]);
}

#[test]
fn without_a_jar_nothing_is_kept() {
    let server = Mock::start(|_| Reply::text("x").header("set-cookie", "a=1")).unwrap();
    get_all(&local().build().unwrap(), &[server.join("/"), server.join("/")]);
    assert_eq!(cookies(&server), ["", ""]);
}

#[test]
fn a_redirect_sets_cookies_and_is_sent_them() {
    let server = Mock::start(|request| match request.path() {
        "/login" => Reply::redirect(302, "/home").header("set-cookie", "sid=7; Path=/"),
        _ => Reply::text("x"),
    })
    .unwrap();
    let (jar, client) = with_jar();
    get(&client, &server.join("/login")).unwrap();
    assert_eq!(cookies(&server), ["", "sid=7"]);
    assert_eq!(jar.len(), 1);
}

#[test]
fn two_clients_with_one_jar_share_it_and_two_jars_do_not() {
    let server = Mock::start(|_| Reply::text("x").header("set-cookie", "a=1")).unwrap();
    let (_, builder) = with_jar();
    for client in [&builder, &builder, &with_jar().1] {
        get(client, server.url()).unwrap();
    }
    assert_eq!(cookies(&server), ["", "a=1", ""]);
}

#[test]
fn no_cookie_goes_to_another_host_whatever_it_says() {
    let other = elsewhere(|_| Reply::text("x"));
    let target = other.join("/");
    let server = Mock::start(move |_| {
        ["a=1", "b=1; Domain=127.0.0.2", "c=1; Domain=0.0.2", "d=1; Domain=2"]
            .into_iter()
            .fold(Reply::redirect(302, &target), |reply, set| reply.header("set-cookie", set))
    })
    .unwrap();
    let (jar, client) = with_jar();
    get(&client, server.url()).unwrap();
    assert_eq!(cookies(&other), [""]);
    assert_eq!(jar.header(&Url::parse(server.url()).unwrap()).unwrap(), "a=1");
    assert_eq!(jar.len(), 1);
}

#[test]
fn a_cookie_that_was_given_comes_first_and_goes_to_typed_origins_only() {
    let other = elsewhere(|_| Reply::text("x").header("set-cookie", "other=1; Path=/"));
    let target = other.join("/");
    let server = Mock::start(move |request| match request.path() {
        "/away" => Reply::redirect(302, &target),
        _ => Reply::text("x").header("set-cookie", "set=1; Path=/"),
    })
    .unwrap();
    let client = with_jar().1.cookie("given=1").cookie("set=0").build().unwrap();
    run(async {
        client.get(other.url()).await.unwrap();
        for path in ["/", "/here", "/away"] {
            client.execute(Request::get(server.join(path)).unwrap().typed(true)).await.unwrap();
        }
    });
    let given_and_kept = "given=1; set=0; set=1";
    assert_eq!(cookies(&server), ["given=1; set=0", given_and_kept, given_and_kept]);
    assert_eq!(cookies(&other), ["", "other=1"]);
}

#[test]
fn a_cookie_of_the_request_itself_comes_first_too() {
    let server = Mock::start(|_| Reply::text("x")).unwrap();
    let (jar, client) = with_jar();
    jar.set(&Url::parse(server.url()).unwrap(), b"kept=1");
    let request = Request::get(server.url()).unwrap().header("cookie", "own=1").unwrap();
    run(client.build().unwrap().execute(request)).unwrap();
    assert_eq!(cookies(&server), ["own=1; kept=1"]);
}

#[test]
fn a_redirect_back_with_changed_cookies_is_followed() {
    let server = Mock::start(|request| match request.header("cookie") {
        Some("n=2") => Reply::text("end"),
        Some(_) => Reply::redirect(302, "/").header("set-cookie", "n=2"),
        None => Reply::redirect(302, "/").header("set-cookie", "n=1"),
    })
    .unwrap();
    let response = get(&with_jar().1, server.url()).unwrap();
    assert_eq!((response.text().as_ref(), response.history().len()), ("end", 2));
    assert_eq!(cookies(&server), ["", "n=1", "n=2"]);
}

#[test]
fn a_redirect_back_with_the_same_cookies_is_a_loop_at_once() {
    let server = Mock::start(|_| Reply::redirect(302, "/").header("set-cookie", "n=1")).unwrap();
    let error = get(&with_jar().1, server.url()).unwrap_err();
    assert_eq!((error.kind(), error.hint()), (ErrorKind::Redirect, None));
    assert!(error.to_string().contains("redirect loop"), "{error}");
    assert_eq!(cookies(&server), ["", "n=1"]);
}

#[test]
fn a_cookie_that_goes_to_another_path_does_not_make_a_loop_longer() {
    let server =
        Mock::start(|_| Reply::redirect(302, "/").header("set-cookie", "n=1; Path=/elsewhere")).unwrap();
    let error = get(&with_jar().1, server.url()).unwrap_err();
    assert!(error.to_string().contains("redirect loop"), "{error}");
    assert_eq!(server.calls(), 1);
}

#[test]
fn ever_new_cookies_end_at_the_limit_of_redirects() {
    let server = Mock::start(|request| {
        Reply::redirect(302, "/").header("set-cookie", format!("n={}", request.number()))
    })
    .unwrap();
    let error = get(&with_jar().1.max_redirects(5), server.url()).unwrap_err();
    assert!(error.to_string().contains("more than 5 redirects"), "{error}");
    assert_eq!((error.hint(), server.calls()), (None, 6));
}

#[test]
fn what_https_sets_as_secure_never_goes_over_http() {
    let ca = TestCa::new().unwrap();
    let plain = Mock::start(|_| Reply::text("x").header("set-cookie", "s=evil; Path=/")).unwrap();
    let downgrade = plain.join("/");
    let secure = Mock::builder()
        .tls(ca.good().unwrap())
        .start(move |request| match request.path() {
            "/away" => Reply::redirect(302, &downgrade),
            _ => Reply::text("x")
                .header("set-cookie", "s=1; Path=/; Secure")
                .header("set-cookie", "p=2; Path=/"),
        })
        .unwrap();
    let builder = with_jar().1.add_root_pem(ca.ca_pem().as_bytes()).allow_downgrade(true);
    let urls = ["/", "/away", "/again"].map(|path| secure.join(path));
    get_all(&builder.build().unwrap(), &urls);
    assert_eq!(cookies(&secure), ["", "s=1; p=2", "s=1; p=2"]);
    assert_eq!(cookies(&plain), ["p=2"], "another port of the host has its cookies, but for the secure one");
}

#[test]
fn a_retry_sends_what_the_failed_response_set() {
    let server = Mock::start(|request| match request.call() {
        1 => Reply::status(503).header("set-cookie", "a=1"),
        _ => Reply::text("x"),
    })
    .unwrap();
    assert_eq!(get(&with_jar().1, server.url()).unwrap().attempts(), 2);
    assert_eq!(cookies(&server), ["", "a=1"]);
}

#[test]
fn a_response_that_is_not_followed_sets_cookies_as_well() {
    let server = Mock::start(|request| match request.path() {
        "/404" => Reply::status(404).header("set-cookie", "a=1; Path=/"),
        _ => Reply::redirect(302, "/x").header("set-cookie", "b=2; Path=/"),
    })
    .unwrap();
    let (jar, client) = with_jar();
    for path in ["/404", "/302"] {
        get(&client.clone().follow_redirects(false), &server.join(path)).unwrap();
    }
    assert_eq!((jar.len(), cookies(&server)), (2, vec![String::new(), "a=1".into()]));
}

#[test]
fn robots_txt_is_asked_with_the_jar_and_may_fill_it() {
    let server = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::text("").header("set-cookie", "r=1; Path=/"),
        _ => Reply::text("x"),
    })
    .unwrap();
    let (jar, client) = with_jar();
    jar.set(&Url::parse(server.url()).unwrap(), b"kept=1");
    get(&client.robots("test"), server.url()).unwrap();
    let seen = server.requests().into_iter().map(|request| request.path().to_owned());
    let seen: Vec<_> = seen.zip(cookies(&server)).collect();
    assert_eq!(seen, [("/robots.txt".into(), "kept=1".into()), ("/".into(), "kept=1; r=1".into())]);
}

#[test]
fn surfs_face_has_the_jar_under_it() {
    let server = Mock::start(|_| Reply::text("x").header("set-cookie", "a=1")).unwrap();
    let surf = with_jar().1.build().unwrap().surf();
    run(async {
        for _ in 0..2 {
            surf.get(server.url()).await.unwrap();
        }
    });
    assert_eq!(cookies(&server), ["", "a=1"]);
}

#[test]
fn many_requests_at_once_fill_one_jar_within_its_bounds() {
    let server = Mock::start(|request| {
        Reply::text("x").header("set-cookie", format!("n{}=1; Path=/", request.number()))
    })
    .unwrap();
    let (jar, client) = with_jar();
    let client = client.build().unwrap();
    run(async {
        let requests = (0..120).map(|_| client.get(server.url()));
        for response in futures::future::join_all(requests).await {
            response.unwrap();
        }
    });
    assert_eq!(jar.len(), 50);
}
