//! Which proxy a URL takes, if any: by what the user says, or by the environment, as curl reads it. Pure.

use std::net::IpAddr;

use http::HeaderValue;
use url::{Host, Url};

use crate::error::{Failure, shortened};
use crate::request::basic;

/// What curl takes where a proxy's URL has no port.
const DEFAULT_PORT: u16 = 1080;

const HINT: &str = "a proxy is written http://host:port, or http://user:password@host:port";

/// An HTTP proxy. Its credentials are for it alone: they go into no other request, and are never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) authorization: Option<HeaderValue>,
}

impl Proxy {
    /// Reads `http://[user:password@]host[:port]`, or `host[:port]`.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim();
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        // Never the text itself: it may hold a password.
        let bad = |why: &str| Failure::invalid(format!("bad proxy: {why}")).hint(HINT);
        let url = Url::parse(&with_scheme).map_err(|error| bad(&error.to_string()))?;
        if url.scheme() != "http" {
            let scheme = shortened(url.scheme());
            return Err(bad(&format!("{scheme}:// proxies are not spoken to, http:// ones are")));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("it has no host"))?;
        let names_port = with_scheme.trim_end_matches('/').ends_with(":80");
        let port = url.port().unwrap_or(if names_port { 80 } else { DEFAULT_PORT });
        Ok(Self { host: host.to_owned(), port, authorization: authorization(&url) })
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

fn authorization(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some(basic(&decoded(url.username()), &decoded(url.password().unwrap_or_default())))
}

/// The proxies of a client, and what goes past them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    pub(crate) http: Option<Proxy>,
    pub(crate) https: Option<Proxy>,
    pub(crate) except: NoProxy,
}

impl Proxies {
    /// One proxy for everything, or none.
    pub(crate) fn all(proxy: Option<Proxy>) -> Self {
        Self { http: proxy.clone(), https: proxy, except: NoProxy::default() }
    }

    /// As the environment says, and as curl reads it: `http_proxy` in small letters only, for what a server hands to a CGI
    /// program as `HTTP_PROXY` comes from its client; all others in either.
    ///
    /// # Errors
    /// A variable that names no proxy; the error names it, and not what it holds.
    pub(crate) fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let read = |names: &[&str]| -> Result<Option<Proxy>, Failure> {
            for name in names {
                if let Some(value) = variable(name).filter(|value| !value.trim().is_empty()) {
                    let named = |failure: Failure| {
                        Failure::invalid(format!("{failure}, in the variable {name}")).hint(HINT)
                    };
                    return Proxy::parse(&value).map(Some).map_err(named);
                }
            }
            Ok(None)
        };
        let any = read(&["all_proxy", "ALL_PROXY"])?;
        // An empty one counts as none.
        let except =
            ["no_proxy", "NO_PROXY"].into_iter().filter_map(&variable).find(|hosts| !hosts.trim().is_empty());
        let except = except.unwrap_or_default();
        Ok(Self {
            http: read(&["http_proxy"])?.or_else(|| any.clone()),
            https: read(&["https_proxy", "HTTPS_PROXY"])?.or(any),
            except: NoProxy::parse(&except),
        })
    }

    /// The proxy for a host and port.
    pub(crate) fn choose(&self, https: bool, host: &str, port: u16) -> Option<&Proxy> {
        let proxy = if https { self.https.as_ref() } else { self.http.as_ref() };
        proxy.filter(|_| !self.except.matches(host, port))
    }

    /// What a request for this URL says to the proxy that it is sent to as it is; a tunnel is told when it is dug.
    pub(crate) fn authorization(&self, url: &Url) -> Option<&HeaderValue> {
        let host = url.host_str()?;
        let plain = url.scheme() == "http";
        let proxy = plain.then(|| self.choose(false, host, url.port_or_known_default()?)).flatten()?;
        proxy.authorization.as_ref()
    }
}

/// The hosts that no proxy is asked for, as curl reads `NO_PROXY`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NoProxy(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    All,
    /// A name and all names below it, at one port or at any.
    Name(String, Option<u16>),
    /// So many leading bits of an address.
    Net(IpAddr, u8),
}

impl NoProxy {
    /// Entries apart by commas or blanks. What is none matches nothing.
    pub(crate) fn parse(list: &str) -> Self {
        let entries = list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
        Self(entries.filter_map(Rule::parse).collect())
    }

    pub(crate) fn matches(&self, host: &str, port: u16) -> bool {
        let host = bare(host).trim_end_matches('.').to_ascii_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        self.0.iter().any(|rule| match rule {
            Rule::All => true,
            Rule::Net(net, bits) => address.is_some_and(|address| is_within(address, *net, *bits)),
            Rule::Name(name, at) => {
                at.is_none_or(|at| at == port) && address.is_none() && is_below(&host, name)
            }
        })
    }
}

impl Rule {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Rule::All);
        }
        let (net, bits) = entry.split_once('/').map_or((entry, None), |(net, bits)| (net, Some(bits)));
        if let Ok(address) = bare(net).parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Some(most), |bits| bits.parse().ok().filter(|bits| *bits <= most))?;
            return Some(Rule::Net(address, bits));
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        let name = name.trim_start_matches("*.").trim_start_matches('.').trim_end_matches('.');
        (!name.is_empty()).then(|| Rule::Name(name.to_ascii_lowercase(), port))
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn is_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_within(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    match (address, net) {
        (IpAddr::V4(address), IpAddr::V4(net)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            (address.to_bits() ^ net.to_bits()) & mask == 0
        }
        (IpAddr::V6(address), IpAddr::V6(net)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            (address.to_bits() ^ net.to_bits()) & mask == 0
        }
        _ => false,
    }
}

/// Whether the host is an address, or the name of this machine: what can be judged without looking it up.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    match Host::parse(host).ok()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(name) => {
            let is_local = is_below(name.trim_end_matches('.'), "localhost");
            is_local.then_some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_as_curl_reads_it() {
        let read = |text: &str| Proxy::parse(text).map(|proxy| (proxy.host, proxy.port)).ok();
        assert_eq!(read("http://p.example:3128"), Some(("p.example".into(), 3128)));
        assert_eq!(read("p.example:3128"), Some(("p.example".into(), 3128)));
        assert_eq!(read("p.example"), Some(("p.example".into(), 1080)));
        assert_eq!(read("http://p.example:80/"), Some(("p.example".into(), 80)));
        assert_eq!(read("http://[::1]:8080"), Some(("[::1]".into(), 8080)));
        for wrong in ["", "http://", "socks5://p:1", "https://p:1", "http://p:port", "ftp://p"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn its_credentials_are_read_and_not_shown() {
        let proxy = Proxy::parse("http://me:pa%3Ass@p:1").unwrap();
        assert_eq!(proxy.authorization, Some(basic("me", "pa:ss")));
        assert_eq!(format!("{proxy:?}"), "http://p:1");
        let failure = Proxy::parse("socks5://me:hunter2@p:1").unwrap_err();
        assert!(!format!("{failure} {failure:?}").contains("hunter2"), "{failure}");
    }

    #[test]
    fn the_environment_is_read_as_curl_reads_it() {
        let read = |variables: &'static [(&str, &str)]| {
            Proxies::from_variables(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let chosen = |variables, https| {
            read(variables).unwrap().choose(https, "h.example", 80).map(|proxy| proxy.host.clone())
        };
        assert_eq!(chosen(&[("http_proxy", "a")], false).as_deref(), Some("a"));
        assert_eq!(chosen(&[("http_proxy", "a")], true), None);
        assert_eq!(chosen(&[("HTTP_PROXY", "a")], false), None, "a CGI program's client could set it");
        assert_eq!(chosen(&[("HTTPS_PROXY", "b")], true).as_deref(), Some("b"));
        assert_eq!(chosen(&[("https_proxy", "c"), ("HTTPS_PROXY", "b")], true).as_deref(), Some("c"));
        assert_eq!(chosen(&[("ALL_PROXY", "d")], true).as_deref(), Some("d"));
        assert_eq!(chosen(&[("ALL_PROXY", "d"), ("http_proxy", "a")], false).as_deref(), Some("a"));
        assert_eq!(chosen(&[("all_proxy", "d"), ("NO_PROXY", ".example")], false), None);
        assert_eq!(chosen(&[("http_proxy", " ")], false), None);
        let failure = read(&[("https_proxy", "socks4://x:hunter2@p")]).unwrap_err();
        assert!(failure.to_string().contains("https_proxy"), "{failure}");
    }

    #[test]
    fn what_goes_past_the_proxy() {
        let table = [
            ("*", "anything.example", 80, true),
            ("example.com", "example.com", 80, true),
            ("example.com", "www.example.com", 80, true),
            ("example.com", "EXAMPLE.com", 80, true),
            ("example.com", "example.com.", 80, true),
            ("example.com.", "example.com", 80, true),
            ("example.com", "notexample.com", 80, false),
            ("example.com", "example.com.evil.org", 80, false),
            (".example.com", "example.com", 80, true),
            (".example.com", "a.example.com", 80, true),
            ("*.example.com", "a.example.com", 80, true),
            ("www.example.com", "example.com", 80, false),
            ("a.org,example.com", "example.com", 80, true),
            ("a.org example.com", "example.com", 80, true),
            ("a.org, example.com ,b", "example.com", 80, true),
            (",,", "example.com", 80, false),
            ("", "example.com", 80, false),
            ("example.com:8080", "example.com", 8080, true),
            ("example.com:8080", "example.com", 80, false),
            ("example.com:port", "example.com", 80, false),
            ("localhost", "localhost", 80, true),
            ("127.0.0.1", "127.0.0.1", 80, true),
            ("127.0.0.1", "127.0.0.2", 80, false),
            ("127.0.0.0/8", "127.9.9.9", 80, true),
            ("10.0.0.0/8", "11.0.0.1", 80, false),
            ("192.168.1.0/24", "192.168.1.77", 80, true),
            ("192.168.1.0/33", "192.168.1.77", 80, false),
            ("0.0.0.0/0", "8.8.8.8", 80, true),
            ("::1", "[::1]", 80, true),
            ("[::1]", "[::1]", 80, true),
            ("fe80::/10", "[fe80::1]", 80, true),
            ("2001:db8::/32", "[2001:db9::1]", 80, false),
            ("::/0", "127.0.0.1", 80, false),
            ("1.1.1.1", "1.1.1.1.example", 80, false),
            ("0.0.1", "127.0.0.1", 80, false),
        ];
        for (list, host, port, past) in table {
            assert_eq!(NoProxy::parse(list).matches(host, port), past, "{list:?} {host}:{port}");
        }
    }

    #[test]
    fn what_can_be_judged_without_a_look_up() {
        for host in ["127.0.0.1", "[::1]", "localhost", "a.localhost", "0x7f.1", "2130706433"] {
            assert!(literal(host).is_some(), "{host}");
        }
        assert!(literal("example.com").is_none() && literal("notlocalhost").is_none());
    }
}
