//! Fields as they are written on a command line: `title=h1`, `tags[]=ul li`, `price:number=.price`.

use super::read::named_type;
use super::tree::{Item, Tree};
use crate::error::RecipeError;

/// A field's name, and what a recipe would say of it.
pub(crate) fn field(spec: &str) -> Result<(String, Item), RecipeError> {
    let (left, css) = spec.split_once('=').ok_or_else(|| {
        RecipeError::new(format!("field `{spec}` has no selector"))
            .hinted("write name=css, such as `title=h3 a@title`")
    })?;
    let (name, to, many) = name_type_many(left);
    if name.is_empty() {
        return Err(RecipeError::new(format!("field `{spec}` has no name"))
            .hinted("write name=css, such as `title=h3 a@title`"));
    }
    if let Some(to) = to {
        named_type(to).map_err(|error| {
            RecipeError::new(format!("field `{spec}`: {}", error.message()))
                .maybe_hinted(error.hint().map(str::to_owned))
        })?;
    }
    let css = css.trim();
    if to.is_none() && !many {
        return Ok((name.to_owned(), Item::text(css)));
    }
    let mut item = Item::table();
    item.set("css", Item::text(css));
    if let Some(to) = to {
        item.set("as", Item::text(to));
    }
    if many {
        item.set("many", Item::new(Tree::Bool(true)));
    }
    Ok((name.to_owned(), item))
}

/// `name:type[]` and `name[]:type` are the same.
fn name_type_many(left: &str) -> (&str, Option<&str>, bool) {
    let left = left.trim();
    let (left, many_last) = without_brackets(left);
    let (name, to) = match left.split_once(':') {
        Some((name, to)) => (name.trim(), Some(to.trim())),
        None => (left, None),
    };
    let (name, many_first) = without_brackets(name);
    (name, to, many_last || many_first)
}

fn without_brackets(text: &str) -> (&str, bool) {
    text.strip_suffix("[]").map_or((text, false), |rest| (rest.trim_end(), true))
}
