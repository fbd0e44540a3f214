//! What a page says of itself in markup: `<meta>` (OpenGraph too) and microdata.

use std::collections::HashSet;

use ego_tree::NodeId;
use scraper::{ElementRef, Html};

use crate::base::Base;
use crate::budget::Budget;
use crate::element::is_html;
use crate::links::outside_templates;
use crate::recipe::css::Scope;
use crate::text::{all_text, fold, visible_text};
use crate::value::Type;

/// The title of the page, white space folded: the first title element of HTML in the document.
///
/// Source: [HTML, document.title](https://html.spec.whatwg.org/multipage/dom.html#the-title-element-2).
pub(crate) fn title(html: &Html) -> Option<String> {
    outside_templates(html).find(|element| is_html(*element, "title")).map(|title| fold(&all_text(title)))
}

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
/// further one is a property of the item that the one before it is. They end early when the budget has no time left.
///
/// Source: [HTML, microdata](https://html.spec.whatwg.org/multipage/microdata.html).
pub(crate) fn properties<'a>(
    scope: Scope<'a>,
    root: ElementRef<'a>,
    path: &[String],
    of_type: Option<&str>,
    budget: &Budget,
) -> Vec<ElementRef<'a>> {
    let page = Referred { root, budget };
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
    let own: Vec<_> = all.filter(|element| is_of_wanted_item(*element)).collect();
    let items: Vec<_> = match of_type {
        Some(wanted) => {
            let items = scope.element().descendent_elements();
            items.filter(|item| item.attr("itemscope").is_some() && is_of_type(*item, wanted)).collect()
        }
        None => own_item.into_iter().collect(),
    };
    let mut found = page.with_referred(own, &items, first);
    for name in further {
        let below = found.iter().flat_map(|item| properties_below(*item, name)).collect();
        found = page.with_referred(below, &found, name);
    }
    found
}

/// The properties of an item in its own markup, without those of items inside it.
fn properties_below<'a>(item: ElementRef<'a>, name: &str) -> Vec<ElementRef<'a>> {
    let below = item.descendent_elements().skip(1);
    below.filter(|element| has_property(*element, name) && item_of(*element) == Some(item)).collect()
}

/// What items refer to by `itemref`: elements that stand elsewhere in the page.
struct Referred<'a, 'b> {
    root: ElementRef<'a>,
    budget: &'b Budget,
}

impl<'a> Referred<'a, '_> {
    /// These properties and those of the same name in what the items refer to, in document order.
    fn with_referred(
        &self,
        found: Vec<ElementRef<'a>>,
        items: &[ElementRef<'a>],
        name: &str,
    ) -> Vec<ElementRef<'a>> {
        if items.iter().all(|item| item.attr("itemref").is_none()) {
            return found;
        }
        let known: HashSet<_> = found.iter().map(|element| element.id()).collect();
        let mut all = known.clone();
        for item in items {
            let Some(ids) = item.attr("itemref") else { continue };
            let mut ids: HashSet<_> = ids.split_ascii_whitespace().collect();
            for element in self.elements().filter(|element| element.id() != item.id()) {
                // Of elements with the same id the first is meant.
                if element.attr("id").is_some_and(|id| ids.remove(id)) {
                    self.note(element, *item, name, &mut all);
                }
            }
        }
        if all.len() == known.len() {
            return found;
        }
        self.elements().filter(|element| all.contains(&element.id())).collect()
    }

    /// Notes the properties in an element that an item refers to, without those of items inside it.
    fn note(&self, referred: ElementRef<'a>, by: ElementRef<'a>, name: &str, all: &mut HashSet<NodeId>) {
        let is_item = |element: &ElementRef<'a>| element.attr("itemscope").is_some();
        let around = item_of(referred);
        let of_its_own = |element: &ElementRef<'a>| {
            *element == referred || !is_item(&referred) && item_of(*element) == around && *element != by
        };
        let inside = referred.descendent_elements().take_while(|_| self.budget.had_time());
        let properties = inside.filter(|element| has_property(*element, name)).filter(of_its_own);
        all.extend(properties.map(|element| element.id()));
    }

    fn elements(&self) -> impl Iterator<Item = ElementRef<'a>> {
        self.root.descendent_elements().take_while(|_| self.budget.had_time())
    }
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

/// The value of a property, by its element. Of one that leads somewhere it is the URL, unless it is asked for as it stands.
///
/// Source: [HTML, property value](https://html.spec.whatwg.org/multipage/microdata.html#concept-property-value).
pub(crate) fn value(element: ElementRef<'_>, to: Type, base: Base<'_>) -> Option<String> {
    let url = |attribute| match element.attr(attribute)? {
        written if to == Type::Raw => Some(written.to_owned()),
        written => base.resolved(written),
    };
    let attribute = match element.value().name() {
        "audio" | "embed" | "iframe" | "img" | "source" | "track" | "video" => return url("src"),
        "a" | "area" | "link" => return url("href"),
        "object" => return url("data"),
        "meta" => "content",
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
