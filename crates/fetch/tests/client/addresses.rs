//! Nobody gets in through a page: which addresses are connected to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gather_core::channel;
use gather_fetch::{Client, ErrorKind, Request, Resolve, Resolving};
use gather_site::{Mock, Reply};
use socket2::{Domain, Socket, Type};

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

/// Answers every name with the same addresses.
struct Known(Vec<IpAddr>);

impl Resolve for Known {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

/// A listener that lets nobody in any more: its queue is full, and whoever comes later hears nothing.
fn silent(address: SocketAddr) -> (Socket, Vec<Socket>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&address.into()).unwrap();
    listener.listen(0).unwrap();
    let knock = || {
        let guest = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let is_in = guest.connect_timeout(&address.into(), Duration::from_millis(300)).is_ok();
        (guest, is_in)
    };
    let mut guests = Vec::new();
    for _ in 0..16 {
        let (guest, is_in) = knock();
        guests.push(guest);
        if !is_in {
            return (listener, guests);
        }
    }
    panic!("the queue of {address} has no end");
}

#[cfg(target_os = "linux")]
#[test]
fn an_address_that_is_silent_is_not_waited_for_where_there_is_another() {
    let server = Mock::start(|_| Reply::text("ok")).unwrap();
    let port = server.addr().port();
    let mute = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
    let _held = silent(SocketAddr::new(mute, port));
    let client = Client::builder()
        .allow_private(true)
        .retries(0)
        .resolver(Known(vec![mute, server.addr().ip()]))
        .connect_timeout(Duration::from_secs(20))
        .build()
        .unwrap();
    let start = Instant::now();
    let response = run(client.get(format!("http://two.example:{port}/"))).unwrap();
    assert_eq!(response.remote_addr(), Some(server.addr()));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    // Alone, it is a timeout that says so.
    let alone = Client::builder()
        .allow_private(true)
        .retries(0)
        .resolver(Known(vec![mute]))
        .connect_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let error = run(alone.get(format!("http://one.example:{port}/"))).unwrap_err();
    assert_eq!(error.phase(), Some(gather_fetch::Phase::Connect), "{error}");
}

#[test]
fn who_asks_while_a_look_up_is_under_way_shares_its_failure_and_who_comes_later_asks_anew() {
    struct Failing(Arc<AtomicUsize>, channel::Receiver<()>);
    impl Resolve for Failing {
        fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Box::pin(async {
                let _ = self.1.recv().await;
                Err(std::io::Error::other("no such name"))
            })
        }
    }
    let (asked, (answer, wait)) = (Arc::new(AtomicUsize::new(0)), channel::unbounded());
    let client = Client::builder().retries(0).resolver(Failing(asked.clone(), wait)).build().unwrap();
    run(async {
        let mut all = Box::pin(gather_core::settle((0..8).map(|_| client.get("http://nowhere.example/"))));
        assert!(futures::poll!(&mut all).is_pending(), "all of them wait for one answer");
        answer.send(()).await.unwrap();
        let all = all.await;
        assert!(all.iter().all(|one| one.as_ref().is_err_and(|error| error.kind() == ErrorKind::Dns)));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        answer.send(()).await.unwrap();
        assert_eq!(client.get("http://nowhere.example/").await.unwrap_err().kind(), ErrorKind::Dns);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    });
}
