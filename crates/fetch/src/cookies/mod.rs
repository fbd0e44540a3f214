//! Cookies: nothing unless the feature is on and the client was given a jar.

#[cfg(feature = "cookies")]
mod date;
#[cfg(feature = "cookies")]
mod jar;
#[cfg(feature = "cookies")]
mod loading;
#[cfg(feature = "cookies")]
mod netscape;
#[cfg(feature = "cookies")]
mod rules;
#[cfg(feature = "cookies")]
mod set_cookie;
#[cfg(feature = "cookies")]
mod store;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use url::Url;

#[cfg(feature = "cookies")]
pub use jar::Jar;

/// What a client does with cookies.
#[derive(Clone, Default)]
pub(crate) enum Cookies {
    #[default]
    Off,
    #[cfg(feature = "cookies")]
    In(Jar),
}

impl Cookies {
    pub(crate) fn are_off(&self) -> bool {
        matches!(self, Cookies::Off)
    }

    /// What the jar has for a request to `url`.
    #[cfg_attr(not(feature = "cookies"), expect(unused_variables, reason = "there is no jar to ask"))]
    pub(crate) fn for_url(&self, url: &Url) -> Option<HeaderValue> {
        match self {
            Cookies::Off => None,
            #[cfg(feature = "cookies")]
            Cookies::In(jar) => jar.header(url),
        }
    }

    /// Keeps what the response of `url` sets, if it may.
    pub(crate) fn keep(&self, url: &Url, headers: &HeaderMap) {
        if self.are_off() {
            return;
        }
        for value in headers.get_all(SET_COOKIE) {
            self.set(url, value);
        }
    }

    #[cfg_attr(not(feature = "cookies"), expect(unused_variables, reason = "there is no jar to fill"))]
    fn set(&self, url: &Url, value: &HeaderValue) {
        match self {
            Cookies::Off => {}
            #[cfg(feature = "cookies")]
            Cookies::In(jar) => {
                jar.set(url, value.as_bytes());
            }
        }
    }
}

/// Puts the jar's cookies behind those that the user gave, in one header.
pub(crate) fn merge(headers: &mut HeaderMap, from_jar: HeaderValue) {
    let given = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let all: Vec<&[u8]> = given.chain([from_jar.as_bytes()]).collect();
    // Joined header values are a header value.
    let Ok(mut value) = HeaderValue::from_bytes(&all.join(b"; ".as_slice())) else { return };
    value.set_sensitive(true);
    headers.insert(COOKIE, value);
}
