//! The facade: a query file, checked, and run.

use std::collections::{BTreeMap, HashSet};
use std::future::{Future, pending};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;

use futures::future::{Either, select};
use futures::{StreamExt, stream};
use gather_core::{CancelToken, map_concurrent};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::Url;

use super::answer::{Answer, EndpointReport};
use super::ask::{Asked, ask, unheard};
use super::endpoint::Endpoint;
use super::environment::Environment;
use super::file::{self, Problem, QueryFile};
use super::merge::Merge;
use super::redact::Redactor;
use super::request::Asking;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Failure};
use crate::secret::Secret;

/// Many API endpoints, asked at once, and one value made of their answers.
///
/// It is read from TOML, and everything that can be checked without a network is checked then. The same file is also
/// read through serde from any other format.
///
/// ```toml
/// [[endpoint]]
/// name = "users"                    # names it in the answer and in errors
/// url = "https://api.example/users?page={page}"
/// method = "GET"                    # the default; POST where there is a body
/// # json = { query = "…" }          # a JSON body (GraphQL too); or data = "a=b"
/// pointer = "/data"                 # JSON pointer (RFC 6901) to the part to keep; the default is all of it
/// headers = { Authorization = "env:API_TOKEN" }
/// params = { per_page = 50 }        # query parameters; a list repeats its parameter
/// paginate = { param = "page", from = 1, until_empty = true, max = 50 }
/// required = true                   # if it fails, there is no answer; the default is to leave it out
///
/// [merge]
/// how = "object"                    # {name: data, …}; or "concat": one array; or "join": by key
/// key = "id"
/// ```
///
/// **Pages** of one endpoint are read one after the other, and their items make one array. `param` counts from `from`
/// (1) by `step` (1), until a page is empty or missing (404); with `until_empty = false` exactly `max` pages are read.
/// `next` points to the URL of the next page, `link_header = true` takes it from the `Link` header (RFC 8288), and
/// `cursor` points to the next value of `param`. The parameter goes where `{param}` stands in the URL, in `params`, in
/// `data` or as a whole string in `json`; else it becomes a query parameter. Reading stops at `max` with a warning;
/// without `max`, more than 1,000 pages are refused as `too_large`, and so are more than 256 MiB, or 8,000,000 commas and
/// brackets, in all. A next page that was already read ends the pages, with a warning.
///
/// **Values of the environment** are written `env:NAME`, as a whole or as a word (`Bearer env:TOKEN`) of a header, a
/// parameter or `data`, or `{env:NAME}` inside of those and of URLs; in `json`, as a whole string. They never appear in
/// answers, reports, warnings or errors: `***` stands for them, also where a server echoes them. They go to the origin
/// of the endpoint's URL and to no other.
///
/// **join** merges the rows of all endpoints by the value of `key`: an outer join in the order in which keys first
/// appear. Of a field that differs the first value stays, with a warning; a further row with the same key merges in the
/// same way, and a row without the key is kept as it is, with a warning. `1` and `"1"` are two keys.
///
/// ```
/// use gather_fetch::Query;
///
/// let query: Query = "[[endpoint]]\nname = 'users'\nurl = 'https://api.example/users'".parse()?;
/// assert_eq!(query.names().collect::<Vec<_>>(), ["users"]);
///
/// let error = "[[endpoint]]\nname = 'users'\nulr = 'https://api.example/'".parse::<Query>().unwrap_err();
/// assert_eq!(error.to_string(), "line 3, column 1: unknown key `ulr`; hint: did you mean `url`?");
/// # Ok::<(), gather_fetch::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Query {
    endpoints: Vec<Arc<Endpoint>>,
    merge: Merge,
    base: Option<Url>,
    given: BTreeMap<String, Secret>,
}

impl FromStr for Query {
    type Err = Error;

    /// Reads the text of a query file.
    ///
    /// # Errors
    /// `invalid_input`, with line and column, and a hint where one helps.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_file(file::parse(text)?).map_err(|problem| problem.placed(text))
    }
}

impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let file = QueryFile::deserialize(deserializer)?;
        Self::from_file(file).map_err(|problem| serde::de::Error::custom(problem.unplaced()))
    }
}

impl Query {
    fn from_file(file: QueryFile) -> Result<Self, Problem> {
        if file.endpoint.is_empty() {
            return Err(Problem::new("no endpoint to ask").hint("write [[endpoint]], with a name and a url"));
        }
        let mut names = HashSet::new();
        let mut endpoints = Vec::new();
        for (at, endpoint) in file.endpoint.into_iter().enumerate() {
            let endpoint =
                Endpoint::from_file(endpoint).map_err(|problem| problem.at(at).under("endpoint"))?;
            if !names.insert(endpoint.name.clone()) {
                let problem = Problem::new(format!("two endpoints are named {:?}", endpoint.name));
                return Err(problem
                    .hint("give each a name of its own")
                    .under("name")
                    .at(at)
                    .under("endpoint"));
            }
            endpoints.push(Arc::new(endpoint));
        }
        let merge = Merge::from_file(file.merge).map_err(|problem| problem.under("merge"))?;
        Ok(Self { endpoints, merge, base: None, given: BTreeMap::new() })
    }

    /// Resolves relative URLs (`/api/users.json`) against this one. The default is none: they are then an error of
    /// [`run`](Self::run).
    #[must_use]
    pub fn with_base(mut self, base: Url) -> Self {
        self.base = Some(base);
        self
    }

    /// Gives `env:NAME` this value, in place of the process's environment.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.given.insert(name.into(), value.into());
        self
    }

    /// The names of the endpoints, in the order of the file.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.endpoints.iter().map(|endpoint| endpoint.name.as_str())
    }

    /// Checks what only the moment of running can tell: that every variable is set and every URL, header and body
    /// holds with its value. [`run`](Self::run) does this first.
    ///
    /// # Errors
    /// `invalid_input`, without any value of the environment.
    pub fn check(&self) -> Result<(), Error> {
        self.asking().map(drop)
    }

    /// Asks all endpoints, at most `jobs` at once, each for its pages one after the other, and merges their answers.
    ///
    /// What befalls an endpoint is a value in its report; all are asked, also when one that is required has failed.
    /// The client's total time limit holds for all pages of an endpoint together.
    /// Dropping the future stops every request.
    ///
    /// ```
    /// use gather_fetch::{Client, Query, Url};
    /// use gather_site::{Mock, Reply};
    ///
    /// let server = Mock::start(|request| match request.path() {
    ///     "/1" => Reply::json(r#"{"items": ["a", "b"], "next": "/2"}"#),
    ///     _ => Reply::json(r#"{"items": ["c"]}"#),
    /// })?;
    /// let toml = "[[endpoint]]\nname = 'all'\nurl = '/1'\npointer = '/items'\npaginate = { next = '/next' }";
    /// let query = toml.parse::<Query>()?.with_base(Url::parse(server.url())?);
    ///
    /// let answer = gather_core::run(query.run(&Client::new(), 8.try_into()?))??;
    /// assert_eq!(answer.value.unwrap().to_string(), r#"{"all":["a","b","c"]}"#);
    /// assert_eq!(answer.endpoints[0].requests, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`check`](Self::check), before anything is sent.
    pub fn run(
        &self,
        client: &Client,
        jobs: NonZeroUsize,
    ) -> impl Future<Output = Result<Answer, Error>> + Send + 'static + use<> {
        self.run_until(client, jobs, pending::<()>())
    }

    /// The same up to a moment: once `end` is ready, or as soon as the current scope is cancelled for those that are not begun,
    /// an endpoint that is not answered is reported with kind `cancelled`, and the answer is made of the others.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::sleep;
    /// use gather_fetch::{Client, Query, Url};
    /// use gather_site::{Mock, Reply};
    ///
    /// let server = Mock::start(|request| match request.path() {
    ///     "/slow" => Reply::json("1").after(std::future::pending()),
    ///     _ => Reply::json("2"),
    /// })?;
    /// let toml = "[[endpoint]]\nname = 'a'\nurl = '/slow'\n[[endpoint]]\nname = 'b'\nurl = '/'";
    /// let query = toml.parse::<Query>()?.with_base(Url::parse(server.url())?);
    ///
    /// let ended = query.run_until(&Client::new(), 8.try_into()?, sleep(Duration::from_secs(1)));
    /// let answer = gather_core::run(ended)??;
    /// assert_eq!(answer.value.unwrap().to_string(), r#"{"b":2}"#);
    /// assert_eq!(answer.endpoints[0].outcome.as_ref().unwrap_err().kind().as_str(), "cancelled");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_until<E: Future + Send + 'static>(
        &self,
        client: &Client,
        jobs: NonZeroUsize,
        end: E,
    ) -> impl Future<Output = Result<Answer, Error>> + Send + 'static + use<E> {
        let (client, merge, asking) = (client.clone(), self.merge.clone(), self.asking());
        async move {
            let (asking, redactor) = asking?;
            let mut asked: Vec<Asked> =
                asking.iter().map(|asking| unanswered(unheard(asking, &redactor))).collect();
            let stopped = CancelToken::current().cancelled();
            let open = stream::iter(asking.into_iter().enumerate()).take_until(stopped);
            let answers = map_concurrent(open, jobs, move |(at, asking)| {
                let asked = ask(client.clone(), asking, redactor.clone());
                async move { (at, asked.await) }
            });
            let (mut answers, mut end) = (pin!(answers), pin!(end));
            // One that ended in another way, as by a panic, stays without an answer.
            while let Either::Left((Some(ended), _)) = select(answers.next(), &mut end).await {
                if let Ok((at, answered)) = ended
                    && let Some(place) = asked.get_mut(at)
                {
                    *place = answered;
                }
            }
            Ok(answer(&merge, asked))
        }
    }

    fn asking(&self) -> Result<(Vec<Asking>, Redactor), Error> {
        let names = self.endpoints.iter().flat_map(|endpoint| endpoint.variables());
        let environment = Arc::new(Environment::look_up(names, &self.given)?);
        let redactor = Redactor::new(&environment);
        let asking = self
            .endpoints
            .iter()
            .map(|endpoint| Asking::new(endpoint.clone(), environment.clone(), self.base.clone()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| redactor.error(error))?;
        Ok((asking, redactor))
    }
}

fn unanswered(report: EndpointReport) -> Asked {
    let error = Error::from(Failure::new(ErrorKind::Cancelled, "the run ended before its answer came"));
    Asked { report: EndpointReport { outcome: Err(error), ..report }, data: None, warnings: Vec::new() }
}

fn answer(merge: &Merge, asked: Vec<Asked>) -> Answer {
    let mut endpoints = Vec::new();
    let mut answers: Vec<(String, Value)> = Vec::new();
    let mut warnings = Vec::new();
    for Asked { mut report, data, warnings: own } in asked {
        warnings.extend(own);
        if let Some(data) = data {
            match merge.objection(&data) {
                Some(objection) => report.outcome = Err(Failure::new(ErrorKind::Parse, objection).into()),
                None => answers.push((report.name.clone(), data)),
            }
        }
        endpoints.push(report);
    }
    if endpoints.iter().any(|endpoint| endpoint.required && endpoint.outcome.is_err()) {
        return Answer { value: None, endpoints, warnings };
    }
    let (value, misfits) = merge.merge(answers);
    warnings.extend(misfits);
    Answer { value: Some(value), endpoints, warnings }
}
