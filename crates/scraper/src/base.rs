//! What the URLs of a page are read with.

use std::borrow::Cow;

use encoding_rs::{Encoder, EncoderResult, Encoding, UTF_8};
use url::{ParseError, Url};

/// What a page's URLs are resolved against, if that is known, and the encoding that their queries are written in.
///
/// Source: [HTML, encoding-parsing a URL](https://html.spec.whatwg.org/multipage/urls-and-fetching.html#encoding-parsing-a-url).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base<'a> {
    url: Option<&'a Url>,
    encoding: &'static Encoding,
}

impl Default for Base<'_> {
    fn default() -> Self {
        Self { url: None, encoding: UTF_8 }
    }
}

impl<'a> Base<'a> {
    /// Of a page in this encoding.
    pub(crate) fn new(url: Option<&'a Url>, encoding: &'static Encoding) -> Self {
        Self { url, encoding: encoding.output_encoding() }
    }

    /// Whether there is something to resolve against.
    pub(crate) fn is_known(self) -> bool {
        self.url.is_some()
    }

    /// The URL of a link, resolved; as written if there is nothing to resolve it against.
    pub(crate) fn resolved(self, written: &str) -> Option<String> {
        match self.parse(written) {
            Ok(url) => Some(url.into()),
            Err(ParseError::RelativeUrlWithoutBase) => Some(trimmed(written).to_owned()),
            Err(_) => None,
        }
    }

    /// The URL that a text of the page means.
    pub(crate) fn parse(self, written: &str) -> Result<Url, ParseError> {
        let written = with_two_slashes(trimmed(written), self.url);
        let in_encoding: &dyn Fn(&str) -> Cow<'_, [u8]> =
            &|text| encoded(text, self.encoding.new_encoder()).into();
        let options = Url::options().base_url(self.url);
        match self.encoding == UTF_8 {
            true => options.parse(&written),
            false => options.encoding_override(Some(in_encoding)).parse(&written),
        }
    }
}

fn trimmed(written: &str) -> &str {
    written.trim_matches(|c: char| c <= ' ')
}

/// The special authority ignore slashes state takes them all; the `url` crate takes two.
///
/// Source: [URL Standard](https://url.spec.whatwg.org/#special-authority-ignore-slashes-state).
fn with_two_slashes<'t>(written: &'t str, base: Option<&Url>) -> Cow<'t, str> {
    let takes_all = |base: &Url| matches!(base.scheme(), "http" | "https" | "ws" | "wss" | "ftp");
    let is_slash = |c: &char| matches!(c, '/' | '\\');
    let is_passed_over = |c: char| matches!(c, '/' | '\\' | '\t' | '\n' | '\r');
    if !written.starts_with(['/', '\\']) || !base.is_some_and(takes_all) {
        return written.into();
    }
    let rest = written.trim_start_matches(is_passed_over);
    match written.chars().take_while(|c| is_passed_over(*c)).filter(is_slash).count() {
        0..=2 => written.into(),
        _ => format!("//{rest}").into(),
    }
}

/// A part of a query in an encoding; a character that it does not have is a reference by its number, percent-encoded.
///
/// Source: [URL Standard, percent-encode after encoding](https://url.spec.whatwg.org/#string-percent-encode-after-encoding).
fn encoded(text: &str, mut encoder: Encoder) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        let room = encoder.max_buffer_length_from_utf8_without_replacement(rest.len());
        out.reserve(room.unwrap_or(rest.len()));
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, &mut out, true);
        rest = rest.get(read..).unwrap_or("");
        match result {
            EncoderResult::InputEmpty => return out,
            EncoderResult::Unmappable(c) => out.extend(format!("%26%23{}%3B", u32::from(c)).bytes()),
            EncoderResult::OutputFull => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{ISO_2022_JP, REPLACEMENT, SHIFT_JIS, UTF_16LE, WINDOWS_1251, WINDOWS_1252};

    use super::*;

    fn resolved(written: &str, base: &str, encoding: &'static Encoding) -> Option<String> {
        Base::new(Url::parse(base).ok().as_ref(), encoding).resolved(written)
    }

    #[test]
    fn urls_are_resolved_or_stay_as_written() {
        let url = |written, base| resolved(written, base, UTF_8);
        assert_eq!(url(" ../x y ", "http://h/a/b").as_deref(), Some("http://h/x%20y"));
        assert_eq!(url(" ../x", "").as_deref(), Some("../x"));
        assert_eq!(url("HTTP://H/x", "").as_deref(), Some("http://h/x"));
        assert_eq!(url("http://[", "http://h/a/b"), None);
    }

    #[test]
    fn slashes_before_a_host_are_passed_over_however_many_they_are() {
        for written in ["//o/x", "///o/x", "////o/x", "/\\/o/x", "\\\\\\o/x", "/\n/\t/o/x", "//\\o/x"] {
            assert_eq!(
                resolved(written, "https://h/a", UTF_8).as_deref(),
                Some("https://o/x"),
                "{written:?}"
            );
        }
        assert_eq!(resolved("/\t/o/x", "http://h/a", UTF_8).as_deref(), Some("http://o/x"));
        assert_eq!(resolved("///", "http://h/a", UTF_8), None);
        assert_eq!(resolved("///tmp/x", "file:///a", UTF_8).as_deref(), Some("file:///tmp/x"));
        assert_eq!(resolved("///x", "foo://h/a", UTF_8).as_deref(), Some("foo:///x"));
    }

    #[test]
    fn a_query_is_written_in_the_encoding_of_its_page() {
        for (encoding, written, expected) in [
            (WINDOWS_1252, "/\u{fc}?q=\u{fc}#\u{fc}", "http://h/%C3%BC?q=%FC#%C3%BC"),
            (WINDOWS_1252, "?q=\u{416}\u{fc}&b=%20", "http://h/a?q=%26%231046%3B%FC&b=%20"),
            (WINDOWS_1251, "?q=\u{416}", "http://h/a?q=%C6"),
            (SHIFT_JIS, "?q=\u{3042}x", "http://h/a?q=%82%A0x"),
            (ISO_2022_JP, "?\u{3042}", "http://h/a?%1B$B$%22%1B(B"),
            (UTF_16LE, "?q=\u{fc}", "http://h/a?q=%C3%BC"),
            (REPLACEMENT, "?q=\u{fc}", "http://h/a?q=%C3%BC"),
            (UTF_8, "?q=\u{fc}", "http://h/a?q=%C3%BC"),
        ] {
            assert_eq!(resolved(written, "http://h/a", encoding).as_deref(), Some(expected), "{written}");
        }
        assert_eq!(resolved("http://o/?\u{fc}", "", WINDOWS_1252).as_deref(), Some("http://o/?%FC"));
    }
}
