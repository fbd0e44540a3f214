//! Known keys, and the nearest right name for one that is not.

use super::tree::{Item, Tree};
use crate::error::RecipeError;

/// What other tools call things.
const HABITS: &[(&str, &str)] = &[
    ("selector", "css"),
    ("select", "css"),
    ("xpath", "css"),
    ("type", "as"),
    ("multiple", "many"),
    ("list", "many"),
    ("all", "many"),
    ("optional", "required"),
    ("pattern", "regex"),
    ("re", "regex"),
    ("separator", "join"),
    ("fallback", "default"),
    ("field", "fields"),
    ("root", "each"),
    ("item", "each"),
    ("container", "each"),
    ("pagination", "follow"),
    ("next_page", "next"),
    ("include", "allow"),
    ("exclude", "deny"),
    ("depth", "max_depth"),
    ("minimum", "min"),
    ("url", "match"),
    ("urls", "match"),
];

/// Refuses a key that a table does not have.
pub(crate) fn check_keys(item: &Item, known: &[&str], path: &str) -> Result<(), RecipeError> {
    let Tree::Table(entries) = &item.value else {
        let message = format!("`{path}` must be a table, not {}", item.sort());
        return Err(RecipeError::new(message).of_key(path).spanning(item.span));
    };
    let Some((key, _)) = entries.iter().find(|(key, _)| !known.contains(&key.name.as_str())) else {
        return Ok(());
    };
    let (message, full) = match path {
        "" => (format!("unknown key `{}`", key.name), key.name.clone()),
        path => (format!("unknown key `{}` in `{path}`", key.name), format!("{path}.{}", key.name)),
    };
    Err(RecipeError::new(message)
        .of_key(full)
        .spanning(key.span)
        .hinted(format!("the keys here are {}", known.join(", ")))
        .maybe_hinted(suggestion(&key.name, known)))
}

fn suggestion(name: &str, known: &[&str]) -> Option<String> {
    let habit = HABITS.iter().find(|(habit, right)| *habit == name && known.contains(right));
    match habit {
        Some((_, right)) => Some(did_you_mean(right)),
        None => nearest(name, known),
    }
}

/// A hint naming the nearest of the known names, if one is near enough to be meant.
pub(crate) fn nearest(name: &str, known: &[&str]) -> Option<String> {
    let lower = name.to_lowercase();
    known
        .iter()
        .map(|right| (strsim::damerau_levenshtein(&lower, right), right))
        .min_by_key(|(distance, right)| (*distance, right.chars().next() != lower.chars().next()))
        .filter(|(distance, right)| *distance <= (right.chars().count() / 3).max(1))
        .map(|(_, right)| did_you_mean(right))
}

fn did_you_mean(right: &str) -> String {
    format!("did you mean `{right}`?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_names_that_are_as_near_the_one_that_begins_alike_is_meant() {
        assert_eq!(nearest("ass", &["css", "as"]).as_deref(), Some("did you mean `as`?"));
        assert_eq!(nearest("cs", &["as", "css"]).as_deref(), Some("did you mean `css`?"));
        assert_eq!(nearest("quite", &["css", "as"]), None);
    }
}
