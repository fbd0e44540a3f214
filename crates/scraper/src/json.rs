//! JSON -> its value, within bounds: a page that is JSON, and JSON that stands in a page.

use gather_records::{MAX_NESTING, is_nested_too_deep};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::budget::{Bound, Budget};
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;

/// Why a text gives no value.
enum Fault {
    TooMany,
    TooDeep,
    NotJson(serde_json::Error),
}

/// The value of a page, or which bound it hit.
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
    value(without_mark(text), limits.nodes).map_err(|fault| match fault {
        Fault::TooMany => too_large("nodes", limits.nodes),
        Fault::TooDeep => too_large("levels of nesting", MAX_NESTING),
        Fault::NotJson(error) => not_json(&error),
    })
}

/// The value of a text in a page; None where it is no JSON, and where it is past a bound, which ends the budget.
pub(crate) fn read(text: &str, budget: &Budget) -> Option<Value> {
    let bound = match value(text, budget.json_values()) {
        Ok(value) => return Some(value),
        Err(Fault::NotJson(_)) => return None,
        Err(Fault::TooMany) => Bound::JsonValues,
        Err(Fault::TooDeep) => Bound::JsonNesting,
    };
    budget.end(bound);
    None
}

/// The same of the JSON that a text begins with, whatever is behind it.
pub(crate) fn read_first(text: &str, budget: &Budget) -> Option<Value> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    read(text.get(..values.byte_offset())?, budget)
}

/// The value, if there is room to keep it.
pub(crate) fn paid(value: Value, budget: &Budget) -> Option<Value> {
    budget.spend_bytes(size(&value)).then_some(value)
}

/// What a value holds, about, in bytes: its texts, and the values inside it.
pub(crate) fn size(value: &Value) -> usize {
    let inside = |value: &Value| size(value) + size_of::<Value>();
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(inside).sum(),
        Value::Object(entries) => entries.iter().map(|(name, value)| name.len() + inside(value)).sum(),
        _ => 16,
    }
}

fn value(text: &str, most: usize) -> Result<Value, Fault> {
    // There is no value without a byte, so that short texts need no count.
    if text.len() > most && values_at_most(text) > most {
        return Err(Fault::TooMany);
    }
    serde_json::from_str(text)
        .map_err(|error| if is_nested_too_deep(&error) { Fault::TooDeep } else { Fault::NotJson(error) })
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

fn not_json(error: &serde_json::Error) -> Error {
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
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let error = parse(&nested(MAX_NESTING + 1), &Limits::default()).unwrap_err();
        assert!(error.kind() == ErrorKind::TooLarge && error.to_string().contains("127 levels"), "{error}");
        assert!(parse(&nested(MAX_NESTING), &Limits::default()).is_ok());
        assert_eq!(parse("[[", &Limits::default()).unwrap_err().kind(), ErrorKind::Parse);
    }

    #[test]
    fn json_in_a_page_that_is_past_a_bound_ends_the_budget_and_what_is_no_json_does_not() {
        let budget = || Budget::new(Limits::default().nodes(10));
        let held = budget();
        assert_eq!(
            read_first(r#"{"a": [1]}; x = [2,,,,,,,,,,,,,,,"#, &held),
            Some(serde_json::json!({"a": [1]}))
        );
        assert!(read("{,", &held).is_none() && !held.is_gone());
        for (text, bound) in
            [("[0,0,0,0,0,0,0,0,0,0]".to_owned(), "10 values"), ("[".repeat(200), "127 levels")]
        {
            let budget = Budget::new(Limits::default().nodes(if text.len() < 100 { 10 } else { 1000 }));
            assert!(read(&text, &budget).is_none());
            assert!(budget.check().unwrap_err().to_string().contains(bound), "{text}");
        }
    }

    #[test]
    fn what_a_value_takes_is_counted_for_each_of_its_values() {
        assert!(size(&serde_json::json!(["", [], {}])) >= 3 * size_of::<Value>());
        assert!(paid(serde_json::json!(["text"]), &Budget::of_text(10)).is_none());
    }
}
