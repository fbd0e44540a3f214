//! Sitemaps and feeds: from bytes to the URLs they name. Pure, and bounded whatever the bytes are.

mod bytes;
mod entities;
mod entry;
mod text;
mod xml;

use url::Url;

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use entry::Found;
pub use entry::SitemapEntry;

/// What a sitemap names: pages, other sitemaps, or both.
///
/// Read are sitemaps and their indexes, whatever their namespaces and prefixes are, lists with a URL a line, and feeds (RSS,
/// Atom); in UTF-8, UTF-16 or the encoding that is declared; with gzip around them or not, by content. An entity that
/// the document declares for itself is resolved, up to 64 KiB of text; nothing outside of the bytes is read, and an entry
/// with an entity that is not known is left out.
///
/// ```
/// use gather_scraper::Sitemap;
///
/// let xml = "<urlset><url><loc> /a?x=1&amp;y=2 </loc><lastmod>2024-05-01</lastmod></url></urlset>";
/// let sitemap = Sitemap::from_bytes(xml, "https://shop.example/sitemap.xml");
/// assert_eq!(sitemap.entries[0].url, "https://shop.example/a?x=1&y=2");
/// assert_eq!(sitemap.entries[0].lastmod.as_deref(), Some("2024-05-01"));
/// assert!(sitemap.error.is_none());
///
/// let cut = Sitemap::from_bytes("<urlset>\n<url><loc>http://h/a</loc></url><url><lo", "");
/// assert_eq!(cut.entries.len(), 1);
/// assert!(cut.error.unwrap().message().starts_with("line 2: "));
/// ```
///
/// Source: [the sitemaps protocol](https://www.sitemaps.org/protocol.html).
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Sitemap {
    /// The pages, in document order; what is named twice is here twice.
    pub entries: Vec<SitemapEntry>,
    /// The sitemaps that an index names, in document order.
    pub sitemaps: Vec<SitemapEntry>,
    /// How many entries were left out: without a URL, or with one that is not http or https, or with a value of more than
    /// 16 KiB.
    pub skipped: usize,
    /// How many of these have a value of more than 16 KiB.
    pub too_long: usize,
    /// Why the document was not read to its end, or entries were left out: kind `parse` with the line (which entity is not known),
    /// or `too_large` with the bound. What came whole is in `entries` and `sitemaps`.
    pub error: Option<Error>,
}

/// The largest sitemap, decoded: a bit more than the protocol's 50 MiB.
const MAX_BYTES: u64 = 64 << 20;

/// The longest value; the protocol has 2,048 characters for a URL.
const MAX_TEXT: usize = 16 << 10;

/// The most entries of one sitemap: the protocol has 50,000.
pub(crate) const MAX_ENTRIES: usize = 100_000;

impl Sitemap {
    /// Reads a sitemap that came from `url`, against which relative URLs are resolved; empty if that is not known.
    ///
    /// More than 64 MiB, unpacked, more than 100,000 entries, or more than 10 s of reading are an error of kind `too_large`.
    #[must_use]
    pub fn from_bytes(bytes: impl AsRef<[u8]>, url: &str) -> Self {
        Self::within(bytes, url, MAX_BYTES)
    }

    /// The same, with another bound on the bytes, unpacked.
    ///
    /// ```
    /// use gather_scraper::Sitemap;
    ///
    /// let refused = Sitemap::within("http://h/a\nhttp://h/b\n", "", 10);
    /// assert_eq!(refused.error.unwrap().kind().as_str(), "too_large");
    /// ```
    #[must_use]
    pub fn within(bytes: impl AsRef<[u8]>, url: &str, max_bytes: u64) -> Self {
        let (bytes, cut) = match bytes::unpacked(bytes.as_ref(), max_bytes) {
            Ok(unpacked) => unpacked,
            Err(error) => return Self { error: Some(error), ..Self::default() },
        };
        let text = bytes::decoded(&bytes);
        let mut found = Found::new(Url::parse(url).ok());
        let read = read(&text, &mut found);
        let mut sitemap = found.into_sitemap();
        // A document that is cut short is cut because its packing is.
        sitemap.error = cut.or(read.err()).or(sitemap.error);
        sitemap
    }
}

fn read(text: &str, found: &mut Found) -> Result<(), Error> {
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let time = Limits::default().time;
    if start.starts_with('<') { xml::read(text, start, found, time) } else { text::read(start, found) }
}

fn not_a_sitemap(fact: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Parse, format!("not a sitemap: {fact}"))
}
