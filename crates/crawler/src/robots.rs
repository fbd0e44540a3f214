//! The robots.txt of one host: asked for as a lease of its own, kept in the store, and what it says of a page.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gather_fetch::{Access, Client, Error, ErrorKind, Request, Robots, Streaming, Url, robots_body};
use gather_records::Kind;

use crate::clock::{millis, now};
use crate::links::Links;
use crate::model::{Answered, Found, Lease, PageEnd, RobotsEnd, RobotsFile, State};
use crate::waits::{asked_wait, backoff};

/// How long an answer holds (RFC 9309, 2.4).
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// So many redirects are followed; behind more the file counts as not there (RFC 9309, 2.3.1.2).
const MAX_REDIRECTS: u32 = 5;

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

    /// Asks for the file of the lease's host, where it is by what was said so far.
    pub(crate) async fn ask(&self, lease: &Lease, links: &Links) -> RobotsEnd {
        let mut end = RobotsEnd::of(lease);
        let said = self.said(lease, links, &mut end.answered).await;
        end.answered.until = Some(now());
        let tries = if self.retries == 0 { 1 } else { TRIES.max(self.retries + 1) };
        match said {
            Ok(Said::File(file)) => end.file = Some(file),
            Ok(Said::Moved(found)) => end.moved = Some(found),
            Err(Miss { may_pass: true, .. }) if lease.attempts + 1 < tries => {
                let wait = now().saturating_add(millis(backoff(lease.attempts)));
                end.answered.not_before = end.answered.not_before.max(wait);
            }
            Err(miss) => end.file = Some(unreachable(&miss)),
        }
        if let Some(Access::Rules(robots)) = end.file.as_ref().map(access) {
            end.crawl_delay = robots.crawl_delay(&self.agent).map_or(0, millis);
        }
        end
    }

    /// What the host says, or why there is no answer. A redirect is not followed here: each host is asked in its turn.
    async fn said(&self, lease: &Lease, links: &Links, answered: &mut Answered) -> Result<Said, Miss> {
        let url = match &lease.moved {
            Some(moved) => Url::parse(&moved.url),
            None => Url::parse(&lease.url).and_then(|page| page.join("/robots.txt")),
        };
        let url = url.map_err(|error| Miss::for_good(error.to_string()))?;
        let response = self.client.stream(Request::get(url.as_str())?).await?;
        let asked = asked_wait(&response);
        if let Some(wait) = asked {
            answered.not_before = now().saturating_add(millis(wait));
        }
        answered.slow_down = response.status() == 429 || asked.is_some();
        let target = match response.redirect() {
            None => return self.read(response).await.map(Said::File),
            Some(target) => target.ok().filter(|_| lease.hops < MAX_REDIRECTS),
        };
        let Some(target) = target else { return Ok(Said::File(file(404, Vec::new()))) };
        if url.scheme() == "https" && target.scheme() == "http" && !self.allow_downgrade {
            return Err(Miss::for_good(format!("it leads from https to {target}")));
        }
        let found = links.found(target.as_str(), 0, lease.hops + 1);
        // As it stands there: the form of the crawl is for its pages.
        let found = found.map(|found| Found { url: target.into(), ..found });
        Ok(found.map_or_else(|| Said::File(file(404, Vec::new())), Said::Moved))
    }

    async fn read(&self, mut response: Streaming) -> Result<RobotsFile, Miss> {
        let status = response.status();
        if status >= 500 {
            return Err(Miss { may_pass: true, ..Miss::for_good(format!("status {status}")) });
        }
        let is_there = (200..300).contains(&status);
        Ok(file(status, if is_there { robots_body(&mut response).await? } else { Vec::new() }))
    }
}

/// The end of a lease that came to none by a fault of ours: it would be the same the next time in this run.
pub(crate) fn broken(lease: &Lease, why: &str) -> RobotsEnd {
    let mut end = RobotsEnd::of(lease);
    end.answered.until = Some(now());
    end.file = Some(unreachable(&Miss::for_good(why.to_owned())));
    end
}

/// What a host says of its file.
enum Said {
    File(RobotsFile),
    Moved(Found),
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
