//! A page and a selector, both foreign: parsing, selecting, links and text end within their bounds, and say the same twice, and
//! of a tree with no more in it than a recipe looks at the same as of the whole.
#![no_main]

use std::time::Duration;

use gather_scraper::{Limits, Page, Recipe};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8])| {
    let (selector, bytes) = input;
    let limits = Limits::default().time(Duration::from_secs(2));
    let Ok(page) = Page::builder().url("http://fuzz.test/a/b").limits(limits).build(bytes) else { return };
    let _ = (page.links(), page.text(), page.title());
    let links = Recipe::builder().spec("title=title").spec("links[]=a@href").build().unwrap();
    if let (Ok(whole), Ok(seen)) = (page.parse().and_then(|page| page.records(&links)), page.records(&links)) {
        assert_eq!(whole.records, seen.records);
    }
    let Ok(recipe) = Recipe::builder().each(selector).field("text", "@text").spec("links[]=a@href").build() else {
        return;
    };
    let (Ok(first), Ok(second)) = (page.records(&recipe), page.records(&recipe)) else { return };
    assert_eq!(first.records, second.records);
});
