//! Pages that have come and wait for a core: while there are many, no more are asked for.
//!
//! Where fetching is faster than parsing, pages would pile up in memory, as many as are fetched at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use event_listener::Event;
use gather_core::Lane;

/// Pages for each core, the one being parsed included: enough that no core waits for the next one.
const FOR_EACH_CORE: usize = 4;

/// The pages that have come and are not yet parsed. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Backlog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pages: AtomicUsize,
    most: usize,
    parsed: Event,
}

/// One of those pages, until it is dropped.
pub(crate) struct Pending(Arc<Shared>);

impl Backlog {
    pub(crate) fn new() -> Self {
        Self::of(Lane::Cpu.width().saturating_mul(FOR_EACH_CORE))
    }

    fn of(most: usize) -> Self {
        Self(Arc::new(Shared { pages: AtomicUsize::new(0), most, parsed: Event::new() }))
    }

    /// Waits until another page can be asked for.
    pub(crate) async fn has_room(&self) {
        while !self.0.has_room() {
            let parsed = self.0.parsed.listen();
            if !self.0.has_room() {
                parsed.await;
            }
        }
    }

    /// A page has come. It is taken, whether there is room or not.
    pub(crate) fn add(&self) -> Pending {
        self.0.pages.fetch_add(1, Ordering::SeqCst);
        Pending(self.0.clone())
    }
}

impl Shared {
    fn has_room(&self) -> bool {
        self.pages.load(Ordering::SeqCst) < self.most
    }
}

impl Drop for Pending {
    /// One page makes room for one. Where none is left, the cores wait for pages, and nobody else should.
    fn drop(&mut self) {
        let left = self.0.pages.fetch_sub(1, Ordering::SeqCst) - 1;
        self.0.parsed.notify_additional(if left == 0 { usize::MAX } else { 1 });
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::join_all;

    use super::*;

    #[test]
    fn a_page_is_asked_for_when_one_is_parsed_and_all_when_none_is_left() {
        let backlog = Backlog::of(2);
        let (first, second) = (backlog.add(), backlog.add());
        let mut one = Box::pin(backlog.has_room());
        let mut others = Box::pin(join_all([backlog.has_room(), backlog.has_room()]));
        assert!(one.as_mut().now_or_never().is_none() && others.as_mut().now_or_never().is_none());
        drop(first);
        assert!(one.now_or_never().is_some());
        assert!(others.as_mut().now_or_never().is_none());
        drop(second);
        assert!(others.now_or_never().is_some());
    }

    #[test]
    fn nobody_waits_while_there_is_room() {
        let backlog = Backlog::of(1);
        assert!(backlog.has_room().now_or_never().is_some());
        drop(backlog.add());
        assert!(backlog.has_room().now_or_never().is_some());
    }
}
