//! What to take from a page: a recipe, from TOML, from a builder, from a command line.

pub(crate) mod css;
mod keys;
pub(crate) mod model;
mod read;
mod selector;
mod sight;
mod spec;
mod tree;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use gather_records::Column;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use self::model::{Compiled, Field, LinkSource, PathGlob, Request};
use self::tree::{Item, Tree};
use crate::error::RecipeError;
use crate::sight::Sight;

/// The JSON Schema (draft 2020-12) of recipes, for editors: it names every key that a recipe can have.
///
/// ```
/// let schema: serde_json::Value = serde_json::from_str(gather_scraper::RECIPE_SCHEMA)?;
/// assert!(schema["properties"]["fields"].is_object());
/// # Ok::<(), serde_json::Error>(())
/// ```
pub const RECIPE_SCHEMA: &str = include_str!("../../recipe.schema.json");

/// What to take from a page, ready to be used on many pages from many threads.
///
/// It is written in TOML (the whole format is in this crate's README), built with
/// [`Recipe::builder`], or deserialized. Selectors, patterns and globs are compiled once, and one
/// that does not hold is an error then. Cloning is cheap.
///
/// ```
/// use gather_scraper::{Page, Recipe};
///
/// let recipe: Recipe = r#"
///     [record]
///     each = "li"
///     [fields]
///     name = "a"
///     price = { css = ".price", as = "number" }
/// "#.parse()?;
/// let page = Page::from_bytes("<ul><li><a>Tea</a> <i class=price>£2.50</i></ul>", "")?;
/// let found = page.records(&recipe)?;
/// assert_eq!(serde_json::to_string(&found.records)?, r#"[{"name":"Tea","price":2.50}]"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Recipe(Arc<Inner>);

struct Inner {
    written: Item,
    compiled: Compiled,
    sight: Sight,
}

impl Recipe {
    /// A recipe in code. Nothing is checked before [`RecipeBuilder::build`].
    pub fn builder() -> RecipeBuilder {
        RecipeBuilder { written: Item::table(), fault: None }
    }

    /// A builder that holds what this recipe says, to add to it.
    pub fn to_builder(&self) -> RecipeBuilder {
        RecipeBuilder { written: self.0.written.clone(), fault: None }
    }

    /// The recipe as TOML, which parses to the same recipe. Comments are not kept.
    pub fn to_toml(&self) -> String {
        tree::to_toml(&self.0.written)
    }

    /// The names of the fields in the order of the records, those of the detail page last. Empty for
    /// a table whose columns are its fields.
    pub fn field_names(&self) -> Vec<&str> {
        let detail = self.0.compiled.detail.iter().flat_map(|detail| &detail.fields);
        self.0.compiled.fields.iter().chain(detail).map(|field| field.name.as_str()).collect()
    }

    /// The fields as columns of a table: their names, as [`field_names`](Self::field_names) gives them, and what they hold. What
    /// comes from JSON without `as` keeps its own type, so that nothing is said of it.
    ///
    /// ```
    /// use gather_records::ColumnType;
    /// use gather_scraper::Recipe;
    ///
    /// let recipe = Recipe::builder().spec("price:number=.price").spec("tags[]=li").build()?;
    /// let holds: Vec<_> = recipe.columns().iter().map(|column| column.holds).collect();
    /// assert_eq!(holds, [Some(ColumnType::Number), Some(ColumnType::Json)]);
    /// # Ok::<(), gather_scraper::RecipeError>(())
    /// ```
    pub fn columns(&self) -> Vec<Column> {
        let detail = self.0.compiled.detail.iter().flat_map(|detail| &detail.fields);
        let fields = self.0.compiled.fields.iter().chain(detail);
        let column = |field: &Field| {
            let column = Column::new(&field.name);
            match field.holds() {
                Some(holds) => column.holding(holds),
                None => column,
            }
        };
        fields.map(column).collect()
    }

    /// The field that records are told apart by (`key`), if one is named.
    pub fn key(&self) -> Option<&str> {
        self.0.compiled.record.key.as_deref()
    }

    /// Whether a page gives one record at most: there is no `each`, no `table` and no `each_json`.
    ///
    /// ```
    /// use gather_scraper::Recipe;
    ///
    /// assert!(Recipe::default().is_one_per_page());
    /// assert!(!Recipe::builder().each("li").spec("name=b").build()?.is_one_per_page());
    /// # Ok::<(), gather_scraper::RecipeError>(())
    /// ```
    pub fn is_one_per_page(&self) -> bool {
        matches!(self.0.compiled.record.rows, model::Rows::Page)
    }

    /// What to send with every request for the pages of this recipe.
    pub fn request(&self) -> &Request {
        &self.0.compiled.request
    }

    /// How far links are followed from the first page (`max_depth`); None without a limit.
    pub fn max_depth(&self) -> Option<usize> {
        self.0.compiled.follow.max_depth
    }

    /// Whether there are further pages to get by `next`.
    pub fn has_next(&self) -> bool {
        match &self.0.compiled.follow.next {
            LinkSource::Css(targets) => !targets.is_empty(),
            LinkSource::Json(pointers) => !pointers.is_empty(),
        }
    }

    /// Whether each record has a page of its own to get.
    pub fn has_detail(&self) -> bool {
        self.0.compiled.detail.is_some()
    }

    /// Whether a page at this path gives records (`match`). The path is that of a URL, `/book/1.html`; a glob may be
    /// written as the path is, or as it reads.
    ///
    /// ```
    /// use gather_scraper::Recipe;
    ///
    /// let recipe = Recipe::builder().match_path("/bücher/*").build()?;
    /// assert!(recipe.matches_path("/b%C3%BCcher/1") && recipe.matches_path("/bücher/1"));
    /// assert!(!recipe.matches_path("/b%C3%BCcher/1/2") && !recipe.matches_path("/b%C3%BCcher/1%2F2/3"));
    /// # Ok::<(), gather_scraper::RecipeError>(())
    /// ```
    pub fn matches_path(&self, path: &str) -> bool {
        let globs = &self.0.compiled.record.matches;
        globs.is_empty() || PathGlob::any_matches(globs, path)
    }

    /// Whether it takes records from pages that are JSON: by `each_json`, or a field by `json`.
    ///
    /// ```
    /// use gather_scraper::Recipe;
    ///
    /// let recipe: Recipe = "[record]\neach_json = '/items'\n[fields]\nname = { json = '/name' }".parse()?;
    /// assert!(recipe.reads_json() && !Recipe::default().reads_json());
    /// # Ok::<(), gather_scraper::RecipeError>(())
    /// ```
    pub fn reads_json(&self) -> bool {
        self.compiled().reads_json()
    }

    pub(crate) fn compiled(&self) -> &Compiled {
        &self.0.compiled
    }

    /// What of a page it looks at.
    pub(crate) fn sight(&self) -> &Sight {
        &self.0.sight
    }

    fn from_written(written: Item) -> Result<Self, RecipeError> {
        let compiled = read::compile(&written)?;
        Ok(Self::new(written, compiled))
    }

    fn new(written: Item, compiled: Compiled) -> Self {
        Self(Arc::new(Inner { written, sight: sight::of(&compiled), compiled }))
    }
}

impl Default for Recipe {
    /// The recipe without fields: one record per page with `title`, `description`, `canonical`, `lang`.
    fn default() -> Self {
        // An empty recipe always holds; should it not, it is one without fields.
        let without_fields = |_| Self::new(Item::table(), Compiled::default());
        Self::from_written(Item::table()).unwrap_or_else(without_fields)
    }
}

impl FromStr for Recipe {
    type Err = RecipeError;

    /// Reads TOML. Errors name line and column.
    fn from_str(text: &str) -> Result<Self, RecipeError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self::from_written(Item::from_toml(text)?).map_err(|error| error.located_in(text))
    }
}

impl<'de> Deserialize<'de> for Recipe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_written(Item::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for Recipe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.written.serialize(serializer)
    }
}

impl PartialEq for Recipe {
    /// Two recipes are equal when they say the same, wherever it stood.
    fn eq(&self, other: &Self) -> bool {
        self.to_toml() == other.to_toml()
    }
}

impl fmt::Debug for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recipe").field(&self.to_toml()).finish()
    }
}

/// Builds a [`Recipe`] in code.
///
/// ```
/// use gather_scraper::Recipe;
///
/// let recipe = Recipe::builder()
///     .each("article")
///     .field("title", "h3 a@title")
///     .spec("price:number=.price")
///     .build()?;
/// assert_eq!(recipe.field_names(), ["title", "price"]);
/// # Ok::<(), gather_scraper::RecipeError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct RecipeBuilder {
    written: Item,
    fault: Option<RecipeError>,
}

impl RecipeBuilder {
    /// A record per match of this selector. Default: a record per page.
    pub fn each(self, css: impl Into<String>) -> Self {
        self.set("record", "each", Item::text(css))
    }

    /// A record per row of the table that this selector finds. Default: a record per page.
    pub fn table(self, css: impl Into<String>) -> Self {
        self.set("record", "table", Item::text(css))
    }

    /// Only pages whose path this glob matches give records; may be called again for another glob.
    /// Default: all.
    pub fn match_path(mut self, glob: impl Into<String>) -> Self {
        let mut globs =
            match self.written.get("record").and_then(|record| record.get("match")).map(|item| &item.value) {
                Some(Tree::List(items)) => items.clone(),
                Some(other) => vec![Item::new(other.clone())],
                None => Vec::new(),
            };
        globs.push(Item::text(glob));
        self = self.set("record", "match", Item::new(Tree::List(globs)));
        self
    }

    /// The field that records are told apart by. Default: none.
    pub fn key(self, field: impl Into<String>) -> Self {
        self.set("record", "key", Item::text(field))
    }

    /// Fewer records than this on a page are a failure. Default 0: no failure.
    pub fn min(self, records: u32) -> Self {
        self.set("record", "min", Item::new(Tree::Integer(records.into())))
    }

    /// Whether a missing required field fails the page, rather than dropping the record. Default false.
    pub fn strict(self, strict: bool) -> Self {
        self.set("record", "strict", Item::new(Tree::Bool(strict)))
    }

    /// A field in the short form: a selector, then `@attribute`, `@text` (default), `@own` or `@html`.
    pub fn field(self, name: &str, short: impl Into<String>) -> Self {
        self.set("fields", name, Item::text(short))
    }

    /// A field in its long form: what would stand behind `name =` in a recipe, such as
    /// `{ css = ".price", as = "number" }`.
    pub fn field_with(mut self, name: &str, toml: &str) -> Self {
        match Item::from_toml(&format!("field = {toml}")).map(|item| item.get("field").cloned()) {
            Ok(Some(item)) => self.set("fields", name, without_places(item)),
            Ok(None) => self,
            Err(error) => {
                self.fault.get_or_insert(RecipeError::new(format!("field `{name}`: {}", error.message())));
                self
            }
        }
    }

    /// A field as it is written on a command line: `title=h3 a@title`, `tags[]=ul.tags li`,
    /// `price:number=.price`.
    pub fn spec(mut self, spec: &str) -> Self {
        match spec::field(spec) {
            Ok((name, _)) if self.has_field(&name) => {
                let twice = RecipeError::new(format!("field `{name}` is given twice"))
                    .hinted(format!("`{name}[]=…` takes all matches"));
                self.fault.get_or_insert(twice);
                self
            }
            Ok((name, item)) => self.set("fields", &name, item),
            Err(error) => {
                self.fault.get_or_insert(error);
                self
            }
        }
    }

    /// The link to the next page. Default: none.
    pub fn next(self, css: impl Into<String>) -> Self {
        self.set("follow", "next", Item::text(css))
    }

    /// Checks and compiles; the builder can be used again.
    ///
    /// # Errors
    ///
    /// The first thing that does not hold: a selector, a pattern, a glob, a key.
    pub fn build(&self) -> Result<Recipe, RecipeError> {
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => Recipe::from_written(self.written.clone()),
        }
    }

    fn has_field(&self, name: &str) -> bool {
        self.written.get("fields").is_some_and(|fields| fields.get(name).is_some())
    }

    fn set(mut self, section: &str, name: &str, item: Item) -> Self {
        if let Some(table) = self.written.table_under(section) {
            table.set(name, item);
        }
        self
    }
}

/// Places in another text mean nothing here.
fn without_places(item: Item) -> Item {
    let value = match item.value {
        Tree::List(items) => Tree::List(items.into_iter().map(without_places).collect()),
        Tree::Table(entries) => Tree::Table(
            entries
                .into_iter()
                .map(|(mut key, item)| {
                    key.span = None;
                    (key, without_places(item))
                })
                .collect(),
        ),
        other => other,
    };
    Item { value, span: None }
}

#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
