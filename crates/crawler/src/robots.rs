//! The robots.txt of one host: asked for as a lease of its own, kept in the store, and what it says of a page.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gather_core::sleep;
use gather_fetch::{Access, Client, Error, ErrorKind, MAX_ROBOTS, Request, Robots, Streaming, Url};
use gather_records::Kind;

use crate::clock::{millis, now};
use crate::model::{Answered, Lease, PageEnd, RobotsEnd, RobotsFile, State};
use crate::waits::{asked_wait, backoff};

/// How long an answer holds (RFC 9309, 2.4).
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// So many redirects are followed; behind more the file counts as not there (RFC 9309, 2.3.1.2).
const MAX_REDIRECTS: usize = 5;

/// So often it is asked for before the host counts as unreachable; once, if nothing is tried again.
const TRIES: u32 = 5;

/// So many hosts are kept in memory; the store has the others.
const KEPT: usize = 1_000;

/// Asks for files robots.txt, and judges by them.
pub(crate) struct Gate {
    pub(crate) client: Client,
    pub(crate) agent: String,
    pub(crate) retries: u32,
    /// Whether redirects of a file may leave https.
    pub(crate) allow_downgrade: bool,
    kept: Mutex<HashMap<String, Arc<Kept>>>,
}

impl Gate {
    pub(crate) fn new(client: Client, agent: String, retries: u32, allow_downgrade: bool) -> Self {
        Self { client, agent, retries, allow_downgrade, kept: Mutex::default() }
    }

    /// Whether the host's file is in memory, as fresh as in the store.
    pub(crate) fn has(&self, host: &str, until: i64) -> bool {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(host).is_some_and(|known| known.until == until)
    }

    /// Keeps a file from the store in memory.
    pub(crate) fn keep(&self, host: &str, file: &RobotsFile) {
        let known = Arc::new(Kept::of(file));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(host.to_owned(), known);
    }

    /// Why the page may not be fetched; `None` if it may. What the host says is not known where nothing is kept of it: then
    /// the page waits.
    pub(crate) fn bars(&self, lease: &Lease, blank: PageEnd) -> Option<PageEnd> {
        let known = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.get(&lease.host).cloned()
        };
        let Some(known) = known else { return Some(blank) };
        let verdict = known.access.check(&self.agent, &lease.url);
        if verdict.allowed {
            return None;
        }
        let why = verdict.rule.unwrap_or_default();
        let message = match verdict.line {
            Some(line) => format!("robots.txt does not allow {}: line {line}, {why}", lease.url),
            None if known.befell.is_some() => format!("{}: {why}", lease.url),
            None => format!("robots.txt does not allow {}: {why}", lease.url),
        };
        let (kind, phase) = known.befell.as_ref().map_or((Kind::Robots, ""), |(kind, phase)| (*kind, phase));
        let state = if kind.is_refused() { State::Refused } else { State::Failed };
        let phase = Some(phase.to_owned()).filter(|phase| !phase.is_empty());
        // What could not be asked says nothing of the page.
        let unchanged = matches!(known.access, Access::DisallowAll(_));
        let kind = Some(kind.as_str().to_owned());
        Some(PageEnd { state, kind, phase, message: Some(message), unchanged, ..blank })
    }

    /// Asks for the file of the lease's host.
    pub(crate) async fn ask(&self, lease: &Lease) -> RobotsEnd {
        let mut answered = Answered { host: lease.host.clone(), ..Answered::default() };
        let file = self.follow(lease, &mut answered).await;
        answered.until = Some(now());
        let tries = if self.retries == 0 { 1 } else { TRIES.max(self.retries + 1) };
        let file = match file {
            Ok(file) => Some(file),
            Err(Miss { may_pass: true, .. }) if lease.attempts + 1 < tries => {
                let wait = now().saturating_add(millis(backoff(lease.attempts)));
                answered.not_before = answered.not_before.max(wait);
                None
            }
            Err(miss) => Some(unreachable(&miss)),
        };
        let crawl_delay = match file.as_ref().map(access) {
            Some(Access::Rules(robots)) => robots.crawl_delay(&self.agent).map_or(0, millis),
            _ => 0,
        };
        RobotsEnd { id: lease.id, answered, file, crawl_delay, links: Vec::new() }
    }

    /// The answer behind the redirects, each a delay after the one before; or why there is none.
    async fn follow(&self, lease: &Lease, answered: &mut Answered) -> Result<RobotsFile, Miss> {
        let page = Url::parse(&lease.url).and_then(|url| url.join("/robots.txt"));
        let mut url = page.map_err(|error| Miss::for_good(error.to_string()))?;
        for hop in 0..=MAX_REDIRECTS {
            if hop > 0 {
                sleep(Duration::from_millis(u64::try_from(lease.delay).unwrap_or(0))).await;
            }
            let request = Request::get(url.as_str())?;
            let response = self.client.stream(request).await?;
            let Some(target) = response.redirect() else { return self.read(response, answered).await };
            match target {
                Ok(target)
                    if url.scheme() == "https" && target.scheme() == "http" && !self.allow_downgrade =>
                {
                    return Err(Miss::for_good(format!("it leads from https to {target}")));
                }
                Ok(target) => url = target,
                Err(_) => break,
            }
        }
        Ok(file(404, Vec::new()))
    }

    async fn read(&self, mut response: Streaming, answered: &mut Answered) -> Result<RobotsFile, Miss> {
        let status = response.status();
        let asked = asked_wait(&response);
        if let Some(wait) = asked {
            answered.not_before = now().saturating_add(millis(wait));
        }
        answered.slow_down = status == 429 || asked.is_some();
        if status >= 500 {
            return Err(Miss { may_pass: true, ..Miss::for_good(format!("status {status}")) });
        }
        let mut body = Vec::new();
        while (200..300).contains(&status) && body.len() < MAX_ROBOTS + 4 {
            let Some(chunk) = response.chunk().await? else { break };
            body.extend_from_slice(&chunk);
        }
        body.truncate(MAX_ROBOTS + 4);
        Ok(file(status, body))
    }
}

/// The end of a lease that came to none by a fault of ours: it would be the same the next time in this run.
pub(crate) fn broken(lease: &Lease, why: &str) -> RobotsEnd {
    let answered = Answered { host: lease.host.clone(), until: Some(now()), ..Answered::default() };
    RobotsEnd {
        id: lease.id,
        answered,
        file: Some(unreachable(&Miss::for_good(why.to_owned()))),
        crawl_delay: 0,
        links: Vec::new(),
    }
}

fn file(status: u16, body: Vec<u8>) -> RobotsFile {
    RobotsFile { status, body, until: now().saturating_add(millis(FRESH)) }
}

/// Why there is no answer.
struct Miss {
    /// Of a host that answers, and not with a file, it is `robots`; else what befell the request.
    kind: ErrorKind,
    phase: Option<&'static str>,
    why: String,
    /// Whether another attempt may help.
    may_pass: bool,
}

impl Miss {
    fn for_good(why: String) -> Self {
        Self { kind: ErrorKind::Robots, phase: None, why, may_pass: false }
    }
}

impl From<Error> for Miss {
    fn from(error: Error) -> Self {
        let phase = error.phase().map(|phase| phase.as_str());
        let why = error.fact().to_owned();
        Self { kind: error.kind(), phase, why, may_pass: error.is_retryable() }
    }
}

/// In the place of a file its first line is the kind, then the phase if there is one, and the rest is why.
fn unreachable(miss: &Miss) -> RobotsFile {
    let Miss { kind, phase, why, .. } = miss;
    let body = format!("{kind} {}\nrobots.txt cannot be had: {why}", phase.unwrap_or_default());
    file(0, body.into_bytes())
}

/// What is kept of a host.
struct Kept {
    until: i64,
    access: Access,
    /// The kind and the phase of what kept the file from us, if that was none of its host's answers.
    befell: Option<(Kind, String)>,
}

impl Kept {
    fn of(file: &RobotsFile) -> Self {
        let text = String::from_utf8_lossy(&file.body);
        let befell = text.split_once('\n').filter(|_| file.status == 0).and_then(|(befell, _)| {
            let (kind, phase) = befell.split_once(' ')?;
            Some((kind.parse().ok().filter(|kind| *kind != Kind::Robots)?, phase.to_owned()))
        });
        Self { until: file.until, access: access(file), befell }
    }
}

fn access(file: &RobotsFile) -> Access {
    match file.status {
        0 => {
            let text = String::from_utf8_lossy(&file.body);
            Access::DisallowAll(text.split_once('\n').map_or(&*text, |(_, why)| why).to_owned())
        }
        200..=299 => Access::Rules(Robots::parse(&file.body)),
        status => Access::from_status(status, &file.body),
    }
}
