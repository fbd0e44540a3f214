//! Puts a row on: its servers, a client, the requests, and a look at what came of them.

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use gather_fetch::{Client, Error, Method, Phase, Request, Response};
use gather_site::{Rude, RudeBuilder, ServerTls, Step, TestCa};

use crate::catalogue::{Certificate, Place, Row, SHORT, Want};

/// No row takes longer, whatever else runs.
pub(crate) const LONGEST: Duration = Duration::from_secs(5);

/// Phases that are not meant to run out.
const AMPLE: Duration = Duration::from_secs(4);

/// The authorities: one that the clients trust, and one that nobody does.
pub(crate) struct Trust {
    known: TestCa,
    stranger: TestCa,
}

impl Trust {
    pub(crate) fn new() -> Self {
        Self { known: TestCa::new().unwrap(), stranger: TestCa::new().unwrap() }
    }

    pub(crate) fn pem(&self) -> &str {
        self.known.ca_pem()
    }

    /// A server with a good certificate.
    pub(crate) fn rude(&self) -> RudeBuilder {
        Rude::builder().tls(self.server(Certificate::Good))
    }

    fn server(&self, certificate: Certificate) -> ServerTls {
        match certificate {
            Certificate::Good => self.known.good(),
            Certificate::Expired => self.known.expired(),
            Certificate::NotYetValid => self.known.not_yet_valid(),
            Certificate::WrongHost => self.known.wrong_host(),
            Certificate::SelfSigned => self.known.self_signed(),
            Certificate::UnknownIssuer => self.stranger.good(),
        }
        .unwrap()
    }
}

/// The servers of a row, running.
pub(crate) struct Stage<'a> {
    pub(crate) row: &'a Row,
    pub(crate) place: Arc<OnceLock<Place>>,
    server: Rude,
    other: Rude,
}

impl<'a> Stage<'a> {
    pub(crate) fn set(row: &'a Row, trust: &Trust) -> Self {
        let place: Arc<OnceLock<Place>> = Arc::default();
        let (script, known) = (row.script.clone(), place.clone());
        let mut builder = Rude::builder();
        if let Some(certificate) = row.tls {
            builder = builder.tls(trust.server(certificate));
        }
        let server = builder.start(move |connection| script(known.get().unwrap(), connection)).unwrap();
        let other =
            Rude::start(|_| vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\n\r\nother"), Step::Close])
                .unwrap();
        let _ = place.set(Place { here: server.url().to_owned(), other: other.url().to_owned() });
        Self { row, place, server, other }
    }

    fn place(&self) -> &Place {
        self.place.get().unwrap()
    }

    /// What is asked for.
    pub(crate) fn url(&self) -> String {
        (self.row.ask.url)(self.place())
    }

    fn client(&self, trust: &Trust) -> Client {
        let row = self.row;
        let mut builder = Client::builder()
            .allow_private(true)
            // The second request then waits for the first one's connection, and is not faster than the pool.
            .per_origin(NonZeroUsize::MIN)
            .retries(0)
            .backoff(Duration::from_millis(2))
            .limits(row.limits)
            .connect_timeout(AMPLE)
            .first_byte_timeout(AMPLE)
            .idle_timeout(AMPLE)
            .total_timeout(LONGEST);
        if row.tls.is_some() {
            builder = builder.add_root_pem(trust.pem().as_bytes());
        }
        builder = match row.want {
            Want::TimesOut(Phase::Tls) => builder.connect_timeout(SHORT),
            Want::TimesOut(Phase::FirstByte) => builder.first_byte_timeout(SHORT),
            Want::TimesOut(Phase::Idle) => builder.idle_timeout(SHORT),
            _ => builder,
        };
        match &row.options {
            Some(options) => options(builder, self.place()).build().unwrap(),
            None => builder.build().unwrap(),
        }
    }

    fn request(&self) -> Request {
        let ask = &self.row.ask;
        let method: Method = ask.method.parse().unwrap();
        let mut request = Request::new(method, self.url()).unwrap();
        if !ask.body.is_empty() {
            request = request.body(ask.body.clone());
        }
        ask.headers.iter().fold(request, |request, (name, value)| request.header(name, value).unwrap())
    }

    /// Asks, and says what is not as the row has it; and how long the last request took.
    pub(crate) async fn play(&self, trust: &Trust) -> (Vec<String>, Duration) {
        let client = self.client(trust);
        let mut wrong = Vec::new();
        for time in 1..self.row.ask.times {
            if let Err(error) = client.execute(self.request()).await {
                wrong.push(format!("request {time} failed: {error:?}"));
            }
        }
        let start = Instant::now();
        let result = client.execute(self.request()).await;
        let took = start.elapsed();
        if took > LONGEST {
            wrong.push(format!("it took {took:?}"));
        }
        self.judge(&result, &mut wrong);
        (wrong, took)
    }

    fn judge(&self, result: &Result<Response, Error>, wrong: &mut Vec<String>) {
        let row = self.row;
        if !is_wanted(result, &row.want) {
            wrong.push(format!("wanted {:?}, came {}", shown(&row.want), told(result)));
        }
        let attempts = result.as_ref().map_or_else(Error::attempts, Response::attempts);
        if attempts != row.attempts {
            wrong.push(format!("wanted {} attempts, made {attempts}", row.attempts));
        }
        let requests = self.server.requests();
        if row.requests.is_some_and(|wanted| wanted != requests.len()) {
            wrong.push(format!("wanted {:?} requests, came {}", row.requests, requests.len()));
        }
        if let (Some(judge), Some(last)) = (row.last, requests.last())
            && !judge(last)
        {
            wrong.push(format!("the last request is {:?}", head(last)));
        }
        self.judge_other(wrong);
    }

    fn judge_other(&self, wrong: &mut Vec<String>) {
        let (wanted, judge) = self.row.other;
        let requests = self.other.requests();
        if requests.len() != wanted {
            wrong.push(format!("wanted {wanted} requests at the other server, came {}", requests.len()));
        }
        for request in requests.iter().filter(|request| judge.is_some_and(|judge| !judge(request))) {
            wrong.push(format!("the other server was sent {:?}", head(request)));
        }
    }
}

fn is_wanted(result: &Result<Response, Error>, want: &Want) -> bool {
    match (result, want) {
        (Ok(response), Want::Whole(status, body)) => {
            response.status() == *status && response.bytes().as_ref() == body.as_slice()
        }
        (Err(error), Want::Fails(kind)) => error.kind() == *kind,
        (Err(error), Want::TimesOut(phase)) => error.phase() == Some(*phase),
        (result, Want::OneOf(wants)) => wants.iter().any(|want| is_wanted(result, want)),
        _ => false,
    }
}

fn shown(want: &Want) -> String {
    match want {
        Want::Whole(status, body) => format!("{status} with {:?}", head(body)),
        other => format!("{other:?}"),
    }
}

fn told(result: &Result<Response, Error>) -> String {
    match result {
        Ok(response) => format!("{} with {:?}", response.status(), head(response.bytes())),
        Err(error) => format!("{error:?}"),
    }
}

fn head(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(400)]).into_owned()
}
