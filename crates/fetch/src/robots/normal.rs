//! The one form that patterns and paths are compared in (2.2.2).
//!
//! It is pure ASCII: escapes of unreserved octets undone, what no URI may hold escaped, hexadecimal digits in upper case. A
//! `*` or `$` of the path itself is escaped, so a pattern that means the character, as `%2A` or `%24`, finds it and nothing
//! else.

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Its `*` are wildcards.
    Pattern,
    /// Its `*` are characters.
    Path,
}

pub(super) fn normal(text: &[u8], side: Side) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, escaped(after)) {
            (b'%', Some(octet)) => {
                rest = after.get(2..).unwrap_or_default();
                push(&mut normal, octet, is_unreserved(octet));
            }
            (b'*', _) => push(&mut normal, b'*', side == Side::Pattern),
            (byte, _) => push(&mut normal, *byte, is_unreserved(*byte) || is_reserved(*byte)),
        }
    }
    normal
}

/// The octet that the two hexadecimal digits after a `%` stand for.
fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| digits.get(at).and_then(|digit| char::from(*digit).to_digit(16));
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

fn push(text: &mut String, octet: u8, as_it_is: bool) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or_default();
    if as_it_is {
        text.push(char::from(octet));
    } else {
        text.extend(['%', digit(octet >> 4), digit(octet & 15)]);
    }
}

pub(super) fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

/// Those that stay as they are; `*`, `$` and `'` are escaped (URLs escape the last one in a query, and nowhere else).
fn is_reserved(octet: u8) -> bool {
    matches!(
        octet,
        b':' | b'/'
            | b'?'
            | b'#'
            | b'['
            | b']'
            | b'@'
            | b'!'
            | b'&'
            | b'('
            | b')'
            | b'+'
            | b','
            | b';'
            | b'='
    )
}

/// In a query these delimit nothing: RFC 9309 (2.2.2) has `?baz=https://foo.bar` match `?baz=https%3A%2F%2Ffoo.bar`.
fn is_escaped_in_query(octet: u8) -> bool {
    matches!(octet, b':' | b'/' | b'?' | b'#' | b'[' | b']' | b'@')
}

/// `None` where it changes nothing.
pub(super) fn with_query_escaped(normal: &str) -> Option<String> {
    let (path, query) = normal.split_once('?')?;
    if !query.bytes().any(is_escaped_in_query) {
        return None;
    }
    let mut text = format!("{path}?");
    for byte in query.bytes() {
        push(&mut text, byte, !is_escaped_in_query(byte));
    }
    Some(text)
}
