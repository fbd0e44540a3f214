//! Which columns a table has, and what has to change before records fit.

use std::fmt::Display;

use indexmap::IndexMap;
use serde_json::Value;

use super::dialect::{Change, Dialect, Filled, Widening, check_name};
use crate::column::{Column, ColumnType};
use crate::error::SinkError;
use crate::record::Record;

/// The columns of this run, in the order in which they were first met.
pub(super) struct Layout {
    dialect: &'static dyn Dialect,
    columns: IndexMap<String, Known>,
    key: Option<String>,
    /// None: there is no table yet.
    there: Option<There>,
}

/// A table that was there before.
pub(super) struct There {
    pub(super) columns: Vec<TheirColumn>,
    /// Whether the key's column lets no two rows share a value.
    pub(super) is_unique: bool,
}

/// A column that was there before, and which numbers it makes of others.
pub(super) struct TheirColumn {
    pub(super) name: String,
    pub(super) holds: Option<ColumnType>,
}

impl There {
    /// Where a column stands.
    fn place_of(&self, name: &str, dialect: &dyn Dialect) -> Place {
        let is_it = |known: &&TheirColumn| known.name == name || dialect.is_one_name(&known.name, name);
        self.columns.iter().find(is_it).map_or(Place::Absent, |same| Place::Theirs(same.holds))
    }
}

struct Known {
    /// What the column was said to hold; JSON holds everything.
    declared: Option<ColumnType>,
    holds: Option<ColumnType>,
    /// Whether there are digits that a column of numbers does not keep.
    has_more_digits: bool,
    place: Place,
}

/// Where a column stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is not in the table yet.
    Absent,
    /// This run has made it, for this type.
    Ours(Option<ColumnType>),
    /// It was there before: whoever made it has said what it holds.
    Theirs(Option<ColumnType>),
}

impl Layout {
    pub(super) fn new(
        dialect: &'static dyn Dialect,
        columns: Vec<Column>,
        key: Option<String>,
        there: Option<There>,
    ) -> Result<Self, SinkError> {
        let mut layout = Self { dialect, columns: IndexMap::new(), key, there };
        for Column { name, holds } in columns {
            layout.add(&name, holds)?;
        }
        if let Some(key) = layout.key.clone() {
            layout.add(&key, None)?;
        }
        Ok(layout)
    }

    fn add(&mut self, name: &str, declared: Option<ColumnType>) -> Result<(), SinkError> {
        if self.columns.contains_key(name) {
            return Ok(());
        }
        check_name(self.dialect, name)?;
        if let Some(same) = self.columns.keys().find(|known| self.dialect.is_one_name(known, name)) {
            return Err(SinkError::unsupported(format!(
                "{} takes the columns `{same}` and `{name}` for one\n  hint: name one of them otherwise",
                self.dialect.database()
            )));
        }
        let place = self.there.as_ref().map_or(Place::Absent, |there| there.place_of(name, self.dialect));
        let known = Known { declared, holds: declared, has_more_digits: false, place };
        self.columns.insert(name.to_owned(), known);
        Ok(())
    }

    /// Whether the record can be told from others.
    pub(super) fn check_key(&self, record: &Record) -> Result<(), SinkError> {
        match &self.key {
            Some(key) if record.get(key).is_none_or(Value::is_null) => Err(SinkError::unsupported(format!(
                "a record has no value for `{key}`, which rows are told apart by\n  hint: leave it out, or open the \
                 table without a key"
            ))),
            _ => Ok(()),
        }
    }

    /// Takes note of what a record holds.
    pub(super) fn meet(&mut self, record: &Record) -> Result<(), SinkError> {
        for (name, value) in record.iter() {
            if !self.columns.contains_key(name) {
                self.add(name, None)?;
            }
            if let Some(known) = self.columns.get_mut(name) {
                known.meet(name, value, self.dialect)?;
            }
        }
        Ok(())
    }

    /// Whether every column is known, so that the table can be made before there are records.
    pub(super) fn is_declared(&self) -> bool {
        !self.columns.is_empty() && self.columns.values().all(|known| known.declared.is_some())
    }

    /// What has to be done to the table.
    pub(super) fn changes(&self) -> Vec<Change> {
        if self.columns.is_empty() {
            return Vec::new();
        }
        let mut changes = match &self.there {
            None => vec![Change::Create(self.columns.iter().map(|(name, known)| known.made(name)).collect())],
            Some(_) => {
                self.columns.iter().filter_map(|(name, known)| known.change(name, self.dialect)).collect()
            }
        };
        if let Some(key) = &self.key
            && !self.there.as_ref().is_some_and(|there| there.is_unique)
        {
            changes.push(Change::Unique(key.clone()));
        }
        changes
    }

    /// Takes note that this was done.
    pub(super) fn changed(&mut self) {
        if self.columns.is_empty() {
            return;
        }
        self.there.get_or_insert(There { columns: Vec::new(), is_unique: true }).is_unique = true;
        for known in self.columns.values_mut() {
            if !matches!(known.place, Place::Theirs(_)) {
                known.place = Place::Ours(known.column());
            }
        }
    }

    /// Takes note of what another process has made of the table since.
    pub(super) fn found(&mut self, there: Option<There>) {
        for (name, known) in self.columns.iter_mut().filter(|(_, known)| known.place == Place::Absent) {
            known.place = there.as_ref().map_or(Place::Absent, |there| there.place_of(name, self.dialect));
        }
        self.there = there;
    }

    pub(super) fn filled(&self) -> Vec<Filled<'_>> {
        self.columns.iter().map(|(name, known)| (name.as_str(), known.column())).collect()
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

impl Known {
    fn meet(&mut self, name: &str, value: &Value, dialect: &dyn Dialect) -> Result<(), SinkError> {
        let Some(needed) = dialect.needed(value) else { return Ok(()) };
        if let Value::Number(number) = value {
            self.has_more_digits |= !dialect.keeps(ColumnType::Number, number);
            self.check_theirs(name, number, |holds| dialect.keeps(holds, number))?;
        }
        if let Value::String(text) = value {
            self.check_theirs(name, &format_args!("{text:?}"), |holds| dialect.keeps_text(holds, text))?;
        }
        if self.declared != Some(ColumnType::Json) {
            self.holds = Some(self.holds.map_or(needed, |holds| holds.or(needed)));
        }
        Ok(())
    }

    /// A column that is not ours to change must keep a value as it is.
    fn check_theirs(
        &self,
        name: &str,
        value: &dyn Display,
        keeps: impl Fn(ColumnType) -> bool,
    ) -> Result<(), SinkError> {
        match self.place {
            Place::Theirs(Some(holds)) if !keeps(holds) => Err(SinkError::unsupported(format!(
                "the column `{name}` was there before, and does not keep the digits of {value}\n  \
                 hint: name another table, or make the column one of text"
            ))),
            _ => Ok(()),
        }
    }

    /// What the column holds; None keeps each value as it is.
    fn column(&self) -> Option<ColumnType> {
        self.holds.filter(|holds| !(self.has_more_digits && *holds == ColumnType::Number))
    }

    fn made(&self, name: &str) -> Column {
        Column { name: name.to_owned(), holds: self.column() }
    }

    fn change(&self, name: &str, dialect: &dyn Dialect) -> Option<Change> {
        let to = self.column();
        match self.place {
            Place::Absent => Some(Change::Add(self.made(name))),
            Place::Ours(from) => dialect
                .must_widen(from, to)
                .then(|| Change::Widen(Widening { column: name.to_owned(), from, to })),
            Place::Theirs(_) => None,
        }
    }
}
