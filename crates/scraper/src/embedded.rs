//! JSON inside a page: JSON-LD, and data in scripts.

use std::cell::OnceCell;

use scraper::ElementRef;
use serde_json::Value;

use crate::budget::Budget;
use crate::json;
use crate::text::all_text;
use crate::walk;

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
        budget: &Budget,
    ) -> impl Iterator<Item = &'e Value> {
        let blocks = self.blocks.get_or_init(|| json_ld_blocks(root, budget));
        let things = blocks.iter().flat_map(things);
        things
            .filter(move |thing| of_type.is_none_or(|wanted| is_of_type(thing, wanted)))
            .filter_map(move |thing| thing.pointer(pointer))
    }

    /// What a pointer finds in scripts that are JSON; the first hit only.
    pub(crate) fn in_scripts(
        mut scripts: impl Iterator<Item = String>,
        pointer: &str,
        budget: &Budget,
    ) -> Option<Value> {
        scripts.find_map(|script| hit(json::read(without_wrapping(&script), budget)?, pointer, budget))
    }

    /// What a pointer finds in a JSON literal behind a text in any script; the first hit only.
    pub(crate) fn after_marker(
        root: ElementRef<'_>,
        marker: &str,
        pointer: &str,
        budget: &Budget,
    ) -> Option<Value> {
        scripts(root, budget).find_map(|script| {
            let text = all_text(script, budget)?;
            literals_after(marker, &text, budget).find_map(|value| hit(value, pointer, budget))
        })
    }
}

/// What a pointer finds; the rest of the value is not kept.
fn hit(mut value: Value, pointer: &str, budget: &Budget) -> Option<Value> {
    json::paid(value.pointer_mut(pointer)?.take(), budget)
}

/// How often a marker may stand in a script before a literal: each try may read to the script's end.
const TRIES: usize = 32;

/// The JSON literals that stand right behind a text.
fn literals_after(marker: &str, text: &str, budget: &Budget) -> impl Iterator<Item = Value> {
    let places = text.match_indices(marker).map(|(at, found)| at + found.len());
    places.take(TRIES).take_while(|_| budget.has_time()).filter_map(|at| literal(text.get(at..)?, budget))
}

/// The JSON literal that a text begins with.
fn literal(text: &str, budget: &Budget) -> Option<Value> {
    let text = text.trim_start();
    if text.starts_with(['{', '[', '"']) {
        // What follows it, such as `;`, is another statement.
        return json::read_first(text, budget);
    }
    let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '+' | '-');
    let end = text.find(|c| !is_of_word(c)).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end)?;
    if ends_expression(rest) { json::read(word, budget) } else { None }
}

/// Whether what is behind a value is no more of the same expression, such as `* 2`.
fn ends_expression(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', '\t']);
    rest.is_empty()
        || [";", ",", ")", "]", "}", "\n", "\r", "//", "/*"].iter().any(|end| rest.starts_with(end))
}

fn scripts<'a>(root: ElementRef<'a>, budget: &Budget) -> impl Iterator<Item = ElementRef<'a>> {
    walk::elements(root, budget).filter(|element| element.value().name() == "script")
}

fn json_ld_blocks(root: ElementRef<'_>, budget: &Budget) -> Vec<Value> {
    let is_json_ld = |script: &ElementRef<'_>| {
        script.attr("type").is_some_and(|value| {
            value.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/ld+json")
        })
    };
    let block = |script| {
        let text = all_text(script, budget)?;
        json::paid(json::read(without_wrapping(&text), budget)?, budget)
    };
    scripts(root, budget).filter(is_json_ld).filter_map(block).collect()
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
