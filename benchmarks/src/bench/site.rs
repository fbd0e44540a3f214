//! Which pages there are: those of a corpus, or those that ship with the project.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use walkdir::WalkDir;

/// A folder and the pages in it: `DIR/site` and what `DIR/pages.txt` names, else the UTF-8 pages of `data/site`.
pub(super) fn pages(corpus: Option<&Path>) -> anyhow::Result<(PathBuf, Vec<PathBuf>)> {
    match corpus {
        Some(corpus) => Ok((corpus.join("site"), named_pages(&corpus.join("pages.txt"))?)),
        None => {
            let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/site").canonicalize()?;
            let pages = utf8_pages(&site)?;
            Ok((site, pages))
        }
    }
}

/// What stands in a list, one a line.
pub(super) fn list(file: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    ensure!(!lines.is_empty(), "nothing in {}", file.display());
    Ok(lines)
}

/// The pages that a corpus's list names, such as `./rust/std/index.html`.
fn named_pages(file: &Path) -> anyhow::Result<Vec<PathBuf>> {
    Ok(list(file)?.iter().map(|line| PathBuf::from(line.strip_prefix("./").unwrap_or(line))).collect())
}

/// The pages of a folder that are UTF-8: about the others people who guess no encoding would not agree.
fn utf8_pages(site: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    for entry in WalkDir::new(site).sort_by_file_name() {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "html") && is_utf8(entry.path())? {
            pages.push(entry.path().strip_prefix(site)?.to_owned());
        }
    }
    Ok(pages)
}

fn is_utf8(page: &Path) -> anyhow::Result<bool> {
    Ok(std::str::from_utf8(&std::fs::read(page)?).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_a_url_a_line_and_an_empty_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("urls.txt");
        std::fs::write(&file, " http://a/ \n\nhttp://b/\n").unwrap();
        assert_eq!(list(&file).unwrap(), ["http://a/", "http://b/"]);
        std::fs::write(&file, "\n").unwrap();
        assert!(list(&file).is_err());
    }

    #[test]
    fn pages_of_other_encodings_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.html"), "<p>\u{e4}").unwrap();
        std::fs::write(folder.path().join("b.html"), b"<p>\xe4").unwrap();
        std::fs::write(folder.path().join("c.txt"), "c").unwrap();
        assert_eq!(utf8_pages(folder.path()).unwrap(), [Path::new("a.html")]);
    }
}
