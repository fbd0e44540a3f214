//! A recipe as it was written: values with their places in the text, in the order of the text.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use toml::de::{DeTable, DeValue};

use crate::error::RecipeError;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) value: Tree,
    pub(crate) span: Option<(usize, usize)>,
}

/// The values that a recipe is written in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    List(Vec<Item>),
    Table(Vec<(Key, Item)>),
}

/// A key and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) span: Option<(usize, usize)>,
}

impl Item {
    pub(crate) fn new(value: Tree) -> Self {
        Self { value, span: None }
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::new(Tree::Text(text.into()))
    }

    pub(crate) fn table() -> Self {
        Self::new(Tree::Table(Vec::new()))
    }

    /// The value of a key of a table.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Tree::Table(entries) => entries.iter().find(|(key, _)| key.name == name).map(|(_, item)| item),
            _ => None,
        }
    }

    /// Sets a key of a table; the last one set wins and keeps the first one's place.
    pub(crate) fn set(&mut self, name: &str, item: Self) {
        let Tree::Table(entries) = &mut self.value else { return };
        match entries.iter_mut().find(|(key, _)| key.name == name) {
            Some((_, old)) => *old = item,
            None => entries.push((Key { name: name.to_owned(), span: None }, item)),
        }
    }

    /// The table under a key, made if it is not there.
    pub(crate) fn table_under(&mut self, name: &str) -> Option<&mut Self> {
        if self.get(name).is_none() {
            self.set(name, Self::table());
        }
        match &mut self.value {
            Tree::Table(entries) => {
                entries.iter_mut().find(|(key, _)| key.name == name).map(|(_, item)| item)
            }
            _ => None,
        }
    }

    /// What the value is, in words.
    pub(crate) fn sort(&self) -> &'static str {
        match self.value {
            Tree::Text(_) => "a text",
            Tree::Integer(_) => "an integer",
            Tree::Float(_) => "a number",
            Tree::Bool(_) => "true or false",
            Tree::List(_) => "a list",
            Tree::Table(_) => "a table",
        }
    }

    /// Reads TOML.
    pub(crate) fn from_toml(text: &str) -> Result<Self, RecipeError> {
        let table = DeTable::parse(text).map_err(|error| toml_error(&error, text))?;
        let span = table.span();
        table_item(table.get_ref(), (span.start, span.end)).map_err(|error| error.located_in(text))
    }

    /// The value as JSON, for defaults.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }
}

fn toml_error(error: &toml::de::Error, text: &str) -> RecipeError {
    let span = error.span().map(|span| (span.start, span.end));
    let message = error.message().lines().collect::<Vec<_>>().join("; ");
    RecipeError::new(format!("not valid TOML: {message}")).spanning(span).located_in(text)
}

fn table_item(table: &DeTable<'_>, span: (usize, usize)) -> Result<Item, RecipeError> {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table {
        let key_span = key.span();
        let value_span = value.span();
        let key = Key { name: key.get_ref().to_string(), span: Some((key_span.start, key_span.end)) };
        entries.push((key, value_item(value.get_ref(), (value_span.start, value_span.end))?));
    }
    Ok(Item { value: Tree::Table(entries), span: Some(span) })
}

fn value_item(value: &DeValue<'_>, span: (usize, usize)) -> Result<Item, RecipeError> {
    let not_a_value = |what: &str| RecipeError::new(format!("`{what}` is out of range")).spanning(Some(span));
    let value = match value {
        DeValue::String(text) => Tree::Text(text.to_string()),
        DeValue::Boolean(value) => Tree::Bool(*value),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map(Tree::Integer)
            .map_err(|_| not_a_value(integer.as_str()))?,
        DeValue::Float(float) => {
            float.as_str().parse().map(Tree::Float).map_err(|_| not_a_value(float.as_str()))?
        }
        DeValue::Datetime(datetime) => Tree::Text(datetime.to_string()),
        DeValue::Array(array) => {
            let items = array.iter().map(|item| {
                let span = item.span();
                value_item(item.get_ref(), (span.start, span.end))
            });
            Tree::List(items.collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => return table_item(table, span),
    };
    Ok(Item { value, span: Some(span) })
}

/// Writes a recipe as TOML: a section for each table at the top, a line for each entry.
pub(crate) fn to_toml(root: &Item) -> String {
    let mut out = String::new();
    let Tree::Table(sections) = &root.value else { return out };
    for (key, section) in sections {
        write_section(&mut out, &toml_key(&key.name), section);
    }
    out
}

fn write_section(out: &mut String, name: &str, section: &Item) {
    let Tree::Table(entries) = &section.value else { return };
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(&format!("[{name}]\n"));
    // `[detail.fields]` is the one section inside another.
    let is_section = |key: &Key| name == "detail" && key.name == "fields";
    for (key, item) in entries.iter().filter(|(key, _)| !is_section(key)) {
        out.push_str(&format!("{} = {}\n", toml_key(&key.name), toml_value(&item.value)));
    }
    for (key, item) in entries.iter().filter(|(key, _)| is_section(key)) {
        write_section(out, &format!("{name}.{}", toml_key(&key.name)), item);
    }
}

fn toml_key(name: &str) -> String {
    let bare = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if bare { name.to_owned() } else { toml_text(name) }
}

/// A literal string where that spares escapes, else a basic one.
fn toml_text(text: &str) -> String {
    let is_plain = !text.contains(|c: char| c.is_control() || c == '\'');
    if is_plain && text.contains(['"', '\\']) {
        return format!("'{text}'");
    }
    let mut written = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => written.extend(['\\', c]),
            '\n' => written.push_str("\\n"),
            '\t' => written.push_str("\\t"),
            c if c.is_control() => written.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => written.push(c),
        }
    }
    written.push('"');
    written
}

fn toml_value(value: &Tree) -> String {
    match value {
        Tree::Text(text) => toml_text(text),
        Tree::Integer(integer) => integer.to_string(),
        Tree::Float(float) => toml::Value::Float(*float).to_string(),
        Tree::Bool(value) => value.to_string(),
        Tree::List(items) => {
            let items: Vec<_> = items.iter().map(|item| toml_value(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Tree::Table(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|(key, item)| format!("{} = {}", toml_key(&key.name), toml_value(&item.value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Tree::Text(text) => serializer.serialize_str(text),
            Tree::Integer(integer) => serializer.serialize_i64(*integer),
            Tree::Float(float) => serializer.serialize_f64(*float),
            Tree::Bool(value) => serializer.serialize_bool(*value),
            Tree::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Tree::Table(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, item) in entries {
                    map.serialize_entry(&key.name, item)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor).map(Self::new)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part of a recipe")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Tree, E> {
        i64::try_from(value).map(Tree::Integer).map_err(|_| E::custom(format!("`{value}` is out of range")))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some((name, item)) = map.next_entry::<String, Item>()? {
            entries.push((Key { name, span: None }, item));
        }
        Ok(Tree::Table(entries))
    }
}
