//! From a link's text to an entry of the frontier. Pure.

use std::net::IpAddr;
use std::sync::Arc;

use url::Host;

use crate::canonical::Canonical;
use crate::model::{Found, Pace};
use crate::scope::Scope;

/// The rules that every link is under.
#[derive(Clone, Debug)]
pub(crate) struct Links(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    scope: Scope,
    /// Of hosts on the public net.
    public: Pace,
    /// Of this machine.
    loopback: Pace,
}

impl Links {
    pub(crate) fn new(scope: Scope, public: Pace, loopback: Pace) -> Self {
        Self(Arc::new(Inner { scope, public, loopback }))
    }

    /// The entry for a link; `None` for what is no web page.
    pub(crate) fn found(&self, url: &str, deeper: u32, hops: u32) -> Option<Found> {
        let url = Canonical::parse(url)?;
        let pace = if is_loopback(&url) { self.0.loopback } else { self.0.public };
        Some(Found {
            key: url.key(),
            url: url.as_str().to_owned(),
            host: url.host(),
            delay: pace.delay,
            limit: pace.limit,
            in_scope: self.0.scope.holds(&url),
            deeper,
            hops,
            pattern: String::new(),
            priority: 0,
        })
    }
}

/// Whether the URL is of this machine, by its name alone.
fn is_loopback(url: &Canonical) -> bool {
    match url.url().host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_pace_of_its_own() {
        let public = Pace { delay: 1000, limit: 1 };
        let links = Links::new(Scope::default(), public, Pace::default());
        let pace = |url: &str| links.found(url, 1, 0).map(|found| (found.delay, found.limit));
        assert_eq!(pace("http://example.com/"), Some((1000, 1)));
        for url in ["http://127.0.0.1:8000/", "http://[::1]/", "http://localhost/"] {
            assert_eq!(pace(url), Some((0, 0)), "{url}");
        }
        assert_eq!(pace("mailto:a@b"), None);
    }
}
