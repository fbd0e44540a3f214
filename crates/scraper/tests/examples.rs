//! The service of the tutorial answers and stops.
#![cfg(feature = "fetch")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// `cargo test` builds the programs into `examples`, beside the `deps` that this test lies in.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().with_file_name("examples").join(name);
    assert!(program.exists(), "{} is missing: cargo build -p gather-scraper --examples", program.display());
    program
}

fn answer(address: &str, request: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        connection,
        "{request} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_handler_under_axum_gives_records() {
    let mut service = Command::new(program("axum_records"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(service.stdout.take().unwrap()).lines().map(Result::unwrap);
    let listening = lines.next().unwrap();
    let address = listening.strip_prefix("listening on http://").unwrap();
    let page =
        "<article><h3><a>Tea</a></h3><p class=price>£2.50</article><article><h3><a>Salt</a></h3></article>";
    let given = answer(address, "POST /records", page);
    let records = "{\"title\":\"Tea\",\"price\":2.50}\n{\"title\":\"Salt\",\"price\":null}\n";
    assert!(given.starts_with("HTTP/1.1 200 OK") && given.ends_with(records), "{given}");
    let no_page = answer(address, "POST /records", "%PDF-1.7");
    assert!(no_page.starts_with("HTTP/1.1 422") && no_page.contains("parse: "), "{no_page}");
    let private = answer(address, &format!("GET /records?http://{address}/"), "");
    assert!(private.starts_with("HTTP/1.1 422") && private.contains("private_address: "), "{private}");
    drop(service.stdin.take());
    assert_eq!(lines.next().as_deref(), Some("stopped"));
    assert!(service.wait().unwrap().success());
}
