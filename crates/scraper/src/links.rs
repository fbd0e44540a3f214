//! The links of a page, in document order, resolved against its base.

mod others;

use std::collections::HashSet;

use ego_tree::iter::Edge;
use html5ever::ns;
use scraper::{ElementRef, Html, Node};
use url::Url;

use crate::base::Base;
use crate::budget::Budget;
use crate::element::is_html;
use crate::text::{fold, visible_text};
use crate::walk;

/// A link of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// Where it leads: resolved against the page's base, the fragment kept. As written if the page
    /// has no base.
    pub url: String,
    /// Its text as a browser shows it, or the `alt` of its images where it has none; the `title` of a `<link>`.
    pub text: String,
    /// The `rel` attribute as written, white space folded.
    pub rel: Option<String>,
    /// Whether its `rel`, or the page's robots `<meta>`, says `nofollow`.
    pub nofollow: bool,
    /// The language of what it leads to, by its `hreflang`.
    pub hreflang: Option<String>,
}

/// Which links of a page are wanted. Default: those of `a` and `area`, each as often as it is there.
///
/// ```
/// use gather_scraper::{LinkOptions, Page};
///
/// let html = "<link rel=canonical href=/tea><a href=/tea>Tea</a><img srcset='s.png 1x, l.png 2x'>";
/// let page = Page::from_bytes(html, "http://tea.example/")?;
/// let urls = |options| page.links_with(options).map(|links| links.into_iter().map(|link| link.url).collect::<Vec<_>>());
/// let options = LinkOptions::default();
/// assert_eq!(urls(options)?, ["http://tea.example/tea"]);
/// assert_eq!(urls(options.link_elements(true))?, ["http://tea.example/tea", "http://tea.example/tea"]);
/// assert_eq!(urls(options.link_elements(true).unique(true))?, ["http://tea.example/tea"]);
/// assert_eq!(urls(options.srcset(true))?[1..], ["http://tea.example/s.png", "http://tea.example/l.png"]);
/// # Ok::<(), gather_scraper::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct LinkOptions {
    link_elements: bool,
    refresh: bool,
    srcset: bool,
    unique: bool,
}

impl LinkOptions {
    /// Also `<link>`: canonical, alternate (with its `hreflang`), next, prev, style sheets, icons. Default false.
    pub fn link_elements(mut self, wanted: bool) -> Self {
        self.link_elements = wanted;
        self
    }

    /// Also where `<meta http-equiv=refresh>` leads. Default false.
    pub fn refresh(mut self, wanted: bool) -> Self {
        self.refresh = wanted;
        self
    }

    /// Also the images of each `srcset` of `img` and `source`, and `imagesrcset` of `link`. Default false.
    pub fn srcset(mut self, wanted: bool) -> Self {
        self.srcset = wanted;
        self
    }

    /// Only the first of the links that lead to the same URL. Default false.
    pub fn unique(mut self, unique: bool) -> Self {
        self.unique = unique;
        self
    }
}

/// The base of a page: the first `<base href>`, resolved against the page's own URL, else that URL.
///
/// Source: [HTML, document base URL](https://html.spec.whatwg.org/multipage/urls-and-fetching.html#document-base-url).
pub(crate) fn base_of(html: &Html, own: Base<'_>) -> Option<Url> {
    let href = outside_templates(html)
        .filter(|element| is_html(*element, "base"))
        .find_map(|base| base.attr("href"));
    let declared = href.and_then(|href| own.parse(href).ok());
    declared.filter(|base| !matches!(base.scheme(), "data" | "javascript"))
}

/// The links that the options ask for. They end early when the budget is gone.
pub(crate) fn links_with(html: &Html, options: LinkOptions, base: Base<'_>, budget: &Budget) -> Vec<Link> {
    let page = Surroundings { base, nofollow: robots_nofollow(html), budget };
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for element in outside_templates(html) {
        for link in of_element(element, options, &page) {
            if !budget.had_time() {
                return found;
            }
            if (!options.unique || seen.insert(link.url.clone())) && budget.spend(&link.url) {
                found.push(link);
            }
        }
    }
    found
}

/// An element that is a link, and where it leads.
pub(crate) struct Lead<'a> {
    element: ElementRef<'a>,
    pub(crate) url: String,
}

/// The `a` and `area` elements.
pub(crate) fn leading(html: &Html) -> impl Iterator<Item = ElementRef<'_>> {
    outside_templates(html).filter(|element| is_link(*element))
}

/// The pages that these elements lead to: each once, in the order of the first of its links, without fragments.
pub(crate) fn pages_of<'a>(
    elements: impl Iterator<Item = ElementRef<'a>>,
    base: Base<'_>,
    budget: &Budget,
) -> Vec<String> {
    // Most links of a page lead to places within few others: they are told apart before they are resolved.
    let (mut written, mut seen) = (HashSet::new(), HashSet::new());
    let pages = elements.filter_map(|element| element.attr("href")?.split('#').next());
    let pages = pages.filter(|page| written.insert(*page)).filter_map(|page| leading_to(page, base));
    let pages = pages.filter(|page| seen.insert(page.clone()));
    pages.take_while(|page| budget.spend_bytes(page.len()) && budget.had_time()).collect()
}

/// Where these elements lead.
pub(crate) fn leads_of<'a>(
    elements: impl Iterator<Item = ElementRef<'a>>,
    base: Base<'_>,
    budget: &Budget,
) -> Vec<Lead<'a>> {
    let leads = elements.filter_map(|element| lead(element, base));
    leads.take_while(|lead| budget.spend_bytes(lead.url.len()) && budget.had_time()).collect()
}

/// The links that these are, with all there is to know of them. They end early when the budget is gone.
pub(crate) fn with_texts(html: &Html, leads: Vec<Lead<'_>>, budget: &Budget) -> Vec<Link> {
    let nofollow = robots_nofollow(html);
    let links = leads.into_iter().map(|lead| link(lead, nofollow, budget));
    links.take_while(|_| budget.had_time()).collect()
}

/// What links need to know of the page around them.
struct Surroundings<'a> {
    base: Base<'a>,
    nofollow: bool,
    budget: &'a Budget,
}

/// The links of one element, whose texts are paid for.
fn of_element<'a>(
    element: ElementRef<'a>,
    options: LinkOptions,
    page: &'a Surroundings<'_>,
) -> impl Iterator<Item = Link> + 'a {
    let is_wanted = is_link(element) || options.link_elements && element.value().name() == "link";
    let own = match element.value().name() {
        _ if is_wanted => lead(element, page.base).map(|lead| link(lead, page.nofollow, page.budget)),
        "meta" if options.refresh => others::refresh(element, page),
        _ => None,
    };
    own.into_iter().chain(options.srcset.then(|| others::srcset(element, page)).into_iter().flatten())
}

/// The elements in document order, without those inside `<template>`, which are no part of the document.
pub(crate) fn outside_templates(html: &Html) -> impl Iterator<Item = ElementRef<'_>> {
    let mut inside = 0_usize;
    html.tree.root().traverse().filter_map(move |edge| match edge {
        Edge::Open(node) => {
            let element = ElementRef::wrap(node).filter(|_| inside == 0);
            inside += usize::from(is_template(node.value()));
            element
        }
        Edge::Close(node) => {
            inside -= usize::from(is_template(node.value()));
            None
        }
    })
}

fn is_template(node: &Node) -> bool {
    node.as_element().is_some_and(|element| element.name() == "template" && element.name.ns == ns!(html))
}

/// All elements in document order. (`Html::select` walks the order of creation.)
pub(crate) fn elements(html: &Html) -> impl Iterator<Item = ElementRef<'_>> {
    html.tree.root().descendants().filter_map(ElementRef::wrap)
}

fn is_link(element: ElementRef<'_>) -> bool {
    matches!(element.value().name(), "a" | "area")
}

fn lead<'a>(element: ElementRef<'a>, base: Base<'_>) -> Option<Lead<'a>> {
    let url = leading_to(element.attr("href")?, base)?;
    Some(Lead { element, url })
}

/// The link that this is; `nofollow` if none of the page's is to be followed.
fn link(lead: Lead<'_>, nofollow: bool, budget: &Budget) -> Link {
    let element = lead.element;
    let rel = element.attr("rel").map(fold);
    let nofollow = nofollow || rel.as_deref().is_some_and(|rel| has_word(rel, "nofollow"));
    let hreflang = element.attr("hreflang").map(fold).filter(|language| !language.is_empty());
    Link { url: lead.url, text: link_text(element, budget).unwrap_or_default(), rel, nofollow, hreflang }
}

/// `mailto:`, `javascript:`, `tel:` and the like lead nowhere that can be fetched.
fn leading_to(written: &str, base: Base<'_>) -> Option<String> {
    let url = base.resolved(written)?;
    // What was resolved has its scheme first, in lower case; what could not be is as written.
    let is_url = base.is_known() || Url::parse(&url).is_ok();
    let leads_to_a_page = ["http:", "https:", "file:"].iter().any(|scheme| url.starts_with(scheme));
    (leads_to_a_page || !is_url).then_some(url)
}

fn has_word(list: &str, word: &str) -> bool {
    list.split([' ', ',']).any(|other| other.eq_ignore_ascii_case(word))
}

fn robots_nofollow(html: &Html) -> bool {
    outside_templates(html).any(|element| {
        is_html(element, "meta")
            && element.attr("name").is_some_and(|name| name.trim().eq_ignore_ascii_case("robots"))
            && element
                .attr("content")
                .is_some_and(|content| has_word(content, "nofollow") || has_word(content, "none"))
    })
}

fn link_text(element: ElementRef<'_>, budget: &Budget) -> Option<String> {
    let text = fold(&visible_text(element, budget)?);
    if !text.is_empty() {
        return Some(text);
    }
    if element.value().name() == "link" {
        return budget.paid(fold(element.attr("title")?));
    }
    let alternatives: Vec<_> = walk::elements(element, budget)
        .filter(|image| image.value().name() == "img" || *image == element)
        .filter_map(|image| image.attr("alt"))
        .map(fold)
        .filter(|alternative| !alternative.is_empty())
        .collect();
    budget.paid(alternatives.join(" "))
}

#[cfg(test)]
mod tests {
    use encoding_rs::UTF_8;

    use super::*;

    fn budget() -> Budget {
        Budget::for_links(crate::Limits::default().time(std::time::Duration::MAX))
    }

    #[test]
    fn what_a_template_holds_is_no_part_of_the_document() {
        let page = "<template><a href=1>x</a><template></template><a href=2>y</a></template><a href=3>z</a>";
        assert_eq!(urls(page, None), ["3"]);
    }

    #[test]
    fn links_inside_links_run_out_of_text_and_say_so() {
        let nested = format!("{}{}", "<a href=x><object>".repeat(150), "word ".repeat(100_000));
        let html = Html::parse_document(&nested);
        let budget = budget();
        assert!(links(&html, Base::default(), &budget).len() < 150);
        assert!(budget.check().unwrap_err().to_string().contains("bytes of text in its links"));
    }

    fn links(html: &Html, base: Base<'_>, budget: &Budget) -> Vec<Link> {
        links_with(html, LinkOptions::default(), base, budget)
    }

    fn urls(html: &str, url: Option<&str>) -> Vec<String> {
        let url = url.map(|url| Url::parse(url).unwrap());
        let html = Html::parse_document(html);
        let base = base_of(&html, Base::new(url.as_ref(), UTF_8)).or(url);
        links(&html, Base::new(base.as_ref(), UTF_8), &budget()).into_iter().map(|link| link.url).collect()
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
    fn what_is_no_part_of_the_document_is_neither_its_base_nor_its_robots() {
        for other in [
            "<template><base href=/b/></template>",
            "<svg><base href=/b/></svg>",
            "<math><base href=/b/></math>",
        ] {
            let page = format!("<p>{other}<base href=/c/><a href=x>");
            assert_eq!(urls(&page, Some("http://h/a/")), ["http://h/c/x"], "{other}");
        }
        let robots = |page| robots_nofollow(&Html::parse_document(page));
        assert!(robots("<p><meta name=robots content=none>"));
        assert!(!robots("<template><meta name=robots content=none></template>"));
    }

    #[test]
    fn an_svg_may_have_templates_of_its_own() {
        assert_eq!(urls("<svg><template><a href=x></a></template></svg>", None), ["x"]);
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
        let links = links(&html, Base::default(), &budget());
        let texts: Vec<_> = links.iter().map(|link| link.text.as_str()).collect();
        assert_eq!(texts, ["t u", "i j", "k"]);
        assert_eq!(links[0].rel.as_deref(), Some("a b"));
        assert!(links.iter().all(|link| link.nofollow));
    }
}
