//! TLS: certificates that are not to be trusted, what is no TLS, and connections that end without saying so.

use gather_fetch::ErrorKind::{Body, Connect, Tls};
use gather_site::Step;

use super::Want;
use super::row::{Certificate, Row, answer, script};

fn badly(name: &'static str, certificate: Certificate) -> Row {
    answer(
        name,
        "RFC 5280 section 6; RFC 9110 section 4.3.4",
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret",
    )
    .tls(certificate)
    .fails(Tls)
    .requests(0)
}

/// A server of plain bytes that is asked for https.
fn plain(name: &'static str, source: &'static str, bytes: &'static [u8]) -> Row {
    script(name, source, move |_, _| vec![Step::send(bytes), Step::Hold])
        .url(|place| place.here.replace("http:", "https:"))
        .fails(Tls)
        .requests(0)
}

fn cut(name: &'static str, bytes: &'static str) -> Row {
    script(name, "RFC 8446 section 6.1; RFC 9112 section 9.8", move |_, _| {
        vec![Step::Read, Step::send(bytes), Step::Cut]
    })
    .tls(Certificate::Good)
    .fails(Body)
}

pub(crate) fn rows() -> Vec<Row> {
    vec![
        badly("an expired certificate", Certificate::Expired),
        badly("a certificate of the future", Certificate::NotYetValid),
        badly("a certificate for another host", Certificate::WrongHost),
        badly("a certificate signed by itself", Certificate::SelfSigned),
        badly("a certificate of nobody known", Certificate::UnknownIssuer),
        plain("plain HTTP on a port of TLS", "RFC 8446 section 5.1", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        plain("an alert for a hello", "RFC 8446 section 6.2", &[0x15, 3, 3, 0, 2, 2, 40]),
        plain("a record that is too long", "RFC 8446 section 5.1", &[0x16, 3, 3, 0xff, 0xff, 2, 0, 0, 1]),
        plain("SSL 3", "RFC 7568", &[0x16, 3, 0, 0, 6, 2, 0, 0, 2, 3, 0]),
        script("a handshake that is closed", "RFC 8446 section 6.1", |_, _| vec![Step::Close])
            .url(|place| place.here.replace("http:", "https:"))
            .fails(Tls)
            .requests(0),
        script("a handshake that is reset", "RFC 8446 section 6.1", |_, _| vec![Step::Reset])
            .url(|place| place.here.replace("http:", "https:"))
            .one_of([Want::Fails(Tls), Want::Fails(Connect)])
            .requests(0),
        cut("a body cut off below TLS", "HTTP/1.1 200 OK\r\n\r\nhello"),
        cut("an empty body cut off below TLS", "HTTP/1.1 200 OK\r\n\r\n"),
        cut("a body of known length cut off below TLS", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"),
        cut(
            "chunks cut off below TLS",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ),
        cut("a head cut off below TLS", "HTTP/1.1 200 OK\r\nConte"),
        cut("a whole body of known length, then a cut", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            .gives(200, "hello"),
        script("a body to the end of a TLS connection", "RFC 8446 section 6.1", |_, _| {
            vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\n\r\nhello"), Step::Close]
        })
        .tls(Certificate::Good)
        .gives(200, "hello"),
    ]
}
