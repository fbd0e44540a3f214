//! Durations and sizes as people type them: `250ms`, `2s`, `1m30s`; `64k`, `10MiB`.

use std::time::{Duration, SystemTime};

/// Units of time, in milliseconds.
const TIME: [(&str, f64); 5] =
    [("ms", 1.0), ("s", 1_000.0), ("m", 60_000.0), ("h", 3_600_000.0), ("d", 86_400_000.0)];

/// Units of size, in bytes, in lower case. `k`, `M`, `G` count by 1024, as curl's and ripgrep's do.
const SIZE: [(&str, u64); 13] = [
    ("b", 1),
    ("k", 1 << 10),
    ("kb", 1_000),
    ("kib", 1 << 10),
    ("m", 1 << 20),
    ("mb", 1_000_000),
    ("mib", 1 << 20),
    ("g", 1 << 30),
    ("gb", 1_000_000_000),
    ("gib", 1 << 30),
    ("t", 1 << 40),
    ("tb", 1_000_000_000_000),
    ("tib", 1 << 40),
];

/// A date without a time.
const DAY: &str = "2024-05-01";

/// Reads a duration: numbers with units, largest first or not, without spaces. Zero needs no unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let refused =
        || format!("`{text}` is not a duration\n  hint: write a number with its unit: 250ms, 2s, 1m30s, 1h");
    if is_zero(text) {
        return Ok(Duration::ZERO);
    }
    if text.parse::<f64>().is_ok() {
        return Err(format!(
            "`{text}` has no unit\n  hint: write {text}s for seconds, {text}ms for milliseconds"
        ));
    }
    let mut rest = text;
    let mut milliseconds = 0.0;
    loop {
        let (number, unit, after) = number_and_unit(rest).ok_or_else(refused)?;
        let (_, factor) = TIME.iter().find(|(name, _)| *name == unit).ok_or_else(refused)?;
        milliseconds += number * factor;
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    Duration::try_from_secs_f64(milliseconds / 1_000.0).map_err(|_| refused())
}

/// Reads a rate, such as `10/s`, as the time from one to the next.
pub(crate) fn rate(text: &str) -> Result<Duration, String> {
    let refused =
        || format!("`{text}` is not a rate\n  hint: write how many in which time: 10/s, 30/m, 100/h");
    let (number, unit) = text.split_once('/').ok_or_else(refused)?;
    let number: f64 = number.trim().parse().map_err(|_| refused())?;
    let (_, milliseconds) = TIME.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(refused)?;
    let apart = Duration::try_from_secs_f64(milliseconds / 1_000.0 / number).map_err(|_| refused())?;
    if number > 0.0 { Ok(apart) } else { Err(refused()) }
}

/// Reads a moment: a duration before now, or a date with or without a time (RFC 3339; without a zone it is UTC).
pub(crate) fn moment(text: &str) -> Result<SystemTime, String> {
    if let Some(moment) = date(text) {
        return Ok(moment);
    }
    let refused =
        || format!("`{text}` is no time\n  hint: write how long ago: 2d, 1h30m; or a date: 2024-05-01");
    let ago = duration(text).map_err(|_| refused())?;
    SystemTime::now().checked_sub(ago).ok_or_else(refused)
}

fn date(text: &str) -> Option<SystemTime> {
    if text.len() == DAY.len() {
        return utc(&format!("{text}T00:00:00Z"));
    }
    let Some(at) = text.rfind(['+', '-']).filter(|at| *at > DAY.len()) else {
        return utc(text);
    };
    let (time, zone) = text.split_at_checked(at)?;
    let moment = utc(time)?;
    let offset = offset(zone.get(1..)?)?;
    if zone.starts_with('+') { moment.checked_sub(offset) } else { moment.checked_add(offset) }
}

/// A date with its time. The parser knows none before 1970, but the calendar is the same 400 years later.
fn utc(text: &str) -> Option<SystemTime> {
    const FOUR_CENTURIES: Duration = Duration::from_secs(146_097 * 86_400);
    humantime::parse_rfc3339_weak(text).ok().or_else(|| {
        let (year, rest) = text.split_at_checked(4)?;
        let year = year.parse::<u16>().ok().filter(|year| *year < 1970)?;
        let later = humantime::parse_rfc3339_weak(&format!("{}{rest}", year + 400)).ok()?;
        later.checked_sub(FOUR_CENTURIES)
    })
}

/// How far a zone is from UTC, written `02:00`.
fn offset(text: &str) -> Option<Duration> {
    let (hours, minutes) =
        text.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2)?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then(|| Duration::from_secs((hours * 60 + minutes) * 60))
}

/// Reads a size in bytes: a number with its unit. Zero needs no unit.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let refused =
        || format!("`{text}` is not a size\n  hint: write a number with its unit: 512B, 64k, 10MiB, 1GB");
    if is_zero(text) {
        return Ok(0);
    }
    if text.parse::<f64>().is_ok() {
        return Err(format!(
            "`{text}` has no unit\n  hint: write {text}B for bytes, {text}k or {text}MiB for more"
        ));
    }
    let (number, unit, after) = number_and_unit(text).ok_or_else(refused)?;
    let unit = unit.to_ascii_lowercase();
    let (_, factor) = SIZE.iter().find(|(name, _)| *name == unit).ok_or_else(refused)?;
    let bytes = number * *factor as f64;
    if !after.is_empty() || bytes >= u64::MAX as f64 {
        return Err(refused());
    }
    Ok(bytes.round() as u64)
}

fn is_zero(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'0')
}

/// Splits `1.5h30m` into 1.5, `h` and the rest.
fn number_and_unit(text: &str) -> Option<(f64, &str, &str)> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(unit_at);
    let unit_end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    Some((number.parse().ok()?, unit, rest))
}

/// A count of bytes for people: `317 B`, `4.2 MB`.
pub(crate) fn human_bytes(bytes: u64) -> String {
    const STEPS: [(&str, f64); 4] = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let value = bytes as f64;
    STEPS
        .iter()
        .find(|(_, step)| value >= *step)
        .map_or_else(|| format!("{bytes} B"), |(unit, step)| format!("{:.1} {unit}", value / step))
}

/// A span of time for people: `340 ms`, `2.31 s`.
pub(crate) fn human_duration(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1_000.0),
        seconds => format!("{seconds:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, milliseconds) in [
            ("250ms", 250),
            ("2s", 2_000),
            ("1m30s", 90_000),
            ("1.5s", 1_500),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            ("0", 0),
            ("0s", 0),
            ("000", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn a_bare_number_is_refused_with_a_hint() {
        assert!(duration("5").is_err_and(|message| message.contains("hint: write 5s")));
        assert!(size("100").is_err_and(|message| message.contains("hint: write 100B")));
    }

    #[test]
    fn what_is_no_duration_or_size_is_refused() {
        for text in ["", "s", "5x", "-1s", "1s2", "1 s", "1e400d", "..s"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
        for text in ["", "k", "5x", "-1k", "1k2k", "1 k", "99999999999999T"] {
            assert!(size(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_moment_is_a_date_or_so_long_ago() {
        let day = SystemTime::UNIX_EPOCH + Duration::from_secs(19_844 * 86_400);
        assert_eq!(moment("2024-05-01"), Ok(day));
        assert_eq!(moment("2024-05-01T00:00:10Z"), Ok(day + Duration::from_secs(10)));
        for text in
            ["2024-05-01T02:00:00+02:00", "2024-04-30T18:30:00-05:30", "2024-05-01T00:00:00.000+00:00"]
        {
            assert_eq!(moment(text), Ok(day), "{text}");
        }
        let day_before = SystemTime::UNIX_EPOCH - Duration::from_secs(86_400);
        assert_eq!(moment("1969-12-31"), Ok(day_before));
        assert_eq!(moment("1969-12-31T01:00:00+01:00"), Ok(day_before));
        let hour = moment("1h").unwrap().elapsed().unwrap();
        assert!((3_600..3_660).contains(&hour.as_secs()), "{hour:?}");
        for text in [
            "",
            "yesterday",
            "5",
            "2024-13-01",
            "1969-02-29",
            "0001-01-01",
            "2024-05-01T00:00:00+24:00",
            "2024-05-01T00:00:00+2",
            "9999999999999999d",
        ] {
            assert!(moment(text).is_err_and(|message| message.contains("hint:")), "{text:?}");
        }
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, bytes) in [
            ("64k", 65_536),
            ("10MiB", 10 << 20),
            ("1GB", 1_000_000_000),
            ("1.5k", 1_536),
            ("7B", 7),
            ("0", 0),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn a_rate_is_the_time_from_one_to_the_next() {
        let read = |text| rate(text).ok();
        assert_eq!(read("10/s"), Some(Duration::from_millis(100)));
        assert_eq!(read("30/m"), Some(Duration::from_secs(2)));
        assert_eq!(read("0.5/s"), Some(Duration::from_secs(2)));
        for wrong in ["10", "/s", "0/s", "-1/s", "10/x", "nan/s", "inf/q"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
