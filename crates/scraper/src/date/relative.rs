//! Dates that count from another: `yesterday`, `2 days ago`. In English, as pages write them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use super::format::hour_of_twelve;
use super::parts::{Date, Time};
use super::reader::Reader;

/// The date that is meant, `now` being the date of the response. What counts in days or more has no time; a time is that
/// of the zone, or of UTC.
pub(super) fn read(text: &str, now: Timestamp, zone: Option<&TimeZone>) -> Option<Date> {
    let zone = zone.cloned().unwrap_or(TimeZone::UTC);
    let text = text.to_lowercase().replace(',', " , ");
    let words: Vec<&str> = text.split_whitespace().filter(|word| *word != ",").collect();
    let now = Now { moment: now, zone };
    match words.as_slice() {
        ["now"] | ["just" | "right", "now"] => now.after(0, 0, 0, false),
        ["today", time @ ..] => now.day_at(0, time),
        ["yesterday", time @ ..] => now.day_at(-1, time),
        ["tomorrow", time @ ..] => now.day_at(1, time),
        ["in", spans @ ..] => Spans::read(spans)?.after(&now, 1),
        [spans @ .., "ago"] => Spans::read(spans)?.after(&now, -1),
        _ => None,
    }
}

struct Now {
    moment: Timestamp,
    zone: TimeZone,
}

impl Now {
    fn after(&self, months: i64, days: i64, seconds: i64, only_days: bool) -> Option<Date> {
        let span = Span::new().try_months(months).ok()?.try_days(days).ok()?;
        let then = self.zone.to_datetime(self.moment).checked_add(span).ok()?;
        if only_days {
            return Some(Date::of_day(then.date()));
        }
        let then = self.zone.to_ambiguous_timestamp(then).compatible().ok()?;
        let then = then.checked_add(SignedDuration::from_secs(seconds)).ok()?;
        let (local, offset) = (self.zone.to_datetime(then), self.zone.to_offset(then));
        let time = Some(Time { nanos: 0, ..Time::of(local.time()) });
        Some(Date { time, zone: Some(TimeZone::fixed(offset)), ..Date::of_day(local.date()) })
    }

    /// A day, perhaps with a time: `at 14:05`, `2:05 pm`.
    fn day_at(&self, days: i64, time: &[&str]) -> Option<Date> {
        let day = self.after(0, days, 0, true)?;
        let written = match time {
            [] => return Some(day),
            ["at", written @ ..] | written => written.concat(),
        };
        let mut reader = Reader::new(&written);
        let mut time = Time { hour: reader.digits(1, 2)?, ..Time::default() };
        reader.literal(":")?;
        time.minute = reader.digits(2, 2)?;
        if reader.literal(":").is_some() {
            time.second = reader.digits(2, 2)?;
        }
        if !reader.rest.is_empty() {
            time.hour = hour_of_twelve(time.hour, reader.name(&["am", "pm"])? == 1)?;
        }
        reader.rest.is_empty().then(|| Date { time: Some(time), zone: Some(self.zone.clone()), ..day })
    }
}

/// `1 day and 2 hours`.
#[derive(Default)]
struct Spans {
    months: i64,
    days: i64,
    seconds: i64,
    only_days: bool,
}

impl Spans {
    fn read(words: &[&str]) -> Option<Self> {
        let mut spans = Self { only_days: true, ..Self::default() };
        let mut words = words.iter().copied().filter(|word| *word != "and").peekable();
        words.peek()?;
        while let Some(word) = words.next() {
            let (number, unit) = match word.find(|letter: char| !letter.is_ascii_digit()) {
                // `3h`, or a word that counts
                Some(0) => (one(word)?, words.next()?),
                Some(at) => {
                    let (number, unit) = word.split_at(at);
                    (number.parse().ok()?, unit)
                }
                None => (word.parse().ok()?, words.next()?),
            };
            spans.add(number, unit)?;
        }
        Some(spans)
    }

    fn add(&mut self, number: i64, unit: &str) -> Option<()> {
        let (place, each) = match unit {
            "s" | "sec" | "secs" | "second" | "seconds" => (&mut self.seconds, 1),
            "m" | "min" | "mins" | "minute" | "minutes" => (&mut self.seconds, 60),
            "h" | "hr" | "hrs" | "hour" | "hours" => (&mut self.seconds, 3600),
            "d" | "day" | "days" => (&mut self.days, 1),
            "w" | "wk" | "wks" | "week" | "weeks" => (&mut self.days, 7),
            "mo" | "mos" | "month" | "months" => (&mut self.months, 1),
            "y" | "yr" | "yrs" | "year" | "years" => (&mut self.months, 12),
            _ => return None,
        };
        *place = place.checked_add(number.checked_mul(each)?)?;
        self.only_days &= !matches!(each, 60 | 3600) && !unit.starts_with('s');
        Some(())
    }

    fn after(&self, now: &Now, sign: i64) -> Option<Date> {
        now.after(sign * self.months, sign * self.days, sign * self.seconds, self.only_days)
    }
}

fn one(word: &str) -> Option<i64> {
    matches!(word, "a" | "an" | "one").then_some(1)
}
