//! Where a command writes: no two of its outputs into one file, and none into a store.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use gather_records::{Sink, Target};

use crate::args::Shared;
use crate::exit::usage;

/// What every SQLite database begins with.
const DATABASE: &[u8] = b"SQLite format 3\0";

/// Whether the outputs of a command, these others among them, can be written, each for itself.
///
/// # Errors
/// Two that are one file, one that is a database, one that is called `-`.
pub(crate) fn check(shared: &Shared, others: &[(&'static str, &Path)]) -> anyhow::Result<()> {
    let mut outputs = Output::of(shared);
    outputs.iter().try_for_each(Output::check)?;
    outputs.extend(others.iter().map(|(option, path)| Output::named(option, path)));
    for (at, output) in outputs.iter().enumerate() {
        for other in outputs.iter().skip(at + 1) {
            output.apart_from(&other.path, other.option)?;
        }
    }
    Ok(())
}

/// Whether none of the outputs is one of these files, which `what` names.
///
/// # Errors
/// One that is.
pub(crate) fn check_apart(shared: &Shared, files: &[PathBuf], what: &str) -> anyhow::Result<()> {
    for output in Output::of(shared) {
        files.iter().try_for_each(|file| output.apart_from(file, what))?;
    }
    Ok(())
}

/// A file that an option names to write to.
struct Output {
    option: &'static str,
    path: PathBuf,
    /// It is a database on purpose.
    is_table: bool,
}

impl Output {
    fn named(option: &'static str, path: &Path) -> Self {
        Self { option, path: path.to_owned(), is_table: false }
    }

    fn of(shared: &Shared) -> Vec<Self> {
        let out = match shared.out.as_deref().map(Target::parse) {
            Some(Target::File(path)) => Some(Self::named("--out", &path)),
            Some(Target::Sqlite { path, .. }) => Some(Self { option: "--out", path, is_table: true }),
            _ => None,
        };
        let errors = shared.errors.as_ref().map(|path| Self::named("--errors", path));
        let summary = shared.summary.as_ref().map(|path| Self::named("--summary", path));
        [out, errors, summary].into_iter().flatten().collect()
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.path == Path::new("-") {
            return Err(self.is_no_name());
        }
        if self.is_table || Sink::is_device(&self.path) || !begins_as_database(&self.path) {
            return Ok(());
        }
        let shown = self.path.display();
        Err(usage(
            format!("{shown} is a store or another database, and no file for {}", self.option),
            format!("name another file with {}; nothing was changed", self.option),
        ))
    }

    fn is_no_name(&self) -> anyhow::Error {
        match self.option {
            "--out" => usage("`-o -` names no file", "leave -o out: results go to stdout"),
            option => usage(format!("`{option} -` names no file"), format!("{option} /dev/stdout")),
        }
    }

    fn apart_from(&self, file: &Path, what: &str) -> anyhow::Result<()> {
        if Sink::is_device(&self.path) || !are_one(&self.path, file) {
            return Ok(());
        }
        Err(usage(
            format!("{} and {what} are one file, {}", self.option, self.path.display()),
            "name another file with one of them; nothing was changed",
        ))
    }
}

/// Whether two paths lead to one file; where none is there yet, to one place.
fn are_one(one: &Path, other: &Path) -> bool {
    let number = |path: &Path| path.metadata().ok().map(|file| (file.dev(), file.ino()));
    match (number(one), number(other)) {
        (None, None) => place(one) == place(other),
        (one, other) => one == other,
    }
}

/// The path without links and dots on the way to it.
fn place(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

fn begins_as_database(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(DATABASE.len() as u64).read_to_end(&mut head));
    read.is_ok() && head == DATABASE
}
