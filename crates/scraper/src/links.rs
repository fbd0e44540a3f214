//! The links of a page, in document order, resolved against its base.

use scraper::{ElementRef, Html};
use url::Url;

use crate::text::{fold, visible_text};
use crate::value;

/// A link of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// Where it leads: resolved against the page's base, the fragment kept. As written if the page
    /// has no base.
    pub url: String,
    /// Its text as a browser shows it, or the `alt` of its images where it has none.
    pub text: String,
    /// The `rel` attribute as written, white space folded.
    pub rel: Option<String>,
    /// Whether its `rel`, or the page's robots `<meta>`, says `nofollow`.
    pub nofollow: bool,
}

/// The base of a page: the first `<base href>`, resolved against the page's URL, else that URL.
///
/// Source: [HTML, document base URL](https://html.spec.whatwg.org/multipage/urls-and-fetching.html#document-base-url).
pub(crate) fn base_of(html: &Html, url: Option<&Url>) -> Option<Url> {
    let declared = elements(html)
        .find(|element| element.value().name() == "base" && element.attr("href").is_some())
        .and_then(|element| element.attr("href"))
        .map(|href| href.trim_matches(|c: char| c <= ' '))
        .and_then(|href| url.map_or_else(|| Url::parse(href).ok(), |url| url.join(href).ok()))
        .filter(|base| !matches!(base.scheme(), "data" | "javascript"));
    declared.or_else(|| url.cloned())
}

/// The links of `a` and `area` elements that lead to web pages or files.
pub(crate) fn links(html: &Html, base: Option<&Url>) -> Vec<Link> {
    let anchors = elements(html).filter(|element| matches!(element.value().name(), "a" | "area"));
    links_of(html, anchors, base)
}

/// The links that these elements are.
pub(crate) fn links_of<'a>(
    html: &Html,
    elements: impl Iterator<Item = ElementRef<'a>>,
    base: Option<&Url>,
) -> Vec<Link> {
    let page_says_nofollow = robots_nofollow(html);
    elements.filter_map(|element| link(element, base, page_says_nofollow)).collect()
}

/// All elements in document order. (`Html::select` walks the order of creation.)
pub(crate) fn elements(html: &Html) -> impl Iterator<Item = ElementRef<'_>> {
    html.tree.root().descendants().filter_map(ElementRef::wrap)
}

fn link(element: ElementRef<'_>, base: Option<&Url>, page_says_nofollow: bool) -> Option<Link> {
    let url = value::url(element.attr("href")?, base)?;
    if !leads_to_a_page(&url) {
        return None;
    }
    let rel = element.attr("rel").map(fold);
    let nofollow = page_says_nofollow || rel.as_deref().is_some_and(|rel| has_word(rel, "nofollow"));
    Some(Link { url, text: link_text(element), rel, nofollow })
}

/// `mailto:`, `javascript:`, `tel:` and the like lead nowhere that can be fetched.
fn leads_to_a_page(url: &str) -> bool {
    match Url::parse(url) {
        Ok(url) => matches!(url.scheme(), "http" | "https" | "file"),
        Err(_) => true,
    }
}

fn has_word(list: &str, word: &str) -> bool {
    list.split([' ', ',']).any(|other| other.eq_ignore_ascii_case(word))
}

fn robots_nofollow(html: &Html) -> bool {
    elements(html).any(|element| {
        element.value().name() == "meta"
            && element.attr("name").is_some_and(|name| name.trim().eq_ignore_ascii_case("robots"))
            && element
                .attr("content")
                .is_some_and(|content| has_word(content, "nofollow") || has_word(content, "none"))
    })
}

fn link_text(element: ElementRef<'_>) -> String {
    let text = fold(&visible_text(element));
    if !text.is_empty() {
        return text;
    }
    let alternatives: Vec<_> = element
        .descendent_elements()
        .filter(|image| image.value().name() == "img" || *image == element)
        .filter_map(|image| image.attr("alt"))
        .map(fold)
        .filter(|alternative| !alternative.is_empty())
        .collect();
    alternatives.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(html: &str, url: Option<&str>) -> Vec<String> {
        let url = url.map(|url| Url::parse(url).unwrap());
        let html = Html::parse_document(html);
        let base = base_of(&html, url.as_ref());
        links(&html, base.as_ref()).into_iter().map(|link| link.url).collect()
    }

    #[test]
    fn links_are_resolved_against_the_first_base() {
        let page = "<base target=x><base href='/b/'><base href='/c/'><a href=x>";
        assert_eq!(urls(page, Some("http://h/a/")), ["http://h/b/x"]);
        assert_eq!(urls("<base href='sub/'><a href=x>", Some("http://h/a/")), ["http://h/a/sub/x"]);
        assert_eq!(urls("<base href='javascript:1'><a href=x>", Some("http://h/a/")), ["http://h/a/x"]);
        assert_eq!(urls("<base href='https://o/'><a href=x>", None), ["https://o/x"]);
    }

    #[test]
    fn without_a_base_links_stay_as_written() {
        assert_eq!(urls("<a href='../x#f'><a href='//h/y'>", None), ["../x#f", "//h/y"]);
    }

    #[test]
    fn only_what_can_be_fetched_is_a_link() {
        let page = "<a href='javascript:x()'><a href='mailto:a@b'><a name=x><a href='tel:1'><a href=''>";
        assert_eq!(urls(page, Some("http://h/p")), ["http://h/p"]);
        assert_eq!(urls(page, None), [""]);
    }

    #[test]
    fn links_come_in_document_order_though_the_parser_made_them_in_another() {
        // The row's link is foster-parented: it is created last and stands first.
        let page = "<table><tr><td><a href=2>b</a></td></tr><a href=1>a</a></table><area href=3>";
        assert_eq!(urls(page, None), ["1", "2", "3"]);
    }

    #[test]
    fn a_link_has_text_or_the_text_of_its_image() {
        let page = "<meta name=Robots content='index, NoFollow'><a href=x rel='a  b'> t <b>u</b> </a><a href=y><img alt='i  j'></a><area href=z alt=k>";
        let html = Html::parse_document(page);
        let links = links(&html, None);
        let texts: Vec<_> = links.iter().map(|link| link.text.as_str()).collect();
        assert_eq!(texts, ["t u", "i j", "k"]);
        assert_eq!(links[0].rel.as_deref(), Some("a b"));
        assert!(links.iter().all(|link| link.nofollow));
    }
}
