//! The law: of a tree only what marks text is left out, and nothing else is another for it.

use ego_tree::NodeRef;
use proptest::prelude::*;
use scraper::{Html, Node};

use crate::limits::Limits;
use crate::parse::Source;
use crate::phrasing::phrasing;
use crate::sight::Sight;
use crate::test_pages::{html5lib, marked_text, real_pages, soup};

fn without_phrasing() -> Sight {
    Sight::new(false, false, ["href", "class"].map(str::to_owned))
}

/// The elements with the attributes that are looked at, but for those that mark text and hold nothing else.
fn rest(html: &Html) -> String {
    let mut lines = format!("{:?}\n", html.quirks_mode);
    write_rest(html.tree.root(), 0, &mut lines);
    lines
}

fn write_rest(node: NodeRef<'_, Node>, depth: usize, lines: &mut String) {
    for child in node.children().filter(|child| !only_marks_text(*child)) {
        if let Node::Element(element) = child.value() {
            let attributes: Vec<_> = ["href", "class"].map(|name| element.attr(name)).into();
            lines.push_str(&format!("{depth} {:?} {attributes:?}\n", element.name));
        }
        write_rest(child, depth + 1, lines);
    }
}

fn only_marks_text(node: NodeRef<'_, Node>) -> bool {
    node.descendants().all(|node| match node.value() {
        Node::Element(element) => phrasing(element.name().as_bytes()).is_some(),
        _ => true,
    })
}

fn parsed(text: &str, limits: &Limits, sight: &Sight) -> Result<Html, String> {
    let source = Source::new(text, limits).map_err(|error| error.to_string())?;
    source.parse(limits, sight).map(|parsed| parsed.html).map_err(|error| error.to_string())
}

fn assert_rest_is_same(text: &str, limits: Limits) {
    let whole = parsed(text, &limits, &Sight::WHOLE).map(|html| rest(&html));
    let seen = parsed(text, &limits, &without_phrasing()).map(|html| rest(&html));
    assert_eq!(seen, whole, "{text:?}");
}

fn elements(text: &str, sight: &Sight) -> usize {
    let html = parsed(text, &Limits::default(), sight).unwrap();
    html.tree.nodes().filter(|node| node.value().is_element()).count()
}

#[test]
fn what_marks_text_is_left_out() {
    for (text, left_out) in [
        ("<p>a <span class=x>b</span> c <b>d</b><br>e<i>f <span>g</span></i>", 5),
        ("<p>x<p><span>a</span><span></span>", 2),
        ("<p>x<ul><li><a href=1><code><span>a</span></code></a></ul>", 2),
        ("<table><td>x <em>y</em></table>", 1),
        ("<p>x<pre>\n<span>y</span></pre>", 0),
        ("<p>x<span>y<a href=1>z</a></span>", 0),
        ("<p>x<span>y<!-- --></span>", 0),
        ("<p>x<span>y<b>z</span></b>", 0),
        ("<p>x<SPAN>y</SPAN>", 0),
        ("<p><span>y</span>", 0),
        ("<p>x</body><span>y</span>", 0),
        ("<p>x<table><span>y</span></table>", 0),
        ("<p>x<svg><title>y</title></svg>z<span>y</span>", 0),
    ] {
        let (whole, seen) = (elements(text, &Sight::WHOLE), elements(text, &without_phrasing()));
        assert_eq!(whole - seen, left_out, "{text}");
        assert_rest_is_same(text, Limits::default());
    }
}

#[test]
fn a_fourth_formatting_element_of_a_kind_makes_the_first_forgotten_whether_it_is_seen_or_not() {
    for text in [
        "x<p><b><b><b>y<b>z</b><p>a<a href=1>",
        "x<p><b><b>y<b>z</b><p>a<a href=1>",
        "x<p><b>y<b>z</b><p>a<a href=1>",
        "x<p><b><b>y<b><b>z</b></b><p>a<a href=1>",
        "x<p><b></p>y<p><b></p>z<p><b></p>a<b>b</b><a href=1>",
        "x<div><b><b><td>y<table><td><b>z</b></table><p><a href=1>",
    ] {
        assert_rest_is_same(text, Limits::default());
    }
}

#[test]
fn what_follows_the_body_opens_it_again() {
    for text in [
        "<p>x</body> <span>y</span><!-- --><a href=1>",
        "x</html><b>y</b><frameset><a href=1>",
        " </body> <b> </b><frameset>",
    ] {
        assert_rest_is_same(text, Limits::default());
    }
}

#[test]
fn bounds_are_hit_by_what_is_left_out() {
    let deep = "<div>".repeat(20);
    for text in [
        format!("x{}", "<b>y</b>".repeat(30)),
        format!("x{deep}<span>y</span>"),
        format!("x{deep}y<span><i>z</i></span>"),
        format!("x<span{}>y</span>", " a".repeat(30)),
        "x<b a b c d>y</b>".repeat(12),
        format!("x{deep}y<!-- -->"),
    ] {
        for bound in 1..60 {
            assert_rest_is_same(&text, Limits::default().nodes(bound));
            assert_rest_is_same(&text, Limits::default().nesting(bound));
            assert_rest_is_same(&text, Limits::default().attributes(bound));
        }
    }
}

#[test]
fn every_input_of_html5lib_has_the_same_rest() {
    for input in html5lib() {
        assert_rest_is_same(&input, Limits::default());
        assert_rest_is_same(&format!("<p>x{input}"), Limits::default());
    }
}

#[test]
#[ignore = "for a folder of real pages: CORPUS=DIR, with the names in DIR/pages.txt"]
fn real_pages_have_the_same_rest() {
    for (name, text) in real_pages() {
        let [whole, seen] = [Sight::WHOLE, without_phrasing()]
            .map(|sight| parsed(&text, &Limits::default(), &sight).unwrap());
        assert!(rest(&whole) == rest(&seen), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 4_000 } else { 200_000 }))]

    #[test]
    fn any_marked_text_has_the_same_rest(text in marked_text()) {
        assert_rest_is_same(&text, Limits::default());
        assert_rest_is_same(&text, Limits::default().nodes(24).nesting(8).attributes(2));
    }

    #[test]
    fn any_tag_soup_has_the_same_rest(text in soup()) {
        assert_rest_is_same(&text, Limits::default());
    }
}
