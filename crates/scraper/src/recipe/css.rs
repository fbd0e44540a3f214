//! Selectors at work: the elements that match, in document order, for as long as there is time.

use cssparser::Parser;
use html5ever::LocalName;
use scraper::ElementRef;
use scraper::selector::{Parser as Rules, Simple};
use selectors::matching::{self, MatchingContext, SelectorCaches};
use selectors::parser::{Component, ParseRelative, Selector, SelectorList};
use selectors::{Element, OpaqueElement};

use crate::budget::Budget;
use crate::walk::{self, Elements};

/// A compiled selector.
#[derive(Debug, Clone)]
pub(crate) struct Css {
    selectors: SelectorList<Simple>,
    /// For each selector the name that its elements have.
    names: Vec<Named>,
}

/// The name of the elements that a selector can match, if it says one: `a` for `p > a[href]`.
#[derive(Debug, Clone)]
enum Named {
    Any,
    /// As it is written, and in lower case, which it has in HTML.
    One(LocalName, LocalName),
}

impl Named {
    fn of(selector: &Selector<Simple>) -> Self {
        let name = selector.iter().find_map(|part| match part {
            Component::LocalName(name) => Some(Self::One(name.name.0.clone(), name.lower_name.0.clone())),
            _ => None,
        });
        name.unwrap_or(Self::Any)
    }

    fn allows(&self, name: &LocalName) -> bool {
        match self {
            Self::Any => true,
            Self::One(written, lower) => name == written || name == lower,
        }
    }
}

/// Where a selector looks.
#[derive(Clone, Copy)]
pub(crate) enum Scope<'a> {
    /// The whole page: its root element may match too.
    Page(ElementRef<'a>),
    /// Below an element.
    Below(ElementRef<'a>),
}

impl<'a> Scope<'a> {
    pub(crate) fn element(self) -> ElementRef<'a> {
        match self {
            Self::Page(element) | Self::Below(element) => element,
        }
    }
}

impl Css {
    /// Compiles a selector; None if it does not hold.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let selectors = SelectorList::parse(&Rules, &mut Parser::new(text), ParseRelative::No).ok()?;
        let names = selectors.slice().iter().map(Named::of).collect();
        Some(Self { selectors, names })
    }

    pub(super) fn selectors(&self) -> &[Selector<Simple>] {
        self.selectors.slice()
    }

    /// Whether all elements that it can match have this name.
    pub(super) fn finds_only(&self, name: &str) -> bool {
        self.names.iter().all(|named| matches!(named, Named::One(written, _) if **written == *name))
    }

    /// The elements that match, in document order. They end early when the budget has no time left.
    pub(crate) fn elements<'a: 'b, 'b>(&'b self, scope: Scope<'a>, budget: &'b Budget) -> Hits<'a, 'b> {
        let element = scope.element();
        let elements = match scope {
            Scope::Page(_) => walk::elements(element, budget),
            Scope::Below(_) => walk::below(element, budget),
        };
        Hits { css: self, scope: element, elements, caches: SelectorCaches::default() }
    }

    fn matches(&self, element: &ElementRef<'_>, scope: OpaqueElement, caches: &mut SelectorCaches) -> bool {
        let name = &element.value().name.local;
        if !self.names.iter().any(|named| named.allows(name)) {
            return false;
        }
        let mut context = MatchingContext::new(
            matching::MatchingMode::Normal,
            None,
            caches,
            matching::QuirksMode::NoQuirks,
            matching::NeedsSelectorFlags::No,
            matching::MatchingForInvalidation::No,
        );
        context.scope_element = Some(scope);
        self.selectors.slice().iter().zip(&self.names).any(|(selector, named)| {
            named.allows(name) && matching::matches_selector(selector, 0, None, element, &mut context)
        })
    }
}

/// The matches of a selector.
///
/// `ElementRef::select` walks in the same way, but what never matches keeps it busy with nobody asking for the time.
pub(crate) struct Hits<'a, 'b> {
    css: &'b Css,
    scope: ElementRef<'a>,
    elements: Elements<'a, 'b>,
    caches: SelectorCaches,
}

impl<'a> Iterator for Hits<'a, '_> {
    type Item = ElementRef<'a>;

    fn next(&mut self) -> Option<ElementRef<'a>> {
        let (css, scope, caches) = (self.css, self.scope.opaque(), &mut self.caches);
        self.elements.find(|element| css.matches(element, scope, caches))
    }
}

/// A selector, and what to take of the element it finds. Without a selector: the element itself.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) css: Option<Css>,
    pub(crate) take: Take,
}

/// What to take of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Take {
    /// Its text as a browser shows it.
    Text,
    /// The text directly in it.
    Own,
    /// The markup inside it.
    Html,
    /// An attribute.
    Attribute(String),
}

impl Target {
    /// The elements this target means, in document order.
    pub(crate) fn elements<'a: 'b, 'b>(
        &'b self,
        scope: Scope<'a>,
        budget: &'b Budget,
    ) -> impl Iterator<Item = ElementRef<'a>> + 'b {
        let itself = self.css.is_none().then(|| scope.element());
        let found = self.css.as_ref().map(|css| css.elements(scope, budget));
        itself.into_iter().chain(found.into_iter().flatten())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "what a test looks for needs no budget")]
mod tests {
    use proptest::prelude::*;
    use scraper::{Html, Selector};

    use super::*;

    const SELECTORS: [&str; 20] = [
        "*",
        "a",
        "A",
        "p > b",
        "p b, a",
        "a[href]",
        "[href]",
        ".x",
        "b.x, i",
        "#k",
        "p:not(.x)",
        ":is(a, b)",
        "svg|*",
        "b + i",
        "b ~ i",
        "p:has(> a)",
        "a:nth-child(2)",
        "b:first-of-type",
        "foreignObject",
        ":scope > p",
    ];

    const PIECES: [&str; 16] = [
        "<p>",
        "</p>",
        "<b>",
        "</b>",
        "<i class='x y'>",
        "</i>",
        "<a href=u>",
        "<a id=k>",
        "</a>",
        "t",
        "<table>",
        "<td>",
        "<svg><foreignObject>",
        "<template>",
        "<p class=x>",
        "<!--c-->",
    ];

    proptest! {
        #[test]
        fn what_matches_is_what_scraper_selects(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..30)) {
            let html = Html::parse_document(&pieces.concat());
            let (root, budget) = (html.root_element(), Budget::whole());
            for text in SELECTORS {
                let (Some(ours), Ok(theirs)) = (Css::new(text), Selector::parse(text)) else { continue };
                for element in root.descendent_elements() {
                    let found: Vec<_> = ours.elements(Scope::Below(element), &budget).collect();
                    prop_assert_eq!(found, element.select(&theirs).collect::<Vec<_>>(), "{} below {:?}", text, element.value());
                }
                let found: Vec<_> = ours.elements(Scope::Page(root), &budget).collect();
                let all = root.descendent_elements().filter(|element| theirs.matches_with_scope(element, Some(root)));
                prop_assert_eq!(found, all.collect::<Vec<_>>(), "{}", text);
            }
        }
    }
}
