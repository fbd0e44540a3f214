//! Walks over the elements of a tree, in document order, for as long as the budget lasts.

use ego_tree::{NodeId, NodeRef};
use scraper::{ElementRef, Node};

use crate::budget::Budget;

/// Elements between two looks at the clock. For each of them a selector may look at no more than all elements.
const BETWEEN_LOOKS: usize = 16;

/// An element, and those below it.
pub(crate) fn elements<'a, 'b>(from: ElementRef<'a>, budget: &'b Budget) -> Elements<'a, 'b> {
    Elements { next: Some(*from), top: from.id(), budget, until_look: 0 }
}

/// The elements below an element.
pub(crate) fn below<'a, 'b>(top: ElementRef<'a>, budget: &'b Budget) -> Elements<'a, 'b> {
    Elements { next: after(*top, top.id()), ..elements(top, budget) }
}

/// Elements in document order. They end early when the budget does.
pub(crate) struct Elements<'a, 'b> {
    next: Option<NodeRef<'a, Node>>,
    top: NodeId,
    budget: &'b Budget,
    until_look: usize,
}

impl<'a> Elements<'a, '_> {
    /// Leaves out what is below the element that was given last.
    pub(crate) fn pass_over(&mut self, element: ElementRef<'a>) {
        self.next = behind(*element, self.top);
    }

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
}

impl<'a> Iterator for Elements<'a, '_> {
    type Item = ElementRef<'a>;

    fn next(&mut self) -> Option<ElementRef<'a>> {
        while let Some(node) = self.next {
            self.next = after(node, self.top);
            let Some(element) = ElementRef::wrap(node) else { continue };
            return self.has_time().then_some(element);
        }
        None
    }
}

/// The node after this one in document order, in the tree below another.
fn after(node: NodeRef<'_, Node>, top: NodeId) -> Option<NodeRef<'_, Node>> {
    node.first_child().or_else(|| behind(node, top))
}

/// The node behind this one and all that is below it.
fn behind(node: NodeRef<'_, Node>, top: NodeId) -> Option<NodeRef<'_, Node>> {
    let mut around = node;
    while around.id() != top {
        if let Some(sibling) = around.next_sibling() {
            return Some(sibling);
        }
        around = around.parent()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use scraper::Html;

    use super::*;

    #[test]
    fn a_walk_stays_below_its_top_and_leaves_out_what_it_passes_over() {
        let html = Html::parse_fragment("<p><b><i></i>x</b><u></u></p><s></s>");
        let budget = Budget::whole();
        let mut all = elements(html.root_element(), &budget);
        let top = all.find(|element| element.value().name() == "p").unwrap();
        let names = |elements: Elements<'_, '_>| -> Vec<String> {
            elements.map(|element| element.value().name().to_owned()).collect()
        };
        assert_eq!(names(elements(top, &budget)), ["p", "b", "i", "u"]);
        assert_eq!(names(below(top, &budget)), ["b", "i", "u"]);
        let mut passing = below(top, &budget);
        let b = passing.next().unwrap();
        passing.pass_over(b);
        assert_eq!(names(passing), ["u"]);
    }

    #[test]
    fn a_walk_ends_with_the_budget() {
        let html = Html::parse_fragment(&"<i></i>".repeat(100));
        let budget = Budget::of_text(0);
        let mut walk = elements(html.root_element(), &budget);
        assert!(walk.next().is_some());
        budget.spend("x");
        assert!(walk.count() <= BETWEEN_LOOKS);
        assert_eq!(elements(html.root_element(), &budget).count(), 0);
    }
}
