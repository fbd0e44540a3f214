//! Many cookies at once into a jar, each found again by its name, domain and path instead of by a search.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::store::{Cookie, MAX, MAX_OF_DOMAIN, Reach, Store};

/// What makes a cookie the same as another: name, domain, reach and path.
type Identity = (Vec<u8>, String, Reach, Vec<u8>);

/// The cookies of a file, each with its line.
#[derive(Default)]
pub(super) struct Loading {
    cookies: Vec<(usize, Cookie)>,
    places: HashMap<Identity, usize>,
}

impl Loading {
    /// Takes the cookie of a line, in the place of an earlier one that is the same.
    pub(super) fn take(&mut self, line: usize, cookie: Cookie) {
        let Cookie { name, domain, reach, path, .. } = &cookie;
        match self.places.entry((name.clone(), domain.clone(), *reach, path.clone())) {
            Entry::Vacant(place) => {
                place.insert(self.cookies.len());
                self.cookies.push((line, cookie));
            }
            Entry::Occupied(place) => {
                if let Some(earlier) = self.cookies.get_mut(*place.get()) {
                    *earlier = (line, cookie);
                }
            }
        }
    }

    /// Those that have not expired; or the line of the first that a jar has no room for, and why.
    pub(super) fn into_store(mut self, now: i64) -> Result<Store, (usize, String)> {
        self.cookies.retain(|(_, cookie)| !cookie.is_expired(now));
        let mut of_domains: HashMap<&str, usize> = HashMap::new();
        for ((line, cookie), count) in self.cookies.iter().zip(1..) {
            let of_domain = of_domains.entry(&cookie.domain).or_default();
            *of_domain += 1;
            if *of_domain > MAX_OF_DOMAIN {
                return Err((*line, format!("a jar holds {MAX_OF_DOMAIN} of a domain")));
            }
            if count > MAX {
                return Err((*line, format!("a jar holds {MAX}")));
            }
        }
        Ok(Store::of(self.cookies.into_iter().map(|(_, cookie)| cookie).collect()))
    }
}
