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
    /// What a pointer finds, tried on every block and inside `@graph`; the first hit only.
    pub(crate) fn json_ld(&self, root: ElementRef<'_>, pointer: &str, of_type: Option<&str>) -> Vec<Value> {
        let blocks = self.blocks.get_or_init(|| json_ld_blocks(root));
        let things = blocks.iter().flat_map(things);
        let hit = things
            .filter(|thing| of_type.is_none_or(|wanted| is_of_type(thing, wanted)))
            .find_map(|thing| thing.pointer(pointer));
        hit.cloned().into_iter().collect()
    }

    /// What a pointer finds in scripts that are JSON; the first hit only.
    pub(crate) fn in_scripts(scripts: impl Iterator<Item = String>, pointer: &str) -> Vec<Value> {
        let found = scripts
            .filter_map(|script| serde_json::from_str::<Value>(without_wrapping(&script)).ok())
            .find_map(|value| value.pointer(pointer).cloned());
        found.into_iter().collect()
    }

    /// What a pointer finds in the JSON literal behind a text in any script; the first hit only.
    pub(crate) fn after_marker(root: ElementRef<'_>, marker: &str, pointer: &str) -> Vec<Value> {
        let found = scripts(root)
            .filter_map(|script| {
                let text = all_text(script);
                let (_, rest) = text.split_once(marker)?;
                // What follows the literal, such as `;`, is another statement.
                serde_json::Deserializer::from_str(rest).into_iter::<Value>().next()?.ok()
            })
            .find_map(|value| value.pointer(pointer).cloned());
        found.into_iter().collect()
    }
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
fn without_wrapping(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix("<!--").and_then(|text| text.strip_suffix("-->")).unwrap_or(text);
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
