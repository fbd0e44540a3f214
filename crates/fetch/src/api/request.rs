//! From an endpoint and a position in it to the request that asks for that page. Pure.

use std::sync::Arc;

use http::HeaderName;
use http::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT};
use serde_json::Value;
use url::Url;

use super::endpoint::{Body, Endpoint, is_gap_of, is_relative};
use super::environment::Environment;
use super::paginate::Position;
use super::template::{Fill, Template, whole_variable};
use crate::error::{Error, ErrorKind, Failure, shortened, shown};
use crate::request::Request;
use crate::url_input::same_origin;

/// An endpoint with all that its requests are made of.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    pub(crate) endpoint: Arc<Endpoint>,
    environment: Arc<Environment>,
    base: Option<Url>,
    /// The first page: its origin is the endpoint's own.
    home: Url,
}

impl Asking {
    /// Makes the first request and throws it away, so that whatever is wrong with it is known before anything is asked.
    ///
    /// # Errors
    /// `invalid_input`, without any value of the environment.
    pub(crate) fn new(
        endpoint: Arc<Endpoint>,
        environment: Arc<Environment>,
        base: Option<Url>,
    ) -> Result<Self, Error> {
        let position = endpoint.paging.first();
        let home = start(&endpoint, &environment, base.as_ref(), &position)?;
        let asking = Self { endpoint, environment, base, home };
        asking.request(&position)?;
        Ok(asking)
    }

    /// The URL of the first page.
    pub(crate) fn home(&self) -> &Url {
        &self.home
    }

    /// The request for a page.
    ///
    /// # Errors
    /// `scope` if it would carry values of the environment to another origin.
    pub(crate) fn request(&self, position: &Position) -> Result<Request, Error> {
        let mut url = match position {
            Position::At(url) => url.clone(),
            _ => start(&self.endpoint, &self.environment, self.base.as_ref(), position)?,
        };
        let is_home = same_origin(&self.home, &url);
        if is_home && matches!(position, Position::At(_)) {
            self.add_missing_secrets(&mut url);
        }
        // Only its own origin is one that somebody typed: a server must not lead us to a private address.
        let mut request = Request::new(self.endpoint.method.clone(), url)?.typed(is_home);
        for (name, value) in &self.endpoint.headers {
            if is_home || (travels(name) && !value.is_secret()) {
                request = self.with_header(request, name, value)?;
            }
        }
        if !request.headers().contains_key(ACCEPT) {
            request = request.header(ACCEPT.as_str(), "application/json")?;
        }
        self.with_body(request, position, is_home)
    }

    /// Servers leave keys out of the links they give: those parameters are added that the environment holds.
    fn add_missing_secrets(&self, url: &mut Url) {
        for (name, value) in self.endpoint.params.iter().filter(|(_, value)| value.is_secret()) {
            if !url.query_pairs().any(|(given, _)| given == name.as_str()) {
                url.query_pairs_mut().append_pair(name, &value.fill(&self.environment, "", Fill::Plain));
            }
        }
    }

    fn with_header(&self, request: Request, name: &HeaderName, value: &Template) -> Result<Request, Error> {
        let mut request = request.header(name.as_str(), value.fill(&self.environment, "", Fill::Plain))?;
        if let Some(header) = request.headers_mut().get_mut(name) {
            header.set_sensitive(header.is_sensitive() || value.is_secret());
        }
        Ok(request)
    }

    fn with_body(&self, request: Request, position: &Position, is_home: bool) -> Result<Request, Error> {
        let body = &self.endpoint.body;
        if !is_home && !body.variables().is_empty() {
            let fact = format!(
                "{}: the next page is of another origin, and the body holds a secret",
                shown(request.url())
            );
            return Err(Failure::new(ErrorKind::Scope, fact).into());
        }
        match body {
            Body::Nothing => Ok(request),
            Body::Json(value) => request.json(&self.filled(value, position)),
            Body::Text(text) => {
                let request = match request.headers().contains_key(CONTENT_TYPE) {
                    true => request,
                    false => request.header(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")?,
                };
                Ok(request.body(text.fill(&self.environment, &page_text(position), Fill::Plain)))
            }
        }
    }

    /// The page keeps its type in JSON: a number stays one, and before the first cursor there is `null`.
    fn filled(&self, value: &Value, position: &Position) -> Value {
        match value {
            Value::String(text) => match (whole_variable(text), self.endpoint.paging.param()) {
                (Ok(Some(name)), _) => self.environment.value(&name).into(),
                (_, Some(param)) if is_gap_of(text, param) => match position {
                    Position::Value(page) => page.clone(),
                    _ => Value::Null,
                },
                _ => value.clone(),
            },
            Value::Array(items) => items.iter().map(|item| self.filled(item, position)).collect(),
            Value::Object(map) => {
                map.iter().map(|(key, value)| (key.clone(), self.filled(value, position))).collect()
            }
            other => other.clone(),
        }
    }
}

/// The endpoint's own URL at this position: its gaps filled, its parameters added.
fn start(
    endpoint: &Endpoint,
    environment: &Environment,
    base: Option<&Url>,
    position: &Position,
) -> Result<Url, Error> {
    let page = page_text(position);
    let text = endpoint.url.fill(environment, &page, Fill::Encoded);
    let mut url = absolute(text.trim(), endpoint, base)?;
    for (name, value) in &endpoint.params {
        url.query_pairs_mut().append_pair(name, &value.fill(environment, &page, Fill::Plain));
    }
    let is_placed = endpoint.places_page();
    if let (Some(param), Position::Value(_), false) = (endpoint.paging.param(), position, is_placed) {
        set_parameter(&mut url, param, &page);
    }
    Ok(url)
}

/// The error never holds the URL where a value of the environment is part of it.
fn absolute(text: &str, endpoint: &Endpoint, base: Option<&Url>) -> Result<Url, Error> {
    let bad = |why: &dyn std::fmt::Display| {
        let why = match endpoint.url.is_secret() {
            true => "it does not hold once its variables are filled in".to_owned(),
            false => format!("{:?}: {why}", shortened(text)),
        };
        Failure::invalid(format!("bad url of endpoint {:?}: {why}", endpoint.name))
    };
    let url = match base {
        Some(base) if is_relative(text) => base.join(text),
        None if is_relative(text) => {
            return Err(bad(&"relative to nothing").hint("write it whole, with its scheme and host").into());
        }
        _ => Url::parse(text),
    };
    let url = url.map_err(|error| bad(&error))?;
    crate::url_input::checked(url).map_err(|failure| bad(&failure).into())
}

fn page_text(position: &Position) -> String {
    match position {
        Position::Value(Value::String(text)) => text.clone(),
        Position::Value(other) => other.to_string(),
        _ => String::new(),
    }
}

/// Puts the parameter in place of those of its name.
fn set_parameter(url: &mut Url, name: &str, value: &str) {
    if url.query_pairs().any(|(given, _)| given == name) {
        let others: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(given, _)| given != name)
            .map(|pair| (pair.0.into(), pair.1.into()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(others);
    }
    url.query_pairs_mut().append_pair(name, value);
}

/// The headers that say nothing of who asks, and so may go to another origin.
fn travels(name: &HeaderName) -> bool {
    [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT].contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asking(toml: &str, base: Option<&str>) -> Result<Asking, Error> {
        let endpoint = Endpoint::from_file(toml::from_str(&format!("name = 'a'\n{toml}")).unwrap());
        let environment =
            Environment::of([("TOKEN", "s3 cr3t"), ("BAD", "s3\ncr3t"), ("URL", "http://u.example/x")]);
        let base = base.map(|base| Url::parse(base).unwrap());
        Asking::new(Arc::new(endpoint.unwrap()), Arc::new(environment), base)
    }

    fn page(number: i64) -> Position {
        Position::Value(number.into())
    }

    fn url(asking: &Asking, position: &Position) -> String {
        asking.request(position).unwrap().url().to_string()
    }

    #[test]
    fn the_page_goes_where_its_place_is_and_else_into_the_query() {
        let paginate = "paginate = { param = 'page' }";
        let table = [
            ("url = 'http://h/p{page}.json'", "http://h/p2.json"),
            ("url = 'http://h/?page=1&x=%20y'", "http://h/?x=+y&page=2"),
            ("url = 'http://h/?a=%20b'\nparams = { c = 'd e' }", "http://h/?a=%20b&c=d+e&page=2"),
            ("url = 'http://h/'\nparams = { p = '{page}' }", "http://h/?p=2"),
            ("url = 'http://h/'\njson = { p = '{page}' }", "http://h/"),
            ("url = 'http://h/'\ndata = 'p={page}'", "http://h/"),
        ];
        for (toml, expected) in table {
            assert_eq!(
                url(&asking(&format!("{toml}\n{paginate}"), None).unwrap(), &page(2)),
                expected,
                "{toml}"
            );
        }
    }

    #[test]
    fn json_keeps_the_type_of_the_page() {
        let asking = asking(
            "url = 'http://h/'\njson = { query = '{ after }', v = [{ after = '{after}', key = 'env:TOKEN' }] }\n\
             paginate = { cursor = '/next', param = 'after' }",
            None,
        )
        .unwrap();
        let body = |position: &Position| -> Value {
            serde_json::from_slice(&asking.request(position).unwrap().body).unwrap()
        };
        let expected =
            |after: Value| json!({"query": "{ after }", "v": [{"after": after, "key": "s3 cr3t"}]});
        assert_eq!(body(&Position::First), expected(json!(null)));
        assert_eq!(body(&page(7)), expected(json!(7)));
        assert_eq!(body(&Position::Value(json!("x"))), expected(json!("x")));
        assert_eq!(asking.request(&page(7)).unwrap().headers()[CONTENT_TYPE], "application/json");
    }

    #[test]
    fn another_origin_gets_neither_credentials_nor_secrets() {
        let headers =
            "headers = { Authorization = 'x', X-Key = 'env:TOKEN', X-Id = 'y', Accept-Language = 'de' }";
        let toml = format!(
            "url = 'http://h/'\nparams = {{ key = 'env:TOKEN' }}\n{headers}\npaginate = {{ next = '/n' }}"
        );
        let asking = asking(&toml, None).unwrap();
        let names = |url: &str| -> Vec<String> {
            let request = asking.request(&Position::At(Url::parse(url).unwrap())).unwrap();
            assert_eq!(request.typed, url.starts_with("http://h/"));
            let mut names: Vec<String> = request.headers().keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(names("http://h/2"), ["accept", "accept-language", "authorization", "x-id", "x-key"]);
        assert_eq!(names("http://h:81/2"), ["accept", "accept-language"]);
        assert_eq!(names("https://h/2"), ["accept", "accept-language"]);
        assert_eq!(
            url(&asking, &Position::At(Url::parse("http://h/2?a=b").unwrap())),
            "http://h/2?a=b&key=s3+cr3t"
        );
        assert_eq!(url(&asking, &Position::At(Url::parse("http://h/2?key=k").unwrap())), "http://h/2?key=k");
        assert_eq!(url(&asking, &Position::At(Url::parse("http://x/2").unwrap())), "http://x/2");
    }

    #[test]
    fn a_secret_body_goes_to_no_other_origin() {
        let asking =
            asking("url = 'http://h/'\njson = { k = 'env:TOKEN' }\npaginate = { next = '/n' }", None)
                .unwrap();
        let error = asking.request(&Position::At(Url::parse("http://x/").unwrap())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Scope);
    }

    #[test]
    fn relative_urls_need_a_base() {
        let error = asking("url = '/api/x.json'", None).unwrap_err();
        assert!(error.to_string().contains("relative"), "{error}");
        let asking = asking("url = '/api/x.json'", Some("http://127.0.0.1:80/demo/")).unwrap();
        assert_eq!(asking.home().as_str(), "http://127.0.0.1/api/x.json");
    }

    #[test]
    fn a_value_that_does_not_hold_is_not_shown() {
        for toml in [
            "url = 'http://h/'\nheaders = { X = 'env:BAD' }",
            "url = 'env:TOKEN'",
            "url = 'http://{env:TOKEN}/'",
        ] {
            let error = asking(toml, None).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3"), "{error:?}");
        }
        assert_eq!(asking("url = 'env:URL'", None).unwrap().home().as_str(), "http://u.example/x");
    }
}
