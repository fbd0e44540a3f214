//! The listing of a folder without an index page.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use crate::url_path::{Place, encode_segment, is_hidden};

/// A longer folder is listed up to here, and the page says how many entries are missing.
const LISTED: usize = 10_000;

/// A plain page with a link to each entry: folders end with a slash, hidden entries are left out.
pub(crate) fn listing(folder: &Path, place: &Place) -> io::Result<String> {
    let mut names = names(folder)?;
    names.sort();
    let title = format!("Listing of {}", escape(&place.display()));
    let mut page =
        format!("<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n");
    page += &format!("<body>\n<h1>{title}</h1>\n<ul>\n");
    for name in names.iter().take(LISTED) {
        page += &entry(name);
    }
    page += "</ul>\n";
    if names.len() > LISTED {
        page += &format!("<p>and {} more</p>\n", names.len() - LISTED);
    }
    Ok(page + "</body>\n</html>\n")
}

/// The names of the visible entries, folders with a slash at the end.
fn names(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let mut name = bytes(&entry.file_name());
        if is_hidden(&name) {
            continue;
        }
        if fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir()) {
            name.push(b'/');
        }
        names.push(name);
    }
    Ok(names)
}

fn entry(name: &[u8]) -> String {
    let (bare, slash) = match name.strip_suffix(b"/") {
        Some(bare) => (bare, "/"),
        None => (name, ""),
    };
    let text = escape(&String::from_utf8_lossy(bare));
    format!("<li><a href=\"{}{slash}\">{text}{slash}</a></li>\n", encode_segment(bare))
}

#[cfg(unix)]
fn bytes(name: &OsStr) -> Vec<u8> {
    std::os::unix::ffi::OsStrExt::as_bytes(name).to_vec()
}

#[cfg(not(unix))]
fn bytes(name: &OsStr) -> Vec<u8> {
    name.to_string_lossy().into_owned().into_bytes()
}

/// Text as it is written in HTML; control characters become spaces.
pub(crate) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, c| {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c if c.is_control() => html.push(' '),
            c => html.push(c),
        }
        html
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_the_page() {
        assert_eq!(
            entry(b"<b>\"'&\n"),
            "<li><a href=\"%3Cb%3E%22%27%26%0A\">&lt;b&gt;&quot;&#39;&amp; </a></li>\n"
        );
        assert_eq!(entry(b"a b/"), "<li><a href=\"a%20b/\">a b/</a></li>\n");
    }
}
