//! Dates: ISO 8601, RFC 2822, formats the recipe gives, or counted from the response's date. `05/06/2024` is never guessed.

mod format;
mod parts;
mod reader;
mod relative;
mod standard;
mod zone;

use std::time::SystemTime;

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

pub(crate) use self::format::fault as format_fault;
pub(crate) use self::reader::zone;
pub(crate) use self::zone::names as zone_names;

/// How a recipe wants its dates read.
#[derive(Debug, Clone, Default)]
pub(crate) struct DateRules {
    /// `%d.%m.%Y` and the like; when given, no standard's form is tried.
    pub(crate) formats: Vec<String>,
    /// Of a time without a zone.
    pub(crate) zone: Option<TimeZone>,
    /// Whether `2 days ago` counts from the response's date.
    pub(crate) relative: bool,
}

/// The date of a text in ISO 8601 (`2024-06-05`, `2024-06-05T10:00:00Z`, `2024-06` where there is no day, `2024` where there is no month), or nothing.
/// `now` is the response's date.
pub(crate) fn parse(text: &str, rules: &DateRules, now: Option<Timestamp>) -> Option<String> {
    let text = text.trim();
    let absolute = if rules.formats.is_empty() {
        standard::iso_8601(text).or_else(|| standard::rfc_2822(text))
    } else {
        rules.formats.iter().find_map(|format| format::read(text, format))
    };
    let counted =
        || now.filter(|_| rules.relative).and_then(|now| relative::read(text, now, rules.zone.as_ref()));
    let mut date = absolute.or_else(counted)?;
    if date.time.is_some() && date.zone.is_none() {
        date.zone.clone_from(&rules.zone);
    }
    date.written()
}

/// When a response was made, by its `Date` ([RFC 9110, section 6.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1)).
#[cfg_attr(not(feature = "fetch"), allow(dead_code, reason = "only responses have one"))]
pub(crate) fn of_header(text: &str) -> Option<SystemTime> {
    /// RFC 9110, section 5.6.7: what a recipient takes besides.
    const OLD: [&str; 2] = ["%A, %d-%b-%y %T GMT", "%a %b %e %T %Y"];
    let old = || OLD.iter().find_map(|format| format::read(text, format));
    let date = standard::rfc_2822(text).or_else(old)?.checked()?;
    let moment = civil::DateTime::from_parts(date.day()?, date.clock()?);
    date.zone.unwrap_or(TimeZone::UTC).to_ambiguous_timestamp(moment).compatible().ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        parse(text, &DateRules::default(), None)
    }

    fn read_as(text: &str, format: &str) -> Option<String> {
        parse(text, &DateRules { formats: vec![format.to_owned()], ..DateRules::default() }, None)
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
            ("wed, 05 jun 2024 10:00:00 gmt", "2024-06-05T10:00:00Z"),
            ("5 JUN 2024 10:00 est", "2024-06-05T10:00:00-05:00"),
            ("5 June 2024", "2024-06-05"),
            ("Wed, 5 Jun 2024 10:00 GMT", "2024-06-05T10:00:00Z"),
            // Weeks and days of the year, both in the basic form too.
            ("2024-W23-3", "2024-06-05"),
            ("2024W233T1011Z", "2024-06-05T10:11:00Z"),
            ("2020-W53-5", "2021-01-01"),
            ("2024-157", "2024-06-05"),
            ("2024157", "2024-06-05"),
            ("2024-366", "2024-12-31"),
            // What is not known is not written.
            ("2024-06", "2024-06"),
            ("2024", "2024"),
            ("2024-06-05T10Z", "2024-06-05T10:00:00Z"),
            ("20240605T10", "2024-06-05T10:00:00"),
            ("2024-06-05T10:11:12,5-0330", "2024-06-05T10:11:12.5-03:30"),
            ("2024-12-31T24:00:00Z", "2025-01-01T00:00:00Z"),
            // Comments, the obsolete years and zones, white space that was folded.
            ("Wed, 05 Jun 2024 10:00:00 +0200 (CEST)", "2024-06-05T10:00:00+02:00"),
            ("Wed (a day (of June)), 05 Jun\r\n 2024 10:00:00 -0500", "2024-06-05T10:00:00-05:00"),
            ("5 Jun 24 10:00 EST", "2024-06-05T10:00:00-05:00"),
            ("5 Jun 99 10:00 UT", "1999-06-05T10:00:00Z"),
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
            "2023-W53-1",
            "2024-W23",
            "2024-W23-8",
            "2023-366",
            "2024-000",
            "202406",
            "5 Jun 24",
            "2024-06-05T24:00:01Z",
            "2024-06-05T25:00Z",
            "2024-06T10:00",
            "10:00",
            "24",
            "20245",
            "2024-",
            "2024T10:00",
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
        for (text, format) in [
            ("10:20:30, 05.06.2024", "%T, %d.%m.%Y"),
            ("2024-06-05 10:20:30.", "%F %T."),
            ("10:20 AMT05.06.24 30", "%I:%M %pT%d.%m.%y %S"),
        ] {
            assert_eq!(read_as(text, format).as_deref(), Some("2024-06-05T10:20:30"), "{text} {format}");
        }
        assert_eq!(read_as("2024-06-05 10:20:30.5", "%F %T.%f").as_deref(), Some("2024-06-05T10:20:30.5"));
        for (text, format) in [("2024-06-05 10:20:30.5", "%F %R"), ("2024-06-05 1020", "%F %T")] {
            assert_eq!(read_as(text, format), None, "{text} {format}");
        }
        assert_eq!(read("2024-06-05T10:20:30+--+02:00"), None);
    }

    #[test]
    fn a_format_may_leave_out_the_day_and_the_padding() {
        for (text, format, expected) in [
            ("June 2024", "%B %Y", "2024-06"),
            ("2024", "%Y", "2024"),
            ("5.6.2024", "%-d.%-m.%Y", "2024-06-05"),
            (" 5.06.2024", "%_d.%0m.%Y", "2024-06-05"),
            ("2024, day 157", "%Y, day %j", "2024-06-05"),
            ("week 23 of 2024, 3", "week %V of %G, %u", "2024-06-05"),
            ("1717581600", "%s", "2024-06-05T10:00:00Z"),
            ("06/05/24 10:11", "%D %R", "2024-06-05T10:11:00"),
            ("5 June 2024 10:00 Europe/Berlin", "%d %B %Y %H:%M %Z", "2024-06-05T10:00:00+02:00"),
            ("5 June 2024 10:00 GMT", "%d %B %Y %H:%M %Z", "2024-06-05T10:00:00Z"),
            ("5 June 2024 10:00 CET", "%d %B %Y %H:%M %Z", "2024-06-05T10:00:00+02:00"),
            ("5 Jan 2024 10:00 MET", "%d %B %Y %H:%M %Z", "2024-01-05T10:00:00+01:00"),
            ("5 June 2024 10:00 EST5EDT", "%d %B %Y %H:%M %Z", "2024-06-05T10:00:00-04:00"),
            ("5 June 2024 10:00 EST", "%d %B %Y %H:%M %Z", "2024-06-05T10:00:00-05:00"),
            ("5 June 2024 10:00 +02:30", "%d %B %Y %H:%M %Z", "2024-06-05T10:00:00+02:30"),
        ] {
            assert_eq!(read_as(text, format).as_deref(), Some(expected), "{text} {format}");
        }
        assert_eq!(read_as("13 2024", "%m %Y"), None);
        assert_eq!(read_as("2023 366", "%Y %j"), None);
    }

    fn in_zone(text: &str, name: &str) -> Option<String> {
        parse(text, &DateRules { zone: zone(name), ..DateRules::default() }, None)
    }

    #[test]
    fn a_zone_is_added_where_a_time_has_none() {
        for (text, name, expected) in [
            ("2024-06-05T10:00:00", "+01:00", "2024-06-05T10:00:00+01:00"),
            ("2024-06-05", "+01:00", "2024-06-05"),
            ("2024-06-05T10:00:00Z", "Europe/Berlin", "2024-06-05T10:00:00Z"),
            // A name knows of summer.
            ("2024-06-05T10:00:00", "Europe/Berlin", "2024-06-05T10:00:00+02:00"),
            ("2024-01-05T10:00:00", "europe/berlin", "2024-01-05T10:00:00+01:00"),
            ("2024-06-05T10:00:00", "Asia/Kolkata", "2024-06-05T10:00:00+05:30"),
            // An hour that there is twice is the first one, one that there is not is as long after midnight.
            ("2024-10-27T02:30:00", "Europe/Berlin", "2024-10-27T02:30:00+02:00"),
            ("2024-03-31T02:30:00", "Europe/Berlin", "2024-03-31T02:30:00+01:00"),
        ] {
            assert_eq!(in_zone(text, name).as_deref(), Some(expected), "{text} {name}");
        }
        assert!(zone("Europe/Berlim").is_none() && zone("").is_none() && zone("+25:00").is_none());
    }

    #[test]
    fn relative_dates_count_from_the_date_of_the_response() {
        let now = "2024-03-01T00:30:15Z".parse().ok();
        let counted = |text: &str, name: &str| {
            parse(text, &DateRules { relative: true, zone: zone(name), ..DateRules::default() }, now)
        };
        for (text, expected) in [
            ("today", "2024-03-01"),
            ("Yesterday", "2024-02-29"),
            ("tomorrow", "2024-03-02"),
            ("yesterday, 18:05", "2024-02-29T18:05:00Z"),
            ("Today at 6:05 PM", "2024-03-01T18:05:00Z"),
            ("now", "2024-03-01T00:30:15Z"),
            ("2 days ago", "2024-02-28"),
            ("a week ago", "2024-02-23"),
            ("1 month ago", "2024-02-01"),
            ("2 years ago", "2022-03-01"),
            ("an hour ago", "2024-02-29T23:30:15Z"),
            ("45 min ago", "2024-02-29T23:45:15Z"),
            ("3h ago", "2024-02-29T21:30:15Z"),
            ("1 hour, 30 minutes ago", "2024-02-29T23:00:15Z"),
            ("1 day and 2 hours ago", "2024-02-28T22:30:15Z"),
            ("in 3 weeks", "2024-03-22"),
            // One that is not relative stays what it is.
            ("2024-06-05", "2024-06-05"),
        ] {
            assert_eq!(counted(text, "").as_deref(), Some(expected), "{text}");
        }
        assert_eq!(counted("yesterday", "America/New_York").as_deref(), Some("2024-02-28"));
        assert_eq!(
            counted("today 9:00", "America/New_York").as_deref(),
            Some("2024-02-29T09:00:00-05:00"),
            "it is still the day before there"
        );
        for text in [
            "2 days",
            "ago",
            "days ago",
            "2 fortnights ago",
            "some time ago",
            "99999999 years ago",
            "today 25:00",
        ] {
            assert_eq!(counted(text, ""), None, "{text}");
        }
        assert_eq!(parse("today", &DateRules { relative: true, ..DateRules::default() }, None), None);
        assert_eq!(parse("today", &DateRules::default(), now), None);
    }

    #[test]
    fn the_date_of_a_response_is_read() {
        let date = of_header("Wed, 05 Jun 2024 10:00:00 GMT").unwrap();
        assert_eq!(date.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(), 1_717_581_600);
        for old in ["Wednesday, 05-Jun-24 10:00:00 GMT", "Wed Jun  5 10:00:00 2024"] {
            assert_eq!(of_header(old), Some(date), "{old}");
        }
        assert_eq!(of_header("yesterday"), None);
    }

    #[test]
    fn a_format_that_gives_no_date_is_at_fault() {
        for right in ["%d.%m.%Y", "%B %Y", "%Y", "%G-W%V-%u", "%Y-%j", "%s", "%-d %b %y", "%F %T%z"] {
            assert_eq!(format_fault(right), None, "{right}");
        }
        for wrong in
            ["%Q", "dd.mm.yyyy", "%d.%m.", "%d %Y", "%H:%M", "%Y %H:%M", "%G-%V", "%", "%-", "%Y-%V-%u"]
        {
            assert!(format_fault(wrong).is_some(), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}", format in "(%[-_0]?[YymdeHIMSfpPbBaAzZFTRDjGVuskl]|[-. :]){0,6}") {
            let _ = (read(&text), read_as(&text, &format), format_fault(&format));
        }

        #[test]
        fn no_relative_text_makes_it_panic(text in "((in|ago|a|now|today|[0-9]{1,20}|day|h|months|,|at|:|pm) ?){0,6}") {
            let rules = DateRules { relative: true, ..DateRules::default() };
            let _ = parse(&text, &rules, Some(Timestamp::UNIX_EPOCH));
        }

        #[test]
        fn every_day_is_read_in_all_three_forms(year in 1i16..9999, day in 1i16..=365) {
            let date = civil::Date::new(year, 1, 1).unwrap().with().day_of_year(day).build().unwrap();
            let week = date.iso_week_date();
            proptest::prop_assert_eq!(read(&date.to_string()), Some(date.to_string()));
            proptest::prop_assert_eq!(read(&format!("{year:04}-{day:03}")), Some(date.to_string()));
            if (1..=9998).contains(&week.year()) {
                let written = format!("{:04}-W{:02}-{}", week.year(), week.week(), week.weekday().to_monday_one_offset());
                proptest::prop_assert_eq!(read(&written), Some(date.to_string()));
            }
        }
    }
}
