//! A query as it is written: the tables and keys of its file, and where in the file something does not hold.

use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;
use toml::de::{DeArray, DeTable};

use super::nearest::nearest;
use crate::error::{Error, Failure, shortened};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryFile {
    #[serde(default)]
    pub(crate) endpoint: Vec<EndpointFile>,
    #[serde(default)]
    pub(crate) merge: MergeFile,
}

/// An `[[endpoint]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with a name and a url")]
pub(crate) struct EndpointFile {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) method: Option<String>,
    pub(crate) json: Option<Value>,
    pub(crate) data: Option<String>,
    #[serde(default)]
    pub(crate) pointer: String,
    #[serde(default)]
    pub(crate) headers: serde_json::Map<String, Value>,
    #[serde(default)]
    pub(crate) params: serde_json::Map<String, Value>,
    pub(crate) paginate: Option<PaginateFile>,
    #[serde(default)]
    pub(crate) required: bool,
}

/// The table `paginate` of an endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table, such as { param = \"page\" }")]
pub(crate) struct PaginateFile {
    pub(crate) param: Option<String>,
    pub(crate) from: Option<i64>,
    pub(crate) step: Option<i64>,
    pub(crate) until_empty: Option<bool>,
    pub(crate) max: Option<u32>,
    pub(crate) next: Option<String>,
    #[serde(default)]
    pub(crate) link_header: bool,
    pub(crate) cursor: Option<String>,
}

/// The table `[merge]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table: [merge], with how = \"object\"")]
pub(crate) struct MergeFile {
    #[serde(default)]
    pub(crate) how: HowFile,
    pub(crate) key: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HowFile {
    #[default]
    Object,
    Concat,
    Join,
}

/// What does not hold in a query, and on which way from the top of its file it stands.
#[derive(Debug)]
pub(crate) struct Problem {
    path: Vec<Step>,
    fact: String,
    hint: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Item(usize),
}

impl Problem {
    pub(crate) fn new(fact: impl Into<String>) -> Self {
        Self { path: Vec::new(), fact: fact.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that it stands under this key; called from the inside out.
    pub(crate) fn under(mut self, key: &str) -> Self {
        self.path.insert(0, Step::Key(key.to_owned()));
        self
    }

    /// Says that it stands in this item of a list.
    pub(crate) fn at(mut self, item: usize) -> Self {
        self.path.insert(0, Step::Item(item));
        self
    }

    /// The error, without a place.
    pub(crate) fn unplaced(self) -> Error {
        failure(self.fact, self.hint).into()
    }

    /// The error, with its place in this file.
    pub(crate) fn placed(self, text: &str) -> Error {
        let place = position(text, span_of(text, &self.path));
        failure(format!("{place}: {}", self.fact), self.hint).into()
    }
}

/// Reads the file's text.
///
/// # Errors
/// `invalid_input` with line and column, and the nearest right name for one that is not known.
pub(crate) fn parse(text: &str) -> Result<QueryFile, Error> {
    toml::from_str(text).map_err(|error| {
        let place = position(text, error.span().unwrap_or_default());
        let (fact, hint) = explained(error.message());
        failure(format!("{place}: {fact}"), hint).into()
    })
}

fn failure(fact: String, hint: Option<String>) -> Failure {
    let failure = Failure::invalid(fact);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// serde's words in those of TOML. Of an unknown name, serde lists what it expected, each in backticks.
fn explained(message: &str) -> (String, Option<String>) {
    let message = message.trim().replace('\n', "; ");
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let what = match () {
        () if message.starts_with("unknown field") => "unknown key",
        () if message.starts_with("unknown variant") => "unknown value",
        () if message.starts_with("invalid type: map, expected a sequence") => {
            return (message.replace("map", "table").replace("sequence", "list"), Some(LIST.to_owned()));
        }
        () => {
            return (
                message.replace("missing field", "missing key").replace("expected a map", "expected a table"),
                None,
            );
        }
    };
    let (wrong, right) = quoted.split_first().unwrap_or((&"", &[]));
    let hint = match nearest(wrong, right.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("what is known here: {}", right.join(", ")),
    };
    (format!("{what} `{}`", shortened(wrong)), Some(hint))
}

const LIST: &str = "each endpoint begins with [[endpoint]], in two brackets";

/// Line and column, both from 1; a column is a character.
fn position(text: &str, span: Range<usize>) -> String {
    let before = text.get(..span.start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}

/// Where the way leads in the text; as far as it leads.
fn span_of(text: &str, path: &[Step]) -> Range<usize> {
    let Ok(document) = DeTable::parse(text) else {
        return 0..0;
    };
    let mut span = 0..0;
    let mut table = Some(document.get_ref());
    let mut items = None;
    for step in path {
        let value = match step {
            Step::Key(key) => table.and_then(|table| table.get(key.as_str())),
            Step::Item(item) => items.and_then(|items: &DeArray<'_>| items.get(*item)),
        };
        let Some(value) = value else { break };
        span = value.span();
        table = value.get_ref().as_table();
        items = value.get_ref().as_array();
    }
    span
}

/// A date of TOML arrives as a map of one private key: in JSON it is a string.
pub(crate) fn dates_as_strings(value: Value) -> Value {
    const DATE: &str = "$__toml_private_datetime";
    match value {
        Value::Object(map) => match map.get(DATE) {
            Some(Value::String(date)) if map.len() == 1 => Value::String(date.clone()),
            _ => Value::Object(map.into_iter().map(|(key, value)| (key, dates_as_strings(value))).collect()),
        },
        Value::Array(items) => Value::Array(items.into_iter().map(dates_as_strings).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_lines_and_characters_from_one() {
        assert_eq!(position("äb\nüc", 0..1), "line 1, column 1");
        assert_eq!(position("äb\nüc", 6..7), "line 2, column 2");
    }

    #[test]
    fn a_way_is_followed_as_far_as_it_leads() {
        let text = "[[endpoint]]\nname = 'a'\n[[endpoint]]\nname = 'b'\nparams = { x = 1 }\n";
        let way = |problem: Problem| position(text, span_of(text, &problem.path));
        assert_eq!(way(Problem::new("").under("name").at(1).under("endpoint")), "line 4, column 8");
        assert_eq!(
            way(Problem::new("").under("x").under("params").at(1).under("endpoint")),
            "line 5, column 16"
        );
        assert_eq!(
            way(Problem::new("").under("y").under("params").at(1).under("endpoint")),
            "line 5, column 10"
        );
    }

    #[test]
    fn a_date_in_a_body_is_a_string() {
        let value: Value = toml::from_str("a = 2024-05-06\nb = [{ c = 1 }]").unwrap();
        assert_eq!(dates_as_strings(value), serde_json::json!({"a": "2024-05-06", "b": [{"c": 1}]}));
    }
}
