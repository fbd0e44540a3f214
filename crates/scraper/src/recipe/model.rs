//! A recipe as it is used: selectors, patterns and types ready to run.

use gather_records::ColumnType;
use globset::{GlobBuilder, GlobMatcher};
use percent_encoding::percent_decode_str;
use regex::Regex;
use serde_json::Value;

use super::css::{Css, Target};
use crate::value::{Conversion, Type};

/// Names that records use themselves.
pub(crate) const RESERVED: &[&str] = &["_source", "_input", "_fetched_at", "_status", "_detail"];

/// Everything a recipe says.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    pub(crate) record: RecordRules,
    pub(crate) fields: Vec<Field>,
    pub(crate) detail: Option<Detail>,
    pub(crate) follow: FollowRules,
    pub(crate) request: Request,
}

/// `[record]`.
#[derive(Debug, Default)]
pub(crate) struct RecordRules {
    pub(crate) matches: Vec<PathGlob>,
    pub(crate) rows: Rows,
    pub(crate) key: Option<String>,
    pub(crate) min: usize,
    pub(crate) strict: bool,
}

/// What one record is made of.
#[derive(Debug, Default)]
pub(crate) enum Rows {
    /// The page.
    #[default]
    Page,
    /// Each match of a selector.
    Each(Css),
    /// Each row of a table.
    Table(Css),
    /// Each item of the lists that a JSON pointer leads to.
    Json(String),
}

/// `[detail]`: one more page per record.
#[derive(Debug)]
pub(crate) struct Detail {
    pub(crate) link: LinkSource,
    pub(crate) fields: Vec<Field>,
}

/// Where a link stands.
#[derive(Debug)]
pub(crate) enum LinkSource {
    /// In a page's markup.
    Css(Vec<Target>),
    /// In its JSON.
    Json(Vec<String>),
}

impl Default for LinkSource {
    fn default() -> Self {
        Self::Css(Vec::new())
    }
}

/// `[follow]`.
#[derive(Debug, Default)]
pub(crate) struct FollowRules {
    pub(crate) next: LinkSource,
    pub(crate) links: Option<Css>,
    pub(crate) allow: Vec<PathGlob>,
    pub(crate) deny: Vec<PathGlob>,
    pub(crate) max_depth: Option<usize>,
}

/// `[request]`: what to send with every request for the pages of a recipe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// Header names and values. A value `env:NAME` means the environment variable of that name: it is
    /// resolved where the request is made, so that it never shows in a recipe.
    pub headers: Vec<(String, String)>,
    /// Whether cookies are kept from page to page. The client that is used must have a jar for it.
    pub cookies: bool,
}

/// One `[fields]` entry.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) contains: Option<String>,
    pub(crate) regex: Option<Regex>,
    pub(crate) conversion: Conversion,
    pub(crate) many: bool,
    pub(crate) join: Option<String>,
    pub(crate) default: Option<Value>,
    pub(crate) required: bool,
    pub(crate) strict: bool,
}

impl Field {
    /// What a column of its values holds: a list is JSON, unless it is joined. None where the values say it.
    pub(crate) fn holds(&self) -> Option<ColumnType> {
        if self.many {
            return Some(if self.join.is_none() { ColumnType::Json } else { ColumnType::Text });
        }
        Some(match self.conversion.to {
            Type::Text if self.keeps_types() => return None,
            Type::Number => ColumnType::Number,
            Type::Integer => ColumnType::Integer,
            Type::Bool => ColumnType::Boolean,
            Type::Json => ColumnType::Json,
            Type::Text | Type::Raw | Type::Url | Type::Date | Type::Html => ColumnType::Text,
        })
    }

    /// Whether its values come from JSON, and keep their own types.
    fn keeps_types(&self) -> bool {
        !self.conversion.is_asked_for && self.regex.is_none() && self.source.is_json()
    }
}

/// Where a field's text comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// From the record's element.
    Css(Vec<Target>),
    /// From the page.
    Page(Vec<Target>),
    /// The cell after the header cell with this text.
    Label(String),
    /// The cell of this column.
    Column(String),
    /// A JSON pointer into the page's JSON-LD.
    JsonLd { pointer: String, of_type: Option<String> },
    /// A script, or a JSON pointer into it.
    Script { css: Css, pointer: Option<String> },
    /// JSON pointers into the record's item, or into the page; the first that hits.
    Json { pointers: Vec<String>, from_page: bool },
    /// The content of the `<meta>` of this name or property.
    Meta(String),
    /// The title of the page.
    Title,
    /// A path of microdata properties.
    Microdata { path: Vec<String>, of_type: Option<String> },
    /// The JSON literal behind this text in a script.
    ScriptAfter { marker: String, pointer: Option<String> },
}

impl Source {
    /// Whether its values come typed.
    fn is_json(&self) -> bool {
        match self {
            Self::JsonLd { .. } | Self::Json { .. } | Self::ScriptAfter { .. } => true,
            Self::Script { pointer, .. } => pointer.is_some(),
            _ => false,
        }
    }

    /// Whether it gives each record of a page the same.
    pub(crate) fn is_of_page(&self) -> bool {
        match self {
            Self::Css(_) | Self::Label(_) | Self::Column(_) | Self::Microdata { .. } => false,
            Self::Json { from_page, .. } => *from_page,
            _ => true,
        }
    }
}

/// A glob over the path of a URL; `**` crosses slashes, `*` does not.
#[derive(Debug, Clone)]
pub(crate) struct PathGlob(GlobMatcher);

impl PathGlob {
    pub(crate) fn new(glob: &str) -> Result<Self, globset::Error> {
        let glob = GlobBuilder::new(glob).literal_separator(true).build()?;
        Ok(Self(glob.compile_matcher()))
    }

    /// Whether any of the globs matches a path as it is written, or as it reads.
    pub(crate) fn any_matches(globs: &[Self], path: &str) -> bool {
        let matches = |path: &str| globs.iter().any(|glob| glob.0.is_match(path));
        matches(path) || readable(path).is_some_and(|path| matches(&path))
    }
}

/// A path with its escapes read, where it has any and they are UTF-8. `%2F` is no slash: it does not part segments.
fn readable(path: &str) -> Option<String> {
    if !path.contains('%') {
        return None;
    }
    let segments = path.split('/').map(|segment| {
        let segment = segment.replace("%2F", "%252F").replace("%2f", "%252f");
        percent_decode_str(&segment).decode_utf8().map(|text| text.into_owned())
    });
    segments.collect::<Result<Vec<_>, _>>().ok().map(|segments| segments.join("/"))
}

impl Compiled {
    /// Whether a page that is JSON can give records.
    pub(crate) fn reads_json(&self) -> bool {
        let is_json = |field: &Field| matches!(field.source, Source::Json { .. });
        let detail = self.detail.iter().flat_map(|detail| &detail.fields);
        matches!(self.record.rows, Rows::Json(_)) || self.fields.iter().chain(detail).any(is_json)
    }
}
