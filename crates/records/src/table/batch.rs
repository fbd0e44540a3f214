//! Records on their way into a table.

use std::collections::HashSet;

use serde_json::Value;

use crate::encode::plain;
use crate::record::Record;

/// A batch is this many records, or this many bytes of them: a statement costs the same for one row as for many.
pub(super) const ROWS: usize = 1_000;
pub(super) const BYTES: usize = 1 << 20;

/// Records that wait to be written together.
#[derive(Default)]
pub(super) struct Batch {
    records: Vec<Record>,
    bytes: usize,
}

impl Batch {
    pub(super) fn push(&mut self, record: Record) {
        self.bytes += record.iter().map(|(name, value)| name.len() + weight(value)).sum::<usize>();
        self.records.push(record);
    }

    pub(super) fn is_full(&self) -> bool {
        self.records.len() >= ROWS || self.bytes >= BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The records, and none is left. Of those whose keys are written alike the last one stays: the others would have
    /// been replaced. Which others a column takes for equal (1 and 1.0) is known to the database.
    pub(super) fn take(&mut self, key: Option<&str>) -> Vec<Record> {
        self.bytes = 0;
        let records = std::mem::take(&mut self.records).into_iter().map(without_nul);
        match key {
            Some(key) => last_of_each(records.collect(), key),
            None => records.collect(),
        }
    }
}

/// About as many bytes as it is long when written.
fn weight(value: &Value) -> usize {
    const OF_OTHERS: usize = 8;
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(map) => map.iter().map(|(name, value)| name.len() + weight(value)).sum(),
        _ => OF_OTHERS,
    }
}

fn last_of_each(records: Vec<Record>, key: &str) -> Vec<Record> {
    let mut seen = HashSet::new();
    let is_last = |record: &Record| record.get(key).is_none_or(|value| seen.insert(plain(value)));
    let mut kept: Vec<_> = records
        .into_iter()
        .rev()
        .filter({
            let mut is_last = is_last;
            move |record| is_last(record)
        })
        .collect();
    kept.reverse();
    kept
}

/// No database keeps a NUL in its text: U+FFFD stands for it.
fn without_nul(record: Record) -> Record {
    if !record.iter().any(|(_, value)| holds_nul(value)) {
        return record;
    }
    record.into_map().into_iter().map(|(name, value)| (name, replaced(value))).collect()
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(map) => map.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

fn replaced(value: Value) -> Value {
    match value {
        Value::String(text) => text.replace('\0', "\u{fffd}").into(),
        Value::Array(items) => items.into_iter().map(replaced).collect(),
        Value::Object(map) => {
            let entries =
                map.into_iter().map(|(name, value)| (name.replace('\0', "\u{fffd}"), replaced(value)));
            Value::Object(entries.collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn batch(values: &[Value]) -> Batch {
        let mut batch = Batch::default();
        for (n, value) in values.iter().enumerate() {
            batch.push([("key", value.clone()), ("n", n.into())].into_iter().collect());
        }
        batch
    }

    fn kept(values: &[Value]) -> Vec<u64> {
        let records = batch(values).take(Some("key"));
        records.iter().map(|record| record.get("n").unwrap().as_u64().unwrap()).collect()
    }

    #[test]
    fn the_last_record_of_a_key_stays_in_its_place() {
        assert_eq!(kept(&[json!("a"), json!("b"), json!("a"), json!("c")]), [1, 2, 3]);
    }

    #[test]
    fn keys_that_a_column_of_text_tells_apart_are_all_kept() {
        let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(kept(&[number("1"), number("1.0"), json!("1"), number("1e0")]), [1, 2, 3]);
    }

    #[test]
    fn a_nul_is_replaced_wherever_it_stands() {
        let mut batch = batch(&[json!(["a\0b", {"c\0": "\0"}])]);
        let records = batch.take(None);
        assert_eq!(records[0].get("key").unwrap(), &json!(["a\u{fffd}b", {"c\u{fffd}": "\u{fffd}"}]));
        assert!(batch.is_empty());
    }

    #[test]
    fn a_batch_is_bounded_in_records_and_in_bytes() {
        let mut many = batch(&vec![json!(1); ROWS - 1]);
        assert!(!many.is_full());
        many.push(Record::new());
        assert!(many.is_full());
        assert!(batch(&[json!("x".repeat(BYTES))]).is_full());
    }
}
