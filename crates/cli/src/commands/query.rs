//! `gather query FILE`: many endpoints, one answer.

use anyhow::Context as _;
use gather_core::{CancelToken, to_thread};
use gather_fetch::{Answer, EndpointReport, ErrorKind, Query as ApiQuery, Url};
use gather_records::{Format, Record, Value, plain};

use crate::args::Query;
use crate::drive::grace_after;
use crate::exit::{Exit, usage, usage_error};
use crate::request::{Requests, failure};
use crate::session::{Look, Session, write_document};
use crate::worked::Worked;

pub(crate) async fn run(args: Query) -> anyhow::Result<Exit> {
    if args.shared.input.is_some() {
        return Err(usage("query takes one file of endpoints, and no --input", "gather query FILE"));
    }
    if Requests::is_other_than_get(&args.request) {
        return Err(usage(
            "an endpoint's request is described in the file",
            "write method, data or json below its [[endpoint]]; fetch sends -X, -d, --json and -I",
        ));
    }
    let query = query(&args)?;
    let requests = Requests::new(&args.request, &args.shared)?;
    let format = Session::format(&args.shared)?;
    let as_document = matches!(format, Format::Json | Format::Text);
    let mut session = if as_document {
        Session::without_records(&args.shared)?
    } else {
        Session::open(&args.shared, Look { text, columns: None, more_columns: false }).await?
    };
    session.saves(requests.take_cookies());
    let (token, grace) = (CancelToken::current(), session.grace);
    let end = async move { grace_after(&token, grace).await };
    let answer = query.run_until(requests.client(), args.shared.jobs, end).await.map_err(usage_error)?;
    session.note_signal();
    account(&mut session, &answer).await;
    match answer.value {
        Some(_) if session.report.summary.pending == answer.endpoints.len() as u64 => {}
        Some(value) if as_document => {
            if let Err(error) = write_whole(&args, value).await {
                session.broke(error);
            }
        }
        Some(value) => {
            for row in rows(value) {
                session.record(row).await;
            }
        }
        None => session.report.warn("there is no answer, for one of an endpoint that is required is missing"),
    }
    session.finish().await
}

fn query(args: &Query) -> anyhow::Result<ApiQuery> {
    let shown = args.file.display();
    let text = std::fs::read_to_string(&args.file).map_err(|error| {
        usage(
            format!("cannot read the endpoints {shown}: {error}"),
            "query takes a file in TOML, with [[endpoint]] for each",
        )
    })?;
    let query: ApiQuery = text.parse().map_err(|error| usage_error(format!("{shown}: {error}")))?;
    let Some(base) = &args.base else { return Ok(query) };
    let base = Url::parse(base).map_err(|error| {
        usage(format!("--base `{base}` is not an absolute URL: {error}"), "write --base https://api.example/")
    })?;
    Ok(query.with_base(base))
}

/// Each endpoint is an input.
async fn account(session: &mut Session, answer: &Answer) {
    for warning in &answer.warnings {
        session.report.warn(warning);
    }
    session.report.summary.stopped_by = answer.stopped_by().map(str::to_owned);
    for EndpointReport { name, url, outcome, bytes, attempts, elapsed, .. } in &answer.endpoints {
        let worked = match outcome {
            Err(error) if error.kind() == ErrorKind::Cancelled && session.stopped().is_some() => {
                session.report.pending(1);
                continue;
            }
            Ok(()) => Worked::ok(Vec::new(), *bytes),
            Err(error) => {
                let mut failure = failure(url, error);
                failure.message = format!("endpoint `{name}`: {}", failure.message);
                failure.attempts = (*attempts).max(1);
                failure.elapsed_ms = crate::request::milliseconds(*elapsed);
                Worked::failed(failure)
            }
        };
        session.take(url, worked).await;
    }
}

/// The answer as JSON, whole, in a file or on stdout.
async fn write_whole(args: &Query, value: Value) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec_pretty(&value)?;
    text.push(b'\n');
    let shared = args.shared.clone();
    to_thread(move || write_document(&shared, &text)).await?.context("cannot write the answer")
}

/// The records of an answer: the items of an array, or the whole as one.
fn rows(value: Value) -> Vec<Record> {
    match value {
        Value::Array(items) => items.into_iter().map(row).collect(),
        other => vec![row(other)],
    }
}

fn row(value: Value) -> Record {
    match value {
        Value::Object(map) => map.into(),
        other => [("value", other)].into_iter().collect(),
    }
}

fn text(record: &Record) -> String {
    record.iter().map(|(name, value)| format!("{name}: {}\n", plain(value))).collect()
}
