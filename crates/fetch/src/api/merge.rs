//! Many answers, one value. Pure.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::file::{HowFile, MergeFile, Problem};

/// How the endpoints' answers become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Merge {
    /// `{name: data, …}`, in the order of the file.
    Object,
    /// One array: what the arrays hold, one after the other; any other value but `null` is an item.
    Concat,
    /// Rows with the same value under this key become one.
    Join(String),
}

impl Merge {
    /// Checks what is written. A key beside another `how` than join is of no use, and does no harm.
    pub(crate) fn from_file(file: MergeFile) -> Result<Self, Problem> {
        match (file.how, file.key) {
            (HowFile::Object, _) => Ok(Merge::Object),
            (HowFile::Concat, _) => Ok(Merge::Concat),
            (HowFile::Join, Some(key)) if !key.is_empty() => Ok(Merge::Join(key)),
            (HowFile::Join, _) => Err(Problem::new("how = \"join\" without a key")
                .hint("key = \"id\" names the field that the rows have in common")
                .under("how")),
        }
    }

    /// Why this answer cannot take part, if it cannot: join needs rows.
    pub(crate) fn objection(&self, data: &Value) -> Option<String> {
        match self {
            Merge::Join(_) => rows(data).iter().position(|row| !row.is_object()).map(|at| {
                format!("item {at} of the answer is {}, and join needs objects", kind_of(rows(data).get(at)))
            }),
            _ => None,
        }
    }

    /// Merges the answers, given with the names of their endpoints; says what did not fit together.
    pub(crate) fn merge(&self, answers: Vec<(String, Value)>) -> (Value, Vec<String>) {
        match self {
            Merge::Object => (Value::Object(answers.into_iter().collect()), Vec::new()),
            Merge::Concat => {
                (Value::Array(answers.into_iter().flat_map(|(_, data)| items(data)).collect()), Vec::new())
            }
            Merge::Join(key) => join(key, answers),
        }
    }
}

/// An outer join, in the order in which keys first appear.
///
/// Of a field that differs, the first value stays. A second row of one endpoint with the same key is taken like a row of
/// another endpoint. Keys are equal if they are the same JSON: `1` and `"1"` are two. A row without the key (or with
/// `null`) is kept as a row of its own.
fn join(key: &str, answers: Vec<(String, Value)>) -> (Value, Vec<String>) {
    let mut joined: Vec<Map<String, Value>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut warnings = Vec::new();
    for (name, data) in answers {
        let mut seen = Misfits::default();
        for item in items(data) {
            let Value::Object(row) = item else { continue };
            let place = match row.get(key) {
                None | Some(Value::Null) => {
                    seen.keyless += 1;
                    joined.push(row);
                    continue;
                }
                Some(value) => *places.entry(value.to_string()).or_insert(joined.len()),
            };
            match joined.get_mut(place) {
                Some(first) => seen.absorb(first, row),
                None => joined.push(row),
            }
        }
        warnings.extend(seen.warnings(&name, key));
    }
    (Value::Array(joined.into_iter().map(Value::Object).collect()), warnings)
}

/// What did not fit, of one endpoint's rows.
#[derive(Default)]
struct Misfits {
    keyless: usize,
    /// Fields that differed, with how often, in the order in which they appeared.
    clashes: IndexMap<String, u64>,
}

impl Misfits {
    /// Adds the row's fields to the first one's, which keeps its own.
    fn absorb(&mut self, first: &mut Map<String, Value>, row: Map<String, Value>) {
        for (field, value) in row {
            match first.get(&field) {
                None => {
                    first.insert(field, value);
                }
                Some(kept) if *kept == value => {}
                Some(_) => *self.clashes.entry(field).or_default() += 1,
            }
        }
    }

    fn warnings(self, name: &str, key: &str) -> Vec<String> {
        let rows = |count: u64| if count == 1 { "1 row".to_owned() } else { format!("{count} rows") };
        let keyless = (self.keyless > 0).then(|| {
            format!("endpoint {name:?}: {} without {key:?}, kept unjoined", rows(self.keyless as u64))
        });
        let clashes = self.clashes.iter().take(MOST_CLASHES).map(|(field, count)| {
            format!("endpoint {name:?}: field {field:?} differs in {}; the first value stays", rows(*count))
        });
        let more = self.clashes.len().saturating_sub(MOST_CLASHES);
        let more = (more > 0)
            .then(|| format!("endpoint {name:?}: {more} more fields differ; the first value stays"));
        keyless.into_iter().chain(clashes).chain(more).collect()
    }
}

/// So many fields are named in warnings; of the others their number is told.
const MOST_CLASHES: usize = 8;

fn items(data: Value) -> Vec<Value> {
    match data {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        other => vec![other],
    }
}

fn rows(data: &Value) -> &[Value] {
    match data {
        Value::Array(items) => items,
        Value::Null => &[],
        other => std::slice::from_ref(other),
    }
}

fn kind_of(value: Option<&Value>) -> &'static str {
    match value {
        Some(Value::Object(_)) => "an object",
        Some(Value::Array(_)) => "an array",
        Some(Value::String(_)) => "a string",
        Some(Value::Number(_)) => "a number",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Null) | None => "null",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn merged(merge: Merge, answers: &[Value]) -> (Value, Vec<String>) {
        let names = ["a", "b", "c"].map(str::to_owned);
        merge.merge(names.into_iter().zip(answers.iter().cloned()).collect())
    }

    fn joined(answers: &[Value]) -> (Value, Vec<String>) {
        merged(Merge::Join("id".to_owned()), answers)
    }

    #[test]
    fn object_keeps_names_and_concat_keeps_items_in_the_order_of_the_file() {
        let answers = [json!([1, 2]), json!({"x": 1}), json!(null)];
        assert_eq!(merged(Merge::Object, &answers).0.to_string(), r#"{"a":[1,2],"b":{"x":1},"c":null}"#);
        assert_eq!(merged(Merge::Concat, &answers).0, json!([1, 2, {"x": 1}]));
    }

    #[test]
    fn join_is_an_outer_join_in_the_order_of_first_appearance() {
        let (value, warnings) = joined(&[
            json!([{"id": 2, "x": "b"}, {"id": 1, "x": "a"}]),
            json!([{"id": 1, "y": 10}, {"id": 3, "y": 30}]),
            json!({"id": 2, "z": true}),
        ]);
        let rows = r#"[{"id":2,"x":"b","z":true},{"id":1,"x":"a","y":10},{"id":3,"y":30}]"#;
        assert_eq!((value.to_string().as_str(), warnings.len()), (rows, 0));
    }

    #[test]
    fn of_what_differs_the_first_value_stays_and_a_warning_says_so() {
        let (value, warnings) = joined(&[
            json!([{"id": 1, "x": "a"}, {"id": 1, "x": "A", "w": 0}]),
            json!([{"id": 1, "x": "a", "w": 0}, {"id": "1", "x": "c"}]),
        ]);
        assert_eq!(value, json!([{"id": 1, "x": "a", "w": 0}, {"id": "1", "x": "c"}]));
        assert_eq!(warnings, [r#"endpoint "a": field "x" differs in 1 row; the first value stays"#]);
    }

    #[test]
    fn a_row_without_the_key_is_kept_and_counted() {
        let (value, warnings) = joined(&[json!([{"x": 1}, {"id": null}, {"id": 1}]), json!([{"id": 1}])]);
        assert_eq!(value, json!([{"x": 1}, {"id": null}, {"id": 1}]));
        assert_eq!(warnings, [r#"endpoint "a": 2 rows without "id", kept unjoined"#]);
    }

    #[test]
    fn join_objects_to_what_has_no_fields() {
        let join = Merge::Join("id".to_owned());
        assert_eq!(
            join.objection(&json!([{}, 3])).unwrap(),
            "item 1 of the answer is a number, and join needs objects"
        );
        assert_eq!(join.objection(&json!({})), None);
        assert_eq!(Merge::Concat.objection(&json!([3])), None);
    }

    proptest! {
        #[test]
        fn every_key_appears_once_in_the_order_of_first_appearance(
            answers in proptest::collection::vec(proptest::collection::vec(0_u8..20, 0..30), 0..3)
        ) {
            let rows = |ids: &Vec<u8>| json!(ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>());
            let (value, warnings) = joined(&answers.iter().map(rows).collect::<Vec<_>>());
            let mut expected: Vec<u8> = Vec::new();
            for id in answers.iter().flatten() {
                if !expected.contains(id) {
                    expected.push(*id);
                }
            }
            let got: Vec<u8> = value.as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap() as u8).collect();
            prop_assert_eq!(got, expected);
            prop_assert!(warnings.is_empty());
        }

        #[test]
        fn no_field_is_lost(answers in proptest::collection::vec(proptest::collection::vec((0_u8..5, 0_u8..5), 0..20), 0..3)) {
            let rows = |cells: &Vec<(u8, u8)>| {
                json!(cells.iter().map(|(id, field)| json!({"id": id, format!("f{field}"): id})).collect::<Vec<_>>())
            };
            let (value, _) = joined(&answers.iter().map(rows).collect::<Vec<_>>());
            for (id, field) in answers.iter().flatten() {
                let row = value.as_array().unwrap().iter().find(|row| row["id"] == json!(id)).unwrap();
                prop_assert_eq!(&row[format!("f{field}")], &json!(id));
            }
        }
    }
}
