//! Which files of a folder are wanted by their names: globs and types.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use ignore::overrides::{Override, OverrideBuilder};
use ignore::types::{Types as Known, TypesBuilder};

/// A glob or the name of a type that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(String);

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

/// Globs as in a `.gitignore`, against the path below the folder that was named: one without a slash means a name at any
/// depth, one with a slash is counted from the folder, `**` is any number of folders.
///
/// A file is wanted when a glob to include matches (or there is none) and none to exclude does. A folder that is
/// excluded is not walked.
///
/// ```
/// use gather_file_reader::Globs;
///
/// assert!(Globs::new(["*.rs", "src/**/*.toml"], ["target"]).is_ok());
/// let error = Globs::new(["a{b"], [""; 0]).unwrap_err();
/// assert!(error.to_string().contains("a{b"), "{error}");
/// ```
#[derive(Clone, Debug)]
pub struct Globs {
    include: Arc<Override>,
    exclude: Arc<Override>,
}

impl Globs {
    /// Globs of files to read, and of files and folders to leave out.
    ///
    /// # Errors
    /// A glob that is malformed or empty.
    pub fn new<I, E>(include: I, exclude: E) -> Result<Self, PatternError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
        E: IntoIterator,
        E::Item: AsRef<str>,
    {
        Ok(Self { include: Arc::new(matcher(include)?), exclude: Arc::new(matcher(exclude)?) })
    }

    /// Whether a file at this path below its folder is wanted.
    pub(crate) fn wants(&self, below: &Path) -> bool {
        self.include.is_empty() || self.include.matched(below, false).is_whitelist()
    }

    /// Whether a file or folder at this path is left out, with all below it.
    pub(crate) fn excludes(&self, below: &Path, is_folder: bool) -> bool {
        self.exclude.matched(below, is_folder).is_whitelist()
    }
}

fn matcher<I>(globs: I) -> Result<Override, PatternError>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let mut builder = OverrideBuilder::new("");
    for glob in globs {
        let glob = glob.as_ref();
        // In an override `!` turns the meaning round, which is what the other list is for.
        if glob.trim_ascii().is_empty() || glob.starts_with('!') {
            return Err(PatternError(format!("`{glob}` is not a glob")));
        }
        let line = if glob.starts_with('#') { format!(r"\{glob}") } else { glob.to_owned() }; // no comment
        builder.add(&line).map_err(|error| PatternError(format!("`{glob}` is not a glob: {error}")))?;
    }
    builder.build().map_err(|error| PatternError(error.to_string()))
}

/// Kinds of files by their names: `html`, `txt`, `md`, `json`, `csv`, `rust` and the others that ripgrep knows.
///
/// ```
/// use gather_file_reader::Types;
///
/// assert!(Types::new(["html", "txt"]).is_ok() && Types::new(["HTML"]).is_ok());
/// assert_eq!(Types::new(["htmll"]).unwrap_err().to_string(), "`htmll` is not a type of files");
/// ```
#[derive(Clone, Debug)]
pub struct Types(Arc<Known>);

impl Types {
    /// The types of these names; a file is wanted when it is of one of them.
    ///
    /// # Errors
    /// A name that is not known.
    pub fn new<I>(names: I) -> Result<Self, PatternError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut builder = TypesBuilder::new();
        builder.add_defaults();
        let known: Vec<String> =
            builder.definitions().iter().map(|definition| definition.name().to_owned()).collect();
        for name in names {
            let name = name.as_ref();
            let Some(known) = known.iter().find(|known| known.eq_ignore_ascii_case(name.trim())) else {
                return Err(PatternError(format!("`{name}` is not a type of files")));
            };
            builder.select(known);
        }
        builder.build().map(|types| Self(Arc::new(types))).map_err(|error| PatternError(error.to_string()))
    }

    pub(crate) fn wants(&self, path: &Path) -> bool {
        self.0.matched(path, false).is_whitelist()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_meant_at_any_depth_and_a_path_from_the_folder() {
        let globs = Globs::new(["*.rs", "docs/*.md"], ["target", "a/b.rs"]).unwrap();
        for (path, wanted) in
            [("x.rs", true), ("a/x.rs", true), ("docs/x.md", true), ("a/docs/x.md", false), ("x.c", false)]
        {
            assert_eq!(globs.wants(Path::new(path)), wanted, "{path}");
        }
        for (path, is_folder, left_out) in [
            ("target", true, true),
            ("a/target", true, true),
            ("a/b.rs", false, true),
            ("b.rs", false, false),
        ] {
            assert_eq!(globs.excludes(Path::new(path), is_folder), left_out, "{path}");
        }
    }

    #[test]
    fn without_globs_everything_is_wanted() {
        let globs = Globs::new([""; 0], [""; 0]).unwrap();
        assert!(globs.wants(Path::new("a")) && !globs.excludes(Path::new("a"), true));
    }

    #[test]
    fn a_glob_that_does_not_hold_is_named() {
        for glob in ["", "!a", "[", "a{b"] {
            assert!(Globs::new([glob], [""; 0]).unwrap_err().to_string().contains(glob), "{glob}");
        }
    }
}
