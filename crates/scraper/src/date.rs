//! Dates: ISO 8601, RFC 2822, or formats the recipe gives. `05/06/2024` is never guessed.

/// How a recipe wants its dates read.
#[derive(Debug, Clone, Default)]
pub(crate) struct DateRules {
    /// `%d.%m.%Y` and the like; when given, nothing else is tried.
    pub(crate) formats: Vec<String>,
    /// Minutes east of UTC for a time without a zone.
    pub(crate) zone: Option<i32>,
}

/// A calendar date, perhaps with a time, perhaps with a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Date {
    year: i32,
    month: u32,
    day: u32,
    time: Option<Time>,
    /// Minutes east of UTC.
    zone: Option<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Time {
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
}

const MONTHS: [&str; 12] = [
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
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The date of a text in ISO 8601 (`2024-06-05`, `2024-06-05T10:00:00Z`), or nothing.
pub(crate) fn parse(text: &str, rules: &DateRules) -> Option<String> {
    let text = text.trim();
    let mut date = if rules.formats.is_empty() {
        iso_8601(text).or_else(|| rfc_2822(text))?
    } else {
        rules.formats.iter().find_map(|format| by_format(text, format))?
    };
    if date.time.is_some() && date.zone.is_none() {
        date.zone = rules.zone;
    }
    date.checked().map(|date| date.written())
}

/// Minutes east of UTC of `Z`, `UTC`, `+02:00`, `-0530`.
pub(crate) fn zone(text: &str) -> Option<i32> {
    let mut reader = Reader { rest: text };
    let zone = reader.zone()?;
    reader.rest.is_empty().then_some(zone)
}

/// What is wrong with a format, if anything.
pub(crate) fn format_fault(format: &str) -> Option<String> {
    let mut letters = format.chars();
    let mut any = false;
    while let Some(letter) = letters.next() {
        if letter != '%' {
            continue;
        }
        match letters.next() {
            Some(
                'Y' | 'm' | 'd' | 'e' | 'H' | 'I' | 'M' | 'S' | 'f' | 'p' | 'b' | 'B' | 'a' | 'A' | 'z' | 'y'
                | 'F' | 'T',
            ) => {
                any = true;
            }
            Some('%') => {}
            Some(other) => return Some(format!("`%{other}` is not a part of a date")),
            None => return Some("it ends in `%`".to_owned()),
        }
    }
    (!any).then(|| "it names no part of a date".to_owned())
}

impl Date {
    fn checked(self) -> Option<Self> {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let last = match self.month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let day = (1..=last).contains(&self.day);
        let time = self.time.is_none_or(|time| time.hour < 24 && time.minute < 60 && time.second <= 60);
        let year = (0..=9999).contains(&self.year);
        (day && time && year).then_some(self)
    }

    fn written(&self) -> String {
        let mut written = format!("{:04}-{:02}-{:02}", self.year, self.month, self.day);
        if let Some(time) = self.time {
            written.push_str(&format!("T{:02}:{:02}:{:02}", time.hour, time.minute, time.second));
            if time.nanos > 0 {
                written.push_str(format!(".{:09}", time.nanos).trim_end_matches('0'));
            }
        }
        match self.zone {
            Some(0) => written.push('Z'),
            Some(zone) => {
                let sign = if zone < 0 { '-' } else { '+' };
                written.push_str(&format!("{sign}{:02}:{:02}", zone.abs() / 60, zone.abs() % 60));
            }
            None => {}
        }
        written
    }
}

/// [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) and the ISO 8601 forms close to it.
fn iso_8601(text: &str) -> Option<Date> {
    let mut reader = Reader { rest: text };
    let mut date = Date { year: reader.digits(4, 4)? as i32, ..Date::default() };
    let extended = reader.literal("-").is_some();
    date.month = reader.digits(2, 2)?;
    if extended {
        reader.literal("-")?;
    }
    date.day = reader.digits(2, 2)?;
    if reader.rest.is_empty() {
        return Some(date);
    }
    reader.one_of(&['T', 't', ' '])?;
    date.time = Some(reader.time()?);
    reader.spaces();
    if !reader.rest.is_empty() {
        date.zone = Some(reader.zone()?);
    }
    reader.rest.is_empty().then_some(date)
}

/// [RFC 2822, section 3.3](https://www.rfc-editor.org/rfc/rfc2822#section-3.3): `Wed, 05 Jun 2024 10:00:00 +0200`.
fn rfc_2822(text: &str) -> Option<Date> {
    let mut reader = Reader { rest: text };
    if reader.name(&DAYS).is_some() {
        reader.literal(",")?;
        reader.spaces();
    }
    let mut date = Date { day: reader.digits(1, 2)?, ..Date::default() };
    reader.space()?;
    date.month = reader.name(&MONTHS)? as u32 + 1;
    reader.space()?;
    date.year = reader.digits(4, 4)? as i32;
    if reader.rest.is_empty() {
        return Some(date);
    }
    reader.space()?;
    date.time = Some(reader.time()?);
    reader.spaces();
    if !reader.rest.is_empty() {
        date.zone = Some(reader.zone()?);
    }
    reader.rest.is_empty().then_some(date)
}

fn by_format(text: &str, format: &str) -> Option<Date> {
    let mut reader = Reader { rest: text };
    let mut date = Date::default();
    let mut time = None::<Time>;
    let mut afternoon = None;
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter.is_whitespace() {
            reader.spaces();
            continue;
        }
        if letter != '%' {
            reader.literal(letter.encode_utf8(&mut [0; 4]))?;
            continue;
        }
        match letters.next()? {
            'Y' => date.year = reader.digits(4, 4)? as i32,
            'y' => date.year = two_digit_year(reader.digits(2, 2)?),
            'm' => date.month = reader.digits(1, 2)?,
            'd' | 'e' => date.day = reader.digits(1, 2)?,
            'b' | 'B' => date.month = reader.name(&MONTHS)? as u32 + 1,
            'a' | 'A' => drop(reader.name(&DAYS)?),
            'H' | 'I' => time.get_or_insert_default().hour = reader.digits(1, 2)?,
            'M' => time.get_or_insert_default().minute = reader.digits(1, 2)?,
            'S' => time.get_or_insert_default().second = reader.digits(1, 2)?,
            'f' => time.get_or_insert_default().nanos = reader.fraction()?,
            'p' => afternoon = Some(reader.name(&["am", "pm"])? == 1),
            'z' => date.zone = Some(reader.zone()?),
            'F' => {
                let parsed = iso_8601(reader.rest.get(..10)?)?;
                reader.rest = reader.rest.get(10..)?;
                (date.year, date.month, date.day) = (parsed.year, parsed.month, parsed.day);
            }
            'T' => time = Some(reader.time()?),
            '%' => reader.literal("%")?,
            _ => return None,
        }
    }
    if let (Some(time), Some(afternoon)) = (time.as_mut(), afternoon) {
        if !(1..=12).contains(&time.hour) {
            return None;
        }
        time.hour = time.hour % 12 + if afternoon { 12 } else { 0 };
    }
    date.time = time;
    reader.rest.is_empty().then_some(date)
}

/// POSIX: 69 to 99 are the last century's, 00 to 68 this one's.
fn two_digit_year(year: u32) -> i32 {
    year as i32 + if year >= 69 { 1900 } else { 2000 }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn literal(&mut self, wanted: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(wanted)?;
        Some(())
    }

    fn one_of(&mut self, wanted: &[char]) -> Option<()> {
        self.rest = self.rest.strip_prefix(wanted)?;
        Some(())
    }

    fn spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn space(&mut self) -> Option<()> {
        let rest = self.rest.trim_start();
        let moved = rest.len() < self.rest.len();
        self.rest = rest;
        moved.then_some(())
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let count = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        digits.parse().ok()
    }

    /// The place of the name, written out or in its first three letters.
    fn name(&mut self, names: &[&str]) -> Option<usize> {
        let length = self.rest.chars().take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum();
        let (word, rest) = self.rest.split_at(length);
        let word = word.to_lowercase();
        let is_meant = |name: &&str| word == **name || (word.len() == 3 && name.starts_with(&word));
        let place = names.iter().position(is_meant)?;
        self.rest = rest.strip_prefix('.').filter(|_| word.len() == 3).unwrap_or(rest);
        Some(place)
    }

    fn time(&mut self) -> Option<Time> {
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
    fn fraction(&mut self) -> Option<u32> {
        let count = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        format!("{digits:0<9}").get(..9)?.parse().ok()
    }

    /// RFC 2822's obsolete names of American zones are read too; a military letter is not.
    fn zone(&mut self) -> Option<i32> {
        let names = [
            ("Z", 0),
            ("z", 0),
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
            if self.literal(name).is_some() {
                return Some(minutes);
            }
        }
        let sign = match self.rest.chars().next()? {
            '+' => 1,
            '-' | '\u{2212}' => -1,
            _ => return None,
        };
        self.rest = self.rest.trim_start_matches(['+', '-', '\u{2212}']);
        let hours = self.digits(2, 2)?;
        let minutes =
            if self.literal(":").is_some() || !self.rest.is_empty() { self.digits(2, 2)? } else { 0 };
        (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        parse(text, &DateRules::default())
    }

    fn read_as(text: &str, format: &str) -> Option<String> {
        parse(text, &DateRules { formats: vec![format.to_owned()], zone: None })
    }

    #[test]
    fn iso_and_rfc_dates_are_read_without_a_format() {
        for (text, expected) in [
            ("2024-06-05", "2024-06-05"),
            ("20240605", "2024-06-05"),
            ("2024-06-05T10:11:12Z", "2024-06-05T10:11:12Z"),
            ("2024-06-05 10:11", "2024-06-05T10:11:00"),
            ("2024-06-05T10:11:12.250+02:00", "2024-06-05T10:11:12.25+02:00"),
            ("20240605T101112Z", "2024-06-05T10:11:12Z"),
            ("Wed, 05 Jun 2024 10:00:00 +0200", "2024-06-05T10:00:00+02:00"),
            ("5 June 2024", "2024-06-05"),
            ("Wed, 5 Jun 2024 10:00 GMT", "2024-06-05T10:00:00Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_could_be_two_dates_is_none() {
        for text in [
            "05/06/2024",
            "5.6.2024",
            "06-05-2024",
            "2024-02-30",
            "2023-02-29",
            "2024-13-01",
            "2024",
            "",
            "soon",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_format_says_how_to_read() {
        assert_eq!(read_as("05.06.2024", "%d.%m.%Y").as_deref(), Some("2024-06-05"));
        assert_eq!(read_as("5/6/24", "%m/%d/%y").as_deref(), Some("2024-05-06"));
        assert_eq!(
            read_as("June 5, 2024 3:07 PM", "%B %d, %Y %I:%M %p").as_deref(),
            Some("2024-06-05T15:07:00")
        );
        assert_eq!(read_as("2024-06-05", "%d.%m.%Y"), None);
        assert_eq!(read_as("05.06.2024 x", "%d.%m.%Y"), None);
    }

    #[test]
    fn a_zone_is_added_where_a_time_has_none() {
        let rules = DateRules { formats: Vec::new(), zone: zone("+01:00") };
        assert_eq!(parse("2024-06-05T10:00:00", &rules).as_deref(), Some("2024-06-05T10:00:00+01:00"));
        assert_eq!(parse("2024-06-05", &rules).as_deref(), Some("2024-06-05"));
        assert_eq!(zone("Europe/Berlin"), None);
    }

    #[test]
    fn a_format_that_names_nothing_is_at_fault() {
        assert!(format_fault("%d.%m.%Y").is_none());
        assert!(format_fault("%Q").is_some());
        assert!(format_fault("dd.mm.yyyy").is_some());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}", format in "(%[YymdeHIMSfpbBaAzFT]|[-. :]){0,6}") {
            let _ = (read(&text), read_as(&text, &format));
        }
    }
}
