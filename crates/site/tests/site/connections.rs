//! Connections: kept, broken, abandoned.

use crate::client::{Connection, folder, get, request, serve, start};
use gather_site::Site;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

#[test]
fn a_connection_serves_many_requests_also_pipelined() {
    let folder = folder(&[("a.txt", b"a"), ("b.txt", b"bb")]);
    let site = serve(folder.path());
    let mut connection = Connection::open(site.addr());
    for _ in 0..50 {
        assert_eq!(connection.ask("GET", "/a.txt", &[]).text(), "a");
    }
    let (a, b) = (request("GET", "/a.txt", &[]), request("GET", "/b.txt", &[]));
    connection.send(format!("{a}{b}{a}{b}"));
    let texts: Vec<_> = (0..4).map(|_| connection.receive("GET").unwrap().text()).collect();
    assert_eq!(texts, ["a", "bb", "a", "bb"]);
    assert_eq!(site.requests(), 54);
}

#[test]
fn http_1_0_and_connection_close_are_closed() {
    let folder = folder(&[("a.txt", b"a")]);
    let site = serve(folder.path());
    for head in ["GET /a.txt HTTP/1.0\r\n\r\n", "GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]
    {
        let mut connection = Connection::open(site.addr());
        connection.send(head);
        assert_eq!(connection.receive("GET").unwrap().text(), "a");
        assert!(connection.is_closed());
    }
}

#[test]
fn malformed_requests_get_400_and_the_server_lives() {
    let folder = folder(&[("a.txt", b"a")]);
    let site = serve(folder.path());
    for rubbish in [
        &b"rubbish\r\n\r\n"[..],
        b"GET /a b c HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon here\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET /a.txt HTTP/1.1\r\n\r\n",
        b"GET /a.txt HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ] {
        let mut connection = Connection::open(site.addr());
        connection.send(rubbish);
        let answer = connection.receive("GET");
        assert_eq!(answer.map(|answer| answer.status), Some(400), "{:?}", String::from_utf8_lossy(rubbish));
    }
    assert_eq!(get(site.addr(), "/a.txt").text(), "a");
}

#[test]
fn a_head_without_end_is_refused() {
    let folder = folder(&[("a.txt", b"a")]);
    let site = serve(folder.path());
    let mut connection = Connection::open(site.addr());
    let _ = connection.socket().write_all(b"GET / HTTP/1.1\r\n");
    let line = format!("X-Long: {}\r\n", "x".repeat(8000));
    // The server answers, or closes, long before all of this is sent.
    let sent = (0..10_000).take_while(|_| connection.socket().write_all(line.as_bytes()).is_ok()).count();
    assert!(sent < 10_000);
    assert_eq!(get(site.addr(), "/a.txt").text(), "a");
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answer() {
    let folder = folder(&[("a.txt", b"a")]);
    let site = start(Site::builder(folder.path()).delay(Duration::from_millis(50)));
    let mut socket = TcpStream::connect(site.addr()).unwrap();
    socket.write_all(request("GET", "/a.txt", &[]).as_bytes()).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\na"), "{answer}");
}

#[test]
fn clients_that_disappear_leave_nothing_behind() {
    let folder = folder(&[("big.bin", &vec![1; 8_000_000]), ("a.txt", b"a")]);
    let site = serve(folder.path());
    for at in 0..20 {
        let mut socket = TcpStream::connect(site.addr()).unwrap();
        match at % 4 {
            0 => {}
            1 => socket.write_all(b"GET /big").unwrap(),
            2 => socket.write_all(request("GET", "/big.bin", &[]).as_bytes()).unwrap(),
            _ => {
                socket.write_all(request("GET", "/big.bin", &[]).as_bytes()).unwrap();
                socket.read_exact(&mut [0; 1000]).unwrap();
            }
        }
    }
    assert_eq!(get(site.addr(), "/a.txt").text(), "a");
    // It returns only once every connection is gone; without a client there is nothing to wait for.
    let began = Instant::now();
    async_std::task::block_on(site.stop());
    assert!(began.elapsed() < gather_site::STOP_GRACE, "{:?}", began.elapsed());
}

#[test]
fn a_file_cut_short_while_it_is_sent_breaks_the_connection_off() {
    let folder = folder(&[("big.bin", &vec![1; 64_000_000])]);
    let site = serve(folder.path());
    let mut connection = Connection::open(site.addr());
    connection.send(request("GET", "/big.bin", &[]));
    connection.socket().read_exact(&mut [0; 1000]).unwrap();
    let file = std::fs::File::options().write(true).open(folder.path().join("big.bin")).unwrap();
    file.set_len(1_000_000).unwrap();
    let mut rest = Vec::new();
    let end = connection.socket().read_to_end(&mut rest);
    assert!(rest.len() < 63_000_000, "{} {end:?}", rest.len());
    assert_eq!(get(site.addr(), "/big.bin").body.len(), 1_000_000);
}

#[test]
fn a_slow_reader_does_not_hold_up_others() {
    let folder = folder(&[("big.bin", &vec![1; 64_000_000]), ("a.txt", b"a")]);
    let site = serve(folder.path());
    let mut slow: Vec<Connection> = (0..50).map(|_| Connection::open(site.addr())).collect();
    for connection in &mut slow {
        connection.send(request("GET", "/big.bin", &[]));
    }
    assert_eq!(get(site.addr(), "/a.txt").text(), "a");
}

#[test]
fn clients_that_come_all_at_once_are_all_served() {
    let folder = folder(&[("a.txt", b"a")]);
    let site = serve(folder.path());
    // More than the standard library's backlog of 128; both ends need a descriptor each, and 1,024 is a usual limit.
    let mut connections: Vec<Connection> = (0..400).map(|_| Connection::open(site.addr())).collect();
    for connection in &mut connections {
        connection.send(request("GET", "/a.txt", &[]));
    }
    for connection in &mut connections {
        assert_eq!(connection.receive("GET").unwrap().text(), "a");
    }
    assert_eq!(site.requests(), 400);
}

#[test]
fn stopping_lets_an_answer_in_progress_finish_and_closes_the_idle() {
    let folder = folder(&[("a.txt", b"a")]);
    let site = start(Site::builder(folder.path()).delay(Duration::from_millis(300)));
    let addr = site.addr();
    let mut idle = Connection::open(addr);
    let mut busy = Connection::open(addr);
    busy.send(request("GET", "/a.txt", &[]));
    while site.requests() == 0 {
        std::thread::yield_now();
    }
    async_std::task::block_on(site.stop());
    assert_eq!(busy.receive("GET").unwrap().text(), "a");
    assert!(busy.is_closed());
    assert!(idle.is_closed());
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn stopping_does_not_wait_for_an_answer_without_end() {
    let folder = folder(&[("a.txt", b"a")]);
    let site = start(Site::builder(folder.path()).delay(Duration::from_secs(3600)));
    let mut busy = Connection::open(site.addr());
    busy.send(request("GET", "/a.txt", &[]));
    while site.requests() == 0 {
        std::thread::yield_now();
    }
    let began = Instant::now();
    async_std::task::block_on(site.stop());
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(busy.is_closed());
}

#[test]
fn dropping_the_handle_closes_everything() {
    let folder = folder(&[("a.txt", b"a")]);
    let site = serve(folder.path());
    let mut idle = Connection::open(site.addr());
    assert_eq!(idle.ask("GET", "/a.txt", &[]).text(), "a");
    drop(site);
    assert!(idle.is_closed());
}

#[test]
fn it_ends_with_the_root_scope_it_was_started_in() {
    let folder = folder(&[("a.txt", b"a")]);
    let site = gather_core::run(Site::builder(folder.path()).start()).unwrap().unwrap();
    assert!(TcpStream::connect(site.addr()).is_err());
    async_std::task::block_on(site.stop());
}
