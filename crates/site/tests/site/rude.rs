//! The server that keeps to a script.

use crate::client::{Connection, request};
use gather_site::{Rude, Step};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn everything(socket: &mut TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut bytes = Vec::new();
    let end = socket.read_to_end(&mut bytes);
    (bytes, end.err().map(|error| error.kind()))
}

#[test]
fn bytes_go_out_exactly_as_written() {
    let server = Rude::answer(b"HTTP/1.1 200 \xff\r\nX: \x01\r\n\r\n\0").unwrap();
    let mut socket = TcpStream::connect(server.addr()).unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(everything(&mut socket), (b"HTTP/1.1 200 \xff\r\nX: \x01\r\n\r\n\0".to_vec(), None));
}

#[test]
fn each_connection_has_its_own_script() {
    let server = Rude::start(|connection| vec![Step::send(connection.to_string())]).unwrap();
    for expected in ["1", "2", "3"] {
        assert_eq!(everything(&mut TcpStream::connect(server.addr()).unwrap()).0, expected.as_bytes());
    }
    assert_eq!(server.connections(), 3);
}

#[test]
fn requests_are_read_with_their_bodies_also_pipelined() {
    let server =
        Rude::start(|_| vec![Step::Read, Step::send("1"), Step::Read, Step::Read, Step::send("2")]).unwrap();
    let mut socket = TcpStream::connect(server.addr()).unwrap();
    let post = request("POST", "/", &[("content-LENGTH", "3")]) + "abc";
    let get = request("GET", "/", &[]);
    socket.write_all(format!("{post}{get}{get}").as_bytes()).unwrap();
    assert_eq!(everything(&mut socket).0, b"12");
    assert_eq!(server.requests(), [post.as_bytes(), get.as_bytes(), get.as_bytes()]);
}

#[test]
fn a_reset_is_a_reset_and_a_close_is_none() {
    let server = Rude::start(|connection| match connection {
        1 => vec![Step::Read, Step::send("part"), Step::Reset],
        _ => vec![Step::send("part"), Step::Close],
    })
    .unwrap();
    let mut socket = TcpStream::connect(server.addr()).unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(everything(&mut socket).1, Some(ErrorKind::ConnectionReset));
    // Not even when it has not read what the client sent.
    let mut socket = TcpStream::connect(server.addr()).unwrap();
    socket.write_all(b"unread").unwrap();
    assert_eq!(everything(&mut socket), (b"part".to_vec(), None));
}

#[test]
fn drips_take_their_time() {
    let server = Rude::start(|_| vec![Step::drip("abcde", Duration::from_millis(20))]).unwrap();
    let began = Instant::now();
    assert_eq!(everything(&mut TcpStream::connect(server.addr()).unwrap()).0, b"abcde");
    assert!(began.elapsed() >= Duration::from_millis(80));
}

#[test]
fn a_flood_has_no_end() {
    let server = Rude::start(|_| vec![Step::flood("0123456789")]).unwrap();
    let mut socket = TcpStream::connect(server.addr()).unwrap();
    let mut bytes = vec![0; 5_000_000];
    socket.read_exact(&mut bytes).unwrap();
    assert!(bytes.chunks(10).all(|chunk| chunk == b"0123456789"));
}

#[test]
fn a_held_connection_is_open_until_the_server_is_dropped() {
    let server = Rude::start(|_| vec![Step::send("x"), Step::Hold]).unwrap();
    let mut connection = Connection::open(server.addr());
    let mut byte = [0];
    connection.socket().read_exact(&mut byte).unwrap();
    connection.socket().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let silence = connection.socket().read(&mut byte).unwrap_err().kind();
    assert!(matches!(silence, ErrorKind::WouldBlock | ErrorKind::TimedOut));
    drop(server);
    connection.socket().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert!(connection.is_closed());
}

#[test]
fn stopping_waits_until_the_connections_are_gone() {
    let server = Rude::start(|_| vec![Step::Hold]).unwrap();
    let addr = server.addr();
    let mut connection = Connection::open(addr);
    while server.connections() == 0 {
        std::thread::yield_now();
    }
    async_std::task::block_on(server.stop());
    assert!(connection.is_closed());
    assert!(TcpStream::connect(addr).is_err());
}
