//! Connections that serve again: who gets them, and when they are closed.

use std::io::{Read, Write};
use std::iter::repeat_with;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::thread::JoinHandle;
use std::time::Duration;

use futures::future::join_all;
use futures::{StreamExt, stream};
use gather_core::{map_concurrent, sleep, spawn};
use gather_fetch::{Client, Request};
use gather_site::{Mock, Reply, Rude, Step};

use crate::support::{local, run};

/// A client with one connection to this port, under a name that is not this machine's, and its URL.
fn one_by_one(port: u16) -> (Client, String) {
    let client = local().resolve(&format!("h.example:{port}:127.0.0.1")).per_origin(NonZeroUsize::MIN);
    (client.build().unwrap(), format!("http://h.example:{port}/"))
}

#[test]
fn a_post_after_the_server_closed_an_unused_connection_goes_over_a_new_one() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let server = Rude::start(move |_| vec![Step::Read, Step::send(ok), Step::Close]).unwrap();
    let client = local().build().unwrap();
    run(async {
        for _ in 0..3 {
            let request = Request::post(server.url()).unwrap().body("x");
            assert_eq!(client.execute(request).await.unwrap().attempts(), 1);
            sleep(Duration::from_millis(100)).await;
        }
    });
    assert_eq!(server.connections(), 3);
}

/// A server that answers each request of a connection and closes the last without a word of it, so that its client may be
/// about to send the next.
fn closes_after(answers: usize) -> Rude {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let answer = move || [Step::Read, Step::send(ok)];
    Rude::start(move |_| repeat_with(answer).take(answers).flatten().chain([Step::Close]).collect()).unwrap()
}

#[test]
fn a_get_on_a_connection_that_is_just_being_closed_is_neither_lost_nor_late() {
    for answers in [1, 3] {
        let server = closes_after(answers);
        let client = local().retries(0).total_timeout(Duration::from_secs(5)).build().unwrap();
        let url = server.url().to_owned();
        run(async {
            let mut responses =
                pin!(map_concurrent(stream::iter(0..400), NonZeroUsize::new(32).unwrap(), |_| {
                    let (client, url) = (client.clone(), url.clone());
                    async move { client.get(&url).await.map(|response| response.attempts()) }
                }));
            while let Some(response) = responses.next().await {
                assert_eq!(response.unwrap().unwrap(), 1);
            }
        });
    }
}

#[test]
fn a_post_is_not_lost_on_a_connection_that_is_just_being_closed() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for (pause, at_once) in [(0, 1), (2, 1), (0, 8), (2, 8)] {
        let pause = Step::Wait(Duration::from_millis(pause));
        let server =
            Rude::start(move |_| vec![Step::Read, Step::send(ok), pause.clone(), Step::Close]).unwrap();
        let (client, url) = (local().build().unwrap(), server.url().to_owned());
        run(async {
            let at_once = NonZeroUsize::new(at_once).unwrap();
            let mut responses = pin!(map_concurrent(stream::iter(0..200), at_once, |_| {
                let (client, request) = (client.clone(), Request::post(&url).unwrap().body("x"));
                async move { client.execute(request).await.map(|response| response.attempts()) }
            }));
            while let Some(response) = responses.next().await {
                assert_eq!(response.unwrap().unwrap(), 1);
            }
        });
    }
}

#[test]
fn posts_share_the_connection_of_a_server_that_leaves_it_open() {
    let server = Mock::start(|_| Reply::text("ok")).unwrap();
    let client = local().build().unwrap();
    run(async {
        for _ in 0..20 {
            client.execute(Request::post(server.url()).unwrap()).await.unwrap();
        }
    });
    let connections: std::collections::HashSet<u64> =
        server.requests().iter().map(gather_site::Request::connection).collect();
    assert_eq!(connections.len(), 1);
}

#[test]
fn who_waits_gets_the_connection_that_becomes_free() {
    let server = Mock::start(|_| Reply::text("ok").delay(Duration::from_millis(5))).unwrap();
    let (client, url) = one_by_one(server.addr().port());
    run(async {
        for response in join_all((0..20).map(|_| client.get(&url))).await {
            assert_eq!(response.unwrap().status(), 200);
        }
    });
    let connections: std::collections::HashSet<u64> =
        server.requests().iter().map(gather_site::Request::connection).collect();
    assert_eq!((server.calls(), connections.len()), (20, 1));
}

#[test]
fn one_that_is_dropped_while_it_waits_keeps_nobody_waiting() {
    let server = Mock::start(|_| Reply::text("ok").delay(Duration::from_millis(30))).unwrap();
    // The limit on connections alone, so that requests wait in the pool.
    let client = local().max_connections(NonZeroUsize::MIN).build().unwrap();
    let url = server.url().to_owned();
    run(async {
        let get = || {
            let (client, url) = (client.clone(), url.clone());
            spawn(async move { client.get(&url).await.map(|response| response.status()) })
        };
        let first = get();
        sleep(Duration::from_millis(10)).await;
        let (dropped, last) = (get(), get());
        sleep(Duration::from_millis(10)).await;
        drop(dropped); // which cancels it
        assert_eq!(first.await.unwrap().unwrap(), 200);
        assert_eq!(last.await.unwrap().unwrap(), 200);
    });
}

/// A server that answers one request, does this, and then says how its client ended the connection; and its URL.
fn serve_once(
    then: impl FnOnce(&TcpStream) + Send + 'static,
) -> (JoinHandle<std::io::Result<usize>>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serve = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let _ = connection.read(&mut [0; 1024]).unwrap();
        connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        then(&connection);
        connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        connection.read(&mut [0])
    });
    (serve, url)
}

async fn is_closed(serve: JoinHandle<std::io::Result<usize>>) -> bool {
    let ended = gather_core::to_thread(move || serve.join().unwrap()).await.unwrap();
    ended.unwrap() == 0
}

#[test]
fn what_the_server_closed_is_closed_by_us_before_long_though_nobody_asks_for_it() {
    let (serve, url) = serve_once(|connection| connection.shutdown(Shutdown::Write).unwrap());
    let client = local().build().unwrap();
    run(async {
        client.get(&url).await.unwrap();
        assert!(is_closed(serve).await);
    });
    drop(client);
}

#[test]
fn a_client_that_is_gone_leaves_no_connection_behind() {
    let (serve, url) = serve_once(|_| {});
    let client = local().build().unwrap();
    run(async {
        client.get(&url).await.unwrap();
        drop(client);
        assert!(is_closed(serve).await);
    });
}
