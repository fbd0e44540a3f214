//! scraper's sink, within bounds, and without what is not looked at.

use std::borrow::Cow;
use std::cell::{Cell, Ref, RefCell};
use std::collections::HashSet;

use ego_tree::Tree;
use html5ever::tendril::StrTendril;
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::{Attribute, LocalName, QualName, local_name, ns};
use scraper::{Html, HtmlTreeSink, Node};

use crate::limits::Limits;
use crate::phrasing::holds_text;

pub(crate) type Handle = <HtmlTreeSink as TreeSink>::Handle;

/// Nodes that there is room for before the page has shown them: as many as the bound lets through. Room that is
/// not used costs addresses and no memory, while a tree that outgrows its room stands in memory twice.
const MOST_RESERVED: usize = 1 << 20;

/// Which bound was hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Nodes,
    Nesting,
    Attributes,
    AllAttributes,
}

/// scraper's own sink, which counts what passes through.
pub(crate) struct BoundedSink {
    inner: HtmlTreeSink,
    limits: Limits,
    attributes: Cell<usize>,
    hit: Cell<Option<Bound>>,
    /// Whether texts are kept, and comments. If not, those of titles are.
    texts: Cell<bool>,
    unseen: Unseen,
    /// Whether an element `base` was made.
    has_base: Cell<bool>,
    /// The `annotation-xml` elements of MathML that hold HTML.
    annotations: RefCell<HashSet<Handle>>,
    /// The element that was put in last, with all around it, outermost first; empty when not known.
    last_path: RefCell<Vec<Handle>>,
    /// Whether something was put elsewhere than into the current element, or was taken from its place.
    has_moved: Cell<bool>,
    done: Done,
}

/// What the builder did with the last token.
#[derive(Default)]
struct Done {
    /// The element that it made last.
    made: Cell<Option<Handle>>,
    /// What it put a text into, behind all that was there.
    written_into: Cell<Option<Handle>>,
}

/// What is counted and not in the tree.
#[derive(Default)]
struct Unseen {
    nodes: Cell<usize>,
    attributes: Cell<usize>,
    is_too_deep: Cell<bool>,
    /// The one comment that stands for all of them; it is put nowhere.
    comment: Cell<Option<Handle>>,
}

impl BoundedSink {
    /// A sink with room for about so many nodes: a tree that grows is copied again and again.
    pub(crate) fn new(limits: &Limits, nodes: usize, texts: bool) -> Self {
        let mut html = Html::new_document();
        html.tree = Tree::with_capacity(Node::Document, nodes.clamp(1, MOST_RESERVED).next_power_of_two());
        Self {
            inner: HtmlTreeSink::new(html),
            limits: *limits,
            attributes: Cell::new(0),
            hit: Cell::new(None),
            texts: Cell::new(texts),
            unseen: Unseen::default(),
            has_base: Cell::new(false),
            annotations: RefCell::default(),
            last_path: RefCell::default(),
            has_moved: Cell::new(false),
            done: Done::default(),
        }
    }

    /// Forgets what was done with the token before.
    pub(crate) fn begin_token(&self) {
        self.done.made.set(None);
        self.done.written_into.set(None);
    }

    /// The element that was made last for this token, if it is one of HTML with this name.
    pub(crate) fn made(&self, name: &LocalName) -> Option<Handle> {
        self.done.made.get().filter(|made| self.is_html(*made, |made| made == name))
    }

    /// The element that this token's text was put into, if text in it is text of the body.
    pub(crate) fn written_into(&self) -> Option<Handle> {
        self.done.written_into.get().filter(|parent| self.holds_text(*parent))
    }

    /// Whether this is an element of HTML in which text is text of the body.
    pub(crate) fn holds_text(&self, handle: Handle) -> bool {
        self.is_html(handle, |name| holds_text(name.as_bytes()))
    }

    /// Whether this is an element of HTML with such a name.
    pub(crate) fn is_html(&self, handle: Handle, has_name: impl Fn(&LocalName) -> bool) -> bool {
        let html = self.inner.0.borrow();
        let element = html.tree.get(handle).and_then(|node| node.value().as_element());
        element.is_some_and(|element| element.name.ns == ns!(html) && has_name(&element.name.local))
    }

    /// Whether texts are kept, whatever holds them.
    pub(crate) fn keeps_texts(&self) -> bool {
        self.texts.get()
    }

    /// Whether there may be a `<base>` in the tree.
    pub(crate) fn may_have_base(&self) -> bool {
        self.has_base.get()
    }

    /// What this is in.
    pub(crate) fn parent(&self, handle: Handle) -> Option<Handle> {
        let html = self.inner.0.borrow();
        html.tree.get(handle).and_then(|node| node.parent()).map(|parent| parent.id())
    }

    /// Whether each element is still where it was put, and that was into the element that was the current one.
    pub(crate) fn is_regular(&self) -> bool {
        !self.has_moved.get()
    }

    /// How deep elements are that were not put into this one, so many in each other.
    pub(crate) fn measure_unseen_depth(&self, parent: Handle, depth: usize) {
        if self.reach(parent) + depth > self.limits.nesting + 1 {
            self.unseen.is_too_deep.set(true);
            self.record(Bound::Nesting);
        }
    }

    /// Counts nodes that are not in the tree.
    pub(crate) fn count_unseen_nodes(&self, nodes: usize) {
        self.unseen.nodes.set(self.unseen.nodes.get().saturating_add(nodes));
        self.count_nodes();
    }

    /// The bound that was hit first.
    pub(crate) fn hit(&self) -> Option<Bound> {
        self.hit.get()
    }

    /// Whether the bound that was hit first was hit with the help of what is not in the tree.
    pub(crate) fn has_guessed(&self) -> bool {
        match self.hit.get() {
            Some(Bound::Nodes) => self.unseen.nodes.get() > 0,
            Some(Bound::AllAttributes) => self.unseen.attributes.get() > 0,
            Some(Bound::Nesting) => self.unseen.is_too_deep.get(),
            Some(Bound::Attributes) | None => false,
        }
    }

    /// Counts attributes of a tag that it comes without.
    pub(crate) fn count_unseen_attributes(&self, attributes: usize) {
        if attributes > 0 {
            self.unseen.attributes.set(self.unseen.attributes.get().saturating_add(attributes));
            self.count_attributes(attributes, 0);
        }
    }

    /// Whether this is not to be in the tree; then it is counted.
    fn is_unseen(&self, parent: Option<Handle>, child: &NodeOrText<Handle>) -> bool {
        let is_unseen = match child {
            NodeOrText::AppendNode(handle) => self.unseen.comment.get() == Some(*handle),
            NodeOrText::AppendText(_) => {
                !self.texts.get() && !parent.is_some_and(|parent| self.is_title(parent))
            }
        };
        if is_unseen {
            self.count_unseen_nodes(1);
        }
        is_unseen
    }

    fn is_title(&self, handle: Handle) -> bool {
        let html = self.inner.0.borrow();
        let element = html.tree.get(handle).and_then(|node| node.value().as_element());
        element.is_some_and(|element| element.name.local == local_name!("title"))
    }

    fn record(&self, bound: Bound) {
        if self.hit.get().is_none() {
            self.hit.set(Some(bound));
        }
    }

    fn count_nodes(&self) {
        if self.inner.0.borrow().tree.nodes().len() + self.unseen.nodes.get() > self.limits.nodes {
            self.record(Bound::Nodes);
        }
    }

    /// Formatting elements are made again and again with all their attributes, so those of the tree are counted, too.
    fn count_attributes(&self, new: usize, of_element: usize) {
        if of_element > self.limits.attributes {
            self.record(Bound::Attributes);
        }
        self.attributes.set(self.attributes.get().saturating_add(new));
        if self.attributes.get() > self.limits.all_attributes() {
            self.record(Bound::AllAttributes);
        }
    }

    /// How deep an element is that was just put into this parent.
    fn measure_depth(&self, parent: Handle, child: Handle) {
        if self.reach(parent) > self.limits.nesting {
            self.record(Bound::Nesting);
        }
        self.last_path.borrow_mut().push(child);
    }

    /// Makes the last path that to this element, and gives its length.
    fn reach(&self, handle: Handle) -> usize {
        let mut path = self.last_path.borrow_mut();
        match path.iter().rposition(|around| *around == handle) {
            Some(at) => path.truncate(at + 1),
            None => *path = self.path_to(handle),
        }
        path.len()
    }

    fn put_into(&self, parent: &Handle, child: NodeOrText<Handle>) {
        if self.is_unseen(Some(*parent), &child) {
            return;
        }
        let element = self.element(&child);
        self.inner.append(parent, child);
        match element {
            Some(element) => self.measure_depth(*parent, element),
            None => self.count_nodes(),
        }
    }

    /// The element that is inserted, if it is one.
    fn element(&self, child: &NodeOrText<Handle>) -> Option<Handle> {
        let NodeOrText::AppendNode(handle) = child else { return None };
        let html = self.inner.0.borrow();
        html.tree.get(*handle).filter(|node| node.value().is_element()).map(|node| node.id())
    }

    fn path_to(&self, handle: Handle) -> Vec<Handle> {
        let html = self.inner.0.borrow();
        let Some(node) = html.tree.get(handle) else { return Vec::new() };
        let mut path: Vec<_> =
            std::iter::once(handle).chain(node.ancestors().map(|node| node.id())).collect();
        path.reverse();
        path
    }

    /// Elements change places, so what was known of them no longer holds.
    fn forget_path(&self) {
        self.has_moved.set(true);
        self.last_path.borrow_mut().clear();
    }
}

fn attributes_of(sink: &HtmlTreeSink, target: Handle) -> usize {
    let html = sink.0.borrow();
    html.tree.get(target).and_then(|node| node.value().as_element()).map_or(0, |element| element.attrs.len())
}

impl TreeSink for BoundedSink {
    type Handle = Handle;
    type Output = Html;
    type ElemName<'a> = Ref<'a, QualName>;

    fn finish(self) -> Self::Output {
        self.inner.finish()
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        self.inner.get_document()
    }

    fn elem_name<'a>(&'a self, target: &'a Handle) -> Self::ElemName<'a> {
        self.inner.elem_name(target)
    }

    fn create_element(&self, name: QualName, attrs: Vec<Attribute>, flags: ElementFlags) -> Handle {
        self.count_nodes();
        self.count_attributes(attrs.len(), attrs.len());
        if name.local == local_name!("title") && name.ns != ns!(html) {
            self.texts.set(true); // others than those of HTML hold elements with texts of their own
        }
        if name.local == local_name!("base") {
            self.has_base.set(true);
        }
        // One token can make many elements before anybody looks whether a bound was hit.
        let attrs = if self.hit.get().is_none() { attrs } else { Vec::new() };
        let holds_html = flags.mathml_annotation_xml_integration_point;
        let element = self.inner.create_element(name, attrs, flags);
        self.done.made.set(Some(element));
        if holds_html {
            self.annotations.borrow_mut().insert(element);
        }
        element
    }

    /// scraper's sink knows none.
    fn is_mathml_annotation_xml_integration_point(&self, element: &Handle) -> bool {
        self.annotations.borrow().contains(element)
    }

    fn create_comment(&self, text: StrTendril) -> Handle {
        if self.texts.get() {
            self.count_nodes();
            return self.inner.create_comment(text);
        }
        let comment = self.unseen.comment.get();
        let comment = comment.unwrap_or_else(|| self.inner.create_comment(StrTendril::new()));
        self.unseen.comment.set(Some(comment));
        comment
    }

    fn create_pi(&self, target: StrTendril, data: StrTendril) -> Handle {
        self.count_nodes();
        self.inner.create_pi(target, data)
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        if let NodeOrText::AppendText(_) = child {
            self.done.written_into.set(Some(*parent));
        }
        self.put_into(parent, child);
    }

    fn append_based_on_parent_node(
        &self,
        element: &Handle,
        prev_element: &Handle,
        child: NodeOrText<Handle>,
    ) {
        let has_parent = self.inner.0.borrow().tree.get(*element).is_some_and(|node| node.parent().is_some());
        self.has_moved.set(true);
        if has_parent {
            self.append_before_sibling(element, child);
        } else {
            self.put_into(prev_element, child);
        }
    }

    fn append_doctype_to_document(&self, name: StrTendril, public_id: StrTendril, system_id: StrTendril) {
        self.count_nodes();
        self.inner.append_doctype_to_document(name, public_id, system_id);
    }

    fn get_template_contents(&self, target: &Handle) -> Handle {
        self.inner.get_template_contents(target)
    }

    fn same_node(&self, x: &Handle, y: &Handle) -> bool {
        self.inner.same_node(x, y)
    }

    fn set_quirks_mode(&self, mode: QuirksMode) {
        self.inner.set_quirks_mode(mode);
    }

    fn append_before_sibling(&self, sibling: &Handle, new_node: NodeOrText<Handle>) {
        self.has_moved.set(true);
        if self.is_unseen(None, &new_node) {
            return;
        }
        let moved = self.element(&new_node);
        self.inner.append_before_sibling(sibling, new_node);
        self.forget_path();
        let html = self.inner.0.borrow();
        let parent = html.tree.get(*sibling).and_then(|sibling| sibling.parent()).map(|parent| parent.id());
        drop(html);
        match (moved, parent) {
            (Some(moved), Some(parent)) => self.measure_depth(parent, moved),
            _ => self.count_nodes(),
        }
    }

    fn add_attrs_if_missing(&self, target: &Handle, attrs: Vec<Attribute>) {
        let known = attributes_of(&self.inner, *target);
        self.count_attributes(attrs.len(), known.saturating_add(attrs.len()));
        if self.hit.get().is_none() {
            self.inner.add_attrs_if_missing(target, attrs);
        }
    }

    fn remove_from_parent(&self, target: &Handle) {
        self.forget_path();
        self.inner.remove_from_parent(target);
    }

    fn reparent_children(&self, node: &Handle, new_parent: &Handle) {
        self.forget_path();
        self.inner.reparent_children(node, new_parent);
    }

    fn mark_script_already_started(&self, node: &Handle) {
        self.inner.mark_script_already_started(node);
    }
}
