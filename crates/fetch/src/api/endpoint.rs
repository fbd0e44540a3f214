//! An endpoint as it is run: everything checked that can be checked without the environment and the network.

use http::{HeaderName, Method};
use serde_json::{Map, Value};
use url::Url;

use super::file::{EndpointFile, Problem, dates_as_strings};
use super::nearest::nearest;
use super::paginate::Paging;
use super::pointer::Pointer;
use super::template::{BadVariable, Template, whole_variable};
use crate::error::shortened;
use crate::request::{Request, header_parts};

/// The methods that have an answer to read.
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// An endpoint to ask.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    pub(crate) method: Method,
    pub(crate) url: Template,
    pub(crate) params: Vec<(String, Template)>,
    pub(crate) headers: Vec<(HeaderName, Template)>,
    pub(crate) body: Body,
    pub(crate) pointer: Pointer,
    pub(crate) paging: Paging,
    pub(crate) required: bool,
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Nothing,
    /// JSON, in which a string that is `env:NAME`, or the page's parameter in braces, is a gap.
    Json(Value),
    Text(Template),
}

impl Endpoint {
    /// Checks what is written.
    pub(crate) fn from_file(file: EndpointFile) -> Result<Self, Problem> {
        if file.name.trim().is_empty() {
            return Err(Problem::new("an endpoint without a name").under("name"));
        }
        let paging =
            Paging::from_file(file.paginate.as_ref()).map_err(|problem| problem.under("paginate"))?;
        let param = paging.param();
        let body = body(file.json, file.data.as_deref(), param)?;
        Ok(Self {
            method: method(file.method.as_deref(), &body)?,
            url: url(&file.url, param).map_err(|problem| problem.under("url"))?,
            params: params(file.params, param).map_err(|problem| problem.under("params"))?,
            headers: headers(file.headers).map_err(|problem| problem.under("headers"))?,
            pointer: pointer(&file.pointer).map_err(|problem| problem.under("pointer"))?,
            name: file.name,
            required: file.required,
            body,
            paging,
        })
    }

    /// The environment variables that it needs.
    pub(crate) fn variables(&self) -> Vec<&str> {
        let templates = std::iter::once(&self.url)
            .chain(self.params.iter().map(|(_, template)| template))
            .chain(self.headers.iter().map(|(_, template)| template));
        templates.flat_map(Template::variables).chain(self.body.variables()).collect()
    }

    /// Whether the page's parameter has a place of its own. If not, it becomes a query parameter.
    pub(crate) fn places_page(&self) -> bool {
        self.url.has_page()
            || self.params.iter().any(|(_, template)| template.has_page())
            || self.paging.param().is_some_and(|param| self.body.has_page(param))
    }
}

impl Body {
    pub(crate) fn variables(&self) -> Vec<&str> {
        match self {
            Body::Nothing => Vec::new(),
            Body::Text(template) => template.variables().collect(),
            Body::Json(value) => {
                strings(value).into_iter().filter_map(|text| text.strip_prefix("env:")).collect()
            }
        }
    }

    fn has_page(&self, param: &str) -> bool {
        match self {
            Body::Nothing => false,
            Body::Text(template) => template.has_page(),
            Body::Json(value) => strings(value).into_iter().any(|text| is_gap_of(text, param)),
        }
    }
}

/// Whether a text is the parameter in braces, and nothing else.
pub(crate) fn is_gap_of(text: &str, param: &str) -> bool {
    text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) == Some(param)
}

fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(map) => map.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

fn body(json: Option<Value>, data: Option<&str>, param: Option<&str>) -> Result<Body, Problem> {
    match (json, data) {
        (Some(_), Some(_)) => Err(Problem::new("`json` and `data` contradict each other")
            .hint("a request has one body")
            .under("data")),
        (Some(json), None) => {
            for text in strings(&json) {
                whole_variable(text).map_err(|bad| bad_variable(bad).under("json"))?;
            }
            Ok(Body::Json(dates_as_strings(json)))
        }
        (None, Some(data)) => template(data, param).map(Body::Text).map_err(|problem| problem.under("data")),
        (None, None) => Ok(Body::Nothing),
    }
}

/// The method that is written, in any case; else POST if there is a body, and GET if not.
fn method(written: Option<&str>, body: &Body) -> Result<Method, Problem> {
    let has_body = !matches!(body, Body::Nothing);
    let Some(written) = written else {
        return Ok(if has_body { Method::POST } else { Method::GET });
    };
    let Some(method) = METHODS.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(written))
    else {
        let names: Vec<&str> = METHODS.iter().map(Method::as_str).collect();
        let hint = match nearest(written, names.iter().copied()) {
            Some(name) => format!("did you mean {name}?"),
            None => format!("known methods: {}", names.join(", ")),
        };
        return Err(Problem::new(format!("unknown method {:?}", shortened(written)))
            .hint(hint)
            .under("method"));
    };
    if method == Method::GET && has_body {
        let problem = Problem::new("a GET with a body");
        return Err(problem.hint("leave method out: json or data make it a POST").under("method"));
    }
    Ok(method)
}

fn url(text: &str, param: Option<&str>) -> Result<Template, Problem> {
    let template = template(text.trim(), param)?;
    if let Some(gap) = template.unknown_gap() {
        let hint = match param {
            Some(param) => format!("the parameter of paginate is {param:?}: write {{{param}}}"),
            None => format!("paginate = {{ param = {gap:?} }} gives it values; {{env:NAME}} is a variable"),
        };
        return Err(Problem::new(format!("nothing fills {{{}}} in the url", shortened(gap))).hint(hint));
    }
    match template.sample() {
        Some(sample) if sample.contains(['{', '}']) => {
            Err(Problem::new(format!("a lone brace in the url {:?}", shortened(text)))
                .hint("as a character it is %7B or %7D"))
        }
        Some(sample) if !is_relative(&sample) => fetchable(&sample).map(|()| template),
        Some(sample) => Url::parse("http://base.invalid/")
            .and_then(|base| base.join(&sample))
            .map(|_| template)
            .map_err(|error| Problem::new(format!("bad url {:?}: {error}", shortened(&sample)))),
        None => Ok(template),
    }
}

/// Whether a URL needs a base: a path or a query, told by its first character (`example.com/x` is a URL without its
/// scheme).
pub(crate) fn is_relative(text: &str) -> bool {
    text.starts_with(['/', '.', '?'])
}

fn fetchable(text: &str) -> Result<(), Problem> {
    Request::get(text).map(drop).map_err(|error| {
        let problem = Problem::new(error.fact());
        match error.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    })
}

/// A parameter whose value is a list is given as often as the list is long.
fn params(table: Map<String, Value>, param: Option<&str>) -> Result<Vec<(String, Template)>, Problem> {
    let mut params = Vec::new();
    for (name, value) in table {
        let values = match value {
            Value::Array(values) => values,
            single => vec![single],
        };
        for value in values {
            let value =
                scalar(&value).and_then(|text| template(&text, param)).map_err(|bad| bad.under(&name))?;
            params.push((name.clone(), value));
        }
    }
    Ok(params)
}

fn headers(table: Map<String, Value>) -> Result<Vec<(HeaderName, Template)>, Problem> {
    let mut headers = Vec::new();
    for (name, value) in table {
        let header = scalar(&value).and_then(|text| {
            let value = template(&text, None)?;
            let (name, _) = header_parts(&name, value.sample().unwrap_or_default().as_bytes())
                .map_err(|failure| Problem::new(failure.to_string()))?;
            Ok((name, value))
        });
        headers.push(header.map_err(|problem| problem.under(&name))?);
    }
    Ok(headers)
}

fn scalar(value: &Value) -> Result<String, Problem> {
    match dates_as_strings(value.clone()) {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        _ => Err(Problem::new("a value that is neither text nor number").hint("write it as a string")),
    }
}

fn pointer(text: &str) -> Result<Pointer, Problem> {
    Pointer::parse(text).map_err(|bad| Problem::new(bad.to_string()).hint(bad.hint()))
}

fn template(text: &str, param: Option<&str>) -> Result<Template, Problem> {
    Template::parse(text, param).map_err(bad_variable)
}

fn bad_variable(bad: BadVariable) -> Problem {
    Problem::new(format!("env:{} does not name a variable", shortened(&bad.0)))
        .hint("letters, digits and _, as in env:API_TOKEN")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(toml: &str) -> Result<Endpoint, String> {
        let file = toml::from_str(&format!("name = 'a'\n{toml}"))
            .map_err(|error: toml::de::Error| error.to_string())?;
        Endpoint::from_file(file).map_err(|problem| problem.unplaced().to_string())
    }

    #[test]
    fn a_body_makes_it_a_post() {
        let method =
            |toml: &str| endpoint(&format!("url = 'http://h/'\n{toml}")).map(|endpoint| endpoint.method);
        assert_eq!(method(""), Ok(Method::GET));
        assert_eq!(method("json = { query = '{ a }' }"), Ok(Method::POST));
        assert_eq!(method("data = 'a=b'"), Ok(Method::POST));
        assert_eq!(method("method = 'put'\ndata = 'a=b'"), Ok(Method::PUT));
        assert!(method("method = 'GET'\ndata = 'a=b'").unwrap_err().contains("leave method out"));
        assert!(method("method = 'PSOT'").unwrap_err().contains("did you mean POST?"));
        assert!(method("method = 'HEAD'").is_err());
        assert!(method("data = 'x'\njson = 1").is_err());
    }

    #[test]
    fn a_url_is_whole_or_relative_or_comes_from_the_environment() {
        let url = |url: &str| endpoint(&format!("url = {url:?}"));
        for good in ["http://h/", "/api/x.json", "?a=b", "env:URL", "https://{env:HOST}:80{env:N}/x", "./x"] {
            assert!(url(good).is_ok(), "{good}: {:?}", url(good));
        }
        for bad in [
            "",
            "h/x",
            "ftp://h/",
            "http://",
            "http://h:99999/",
            "http://h/{page}",
            "http://h/{env:a b}",
            "env:",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert!(url("api.example/users").unwrap_err().contains("https://api.example/users"));
        assert!(url("http://h/{page}").unwrap_err().contains("param = \"page\""));
    }

    #[test]
    fn every_variable_is_known_beforehand() {
        let endpoint = endpoint(
            "url = 'http://h/{env:A}'\nparams = { x = ['env:B', 1], y = true }\nheaders = { X = 'Bearer env:C' }\n\
             json = { a = [{ b = 'env:D' }], c = 'not env:E' }",
        )
        .unwrap();
        assert_eq!(endpoint.variables(), ["A", "B", "C", "D"]);
        assert_eq!(endpoint.params.len(), 3);
    }

    #[test]
    fn what_no_header_or_parameter_can_hold_is_refused() {
        for bad in [
            "headers = { 'a b' = 'x' }",
            "headers = { a = \"x\\ny\" }",
            "headers = { a = { b = 1 } }",
            "params = { a = { b = 1 } }",
            "params = { a = 'env:1' }",
            "json = { a = 'env:1' }",
            "pointer = 'data'",
        ] {
            assert!(endpoint(&format!("url = 'http://h/'\n{bad}")).is_err(), "{bad}");
        }
    }
}
