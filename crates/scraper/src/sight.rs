//! What of a page is looked at: its tree need hold no more.
//!
//! All elements are in it, each where it would be, but for those that only mark text, which may be left out. Of texts, comments and attributes many are no element's business, and
//! on real pages they are most of what a tree is made of.

use html5ever::{LocalName, local_name};

/// What of a page is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sight {
    /// Whether the texts are, and the comments; else none but those of titles.
    pub(crate) texts: bool,
    /// Whether elements that only [mark text](crate::phrasing) are.
    pub(crate) phrasing: bool,
    /// Which attributes are; None for all of them.
    attributes: Option<Names>,
}

/// Names in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Names {
    all: Vec<String>,
    /// A bit for each letter that one of them begins with: most names are told to be none of them by their first.
    first_letters: u32,
}

impl Sight {
    /// Everything.
    pub(crate) const WHOLE: Self = Self { texts: true, phrasing: true, attributes: None };

    /// The attributes with these names in any case, and the texts or only those of titles; elements that mark text or not.
    ///
    /// A name that is not made of ASCII letters, digits, `-`, `_`, `.` and `:` makes it all attributes.
    pub(crate) fn new(texts: bool, phrasing: bool, attributes: impl IntoIterator<Item = String>) -> Self {
        let mut names = Names::default();
        for name in attributes {
            let is_plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':');
            let name = name.to_ascii_lowercase();
            match name.bytes().next() {
                Some(first) if name.bytes().all(is_plain) => names.first_letters |= letter(first),
                _ => return Self { texts, phrasing, attributes: None },
            }
            if !names.all.contains(&name) {
                names.all.push(name);
            }
        }
        Self { texts, phrasing, attributes: Some(names) }
    }

    /// Whether elements that mark text need not be in the tree.
    pub(crate) fn passes_over_phrasing(&self) -> bool {
        !self.texts && !self.phrasing && self.attributes.is_some()
    }

    /// Whether some of this element's attributes may be left out. Where the tree builder looks at them itself it needs all
    /// of them: it compares those of formatting elements (but of `a` no two), and puts together those of `html` and `body`.
    pub(crate) fn leaves_out_attributes_of(&self, element: &LocalName) -> bool {
        self.attributes.is_some()
            && !matches!(
                *element,
                local_name!("b")
                    | local_name!("big")
                    | local_name!("body")
                    | local_name!("code")
                    | local_name!("em")
                    | local_name!("font")
                    | local_name!("html")
                    | local_name!("i")
                    | local_name!("input")
                    | local_name!("nobr")
                    | local_name!("s")
                    | local_name!("small")
                    | local_name!("strike")
                    | local_name!("strong")
                    | local_name!("template")
                    | local_name!("tt")
                    | local_name!("u")
            )
    }

    /// Whether an attribute is looked at, its name as it is written.
    pub(crate) fn has_attribute(&self, name: &[u8]) -> bool {
        let Some(names) = &self.attributes else { return true };
        let begins_one = name.first().is_some_and(|first| names.first_letters & letter(*first) != 0);
        begins_one && names.all.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
    }
}

/// The bit of a letter, in either case; others share theirs with letters.
fn letter(byte: u8) -> u32 {
    1 << (byte & 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_in_any_case_and_no_other_is() {
        let sight = Sight::new(false, true, ["href", "data-X", "rel"].map(str::to_owned));
        for (name, expected) in [
            ("href", true),
            ("HREF", true),
            ("data-x", true),
            ("Data-X", true),
            ("hre", false),
            ("hreflang", false),
            ("Rel", true),
            ("2el", false),
            ("class", false),
            ("", false),
        ] {
            assert_eq!(sight.has_attribute(name.as_bytes()), expected, "{name}");
            assert!(Sight::WHOLE.has_attribute(name.as_bytes()));
        }
    }

    #[test]
    fn names_that_text_can_spell_in_more_than_one_way_are_not_filtered() {
        for odd in ["é", "a\u{fffd}", "", "a b"] {
            assert!(Sight::new(true, true, [odd.to_owned()]).has_attribute(b"class"), "{odd}");
        }
    }

    #[test]
    fn what_the_tree_builder_compares_is_kept() {
        let sight = Sight::new(false, true, []);
        assert!(sight.leaves_out_attributes_of(&LocalName::from("a")));
        assert!(!sight.leaves_out_attributes_of(&LocalName::from("b")));
        assert!(!Sight::WHOLE.leaves_out_attributes_of(&LocalName::from("a")));
    }
}
