//! Text that a terminal cannot be driven with.

use std::borrow::Cow;
use std::fmt::Write;

/// Makes control characters visible, so that text from a page can be shown on a terminal.
///
/// C0 and C1 controls, DEL, and the characters that turn the writing direction around become escapes such
/// as `\x1b` and `\u{202e}`. Tabs stay; line breaks become `\n`, so that a value stays on its line.
///
/// ```
/// use gather_records::escape_terminal;
///
/// assert_eq!(escape_terminal("red \x1b[31m"), r"red \x1b[31m");
/// assert_eq!(escape_terminal("plain"), "plain");
/// ```
pub fn escape_terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        let _ = match c {
            '\n' => escaped.write_str("\\n"),
            '\r' => escaped.write_str("\\r"),
            c if is_dangerous(c) && c.is_ascii() => write!(escaped, "\\x{:02x}", u32::from(c)),
            c if is_dangerous(c) => write!(escaped, "\\u{{{:x}}}", u32::from(c)),
            c => escaped.write_char(c),
        };
    }
    Cow::Owned(escaped)
}

/// Encoded records as a terminal may see them: line ends stay, what else would control it becomes visible. In JSON
/// that is an escape of JSON's own, so that the value stays the same.
pub(crate) fn tame(text: &str, is_json: bool) -> Cow<'_, str> {
    if !text.chars().any(|c| is_dangerous(c) && c != '\n') {
        return Cow::Borrowed(text);
    }
    let mut tamed = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let is_line_end = c == '\n' || (c == '\r' && chars.peek() == Some(&'\n'));
        let _ = match c {
            c if is_line_end || !is_dangerous(c) => tamed.write_char(c),
            c if is_json => write!(tamed, "\\u{:04x}", u32::from(c)),
            c => tamed.write_str(&escape_terminal(c.encode_utf8(&mut [0; 4]))),
        };
    }
    Cow::Owned(tamed)
}

fn is_dangerous(c: char) -> bool {
    let turns_direction =
        matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks_line = matches!(c, '\u{2028}' | '\u{2029}');
    (c.is_control() && c != '\t') || turns_direction || breaks_line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tamed_json_is_the_same_value_and_a_tamed_table_has_the_same_lines() {
        let json = "{\"a\":\"\u{9b}31m \u{202e}x\"}\n";
        let tamed = tame(json, true);
        assert!(!tamed.trim_end().chars().any(is_dangerous));
        let values = [json, &tamed].map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap());
        assert_eq!(values[0], values[1]);
        assert_eq!(tame("a,\x1b]0;t\x07\r\nb\rc\r\n", false), "a,\\x1b]0;t\\x07\r\nb\\rc\r\n");
    }

    proptest! {
        #[test]
        fn nothing_that_controls_a_terminal_gets_through(text in any::<String>()) {
            prop_assert!(!escape_terminal(&text).chars().any(is_dangerous));
        }

        #[test]
        fn harmless_text_stays_as_it_is(text in "[ -~äöü\t]*") {
            prop_assert_eq!(escape_terminal(&text), text.as_str());
        }
    }
}
