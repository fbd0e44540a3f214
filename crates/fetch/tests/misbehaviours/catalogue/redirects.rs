//! Redirects: where they lead, with which method, and with which credentials.

use gather_fetch::ErrorKind::Redirect;
use gather_site::Step;

use super::row::{Certificate, Place, Row, answer_and_hold, has, script};

/// The server redirects on its first connection, keeps it, and answers whatever is asked next.
fn hop(name: &'static str, source: &'static str, status: u16, location: &'static str) -> Row {
    script(name, source, move |place, _| {
        let location = location.replace("{other}", &place.other);
        let redirect = format!("HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        vec![
            Step::Read,
            Step::send(redirect),
            Step::Read,
            Step::send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere"),
            Step::Hold,
        ]
    })
    .fails(Redirect)
}

fn away(name: &'static str, source: &'static str, status: u16) -> Row {
    hop(name, source, status, "{other}/there").gives(200, "other")
}

fn method(name: &'static str, status: u16, method: &'static str, judge: fn(&[u8]) -> bool) -> Row {
    hop(name, "RFC 9110 section 15.4; WHATWG fetch section 4.4", status, "/next")
        .method(method, if matches!(method, "POST" | "PUT") { "body" } else { "" })
        .gives(200, if method == "HEAD" { "" } else { "here" })
        .requests(2)
        .last_request(judge)
}

fn is_get(request: &[u8]) -> bool {
    request.starts_with(b"GET /next ") && !has(request, "content-") && !request.ends_with(b"body")
}

fn is_post(request: &[u8]) -> bool {
    request.starts_with(b"POST /next ") && request.ends_with(b"body")
}

fn is_put(request: &[u8]) -> bool {
    request.starts_with(b"PUT /next ") && request.ends_with(b"body")
}

fn is_head(request: &[u8]) -> bool {
    request.starts_with(b"HEAD /next ")
}

fn no_secret(request: &[u8]) -> bool {
    !["authorization", "cookie", "secret"].iter().any(|word| has(request, word))
        && has(request, "accept-language: de")
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = methods();
    rows.extend(locations());
    rows.extend(refused());
    rows.extend(endless());
    rows.extend(secrets());
    rows
}

fn methods() -> Vec<Row> {
    vec![
        method("301 of a GET", 301, "GET", is_get),
        method("301 of a POST", 301, "POST", is_get),
        method("301 of a PUT", 301, "PUT", is_put),
        method("302 of a POST", 302, "POST", is_get),
        method("302 of a HEAD", 302, "HEAD", is_head),
        method("303 of a POST", 303, "POST", is_get),
        method("303 of a PUT", 303, "PUT", is_get),
        method("303 of a HEAD", 303, "HEAD", is_head),
        method("307 of a POST", 307, "POST", is_post),
        method("308 of a POST", 308, "POST", is_post),
        method("308 of a PUT", 308, "PUT", is_put),
    ]
}

fn locations() -> Vec<Row> {
    let to = |name, source, location, judge: fn(&[u8]) -> bool| {
        hop(name, source, 302, location).gives(200, "here").requests(2).last_request(judge)
    };
    vec![
        to("a relative location", "RFC 9110 section 10.2.2", "next?a=b", |r| {
            r.starts_with(b"GET /next?a=b ")
        }),
        to("a location of a query alone", "curl test 1031", "?a=b", |r| r.starts_with(b"GET /?a=b ")),
        to("a location that climbs out of the root", "RFC 3986 section 5.2.4", "/../../etc/passwd", |r| {
            r.starts_with(b"GET /etc/passwd ")
        }),
        to("a location with a fragment", "curl test 1413", "/next#part", |r| r.starts_with(b"GET /next ")),
        to("a location with spaces around it", "curl test 28", "   /next \t", |r| {
            r.starts_with(b"GET /next ")
        }),
        to("a location that is not ASCII", "curl test 1138", "/\u{fc}", |r| r.starts_with(b"GET /%C3%BC ")),
        to("a location with a space inside", "WHATWG URL", "/a b", |r| r.starts_with(b"GET /a%20b ")),
        to("a location with backslashes", "WHATWG URL", "\\a\\b", |r| r.starts_with(b"GET /a/b ")),
        away("another server", "RFC 9110 section 15.4", 302).other(1, None),
        script("a location without a scheme", "curl test 1314", |place, _| {
            let to = place.other.trim_start_matches("http:");
            vec![
                Step::Read,
                Step::send(format!("HTTP/1.1 302 Found\r\nLocation: {to}/\r\nContent-Length: 0\r\n\r\n")),
                Step::Hold,
            ]
        })
        .gives(200, "other")
        .other(1, None),
        answer_and_hold(
            "302 without a location",
            "RFC 9110 section 15.4.3",
            "HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\nok",
        )
        .gives(302, "ok"),
        answer_and_hold(
            "300 with a location",
            "RFC 9110 section 15.4.1",
            "HTTP/1.1 300 Choices\r\nLocation: /x\r\nContent-Length: 2\r\n\r\nok",
        )
        .gives(300, "ok"),
        answer_and_hold(
            "304 with a location",
            "RFC 9110 section 15.4.5",
            "HTTP/1.1 304 Not Modified\r\nLocation: /x\r\n\r\n",
        )
        .gives(304, ""),
        answer_and_hold(
            "201 with a location",
            "RFC 9110 section 10.2.2",
            "HTTP/1.1 201 Created\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
        )
        .gives(201, ""),
        script("a redirect with a body that stalls", "curl test 477", |place, _| {
            let redirect = format!(
                "HTTP/1.1 302 Found\r\nLocation: {}/\r\nContent-Length: 50\r\n\r\nhello",
                place.other
            );
            vec![Step::Read, Step::send(redirect), Step::Hold]
        })
        .gives(200, "other")
        .other(1, None),
        script("a redirect with a body without end", "curl test 477", |place, _| {
            let redirect = format!("HTTP/1.1 302 Found\r\nLocation: {}/\r\n\r\n", place.other);
            vec![Step::Read, Step::send(redirect), Step::flood([b'x'; 4096])]
        })
        .gives(200, "other")
        .other(1, None),
    ]
}

fn refused() -> Vec<Row> {
    let no = |name, location| hop(name, "RFC 9110 section 17.4; WHATWG fetch section 4.4", 302, location);
    vec![
        no("an empty location", ""),
        no("a location that is no URL", "http://[nonsense"),
        no("a location without a host", "http://"),
        no("a location in file:", "file:///etc/passwd"),
        no("a location in ftp:", "ftp://127.0.0.1/"),
        no("a location in gopher:", "gopher://127.0.0.1:6379/_x"),
        no("a location in javascript:", "javascript:alert(1)"),
        no("a location in data:", "data:text/plain,hello"),
        no("a location in about:", "about:blank"),
        no("a location with a bad port", "http://127.0.0.1:99999/"),
        no("a location to itself", "/"),
        hop("from https to http", "RFC 9110 section 17.9", 302, "{other}/")
            .tls(Certificate::Good)
            .other(0, None),
        hop("from https to http, allowed", "ClientBuilder::allow_downgrade", 302, "{other}/")
            .tls(Certificate::Good)
            .options(|builder, _| builder.allow_downgrade(true))
            .gives(200, "other")
            .other(1, None),
    ]
}

/// Each answer leads to one that differs: to what, the number of the request says.
fn ever_new(connection: usize) -> Vec<Step> {
    (0..50)
        .flat_map(|n| {
            let go =
                format!("HTTP/1.1 302 Found\r\nLocation: /{connection}/{n}\r\nContent-Length: 0\r\n\r\n");
            [Step::Read, Step::send(go)]
        })
        .collect()
}

fn endless() -> Vec<Row> {
    vec![
        script("redirects to ever new URLs", "curl test 498", |_, connection| ever_new(connection))
            .fails(Redirect)
            .requests(11),
        script("redirects to ever new URLs, one allowed", "ClientBuilder::max_redirects", |_, connection| {
            ever_new(connection)
        })
        .options(|builder, _| builder.max_redirects(1))
        .fails(Redirect)
        .requests(2),
        script("redirects, none followed", "ClientBuilder::follow_redirects", |_, connection| {
            ever_new(connection)
        })
        .options(|builder, _| builder.follow_redirects(false))
        .gives(302, ""),
        script("a circle of two", "RFC 9110 section 15.4", |_, _| {
            let go = |to: &str| {
                Step::send(format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"))
            };
            vec![Step::Read, go("/b"), Step::Read, go("/"), Step::Read, go("/b"), Step::Hold]
        })
        .fails(Redirect)
        .requests(2),
        script("a location of 200 kB", "RFC 9110 section 4.1", |_, _| {
            let far = format!("/{}", "a".repeat(200_000));
            vec![
                Step::Read,
                Step::send(format!("HTTP/1.1 302 Found\r\nLocation: {far}\r\nContent-Length: 0\r\n\r\n")),
                Step::Hold,
            ]
        })
        .fails(Redirect),
    ]
}

fn secrets() -> Vec<Row> {
    let secret = |name, source, status| {
        away(name, source, status)
            .header("authorization", "Bearer secret")
            .header("cookie", "secret=1")
            .header("proxy-authorization", "Basic secret")
            .header("accept-language", "de")
            .other(1, Some(no_secret))
    };
    vec![
        secret("credentials at another port", "CVE-2022-27774; curl test 317", 302),
        secret("credentials at another port, 307", "CVE-2022-27774", 307),
        away("default credentials at another port", "CVE-2018-1000007", 302)
            .options(|builder, place: &Place| {
                builder
                    .allow_origin(place.here.as_str())
                    .header("authorization", "Bearer secret")
                    .cookie("secret=1")
                    .header("accept-language", "de")
            })
            .last_request(|request| has(request, "bearer secret"))
            .other(1, Some(no_secret)),
        hop("credentials at the same origin", "RFC 9110 section 15.4", 302, "/next")
            .header("authorization", "Bearer secret")
            .gives(200, "here")
            .requests(2)
            .last_request(|request| has(request, "bearer secret")),
        script("a location with credentials", "WHATWG fetch section 4.4", |place, _| {
            let to = place.other.replace("http://", "http://secret:secret@");
            vec![
                Step::Read,
                Step::send(format!("HTTP/1.1 302 Found\r\nLocation: {to}/\r\nContent-Length: 0\r\n\r\n")),
                Step::Hold,
            ]
        })
        .header("accept-language", "de")
        .gives(200, "other")
        .other(1, Some(no_secret)),
    ]
}
