//! What taking records from one page may cost: text and time.
//!
//! A tree within its bounds can still ask for a lot: `each = "div"` on divs inside divs takes the same
//! text once for each level.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};

/// The text of all records of a page.
const MOST_TEXT: usize = 256 << 20;

/// Spent while records are taken; once it is gone, nothing more is found and the page is an error.
pub(crate) struct Budget {
    text_left: Cell<usize>,
    started: Instant,
    time: Duration,
    spent: Cell<bool>,
}

impl Budget {
    pub(crate) fn new(time: Duration) -> Self {
        Self { text_left: Cell::new(MOST_TEXT), started: Instant::now(), time, spent: Cell::new(false) }
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
        match self.text_left.get().checked_sub(text.len()) {
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
            0 => format!("{MOST_TEXT} bytes of text in its records"),
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
        while late.has_time() {}
        assert!(late.check().unwrap_err().to_string().contains("of time"));
    }
}
