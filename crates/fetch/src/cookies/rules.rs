//! Which hosts and paths a cookie is for (RFC 6265bis, section 5.1), and which names promise something.

use url::{Host, Url};

/// The host of a URL as cookies have it: lower case, in Punycode, an IPv6 address in brackets; the port does not count.
pub(super) fn host_of(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

/// Section 5.1.3. An address has no subdomains.
pub(super) fn domain_matches(host: &str, domain: &str) -> bool {
    host == domain || (is_below(host, domain) && !is_address(host))
}

fn is_below(host: &str, domain: &str) -> bool {
    !domain.is_empty() && host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

pub(super) fn is_address(host: &str) -> bool {
    !matches!(Host::parse(host), Ok(Host::Domain(_)))
}

/// Whether registrations happen right below this domain, so that a cookie for all of it would cross owners. A top-level
/// domain that the list does not know is one, too.
pub(super) fn is_public_suffix(domain: &str) -> bool {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    psl::suffix(domain.as_bytes()).is_none_or(|suffix| suffix.as_bytes() == domain.as_bytes())
}

/// Section 5.1.4: up to the last slash, and without it.
pub(super) fn default_path(url: &Url) -> &str {
    match url.path().rsplit_once('/') {
        Some((folder, _)) if folder.starts_with('/') => folder,
        _ => "/",
    }
}

/// Section 5.1.4.
pub(super) fn path_matches(path: &[u8], of_cookie: &[u8]) -> bool {
    match path.strip_prefix(of_cookie) {
        Some(rest) => rest.is_empty() || of_cookie.ends_with(b"/") || rest.starts_with(b"/"),
        None => false,
    }
}

/// What the name of a cookie promises (section 4.1.3): whoever reads it on the server relies on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    Nothing,
    /// `__Secure-`: set over https, sent over https.
    Secure,
    /// `__Host-`: that, by this host alone, for all of its paths.
    Host,
}

impl Promise {
    pub(super) fn of(name: &[u8]) -> Self {
        let starts_with = |prefix: &str| {
            name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        match (starts_with("__Secure-"), starts_with("__Host-")) {
            (true, _) => Promise::Secure,
            (_, true) => Promise::Host,
            _ => Promise::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_matches_itself_and_what_is_below() {
        let table = [
            ("example.com", "example.com", true),
            ("a.b.example.com", "example.com", true),
            ("badexample.com", "example.com", false),
            ("com", "example.com", false),
            ("example.com", "", false),
            ("127.0.0.1", "0.0.1", false),
            ("[::1]", "[::1]", true),
        ];
        for (host, domain, expected) in table {
            assert_eq!(domain_matches(host, domain), expected, "{host} {domain}");
        }
    }

    #[test]
    fn public_suffixes_are_those_of_the_list_and_unknown_top_levels() {
        for public in ["com", "co.uk", "github.io", "xn--55qx5d.cn", "nowhere", "a.ck", "com."] {
            assert!(is_public_suffix(public), "{public}");
        }
        for owned in ["example.com", "example.co.uk", "someone.github.io", "www.ck", "example.nowhere"] {
            assert!(!is_public_suffix(owned), "{owned}");
        }
    }

    #[test]
    fn paths_match_at_slashes_only() {
        let table = [
            ("/a/b", "/a", true),
            ("/a", "/a", true),
            ("/a/", "/a/", true),
            ("/ab", "/a", false),
            ("/a", "/a/", false),
            ("/", "/", true),
            ("/x", "/", true),
        ];
        for (path, cookie, expected) in table {
            assert_eq!(path_matches(path.as_bytes(), cookie.as_bytes()), expected, "{path} {cookie}");
        }
    }

    #[test]
    fn the_default_path_is_the_folder() {
        for (path, folder) in [("", "/"), ("/a", "/"), ("/a/", "/a"), ("/a/b?c=/d/e", "/a")] {
            let url = Url::parse(&format!("http://h.example{path}")).unwrap();
            assert_eq!(default_path(&url), folder, "{path}");
        }
    }
}
