//! A stream of records from a stream of pages, wherever these come from.

use std::num::NonZeroUsize;

use futures::{Stream, StreamExt, stream};
use gather_core::{Ended, Lane, map_concurrent, to_thread_in};
use gather_records::Record;

use crate::error::{Error, ErrorKind};
use crate::extract::Extraction;
use crate::page::Page;
use crate::recipe::Recipe;

/// Pages that are parsed or wait to be, besides the one whose records are being taken. The CPU lane has as many threads as
/// there are cores: more pages would only be held.
const PAGES_AT_ONCE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);

/// The records of pages by a recipe, in the order of the pages, each as soon as its page is parsed.
///
/// Pages are parsed on the CPU lane, several at once. One that gives no records is an error in its place, as is a record
/// that was dropped for a required field (kind `parse`), and the stream goes on behind it. A consumer that is slow holds
/// back the pages. Dropping the stream stops the work after the pages being parsed.
///
/// `next` and `[detail]` are not followed: this fetches nothing. `Scraper` does, with the feature `fetch`.
///
/// ```
/// use futures::{StreamExt, stream};
/// use gather_scraper::{Page, Recipe, scrape};
///
/// let recipe = Recipe::builder().each("li").field("name", "b").build()?;
/// let pages = ["<li><b>Tea</b><li><b>Salt</b>", "<li><b>Oil</b>"].map(|html| Page::from_bytes(html, ""));
/// let pages = stream::iter(pages).filter_map(async |page| page.ok());
/// let names = gather_core::run(async {
///     scrape(Box::pin(pages), &recipe).map(|record| record.unwrap().to_string()).collect::<Vec<_>>().await
/// });
/// assert_eq!(names?, [r#"{"name":"Tea"}"#, r#"{"name":"Salt"}"#, r#"{"name":"Oil"}"#]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn scrape<S>(pages: S, recipe: &Recipe) -> impl Stream<Item = Result<Record, Error>> + use<S>
where
    S: Stream<Item = Page>,
{
    let recipe = recipe.clone();
    let extractions = map_concurrent(pages, PAGES_AT_ONCE, move |page: Page| {
        let recipe = recipe.clone();
        to_thread_in(Lane::Cpu, move || page.records(&recipe))
    });
    extractions.ordered().flat_map(|outcome| stream::iter(items(outcome.and_then(|parsed| parsed))))
}

/// What a page gives to the stream: its records, then what was dropped; or why it gives none.
fn items(parsed: Result<Result<Extraction, Error>, Ended>) -> Vec<Result<Record, Error>> {
    match parsed {
        Ok(Ok(extraction)) => {
            let dropped: Vec<_> = extraction.dropped.iter().map(|dropped| Err(dropped.into())).collect();
            extraction.records.into_iter().map(Ok).chain(dropped).collect()
        }
        Ok(Err(error)) => vec![Err(error)],
        Err(ended) => vec![Err(Error::new(ErrorKind::Cancelled, format!("parsing did not end: {ended}")))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(pages: &[&str], recipe: &str) -> Vec<Result<String, String>> {
        let recipe = recipe.parse().unwrap();
        let pages: Vec<_> = pages.iter().map(|html| Page::from_bytes(*html, "").unwrap()).collect();
        let records = scrape(stream::iter(pages), &recipe);
        let shown = records.map(|record| record.map(|it| it.to_string()).map_err(|error| error.to_string()));
        gather_core::run(shown.collect()).unwrap()
    }

    #[test]
    fn records_come_in_the_order_of_their_pages() {
        let pages: Vec<_> = (0..40).map(|n| format!("<b>{n}</b>{}", "<p>".repeat((40 - n) * 20))).collect();
        let pages: Vec<_> = pages.iter().map(String::as_str).collect();
        let expected: Vec<_> = (0..40).map(|n| Ok(format!("{{\"n\":\"{n}\"}}"))).collect();
        assert_eq!(gathered(&pages, "[fields]\nn = 'b'"), expected);
    }

    #[test]
    fn what_fails_is_an_error_in_its_place() {
        let recipe = "[record]\neach = 'p'\nmin = 1\n[fields]\nn = { css = 'b', required = true }";
        let found = gathered(&["<p><b>1</b><p>none", "<i>", "<p><b>2</b>"], recipe);
        assert_eq!((&found[0], &found[3]), (&Ok(r#"{"n":"1"}"#.to_owned()), &Ok(r#"{"n":"2"}"#.to_owned())));
        assert!(found[1].as_ref().is_err_and(|error| error.contains("record 2 is dropped")), "{found:?}");
        assert!(found[2].as_ref().is_err_and(|error| error.contains("`min` asks for 1")), "{found:?}");
        assert_eq!(found.len(), 4);
    }
}
