//! From a link's text to an entry of the frontier. Pure.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use url::Host;

use crate::canonical::{Canonical, Form, LONGEST};
use crate::model::{Found, Pace};
use crate::recent::Recent;
use crate::scope::Scope;
use crate::trap;

/// Indexes of sitemaps inside one another; the protocol has one.
const MAX_NESTED: u32 = 4;

/// The priority of seeds and of sitemaps: above the number of any day.
pub(crate) const FIRST: i64 = 1 << 40;

/// So many letters are kept of a URL that is too long to be followed.
const KEPT: usize = 200;

/// So many entries are remembered at least, those of URLs up to this length: a few megabytes.
const RECENT: usize = 4096;
const SHORT: usize = 256;

/// The rules that every link is under.
#[derive(Clone, Debug)]
pub(crate) struct Links(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    scope: Scope,
    form: Form,
    /// Of hosts on the public net.
    public: Pace,
    /// Of this machine.
    loopback: Pace,
    /// The pages of a site lead to the same places again and again.
    recent: Mutex<Recent<Box<str>, Found>>,
}

impl Links {
    pub(crate) fn new(scope: Scope, form: Form, public: Pace, loopback: Pace) -> Self {
        let recent = Mutex::new(Recent::new(RECENT));
        Self(Arc::new(Inner { scope, form, public, loopback, recent }))
    }

    /// The entry for a link; `None` for what is no web page.
    pub(crate) fn found(&self, url: &str, deeper: u32, hops: u32) -> Option<Found> {
        let recent = || self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let known = recent().get(url).cloned();
        let found = known.or_else(|| {
            let found = self.look_at(url)?;
            if url.len() <= SHORT {
                recent().put(url.into(), found.clone());
            }
            Some(found)
        })?;
        Some(Found { deeper, hops, ..found })
    }

    fn look_at(&self, url: &str) -> Option<Found> {
        let url = Canonical::of_any_length(url, self.0.form)?;
        let is_long = url.as_str().len() > LONGEST;
        let pace = pace(&url, self.0.public, self.0.loopback);
        Some(Found {
            key: url.key(),
            url: if is_long { beginning(&url) } else { url.as_str().to_owned() },
            host: url.host(),
            delay: pace.delay,
            limit: pace.limit,
            in_scope: self.0.scope.holds(&url),
            deeper: 0,
            hops: 0,
            pattern: if is_long { String::new() } else { trap::pattern(url.url()) },
            priority: 0,
            sitemap: None,
            left_out: if is_long { Some("length") } else { trap::repeats(url.url()).then_some("trap") },
        })
    }

    /// The entry for a sitemap that so many indexes and redirects led to. It belongs to the crawl if it is on a host of the seeds,
    /// or `is_trusted`: its pages are judged one by one.
    pub(crate) fn sitemap(&self, url: &str, nested: u32, hops: u32, is_trusted: bool) -> Option<Found> {
        let in_scope = is_trusted || self.0.scope.has_host(&Canonical::parse_as(url, self.0.form)?);
        let found = self.found(url, 0, hops)?;
        let left_out = if nested > MAX_NESTED { Some("trap") } else { found.left_out };
        let (sitemap, priority) = (Some(nested), FIRST);
        Some(Found { in_scope, sitemap, priority, left_out, pattern: String::new(), ..found })
    }

    /// How a URL that is out of scope could be made to belong to the crawl.
    pub(crate) fn way_in(&self, url: &str) -> Option<String> {
        Canonical::parse(url).map(|url| self.0.scope.way_in(&url))
    }
}

/// What is kept of a URL that is too long to be followed.
fn beginning(url: &Canonical) -> String {
    url.as_str().chars().take(KEPT).chain(['…']).collect()
}

/// How the host of a URL is treated.
pub(crate) fn pace(url: &Canonical, public: Pace, loopback: Pace) -> Pace {
    if is_loopback(url) { loopback } else { public }
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
        let links = Links::new(Scope::default(), Form::default(), public, Pace::default());
        let pace = |url: &str| links.found(url, 1, 0).map(|found| (found.delay, found.limit));
        assert_eq!(pace("http://example.com/"), Some((1000, 1)));
        for url in ["http://127.0.0.1:8000/", "http://[::1]/", "http://localhost/"] {
            assert_eq!(pace(url), Some((0, 0)), "{url}");
        }
        assert_eq!(pace("mailto:a@b"), None);
    }

    #[test]
    fn an_entry_is_in_the_form_of_the_crawl_with_the_pattern_of_that_form() {
        let form = Form { sort_query: true, strip_session: true };
        let links = Links::new(Scope::default(), form, Pace::default(), Pace::default());
        let found = |url: &str| links.found(url, 1, 0).unwrap();
        let one = found("http://h/p/7?b=1&sid=9&a=2");
        assert_eq!((one.url.as_str(), one.pattern.as_str()), ("http://h/p/7?a=2&b=1", "/p/N?a&b"));
        assert_eq!(one.key, found("http://h/p/7?a=2&b=1").key);
        assert_eq!((one.left_out, found("http://h/a/a/a/a/").left_out), (None, Some("trap")));
    }

    #[test]
    fn of_a_url_that_is_too_long_the_beginning_is_kept_under_a_key_of_its_own() {
        let links = Links::new(Scope::default(), Form::default(), Pace::default(), Pace::default());
        let found = |end: &str| links.found(&format!("http://h/{}{end}", "x".repeat(9_000)), 1, 0).unwrap();
        let (one, other) = (found("1"), found("2"));
        assert_eq!((one.left_out, one.pattern.as_str()), (Some("length"), ""));
        assert!(one.url.len() < 300 && one.url.ends_with('…'), "{}", one.url);
        assert_ne!(one.key, other.key);
    }
}
