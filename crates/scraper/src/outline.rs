//! What a crawl asks of a page.

use scraper::ElementRef;

use crate::error::Error;
use crate::extract::{self, Extraction};
use crate::links;
use crate::page::{Document, Page};
use crate::recipe::Recipe;

/// What a crawl asks of a page: its records, where it leads, and what it says of itself.
///
/// It is made by [`Page::outline`]. Its tree holds no more than these answers take, which makes it faster to build than
/// that of a [`Document`], and smaller; the answers are the same.
///
/// ```
/// use gather_scraper::{Page, Recipe};
///
/// let html = "<title>Tea</title><meta name=robots content=noarchive><a rel=next href=/2>2</a>";
/// let (page, recipe) = (Page::from_bytes(html, "http://tea.example/")?, Recipe::default());
/// let outline = page.outline(&recipe)?;
/// assert_eq!(outline.records()?.records[0].get("title"), Some(&"Tea".into()));
/// assert_eq!(outline.follow(|rel| rel != Some("nofollow"))?, ["http://tea.example/2"]);
/// assert_eq!(outline.metas().next(), Some(("robots", "noarchive")));
/// # Ok::<(), gather_scraper::Error>(())
/// ```
#[derive(Debug)]
pub struct Outline<'p> {
    document: Document<'p>,
    recipe: &'p Recipe,
}

impl Page {
    /// What a crawl by this recipe asks of the page.
    ///
    /// # Errors
    ///
    /// As [`Page::parse`].
    pub fn outline<'p>(&'p self, recipe: &'p Recipe) -> Result<Outline<'p>, Error> {
        Ok(Outline { document: self.parse_in(recipe.sight())?, recipe })
    }
}

impl Outline<'_> {
    /// The records.
    ///
    /// # Errors
    ///
    /// As [`Document::records`].
    pub fn records(&self) -> Result<Extraction, Error> {
        self.document.records(self.recipe)
    }

    /// The next page by the recipe's `next`, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Document::next_page`].
    pub fn next_page(&self) -> Result<Option<String>, Error> {
        self.document.next_page(self.recipe)
    }

    /// The pages that the links of [`Document::follow`] lead to: each once, in the order of the first link to it, resolved
    /// and without the fragment. Links whose `rel` attribute, as it is written, `is_followed` refuses do not count.
    ///
    /// # Errors
    ///
    /// Kind `too_large` past the limit of time, or for URLs of more than 64 MiB.
    pub fn follow(&self, is_followed: impl Fn(Option<&str>) -> bool) -> Result<Vec<String>, Error> {
        self.document.located(extract::pages(self.document.look(), self.recipe, is_followed))
    }

    /// The names and contents of its `<meta name content>`, the names without white space around them.
    pub fn metas(&self) -> impl Iterator<Item = (&str, &str)> {
        let metas = self.elements("meta");
        metas.filter_map(|meta| Some((meta.attr("name")?.trim(), meta.attr("content")?)))
    }

    /// The page that this one names as its canonical one (`<link rel=canonical>`), resolved against its base; None without
    /// a base.
    pub fn canonical(&self) -> Option<String> {
        let is_canonical =
            |rel: &str| rel.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("canonical"));
        let mut links = self.elements("link").filter(|link| link.attr("rel").is_some_and(is_canonical));
        let href = links.find_map(|link| link.attr("href"))?;
        let base = self.document.url_base();
        base.parse(href).ok().filter(|_| base.is_known()).map(String::from)
    }

    /// Those with this name, in document order.
    fn elements(&self, name: &'static str) -> impl Iterator<Item = ElementRef<'_>> {
        let elements = links::outside_templates(self.document.html());
        elements.filter(move |element| element.value().name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_followed_once_however_its_links_are_written() {
        let html = "<a href='#x'>1</a><a href='/a#x'>2</a><a href=/a>3</a><a href=' http://H/a '>4</a><a rel=nofollow href=/b>5</a>\
            <a href='/b#y'>6</a><a href='mailto:a#b'>7</a><a>8</a><area href=c?d#e><template><a href=/t>9</a></template>";
        let (page, recipe) = (Page::from_bytes(html, "http://h/p?q").unwrap(), Recipe::default());
        let outline = page.outline(&recipe).unwrap();
        let expected = ["http://h/p?q", "http://h/a", "http://h/b", "http://h/c?d"];
        assert_eq!(outline.follow(|_| true).unwrap(), expected);
        let is_followed = |rel: Option<&str>| rel.is_none();
        assert_eq!(outline.follow(is_followed).unwrap(), expected);
        assert_eq!(outline.follow(|rel| rel.is_some()).unwrap(), ["http://h/b"]);
    }

    #[test]
    fn what_a_template_holds_says_nothing_of_the_page() {
        let html = "<p><template><meta name=robots content=noindex><link rel=canonical href=/x></template>\
            <meta name=robots content=all><link rel=canonical href=/y>";
        let (page, recipe) = (Page::from_bytes(html, "http://h/").unwrap(), Recipe::default());
        let outline = page.outline(&recipe).unwrap();
        assert_eq!(outline.metas().collect::<Vec<_>>(), [("robots", "all")]);
        assert_eq!(outline.canonical().as_deref(), Some("http://h/y"));
    }
}
