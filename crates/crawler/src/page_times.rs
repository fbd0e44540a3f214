//! The total time of a page in this run: from its first request, with the waits that its host asks for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gather_core::now;

/// Since when pages are on their way that have not come to an end.
pub(crate) struct PageTimes {
    /// `None` is no limit.
    total: Option<Duration>,
    /// A run waits no longer than this at once.
    max_wait: Duration,
    first: Mutex<HashMap<i64, Instant>>,
}

impl PageTimes {
    pub(crate) fn new(total: Option<Duration>, max_wait: Duration) -> Self {
        Self { total, max_wait, first: Mutex::default() }
    }

    /// The page is asked for; its time counts from when that was first.
    pub(crate) fn begin(&self, page: i64) {
        self.first().entry(page).or_insert_with(now);
    }

    /// Nothing more becomes of the page.
    pub(crate) fn end(&self, page: i64) {
        self.first().remove(&page);
    }

    /// Whether the page may wait so long. What is longer than a run waits for is for a later one, whose time is another.
    pub(crate) fn has_room_for(&self, page: i64, wait: Duration) -> bool {
        let is_for_later = wait > self.max_wait;
        let taken = self.first().get(&page).map_or(Duration::ZERO, |first| now() - *first);
        is_for_later || self.total.is_none_or(|total| taken.saturating_add(wait) <= total)
    }

    fn first(&self) -> MutexGuard<'_, HashMap<i64, Instant>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use gather_core::{sleep, test};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_waits_of_a_page_have_room_in_its_total_time_alone() {
        test(1, async {
            let times = PageTimes::new(Some(3 * SECOND), 120 * SECOND);
            times.begin(1);
            sleep(2 * SECOND).await;
            times.begin(1);
            assert!(times.has_room_for(1, SECOND) && !times.has_room_for(1, 2 * SECOND));
            assert!(times.has_room_for(1, Duration::from_secs(3_600)), "a later run waits for that");
            times.end(1);
            times.begin(1);
            assert!(times.has_room_for(1, 2 * SECOND));
            assert!(PageTimes::new(None, 120 * SECOND).has_room_for(1, 100 * SECOND), "no limit");
        });
    }
}
