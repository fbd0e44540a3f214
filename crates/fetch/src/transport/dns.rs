//! Names to addresses: overrides, then a cache of our own age, then a resolver of the caller's, or the system, off the
//! event loop.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gather_core::{now, to_thread};

use crate::config::{ANY_HOST, Override};
use crate::error::{ErrorKind, Failure, shortened};
use crate::resolve::Resolve;

/// How long an answer is used. getaddrinfo does not tell how long it is good for.
const AGE: Duration = Duration::from_secs(60);

/// How many names are remembered; beyond that the old ones are forgotten, then all.
const NAMES: usize = 10_000;

/// How many addresses of an answer are used: whoever sends more does not decide how long we try.
const ADDRESSES: usize = 32;

type Answer = Arc<[IpAddr]>;

/// One look-up per name at a time: whoever comes second waits for the first one's answer.
type Slot = Arc<async_lock::Mutex<Option<(Instant, Result<Answer, Failure>)>>>;

#[derive(Default)]
pub(crate) struct Resolver {
    overrides: Vec<Override>,
    /// Whom to ask in place of the system.
    own: Option<Arc<dyn Resolve>>,
    names: Mutex<HashMap<String, Slot>>,
}

impl Resolver {
    pub(crate) fn new(overrides: Vec<Override>, own: Option<Arc<dyn Resolve>>) -> Self {
        Self { overrides, own, names: Mutex::default() }
    }

    /// Whether a person gave the address of this host and port.
    pub(crate) fn is_overridden(&self, host: &str, port: u16) -> bool {
        self.overridden(host, port).is_some()
    }

    fn overridden(&self, host: &str, port: u16) -> Option<&Override> {
        let of = |name: &str| {
            let is_it = |rule: &&Override| rule.port == port && rule.host.eq_ignore_ascii_case(name);
            self.overrides.iter().rev().find(is_it)
        };
        of(host).or_else(|| of(ANY_HOST))
    }

    /// The addresses of a host, as it stands in a URL.
    pub(crate) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
        if let Some(rule) = self.overridden(host, port) {
            return Ok(rule.addresses.clone());
        }
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let addresses = self.look_up(host).await?;
        Ok(addresses.iter().map(|address| SocketAddr::new(*address, port)).collect())
    }

    async fn look_up(&self, host: &str) -> Result<Answer, Failure> {
        let (asked, slot) = (now(), self.slot(host));
        let mut entry = slot.lock().await;
        match entry.as_ref() {
            Some((at, Ok(answer))) if now().saturating_duration_since(*at) < AGE => return Ok(answer.clone()),
            // Who waited for the answer has it; who comes later asks anew.
            Some((at, Err(failure))) if *at > asked => return Err(failure.clone()),
            _ => {}
        }
        let answer = match &self.own {
            Some(own) => ask_own(own.as_ref(), host).await,
            None => ask_system(host.to_owned()).await,
        };
        *entry = Some((now(), answer.clone()));
        answer
    }

    fn slot(&self, host: &str) -> Slot {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = names.get(host) {
            return slot.clone();
        }
        if names.len() >= NAMES {
            names.retain(|_, slot| Arc::strong_count(slot) > 1 || !is_old(slot));
        }
        if names.len() >= NAMES {
            names.clear();
        }
        names.entry(host.to_owned()).or_default().clone()
    }
}

fn is_old(slot: &Slot) -> bool {
    let entry = slot.try_lock();
    entry
        .is_some_and(|entry| entry.as_ref().is_none_or(|(at, _)| now().saturating_duration_since(*at) >= AGE))
}

async fn ask_own(own: &dyn Resolve, host: &str) -> Result<Answer, Failure> {
    judged(host, own.resolve(host).await)
}

async fn ask_system(host: String) -> Result<Answer, Failure> {
    let name = host.clone();
    let answer =
        to_thread(move || (name.as_str(), 0).to_socket_addrs().map(|all| all.map(|a| a.ip()).collect()))
            .await;
    match answer {
        Ok(answer) => judged(&host, answer),
        Err(ended) => {
            Err(Failure::new(ErrorKind::Cancelled, format!("name look-up of {}: {ended}", shortened(&host))))
        }
    }
}

/// An answer that can be used: with an address, and not with too many.
fn judged(host: &str, answer: std::io::Result<Vec<IpAddr>>) -> Result<Answer, Failure> {
    match answer {
        Ok(addresses) if addresses.is_empty() => Err(unresolved(host, "it has no address")),
        Ok(mut addresses) => {
            addresses.truncate(ADDRESSES);
            Ok(addresses.into())
        }
        Err(error) => {
            let why = error.to_string();
            let why =
                why.strip_prefix("failed to lookup address information: ").unwrap_or(&why).to_lowercase();
            Err(unresolved(host, &shortened(&why)).source(error))
        }
    }
}

fn unresolved(host: &str, why: &str) -> Failure {
    Failure::new(ErrorKind::Dns, format!("cannot resolve {:?}: {why}", shortened(host)))
}
