//! Who is above whom. A line that grows at its end, because each starts the next and is over, loses those in its middle
//! who can do nothing any more.

use std::sync::PoisonError;

use crate::primitives::{Mutex, MutexGuard};

/// What has others of its kind above it.
pub(crate) trait Ancestor: Clone {
    fn link(&self) -> Link<'_, Self>;

    /// Whether those below still have to look above it.
    fn is_on_the_way(&self) -> bool {
        true
    }

    /// Whether nobody but the one that asks can reach it, and nothing has come of it for those below.
    fn is_out_of_reach(&mut self) -> bool;

    /// Who is above. To be taken from one that is out of reach.
    fn take_link(&mut self) -> Option<Self>;
}

/// The way to the one above. Most ways are looked along without a lock; one in a few can be made shorter.
pub(crate) enum Link<'a, T> {
    Nobody,
    Fixed(&'a T),
    Loose(&'a Loose<T>),
}

pub(crate) struct Loose<T> {
    /// How many loose ones there were from here on, itself included, when it was made.
    number: u32,
    above: Mutex<Option<T>>,
}

impl<T: Ancestor> Loose<T> {
    /// Now and then this makes the whole line shorter: when it has become twice as long, which costs each new one the same
    /// however long the line is.
    pub(crate) fn new(above: T) -> Self {
        let next = nearest_loose(&above).map_or(1, |loose| loose.number.saturating_add(1));
        let number = if next.is_power_of_two() { shorten(&above) + 1 } else { next };
        Self { number, above: Mutex::new(Some(above)) }
    }
}

impl<T> Loose<T> {
    pub(crate) fn into_above(self) -> Option<T> {
        self.above.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn above(&self) -> MutexGuard<'_, Option<T>> {
        self.above.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Ancestor> Loose<T> {
    /// Lets go of those that are out of reach; of all, if nobody looks further.
    fn shorten(&self, is_on_the_way: bool) -> Option<T> {
        let mut gone = Vec::new(); // dropped after the lock was let go
        let mut above = self.above();
        while let Some(mut next) = above.take() {
            if is_on_the_way && !next.is_out_of_reach() {
                *above = Some(next);
                break;
            }
            *above = if is_on_the_way { next.take_link() } else { None };
            gone.push(next);
        }
        let left = above.clone();
        drop(above);
        left
    }
}

/// Itself and those above, as far as the ways are fixed.
pub(crate) fn near<T: Ancestor>(from: &T) -> impl Iterator<Item = &T> {
    std::iter::successors(Some(from), |here| match here.link() {
        Link::Fixed(above) => Some(above),
        Link::Nobody | Link::Loose(_) => None,
    })
}

fn nearest_loose<T: Ancestor>(from: &T) -> Option<&Loose<T>> {
    near(from).find_map(|here| match here.link() {
        Link::Loose(loose) => Some(loose),
        Link::Nobody | Link::Fixed(_) => None,
    })
}

/// Looks at itself and at all above, until something is found. Not recursively: the line may be long.
pub(crate) fn search<T: Ancestor, R>(from: &T, mut look: impl FnMut(&T) -> Option<R>) -> Option<R> {
    let mut next;
    let mut here = from;
    loop {
        if let Some(found) = near(here).find_map(&mut look) {
            return Some(found);
        }
        let above = nearest_loose(here)?.above().clone();
        next = above?;
        here = &next;
    }
}

/// Makes the line above shorter, and counts the loose links that are left in it.
fn shorten<T: Ancestor>(from: &T) -> u32 {
    let mut left = 0;
    let mut here = from.clone();
    loop {
        let is_on_the_way = near(&here).last().is_none_or(Ancestor::is_on_the_way);
        let Some(loose) = nearest_loose(&here) else { return left };
        left += 1;
        let Some(next) = loose.shorten(is_on_the_way) else { return left };
        here = next;
    }
}
