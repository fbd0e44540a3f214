//! Requests through a proxy: a real one, and ones that do not keep to the rules.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gather_fetch::{Client, ErrorKind, Phase, Request, Version};
use gather_site::{Mock, Reply, Rude, Step, TestCa};

use crate::support::{get, local, run};

/// A proxy that knows `http://h.example` and every other name as the one server behind it.
struct Proxy {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = heads.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let seen = seen.clone();
                std::thread::spawn(move || serve(client, server, &seen));
            }
        });
        Self { url, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn serve(client: TcpStream, server: SocketAddr, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut from_client = BufReader::new(client.try_clone().ok()?);
    let mut to_client = client;
    let upstream = TcpStream::connect(server).ok()?;
    let mut from_server = BufReader::new(upstream.try_clone().ok()?);
    let mut to_server = upstream;
    loop {
        let head = read_head(&mut from_client)?;
        seen.lock().unwrap().push(head.clone());
        if head.starts_with("CONNECT ") {
            to_client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
            let mut back = to_client.try_clone().ok()?;
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from_server, &mut back);
                let _ = back.shutdown(Shutdown::Write);
            });
            let _ = std::io::copy(&mut from_client, &mut to_server);
            let _ = to_server.shutdown(Shutdown::Write);
            return None;
        }
        // The request goes on without what was for the proxy; the answers here all have a length.
        let passed: String = head
            .lines()
            .filter(|line| !line.to_ascii_lowercase().starts_with("proxy-"))
            .fold(String::new(), |all, line| all + line + "\r\n");
        to_server.write_all(passed.as_bytes()).ok()?;
        let answer = read_head(&mut from_server)?;
        let length = answer.to_ascii_lowercase();
        let length = length.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())?;
        let mut body = vec![0; length];
        from_server.read_exact(&mut body).ok()?;
        to_client.write_all(answer.as_bytes()).ok()?;
        to_client.write_all(&body).ok()?;
    }
}

fn read_head(from: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

fn through(proxy: &str) -> gather_fetch::ClientBuilder {
    Client::builder().backoff(Duration::from_millis(2)).proxy(proxy)
}

#[test]
fn http_goes_to_it_as_it_is_over_connections_that_are_kept() {
    let server = Mock::start(|_| Reply::text("ok")).unwrap();
    let proxy = Proxy::start(server.addr());
    let client = through(&proxy.url).build().unwrap();
    run(async {
        for path in ["/a", "/b?c"] {
            let response = client.get(format!("http://h.example{path}")).await.unwrap();
            assert_eq!((response.text().as_ref(), response.status()), ("ok", 200));
        }
    });
    let heads = proxy.heads();
    assert!(heads[0].starts_with("GET http://h.example/a HTTP/1.1\r\n"), "{heads:?}");
    assert!(heads[1].starts_with("GET http://h.example/b?c HTTP/1.1\r\n"), "{heads:?}");
    assert!(heads.iter().all(|head| head.to_lowercase().contains("host: h.example\r\n")), "{heads:?}");
    assert_eq!(server.requests()[0].connection(), server.requests()[1].connection());
}

#[test]
fn https_goes_through_a_tunnel_with_either_protocol_inside() {
    for http2 in [false, true] {
        let ca = TestCa::new().unwrap();
        let tls = ca.good_for(&["h.example"]).unwrap();
        let tls = if http2 { tls.http2() } else { tls };
        let server = Mock::builder().tls(tls).start(|_| Reply::text("safe")).unwrap();
        let proxy = Proxy::start(server.addr());
        let client = through(&proxy.url).add_root_pem(ca.ca_pem().as_bytes());
        let response = get(&client, "https://h.example/x").unwrap();
        assert_eq!(response.text(), "safe");
        let expects_http2 = http2 && cfg!(feature = "http2");
        assert_eq!(response.version() == Version::HTTP_2, expects_http2);
        assert_eq!(proxy.heads(), ["CONNECT h.example:443 HTTP/1.1\r\nHost: h.example:443\r\n\r\n"]);
        // What the proxy is cannot stand in for what the target is.
        let error = get(&client, "https://other.example/").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    }
}

#[test]
fn its_credentials_are_for_it_alone() {
    let ca = TestCa::new().unwrap();
    let plain = Mock::start(|request| match request.path() {
        "/away" => Reply::redirect(302, "http://elsewhere.example/"),
        _ => Reply::text("ok"),
    })
    .unwrap();
    let safe =
        Mock::builder().tls(ca.good_for(&["h.example"]).unwrap()).start(|_| Reply::text("ok")).unwrap();
    for (server, url) in [(&plain, "http://h.example/away"), (&safe, "https://h.example/")] {
        let proxy = Proxy::start(server.addr());
        let with_login = proxy.url.replace("http://", "http://me:hunter2@");
        let client = through(&with_login).add_root_pem(ca.ca_pem().as_bytes());
        assert!(!format!("{:?}", client).contains("hunter2"));
        get(&client, url).unwrap();
        let heads = proxy.heads();
        assert!(
            heads.iter().all(|head| head.to_lowercase().contains("proxy-authorization: basic ")),
            "{heads:?}"
        );
        assert!(server.requests().iter().all(|request| request.header("proxy-authorization").is_none()));
    }
    // Past the proxy nobody is told.
    let proxy = Proxy::start(plain.addr());
    let with_login = proxy.url.replace("http://", "http://me:hunter2@");
    let past = local().proxy(&with_login).no_proxy("127.0.0.1");
    assert_eq!(get(&past, &plain.join("/direct")).unwrap().text(), "ok");
    assert!(proxy.heads().is_empty());
    assert!(plain.requests().last().unwrap().header("proxy-authorization").is_none());
}

#[test]
fn what_stands_in_a_url_is_judged_before_the_proxy_is_asked_at_every_hop() {
    let server = Mock::start(|_| Reply::redirect(302, "http://169.254.169.254/latest/meta-data")).unwrap();
    let proxy = Proxy::start(server.addr());
    let client = through(&proxy.url);
    for url in
        ["http://127.0.0.1/", "https://localhost/", "http://10.1.2.3/", "https://[::1]/", "http://0x7f.1/"]
    {
        assert_eq!(get(&client, url).unwrap_err().kind(), ErrorKind::PrivateAddress, "{url}");
    }
    assert!(proxy.heads().is_empty());
    let error = get(&client, "http://h.example/").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PrivateAddress, "{error}");
    assert_eq!(proxy.heads().len(), 1);
    // What the user typed is another matter.
    let typed = Request::get("http://127.0.0.1:9/").unwrap().typed(true);
    let answered = run(through(&proxy.url).follow_redirects(false).build().unwrap().execute(typed)).unwrap();
    assert_eq!(answered.status(), 302);
}

#[test]
fn a_tunnel_that_does_not_come_about_says_why() {
    let table = [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "wants to know who asks: status 407"),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "refuses the tunnel: status 403"),
        ("HTTP/1.1 301 Moved\r\nLocation: http://x/\r\n\r\n", "refuses the tunnel: status 301"),
        ("SSH-2.0-OpenSSH\r\n\r\n", "does not speak http"),
        ("HTTP/1.1 abc\r\n\r\n", "does not speak http"),
    ];
    for (answer, says) in table {
        let proxy = Rude::start(move |_| vec![Step::Read, Step::send(answer), Step::Hold]).unwrap();
        let error = get(&through(proxy.url()), "https://h.example/").unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 1), "{answer:?}: {error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_proxy_that_breaks_off_is_asked_again_and_one_that_floods_is_not() {
    let proxy = Rude::start(|_| vec![Step::Read, Step::Close]).unwrap();
    let error = get(&through(proxy.url()).retries(1), "https://h.example/").unwrap_err();
    assert_eq!((error.kind(), error.attempts(), proxy.connections()), (ErrorKind::Connect, 2, 2), "{error}");

    let proxy = Rude::start(|_| vec![Step::Read, Step::flood("HTTP/1.1 200 OK\r\nX: y\r\n")]).unwrap();
    let error = get(&through(proxy.url()), "https://h.example/").unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 1), "{error}");
    assert!(error.to_string().contains("says too much"), "{error}");
}

#[test]
fn a_proxy_that_says_nothing_is_a_timeout_of_connect() {
    let proxy = Rude::start(|_| vec![Step::Read, Step::Hold]).unwrap();
    let client = through(proxy.url()).retries(0).connect_timeout(Duration::from_millis(200));
    let error = get(&client, "https://h.example/").unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, Some(Phase::Connect)), "{error}");
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for url in ["http://h.example/", "https://h.example/"] {
        let error = get(&through(&format!("127.0.0.1:{port}")).retries(0), url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
        assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    }
}

#[test]
fn what_is_no_proxy_is_told_without_its_password() {
    let error = through("socks5://me:hunter2@h:1").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("socks5") && !error.to_string().contains("hunter2"), "{error}");
    assert!(through("").build().is_ok());
}

#[test]
fn interim_responses_before_the_tunnel_are_passed_over() {
    let proxy = Rude::start(|_| {
        let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
        let head = format!("{interim}HTTP/1.1 200 Connection established\r\n\r\n");
        // Whoever speaks here is behind the tunnel, and speaks no TLS.
        vec![Step::Read, Step::send(head), Step::send("SSH-2.0-OpenSSH_9.2p1\r\n"), Step::Hold]
    })
    .unwrap();
    let error = get(&local().retries(0).proxy(proxy.url()), "https://h.example/").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
}
