//! A page: its text and where it came from. A document: the page's tree, for as long as it is looked at.

use std::cell::OnceCell;
use std::time::SystemTime;

use encoding_rs::UTF_8;
use jiff::Timestamp;
use scraper::Html;
use serde_json::Value;
use url::Url;

use crate::base::Base;
use crate::budget::Budget;
use crate::charset::{self, Charset};
use crate::error::{Error, ErrorKind};
use crate::extract::{self, Extraction, Look};
use crate::html_check::{self, PageKind};
use crate::json;
use crate::limits::Limits;
use crate::links::{self, Link, LinkOptions};
use crate::meta;
use crate::parse::{Parsed, Source};
use crate::recipe::Recipe;
use crate::sight::Sight;
use crate::text;

/// A page's decoded text and its URL. It can be sent and shared between threads.
///
/// The tree is built when something is asked of the page, and gone when the answer is there. Who
/// asks several things calls [`Page::parse`] once and asks the [`Document`].
#[derive(Debug, Clone)]
pub struct Page {
    text: String,
    charset: Charset,
    url: Option<Url>,
    path: Option<String>,
    made_at: Option<Timestamp>,
    limits: Limits,
    is_json: bool,
}

impl Page {
    /// A page from its bytes. The encoding is found as browsers find it; `url` is where the page came
    /// from, or empty if that is not known: then links stay as they are written.
    ///
    /// # Errors
    ///
    /// Kind `parse` if the bytes are neither HTML nor JSON, `encoding` if they declare an encoding that cannot be
    /// decoded, `invalid_input` if `url` is not an absolute URL, `too_large` past the bound of bytes.
    ///
    /// ```
    /// let page = gather_scraper::Page::from_bytes("<title>Tea</title><a href=/b>B</a>", "http://tea.example/a")?;
    /// assert_eq!(page.title()?.as_deref(), Some("Tea"));
    /// assert_eq!(page.links()?[0].url, "http://tea.example/b");
    /// # Ok::<(), gather_scraper::Error>(())
    /// ```
    pub fn from_bytes(bytes: impl Into<Vec<u8>>, url: impl AsRef<str>) -> Result<Self, Error> {
        Self::builder().url(url.as_ref()).build(bytes)
    }

    /// A page with more said about it: its Content-Type, its path, other limits.
    pub fn builder() -> PageBuilder {
        PageBuilder::default()
    }

    /// The decoded text.
    pub fn source(&self) -> &str {
        &self.text
    }

    /// The encoding it was read in, and what said so.
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// Where it came from, if that is known.
    pub fn url(&self) -> Option<&str> {
        self.url.as_ref().map(Url::as_str)
    }

    /// Builds the tree.
    ///
    /// # Errors
    ///
    /// Kind `too_large`, naming the bound of [`Limits`] that was hit.
    pub fn parse(&self) -> Result<Document<'_>, Error> {
        self.parse_in(&Sight::WHOLE)
    }

    /// Builds a tree that holds no more than what is looked at.
    pub(crate) fn parse_in(&self, sight: &Sight) -> Result<Document<'_>, Error> {
        let json = self.is_json.then(|| json::parse(&self.text, &self.limits)).transpose();
        let json = json.map_err(|error| self.located(error))?;
        self.document(self.markup()?, json, sight)
    }

    /// What the tree is made of: nothing where the page is JSON.
    fn markup(&self) -> Result<Source, Error> {
        let markup = if self.is_json { "" } else { self.text.as_str() };
        Source::new(markup, &self.limits).map_err(|error| self.located(error))
    }

    fn document(&self, markup: Source, json: Option<Value>, sight: &Sight) -> Result<Document<'_>, Error> {
        let parsed = markup.parse(&self.limits, sight).map_err(|error| self.located(error))?;
        let Parsed { html, may_have_base } = parsed;
        Ok(Document { page: self, html, json, may_have_base, declared_base: OnceCell::new() })
    }

    /// One answer by a recipe from a page that nobody needs afterwards: its text is gone before the tree is there.
    #[cfg(feature = "fetch")]
    pub(crate) fn into_answer<T>(
        mut self,
        recipe: &Recipe,
        ask: impl FnOnce(&Document<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.is_json || recipe.compiled().reads_json() {
            return ask(&self.parse_in(recipe.sight())?);
        }
        let markup = self.markup()?;
        self.text = String::new();
        ask(&self.document(markup, None, recipe.sight())?)
    }

    /// The page's records by a recipe.
    ///
    /// # Errors
    ///
    /// As [`Page::parse`] and [`Document::records`].
    pub fn records(&self, recipe: &Recipe) -> Result<Extraction, Error> {
        self.parse_in(recipe.sight())?.records(recipe)
    }

    /// The page's links in document order.
    ///
    /// # Errors
    ///
    /// As [`Page::parse`] and [`Document::links`].
    pub fn links(&self) -> Result<Vec<Link>, Error> {
        self.parse()?.links()
    }

    /// The links that the options ask for, in document order.
    ///
    /// # Errors
    ///
    /// As [`Page::parse`] and [`Document::links`].
    pub fn links_with(&self, options: LinkOptions) -> Result<Vec<Link>, Error> {
        self.parse()?.links_with(options)
    }

    /// The page's text as a browser shows it.
    ///
    /// # Errors
    ///
    /// As [`Page::parse`].
    pub fn text(&self) -> Result<String, Error> {
        Ok(self.parse()?.text())
    }

    /// The page's title, white space folded.
    ///
    /// # Errors
    ///
    /// As [`Page::parse`].
    pub fn title(&self) -> Result<Option<String>, Error> {
        Ok(self.parse()?.title())
    }

    /// Lends the tree, for everything that recipes do not do.
    ///
    /// # Errors
    ///
    /// As [`Page::parse`].
    ///
    /// ```
    /// let page = gather_scraper::Page::from_bytes("<p>a<p>b", "")?;
    /// assert_eq!(page.with_tree(|html| html.tree.nodes().count())?, 8);
    /// # Ok::<(), gather_scraper::Error>(())
    /// ```
    pub fn with_tree<T>(&self, look: impl FnOnce(&Html) -> T) -> Result<T, Error> {
        let document = self.parse()?;
        document.check_html()?;
        Ok(look(document.html()))
    }

    fn path(&self) -> Option<&str> {
        self.url.as_ref().map(Url::path).or(self.path.as_deref())
    }

    fn located(&self, error: Error) -> Error {
        match &self.url {
            Some(url) => error.at(url.as_str()),
            None => error,
        }
    }
}

/// Says what is known about a page besides its bytes.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct PageBuilder {
    url: Option<String>,
    path: Option<String>,
    content_type: Option<String>,
    encoding: Option<String>,
    date: Option<SystemTime>,
    limits: Limits,
}

impl PageBuilder {
    /// Where the page came from: an absolute URL. Default, and off by an empty text: not known.
    pub fn url(mut self, url: &str) -> Self {
        self.url = Some(url.to_owned()).filter(|url| !url.is_empty());
        self
    }

    /// The path that a recipe's `match` looks at when there is no URL, such as `/book/1.html` for a file
    /// below the folder given. Default: none, and `match` holds for the page.
    pub fn path(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// The Content-Type that came with the page. Default: none, so that the bytes decide.
    pub fn content_type(mut self, content_type: &str) -> Self {
        self.content_type = Some(content_type.to_owned());
        self
    }

    /// A label of the Encoding Standard, which then is not looked for. Default: none.
    pub fn encoding(mut self, label: &str) -> Self {
        self.encoding = Some(label.to_owned());
        self
    }

    /// When the response was made, from which `relative` dates count: `2 days ago`. Default: not known, and such a text
    /// does not convert.
    pub fn date(mut self, date: SystemTime) -> Self {
        self.date = Some(date);
        self
    }

    /// How much is parsed before the page counts as too large. Default: [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Decodes the bytes.
    ///
    /// # Errors
    ///
    /// As [`Page::from_bytes`].
    pub fn build(self, bytes: impl Into<Vec<u8>>) -> Result<Page, Error> {
        let bytes = bytes.into();
        let url = self.url.as_deref().map(absolute).transpose()?;
        let located = |error: Error| match &url {
            Some(url) => error.at(url.as_str()),
            None => error,
        };
        let (content_type, label) = (self.content_type.as_deref(), self.encoding.as_deref());
        let kind = html_check::check(&bytes, content_type, label).map_err(located)?;
        let is_json = kind == PageKind::Json;
        let (text, charset) = charset::decode(bytes, content_type, label).map_err(located)?;
        let made_at = self.date.and_then(|date| Timestamp::try_from(date).ok());
        Ok(Page { text, charset, url, path: self.path, made_at, limits: self.limits, is_json })
    }
}

fn absolute(url: &str) -> Result<Url, Error> {
    Url::parse(url).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, format!("`{url}` is not an absolute URL: {error}"))
            .hinted("write it with its scheme, such as https://example.com/page")
            .at(url)
    })
}

/// The tree of a page. It stays on the thread it was made on.
#[derive(Debug)]
pub struct Document<'p> {
    page: &'p Page,
    html: Html,
    /// What the page says if it is JSON; the tree is that of an empty page then.
    json: Option<Value>,
    may_have_base: bool,
    /// Looked for when it is asked for: a page with `<base>` far down is walked to there.
    declared_base: OnceCell<Option<Url>>,
}

impl Document<'_> {
    /// The tree itself.
    pub fn html(&self) -> &Html {
        &self.html
    }

    /// What links are resolved against: `<base>`, else the page's URL, if that is known.
    pub fn base(&self) -> Option<&str> {
        self.base_url().map(Url::as_str)
    }

    fn base_url(&self) -> Option<&Url> {
        let own = self.page.url.as_ref();
        let declared =
            || self.may_have_base.then(|| links::base_of(&self.html, self.read_with(own))).flatten();
        self.declared_base.get_or_init(declared).as_ref().or(own)
    }

    /// What its URLs are read with.
    pub(crate) fn url_base(&self) -> Base<'_> {
        self.read_with(self.base_url())
    }

    fn read_with<'u>(&self, url: Option<&'u Url>) -> Base<'u> {
        let encoding = if self.page.is_json { UTF_8 } else { self.page.charset.encoding() };
        Base::new(url, encoding)
    }

    /// The records by a recipe.
    ///
    /// # Errors
    ///
    /// Kind `parse` for fewer records than `min`, or, with `strict`, for a missing or invalid required
    /// field; `too_large` for a table that expands past a million cells, for records with more than 256 MiB of
    /// text, for JSON in it with more values than it may have nodes or nested past 127 levels, and past the limit of time.
    pub fn records(&self, recipe: &Recipe) -> Result<Extraction, Error> {
        if !recipe.compiled().reads_json() {
            self.check_html()?;
        }
        self.located(extract::records(self.look(), recipe))
    }

    /// The fields that a recipe's `[detail]` takes from this page, as one more record's worth.
    ///
    /// # Errors
    ///
    /// As [`Document::records`].
    pub fn detail(&self, recipe: &Recipe) -> Result<Extraction, Error> {
        self.located(extract::detail(self.look(), recipe))
    }

    /// The links in document order: `a` and `area` elements that lead to http, https or file. What is inside
    /// `<template>` is no part of the document.
    ///
    /// # Errors
    ///
    /// Kind `too_large` for links with more than 64 MiB of text (a link inside a link repeats it), and past the
    /// limit of time.
    pub fn links(&self) -> Result<Vec<Link>, Error> {
        self.links_with(LinkOptions::default())
    }

    /// The links that the options ask for, in document order.
    ///
    /// # Errors
    ///
    /// As [`Document::links`].
    pub fn links_with(&self, options: LinkOptions) -> Result<Vec<Link>, Error> {
        self.check_html()?;
        let budget = Budget::for_links(self.page.limits);
        let links = links::links_with(&self.html, options, self.url_base(), &budget);
        self.located(budget.check().map(|()| links))
    }

    /// The links a crawl follows from here by a recipe: those that `links` finds and `allow` and
    /// `deny` let through. Without `[follow] links`, all.
    ///
    /// # Errors
    ///
    /// As [`Document::links`].
    pub fn follow(&self, recipe: &Recipe) -> Result<Vec<Link>, Error> {
        self.located(extract::follow(self.look(), recipe))
    }

    /// The next page by a recipe's `next`, if there is one.
    ///
    /// # Errors
    ///
    /// Kind `too_large` past the limit of time.
    pub fn next_page(&self, recipe: &Recipe) -> Result<Option<String>, Error> {
        self.located(extract::next_page(self.look(), recipe))
    }

    /// The text as a browser shows it.
    pub fn text(&self) -> String {
        self.look().root().map_or_else(String::new, text::shown)
    }

    /// The title, white space folded: that of the first `<title>` of HTML in the document, wherever it stands; None if there is
    /// none.
    pub fn title(&self) -> Option<String> {
        meta::title(&self.html).map(text::shown)
    }

    /// An error, if it is one, at this page.
    pub(crate) fn located<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        outcome.map_err(|error| self.page.located(error))
    }

    /// JSON has no links, and no elements.
    fn check_html(&self) -> Result<(), Error> {
        match self.json {
            Some(_) => Err(self
                .page
                .located(html_check::not_html("it is JSON"))
                .hinted("a recipe reads it by `each_json` or `json`")),
            None => Ok(()),
        }
    }

    pub(crate) fn look(&self) -> Look<'_> {
        Look {
            html: &self.html,
            text: &self.page.text,
            json: self.json.as_ref(),
            base: self.url_base(),
            path: self.page.path(),
            made_at: self.page.made_at,
            limits: self.page.limits,
        }
    }
}

#[cfg(test)]
mod same_answers;
