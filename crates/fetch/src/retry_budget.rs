//! How often the requests to an origin may be tried again, over all of them: so that a dead site is not asked several
//! times for every one of its pages.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::url_input::Origin;

/// Origins that fail are remembered up to this number; then all of them begin anew.
const ORIGINS: usize = 10_000;

pub(crate) struct RetryBudget {
    limit: Option<u32>,
    /// Over all origins.
    all: Option<u32>,
    all_spent: AtomicU32,
    /// How many retries each origin had beyond its successes, if there were any.
    spent: Mutex<HashMap<Origin, u32>>,
    any: AtomicBool,
}

impl RetryBudget {
    pub(crate) fn new(limit: Option<u32>, all: Option<u32>) -> Self {
        Self {
            limit,
            all,
            all_spent: AtomicU32::new(0),
            spent: Mutex::default(),
            any: AtomicBool::new(false),
        }
    }

    /// Takes one retry, if there is one left. An origin that has none takes none of those that all share.
    pub(crate) fn spend(&self, origin: Origin) -> bool {
        self.any.store(true, Ordering::Relaxed);
        self.spend_of(origin) && self.spend_of_all()
    }

    fn spend_of_all(&self) -> bool {
        let Some(all) = self.all else { return true };
        let spend = |spent| (spent < all).then_some(spent + 1);
        self.all_spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok()
    }

    fn spend_of(&self, origin: Origin) -> bool {
        let Some(limit) = self.limit else { return true };
        let mut spent = self.spent();
        if spent.len() >= ORIGINS && !spent.contains_key(&origin) {
            spent.clear();
        }
        let spent = spent.entry(origin).or_default();
        let has_one = *spent < limit;
        *spent += u32::from(has_one);
        has_one
    }

    /// A request has succeeded: that is one retry more. Costs nothing as long as none was ever needed.
    pub(crate) fn earn(&self, origin: impl FnOnce() -> Origin) {
        if !self.any.load(Ordering::Relaxed) {
            return;
        }
        let earn = |spent: u32| spent.checked_sub(1);
        let _ = self.all_spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, earn);
        let mut spent = self.spent();
        let origin = origin();
        if let Some(left) = spent.get_mut(&origin).map(|spent| {
            *spent = spent.saturating_sub(1);
            *spent
        }) && left == 0
        {
            spent.remove(&origin);
        }
    }

    fn spent(&self) -> MutexGuard<'_, HashMap<Origin, u32>> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    fn origin(url: &str) -> Origin {
        Origin::of(&Url::parse(url).unwrap())
    }

    #[test]
    fn an_origin_has_so_many_retries_and_one_more_for_each_success() {
        let budget = RetryBudget::new(Some(2), None);
        let dead = || origin("http://dead.example/");
        assert_eq!([(); 4].map(|()| budget.spend(dead())), [true, true, false, false]);
        assert!(budget.spend(origin("http://other.example/")));
        budget.earn(dead);
        assert_eq!([(); 2].map(|()| budget.spend(dead())), [true, false]);
        for _ in 0..10 {
            budget.earn(dead);
        }
        assert_eq!([(); 3].map(|()| budget.spend(dead())), [true, true, false], "they do not pile up");
    }

    #[test]
    fn thousands_of_dead_origins_share_what_there_is_over_all() {
        let budget = RetryBudget::new(Some(2), Some(5));
        let spend = |n: usize| budget.spend(origin(&format!("http://h{n}.example/")));
        assert_eq!((0..100).filter(|n| spend(*n)).count(), 5);
        budget.earn(|| origin("http://alive.example/"));
        assert_eq!((0..100).filter(|n| spend(*n)).count(), 1);
    }

    #[test]
    fn a_dead_origin_uses_up_nobody_elses_retries() {
        let budget = RetryBudget::new(Some(2), Some(5));
        assert_eq!((0..100).filter(|_| budget.spend(origin("http://dead.example/"))).count(), 2);
        assert!(budget.spend(origin("http://other.example/")));
    }

    #[test]
    fn without_a_limit_there_is_always_one_and_with_zero_there_is_none() {
        assert!(RetryBudget::new(None, None).spend(origin("http://a/")));
        assert!(!RetryBudget::new(Some(0), None).spend(origin("http://a/")));
    }
}
