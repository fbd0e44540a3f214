//! The forms of the standards.

use std::borrow::Cow;

use jiff::civil::{Date as Day, ISOWeekDate, Weekday};

use super::parts::Date;
use super::reader::{DAYS, MONTHS, Reader};

/// [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) and the other forms of ISO 8601 that name a day, a month or a year: by
/// month, by week (`2024-W23-3`), by the day of the year (`2024-157`), extended or basic.
pub(super) fn iso_8601(text: &str) -> Option<Date> {
    if text.len() == 4 {
        let year = Reader::new(text).year()?;
        return Some(Date { year, ..Date::default() });
    }
    let mut reader = Reader::new(text);
    let mut date = iso_day(&mut reader)?;
    if reader.rest.is_empty() {
        return Some(date);
    }
    date.day?;
    date.time = match reader.one_of(&['T', 't']) {
        Some(()) => Some(reader.time_or_hour()?),
        None => {
            reader.literal(" ")?;
            Some(reader.time()?)
        }
    };
    reader.spaces();
    if !reader.rest.is_empty() {
        date.zone = Some(reader.zone()?);
    }
    reader.rest.is_empty().then_some(date)
}

pub(super) fn iso_day(reader: &mut Reader<'_>) -> Option<Date> {
    let year = reader.year()?;
    let extended = reader.literal("-").is_some();
    if reader.literal("W").is_some() {
        let week = reader.digits(2, 2)?;
        if extended {
            reader.literal("-")?;
        }
        return Some(Date::of_day(day_of_week(year, week, reader.digits(1, 1)?)?));
    }
    match (reader.count_digits(), extended) {
        (3, _) => Some(Date::of_day(day_of_year(year, reader.digits(3, 3)?)?)),
        (2, true) => {
            let month = Some(reader.digits(2, 2)?);
            let day = if reader.literal("-").is_some() { Some(reader.digits(2, 2)?) } else { None };
            Some(Date { year, month, day, ..Date::default() })
        }
        // `202406` could be a day of 2020, and is no form of the standard.
        (4, false) => {
            let (month, day) = (Some(reader.digits(2, 2)?), Some(reader.digits(2, 2)?));
            Some(Date { year, month, day, ..Date::default() })
        }
        _ => None,
    }
}

/// Weeks begin on Monday, which is 1.
pub(super) fn day_of_week(year: i16, week: u32, day: u32) -> Option<Day> {
    let weekday = Weekday::from_monday_one_offset(i8::try_from(day).ok()?).ok()?;
    ISOWeekDate::new(year, i8::try_from(week).ok()?, weekday).ok().map(|date| date.date())
}

pub(super) fn day_of_year(year: i16, day: u32) -> Option<Day> {
    Day::new(year, 1, 1).ok()?.with().day_of_year(i16::try_from(day).ok()?).build().ok()
}

/// [RFC 2822, section 3.3](https://www.rfc-editor.org/rfc/rfc2822#section-3.3), with what is obsolete (section 4.3):
/// `Wed, 05 Jun 2024 10:00:00 +0200 (CEST)`.
pub(super) fn rfc_2822(text: &str) -> Option<Date> {
    let text = without_comments(text)?;
    let mut reader = Reader::new(text.trim());
    if reader.name(&DAYS).is_some() {
        reader.spaces();
        reader.literal(",")?;
        reader.spaces();
    }
    let mut date = Date { day: Some(reader.digits(1, 2)?), ..Date::default() };
    reader.space()?;
    date.month = Some(reader.name(&MONTHS)? as u32 + 1);
    reader.space()?;
    let digits = reader.count_digits();
    date.year = year(reader.digits(2, 4)?, digits)?;
    if reader.rest.is_empty() {
        // `5 Jun 24` may be anything; with a time behind it, it is what the standard says.
        return (digits == 4).then_some(date);
    }
    reader.space()?;
    date.time = Some(reader.time()?);
    reader.spaces();
    if !reader.rest.is_empty() {
        date.zone = Some(reader.zone()?);
    }
    reader.rest.is_empty().then_some(date)
}

/// Two digits up to 49 are this century's; other two, and three, count from 1900.
fn year(number: u32, digits: usize) -> Option<i16> {
    let year = match digits {
        2 if number < 50 => number + 2000,
        2 | 3 => number + 1900,
        _ => number,
    };
    i16::try_from(year).ok()
}

/// A comment stands where white space may, and may hold others.
fn without_comments(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('(') {
        return Some(text.into());
    }
    let (mut kept, mut open) = (String::with_capacity(text.len()), 0_usize);
    for letter in text.chars() {
        match letter {
            '(' => {
                open += 1;
                kept.push(' ');
            }
            ')' => open = open.checked_sub(1)?,
            _ if open == 0 => kept.push(letter),
            _ => {}
        }
    }
    (open == 0).then(|| kept.into())
}
