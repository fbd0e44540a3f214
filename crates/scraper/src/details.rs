//! A record's own page: found by its link, merged into the record.

use std::collections::{HashMap, HashSet};

use crate::error::{Error, ErrorKind};
use crate::extract::{Dropped, Extraction, check_min};
use crate::recipe::Recipe;
use crate::recipe::model::Detail;

impl Extraction {
    /// Merges the pages that [`details`](Self::details) names into the records: what each gave, or why it gave nothing.
    ///
    /// `Scraper` does so for pages that it fetches; this is for pages that come from somewhere else. A record whose page
    /// failed keeps null (or the defaults) for that page's fields, whatever they require, and says the kind in `_detail`; one whose
    /// page lacks a required field is dropped. A link that `pages` does not have changes nothing but the fill rates.
    ///
    /// # Errors
    ///
    /// Kind `parse` where a page lacks a required field that is strict, or where fewer records than `min` are left: the page
    /// has failed, and what is left here is not all of it.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use gather_scraper::{ErrorKind, Page, Recipe};
    ///
    /// let recipe: Recipe = "[record]\neach = 'li'\n[fields]\nn = 'a'\n[detail]\nlink = 'a@href'\n[detail.fields]\nd = 'i'".parse()?;
    /// let list = "<ul><li><a href=1.html>one</a><li><a href=2.html>two</a></ul>";
    /// let mut found = Page::from_bytes(list, "")?.records(&recipe)?;
    /// let first = Page::from_bytes("<i>I</i>", "")?.parse()?.detail(&recipe)?;
    /// let pages = [("1.html".to_owned(), Ok(first)), ("2.html".to_owned(), Err(ErrorKind::Fetch("not_found")))];
    /// found.merge_details(&recipe, &HashMap::from(pages))?;
    /// assert_eq!(found.records[0].to_string(), r#"{"n":"one","d":"I"}"#);
    /// assert_eq!(found.records[1].to_string(), r#"{"n":"two","d":null,"_detail":"not_found"}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn merge_details(
        &mut self,
        recipe: &Recipe,
        pages: &HashMap<String, Result<Extraction, ErrorKind>>,
    ) -> Result<(), Error> {
        merge(self, recipe, |url| pages.get(url))
    }

    /// The links of [`details`](Self::details), each once, in the order of the records.
    pub fn detail_links(&self) -> Vec<&str> {
        let mut seen = HashSet::new();
        self.details.iter().flatten().map(String::as_str).filter(|link| seen.insert(*link)).collect()
    }
}

/// Merges what is found for each link.
pub(crate) fn merge<'d>(
    extraction: &mut Extraction,
    recipe: &Recipe,
    found: impl Fn(&str) -> Option<&'d Result<Extraction, ErrorKind>>,
) -> Result<(), Error> {
    let rules = &recipe.compiled().record;
    let Some(detail) = recipe.compiled().detail.as_ref().filter(|_| extraction.matched) else {
        return Ok(());
    };
    let gone: HashSet<_> = extraction.dropped.iter().map(|dropped| dropped.place).collect();
    gone.iter().for_each(|_| extraction.stats.count_missing(&detail.fields));
    let places = (1..).filter(|place| !gone.contains(place));
    let details = std::mem::take(&mut extraction.details);
    let records = std::mem::take(&mut extraction.records);
    for ((mut record, link), place) in records.into_iter().zip(details).zip(places) {
        match link.as_deref().and_then(&found) {
            Some(Ok(page)) => {
                extraction.stats.merge_fields(&page.stats);
                if let Some(dropped) = page.dropped.first() {
                    let dropped = Dropped { place, ..dropped.clone() };
                    if rules.strict || is_strict(detail, &dropped.field) {
                        return Err((&dropped).into());
                    }
                    extraction.stats.records = extraction.stats.records.saturating_sub(1);
                    extraction.stats.dropped += 1;
                    extraction.dropped.push(dropped);
                    continue;
                }
                for (name, value) in page.records.iter().flat_map(|record| record.iter()) {
                    record.insert(name, value.clone());
                }
            }
            failed => {
                extraction.stats.count_missing(&detail.fields);
                if let Some(Err(kind)) = failed {
                    record.insert("_detail", kind.as_str());
                }
            }
        }
        extraction.records.push(record);
        extraction.details.push(link);
    }
    extraction.dropped.sort_by_key(|dropped| dropped.place);
    check_min(extraction, rules.min)
}

fn is_strict(detail: &Detail, name: &str) -> bool {
    detail.fields.iter().any(|field| field.name == name && field.strict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Page;

    /// What is left of four records, of which the first lacks what it needs itself, the third the page, and the fourth the link.
    fn merged(record: &str, field: &str, second: &str) -> Result<Extraction, Error> {
        let recipe: Recipe = format!(
            "[record]\neach = 'li'\n{record}\n[fields]\nn = {{ css = 'b', required = true }}\n[detail]\nlink = 'a@href'\n\
             [detail.fields]\nd = {{ css = 'i', {field} }}"
        )
        .parse()
        .unwrap();
        let list = "<li><li><b>2</b><a href=2></a><li><b>3</b><a href=3></a><li><b>4</b>";
        let mut found = Page::from_bytes(list, "")?.records(&recipe)?;
        let second = Page::from_bytes(second, "")?.parse()?.detail(&recipe).map_err(|error| error.kind());
        let pages = [("2".to_owned(), second), ("3".to_owned(), Err(ErrorKind::Fetch("timeout")))];
        found.merge_details(&recipe, &HashMap::from(pages))?;
        Ok(found)
    }

    fn written(found: &Extraction) -> Vec<String> {
        found.records.iter().map(ToString::to_string).collect()
    }

    const FAILED: &str = r#"{"n":"3","d":null,"_detail":"timeout"}"#;
    const WITHOUT_LINK: &str = r#"{"n":"4","d":null}"#;

    #[test]
    fn a_page_that_could_not_be_had_leaves_null_whatever_its_fields_require() {
        for field in ["required = true", "strict = true"] {
            let found = merged("", field, "<i>D</i>").unwrap();
            assert_eq!(written(&found), [r#"{"n":"2","d":"D"}"#, FAILED, WITHOUT_LINK], "{field}");
        }
        let found = merged("", "default = 'none'", "<p>").unwrap();
        let expected = [
            r#"{"n":"2","d":"none"}"#,
            r#"{"n":"3","d":"none","_detail":"timeout"}"#,
            r#"{"n":"4","d":"none"}"#,
        ];
        assert_eq!(written(&found), expected);
    }

    #[test]
    fn a_page_that_lacks_a_required_field_drops_its_record_whose_place_is_that_on_the_page() {
        let found = merged("", "required = true", "<p>").unwrap();
        assert_eq!(written(&found), [FAILED, WITHOUT_LINK]);
        let dropped: Vec<_> =
            found.dropped.iter().map(|dropped| (dropped.place, dropped.field.as_str())).collect();
        assert_eq!(dropped, [(1, "n"), (2, "d")]);
        assert_eq!((found.stats.records, found.stats.dropped), (2, 2));
    }

    #[test]
    fn a_page_that_lacks_a_strict_field_fails_the_page_of_the_record() {
        for (record, field) in [("", "strict = true"), ("strict = false", "strict = true")] {
            let error = merged(record, field, "<p>").unwrap_err();
            assert!(error.to_string().contains("required field `d` is missing"), "{error}");
        }
    }

    #[test]
    fn min_holds_for_what_is_left() {
        assert!(merged("min = 3", "required = true", "<i>D</i>").is_ok());
        let error = merged("min = 3", "required = true", "<p>").unwrap_err();
        assert!(
            error.to_string().contains("the page has 2 records (2 dropped), and `min` asks for 3"),
            "{error}"
        );
    }

    #[test]
    fn the_fill_rate_counts_every_record() {
        for page in ["<i>D</i>", "<p>"] {
            let found = merged("", "required = true", page).unwrap();
            let rates =
                found.stats.fields.iter().map(|(name, field)| (name.as_str(), field.filled, field.of));
            let filled = u64::from(page != "<p>");
            assert_eq!(rates.collect::<Vec<_>>(), [("n", 3, 4), ("d", filled, 4)], "{page}");
        }
    }
}
