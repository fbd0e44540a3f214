//! Calendars, sessions and loops of folders: URLs without end that are few pages. Pure.

use url::Url;

use crate::canonical::name;

/// A path that repeats one segment more often is a loop of links that are resolved against each other.
const REPEATS: usize = 3;

/// A segment of so many letters and digits is a name that a machine made.
const TOKEN: usize = 16;

/// Hexadecimal digits and dashes of this length are one too, such as the parts of a UUID.
const HEX: usize = 8;

/// Whether the URL leads into a loop, by its form alone: one segment of its path comes more than three times.
pub(crate) fn repeats(url: &Url) -> bool {
    let mut segments: Vec<&str> = url.path().split('/').filter(|segment| !segment.is_empty()).collect();
    segments.sort_unstable();
    segments.chunk_by(|a, b| a == b).any(|same| same.len() > REPEATS)
}

/// What a URL has in common with others that one template makes: its path, with `N` for each number and `*` for each
/// name that a machine made, and the names of its query's parameters, sorted, each once.
pub(crate) fn pattern(url: &Url) -> String {
    let segments: Vec<String> = url.path().split('/').map(segment).collect();
    let mut pattern = segments.join("/");
    if let Some(query) = url.query() {
        let mut names: Vec<String> = query.split('&').map(|part| segment(name(part))).collect();
        names.sort_unstable();
        names.dedup();
        pattern.push('?');
        pattern.push_str(&names.join("&"));
    }
    pattern
}

fn segment(text: &str) -> String {
    if is_token(text) { "*".to_owned() } else { without_numbers(text) }
}

/// Whether a machine made it: long, of letters and digits both; or hexadecimal.
fn is_token(text: &str) -> bool {
    let is_mixed =
        text.bytes().any(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    let all = |is: fn(u8) -> bool| text.bytes().all(is);
    let is_hex = all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let is_word = all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_mixed && ((is_hex && text.len() >= HEX) || (is_word && text.len() >= TOKEN))
}

/// Each run of digits is one `N`.
fn without_numbers(text: &str) -> String {
    let mut found = String::with_capacity(text.len());
    let mut in_number = false;
    for letter in text.chars() {
        if !letter.is_ascii_digit() {
            found.push(letter);
        } else if !in_number {
            found.push('N');
        }
        in_number = letter.is_ascii_digit();
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(path: &str) -> String {
        pattern(&Url::parse(&format!("http://h{path}")).unwrap())
    }

    #[test]
    fn what_one_template_makes_has_one_pattern() {
        for (path, expected) in [
            ("/", "/"),
            ("/about", "/about"),
            ("/2024/05/17/", "/N/N/N/"),
            ("/page-12.html", "/page-N.html"),
            ("/calendar?year=2024&month=5", "/calendar?month&year"),
            ("/calendar?month=6&year=1999&month=7", "/calendar?month&year"),
            ("/commit/3f2a9c1be07d", "/commit/*"),
            ("/u/550e8400-e29b-41d4-a716-446655440000/x", "/u/*/x"),
            ("/s/a1B2c3D4e5F6g7H8", "/s/*"),
            ("/documentation-of-everything", "/documentation-of-everything"),
            ("/defaced", "/defaced"),
            ("/?", "/?"),
        ] {
            assert_eq!(of(path), expected, "{path}");
        }
    }

    #[test]
    fn a_segment_that_comes_again_and_again_is_a_loop() {
        let is_loop = |path: &str| repeats(&Url::parse(&format!("http://h{path}")).unwrap());
        for path in ["/a/b/a/b/a/b/a/b", "/x/x/x/x", "/x/1/x/2/x/3/x/4"] {
            assert!(is_loop(path), "{path}");
        }
        for path in ["/", "////////", "/a/a/a", "/a/b/c/d/e/f/g", "/x?x/x/x/x/x"] {
            assert!(!is_loop(path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn numbers_and_values_never_count(a in 0_u32.., b in 0_u32.., x in "[a-z]{0,5}", y in "[a-z]{0,5}") {
            prop_assert_eq!(of(&format!("/p{a}/{b}?k={x}")), of(&format!("/p{b}/{a}?k={y}")));
        }

        #[test]
        fn a_pattern_is_no_longer_than_its_url(path in "/[a-z0-9/.?&=-]{0,60}") {
            let url = Url::parse(&format!("http://h{path}")).unwrap();
            prop_assert!(pattern(&url).len() <= url.as_str().len());
        }
    }
}
