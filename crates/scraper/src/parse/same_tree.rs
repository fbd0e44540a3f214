//! The law: the tree is the one that html5ever's own tokenizer builds, and, but for HTML in MathML, that of
//! `scraper::Html::parse_document`: scraper's sink does not know which elements of MathML hold HTML.

use std::fmt::Write;

use ego_tree::iter::Edge;
use html5ever::tendril::TendrilSink;
use proptest::prelude::*;
use scraper::Node;

use super::*;
use crate::test_pages::{html5lib, real_pages, soup};

/// All there is in a tree, a node a line.
fn written(html: &Html) -> String {
    let mut lines = format!("{:?}\n", html.quirks_mode);
    let mut depth = 0;
    for edge in html.tree.root().traverse() {
        match edge {
            Edge::Close(_) => depth -= 1,
            Edge::Open(node) => {
                depth += 1;
                writeln!(lines, "{depth} {}", described(node.value())).unwrap();
            }
        }
    }
    lines
}

fn described(node: &Node) -> String {
    match node {
        Node::Element(element) => {
            let attributes = element.attrs.iter().map(|(name, value)| (name, &**value));
            format!("{:?} {:?}", element.name, attributes.collect::<Vec<_>>())
        }
        Node::Doctype(doctype) => {
            format!("doctype {:?} {:?} {:?}", doctype.name(), doctype.public_id(), doctype.system_id())
        }
        Node::Comment(comment) => format!("comment {:?}", &**comment),
        Node::Text(text) => format!("text {:?}", &**text),
        Node::ProcessingInstruction(instruction) => format!("instruction {:?}", &**instruction),
        Node::Document => "document".to_owned(),
        Node::Fragment => "fragment".to_owned(),
    }
}

fn without_bounds() -> Limits {
    Limits::default().nesting(4096)
}

fn assert_same(text: &str) {
    let ours = parse(text, &without_bounds()).unwrap();
    assert_eq!(written(&ours), written(&by_html5ever(text)), "{text:?}");
    if !text.to_ascii_lowercase().contains("annotation-xml") {
        assert_eq!(written(&ours), written(&Html::parse_document(text)), "{text:?}");
    }
}

fn by_html5ever(text: &str) -> Html {
    let sink = BoundedSink::new(&without_bounds(), 8, true);
    html5ever::driver::parse_document(sink, html5ever::ParseOpts::default()).one(text)
}

#[test]
fn every_input_of_html5lib_gives_the_tree_of_scraper() {
    for input in html5lib() {
        assert_same(&input);
        // Cut short, a tag or a comment or a script ends with the text.
        for at in (0..input.len()).rev().filter(|at| input.is_char_boundary(*at)).take(12) {
            assert_same(&input[..at]);
        }
    }
}

#[test]
fn states_that_few_pages_reach_give_the_tree_of_scraper() {
    for text in [
        "",
        "<",
        "</",
        "<!",
        "<?",
        "</>a</ >b</3>c",
        "\u{feff}a",
        "a\r\nb\rc\r\r\nd<pre>\r\ne",
        "<pre>\n\nx</pre><textarea>\n\ny",
        "<p\r\nclass='a\r\nb'\rid=c\r\n>",
        "a\0b<p a\0=\0b><t\0>\0<!--\0--><script>\0</script><title>\0</title><plaintext>\0",
        "<svg><![CDATA[a\0b]]]>c]]><![CDATA[</svg>",
        "<svg><![CDATA[",
        "<svg><![CDATA[]]",
        "<svg><![CDATA[]",
        "<p><![CDATA[a]]>",
        "<p a=1 A=2 b b=3 =c == ='d' \"e f='g'h i=\"j\"/k/>",
        "<p a=b/><p a = 'b' c =d e= f><br/ ><p a='>'><p a=\"<\">",
        "<p a='x",
        "<p a=",
        "<p a",
        "<p /",
        "&amp;&amp&AMP;&notit;&notin;&not&#0;&#x80;&#x110000;&#xD800;&#99999999999;&#x;&#;&;&x;&CounterClockwiseContourIntegral;",
        "<a b='&amp;&amp&ampx&amp=&notit;&notin;&#65x&copy' c=&lt d=&lt=&lt;>",
        "&NotEqualTilde;&bne;&a&aa&zz&ampamp;&#38;amp;",
        "<!--><!---><!----><!--a--!>b<!--a-->c<!-- -- --><!--a--->d<!---!><!----!><!--a--!-->",
        "<!--a<!-->b<!--<!--->c<!--<!---->d<!--a<!--b-->",
        "<!--a-",
        "<!--a--",
        "<!--a--!",
        "<!--<!-",
        "<!DOCTYPE>",
        "<!doctype\0x>",
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"http://www.w3.org/TR/html4/strict.dtd\" x>",
        "<!DOCTYPE html PUBLIC\"a\"'b'><!doctype x>",
        "<!DOCTYPE HTML PUBLIC 'a>b'>",
        "<!DOCTYPE html SYSTEM 'about:legacy-compat'",
        "<!DOCTYPE html SYSTEM x>",
        "<!DOCTYPE html bogus>",
        "<!DOCTYPEhtml>",
        "<script><!--<script></script>--></script>a",
        "<script><!--<script></script x></script>a</script>b",
        "<script><!--></script>a<script><!---></script>b<script><!----></script>c",
        "<script><!--<scriptx></script>a<script></scriptx></SCRIPT/>b<script></script",
        "<script>--><!-<!- --></script>",
        "<style><!--</style>--></style><title>&lt;</titlex></title ><xmp>&lt;</xmp>",
        "<noscript><p>a</noscript><iframe><p></iframe><noembed>&amp;</noembed>",
        "<table>a<b>c<tr>d<td>e</table><select><option><table><input></select>",
        "<a><table><a><b><td><a></table></b>",
        "<html a=1><html b=2 a=3><body c><body d c=4><frameset>",
        "<math><mi><svg><foreignObject><p></svg><annotation-xml encoding=text/html><p>",
        "<template><tr><td><template>a</template></template><table><template><td></table>",
    ] {
        assert_same(text);
        assert_same(&format!("<!doctype html><p>{text}"));
    }
}

#[test]
fn a_byte_order_mark_within_the_text_is_kept() {
    let html = parse("<script></script>\u{feff}a", &without_bounds()).unwrap();
    assert!(html.html().contains("\u{feff}a"));
}

#[test]
fn a_line_feed_after_pre_is_dropped_however_it_is_written() {
    for text in ["<pre>\nx", "<pre>&#10;x", "<pre>&#10x", "<pre></>\nx", "<pre>\r\nx"] {
        let html = parse(text, &without_bounds()).unwrap();
        assert!(html.html().contains("<pre>x</pre>"), "{text:?}");
    }
}

#[test]
fn attributes_past_the_few_are_known_too() {
    let names = (0..40).map(|number| format!("a{number}={number} ")).collect::<String>();
    assert_same(&format!("<p {names}{names}A3=x b=y B=z>"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 2_000 } else { 50_000 }))]

    #[test]
    fn any_tag_soup_gives_the_tree_of_scraper(text in soup()) {
        assert_same(&text);
    }
}

#[test]
#[ignore = "for a folder of real pages: CORPUS=DIR, with the names in DIR/pages.txt"]
fn real_pages_give_the_tree_of_scraper() {
    for (name, text) in real_pages() {
        let ours = parse(&text, &Limits::default()).unwrap();
        assert!(written(&ours) == written(&Html::parse_document(&text)), "{name}");
    }
}
