//! Where records can go, as it is written on a command line.

use std::fmt;
use std::path::PathBuf;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::error::SinkError;

/// What `-o` names. Neither `Display` nor `Debug` shows a password.
#[derive(Clone, PartialEq, Eq)]
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
    /// Reads `FILE`, `sqlite:FILE[#table]` (`sqlite://FILE` too) or `postgres://…[#table]`. A `#` with nothing behind it, or
    /// more than one, is refused when the table is opened.
    ///
    /// ```
    /// use gather_records::Target;
    ///
    /// assert_eq!(Target::parse("a.csv"), Target::File("a.csv".into()));
    /// assert!(matches!(Target::parse("sqlite:a.db#books"), Target::Sqlite { table: Some(_), .. }));
    /// let target = Target::parse("postgres://me:secret@db.example/shop#books");
    /// assert_eq!(target.to_string(), "postgres://me@db.example/shop#books");
    /// ```
    pub fn parse(text: &str) -> Self {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            let (path, table) = with_table(rest.strip_prefix("//").unwrap_or(rest));
            return Target::Sqlite { path: path.into(), table };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            // A raw `#` in a password is no table's, and must not be shown as one.
            let (url, table) = Some(with_table(text))
                .filter(|(_, table)| !table.as_ref().is_some_and(|table| table.contains(['@', '/'])))
                .unwrap_or((text, None));
            return Target::Postgres { url: url.to_owned(), table };
        }
        Target::File(text.into())
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl Target {
    /// Refuses a `#` that names no table, and a second one.
    pub(crate) fn check_table(&self) -> Result<(), SinkError> {
        let (place, table, form) = match self {
            Target::Sqlite { path, table } => (path.to_string_lossy(), table, "sqlite:FILE"),
            // A password may hold one.
            Target::Postgres { url, table } => {
                (url.rsplit('@').next().unwrap_or("").into(), table, "postgres://USER@HOST/DATABASE")
            }
            Target::File(_) => return Ok(()),
        };
        let fact = match table {
            Some(table) if table.is_empty() => "no table is named behind the `#`",
            Some(_) if place.contains('#') => "there is more than one `#`",
            _ => return Ok(()),
        };
        Err(SinkError::unsupported(format!("{fact}\n  hint: write {form} or {form}#table")))
    }
}

impl fmt::Display for Target {
    /// As it was written, without a password and what else stands behind a `?`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = match self {
            Target::File(path) => return write!(f, "{}", path.display()),
            Target::Sqlite { path, table } => {
                write!(f, "sqlite:{}", path.display())?;
                table
            }
            Target::Postgres { url, table } => {
                f.write_str(&without_password(url))?;
                table
            }
        };
        table.iter().try_for_each(|table| write!(f, "#{table}"))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({:?})", self.to_string())
    }
}

/// The URL without what may be secret. Where it cannot be told what is, nothing of it is shown.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "postgres://…".to_owned() };
    let (place, secrets) = rest.split_once('?').unwrap_or((rest, ""));
    let (user, place) = match place.split_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, place),
    };
    let user = user.map(|user| user.split_once(':').map_or(user, |(name, _)| name));
    let is_plain = !place.contains(['@', '#']) && !secrets.contains('@');
    match user {
        _ if !is_plain => format!("{scheme}://…"),
        Some(user) if user.contains('/') => format!("{scheme}://…"),
        Some(user) => format!("{scheme}://{user}@{place}"),
        None => format!("{scheme}://{place}"),
    }
}

fn with_table(text: &str) -> (&str, Option<String>) {
    match text.rsplit_once('#') {
        Some((place, table)) => (place, Some(table.to_owned())),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_password_is_ever_shown() {
        for url in [
            "postgres://me:S3CRET@h/db",
            "postgres://me:S3CRET@h:5432/db?sslmode=require#t",
            "postgresql://me:S3CRET/x@h/db",
            "postgres://me:a?S3CRET@h/db",
            "postgres://me:a#S3CRET@h/db",
            "postgres://me:a@S3CRET@h/db",
            "postgres://h/db?user=me&password=S3CRET",
            "postgres://h/db?password=x@S3CRET#t",
        ] {
            let target = Target::parse(url);
            assert!(matches!(target, Target::Postgres { .. }), "{url}");
            assert!(!format!("{target} {target:?}").contains("S3CRET"), "{url}: {target}");
        }
    }

    #[test]
    fn a_url_without_secrets_is_shown_as_it_is() {
        for url in
            ["postgres://h/db", "postgres://me@h:5432/db#shop.books", "sqlite:a.db#t", "sqlite:/a b.db"]
        {
            assert_eq!(Target::parse(url).to_string(), url);
        }
        assert_eq!(Target::parse("sqlite:///tmp/a.db"), Target::parse("sqlite:/tmp/a.db"));
    }
}
