//! What is known of a date, and how it is written.

use jiff::civil;
use jiff::tz::{Offset, TimeZone};

use super::zone;

/// A calendar date as far as it is known, perhaps with a time, perhaps with a zone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Date {
    pub(super) year: i16,
    pub(super) month: Option<u32>,
    /// Not without a month.
    pub(super) day: Option<u32>,
    /// Not without a day.
    pub(super) time: Option<Time>,
    pub(super) zone: Option<TimeZone>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Time {
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    pub(super) nanos: u32,
}

impl Time {
    pub(super) fn of(time: civil::Time) -> Self {
        let part = |part: i8| u32::try_from(part).unwrap_or(0);
        Self {
            hour: part(time.hour()),
            minute: part(time.minute()),
            second: part(time.second()),
            nanos: u32::try_from(time.subsec_nanosecond()).unwrap_or(0),
        }
    }
}

impl Date {
    pub(super) fn of_day(day: civil::Date) -> Self {
        let month = u32::try_from(day.month()).ok();
        let number = u32::try_from(day.day()).ok();
        Self { year: day.year(), month, day: number, ..Self::default() }
    }

    /// A date that there is, with what ISO 8601 calls the end of a day as the beginning of the next.
    pub(super) fn checked(mut self) -> Option<Self> {
        if !(0..=9999).contains(&self.year) || !self.month.is_none_or(|month| (1..=12).contains(&month)) {
            return None;
        }
        let Some(_) = self.day else { return self.time.is_none().then_some(self) };
        let day = self.day()?;
        if let Some(time) = &mut self.time
            && *time == (Time { hour: 24, ..Time::default() })
        {
            *time = Time::default();
            let (time, zone) = (self.time, self.zone);
            return Some(Self { time, zone, ..Self::of_day(day.tomorrow().ok()?) });
        }
        let holds = self.time.is_none_or(|time| time.hour < 24 && time.minute < 60 && time.second <= 60);
        holds.then_some(self)
    }

    pub(super) fn day(&self) -> Option<civil::Date> {
        let (month, day) = (i8::try_from(self.month?).ok()?, i8::try_from(self.day?).ok()?);
        civil::Date::new(self.year, month, day).ok()
    }

    /// A leap second counts as the one before: the calendar of time zones has none.
    pub(super) fn clock(&self) -> Option<civil::Time> {
        let Time { hour, minute, second, nanos } = self.time?;
        let part = |part: u32| i8::try_from(part).ok();
        civil::Time::new(part(hour)?, part(minute)?, part(second.min(59))?, i32::try_from(nanos).ok()?).ok()
    }

    pub(super) fn written(self) -> Option<String> {
        let date = self.checked()?;
        let mut written = format!("{:04}", date.year);
        for part in [date.month, date.day].into_iter().flatten() {
            written.push_str(&format!("-{part:02}"));
        }
        let Some(time) = date.time else { return Some(written) };
        written.push_str(&format!("T{:02}:{:02}:{:02}", time.hour, time.minute, time.second));
        if time.nanos > 0 {
            written.push_str(format!(".{:09}", time.nanos).trim_end_matches('0'));
        }
        if let Some(zone) = &date.zone {
            let moment = civil::DateTime::from_parts(date.day()?, date.clock()?);
            written.push_str(&offset_written(zone::offset_at(zone, moment)?)?);
        }
        Some(written)
    }
}

/// ISO 8601 has no seconds there; zones had them before about 1900.
fn offset_written(offset: Offset) -> Option<String> {
    let seconds = offset.seconds();
    if seconds % 60 != 0 {
        return None;
    }
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    Some(match minutes {
        0 => "Z".to_owned(),
        _ => format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60),
    })
}
