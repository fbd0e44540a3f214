//! The account of a run.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use crate::failure::Kind;
use crate::record::Record;

/// What became of the inputs of a run.
///
/// ```
/// use gather_records::Summary;
///
/// let summary = Summary { inputs: 3, ok: 2, pending: 1, ..Summary::default() };
/// assert!(summary.holds());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Inputs known of.
    pub inputs: u64,
    /// Inputs done.
    pub ok: u64,
    /// Inputs that could not be done.
    pub failed: u64,
    /// Inputs that we would not do.
    pub refused: u64,
    /// Inputs left out on purpose.
    pub skipped: u64,
    /// Inputs not begun or not finished when the run ended.
    pub pending: u64,
    /// Bytes read of the inputs done.
    pub bytes: u64,
    /// How long the run took.
    pub seconds: f64,
    /// Failures and refusals by kind.
    pub by_kind: BTreeMap<Kind, u64>,
    /// Records written, where there are fields.
    pub records: Option<u64>,
    /// Records dropped for a required field, where there are fields.
    pub records_dropped: Option<u64>,
    /// By field, in the recipe's order.
    pub fields: Vec<(String, FieldSummary)>,
    /// The limit set by the user that stopped the run.
    pub stopped_by: Option<String>,
}

/// How well a field was filled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSummary {
    /// Records in which it has a value.
    pub filled: u64,
    /// Records in all.
    pub of: u64,
    /// Values that did not convert.
    pub invalid: u64,
    /// The first of them.
    pub example: Option<String>,
}

impl FieldSummary {
    /// The share of records in which the field has a value, from 0 to 1; 0 without records.
    pub fn fill_rate(&self) -> f64 {
        if self.of == 0 { 0.0 } else { self.filled as f64 / self.of as f64 }
    }
}

impl Summary {
    /// Whether `inputs = ok + failed + refused + skipped + pending`.
    pub fn holds(&self) -> bool {
        self.inputs == self.ok + self.failed + self.refused + self.skipped + self.pending
    }

    /// The summary as one JSON object.
    pub fn to_record(&self) -> Record {
        let mut record = Record::new();
        let counts = [
            ("inputs", self.inputs),
            ("ok", self.ok),
            ("failed", self.failed),
            ("refused", self.refused),
            ("skipped", self.skipped),
            ("pending", self.pending),
            ("bytes", self.bytes),
        ];
        for (name, count) in counts {
            record.insert(name, count);
        }
        record.insert("seconds", rounded(self.seconds));
        let by_kind: Map<String, Value> =
            self.by_kind.iter().map(|(kind, count)| (kind.to_string(), (*count).into())).collect();
        record.insert("by_kind", by_kind);
        if let Some(records) = self.records {
            record.insert("records", records);
            record.insert("records_dropped", self.records_dropped.unwrap_or(0));
            let fields: Map<String, Value> =
                self.fields.iter().map(|(name, field)| (name.clone(), field_value(field))).collect();
            record.insert("fields", fields);
        }
        record.insert("stopped_by", self.stopped_by.clone());
        record
    }
}

fn field_value(field: &FieldSummary) -> Value {
    let mut record = Record::new();
    record.insert("fill_rate", rounded(field.fill_rate()));
    record.insert("invalid", field.invalid);
    record.insert("example", field.example.clone());
    record.into()
}

/// To a thousandth: finer means nothing here.
fn rounded(value: f64) -> Value {
    Number::from_f64((value * 1_000.0).round() / 1_000.0).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_come_in_their_order_and_fields_only_where_there_are_some() {
        let summary =
            Summary { by_kind: BTreeMap::from([(Kind::Dns, 1)]), seconds: 0.12345, ..Summary::default() };
        assert_eq!(
            summary.to_record().to_string(),
            r#"{"inputs":0,"ok":0,"failed":0,"refused":0,"skipped":0,"pending":0,"bytes":0,"seconds":0.123,"by_kind":{"dns":1},"stopped_by":null}"#
        );
        let with_fields = Summary { records: Some(1), ..summary };
        let record = with_fields.to_record();
        assert!(record.get("fields").is_some() && record.get("records_dropped").is_some());
    }
}
