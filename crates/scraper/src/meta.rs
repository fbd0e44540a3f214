//! What a page says of itself in markup: `<meta>` (OpenGraph too) and microdata.

use scraper::ElementRef;

use crate::recipe::css::Scope;
use crate::text::{all_text, fold, visible_text};
use crate::value::Type;

/// The contents of the `<meta>` elements with this `name`, `property` or `itemprop`, in document order.
pub(crate) fn contents<'a>(root: ElementRef<'a>, wanted: &'a str) -> impl Iterator<Item = String> + 'a {
    let is_named = move |meta: &ElementRef<'_>| {
        let names = ["property", "name", "itemprop"].into_iter().filter_map(|attribute| meta.attr(attribute));
        names.flat_map(str::split_ascii_whitespace).any(|name| name.eq_ignore_ascii_case(wanted))
    };
    let metas = root.descendent_elements().filter(|element| element.value().name() == "meta");
    metas.filter(is_named).filter_map(|meta| meta.attr("content").map(fold))
}

/// The elements that a path of property names leads to, in document order. The first one is a property of the record's
/// element if that is an item and no type is asked for, else it is looked for in the element and what is below it; each
/// further one is a property of the item that the one before it is.
///
/// Source: [HTML, microdata](https://html.spec.whatwg.org/multipage/microdata.html).
pub(crate) fn properties<'a>(
    scope: Scope<'a>,
    path: &[String],
    of_type: Option<&str>,
) -> Vec<ElementRef<'a>> {
    let Some((first, further)) = path.split_first() else { return Vec::new() };
    let own_item = match scope {
        Scope::Below(element) if element.attr("itemscope").is_some() => Some(element),
        _ => None,
    };
    let is_of_wanted_item = |element: ElementRef<'a>| match (of_type, own_item) {
        (Some(wanted), _) => item_of(element).is_some_and(|item| is_of_type(item, wanted)),
        (None, Some(own)) => item_of(element) == Some(own),
        (None, None) => true,
    };
    let all = scope.element().descendent_elements().filter(|element| has_property(*element, first));
    let mut found: Vec<_> = all.filter(|element| is_of_wanted_item(*element)).collect();
    for name in further {
        found = found.into_iter().flat_map(|item| properties_of(item, name)).collect();
    }
    found
}

/// The properties of an item, without those of items inside it.
fn properties_of<'a>(item: ElementRef<'a>, name: &str) -> Vec<ElementRef<'a>> {
    let below = item.descendent_elements().skip(1);
    below.filter(|element| has_property(*element, name) && item_of(*element) == Some(item)).collect()
}

fn has_property(element: ElementRef<'_>, name: &str) -> bool {
    element.attr("itemprop").is_some_and(|names| names.split_ascii_whitespace().any(|other| other == name))
}

/// The item that a property belongs to: the nearest one around it.
fn item_of(property: ElementRef<'_>) -> Option<ElementRef<'_>> {
    property.ancestors().filter_map(ElementRef::wrap).find(|around| around.attr("itemscope").is_some())
}

fn is_of_type(item: ElementRef<'_>, wanted: &str) -> bool {
    let types = item.attr("itemtype").unwrap_or("").split_ascii_whitespace();
    let mut named = types.map(|name| (name, name.rsplit(['/', '#']).next()));
    named.any(|(whole, last)| whole == wanted || last == Some(wanted))
}

/// The value of a property, by its element.
///
/// Source: [HTML, property value](https://html.spec.whatwg.org/multipage/microdata.html#concept-property-value).
pub(crate) fn value(element: ElementRef<'_>, to: Type) -> Option<String> {
    let attribute = match element.value().name() {
        "meta" => "content",
        "audio" | "embed" | "iframe" | "img" | "source" | "track" | "video" => "src",
        "a" | "area" | "link" => "href",
        "object" => "data",
        "data" | "meter" => "value",
        "time" if element.attr("datetime").is_some() => "datetime",
        _ => {
            return Some(match to {
                Type::Raw | Type::Json => all_text(element),
                Type::Html => element.inner_html(),
                _ => visible_text(element),
            });
        }
    };
    element.attr(attribute).map(|value| if to == Type::Raw { value.to_owned() } else { fold(value) })
}
