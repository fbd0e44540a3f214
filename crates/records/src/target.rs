//! Where records can go, as it is written on a command line.

use std::path::PathBuf;

/// What `-o` names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A file.
    File(PathBuf),
    /// A table in an SQLite file.
    Sqlite {
        /// The database's file.
        path: PathBuf,
        /// The table, if one was named.
        table: Option<String>,
    },
    /// A table in PostgreSQL.
    Postgres {
        /// The connection's URL, which may hold a password.
        url: String,
        /// The table, if one was named.
        table: Option<String>,
    },
}

impl Target {
    /// Reads `FILE`, `sqlite:FILE[#table]` or `postgres://…[#table]`.
    ///
    /// ```
    /// use gather_records::Target;
    ///
    /// assert_eq!(Target::parse("a.csv"), Target::File("a.csv".into()));
    /// assert!(matches!(Target::parse("sqlite:a.db#books"), Target::Sqlite { table: Some(_), .. }));
    /// ```
    pub fn parse(text: &str) -> Self {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            let (path, table) = with_table(rest);
            return Target::Sqlite { path: path.into(), table };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let (url, table) = with_table(text);
            return Target::Postgres { url: url.to_owned(), table };
        }
        Target::File(text.into())
    }
}

fn with_table(text: &str) -> (&str, Option<String>) {
    match text.rsplit_once('#') {
        Some((place, table)) if !table.is_empty() => (place, Some(table.to_owned())),
        _ => (text, None),
    }
}
