//! Nobody gets in through a page: which addresses are connected to.

use std::net::{IpAddr, Ipv4Addr};

use gather_fetch::{Client, ErrorKind, Request};
use gather_site::{Mock, Reply};

use crate::support::run;

fn other_host() -> gather_site::MockBuilder {
    Mock::builder().host(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)))
}

#[test]
fn what_is_not_of_the_public_net_is_refused_before_anything_is_sent() {
    let client = Client::new();
    let urls = [
        "http://127.0.0.1:1/",
        "http://localhost:1/",
        "http://[::1]:1/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://0.0.0.0:1/",
        "http://[::ffff:127.0.0.1]:1/",
        "http://[64:ff9b::7f00:1]:1/",
        "http://2130706433:1/",
        "http://0x7f.1:1/",
        "http://224.0.0.1/",
        "https://127.0.0.1:1/",
    ];
    for url in urls {
        let error = run(client.get(url)).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::PrivateAddress, 1), "{url}");
        assert!(error.is_refused() && !error.is_retryable());
        assert!(error.hint().unwrap().contains("--allow-private"), "{error}");
    }
}

#[test]
fn what_a_person_typed_is_allowed_and_nothing_else_on_that_host() {
    let typed = Mock::start(|_| Reply::text("ok")).unwrap();
    let other = Mock::start(|_| Reply::text("ok")).unwrap();
    let client = Client::new();
    run(async {
        assert!(client.execute(Request::get(typed.url()).unwrap().typed(true)).await.is_ok());
        assert!(client.get(typed.join("/found/in/a/page")).await.is_ok());
        let error = client.get(other.url()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PrivateAddress);
        client.allow_origin(other.url()).unwrap();
        assert!(client.get(other.url()).await.is_ok());
    });
}

#[test]
fn a_redirect_to_a_private_address_is_refused() {
    let secret = other_host().start(|_| Reply::text("secret")).unwrap();
    let location = secret.join("/");
    let server = Mock::start(move |_| Reply::redirect(302, &location)).unwrap();
    let client = Client::new();
    let error = run(client.execute(Request::get(server.url()).unwrap().typed(true))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PrivateAddress);
    assert_eq!(error.url().unwrap().as_str(), secret.join("/"));
    assert_eq!(secret.calls(), 0);
}

#[test]
fn a_name_is_judged_by_the_address_it_leads_to() {
    // `localhost` resolves to loopback by the system, whatever it is called.
    let error = run(Client::new().get("http://localhost.:1/")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::PrivateAddress | ErrorKind::Dns), "{error}");
}

#[test]
fn a_resolve_rule_is_typed_and_overrules_the_name() {
    let server = Mock::start(|_| Reply::text("ok")).unwrap();
    let port = server.addr().port();
    let client = Client::builder().resolve(&format!("example.com:{port}:127.0.0.1")).build().unwrap();
    let response = run(client.get(format!("http://example.com:{port}/"))).unwrap();
    assert_eq!(response.remote_addr(), Some(server.addr()));
    assert_eq!(server.requests()[0].header("host"), Some(format!("example.com:{port}").as_str()));
}

#[test]
fn the_next_address_is_tried_when_one_is_dead() {
    let server = other_host().start(|_| Reply::text("ok")).unwrap();
    let port = server.addr().port();
    let client = Client::builder().resolve(&format!("h.example:{port}:127.0.0.3,127.0.0.2")).build().unwrap();
    let response = run(client.get(format!("http://h.example:{port}/"))).unwrap();
    assert_eq!((response.remote_addr(), response.attempts()), (Some(server.addr()), 1));
}
