//! Queries of APIs, asked of real servers on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::num::NonZeroUsize;
use std::path::Path;

use gather_fetch::{Answer, Client, Error, ErrorKind, Query};
use gather_site::{Mock, Reply, Request, Site};
use proptest::prelude::{prop_assert, proptest};
use serde_json::{Value, json};
use url::Url;

const JOBS: NonZeroUsize = NonZeroUsize::new(8).unwrap();

fn query(toml: &str) -> Query {
    toml.parse().unwrap()
}

/// Asks without a wait between attempts.
fn ask(query: &Query, base: &str) -> Result<Answer, Error> {
    let client = Client::builder().retries(0).build().unwrap();
    let query = query.clone().with_base(Url::parse(base).unwrap());
    gather_core::run(query.run(&client, JOBS)).unwrap()
}

fn answer(toml: &str, server: &Mock) -> Answer {
    ask(&query(toml), server.url()).unwrap()
}

/// What the only endpoint answered, merged by `concat`.
fn items(toml: &str, server: &Mock) -> (Value, Answer) {
    let answer = answer(&format!("[[endpoint]]\nname = 'a'\n{toml}\n[merge]\nhow = 'concat'"), server);
    (answer.value.clone().unwrap(), answer)
}

fn failure(toml: &str, server: &Mock) -> Error {
    let answer = answer(&format!("[[endpoint]]\nname = 'a'\n{toml}"), server);
    answer.endpoints[0].outcome.clone().unwrap_err()
}

fn parameter(request: &Request, name: &str) -> Option<String> {
    let query = request.query()?;
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// Three pages of two items; the number of the page is a parameter.
fn numbered() -> Mock {
    Mock::start(|request| match parameter(request, "page").as_deref() {
        Some("1") => Reply::json(r#"{"data": [1, 2]}"#),
        Some("2") => Reply::json(r#"{"data": [3, 4]}"#),
        Some("3") => Reply::json(r#"{"data": [5, 6]}"#),
        _ => Reply::json(r#"{"data": []}"#),
    })
    .unwrap()
}

const NUMBERED: &str = "url = '/list'\npointer = '/data'\n";

mod pages {
    use super::*;

    #[test]
    fn numbers_are_read_until_a_page_is_empty() {
        let server = numbered().expect(4);
        let (value, answer) =
            items(&format!("{NUMBERED}paginate = {{ param = 'page', until_empty = true }}"), &server);
        assert_eq!(value, json!([1, 2, 3, 4, 5, 6]));
        let report = &answer.endpoints[0];
        assert_eq!((report.requests, report.attempts, report.items), (4, 4, 6));
        assert_eq!((answer.stopped_by(), answer.warnings.len()), (None, 0));
    }

    #[test]
    fn a_page_that_is_not_there_is_the_end_but_not_the_first_one() {
        let server = Mock::start(|request| match request.path() {
            "/1.json" => Reply::json("[1]"),
            "/2.json" => Reply::json("[2]"),
            _ => Reply::status(404),
        })
        .unwrap();
        let paginate = "paginate = { param = 'page' }";
        assert_eq!(items(&format!("url = '/{{page}}.json'\n{paginate}"), &server).0, json!([1, 2]));
        let error = failure(&format!("url = '/x{{page}}.json'\n{paginate}"), &server);
        assert_eq!((error.kind(), error.status()), (ErrorKind::Status, Some(404)));
    }

    #[test]
    fn a_page_that_fails_later_is_no_shorter_answer() {
        let server = Mock::start(|request| match parameter(request, "page").as_deref() {
            Some("2") => Reply::status(500),
            _ => Reply::json("[1]"),
        })
        .unwrap();
        let error = failure("url = '/'\npaginate = { param = 'page' }", &server);
        assert_eq!((error.kind(), error.status()), (ErrorKind::Status, Some(500)));
    }

    #[test]
    fn stopping_at_max_is_said() {
        let server = numbered().expect(2);
        let (value, answer) = items(&format!("{NUMBERED}paginate = {{ param = 'page', max = 2 }}"), &server);
        assert_eq!(value, json!([1, 2, 3, 4]));
        assert!(answer.endpoints[0].stopped_by_max);
        assert_eq!(answer.stopped_by(), Some("max"));
        assert!(answer.warnings[0].contains("max"), "{:?}", answer.warnings);
    }

    #[test]
    fn a_number_of_pages_that_was_asked_for_is_no_stop() {
        let server = numbered().expect(2);
        let (value, answer) = items(
            &format!("{NUMBERED}paginate = {{ param = 'page', until_empty = false, max = 2 }}"),
            &server,
        );
        assert_eq!((value, answer.stopped_by()), (json!([1, 2, 3, 4]), None));
    }

    #[test]
    fn pages_without_end_are_refused_where_nobody_set_a_max() {
        let server =
            Mock::start(|request| Reply::json(format!("[{}]", request.number()))).unwrap().expect(1_000);
        let error = failure("url = '/'\npaginate = { param = 'page' }", &server);
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.hint().unwrap().contains("max"));
    }

    #[test]
    fn the_total_time_is_one_for_all_pages() {
        let server = Mock::start(|_| Reply::json("[1]").delay(std::time::Duration::from_millis(50))).unwrap();
        let total = std::time::Duration::from_millis(200);
        let client = Client::builder().total_timeout(total).build().unwrap();
        let query = query("[[endpoint]]\nname = 'a'\nurl = '/'\npaginate = { param = 'page' }")
            .with_base(Url::parse(server.url()).unwrap());
        let answer = gather_core::run(query.run(&client, JOBS)).unwrap().unwrap();
        let error = answer.endpoints[0].outcome.clone().unwrap_err();
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, Some(gather_fetch::Phase::Total)));
    }

    #[test]
    fn next_is_followed_from_the_final_url() {
        let server = Mock::start(|request| match request.target() {
            "/old" => Reply::redirect(302, "/v2/list"),
            "/v2/list" => Reply::json(r#"{"items": [1], "links": {"next": "list?after=1"}}"#),
            "/v2/list?after=1" => Reply::json(r#"{"items": [2], "links": {"next": "/v2/last"}}"#),
            "/v2/last" => Reply::json(r#"{"items": [3], "links": {"next": null}}"#),
            _ => Reply::status(404),
        })
        .unwrap();
        let (value, answer) =
            items("url = '/old'\npointer = '/items'\npaginate = { next = '/links/next' }", &server);
        assert_eq!(value, json!([1, 2, 3]));
        assert_eq!((answer.endpoints[0].requests, answer.warnings.len()), (3, 0));
    }

    #[test]
    fn max_with_a_next_page_known_is_a_stop_and_without_one_is_none() {
        let server = Mock::start(|request| match request.target() {
            "/1" => Reply::json(r#"{"items": [1], "next": "/2"}"#),
            _ => Reply::json(r#"{"items": [2]}"#),
        })
        .unwrap();
        let stopped = |max: u32| {
            let paginate =
                format!("url = '/1'\npointer = '/items'\npaginate = {{ next = '/next', max = {max} }}");
            items(&paginate, &server).1.stopped_by()
        };
        assert_eq!((stopped(1), stopped(2)), (Some("max"), None));
    }

    #[test]
    fn a_loop_of_pages_ends_with_a_warning() {
        let server = Mock::start(|request| match request.target() {
            "/1" => Reply::json(r#"{"items": [1], "next": "/2"}"#),
            _ => Reply::json(r#"{"items": [2], "next": "/1#x"}"#),
        })
        .unwrap()
        .expect(2);
        let (value, answer) = items("url = '/1'\npointer = '/items'\npaginate = { next = '/next' }", &server);
        assert_eq!(value, json!([1, 2]));
        assert!(answer.warnings[0].contains("already read"), "{:?}", answer.warnings);
    }

    #[test]
    fn the_link_header_leads_on() {
        let server = Mock::start(|request| match request.target() {
            "/1" => Reply::json("[1]").header("link", "</0>; rel=prev, </2>; rel=\"next last\""),
            _ => Reply::json("[2]").header("link", "</1>; rel=prev"),
        })
        .unwrap();
        assert_eq!(items("url = '/1'\npaginate = { link_header = true }", &server).0, json!([1, 2]));
    }

    #[test]
    fn a_cursor_leads_on_as_a_parameter() {
        let server = Mock::start(|request| match parameter(request, "after").as_deref() {
            None => Reply::json(r#"{"items": [1], "next": "a&b"}"#),
            Some("a&b") => Reply::json(r#"{"items": [2], "next": 7}"#),
            Some("7") => Reply::json(r#"{"items": [3], "next": ""}"#),
            Some(_) => Reply::status(400),
        })
        .unwrap();
        let toml = "url = '/?x=1'\npointer = '/items'\npaginate = { cursor = '/next', param = 'after' }";
        assert_eq!(items(toml, &server).0, json!([1, 2, 3]));
    }

    #[test]
    fn a_cursor_leads_on_in_the_body_of_graphql() {
        let server = Mock::start(|request| {
            assert_eq!(
                (request.method(), request.header("content-type")),
                ("POST", Some("application/json"))
            );
            let body: Value = serde_json::from_slice(request.body()).unwrap();
            match &body["variables"]["after"] {
                Value::Null => Reply::json(r#"{"data": {"users": [{"id": 1}], "end": "c1"}}"#),
                _ => Reply::json(r#"{"data": {"users": [{"id": 2}], "end": null}}"#),
            }
        })
        .unwrap();
        let toml = "url = '/graphql'\njson = { query = '{ users }', variables = { after = '{after}' } }\n\
                    pointer = '/data/users'\npaginate = { cursor = '/data/end', param = 'after' }";
        assert_eq!(items(toml, &server).0, json!([{"id": 1}, {"id": 2}]));
    }
}

mod endpoints {
    use super::*;

    #[test]
    fn digits_and_the_order_of_keys_stay_as_they_came() {
        let body = r#"{"z":1.10,"a":12345678901234567890.12345678901234567890,"m":{"y":1e+400,"b":-0.0}}"#;
        let server = Mock::start(move |_| Reply::json(format!("\u{feff}{body}"))).unwrap();
        let answer = answer("[[endpoint]]\nname = 'n'\nurl = '/'", &server);
        assert_eq!(answer.value.unwrap().to_string(), format!(r#"{{"n":{body}}}"#));
    }

    #[test]
    fn an_answer_that_is_not_json_is_a_parse_error_that_tells_its_type() {
        let server = Mock::start(|_| Reply::html("<p>log in</p>")).unwrap();
        let error = failure("url = '/'", &server);
        assert_eq!(error.kind(), ErrorKind::Parse);
        assert!(error.fact().contains("text/html"), "{error}");
    }

    #[test]
    fn a_pointer_that_hits_nothing_tells_which_keys_there_are() {
        let server = Mock::start(|_| Reply::json(r#"{"data": [], "total": 0}"#)).unwrap();
        let error = failure("url = '/'\npointer = '/dta'", &server);
        assert_eq!(error.kind(), ErrorKind::Parse);
        assert!(error.fact().contains("data, total") && error.hint().unwrap().contains("/data"), "{error}");
    }

    #[test]
    fn an_error_of_graphql_is_no_answer() {
        let server =
            Mock::start(|_| Reply::json(r#"{"data": null, "errors": [{"message": "no field x"}]}"#)).unwrap();
        let error = failure("url = '/'\njson = { query = '{ x }' }\npointer = '/data'", &server);
        assert!(error.fact().contains("no field x"), "{error}");
    }

    #[test]
    fn what_is_nested_too_deep_is_an_error_and_no_crash() {
        let server = Mock::start(|_| Reply::json("[".repeat(200_000))).unwrap();
        assert_eq!(failure("url = '/'", &server).kind(), ErrorKind::Parse);
    }

    #[test]
    fn no_content_is_null() {
        let server = Mock::start(|_| Reply::status(204)).unwrap();
        let answer = answer("[[endpoint]]\nname = 'a'\nurl = '/'\npointer = '/data'", &server);
        assert_eq!(answer.value, Some(json!({"a": null})));
    }

    #[test]
    fn one_that_fails_is_left_out_and_reported() {
        let server = Mock::start(|request| match request.path() {
            "/good" => Reply::json("1"),
            _ => Reply::status(403),
        })
        .unwrap();
        let toml = "[[endpoint]]\nname = 'bad'\nurl = '/bad'\n[[endpoint]]\nname = 'good'\nurl = '/good'";
        let answer = answer(toml, &server);
        assert_eq!(answer.value, Some(json!({"good": 1})));
        assert!(!answer.is_complete());
        assert_eq!(answer.endpoints[0].outcome.as_ref().unwrap_err().status(), Some(403));
    }

    #[test]
    fn there_is_no_answer_without_one_that_is_required() {
        let server = Mock::start(|request| match request.path() {
            "/good" => Reply::json("1"),
            _ => Reply::status(403),
        })
        .unwrap();
        let toml = "[[endpoint]]\nname = 'bad'\nurl = '/bad'\nrequired = true\n[[endpoint]]\nname = 'good'\nurl = '/good'";
        let answer = answer(toml, &server);
        assert_eq!(answer.value, None);
        assert!(answer.endpoints[1].outcome.is_ok());
    }

    #[test]
    fn all_are_asked_at_once() {
        let toml: String = (0..6).map(|n| format!("[[endpoint]]\nname = 'e{n}'\nurl = '/{n}'\n")).collect();
        let gate = std::sync::Arc::new(async_gate::Gate::new(6));
        let server = {
            let gate = gate.clone();
            Mock::start(move |_| Reply::json("1").after(gate.clone().pass())).unwrap()
        };
        // No answer comes before all six have been asked for: one after the other would never end.
        assert!(answer(&toml, &server).is_complete());
        assert_eq!(gate.most(), 6);
    }

    mod async_gate {
        use std::future::{Future, poll_fn};
        use std::sync::atomic::{AtomicUsize, Ordering};
        use std::sync::{Arc, Mutex};
        use std::task::{Poll, Waker};

        /// Lets nobody through before so many are there.
        pub(crate) struct Gate {
            wanted: usize,
            waiting: AtomicUsize,
            wakers: Mutex<Vec<Waker>>,
        }

        impl Gate {
            pub(crate) fn new(wanted: usize) -> Self {
                Self { wanted, waiting: AtomicUsize::new(0), wakers: Mutex::default() }
            }

            pub(crate) fn most(&self) -> usize {
                self.waiting.load(Ordering::SeqCst)
            }

            pub(crate) fn pass(self: Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
                let mut counted = false;
                poll_fn(move |cx| {
                    let mut wakers = self.wakers.lock().unwrap();
                    if !counted {
                        counted = true;
                        self.waiting.fetch_add(1, Ordering::SeqCst);
                    }
                    if self.most() >= self.wanted {
                        wakers.drain(..).for_each(Waker::wake);
                        return Poll::Ready(());
                    }
                    wakers.push(cx.waker().clone());
                    Poll::Pending
                })
            }
        }
    }

    #[test]
    fn the_order_is_that_of_the_file_whoever_answers_first() {
        let server = Mock::start(|request| match request.path() {
            "/slow" => Reply::json("[1]").delay(std::time::Duration::from_millis(100)),
            _ => Reply::json("[2]"),
        })
        .unwrap();
        let toml = "[[endpoint]]\nname = 'slow'\nurl = '/slow'\n[[endpoint]]\nname = 'fast'\nurl = '/fast'";
        assert_eq!(answer(toml, &server).value.unwrap().to_string(), r#"{"slow":[1],"fast":[2]}"#);
        let concat = format!("{toml}\n[merge]\nhow = 'concat'");
        assert_eq!(answer(&concat, &server).value.unwrap().to_string(), "[1,2]");
    }

    #[test]
    fn join_needs_rows() {
        let server = Mock::start(|request| match request.path() {
            "/rows" => Reply::json(r#"[{"id": 1}]"#),
            _ => Reply::json("[1]"),
        })
        .unwrap();
        let toml = "[[endpoint]]\nname = 'a'\nurl = '/rows'\n[[endpoint]]\nname = 'b'\nurl = '/numbers'\n\
                    [merge]\nhow = 'join'\nkey = 'id'";
        let answer = answer(toml, &server);
        assert_eq!(answer.value, Some(json!([{"id": 1}])));
        assert_eq!(answer.endpoints[1].outcome.as_ref().unwrap_err().kind(), ErrorKind::Parse);
    }
}

mod secrets {
    use super::*;

    const TOKEN: &str = "tok/en+0123 456";

    fn asked(toml: &str, server: &Mock) -> Answer {
        ask(&query(toml).with_variable("API_TOKEN", TOKEN), server.url()).unwrap()
    }

    fn assert_hidden(answer: &Answer) {
        let shown = format!("{answer:?} {:?} {:?}", answer.value, answer.warnings);
        let shown = answer.endpoints.iter().fold(shown, |shown, endpoint| match &endpoint.outcome {
            Err(error) => format!("{shown} {error} {error:?} {:?}", error.url()),
            Ok(()) => shown,
        });
        for form in ["tok/en", "tok%2Fen"] {
            assert!(!shown.contains(form), "{shown}");
        }
    }

    #[test]
    fn a_value_of_the_environment_is_sent_and_never_shown() {
        let server = Mock::start(|request| {
            let echo = json!({"auth": request.header("authorization"), "target": request.target()});
            Reply::json(echo.to_string())
        })
        .unwrap();
        let toml = "[[endpoint]]\nname = 'a'\nurl = '/x/{env:API_TOKEN}'\nparams = { key = 'env:API_TOKEN' }\n\
                    headers = { Authorization = 'Bearer env:API_TOKEN' }";
        let answer = asked(toml, &server);
        assert_hidden(&answer);
        assert_eq!(answer.value, Some(json!({"a": {"auth": "Bearer ***", "target": "/x/***?key=***"}})));
        assert!(answer.warnings[0].contains("***"));
        let seen = &server.requests()[0];
        assert_eq!(seen.header("authorization"), Some("Bearer tok/en+0123 456"));
        assert_eq!(seen.target(), "/x/tok%2Fen%2B0123%20456?key=tok%2Fen%2B0123+456");
    }

    #[test]
    fn an_error_that_names_the_url_hides_the_value_in_it() {
        let server = Mock::start(|request| match request.path() {
            "/html" => Reply::html("<p>"),
            "/loop" => Reply::redirect(307, request.target()),
            "/long" => Reply::redirect(302, &format!("/x{}?key=tok%2Fen%2B0123+456", "y".repeat(150))),
            _ => Reply::status(500),
        })
        .unwrap();
        for path in ["/500", "/html", "/loop", "/long"] {
            let toml =
                format!("[[endpoint]]\nname = 'a'\nurl = '{path}'\nparams = {{ key = 'env:API_TOKEN' }}");
            let answer = asked(&toml, &server);
            assert!(answer.endpoints[0].outcome.is_err());
            assert_hidden(&answer);
        }
    }

    #[test]
    fn a_next_page_of_another_origin_gets_none_of_it() {
        let elsewhere = Mock::start(|_| Reply::json(r#"{"items": [2]}"#)).unwrap();
        let next = elsewhere.join("/2");
        let server =
            Mock::start(move |_| Reply::json(json!({"items": [1], "next": next}).to_string())).unwrap();
        let client = Client::builder().retries(0).build().unwrap();
        client.allow_origin(elsewhere.url()).unwrap();
        let toml = "[[endpoint]]\nname = 'a'\nurl = '/1'\npointer = '/items'\nparams = { key = 'env:API_TOKEN' }\n\
                    headers = { Authorization = 'env:API_TOKEN', X-Key = 'env:API_TOKEN' }\n\
                    paginate = { next = '/next' }";
        let query =
            query(toml).with_variable("API_TOKEN", TOKEN).with_base(Url::parse(server.url()).unwrap());
        let answer = gather_core::run(query.run(&client, JOBS)).unwrap().unwrap();
        assert_eq!(answer.value, Some(json!({"a": [1, 2]})));
        let seen = &elsewhere.requests()[0];
        assert_eq!((seen.target(), seen.header("authorization"), seen.header("x-key")), ("/2", None, None));
    }

    #[test]
    fn a_next_page_cannot_lead_to_a_private_address() {
        let elsewhere = Mock::start(|_| Reply::json("{}")).unwrap().expect(0);
        let next = elsewhere.join("/2");
        let server = Mock::start(move |_| Reply::json(json!({"next": next}).to_string())).unwrap();
        let error = failure("url = '/1'\npaginate = { next = '/next' }", &server);
        assert_eq!(error.kind(), ErrorKind::PrivateAddress);
    }

    #[test]
    fn a_redirect_to_another_origin_carries_no_value_of_the_environment() {
        let elsewhere = Mock::start(|_| Reply::json("1")).unwrap();
        let target = elsewhere.join("/2");
        let server = Mock::start(move |_| Reply::redirect(302, &target)).unwrap();
        let client = Client::builder().retries(0).build().unwrap();
        client.allow_origin(elsewhere.url()).unwrap();
        let toml = "[[endpoint]]\nname = 'a'\nurl = '/1'\nheaders = { X-Key = 'env:API_TOKEN' }";
        let query =
            query(toml).with_variable("API_TOKEN", TOKEN).with_base(Url::parse(server.url()).unwrap());
        gather_core::run(query.run(&client, JOBS)).unwrap().unwrap();
        assert_eq!(elsewhere.requests()[0].header("x-key"), None);
    }

    #[test]
    fn a_variable_that_is_not_set_is_an_error_before_anything_is_asked() {
        let server = Mock::start(|_| Reply::json("1")).unwrap().expect(0);
        let toml = "[[endpoint]]\nname = 'a'\nurl = '/a'\n[[endpoint]]\nname = 'b'\nurl = '/b'\n\
                    headers = { X = 'env:GATHER_TEST_NOT_SET' }";
        let error = ask(&query(toml), server.url()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("GATHER_TEST_NOT_SET"), "{error}");
    }
}

mod files {
    use super::*;

    /// A file, the place of what is wrong with it, and words of the message.
    const BAD: [(&str, &str, &str); 28] = [
        ("[endpoint]\nname = 'a'\nurl = 'http://h/'", "line 1, column 1", "[[endpoint]]"),
        (
            "merge = 'join'\n[[endpoint]]\nname = 'a'\nurl = 'http://h/'",
            "line 1, column 9",
            "a table: [merge]",
        ),
        ("[[endpoint]]\nname = 'a'\nurl = 'http://h/'\nheaders = 1", "line 4, column 11", "a table"),
        ("", "line 1, column 1", "[[endpoint]]"),
        ("[[endpoint]\n", "line 1,", ""),
        ("[[endpoint]]\nname = 'a'", "line 1,", "missing key `url`"),
        ("[[endpoint]]\nurl = 'http://h/'", "line 1,", "missing key `name`"),
        ("[[endpoints]]\nname = 'a'", "line 1, column 3", "did you mean `endpoint`?"),
        (
            "[[endpoint]]\nname = 'a'\nurl = 'http://h/'\nponter = '/x'",
            "line 4, column 1",
            "did you mean `pointer`?",
        ),
        ("[[endpoint]]\nname = 'a'\nurl = 'http://h/'\nzzz = 1", "line 4, column 1", "what is known here"),
        ("[[endpoint]]\nname = ''\nurl = 'http://h/'", "line 2, column 8", "without a name"),
        ("[[endpoint]]\nname = 1\nurl = 'http://h/'", "line 2, column 8", "string"),
        (
            "[[endpoint]]\nname = 'a'\nurl = 'h.example/x'",
            "line 3, column 7",
            "did you mean https://h.example/x",
        ),
        ("[[endpoint]]\nname = 'a'\nurl = 'ftp://h/'", "line 3, column 7", "unknown scheme"),
        ("[[endpoint]]\nname = 'a'\nurl = 'http://h/{page}'", "line 3, column 7", "paginate"),
        (
            "[[endpoint]]\nname = 'a'\nurl = 'http://h/'\nmethod = 'GTE'",
            "line 4, column 10",
            "did you mean GET?",
        ),
        (
            "[[endpoint]]\nname = 'a'\nurl = 'http://h/'\npointer = 'data.x'",
            "line 4, column 11",
            "\"/data/x\"",
        ),
        (
            "[[endpoint]]\nname = 'a'\nurl = 'http://h/'\nheaders = { 'a b' = 'c' }",
            "line 4, column 21",
            "header name",
        ),
        (
            "[[endpoint]]\nname = 'a'\nurl = 'http://h/'\nheaders = { a = 'env:1' }",
            "line 4, column 17",
            "variable",
        ),
        ("[[endpoint]]\nname = 'a'\nurl = 'http://h/'\njson = {}\ndata = ''", "line 5, column 8", "one body"),
        (
            "[[endpoint]]\nname = 'a'\nurl = 'http://h/'\npaginate = { parm = 'p' }",
            "line 4, column 14",
            "`param`",
        ),
        ("[[endpoint]]\nname = 'a'\nurl = 'http://h/'\npaginate = { max = 3 }", "line 4, column 12", "param"),
        (
            "[[endpoint]]\nname = 'a'\nurl = 'http://h/'\npaginate = { param = 'p', max = 0 }",
            "line 4, column 33",
            "max",
        ),
        (
            "[[endpoint]]\nname = 'a'\nurl = 'http://h/'\npaginate = { param = 'p', max = -1 }",
            "line 4, column 33",
            "",
        ),
        (
            "[[endpoint]]\nname = 'a'\nurl = 'http://h/'\n[endpoint.paginate]\nnext = '/n'\nlink_header = true",
            "line 6, column 15",
            "contradict",
        ),
        (
            "[[endpoint]]\nname = 'a'\nurl = 'http://h/'\n[[endpoint]]\nname = 'a'\nurl = 'http://h/'",
            "line 5, column 8",
            "\"a\"",
        ),
        ("[[endpoint]]\nname = 'a'\nurl = 'http://h/'\n[merge]\nhow = 'join'", "line 5, column 7", "key"),
        (
            "[[endpoint]]\nname = 'a'\nurl = 'http://h/'\n[merge]\nhow = 'jion'",
            "line 5, column 7",
            "did you mean `join`?",
        ),
    ];

    #[test]
    fn what_does_not_hold_is_told_with_its_place_and_what_would_be_right() {
        for (text, place, words) in BAD {
            let error = text.parse::<Query>().unwrap_err();
            let shown = error.to_string();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(shown.starts_with(place) && shown.contains(words), "{text}\n{shown}");
            assert!(!shown.contains('\n'), "{shown}");
        }
    }

    /// Every key there is.
    const WHOLE: &str = r#"
[[endpoint]]
name = "users"
url = "https://api.example/users?page={page}"
method = "GET"
pointer = "/data"
headers = { Authorization = "env:API_TOKEN", X = 1 }
params = { size = 50, tag = ["a", "b"] }
paginate = { param = "page", from = 1, step = 1, until_empty = true, max = 50 }
required = true

[[endpoint]]
name = "graph"
url = "https://api.example/graphql"
json = { query = "{ users { id } }", variables = { after = "{after}", since = 2024-05-06 } }
paginate = { cursor = "/data/next", param = "after" }

[[endpoint]]
name = "form"
url = "https://api.example/{env:PLACE}"
method = "put"
data = "a=env:A"
paginate = { link_header = true }

[merge]
how = "object"
key = "id"
"#;

    #[test]
    fn a_file_with_every_key_is_read() {
        assert_eq!(query(WHOLE).names().collect::<Vec<_>>(), ["users", "graph", "form"]);
    }

    proptest! {
        #[test]
        fn a_damaged_file_is_an_error_with_a_place_and_no_panic(at in 0..WHOLE.len(), cut in 0_usize..40, put in ".{0,3}") {
            let end = (at + cut).min(WHOLE.len());
            let damaged = format!("{}{put}{}", &WHOLE[..at], &WHOLE[end..]);
            if let Err(error) = damaged.parse::<Query>() {
                prop_assert!(error.to_string().starts_with("line "), "{}", error);
            }
        }
    }

    #[test]
    fn the_same_query_is_read_from_other_formats() {
        let read = |value: Value| serde_json::from_value::<Query>(value);
        let query = read(json!({"endpoint": [{"name": "a", "url": "http://h/", "pointer": "/x"}]})).unwrap();
        assert_eq!(query.names().collect::<Vec<_>>(), ["a"]);
        let error =
            read(json!({"endpoint": [{"name": "a", "url": "http://h/", "pointer": "x"}]})).unwrap_err();
        assert!(error.to_string().contains("pointer"), "{error}");
    }

    #[test]
    fn a_relative_url_needs_a_base() {
        let query = query("[[endpoint]]\nname = 'a'\nurl = '/api/x.json'");
        assert!(query.check().unwrap_err().to_string().contains("hint"));
        assert!(query.with_base(Url::parse("http://h/").unwrap()).check().is_ok());
    }

    #[test]
    fn the_queries_that_ship_with_the_project_give_the_answers_that_ship_with_it() {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
        let read = |path: &str| std::fs::read_to_string(data.join(path)).unwrap();
        gather_core::run(async {
            let site = Site::builder(&data).start().await.unwrap();
            for name in ["query", "query-concat", "query-join", "query-partial"] {
                let query =
                    query(&read(&format!("api/{name}.toml"))).with_base(Url::parse(site.url()).unwrap());
                let answer = query.run(&Client::new(), JOBS).await.unwrap();
                let expected: Value =
                    serde_json::from_str(&read(&format!("api/expected/{name}.json"))).unwrap();
                assert_eq!(answer.value.unwrap(), expected, "{name}");
                assert_eq!(answer.warnings, Vec::<String>::new(), "{name}");
            }
            site.stop().await;
        })
        .unwrap();
    }
}

#[test]
fn a_query_that_is_dropped_asks_no_more() {
    use std::time::Duration;
    let server = Mock::start(|request| {
        Reply::json(format!("[{}]", request.number())).delay(Duration::from_millis(20))
    })
    .unwrap();
    let query = query("[[endpoint]]\nname = 'a'\nurl = '/'\npaginate = { param = 'page', max = 500 }")
        .with_base(Url::parse(server.url()).unwrap());
    gather_core::run(async {
        let client = Client::new();
        assert!(gather_core::timeout(Duration::from_millis(100), query.run(&client, JOBS)).await.is_err());
    })
    .unwrap();
    // The root scope has joined what was started: nobody is left to ask.
    let calls = server.calls();
    assert!(calls < 500);
    #[allow(clippy::disallowed_methods, reason = "nothing tells that nothing more will come")]
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(server.calls(), calls);
}

#[test]
fn a_query_is_send_and_so_is_its_future() {
    fn is_send<T: Send + 'static>(_: &T) {}
    let query = query("[[endpoint]]\nname = 'a'\nurl = 'http://h/'");
    is_send(&query.run(&Client::new(), JOBS));
    is_send(&query);
}
