//! A page that is JSON -> its value, within bounds.

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;

/// The value of a page, or which bound it hit. JSON nests to 128 levels.
pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Value, Error> {
    let too_large = |bound: &str, limit: usize| {
        Error::new(
            ErrorKind::TooLarge,
            format!("the page is too large to parse: past the bound of {limit} {bound}"),
        )
    };
    if text.len() > limits.bytes {
        return Err(too_large("bytes", limits.bytes));
    }
    if values_at_most(text) > limits.nodes {
        return Err(too_large("nodes", limits.nodes));
    }
    serde_json::from_str(without_mark(text)).map_err(|error| not_json(&error))
}

/// Why a page that was not taken for JSON is none.
pub(crate) fn fault(text: &str) -> Error {
    match serde_json::from_str::<IgnoredAny>(without_mark(text)) {
        Err(error) => not_json(&error),
        Ok(_) => Error::new(ErrorKind::Parse, "the page is JSON, and its Content-Type is that of HTML"),
    }
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

pub(crate) fn not_json(error: &serde_json::Error) -> Error {
    Error::new(ErrorKind::Parse, format!("the page is not JSON: {error}"))
}

/// As many values as the marks between them allow.
fn values_at_most(text: &str) -> usize {
    let (mut values, mut in_text, mut escaped) = (1, false, false);
    for byte in text.bytes() {
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' | b',' if !in_text => values += 1,
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_inside_texts_are_not_counted() {
        assert_eq!(values_at_most(r#"{"a,[\"": [1, "x,\\", {}], "b": 2}"#), 7);
    }

    #[test]
    fn json_past_a_bound_names_it() {
        let limits = Limits::default().nodes(10);
        let error = parse(&format!("[{}]", "[],".repeat(20)), &limits).unwrap_err();
        assert!(error.kind() == ErrorKind::TooLarge && error.to_string().contains("10 nodes"), "{error}");
        assert_eq!(parse(&"[".repeat(1000), &Limits::default()).unwrap_err().kind(), ErrorKind::Parse);
    }
}
