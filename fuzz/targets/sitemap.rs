//! A sitemap of any bytes, gzip or not: it ends, within its bound, and every URL in it is one.
#![no_main]

use gather_scraper::Sitemap;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let sitemap = Sitemap::within(bytes, "http://fuzz.test/sitemap.xml", 1 << 20);
    assert!(sitemap.entries.len() + sitemap.sitemaps.len() <= 100_000);
    for entry in sitemap.entries.iter().chain(&sitemap.sitemaps) {
        assert!(url::Url::parse(&entry.url).is_ok(), "{}", entry.url);
    }
});
