//! robots.txt, obeyed: fetched once, checked on every hop, and what its absence means.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::time::Duration;

use futures::StreamExt;
use gather_core::Clock;
use gather_fetch::{Access, Client, ClientBuilder, Error, ErrorKind, MAX_ROBOTS, Request, surf};
use gather_site::{Mock, Reply, Rude, Step, TestCa};

use crate::support::{get, local, run};

const BARS_PRIVATE: &str =
    "User-agent: *\nDisallow: /all\n\nUser-agent: my-bot\nDisallow: /private # by name\n";

fn polite() -> ClientBuilder {
    local().robots("my-bot/1.0")
}

/// A site with this robots.txt, and a page everywhere else.
fn site(robots: impl Fn() -> Reply + Send + Sync + 'static) -> Mock {
    Mock::start(move |request| match request.path() {
        "/robots.txt" => robots(),
        _ => Reply::text("page"),
    })
    .unwrap()
}

fn refused(result: Result<gather_fetch::Response, Error>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Robots, "{error}");
    assert!(error.is_refused() && !error.is_retryable());
    error.to_string()
}

#[test]
fn what_is_not_allowed_is_refused_by_line_and_never_asked_for() {
    let server = site(|| Reply::text(BARS_PRIVATE));
    let client = polite().build().unwrap();
    run(async {
        assert_eq!(client.get(server.join("/all")).await.unwrap().text(), "page");
        let error = client.get(server.join("/private/x?y")).await.unwrap_err();
        assert_eq!(error.url().unwrap().as_str(), server.join("/private/x?y"));
        let said = refused(Err(error));
        for part in ["my-bot", "line 5 of", &server.join("/robots.txt"), "Disallow: /private", "/private/x?y"]
        {
            assert!(said.contains(part), "no {part:?} in {said}");
        }
        assert!(!said.contains("by name"), "{said}");
    });
    assert_eq!((server.calls_of("/private/x"), server.calls_of("/robots.txt"), server.calls()), (0, 1, 2));
}

#[test]
fn every_way_to_send_is_checked_and_a_client_that_is_not_told_to_asks_nothing() {
    let server = site(|| Reply::text(BARS_PRIVATE));
    let client = polite().build().unwrap();
    run(async {
        let url = server.join("/private");
        refused(client.execute(Request::post(&url).unwrap()).await);
        let parsed = surf::Url::parse(&url).unwrap();
        refused(client.send(surf::RequestBuilder::new(surf::http::Method::Get, parsed)).await);
        assert_eq!(client.stream(Request::get(&url).unwrap()).await.unwrap_err().kind(), ErrorKind::Robots);
        let error = client.surf().get(&url).await.unwrap_err();
        assert_eq!(error.downcast_ref::<Error>().unwrap().kind(), ErrorKind::Robots);
        let mut allowed = client.stream(Request::get(server.join("/x")).unwrap()).await.unwrap();
        assert_eq!(allowed.next().await.unwrap().unwrap(), "page");
    });
    assert_eq!(get(&local(), &server.join("/private")).unwrap().text(), "page");
    assert_eq!((server.calls_of("/robots.txt"), server.calls()), (1, 3));
}

#[test]
fn robots_txt_itself_can_be_fetched() {
    let server = site(|| Reply::text("User-agent: *\nDisallow: /\n"));
    let client = polite().build().unwrap();
    assert_eq!(run(client.get(server.join("/robots.txt"))).unwrap().bytes().len(), 26);
}

#[test]
fn sixty_four_at_once_fetch_it_once() {
    let server = site(|| Reply::text(BARS_PRIVATE).delay(Duration::from_millis(50)));
    let client = polite().build().unwrap();
    run(gather_core::gather((0..64).map(|n| client.get(server.join(&format!("/{n}")))))).unwrap();
    assert_eq!((server.calls_of("/robots.txt"), server.calls()), (1, 65));
}

#[test]
fn who_is_dropped_while_it_is_fetched_leaves_it_to_the_others() {
    let (open, gate) = gather_core::channel::bounded::<()>(1);
    let server = site(move || {
        let gate = gate.clone();
        Reply::text(BARS_PRIVATE).after(async move {
            let _ = gate.recv().await;
        })
    });
    let client = polite().build().unwrap();
    run(async {
        let mut first = Box::pin(client.get(server.join("/1")));
        let _ = futures::poll!(&mut first);
        let second = gather_core::spawn(client.get(server.join("/2")));
        drop(first);
        open.close();
        assert_eq!(second.await.unwrap().unwrap().text(), "page");
    });
}

#[test]
fn each_origin_has_its_own_and_each_hop_is_checked() {
    let barred = site(|| Reply::text("User-agent: *\nDisallow: /\n"));
    let target = barred.join("/x");
    let server = Mock::start(move |request| match request.path() {
        "/away" => Reply::redirect(302, &target),
        "/inside" => Reply::redirect(302, "/private"),
        "/robots.txt" => Reply::text(BARS_PRIVATE),
        _ => Reply::text("page"),
    })
    .unwrap();
    let client = polite().build().unwrap();
    run(async {
        let said = refused(client.get(server.join("/away")).await);
        assert!(said.contains(&barred.join("/robots.txt")), "{said}");
        let said = refused(client.get(server.join("/inside")).await);
        assert!(said.contains(&server.join("/private")), "{said}");
    });
    assert_eq!((barred.calls(), barred.calls_of("/robots.txt")), (1, 1));
    assert_eq!(server.calls_of("/private"), 0);
}

#[test]
fn what_a_status_means() {
    for (status, allowed) in [(200, true), (204, true), (401, true), (403, true), (404, true), (410, true)]
        .into_iter()
        .chain([(500, false), (503, false), (999, false)])
    {
        let server = site(move || Reply::status(status));
        let result = get(&polite(), &server.join("/x"));
        assert_eq!(result.is_ok(), allowed, "{status} {result:?}");
        if !allowed {
            let said = refused(result);
            for part in [&status.to_string(), &server.join("/robots.txt"), "hint:"] {
                assert!(said.contains(part), "{said}");
            }
            assert_eq!(server.calls_of("/x"), 0);
        }
    }
}

#[test]
fn what_comes_in_place_of_a_file_is_not_looked_at() {
    let server = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::redirect(302, "/none").header("content-encoding", "nonsense"),
        "/none" => Reply::status(404).body("x").header("content-encoding", "nonsense"),
        _ => Reply::text("page"),
    })
    .unwrap();
    assert_eq!(get(&polite(), &server.join("/x")).unwrap().text(), "page");
}

#[test]
fn it_is_tried_again_as_any_request_is() {
    let server = Mock::start(|request| match (request.path(), request.call()) {
        ("/robots.txt", 1 | 2) => Reply::status(503),
        ("/robots.txt", _) => Reply::text(BARS_PRIVATE),
        _ => Reply::text("page"),
    })
    .unwrap();
    let response = get(&polite(), &server.join("/x")).unwrap();
    assert_eq!((response.attempts(), server.calls_of("/robots.txt")), (1, 3));
}

#[test]
fn what_cannot_be_reached_allows_nothing_and_says_why() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = refused(get(&polite(), &format!("http://{dead}/x")));
    assert!(said.contains("connect") && said.contains(&format!("http://{dead}/robots.txt")), "{said}");
    let cut = Rude::start(|_| {
        vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nUser-agent: *\n")]
    })
    .unwrap();
    let said = refused(get(&polite().retries(0), &format!("{}/x", cut.url())));
    assert!(said.contains("robots.txt cannot be had"), "{said}");
}

/// Redirects `/robots.txt` so often, and then gives one.
fn redirecting(hops: usize) -> Mock {
    Mock::start(move |request| match request.path() {
        "/robots.txt" => Reply::redirect(301, "/r/1"),
        path => match path.strip_prefix("/r/").and_then(|hop| hop.parse::<usize>().ok()) {
            Some(hop) if hop < hops => Reply::redirect(302, &format!("/r/{}", hop + 1)),
            Some(_) => Reply::text(BARS_PRIVATE),
            None => Reply::text("page"),
        },
    })
    .unwrap()
}

#[test]
fn five_redirects_are_followed_and_behind_more_there_is_none() {
    // Whatever the client follows otherwise.
    for builder in [polite(), polite().max_redirects(1), polite().follow_redirects(false)] {
        let server = redirecting(5);
        refused(get(&builder, &server.join("/private")));
        assert_eq!(server.calls(), 6);
        let server = redirecting(6);
        assert_eq!(get(&builder, &server.join("/private")).unwrap().text(), "page");
        assert_eq!((server.calls(), server.calls_of("/r/6")), (7, 0));
    }
}

#[test]
fn a_redirect_leads_to_other_hosts_and_its_rules_are_for_the_first() {
    let elsewhere = site(|| Reply::text(BARS_PRIVATE));
    let target = elsewhere.join("/robots.txt");
    let server = site(move || Reply::redirect(307, &target));
    let client = polite().build().unwrap();
    let said = refused(run(client.get(server.join("/private"))));
    assert!(said.contains(&server.join("/robots.txt")), "{said}");
    // What was learned on the way is of the first origin only.
    run(client.get(elsewhere.join("/x"))).unwrap();
    assert_eq!(elsewhere.calls_of("/robots.txt"), 2);
}

#[test]
fn a_redirect_to_no_web_address_leads_to_no_file() {
    for location in ["file:///etc/passwd", "javascript:alert(1)", "http://["] {
        let server = site(move || Reply::redirect(302, location));
        assert_eq!(get(&polite(), &server.join("/private")).unwrap().text(), "page", "{location}");
    }
}

#[test]
fn a_redirect_that_leaves_https_is_not_followed_and_allows_nothing() {
    let plain = site(|| Reply::text("User-agent: *\nAllow: /"));
    let (target, ca) = (plain.join("/robots.txt"), TestCa::new().unwrap());
    let server =
        Mock::builder().tls(ca.good().unwrap()).start(move |_| Reply::redirect(301, &target)).unwrap();
    let said = refused(get(&polite().add_root_pem(ca.ca_pem().as_bytes()), &server.join("/x")));
    assert!(said.contains("leaves https"), "{said}");
    assert_eq!((plain.calls(), server.calls_of("/x")), (0, 0));
}

#[test]
fn a_robots_txt_behind_a_private_address_is_refused_and_allows_nothing() {
    let secret = Mock::builder()
        .host(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)))
        .start(|_| Reply::text("User-agent: *\nAllow: /"))
        .unwrap();
    let target = secret.join("/robots.txt");
    let server = site(move || Reply::redirect(302, &target));
    let client = Client::builder().robots("my-bot").build().unwrap();
    let request = Request::get(server.join("/x")).unwrap().typed(true);
    let said = refused(run(client.execute(request)));
    assert!(said.contains("loopback") && said.contains("127.0.0.2"), "{said}");
    assert_eq!((secret.calls(), server.calls_of("/x")), (0, 0));
}

#[test]
fn of_a_long_file_the_beginning_is_read_whatever_the_limit_on_bodies() {
    let text = |size: usize| format!("{BARS_PRIVATE}{}\nDisallow: /late\n", "#".repeat(size));
    let builder = polite().max_body(100);
    let server = site(move || Reply::text(text(10 * MAX_ROBOTS)));
    refused(get(&builder, &server.join("/private")));
    assert_eq!(get(&builder, &server.join("/late")).unwrap().text(), "page");
    let server = site(move || Reply::text(text(1000)).chunked());
    refused(get(&builder, &server.join("/late")));
}

#[test]
fn of_an_endless_file_the_beginning_is_read() {
    let server = Rude::start(|connection| match connection {
        1 => vec![
            Step::Read,
            Step::send(format!("HTTP/1.1 200 OK\r\n\r\n{BARS_PRIVATE}")),
            Step::flood([b'#'; 4096]),
        ],
        _ => vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage")],
    })
    .unwrap();
    let client = polite().build().unwrap();
    run(async {
        refused(client.get(format!("{}/private", server.url())).await);
        assert_eq!(client.get(format!("{}/x", server.url())).await.unwrap().text(), "page");
    });
}

#[cfg(feature = "gzip")]
#[test]
fn an_encoded_file_is_decoded_and_a_bomb_only_as_far_as_it_is_read() {
    let lines: String = (0..500_000).map(|line| format!("# {line}\n")).collect();
    let packed = crate::support::encode("gzip", format!("{BARS_PRIVATE}{lines}").as_bytes());
    let server = site(move || Reply::bytes(packed.clone()).header("content-encoding", "gzip"));
    refused(get(&polite(), &server.join("/private")));
    assert_eq!(get(&polite(), &server.join("/x")).unwrap().text(), "page");

    let bomb = crate::support::encode("gzip", format!("{BARS_PRIVATE}{}", "#".repeat(20 << 20)).as_bytes());
    let server = site(move || Reply::bytes(bomb.clone()).header("content-encoding", "gzip"));
    refused(get(&polite(), &server.join("/private")));
    assert_eq!(get(&polite(), &server.join("/x")).unwrap().text(), "page");
}

#[test]
fn it_counts_under_the_limits_per_origin_and_holds_no_place_while_others_wait() {
    let server = site(|| Reply::text(BARS_PRIVATE));
    let client = polite().per_origin(NonZeroUsize::MIN).delay(Duration::from_millis(30)).build().unwrap();
    let start = std::time::Instant::now();
    run(gather_core::gather((0..4).map(|n| client.get(server.join(&format!("/{n}")))))).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(120), "{:?}", start.elapsed());
    assert_eq!(server.calls(), 5);
}

#[test]
fn a_request_that_runs_out_of_time_meanwhile_is_a_timeout() {
    let server = site(|| Reply::text(BARS_PRIVATE).delay(Duration::from_secs(20)));
    let error = get(&polite().total_timeout(Duration::from_millis(50)), &server.join("/x")).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    let client = polite().total_timeout(Duration::from_millis(50)).build().unwrap();
    assert!(run(client.robots(server.url())).unwrap_err().is_timeout());
}

#[test]
fn an_answer_holds_for_a_day() {
    let server = site(|| Reply::text(BARS_PRIVATE));
    let hands = Clock::manual();
    let client = local().connect_timeout(None).first_byte_timeout(None).idle_timeout(None).build().unwrap();
    run(hands.within(async {
        for (wait, expected) in [(0, 1), (24 * 3600 - 1, 1), (1, 2)] {
            hands.advance(Duration::from_secs(wait));
            let access = client.robots(server.join("/x")).await.unwrap();
            assert!(matches!(*access, Access::Rules(_)));
            assert_eq!(server.calls(), expected, "{wait}");
        }
    }));
}

#[test]
fn what_is_no_url_has_none() {
    let error = run(Client::new().robots("ftp://h/")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
