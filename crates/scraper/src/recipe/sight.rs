//! What of a page a recipe looks at.

use scraper::selector::Simple;
use selectors::parser::{Combinator, Component, Selector};

use super::css::{Css, Take, Target};
use super::model::{Compiled, Field, LinkSource, Rows, Source};
use crate::phrasing::phrasing;
use crate::sight::Sight;
use crate::value::Type;

/// What links, the visible text and `<meta>` are read from, whatever the recipe is.
const ALWAYS: [&str; 9] =
    ["content", "data", "hidden", "href", "itemprop", "name", "open", "property", "rel"];

/// What a page must show: a list that grows as the recipe is read. None if it is everything.
type Seen<T = ()> = Option<T>;

#[derive(Default)]
struct Looks {
    texts: bool,
    phrasing: bool,
    attributes: Vec<String>,
}

/// What of a page is looked at, be it a record's own page or one of its `[detail]`.
pub(super) fn of(recipe: &Compiled) -> Sight {
    let mut looks = Looks { attributes: ALWAYS.map(str::to_owned).into(), ..Looks::default() };
    match looks.add(recipe) {
        Some(()) => Sight::new(looks.texts, looks.phrasing, looks.attributes),
        None => Sight::WHOLE,
    }
}

impl Looks {
    fn add(&mut self, recipe: &Compiled) -> Seen {
        match &recipe.record.rows {
            Rows::Page | Rows::Json(_) => {}
            Rows::Each(css) => self.css(css)?,
            // Its cells say how far they reach, its columns are named by texts.
            Rows::Table(_) => return None,
        }
        self.link(&recipe.follow.next)?;
        recipe.follow.links.iter().try_for_each(|css| self.css(css))?;
        recipe.fields.iter().try_for_each(|field| self.field(field))?;
        let Some(detail) = &recipe.detail else { return Some(()) };
        self.link(&detail.link)?;
        detail.fields.iter().try_for_each(|field| self.field(field))
    }

    fn field(&mut self, field: &Field) -> Seen {
        match &field.source {
            Source::Css(targets) | Source::Page(targets) => {
                targets.iter().try_for_each(|target| self.target(field, target))
            }
            Source::Json { .. } | Source::Meta(_) | Source::Title => Some(()),
            Source::Label(_)
            | Source::Column(_)
            | Source::JsonLd { .. }
            | Source::Script { .. }
            | Source::ScriptAfter { .. }
            | Source::Microdata { .. } => None,
        }
    }

    fn target(&mut self, field: &Field, target: &Target) -> Seen {
        let is_title = target.css.as_ref().is_some_and(|css| css.finds_only("title"));
        match &target.take {
            Take::Html => return None,
            Take::Text if field.conversion.to == Type::Html => return None,
            Take::Text | Take::Own => self.texts |= !is_title,
            Take::Attribute(name) => self.attributes.push(name.clone()),
        }
        self.texts |= field.contains.is_some() && !is_title;
        target.css.iter().try_for_each(|css| self.css(css))
    }

    fn link(&mut self, link: &LinkSource) -> Seen {
        let LinkSource::Css(targets) = link else { return Some(()) };
        for target in targets {
            if let Take::Attribute(name) = &target.take {
                self.attributes.push(name.clone());
            }
            target.css.iter().try_for_each(|css| self.css(css))?;
        }
        Some(())
    }

    fn css(&mut self, css: &Css) -> Seen {
        css.selectors().iter().try_for_each(|selector| {
            self.phrasing |= !selector
                .iter_raw_match_order()
                .as_slice()
                .split(Component::is_combinator)
                .all(names_no_phrasing);
            self.selector(selector)
        })
    }

    /// What a part looks at that is not known here may be anything.
    fn selector(&mut self, selector: &Selector<Simple>) -> Seen {
        selector.iter_raw_match_order().try_for_each(|part| match part {
            Component::LocalName(_)
            | Component::ExplicitUniversalType
            | Component::ExplicitAnyNamespace
            | Component::ExplicitNoNamespace
            | Component::DefaultNamespace(_)
            | Component::Namespace(..)
            | Component::Root
            | Component::Scope
            | Component::RelativeSelectorAnchor
            | Component::Combinator(Combinator::Child | Combinator::Descendant) => Some(()),
            // What stands beside an element.
            Component::Nth(_) | Component::Combinator(_) => {
                self.phrasing = true;
                Some(())
            }
            Component::ID(_) => self.attribute("id"),
            Component::Class(_) => self.attribute("class"),
            Component::AttributeInNoNamespaceExists { local_name, .. }
            | Component::AttributeInNoNamespace { local_name, .. } => self.attribute(&local_name.0),
            Component::Negation(list) | Component::Is(list) | Component::Where(list) => {
                list.slice().iter().try_for_each(|selector| self.selector(selector))
            }
            Component::Has(list) => {
                self.phrasing = true;
                list.iter().try_for_each(|relative| self.selector(&relative.selector))
            }
            _ => None,
        })
    }

    fn attribute(&mut self, name: &str) -> Seen {
        self.attributes.push(name.to_owned());
        Some(())
    }
}

/// Whether this part of a selector, between two combinators, finds elements of one name only, which is none of those that mark
/// text.
fn names_no_phrasing(part: &[Component<Simple>]) -> bool {
    part.iter().any(|component| match component {
        Component::LocalName(local) => phrasing(local.lower_name.0.as_bytes()).is_none(),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use crate::recipe::Recipe;
    use crate::sight::Sight;

    fn sight(specs: &[&str]) -> Sight {
        specs
            .iter()
            .fold(Recipe::builder(), |recipe, spec| recipe.spec(spec))
            .build()
            .unwrap()
            .sight()
            .clone()
    }

    #[test]
    fn a_recipe_for_titles_and_links_looks_at_no_other_text() {
        let sight = sight(&["title=head > title", "links[]=a@href"]);
        assert!(!sight.texts);
        assert!(!sight.has_attribute(b"class"));
        assert!(!Recipe::default().sight().texts);
        assert!(Recipe::default().sight().has_attribute(b"lang"));
    }

    #[test]
    fn elements_that_mark_text_are_looked_at_where_one_can_be_found_or_stands_beside() {
        for (spec, expected) in [
            ("x=title", false),
            ("x=ul.toc > LI a[href]:not(.x)@href", false),
            ("x=a:is([rel], .x y)@href", false),
            ("x=span@id", true),
            ("x=p B a@href", true),
            ("x=a, [href]@href", true),
            ("x=a, .x@href", true),
            ("x=* a@href", true),
            ("x=:root a@href", true),
            ("x=p + a@href", true),
            ("x=p ~ a@href", true),
            ("x=a:not(p + a)@href", true),
            ("x=a:nth-child(2)@href", true),
            ("x=a:is(:first-child)@href", true),
            ("x=p:has(a)@id", true),
            ("x=p@text", true),
        ] {
            assert_eq!(!sight(&[spec]).passes_over_phrasing(), expected, "{spec}");
        }
        assert!(Recipe::default().sight().passes_over_phrasing());
    }

    #[test]
    fn what_selectors_compare_is_looked_at() {
        for (spec, name) in [
            ("x=.price", "class"),
            ("x=#k", "id"),
            ("x=a:not([data-x='1' i])", "data-x"),
            ("x=a:is(b, :where([q]))", "q"),
            ("x=a:has(> [q] b)", "q"),
            ("x=[q]:nth-child(2)", "q"),
            ("x=p ~ [Q] + b > i", "q"),
            ("x=a@src", "src"),
        ] {
            let sight = sight(&[spec]);
            assert_ne!(sight, Sight::WHOLE, "{spec}");
            assert!(sight.has_attribute(name.as_bytes()), "{spec}");
            assert!(!sight.has_attribute(b"style"), "{spec}");
        }
        let sight = sight(&["x=svg@viewBox", "y=use@xlink:href"]);
        assert!(sight.has_attribute(b"viewBox") && sight.has_attribute(b"XLINK:href"));
    }

    #[test]
    fn what_is_not_known_is_everything() {
        for spec in ["x=a:empty", "x=a@html", "x:html=a", "x=[*|href]"] {
            assert_eq!(sight(&[spec]), Sight::WHOLE, "{spec}");
        }
    }

    #[test]
    fn the_text_of_anything_but_titles_is_text() {
        for (spec, texts) in [("x=title", false), ("x=title, h1", true), ("x=h1", true), ("x=title b", true)]
        {
            assert_eq!(sight(&[spec]).texts, texts, "{spec}");
        }
    }
}
