//! The entities that a document declares for itself. None is read from outside of it.

use std::collections::HashMap;
use std::rc::Rc;

/// What declarations may take in bytes together, and again what references to them may become.
const MOST_TEXT: usize = 64 << 10;

/// Entities inside one another.
const MOST_DEPTH: usize = 16;

/// The internal general entities of one document.
#[derive(Default)]
pub(super) struct Entities {
    declared: HashMap<String, Rc<str>>,
    declared_bytes: usize,
    expanded: usize,
}

impl Entities {
    /// Takes note of what the internal subset of a DOCTYPE declares, up to the bound; the first declaration of a name counts.
    ///
    /// The time grows with the text alone: what is read in vain is behind no further `<!`, or ends the reading.
    ///
    /// Source: [XML, entity declarations](https://www.w3.org/TR/xml/#sec-entity-decl).
    pub(super) fn declare(&mut self, doctype: &str) {
        let mut rest = doctype;
        while let Some((_, after)) = rest.split_once("<!").filter(|_| self.declared_bytes <= MOST_TEXT) {
            rest = after;
            if let Some(comment) = rest.strip_prefix("--") {
                rest = comment.split_once("-->").map_or("", |(_, after)| after);
            } else if let Some((name, value, after)) = declaration(rest) {
                self.note(name, value);
                rest = after;
            }
        }
    }

    fn note(&mut self, name: &str, value: &str) {
        self.declared_bytes += name.len() + value.len();
        // Markup is no text, and stays unresolved.
        if self.declared_bytes <= MOST_TEXT && !value.contains('<') {
            self.declared.entry(name.to_owned()).or_insert_with(|| value.into());
        }
    }

    /// What a reference stands for, or nothing if that is not known, or more than there is room for.
    pub(super) fn referred(&mut self, name: &str) -> Option<String> {
        let mut out = String::new();
        self.reference(name, 0, &mut out).map(|()| out)
    }

    /// A text with its references resolved, or the name of the first that is not.
    pub(super) fn resolved(&mut self, text: &str) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('&') {
            out.push_str(before);
            rest = match reference(after) {
                Some((name, later)) => {
                    out.push_str(&self.referred(name).ok_or_else(|| name.to_owned())?);
                    later
                }
                None => {
                    out.push('&');
                    after
                }
            };
        }
        out.push_str(rest);
        Ok(out)
    }

    fn reference(&mut self, name: &str, depth: usize, out: &mut String) -> Option<()> {
        if let Some(known) = predefined(name) {
            out.push(known);
            return Some(());
        }
        let text = Rc::clone(self.declared.get(name).filter(|_| depth < MOST_DEPTH)?);
        // One that stands for nothing has its cost, too.
        self.expanded += text.len() + 1;
        (self.expanded <= MOST_TEXT).then_some(())?;
        let mut rest = &*text;
        while let Some((before, after)) = rest.split_once('&') {
            out.push_str(before);
            let (name, later) = reference(after)?;
            self.reference(name, depth + 1, out)?;
            rest = later;
        }
        out.push_str(rest);
        Some(())
    }
}

/// The name, the value and what is behind it of `ENTITY name "value"`; none of it for parameters and what is outside.
fn declaration(rest: &str) -> Option<(&str, &str, &str)> {
    let rest = rest.strip_prefix("ENTITY")?.trim_start();
    let (name, rest) = rest.split_at(rest.find(|c| !is_of_name(c))?);
    let rest = rest.strip_prefix(|c: char| c.is_ascii_whitespace()).filter(|_| is_name(name))?.trim_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (value, after) = rest.get(1..)?.split_once(quote)?;
    Some((name, value, after))
}

/// The name behind a `&`, and what is behind its `;`. Where there is none the `&` stands for itself, as people write it.
fn reference(after: &str) -> Option<(&str, &str)> {
    let end = after.find(|c| !is_of_name(c) && c != '#')?;
    let (name, rest) = after.split_at(end);
    Some((name, rest.strip_prefix(';')?)).filter(|_| is_reference(name))
}

/// Whether this may stand between `&` and `;`.
pub(super) fn is_reference(name: &str) -> bool {
    is_name(name.strip_prefix("#x").or_else(|| name.strip_prefix('#')).map_or(name, |_| "number"))
}

fn is_name(name: &str) -> bool {
    let begins = |c: char| is_of_name(c) && !c.is_ascii_digit() && !matches!(c, '-' | '.');
    name.starts_with(begins) && name.chars().all(is_of_name)
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.')
}

/// One of the five that XML knows, or a character by its number.
fn predefined(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => numbered(name),
    }
}

fn numbered(name: &str) -> Option<char> {
    let number = name.strip_prefix('#')?;
    let code = match number.strip_prefix('x') {
        Some(number) => u32::from_str_radix(number, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code).filter(|c| *c != '\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(subset: &str) -> Entities {
        let mut entities = Entities::default();
        entities.declare(subset);
        entities
    }

    #[test]
    fn what_is_declared_is_resolved_and_what_is_outside_is_not() {
        let mut entities = declared(
            "urlset [<!ENTITY h 'http://h'><!ENTITY a \"&h;/&#97;&amp;\"><!ENTITY h 'later'><!-- <!ENTITY c 'c'> -->\
             <!ENTITY % p 'p'><!ENTITY x SYSTEM 'file:///etc/passwd'><!ENTITY m '<b/>'><!ENTITY bad 'a & b'>]",
        );
        assert_eq!(entities.referred("a").as_deref(), Some("http://h/a&"));
        for unknown in ["c", "p", "x", "m", "bad", "nbsp", "#0", "#xD800", ""] {
            assert_eq!(entities.referred(unknown), None, "{unknown}");
        }
        assert_eq!(entities.resolved("&h;?a=1&b=2&amp;c&#x41; &").as_deref(), Ok("http://h?a=1&b=2&cA &"));
        assert_eq!(entities.resolved("a&h;&none;").unwrap_err(), "none");
    }

    #[test]
    fn entities_neither_go_in_circles_nor_multiply() {
        let mut circle = declared("[<!ENTITY a '&b;'><!ENTITY b '&a;'>]");
        assert_eq!(circle.referred("a"), None);
        for seed in ["x", ""] {
            let levels = (1..12).map(|n| format!("<!ENTITY e{n} '{}'>", format!("&e{};", n - 1).repeat(50)));
            let mut bomb = declared(&format!("[<!ENTITY e0 '{seed}'>{}]", levels.collect::<String>()));
            assert_eq!(bomb.referred("e11"), None);
            assert!(bomb.expanded < 2 * MOST_TEXT);
        }
        let mut large = declared(&format!("[<!ENTITY a '{}'>]", "x".repeat(MOST_TEXT)));
        assert_eq!(large.referred("a"), None);
    }
}
