//! Values that stand beside their names: `<th>UPC<td>…`, `<dt>UPC<dd>…`.

use scraper::ElementRef;

use crate::budget::Budget;
use crate::text::{fold, is_in_any_case, visible_text};
use crate::walk;

/// The cells after the header cell with this text: a `td` after a `th`, the `dd`s after a `dt`.
/// A `td` that leads its row counts as header cell if there is no other.
pub(crate) fn cells_after<'a>(label: &str, scope: ElementRef<'a>, budget: &Budget) -> Vec<ElementRef<'a>> {
    let label = without_colon(&fold(label)).to_owned();
    let found = after_header(&label, &["th", "dt"], scope, budget);
    found.or_else(|| after_header(&label, &["td"], scope, budget)).unwrap_or_default()
}

/// What is after the first header that is named as it is written, else whatever the case. Each name is gone when the next
/// one is there: in tables inside tables it is the same text again.
fn after_header<'a>(
    label: &str,
    headers: &[&str],
    scope: ElementRef<'a>,
    budget: &Budget,
) -> Option<Vec<ElementRef<'a>>> {
    let lower = label.to_lowercase();
    let mut in_any_case = None;
    for header in walk::elements(scope, budget).filter(|element| headers.contains(&element.value().name())) {
        let name = name_of(header, budget)?;
        let is_exact = name == label;
        if !is_exact && (in_any_case.is_some() || !is_in_any_case(&name, &lower)) {
            continue;
        }
        match values_of(header) {
            values if values.is_empty() => {}
            values if is_exact => return Some(values),
            values => in_any_case = Some(values),
        }
    }
    in_any_case
}

/// The text of a header cell, without the colon that people put behind it.
fn name_of(header: ElementRef<'_>, budget: &Budget) -> Option<String> {
    let text = fold(&visible_text(header, budget)?);
    Some(without_colon(&text).to_owned())
}

fn without_colon(name: &str) -> &str {
    name.trim_end_matches([':', '\u{ff1a}']).trim_end()
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

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "what a test looks for needs no budget")]
mod tests {
    use scraper::Html;

    use super::*;

    #[test]
    fn a_colon_is_of_no_account_on_either_side() {
        let html = Html::parse_document("<table><tr><th>UPC:<td>1</table>");
        for label in ["UPC", "UPC:", "upc :"] {
            assert_eq!(cells_after(label, html.root_element(), &Budget::whole()).len(), 1, "{label}");
        }
    }

    fn found(html: &str, budget: &Budget) -> Vec<String> {
        let html = Html::parse_document(html);
        let cells = cells_after("UPC", html.root_element(), budget);
        cells.iter().map(|cell| cell.inner_html()).collect()
    }

    #[test]
    fn a_name_as_it_is_written_comes_before_one_in_another_case() {
        let html =
            "<table><tr><th>upc<td>1<tr><th>Upc:<td>2<tr><th>UPC<tr><th>UPC :<td>3<tr><th>UPC<td>4</table>";
        assert_eq!(found(html, &Budget::whole()), ["3"]);
        assert_eq!(found("<table><tr><td>x<td>y<tr><td>upc<td>1<td>2</table>", &Budget::whole()), ["1"]);
        assert_eq!(found("<dl><dt>UPC<dt>EAN<dd>1<dd>2<dt>x<dd>3</dl>", &Budget::whole()), ["1", "2"]);
    }

    #[test]
    fn names_in_tables_inside_tables_are_paid_for_again_and_none_is_made_when_the_budget_is_gone() {
        let html = format!("{}{}", "<table><tr><td>".repeat(50), "x".repeat(1000));
        let (enough, little) = (Budget::of_text(50_000), Budget::of_text(49_999));
        assert!(found(&html, &enough).is_empty() && found(&html, &little).is_empty());
        assert!(enough.check().is_ok() && enough.text_left() == 0);
        assert!(little.check().unwrap_err().to_string().contains("49999 bytes of text"));
        let gone = Budget::of_text(10);
        assert!(
            found(&format!("<table><tr><th>{}<td>a<tr><th>UPC<td>b</table>", "x".repeat(11)), &gone)
                .is_empty()
        );
    }
}
