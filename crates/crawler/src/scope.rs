//! Which URLs belong to a crawl. Pure.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobMatcher};

use crate::canonical::Canonical;
use crate::error::Error;

/// Which URLs belong to a crawl: those of the seeds' hosts, or those that `allow` says, less those that `deny` says.
///
/// A glob with `://` is matched with the whole URL, one without with its path and query; `*` stops at a slash, `**` does not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    hosts: BTreeSet<String>,
    allow: Vec<Rule>,
    deny: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    whole: bool,
    glob: GlobMatcher,
}

impl Rule {
    fn new(glob: &str) -> Result<Self, Error> {
        let built = GlobBuilder::new(glob).literal_separator(true).build().map_err(|error| {
            Error::invalid(
                format!("`{glob}` is not a glob: {}", error.kind()),
                "write a path such as /docs/**, or a URL such as https://example.com/**",
            )
        })?;
        Ok(Self { whole: glob.contains("://"), glob: built.compile_matcher() })
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
    pub(crate) fn new(seeds: &[Canonical], allow: &[String], deny: &[String]) -> Result<Self, Error> {
        let rules =
            |globs: &[String]| globs.iter().map(|glob| Rule::new(glob)).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            hosts: seeds.iter().map(Canonical::host).collect(),
            allow: rules(allow)?,
            deny: rules(deny)?,
        })
    }

    /// Whether the URL belongs to the crawl.
    pub(crate) fn holds(&self, url: &Canonical) -> bool {
        let at_home = self.hosts.contains(&url.host());
        let mut rules = self.allow.iter().filter(|rule| rule.whole || at_home);
        let allowed = if self.allow.is_empty() { at_home } else { rules.any(|rule| rule.holds(url)) };
        allowed && !self.deny.iter().any(|rule| rule.holds(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(allow: &[&str], deny: &[&str], url: &str) -> bool {
        let list = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>();
        let seeds = [Canonical::parse("http://h/a").unwrap()];
        let scope = Scope::new(&seeds, &list(allow), &list(deny)).unwrap();
        scope.holds(&Canonical::parse(url).unwrap())
    }

    #[test]
    fn the_scope_is_the_seeds_hosts_with_their_ports() {
        assert!(holds(&[], &[], "http://h/b?c"));
        assert!(!holds(&[], &[], "http://h:81/"));
        assert!(!holds(&[], &[], "http://other/"));
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
    fn a_glob_that_does_not_hold_is_named() {
        let error = Scope::new(&[], &["[".to_owned()], &[]).unwrap_err();
        assert!(error.to_string().starts_with("`[` is not a glob"), "{error}");
    }
}
