//! Links that are no element's `href`: `<meta http-equiv=refresh>` and `srcset`.

use scraper::ElementRef;

use super::{Link, Surroundings, leading_to};
use crate::text::fold;

/// Where a page sends its readers after a while.
///
/// Source: [HTML, shared declarative refresh steps](https://html.spec.whatwg.org/multipage/semantics.html#shared-declarative-refresh-steps).
pub(super) fn refresh(meta: ElementRef<'_>, page: &Surroundings<'_>) -> Option<Link> {
    let is_refresh = meta.attr("http-equiv").is_some_and(|name| name.trim().eq_ignore_ascii_case("refresh"));
    let target = refresh_target(meta.attr("content").filter(|_| is_refresh)?)?;
    Some(plain_link(leading_to(target, page.base)?, String::new(), page))
}

fn plain_link(url: String, text: String, page: &Surroundings<'_>) -> Link {
    Link { url, text, rel: None, nofollow: page.nofollow, hreflang: None }
}

/// The URL of `5; url=/next`; None where only a time is given.
fn refresh_target(content: &str) -> Option<&str> {
    let content = content.trim_ascii_start();
    let rest = content.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    if rest.len() == content.len() {
        return None;
    }
    let after = rest.trim_ascii_start();
    let has_separator = after.starts_with([';', ',']) || after.len() < rest.len();
    let rest = after.strip_prefix([';', ',']).unwrap_or(after).trim_ascii_start();
    if rest.is_empty() || !has_separator {
        return None;
    }
    Some(unquoted(without_name(rest)))
}

fn without_name(text: &str) -> &str {
    let is_named = text.get(..3).is_some_and(|name| name.eq_ignore_ascii_case("url"));
    let after = is_named.then(|| text.get(3..).unwrap_or("").trim_ascii_start());
    after.and_then(|text| text.strip_prefix('=')).map_or(text, str::trim_ascii_start)
}

fn unquoted(text: &str) -> &str {
    let inner = |quote| text.strip_prefix(quote).map(|rest: &str| rest.split(quote).next().unwrap_or(rest));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// The images that a browser chooses from. Each of them repeats the text.
pub(super) fn srcset<'a>(
    element: ElementRef<'a>,
    page: &'a Surroundings<'_>,
) -> impl Iterator<Item = Link> + 'a {
    let written = match element.value().name() {
        "img" | "source" => element.attr("srcset"),
        "link" => element.attr("imagesrcset"),
        _ => None,
    };
    let text = element.attr("alt").map(fold).unwrap_or_default();
    let urls = candidates(written.unwrap_or("")).into_iter().filter_map(|url| leading_to(url, page.base));
    urls.map_while(move |url| page.budget.spend(&text).then(|| plain_link(url, text.clone(), page)))
}

/// The URLs of the candidates whose descriptors hold.
///
/// Source: [HTML, parsing a srcset attribute](https://html.spec.whatwg.org/multipage/images.html#parsing-a-srcset-attribute).
fn candidates(mut rest: &str) -> Vec<&str> {
    let mut urls = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        if rest.is_empty() {
            return urls;
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (url, after) = rest.split_at(end);
        let bare = url.trim_end_matches(',');
        let (descriptors, later) = if bare.len() < url.len() { ("", after) } else { descriptors(after) };
        if hold(descriptors) {
            urls.push(bare);
        }
        rest = later;
    }
}

/// The descriptors, and what stands behind the comma that ends them; one inside parentheses does not.
fn descriptors(text: &str) -> (&str, &str) {
    let mut is_inside = false;
    for (at, c) in text.char_indices() {
        match c {
            '(' => is_inside = true,
            ')' => is_inside = false,
            ',' if !is_inside => return (text.get(..at).unwrap_or(""), text.get(at + 1..).unwrap_or("")),
            _ => {}
        }
    }
    (text, "")
}

/// Whether they are a width, a density, a width and a height, or none. What is in parentheses is none of these, whatever spaces
/// part it.
fn hold(descriptors: &str) -> bool {
    let (mut widths, mut densities, mut heights) = (0, 0, 0);
    for descriptor in descriptors.split_ascii_whitespace() {
        let unit = descriptor.char_indices().next_back().map(|(at, unit)| (descriptor.split_at(at).0, unit));
        match unit {
            Some((number, 'w')) if is_positive(number) => widths += 1,
            Some((number, 'h')) if is_positive(number) => heights += 1,
            Some((number, 'x')) if is_density(number) => densities += 1,
            _ => return false,
        }
    }
    matches!((widths, densities, heights), (0, 0 | 1, 0) | (1, 0, 0 | 1))
}

fn is_positive(number: &str) -> bool {
    number.bytes().all(|byte| byte.is_ascii_digit()) && number.bytes().any(|byte| byte != b'0')
}

/// A valid floating-point number that is not negative.
fn is_density(number: &str) -> bool {
    let is_of_number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    let starts_well = !number.starts_with('+') && !number.contains(".e") && !number.contains(".E");
    let value = number.parse::<f64>().ok().filter(|_| starts_well && number.bytes().all(is_of_number));
    value.is_some_and(|value| value >= 0.0) && !number.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_leads_to_its_url_however_it_is_written() {
        for (content, url) in [
            ("5; url=/next", Some("/next")),
            ("0;URL='/a b'x", Some("/a b")),
            (" 0.5 , url = \"/q\" ", Some("/q")),
            ("3 /bare", Some("/bare")),
            ("0; ur", Some("ur")),
            ("5", None),
            ("5;", None),
            ("url=/x", None),
            ("5x", None),
        ] {
            assert_eq!(refresh_target(content), url, "{content}");
        }
    }

    #[test]
    fn a_srcset_lists_its_images_with_and_without_descriptors() {
        for (written, urls) in [
            ("s.png 1x, l.png 2x", vec!["s.png", "l.png"]),
            ("a,b.png, c.png", vec!["a,b.png", "c.png"]),
            (" , a.png 100w 2h,b.png", vec!["a.png", "b.png"]),
            ("data:,x 1x", vec!["data:,x"]),
            ("a, b ,c", vec!["a", "b", "c"]),
            ("", vec![]),
        ] {
            assert_eq!(candidates(written), urls, "{written}");
        }
    }

    #[test]
    fn a_candidate_whose_descriptors_are_wrong_is_left_out() {
        for wrong in
            ["foo", "0w", "-1x", "1x 2x", "1w 1x", "2h", "1.x", "+1x", "1X", "w", "infx", "1w (x, y) 2h"]
        {
            assert_eq!(candidates(&format!("a.png {wrong}, b.png 2x")), ["b.png"], "{wrong}");
        }
        for right in ["0x", ".5x", "1e2x", "007w", "1h 2w"] {
            assert_eq!(candidates(&format!("a.png {right}, b.png 2x")), ["a.png", "b.png"], "{right}");
        }
    }
}
