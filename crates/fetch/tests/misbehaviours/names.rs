//! Names whose answers turn: what is connected to is what was judged, at each hop and at each look-up.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gather_core::Clock;
use gather_fetch::{Client, ClientBuilder, Error, ErrorKind, Resolve, Resolving};
use gather_site::{Rude, Step};

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Of the public net by its number, and nobody's: the old 6bone (RFC 3701). Nothing answers there.
fn nowhere() -> IpAddr {
    "3ffe::1".parse().unwrap()
}

type Answer = fn(&str, usize) -> io::Result<Vec<IpAddr>>;

/// Answers by the name and by how often it was asked.
struct Turning {
    asked: Arc<AtomicUsize>,
    answer: Answer,
}

impl Resolve for Turning {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        let time = self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { (self.answer)(host, time) })
    }
}

fn client(answer: Answer) -> (ClientBuilder, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let builder = Client::builder()
        .resolver(Turning { asked: asked.clone(), answer })
        .retries(0)
        .backoff(Duration::ZERO)
        .connect_timeout(None)
        .first_byte_timeout(None);
    (builder, asked)
}

fn secret() -> Rude {
    Rude::start(|_| vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\n\r\nsecret"), Step::Close]).unwrap()
}

/// Nobody is there: no connection, by an error of the system or by a limit of ours.
fn is_unreachable(error: &Error) {
    assert!(matches!(error.kind(), ErrorKind::Connect | ErrorKind::Timeout), "{error}");
}

#[test]
fn a_name_that_turns_to_this_machine_is_never_connected_to() {
    let server = secret();
    let url = format!("http://turning.example:{}/", server.addr().port());
    let (builder, asked) = client(|_, time| Ok(vec![if time == 0 { nowhere() } else { HOME }]));
    let client = builder.build().unwrap();
    let clock = Clock::manual();
    gather_core::run(clock.within(async {
        // Judged by the first answer, and connected to it: nobody is there.
        is_unreachable(&gives_up(client.get(url.as_str())).await);
        // A minute long the answer stands: what would be said now is not asked for.
        clock.advance(Duration::from_secs(59));
        is_unreachable(&gives_up(client.get(url.as_str())).await);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        // Then it is asked again, and the new answer is judged anew.
        clock.advance(Duration::from_secs(2));
        let error = client.get(url.as_str()).await.unwrap_err();
        assert_eq!((error.kind(), asked.load(Ordering::SeqCst)), (ErrorKind::PrivateAddress, 2), "{error}");
        assert!(error.to_string().contains("turning.example"), "{error}");
    }))
    .unwrap();
    assert_eq!(server.connections(), 0);
}

/// The clock stands still, so a limit in real time bounds an address that swallows what is sent there.
async fn gives_up(fetch: impl Future<Output = Result<gather_fetch::Response, Error>>) -> Error {
    let limit =
        gather_core::Clock::system().sleep_until(std::time::Instant::now() + Duration::from_millis(300));
    match futures::future::select(std::pin::pin!(fetch), limit).await {
        futures::future::Either::Left((result, _)) => result.unwrap_err(),
        futures::future::Either::Right(_) => Error::other(ErrorKind::Timeout, "nobody answered"),
    }
}

#[test]
fn of_a_mixed_answer_only_what_is_public_is_tried() {
    let server = secret();
    let url = format!("http://mixed.example:{}/", server.addr().port());
    let (builder, _) = client(|_, _| Ok(vec![HOME, nowhere(), HOME]));
    let client = builder.build().unwrap();
    gather_core::run(async { is_unreachable(&gives_up(client.get(url.as_str())).await) }).unwrap();
    assert_eq!(server.connections(), 0);
}

#[test]
fn at_each_hop_the_address_is_judged_and_only_what_was_typed_may_be_private() {
    let server = secret();
    let port = server.addr().port();
    let typed = Rude::start(move |_| {
        let go = format!(
            "HTTP/1.1 302 Found\r\nLocation: http://found.example:{port}/\r\nContent-Length: 0\r\n\r\n"
        );
        vec![Step::Read, Step::send(go), Step::Hold]
    })
    .unwrap();
    let url = format!("http://typed.example:{}/", typed.addr().port());
    let (builder, asked) = client(|_, _| Ok(vec![HOME]));
    let error = gather_core::run(builder.allow_origin(url.as_str()).build().unwrap().get(url.as_str()))
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PrivateAddress, "{error}");
    assert_eq!(error.url().unwrap().host_str(), Some("found.example"));
    assert_eq!((typed.connections(), server.connections(), asked.load(Ordering::SeqCst)), (1, 0, 2));
}

#[test]
fn every_retry_is_judged_by_the_answer_that_it_gets() {
    let server = secret();
    let url = format!("http://failing.example:{}/", server.addr().port());
    // An error is not remembered: each attempt asks again.
    let (builder, asked) = client(|_, time| match time {
        0 => Err(io::Error::other("no answer\nfrom there")),
        _ => Ok(vec![HOME]),
    });
    let client = builder.retries(3).build().unwrap();
    gather_core::run(async {
        let error = client.get(url.as_str()).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Dns, 1), "{error}");
        assert!(error.to_string().contains("no answer\\nfrom there"), "{error}");
        let error = client.get(url.as_str()).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::PrivateAddress, 1), "{error}");
    })
    .unwrap();
    assert_eq!((asked.load(Ordering::SeqCst), server.connections()), (2, 0));
}

#[test]
fn an_answer_may_be_empty_or_endless() {
    let (builder, _) = client(|_, _| Ok(Vec::new()));
    let error = gather_core::run(builder.build().unwrap().get("http://empty.example/")).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Dns, "{error}");
    // The 33rd and all after it are not looked at: the server there is not found.
    let server = secret();
    let (builder, _) = client(|_, _| Ok([vec![nowhere(); 32], vec![HOME]].concat()));
    let client = builder.allow_private(true).build().unwrap();
    let url = format!("http://endless.example:{}/", server.addr().port());
    gather_core::run(async { is_unreachable(&gives_up(client.get(url.as_str())).await) }).unwrap();
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_resolver_that_does_not_answer_is_a_timeout_of_its_phase() {
    struct Silent;
    impl Resolve for Silent {
        fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
            Box::pin(std::future::pending())
        }
    }
    let limit = Duration::from_millis(50);
    let client = Client::builder().resolver(Silent).connect_timeout(limit).retries(0).build().unwrap();
    let error = gather_core::run(client.get("http://silent.example/")).unwrap().unwrap_err();
    assert_eq!(error.phase(), Some(gather_fetch::Phase::Dns), "{error}");
}

#[test]
fn a_resolver_is_asked_for_names_only() {
    let server = secret();
    let (builder, asked) = client(|_, _| Err(io::Error::other("must not be asked")));
    let port = server.addr().port();
    let client =
        builder.allow_private(true).resolve(&format!("ruled.example:{port}:127.0.0.1")).build().unwrap();
    gather_core::run(async {
        assert_eq!(client.get(server.url()).await.unwrap().text(), "secret");
        assert_eq!(client.get(format!("http://ruled.example:{port}/")).await.unwrap().text(), "secret");
    })
    .unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
