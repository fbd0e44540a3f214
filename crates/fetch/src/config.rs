//! What a client runs with: every option with its default.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use rustls::pki_types::CertificateDer;

use crate::bounds::{Limits, Timeouts};
use crate::cookies::Cookies;
use crate::decode;
use crate::netrc::Netrc;
use crate::origins::Pace;
use crate::proxy::Proxies;
use crate::resolve::Resolve;
use crate::url_input::Origin;

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
    pub(crate) retries: u32,
    pub(crate) retry_budget: Option<u32>,
    pub(crate) total_retry_budget: Option<u32>,
    pub(crate) backoff: Duration,
    pub(crate) max_wait: Duration,
    pub(crate) max_redirects: usize,
    pub(crate) follow: bool,
    pub(crate) downgrade: bool,
    pub(crate) pace: Pace,
    pub(crate) max_connections: Option<NonZeroUsize>,
    pub(crate) max_requests: Option<NonZeroUsize>,
    pub(crate) keep_alive: bool,
    pub(crate) headers: HeaderMap,
    /// Defaults that go to typed origins only.
    pub(crate) credentials: HeaderMap,
    /// Where logins are looked up for requests that have none.
    pub(crate) netrc: Option<Netrc>,
    pub(crate) cookies: Cookies,
    pub(crate) insecure: bool,
    pub(crate) roots: Vec<CertificateDer<'static>>,
    pub(crate) resolve: Vec<Override>,
    pub(crate) resolver: Option<Arc<dyn Resolve>>,
    pub(crate) allow_private: bool,
    pub(crate) proxies: Proxies,
    pub(crate) typed: Vec<Origin>,
    /// The agent whose rules in robots.txt are obeyed; `None` does not ask.
    pub(crate) robots: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("gather/", env!("CARGO_PKG_VERSION"))));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        if let Some(codings) = decode::accepted() {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(codings));
        }
        Self {
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            retries: 2,
            retry_budget: Some(500),
            total_retry_budget: Some(10_000),
            backoff: Duration::from_millis(200),
            max_wait: Duration::from_secs(120),
            max_redirects: 10,
            follow: true,
            downgrade: false,
            pace: Pace::default(),
            max_connections: None,
            max_requests: None,
            keep_alive: true,
            headers,
            credentials: HeaderMap::new(),
            netrc: None,
            cookies: Cookies::Off,
            insecure: false,
            roots: Vec::new(),
            resolve: Vec::new(),
            resolver: None,
            allow_private: false,
            proxies: Proxies::default(),
            typed: Vec::new(),
            robots: None,
        }
    }
}

/// An address that stands for a host and port, in place of the name look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Override {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) addresses: Vec<SocketAddr>,
}

/// Stands for all hosts that have no rule of their own.
pub(crate) const ANY_HOST: &str = "*";

impl Override {
    /// Reads `[+]HOST:PORT:ADDRESS[,ADDRESS…]`, where HOST may be `*` for all hosts. (With `+` curl looks the name up again after
    /// a while; for as long as that a rule always holds here.)
    pub(crate) fn parse(rule: &str) -> Option<Self> {
        let rule = rule.strip_prefix('+').unwrap_or(rule);
        let (host, rest) = match rule.strip_prefix('[') {
            Some(v6) => v6.split_once("]:").map(|(host, rest)| (format!("[{host}]"), rest))?,
            None => rule.split_once(':').map(|(host, rest)| (host.to_owned(), rest))?,
        };
        let (port, addresses) = rest.split_once(':')?;
        let port: u16 = port.parse().ok()?;
        let addresses: Option<Vec<SocketAddr>> =
            addresses.split(',').map(|text| parse_address(text, port)).collect();
        let host = if host == ANY_HOST { host } else { url::Host::parse(&host).ok()?.to_string() };
        addresses.map(|addresses| Override { host, port, addresses })
    }
}

fn parse_address(text: &str, port: u16) -> Option<SocketAddr> {
    let bare = text.trim().trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolve_rule_is_read_as_curl_reads_it() {
        let read = |rule: &str| Override::parse(rule).map(|o| (o.host, o.port, o.addresses.len()));
        assert_eq!(read("Example.com:443:127.0.0.1"), Some(("example.com".into(), 443, 1)));
        assert_eq!(read("h:80:127.0.0.1,[::1]"), Some(("h".into(), 80, 2)));
        assert_eq!(read("+h:80:127.0.0.1"), Some(("h".into(), 80, 1)));
        assert_eq!(read("*:80:127.0.0.1"), Some(("*".into(), 80, 1)));
        assert_eq!(read("[::1]:80:127.0.0.1"), Some(("[::1]".into(), 80, 1)));
        for wrong in ["h", "h:80", "h:x:127.0.0.1", "h:80:nowhere", "h:80:", ":80:127.0.0.1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
