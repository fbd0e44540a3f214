//! The test servers over TLS, as a verifying client sees them.

use gather_site::{Mock, Reply, Rude, ServerTls, Step, TestCa};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

/// What a client that trusts this authority gets for a GET.
fn get(ca: &TestCa, addr: SocketAddr, name: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.ca_pem().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(client, TcpStream::connect(addr)?);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn mock(tls: Result<ServerTls, gather_site::Error>) -> Mock {
    Mock::builder().tls(tls.unwrap()).start(|_| Reply::text("safe")).unwrap()
}

#[test]
fn a_good_certificate_is_good_for_its_names() {
    let ca = TestCa::new().unwrap();
    let server = mock(ca.good());
    assert!(server.url().starts_with("https://"));
    for name in ["localhost", "127.0.0.1"] {
        let answer = get(&ca, server.addr(), name).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("safe"), "{answer}");
    }
    let named = mock(ca.good_for(&["shop.example"]));
    assert!(get(&ca, named.addr(), "shop.example").is_ok());
    assert!(get(&ca, named.addr(), "localhost").is_err());
}

#[test]
fn bad_certificates_are_bad_for_the_reason_they_name() {
    let ca = TestCa::new().unwrap();
    for (server, reason) in [
        (mock(ca.expired()), "expired"),
        (mock(ca.not_yet_valid()), "not valid yet"),
        (mock(ca.wrong_host()), "not valid for name"),
        (mock(ca.self_signed()), "UnknownIssuer"),
        (mock(TestCa::new().unwrap().good()), ""),
    ] {
        let error = get(&ca, server.addr(), "localhost").unwrap_err().to_string();
        assert!(error.contains(reason), "{reason}: {error}");
        assert_eq!(server.calls(), 0, "{reason}");
    }
}

#[test]
fn a_cut_is_not_a_close() {
    let ca = TestCa::new().unwrap();
    for (last, is_clean) in [(Step::Close, true), (Step::Cut, false)] {
        let script = vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\n\r\nbody"), last];
        let server = Rude::builder().tls(ca.good().unwrap()).start(move |_| script.clone()).unwrap();
        assert_eq!(get(&ca, server.addr(), "localhost").is_ok(), is_clean);
        assert_eq!(server.connections(), 1);
    }
}
