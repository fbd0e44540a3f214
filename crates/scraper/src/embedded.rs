//! JSON inside a page: JSON-LD, and data in scripts.

use std::cell::OnceCell;

use scraper::ElementRef;
use serde_json::Value;

use crate::text::all_text;

/// The JSON-LD of a page, read once when it is first asked for.
#[derive(Default)]
pub(crate) struct Embedded {
    blocks: OnceCell<Vec<Value>>,
}

impl Embedded {
    /// What a pointer finds in every block and inside `@graph`, in document order.
    pub(crate) fn json_ld<'e>(
        &'e self,
        root: ElementRef<'_>,
        pointer: &'e str,
        of_type: Option<&'e str>,
    ) -> impl Iterator<Item = &'e Value> {
        let blocks = self.blocks.get_or_init(|| json_ld_blocks(root));
        let things = blocks.iter().flat_map(things);
        things
            .filter(move |thing| of_type.is_none_or(|wanted| is_of_type(thing, wanted)))
            .filter_map(move |thing| thing.pointer(pointer))
    }

    /// What a pointer finds in scripts that are JSON; the first hit only.
    pub(crate) fn in_scripts(scripts: impl Iterator<Item = String>, pointer: &str) -> Vec<Value> {
        let found = scripts
            .filter_map(|script| serde_json::from_str::<Value>(without_wrapping(&script)).ok())
            .find_map(|value| value.pointer(pointer).cloned());
        found.into_iter().collect()
    }

    /// What a pointer finds in a JSON literal behind a text in any script; the first hit only.
    pub(crate) fn after_marker(root: ElementRef<'_>, marker: &str, pointer: &str) -> Vec<Value> {
        let hit = |script| {
            let text = all_text(script);
            literals_after(marker, &text).find_map(|value| value.pointer(pointer).cloned())
        };
        scripts(root).find_map(hit).into_iter().collect()
    }
}

/// How often a marker may stand in a script before a literal: each try may read to the script's end.
const TRIES: usize = 32;

/// The JSON literals that stand right behind a text.
fn literals_after(marker: &str, text: &str) -> impl Iterator<Item = Value> {
    let places = text.match_indices(marker).map(|(at, found)| at + found.len());
    places.take(TRIES).filter_map(|at| literal(text.get(at..)?))
}

/// The JSON literal that a text begins with.
fn literal(text: &str) -> Option<Value> {
    let text = text.trim_start();
    if text.starts_with(['{', '[', '"']) {
        // What follows it, such as `;`, is another statement.
        return serde_json::Deserializer::from_str(text).into_iter().next()?.ok();
    }
    let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '+' | '-');
    let end = text.find(|c| !is_of_word(c)).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end)?;
    ends_expression(rest).then(|| serde_json::from_str(word).ok()).flatten()
}

/// Whether what is behind a value is no more of the same expression, such as `* 2`.
fn ends_expression(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', '\t']);
    rest.is_empty()
        || [";", ",", ")", "]", "}", "\n", "\r", "//", "/*"].iter().any(|end| rest.starts_with(end))
}

fn scripts(root: ElementRef<'_>) -> impl Iterator<Item = ElementRef<'_>> {
    root.descendent_elements().filter(|element| element.value().name() == "script")
}

fn json_ld_blocks(root: ElementRef<'_>) -> Vec<Value> {
    let is_json_ld = |script: &ElementRef<'_>| {
        script.attr("type").is_some_and(|value| {
            value.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/ld+json")
        })
    };
    scripts(root)
        .filter(is_json_ld)
        .filter_map(|script| serde_json::from_str(without_wrapping(&all_text(script))).ok())
        .collect()
}

/// Old pages hide their scripts in a comment or a CDATA section.
fn without_wrapping<'t>(text: &'t str) -> &'t str {
    let text = text.trim();
    let inside = |text: &'t str| text.strip_prefix("<!--")?.strip_suffix("-->");
    let text = inside(text).map_or(text, |text| text.trim_end().trim_end_matches("//"));
    let text = text.trim().trim_start_matches("//").trim_start();
    let inner = text
        .strip_prefix("<![CDATA[")
        .map(|text| text.trim_end().trim_end_matches("]]>").trim_end().trim_end_matches("//"));
    inner.unwrap_or(text).trim().trim_end_matches(';')
}

/// A block itself, the elements of one that is a list, and what is in `@graph`.
fn things(block: &Value) -> Vec<&Value> {
    match block {
        Value::Array(items) => items.iter().flat_map(things).collect(),
        Value::Object(object) => {
            let graph = object.get("@graph").map(things).unwrap_or_default();
            std::iter::once(block).chain(graph).collect()
        }
        _ => vec![block],
    }
}

fn is_of_type(thing: &Value, wanted: &str) -> bool {
    let is_wanted = |value: &Value| {
        value
            .as_str()
            .is_some_and(|name| name == wanted || name.rsplit(['/', '#', ':']).next() == Some(wanted))
    };
    match thing.get("@type") {
        Some(Value::Array(types)) => types.iter().any(is_wanted),
        Some(one) => is_wanted(one),
        None => false,
    }
}
