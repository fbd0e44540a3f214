//! How often the requests to an origin may be tried again, over all of them: so that a dead site is not asked several
//! times for every one of its pages.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::url_input::Origin;

/// Origins that fail are remembered up to this number; then all of them begin anew.
const ORIGINS: usize = 10_000;

pub(crate) struct RetryBudget {
    limit: Option<u32>,
    /// How many retries each origin had beyond its successes, if there were any.
    spent: Mutex<HashMap<Origin, u32>>,
    any: AtomicBool,
}

impl RetryBudget {
    pub(crate) fn new(limit: Option<u32>) -> Self {
        Self { limit, spent: Mutex::default(), any: AtomicBool::new(false) }
    }

    /// Takes one retry, if there is one left.
    pub(crate) fn spend(&self, origin: Origin) -> bool {
        let Some(limit) = self.limit else { return true };
        let mut spent = self.spent();
        if spent.len() >= ORIGINS && !spent.contains_key(&origin) {
            spent.clear();
        }
        self.any.store(true, Ordering::Relaxed);
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
        let budget = RetryBudget::new(Some(2));
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
    fn without_a_limit_there_is_always_one_and_with_zero_there_is_none() {
        assert!(RetryBudget::new(None).spend(origin("http://a/")));
        assert!(!RetryBudget::new(Some(0)).spend(origin("http://a/")));
    }
}
