//! Where a redirect leads, and with which method. Pure.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::Url;

use crate::error::{ErrorKind, Failure, redacted, shortened, shown};
use crate::url_input::{resolved, same_origin};

/// The `Location` of a redirect: the statuses that redirect do so when they carry one (RFC 9110, section 15.4).
pub(crate) fn location(status: u16, headers: &HeaderMap) -> Option<&[u8]> {
    let redirects = matches!(status, 301 | 302 | 303 | 307 | 308);
    headers.get(header::LOCATION).filter(|_| redirects).map(HeaderValue::as_bytes)
}

/// The method of the next request: 303 asks for a GET, 301 and 302 turn a POST into one as every browser does, 307 and
/// 308 change nothing. Where the method changes, the body is gone.
pub(crate) fn next_method(status: u16, method: &Method) -> Method {
    match status {
        303 if method != Method::HEAD => Method::GET,
        301 | 302 if method == Method::POST => Method::GET,
        _ => method.clone(),
    }
}

/// The URL that `location` means, seen from `base` (RFC 9110, section 10.2.2): resolved, of a scheme that we fetch, with
/// the base's fragment if it has none, and without credentials: a page does not choose whom we log in as.
pub(crate) fn resolve(base: &Url, location: &[u8], allow_downgrade: bool) -> Result<Url, Failure> {
    let text = location_text(location);
    let refused = |why: &str| {
        Failure::new(
            ErrorKind::Redirect,
            format!("redirect from {} to {:?} {why}", shown(base), shortened(&text)),
        )
    };
    let mut target = resolved(base, &text).map_err(|error| refused(&format!("does not parse: {error}")))?;
    if !matches!(target.scheme(), "http" | "https") || !target.has_host() {
        return Err(refused("is not followed: not http or https"));
    }
    if base.scheme() == "https" && target.scheme() == "http" && !allow_downgrade {
        return Err(refused("is not followed: it leaves https"));
    }
    if target.fragment().is_none() {
        target.set_fragment(base.fragment());
    }
    Ok(redacted(&target))
}

/// UTF-8 stays, for the URL rules encode it; of anything else, each byte is escaped as it is.
fn location_text(location: &[u8]) -> String {
    let location = location.trim_ascii();
    match std::str::from_utf8(location) {
        Ok(text) => text.to_owned(),
        Err(_) => percent_encoding::percent_encode(location, NON_ASCII).to_string(),
    }
}

/// Nothing of ASCII: other bytes are always escaped.
const NON_ASCII: &percent_encoding::AsciiSet = &percent_encoding::AsciiSet::EMPTY;

/// What the next request must not carry on: credentials, and whatever was marked as a secret,
/// to another origin; and what told of a body that is gone.
pub(crate) fn strip_headers(headers: &mut HeaderMap, from: &Url, to: &Url, body_is_gone: bool) {
    if !same_origin(from, to) {
        for name in [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::HOST] {
            headers.remove(name);
        }
        for name in sensitive(headers) {
            headers.remove(name);
        }
    }
    if body_is_gone {
        for name in [
            header::CONTENT_TYPE,
            header::CONTENT_LENGTH,
            header::CONTENT_ENCODING,
            header::CONTENT_LANGUAGE,
            header::CONTENT_LOCATION,
            header::TRANSFER_ENCODING,
        ] {
            headers.remove(name);
        }
    }
}

/// The headers with a value that somebody marked as a secret.
fn sensitive(headers: &HeaderMap) -> Vec<HeaderName> {
    headers.iter().filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn to(base: &str, location: &[u8]) -> Result<String, String> {
        resolve(&Url::parse(base).unwrap(), location, false)
            .map(String::from)
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_location_is_resolved_as_a_browser_does() {
        let base = "http://h.example/a/b?q#f";
        let table: [(&[u8], &str); 16] = [
            (b"http://x.example/", "http://x.example/#f"),
            (b"c", "http://h.example/a/c#f"),
            (b"../c", "http://h.example/c#f"),
            (b"/c", "http://h.example/c#f"),
            (b"//x.example/c", "http://x.example/c#f"),
            (b"///x.example/c", "http://x.example/c#f"),
            (b"\\/\\x.example/c", "http://x.example/c#f"),
            (b"/\\x.example/c", "http://x.example/c#f"),
            (b"?r", "http://h.example/a/b?r#f"),
            (b"c#g", "http://h.example/a/c#g"),
            (b"", "http://h.example/a/b?q#f"),
            (b"  /c \t", "http://h.example/c#f"),
            ("/\u{fc}".as_bytes(), "http://h.example/%C3%BC#f"),
            (b"/\xfc", "http://h.example/%FC#f"),
            ("http://b\u{fc}cher.example/".as_bytes(), "http://xn--bcher-kva.example/#f"),
            (b"http://user:pw@x.example/", "http://x.example/#f"),
        ];
        for (location, expected) in table {
            assert_eq!(to(base, location).unwrap(), expected, "{}", String::from_utf8_lossy(location));
        }
    }

    #[test]
    fn a_redirect_does_not_lead_out_of_the_web() {
        let refused: [&[u8]; 6] = [
            b"file:///etc/passwd",
            b"javascript:alert(1)",
            b"data:text/html,x",
            b"ftp://h/",
            b"http://[",
            b"http://",
        ];
        for location in refused {
            assert!(to("http://h/", location).is_err(), "{}", String::from_utf8_lossy(location));
        }
    }

    #[test]
    fn https_is_not_left_unless_that_is_allowed() {
        let base = Url::parse("https://h/").unwrap();
        assert!(resolve(&base, b"http://h/", false).is_err());
        assert_eq!(resolve(&base, b"http://h/", true).unwrap().as_str(), "http://h/");
        assert!(resolve(&base, b"/x", false).is_ok());
    }

    #[test]
    fn the_method_follows_the_status() {
        let table = [
            (301, "GET", "GET"),
            (301, "POST", "GET"),
            (301, "PUT", "PUT"),
            (302, "POST", "GET"),
            (302, "HEAD", "HEAD"),
            (303, "POST", "GET"),
            (303, "PUT", "GET"),
            (303, "HEAD", "HEAD"),
            (307, "POST", "POST"),
            (308, "POST", "POST"),
            (308, "DELETE", "DELETE"),
        ];
        for (status, method, expected) in table {
            let next = next_method(status, &method.parse().unwrap());
            assert_eq!(next.as_str(), expected, "{status} {method}");
        }
    }

    #[test]
    fn credentials_stay_at_their_origin() {
        let from = Url::parse("https://h/a").unwrap();
        let table = [
            ("https://h/b", true),
            ("https://h:443/b", true),
            ("https://h:444/b", false),
            ("http://h/b", false),
            ("https://www.h/b", false),
        ];
        for (to, kept) in table {
            let mut headers = HeaderMap::new();
            for name in ["authorization", "cookie", "proxy-authorization"] {
                headers.insert(name, "x".parse().unwrap());
            }
            headers.insert("accept", "x".parse().unwrap());
            let mut token: http::HeaderValue = "x".parse().unwrap();
            token.set_sensitive(true);
            headers.insert("x-token", token);
            strip_headers(&mut headers, &from, &Url::parse(to).unwrap(), false);
            assert_eq!(headers.len(), if kept { 5 } else { 1 }, "{to}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_location_holds_the_target_is_http_or_an_error(location: Vec<u8>) {
            let base = Url::parse("https://h/a/b?c#d").unwrap();
            if let Ok(target) = resolve(&base, &location, true) {
                prop_assert!(matches!(target.scheme(), "http" | "https"));
                prop_assert!(target.has_host() && target.username().is_empty() && target.password().is_none());
                prop_assert!(target.as_str().is_ascii());
            }
        }

        #[test]
        fn resolving_an_absolute_target_again_changes_nothing(path in "[a-z/.]{0,20}") {
            let base = Url::parse("http://h/x/y").unwrap();
            if let Ok(once) = resolve(&base, path.as_bytes(), false) {
                prop_assert_eq!(resolve(&base, once.as_str().as_bytes(), false).unwrap(), once);
            }
        }
    }
}
