//! surf's API, with our rules under it.

use gather_fetch::{Error, ErrorKind, HeaderMap, StatusCode, surf};
use gather_site::{Mock, Reply, Rude};

#[cfg(feature = "gzip")]
use crate::support::encode;
use crate::support::{local, run};

#[cfg(feature = "gzip")]
#[test]
fn surf_fetches_over_our_transport_with_redirects_retries_and_decoding() {
    let body = encode("gzip", b"{\"a\": 1}");
    let server = Mock::start(move |request| match (request.path(), request.call()) {
        ("/from", 1) => Reply::status(503),
        ("/from", _) => Reply::redirect(302, "/to"),
        _ => Reply::bytes(body.clone())
            .header("content-encoding", "gzip")
            .header("content-type", "application/json"),
    })
    .unwrap();
    let client = local().build().unwrap().surf();
    run(async {
        let mut response = client.get(server.join("/from")).await.unwrap();
        assert_eq!(response.status(), surf::StatusCode::Ok);
        assert_eq!(response.content_type().unwrap().essence(), "application/json");
        assert!(response.header("content-encoding").is_none());
        let value: serde_json::Value = response.body_json().await.unwrap();
        assert_eq!(value["a"], 1);
    });
    assert_eq!(server.calls_of("/from"), 2);
}

#[test]
fn surf_posts_a_body() {
    let server = Mock::start(|request| Reply::bytes(request.body().clone())).unwrap();
    let client = local().build().unwrap().surf();
    let body =
        run(async { client.post(server.url()).body_string("hello".into()).recv_string().await.unwrap() });
    assert_eq!(body, "hello");
    let seen = &server.requests()[0];
    assert_eq!((seen.method(), seen.header("content-type")), ("POST", Some("text/plain;charset=utf-8")));
    assert_eq!(seen.header("content-length"), Some("5"));
}

#[test]
fn what_http_types_cannot_hold_travels_beside() {
    let server = Rude::answer(
        b"HTTP/1.1 999 Denied\r\nX-Name: gr\xfc\xdfe\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nno",
    )
    .unwrap();
    let client = local().build().unwrap().surf();
    run(async {
        let mut response = client.get(server.url()).await.unwrap();
        assert_eq!(response.status(), surf::StatusCode::InternalServerError);
        assert_eq!(response.ext::<StatusCode>().unwrap().as_u16(), 999);
        assert_eq!(response.ext::<HeaderMap>().unwrap()["x-name"].as_bytes(), b"gr\xfc\xdfe");
        assert!(response.header("x-name").is_none());
        assert_eq!(response.header("set-cookie").unwrap().iter().count(), 2);
        assert_eq!(response.body_string().await.unwrap(), "no");
    });
}

#[test]
fn an_error_downcasts_to_ours() {
    let client = local().retries(0).build().unwrap().surf();
    let error = run(async { client.get("http://127.0.0.1:1/").await.unwrap_err() });
    assert_eq!(error.downcast_ref::<Error>().unwrap().kind(), ErrorKind::Connect);
    let guarded = gather_fetch::Client::new().surf();
    let error = run(async { guarded.get("http://127.0.0.1:1/").await.unwrap_err() });
    assert_eq!(error.downcast_ref::<Error>().unwrap().kind(), ErrorKind::PrivateAddress);
}

#[test]
fn a_surf_request_can_be_sent_for_our_response() {
    let server =
        Mock::start(|request| Reply::text(request.header("x-mine").unwrap_or("none").to_owned())).unwrap();
    let client = local().build().unwrap();
    let url = surf::Url::parse(server.url()).unwrap();
    let request = surf::RequestBuilder::new(surf::http::Method::Get, url).header("x-mine", "yes");
    let response = run(client.send(request)).unwrap();
    assert_eq!(response.text(), "yes");
}

#[test]
fn a_middleware_of_the_user_sees_request_and_response() {
    struct Mark;
    #[surf::utils::async_trait]
    impl surf::middleware::Middleware for Mark {
        async fn handle(
            &self,
            mut request: surf::Request,
            client: surf::Client,
            next: surf::middleware::Next<'_>,
        ) -> surf::Result<surf::Response> {
            request.insert_header("x-mark", "seen");
            next.run(request, client).await
        }
    }
    let server = Mock::start(|_| Reply::text("ok")).unwrap();
    let client = local().build().unwrap().surf().with(Mark);
    run(async { client.get(server.url()).await.unwrap() });
    assert_eq!(server.requests()[0].header("x-mark"), Some("seen"));
}
