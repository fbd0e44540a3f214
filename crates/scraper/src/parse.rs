//! Text -> scraper's tree, within bounds.
//!
//! html5ever's tree builder takes time that grows with the square of the nesting, and it cannot be
//! told to stop. So the text goes in by small pieces, and between two pieces a count of what was
//! built decides whether there is a next one.

use std::borrow::Cow;
use std::cell::{Cell, Ref};
use std::time::{Duration, Instant};

use html5ever::tendril::StrTendril;
use html5ever::tendril::TendrilSink;
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::{Attribute, ParseOpts, Parser, QualName, parse_document};
use scraper::{Html, HtmlTreeSink};

use crate::error::{Error, ErrorKind};

/// How much text the tree builder gets between two looks at the bounds.
const PIECE: usize = 4096;

/// A tag that is still open after this many bytes is looked at for its number of attributes.
const LONG_TAG: usize = 64 * 1024;

type Handle = <HtmlTreeSink as TreeSink>::Handle;

/// How much of a page is parsed before it counts as too large.
///
/// What goes past a bound is an error of kind `too_large` that names the bound, never half a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub(crate) bytes: usize,
    pub(crate) nodes: usize,
    pub(crate) nesting: usize,
    pub(crate) attributes: usize,
    pub(crate) time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            nodes: 1_000_000,
            nesting: 512,
            attributes: 10_000,
            time: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Bytes of text after decoding. Default 64 MiB; `usize::MAX` turns the bound off.
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Nodes of the tree: elements, texts and comments. Default 1,000,000; `usize::MAX` turns the
    /// bound off.
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// Elements inside one another. Default 512, as browsers have it. It cannot be raised above 4,096,
    /// because the time taken grows with its square.
    #[must_use]
    pub fn nesting(mut self, nesting: usize) -> Self {
        self.nesting = nesting.min(4096);
        self
    }

    /// Attributes on one element. Default 10,000; `usize::MAX` turns the bound off.
    #[must_use]
    pub fn attributes(mut self, attributes: usize) -> Self {
        self.attributes = attributes;
        self
    }

    /// Time spent on parsing one page, and again on taking its records. Default 10 s; `Duration::MAX` turns
    /// the bound off.
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }
}

/// Builds the tree of a page, or says which bound it hit.
pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Html, Error> {
    if text.len() > limits.bytes {
        return Err(too_large(format!("{} bytes of text", text.len()), "bytes", limits.bytes));
    }
    let started = Instant::now();
    let mut parser = parse_document(BoundedSink::new(limits), ParseOpts::default());
    let mut quiet = QuietStretch::default();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(rest.floor_char_boundary(PIECE).max(1));
        rest = later;
        parser.process(StrTendril::from_slice(piece));
        if let Some(hit) = sink_of(&parser).hit(limits) {
            return Err(hit);
        }
        let open = quiet.after_piece(text, text.len() - rest.len(), sink_of(&parser).calls.get());
        if open > limits.attributes {
            return Err(too_large("one tag", "attributes", limits.attributes));
        }
        if started.elapsed() > limits.time {
            return Err(took_too_long(limits.time));
        }
    }
    finish(parser, limits)
}

fn finish(parser: Parser<BoundedSink>, limits: &Limits) -> Result<Html, Error> {
    let (html, hit) = parser.finish();
    hit.map_or(Ok(html), |bound| Err(bound.error(limits)))
}

fn sink_of(parser: &Parser<BoundedSink>) -> &BoundedSink {
    &parser.tokenizer.sink.sink
}

fn too_large(what: impl std::fmt::Display, bound: &str, limit: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        format!("the page is too large to parse: {what}, past the bound of {limit} {bound}"),
    )
}

fn took_too_long(limit: Duration) -> Error {
    let message = format!("the page is too large to parse: past the bound of {limit:?} of time");
    Error::new(ErrorKind::TooLarge, message)
}

#[derive(Debug, Clone, Copy)]
enum Bound {
    Nodes,
    Nesting,
    Attributes,
}

impl Bound {
    fn error(self, limits: &Limits) -> Error {
        match self {
            Self::Nodes => too_large("its tree", "nodes", limits.nodes),
            Self::Nesting => too_large("its elements", "levels of nesting", limits.nesting),
            Self::Attributes => too_large("one tag", "attributes", limits.attributes),
        }
    }
}

/// A stretch of text from which the tree builder has not been called: one very long tag, comment
/// or attribute value. Duplicates among attributes are found by comparing all with all, so a tag
/// that goes on and on is counted here before it costs minutes.
#[derive(Default)]
struct QuietStretch {
    start: usize,
    calls: usize,
    counted_to: usize,
}

impl QuietStretch {
    /// How many attributes the tag that is still open has, if it has been open for long.
    fn after_piece(&mut self, text: &str, fed: usize, calls: usize) -> usize {
        if calls != self.calls {
            self.calls = calls;
            self.start = fed.saturating_sub(PIECE);
            self.counted_to = fed;
            return 0;
        }
        let due = fed - self.start > LONG_TAG && fed - self.counted_to >= (fed - self.start) / 4;
        if !due {
            return 0;
        }
        self.counted_to = fed;
        attributes_of_open_tag(text.as_bytes().get(self.start..fed).unwrap_or(&[]))
    }
}

/// Counts the attributes of the tag that `stretch` ends in; 0 if it does not end in one.
fn attributes_of_open_tag(stretch: &[u8]) -> usize {
    let mut at = 0;
    let mut count = 0;
    while let Some(start) = find_from(stretch, at, b'<') {
        if !stretch.get(start + 1).is_some_and(u8::is_ascii_alphabetic) {
            at = start + 1;
            continue;
        }
        let (end, found) = tag_from(stretch, start + 1);
        (at, count) = (end, found);
        if end >= stretch.len() {
            return count;
        }
        count = 0;
    }
    count
}

fn find_from(bytes: &[u8], from: usize, wanted: u8) -> Option<usize> {
    bytes.get(from..)?.iter().position(|&byte| byte == wanted).map(|at| from + at)
}

/// The end of a tag, and how many words stand in it outside of quotes.
fn tag_from(bytes: &[u8], start: usize) -> (usize, usize) {
    let (mut at, mut words, mut in_word) = (start, 0, true);
    let mut after_equals = false;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'>' => return (at + 1, words),
            b'"' | b'\'' if after_equals => {
                at = find_from(bytes, at + 1, byte).unwrap_or(bytes.len());
                in_word = false;
            }
            b' ' | b'\n' | b'\t' | b'\r' | 0x0c | b'/' => in_word = false,
            _ if !in_word && !after_equals && byte != b'=' => {
                words += 1;
                in_word = true;
            }
            _ => {}
        }
        after_equals = byte == b'=' || (after_equals && byte.is_ascii_whitespace());
        at += 1;
    }
    (bytes.len(), words)
}

/// scraper's own sink, which counts what passes through.
struct BoundedSink {
    inner: HtmlTreeSink,
    limits: Limits,
    calls: Cell<usize>,
    hit: Cell<Option<Bound>>,
}

impl BoundedSink {
    fn new(limits: &Limits) -> Self {
        Self {
            inner: HtmlTreeSink::new(Html::new_document()),
            limits: *limits,
            calls: Cell::new(0),
            hit: Cell::new(None),
        }
    }

    fn hit(&self, limits: &Limits) -> Option<Error> {
        self.hit.get().map(|bound| bound.error(limits))
    }

    fn record(&self, bound: Bound) {
        if self.hit.get().is_none() {
            self.hit.set(Some(bound));
        }
    }

    fn count_call(&self) {
        self.calls.set(self.calls.get().wrapping_add(1));
    }

    fn count_nodes(&self) {
        self.count_call();
        if self.inner.0.borrow().tree.nodes().len() > self.limits.nodes {
            self.record(Bound::Nodes);
        }
    }

    /// Walks up from a parent that just got a child. Elements may be moved later, so the depth is
    /// looked up each time rather than remembered.
    fn measure_depth(&self, parent: &Handle) {
        if self.hit.get().is_some() {
            return;
        }
        let html = self.inner.0.borrow();
        let depth = html.tree.get(*parent).map_or(0, |node| node.ancestors().take(5000).count());
        if depth > self.limits.nesting {
            self.record(Bound::Nesting);
        }
    }

    fn measure_insertion(&self, parent: &Handle, child: &NodeOrText<Handle>) {
        match child {
            NodeOrText::AppendNode(_) => self.measure_depth(parent),
            NodeOrText::AppendText(_) => self.count_nodes(),
        }
    }
}

impl TreeSink for BoundedSink {
    type Handle = Handle;
    type Output = (Html, Option<Bound>);
    type ElemName<'a> = Ref<'a, QualName>;

    fn finish(self) -> Self::Output {
        (self.inner.finish(), self.hit.get())
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
        if attrs.len() > self.limits.attributes {
            self.record(Bound::Attributes);
        }
        self.inner.create_element(name, attrs, flags)
    }

    fn create_comment(&self, text: StrTendril) -> Handle {
        self.count_nodes();
        self.inner.create_comment(text)
    }

    fn create_pi(&self, target: StrTendril, data: StrTendril) -> Handle {
        self.count_nodes();
        self.inner.create_pi(target, data)
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        let measured = child_kind(&child);
        self.inner.append(parent, child);
        self.measure_insertion(parent, &measured);
    }

    fn append_based_on_parent_node(
        &self,
        element: &Handle,
        prev_element: &Handle,
        child: NodeOrText<Handle>,
    ) {
        let measured = child_kind(&child);
        self.inner.append_based_on_parent_node(element, prev_element, child);
        self.measure_insertion(prev_element, &measured);
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
        let measured = child_kind(&new_node);
        self.inner.append_before_sibling(sibling, new_node);
        self.measure_insertion(sibling, &measured);
    }

    fn add_attrs_if_missing(&self, target: &Handle, attrs: Vec<Attribute>) {
        self.count_call();
        self.inner.add_attrs_if_missing(target, attrs);
    }

    fn remove_from_parent(&self, target: &Handle) {
        self.count_call();
        self.inner.remove_from_parent(target);
    }

    fn reparent_children(&self, node: &Handle, new_parent: &Handle) {
        self.count_call();
        self.inner.reparent_children(node, new_parent);
    }

    fn mark_script_already_started(&self, node: &Handle) {
        self.inner.mark_script_already_started(node);
    }
}

/// What is inserted, without the text itself.
fn child_kind(child: &NodeOrText<Handle>) -> NodeOrText<Handle> {
    match child {
        NodeOrText::AppendNode(id) => NodeOrText::AppendNode(*id),
        NodeOrText::AppendText(_) => NodeOrText::AppendText(StrTendril::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> (Result<usize, String>, Duration) {
        let started = Instant::now();
        let outcome =
            parse(text, &Limits::default()).map(|html| html.tree.nodes().count()).map_err(|error| {
                assert_eq!(error.kind(), ErrorKind::TooLarge);
                error.to_string()
            });
        (outcome, started.elapsed())
    }

    /// Unoptimised code is about ten times slower than what users run.
    const HOSTILE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });

    fn assert_bounded(text: &str, bound: Option<&str>) {
        let (outcome, took) = outcome(text);
        match (outcome, bound) {
            (Ok(_), None) => {}
            (Err(message), Some(bound)) => assert!(message.contains(bound), "{message}"),
            (outcome, _) => panic!("{outcome:?}, expected {bound:?}"),
        }
        assert!(took < HOSTILE, "took {took:?}");
    }

    #[test]
    fn the_tree_is_the_one_scraper_builds() {
        for text in [
            "",
            "<p>a<p>b<table><td>x<div>y</table>z",
            "<a><b><a><i>x</b>y</a>",
            "<!doctype html><html lang=de><body class=x><body id=y><template><p>t</template>",
            "<svg><title>x</title></svg><select><option>1<option>2</select>&amp;&notit;",
            "a\0b<script>if (a<b) x('</scr')</script>é\u{1F600}<plaintext></p>",
        ] {
            let repeated = text.repeat(300);
            for text in [text, repeated.as_str()] {
                let limits = Limits::default().nesting(4000);
                let ours = parse(text, &limits).unwrap();
                assert_eq!(ours.html(), Html::parse_document(text).html(), "{text}");
            }
        }
    }

    #[test]
    fn nested_lists_stop_at_the_bound_of_nesting() {
        assert_bounded(&"<ul><li>".repeat(64 * 1024), Some("512 levels of nesting"));
    }

    #[test]
    fn unclosed_bold_stops_at_the_bound_of_nesting() {
        assert_bounded(&"<b>".repeat(1_000_000), Some("512 levels of nesting"));
    }

    #[test]
    fn nested_tables_stop_at_the_bound_of_nesting() {
        assert_bounded(&"<table><tr><td>".repeat(5_000), Some("512 levels of nesting"));
    }

    #[test]
    fn nesting_up_to_the_bound_is_allowed() {
        // html and body count.
        let nested = |depth: usize| format!("{}x", "<div>".repeat(depth));
        assert_bounded(&nested(510), None);
        assert_bounded(&nested(512), Some("nesting"));
    }

    #[test]
    fn a_hundred_thousand_attributes_stop_early() {
        let mut text = String::from("<p ");
        for number in 0..100_000 {
            text.push_str(&format!("a{number}=\"{number}\" "));
        }
        assert_bounded(&text, Some("10000 attributes"));
        text.push_str(">x");
        assert_bounded(&text, Some("10000 attributes"));
    }

    #[test]
    fn a_long_attribute_value_and_a_long_comment_are_no_attributes() {
        let words = "a b=c ".repeat(100_000);
        assert_bounded(&format!("<img src=\"data:{words}\">"), None);
        assert_bounded(&format!("<!-- {words} -->"), None);
        assert_bounded(&format!("<script>{words}</script><p>{words}"), None);
    }

    #[test]
    fn formatting_elements_that_multiply_stop_at_a_bound() {
        let text = format!("{}{}", "<a><b><i><u>".repeat(50_000), "</p>".repeat(10_000));
        assert_bounded(&text, Some("bound"));
    }

    #[test]
    fn open_angle_brackets_are_text() {
        assert_bounded(&"<".repeat(1 << 20), None);
    }

    #[test]
    fn many_closed_paragraphs_stop_at_the_bound_of_nodes() {
        let text = format!("<body>{}", "</p>".repeat(10_100));
        let error = parse(&text, &Limits::default().nodes(10_000)).unwrap_err();
        assert!(error.to_string().contains("10000 nodes"), "{error}");
        assert_bounded(&text, None);
    }

    #[test]
    fn bytes_and_time_are_bounds_too() {
        let few = Limits::default().bytes(3);
        assert!(parse("abcd", &few).unwrap_err().to_string().contains("3 bytes"));
        let short = Limits::default().time(Duration::ZERO);
        assert!(parse("abcd", &short).unwrap_err().to_string().contains("of time"));
    }
}
