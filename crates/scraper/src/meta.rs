//! What a page says of itself in markup: `<meta>` (OpenGraph too) and microdata.

use scraper::ElementRef;

use crate::budget::Budget;
use crate::recipe::css::Scope;
use crate::text::{all_text, fold, markup, visible_text};
use crate::value::Type;
use crate::walk;

/// The contents of the `<meta>` elements with this `name`, `property` or `itemprop`, in document order.
pub(crate) fn contents<'a>(
    root: ElementRef<'a>,
    wanted: &'a str,
    budget: &'a Budget,
) -> impl Iterator<Item = String> + 'a {
    let is_named = move |meta: &ElementRef<'_>| {
        let names = ["property", "name", "itemprop"].into_iter().filter_map(|attribute| meta.attr(attribute));
        names.flat_map(str::split_ascii_whitespace).any(|name| name.eq_ignore_ascii_case(wanted))
    };
    let metas = walk::elements(root, budget).filter(|element| element.value().name() == "meta");
    metas.filter(is_named).filter_map(|meta| budget.paid(fold(meta.attr("content")?)))
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
    budget: &Budget,
) -> Vec<ElementRef<'a>> {
    let Some((first, further)) = path.split_first() else { return Vec::new() };
    let all = walk::elements(scope.element(), budget).filter(|element| has_property(*element, first));
    let mut found: Vec<_> = match (of_type, scope) {
        (Some(wanted), _) => {
            all.filter(|element| item_of(*element).is_some_and(|item| is_of_type(item, wanted))).collect()
        }
        (None, Scope::Below(own)) if is_item(own) => properties_of(own, first, budget),
        (None, _) => all.collect(),
    };
    for name in further {
        found = found.into_iter().flat_map(|item| properties_of(item, name, budget)).collect();
    }
    found
}

/// The properties of an item. Those of items inside it are not walked to, so that a path costs a page's elements once for
/// each of its names, however the items nest.
fn properties_of<'a>(item: ElementRef<'a>, name: &str, budget: &Budget) -> Vec<ElementRef<'a>> {
    let mut found = Vec::new();
    if !is_item(item) {
        return found;
    }
    let mut below = walk::below(item, budget);
    while let Some(element) = below.next() {
        if has_property(element, name) {
            found.push(element);
        }
        if is_item(element) {
            below.pass_over(element);
        }
    }
    found
}

fn is_item(element: ElementRef<'_>) -> bool {
    element.attr("itemscope").is_some()
}

fn has_property(element: ElementRef<'_>, name: &str) -> bool {
    element.attr("itemprop").is_some_and(|names| names.split_ascii_whitespace().any(|other| other == name))
}

/// The item that a property belongs to: the nearest one around it.
fn item_of(property: ElementRef<'_>) -> Option<ElementRef<'_>> {
    property.ancestors().filter_map(ElementRef::wrap).find(|around| is_item(*around))
}

fn is_of_type(item: ElementRef<'_>, wanted: &str) -> bool {
    let types = item.attr("itemtype").unwrap_or("").split_ascii_whitespace();
    let mut named = types.map(|name| (name, name.rsplit(['/', '#']).next()));
    named.any(|(whole, last)| whole == wanted || last == Some(wanted))
}

/// The value of a property, by its element.
///
/// Source: [HTML, property value](https://html.spec.whatwg.org/multipage/microdata.html#concept-property-value).
pub(crate) fn value(element: ElementRef<'_>, to: Type, budget: &Budget) -> Option<String> {
    let attribute = match element.value().name() {
        "meta" => "content",
        "audio" | "embed" | "iframe" | "img" | "source" | "track" | "video" => "src",
        "a" | "area" | "link" => "href",
        "object" => "data",
        "data" | "meter" => "value",
        "time" if element.attr("datetime").is_some() => "datetime",
        _ => {
            return match to {
                Type::Raw | Type::Json => all_text(element, budget),
                Type::Html => markup(element, budget),
                _ => visible_text(element, budget),
            };
        }
    };
    let value = element.attr(attribute)?;
    budget.paid(if to == Type::Raw { value.to_owned() } else { fold(value) })
}
