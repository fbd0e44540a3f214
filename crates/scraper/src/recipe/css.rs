//! Selectors at work: the elements that match, in document order, for as long as there is time.

use cssparser::Parser;
use ego_tree::iter::Descendants;
use scraper::selector::{Parser as Rules, Simple};
use scraper::{ElementRef, Node};
use selectors::matching::{self, MatchingContext, SelectorCaches};
use selectors::parser::{ParseRelative, SelectorList};
use selectors::{Element, OpaqueElement};

use super::model::Target;
use crate::budget::Budget;

/// Elements that are matched between two looks at the clock. One match looks at no more than all elements.
const BETWEEN_LOOKS: usize = 16;

/// A compiled selector.
#[derive(Debug, Clone)]
pub(crate) struct Css {
    selectors: SelectorList<Simple>,
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
        Some(Self { selectors })
    }

    /// The elements that match, in document order. They end early when the budget has no time left.
    pub(crate) fn elements<'a: 'b, 'b>(&'b self, scope: Scope<'a>, budget: &'b Budget) -> Hits<'a, 'b> {
        let mut candidates = scope.element().descendants();
        if let Scope::Below(_) = scope {
            candidates.next();
        }
        Hits {
            css: self,
            scope: scope.element().opaque(),
            candidates,
            caches: SelectorCaches::default(),
            budget,
            until_look: 0,
        }
    }
}

/// The matches of a selector.
///
/// `ElementRef::select` walks in the same way, but what never matches keeps it busy with nobody asking for the time.
pub(crate) struct Hits<'a, 'b> {
    css: &'b Css,
    scope: OpaqueElement,
    candidates: Descendants<'a, Node>,
    caches: SelectorCaches,
    budget: &'b Budget,
    until_look: usize,
}

impl Hits<'_, '_> {
    fn has_time(&mut self) -> bool {
        match self.until_look.checked_sub(1) {
            Some(left) => {
                self.until_look = left;
                true
            }
            None => {
                self.until_look = BETWEEN_LOOKS;
                self.budget.has_time()
            }
        }
    }

    fn matches(&mut self, element: ElementRef<'_>) -> bool {
        let mut context = MatchingContext::new(
            matching::MatchingMode::Normal,
            None,
            &mut self.caches,
            matching::QuirksMode::NoQuirks,
            matching::NeedsSelectorFlags::No,
            matching::MatchingForInvalidation::No,
        );
        context.scope_element = Some(self.scope);
        let selectors = self.css.selectors.slice();
        selectors.iter().any(|selector| matching::matches_selector(selector, 0, None, &element, &mut context))
    }
}

impl<'a> Iterator for Hits<'a, '_> {
    type Item = ElementRef<'a>;

    fn next(&mut self) -> Option<ElementRef<'a>> {
        while let Some(node) = self.candidates.next() {
            let Some(element) = ElementRef::wrap(node) else { continue };
            if !self.has_time() {
                return None;
            }
            if self.matches(element) {
                return Some(element);
            }
        }
        None
    }
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
