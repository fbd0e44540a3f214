//! Detail pages, each fetched once, however many records lead to it and however many ask at the same moment.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use gather_core::sync::OnceCell;

use crate::error::ErrorKind;
use crate::extract::Extraction;
use crate::json;

/// What a detail page gave, or the kind of its failure.
pub(super) type Detail = Result<Extraction, ErrorKind>;

type Cell = Arc<OnceCell<Arc<Detail>>>;

/// A URL without its fragment, and whether secrets go there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) url: String,
    pub(super) at_home: bool,
}

/// The pages of one row of pages, or of a scraper that shares them.
#[derive(Debug)]
pub(super) struct Once {
    most_pages: usize,
    most_text: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    cells: HashMap<Key, Cell>,
    /// Oldest first, each with its text once that is known.
    order: VecDeque<(Key, usize)>,
    text: usize,
}

impl Default for Once {
    /// Ten thousand pages, with 64 MiB of text in their fields.
    fn default() -> Self {
        Self::bounded(10_000, 64 << 20)
    }
}

impl Once {
    pub(super) fn bounded(most_pages: usize, most_text: usize) -> Self {
        Self { most_pages, most_text, known: Mutex::default() }
    }

    /// The page, fetched if it is not known. Who comes while another fetches it waits for that; if the other is dropped,
    /// one of those who wait fetches it.
    pub(super) async fn get<F: Future<Output = Detail>>(
        &self,
        key: Key,
        fetch: impl FnOnce() -> F,
    ) -> Arc<Detail> {
        let cell = self.cell(&key);
        let fetched = async {
            let detail = Arc::new(fetch().await);
            self.weigh(&key, weight(&detail));
            detail
        };
        cell.get_or_init(|| fetched).await.clone()
    }

    fn cell(&self, key: &Key) -> Cell {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = known.cells.get(key) {
            return cell.clone();
        }
        let cell = Cell::default();
        known.cells.insert(key.clone(), cell.clone());
        known.order.push_back((key.clone(), 0));
        self.forget(&mut known);
        cell
    }

    fn weigh(&self, key: &Key, text: usize) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known.order.iter_mut().rev().find(|(known, _)| known == key) {
            entry.1 = text;
            known.text += text;
        }
        self.forget(&mut known);
    }

    /// What is forgotten is fetched again, should a record lead to it once more.
    fn forget(&self, known: &mut Known) {
        while known.order.len() > self.most_pages || known.text > self.most_text {
            let Some((key, text)) = known.order.pop_front() else { break };
            known.text = known.text.saturating_sub(text);
            known.cells.remove(&key);
        }
    }
}

fn weight(detail: &Detail) -> usize {
    let records = detail.iter().flat_map(|extraction| &extraction.records);
    records.flat_map(|record| record.iter()).map(|(name, value)| name.len() + json::size(value)).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join;

    use super::*;

    fn key(url: &str) -> Key {
        Key { url: url.to_owned(), at_home: true }
    }

    fn detail(text: &str) -> Detail {
        let record = [("text", text.into())].into_iter().collect();
        Ok(Extraction { records: vec![record], ..Extraction::default() })
    }

    #[test]
    fn who_comes_at_the_same_moment_waits_for_the_first() {
        let (once, calls) = (Once::default(), AtomicUsize::new(0));
        let fetch = || async {
            calls.fetch_add(1, Ordering::Relaxed);
            futures::future::ready(()).await;
            detail("x")
        };
        let both = join(once.get(key("a"), fetch), once.get(key("a"), fetch));
        let (one, other) = gather_core::test(1, both);
        assert!(Arc::ptr_eq(&one, &other));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_is_past_a_bound_is_forgotten_oldest_first() {
        let by_number = Once::bounded(2, usize::MAX);
        let by_text = Once::bounded(usize::MAX, 15);
        for once in [by_number, by_text] {
            gather_core::test(1, async {
                for url in ["a", "b", "c"] {
                    once.get(key(url), || async { detail("xxx") }).await;
                }
            });
            let known = once.known.lock().unwrap();
            assert!(!known.cells.contains_key(&key("a")) && known.cells.contains_key(&key("c")));
            assert_eq!(known.cells.len(), known.order.len());
        }
    }
}
