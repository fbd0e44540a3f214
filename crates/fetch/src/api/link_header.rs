//! The `Link` header (RFC 8288): where the next page is. Pure.

use http::HeaderMap;
use http::header::LINK;

/// The target of the first link whose relations include `next`.
pub(crate) fn next(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().find_map(|value| next_of(&String::from_utf8_lossy(value.as_bytes())))
}

fn next_of(mut text: &str) -> Option<String> {
    loop {
        let (_, rest) = text.split_once('<')?;
        let (target, rest) = rest.split_once('>')?;
        let (parameters, rest) = split_unquoted(rest, ',');
        if is_next(parameters) {
            return Some(target.trim().to_owned());
        }
        text = rest;
    }
}

/// Relations are separated by white space and know no case; of several `rel`, the first counts (RFC 8288, section 3.3).
fn is_next(mut parameters: &str) -> bool {
    while !parameters.is_empty() {
        let (parameter, rest) = split_unquoted(parameters, ';');
        if let Some((name, value)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("rel")
        {
            let mut relations = value.trim().trim_matches('"').split_whitespace();
            return relations.any(|relation| relation.eq_ignore_ascii_case("next"));
        }
        parameters = rest;
    }
    false
}

/// Splits at the first separator that stands in no quotes, and leaves it out.
fn split_unquoted(text: &str, separator: char) -> (&str, &str) {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => {
                let (before, after) = text.split_at(at);
                return (before, after.get(separator.len_utf8()..).unwrap_or_default());
            }
            _ => {}
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_in_any_dress() {
        let table = [
            ("<http://h/2>; rel=\"next\"", Some("http://h/2")),
            ("<http://h/2>;rel=next", Some("http://h/2")),
            ("</1>; rel=\"prev\", </3>; rel=\"next\"", Some("/3")),
            ("</1>; rel=\"prev first\", </3>; title=\"a, b; rel=x\"; REL=\"last Next\"", Some("/3")),
            ("<?a=1,2&b=<>; rel=next", Some("?a=1,2&b=<")),
            ("</2>; rel=nextish", None),
            ("</2>; rel=prev; rel=next", None),
            ("</2>", None),
            ("nonsense; rel=next", None),
            ("</2; rel=next", None),
            ("", None),
        ];
        for (value, expected) in table {
            let mut headers = HeaderMap::new();
            headers.append(LINK, "</0>; rel=self".parse().unwrap());
            headers.append(LINK, value.parse().unwrap());
            assert_eq!(next(&headers).as_deref(), expected, "{value}");
        }
    }
}
