//! What a sitemap, or a robots.txt that names some, leads to. Pure.

use gather_fetch::{Robots, Url};
use gather_scraper::{Sitemap, SitemapEntry};

use crate::links::Links;
use crate::model::{Found, Lease, RobotsFile};

/// The pages and the sitemaps that a sitemap names. Sitemaps on its own host are followed, wherever that is.
pub(crate) fn links_of(sitemap: &Sitemap, lease: &Lease, nested: u32, links: &Links) -> Vec<Found> {
    let page = |entry: &SitemapEntry| {
        let found = links.found(&entry.url, 0, 0)?;
        Some(Found { priority: entry.lastmod.as_deref().map_or(0, day), ..found })
    };
    let child = |entry: &SitemapEntry| {
        let found = links.sitemap(&entry.url, nested + 1, 0, false)?;
        Some(Found { in_scope: found.in_scope || found.host == lease.host, ..found })
    };
    sitemap.sitemaps.iter().filter_map(child).chain(sitemap.entries.iter().filter_map(page)).collect()
}

/// The sitemaps that the robots.txt of a host names, else the one at the usual place; none where it could not be had.
pub(crate) fn of_robots(file: &RobotsFile, page: &str, links: &Links) -> Vec<Found> {
    let named = match file.status {
        0 => return Vec::new(),
        200..=299 => Robots::parse(&file.body).sitemaps().to_vec(),
        _ => Vec::new(),
    };
    let Ok(root) = Url::parse(page) else { return Vec::new() };
    let named = if named.is_empty() { vec![USUAL.to_owned()] } else { named };
    named.iter().filter_map(|url| links.sitemap(root.join(url).ok()?.as_str(), 0, 0, true)).collect()
}

/// Where a sitemap is that nobody names.
pub(crate) const USUAL: &str = "/sitemap.xml";

/// The day of a `lastmod` as a number that grows with it, such as 20240501; 0 for what is no date.
fn day(lastmod: &str) -> i64 {
    let mut parts = lastmod.trim().split(['-', 'T', ' ']).map(|part| part.parse::<i64>().ok());
    let mut next =
        |range: std::ops::RangeInclusive<i64>| parts.next().flatten().filter(|n| range.contains(n));
    let Some(year) = next(1..=9999) else { return 0 };
    let month = next(1..=12);
    let day = month.and_then(|_| next(1..=31));
    year * 10_000 + month.unwrap_or(0) * 100 + day.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_day_is_a_higher_number() {
        for (lastmod, expected) in [
            ("2024-05-01", 20_240_501),
            (" 2024-05-01T10:00:00+02:00", 20_240_501),
            ("2024-05", 20_240_500),
            ("2024", 20_240_000),
            ("yesterday", 0),
            ("", 0),
            ("99999-01-01", 0),
            ("2024-13-01", 20_240_000),
        ] {
            assert_eq!(day(lastmod), expected, "{lastmod}");
        }
    }
}
