//! Reads a text from its start, part by part.

use jiff::tz::TimeZone;

use super::parts::Time;
use super::zone::{fixed, named};

pub(super) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
pub(super) const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The zone of `Z`, `UTC`, `+02:00`, `-0530` or `Europe/Berlin`.
pub(crate) fn zone(text: &str) -> Option<TimeZone> {
    let mut reader = Reader::new(text);
    match reader.zone() {
        Some(zone) if reader.rest.is_empty() => Some(zone),
        _ => named(text),
    }
}

/// What is left of a text.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    pub(super) fn literal(&mut self, wanted: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(wanted)?;
        Some(())
    }

    /// The same in any case.
    fn word(&mut self, wanted: &str) -> Option<()> {
        let (word, rest) = self.rest.split_at_checked(wanted.len())?;
        word.eq_ignore_ascii_case(wanted).then(|| self.rest = rest)
    }

    pub(super) fn one_of(&mut self, wanted: &[char]) -> Option<()> {
        self.rest = self.rest.strip_prefix(wanted)?;
        Some(())
    }

    pub(super) fn spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    pub(super) fn space(&mut self) -> Option<()> {
        let rest = self.rest.trim_start();
        let moved = rest.len() < self.rest.len();
        self.rest = rest;
        moved.then_some(())
    }

    pub(super) fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let count = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        digits.parse().ok()
    }

    /// How many digits come next.
    pub(super) fn count_digits(&self) -> usize {
        self.rest.bytes().take_while(u8::is_ascii_digit).count()
    }

    pub(super) fn year(&mut self) -> Option<i16> {
        self.digits(4, 4).and_then(|year| i16::try_from(year).ok())
    }

    /// All digits that come, perhaps with a minus before them.
    pub(super) fn integer(&mut self) -> Option<i64> {
        let sign = usize::from(self.rest.starts_with('-'));
        let digits = self.rest.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(sign + digits);
        self.rest = rest;
        number.parse().ok()
    }

    /// Whether it is the half of the day after noon, and not the one before.
    pub(super) fn afternoon(&mut self) -> Option<bool> {
        self.word("am").map(|()| false).or_else(|| self.word("pm").map(|()| true))
    }

    /// The place of the name, written out or in its first three letters.
    pub(super) fn name(&mut self, names: &[&str]) -> Option<usize> {
        let length = self.rest.chars().take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum();
        let (word, rest) = self.rest.split_at(length);
        let word = word.to_lowercase();
        let is_meant = |name: &&str| word == **name || (word.len() == 3 && name.starts_with(&word));
        let place = names.iter().position(is_meant)?;
        self.rest = rest.strip_prefix('.').filter(|_| word.len() == 3).unwrap_or(rest);
        Some(place)
    }

    /// ISO 8601 lets the minutes be left out.
    pub(super) fn time_or_hour(&mut self) -> Option<Time> {
        let is_hour =
            self.count_digits() == 2 && !self.rest.get(2..).is_some_and(|rest| rest.starts_with(':'));
        if is_hour { Some(Time { hour: self.digits(2, 2)?, ..Time::default() }) } else { self.time() }
    }

    pub(super) fn time(&mut self) -> Option<Time> {
        let mut time = Time { hour: self.digits(2, 2)?, ..Time::default() };
        let extended = self.literal(":").is_some();
        time.minute = self.digits(2, 2)?;
        let seconds = if extended {
            self.literal(":").is_some()
        } else {
            self.rest.starts_with(|c: char| c.is_ascii_digit())
        };
        if seconds {
            time.second = self.digits(2, 2)?;
            if self.one_of(&['.', ',']).is_some() {
                time.nanos = self.fraction()?;
            }
        }
        Some(time)
    }

    /// Digits of a second; those past the ninth do not count.
    pub(super) fn fraction(&mut self) -> Option<u32> {
        let count = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        format!("{digits:0<9}").get(..9)?.parse().ok()
    }

    /// RFC 2822's obsolete names of American zones are read too; a military letter is not.
    pub(super) fn zone(&mut self) -> Option<TimeZone> {
        let names = [
            ("Z", 0),
            ("UTC", 0),
            ("GMT", 0),
            ("UT", 0),
            ("EST", -300),
            ("EDT", -240),
            ("CST", -360),
            ("CDT", -300),
            ("MST", -420),
            ("MDT", -360),
            ("PST", -480),
            ("PDT", -420),
        ];
        for (name, minutes) in names {
            if self.word(name).is_some() {
                return fixed(minutes);
            }
        }
        let sign = if self.literal("+").is_some() { 1 } else { -1 };
        if sign < 0 {
            self.one_of(&['-', '\u{2212}'])?;
        }
        let hours = self.digits(2, 2)?;
        let minutes =
            if self.literal(":").is_some() || !self.rest.is_empty() { self.digits(2, 2)? } else { 0 };
        if hours < 24 && minutes < 60 { fixed(sign * (hours * 60 + minutes) as i32) } else { None }
    }

    /// An offset, or a name of the IANA database.
    pub(super) fn zone_or_name(&mut self) -> Option<TimeZone> {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '+' | '-');
        let (name, rest) = self.rest.split_at(self.rest.find(|c| !is_of_name(c)).unwrap_or(self.rest.len()));
        match zone(name) {
            Some(zone) if name.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                self.rest = rest;
                Some(zone)
            }
            _ => self.zone(),
        }
    }
}
