//! The JSON Schema names what the reader knows, and takes what it takes.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::read::{DETAIL, FIELD, FOLLOW, RECORD, REQUEST, SECTIONS};
use super::{RECIPE_SCHEMA, Recipe};
use crate::value::Type;

fn schema() -> Value {
    serde_json::from_str(RECIPE_SCHEMA).unwrap()
}

fn keys<'a>(schema: &'a Value, pointer: &str) -> BTreeSet<&'a str> {
    let properties = schema.pointer(pointer).and_then(Value::as_object).unwrap();
    properties.keys().map(String::as_str).collect()
}

#[test]
fn it_names_exactly_the_keys_that_a_recipe_can_have() {
    let schema = schema();
    for (pointer, known) in [
        ("/properties", SECTIONS),
        ("/properties/record/properties", RECORD),
        ("/properties/detail/properties", DETAIL),
        ("/properties/follow/properties", FOLLOW),
        ("/properties/request/properties", REQUEST),
        ("/$defs/long/properties", FIELD),
    ] {
        assert_eq!(keys(&schema, pointer), known.iter().copied().collect(), "{pointer}");
    }
    let types: Vec<&str> = Type::NAMES.iter().map(|(name, _)| *name).collect();
    assert_eq!(schema.pointer("/$defs/long/properties/as/enum").unwrap(), &Value::from(types));
}

#[test]
fn every_key_is_described() {
    let schema = schema();
    for pointer in ["/properties/record", "/properties/follow", "/properties/request", "/$defs/long"] {
        for (name, key) in schema.pointer(&format!("{pointer}/properties")).unwrap().as_object().unwrap() {
            assert!(key["description"].is_string(), "{name}");
        }
    }
}

#[test]
fn it_takes_every_recipe_that_ships() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/recipes");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let found = faults(&as_json(&text));
            assert!(found.is_empty(), "{}: {found:?}", path.display());
            count += 1;
        }
    }
    assert!(count >= 6, "{count}");
}

#[test]
fn it_refuses_what_the_reader_refuses() {
    for wrong in [
        "feilds = 1",
        "[record]\neach = 1",
        "[record]\nmin = -1",
        "[fields]",
        "[fields]\na = 1",
        "[fields]\na = { css = \"b\", ass = \"number\" }",
        "[fields]\na = { css = \"b\", as = \"nunber\" }",
        "[fields]\na = { css = \"b\", decimal = \"x\" }",
        "[detail]\nlink = \"a@href\"",
        "[request]\nheaders = { a = 1 }",
        "[follow]\nmax_depth = \"3\"",
    ] {
        assert!(wrong.parse::<Recipe>().is_err(), "{wrong}");
        assert!(!faults(&as_json(wrong)).is_empty(), "{wrong}");
    }
}

fn as_json(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

/// What a validator finds, for the keywords that the schema has.
fn faults(recipe: &Value) -> Vec<String> {
    let schema = schema();
    let mut found = Vec::new();
    validate(&schema, &schema, recipe, "", &mut found);
    found
}

fn validate(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().into_iter().flatten() {
        let holds = match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                validate(root, root.pointer(pointer).unwrap(), value, at, found);
                true
            }
            "type" => is_of_type(rule.as_str().unwrap(), value),
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_i64().is_none_or(|value| value >= rule.as_i64().unwrap()),
            "minLength" => value.as_str().is_none_or(|text| !text.is_empty()),
            "minProperties" => value.as_object().is_none_or(|map| !map.is_empty()),
            "required" => {
                let names = rule.as_array().unwrap();
                names.iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "anyOf" => rule.as_array().unwrap().iter().any(|one| {
                let mut faults = Vec::new();
                validate(root, one, value, at, &mut faults);
                faults.is_empty()
            }),
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    validate(root, rule, item, at, found);
                }
                true
            }
            "properties" => {
                each_property(
                    root,
                    rule.as_object().unwrap(),
                    &schema["additionalProperties"],
                    value,
                    at,
                    found,
                );
                true
            }
            "additionalProperties" => {
                if schema.get("properties").is_none() {
                    each_property(root, &Map::new(), rule, value, at, found);
                }
                true
            }
            "$schema" | "$defs" | "title" | "description" => true,
            other => panic!("a keyword that this test does not know: {other}"),
        };
        if !holds {
            found.push(format!("{at}: {keyword} {rule}"));
        }
    }
}

fn each_property(
    root: &Value,
    known: &Map<String, Value>,
    others: &Value,
    value: &Value,
    at: &str,
    found: &mut Vec<String>,
) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        match (known.get(name), others) {
            (Some(schema), _) => validate(root, schema, value, &at, found),
            (None, Value::Bool(false)) => found.push(format!("{at}: no such key")),
            (None, others) => validate(root, others, value, &at, found),
        }
    }
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        other => panic!("a type that this test does not know: {other}"),
    }
}
