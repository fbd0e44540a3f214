//! JSON pointers (RFC 6901): which part of an answer to keep. Pure.

use std::fmt;

use serde_json::Value;

use super::nearest::nearest;
use crate::error::shortened;

/// A JSON pointer that has been checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pointer {
    tokens: Vec<String>,
}

impl Pointer {
    /// Parses the string form: empty for all of it, else tokens that each start with `/` (RFC 6901, section 3).
    pub(crate) fn parse(text: &str) -> Result<Self, BadPointer> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(BadPointer { text: text.to_owned(), why: Why::NoSlash });
        };
        let tokens: Option<Vec<String>> = rest.split('/').map(unescaped).collect();
        tokens
            .map(|tokens| Self { tokens })
            .ok_or_else(|| BadPointer { text: text.to_owned(), why: Why::Tilde })
    }

    /// The value that this points to.
    pub(crate) fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.tokens.iter().try_fold(value, |value, token| child(value, token))
    }

    /// Takes the value out, which spares a copy.
    ///
    /// # Errors
    /// Where the way ends, and what is there.
    pub(crate) fn take(&self, value: &mut Value) -> Result<Value, Missed> {
        let mut here = value;
        for (depth, token) in self.tokens.iter().enumerate() {
            if child(here, token).is_none() {
                return Err(self.missed(depth, here));
            }
            here = match child_mut(here, token) {
                Some(next) => next,
                None => return Err(self.missed(depth, &Value::Null)),
            };
        }
        Ok(here.take())
    }

    fn missed(&self, depth: usize, here: &Value) -> Missed {
        let parent = Pointer { tokens: self.tokens.iter().take(depth).cloned().collect() };
        let mut missed = Missed { at: parent.to_string(), there: described(here), nearest: None };
        if let (Value::Object(map), Some(token)) = (here, self.tokens.get(depth)) {
            missed.nearest = nearest(token, map.keys().map(String::as_str))
                .map(|key| Pointer { tokens: [parent.tokens, vec![key.to_owned()]].concat() }.to_string());
        }
        missed
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tokens.iter().try_for_each(|token| write!(f, "/{}", token.replace('~', "~0").replace('/', "~1")))
    }
}

fn child<'v>(value: &'v Value, token: &str) -> Option<&'v Value> {
    match value {
        Value::Object(map) => map.get(token),
        Value::Array(items) => items.get(index(token)?),
        _ => None,
    }
}

fn child_mut<'v>(value: &'v mut Value, token: &str) -> Option<&'v mut Value> {
    match value {
        Value::Object(map) => map.get_mut(token),
        Value::Array(items) => items.get_mut(index(token)?),
        _ => None,
    }
}

/// An array index has no sign and no leading zero (RFC 6901, section 4).
fn index(token: &str) -> Option<usize> {
    let is_canonical = token == "0" || (!token.starts_with('0') && token.bytes().all(|b| b.is_ascii_digit()));
    is_canonical.then(|| token.parse().ok()).flatten()
}

/// `~1` is a slash and `~0` a tilde; any other tilde is an error.
fn unescaped(token: &str) -> Option<String> {
    let mut out = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '~' => match chars.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(out)
}

/// What stands where a pointer found no way on, in a few words.
fn described(value: &Value) -> String {
    match value {
        Value::Object(map) if map.is_empty() => "an empty object".to_owned(),
        Value::Object(map) => {
            let keys: Vec<String> = map.keys().take(8).map(|key| shortened(key)).collect();
            let more = if map.len() > keys.len() { ", …" } else { "" };
            format!("an object with the keys {}{more}", keys.join(", "))
        }
        Value::Array(items) if items.len() == 1 => "an array of 1 item".to_owned(),
        Value::Array(items) => format!("an array of {} items", items.len()),
        Value::String(_) => "a string".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Null => "null".to_owned(),
    }
}

/// A pointer that hits nothing: how far it came, and what is there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missed {
    at: String,
    there: String,
    /// The pointer that would have come one step further, if a key is spelt nearly the same.
    pub(crate) nearest: Option<String>,
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at.is_empty() {
            write!(f, "the answer is {}", self.there)
        } else {
            write!(f, "at {:?} is {}", self.at, self.there)
        }
    }
}

/// A text that is no JSON pointer.
#[derive(Debug)]
pub(crate) struct BadPointer {
    text: String,
    why: Why,
}

#[derive(Clone, Copy, Debug)]
enum Why {
    NoSlash,
    Tilde,
}

impl BadPointer {
    /// What would be right.
    pub(crate) fn hint(&self) -> String {
        match self.why {
            Why::NoSlash => {
                let path = self.text.trim_start_matches('$').trim_start_matches('.').replace('.', "/");
                format!("a JSON pointer starts with a slash: \"/{path}\"")
            }
            Why::Tilde => "~0 stands for a tilde, ~1 for a slash".to_owned(),
        }
    }
}

impl fmt::Display for BadPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            Why::NoSlash => write!(f, "bad JSON pointer {:?}: no slash at its start", shortened(&self.text)),
            Why::Tilde => {
                write!(f, "bad JSON pointer {:?}: a tilde that escapes nothing", shortened(&self.text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn take(pointer: &str, mut value: Value) -> Result<Value, Missed> {
        Pointer::parse(pointer).unwrap().take(&mut value)
    }

    #[test]
    fn the_examples_of_rfc_6901() {
        let document = json!({
            "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8
        });
        let table = [
            ("/foo/0", json!("bar")),
            ("/", json!(0)),
            ("/a~1b", json!(1)),
            ("/c%d", json!(2)),
            ("/e^f", json!(3)),
            ("/g|h", json!(4)),
            ("/i\\j", json!(5)),
            ("/k\"l", json!(6)),
            ("/ ", json!(7)),
            ("/m~0n", json!(8)),
        ];
        for (pointer, expected) in table {
            assert_eq!(take(pointer, document.clone()), Ok(expected), "{pointer}");
        }
        assert_eq!(take("", document.clone()), Ok(document));
    }

    #[test]
    fn a_miss_says_how_far_it_came_and_what_is_there() {
        let document = json!({"data": {"items": [1, 2], "total": 2}});
        let miss = |pointer| take(pointer, document.clone()).unwrap_err();
        assert_eq!(miss("/x").to_string(), "the answer is an object with the keys data");
        assert_eq!(miss("/data/item").to_string(), "at \"/data\" is an object with the keys items, total");
        assert_eq!(miss("/data/item").nearest.as_deref(), Some("/data/items"));
        assert_eq!(miss("/data/items/2").to_string(), "at \"/data/items\" is an array of 2 items");
        assert_eq!(miss("/data/items/00").nearest, None);
        assert_eq!(miss("/data/total/x").to_string(), "at \"/data/total\" is a number");
    }

    #[test]
    fn what_is_no_pointer_gets_the_hint_that_translates_it() {
        let hint = |text: &str| Pointer::parse(text).unwrap_err().hint();
        assert!(hint("data.items").contains("\"/data/items\""));
        assert!(hint("$.data").contains("\"/data\""));
        assert!(hint("/a~2").contains("~1"));
        assert!(Pointer::parse("/a~").is_err());
    }

    proptest! {
        #[test]
        fn every_key_can_be_pointed_to(keys in proptest::collection::vec(".*", 1..4)) {
            let value = keys.iter().rev().fold(json!("here"), |inner, key| json!({ key: inner }));
            let pointer = Pointer { tokens: keys };
            let parsed = Pointer::parse(&pointer.to_string()).unwrap();
            prop_assert_eq!(&parsed, &pointer);
            prop_assert_eq!(parsed.find(&value), Some(&json!("here")));
        }
    }
}
