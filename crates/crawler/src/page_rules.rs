//! What a page says of itself to crawlers: meta robots, X-Robots-Tag, rel=canonical. Pure.

use gather_scraper::Outline;

/// Which of a page's words are heeded.
#[derive(Clone, Debug)]
pub(crate) struct PageRules {
    /// Whether meta robots and X-Robots-Tag are obeyed.
    pub(crate) obey: bool,
    /// Whether links that are marked `rel=nofollow` are left out.
    pub(crate) nofollow: bool,
    /// Whether a page that names another as its canonical one gives way to it.
    pub(crate) canonical: bool,
    /// Our product token.
    pub(crate) agent: String,
}

/// What a page allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// Whether it may give records.
    pub(crate) index: bool,
    /// Whether its links may be followed.
    pub(crate) follow: bool,
}

impl Allowed {
    const ALL: Self = Self { index: true, follow: true };

    /// Of several words the strictest holds.
    fn and(self, directive: &str) -> Self {
        let is = |word: &str| directive.trim().eq_ignore_ascii_case(word);
        let none = is("none");
        Self { index: self.index && !none && !is("noindex"), follow: self.follow && !none && !is("nofollow") }
    }
}

impl PageRules {
    /// What the page and the values of its X-Robots-Tag headers allow.
    pub(crate) fn allowed(&self, page: &Outline<'_>, headers: &[String]) -> Allowed {
        if !self.obey {
            return Allowed::ALL;
        }
        page.metas()
            .filter(|(name, _)| name.eq_ignore_ascii_case("robots") || name.eq_ignore_ascii_case(&self.agent))
            .flat_map(|(_, content)| content.split([',', ' ']))
            .fold(self.allowed_by_head(headers), Allowed::and)
    }

    /// What the values of its X-Robots-Tag headers allow.
    pub(crate) fn allowed_by_head(&self, headers: &[String]) -> Allowed {
        if !self.obey {
            return Allowed::ALL;
        }
        headers.iter().fold(Allowed::ALL, |allowed, value| self.heed_header(allowed, value))
    }

    /// Whether a link with this `rel` may be followed.
    pub(crate) fn follows(&self, rel: Option<&str>) -> bool {
        let is_marked =
            |rel: &str| rel.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("nofollow"));
        !(self.nofollow && rel.is_some_and(is_marked))
    }

    /// A header's value: directives between commas, for everybody until one has an agent before it, and a colon.
    fn heed_header(&self, allowed: Allowed, value: &str) -> Allowed {
        let mut for_us = true;
        value.split(',').fold(allowed, |allowed, piece| {
            let directive = match piece.split_once(':') {
                Some((agent, directive)) if is_agent(agent) => {
                    for_us = agent.trim().eq_ignore_ascii_case(&self.agent);
                    directive
                }
                _ => piece,
            };
            if for_us { allowed.and(directive) } else { allowed }
        })
    }

    /// The page that this one names as its canonical one, absolute; `None` where that does not count.
    pub(crate) fn canonical_of(&self, page: &Outline<'_>) -> Option<String> {
        if self.canonical { page.canonical() } else { None }
    }
}

/// Whether this is an agent's name, and not a directive that has a colon of its own, or a part of a date.
fn is_agent(text: &str) -> bool {
    const WITH_VALUES: [&str; 4] =
        ["unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"];
    let name = text.trim();
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && !name.contains(char::is_whitespace)
        && !WITH_VALUES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use gather_scraper::{Page, Recipe};
    use proptest::prelude::*;

    use super::*;

    fn rules() -> PageRules {
        PageRules { obey: true, nofollow: false, canonical: true, agent: "gather".to_owned() }
    }

    /// Whether records, and whether links.
    fn allowed(html: &str, headers: &[&str]) -> (bool, bool) {
        let headers: Vec<String> = headers.iter().map(|value| (*value).to_owned()).collect();
        let page = Page::from_bytes(html, "http://h/a/b").unwrap();
        let Allowed { index, follow } = rules().allowed(&page.outline(&Recipe::default()).unwrap(), &headers);
        (index, follow)
    }

    #[test]
    fn a_page_may_forbid_its_records_its_links_or_both_to_all_or_to_us() {
        for (html, expected) in [
            ("<meta name=robots content=noindex>", (false, true)),
            ("<META NAME=Robots CONTENT='NoFollow, noarchive'>", (true, false)),
            ("<meta name=robots content=none>", (false, false)),
            ("<meta name=robots content='noindex nofollow'>", (false, false)),
            ("<meta name=gather content=noindex>", (false, true)),
            ("<meta name=robots content=all><meta name=gather content=nofollow>", (true, false)),
            ("<meta name=otherbot content=none>", (true, true)),
            ("<meta name=description content=noindex>", (true, true)),
            ("<meta name=robots content=noindexing>", (true, true)),
            ("<p>noindex", (true, true)),
        ] {
            assert_eq!(allowed(html, &[]), expected, "{html}");
        }
    }

    #[test]
    fn a_header_says_the_same_and_may_name_whom_it_is_for() {
        for (headers, expected) in [
            (&["noindex"][..], (false, true)),
            (&["nofollow", "NOINDEX"], (false, false)),
            (&["noarchive, none"], (false, false)),
            (&["otherbot: noindex, nofollow"], (true, true)),
            (&["gather: noindex, nofollow"], (false, false)),
            (&["otherbot: none, Gather: nofollow"], (true, false)),
            (&["nofollow, otherbot: noindex"], (true, false)),
            (&["unavailable_after: 25-Jun-2010 15:00:00 PST, noindex"], (false, true)),
            (&["max-snippet: 20, nofollow"], (true, false)),
            (&[""], (true, true)),
        ] {
            assert_eq!(allowed("<p>", headers), expected, "{headers:?}");
        }
        assert_eq!(allowed("<meta name=robots content=nofollow>", &["noindex"]), (false, false));
    }

    #[test]
    fn who_does_not_obey_is_allowed_everything() {
        let page = Page::from_bytes("<meta name=robots content=none>", "http://h/").unwrap();
        let rules = PageRules { obey: false, ..rules() };
        assert_eq!(
            rules.allowed(&page.outline(&Recipe::default()).unwrap(), &["none".to_owned()]),
            Allowed::ALL
        );
    }

    #[test]
    fn marked_links_are_left_out_where_that_is_asked_for() {
        let strict = PageRules { nofollow: true, ..rules() };
        for (rel, marked) in [
            (Some("nofollow"), true),
            (Some("noopener NoFollow"), true),
            (Some("nofollowing"), false),
            (None, false),
        ] {
            assert_eq!((strict.follows(rel), rules().follows(rel)), (!marked, true), "{rel:?}");
        }
    }

    #[test]
    fn the_canonical_page_is_resolved_as_links_are() {
        for (html, expected) in [
            ("<link rel=canonical href=/c>", Some("http://h/c")),
            ("<link rel='alternate CANONICAL' href=c>", Some("http://h/a/c")),
            ("<base href=/d/><link rel=canonical href=c>", Some("http://h/d/c")),
            ("<link rel=canonical><link rel=canonical href=https://o/>", Some("https://o/")),
            ("<link rel=canonicals href=/c>", None),
            ("<a rel=canonical href=/c>", None),
        ] {
            let page = Page::from_bytes(html, "http://h/a/b").unwrap();
            let recipe = Recipe::default();
            let outline = page.outline(&recipe).unwrap();
            let found = rules().canonical_of(&outline);
            assert_eq!(found.as_deref(), expected, "{html}");
            let deaf = PageRules { canonical: false, ..rules() };
            assert_eq!(deaf.canonical_of(&outline), None);
        }
    }

    proptest! {
        #[test]
        fn whatever_else_a_header_says_noindex_for_all_at_its_beginning_holds(rest in "[a-z:, ]{0,40}") {
            let value = format!("noindex, {rest}");
            prop_assert!(!allowed("<p>", &[&value]).0);
        }
    }
}
