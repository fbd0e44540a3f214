//! Dates by a format, as strftime writes it.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::parts::{Date, Time};
use super::reader::{DAYS, MONTHS, Reader};
use super::standard::{day_of_week, day_of_year, iso_day};

/// What is wrong with a format, if anything.
pub(crate) fn fault(format: &str) -> Option<String> {
    let mut named = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            continue;
        }
        match directive(&mut letters) {
            Some(known) if "YymdeHIMSfpPbBhaAzZFTRDjGVusklnt".contains(known) => named.push(known),
            Some('%') => {}
            Some(other) => return Some(format!("`%{other}` is not a part of a date")),
            None => return Some("it ends in `%`".to_owned()),
        }
    }
    missing_part(&named).map(str::to_owned)
}

/// What a format needs that it does not name.
fn missing_part(named: &str) -> Option<&'static str> {
    let names = |letters: &str| named.contains(|letter| letters.contains(letter));
    let is_whole = names("FDs") || (names("G") && names("V") && names("u")) || (names("Yy") && names("j"));
    let has_month = names("mbBh");
    if is_whole {
        None
    } else if names("GVu") {
        Some("a week needs `%G`, `%V` and `%u`")
    } else if !names("Yy") {
        Some("it names no year")
    } else if names("de") && !has_month {
        Some("it names a day and no month")
    } else if names("HIMSfpPTRklzZ") && !names("de") {
        Some("it names a time and no day")
    } else {
        None
    }
}

/// The letter behind `%`. That there is no padding, or which, says nothing to a reader: it takes both.
fn directive(letters: &mut std::str::Chars<'_>) -> Option<char> {
    letters.find(|letter| !matches!(letter, '-' | '_' | '0'))
}

/// What the directives have said so far that is no part of a date yet.
#[derive(Default)]
struct Parts {
    date: Date,
    time: Option<Time>,
    afternoon: Option<bool>,
    day_of_year: Option<u32>,
    week: Option<u32>,
    weekday: Option<u32>,
}

/// The date of a text that is written so.
pub(super) fn read(text: &str, format: &str) -> Option<Date> {
    let mut reader = Reader::new(text);
    let mut parts = Parts::default();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter.is_whitespace() {
            reader.spaces();
        } else if letter == '%' {
            parts.read(directive(&mut letters)?, &mut reader)?;
        } else {
            reader.literal(letter.encode_utf8(&mut [0; 4]))?;
        }
    }
    parts.date().filter(|_| reader.rest.is_empty())
}

impl Parts {
    fn read(&mut self, directive: char, reader: &mut Reader<'_>) -> Option<()> {
        if "demHIklMSjVuG".contains(directive) {
            reader.spaces(); // the padding of `%e` and `%_d`
        }
        let date = &mut self.date;
        match directive {
            'Y' | 'G' => date.year = reader.year()?,
            'y' => date.year = two_digit_year(reader.digits(2, 2)?),
            'm' => date.month = Some(reader.digits(1, 2)?),
            'd' | 'e' => date.day = Some(reader.digits(1, 2)?),
            'j' => self.day_of_year = Some(reader.digits(1, 3)?),
            'V' => self.week = Some(reader.digits(1, 2)?),
            'u' => self.weekday = Some(reader.digits(1, 1)?),
            'b' | 'B' | 'h' => date.month = Some(reader.name(&MONTHS)? as u32 + 1),
            'a' | 'A' => drop(reader.name(&DAYS)?),
            'H' | 'I' | 'k' | 'l' => self.time.get_or_insert_default().hour = reader.digits(1, 2)?,
            'M' => self.time.get_or_insert_default().minute = reader.digits(1, 2)?,
            'S' => self.time.get_or_insert_default().second = reader.digits(1, 2)?,
            'f' => self.time.get_or_insert_default().nanos = reader.fraction()?,
            'p' | 'P' => self.afternoon = Some(reader.afternoon()?),
            'z' => date.zone = Some(reader.zone()?),
            'Z' => date.zone = Some(reader.zone_or_name()?),
            's' => self.seconds(reader.integer()?)?,
            'F' => *date = Date { zone: date.zone.take(), ..iso_day(reader)? },
            'D' => self.each("m/d/y", reader)?,
            'T' => self.each("H:M:S", reader)?,
            'R' => self.each("H:M", reader)?,
            'n' | 't' => reader.spaces(),
            '%' => reader.literal("%")?,
            _ => return None,
        }
        Some(())
    }

    /// What one directive stands for: others, and what is between them.
    fn each(&mut self, directives: &str, reader: &mut Reader<'_>) -> Option<()> {
        for letter in directives.chars() {
            match letter.is_ascii_alphabetic() {
                true => self.read(letter, reader)?,
                false => reader.literal(letter.encode_utf8(&mut [0; 4]))?,
            }
        }
        Some(())
    }

    /// Seconds since 1970.
    fn seconds(&mut self, seconds: i64) -> Option<()> {
        let moment = TimeZone::UTC.to_datetime(Timestamp::from_second(seconds).ok()?);
        self.date = Date { zone: Some(TimeZone::UTC), ..Date::of_day(moment.date()) };
        self.time = Some(Time::of(moment.time()));
        Some(())
    }

    fn date(mut self) -> Option<Date> {
        let zone = self.date.zone.take();
        let day = match (self.day_of_year, self.week, self.weekday) {
            (Some(day), ..) => Some(day_of_year(self.date.year, day)?),
            (None, Some(week), Some(day)) => Some(day_of_week(self.date.year, week, day)?),
            _ => None,
        };
        if let (Some(time), Some(afternoon)) = (self.time.as_mut(), self.afternoon) {
            time.hour = hour_of_twelve(time.hour, afternoon)?;
        }
        let date = day.map_or(self.date, Date::of_day);
        Some(Date { time: self.time, zone, ..date })
    }
}

pub(super) fn hour_of_twelve(hour: u32, afternoon: bool) -> Option<u32> {
    (1..=12).contains(&hour).then(|| hour % 12 + if afternoon { 12 } else { 0 })
}

/// POSIX: 69 to 99 are the last century's, 00 to 68 this one's.
fn two_digit_year(year: u32) -> i16 {
    year as i16 + if year >= 69 { 1900 } else { 2000 }
}
