//! What the documentation promises of itself: every public item has an example that asserts.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// What begins the declaration of an item that needs an example. Methods are shown by those of their type.
const ITEMS: [&str; 6] =
    ["pub struct ", "pub enum ", "pub trait ", "pub fn ", "pub async fn ", "pub const fn "];

/// Private, or public for the crate's own use.
const HIDDEN: [&str; 1] = ["Sealed"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The items of a file that stand by themselves, with their documentation: those in an `impl` block are left out.
fn items(source: &str) -> Vec<(String, String)> {
    let (mut items, mut doc, mut is_in_impl) = (Vec::new(), String::new(), false);
    for line in source.lines() {
        let code = line.trim_start();
        is_in_impl = (is_in_impl || line.starts_with("impl")) && line != "}";
        if let Some(text) = code.strip_prefix("///") {
            doc.push_str(text);
            doc.push('\n');
        } else if !code.starts_with("#[") {
            let item = ITEMS.iter().find_map(|item| code.strip_prefix(item)).filter(|_| !is_in_impl);
            items.extend(item.map(|item| (name(item), std::mem::take(&mut doc))));
            doc.clear();
        }
    }
    items
}

fn name(declared: &str) -> String {
    declared.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn shows_by_assertion(doc: &str) -> bool {
    doc.contains("```") && ["assert", "unreachable!"].iter().any(|check| doc.contains(check))
}

#[test]
fn every_public_item_has_an_example_that_asserts() {
    let sources = sources(Path::new("src"));
    let all: Vec<_> = sources.iter().flat_map(|path| items(&fs::read_to_string(path).unwrap())).collect();
    assert!(all.len() > 60, "the check no longer finds the items: {}", all.len());
    let bare = all.into_iter().filter(|(name, doc)| !HIDDEN.contains(&&**name) && !shows_by_assertion(doc));
    let bare: Vec<_> = bare.map(|(name, _)| name).collect();
    assert!(bare.is_empty(), "no example that asserts: {bare:?}");
}

#[test]
fn the_check_sees_an_item_without_an_example() {
    let source = "/// Says nothing.\n#[must_use]\npub struct Bare;\n\n/// ```\n/// assert!(true);\n/// ```\npub fn shown() {}\n";
    let bare: Vec<_> = items(source).into_iter().filter(|(_, doc)| !shows_by_assertion(doc)).collect();
    assert_eq!(bare.len(), 1);
    assert_eq!(bare[0].0, "Bare");
}
