//! Asks one endpoint: its pages one after the other, until there is none left.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use gather_core::{Lane, now, timeout, to_thread_in};
use serde_json::Value;

use super::answer::EndpointReport;
use super::paginate::{Page, Position};
use super::redact::Redactor;
use super::request::Asking;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Failure, Phase, shortened, shown};
use crate::response::Response;

/// All pages of an endpoint together hold so many bytes at most; it is refused beyond that.
pub(crate) const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// All pages of an endpoint together have so many commas and brackets at most. Each of them may be a value, of about a hundred
/// bytes in memory, for two in the answer.
const MOST_MARKS: usize = 8_000_000;

/// From this size on an answer is parsed off the event loop.
const LARGE: usize = 128 * 1024;

/// What an endpoint answered, free of secrets.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) report: EndpointReport,
    /// `None` if it failed.
    pub(crate) data: Option<Value>,
    pub(crate) warnings: Vec<String>,
}

/// Asks an endpoint for all of its pages. Whatever goes wrong is a value in the report.
pub(crate) async fn ask(client: Client, asking: Asking, redactor: Redactor) -> Asked {
    let start = now();
    let mut reading = Reading::new(&asking);
    let result = match client.timeouts().total {
        // The limit is one for all of an endpoint's pages, as it is one for all hops and retries of a page.
        Some(total) => timeout(total, reading.all(&client))
            .await
            .unwrap_or_else(|_| Err(late(&asking, total, reading.attempts + 1))),
        None => reading.all(&client).await,
    };
    let mut report = EndpointReport {
        requests: reading.requests,
        attempts: reading.attempts,
        bytes: reading.bytes,
        stopped_by_max: reading.stopped_by_max,
        elapsed: now().saturating_duration_since(start),
        ..unheard(&asking, &redactor)
    };
    let mut warnings: Vec<String> = reading.warnings.iter().map(|warning| redactor.text(warning)).collect();
    let data = match result {
        Ok(mut data) => {
            if redactor.value(&mut data) {
                warnings.push(format!(
                    "endpoint {:?} echoes a value of the environment: *** stands for it",
                    report.name
                ));
            }
            report.items = count(&data);
            Some(data)
        }
        Err(error) => {
            report.outcome = Err(redactor.error(error));
            None
        }
    };
    Asked { report, data, warnings }
}

/// The report of an endpoint that has not been heard of.
pub(crate) fn unheard(asking: &Asking, redactor: &Redactor) -> EndpointReport {
    EndpointReport {
        name: asking.endpoint.name.clone(),
        url: redactor.url(asking.home()),
        required: asking.endpoint.required,
        requests: 0,
        attempts: 0,
        bytes: 0,
        items: 0,
        outcome: Ok(()),
        stopped_by_max: false,
        elapsed: Duration::ZERO,
    }
}

fn late(asking: &Asking, total: Duration, attempts: u32) -> Error {
    Error::of_request(Failure::timeout(Phase::Total, Some(total)), asking.home(), attempts, total)
}

/// How many items a value holds.
fn count(data: &Value) -> usize {
    match data {
        Value::Array(items) => items.len(),
        Value::Null => 0,
        _ => 1,
    }
}

/// An endpoint while it is read.
struct Reading<'a> {
    asking: &'a Asking,
    requests: u32,
    attempts: u32,
    bytes: u64,
    marks: usize,
    items: Vec<Value>,
    seen: HashSet<String>,
    stopped_by_max: bool,
    warnings: Vec<String>,
}

impl<'a> Reading<'a> {
    fn new(asking: &'a Asking) -> Self {
        Self {
            asking,
            requests: 0,
            attempts: 0,
            bytes: 0,
            marks: 0,
            items: Vec::new(),
            seen: HashSet::new(),
            stopped_by_max: false,
            warnings: Vec::new(),
        }
    }

    async fn all(&mut self, client: &Client) -> Result<Value, Error> {
        let paging = &self.asking.endpoint.paging;
        let mut position = paging.first();
        loop {
            self.seen.insert(mark(&position, self.asking));
            let Some((response, mut body)) = self.page(client, &position).await? else {
                break;
            };
            let next = self.next(&position, &response, &body)?;
            let data = self.selected(&response, &mut body)?;
            if paging.is_once() {
                return Ok(data);
            }
            self.keep(data);
            match next {
                Some(next) if self.goes_on(&next)? => position = next,
                _ => break,
            }
        }
        Ok(Value::Array(std::mem::take(&mut self.items)))
    }

    /// Asks for a page; `None` where its absence is the end of the pages.
    async fn page(
        &mut self,
        client: &Client,
        position: &Position,
    ) -> Result<Option<(Response, Value)>, Error> {
        let request = self.asking.request(position)?;
        self.requests += 1;
        let response = match client.execute(request).await {
            Ok(response) => response,
            Err(error) => {
                self.attempts += error.attempts();
                return Err(error);
            }
        };
        self.attempts += response.attempts();
        if response.status() == 404 && self.requests > 1 && self.asking.endpoint.paging.ends_with_404() {
            return Ok(None);
        }
        let response = response.error_for_status()?;
        self.bytes += response.bytes().len() as u64;
        if self.bytes > MOST_BYTES {
            let fact = format!("endpoint {:?}: its pages hold more than 256 MiB", self.asking.endpoint.name);
            return Err(failed(&response, Failure::new(ErrorKind::TooLarge, fact)));
        }
        let answer = json(&response, MOST_MARKS - self.marks).await?;
        self.marks += answer.marks;
        Ok(Some((response, answer.body)))
    }

    /// What to ask for after this page.
    fn next(
        &self,
        position: &Position,
        response: &Response,
        body: &Value,
    ) -> Result<Option<Position>, Error> {
        let endpoint = &self.asking.endpoint;
        let is_empty = endpoint.pointer.find(body).is_none_or(is_empty);
        let page = Page { url: response.url(), headers: response.headers(), body, is_empty };
        endpoint.paging.after(position, &page).map_err(|fact| parse_error(response, fact, None))
    }

    /// The part of the answer that the pointer keeps.
    fn selected(&self, response: &Response, body: &mut Value) -> Result<Value, Error> {
        if is_without_content(response) {
            return Ok(Value::Null);
        }
        let pointer = &self.asking.endpoint.pointer;
        let complaint = graphql_error(body);
        match (pointer.take(body), complaint) {
            (Ok(Value::Null) | Err(_), Some(complaint)) => Err(parse_error(
                response,
                format!("the answer is an error: {:?}", shortened(&complaint)),
                None,
            )),
            (Ok(data), _) => Ok(data),
            (Err(missed), None) => {
                let fact = format!("pointer {:?} hits nothing: {missed}", pointer.to_string());
                Err(parse_error(response, fact, missed.nearest))
            }
        }
    }

    fn keep(&mut self, data: Value) {
        match data {
            Value::Array(items) => self.items.extend(items),
            Value::Null => {}
            other => self.items.push(other),
        }
    }

    /// Whether another page may be asked for; if not although there is one, says why.
    fn goes_on(&mut self, next: &Position) -> Result<bool, Error> {
        let endpoint = &self.asking.endpoint;
        let name = &endpoint.name;
        if self.seen.contains(&mark(next, self.asking)) {
            let warning = format!(
                "endpoint {name:?}: page {} leads back to one already read; stopped there",
                self.requests
            );
            self.warnings.push(warning);
            return Ok(false);
        }
        let max = endpoint.paging.max();
        if self.requests < max {
            return Ok(true);
        }
        if endpoint.paging.is_counted_out() {
            return Ok(false);
        }
        if !endpoint.paging.is_max_chosen() {
            let failure =
                Failure::new(ErrorKind::TooLarge, format!("endpoint {name:?}: more than {max} pages"))
                    .hint("max in paginate sets how many are read");
            return Err(Error::of_request(failure, self.asking.home(), self.attempts, Duration::ZERO));
        }
        let pages = if max == 1 { "1 page".to_owned() } else { format!("{max} pages") };
        self.warnings.push(format!("endpoint {name:?}: stopped after {pages} (max); there may be more"));
        self.stopped_by_max = true;
        Ok(false)
    }
}

/// Tells one position from another.
fn mark(position: &Position, asking: &Asking) -> String {
    match position {
        Position::First => asking.home().to_string(),
        Position::At(url) => url.to_string(),
        Position::Value(value) => value.to_string(),
    }
}

/// 204 and 205 have no body, and say so.
fn is_without_content(response: &Response) -> bool {
    matches!(response.status(), 204 | 205)
}

/// Whether the part that is kept holds nothing.
fn is_empty(data: &Value) -> bool {
    match data {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// What an answer says, and how many commas and brackets it has.
#[derive(Default)]
struct Answer {
    body: Value,
    marks: usize,
}

/// JSON is UTF-8 (RFC 8259, section 8.1), and a byte order mark before it may be ignored.
async fn json(response: &Response, room: usize) -> Result<Answer, Error> {
    if is_without_content(response) {
        return Ok(Answer::default());
    }
    let bytes = response.bytes().clone();
    let parsed = match bytes.len() < LARGE {
        true => parsed(&bytes, room),
        false => to_thread_in(Lane::Cpu, move || parsed(&bytes, room))
            .await
            .map_err(|ended| failed(response, Failure::new(ErrorKind::Cancelled, ended.to_string())))?,
    };
    let Some(parsed) = parsed else {
        let fact =
            format!("{}: the answers have more than {MOST_MARKS} commas and brackets", shown(response.url()));
        return Err(failed(response, Failure::new(ErrorKind::TooLarge, fact)));
    };
    parsed.map_err(|error| {
        let kind = response.content_type().map(|kind| format!(" ({})", shortened(&kind))).unwrap_or_default();
        parse_error(response, format!("the answer is not JSON{kind}: {error}"), None)
    })
}

/// None where there are more commas and brackets than there is room for.
fn parsed(bytes: &Bytes, room: usize) -> Option<Result<Answer, serde_json::Error>> {
    let marks = bytes.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    let body = || serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    (marks <= room).then(|| body().map(|body| Answer { body, marks }))
}

/// GraphQL says 200 and puts what went wrong into `errors` (GraphQL specification, section 7.1).
fn graphql_error(body: &Value) -> Option<String> {
    let first = body.get("errors")?.as_array()?.first()?;
    let message = first.get("message").and_then(Value::as_str);
    Some(message.map_or_else(|| first.to_string(), str::to_owned))
}

fn parse_error(response: &Response, fact: String, nearest: Option<String>) -> Error {
    let failure = Failure::new(ErrorKind::Parse, format!("{}: {fact}", shown(response.url())));
    let failure = match nearest {
        Some(nearest) => failure.hint(format!("did you mean {nearest:?}?")),
        None => failure,
    };
    failed(response, failure)
}

fn failed(response: &Response, mut failure: Failure) -> Error {
    failure.status = Some(response.status());
    Error::of_request(failure, response.url(), response.attempts(), response.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_more_values_than_there_is_room_for_is_not_parsed() {
        let bytes = Bytes::from_static(b"\xef\xbb\xbf[0,{}]");
        assert_eq!(parsed(&bytes, 3).unwrap().unwrap().marks, 3);
        assert!(parsed(&bytes, 2).is_none());
        assert!(parsed(&Bytes::from_static(b"[0,"), 2).unwrap().is_err());
    }
}
