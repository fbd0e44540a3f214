//! What a page says of itself in markup: its title, `<meta>` (OpenGraph too) and microdata.

use std::collections::HashSet;

use ego_tree::NodeId;
use scraper::{ElementRef, Html};

use crate::base::Base;
use crate::budget::Budget;
use crate::element::is_html;
use crate::links::outside_templates;
use crate::recipe::css::Scope;
use crate::text::{all_text, fold, markup, visible_text};
use crate::value::Type;
use crate::walk;

/// The title of the page: the first title element of HTML in the document.
///
/// Source: [HTML, document.title](https://html.spec.whatwg.org/multipage/dom.html#the-title-element-2).
pub(crate) fn title(html: &Html) -> Option<ElementRef<'_>> {
    outside_templates(html).find(|element| is_html(*element, "title"))
}

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
/// further one is a property of the item that the one before it is. They end early when the budget does.
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
    let all = || walk::elements(scope.element(), budget);
    let named = || all().filter(|element| has_property(*element, first));
    let mut found = match (of_type, scope) {
        (Some(wanted), _) => {
            let is_wanted = |item: ElementRef<'a>| is_of_type(item, wanted);
            let own = named().filter(|element| item_of(*element).is_some_and(is_wanted)).collect();
            let items: Vec<_> = all().filter(|item| is_item(*item) && is_wanted(*item)).collect();
            page.with_referred(own, &items, first)
        }
        (None, Scope::Below(own)) if is_item(own) => {
            page.with_referred(properties_of(own, first, budget), &[own], first)
        }
        (None, _) => named().collect(),
    };
    for name in further {
        let below = found.iter().flat_map(|item| properties_of(*item, name, budget)).collect();
        found = page.with_referred(below, &found, name);
    }
    found
}

/// The properties of an item in its own markup.
fn properties_of<'a>(item: ElementRef<'a>, name: &str, budget: &Budget) -> Vec<ElementRef<'a>> {
    if is_item(item) { properties_below(item, name, budget) } else { Vec::new() }
}

/// The properties below an element. Those of items inside it are not walked to, so that a path costs a page's elements once for
/// each of its names, however the items nest.
fn properties_below<'a>(element: ElementRef<'a>, name: &str, budget: &Budget) -> Vec<ElementRef<'a>> {
    let mut found = Vec::new();
    let mut below = walk::below(element, budget);
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
        if has_property(referred, name) {
            all.insert(referred.id());
        }
        if is_item(referred) {
            return;
        }
        let inside = properties_below(referred, name, self.budget);
        all.extend(inside.into_iter().filter(|element| *element != by).map(|element| element.id()));
    }

    fn elements(&self) -> walk::Elements<'a, '_> {
        walk::elements(self.root, self.budget)
    }
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

/// The value of a property, by its element. Of one that leads somewhere it is the URL, unless it is asked for as it stands.
///
/// Source: [HTML, property value](https://html.spec.whatwg.org/multipage/microdata.html#concept-property-value).
pub(crate) fn value(element: ElementRef<'_>, to: Type, base: Base<'_>, budget: &Budget) -> Option<String> {
    let (attribute, is_url) = match element.value().name() {
        "audio" | "embed" | "iframe" | "img" | "source" | "track" | "video" => ("src", true),
        "a" | "area" | "link" => ("href", true),
        "object" => ("data", true),
        "meta" => ("content", false),
        "data" | "meter" => ("value", false),
        "time" if element.attr("datetime").is_some() => ("datetime", false),
        _ => {
            return match to {
                Type::Raw | Type::Json => all_text(element, budget),
                Type::Html => markup(element, budget),
                _ => visible_text(element, budget),
            };
        }
    };
    let written = element.attr(attribute)?;
    budget.paid(match to {
        Type::Raw => written.to_owned(),
        _ if is_url => base.resolved(written)?,
        _ => fold(written),
    })
}
