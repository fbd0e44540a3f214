//! One form for all the ways to write a URL, and the key it is known by. Pure.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};
use url::Url;

use crate::hex;

/// The longest URL that is followed, in bytes: longer ones are traps more often than pages.
pub(crate) const LONGEST: usize = 8 * 1024;

/// What else is taken for the same page, by the user's word: servers may tell such URLs apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Form {
    /// The order of the parameters of a query does not count: they are sorted by their names. Default: no.
    pub sort_query: bool,
    /// Names of sessions and of campaigns do not count: `sid`, `PHPSESSID`, `jsessionid`, `utm_source` and the like are
    /// taken out of the query, and `;jsessionid=…` out of the path. Default: no.
    pub strip_session: bool,
}

/// Parameters that say who asks or where from, and not for what; in lower case.
const SESSION: [&str; 14] = [
    "sid",
    "sessid",
    "sessionid",
    "session_id",
    "phpsessid",
    "jsessionid",
    "aspsessionid",
    "asp.net_sessionid",
    "cfid",
    "cftoken",
    "zenid",
    "oscsid",
    "gclid",
    "fbclid",
];

/// A URL in its canonical form (RFC 3986, 6.2): scheme and host in lower case, no default port, no fragment, no dot
/// segments, percent-encoding in upper case and only where it is needed. The query keeps its order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Canonical(Url);

impl Canonical {
    /// The canonical form; `None` for what is no http or https URL with a host, and for what is longer than 8 KiB.
    ///
    /// ```
    /// use gather_crawler::Canonical;
    ///
    /// let url = Canonical::parse("HTTP://Example.com:80/a/../%7eb/%c3%a9#top").unwrap();
    /// assert_eq!(url.as_str(), "http://example.com/~b/%C3%A9");
    /// assert_eq!(url.key(), Canonical::parse("http://example.com/~b/é").unwrap().key());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_as(text, Form::default())
    }

    /// The same, with more that does not count.
    ///
    /// ```
    /// use gather_crawler::{Canonical, Form};
    ///
    /// let mut form = Form::default();
    /// (form.sort_query, form.strip_session) = (true, true);
    /// let url = Canonical::parse_as("http://h/a;jsessionid=1F?b=2&sid=x&a=1", form).unwrap();
    /// assert_eq!(url.as_str(), "http://h/a?a=1&b=2");
    /// ```
    pub fn parse_as(text: &str, form: Form) -> Option<Self> {
        Self::of_any_length(text, form).filter(|url| text.len().max(url.as_str().len()) <= LONGEST)
    }

    pub(crate) fn of_any_length(text: &str, form: Form) -> Option<Self> {
        let mut url = Url::parse(text.trim()).ok()?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return None;
        }
        url.set_fragment(None);
        let _ = url.set_username("");
        let _ = url.set_password(None);
        if form.strip_session || url.path().contains('%') {
            let path = normal_encoding(url.path());
            url.set_path(if form.strip_session { without_path_session(&path) } else { &path });
        }
        match url.query().map(|query| form.apply(normal_encoding(query))) {
            Some(query) if !query.is_empty() => url.set_query(Some(&query)),
            _ => url.set_query(None),
        }
        Some(Self(url))
    }

    /// The URL as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL as a URL.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The first 128 bits of the SHA-256 of the text, as 32 hexadecimal digits: nobody finds two URLs with the same.
    pub fn key(&self) -> String {
        hex::half(&Sha256::digest(self.as_str().as_bytes()))
    }

    /// The host and port that politeness is measured by, such as `example.com:443`.
    pub fn host(&self) -> String {
        let port = self.0.port_or_known_default().unwrap_or(0);
        format!("{}:{port}", self.0.host_str().unwrap_or_default())
    }
}

impl Form {
    fn apply(self, query: String) -> String {
        if self == Self::default() {
            return query;
        }
        let is_kept = |part: &&str| !(self.strip_session && is_session(name(part)));
        let mut parts: Vec<&str> = query.split('&').filter(is_kept).collect();
        if self.sort_query {
            // Parameters of one name keep their order: it may mean something.
            parts.sort_by_key(|part| name(part));
        }
        parts.join("&")
    }
}

/// The name of a parameter of a query.
pub(crate) fn name(part: &str) -> &str {
    part.split('=').next().unwrap_or_default()
}

/// Whether a parameter of this name says who asks, or where from.
pub(crate) fn is_session(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SESSION.contains(&name.as_str()) || name.starts_with("utm_") || name.starts_with("aspsessionid")
}

/// The path before a session that stands at its end, as Java's and PHP's servers write it.
fn without_path_session(path: &str) -> &str {
    match path.rsplit_once(';') {
        Some((before, parameter)) if !parameter.contains('/') && is_session(name(parameter)) => before,
        _ => path,
    }
}

/// Decodes what needs no encoding (RFC 3986, 2.3) and writes the rest in upper case. Encoding what is no `%XX` is left to
/// the URL parser.
fn normal_encoding(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        normal.push_str(before);
        match after.get(..2).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            Some(hex) => {
                let byte = percent_decode_str(&format!("%{hex}")).next().unwrap_or_default();
                let needs_none = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
                if needs_none && !(byte.is_ascii_hexdigit() && ends_amid_an_escape(&normal)) {
                    normal.push(char::from(byte));
                } else {
                    normal.push('%');
                    normal.push_str(&hex.to_ascii_uppercase());
                }
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                normal.push('%');
                rest = after;
            }
        }
    }
    normal.push_str(rest);
    normal
}

/// A glob over a URL, or over its path and query, in the form of those that it is matched with. What has a meaning in globs keeps it.
pub(crate) fn glob(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return encoded(text) };
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let path = if rest.ends_with('*') && !rest.contains('/') { "" } else { path };
    let scheme = scheme.to_ascii_lowercase();
    let origin = match Url::parse(&format!("{scheme}://{authority}/")) {
        Ok(url) if url.has_host() && !authority.contains(['*', '?', '[', '{', '\\']) => {
            url.origin().ascii_serialization()
        }
        _ => format!("{scheme}://{}", authority.to_lowercase()),
    };
    format!("{origin}{}", encoded(path))
}

/// Encoded as the URL parser does it, as far as no glob is in the way.
fn encoded(glob: &str) -> String {
    let glob = glob.replace("\\{", "%7B").replace("\\}", "%7D");
    normal_encoding(&utf8_percent_encode(&glob, NOT_IN_GLOBS).to_string())
}

const NOT_IN_GLOBS: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');

/// Whether a hexadecimal digit more could make a stray `%` an escape, which would be another URL: `%a%44` is not `%aD`.
fn ends_amid_an_escape(text: &str) -> bool {
    text.as_bytes().iter().rev().take(2).any(|byte| *byte == b'%')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> String {
        Canonical::parse(text).unwrap().as_str().to_owned()
    }

    fn form(sort_query: bool, strip_session: bool) -> Form {
        Form { sort_query, strip_session }
    }

    #[test]
    fn sorted_queries_are_alike_whatever_their_order_but_for_that_within_a_name() {
        let sorted = |text| Canonical::parse_as(text, form(true, false)).unwrap().as_str().to_owned();
        for (given, expected) in [
            ("http://h/?b=1&a=2", "http://h/?a=2&b=1"),
            ("http://h/?a=2&b=1&a=1", "http://h/?a=2&a=1&b=1"),
            ("http://h/?b&a&b=", "http://h/?a&b&b="),
            ("http://h/x", "http://h/x"),
        ] {
            assert_eq!(sorted(given), expected, "{given}");
        }
        assert_eq!(canonical("http://h/?b=1&a=2"), "http://h/?b=1&a=2", "not without being asked");
    }

    #[test]
    fn sessions_are_taken_out_and_what_only_looks_like_one_is_not() {
        let stripped = |text| Canonical::parse_as(text, form(false, true)).unwrap().as_str().to_owned();
        for (given, expected) in [
            ("http://h/?PHPSESSID=1&q=x", "http://h/?q=x"),
            ("http://h/?utm_source=a&utm_medium=b", "http://h/"),
            ("http://h/a;jsessionid=AB12?x=1&sid=2", "http://h/a?x=1"),
            ("http://h/?ASPSESSIONIDQQQ=1", "http://h/"),
            ("http://h/?side=1&asid=2", "http://h/?side=1&asid=2"),
            ("http://h/a;v=2/b", "http://h/a;v=2/b"),
            ("http://h/a;sid=2/b", "http://h/a;sid=2/b"),
        ] {
            assert_eq!(stripped(given), expected, "{given}");
        }
        assert_eq!(canonical("http://h/?sid=1"), "http://h/?sid=1", "not without being asked");
    }

    #[test]
    fn one_page_has_one_form_however_it_is_written() {
        let table = [
            ("HTTP://EXAMPLE.com", "http://example.com/"),
            ("https://h:443/x", "https://h/x"),
            ("http://h:8080/x", "http://h:8080/x"),
            ("http://h/a/./b/../c#f", "http://h/a/c"),
            ("http://h/%7Ea%2f%3fb", "http://h/~a%2F%3Fb"),
            ("http://h/%2e%2e/a", "http://h/a"),
            ("http://h/a b?c d", "http://h/a%20b?c%20d"),
            ("http://h/?", "http://h/"),
            ("http://h/?b=1&a=%61", "http://h/?b=1&a=a"),
            ("http://u:p@h/", "http://h/"),
            ("http://h/100%", "http://h/100%"),
            ("http://h/%a%44", "http://h/%a%44"),
            ("http://h/%%41%42", "http://h/%%41B"),
            ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ];
        for (text, expected) in table {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_web_page_has_no_form() {
        for text in ["mailto:a@b", "file:///etc/passwd", "x", "", "http://"] {
            assert_eq!(Canonical::parse(text), None, "{text}");
        }
        assert_eq!(Canonical::parse(&format!("http://h/{}", "a".repeat(LONGEST))), None);
    }

    #[test]
    fn a_host_is_known_with_its_port() {
        assert_eq!(Canonical::parse("https://h/").unwrap().host(), "h:443");
        assert_eq!(Canonical::parse("http://[::1]:81/").unwrap().host(), "[::1]:81");
    }

    proptest! {
        #[test]
        fn so_it_is_in_every_form(rest in "[a-c;=&?/%41]{0,30}", sort in any::<bool>(), strip in any::<bool>()) {
            let form = form(sort, strip);
            if let Some(once) = Canonical::parse_as(&format!("http://h/{rest};sid=1?{rest}&sid=2"), form) {
                prop_assert_eq!(Canonical::parse_as(once.as_str(), form), Some(once));
            }
        }

        #[test]
        fn the_canonical_form_of_a_canonical_form_is_itself(rest in "\\PC{0,40}") {
            if let Some(once) = Canonical::parse(&format!("http://h/{rest}")) {
                let twice = Canonical::parse(once.as_str());
                prop_assert_eq!(twice, Some(once));
            }
        }
    }
}
