//! Elements that mark text, and those that text stands in.
//!
//! Where nobody looks at them, an element that marks text is read and not built, with all in it: for the tree around it, it is
//! as good as the text.

/// What a tree builder does with an element that marks text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phrasing {
    /// It is put in.
    Plain,
    /// It is put in, and again in each block that its end tag should have stood before.
    Formatting,
    /// It is put in and has no end tag.
    Void,
}

/// The kind of an element that may be passed over, by its name in lower case; None for all others.
///
/// `nobr` is not among them, for it ends another of its kind.
pub(crate) fn phrasing(name: &[u8]) -> Option<Phrasing> {
    match name {
        b"abbr" | b"acronym" | b"bdi" | b"bdo" | b"cite" | b"data" | b"del" | b"dfn" | b"ins" | b"kbd"
        | b"mark" | b"q" | b"samp" | b"span" | b"sub" | b"sup" | b"time" | b"var" => Some(Phrasing::Plain),
        b"b" | b"big" | b"code" | b"em" | b"font" | b"i" | b"s" | b"small" | b"strike" | b"strong"
        | b"tt" | b"u" => Some(Phrasing::Formatting),
        b"br" | b"wbr" => Some(Phrasing::Void),
        _ => None,
    }
}

/// Whether text in this HTML element is text of the body, by the rules for it and no others: not so in a table outside of its
/// cells, in a template, or where there are no tags.
pub(crate) fn holds_text(name: &[u8]) -> bool {
    match name {
        b"a" | b"address" | b"article" | b"aside" | b"blockquote" | b"body" | b"caption" | b"center"
        | b"dd" | b"details" | b"div" | b"dl" | b"dt" | b"fieldset" | b"figcaption" | b"figure"
        | b"footer" | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" | b"header" | b"label" | b"li"
        | b"main" | b"nav" | b"nobr" | b"ol" | b"p" | b"pre" | b"section" | b"summary" | b"td" | b"th"
        | b"ul" => true,
        _ => matches!(phrasing(name), Some(Phrasing::Plain | Phrasing::Formatting)),
    }
}

/// Whether the start tag of this element reopens the formatting elements that are to be, as text does.
pub(crate) fn reopens_formatting(name: &[u8]) -> bool {
    name == b"a" || matches!(phrasing(name), Some(Phrasing::Plain | Phrasing::Formatting))
}

/// Whether the start tag of this element, once the element is made, is followed by its text: not so where a line feed is
/// dropped first.
pub(crate) fn begins_text(name: &[u8]) -> bool {
    holds_text(name) && name != b"pre"
}

/// Whether nothing is put into this element of the body, and text goes on after its tag.
pub(crate) fn is_void(name: &[u8]) -> bool {
    matches!(
        name,
        b"area"
            | b"br"
            | b"embed"
            | b"hr"
            | b"img"
            | b"input"
            | b"link"
            | b"meta"
            | b"param"
            | b"source"
            | b"track"
            | b"wbr"
    )
}
