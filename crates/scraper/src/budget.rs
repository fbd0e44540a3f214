//! What taking records from one page may cost: text and time.
//!
//! A tree within its bounds can still ask for a lot: `each = "div"` on divs inside divs takes the same
//! text once for each level.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};

/// The text of all records of a page.
const MOST_TEXT: usize = 256 << 20;

/// The text of all links of a page. A link inside a link repeats its text.
const MOST_LINK_TEXT: usize = 64 << 20;

/// Spent while records are taken; once it is gone, nothing more is found and the page is an error.
pub(crate) struct Budget {
    text: usize,
    whose: &'static str,
    text_left: Cell<usize>,
    started: Instant,
    time: Duration,
    spent: Cell<bool>,
    /// How often it was asked for the time.
    asked: Cell<u32>,
}

/// The clock is looked at once in so many times that it is asked for: a look costs as much as a small link.
const ASKED_FOR_A_LOOK: u32 = 16;

impl Budget {
    /// For records.
    pub(crate) fn new(time: Duration) -> Self {
        Self::of(MOST_TEXT, "records", time)
    }

    /// For links.
    pub(crate) fn for_links(time: Duration) -> Self {
        Self::of(MOST_LINK_TEXT, "links", time)
    }

    fn of(text: usize, whose: &'static str, time: Duration) -> Self {
        let (text_left, spent) = (Cell::new(text), Cell::new(false));
        Self { text, whose, text_left, started: Instant::now(), time, spent, asked: Cell::new(0) }
    }

    /// Whether there is time left, as far as a look at the clock says that is not long ago: for what is asked again and again.
    pub(crate) fn had_time(&self) -> bool {
        let asked = self.asked.get();
        self.asked.set(asked.wrapping_add(1));
        if asked.is_multiple_of(ASKED_FOR_A_LOOK) { self.has_time() } else { !self.spent.get() }
    }

    /// Whether there is time left.
    pub(crate) fn has_time(&self) -> bool {
        if self.started.elapsed() > self.time {
            self.spent.set(true);
        }
        !self.spent.get()
    }

    /// Takes a text from the budget; false once it is gone.
    pub(crate) fn spend(&self, text: &str) -> bool {
        self.spend_bytes(text.len())
    }

    /// Takes so many bytes of text from the budget; false once it is gone.
    pub(crate) fn spend_bytes(&self, bytes: usize) -> bool {
        match self.text_left.get().checked_sub(bytes) {
            Some(left) => self.text_left.set(left),
            None => {
                self.text_left.set(0);
                self.spent.set(true);
            }
        }
        !self.spent.get()
    }

    /// An error of kind `too_large` that names the bound, if it was hit.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.has_time() {
            return Ok(());
        }
        let bound = match self.text_left.get() {
            0 => format!("{} bytes of text in its {}", self.text, self.whose),
            _ => format!("{:?} of time", self.time),
        };
        Err(Error::new(
            ErrorKind::TooLarge,
            format!("the page is too large to extract: past the bound of {bound}"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_time_run_out_and_say_so() {
        let budget = Budget::new(Duration::MAX);
        assert!(budget.spend("x") && budget.check().is_ok());
        budget.text_left.set(3);
        assert!(!budget.spend("four"));
        assert!(budget.check().unwrap_err().to_string().contains("bytes of text"));
        let late = Budget::new(Duration::ZERO);
        while late.had_time() {}
        assert!(late.check().unwrap_err().to_string().contains("of time"));
    }
}
