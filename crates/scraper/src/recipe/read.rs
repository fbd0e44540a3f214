//! Reads a recipe: from what was written to what is run. Every key is known or an error.

use std::collections::HashSet;

use regex::Regex;
use serde_json::Value;

use super::css::{Css, Target};
use super::keys::{check_keys, nearest};
use super::model::{
    Compiled, Detail, Field, FollowRules, LinkSource, PathGlob, RESERVED, RecordRules, Request, Rows, Source,
};
use super::selector::{self, SelectorFault};
use super::tree::{Item, Key, Tree};
use crate::date::{self, DateRules};
use crate::error::RecipeError;
use crate::value::{Conversion, Type};

type Read<T> = Result<T, RecipeError>;

pub(super) const SECTIONS: &[&str] = &["record", "fields", "detail", "follow", "request"];
pub(super) const RECORD: &[&str] = &["match", "each", "table", "each_json", "key", "min", "strict"];
pub(super) const DETAIL: &[&str] = &["link", "fields"];
pub(super) const FOLLOW: &[&str] = &["next", "links", "allow", "deny", "max_depth"];
pub(super) const REQUEST: &[&str] = &["headers", "cookies"];
pub(super) const FIELD: &[&str] = &[
    "css",
    "label",
    "column",
    "page",
    "json_ld",
    "script",
    "script_after",
    "microdata",
    "meta",
    "type",
    "json",
    "contains",
    "regex",
    "as",
    "decimal",
    "format",
    "timezone",
    "relative",
    "many",
    "join",
    "default",
    "required",
    "strict",
];
pub(super) const SOURCES: &[&str] =
    &["css", "label", "column", "page", "json_ld", "script", "script_after", "microdata", "meta"];

/// Reads a whole recipe.
pub(crate) fn compile(root: &Item) -> Read<Compiled> {
    check_keys(root, SECTIONS, "")?;
    let record = root.get("record").map(record).transpose()?.unwrap_or_default();
    let is_table = matches!(record.rows, Rows::Table(_));
    let is_json = matches!(record.rows, Rows::Json(_));
    let fields = match root.get("fields") {
        Some(item) => fields(item, "fields", is_json)?,
        None if is_table => Vec::new(),
        None if is_json => {
            return Err(at(root.get("record"), "fields", "`each_json` without [fields]")
                .hinted("write the JSON pointers of the fields, such as `title = \"/title\"`"));
        }
        None => default_fields()?,
    };
    check_columns(&fields, is_table, root)?;
    let compiled = Compiled {
        detail: root.get("detail").map(|item| detail(item, is_json)).transpose()?,
        follow: root.get("follow").map(|item| follow(item, is_json)).transpose()?.unwrap_or_default(),
        request: root.get("request").map(request).transpose()?.unwrap_or_default(),
        record,
        fields,
    };
    check_key_field(&compiled, root)?;
    check_names(&compiled, root)?;
    check_json(&compiled, root)?;
    Ok(compiled)
}

/// What a recipe without fields gives.
fn default_fields() -> Read<Vec<Field>> {
    let recipe = Item::from_toml(
        r#"
        title = "title"
        description = 'meta[name="description" i]@content'
        canonical = { css = 'link[rel~="canonical" i]@href', as = "url" }
        lang = "html@lang"
        "#,
    )?;
    let mut fields = fields(&recipe, "fields", false)?;
    if let Some(title) = fields.first_mut() {
        title.source = Source::Title; // SVG has titles, too
    }
    Ok(fields)
}

fn check_columns(fields: &[Field], is_table: bool, root: &Item) -> Read<()> {
    let column = fields.iter().find(|field| matches!(field.source, Source::Column(_)));
    match column {
        Some(field) if !is_table => {
            let item = root.get("fields").and_then(|fields| fields.get(&field.name));
            Err(at(item, format!("fields.{}", field.name), "`column` without `table` in [record]")
                .hinted("write `table = \"CSS of the table\"` in [record]"))
        }
        _ => Ok(()),
    }
}

/// An item of JSON has no elements to select.
fn check_json(compiled: &Compiled, root: &Item) -> Read<()> {
    if !matches!(compiled.record.rows, Rows::Json(_)) {
        return Ok(());
    }
    let Some(field) = compiled.fields.iter().find(|field| !matches!(field.source, Source::Json { .. }))
    else {
        return Ok(());
    };
    let item = root.get("fields").and_then(|fields| fields.get(&field.name));
    let message = format!("`{}` is no JSON pointer, and `each_json` gives items of JSON", field.name);
    Err(at(item, format!("fields.{}", field.name), message).hinted(
        "write `/name`, or `{ json = \"/name\", as = \"number\" }`; `page` starts from the whole document",
    ))
}

fn check_key_field(compiled: &Compiled, root: &Item) -> Read<()> {
    let Some(key) = &compiled.record.key else { return Ok(()) };
    let detail = compiled.detail.iter().flat_map(|detail| &detail.fields);
    let names: Vec<_> = compiled.fields.iter().chain(detail).map(|field| field.name.as_str()).collect();
    if names.is_empty() || names.contains(&key.as_str()) {
        return Ok(());
    }
    let item = root.get("record").and_then(|record| record.get("key"));
    Err(at(item, "record.key", format!("`key` names no field: `{key}`")).maybe_hinted(nearest(key, &names)))
}

/// A field of the detail page may not hide one of the record.
fn check_names(compiled: &Compiled, root: &Item) -> Read<()> {
    let own: HashSet<_> = compiled.fields.iter().map(|field| &field.name).collect();
    let clash =
        compiled.detail.iter().flat_map(|detail| &detail.fields).find(|field| own.contains(&field.name));
    match clash {
        None => Ok(()),
        Some(field) => {
            let item = root
                .get("detail")
                .and_then(|detail| detail.get("fields"))
                .and_then(|fields| fields.get(&field.name));
            Err(at(
                item,
                format!("detail.fields.{}", field.name),
                format!("`{}` is a field of the record already", field.name),
            ))
        }
    }
}

fn record(item: &Item) -> Read<RecordRules> {
    check_keys(item, RECORD, "record")?;
    let mut rules = RecordRules { rows: rows(item)?, ..RecordRules::default() };
    if let Some(globs) = item.get("match") {
        rules.matches = path_globs(globs, "record.match")?;
    }
    if let Some(key) = item.get("key") {
        rules.key = Some(text(key, "record.key")?.to_owned());
    }
    if let Some(min) = item.get("min") {
        rules.min = count(min, "record.min")?;
    }
    if let Some(strict) = item.get("strict") {
        rules.strict = boolean(strict, "record.strict")?;
    }
    Ok(rules)
}

fn rows(item: &Item) -> Read<Rows> {
    let given: Vec<_> =
        ["each", "table", "each_json"].into_iter().filter(|key| item.get(key).is_some()).collect();
    if let [first, second, ..] = given.as_slice() {
        return Err(at(
            item.get(second),
            format!("record.{second}"),
            format!("`{first}` and `{second}` exclude each other"),
        ));
    }
    if let Some(each) = item.get("each") {
        return css_of(each, "record.each").map(Rows::Each);
    }
    if let Some(table) = item.get("table") {
        return css_of(table, "record.table").map(Rows::Table);
    }
    if let Some(each) = item.get("each_json") {
        return pointer(each, "record.each_json").map(Rows::Json);
    }
    Ok(Rows::Page)
}

fn detail(item: &Item, is_json: bool) -> Read<Detail> {
    check_keys(item, DETAIL, "detail")?;
    let link = item.get("link").ok_or_else(|| {
        at(Some(item), "detail.link", "[detail] has no `link`").hinted("write `link = \"h3 a@href\"`")
    })?;
    let fields_item = item
        .get("fields")
        .ok_or_else(|| at(Some(item), "detail.fields", "[detail] has no [detail.fields]"))?;
    Ok(Detail {
        link: link_source(link, "detail.link", is_json)?,
        fields: fields(fields_item, "detail.fields", is_json)?,
    })
}

/// Beside `each_json` what begins with `/` is a JSON pointer.
fn json_pointers(item: &Item, path: &str, is_json: bool) -> Read<Option<Vec<String>>> {
    let listed = texts(item, path)?;
    let is_pointer = |text: &str| text.starts_with('/') && !text.starts_with("//");
    if !is_json || listed.is_empty() || !listed.iter().all(|(text, _)| is_pointer(text)) {
        return Ok(None);
    }
    Ok(Some(listed.into_iter().map(|(text, _)| text.to_owned()).collect()))
}

fn link_source(item: &Item, path: &str, is_json: bool) -> Read<LinkSource> {
    match json_pointers(item, path, is_json)? {
        Some(pointers) => Ok(LinkSource::Json(pointers)),
        None => targets(item, path).map(LinkSource::Css),
    }
}

fn follow(item: &Item, is_json: bool) -> Read<FollowRules> {
    check_keys(item, FOLLOW, "follow")?;
    let mut rules = FollowRules::default();
    if let Some(next) = item.get("next") {
        rules.next = link_source(next, "follow.next", is_json)?;
    }
    if let Some(links) = item.get("links") {
        rules.links = Some(css_of(links, "follow.links")?);
    }
    if let Some(allow) = item.get("allow") {
        rules.allow = path_globs(allow, "follow.allow")?;
    }
    if let Some(deny) = item.get("deny") {
        rules.deny = path_globs(deny, "follow.deny")?;
    }
    if let Some(depth) = item.get("max_depth") {
        rules.max_depth = Some(count(depth, "follow.max_depth")?);
    }
    Ok(rules)
}

fn request(item: &Item) -> Read<Request> {
    check_keys(item, REQUEST, "request")?;
    let mut request = Request::default();
    if let Some(cookies) = item.get("cookies") {
        request.cookies = boolean(cookies, "request.cookies")?;
    }
    if let Some(headers) = item.get("headers") {
        for (key, value) in entries(headers, "request.headers")? {
            let path = format!("request.headers.{}", key.name);
            check_header_name(key, &path)?;
            let value_text = text(value, &path)?;
            // RFC 9110, section 5.5.
            if value_text.contains(|c: char| c.is_control() && c != '\t') {
                return Err(at(
                    Some(value),
                    &path,
                    format!("`{}` has a control character in its value", key.name),
                ));
            }
            request.headers.push((key.name.clone(), value_text.to_owned()));
        }
    }
    Ok(request)
}

/// RFC 9110, section 5.6.2: a token.
fn check_header_name(key: &Key, path: &str) -> Read<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !key.name.is_empty() && key.name.bytes().all(allowed) {
        return Ok(());
    }
    Err(RecipeError::new(format!("`{}` is not the name of a header", key.name))
        .of_key(path)
        .spanning(key.span))
}

fn fields(item: &Item, path: &str, is_json: bool) -> Read<Vec<Field>> {
    let entries = entries(item, path)?;
    if entries.is_empty() {
        return Err(at(Some(item), path, format!("[{path}] is empty"))
            .hinted("write `title = \"h1\"`, or leave the section out"));
    }
    entries.iter().map(|(key, item)| field(key, item, &format!("{path}.{}", key.name), is_json)).collect()
}

fn field(key: &Key, item: &Item, path: &str, is_json: bool) -> Read<Field> {
    let name = key.name.clone();
    if name.is_empty() || RESERVED.contains(&name.as_str()) {
        return Err(RecipeError::new(format!("`{name}` cannot be the name of a field"))
            .of_key(path)
            .spanning(key.span)
            .hinted(format!("records use {} themselves", RESERVED.join(", "))));
    }
    let source = match &item.value {
        Tree::Table(_) => source(item, path, is_json)?,
        _ => selected(item, path, is_json, false)?,
    };
    let mut field = Field {
        name,
        source,
        contains: None,
        regex: None,
        conversion: Conversion::default(),
        many: false,
        join: None,
        default: None,
        required: false,
        strict: false,
    };
    if matches!(item.value, Tree::Table(_)) {
        field_options(&mut field, item, path)?;
    }
    Ok(field)
}

/// Selectors, or JSON pointers: from the record, or from the page.
fn selected(item: &Item, path: &str, is_json: bool, from_page: bool) -> Read<Source> {
    if let Some(pointers) = json_pointers(item, path, is_json)? {
        return Ok(Source::Json { pointers, from_page });
    }
    targets(item, path).map(if from_page { Source::Page } else { Source::Css })
}

fn source(item: &Item, path: &str, is_json: bool) -> Read<Source> {
    check_keys(item, FIELD, path)?;
    let given: Vec<_> = SOURCES.iter().copied().filter(|key| item.get(key).is_some()).collect();
    let source = match given.as_slice() {
        [] if item.get("json").is_some() => "json",
        [] => {
            return Err(at(Some(item), path, format!("`{path}` says not where it comes from"))
                .hinted(format!("write one of {}", SOURCES.join(", "))));
        }
        [one] => *one,
        [first, second, ..] => {
            let message = format!("`{first}` and `{second}` exclude each other in `{path}`");
            return Err(at(item.get(second), format!("{path}.{second}"), message));
        }
    };
    let value = item.get(source).unwrap_or(item);
    let value_path = format!("{path}.{source}");
    check_companions(item, source, path)?;
    Ok(match source {
        "css" => selected(value, &value_path, is_json, false)?,
        "page" => selected(value, &value_path, is_json, true)?,
        "json" => Source::Json { pointers: vec![pointer(value, &value_path)?], from_page: false },
        "meta" => Source::Meta(filled_text(value, &value_path)?),
        "microdata" => Source::Microdata {
            path: filled_text(value, &value_path)?.trim_matches('/').split('/').map(str::to_owned).collect(),
            of_type: item.get("type").map(|item| filled_text(item, &format!("{path}.type"))).transpose()?,
        },
        "label" => Source::Label(filled_text(value, &value_path)?),
        "column" => Source::Column(filled_text(value, &value_path)?),
        "json_ld" => Source::JsonLd {
            pointer: pointer(value, &value_path)?,
            of_type: item.get("type").map(|item| filled_text(item, &format!("{path}.type"))).transpose()?,
        },
        "script" => Source::Script { css: css_of(value, &value_path)?, pointer: json_pointer(item, path)? },
        _ => Source::ScriptAfter {
            marker: filled_text(value, &value_path)?,
            pointer: json_pointer(item, path)?,
        },
    })
}

/// Keys that mean something only beside a certain source.
fn check_companions(item: &Item, source: &str, path: &str) -> Read<()> {
    let needs = [
        ("type", &["json_ld", "microdata"][..]),
        ("json", &["json", "script", "script_after"]),
        ("contains", &["css", "page"]),
    ];
    for (key, sources) in needs {
        if item.get(key).is_some() && !sources.contains(&source) {
            let message = format!("`{key}` does nothing beside `{source}` in `{path}`");
            let hint = if key == "type" {
                "the type of the value is `as`".to_owned()
            } else {
                format!("it belongs to {}", sources.join(" and "))
            };
            return Err(at(item.get(key), format!("{path}.{key}"), message).hinted(hint));
        }
    }
    Ok(())
}

fn json_pointer(item: &Item, path: &str) -> Read<Option<String>> {
    item.get("json").map(|item| pointer(item, &format!("{path}.json"))).transpose()
}

fn field_options(field: &mut Field, item: &Item, path: &str) -> Read<()> {
    let under = |key: &str| format!("{path}.{key}");
    if let Some(contains) = item.get("contains") {
        field.contains = Some(filled_text(contains, &under("contains"))?);
    }
    if let Some(pattern) = item.get("regex") {
        field.regex = Some(regex(pattern, &under("regex"))?);
    }
    if let Some(many) = item.get("many") {
        field.many = boolean(many, &under("many"))?;
    }
    if let Some(join) = item.get("join") {
        field.join = Some(text(join, &under("join"))?.to_owned());
        if !field.many {
            return Err(at(
                Some(join),
                under("join"),
                format!("`join` does nothing without `many = true` in `{path}`"),
            ));
        }
    }
    if let Some(required) = item.get("required") {
        field.required = boolean(required, &under("required"))?;
    }
    if let Some(strict) = item.get("strict") {
        field.strict = boolean(strict, &under("strict"))?;
        field.required |= field.strict;
    }
    field.conversion = conversion(item, path)?;
    field.default =
        item.get("default").map(|item| default_value(item, field, &under("default"))).transpose()?;
    Ok(())
}

/// A default stands where a value would, so it is of the same type: a column holds one.
fn default_value(item: &Item, field: &Field, path: &str) -> Read<Value> {
    match (&item.value, field.many && field.join.is_none()) {
        (Tree::List(items), true) => {
            items.iter().map(|item| of_type(item, &field.conversion, path)).collect()
        }
        (_, true) => Err(wrong_sort(item, "a list, as the field is with `many`", path)
            .hinted("write `default = []`, or give the field a `join`")),
        (_, false) if field.many => text(item, path).map(Value::from),
        (_, false) => of_type(item, &field.conversion, path),
    }
}

fn of_type(item: &Item, conversion: &Conversion, path: &str) -> Read<Value> {
    let wrong = |wanted: &str| wrong_sort(item, &format!("{wanted}, as the field is"), path);
    match (conversion.to, &item.value) {
        (Type::Json, _)
        | (Type::Bool, Tree::Bool(_))
        | (Type::Integer | Type::Number, Tree::Integer(_))
        | (Type::Text | Type::Raw | Type::Html | Type::Url, Tree::Text(_)) => Ok(item.to_json()),
        (Type::Number, Tree::Float(number)) if number.is_finite() => Ok(item.to_json()),
        (Type::Date, Tree::Text(text)) => {
            // As the page writes it, or as the record does.
            let read = |rules: &DateRules| date::parse(text, rules, None);
            let value = read(&conversion.date).or_else(|| read(&DateRules::default()));
            value.map(Value::String).ok_or_else(|| wrong("a date"))
        }
        (Type::Bool, _) => Err(wrong("true or false")),
        (Type::Integer, _) => Err(wrong("an integer")),
        (Type::Number, _) => Err(wrong("a number")),
        (Type::Date, _) => Err(wrong("a text that is a date")),
        (Type::Text | Type::Raw | Type::Html | Type::Url, _) => Err(wrong("a text")),
    }
}

fn conversion(item: &Item, path: &str) -> Read<Conversion> {
    let mut conversion = Conversion::default();
    if let Some(name) = item.get("as") {
        conversion.to = type_named(name, &format!("{path}.as"))?;
        conversion.is_asked_for = true;
    }
    if let Some(decimal) = item.get("decimal") {
        conversion.decimal = decimal_mark(decimal, &format!("{path}.decimal"))?;
        if !matches!(conversion.to, Type::Number | Type::Integer) {
            return Err(does_nothing(item, "decimal", "number", path));
        }
    }
    conversion.date = date_rules(item, path)?;
    let date_key = ["format", "timezone", "relative"].into_iter().find(|key| item.get(key).is_some());
    if let Some(key) = date_key.filter(|_| conversion.to != Type::Date) {
        return Err(does_nothing(item, key, "date", path));
    }
    Ok(conversion)
}

fn does_nothing(item: &Item, key: &str, needed: &str, path: &str) -> RecipeError {
    let message = format!("`{key}` does nothing without `as = \"{needed}\"` in `{path}`");
    at(item.get(key), format!("{path}.{key}"), message)
}

fn date_rules(item: &Item, path: &str) -> Read<DateRules> {
    let mut rules = DateRules::default();
    if let Some(formats) = item.get("format") {
        let path = format!("{path}.format");
        for (format, item) in texts(formats, &path)? {
            if let Some(fault) = date::format_fault(format) {
                return Err(at(
                    Some(item),
                    &path,
                    format!("`{format}` is not the format of a date: {fault}"),
                )
                .hinted("write it as strftime does, such as `%d.%m.%Y`"));
            }
            rules.formats.push(format.to_owned());
        }
    }
    if let Some(zone) = item.get("timezone") {
        let path = format!("{path}.timezone");
        let name = text(zone, &path)?;
        rules.zone = Some(date::zone(name).ok_or_else(|| no_zone(zone, name, &path))?);
    }
    if let Some(relative) = item.get("relative") {
        rules.relative = boolean(relative, &format!("{path}.relative"))?;
    }
    Ok(rules)
}

fn no_zone(item: &Item, name: &str, path: &str) -> RecipeError {
    let known = date::zone_names();
    let nearest = known
        .iter()
        .map(|zone| (strsim::damerau_levenshtein(&zone.to_lowercase(), &name.to_lowercase()), zone))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, zone)| format!("did you mean `{zone}`?"));
    at(Some(item), path, format!("`{name}` is neither an offset from UTC nor the name of a time zone"))
        .hinted("write `+01:00`, `UTC`, or a name such as `Europe/Berlin`")
        .maybe_hinted(nearest)
}

fn type_named(item: &Item, path: &str) -> Read<Type> {
    let name = text(item, path)?;
    named_type(name).map_err(|error| error.of_key(path).spanning(item.span))
}

/// The type of a name, or the nearest right name.
pub(crate) fn named_type(name: &str) -> Read<Type> {
    let names: Vec<_> = Type::NAMES.iter().map(|(name, _)| *name).collect();
    let found = Type::NAMES.iter().find(|(known, _)| *known == name).map(|(_, found)| *found);
    found.ok_or_else(|| {
        let habit = match name {
            "int" | "i64" => Some("integer"),
            "float" | "double" | "decimal" | "price" | "f64" => Some("number"),
            "string" | "str" => Some("text"),
            "boolean" => Some("bool"),
            "link" | "href" | "uri" => Some("url"),
            "datetime" | "time" => Some("date"),
            _ => None,
        };
        let hint = habit.map(|name| format!("did you mean `{name}`?")).or_else(|| nearest(name, &names));
        RecipeError::new(format!("`{name}` is not a type"))
            .hinted(format!("the types are {}", names.join(", ")))
            .maybe_hinted(hint)
    })
}

fn decimal_mark(item: &Item, path: &str) -> Read<char> {
    match text(item, path)? {
        "," => Ok(','),
        "." => Ok('.'),
        other => Err(at(Some(item), path, format!("`{other}` is not a decimal mark"))
            .hinted("write `decimal = \",\"` or `decimal = \".\"`")),
    }
}

fn regex(item: &Item, path: &str) -> Read<Regex> {
    let pattern = text(item, path)?;
    Regex::new(pattern).map_err(|error| {
        let why = regex_fault(&error);
        at(Some(item), path, format!("regex `{pattern}` does not parse: {why}"))
    })
}

/// regex draws its errors over several lines; the last one says what is wrong.
fn regex_fault(error: &regex::Error) -> String {
    let drawn = error.to_string();
    let last = drawn.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

fn targets(item: &Item, path: &str) -> Read<Vec<Target>> {
    let listed = texts(item, path)?;
    if listed.is_empty() {
        return Err(at(Some(item), path, format!("`{path}` lists no selector")));
    }
    listed
        .into_iter()
        .map(|(text, item)| selector::target(text).map_err(|fault| placed(fault, item, path)))
        .collect()
}

fn css_of(item: &Item, path: &str) -> Read<Css> {
    let text = text(item, path)?;
    selector::css(text).map_err(|fault| placed(fault, item, path))
}

/// The place of a selector's fault is inside its quotes.
fn placed(fault: SelectorFault, item: &Item, path: &str) -> RecipeError {
    let span = item.span.map(|(start, end)| ((start + 1 + fault.offset).min(end.saturating_sub(1)), end));
    let error = RecipeError::new(format!("`{path}`: {}", fault.message));
    error.maybe_hinted(fault.hint).of_key(path).spanning(span)
}

fn path_globs(item: &Item, path: &str) -> Read<Vec<PathGlob>> {
    texts(item, path)?
        .into_iter()
        .map(|(glob, item)| {
            PathGlob::new(glob)
                .map_err(|error| at(Some(item), path, format!("`{glob}` is not a glob: {}", error.kind())))
        })
        .collect()
}

fn pointer(item: &Item, path: &str) -> Read<String> {
    let pointer = text(item, path)?;
    if pointer.is_empty() || pointer.starts_with('/') {
        return Ok(pointer.to_owned());
    }
    let slashed = pointer.trim_start_matches("$.").replace('.', "/");
    Err(at(Some(item), path, format!("`{pointer}` is not a JSON pointer"))
        .hinted(format!("write `/{slashed}`")))
}

fn texts<'a>(item: &'a Item, path: &str) -> Read<Vec<(&'a str, &'a Item)>> {
    match &item.value {
        Tree::List(items) => items.iter().map(|item| Ok((text(item, path)?, item))).collect(),
        _ => match &item.value {
            Tree::Text(text) => Ok(vec![(text, item)]),
            _ => Err(wrong_sort(item, "a text or a list of texts", path)),
        },
    }
}

fn text<'a>(item: &'a Item, path: &str) -> Read<&'a str> {
    match &item.value {
        Tree::Text(text) => Ok(text),
        _ => Err(wrong_sort(item, "a text", path)),
    }
}

fn filled_text(item: &Item, path: &str) -> Read<String> {
    match text(item, path)?.trim() {
        "" => Err(at(Some(item), path, format!("`{path}` is empty"))),
        text => Ok(text.to_owned()),
    }
}

fn boolean(item: &Item, path: &str) -> Read<bool> {
    match item.value {
        Tree::Bool(value) => Ok(value),
        _ => Err(wrong_sort(item, "true or false", path)),
    }
}

fn count(item: &Item, path: &str) -> Read<usize> {
    match item.value {
        Tree::Integer(count) if count >= 0 => {
            usize::try_from(count).map_err(|_| wrong_sort(item, "a count", path))
        }
        _ => Err(wrong_sort(item, "a count", path)),
    }
}

fn entries<'a>(item: &'a Item, path: &str) -> Read<&'a [(Key, Item)]> {
    match &item.value {
        Tree::Table(entries) => Ok(entries),
        _ => Err(wrong_sort(item, "a table", path)),
    }
}

fn wrong_sort(item: &Item, wanted: &str, path: &str) -> RecipeError {
    let found = match &item.value {
        Tree::Integer(value) => format!("`{value}`"),
        Tree::Float(value) => format!("`{value}`"),
        Tree::Bool(value) => format!("`{value}`"),
        Tree::Text(text) => format!("the text `{text}`"),
        _ => item.sort().to_owned(),
    };
    at(Some(item), path, format!("`{path}` must be {wanted}, not {found}"))
}

fn at(item: Option<&Item>, path: impl Into<String>, message: impl Into<String>) -> RecipeError {
    RecipeError::new(message).of_key(path).spanning(item.and_then(|item| item.span))
}
