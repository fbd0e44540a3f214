//! Servers that wait, drip, or do not listen: each phase has a limit of its own.

use std::time::Duration;

use gather_fetch::{MinRate, Phase};
use gather_site::Step;

use super::row::{Row, SHORT, script};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn rows() -> Vec<Row> {
    vec![
        script("nothing after the connection", "RFC 9112 section 9.5", |_, _| vec![Step::Hold])
            .times_out(Phase::FirstByte)
            .requests(0),
        script("nothing after the request", "RFC 9112 section 9.5", |_, _| vec![Step::Read, Step::Hold])
            .times_out(Phase::FirstByte),
        script("nothing after half a head", "RFC 9112 section 9.5", |_, _| {
            vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-"), Step::Hold]
        })
        .times_out(Phase::FirstByte),
        script("a byte of the head a second", "CVE-2007-6750, the other way round", |_, _| {
            vec![Step::Read, Step::drip(HEAD, SECOND)]
        })
        .times_out(Phase::FirstByte),
        script("a byte of the head now and then", "CVE-2007-6750, the other way round", |_, _| {
            vec![
                Step::Read,
                Step::send("HTTP/1.1 200 OK\r\nX: "),
                Step::drip([b'x'; 4000], Duration::from_millis(10)),
            ]
        })
        .times_out(Phase::FirstByte),
        script("nothing after the head", "RFC 9112 section 9.5", |_, _| {
            vec![Step::Read, Step::send(HEAD), Step::Hold]
        })
        .times_out(Phase::Idle),
        script("a body that stops", "RFC 9112 section 9.5", |_, _| {
            vec![Step::Read, Step::send(HEAD), Step::send("hello"), Step::Hold]
        })
        .times_out(Phase::Idle),
        script("a body that stops in a chunk size", "RFC 9112 section 7.1", |_, _| {
            vec![
                Step::Read,
                Step::send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5"),
                Step::Hold,
            ]
        })
        .times_out(Phase::Idle),
        script("a body to the end of a connection that stays", "RFC 9112 section 6.3", |_, _| {
            vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\n\r\nhello"), Step::Hold]
        })
        .times_out(Phase::Idle),
        script("a body that never gets its trailers", "RFC 9112 section 7.1.2", |_, _| {
            vec![
                Step::Read,
                Step::send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"),
                Step::Hold,
            ]
        })
        .times_out(Phase::Idle),
        script("a byte of the body a second", "RFC 9112 section 9.5", |_, _| {
            vec![Step::Read, Step::send(HEAD), Step::drip([b'x'; 1000], SECOND)]
        })
        .times_out(Phase::Idle),
        script("a byte of the body now and then", "ClientBuilder::min_rate", |_, _| {
            vec![Step::Read, Step::send(HEAD), Step::drip([b'x'; 1000], Duration::from_millis(10))]
        })
        .options(|builder, _| builder.idle_timeout(SECOND).min_rate(MinRate { bytes: 900, within: SHORT }))
        .times_out(Phase::Idle),
        script("a byte now and then, and only the total", "ClientBuilder::total_timeout", |_, _| {
            vec![Step::Read, Step::send(HEAD), Step::drip([b'x'; 1000], Duration::from_millis(10))]
        })
        .options(|builder, _| builder.idle_timeout(None).min_rate(None).total_timeout(SHORT))
        .times_out(Phase::Total),
        script("a large request that is not read", "RFC 9112 section 9.5", |_, _| vec![Step::Hold])
            .method("POST", vec![b'x'; 16 << 20])
            .times_out(Phase::FirstByte)
            .requests(0),
        script("a large request that is refused unread", "RFC 9112 section 9.3", |_, _| {
            vec![
                Step::send(
                    "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                ),
                Step::Reset,
            ]
        })
        .method("POST", vec![b'x'; 16 << 20])
        .one_of([
            super::Want::Whole(413, Vec::new()),
            super::Want::Fails(gather_fetch::ErrorKind::Body),
            super::Want::Fails(gather_fetch::ErrorKind::Connect),
        ])
        .requests(0),
        script("a TLS handshake that is not answered", "RFC 8446 section 4", |_, _| vec![Step::Hold])
            .url(|place| place.here.replace("http:", "https:"))
            .times_out(Phase::Tls)
            .requests(0),
        script("a TLS handshake that drips", "RFC 8446 section 5.1", |_, _| {
            vec![Step::drip(
                [&[0x16, 3, 3, 0x20, 0, 2, 0, 0x1f, 0xf0][..], &[3; 200]].concat(),
                Duration::from_millis(100),
            )]
        })
        .url(|place| place.here.replace("http:", "https:"))
        .times_out(Phase::Tls)
        .requests(0),
    ]
}
