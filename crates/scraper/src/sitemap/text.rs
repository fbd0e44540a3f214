//! A sitemap that is a list: a URL a line.

use super::entry::{Found, SitemapEntry};
use super::{MAX_TEXT, not_a_sitemap};
use crate::error::Error;

/// How much of a line is shown.
const SHOWN: usize = 60;

/// A line that is no absolute URL is left out; a text without any line that is one is no sitemap.
pub(super) fn read(text: &str, found: &mut Found) -> Result<(), Error> {
    let lines = || text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    let Some(first) = lines().next() else { return Ok(()) };
    if !lines().any(is_url) {
        let first: String = first.chars().take(SHOWN).collect();
        let error = not_a_sitemap(format_args!("line 1 is {first:?}, which is neither XML nor a URL"));
        return Err(error.hinted("a sitemap is XML (urlset, sitemapindex, a feed), or has a URL a line"));
    }
    for line in lines() {
        if is_url(line) && line.len() > MAX_TEXT {
            found.skip_too_long()?;
        } else if is_url(line) {
            found.add(SitemapEntry { url: line.to_owned(), ..SitemapEntry::default() }, false)?;
        } else {
            found.skip()?;
        }
    }
    Ok(())
}

fn is_url(line: &str) -> bool {
    let has = |scheme: &str| line.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    has("http://") || has("https://")
}
