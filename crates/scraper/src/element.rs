//! What is asked of an element, by the names that it has in the page.

use html5ever::{QualName, ns};
use scraper::ElementRef;

/// An element of HTML with this name: SVG and MathML have names of their own.
pub(crate) fn is_html(element: ElementRef<'_>, name: &str) -> bool {
    element.value().name() == name && element.value().name.ns == ns!(html)
}

/// The value of an attribute, its name in lower case. In SVG and MathML it has that name in any case (`viewBox`), and with its
/// prefix where the parser has made a namespace of it (`xlink:href`).
pub(crate) fn attribute<'a>(element: ElementRef<'a>, name: &str) -> Option<&'a str> {
    let plain = element.attr(name);
    if plain.is_some() || element.value().name.ns == ns!(html) {
        return plain;
    }
    let mut attributes = element.value().attrs.iter();
    attributes.find(|(known, _)| is_called(known, name)).map(|(_, value)| &**value)
}

fn is_called(known: &QualName, name: &str) -> bool {
    let local = match &known.prefix {
        None => Some(name),
        Some(prefix) => {
            let parts = name.split_once(':');
            parts.filter(|(given, _)| given.eq_ignore_ascii_case(prefix)).map(|(_, local)| local)
        }
    };
    local.is_some_and(|local| (*known.local).eq_ignore_ascii_case(local))
}
