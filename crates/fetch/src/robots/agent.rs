//! Which agent a line names, and which one we are.

/// The token of groups for every agent that no other group names.
pub(super) const ANY: &str = "*";

/// The product token of a whole `User-Agent`, as it is written; `None` if it has none.
///
/// Crawlers that call themselves a browser first say who they are in the comment: `Mozilla/5.0 (compatible; Bot/2.1)`.
pub(super) fn product_token(agent: &str) -> Option<&str> {
    let first = token(agent)?;
    Some(if first.eq_ignore_ascii_case("mozilla") { disguised(agent).unwrap_or(first) } else { first })
}

/// The agent that a `User-agent` line names, in lower case: `*`, or its product token; `None` if it names none.
pub(super) fn named(value: &str) -> Option<String> {
    let rest = value.strip_prefix(ANY);
    if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace)) {
        return Some(ANY.to_owned());
    }
    token(value).map(str::to_ascii_lowercase)
}

fn disguised(agent: &str) -> Option<&str> {
    let (_, rest) = agent.split_once("compatible;")?;
    token(rest)
}

/// The leading token. RFC 9309 (2.2.1) has letters, `-` and `_`; agents in use have digits, too.
fn token(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    text.get(..end.unwrap_or(text.len())).filter(|token| !token.is_empty())
}
