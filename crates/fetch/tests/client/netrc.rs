//! Logins of a netrc file: to whom they go, and what comes before them.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine;
use gather_fetch::{Client, ClientBuilder, Netrc, Request, Secret};
use gather_site::{Mock, Reply};

use crate::support::{local, run};

fn with_netrc(text: &str) -> ClientBuilder {
    local().netrc(Netrc::parse(text).unwrap())
}

fn typed(url: &str) -> Request {
    Request::get(url).unwrap().typed(true)
}

fn send(client: &Client, request: Request) {
    run(client.execute(request)).unwrap();
}

/// `login:password` of each request, or what else its `Authorization` is, or nothing.
fn logins(server: &Mock) -> Vec<String> {
    let login = |request: &gather_site::Request| {
        let value = request.header("authorization").unwrap_or_default();
        match value.strip_prefix("Basic ") {
            Some(coded) => {
                String::from_utf8(base64::engine::general_purpose::STANDARD.decode(coded).unwrap()).unwrap()
            }
            None => value.to_owned(),
        }
    };
    server.requests().iter().map(login).collect()
}

fn plain() -> Mock {
    Mock::start(|_| Reply::text("x")).unwrap()
}

/// A server on a host of its own.
fn on(last: u8, answer: impl Fn(&gather_site::Request) -> Reply + Send + Sync + 'static) -> Mock {
    Mock::builder().host(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))).start(answer).unwrap()
}

const NAMED: &str = "machine 127.0.0.1 login me password secret";

#[test]
fn a_login_goes_to_the_host_it_names_if_that_was_typed() {
    let server = plain();
    let other = on(2, |_| Reply::text("x"));
    let client = with_netrc(NAMED).build().unwrap();
    send(&client, Request::get(server.url()).unwrap());
    for server in [&server, &other] {
        send(&client, typed(server.url()));
    }
    assert_eq!(
        (logins(&server), logins(&other)),
        (vec![String::new(), "me:secret".into()], vec![String::new()])
    );
}

#[test]
fn the_default_goes_to_typed_origins_only() {
    let server = plain();
    let client = with_netrc("default login anyone password secret").build().unwrap();
    send(&client, Request::get(server.url()).unwrap());
    send(&client, typed(server.url()));
    assert_eq!(logins(&server), ["", "anyone:secret"]);
}

#[test]
fn what_was_said_otherwise_comes_first() {
    let server = plain();
    let netrc = with_netrc(NAMED);
    let with_user = server.url().replace("http://", "http://you:other@");
    send(&netrc.clone().basic_auth("you", &Secret::new("other")).build().unwrap(), typed(server.url()));
    send(&netrc.clone().header("authorization", "Bearer x").build().unwrap(), typed(server.url()));
    send(&netrc.clone().without_header("Authorization").build().unwrap(), typed(server.url()));
    send(&netrc.build().unwrap(), typed(&with_user));
    send(&netrc.build().unwrap(), typed(server.url()).header("authorization", "Bearer y").unwrap());
    assert_eq!(logins(&server), ["you:other", "Bearer x", "", "you:other", "Bearer y"]);
}

#[test]
fn a_login_in_the_url_takes_its_own_password() {
    let server = plain();
    let text = "machine 127.0.0.1 login me password one machine 127.0.0.1 login you@h password two default login any password three";
    let client = with_netrc(text).build().unwrap();
    let url = |login: &str| server.url().replace("http://", &format!("http://{login}@"));
    send(&client, Request::get(url("me")).unwrap());
    for login in ["you%40h", "me", "any", "nobody"] {
        send(&client, typed(&url(login)));
    }
    send(&client, typed(&url("me")).basic_auth("x", &Secret::new("y")));
    assert_eq!(logins(&server), ["me:", "you@h:two", "me:one", "any:three", "nobody:", "x:y"]);
}

#[test]
fn a_redirect_takes_no_login_along_and_finds_that_of_a_typed_host_it_names() {
    let (named, unnamed, untyped) =
        (on(2, |_| Reply::text("x")), on(3, |_| Reply::text("x")), on(4, |_| Reply::text("x")));
    let targets = [named.join("/"), unnamed.join("/"), untyped.join("/")];
    let server = Mock::start(move |request| match request.path() {
        "/named" => Reply::redirect(302, &targets[0]),
        "/unnamed" => Reply::redirect(302, &targets[1]),
        "/untyped" => Reply::redirect(302, &targets[2]),
        "/here" => Reply::redirect(302, "/there"),
        _ => Reply::text("x"),
    })
    .unwrap();
    let text = "machine 127.0.0.2 login two password x machine 127.0.0.4 login four password x default login any password x";
    let client = with_netrc(text).allow_origin(named.url()).allow_origin(unnamed.url()).build().unwrap();
    for path in ["/named", "/unnamed", "/untyped", "/here"] {
        send(&client, typed(&server.join(path)));
    }
    assert_eq!(logins(&server), ["any:x"; 5]);
    assert_eq!(
        (logins(&named), logins(&unnamed), logins(&untyped)),
        (vec!["two:x".into()], vec![String::new()], vec![String::new()])
    );
}

#[test]
fn another_port_of_the_host_is_another_origin() {
    let (server, other) = (plain(), plain());
    let client = with_netrc(NAMED).allow_origin(server.url()).build().unwrap();
    for server in [&server, &other] {
        send(&client, Request::get(server.url()).unwrap());
    }
    assert_eq!((logins(&server), logins(&other)), (vec!["me:secret".into()], vec![String::new()]));
}

#[test]
fn retries_and_robots_txt_have_the_login_too() {
    let server = Mock::start(|request| match (request.path(), request.call()) {
        ("/robots.txt", _) => Reply::text(""),
        (_, 1) => Reply::status(503),
        _ => Reply::text("x"),
    })
    .unwrap();
    send(&with_netrc(NAMED).robots("test").build().unwrap(), typed(server.url()));
    assert_eq!(logins(&server), ["me:secret"; 3]);
}

#[test]
fn passwords_are_not_shown() {
    let builder = with_netrc(NAMED);
    let shown = format!("{builder:?} {:?} {:?}", builder.build(), Netrc::parse(NAMED));
    assert!(!shown.contains("secret"), "{shown}");
}
