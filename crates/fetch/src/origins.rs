//! So many requests to one host at once.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use async_lock::{Semaphore, SemaphoreGuardArc};
use url::Url;

use crate::address::is_loopback_host;

/// A place among the requests to a host, given back when dropped.
pub(crate) type Permit = SemaphoreGuardArc;

/// How many hosts are remembered before those that nobody uses are forgotten.
const HOSTS: usize = 1024;

pub(crate) struct Hosts {
    limit: Option<NonZeroUsize>,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Hosts {
    pub(crate) fn new(limit: Option<NonZeroUsize>) -> Self {
        Self { limit, hosts: Mutex::default() }
    }

    /// Waits for a place; `None` where there is no limit. A wait that is dropped takes no place.
    pub(crate) async fn enter(&self, url: &Url) -> Option<Permit> {
        let limit = self.limit?;
        if url.host().is_none_or(|host| is_loopback_host(&host)) {
            return None;
        }
        let semaphore = self.semaphore(url.host_str().unwrap_or_default(), limit);
        Some(semaphore.acquire_arc().await)
    }

    fn semaphore(&self, host: &str, limit: NonZeroUsize) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = hosts.get(host) {
            return semaphore.clone();
        }
        if hosts.len() >= HOSTS {
            // A permit holds its semaphore, and so does who waits for one: what nobody else holds is unused.
            hosts.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }
        let semaphore = Arc::new(Semaphore::new(limit.get()));
        hosts.insert(host.to_owned(), semaphore.clone());
        semaphore
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn a_host_has_its_places_and_loopback_has_no_limit() {
        let hosts = Hosts::new(NonZeroUsize::new(2));
        let url = Url::parse("http://h.example/").unwrap();
        let held = [(); 2].map(|()| hosts.enter(&url).now_or_never().flatten().unwrap());
        assert!(hosts.enter(&url).now_or_never().is_none());
        assert!(hosts.enter(&Url::parse("http://other.example/").unwrap()).now_or_never().unwrap().is_some());
        assert!(hosts.enter(&Url::parse("http://127.0.0.1/").unwrap()).now_or_never().unwrap().is_none());
        drop(held);
        assert!(hosts.enter(&url).now_or_never().is_some());
    }

    #[test]
    fn a_wait_that_is_dropped_loses_no_place() {
        let hosts = Hosts::new(NonZeroUsize::new(1));
        let url = Url::parse("http://h.example/").unwrap();
        let held = hosts.enter(&url).now_or_never().flatten();
        let mut waiting = Box::pin(hosts.enter(&url));
        assert!((&mut waiting).now_or_never().is_none());
        drop(waiting);
        drop(held);
        assert!(hosts.enter(&url).now_or_never().is_some());
    }
}
