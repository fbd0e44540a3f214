//! The robots.txt of one host: asked for as a lease of its own, kept in the store, and what it says of a page.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gather_core::sleep;
use gather_fetch::{Access, Client, Error, ErrorKind, MAX_ROBOTS, Request, Robots, Streaming, Url};

use crate::clock::{millis, now};
use crate::fetcher::{asked_wait, backoff};
use crate::model::{Answered, Lease, PageEnd, RobotsEnd, RobotsFile, State};

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
    kept: Mutex<HashMap<String, (i64, Arc<Access>)>>,
}

impl Gate {
    pub(crate) fn new(client: Client, agent: String, retries: u32) -> Self {
        Self { client, agent, retries, kept: Mutex::default() }
    }

    /// Whether the host's file is in memory, as fresh as in the store.
    pub(crate) fn has(&self, host: &str, until: i64) -> bool {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(host).is_some_and(|(known, _)| *known == until)
    }

    /// Keeps a file from the store in memory.
    pub(crate) fn keep(&self, host: &str, file: &RobotsFile) {
        let access = Arc::new(access(file));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(host.to_owned(), (file.until, access));
    }

    /// Why the page may not be fetched; `None` if it may. What the host says is not known where nothing is kept of it: then
    /// the page waits.
    pub(crate) fn bars(&self, lease: &Lease, blank: PageEnd) -> Option<PageEnd> {
        let known = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.get(&lease.host).map(|(_, access)| access.clone())
        };
        let Some(access) = known else { return Some(blank) };
        let verdict = access.check(&self.agent, &lease.url);
        if verdict.allowed {
            return None;
        }
        let why = verdict.rule.unwrap_or_default();
        let message = match verdict.line {
            Some(line) => format!("robots.txt does not allow {}: line {line}, {why}", lease.url),
            None => format!("robots.txt does not allow {}: {why}", lease.url),
        };
        let kind = Some(ErrorKind::Robots.to_string());
        // What could not be asked says nothing of the page.
        let unchanged = matches!(*access, Access::DisallowAll(_));
        Some(PageEnd { state: State::Refused, kind, message: Some(message), unchanged, ..blank })
    }

    /// Asks for the file of the lease's host.
    pub(crate) async fn ask(&self, lease: &Lease) -> RobotsEnd {
        let mut answered = Answered { host: lease.host.clone(), ..Answered::default() };
        let file = self.follow(lease, &mut answered).await;
        answered.until = Some(now());
        let tries = if self.retries == 0 { 1 } else { TRIES.max(self.retries + 1) };
        let file = match file {
            Ok(file) => Some(file),
            Err(_) if lease.attempts + 1 < tries => {
                let wait = now().saturating_add(millis(backoff(lease.attempts)));
                answered.not_before = answered.not_before.max(wait);
                None
            }
            Err(why) => Some(unreachable(&why)),
        };
        let crawl_delay = match file.as_ref().map(access) {
            Some(Access::Rules(robots)) => robots.crawl_delay(&self.agent).map_or(0, millis),
            _ => 0,
        };
        RobotsEnd { id: lease.id, answered, file, crawl_delay, links: Vec::new() }
    }

    /// The answer behind the redirects, each a delay after the one before; or why there is none.
    async fn follow(&self, lease: &Lease, answered: &mut Answered) -> Result<RobotsFile, String> {
        let page = Url::parse(&lease.url).and_then(|url| url.join("/robots.txt"));
        let mut url = page.map_err(|error| error.to_string())?;
        let said = |error: Error| error.fact().to_owned();
        for hop in 0..=MAX_REDIRECTS {
            if hop > 0 {
                sleep(Duration::from_millis(u64::try_from(lease.delay).unwrap_or(0))).await;
            }
            let request = Request::get(url.as_str()).map_err(said)?;
            let response = self.client.stream(request).await.map_err(said)?;
            let Some(target) = response.redirect() else { return self.read(response, answered).await };
            match target {
                Ok(target) if url.scheme() == "https" && target.scheme() == "http" => {
                    return Err(format!("it leads from https to {target}"));
                }
                Ok(target) => url = target,
                Err(_) => break,
            }
        }
        Ok(file(404, Vec::new()))
    }

    async fn read(&self, mut response: Streaming, answered: &mut Answered) -> Result<RobotsFile, String> {
        let status = response.status();
        let asked = asked_wait(&response);
        if let Some(wait) = asked {
            answered.not_before = now().saturating_add(millis(wait));
        }
        answered.slow_down = status == 429 || asked.is_some();
        if status >= 500 {
            return Err(format!("status {status}"));
        }
        let mut body = Vec::new();
        while (200..300).contains(&status) && body.len() < MAX_ROBOTS + 4 {
            let Some(chunk) = response.chunk().await.map_err(|error| error.fact().to_owned())? else { break };
            body.extend_from_slice(&chunk);
        }
        body.truncate(MAX_ROBOTS + 4);
        Ok(file(status, body))
    }
}

fn file(status: u16, body: Vec<u8>) -> RobotsFile {
    RobotsFile { status, body, until: now().saturating_add(millis(FRESH)) }
}

fn unreachable(why: &str) -> RobotsFile {
    file(0, format!("robots.txt cannot be had: {why}").into_bytes())
}

fn access(file: &RobotsFile) -> Access {
    match file.status {
        0 => Access::DisallowAll(String::from_utf8_lossy(&file.body).into_owned()),
        200..=299 => Access::Rules(Robots::parse(&file.body)),
        status => Access::from_status(status, &file.body),
    }
}
