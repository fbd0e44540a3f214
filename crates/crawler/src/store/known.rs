//! URLs that a store is known to have. Most links of a site lead where others have led before: they change nothing, and SQLite
//! need not be asked about them.

use std::collections::HashMap;

use crate::model::Found;
use crate::recent::Recent;

/// So many are remembered at least, and twice as many at most.
const REMEMBERED: usize = 1 << 17;

/// How deep a URL is known to be at most, by its key.
#[derive(Debug)]
pub(super) struct KnownUrls(Recent<u128, i64>);

/// What a commit adds to them.
#[derive(Debug, Default)]
pub(super) struct News(HashMap<u128, i64>);

impl Default for KnownUrls {
    fn default() -> Self {
        Self(Recent::new(REMEMBERED))
    }
}

impl KnownUrls {
    /// Whether a link, found on a page of this depth, may change something: its URL is not there, nor among the news, or deeper.
    /// Then it is one of the news. Redirects, sitemaps and whatever has a priority of its own are for the store to judge.
    pub(super) fn is_news(&mut self, found: &Found, depth: i64, news: &mut News) -> bool {
        let Some(key) = plain(found) else { return true };
        let depth = depth + i64::from(found.deeper);
        let is_known = |known: Option<&i64>| known.is_some_and(|known| *known <= depth);
        if is_known(news.0.get(&key)) || is_known(self.0.get(&key)) {
            return false;
        }
        news.0.insert(key, depth);
        true
    }

    /// The store has them now.
    pub(super) fn add(&mut self, news: News) {
        for (key, depth) in news.0 {
            self.0.put(key, depth);
        }
    }
}

/// The key of a link that says no more than that there is a page.
fn plain(found: &Found) -> Option<u128> {
    let is_plain = found.hops == 0 && found.priority == 0 && found.sitemap.is_none();
    if is_plain { u128::from_str_radix(&found.key, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::Form;
    use crate::links::Links;
    use crate::model::Pace;
    use crate::scope::Scope;

    fn found(url: &str) -> Found {
        Links::new(Scope::default(), Form::default(), Pace::default(), Pace::default())
            .found(url, 1, 0)
            .unwrap()
    }

    /// Whether a link on a page of this depth is news, and is so no more once it is in the store.
    fn commit(known: &mut KnownUrls, found: &Found, depth: i64) -> bool {
        let mut news = News::default();
        let is_news = known.is_news(found, depth, &mut news);
        known.add(news);
        is_news
    }

    #[test]
    fn what_was_added_is_known_unless_the_way_to_it_is_shorter() {
        let mut known = KnownUrls::default();
        let page = found("http://h/a");
        assert!(commit(&mut known, &page, 3));
        assert!(!commit(&mut known, &page, 3) && !commit(&mut known, &page, 9));
        assert!(
            commit(&mut known, &page, 2) && !commit(&mut known, &page, 2),
            "what was known is not forgotten"
        );
        assert!(!commit(&mut known, &page, 3) && commit(&mut known, &found("http://h/b"), 3));
    }

    #[test]
    fn what_comes_twice_in_one_commit_is_news_once_unless_the_way_to_it_is_shorter() {
        let (mut known, mut news) = (KnownUrls::default(), News::default());
        let page = found("http://h/a");
        let depths = [3, 3, 4, 2, 2, 3];
        let are_news = depths.map(|depth| known.is_news(&page, depth, &mut news));
        assert_eq!(are_news, [true, false, false, true, false, false]);
    }

    #[test]
    fn what_a_commit_that_failed_would_have_added_is_still_news() {
        let mut known = KnownUrls::default();
        let page = found("http://h/a");
        assert!(known.is_news(&page, 3, &mut News::default()));
        assert!(commit(&mut known, &page, 3));
    }

    #[test]
    fn redirects_and_sitemaps_are_always_news() {
        let mut known = KnownUrls::default();
        for page in [
            Found { hops: 1, ..found("http://h/a") },
            Found { priority: 7, ..found("http://h/a") },
            Found { sitemap: Some(0), ..found("http://h/a") },
        ] {
            assert!(commit(&mut known, &page, 0) && commit(&mut known, &page, 0));
        }
    }
}
