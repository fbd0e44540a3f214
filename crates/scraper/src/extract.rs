//! Page and recipe -> records. The steps of a field are always select, regex, as, default.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use gather_records::{FieldSummary, Record};
use jiff::Timestamp;
use scraper::{ElementRef, Html};
use serde_json::Value;
use url::Url;

use crate::base::Base;
use crate::budget::Budget;
use crate::element::attribute;
use crate::embedded::Embedded;
use crate::error::{Error, ErrorKind};
use crate::json;
use crate::label;
use crate::limits::Limits;
use crate::links::{self, Lead, Link};
use crate::meta;
use crate::recipe::Recipe;
use crate::recipe::css::{Scope, Take, Target};
use crate::recipe::model::{Detail, Field, LinkSource, PathGlob, Rows, Source};
use crate::table::Grid;
use crate::text::{all_text, fold, markup, own_text, visible_own_text, visible_text};
use crate::value::{Setting, Type};
use crate::walk;

/// How long the example of an invalid value may be, in characters.
const EXAMPLE: usize = 80;

/// What a page gave by a recipe.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Extraction {
    /// The records, their fields in the recipe's order.
    pub records: Vec<Record>,
    /// Records that are not there, because a required field was missing or invalid.
    pub dropped: Vec<Dropped>,
    /// How well the fields were filled.
    pub stats: Stats,
    /// What looks wrong on this page alone: nothing matched, or a field was empty in each record.
    pub warnings: Vec<String>,
    /// Whether the recipe's `match` holds for the page. If not, there are no records.
    pub matched: bool,
    /// The next page, if the recipe has `next` and the page a link.
    pub next: Option<String>,
    /// For each record the page of its own to get, if the recipe has `[detail]` and the record a link.
    pub details: Vec<Option<String>>,
}

/// A record that was dropped, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// Its place among the page's records, from 1.
    pub place: usize,
    /// The required field.
    pub field: String,
    /// What did not convert, or None if there was nothing.
    pub invalid: Option<String>,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, field, invalid } = self;
        match invalid {
            Some(text) => {
                write!(f, "record {place} is dropped: required field `{field}` is invalid: `{text}`")
            }
            None => write!(f, "record {place} is dropped: required field `{field}` is missing"),
        }
    }
}

impl From<&Dropped> for Error {
    fn from(dropped: &Dropped) -> Self {
        Self::new(ErrorKind::Parse, dropped.to_string()).of_field(&dropped.field)
    }
}

/// How well fields were filled, on one page or on many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Pages looked at that the recipe's `match` holds for.
    pub pages: u64,
    /// Pages that it does not hold for.
    pub unmatched: u64,
    /// The path of the first of these.
    pub unmatched_example: Option<String>,
    /// Records made.
    pub records: u64,
    /// Records dropped for a required field.
    pub dropped: u64,
    /// By field, in the recipe's order: filled, of all records (dropped ones too), invalid, with the
    /// first example.
    pub fields: Vec<(String, FieldSummary)>,
}

impl Stats {
    /// Adds those of another page.
    pub fn merge(&mut self, other: &Self) {
        self.pages += other.pages;
        self.unmatched += other.unmatched;
        if self.unmatched_example.is_none() {
            self.unmatched_example.clone_from(&other.unmatched_example);
        }
        self.records += other.records;
        self.dropped += other.dropped;
        self.merge_fields(other);
    }

    /// Adds how well the fields were filled, and no pages or records.
    pub(crate) fn merge_fields(&mut self, other: &Self) {
        for (name, summary) in &other.fields {
            self.with_field(name, |mine| {
                mine.filled += summary.filled;
                mine.of += summary.of;
                mine.invalid += summary.invalid;
                if mine.example.is_none() {
                    mine.example.clone_from(&summary.example);
                }
            });
        }
    }

    /// What looks wrong: a `match` that holds for no page, no match at all, or a field that is null everywhere.
    pub fn warnings(&self) -> Vec<String> {
        if self.pages == 0 {
            return self.unmatched_example.iter().map(|path| self.no_page(path)).collect();
        }
        if self.records + self.dropped == 0 {
            return vec!["nothing matched: there is no record".to_owned()];
        }
        let empty = self.fields.iter().filter(|(_, summary)| summary.of > 0 && summary.filled == 0);
        empty.map(|(name, summary)| empty_field(name, summary)).collect()
    }

    fn no_page(&self, path: &str) -> String {
        let pages = if self.unmatched == 1 { "the page" } else { "any of the pages" };
        format!("the recipe's `match` does not hold for {pages}; the first has the path `{path}`")
    }

    fn with_field(&mut self, name: &str, change: impl FnOnce(&mut FieldSummary)) {
        if let Some((_, summary)) = self.fields.iter_mut().find(|(known, _)| known == name) {
            return change(summary);
        }
        let mut summary = FieldSummary::default();
        change(&mut summary);
        self.fields.push((name.to_owned(), summary));
    }
}

fn empty_field(name: &str, summary: &FieldSummary) -> String {
    match &summary.example {
        Some(example) => format!("field `{name}` is null in every record: `{example}` does not convert"),
        None => format!("field `{name}` is null in every record"),
    }
}

/// A parsed page: all that extraction looks at.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    /// The tree; that of an empty page where the page is JSON.
    pub(crate) html: &'a Html,
    /// The page's text, where the recipe reads JSON.
    pub(crate) text: &'a str,
    /// The page that is JSON.
    pub(crate) json: Option<&'a Value>,
    /// What links are resolved against.
    pub(crate) base: Base<'a>,
    /// What `match` looks at; None matches.
    pub(crate) path: Option<&'a str>,
    /// When the response was made.
    pub(crate) made_at: Option<Timestamp>,
    /// What taking the records may cost.
    pub(crate) limits: Limits,
}

impl<'a> Look<'a> {
    /// The root element. `Html::root_element` panics where there is none.
    pub(crate) fn root(self) -> Option<ElementRef<'a>> {
        links::elements(self.html).next()
    }
}

/// The records of a page.
pub(crate) fn records(look: Look<'_>, recipe: &Recipe) -> Result<Extraction, Error> {
    let compiled = recipe.compiled();
    let budget = Budget::new(look.limits);
    let mut extraction = Extraction { next: next_link(look, recipe, &budget), ..Extraction::default() };
    budget.check()?;
    if let Some(path) = look.path.filter(|path| !recipe.matches_path(path)) {
        extraction.stats.unmatched = 1;
        extraction.stats.unmatched_example = Some(path.to_owned());
        return Ok(extraction);
    }
    let Some(root) = look.root() else { return Ok(extraction) };
    extraction.matched = true;
    extraction.stats.pages = 1;
    let mut taking = Taking {
        view: View::new(root, look, &budget),
        fields: &compiled.fields,
        detail: compiled.detail.as_ref(),
        strict: Strict::Fields { all: compiled.record.strict },
        out: &mut extraction,
    };
    match &compiled.record.rows {
        Rows::Page => taking.take(Row::of(Scope::Page(root)))?,
        Rows::Each(css) => {
            for element in css.elements(Scope::Page(root), &budget) {
                taking.take(Row::of(Scope::Below(element)))?;
            }
        }
        Rows::Table(css) => {
            for table in css.elements(Scope::Page(root), &budget) {
                taking.take_table(table)?;
            }
        }
        Rows::Json(pointer) => {
            let json = look.json.ok_or_else(|| json::fault(look.text))?;
            for item in items(json.pointer(pointer)) {
                taking.take(Row { json: Some(item), ..Row::of(Scope::Page(root)) })?;
            }
        }
    }
    budget.check()?;
    check_min(&extraction, compiled.record.min)?;
    extraction.warnings = extraction.stats.warnings();
    Ok(extraction)
}

/// The fields of `[detail]` from a page of its own. What a missing one means is for the page of the record to say.
pub(crate) fn detail(look: Look<'_>, recipe: &Recipe) -> Result<Extraction, Error> {
    let mut extraction = Extraction { matched: true, ..Extraction::default() };
    let (Some(root), Some(detail)) = (look.root(), &recipe.compiled().detail) else {
        return Ok(extraction);
    };
    extraction.stats.pages = 1;
    let budget = Budget::new(look.limits);
    let mut taking = Taking {
        view: View::new(root, look, &budget),
        fields: &detail.fields,
        detail: None,
        strict: Strict::Nothing,
        out: &mut extraction,
    };
    taking.take(Row::of(Scope::Page(root)))?;
    extraction.warnings = extraction.stats.warnings();
    Ok(extraction)
}

/// The items of a list; anything else but null is one item.
fn items(found: Option<&Value>) -> &[Value] {
    match found {
        None | Some(Value::Null) => &[],
        Some(Value::Array(items)) => items,
        Some(one) => std::slice::from_ref(one),
    }
}

pub(crate) fn check_min(extraction: &Extraction, min: usize) -> Result<(), Error> {
    let found = extraction.records.len();
    if found >= min {
        return Ok(());
    }
    let dropped = match extraction.dropped.len() {
        0 => String::new(),
        dropped => format!(" ({dropped} dropped)"),
    };
    Err(Error::new(
        ErrorKind::Parse,
        format!("the page has {found} records{dropped}, and `min` asks for {min}"),
    ))
}

/// The page that `next` leads to.
pub(crate) fn next_page(look: Look<'_>, recipe: &Recipe) -> Result<Option<String>, Error> {
    let budget = Budget::new(look.limits);
    let next = next_link(look, recipe, &budget);
    budget.check().map(|()| next)
}

fn next_link(look: Look<'_>, recipe: &Recipe, budget: &Budget) -> Option<String> {
    let scope = Scope::Page(look.root()?);
    link_from(&recipe.compiled().follow.next, scope, look.json, look.base, budget)
}

fn link_from(
    link: &LinkSource,
    scope: Scope<'_>,
    json: Option<&Value>,
    base: Base<'_>,
    budget: &Budget,
) -> Option<String> {
    match link {
        LinkSource::Css(targets) => {
            targets.iter().find_map(|target| link_target(target, scope, base, budget))
        }
        LinkSource::Json(pointers) => {
            let found = pointers.iter().find_map(|pointer| json?.pointer(pointer)?.as_str());
            found.filter(|link| !link.is_empty()).and_then(|link| base.resolved(link))
        }
    }
}

/// The link that a target means: the attribute that is named, else the element's own link, else the
/// first link in it.
fn link_target(target: &Target, scope: Scope<'_>, base: Base<'_>, budget: &Budget) -> Option<String> {
    target.elements(scope, budget).find_map(|element| {
        let href = match &target.take {
            Take::Attribute(name) => attribute(element, name),
            _ => element
                .attr("href")
                .or_else(|| walk::below(element, budget).find_map(|inner| inner.attr("href"))),
        };
        base.resolved(href?)
    })
}

/// The links that a crawl follows.
pub(crate) fn follow(look: Look<'_>, recipe: &Recipe) -> Result<Vec<Link>, Error> {
    let budget = Budget::for_links(look.limits);
    let links = links::with_texts(look.html, followed(look, recipe, &budget), &budget);
    budget.check().map(|()| links)
}

/// The pages that they lead to, each once; of those whose `rel` is followed.
pub(crate) fn pages(
    look: Look<'_>,
    recipe: &Recipe,
    is_followed: impl Fn(Option<&str>) -> bool,
) -> Result<Vec<String>, Error> {
    let budget = Budget::for_links(look.limits);
    let elements = leading(look, recipe, &budget).filter(|element| is_followed(element.attr("rel")));
    let mut pages = links::pages_of(elements, look.base, &budget);
    pages.retain(|page| is_allowed(page, recipe));
    budget.check().map(|()| pages)
}

fn followed<'a>(look: Look<'a>, recipe: &Recipe, budget: &Budget) -> Vec<Lead<'a>> {
    let mut found = links::leads_of(leading(look, recipe, budget), look.base, budget);
    found.retain(|lead| is_allowed(&lead.url, recipe));
    found
}

/// The elements whose links are followed.
fn leading<'a: 'r, 'r>(
    look: Look<'a>,
    recipe: &'r Recipe,
    budget: &'r Budget,
) -> Box<dyn Iterator<Item = ElementRef<'a>> + 'r> {
    match (&recipe.compiled().follow.links, look.root()) {
        (Some(css), Some(root)) => Box::new(css.elements(Scope::Page(root), budget)),
        _ => Box::new(links::leading(look.html)),
    }
}

fn is_allowed(url: &str, recipe: &Recipe) -> bool {
    let rules = &recipe.compiled().follow;
    if rules.allow.is_empty() && rules.deny.is_empty() {
        return true;
    }
    let path = Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.path().to_owned());
    (rules.allow.is_empty() || PathGlob::any_matches(&rules.allow, &path))
        && !PathGlob::any_matches(&rules.deny, &path)
}

/// What all records of a page have in common.
struct View<'a> {
    html: &'a Html,
    root: ElementRef<'a>,
    setting: Setting<'a>,
    json: Option<&'a Value>,
    embedded: Embedded,
    budget: &'a Budget,
    /// What the fields of the page as a whole gave, by name: the same for each record.
    of_page: RefCell<HashMap<String, Outcome>>,
}

impl<'a> View<'a> {
    fn new(root: ElementRef<'a>, look: Look<'a>, budget: &'a Budget) -> Self {
        let (embedded, of_page) = (Embedded::default(), RefCell::default());
        let setting = Setting { base: look.base, made_at: look.made_at, budget };
        Self { html: look.html, root, setting, json: look.json, embedded, budget, of_page }
    }
}

/// What one record is taken from.
struct Row<'a, 'g> {
    scope: Scope<'a>,
    cells: Option<(&'g Grid<'a>, &'g [Option<ElementRef<'a>>])>,
    json: Option<&'a Value>,
}

impl<'a> Row<'a, '_> {
    fn of(scope: Scope<'a>) -> Self {
        Self { scope, cells: None, json: None }
    }
}

/// Records being taken from a page.
struct Taking<'a, 'r> {
    view: View<'a>,
    fields: &'r [Field],
    detail: Option<&'r Detail>,
    strict: Strict,
    out: &'r mut Extraction,
}

/// Which dropped records fail the page.
#[derive(Clone, Copy)]
enum Strict {
    /// None of them.
    Nothing,
    /// Those that lack a strict field; `all`: any required one.
    Fields { all: bool },
}

impl<'a> Taking<'a, '_> {
    fn take_table(&mut self, table: ElementRef<'a>) -> Result<(), Error> {
        let grid = Grid::new(table, self.view.budget)?;
        for row in &grid.rows {
            if self.fields.is_empty() {
                self.take_columns(&grid, row.element, &row.cells);
                self.view.budget.check()?;
            } else {
                let cells = Some((&grid, row.cells.as_slice()));
                self.take(Row { cells, ..Row::of(Scope::Below(row.element)) })?;
            }
        }
        Ok(())
    }

    /// A table without fields: each column is one.
    fn take_columns(&mut self, grid: &Grid<'_>, row: ElementRef<'_>, cells: &[Option<ElementRef<'_>>]) {
        let budget = self.view.budget;
        let mut record = Record::new();
        let columns = grid.columns.iter().enumerate();
        // A record has names of its own.
        for (index, column) in
            columns.take_while(|(_, column)| budget.spend(&column.name) && budget.had_time())
        {
            let text = cells.get(index).copied().flatten().and_then(|cell| visible_text(cell, budget));
            self.out.stats.count(&column.name, text.is_some(), None);
            record.insert(column.name.as_str(), text);
        }
        self.keep(record, Scope::Below(row), None);
    }

    fn take(&mut self, row: Row<'a, '_>) -> Result<(), Error> {
        let mut record = Record::new();
        let mut dropped = None;
        for field in self.fields {
            let outcome = outcome(field, &self.view, &row);
            self.out.stats.count(&field.name, outcome.found.is_some(), outcome.invalid.as_deref());
            let value = outcome.found.or_else(|| field.default.clone());
            if value.is_none() && field.required && dropped.is_none() {
                dropped = Some((field, outcome.invalid));
            }
            record.insert(field.name.as_str(), value);
        }
        self.view.budget.check()?;
        match dropped {
            None => self.keep(record, row.scope, row.json.or(self.view.json)),
            Some((field, invalid)) => self.drop_record(field, invalid)?,
        }
        Ok(())
    }

    /// A record with a page of its own has null for that page's fields, or their defaults, until they are known.
    fn keep(&mut self, mut record: Record, scope: Scope<'_>, json: Option<&Value>) {
        if let Some(detail) = self.detail {
            let (base, budget) = (self.view.setting.base, self.view.budget);
            self.out.details.push(link_from(&detail.link, scope, json, base, budget));
            for field in &detail.fields {
                record.insert(field.name.as_str(), field.default.clone());
            }
        }
        self.out.stats.records += 1;
        self.out.records.push(record);
    }

    fn drop_record(&mut self, field: &Field, invalid: Option<String>) -> Result<(), Error> {
        let place = self.out.records.len() + self.out.dropped.len() + 1;
        let dropped = Dropped { place, field: field.name.clone(), invalid };
        if matches!(self.strict, Strict::Fields { all } if all || field.strict) {
            return Err((&dropped).into());
        }
        self.out.stats.dropped += 1;
        self.out.dropped.push(dropped);
        Ok(())
    }
}

impl Stats {
    /// Counts fields of a record that has none of them.
    pub(crate) fn count_missing(&mut self, fields: &[Field]) {
        fields.iter().for_each(|field| self.count(&field.name, false, None));
    }

    fn count(&mut self, name: &str, filled: bool, invalid: Option<&str>) {
        self.with_field(name, |field| {
            field.of += 1;
            field.filled += u64::from(filled);
            if let Some(example) = invalid {
                field.invalid += 1;
                field.example.get_or_insert_with(|| example.to_owned());
            }
        });
    }
}

/// What became of a field in one record.
#[derive(Clone, Default)]
struct Outcome {
    found: Option<Value>,
    /// The first text that did not convert.
    invalid: Option<String>,
}

/// What was selected: text, or a value that came typed.
enum Raw {
    Text(String),
    Json(Value),
}

/// The outcome for one record. What comes from the page as a whole is looked for once.
fn outcome(field: &Field, view: &View<'_>, row: &Row<'_, '_>) -> Outcome {
    if !field.source.is_of_page() {
        return look_for(field, view, row);
    }
    if let Some(known) = view.of_page.borrow().get(&field.name) {
        let size = known.found.as_ref().map_or(0, json::size);
        return if view.budget.spend_bytes(size) { known.clone() } else { Outcome::default() };
    }
    let outcome = look_for(field, view, row);
    view.of_page.borrow_mut().insert(field.name.clone(), outcome.clone());
    outcome
}

fn look_for(field: &Field, view: &View<'_>, row: &Row<'_, '_>) -> Outcome {
    let mut invalid = None;
    let selected = select(field, view, row);
    let mut values = Vec::with_capacity(selected.len());
    for raw in selected {
        let Some(raw) = by_regex(field, raw) else { continue };
        match convert(field, raw, view.setting) {
            Ok(value) => values.push(value),
            Err(raw) => drop(invalid.get_or_insert_with(|| example(&raw))),
        }
    }
    let found = if field.many { many(field, values) } else { values.into_iter().next() };
    Outcome { found, invalid }
}

/// Nothing found is null, as for a field with one value.
fn many(field: &Field, values: Vec<Value>) -> Option<Value> {
    if values.is_empty() {
        return None;
    }
    match &field.join {
        None => Some(Value::Array(values)),
        Some(join) => {
            let texts: Vec<_> = values
                .iter()
                .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                .collect();
            Some(Value::String(texts.join(join)))
        }
    }
}

fn example(raw: &Raw) -> String {
    let text = match raw {
        Raw::Text(text) => text.clone(),
        Raw::Json(value) => value.to_string(),
    };
    match text.char_indices().nth(EXAMPLE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or("")),
        None => text,
    }
}

/// The first group of the pattern, or the whole match if it has none.
fn by_regex(field: &Field, raw: Raw) -> Option<Raw> {
    let Some(regex) = &field.regex else { return Some(raw) };
    let text = match &raw {
        Raw::Text(text) => text.clone(),
        Raw::Json(Value::String(text)) => text.clone(),
        Raw::Json(value) => value.to_string(),
    };
    let captures = regex.captures(&text)?;
    let group =
        if regex.captures_len() > 1 { captures.iter().skip(1).flatten().next()? } else { captures.get(0)? };
    Some(Raw::Text(group.as_str().to_owned()))
}

/// The value, or else what does not convert. A text that stays text is not copied.
fn convert(field: &Field, raw: Raw, setting: Setting<'_>) -> Result<Value, Raw> {
    match raw {
        Raw::Text(text) if field.conversion.is_text() => Ok(Value::String(text)),
        raw => {
            let value = match &raw {
                Raw::Text(text) => field.conversion.value(text, setting),
                Raw::Json(value) => field.conversion.typed(value, setting),
            };
            value.ok_or(raw)
        }
    }
}

/// The texts that a field selects: all of them for `many`, else the first.
fn select(field: &Field, view: &View<'_>, row: &Row<'_, '_>) -> Vec<Raw> {
    let json = |values: Vec<Value>| spread(values, field.many).into_iter().map(Raw::Json).collect();
    let budget = view.budget;
    match &field.source {
        Source::Css(targets) => from_targets(field, targets, row.scope, budget),
        Source::Page(targets) => from_targets(field, targets, Scope::Page(view.root), budget),
        Source::Label(label) => {
            from_elements(field, label::cells_after(label, row.scope.element(), budget), budget)
        }
        Source::Column(name) => from_elements(field, column_cell(name, row), budget),
        Source::JsonLd { pointer, of_type } => {
            let most = if field.many { usize::MAX } else { 1 };
            let found = view.embedded.json_ld(view.root, pointer, of_type.as_deref(), budget).take(most);
            let affordable = |found: &&Value| budget.spend_bytes(json::size(found));
            json(found.take_while(affordable).cloned().collect())
        }
        Source::Script { css, pointer } => {
            let scripts = css.elements(Scope::Page(view.root), budget);
            let scripts = scripts.filter_map(|script| all_text(script, budget));
            match pointer {
                Some(pointer) => json(Embedded::in_scripts(scripts, pointer, budget).into_iter().collect()),
                None => texts(scripts, field.many),
            }
        }
        Source::Json { pointers, from_page } => {
            let item = if *from_page { view.json } else { row.json.or(view.json) };
            let found =
                pointers.iter().find_map(|pointer| item?.pointer(pointer).filter(|found| !found.is_null()));
            let found = found.filter(|found| budget.spend_bytes(json::size(found)));
            json(found.cloned().into_iter().collect())
        }
        Source::Title => {
            let title = meta::title(view.html).and_then(|title| all_text(title, budget));
            texts(title.map(|title| fold(&title)).into_iter(), field.many)
        }
        Source::Meta(name) => texts(meta::contents(view.root, name, budget), field.many),
        Source::Microdata { path, of_type } => {
            let found = meta::properties(row.scope, view.root, path, of_type.as_deref(), budget);
            let value = |element| meta::value(element, field.conversion.to, view.setting.base, budget);
            texts(found.into_iter().filter_map(value), field.many)
        }
        Source::ScriptAfter { marker, pointer } => {
            let pointer = pointer.as_deref().unwrap_or("");
            json(Embedded::after_marker(view.root, marker, pointer, budget).into_iter().collect())
        }
    }
}

/// All of them for `many`, else the first.
fn texts(found: impl Iterator<Item = String>, many: bool) -> Vec<Raw> {
    found.take(if many { usize::MAX } else { 1 }).map(Raw::Text).collect()
}

/// With `many`, a list is its elements; null is nothing.
fn spread(values: Vec<Value>, many: bool) -> Vec<Value> {
    let values = values.into_iter().filter(|value| !value.is_null());
    if !many {
        return values.take(1).collect();
    }
    values
        .flat_map(|value| match value {
            Value::Array(items) => items,
            other => vec![other],
        })
        .collect()
}

fn column_cell<'a>(name: &str, row: &Row<'a, '_>) -> Option<ElementRef<'a>> {
    let (grid, cells) = row.cells?;
    cells.get(grid.column(name)?).copied().flatten()
}

/// The first selector that hits gives the texts.
fn from_targets(field: &Field, targets: &[Target], scope: Scope<'_>, budget: &Budget) -> Vec<Raw> {
    for target in targets {
        let found = target
            .elements(scope, budget)
            .take_while(|_| budget.had_time())
            .filter(|element| holds_wanted_text(field, *element, budget))
            .filter_map(|element| taken(element, &target.take, field.conversion.to, budget));
        let found = texts(found, field.many);
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

fn from_elements<'a>(
    field: &Field,
    elements: impl IntoIterator<Item = ElementRef<'a>>,
    budget: &Budget,
) -> Vec<Raw> {
    let text = |element| taken(element, &Take::Text, field.conversion.to, budget);
    texts(elements.into_iter().filter_map(text), field.many)
}

fn holds_wanted_text(field: &Field, element: ElementRef<'_>, budget: &Budget) -> bool {
    let holds =
        |wanted: &String| visible_text(element, budget).is_some_and(|text| fold(&text).contains(wanted));
    field.contains.as_ref().is_none_or(holds)
}

/// What is taken of an element, for a type. An attribute that is not there is no hit.
fn taken(element: ElementRef<'_>, take: &Take, to: Type, budget: &Budget) -> Option<String> {
    match (take, to) {
        (Take::Attribute(name), _) => {
            let value = attribute(element, name)?;
            budget.paid(match to {
                // A URL has white space of its own kind: the URL parser knows which of it to drop.
                Type::Raw | Type::Json | Type::Url => value.to_owned(),
                // A present attribute without a value (`disabled`) is yes.
                Type::Bool if value.is_empty() => "true".to_owned(),
                _ => fold(value),
            })
        }
        (Take::Html, _) | (Take::Text, Type::Html) => markup(element, budget),
        (Take::Own, Type::Raw | Type::Json) => own_text(element, budget),
        (Take::Own, _) => visible_own_text(element, budget),
        (Take::Text, Type::Raw | Type::Json) => all_text(element, budget),
        (Take::Text, _) => visible_text(element, budget),
    }
}

#[cfg(test)]
mod tests;
