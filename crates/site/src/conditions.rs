//! Conditional and range requests (RFC 9110, sections 13 and 14). Pure: headers in, a decision out.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;
use http::header::{
    HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};

/// What a representation is compared by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validators<'a> {
    /// The strong entity tag, with its quotes.
    pub(crate) etag: &'a str,
    /// When it was last changed, in whole seconds since 1970; `None` where that is no date HTTP can write.
    pub(crate) modified: Option<u64>,
}

/// What the preconditions say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Answer as usual.
    Send,
    /// 304: the client has it.
    NotModified,
    /// 412: it is not what the client thinks.
    Failed,
}

/// What part was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it, also when several ranges were asked for or the header was not understood.
    Whole,
    /// From `first`, `length` bytes.
    Range { first: u64, length: u64 },
    /// 416: nothing of it exists.
    Unsatisfiable,
}

/// Evaluates the preconditions in the order of RFC 9110, section 13.2.2.
pub(crate) fn verdict(headers: &HeaderMap, validators: Validators<'_>) -> Verdict {
    let matched = tag_list(headers, IF_MATCH).map(|list| list.has_strong(validators.etag));
    let unmodified =
        || date(headers, IF_UNMODIFIED_SINCE).zip(validators.modified).map(|(at, ours)| ours <= at);
    if matched.or_else(unmodified) == Some(false) {
        return Verdict::Failed;
    }
    let known = tag_list(headers, IF_NONE_MATCH).map(|list| list.has_weak(validators.etag));
    let unchanged = || date(headers, IF_MODIFIED_SINCE).zip(validators.modified).map(|(at, ours)| ours <= at);
    if known.or_else(unchanged) == Some(true) { Verdict::NotModified } else { Verdict::Send }
}

/// The part that a GET asks for, of `length` bytes.
pub(crate) fn part(headers: &HeaderMap, validators: Validators<'_>, length: u64) -> Part {
    let mut ranges = headers.get_all(RANGE).iter();
    match (ranges.next().and_then(|value| value.to_str().ok()), ranges.next()) {
        (Some(range), None) if is_still_the_same(headers, validators) => parse_range(range, length),
        _ => Part::Whole,
    }
}

// If-Range compares strongly: a weak tag, or a date other than exactly ours, gives the whole.
fn is_still_the_same(headers: &HeaderMap, validators: Validators<'_>) -> bool {
    match headers.get(IF_RANGE) {
        None => true,
        Some(value) if value.as_bytes() == validators.etag.as_bytes() => true,
        Some(_) => date(headers, IF_RANGE).is_some_and(|at| validators.modified == Some(at)),
    }
}

fn parse_range(value: &str, length: u64) -> Part {
    let Some((unit, set)) = value.split_once('=') else { return Part::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Part::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else { return Part::Whole };
    match (position(first), position(last)) {
        (Ok(Some(first)), Ok(None)) => from_to(first, u64::MAX, length),
        (Ok(Some(first)), Ok(Some(last))) if first <= last => from_to(first, last, length),
        (Ok(None), Ok(Some(suffix))) => last_bytes(suffix, length),
        _ => Part::Whole,
    }
}

/// An absent number is `Ok(None)`, one too large for us is as far as it gets.
fn position(digits: &str) -> Result<Option<u64>, ()> {
    match digits {
        "" => Ok(None),
        _ if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Some(digits.parse().unwrap_or(u64::MAX))),
        _ => Err(()),
    }
}

fn from_to(first: u64, last: u64, length: u64) -> Part {
    match length.checked_sub(1) {
        Some(end) if first <= end => Part::Range { first, length: last.min(end) - first + 1 },
        _ => Part::Unsatisfiable,
    }
}

fn last_bytes(suffix: u64, length: u64) -> Part {
    match suffix.min(length) {
        0 => Part::Unsatisfiable,
        taken => Part::Range { first: length - taken, length: taken },
    }
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    let date = httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()?;
    date.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// A date as HTTP writes it. `None` before 1970 and past the year 9999, which the format cannot hold.
pub(crate) fn http_date(seconds: u64) -> Option<String> {
    const YEAR_10000: u64 = 253_402_300_800;
    (seconds < YEAR_10000).then(|| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds)))
}

/// The entity tags of a header, over all of its lines.
struct TagList(Vec<String>);

fn tag_list(headers: &HeaderMap, name: HeaderName) -> Option<TagList> {
    let lines: Vec<_> =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!lines.is_empty()).then(|| TagList(lines.iter().flat_map(|line| tags(line)).collect()))
}

/// Splits at commas outside quotes: an entity tag may hold a comma.
fn tags(line: &str) -> Vec<String> {
    let mut quoted = false;
    line.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .map(|tag| tag.trim().to_owned())
    .collect()
}

impl TagList {
    fn has_strong(&self, etag: &str) -> bool {
        self.0.iter().any(|tag| tag == "*" || tag == etag)
    }

    fn has_weak(&self, etag: &str) -> bool {
        self.0.iter().any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    const OURS: Validators<'static> = Validators { etag: "\"a,b\"", modified: Some(784_111_777) };
    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn judge(lines: &[(HeaderName, &str)]) -> Verdict {
        verdict(&headers(lines), OURS)
    }

    #[test]
    fn a_known_tag_is_not_sent_again() {
        for list in ["\"a,b\"", "W/\"a,b\"", "*", "\"x\", \"a,b\"", "\"x\",W/\"a,b\" "] {
            assert_eq!(judge(&[(IF_NONE_MATCH, list)]), Verdict::NotModified, "{list}");
        }
        for list in ["\"a\"", "a,b", "\"x\"", ""] {
            assert_eq!(judge(&[(IF_NONE_MATCH, list)]), Verdict::Send, "{list}");
        }
        assert_eq!(judge(&[(IF_NONE_MATCH, "\"x\""), (IF_NONE_MATCH, "\"a,b\"")]), Verdict::NotModified);
    }

    #[test]
    fn dates_count_only_without_a_tag() {
        assert_eq!(judge(&[(IF_MODIFIED_SINCE, THEN)]), Verdict::NotModified);
        assert_eq!(judge(&[(IF_MODIFIED_SINCE, LATER)]), Verdict::NotModified);
        assert_eq!(judge(&[(IF_MODIFIED_SINCE, BEFORE)]), Verdict::Send);
        assert_eq!(judge(&[(IF_MODIFIED_SINCE, "yesterday")]), Verdict::Send);
        assert_eq!(judge(&[(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, LATER)]), Verdict::Send);
    }

    #[test]
    fn an_outdated_expectation_fails() {
        assert_eq!(judge(&[(IF_MATCH, "\"x\"")]), Verdict::Failed);
        assert_eq!(judge(&[(IF_MATCH, "W/\"a,b\"")]), Verdict::Failed);
        assert_eq!(judge(&[(IF_MATCH, "\"a,b\"")]), Verdict::Send);
        assert_eq!(judge(&[(IF_MATCH, "*")]), Verdict::Send);
        assert_eq!(judge(&[(IF_UNMODIFIED_SINCE, BEFORE)]), Verdict::Failed);
        assert_eq!(judge(&[(IF_UNMODIFIED_SINCE, THEN)]), Verdict::Send);
    }

    fn ask(range: &str, length: u64) -> Part {
        part(&headers(&[(RANGE, range)]), OURS, length)
    }

    #[test]
    fn single_ranges_are_read_as_the_rfc_says() {
        assert_eq!(ask("bytes=0-0", 10), Part::Range { first: 0, length: 1 });
        assert_eq!(ask("bytes=2-5", 10), Part::Range { first: 2, length: 4 });
        assert_eq!(ask("bytes=2-", 10), Part::Range { first: 2, length: 8 });
        assert_eq!(ask("bytes=2-99999999999999999999999", 10), Part::Range { first: 2, length: 8 });
        assert_eq!(ask("bytes=-3", 10), Part::Range { first: 7, length: 3 });
        assert_eq!(ask("bytes=-30", 10), Part::Range { first: 0, length: 10 });
        assert_eq!(ask("Bytes=1-1", 10), Part::Range { first: 1, length: 1 });
    }

    #[test]
    fn what_does_not_exist_is_unsatisfiable() {
        for (range, length) in
            [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-5", 0)]
        {
            assert_eq!(ask(range, length), Part::Unsatisfiable, "{range} of {length}");
        }
    }

    #[test]
    fn what_is_not_a_single_range_gives_the_whole() {
        for range in [
            "bytes=0-1,3-4",
            "bytes=5-2",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "items=0-1",
            "bytes",
            "bytes=+1-2",
            "bytes=1-2-3",
        ] {
            assert_eq!(ask(range, 10), Part::Whole, "{range}");
        }
        assert_eq!(part(&headers(&[(RANGE, "bytes=0-1"), (RANGE, "bytes=2-3")]), OURS, 10), Part::Whole);
    }

    #[test]
    fn if_range_holds_only_for_exactly_ours() {
        let with = |value| part(&headers(&[(RANGE, "bytes=0-0"), (IF_RANGE, value)]), OURS, 10);
        for same in ["\"a,b\"", THEN] {
            assert_eq!(with(same), Part::Range { first: 0, length: 1 }, "{same}");
        }
        for other in ["W/\"a,b\"", "\"x\"", LATER, BEFORE, "rubbish"] {
            assert_eq!(with(other), Part::Whole, "{other}");
        }
    }

    #[test]
    fn dates_that_http_cannot_write_are_left_out() {
        assert_eq!(http_date(784_111_777).as_deref(), Some(THEN));
        assert!(http_date(253_402_300_799).is_some());
        assert_eq!(http_date(253_402_300_800), None);
        assert_eq!(http_date(u64::MAX), None);
    }

    proptest! {
        #[test]
        fn a_range_lies_within_the_file(range in "(bytes=)?[0-9]{0,3}-?[0-9]{0,3}(,[0-9]-)?", size in 0_u64..500) {
            if let Part::Range { first, length } = ask(&range, size) {
                prop_assert!(length > 0);
                prop_assert!(first + length <= size);
            }
        }
    }
}
