//! [Character references](https://html.spec.whatwg.org/multipage/parsing.html#character-reference-state):
//! `&amp;`, `&notit`, `&#x80;`.

use html5ever::data::{C1_REPLACEMENTS, NAMED_ENTITIES};
use html5ever::tendril::StrTendril;
use memchr::memchr;

/// Nearly all there is on real pages.
const COMMON: [(&str, char); 6] =
    [("lt;", '<'), ("gt;", '>'), ("amp;", '&'), ("quot;", '"'), ("nbsp;", '\u{a0}'), ("#39;", '\'')];

/// One or two characters, and how much of the text after the `&` they stand for.
struct Reference {
    first: char,
    second: Option<char>,
    length: usize,
}

/// Replaces the references in a text that is either a whole attribute value or not in one.
pub(super) fn decode(text: &str, is_in_attribute: bool) -> StrTendril {
    let mut decoded = StrTendril::with_capacity(u32::try_from(text.len()).unwrap_or(u32::MAX));
    let mut rest = text;
    while let Some((before, after)) = memchr(b'&', rest.as_bytes()).and_then(|at| rest.split_at_checked(at)) {
        decoded.push_slice(before);
        let after = after.get(1..).unwrap_or_default();
        rest = after;
        match reference(after, is_in_attribute) {
            None => decoded.push_char('&'),
            Some(found) => {
                decoded.push_char(found.first);
                found.second.into_iter().for_each(|second| decoded.push_char(second));
                rest = after.get(found.length..).unwrap_or_default();
            }
        }
    }
    decoded.push_slice(rest);
    decoded
}

fn reference(after: &str, is_in_attribute: bool) -> Option<Reference> {
    for (name, first) in COMMON {
        if after.starts_with(name) {
            return Some(Reference { first, second: None, length: name.len() });
        }
    }
    match after.strip_prefix('#') {
        Some(number) => numeric(number),
        None => named(after, is_in_attribute),
    }
}

/// The longest name that the text begins with. The map knows all beginnings of names, too.
fn named(after: &str, is_in_attribute: bool) -> Option<Reference> {
    let mut longest = None;
    for length in 1..=after.len() {
        let Some(&(first, second)) = after.get(..length).and_then(|name| NAMED_ENTITIES.get(name)) else {
            break;
        };
        if let Some(first) = char::from_u32(first).filter(|first| *first != '\0') {
            let second = char::from_u32(second).filter(|second| *second != '\0');
            longest = Some(Reference { first, second, length });
        }
    }
    longest.filter(|found| !(is_in_attribute && is_part_of_word(after, found.length)))
}

/// In `?a=b&copy=c` and `&notit` without a semicolon nothing is meant, if it is in an attribute.
fn is_part_of_word(after: &str, length: usize) -> bool {
    let bytes = after.as_bytes();
    let is_closed = length.checked_sub(1).and_then(|last| bytes.get(last)) == Some(&b';');
    !is_closed && bytes.get(length).is_some_and(|next| *next == b'=' || next.is_ascii_alphanumeric())
}

/// The number after `&#`.
fn numeric(number: &str) -> Option<Reference> {
    let (digits, base) = match number.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    let count = digits.bytes().take_while(|byte| char::from(*byte).is_digit(base)).count();
    let value = digits.get(..count).filter(|digits| !digits.is_empty())?;
    let is_closed = digits.as_bytes().get(count) == Some(&b';');
    let length = 1 + number.len() - digits.len() + count + usize::from(is_closed);
    Some(Reference { first: character(value, base), second: None, length })
}

/// U+FFFD for what is no character, and the windows-1252 meaning of 0x80 to 0x9F.
fn character(digits: &str, base: u32) -> char {
    let digits = digits.trim_start_matches('0');
    let code = if digits.len() > 8 { u32::MAX } else { u32::from_str_radix(digits, base).unwrap_or(0) };
    let replaced = code.checked_sub(0x80).and_then(|c1| C1_REPLACEMENTS.get(c1 as usize)).copied().flatten();
    replaced.or_else(|| char::from_u32(code)).filter(|character| *character != '\0').unwrap_or('\u{fffd}')
}
