//! An entry, and what has been found so far.

use url::Url;

use super::{MAX_ENTRIES, MAX_TEXT, Sitemap};
use crate::error::{Error, ErrorKind};

/// A page, or a sitemap, that a sitemap names. All values are without white space around them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SitemapEntry {
    /// Where it is: http or https, resolved against the sitemap's URL.
    pub url: String,
    /// When it changed, as written: of a feed, the date of the item.
    pub lastmod: Option<String>,
    /// How often it changes, as written.
    pub changefreq: Option<String>,
    /// How it ranks among the site's pages, as written: a number from 0.0 to 1.0, if all is well.
    pub priority: Option<String>,
}

/// What has been found so far.
#[derive(Debug)]
pub(super) struct Found {
    base: Option<Url>,
    sitemap: Sitemap,
}

/// An entry with a value past the bound is none.
fn too_long(entries: usize) -> Error {
    let are = if entries == 1 { "entry has a value" } else { "entries have values" };
    let left_out = if entries == 1 { "is left out" } else { "are left out" };
    let fact = format!("{entries} {are} of more than {} KiB, and {left_out}", MAX_TEXT >> 10);
    Error::new(ErrorKind::TooLarge, fact).hinted("the protocol has 2,048 characters for a URL")
}

impl Found {
    pub(super) fn new(base: Option<Url>) -> Self {
        Self { base, sitemap: Sitemap::default() }
    }

    /// What relative URLs are resolved against.
    pub(super) fn base(&self) -> Option<&Url> {
        self.base.as_ref()
    }

    pub(super) fn into_sitemap(mut self) -> Sitemap {
        let too_many = self.sitemap.too_long;
        if too_many > 0 && self.sitemap.error.is_none() {
            self.sitemap.error = Some(too_long(too_many));
        }
        self.sitemap
    }

    /// Notes why an entry was left out.
    pub(super) fn fault(&mut self, error: Error) {
        self.sitemap.error = Some(error);
    }

    pub(super) fn skip(&mut self) -> Result<(), Error> {
        self.has_room()?;
        self.sitemap.skipped += 1;
        Ok(())
    }

    /// Leaves out an entry with a value past the bound.
    pub(super) fn skip_too_long(&mut self) -> Result<(), Error> {
        self.skip()?;
        self.sitemap.too_long += 1;
        Ok(())
    }

    /// Takes an entry whose URL is as written.
    pub(super) fn add(&mut self, mut entry: SitemapEntry, is_sitemap: bool) -> Result<(), Error> {
        let Some(url) = self.resolved(&entry.url) else { return self.skip() };
        self.has_room()?;
        entry.url = url;
        let to = if is_sitemap { &mut self.sitemap.sitemaps } else { &mut self.sitemap.entries };
        to.push(entry);
        Ok(())
    }

    fn resolved(&self, url: &str) -> Option<String> {
        if url.is_empty() {
            return None;
        }
        let url = Url::options().base_url(self.base.as_ref()).parse(url).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| url.into())
    }

    fn has_room(&self) -> Result<(), Error> {
        let Sitemap { entries, sitemaps, skipped, .. } = &self.sitemap;
        if entries.len() + sitemaps.len() + skipped < MAX_ENTRIES {
            return Ok(());
        }
        let fact = format!("more than {MAX_ENTRIES} entries in one sitemap");
        Err(Error::new(ErrorKind::TooLarge, fact).hinted("the protocol has 50,000; an index names several"))
    }
}
