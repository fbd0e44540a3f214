//! `gather robots check URL…`: may an agent fetch these URLs, and which line decides.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use gather_core::{Lane, to_thread, to_thread_in};
use gather_fetch::{Access, MAX_ROBOTS, Robots as Rules, Url, Verdict, without_password};
use gather_records::{Failure, Kind, Record, plain};
use serde::Deserialize;

use crate::args::{Robots, RobotsCheck, RobotsCommand};
use crate::drive::{Unit, bad_unit, drive, drive_units};
use crate::exit::{Exit, usage};
use crate::input::{self, Asked, Given, Inputs};
use crate::request::{Requests, agent, failure};
use crate::session::{Look, Session};
use crate::worked::Worked;

const COLUMNS: [&str; 5] = ["url", "agent", "allowed", "line", "rule"];

pub(crate) async fn run(args: Robots) -> anyhow::Result<Exit> {
    let RobotsCommand::Check(args) = args.command;
    if Requests::is_other_than_get(&args.request) {
        return Err(usage("robots.txt is asked for with GET", "fetch sends -X, -d, --json and -I"));
    }
    let agent = match &args.agent {
        Some(agent) => agent.clone(),
        None => agent(&args.request)?,
    };
    match &args.batch {
        Some(batch) => answer(&args, batch, agent).await,
        None => check(args, agent).await,
    }
}

async fn session(args: &RobotsCheck) -> anyhow::Result<Session> {
    let columns = Some(COLUMNS.map(str::to_owned).to_vec());
    Session::open(&args.shared, Look { text, columns, more_columns: false }).await
}

/// Answers for the URLs given.
async fn check(args: RobotsCheck, agent: String) -> anyhow::Result<Exit> {
    let list = input::list(args.shared.input.as_ref(), args.shared.input_key.clone())?;
    if args.urls.is_empty() && list.is_none() {
        return Err(usage(
            "no URL to check",
            "gather robots check https://example.com/page, or --batch FILE with questions as JSONL",
        ));
    }
    let job = Arc::new(Job { source: Source::of(&args)?, agent });
    let mut session = session(&args).await?;
    if let Source::Origin(requests) = &job.source {
        session.saves(requests.take_cookies());
        requests.allow_typed(&args.urls);
    }
    let inputs = Inputs::start(args.urls.into_iter().map(Into::into).collect(), list)?;
    drive(&mut session, inputs, move |asked| {
        let job = job.clone();
        async move { job.check(asked).await.unwrap_or_else(Worked::failed) }
    })
    .await;
    session.finish().await
}

/// Where the rules come from.
enum Source {
    /// A file: the same for all URLs.
    File(Arc<Access>),
    /// `/robots.txt` of each URL's origin.
    Origin(Requests),
}

impl Source {
    fn of(args: &RobotsCheck) -> anyhow::Result<Self> {
        let Some(path) = &args.robots else {
            return Ok(Source::Origin(Requests::new(&args.request, &args.shared)?));
        };
        let text = read(path).map_err(|error| {
            usage(
                format!("cannot read {}: {error}", path.display()),
                "--robots takes the file; without it, the one of the URL's origin is fetched",
            )
        })?;
        Ok(Source::File(Arc::new(Access::Rules(Rules::parse(&text)))))
    }
}

/// What is done for each URL.
struct Job {
    source: Source,
    agent: String,
}

impl Job {
    async fn check(&self, asked: Asked) -> Result<Worked, Failure> {
        let url = asked.text.clone();
        let access = match &self.source {
            Source::File(access) => {
                checkable(&url).map_err(|fact| Failure::new(&url, Kind::InvalidInput, fact))?;
                access.clone()
            }
            Source::Origin(requests) => {
                let fetched = async {
                    requests.allow(&asked)?;
                    requests.client().robots(&url).await
                };
                fetched.await.map_err(|error| failure(&url, &error))?
            }
        };
        let (agent, question) = (self.agent.clone(), url.clone());
        let answer = move || answer_to(&access.check(&agent, &question), question, agent);
        let record = off_the_loop(&url, answer).await?;
        Ok(Worked::ok(vec![record], 0))
    }
}

/// A large file of rules takes its time.
async fn off_the_loop<T, F>(input: &str, work: F) -> Result<T, Failure>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let done = to_thread_in(Lane::Cpu, work).await;
    done.map_err(|ended| Failure::new(input, Kind::Io, format!("an error of gather itself: {ended}")))
}

/// What rules can be asked about: a URL with a host, or a path.
fn checkable(url: &str) -> Result<(), String> {
    if url.starts_with('/') {
        return Ok(());
    }
    match Url::parse(url) {
        Ok(parsed) if parsed.has_host() => Ok(()),
        Ok(_) => Err(format!("bad url {url:?}: no host; hint: write a URL, or a path that begins with /")),
        Err(error) => {
            Err(format!("bad url {url:?}: {error}; hint: write a URL, or a path that begins with /"))
        }
    }
}

/// As much of a robots.txt as can matter.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    const BYTE_ORDER_MARK_AND_ONE_MORE: usize = 4;
    let mut text = Vec::new();
    let most = MAX_ROBOTS + BYTE_ORDER_MARK_AND_ONE_MORE;
    File::open(path)?.take(most as u64).read_to_end(&mut text)?;
    Ok(text)
}

fn answer_to(verdict: &Verdict, url: String, agent: String) -> Record {
    let mut record = Record::new();
    record.insert("url", without_password(&url).into_owned());
    record.insert("agent", agent);
    record.insert("allowed", verdict.allowed);
    record.insert("line", verdict.line);
    record.insert("rule", verdict.rule.clone());
    record
}

/// A line of `--batch`.
#[derive(Deserialize)]
struct Question {
    robots: Option<String>,
    robots_file: Option<PathBuf>,
    agent: Option<String>,
    url: String,
}

/// Answers the questions of a file, one line each, in their order.
async fn answer(args: &RobotsCheck, batch: &Path, agent: String) -> anyhow::Result<Exit> {
    let inputs = Inputs::lines(batch).map_err(|error| {
        usage(
            format!("cannot open the batch {}: {error}", batch.display()),
            "--batch takes a file of JSONL, or - for stdin",
        )
    })?;
    let mut session = session(args).await?;
    session.ordered = true;
    let folder = Arc::new(batch.parent().unwrap_or(Path::new("")).to_owned());
    let agent = Arc::new(agent);
    let units =
        inputs.stream().enumerate().filter_map(|(index, given)| async move { question(index + 1, given) });
    drive_units(&mut session, &inputs, units.boxed(), move |(name, line)| {
        let (folder, agent) = (folder.clone(), agent.clone());
        async move { answered(name, line, &folder, &agent).await.unwrap_or_else(Worked::failed) }
    })
    .await;
    session.finish().await
}

/// The line under its number; `None` for a blank one.
fn question(number: usize, given: Given) -> Option<Unit<(String, String)>> {
    let name = format!("line {number}");
    match input::as_text(given) {
        Ok(line) if line.text.trim().is_empty() => None,
        Ok(line) => Some((Asked::by_user(&name), Ok((name, line.text)))),
        Err(bad) => Some(bad_unit(bad)),
    }
}

async fn answered(name: String, line: String, folder: &Path, agent: &str) -> Result<Worked, Failure> {
    let wrong = |kind, fact: String| Failure::new(&name, kind, format!("{name}: {fact}"));
    let line = line.trim_start_matches('\u{feff}');
    let Question { robots, robots_file, agent: asked, url } = serde_json::from_str(line)
        .map_err(|error| wrong(Kind::InvalidInput, format!("not a question: {}", without_place(&error))))?;
    checkable(&url).map_err(|fact| wrong(Kind::InvalidInput, fact))?;
    let text = match (robots, robots_file) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(file)) => {
            let path = folder.join(file);
            let (shown, text) = (path.display().to_string(), to_thread(move || read(&path)).await);
            let text = text.unwrap_or_else(|ended| Err(io::Error::other(ended)));
            text.map_err(|error| wrong(kind_of(&error), format!("cannot read {shown}: {error}")))?
        }
        _ => {
            let fact = "one of `robots` (the text) and `robots_file` (its path) is needed";
            return Err(wrong(Kind::InvalidInput, fact.to_owned()));
        }
    };
    let agent = asked.unwrap_or_else(|| agent.to_owned());
    let check = move || answer_to(&Rules::parse(&text).check(&agent, &url), url, agent);
    Ok(Worked::ok(vec![off_the_loop(&name, check).await?], 0))
}

/// What is wrong, without the place that serde_json adds: it is always line 1.
fn without_place(error: &serde_json::Error) -> String {
    let said = error.to_string();
    said.split(" at line ").next().unwrap_or_default().to_owned()
}

fn kind_of(error: &io::Error) -> Kind {
    match error.kind() {
        io::ErrorKind::NotFound => Kind::NotFound,
        io::ErrorKind::PermissionDenied => Kind::Permission,
        _ => Kind::Io,
    }
}

fn text(record: &Record) -> String {
    let field = |name: &str| record.get(name).map_or_else(String::new, plain);
    let is_allowed = record.get("allowed").and_then(serde_json::Value::as_bool).unwrap_or_default();
    let word = if is_allowed { "allowed" } else { "disallowed" };
    let why = match (field("line"), field("rule")) {
        (line, rule) if !line.is_empty() => format!("line {line}: {rule}"),
        (_, rule) if !rule.is_empty() => rule,
        _ => "no line says anything of it".to_owned(),
    };
    format!("{word:<10} {} for {} ({why})", field("url"), field("agent"))
}
