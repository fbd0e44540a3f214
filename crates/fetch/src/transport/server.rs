//! Whom a connection is to.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::LazyLock;

use http::Uri;
use http::uri::{Authority, Scheme};

use crate::error::Failure;

static HASHES: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A scheme, a host and a port: whom a connection is to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Of all there is, made once: an authority is hashed byte by byte, and connections are looked up several times a request.
    hash: u64,
    is_https: bool,
    authority: Authority,
}

impl Hash for Server {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Server {
    /// The one that a request is for.
    pub(super) fn of(uri: &Uri) -> Result<Self, Failure> {
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let authority = uri.authority().cloned();
        let authority = authority.ok_or_else(|| Failure::invalid(format!("{uri} names no host")))?;
        let authority = in_lower_case(authority)?;
        let hash = HASHES.hash_one((is_https, authority.as_str()));
        Ok(Self { hash, is_https, authority })
    }

    pub(super) fn is_https(&self) -> bool {
        self.is_https
    }

    pub(super) fn host(&self) -> &str {
        self.authority.host()
    }

    pub(super) fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(self.usual_port())
    }

    fn usual_port(&self) -> u16 {
        if self.is_https { 443 } else { 80 }
    }

    /// What stands in `Host`: no port that goes without saying (RFC 9110, section 7.2).
    pub(super) fn host_header(&self) -> String {
        match self.port() {
            port if port == self.usual_port() => self.host().to_owned(),
            port => format!("{}:{port}", self.host()),
        }
    }
}

/// Hosts are the same in any case.
fn in_lower_case(authority: Authority) -> Result<Authority, Failure> {
    if !authority.as_str().bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Ok(authority);
    }
    Authority::try_from(authority.as_str().to_ascii_lowercase())
        .map_err(|error| Failure::invalid(format!("{authority} is no host: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_goes_without_saying_is_not_said() {
        for (uri, host, port) in [
            ("http://h.example/a", "h.example", 80),
            ("http://h.example:80/", "h.example", 80),
            ("https://h.example:80/", "h.example:80", 80),
            ("https://h.example:443/", "h.example", 443),
            ("http://[::1]:8080/", "[::1]:8080", 8080),
        ] {
            let server = Server::of(&uri.parse().unwrap()).unwrap();
            assert_eq!((server.host_header().as_str(), server.port()), (host, port), "{uri}");
        }
        assert!(Server::of(&Uri::from_static("/a")).is_err());
    }

    #[test]
    fn a_server_is_the_same_in_any_case_and_at_its_scheme_and_port_alone() {
        let server = |uri: &str| Server::of(&uri.parse().unwrap()).unwrap();
        let all = ["http://h.example/", "http://H.Example/b", "https://h.example/", "http://h.example:81/"];
        let servers: std::collections::HashSet<_> = all.map(server).into();
        assert_eq!(servers.len(), 3);
    }
}
