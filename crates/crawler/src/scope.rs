//! Which URLs belong to a crawl. Pure.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobMatcher};
use url::Host;

use crate::canonical::{self, Canonical};
use crate::error::Error;

/// How near to its seeds a crawl stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Same {
    /// On the seeds' hosts, each with its port; 80 and 443 are one, so that http may lead to https.
    #[default]
    Host,
    /// On the seeds' domains, whatever stands before them: with `www.example.co.uk` all hosts of `example.co.uk`, by the
    /// list of public suffixes. Of addresses, and of names without a domain, the host itself. On any port.
    Domain,
    /// On the seeds' hosts, and in the folders of their paths: with `/docs/a.html` everything that begins with `/docs/`.
    Folder,
}

impl Same {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Host, Self::Domain, Self::Folder];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Domain => "domain",
            Self::Folder => "folder",
        }
    }

    /// What a URL has to have in common with a seed.
    fn home(self, url: &Canonical) -> String {
        match self {
            Self::Host | Self::Folder => host(url),
            Self::Domain => domain(url),
        }
    }
}

/// Which URLs belong to a crawl: those near the seeds, or those of them that `allow` says, less those that `deny` says.
///
/// A glob with `://` is matched with the whole URL, one without with its path and query; `*` stops at a slash, `**` does not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    same: Same,
    homes: BTreeSet<String>,
    /// Of each home its folders, where these count.
    folders: BTreeSet<(String, String)>,
    domains: BTreeSet<String>,
    allow: Vec<Rule>,
    deny: Vec<Rule>,
}

/// The host with its port, but for those of http and https.
fn host(url: &Canonical) -> String {
    let name = url.url().host_str().unwrap_or_default();
    match url.url().port_or_known_default() {
        None | Some(80 | 443) => name.to_owned(),
        Some(port) => format!("{name}:{port}"),
    }
}

/// What somebody has registered: the last label of a public suffix and the one before it.
fn domain(url: &Canonical) -> String {
    let name = url.url().host_str().unwrap_or_default();
    let registered = match url.url().host() {
        Some(Host::Domain(name)) => psl::domain_str(name.trim_end_matches('.')),
        _ => None,
    };
    registered.unwrap_or(name).to_owned()
}

/// The path up to its last slash.
fn folder(url: &Canonical) -> &str {
    let path = url.url().path();
    path.rfind('/').and_then(|end| path.get(..=end)).unwrap_or("/")
}

#[derive(Clone, Debug)]
struct Rule {
    typed: String,
    whole: bool,
    glob: GlobMatcher,
}

impl Rule {
    fn new(typed: &str) -> Result<Self, Error> {
        let glob = canonical::glob(typed);
        let built = GlobBuilder::new(&glob).literal_separator(true).build().map_err(|error| {
            Error::invalid(
                format!("`{typed}` is not a glob: {}", error.kind()),
                "write a path such as /docs/**, or a URL such as https://example.com/**",
            )
        })?;
        Ok(Self { typed: typed.to_owned(), whole: glob.contains("://"), glob: built.compile_matcher() })
    }

    fn holds(&self, url: &Canonical) -> bool {
        if self.whole {
            return self.glob.is_match(url.as_str());
        }
        let path = url.url().path();
        self.glob.is_match(path)
            || url.url().query().is_some_and(|query| self.glob.is_match(format!("{path}?{query}")))
    }
}

impl Scope {
    pub(crate) fn new(
        seeds: &[Canonical],
        same: Same,
        allow: &[String],
        deny: &[String],
    ) -> Result<Self, Error> {
        let rules =
            |globs: &[String]| globs.iter().map(|glob| Rule::new(glob)).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            same,
            homes: seeds.iter().map(|seed| same.home(seed)).collect(),
            folders: seeds.iter().map(|seed| (host(seed), folder(seed).to_owned())).collect(),
            domains: seeds.iter().map(domain).collect(),
            allow: rules(allow)?,
            deny: rules(deny)?,
        })
    }

    /// Whether the URL belongs to the crawl.
    pub(crate) fn holds(&self, url: &Canonical) -> bool {
        let at_home = self.is_at_home(url);
        let mut rules = self.allow.iter().filter(|rule| rule.whole || at_home);
        let allowed = if self.allow.is_empty() { at_home } else { rules.any(|rule| rule.holds(url)) };
        allowed && !self.deny.iter().any(|rule| rule.holds(url))
    }

    /// Whether it is on a host, or a domain, of the seeds, whatever its path.
    pub(crate) fn has_host(&self, url: &Canonical) -> bool {
        self.homes.contains(&self.same.home(url))
    }

    fn is_at_home(&self, url: &Canonical) -> bool {
        if self.same != Same::Folder {
            return self.has_host(url);
        }
        let (host, path) = (host(url), url.url().path());
        self.folders.iter().any(|(home, folder)| *home == host && path.starts_with(folder.as_str()))
    }

    /// How a URL that does not belong to the crawl could be made to.
    pub(crate) fn way_in(&self, url: &Canonical) -> String {
        if let Some(rule) = self.deny.iter().find(|rule| rule.holds(url)) {
            return format!("--deny '{}' leaves it out", rule.typed);
        }
        if self.same == Same::Host && self.allow.is_empty() && self.domains.contains(&domain(url)) {
            return "--same domain takes all hosts of the domain in".to_owned();
        }
        let origin = url.url().origin().ascii_serialization();
        format!("--allow '{origin}/**' takes it in")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holds(allow: &[&str], deny: &[&str], url: &str) -> bool {
        scope("http://h/a", Same::Host, allow, deny).holds(&Canonical::parse(url).unwrap())
    }

    fn scope(seed: &str, same: Same, allow: &[&str], deny: &[&str]) -> Scope {
        let list = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>();
        let seeds = [Canonical::parse(seed).unwrap()];
        Scope::new(&seeds, same, &list(allow), &list(deny)).unwrap()
    }

    #[test]
    fn the_scope_is_the_seeds_hosts_with_their_ports() {
        assert!(holds(&[], &[], "http://h/b?c"));
        assert!(!holds(&[], &[], "http://h:81/"));
        assert!(!holds(&[], &[], "http://other/"));
    }

    #[test]
    fn http_may_lead_to_https_and_back_on_their_own_ports_alone() {
        assert!(holds(&[], &[], "https://h/b"));
        assert!(!holds(&[], &[], "https://h:8443/b"));
        let of =
            |seed: &str, url: &str| scope(seed, Same::Host, &[], &[]).holds(&Canonical::parse(url).unwrap());
        assert!(of("https://h/", "http://h/"));
        assert!(of("http://h:8080/", "http://h:8080/x") && !of("http://h:8080/", "http://h/x"));
        assert!(!of("http://127.0.0.1:80/", "http://127.0.0.1:8000/"));
    }

    #[test]
    fn a_domain_is_what_somebody_has_registered() {
        for (seed, url, expected) in [
            ("https://www.example.com/", "https://example.com/", true),
            ("https://example.com/", "http://a.b.example.com:8080/", true),
            ("https://www.example.co.uk/", "https://shop.example.co.uk/", true),
            ("https://www.example.co.uk/", "https://other.co.uk/", false),
            ("https://a.github.io/", "https://b.github.io/", false),
            ("https://example.com/", "https://notexample.com/", false),
            ("http://127.0.0.1:1/", "http://127.0.0.1:2/", true),
            ("http://127.0.0.1/", "http://127.0.0.2/", false),
            ("http://localhost/", "http://localhost/x", true),
            ("http://co.uk/", "http://example.co.uk/", false),
        ] {
            let holds = scope(seed, Same::Domain, &[], &[]).holds(&Canonical::parse(url).unwrap());
            assert_eq!(holds, expected, "{seed} {url}");
        }
    }

    #[test]
    fn a_folder_is_the_path_up_to_its_last_slash() {
        for (seed, url, expected) in [
            ("http://h/docs/a.html", "http://h/docs/b/c", true),
            ("http://h/docs/a.html", "https://h/docs/", true),
            ("http://h/docs/a.html", "http://h/docs", false),
            ("http://h/docs/a.html", "http://h/docs2/a", false),
            ("http://h/docs/", "http://h/docs/x", true),
            ("http://h/docs", "http://h/anything", true),
            ("http://h/docs/", "http://other/docs/x", false),
        ] {
            let holds = scope(seed, Same::Folder, &[], &[]).holds(&Canonical::parse(url).unwrap());
            assert_eq!(holds, expected, "{seed} {url}");
        }
    }

    #[test]
    fn a_url_of_the_same_domain_gets_the_shorter_way_in() {
        let of = |same, url: &str| {
            scope("https://example.com/", same, &[], &[]).way_in(&Canonical::parse(url).unwrap())
        };
        assert!(of(Same::Host, "https://www.example.com/").starts_with("--same domain"));
        assert_eq!(of(Same::Host, "http://other.org:81/x"), "--allow 'http://other.org:81/**' takes it in");
        assert!(of(Same::Domain, "https://www.example.com/").starts_with("--allow"));
        let denied = scope("https://example.com/", Same::Host, &[], &["/a/**", "**/login"]);
        let way_in = denied.way_in(&Canonical::parse("https://example.com/login").unwrap());
        assert_eq!(way_in, "--deny '**/login' leaves it out");
    }

    proptest! {
        #[test]
        fn a_wider_scope_holds_all_of_a_narrower_one(host in "(www\\.)?[a-c]\\.(com|co\\.uk)", path in "/[a-c/]{0,6}") {
            let url = Canonical::parse(&format!("https://{host}{path}")).unwrap();
            let holds = |same| scope("https://www.a.co.uk/a/b", same, &[], &[]).holds(&url);
            prop_assert!(!holds(Same::Folder) || holds(Same::Host));
            prop_assert!(!holds(Same::Host) || holds(Same::Domain));
        }
    }

    #[test]
    fn a_path_is_allowed_at_home_and_a_url_anywhere() {
        assert!(holds(&["/docs/**"], &[], "http://h/docs/a/b"));
        assert!(!holds(&["/docs/**"], &[], "http://h/blog"));
        assert!(!holds(&["/docs/**"], &[], "http://other/docs/a"));
        assert!(holds(&["http://other/**"], &[], "http://other/docs/a"));
    }

    #[test]
    fn deny_wins_over_allow() {
        assert!(!holds(&["/docs/**"], &["**/login"], "http://h/docs/login"));
        assert!(!holds(&[], &["/calendar?*"], "http://h/calendar?month=13"));
    }

    #[test]
    fn a_glob_matches_however_its_url_may_be_written() {
        let page = "http://h/b%C3%BCcher/a%20b?q=%C3%A9";
        for glob in [
            "/bücher/**",
            "/b%c3%bccher/**",
            "/b%C3%BCcher/a b?q=é",
            "/bücher/a%20b*",
            "HTTP://H:80/bücher/**",
        ] {
            assert!(!holds(&[], &[glob], page) && holds(&[glob], &[], page), "{glob}");
        }
        assert!(
            !holds(&[], &["/\\{x\\}/%7eu"], "http://h/{x}/~u") && holds(&[], &["/{x,y}/a"], "http://h/{x}/a")
        );
        assert!(holds(&["http://bücher.example/**"], &[], "http://bücher.example/a"));
        assert!(
            holds(&["*://other/**"], &[], "https://other/a") && holds(&["http://other"], &[], "http://other")
        );
    }

    #[test]
    fn a_glob_that_does_not_hold_is_named() {
        let error = Scope::new(&[], Same::Host, &["[".to_owned()], &[]).unwrap_err();
        assert!(error.to_string().starts_with("`[` is not a glob"), "{error}");
    }
}
