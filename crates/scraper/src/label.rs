//! Values that stand beside their names: `<th>UPC<td>…`, `<dt>UPC<dd>…`.

use scraper::ElementRef;

use crate::text::{fold, visible_text};

/// The cells after the header cell with this text: a `td` after a `th`, the `dd`s after a `dt`.
/// A `td` that leads its row counts as header cell if there is no other.
pub(crate) fn cells_after<'a>(label: &str, scope: ElementRef<'a>) -> Vec<ElementRef<'a>> {
    let label = fold(label);
    let lower = label.to_lowercase();
    for names in [&["th", "dt"][..], &["td"]] {
        let headers: Vec<_> = scope
            .descendent_elements()
            .filter(|element| names.contains(&element.value().name()))
            .map(|header| (name_of(header), header))
            .collect();
        let exact = headers.iter().filter(|(name, _)| *name == label);
        let any_case = headers.iter().filter(|(name, _)| *name != label && name.to_lowercase() == lower);
        let values = exact.chain(any_case).map(|(_, header)| values_of(*header));
        if let Some(found) = values.into_iter().find(|values| !values.is_empty()) {
            return found;
        }
    }
    Vec::new()
}

/// The text of a header cell, without the colon that people put behind it.
fn name_of(header: ElementRef<'_>) -> String {
    let text = fold(&visible_text(header));
    text.trim_end_matches([':', '\u{ff1a}']).trim_end().to_owned()
}

fn values_of(header: ElementRef<'_>) -> Vec<ElementRef<'_>> {
    let following = header.next_siblings().filter_map(ElementRef::wrap);
    if header.value().name() == "dt" {
        return following
            .skip_while(|sibling| sibling.value().name() == "dt")
            .take_while(|sibling| sibling.value().name() == "dd")
            .collect();
    }
    let leads =
        !header.prev_siblings().filter_map(ElementRef::wrap).any(|before| before.value().name() == "td");
    following.filter(|cell| leads && cell.value().name() == "td").take(1).collect()
}
