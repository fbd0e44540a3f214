//! What is sent, and what of a response is told.

use gather_fetch::{Client, ErrorKind, Method, Request, Secret};
use gather_site::{Mock, Reply};

use crate::support::{get, local, run};

#[test]
fn a_page_is_fetched_with_all_that_is_known_of_it() {
    let server = Mock::start(|_| Reply::html("<p>hello</p>")).unwrap();
    let response = get(&local(), &server.join("/x?y#z")).unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.is_success());
    assert_eq!(response.text(), "<p>hello</p>");
    assert_eq!(response.content_type().unwrap(), "text/html; charset=utf-8");
    assert_eq!(response.url().as_str(), server.join("/x?y#z"));
    assert_eq!(response.requested_url(), response.url());
    assert_eq!((response.attempts(), response.wire_bytes()), (1, 12));
    assert_eq!(response.remote_addr(), Some(server.addr()));
    assert_eq!(server.requests()[0].target(), "/x?y");
}

#[test]
fn the_default_headers_are_sent_and_give_way_to_the_requests_own() {
    let server = Mock::start(|_| Reply::text("")).unwrap();
    let client = local().header("x-mine", "1").build().unwrap();
    let request = Request::get(server.url()).unwrap().header("accept", "text/plain").unwrap();
    run(client.execute(request)).unwrap();
    let seen = &server.requests()[0];
    assert_eq!(seen.header("user-agent"), Some(concat!("gather/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(seen.header("accept"), Some("text/plain"));
    assert_eq!(seen.header("x-mine"), Some("1"));
    assert_eq!(seen.header("host"), Some(server.addr().to_string().as_str()));
    #[cfg(all(feature = "gzip", feature = "br", feature = "zstd"))]
    assert_eq!(seen.header("accept-encoding"), Some("gzip, deflate, br, zstd"));
}

#[test]
fn an_empty_user_agent_is_not_sent() {
    let server = Mock::start(|_| Reply::text("")).unwrap();
    get(&local().user_agent(""), server.url()).unwrap();
    assert_eq!(server.requests()[0].header("user-agent"), None);
}

#[test]
fn a_body_arrives_with_its_length_and_a_json_body_with_its_type() {
    let server = Mock::start(|request| Reply::bytes(request.body().clone())).unwrap();
    let client = local().build().unwrap();
    let post = Request::post(server.url()).unwrap().json(&serde_json::json!({"a": 1})).unwrap();
    let response = run(client.execute(post)).unwrap();
    assert_eq!(response.json::<serde_json::Value>().unwrap()["a"], 1);
    let seen = &server.requests()[0];
    assert_eq!((seen.method(), seen.header("content-length")), ("POST", Some("7")));
    assert_eq!(seen.header("content-type"), Some("application/json"));
}

#[test]
fn json_that_is_none_is_an_error_of_kind_parse() {
    let server = Mock::start(|_| Reply::html("<p>")).unwrap();
    let error = get(&local(), server.url()).unwrap().json::<serde_json::Value>().unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Parse, Some(200)));
}

#[test]
fn default_credentials_go_to_typed_origins_only() {
    let server = Mock::start(|_| Reply::text("")).unwrap();
    let client = local().basic_auth("u", &Secret::new("p")).cookie("a=b").build().unwrap();
    run(async {
        client.get(server.url()).await.unwrap();
        client.execute(Request::get(server.url()).unwrap().typed(true)).await.unwrap();
    });
    let seen: Vec<_> = server
        .requests()
        .iter()
        .map(|request| {
            (request.header("authorization").map(str::to_owned), request.header("cookie").map(str::to_owned))
        })
        .collect();
    assert_eq!(seen, [(None, None), (Some("Basic dTpw".into()), Some("a=b".into()))]);
}

#[test]
fn credentials_in_the_url_are_sent_as_a_header_and_leave_the_url() {
    let server = Mock::start(|_| Reply::text("")).unwrap();
    let url = server.url().replace("http://", "http://u:p@");
    let response = get(&local(), &url).unwrap();
    assert_eq!(server.requests()[0].header("authorization"), Some("Basic dTpw"));
    assert!(!response.url().as_str().contains('@'));
}

#[test]
fn characters_that_the_wire_does_not_take_are_escaped() {
    let server = Mock::start(|_| Reply::text("")).unwrap();
    let response = get(&local(), &server.join("/a|b^c`d\"e{f}?g=`h`&i=|^\"ü")).unwrap();
    assert_eq!(response.status(), 200);
    let target = server.requests()[0].target().to_owned();
    assert!(target.is_ascii() && !target.contains(['"', ' ']), "{target}");
}

#[test]
fn a_status_is_a_response_until_somebody_asks() {
    let server = Mock::start(|_| Reply::status(404).body("gone")).unwrap();
    let response = get(&local(), server.url()).unwrap();
    assert_eq!((response.status(), response.attempts()), (404, 1));
    assert_eq!(response.text(), "gone");
    let error = response.error_for_status().unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Status, Some(404)));
    assert!(error.to_string().contains("404 Not Found"), "{error}");
}

#[test]
fn a_head_request_has_headers_and_no_body() {
    let server = Mock::start(|_| Reply::text("hello")).unwrap();
    let client = local().build().unwrap();
    let response = run(client.execute(Request::new(Method::HEAD, server.url()).unwrap())).unwrap();
    assert_eq!(response.headers()["content-length"], "5");
    assert!(response.bytes().is_empty());
}

#[test]
fn text_is_decoded_by_its_charset() {
    let server = Mock::start(|_| {
        Reply::bytes(&b"gr\xfc\xdfe"[..]).header("content-type", "text/plain; charset=iso-8859-1")
    })
    .unwrap();
    assert_eq!(get(&local(), server.url()).unwrap().text(), "grüße");
}

#[test]
fn connections_are_used_again() {
    let server = Mock::start(|_| Reply::text("x")).unwrap();
    let client = local().build().unwrap();
    run(async {
        for _ in 0..5 {
            client.get(server.url()).await.unwrap();
        }
    });
    assert!(server.requests().iter().all(|request| request.connection() == 1));
}

#[test]
fn without_keep_alive_each_request_has_its_connection() {
    let server = Mock::start(|_| Reply::text("x")).unwrap();
    let client = local().keep_alive(false).build().unwrap();
    run(async {
        client.get(server.url()).await.unwrap();
        client.get(server.url()).await.unwrap();
    });
    assert_ne!(server.requests()[0].connection(), server.requests()[1].connection());
}

#[test]
fn what_is_public_can_be_sent_between_threads() {
    fn check<T: Send + 'static>(_: &T) {}
    fn sync<T: Send + Sync + Clone + 'static>(_: &T) {}
    let client = Client::new();
    sync(&client);
    let url = String::from("http://h/");
    let future = client.get(&url);
    drop(url);
    check(&future);
    check(&client.execute(Request::get("http://h/").unwrap()));
    check(&client.stream(Request::get("http://h/").unwrap()));
    use gather_fetch::surf::{Request as SurfRequest, http::Method as SurfMethod};
    check(&client.send(SurfRequest::new(SurfMethod::Get, "http://h/".parse().unwrap())));
    fn types<T: Send + Sync + 'static>() {}
    types::<gather_fetch::Response>();
    types::<gather_fetch::Streaming>();
    types::<gather_fetch::Error>();
    types::<Request>();
    assert!(std::mem::size_of_val(&client.get("http://h/")) <= 16);
}

#[test]
fn a_length_that_lies_is_not_sent() {
    let server = Mock::start(|request| Reply::bytes(request.body().clone())).unwrap();
    let request = Request::post(server.url()).unwrap().header("content-length", "5").unwrap().body("four");
    let client = local().build().unwrap();
    assert_eq!(run(client.execute(request)).unwrap().text(), "four");
}

#[test]
fn that_a_request_which_may_have_a_body_has_none_is_said() {
    let server = Mock::start(|_| Reply::text("ok")).unwrap();
    let client = local().build().unwrap();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let request = Request::new(Method::from_bytes(method.as_bytes()).unwrap(), server.url()).unwrap();
        run(client.execute(request)).unwrap();
    }
    let lengths: Vec<_> =
        server.requests().iter().map(|seen| seen.header("content-length").map(str::to_owned)).collect();
    let zero = Some("0".to_owned());
    assert_eq!(lengths, [zero.clone(), zero.clone(), zero, None, None]);
}
