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
