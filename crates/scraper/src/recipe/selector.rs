//! CSS, and the short form `css@attr`, with an explanation where it does not hold.

use cssparser::{ParseErrorKind, Parser};
use scraper::Selector;
use scraper::selector::Simple;
use selectors::parser::{ParseRelative, SelectorList, SelectorParseErrorKind};

use super::css::{Css, Take, Target};

/// Why a selector does not hold, with the byte in the text where the reading stopped.
#[derive(Debug)]
pub(crate) struct SelectorFault {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) offset: usize,
}

/// Reads the short form: a selector, then what to take behind the last `@` outside of brackets
/// and quotes.
pub(crate) fn target(text: &str) -> Result<Target, SelectorFault> {
    if let Some(hint) = xpath_hint(text) {
        return Err(fault(format!("`{text}` is XPath, and selectors are CSS"), 0).hinted(hint));
    }
    let (css, take) = split(text)?;
    let trimmed = css.trim();
    if trimmed.is_empty() {
        let is_itself = css.len() < text.len();
        return if is_itself { Ok(Target { css: None, take }) } else { Err(empty()) };
    }
    Ok(Target { css: Some(self::css(css)?), take })
}

/// Compiles a selector.
pub(crate) fn css(text: &str) -> Result<Css, SelectorFault> {
    if text.trim().is_empty() {
        return Err(empty());
    }
    if let Some(hint) = xpath_hint(text) {
        return Err(fault(format!("`{text}` is XPath, and selectors are CSS"), 0).hinted(hint));
    }
    let scoped = scoped(text);
    let source = scoped.as_deref().unwrap_or(text);
    Css::new(source).ok_or_else(|| explain(text))
}

fn empty() -> SelectorFault {
    fault("the selector is empty".to_owned(), 0)
        .hinted("write CSS such as `h1`, or `@href` for the record's own element")
}

fn fault(message: String, offset: usize) -> SelectorFault {
    SelectorFault { message, hint: None, offset }
}

impl SelectorFault {
    fn hinted(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A selector that begins with a combinator (`> li`) is meant from the record's element.
fn scoped(text: &str) -> Option<String> {
    let begins_relative = |part: &str| part.trim_start().starts_with(['>', '+', '~']);
    let parts = split_outside(text, ',');
    if !parts.iter().any(|part| begins_relative(part)) {
        return None;
    }
    let parts: Vec<_> = parts
        .into_iter()
        .map(|part| if begins_relative(part) { format!(":scope {part}") } else { part.to_owned() })
        .collect();
    Some(parts.join(","))
}

/// Splits `css@take`, `css::text` and `css::attr(x)`.
fn split(text: &str) -> Result<(&str, Take), SelectorFault> {
    let trimmed = text.trim_end();
    if let Some(css) = trimmed.strip_suffix("::text") {
        return Ok((css, Take::Text));
    }
    if let Some((css, name)) = trimmed.strip_suffix(')').and_then(|text| text.rsplit_once("::attr(")) {
        return Ok((css, Take::Attribute(attribute_name(name, css.len() + "::attr(".len())?)));
    }
    let Some(at) = positions_outside(text, '@').last().copied() else {
        return Ok((text, Take::Text));
    };
    let (css, name) = (text.get(..at).unwrap_or(""), text.get(at + 1..).unwrap_or(""));
    let take = match name.trim() {
        "text" => Take::Text,
        "own" => Take::Own,
        "html" => Take::Html,
        name => Take::Attribute(attribute_name(name, at + 1)?),
    };
    Ok((css, take))
}

fn attribute_name(name: &str, offset: usize) -> Result<String, SelectorFault> {
    let name = name.trim();
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ':' | '.');
    if name.is_empty() || !name.chars().all(allowed) {
        return Err(fault(format!("`{name}` is not the name of an attribute"), offset)
            .hinted("behind the last `@` stands an attribute, `text`, `own` or `html`: `h3 a@title`"));
    }
    Ok(name.to_ascii_lowercase())
}

/// The places of a character outside of brackets, quotes and escapes.
fn positions_outside(text: &str, wanted: char) -> Vec<usize> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    let mut places = Vec::new();
    for (at, c) in text.char_indices() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        match (c, quote) {
            ('\\', _) => escaped = true,
            (_, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(c),
            ('[' | '(', None) => depth += 1,
            (']' | ')', None) => depth = depth.saturating_sub(1),
            _ if c == wanted && depth == 0 => places.push(at),
            _ => {}
        }
    }
    places
}

fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for at in positions_outside(text, separator) {
        parts.push(text.get(start..at).unwrap_or(""));
        start = at + separator.len_utf8();
    }
    parts.push(text.get(start..).unwrap_or(""));
    parts
}

/// Parses once more to learn why it stopped, and again to learn where: what is wrong begins behind
/// the longest part that holds.
fn explain(text: &str) -> SelectorFault {
    let mut parser = Parser::new(text);
    let outcome: Result<SelectorList<Simple>, _> =
        SelectorList::parse(&scraper::selector::Parser, &mut parser, ParseRelative::No);
    let Err(error) = outcome else {
        return fault(format!("selector `{text}` cannot be used here"), 0);
    };
    let held = longest_that_holds(text);
    let rest = text.get(held..).unwrap_or("");
    let offset = held + rest.len() - rest.trim_start().len();
    let place = if is_cut_short(&error.kind, rest) {
        "at its end".to_owned()
    } else {
        format!("at character {}", text.get(..offset).unwrap_or(text).chars().count() + 1)
    };
    let is_of = is_of(text.get(..held).unwrap_or(""), rest);
    let reason = if is_of { "`of` is not supported" } else { reason(&error.kind) };
    let fault = fault(format!("selector `{text}` does not parse {place}: {reason}"), offset);
    match css_hint(text) {
        Some(hint) => fault.hinted(hint),
        None => fault,
    }
}

/// Whether the next word is the `of` of `:nth-child(… of …)`, which the `selectors` crate knows and scraper leaves off.
fn is_of(before: &str, rest: &str) -> bool {
    let function = before.rsplit_once('(').map_or("", |(function, _)| function).to_ascii_lowercase();
    let word = rest.split_ascii_whitespace().next().unwrap_or("");
    word.eq_ignore_ascii_case("of")
        && (function.ends_with(":nth-child") || function.ends_with(":nth-last-child"))
}

fn longest_that_holds(text: &str) -> usize {
    let ends = text.char_indices().map(|(at, _)| at).take(2000).collect::<Vec<_>>();
    let holds = |end: &usize| text.get(..*end).is_some_and(|part| Selector::parse(part).is_ok());
    ends.into_iter().rev().find(|end| *end > 0 && holds(end)).unwrap_or(0)
}

/// Whether more text could have made it right.
fn is_cut_short(kind: &ParseErrorKind<SelectorParseErrorKind>, rest: &str) -> bool {
    matches!(kind, ParseErrorKind::Basic(cssparser::BasicParseErrorKind::EndOfInput))
        || rest.trim().chars().all(|c| matches!(c, '>' | '+' | '~' | ',' | '.' | '#' | ':' | '['))
}

fn reason(kind: &ParseErrorKind<SelectorParseErrorKind>) -> &'static str {
    use SelectorParseErrorKind as Kind;
    match kind {
        ParseErrorKind::Basic(cssparser::BasicParseErrorKind::EndOfInput) => "something is missing",
        ParseErrorKind::Basic(_) => "unexpected character",
        ParseErrorKind::Custom(kind) => match kind {
            Kind::EmptySelector => "a selector is missing",
            Kind::DanglingCombinator => "nothing follows the combinator",
            Kind::UnsupportedPseudoClassOrElement => "this pseudo-class or pseudo-element is not supported",
            Kind::NoQualifiedNameInAttributeSelector | Kind::InvalidQualNameInAttr => {
                "an attribute's name is missing"
            }
            Kind::UnexpectedTokenInAttributeSelector | Kind::ExpectedBarInAttr | Kind::BadValueInAttr => {
                "unexpected character in the attribute's brackets"
            }
            Kind::ClassNeedsIdent => "a class's name is missing behind the `.`",
            Kind::NoIdentForPseudo | Kind::PseudoElementExpectedIdent | Kind::PseudoElementExpectedColon => {
                "a name is missing behind the `:`"
            }
            Kind::ExpectedNamespace | Kind::ExplicitNamespaceUnexpectedToken => "this namespace is not known",
            _ => "unexpected part",
        },
    }
}

/// What other tools' extensions of CSS are here.
fn css_hint(text: &str) -> Option<String> {
    let hints = [
        (":contains(", "write `contains = \"…\"` beside `css`"),
        (":has-text(", "write `contains = \"…\"` beside `css`"),
        (":icontains(", "write `contains = \"…\"` beside `css`"),
        (":eq(", "write `:nth-of-type(n)`, which counts from 1"),
        (":first", "the first match is taken anyway; `:first-of-type` is CSS"),
        (":last", "`:last-of-type` is CSS"),
        (":visible", "hidden text is left out of `@text` anyway"),
        ("::", "behind a selector stands `@text`, `@own`, `@html` or `@attribute`"),
        (":link", "write `a[href]`"),
        (":checked", "write `[checked]`"),
    ];
    hints.iter().find(|(habit, _)| text.contains(habit)).map(|(_, hint)| (*hint).to_owned())
}

/// Whether a text is XPath, and what it would be here.
fn xpath_hint(text: &str) -> Option<String> {
    let text = text.trim();
    let is_xpath = text.starts_with('/')
        || text.starts_with("./")
        || text.starts_with("(/")
        || text.contains("//") && !text.contains('"') && !text.contains('\'')
        || text.ends_with("/text()")
        || positions_outside(text, '@')
            .iter()
            .any(|&at| at > 0 && text.get(..at).is_some_and(|css| css.ends_with('/')));
    is_xpath.then(|| match translate_xpath(text) {
        Some(css) => format!("write `{css}`"),
        None => "write a CSS selector, and `@attr` behind it: `//a/@href` is `a@href`".to_owned(),
    })
}

/// Translates the XPath that people write most: steps, `[@a='b']`, `[n]`, `text()`, `@attr`.
fn translate_xpath(text: &str) -> Option<String> {
    let mut css = String::new();
    let mut rest = text.strip_prefix('.').unwrap_or(text);
    while !rest.is_empty() {
        let child = !rest.starts_with("//");
        rest = rest.trim_start_matches('/');
        let end = positions_outside(rest, '/').first().copied().unwrap_or(rest.len());
        let (step, later) = rest.split_at(end);
        rest = later;
        match step {
            "text()" => css.push_str("@text"),
            _ if step.starts_with('@') => css.push_str(step),
            _ => {
                let step = translate_step(step)?;
                css.push_str(if css.is_empty() {
                    ""
                } else if child {
                    " > "
                } else {
                    " "
                });
                css.push_str(&step);
            }
        }
    }
    (!css.is_empty() && target_holds(&css)).then_some(css)
}

fn target_holds(css: &str) -> bool {
    split(css).is_ok_and(|(css, _)| css.trim().is_empty() || Selector::parse(css).is_ok())
}

fn translate_step(step: &str) -> Option<String> {
    let (name, mut predicates) = step.find('[').map_or((step, ""), |at| step.split_at(at));
    if name.contains(['(', ':', '.']) {
        return None;
    }
    let mut css = name.to_owned();
    while let Some(inner) = predicates.strip_prefix('[') {
        let (predicate, later) = inner.split_once(']')?;
        predicates = later;
        if let Some(attribute) = predicate.strip_prefix('@') {
            css.push_str(&format!("[{attribute}]"));
        } else if predicate.bytes().all(|byte| byte.is_ascii_digit()) {
            css.push_str(&format!(":nth-of-type({predicate})"));
        } else if let Some(arguments) =
            predicate.strip_prefix("contains(@").and_then(|rest| rest.strip_suffix(')'))
        {
            let (attribute, value) = arguments.split_once(',')?;
            css.push_str(&format!("[{}*={}]", attribute.trim(), value.trim()));
        } else {
            return None;
        }
    }
    predicates.is_empty().then_some(css)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Take {
        target(text).unwrap().take
    }

    fn attribute(name: &str) -> Take {
        Take::Attribute(name.to_owned())
    }

    #[test]
    fn the_last_at_outside_of_brackets_and_quotes_splits() {
        assert_eq!(taken("h3 a@title"), attribute("title"));
        assert_eq!(taken("h3 a"), Take::Text);
        assert_eq!(taken("h3@text"), Take::Text);
        assert_eq!(taken("h3@own"), Take::Own);
        assert_eq!(taken("h3@html"), Take::Html);
        assert_eq!(taken("a[title=\"x@y\"]"), Take::Text);
        assert_eq!(taken("a[title='x@y']@href"), attribute("href"));
        assert_eq!(taken("a[data-x=\"]@\"]@data-Y"), attribute("data-y"));
        assert_eq!(taken(r"a\@b"), Take::Text);
        assert_eq!(taken("a::text"), Take::Text);
        assert_eq!(taken("a::attr(href)"), attribute("href"));
    }

    #[test]
    fn at_attribute_alone_is_the_element_itself() {
        let itself = target("@href").unwrap();
        assert!(itself.css.is_none());
        assert_eq!(itself.take, attribute("href"));
        assert!(target("@text").unwrap().css.is_none());
    }

    #[test]
    fn a_selector_that_does_not_hold_says_where() {
        for (text, expected) in [
            ("h3 >", "at its end: nothing follows the combinator"),
            ("", "empty"),
            ("a[", "at its end"),
            ("a..b", "a class's name is missing"),
            ("h3 a@", "is not the name of an attribute"),
            ("h3 a@b c", "`b c` is not the name of an attribute"),
            ("a:wat b", "at character 2: this pseudo-class"),
            ("li:first-child b:wat", "at character 17: this pseudo-class"),
            ("p, div{}", "at character 7"),
            ("li:nth-child(2 of .a)", "at character 16: `of` is not supported"),
            ("p:NTH-last-child(2n OF .a, b) i", "`of` is not supported"),
        ] {
            let message = target(text).unwrap_err().message;
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn habits_of_other_tools_are_translated() {
        for (text, hint) in [
            ("//a/@href", "write `a@href`"),
            ("//div[@class='x']/a/text()", "write `div[class='x'] > a@text`"),
            ("/html/body//p[2]", "write `html > body p:nth-of-type(2)`"),
            (".//span", "write `span`"),
            ("//a[contains(@href, 'x')]/@href", "write `a[href*='x']@href`"),
            ("//a[position() < 3]", "`//a/@href` is `a@href`"),
            ("a:contains('x')", "contains ="),
            ("li:eq(0)", ":nth-of-type"),
            ("li:first", "first match"),
            ("p::before", "@text"),
        ] {
            let fault = target(text).unwrap_err();
            assert!(fault.hint.as_deref().unwrap().contains(hint), "{text}: {fault:?}");
        }
    }

    #[test]
    fn urls_in_attribute_values_are_not_taken_for_xpath() {
        for text in ["a[href='http://x/']", "a[href^=\"//cdn\"]@href", "img[src*='/x/']@src"] {
            assert!(target(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_leading_combinator_starts_from_the_element() {
        assert!(css("> li").is_ok());
        assert!(css("> li, > p").is_ok());
        assert!(css("> ").is_err());
    }

    #[test]
    fn the_selectors_of_css_4_that_are_there_and_those_that_are_not() {
        for (text, holds) in [
            (":is(a, b)", true),
            (":where(a)", true),
            (":not(a, b)", true),
            ("a:has(> b)", true),
            ("li:nth-child(2n+1)", true),
            (":root", true),
            (":empty", true),
            ("a:only-child", true),
            ("[a=b i]", true),
            (":scope", true),
            ("*|a", true),
            ("li:nth-child(2 of .x)", false),
            ("a:any-link", false),
            (":target", false),
            ("p:lang(de)", false),
            ("a:hover", false),
            ("svg|a", false),
        ] {
            assert_eq!(css(text).is_ok(), holds, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-a-z0-9 >+~.#:,@/()\\[\\]\"'\\\\=*^$|ä]{0,30}") {
            let _ = target(&text);
        }
    }
}
