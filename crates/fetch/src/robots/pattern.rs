//! Whether a pattern matches a path: what is before its first wildcard letter by letter, the rest by [`Places`].

use super::normal::{Side, normal, with_query_escaped};
use super::places::Places;

/// A pattern of a rule.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    form: Form,
    /// The same with the delimiters in the query escaped, where that is not the same.
    in_query: Option<Form>,
    is_anchored: bool,
    octets: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Form {
    text: Box<str>,
    /// A bit for each ASCII character that occurs, wildcards apart: what the path lacks, no pattern can find in it.
    characters: u128,
}

impl Form {
    fn new(text: String) -> Self {
        let bit = |byte: u8| if byte == b'*' { 0 } else { 1_u128.checked_shl(byte.into()).unwrap_or(0) };
        let characters = text.bytes().fold(0, |all, byte| all | bit(byte));
        Self { text: text.into(), characters }
    }
}

impl Pattern {
    /// A `$` at the end anchors it, anywhere else it is a character.
    pub(super) fn new(value: &[u8]) -> Self {
        let (text, is_anchored) = match value.strip_suffix(b"$") {
            Some(text) => (text, true),
            None => (value, false),
        };
        let form = Form::new(normal(text, Side::Pattern));
        let in_query = with_query_escaped(&form.text).map(Form::new);
        // A `$` or `'` is one octet, although it is compared in its escaped form.
        let escaped_only_here = text.iter().filter(|byte| matches!(byte, b'$' | b'\'')).count();
        let octets = form.text.len() - 2 * escaped_only_here + usize::from(is_anchored);
        Self { form, in_query, is_anchored, octets }
    }

    /// How specific it is: its octets, each wildcard one of them.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    pub(super) fn matches(&self, target: &mut Target) -> bool {
        let in_query = self.in_query.as_ref().unwrap_or(&self.form);
        target.form.is_found_by(&self.form, self.is_anchored)
            || match &mut target.in_query {
                Some(path) => path.is_found_by(in_query, self.is_anchored),
                None => self.in_query.is_some() && target.form.is_found_by(in_query, self.is_anchored),
            }
    }
}

/// A path with its query, ready to be matched.
#[derive(Debug)]
pub(super) struct Target {
    form: Path,
    in_query: Option<Path>,
}

impl Target {
    pub(super) fn new(path: &str) -> Self {
        let form = normal(path.as_bytes(), Side::Path);
        Self { in_query: with_query_escaped(&form).map(Path::new), form: Path::new(form) }
    }
}

#[derive(Debug)]
struct Path {
    form: Form,
    places: Option<Places>,
}

impl Path {
    fn new(text: String) -> Self {
        Self { form: Form::new(text), places: None }
    }

    fn is_found_by(&mut self, pattern: &Form, is_anchored: bool) -> bool {
        if pattern.characters & !self.form.characters != 0 {
            return false;
        }
        let (first, rest) =
            pattern.text.split_once('*').map_or((&*pattern.text, None), |(first, rest)| (first, Some(rest)));
        let Some(left) = self.form.text.strip_prefix(first) else { return false };
        let Some(rest) = rest else { return !is_anchored || left.is_empty() };
        self.places.get_or_insert_with(|| Places::of(&self.form.text)).reach(first.len(), rest, is_anchored)
    }
}

/// Whether the path is that of the file itself, which is always allowed (2.2.2).
pub(super) fn is_robots_txt(path: &str) -> bool {
    normal(path.as_bytes(), Side::Path) == "/robots.txt"
}

#[cfg(test)]
mod tests {
    use super::super::normal::is_unreserved;
    use super::*;
    use proptest::prelude::*;

    fn is_match(pattern: &str, path: &str) -> bool {
        Pattern::new(pattern.as_bytes()).matches(&mut Target::new(path))
    }

    /// What the words of the RFC say, tried in every way; it takes exponential time.
    fn by_definition(pattern: &[u8], path: &[u8]) -> bool {
        match pattern {
            [] => true,
            b"$" => path.is_empty(),
            [b'*', rest @ ..] => (0..=path.len()).any(|skipped| by_definition(rest, &path[skipped..])),
            [byte, rest @ ..] => path.first() == Some(byte) && by_definition(rest, &path[1..]),
        }
    }

    proptest! {
        #[test]
        fn a_match_is_what_the_definition_says(pattern in "/[ab*]{0,8}\\$?", path in "/[ab]{0,12}") {
            prop_assert_eq!(is_match(&pattern, &path), by_definition(pattern.as_bytes(), path.as_bytes()));
        }

        #[test]
        fn long_paths_are_no_different(
            pattern in "/[ab]{0,2}(\\*[ab]{1,3}){1,3}\\$?",
            path in "/[ab]{50,200}",
        ) {
            prop_assert_eq!(is_match(&pattern, &path), by_definition(pattern.as_bytes(), path.as_bytes()));
        }

        #[test]
        fn every_path_is_matched_by_itself_and_by_its_escapes(path in "/[ -~]{0,30}") {
            prop_assume!(!path.contains(['*', '%']) && !path.ends_with('$'));
            prop_assert!(is_match(&path, &path));
            let escaped: String = path.bytes().map(|byte| match is_unreserved(byte) {
                true => format!("%{byte:02x}"),
                false => char::from(byte).to_string(),
            }).collect();
            prop_assert!(is_match(&escaped, &path), "{}", escaped);
        }
    }

    #[test]
    fn places_at_the_ends_of_words_are_reached() {
        for length in [62, 63, 64, 65, 127, 128, 129] {
            let path = format!("/{}b", "a".repeat(length));
            assert!(
                is_match("/*b", &path) && is_match("/*b$", &path) && is_match("/*ab*$", &path),
                "{length}"
            );
            assert!(!is_match("/*bb", &path) && !is_match("/*a$", &path), "{length}");
        }
    }

    #[test]
    fn what_a_pattern_spells_is_what_makes_it_specific() {
        let octets = |pattern: &str| Pattern::new(pattern.as_bytes()).octets();
        assert_eq!([octets("/"), octets("/$"), octets("/*.ph"), octets("/page")], [1, 2, 5, 5]);
        assert_eq!([octets("/a$b"), octets("/it's"), octets("/%62"), octets("/\u{30c4}")], [4, 5, 2, 10]);
    }
}
