//! A recipe of any text: it holds, or the error names a place; one that holds says the same when written and read again.
#![no_main]

use gather_scraper::{Page, Recipe};
use libfuzzer_sys::fuzz_target;

const PAGE: &str = "<title>t</title><h1>a</h1><table><tr><th>k<td>1,5<tr><th>d<td>2024-05-06</table>\
    <script type=application/ld+json>{\"name\":[1,{\"a\":null}]}</script><ul><li class=x><a href=/y title=z>1</a></ul>";

fuzz_target!(|text: &str| {
    let recipe: Recipe = match text.parse() {
        Ok(recipe) => recipe,
        Err(error) => return assert!(!format!("{error}").is_empty()),
    };
    let written = recipe.to_toml();
    let again: Recipe = written.parse().unwrap_or_else(|error| panic!("{error}\nin what was written:\n{written}"));
    assert_eq!(again, recipe);
    assert_eq!(again.field_names(), recipe.field_names());
    if let Ok(page) = Page::from_bytes(PAGE, "http://fuzz.test/") {
        let _ = page.records(&recipe);
    }
});
