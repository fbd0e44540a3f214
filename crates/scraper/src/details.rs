//! A record's own page: found by its link, merged into the record.

use std::collections::{HashMap, HashSet};

use crate::error::ErrorKind;
use crate::extract::{Dropped, Extraction};

impl Extraction {
    /// Merges the pages that [`details`](Self::details) names into the records: what each gave, or why it gave nothing.
    ///
    /// `Scraper` does so for pages that it fetches; this is for pages that come from somewhere else. A record whose page
    /// failed keeps null for that page's fields, and says the kind in `_detail`; one whose page lacks a required field is
    /// dropped. A link that `pages` does not have changes nothing.
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
    /// found.merge_details(&HashMap::from(pages));
    /// assert_eq!(found.records[0].to_string(), r#"{"n":"one","d":"I"}"#);
    /// assert_eq!(found.records[1].to_string(), r#"{"n":"two","d":null,"_detail":"not_found"}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn merge_details(&mut self, pages: &HashMap<String, Result<Extraction, ErrorKind>>) {
        merge(self, |url| pages.get(url));
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
    found: impl Fn(&str) -> Option<&'d Result<Extraction, ErrorKind>>,
) {
    if extraction.details.iter().all(Option::is_none) {
        return;
    }
    let details = std::mem::take(&mut extraction.details);
    let records = std::mem::take(&mut extraction.records);
    for (place, (mut record, link)) in records.into_iter().zip(details).enumerate() {
        match link.as_deref().and_then(&found) {
            None => {}
            Some(Err(kind)) => drop(record.insert("_detail", kind.as_str())),
            Some(Ok(detail)) => {
                extraction.stats.merge_fields(&detail.stats);
                if let Some(dropped) = detail.dropped.first() {
                    extraction.stats.records = extraction.stats.records.saturating_sub(1);
                    extraction.stats.dropped += 1;
                    extraction.dropped.push(Dropped { place: place + 1, ..dropped.clone() });
                    continue;
                }
                for (name, value) in detail.records.iter().flat_map(|record| record.iter()) {
                    record.insert(name, value.clone());
                }
            }
        }
        extraction.records.push(record);
        extraction.details.push(link);
    }
}
