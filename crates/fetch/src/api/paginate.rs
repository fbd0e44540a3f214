//! Which page comes after which, and when there is none left. Pure.

use http::HeaderMap;
use serde_json::Value;
use url::Url;

use super::file::{PaginateFile, Problem};
use super::link_header;
use super::pointer::Pointer;
use crate::url_input::resolved;

/// So many pages at most where the file gives no `max`.
pub(crate) const DEFAULT_MAX: u32 = 1_000;

/// How an endpoint is read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Paging {
    how: How,
    until_empty: bool,
    max: Option<u32>,
}

#[derive(Clone, Debug)]
enum How {
    /// One request.
    Once,
    /// A parameter that counts up.
    Numbers { param: String, from: i64, step: i64 },
    /// The answer holds the URL of the next page.
    Next(Pointer),
    /// The header `Link` holds it.
    LinkHeader,
    /// The answer holds the value of a parameter of the next request.
    Cursor { at: Pointer, param: String },
}

/// What to ask for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Position {
    /// The endpoint's URL as it is.
    First,
    /// With this value of the parameter.
    Value(Value),
    /// Another URL.
    At(Url),
}

/// What is known of a page once it has been read.
pub(crate) struct Page<'p> {
    /// The final URL.
    pub(crate) url: &'p Url,
    pub(crate) headers: &'p HeaderMap,
    /// All of the answer.
    pub(crate) body: &'p Value,
    /// Whether the part that is kept holds nothing.
    pub(crate) is_empty: bool,
}

impl Paging {
    /// Checks what is written.
    pub(crate) fn from_file(file: Option<&PaginateFile>) -> Result<Self, Problem> {
        let Some(file) = file else {
            return Ok(Self { how: How::Once, until_empty: false, max: None });
        };
        let how = how(file)?;
        let counts = matches!(how, How::Numbers { .. });
        if file.max == Some(0) {
            return Err(Problem::new("max = 0 asks for nothing")
                .hint("leave it out, or give 1 or more")
                .under("max"));
        }
        if counts && file.until_empty == Some(false) && file.max.is_none() {
            let problem = Problem::new("until_empty = false and no max: the pages would never end");
            return Err(problem.hint("give max, which is then how many are read").under("until_empty"));
        }
        Ok(Self { how, until_empty: file.until_empty.unwrap_or(counts), max: file.max })
    }

    /// How many pages are read at most.
    pub(crate) fn max(&self) -> u32 {
        match self.how {
            How::Once => 1,
            _ => self.max.unwrap_or(DEFAULT_MAX),
        }
    }

    /// Whether somebody asked for that bound.
    pub(crate) fn is_max_chosen(&self) -> bool {
        self.max.is_some()
    }

    /// Whether reading `max` pages is all that was asked for, so that nothing is missing after them.
    pub(crate) fn is_counted_out(&self) -> bool {
        matches!(self.how, How::Numbers { .. }) && !self.until_empty
    }

    /// Whether the answer is read once, and is therefore kept as it is.
    pub(crate) fn is_once(&self) -> bool {
        matches!(self.how, How::Once)
    }

    /// Whether a 404 after the first page is the end: servers that number their pages say so.
    pub(crate) fn ends_with_404(&self) -> bool {
        matches!(self.how, How::Numbers { .. }) && self.until_empty
    }

    /// The parameter that the pages are told by.
    pub(crate) fn param(&self) -> Option<&str> {
        match &self.how {
            How::Numbers { param, .. } | How::Cursor { param, .. } => Some(param),
            _ => None,
        }
    }

    /// What to ask for first.
    pub(crate) fn first(&self) -> Position {
        match &self.how {
            How::Numbers { from, .. } => Position::Value((*from).into()),
            _ => Position::First,
        }
    }

    /// What to ask for after this page; `None` if it was the last.
    ///
    /// # Errors
    /// What is there in place of the next page's URL or cursor.
    pub(crate) fn after(&self, position: &Position, page: &Page<'_>) -> Result<Option<Position>, String> {
        if self.until_empty && page.is_empty {
            return Ok(None);
        }
        match &self.how {
            How::Once => Ok(None),
            How::Numbers { step, .. } => Ok(number_after(position, *step)),
            How::Next(pointer) => match pointer.find(page.body) {
                Some(Value::String(next)) if !next.trim().is_empty() => next_url(page.url, next).map(Some),
                other => ended(pointer, other, "a URL"),
            },
            How::LinkHeader => {
                link_header::next(page.headers).map(|next| next_url(page.url, &next)).transpose()
            }
            How::Cursor { at, .. } => match at.find(page.body) {
                Some(cursor @ Value::Number(_)) => Ok(Some(Position::Value(cursor.clone()))),
                Some(cursor @ Value::String(text)) if !text.is_empty() => {
                    Ok(Some(Position::Value(cursor.clone())))
                }
                other => ended(at, other, "a string or a number"),
            },
        }
    }
}

/// One way of paging, and nothing that belongs to another.
fn how(file: &PaginateFile) -> Result<How, Problem> {
    let ways: Vec<&str> =
        [("next", file.next.is_some()), ("link_header", file.link_header), ("cursor", file.cursor.is_some())]
            .into_iter()
            .filter_map(|(name, given)| given.then_some(name))
            .collect();
    if let [one, two, ..] = ways.as_slice() {
        let problem = Problem::new(format!("`{one}` and `{two}` contradict each other"));
        return Err(problem.hint("a page follows from another in one way: keep one of them").under(two));
    }
    match ways.first() {
        None => numbers(file),
        Some(way) => {
            only_for_numbers(way, file)?;
            match (&file.next, &file.cursor) {
                (Some(next), _) => Ok(How::Next(pointer("next", next)?)),
                (_, Some(cursor)) => cursor_way(cursor, file),
                _ => Ok(How::LinkHeader),
            }
        }
    }
}

fn numbers(file: &PaginateFile) -> Result<How, Problem> {
    let Some(param) = file.param.as_deref().filter(|param| !param.is_empty()) else {
        return Err(Problem::new("`paginate` does not say how")
            .hint("give one of param, next, link_header = true, or cursor with param"));
    };
    if file.step == Some(0) {
        return Err(Problem::new("step = 0 asks for the same page again and again").under("step"));
    }
    Ok(How::Numbers { param: param.to_owned(), from: file.from.unwrap_or(1), step: file.step.unwrap_or(1) })
}

fn cursor_way(cursor: &str, file: &PaginateFile) -> Result<How, Problem> {
    let at = pointer("cursor", cursor)?;
    match file.param.as_deref() {
        Some(param) if !param.is_empty() => Ok(How::Cursor { at, param: param.to_owned() }),
        _ => Err(Problem::new("`cursor` without `param`")
            .hint("param names the parameter that takes the cursor")
            .under("cursor")),
    }
}

fn only_for_numbers(way: &str, file: &PaginateFile) -> Result<(), Problem> {
    let stray = [
        ("from", file.from.is_some()),
        ("step", file.step.is_some()),
        ("param", file.param.is_some() && way != "cursor"),
    ];
    match stray.into_iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(Problem::new(format!("`{name}` and `{way}` contradict each other"))
            .hint(format!("`{name}` belongs to numbered pages; leave it or `{way}` out"))
            .under(name)),
        None => Ok(()),
    }
}

fn pointer(key: &str, text: &str) -> Result<Pointer, Problem> {
    Pointer::parse(text).map_err(|bad| Problem::new(bad.to_string()).hint(bad.hint()).under(key))
}

/// Past the largest number there is no page.
fn number_after(position: &Position, step: i64) -> Option<Position> {
    match position {
        Position::Value(number) => {
            number.as_i64()?.checked_add(step).map(|next| Position::Value(next.into()))
        }
        _ => None,
    }
}

/// No value, `null`, `false` and an empty string are the end; anything else is not what it should be.
fn ended(pointer: &Pointer, value: Option<&Value>, expected: &str) -> Result<Option<Position>, String> {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(_) => Err(format!("at {:?} is not {expected}", pointer.to_string())),
    }
}

/// The next URL, seen from the final URL of the page that names it (RFC 3986, section 5).
fn next_url(base: &Url, next: &str) -> Result<Position, String> {
    let bad = |why: &str| format!("the next page {:?} {why}", crate::error::shortened(next));
    let mut url = resolved(base, next.trim()).map_err(|error| bad(&format!("is no URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("is neither http nor https"));
    }
    url.set_fragment(None);
    Ok(Position::At(crate::error::redacted(&url)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use serde_json::json;

    fn paging(toml: &str) -> Result<Paging, String> {
        let file: PaginateFile = toml::from_str(toml).unwrap();
        Paging::from_file(Some(&file)).map_err(|problem| problem.unplaced().to_string())
    }

    fn after(toml: &str, position: &Position, body: Value) -> Result<Option<Position>, String> {
        let url = Url::parse("http://h/a/b?x=1#f").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(http::header::LINK, HeaderValue::from_static("<c>; rel=next"));
        let is_empty = body.get("items").and_then(Value::as_array).is_some_and(Vec::is_empty);
        let page = Page { url: &url, headers: &headers, body: &body, is_empty };
        paging(toml).unwrap().after(position, &page)
    }

    fn at(url: &str) -> Result<Option<Position>, String> {
        Ok(Some(Position::At(Url::parse(url).unwrap())))
    }

    #[test]
    fn numbers_count_up_until_a_page_is_empty() {
        let numbers = "param = 'page'\nfrom = 0\nstep = 20";
        assert_eq!(paging(numbers).unwrap().first(), Position::Value(json!(0)));
        let position = Position::Value(json!(20));
        assert_eq!(after(numbers, &position, json!({"items": [1]})), Ok(Some(Position::Value(json!(40)))));
        assert_eq!(after(numbers, &position, json!({"items": []})), Ok(None));
        assert_eq!(after(numbers, &Position::Value(json!(i64::MAX)), json!({"items": [1]})), Ok(None));
    }

    #[test]
    fn a_counted_number_of_pages_goes_past_empty_ones() {
        let counted = "param = 'page'\nuntil_empty = false\nmax = 3";
        let position = Position::Value(json!(2));
        assert_eq!(after(counted, &position, json!({"items": []})), Ok(Some(Position::Value(json!(3)))));
        assert!(paging(counted).unwrap().is_counted_out());
    }

    #[test]
    fn next_is_resolved_against_the_final_url() {
        let next = "next = '/links/next'";
        let with = |next: Value| json!({"links": {"next": next}});
        assert_eq!(after(next, &Position::First, with(json!("?page=2"))), at("http://h/a/b?page=2"));
        assert_eq!(after(next, &Position::First, with(json!("//u:p@x/2#g"))), at("http://x/2"));
        for end in [json!(null), json!(""), json!(false)] {
            assert_eq!(after(next, &Position::First, with(end)), Ok(None));
        }
        assert_eq!(after(next, &Position::First, json!({})), Ok(None));
        for bad in [json!(2), json!({}), json!("http://["), json!("file:///etc/passwd")] {
            assert!(after(next, &Position::First, with(bad.clone())).is_err(), "{bad}");
        }
    }

    #[test]
    fn links_and_cursors_lead_on() {
        assert_eq!(after("link_header = true", &Position::First, json!({})), at("http://h/a/c"));
        let cursor = "cursor = '/next'\nparam = 'after'";
        let to = |value: Value| after(cursor, &Position::First, json!({"next": value}));
        assert_eq!(to(json!("abc")), Ok(Some(Position::Value(json!("abc")))));
        assert_eq!(to(json!(7)), Ok(Some(Position::Value(json!(7)))));
        assert_eq!(to(json!(null)), Ok(None));
        assert!(to(json!([1])).is_err());
        assert_eq!(
            after("link_header = true\nuntil_empty = true", &Position::First, json!({"items": []})),
            Ok(None)
        );
    }

    #[test]
    fn keys_that_contradict_each_other_are_refused_with_a_hint() {
        for bad in [
            "max = 3",
            "link_header = false",
            "param = ''",
            "param = 'p'\nmax = 0",
            "param = 'p'\nstep = 0",
            "param = 'p'\nuntil_empty = false",
            "next = '/n'\nlink_header = true",
            "next = '/n'\ncursor = '/c'\nparam = 'p'",
            "next = '/n'\nfrom = 1",
            "next = '/n'\nparam = 'p'",
            "cursor = '/c'",
            "cursor = 'c'\nparam = 'p'",
            "next = 'links.next'",
        ] {
            assert!(paging(bad).is_err(), "{bad}");
        }
        assert_eq!(paging("param = 'p'").unwrap().max(), DEFAULT_MAX);
        assert_eq!(Paging::from_file(None).unwrap().max(), 1);
    }
}
