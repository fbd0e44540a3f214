//! Whom a connection is to.

use http::Uri;
use http::uri::{Authority, Scheme};

use crate::error::Failure;

/// A scheme, a host and a port: whom a connection is to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    is_https: bool,
    authority: Authority,
}

impl Server {
    /// The one that a request is for.
    pub(super) fn of(uri: &Uri) -> Result<Self, Failure> {
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let authority = uri.authority().cloned();
        let authority = authority.ok_or_else(|| Failure::invalid(format!("{uri} names no host")))?;
        Ok(Self { is_https, authority })
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
}
