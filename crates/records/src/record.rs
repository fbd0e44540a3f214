//! The record: names and values, in order.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A record: values by name, which keep the order they were put in. Numbers keep their digits.
///
/// ```
/// use gather_records::Record;
///
/// let mut record = Record::new();
/// record.insert("title", "Neon");
/// record.insert("number", 10);
/// assert_eq!(record.to_string(), r#"{"title":"Neon","number":10}"#);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Record(Map<String, Value>);

impl Record {
    /// A record without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a value under a name, at the end; under a name that is there already, in its place.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        self.0.insert(name.into(), value.into())
    }

    /// Puts a path: as `name`, lossily where it is not UTF-8, and then exactly as `name_bytes` (base64) too.
    ///
    /// ```
    /// use std::os::unix::ffi::OsStrExt;
    /// use gather_records::Record;
    ///
    /// let mut record = Record::new();
    /// record.insert_path("path", std::path::Path::new(std::ffi::OsStr::from_bytes(b"a\xFF")));
    /// assert_eq!(record.to_string(), "{\"path\":\"a\u{fffd}\",\"path_bytes\":\"Yf8=\"}");
    /// ```
    pub fn insert_path(&mut self, name: &str, path: &Path) {
        self.insert(name, path.to_string_lossy());
        if path.to_str().is_none() {
            self.insert(format!("{name}_bytes"), STANDARD.encode(path.as_os_str().as_encoded_bytes()));
        }
    }

    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The record as a type of yours.
    ///
    /// # Errors
    /// A value that is missing or of another type than yours.
    ///
    /// ```
    /// # use gather_records::Record;
    /// #[derive(serde::Deserialize)]
    /// struct Element { title: String, number: u32 }
    ///
    /// let record: Record = [("title", "Neon".into()), ("number", 10.into())].into_iter().collect();
    /// assert_eq!(record.to::<Element>().unwrap().number, 10);
    /// ```
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_value(Value::Object(self.0.clone()))
    }

    /// The underlying map.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

impl std::fmt::Display for Record {
    /// The record as JSON, on one line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = serde_json::to_string(&self.0).map_err(|_| std::fmt::Error)?;
        f.write_str(&text)
    }
}

impl From<Map<String, Value>> for Record {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

impl From<Record> for Value {
    fn from(record: Record) -> Self {
        Value::Object(record.0)
    }
}

impl<N: Into<String>> FromIterator<(N, Value)> for Record {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(values: I) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}
