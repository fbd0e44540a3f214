//! HTTP/2, spoken with those who offer it: by a server of hyper's, and frame by frame by ones that mean harm.

use std::num::NonZeroUsize;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use gather_core::map_concurrent;
use gather_fetch::{ClientBuilder, Error, ErrorKind, Limits, Phase, Request, Response, Version};
use gather_site::{Mock, Reply, Rude, Step, TestCa};

use crate::support::{get, local, run};

/// Frame types of RFC 9113, section 6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:status: 200`, out of HPACK's static table.
const OK: &[u8] = &[0x88];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header as HPACK has it without any table.
fn header(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).ok().filter(|length| *length < 127).unwrap();
    [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
}

fn settings() -> Step {
    Step::send(frame(SETTINGS, 0, 0, &[]))
}

/// Waits for the head of the request on a stream; all of ours fit one frame.
fn request(stream: u8) -> Step {
    Step::ReadUntil(vec![HEADERS, END_STREAM | END_HEADERS, 0, 0, 0, stream].into())
}

/// The whole answer to the request on a stream.
fn answer(stream: u32, body: &[u8]) -> Step {
    let head = frame(HEADERS, END_HEADERS, stream, OK);
    Step::send([head, frame(DATA, END_STREAM, stream, body)].concat())
}

struct Peer {
    server: Rude,
    client: ClientBuilder,
}

/// A server that agrees on HTTP/2 and then follows a script.
fn peer(script: impl Fn(usize) -> Vec<Step> + Send + 'static) -> Peer {
    let ca = TestCa::new().unwrap();
    let server = Rude::builder().tls(ca.good().unwrap().http2()).start(script).unwrap();
    Peer { server, client: local().add_root_pem(ca.ca_pem().as_bytes()) }
}

impl Peer {
    fn get(&self) -> Result<Response, Error> {
        get(&self.client, self.server.url())
    }

    /// What a request comes to, that is not tried again, in no time.
    fn failure(&self) -> Error {
        let start = Instant::now();
        let client = self.client.clone().retries(0).total_timeout(Duration::from_secs(4));
        let error = get(&client, self.server.url()).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}: {error}", start.elapsed());
        error
    }
}

fn polite(reply: impl Fn() -> Reply + Send + Sync + 'static) -> (Mock, ClientBuilder) {
    let (server, pem) = polite_and_pem(reply);
    (server, local().add_root_pem(pem.as_bytes()))
}

/// The same, with the certificate to trust.
fn polite_and_pem(reply: impl Fn() -> Reply + Send + Sync + 'static) -> (Mock, String) {
    let ca = TestCa::new().unwrap();
    let server = Mock::builder().tls(ca.good().unwrap().http2()).start(move |_| reply()).unwrap();
    (server, ca.ca_pem().to_owned())
}

#[test]
fn a_server_that_offers_it_is_spoken_to_in_it() {
    let (server, client) = polite(|| Reply::text("two"));
    let response = get(&client, server.url()).unwrap();
    assert_eq!((response.text().as_ref(), response.version()), ("two", Version::HTTP_2));
    let seen = &server.requests()[0];
    assert!(seen.header("connection").is_none() && seen.header("transfer-encoding").is_none());
}

#[test]
fn one_that_does_not_is_spoken_to_in_http_1() {
    let ca = TestCa::new().unwrap();
    let server = Mock::builder().tls(ca.good().unwrap()).start(|_| Reply::text("one")).unwrap();
    let response = get(&local().add_root_pem(ca.ca_pem().as_bytes()), server.url()).unwrap();
    assert_eq!((response.text().as_ref(), response.version()), ("one", Version::HTTP_11));
}

#[test]
fn many_requests_share_a_connection_with_large_bodies_and_a_post() {
    let body = vec![b'x'; 300_000];
    let sent = body.clone();
    let (server, client) = polite(move || Reply::bytes(sent.clone()));
    let client = client.build().unwrap();
    run(async {
        let post = Request::post(server.url()).unwrap().body(body.clone());
        assert_eq!(client.execute(post).await.unwrap().bytes(), &body);
        let all = gather_core::gather((0..64).map(|n| client.get(server.join(&format!("/{n}"))))).await;
        assert!(all.unwrap().iter().all(|response| response.bytes() == &body));
    });
    assert_eq!(server.requests()[0].body(), &body);
    let ports: std::collections::HashSet<_> =
        server.requests().iter().map(|request| request.peer()).collect();
    assert_eq!(ports.len(), 1);
}

#[test]
fn a_request_that_was_refused_unlooked_at_is_sent_again_even_a_post_and_costs_no_attempt() {
    let script = |_| {
        let refused = frame(RST_STREAM, 0, 1, &7_u32.to_be_bytes());
        vec![settings(), request(1), Step::send(refused), request(3), answer(3, b"ok"), Step::Hold]
    };
    let peer_ = peer(script);
    let response = peer_.get().unwrap();
    assert_eq!((response.text().as_ref(), response.attempts()), ("ok", 1));
    let client = peer(script);
    let post = Request::post(client.server.url()).unwrap();
    let response = run(client.client.build().unwrap().execute(post)).unwrap();
    assert_eq!((response.text().as_ref(), response.attempts()), ("ok", 1));
}

#[test]
fn a_server_that_requires_http_1_for_it_is_asked_in_that_also_a_post_and_from_then_on() {
    let required = 13_u32.to_be_bytes(); // RFC 9113, section 7
    let one = || Step::send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
    for end in [frame(RST_STREAM, 0, 1, &required), frame(GOAWAY, 0, 0, &[&[0; 4][..], &required].concat())] {
        let peer = peer(move |connection| match connection {
            1 => vec![settings(), request(1), Step::send(&end), Step::Hold],
            _ => vec![Step::Read, one(), Step::Read, one(), Step::Hold],
        });
        let client = peer.client.clone().retries(0).build().unwrap();
        run(async {
            for request in [Request::post(peer.server.url()), Request::get(peer.server.url())] {
                let response = client.execute(request.unwrap()).await.unwrap();
                let said = (response.text(), response.version(), response.attempts());
                assert_eq!(said, ("one".into(), Version::HTTP_11, 1));
            }
        });
        assert_eq!(peer.server.connections(), 2);
    }
}

#[test]
fn each_reason_to_send_a_request_again_has_its_own_count() {
    let required = || Step::send(frame(RST_STREAM, 0, 1, &13_u32.to_be_bytes()));
    let refused = || Step::send(frame(RST_STREAM, 0, 1, &7_u32.to_be_bytes()));
    let end = || Step::send(frame(GOAWAY, 0, 0, &[0; 8]));
    // The server ends twelve connections before it looks at the request, refuses it once, and wants it in HTTP/1.1.
    let peer = peer(move |connection| match connection {
        1..=12 => vec![settings(), request(1), end(), Step::Close],
        13 => vec![settings(), request(1), refused(), request(3), end(), Step::Close],
        14 => vec![settings(), request(1), required(), Step::Hold],
        _ => vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"), Step::Hold],
    });
    let client = peer.client.clone().retries(0).build().unwrap();
    let response = run(client.execute(Request::post(peer.server.url()).unwrap())).unwrap();
    assert_eq!((response.text().as_ref(), response.attempts()), ("one", 1));
}

#[test]
fn a_host_of_ones_own_is_the_authority_and_no_header() {
    let (server, client) = polite(|| Reply::text("two"));
    let client = client.build().unwrap();
    let ask =
        |host: &str| run(client.execute(Request::get(server.url()).unwrap().header("host", host).unwrap()));
    assert_eq!(ask("other.example:8443").unwrap().version(), Version::HTTP_2);
    let seen = &server.requests()[0];
    assert_eq!((seen.header("host"), seen.target()), (None, "https://other.example:8443/"));
    assert_eq!(ask("no host").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_server_that_requires_http_1_and_speaks_http_2_all_the_same_is_asked_no_more() {
    let peer = peer(|_| {
        let required = frame(RST_STREAM, 0, 1, &13_u32.to_be_bytes());
        vec![settings(), request(1), Step::send(required), Step::Hold]
    });
    let error = peer.failure();
    assert_eq!((error.kind(), error.attempts(), peer.server.connections()), (ErrorKind::Body, 1, 2));
}

#[test]
fn a_connection_that_the_server_ends_before_it_looked_is_replaced() {
    let peer = peer(|connection| match connection {
        1 => vec![settings(), request(1), Step::send(frame(GOAWAY, 0, 0, &[0; 8])), Step::Close],
        _ => vec![settings(), request(1), answer(1, b"ok"), Step::Hold],
    });
    let response = get(&peer.client.clone().retries(0), peer.server.url()).unwrap();
    assert_eq!((response.text().as_ref(), response.attempts()), ("ok", 1));
}

#[test]
fn what_a_server_that_takes_a_few_on_each_connection_did_not_look_at_is_sent_again_even_a_post() {
    // It ends each connection in order after one request. Of those that came behind it is said that they were not looked at.
    let end = || frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
    let peer = peer(move |connection| match connection {
        1 => vec![settings(), request(1), answer(1, b"ok"), request(7), Step::send(end()), Step::Close],
        _ => vec![settings(), request(1), answer(1, b"ok"), Step::send(end()), Step::Hold],
    });
    let client = peer.client.clone().retries(0).build().unwrap();
    run(async {
        client.get(peer.server.url()).await.unwrap();
        let posts = (0..3).map(|_| client.execute(Request::post(peer.server.url()).unwrap()));
        for response in gather_core::gather(posts).await.unwrap() {
            assert_eq!((response.text().as_ref(), response.attempts()), ("ok", 1));
        }
    });
}

#[test]
fn what_one_request_does_to_a_connection_makes_no_other_fail() {
    let promise = [&2_u32.to_be_bytes()[..], &[0x82, 0x84, 0x87]].concat();
    let break_up: [(&str, Vec<Step>); 4] = [
        ("a push", vec![Step::send(frame(PUSH_PROMISE, END_HEADERS, 3, &promise)), Step::Hold]),
        (
            "an endless head",
            vec![Step::send(frame(HEADERS, 0, 3, OK)), Step::flood(frame(CONTINUATION, 0, 3, b"\x00"))],
        ),
        ("an error", vec![Step::send(frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 2])), Step::Close]),
        ("an end", vec![Step::Close]),
    ];
    for (what, steps) in break_up {
        let again = steps.clone();
        // Both are amid their bodies, or both wait for their heads: without a word about these the connection was an idle one.
        let is_idle = what == "an end";
        for begun in [false, true].into_iter().filter(|begun| *begun || !is_idle) {
            let again = again.clone();
            let server = peer(move |connection| {
                let heads = [frame(HEADERS, END_HEADERS, 3, OK), frame(HEADERS, END_HEADERS, 5, OK)].concat();
                let begin = if begun { vec![Step::send(heads)] } else { vec![] };
                let first = vec![settings(), request(1), answer(1, b"ok"), request(5)];
                match connection {
                    1 => [first, begin, again.clone()].concat(),
                    _ => vec![settings(), request(1), answer(1, b"ok"), Step::Hold],
                }
            });
            let client = server.client.build().unwrap();
            run(async {
                client.get(server.server.url()).await.unwrap();
                let both = [(); 2].map(|()| client.get(server.server.url()));
                for response in gather_core::gather(both).await.unwrap() {
                    assert_eq!(response.text(), "ok", "{what}");
                    assert!(begun || response.attempts() == 1, "{what}");
                }
            });
            assert_eq!(server.server.connections(), 3, "{what}: each has one to itself");
        }
    }
}

#[test]
fn bodies_that_wait_for_room_in_memory_keep_no_other_from_its_end() {
    let body = vec![b'x'; 2 << 20];
    let sent = body.clone();
    let (server, client) = polite(move || Reply::bytes(sent.clone()));
    let mut limits = Limits::default();
    limits.memory = 1 << 20;
    let client = client.limits(limits).total_timeout(Duration::from_secs(20)).build().unwrap();
    run(async {
        let all = gather_core::gather((0..24).map(|n| client.get(server.join(&format!("/{n}"))))).await;
        assert!(all.unwrap().iter().all(|response| response.bytes() == &body && response.attempts() == 1));
    });
}

#[test]
fn what_has_no_body_by_its_status_has_none() {
    let peer = peer(|_| {
        let head = frame(HEADERS, END_HEADERS, 1, &[0x89]); // `:status: 204`
        vec![
            settings(),
            request(1),
            Step::send([head, frame(DATA, END_STREAM, 1, b"what")].concat()),
            Step::Hold,
        ]
    });
    assert_eq!(peer.get().unwrap().length(), 0);
}

#[test]
fn a_body_that_is_reset_or_cut_is_fetched_again_and_never_a_success() {
    let head = || frame(HEADERS, END_HEADERS, 1, OK);
    let endings: [Vec<Step>; 3] = [
        vec![Step::send(frame(RST_STREAM, 0, 1, &2_u32.to_be_bytes())), Step::Hold],
        vec![Step::Close],
        vec![Step::Reset],
    ];
    for ending in endings {
        let again = ending.clone();
        let peer = peer(move |connection| {
            let cut = [head(), frame(DATA, 0, 1, b"only a part")].concat();
            match connection {
                1 => [vec![settings(), request(1), Step::send(cut)], again.clone(), vec![]].concat(),
                _ => vec![settings(), request(1), answer(1, b"ok"), Step::Hold],
            }
        });
        let error = peer.failure();
        assert_eq!(error.kind(), ErrorKind::Body, "{ending:?}: {error}");
        // A reset takes along what had come and was not read yet.
        let may_have_lost_the_head = ending == [Step::Reset];
        assert!(may_have_lost_the_head || error.fact().contains("did not arrive whole"), "{error}");
        assert_eq!(peer.get().unwrap().attempts(), 1);
    }
}

#[test]
fn a_body_that_is_reset_without_an_error_before_its_end_is_not_whole() {
    // RFC 9113, section 8.1: so ends a request whose answer was complete before, and no other.
    let reset = || frame(RST_STREAM, 0, 1, &0_u32.to_be_bytes());
    for more in [header("content-length", "10"), Vec::new()] {
        let peer = peer(move |_| {
            let head = frame(HEADERS, END_HEADERS, 1, &[OK, &more].concat());
            let cut = [head, frame(DATA, 0, 1, b"only"), reset()].concat();
            vec![settings(), request(1), Step::send(cut), Step::Hold]
        });
        let error = peer.failure();
        assert_eq!(error.kind(), ErrorKind::Body, "{error}");
        assert!(error.fact().contains("did not arrive whole"), "{error}");
    }
    let whole = peer(move |_| {
        let all = [frame(HEADERS, END_HEADERS, 1, OK), frame(DATA, END_STREAM, 1, b"ok"), reset()].concat();
        vec![settings(), request(1), Step::send(all), Step::Hold]
    });
    assert_eq!(whole.get().unwrap().text(), "ok");
}

#[test]
fn a_request_on_a_connection_that_is_just_being_closed_does_not_wait_for_ever() {
    let peer = peer(|_| vec![settings(), request(1), answer(1, b"ok"), Step::Close]);
    let limit = Duration::from_secs(5);
    let client =
        peer.client.clone().retries(0).total_timeout(limit).first_byte_timeout(limit).build().unwrap();
    let url = peer.server.url().to_owned();
    run(async {
        let eight = NonZeroUsize::new(8).unwrap();
        let mut responses = pin!(map_concurrent(stream::iter(0..100), eight, |_| {
            let (client, url) = (client.clone(), url.clone());
            async move { client.get(&url).await.map(|response| response.status()) }
        }));
        while let Some(response) = responses.next().await {
            // Of those on a connection when it ends all but one are lost, and say so.
            let failed = response.unwrap().err();
            assert!(failed.as_ref().is_none_or(|error| error.kind() == ErrorKind::Body), "{failed:?}");
        }
    });
}

#[test]
fn a_new_connection_that_dies_before_any_response_is_no_idle_one_however_much_was_said_on_it() {
    let ping_again = frame(PING, 1, 0, &[7; 8]);
    let peer = peer(move |_| {
        let ping = Step::send(frame(PING, 0, 0, &[7; 8]));
        vec![settings(), request(1), ping, Step::ReadUntil(ping_again.clone().into()), Step::Close]
    });
    let error = peer.failure();
    assert_eq!(
        (error.kind(), error.attempts(), peer.server.connections()),
        (ErrorKind::Body, 1, 1),
        "{error}"
    );
}

#[test]
fn an_answer_that_the_server_closes_right_behind_is_not_lost() {
    let peer = peer(|_| vec![settings(), request(1), answer(1, b"ok"), Step::Close]);
    for _ in 0..20 {
        let client = peer.client.clone().retries(0).build().unwrap();
        let post = Request::post(peer.server.url()).unwrap();
        assert_eq!(run(client.execute(post)).unwrap().text(), "ok");
    }
}

#[test]
fn connections_without_requests_give_way_to_other_origins() {
    let servers: Vec<_> = (0..6).map(|_| polite_and_pem(|| Reply::text("ok"))).collect();
    let client = servers.iter().fold(local().max_connections(NonZeroUsize::new(2)), |client, (_, pem)| {
        client.add_root_pem(pem.as_bytes())
    });
    let client = client.total_timeout(Duration::from_secs(4)).build().unwrap();
    run(async {
        for round in 0..3 {
            let urls =
                servers.iter().flat_map(|(server, _)| [0, 1].map(|n| server.join(&format!("/{round}/{n}"))));
            gather_core::gather(urls.map(|url| client.get(url))).await.unwrap();
        }
    });
    assert!(servers.iter().all(|(server, _)| server.calls() == 6));
}

#[test]
fn what_breaks_the_rules_is_an_error_that_says_so() {
    let head = |more: &[u8]| frame(HEADERS, END_HEADERS, 1, &[OK, more].concat());
    let promise = [&2_u32.to_be_bytes()[..], &[0x82, 0x84, 0x87]].concat();
    let table: [(&str, Vec<u8>); 9] = [
        ("a push that nobody asked for", frame(PUSH_PROMISE, END_HEADERS, 1, &promise)),
        ("data on no stream", frame(DATA, END_STREAM, 0, b"x")),
        ("data before a head", frame(DATA, END_STREAM, 1, b"x")),
        ("a stream that was never opened", frame(HEADERS, END_HEADERS, 99, OK)),
        ("a head without a status", frame(HEADERS, END_HEADERS | END_STREAM, 1, &header("a", "b"))),
        ("a name in capitals", head(&header("A", "b"))),
        ("a frame larger than we take", frame(DATA, 0, 1, &vec![0; 20_000])),
        ("an index that is in no table", frame(HEADERS, END_HEADERS, 1, &[0xff, 0xff, 0x7f])),
        (
            "a length that lies",
            [head(&header("content-length", "10")), frame(DATA, END_STREAM, 1, b"short")].concat(),
        ),
    ];
    for (what, frames) in table {
        let peer = peer(move |_| vec![settings(), request(1), Step::send(&frames), Step::Hold]);
        let error = peer.failure();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Body, 1), "{what}: {error}");
    }
}

#[test]
fn more_body_than_there_is_room_for_ends_the_connection() {
    let peer = peer(|_| {
        let flood = Step::flood(frame(DATA, 0, 1, &[0; 16_000]));
        vec![settings(), request(1), Step::send(frame(HEADERS, END_HEADERS, 1, OK)), flood]
    });
    // Whoever takes it all gets it until it is too large; whoever sends more than the window is cut off.
    let error = peer.failure();
    assert!(matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::Body), "{error}");
}

#[test]
fn a_head_that_is_too_large_or_never_ends_is_too_large() {
    let fields = |count: usize| header("x-field", &"y".repeat(120)).repeat(count);
    let continued = move |last: u8| {
        let mut frames = frame(HEADERS, 0, 1, OK);
        for _ in 0..40 {
            frames.extend(frame(CONTINUATION, 0, 1, &fields(100)));
        }
        [frames, frame(CONTINUATION, last, 1, &[])].concat()
    };
    let large = peer(move |_| vec![settings(), request(1), Step::send(continued(END_HEADERS)), Step::Hold]);
    assert_eq!(large.failure().kind(), ErrorKind::TooLarge);

    // An entry of the table that is long, and referred to by a byte each time: some 16 MB out of 4 KB.
    let entry = [&[0x40, 1], &b"x"[..], &[0x7f, 0xa1, 0x1e], &[b'y'; 4000][..]].concat();
    let bomb = [OK, &entry, &[0xbe; 4000]].concat();
    let small = peer(move |_| {
        let head = frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb);
        vec![settings(), request(1), Step::send(head), Step::Hold]
    });
    assert_eq!(small.failure().kind(), ErrorKind::TooLarge);

    let endless = peer(|_| {
        let empty = Step::flood(frame(CONTINUATION, 0, 1, &[]));
        vec![settings(), request(1), Step::send(frame(HEADERS, 0, 1, OK)), empty]
    });
    let error = endless.failure();
    assert!(matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::Body), "{error}");
}

#[test]
fn floods_end_at_a_limit() {
    let status_100 = [0x08, 3, b'1', b'0', b'0'];
    let floods = [
        ("pings", frame(PING, 0, 0, &[0; 8])),
        ("settings", frame(SETTINGS, 0, 0, &[])),
        ("interim heads", frame(HEADERS, END_HEADERS, 1, &status_100)),
        ("empty data", frame(DATA, 0, 1, &[])),
        ("resets of streams that never were", frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes())),
    ];
    for (what, flood) in floods {
        let limit = Duration::from_millis(700);
        let mut peer = peer(move |_| vec![settings(), request(1), Step::flood(&flood)]);
        peer.client = peer.client.first_byte_timeout(limit).idle_timeout(limit);
        let error = peer.failure();
        assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Body), "{what}: {error}");
    }
}

#[test]
fn silence_ends_at_the_limit_of_its_phase() {
    let limit = Duration::from_millis(200);
    let mut mute = peer(|_| vec![settings(), request(1), Step::Hold]);
    mute.client = mute.client.first_byte_timeout(limit);
    assert_eq!(mute.failure().phase(), Some(Phase::FirstByte));

    let mut stalled = peer(|_| {
        let begun = [frame(HEADERS, END_HEADERS, 1, OK), frame(DATA, 0, 1, b"begun")].concat();
        vec![settings(), request(1), Step::send(begun), Step::Hold]
    });
    stalled.client = stalled.client.idle_timeout(limit);
    assert_eq!(stalled.failure().phase(), Some(Phase::Idle));
}

#[test]
fn one_that_agrees_on_it_and_speaks_something_else_is_an_error() {
    for says in
        ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "SSH-2.0-OpenSSH_9.2p1\r\n", "\0\0\0\0\0\0"]
    {
        let peer = peer(move |_| vec![Step::Read, Step::send(says), Step::Close]);
        let error = peer.failure();
        assert_eq!(error.kind(), ErrorKind::Body, "{says:?}: {error}");
    }
}
