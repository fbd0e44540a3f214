//! URLs that a store is known to have. Most links of a site lead where others have led before: they change nothing, and SQLite
//! need not be asked about them.

use std::collections::HashMap;

use crate::model::Found;

/// So many are remembered at least, those that came last, and twice as many at most.
const REMEMBERED: usize = 1 << 17;

/// How deep a URL is known to be at most, by its key.
#[derive(Debug, Default)]
pub(super) struct KnownUrls {
    young: HashMap<u128, i64>,
    /// What was young before. What is asked for becomes young again.
    old: HashMap<u128, i64>,
}

impl KnownUrls {
    /// Whether a link, found on a page of this depth, changes nothing: its URL is there, and no deeper. Redirects, sitemaps and
    /// whatever has a priority of its own are for the store to judge.
    pub(super) fn holds(&mut self, found: &Found, depth: i64) -> bool {
        let Some(key) = plain(found) else { return false };
        let known = match (self.young.get(&key), self.old.get(&key)) {
            (Some(known), _) => *known,
            (None, Some(known)) => {
                let known = *known;
                self.remember(key, known);
                known
            }
            (None, None) => return false,
        };
        known <= depth + i64::from(found.deeper)
    }

    /// The store has it now.
    pub(super) fn add(&mut self, found: &Found, depth: i64) {
        if let Some(key) = plain(found) {
            let depth = depth + i64::from(found.deeper);
            let known = self.young.get(&key).or_else(|| self.old.get(&key));
            self.remember(key, known.map_or(depth, |known| depth.min(*known)));
        }
    }

    fn remember(&mut self, key: u128, depth: i64) {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, depth);
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

    #[test]
    fn what_was_added_is_known_unless_the_way_to_it_is_shorter() {
        let mut known = KnownUrls::default();
        let page = found("http://h/a");
        assert!(!known.holds(&page, 3));
        known.add(&page, 3);
        assert!(known.holds(&page, 3) && known.holds(&page, 9) && !known.holds(&page, 2));
        known.add(&page, 9);
        assert!(!known.holds(&page, 2), "what was known is not forgotten");
        known.add(&page, 2);
        assert!(known.holds(&page, 2) && !known.holds(&found("http://h/b"), 3));
    }

    #[test]
    fn redirects_and_sitemaps_are_always_news() {
        let mut known = KnownUrls::default();
        for page in [
            Found { hops: 1, ..found("http://h/a") },
            Found { priority: 7, ..found("http://h/a") },
            Found { sitemap: Some(0), ..found("http://h/a") },
        ] {
            known.add(&page, 0);
            assert!(!known.holds(&page, 0));
        }
    }

    #[test]
    fn the_latest_are_remembered_and_no_more_than_twice_as_many() {
        let mut known = KnownUrls::default();
        let page = |n: u128| Found { key: format!("{n:032x}"), ..found("http://h/a") };
        for n in 0..3 * REMEMBERED as u128 {
            known.add(&page(n), 0);
            assert!(known.holds(&page(0), 0), "it is asked for again and again");
        }
        assert!(known.young.len() + known.old.len() <= 2 * REMEMBERED);
        assert!(known.holds(&page(3 * REMEMBERED as u128 - 1), 0) && !known.holds(&page(1), 0));
    }
}
