//! From what somebody wrote to a URL that can be fetched.

use url::{Host, Url};

use crate::error::{Failure, shortened};

/// What can be taken for a URL: a [`Url`], or a string that is parsed by the WHATWG rules.
///
/// Sealed: the error of a wrong URL belongs to this crate.
pub trait IntoUrl: sealed::Sealed {}

impl IntoUrl for Url {}
impl IntoUrl for &Url {}
impl IntoUrl for &str {}
impl IntoUrl for String {}
impl IntoUrl for &String {}

mod sealed {
    use super::Url;
    use crate::error::Error;

    pub trait Sealed {
        fn into_url(self) -> Result<Url, Error>;
    }

    impl Sealed for Url {
        fn into_url(self) -> Result<Url, Error> {
            Ok(super::checked(self)?)
        }
    }

    impl Sealed for &Url {
        fn into_url(self) -> Result<Url, Error> {
            Ok(super::checked(self.clone())?)
        }
    }

    impl Sealed for &str {
        fn into_url(self) -> Result<Url, Error> {
            Ok(super::parse(self)?)
        }
    }

    impl Sealed for String {
        fn into_url(self) -> Result<Url, Error> {
            Ok(super::parse(&self)?)
        }
    }

    impl Sealed for &String {
        fn into_url(self) -> Result<Url, Error> {
            Ok(super::parse(self)?)
        }
    }
}

fn parse(text: &str) -> Result<Url, Failure> {
    match Url::parse(text) {
        // `example.com:8080/x` parses with the scheme `example.com`, and `localhost:80` with `localhost`.
        Ok(url) if !url.has_host() && looks_like_host_and_port(text) => Err(without_scheme(text)),
        Ok(url) => checked(url),
        Err(url::ParseError::RelativeUrlWithoutBase) => Err(without_scheme(text)),
        Err(error) => Err(Failure::invalid(format!("bad url {:?}: {error}", shortened(text)))),
    }
}

/// Only what we can fetch: http or https, with a host.
pub(crate) fn checked(url: Url) -> Result<Url, Failure> {
    if !matches!(url.scheme(), "http" | "https") {
        let fact =
            format!("cannot fetch {}: unknown scheme {:?}", shortened(url.as_str()), shortened(url.scheme()));
        let hint =
            if url.scheme() == "file" { "give the path instead" } else { "http and https are fetched" };
        return Err(Failure::invalid(fact).hint(hint));
    }
    match url.host() {
        Some(Host::Domain("")) | None => {
            Err(Failure::invalid(format!("bad url {:?}: no host", shortened(url.as_str()))))
        }
        Some(_) => Ok(url),
    }
}

fn without_scheme(text: &str) -> Failure {
    let failure = Failure::invalid(format!("bad url {:?}: no scheme", shortened(text)));
    let is_host_like =
        text.split(['/', ':']).next().is_some_and(|host| host.contains('.') || host == "localhost");
    if is_host_like { failure.hint(format!("did you mean https://{}", shortened(text))) } else { failure }
}

fn looks_like_host_and_port(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, rest)| {
        let port = rest.split(['/', '?', '#']).next().unwrap_or_default();
        (host.contains('.') || host == "localhost")
            && !port.is_empty()
            && port.bytes().all(|b| b.is_ascii_digit())
    })
}

pub(crate) fn into_url(url: impl IntoUrl) -> Result<Url, crate::Error> {
    url.into_url()
}

/// Scheme, host and port: what credentials are bound to (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    pub(crate) fn of(url: &Url) -> Self {
        Self {
            https: url.scheme() == "https",
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
        }
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// The URL that a server's text means, seen from one of http or https. Of slashes before a host all are passed over, as in
/// browsers; the `url` crate passes over two.
///
/// Source: [URL Standard](https://url.spec.whatwg.org/#special-authority-ignore-slashes-state).
pub(crate) fn resolved(base: &Url, text: &str) -> Result<Url, url::ParseError> {
    let host = text.trim_start_matches(['/', '\\']);
    match text.len() - host.len() {
        0..=2 => base.join(text),
        _ => base.join(&format!("//{host}")),
    }
}

pub(crate) fn same_origin(one: &Url, two: &Url) -> bool {
    one.scheme() == two.scheme()
        && one.host_str() == two.host_str()
        && one.port_or_known_default() == two.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_fetched_is_refused_with_a_hint() {
        let table = [
            ("ftp://h/x", "unknown scheme", true),
            ("file:///etc/passwd", "unknown scheme", true),
            ("javascript:alert(1)", "unknown scheme", true),
            ("example.com/x", "no scheme", true),
            ("example.com:8080/x", "no scheme", true),
            ("localhost:80", "no scheme", true),
            ("nonsense", "no scheme", false),
            ("http://", "bad url", false),
            ("http://a b/", "bad url", false),
            ("http://h:99999/", "bad url", false),
            ("", "no scheme", false),
        ];
        for (text, fact, hinted) in table {
            let error = crate::Error::from(parse(text).unwrap_err());
            assert!(error.fact().contains(fact), "{text}: {error}");
            assert_eq!(error.hint().is_some(), hinted, "{text}: {error}");
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn an_ipv4_host_written_oddly_is_the_same_host() {
        for odd in ["http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/"] {
            assert_eq!(parse(odd).unwrap().host_str(), Some("127.0.0.1"), "{odd}");
        }
    }
}
