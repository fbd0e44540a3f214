//! Whether two paths lead to one file.

use std::path::{Path, PathBuf};

/// Whether the path is one of the others, by whatever name: another spelling, a symbolic or a hard link. Files that are not
/// there yet are compared by name and folder.
pub(crate) fn is_one_of(path: &Path, others: &[PathBuf]) -> bool {
    let (place, file) = (resolved(path), file_number(path));
    others.iter().any(|other| resolved(other) == place || (file.is_some() && file_number(other) == file))
}

/// The path without links and dots, as far as it is there.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    if let Ok(resolved) = path.canonicalize() {
        return resolved;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

#[cfg(unix)]
fn file_number(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;

    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn file_number(_: &Path) -> Option<(u64, u64)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_itself_by_every_name_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        assert!(is_one_of(&folder.path().join("./a"), std::slice::from_ref(&a)), "also before it is there");
        std::fs::write(&a, "").unwrap();
        std::fs::hard_link(&a, folder.path().join("hard")).unwrap();
        assert!(is_one_of(&folder.path().join("hard"), &[b.clone(), a.clone()]));
        std::fs::write(&b, "").unwrap();
        assert!(!is_one_of(&b, &[a]));
    }
}
