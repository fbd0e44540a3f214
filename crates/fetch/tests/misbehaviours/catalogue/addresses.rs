//! Redirects into networks that are not public, in every way to write an address.

use gather_fetch::ErrorKind::{Dns, PrivateAddress};
use gather_site::Step;

use super::Want;
use super::row::{Place, Row, script};

/// A typed server sends us to a host; its own port, so that somebody would answer.
fn at(name: &'static str, source: &'static str, host: &'static str) -> Row {
    script(name, source, move |place, _| {
        let port = Place::port(&place.other);
        let go = format!(
            "HTTP/1.1 302 Found\r\nLocation: http://{host}:{port}/secret\r\nContent-Length: 0\r\n\r\n"
        );
        vec![Step::Read, Step::send(go), Step::Hold]
    })
    .options(|builder, place: &Place| builder.allow_private(false).allow_origin(place.here.as_str()))
    .fails(PrivateAddress)
    .other(0, None)
}

pub(crate) fn rows() -> Vec<Row> {
    let special = "RFC 6890; OWASP SSRF";
    let spelled = "WHATWG URL section 3.5; OWASP SSRF";
    vec![
        at("a redirect to loopback", special, "127.0.0.1"),
        at("a redirect to another loopback", special, "127.9.9.9"),
        at("a redirect to the name of loopback", "RFC 6761 section 6.3", "localhost"),
        at("a redirect to a name below localhost", "RFC 6761 section 6.3", "x.localhost")
            .one_of([Want::Fails(PrivateAddress), Want::Fails(Dns)]),
        at("a redirect to a decimal address", spelled, "2130706433"),
        at("a redirect to a hexadecimal address", spelled, "0x7f000001"),
        at("a redirect to an octal address", spelled, "0177.0.0.1"),
        at("a redirect to a short address", spelled, "127.1"),
        at("a redirect to fullwidth digits", spelled, "\u{ff11}\u{ff12}\u{ff17}.0.0.1"),
        at("a redirect to an escaped address", spelled, "%31%32%37.0.0.1"),
        at("a redirect to zero", special, "0.0.0.0"),
        at("a redirect to just 0", special, "0"),
        at("a redirect to loopback of IPv6", special, "[::1]"),
        at("a redirect to nothing of IPv6", special, "[::]"),
        at("a redirect to a mapped address", "RFC 4291 section 2.5.5.2", "[::ffff:127.0.0.1]"),
        at("a redirect to a mapped address in hexadecimal", "RFC 4291 section 2.5.5.2", "[::ffff:7f00:1]"),
        at("a redirect to a compatible address", "RFC 4291 section 2.5.5.1", "[::127.0.0.1]"),
        at("a redirect by NAT64", "RFC 6052", "[64:ff9b::127.0.0.1]"),
        at("a redirect by 6to4", "RFC 3056", "[2002:7f00:1::1]"),
        at("a redirect to a private network", "RFC 1918", "10.0.0.1"),
        at("a redirect to a private network of 172.16", "RFC 1918", "172.16.0.1"),
        at("a redirect to a private network of 192.168", "RFC 1918", "192.168.1.1"),
        at("a redirect to a unique local address", "RFC 4193", "[fd00::1]"),
        at("a redirect to the metadata of a cloud", "OWASP SSRF", "169.254.169.254"),
        at("a redirect to the metadata in decimal", "OWASP SSRF", "2852039166"),
        at("a redirect to the metadata, mapped", "OWASP SSRF", "[::ffff:169.254.169.254]"),
        at("a redirect to this link", "RFC 3927", "169.254.1.1"),
        at("a redirect to this link of IPv6", "RFC 4291 section 2.5.6", "[fe80::1]"),
        at("a redirect to a carrier's addresses", "RFC 6598", "100.64.0.1"),
        at("a redirect to many machines", "RFC 5771", "224.0.0.1"),
        at("a redirect to everybody", "RFC 919", "255.255.255.255"),
        script("a redirect to another port of the typed host", "ClientBuilder::allow_origin", |place, _| {
            vec![
                Step::Read,
                Step::send(format!(
                    "HTTP/1.1 302 Found\r\nLocation: {}/\r\nContent-Length: 0\r\n\r\n",
                    place.other
                )),
                Step::Hold,
            ]
        })
        .options(|builder, place: &Place| builder.allow_private(false).allow_origin(place.here.as_str()))
        .fails(PrivateAddress)
        .other(0, None),
        script("an address that was not typed", "ClientBuilder::allow_private", |_, _| vec![Step::Hold])
            .options(|builder, _| builder.allow_private(false))
            .fails(PrivateAddress)
            .requests(0),
    ]
}
