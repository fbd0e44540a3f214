//! Where the pages come from, and the list of their URLs.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tempfile::NamedTempFile;
use walkdir::WalkDir;

use crate::args::Args;
use crate::bench::Input;
use crate::server::Server;

/// What stays as it is in a URL's path.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The pages of the user's own server (`--urls`), of a corpus or of the site that ships with the project, served by a
/// process of its own.
pub(super) fn prepare(args: &Args) -> anyhow::Result<Input> {
    ensure!(args.tasks.is_none(), "`scrape` takes no --tasks; hint: --corpus DIR or --urls FILE");
    if let Some(file) = &args.urls {
        let count = list(file)?.len();
        let about = format!("{count} URLs of {}, from a server of your own", file.display());
        return Ok(Input::new(std::path::absolute(file)?, about, Vec::new()));
    }
    match &args.corpus {
        Some(corpus) => served(&corpus.join("site"), &named_pages(&corpus.join("pages.txt"))?),
        None => {
            let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/site").canonicalize()?;
            served(&site, &utf8_pages(&site)?)
        }
    }
}

/// The URLs in a list, one a line.
pub(super) fn list(file: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let urls: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    ensure!(!urls.is_empty(), "no URL in {}", file.display());
    Ok(urls)
}

/// Starts the server of this folder and lists the URLs of these pages of it.
fn served(site: &Path, pages: &[PathBuf]) -> anyhow::Result<Input> {
    ensure!(!pages.is_empty(), "no page in {}", site.display());
    let server = Server::start(site)?;
    let mut urls = NamedTempFile::new()?;
    let mut bytes = 0;
    for page in pages {
        let path = page.to_str().with_context(|| format!("{} is not UTF-8", page.display()))?;
        writeln!(urls, "{}{}", server.url(), utf8_percent_encode(path, IN_PATH))?;
        bytes +=
            std::fs::metadata(site.join(page)).with_context(|| format!("no page {}", page.display()))?.len();
    }
    let about = format!(
        "{} pages, {:.1} MB, of {}, served by gather-site",
        pages.len(),
        bytes as f64 / 1e6,
        site.display()
    );
    Ok(Input::new(urls.path().to_owned(), about, vec![Box::new(urls), Box::new(server)]))
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
