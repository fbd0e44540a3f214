//! Keeps the values of the environment out of everything that leaves a query. Pure.

use serde_json::Value;
use url::Url;

use super::environment::Environment;
use super::template::encoded;
use crate::error::{Error, Failure, MASK};

/// From this length on a value is masked wherever it occurs. A shorter one is masked where it is a word (in a message)
/// or the whole of a string (in an answer), for as a part of others it tells nothing, and masking it would ruin them.
const LONG: usize = 4;

/// Masks secrets, in each form that a URL may give them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redactor {
    /// Longest first, so that a secret within a secret leaves no rest.
    needles: Vec<Needle>,
}

#[derive(Clone, PartialEq, Eq)]
struct Needle(String);

impl std::fmt::Debug for Needle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(MASK)
    }
}

impl Redactor {
    pub(crate) fn new(environment: &Environment) -> Self {
        let mut needles: Vec<String> =
            environment.values().flat_map(forms).filter(|form| !form.is_empty()).collect();
        needles.sort_by(|one, two| two.len().cmp(&one.len()).then_with(|| one.cmp(two)));
        needles.dedup();
        Self { needles: needles.into_iter().map(Needle).collect() }
    }

    /// The text without secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        self.needles.iter().fold(text.to_owned(), |text, Needle(needle)| {
            if needle.chars().count() < LONG {
                return words_masked(&text, needle);
            }
            cut_end_masked(&text.replace(needle.as_str(), MASK), needle)
        })
    }

    /// The URL without secrets; as text, for a mask may leave nothing that parses.
    pub(crate) fn url(&self, url: &Url) -> String {
        self.text(crate::error::redacted(url).as_str())
    }

    /// Masks the strings, numbers and keys of an answer; says whether there was anything to mask.
    pub(crate) fn value(&self, value: &mut Value) -> bool {
        if self.needles.is_empty() {
            return false;
        }
        match value {
            Value::String(text) => self.string(text),
            Value::Array(items) => items.iter_mut().fold(false, |any, item| self.value(item) | any),
            Value::Object(map) => self.object(map),
            Value::Number(number) if self.is_in(&number.to_string()) => {
                *value = MASK.into();
                true
            }
            _ => false,
        }
    }

    fn object(&self, map: &mut serde_json::Map<String, Value>) -> bool {
        let mut any = map.values_mut().fold(false, |any, value| self.value(value) | any);
        if map.keys().any(|key| self.is_in(key)) {
            any = true;
            *map = std::mem::take(map).into_iter().map(|(key, value)| (self.masked(&key), value)).collect();
        }
        any
    }

    fn string(&self, text: &mut String) -> bool {
        let any = self.is_in(text);
        if any {
            *text = self.masked(text);
        }
        any
    }

    fn is_in(&self, text: &str) -> bool {
        self.needles.iter().any(|Needle(needle)| match needle.chars().count() < LONG {
            true => text == needle,
            false => text.contains(needle.as_str()),
        })
    }

    fn masked(&self, text: &str) -> String {
        self.needles.iter().fold(text.to_owned(), |text, Needle(needle)| {
            match needle.chars().count() < LONG {
                true if text == *needle => MASK.to_owned(),
                true => text,
                false => text.replace(needle.as_str(), MASK),
            }
        })
    }

    /// The same error without secrets. Its source is left out, for nobody knows what that prints.
    pub(crate) fn error(&self, error: Error) -> Error {
        if self.needles.is_empty() {
            return error;
        }
        let mut failure = Failure::new(error.kind(), self.text(error.fact())).retryable(error.is_retryable());
        failure.phase = error.phase();
        failure.status = error.status();
        if let Some(hint) = error.hint() {
            failure = failure.hint(self.text(hint));
        }
        match error.url().and_then(|url| Url::parse(&self.url(url)).ok()) {
            Some(url) => Error::of_request(failure, &url, error.attempts(), error.elapsed()),
            None => failure.into(),
        }
    }
}

/// A value as it is, as URLs encode it, as messages quote it, and its words: of `Bearer x`, a server may tell `x` alone.
fn forms(value: &str) -> Vec<String> {
    let words = value.split_whitespace().filter(|word| word.len() >= 2 * LONG && *word != value);
    let plain: Vec<&str> = std::iter::once(value.trim()).chain(words).collect();
    let in_url =
        |text: &&str| [encoded(text), url::form_urlencoded::byte_serialize(text.as_bytes()).collect()];
    let in_urls: Vec<String> = plain.iter().flat_map(in_url).collect();
    let quoted: Vec<String> = plain.iter().map(|text| text.escape_debug().to_string()).collect();
    plain.into_iter().map(str::to_owned).chain(in_urls).chain(quoted).collect()
}

/// Masks the word where no letter or digit touches it.
fn words_masked(text: &str, word: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, from) = rest.split_at(at);
        let after = from.get(word.len()..).unwrap_or_default();
        let is_word = !(out.clone() + before).ends_with(char::is_alphanumeric)
            && !after.starts_with(char::is_alphanumeric);
        out.push_str(before);
        out.push_str(if is_word { MASK } else { word });
        rest = after;
    }
    out + rest
}

/// A message that was shortened may end in the first part of a secret.
fn cut_end_masked(text: &str, needle: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, piece) in text.split('…').enumerate() {
        if at > 0 {
            out.push('…');
        }
        out.push_str(piece);
        let is_cut = text.split('…').nth(at + 1).is_some();
        if let Some(start) = is_cut.then(|| start_at_end(piece, needle)).flatten() {
            out.truncate(out.len() - start);
            out.push_str(MASK);
        }
    }
    out
}

/// How many bytes at the end of the text are a beginning of the needle, if at least [`LONG`] characters are.
fn start_at_end(text: &str, needle: &str) -> Option<usize> {
    needle
        .char_indices()
        .map(|(at, _)| at)
        .skip(LONG)
        .filter(|at| needle.get(..*at).is_some_and(|start| text.ends_with(start)))
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use serde_json::json;

    fn redactor() -> Redactor {
        Redactor::new(&Environment::of([("A", "Bearer s3cr3t/t+ken"), ("B", "7"), ("C", "")]))
    }

    #[test]
    fn a_secret_is_masked_in_each_form_that_a_url_gives_it() {
        let redactor = redactor();
        for shown in [
            "Bearer s3cr3t/t+ken",
            "got s3cr3t/t+ken!",
            "http://h/?t=s3cr3t%2Ft%2Bken&x",
            "http://h/?t=Bearer+s3cr3t%2Ft%2Bken",
            "http://h/Bearer%20s3cr3t%2Ft%2Bken: 404",
            "http://h/?t=Bearer%20s3cr…: 404",
        ] {
            let masked = redactor.text(shown);
            assert!(!masked.contains("s3cr") && masked.contains(MASK), "{shown} -> {masked}");
        }
    }

    #[test]
    fn a_secret_is_masked_where_a_message_quotes_it() {
        let redactor = Redactor::new(&Environment::of([("A", "se\"cr\\et\u{e9}")]));
        assert_eq!(redactor.text(&format!("{:?}", "got se\"cr\\et\u{e9}")), "\"got ***\"");
    }

    #[test]
    fn a_short_secret_is_masked_as_a_word() {
        assert_eq!(redactor().text("http://h/?n=7&m=77: 7"), "http://h/?n=***&m=77: ***");
    }

    #[test]
    fn an_answer_that_echoes_a_secret_is_masked_and_keeps_the_rest() {
        let mut value = json!({"auth": ["Bearer s3cr3t/t+ken"], "s3cr3t/t+ken": 1, "n": "7", "m": 7, "year": "1977", "k": 77});
        assert!(redactor().value(&mut value));
        assert_eq!(
            value,
            json!({"auth": ["***"], "***": 1, "n": "***", "m": "***", "year": "1977", "k": 77})
        );
        assert!(!redactor().value(&mut value));
    }

    #[test]
    fn an_error_is_the_same_without_its_secrets() {
        let url = Url::parse("http://h/?t=s3cr3t%2Ft%2Bken").unwrap();
        let mut failure = Failure::new(ErrorKind::Status, format!("{url}: status 503")).retryable(true);
        failure.status = Some(503);
        let error = redactor().error(Error::of_request(failure, &url, 3, std::time::Duration::ZERO));
        assert_eq!(error.to_string(), "http://h/?t=***: status 503");
        assert_eq!(error.url().unwrap().as_str(), "http://h/?t=***");
        assert_eq!((error.status(), error.attempts(), error.is_retryable()), (Some(503), 3, true));
        assert!(!format!("{error:?} {:?}", redactor()).contains("s3cr"));
    }
}
