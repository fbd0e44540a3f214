//! What taking records from one page may cost: text, JSON and time.
//!
//! A tree within its bounds can still ask for a lot: `each = "div"` on divs inside divs takes the same
//! text once for each level. So whatever walks a tree, or makes a text or a value of a part of it, is handed a budget.

use std::cell::Cell;
use std::time::Instant;

use gather_records::MAX_NESTING;

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;

/// The text of all records of a page, with what it is compared with.
const MOST_TEXT: usize = 256 << 20;

/// The text of all links of a page. A link inside a link repeats its text.
const MOST_LINK_TEXT: usize = 64 << 20;

/// Spent while records are taken; once it is gone, nothing more is found and the page is an error.
pub(crate) struct Budget {
    text: usize,
    whose: &'static str,
    text_left: Cell<usize>,
    started: Instant,
    limits: Limits,
    hit: Cell<Option<Bound>>,
    /// How often it was asked for the time.
    asked: Cell<u32>,
}

/// What there is no more of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    Text,
    Time,
    /// Values in one text of JSON.
    JsonValues,
    JsonNesting,
}

/// The clock is looked at once in so many times that it is asked for: a look costs as much as a small link.
const ASKED_FOR_A_LOOK: u32 = 16;

impl Budget {
    /// For records.
    pub(crate) fn new(limits: Limits) -> Self {
        Self::of(MOST_TEXT, "records", limits)
    }

    /// For links.
    pub(crate) fn for_links(limits: Limits) -> Self {
        Self::of(MOST_LINK_TEXT, "links", limits)
    }

    fn of(text: usize, whose: &'static str, limits: Limits) -> Self {
        let (text_left, hit, asked) = (Cell::new(text), Cell::new(None), Cell::new(0));
        Self { text, whose, text_left, started: Instant::now(), limits, hit, asked }
    }

    /// Whether there is time left, as far as a look at the clock says that is not long ago: for what is asked again and again.
    pub(crate) fn had_time(&self) -> bool {
        let asked = self.asked.get();
        self.asked.set(asked.wrapping_add(1));
        if asked.is_multiple_of(ASKED_FOR_A_LOOK) { self.has_time() } else { !self.is_gone() }
    }

    /// Whether there is time left.
    pub(crate) fn has_time(&self) -> bool {
        if self.started.elapsed() > self.limits.time {
            self.end(Bound::Time);
        }
        !self.is_gone()
    }

    /// Whether a bound was hit, without a look at the clock.
    pub(crate) fn is_gone(&self) -> bool {
        self.hit.get().is_some()
    }

    /// Ends it: a bound was hit. The first one is the one that is named.
    pub(crate) fn end(&self, bound: Bound) {
        self.hit.set(self.hit.get().or(Some(bound)));
    }

    /// The values that one text of JSON may have.
    pub(crate) fn json_values(&self) -> usize {
        self.limits.nodes
    }

    /// Takes a text from the budget; false once it is gone.
    pub(crate) fn spend(&self, text: &str) -> bool {
        self.spend_bytes(text.len())
    }

    /// Takes so many bytes of text from the budget; false once it is gone.
    pub(crate) fn spend_bytes(&self, bytes: usize) -> bool {
        match self.text_left.get().checked_sub(bytes) {
            Some(left) => self.text_left.set(left),
            None => self.end(Bound::Text),
        }
        !self.is_gone()
    }

    /// The text, if there is room for it.
    pub(crate) fn paid(&self, text: String) -> Option<String> {
        self.spend(&text).then_some(text)
    }

    /// An error of kind `too_large` that names the bound, if one was hit.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.has_time();
        let Some(hit) = self.hit.get() else { return Ok(()) };
        let bound = match hit {
            Bound::Text => format!("{} bytes of text in its {}", self.text, self.whose),
            Bound::Time => format!("{:?} of time", self.limits.time),
            Bound::JsonValues => format!("{} values in one text of JSON", self.limits.nodes),
            Bound::JsonNesting => format!("{MAX_NESTING} levels of nesting in JSON"),
        };
        Err(Error::new(
            ErrorKind::TooLarge,
            format!("the page is too large to extract: past the bound of {bound}"),
        ))
    }
}

#[cfg(test)]
impl Budget {
    /// With room for so much text, and all the time.
    pub(crate) fn of_text(bytes: usize) -> Self {
        Self::of(bytes, "records", Limits::default().time(std::time::Duration::MAX))
    }

    /// With all that there ever is.
    pub(crate) fn whole() -> Self {
        Self::of_text(MOST_TEXT)
    }

    /// What is left for texts.
    pub(crate) fn text_left(&self) -> usize {
        self.text_left.get()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn text_and_time_run_out_and_say_so() {
        let budget = Budget::of_text(4);
        assert!(budget.spend("x") && budget.check().is_ok());
        assert!(!budget.spend("four") && !budget.spend(""));
        assert!(budget.check().unwrap_err().to_string().contains("4 bytes of text"));
        let late = Budget::new(Limits::default().time(Duration::ZERO));
        while late.had_time() {}
        assert!(late.check().unwrap_err().to_string().contains("of time"));
    }
}
