//! What a `Set-Cookie` says (RFC 6265bis, section 5.6). Pure.

use super::date;

/// Octets of name and value together.
pub(super) const MAX_PAIR: usize = 4096;
/// Octets of an attribute's value; a longer one does not count.
pub(super) const MAX_ATTRIBUTE: usize = 1024;
/// How long a cookie lives at most, in seconds: 400 days.
const MAX_LIFE: i64 = 400 * 24 * 60 * 60;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SetCookie<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
    /// Without the leading dot; of any case.
    pub(super) domain: Option<&'a [u8]>,
    pub(super) path: Option<&'a [u8]>,
    /// In seconds since 1970, at most 400 days from now.
    pub(super) expires: Option<i64>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
}

impl<'a> SetCookie<'a> {
    /// `None` for what is to be ignored: control characters, a pair that is empty or too long.
    pub(super) fn parse(text: &'a [u8], now: i64) -> Option<Self> {
        if text.iter().any(|byte| is_control(*byte) && *byte != b'\t') {
            return None;
        }
        let mut parts = text.split(|byte| *byte == b';');
        let (name, value) = pair(parts.next()?);
        if !may_be_kept(name, value) {
            return None;
        }
        let mut cookie = Self { name, value, ..Self::default() };
        let mut life = Life::default();
        for part in parts {
            cookie.attribute(part, now, &mut life);
        }
        cookie.expires = life.end(now);
        Some(cookie)
    }

    /// The last attribute of a name counts.
    fn attribute(&mut self, part: &'a [u8], now: i64, life: &mut Life) {
        let (name, value) = split_once(part).unwrap_or((part, b""));
        let (name, value) = (trimmed(name), trimmed(value));
        if value.len() > MAX_ATTRIBUTE {
            return;
        }
        match name.to_ascii_lowercase().as_slice() {
            b"expires" => life.expires = date::parse(value).or(life.expires),
            b"max-age" => life.max_age = seconds(value).map(|age| now.saturating_add(age)).or(life.max_age),
            b"domain" => self.domain = Some(value.strip_prefix(b".").unwrap_or(value)),
            b"path" => self.path = value.starts_with(b"/").then_some(value),
            b"secure" => self.secure = true,
            b"httponly" => self.http_only = true,
            _ => {}
        }
    }
}

/// When a cookie ends: by its `Max-Age`, or else by its `Expires`.
#[derive(Default)]
struct Life {
    expires: Option<i64>,
    max_age: Option<i64>,
}

impl Life {
    fn end(self, now: i64) -> Option<i64> {
        self.max_age.or(self.expires).map(|end| end.min(now.saturating_add(MAX_LIFE)))
    }
}

/// Whether name and value have a length to be kept, and no tab, which the file of cookies could not hold.
pub(super) fn may_be_kept(name: &[u8], value: &[u8]) -> bool {
    let length = name.len() + value.len();
    (1..=MAX_PAIR).contains(&length) && ![name, value].concat().iter().any(|byte| is_control(*byte))
}

pub(super) fn is_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7F
}

/// Without a `=` all of it is the value.
fn pair(text: &[u8]) -> (&[u8], &[u8]) {
    let (name, value) = split_once(text).unwrap_or((b"", text));
    (trimmed(name), trimmed(value))
}

fn split_once(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == b'=')?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

fn trimmed(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

/// An optional minus and digits. So many that they do not fit are as good as for ever.
fn seconds(text: &[u8]) -> Option<i64> {
    let (digits, is_negative) = match text.strip_prefix(b"-") {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    if digits.is_empty() && !is_negative || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |sum: i64, digit: &u8| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    let number = digits.iter().fold(0, add);
    // Zero and less is in the past, whatever the clock's step.
    Some(if is_negative || number == 0 { i64::MIN } else { number })
}
