//! Texts of a query file with gaps in them: values of the environment, and the page that is asked for. Pure.

use super::environment::Environment;

/// A text whose gaps are filled for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The value of an environment variable.
    Variable(String),
    /// The value of the pagination's parameter.
    Page,
}

/// How the values of gaps are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// As they are.
    Plain,
    /// Percent-encoded, so that a value cannot add a path segment or a parameter to a URL.
    Encoded,
}

impl Template {
    /// Reads `env:NAME` (the whole text, or a word of it, as in `Bearer env:TOKEN`), `{env:NAME}`, and `{page}` where
    /// `page` is the name of the pagination's parameter.
    pub(crate) fn parse(text: &str, page: Option<&str>) -> Result<Self, BadVariable> {
        let mut parts = Vec::new();
        for (at, word) in text.split(' ').enumerate() {
            if at > 0 {
                parts.push(Part::Text(" ".to_owned()));
            }
            match word.strip_prefix("env:") {
                Some(name) => parts.push(Part::Variable(variable(name)?)),
                None => braces(word, page, &mut parts)?,
            }
        }
        Ok(Self { parts })
    }

    /// The variables that are needed.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether the page has a place in it.
    pub(crate) fn has_page(&self) -> bool {
        self.parts.contains(&Part::Page)
    }

    /// Whether it holds anything of the environment.
    pub(crate) fn is_secret(&self) -> bool {
        self.variables().next().is_some()
    }

    /// The text with its gaps filled. A value that is the whole text is never encoded: it is one by itself.
    pub(crate) fn fill(&self, environment: &Environment, page: &str, fill: Fill) -> String {
        let fill = if self.parts.len() == 1 { Fill::Plain } else { fill };
        let values = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Variable(name) => written(environment.value(name), fill),
            Part::Page => written(page, fill),
        });
        values.collect()
    }

    /// The text with something harmless in its gaps, to see whether it is well-formed; `None` if it is one gap.
    pub(crate) fn sample(&self) -> Option<String> {
        let samples = self.parts.iter().map(|part| match part {
            Part::Text(text) => text,
            Part::Variable(_) | Part::Page => "1",
        });
        match self.parts.as_slice() {
            [Part::Variable(_)] => None,
            _ => Some(samples.collect()),
        }
    }

    /// The words in braces that are left, which are nothing that this query knows.
    pub(crate) fn unknown_gap(&self) -> Option<&str> {
        self.parts.iter().find_map(|part| match part {
            Part::Text(text) => gap(text).map(|(_, name, _)| name),
            _ => None,
        })
    }
}

/// The variable of a value that is `env:NAME` and nothing else.
pub(crate) fn whole_variable(text: &str) -> Result<Option<String>, BadVariable> {
    text.strip_prefix("env:").map(variable).transpose()
}

fn braces(mut rest: &str, page: Option<&str>, parts: &mut Vec<Part>) -> Result<(), BadVariable> {
    let mut text = String::new();
    while let Some((before, name, after)) = gap(rest) {
        let part = match name.strip_prefix("env:") {
            Some(name) => Some(Part::Variable(variable(name)?)),
            None => (Some(name) == page).then_some(Part::Page),
        };
        match part {
            Some(part) => {
                text.push_str(before);
                parts.extend([Part::Text(std::mem::take(&mut text)), part]);
            }
            None => text.extend([before, "{", name, "}"]),
        }
        rest = after;
    }
    text.push_str(rest);
    parts.push(Part::Text(text));
    parts.retain(|part| *part != Part::Text(String::new()));
    Ok(())
}

/// The first `{name}` of a text, with what stands before and after it.
fn gap(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

fn variable(name: &str) -> Result<String, BadVariable> {
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_name { Ok(name.to_owned()) } else { Err(BadVariable(name.to_owned())) }
}

fn written(value: &str, fill: Fill) -> String {
    match fill {
        Fill::Plain => value.to_owned(),
        Fill::Encoded => encoded(value),
    }
}

/// Percent-encodes all but the unreserved characters (RFC 3986, section 2.3).
pub(crate) fn encoded(value: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(value, RESERVED).to_string()
}

/// What follows `env:` is not the name of a variable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadVariable(pub(crate) String);

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, page: Option<&str>) -> String {
        let environment = Environment::of([("TOKEN", "a b&c"), ("N", "7")]);
        Template::parse(text, page).unwrap().fill(&environment, "p/2", Fill::Encoded)
    }

    #[test]
    fn gaps_are_filled_and_all_else_stays() {
        assert_eq!(filled("http://h/?page={page}&x={env:N}", Some("page")), "http://h/?page=p%2F2&x=7");
        assert_eq!(filled("http://h/{env:TOKEN}", None), "http://h/a%20b%26c");
        assert_eq!(filled("env:TOKEN", None), "a b&c");
        assert_eq!(filled("Bearer env:N", None), "Bearer 7");
        assert_eq!(filled("{a}{page}{b}", Some("page")), "{a}p%2F2{b}");
        assert_eq!(filled("a  b ", None), "a  b ");
        assert_eq!(filled("", None), "");
    }

    #[test]
    fn a_gap_that_nothing_fills_is_found() {
        let gap = |text, page| Template::parse(text, page).unwrap().unknown_gap().map(str::to_owned);
        assert_eq!(gap("http://h/{page}", None).as_deref(), Some("page"));
        assert_eq!(gap("http://h/{page}/{size}", Some("page")).as_deref(), Some("size"));
        assert_eq!(gap("http://h/{page}", Some("page")), None);
    }

    #[test]
    fn a_variable_has_a_name_that_shells_can_set() {
        for bad in ["env:", "env:1A", "env:A-B", "x {env:}", "Bearer env:$X"] {
            assert!(Template::parse(bad, None).is_err(), "{bad}");
        }
        let template = Template::parse("env:A {env:B}/{env:_c1}", None).unwrap();
        assert_eq!(template.variables().collect::<Vec<_>>(), ["A", "B", "_c1"]);
    }
}
