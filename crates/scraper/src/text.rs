//! The text of a page as a browser shows it.
//!
//! Follows `innerText` of the [HTML standard](https://html.spec.whatwg.org/multipage/dom.html#the-innertext-idl-attribute)
//! as far as that needs no style sheets: runs of white space fold to one space, blocks and `<br>`
//! begin a new line, paragraphs leave an empty line, cells of a row are set apart by a tab, and
//! what is not shown is left out: script, style, template, noscript, head, `hidden`, what a closed `<details>` or
//! `<dialog>` holds, the text of a text area, and what stands for an image or a player where there is none.

use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use html5ever::serialize::{SerializeOpts, TraversalScope, serialize};
use scraper::{ElementRef, Node};

use crate::budget::Budget;

/// Folds runs of white space to one space and trims; no-break spaces stay.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_ascii_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    folded
}

/// Whether a text is another, given in lower case, whatever its own case is.
pub(crate) fn is_in_any_case(text: &str, lower: &str) -> bool {
    // No character is more than three times as long as it is in lower case.
    text.len() <= 3 * lower.len() && text.to_lowercase() == lower
}

/// The text of an element as a browser shows it; None once the budget is gone.
pub(crate) fn visible_text(element: ElementRef<'_>, budget: &Budget) -> Option<String> {
    paid(budget, || shown(element))
}

/// All text below an element, as it stands in the page; None once the budget is gone.
pub(crate) fn all_text(element: ElementRef<'_>, budget: &Budget) -> Option<String> {
    paid(budget, || element.text().collect())
}

/// The text that stands directly in the element, not in its children, as it stands in the page; None once the budget is
/// gone.
pub(crate) fn own_text(element: ElementRef<'_>, budget: &Budget) -> Option<String> {
    let texts = element.children().filter_map(|node| node.value().as_text().map(|text| &**text));
    paid(budget, || texts.collect())
}

/// The same as a browser shows it.
pub(crate) fn visible_own_text(element: ElementRef<'_>, budget: &Budget) -> Option<String> {
    paid(budget, || {
        let mut writer = Writer::inside(element);
        for child in element.children() {
            match child.value() {
                Node::Text(text) => writer.text(text),
                Node::Element(child) if child.name() == "br" => writer.line_break(),
                _ => {}
            }
        }
        writer.finish()
    })
}

/// The markup inside an element; None once the budget is gone. As scripting browsers write it, for what is in `<noscript>` is text
/// to the parser.
pub(crate) fn markup(element: ElementRef<'_>, budget: &Budget) -> Option<String> {
    let scope = TraversalScope::ChildrenOnly(None);
    let opts = SerializeOpts { scripting_enabled: true, traversal_scope: scope, ..SerializeOpts::default() };
    paid(budget, || {
        let mut markup = Vec::new();
        match serialize(&mut markup, &element, opts) {
            Ok(()) => String::from_utf8(markup).unwrap_or_default(),
            Err(_) => String::new(), // memory takes what is written
        }
    })
}

fn paid(budget: &Budget, make: impl FnOnce() -> String) -> Option<String> {
    if budget.is_gone() { None } else { budget.paid(make()) }
}

/// The text of an element as a browser shows it, for what is asked of a page as a whole: it is no longer than the page.
pub(crate) fn shown(element: ElementRef<'_>) -> String {
    if is_never_shown(element) {
        // As `innerText` of an element that is not rendered: all of its text.
        return fold(&element.text().collect::<String>());
    }
    let mut writer = Writer::inside(element);
    let mut hidden_by: Option<NodeRef<'_, Node>> = None;
    let mut folded: Vec<Folded> = Vec::new();
    for edge in element.traverse() {
        match edge {
            _ if hidden_by.is_some() => {
                if let Edge::Close(node) = edge
                    && hidden_by == Some(node)
                {
                    hidden_by = None;
                }
            }
            Edge::Open(node) if folded.last().is_some_and(|folded| folded.hides(node)) => {
                hidden_by = Some(node)
            }
            Edge::Open(node) => match (node.value(), ElementRef::wrap(node)) {
                (Node::Text(text), _) => writer.text(text),
                (_, Some(child)) if is_never_shown(child) => hidden_by = Some(node),
                (_, Some(child)) => {
                    folded.extend(Folded::new(child));
                    writer.open(child);
                }
                _ => {}
            },
            Edge::Close(node) => {
                folded.pop_if(|folded| folded.details == node.id());
                if let Some(child) = ElementRef::wrap(node) {
                    writer.close(child);
                }
            }
        }
    }
    writer.finish()
}

fn is_never_shown(element: ElementRef<'_>) -> bool {
    let by_name = matches!(
        element.value().name(),
        "script"
            | "style"
            | "template"
            | "noscript"
            | "head"
            | "title"
            | "meta"
            | "link"
            | "base"
            | "datalist"
            | "noembed"
            | "noframes"
            | "param"
            | "rp"
            | "iframe"
            | "audio"
            | "video"
            | "canvas"
            | "textarea"
    );
    // The title of an SVG is a tooltip; the one in the head was left out with it.
    by_name || element.attr("hidden").is_some() || is_closed(element) || is_stand_in(element)
}

/// A dialog that nobody opened.
fn is_closed(element: ElementRef<'_>) -> bool {
    element.value().name() == "dialog" && element.attr("open").is_none()
}

/// What an object holds is shown only where there is nothing to load.
fn is_stand_in(element: ElementRef<'_>) -> bool {
    element.value().name() == "object" && element.attr("data").is_some_and(|data| !data.is_empty())
}

/// Closed details, of which only the first summary is shown.
struct Folded {
    details: NodeId,
    summary: Option<NodeId>,
}

impl Folded {
    fn new(element: ElementRef<'_>) -> Option<Self> {
        if element.value().name() != "details" || element.attr("open").is_some() {
            return None;
        }
        let mut children = element.children().filter_map(ElementRef::wrap);
        let summary = children.find(|child| child.value().name() == "summary").map(|summary| summary.id());
        Some(Self { details: element.id(), summary })
    }

    fn hides(&self, node: NodeRef<'_, Node>) -> bool {
        node.parent().is_some_and(|parent| parent.id() == self.details) && Some(node.id()) != self.summary
    }
}

/// Empty lines and line breaks a browser puts around an element.
fn breaks_around(name: &str) -> usize {
    match name {
        "p" => 2,
        "address" | "article" | "aside" | "blockquote" | "body" | "caption" | "center" | "dd" | "details"
        | "dialog" | "dir" | "div" | "dl" | "dt" | "fieldset" | "figcaption" | "figure" | "footer"
        | "form" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "header" | "hgroup" | "hr" | "html"
        | "legend" | "li" | "listing" | "main" | "menu" | "nav" | "ol" | "optgroup" | "option"
        | "plaintext" | "pre" | "search" | "section" | "summary" | "table" | "tbody" | "tfoot" | "thead"
        | "tr" | "ul" | "xmp" => 1,
        _ => 0,
    }
}

fn keeps_spaces(name: &str) -> bool {
    matches!(name, "pre" | "textarea" | "listing" | "plaintext" | "xmp")
}

/// Text under construction: what stands between two words is decided when the second one comes.
#[derive(Default)]
struct Writer {
    out: String,
    space: bool,
    breaks: usize,
    preformatted: usize,
}

impl Writer {
    /// For what is inside an element: it keeps its spaces where one around it does. (Who has none to keep need not know.)
    fn inside(element: ElementRef<'_>) -> Self {
        let has_some = |text: &str| text.contains(['\n', '\t']) || text.contains("  ");
        if !element.text().any(has_some) {
            return Self::default();
        }
        let around = element.ancestors().filter_map(ElementRef::wrap);
        Self {
            preformatted: around.filter(|around| keeps_spaces(around.value().name())).count(),
            ..Self::default()
        }
    }

    fn open(&mut self, element: ElementRef<'_>) {
        let name = element.value().name();
        match name {
            "br" => self.line_break(),
            "td" | "th" if follows_a_cell(element) => self.tab(),
            _ => self.breaks = self.breaks.max(breaks_around(name)),
        }
        self.preformatted += usize::from(keeps_spaces(name));
    }

    fn close(&mut self, element: ElementRef<'_>) {
        let name = element.value().name();
        self.breaks = self.breaks.max(breaks_around(name));
        self.preformatted -= usize::from(keeps_spaces(name)).min(self.preformatted);
    }

    fn text(&mut self, text: &str) {
        if self.preformatted > 0 {
            if !text.is_empty() {
                self.before_word();
                self.out.push_str(text);
            }
            return;
        }
        self.space |= text.starts_with(|first: char| first.is_ascii_whitespace());
        for word in text.split_ascii_whitespace() {
            self.before_word();
            self.out.push_str(word);
            self.space = true;
        }
        self.space = if text.chars().all(|c| c.is_ascii_whitespace()) {
            self.space
        } else {
            text.ends_with(|last: char| last.is_ascii_whitespace())
        };
    }

    fn before_word(&mut self) {
        if self.breaks > 0 {
            if !self.out.is_empty() {
                self.out.extend(std::iter::repeat_n('\n', self.breaks));
            }
        } else if self.space && !self.out.is_empty() && !self.out.ends_with(['\n', '\t']) {
            self.out.push(' ');
        }
        self.breaks = 0;
        self.space = false;
    }

    fn line_break(&mut self) {
        self.space = false;
        self.before_word();
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn tab(&mut self) {
        self.space = false;
        self.before_word();
        if !self.out.is_empty() {
            self.out.push('\t');
        }
    }

    fn finish(self) -> String {
        self.out.trim_matches(|c: char| c.is_ascii_whitespace()).to_owned()
    }
}

fn follows_a_cell(element: ElementRef<'_>) -> bool {
    element
        .prev_siblings()
        .find_map(ElementRef::wrap)
        .is_some_and(|before| matches!(before.value().name(), "td" | "th"))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "what a test looks for needs no budget")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use scraper::Html;

    fn shown(html: &str) -> String {
        super::shown(Html::parse_document(html).root_element())
    }

    #[test]
    fn white_space_folds_as_a_browser_shows_it() {
        for (html, text) in [
            ("<p>  a \n\t b  </p>", "a b"),
            ("a<b> b </b> c", "a b c"),
            ("a<b>b</b>c", "abc"),
            ("a <b> b", "a b"),
            ("a\u{a0} b", "a\u{a0} b"),
            ("a<br>b", "a\nb"),
            ("a <br> b", "a\nb"),
            ("<div>a</div><div>b</div>", "a\nb"),
            ("<p>a</p><p>b</p>", "a\n\nb"),
            ("<div><div><p>a</p></div></div> b", "a\n\nb"),
            ("<ul><li>a <li>b</ul>", "a\nb"),
            ("<table><tr><td>a<td> b <tr><td>c<td>d</table>", "a\tb\nc\td"),
            ("<table><tr><td><p>a</p><td><p>b</p><td>c", "a\n\n\t\n\nb\n\n\tc"),
            ("<table><tr><td><div>a</div> <td> <div>b", "a\n\t\nb"),
            ("<table><tr><td><td>b", "b"),
            ("<pre>a\n  b</pre>c", "a\n  b\nc"),
            ("a<span> </span>b", "a b"),
            ("<span>a</span> <span>b</span>", "a b"),
            ("", ""),
        ] {
            assert_eq!(shown(html), text, "{html}");
        }
    }

    #[test]
    fn what_is_inside_of_preformatted_text_keeps_its_lines_too() {
        let html = Html::parse_document(
            "<pre><code>def f():\n    return 1\n</code>\n\tend<br>x</pre><p>a<br>b <i>c</i>\n d",
        );
        let of = |css: &str, text: fn(ElementRef<'_>, &Budget) -> Option<String>| {
            let selector = scraper::Selector::parse(css).unwrap();
            text(html.select(&selector).next().unwrap(), &Budget::whole()).unwrap()
        };
        assert_eq!(of("code", visible_text), "def f():\n    return 1");
        assert_eq!(of("pre", visible_own_text), "end\nx");
        assert_eq!(of("p", visible_own_text), "a\nb d");
    }

    #[test]
    fn markup_is_as_browsers_write_it() {
        let html = Html::parse_document(
            "<section><noscript><img src=x></noscript><b title='a&quot;'>&lt;</b></section>",
        );
        let section = html.select(&scraper::Selector::parse("section").unwrap()).next().unwrap();
        let expected = "<noscript><img src=x></noscript><b title=\"a&quot;\">&lt;</b>";
        assert_eq!(markup(section, &Budget::whole()).unwrap(), expected);
    }

    #[test]
    fn what_is_never_shown_is_left_out() {
        let html = "<head><title>t</title><style>s</style></head>a<script>x</script>\
            <template>y</template><noscript>n</noscript><i hidden>h</i><!-- c -->b";
        assert_eq!(shown(html), "ab");
    }

    #[test]
    fn what_stands_for_something_else_or_is_folded_away_is_left_out() {
        for (html, text) in [
            ("a<iframe src=x><p>no frames</p></iframe>b", "ab"),
            ("a<video src=x>no <b>video</b></video>b", "ab"),
            ("a<audio src=x>no audio</audio><canvas>no canvas</canvas>b", "ab"),
            ("a<textarea>typed</textarea>b", "ab"),
            ("a<object data=x.svg>no image</object>b", "ab"),
            ("a<object>something</object>b", "asomethingb"),
            ("a<details>x <summary>more</summary><p>y</p><summary>z</summary></details>b", "a\nmore\nb"),
            ("a<details><p>y</p></details>b", "a\nb"),
            ("a<details open><summary>less</summary><p>y</p></details>b", "a\nless\n\ny\n\nb"),
            ("a<details><summary>m</summary><details open><summary>n</summary></details></details>", "a\nm"),
            ("a<dialog>x</dialog>b", "ab"),
            ("a<dialog open>x</dialog>b", "a\nx\nb"),
        ] {
            assert_eq!(shown(html), text, "{html}");
        }
    }

    #[test]
    fn what_is_folded_away_gives_its_text_when_asked_itself() {
        let html = Html::parse_document(
            "<details><summary>q</summary><p>the <b>answer</b></p></details><dialog>d</dialog>",
        );
        for (css, text) in [("p", "the answer"), ("details", "q"), ("dialog", "d"), ("b", "answer")] {
            let selector = scraper::Selector::parse(css).unwrap();
            assert_eq!(super::shown(html.select(&selector).next().unwrap()), text, "{css}");
        }
    }

    #[test]
    fn an_element_that_is_never_shown_gives_its_text_when_asked_itself() {
        let html = Html::parse_document("<title> a\n b </title>");
        let title = scraper::Selector::parse("title").unwrap();
        assert_eq!(super::shown(html.root_element().select(&title).next().unwrap()), "a b");
    }

    #[test]
    fn a_text_is_paid_for_and_none_is_made_once_the_budget_is_gone() {
        let html = Html::parse_document("<p>a<b>bc</b></p>");
        let text = |budget: &Budget| {
            let element = html.root_element();
            [visible_text(element, budget), all_text(element, budget), markup(element, budget)]
        };
        assert!(text(&Budget::whole()).iter().all(Option::is_some));
        let little = Budget::of_text(5);
        assert_eq!(text(&little), [Some("abc".to_owned()), None, None]);
        assert_eq!(own_text(html.root_element(), &little), None);
    }

    #[test]
    fn case_is_looked_at_where_the_length_allows_it() {
        assert!(
            is_in_any_case("UPC", "upc")
                && is_in_any_case("\u{212a}", "k")
                && is_in_any_case("\u{130}", "i\u{307}")
        );
        assert!(!is_in_any_case("UPCx", "upc") && !is_in_any_case(&"U".repeat(1000), "u"));
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in ".{0,60}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once.clone());
            prop_assert!(!once.contains("  ") && once.trim_matches(' ').len() == once.len());
        }

        #[test]
        fn folding_keeps_every_word(words in prop::collection::vec("[^ \t\r\n\u{c}]{1,5}", 0..8), gap in "[ \t\n]{1,3}") {
            prop_assert_eq!(fold(&words.join(&gap)), words.join(" "));
        }

        #[test]
        fn plain_text_is_shown_as_it_folds(text in "[a-z \t\nä]{0,60}") {
            prop_assert_eq!(shown(&format!("<p>{text}</p>")), fold(&text));
        }
    }
}
