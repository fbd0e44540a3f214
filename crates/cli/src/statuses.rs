//! Which HTTP statuses count as ok: `404,410`, `400-499`, `all`.

use std::ops::RangeInclusive;

/// Statuses below 400, and those the user accepts besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepted(Vec<RangeInclusive<u16>>);

impl Accepted {
    /// # Errors
    /// What is neither a status, a range of them, nor `all`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(|part| range(part.trim()))
            .collect::<Option<_>>()
            .map(Self)
            .ok_or_else(|| format!("`{text}` names no statuses\n  hint: write 404,410 or 400-499 or all"))
    }

    /// Whether it adds none to those that are no errors.
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, status: u16) -> bool {
        status < 400 || self.0.iter().any(|range| range.contains(&status))
    }
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    if text == "all" {
        return Some(0..=u16::MAX);
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    let known = |status: u16| (100..=999).contains(&status);
    (known(from) && known(to) && from <= to).then_some(from..=to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_ranges_and_all_are_read() {
        let accepted = Accepted::parse("404, 500-502").unwrap();
        assert!([200, 304, 404, 501].into_iter().all(|status| accepted.contains(status)));
        assert!(![403, 410, 503].into_iter().any(|status| accepted.contains(status)));
        assert!(Accepted::parse("all").unwrap().contains(999));
    }

    #[test]
    fn what_names_no_status_is_refused() {
        for text in ["", "4xx", "99", "500-400", "404,", "1000"] {
            assert!(Accepted::parse(text).is_err(), "{text:?}");
        }
    }
}
