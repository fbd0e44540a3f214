//! Bounds on what comes, and on how much at once.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gather_fetch::{ErrorKind, MinRate, Phase};
use gather_site::{Mock, Reply, Rude, Step};

use crate::support::{get, local, run};

#[test]
fn an_endless_body_hits_the_limit() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"] {
        let server =
            Rude::start(move |_| vec![Step::Read, Step::send(head), Step::flood([b'x'; 4096])]).unwrap();
        let error = get(&local().max_body(1 << 20), server.url()).unwrap_err();
        assert_eq!(
            (error.kind(), error.attempts(), error.status()),
            (ErrorKind::TooLarge, 1, Some(200)),
            "{error}"
        );
        assert!(error.to_string().contains("1048576") && error.hint().is_some(), "{error}");
    }
}

#[test]
fn a_body_of_exactly_the_limit_is_allowed() {
    let server = Mock::start(|_| Reply::bytes(vec![0; 1000])).unwrap();
    assert_eq!(get(&local().max_body(1000), server.url()).unwrap().bytes().len(), 1000);
    assert_eq!(get(&local().max_body(999), server.url()).unwrap_err().kind(), ErrorKind::TooLarge);
}

#[test]
fn one_host_never_sees_more_requests_at_once_than_its_limit() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (running, peak) = (now.clone(), most.clone());
    let server = Mock::start(move |_| {
        peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let running = running.clone();
        Reply::text("ok").delay(Duration::from_millis(10)).after(async move {
            running.fetch_sub(1, Ordering::SeqCst);
        })
    })
    .unwrap();
    let port = server.addr().port();
    let client = local()
        .resolve(&format!("h.example:{port}:127.0.0.1"))
        .per_origin(NonZeroUsize::new(3))
        .build()
        .unwrap();
    run(gather_core::gather((0..30).map(|n| client.get(format!("http://h.example:{port}/{n}"))))).unwrap();
    assert_eq!(server.calls(), 30);
    assert!(most.load(Ordering::SeqCst) <= 3, "{most:?}");
}

#[test]
fn a_hundred_slow_pages_of_loopback_come_at_once() {
    let server = Mock::start(|_| Reply::text("ok").delay(Duration::from_millis(200))).unwrap();
    let client = local().build().unwrap();
    let start = std::time::Instant::now();
    run(gather_core::gather((0..100).map(|n| client.get(server.join(&format!("/{n}")))))).unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn the_body_of_a_redirect_or_of_a_failed_attempt_is_not_looked_at() {
    let huge = "Content-Encoding: nonsense\r\nContent-Length: 99999999999\r\n\r\n";
    let server = Rude::start(move |connection| {
        let head = match connection {
            1 => format!("HTTP/1.1 503 Busy\r\n{huge}"),
            2 => format!("HTTP/1.1 302 Found\r\nLocation: /to\r\n{huge}"),
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(),
        };
        vec![Step::Read, Step::send(head), Step::Hold]
    })
    .unwrap();
    let response = get(&local(), server.url()).unwrap();
    assert_eq!((response.text().as_ref(), response.attempts()), ("ok", 2));
}

/// Answers every request of every connection, and notes how many connections were open at once.
fn counting_server() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (addr, most) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let peak = most.clone();
    std::thread::spawn(move || {
        let mut open: Vec<TcpStream> = Vec::new();
        for connection in listener.incoming() {
            let Ok(connection) = connection else { return };
            // The thread that serves a connection may hear later than this one that it has been closed.
            open.retain(is_open);
            open.push(connection.try_clone().unwrap());
            peak.fetch_max(open.len(), Ordering::SeqCst);
            std::thread::spawn(move || answer_all(connection));
        }
    });
    (addr, most)
}

fn answer_all(connection: TcpStream) {
    let mut replies = connection.try_clone().unwrap();
    for _ in BufReader::new(connection).lines().map_while(Result::ok).filter(String::is_empty) {
        if replies.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_err() {
            break;
        }
    }
}

/// Whether the other side has not closed it, without waiting and without taking anything.
fn is_open(connection: &TcpStream) -> bool {
    const PEEK_AND_DO_NOT_WAIT: i32 = 0x02 | 0x40;
    let mut byte = [std::mem::MaybeUninit::uninit()];
    match socket2::SockRef::from(connection).recv_with_flags(&mut byte, PEEK_AND_DO_NOT_WAIT) {
        Ok(bytes) => bytes > 0,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

#[test]
fn of_sixty_four_requests_under_a_limit_of_eight_the_server_never_sees_more_than_eight_connections() {
    let (addr, most) = counting_server();
    let client = local().per_origin(NonZeroUsize::new(8)).build().unwrap();
    run(async {
        for _ in 0..5 {
            gather_core::gather((0..64).map(|n| client.get(format!("http://{addr}/{n}")))).await.unwrap();
        }
    });
    assert!((1..=8).contains(&most.load(Ordering::SeqCst)), "{most:?}");
}

#[test]
fn under_a_limit_on_all_connections_unused_ones_give_way_to_other_origins() {
    let servers: Vec<Mock> = (0..6).map(|_| Mock::start(|_| Reply::text("ok")).unwrap()).collect();
    let client =
        local().max_connections(NonZeroUsize::new(2)).total_timeout(Duration::from_secs(4)).build().unwrap();
    let start = std::time::Instant::now();
    run(async {
        for round in 0..3 {
            let urls =
                servers.iter().flat_map(|server| [0, 1].map(|n| server.join(&format!("/{round}/{n}"))));
            gather_core::gather(urls.map(|url| client.get(url))).await.unwrap();
        }
    });
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(servers.iter().all(|server| server.calls() == 6));
}

#[test]
fn over_all_origins_there_are_no_more_requests_at_once_than_the_limit() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let servers: Vec<Mock> = (0..3)
        .map(|_| {
            let (running, peak) = (now.clone(), most.clone());
            Mock::start(move |_| {
                peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let running = running.clone();
                Reply::text("ok").delay(Duration::from_millis(5)).after(async move {
                    running.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .unwrap()
        })
        .collect();
    let client = local().max_requests(NonZeroUsize::new(3)).build().unwrap();
    let urls = servers.iter().flat_map(|server| (0..10).map(|n| server.join(&format!("/{n}"))));
    run(gather_core::gather(urls.map(|url| client.get(url)))).unwrap();
    assert!((1..=3).contains(&most.load(Ordering::SeqCst)), "{most:?}");
}

#[test]
fn requests_that_are_dropped_give_their_connections_places_back() {
    let (addr, _) = counting_server();
    let client = local().per_origin(NonZeroUsize::MIN).build().unwrap();
    run(async {
        for _ in 0..20 {
            let mut dropped = Box::pin(client.get(format!("http://{addr}/dropped")));
            let _ = futures::poll!(&mut dropped);
            drop(dropped);
            assert_eq!(client.get(format!("http://{addr}/")).await.unwrap().text(), "ok");
        }
    });
}

#[test]
fn a_delay_keeps_requests_to_one_origin_apart() {
    let server = Mock::start(|_| Reply::text("ok")).unwrap();
    let client = local().delay(Duration::from_millis(30)).build().unwrap();
    let start = std::time::Instant::now();
    run(gather_core::gather((0..5).map(|n| client.get(server.join(&format!("/{n}")))))).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(120), "{:?}", start.elapsed());
}

#[test]
fn a_body_that_only_trickles_is_a_timeout() {
    let server = Rude::start(|_| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
        vec![Step::Read, Step::send(head), Step::drip("x".repeat(100_000), Duration::from_millis(5))]
    })
    .unwrap();
    let slowest = MinRate { bytes: 1000, within: Duration::from_millis(200) };
    let error = get(&local().retries(0).min_rate(slowest), server.url()).unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, Some(Phase::Idle)), "{error}");
    assert!(error.to_string().contains("at least 1000 must"), "{error}");
}
