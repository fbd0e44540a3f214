//! The columns of a table, as they are known before the records are.

use serde_json::Value;

/// What a column of a table holds.
///
/// | | SQLite | PostgreSQL |
/// |---|---|---|
/// | `Text` | `TEXT` | `text` |
/// | `Integer` | `INTEGER` | `bigint` |
/// | `Number` | `REAL`; a number whose digits it does not keep is a text in a column without a type | `numeric`, which keeps the digits |
/// | `Boolean` | `INTEGER`, 0 or 1 | `boolean` |
/// | `Json` | `TEXT` | `jsonb` |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnType {
    /// Text.
    Text,
    /// Whole numbers of 64 bits.
    Integer,
    /// Numbers.
    Number,
    /// True or false.
    Boolean,
    /// Lists and objects.
    Json,
}

impl ColumnType {
    /// What a value needs; nothing for null. A number that no column of numbers can hold needs text.
    ///
    /// ```
    /// use gather_records::ColumnType;
    ///
    /// assert_eq!(ColumnType::of(&10.into()), Some(ColumnType::Integer));
    /// assert_eq!(ColumnType::of(&vec![1].into()), Some(ColumnType::Json));
    /// assert_eq!(ColumnType::of(&().into()), None);
    /// ```
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Bool(_) => Some(Self::Boolean),
            Value::Number(number) if number.is_i64() => Some(Self::Integer),
            Value::Number(number) if number.as_f64().is_some_and(f64::is_finite) => Some(Self::Number),
            Value::Number(_) | Value::String(_) => Some(Self::Text),
            Value::Array(_) | Value::Object(_) => Some(Self::Json),
        }
    }

    /// What holds the values of both.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (one, same) if one == same => one,
            (Self::Integer, Self::Number) | (Self::Number, Self::Integer) => Self::Number,
            _ => Self::Text,
        }
    }
}

/// A column: its name, and what it holds where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// The name of the values in it.
    pub name: String,
    /// What it holds; None leaves that to the first values.
    pub holds: Option<ColumnType>,
}

impl Column {
    /// A column whose values say what it holds.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), holds: None }
    }

    /// The same column, holding this.
    ///
    /// ```
    /// use gather_records::{Column, ColumnType};
    ///
    /// assert_eq!(Column::new("price").holding(ColumnType::Number).holds, Some(ColumnType::Number));
    /// ```
    #[must_use]
    pub fn holding(self, holds: ColumnType) -> Self {
        Self { holds: Some(holds), ..self }
    }
}
