//! Is this HTML at all? By the Content-Type, then by the bytes.
//!
//! The bytes are judged as the [MIME Sniffing Standard](https://mimesniff.spec.whatwg.org/) judges them.

use crate::charset;
use crate::error::{Error, ErrorKind};
use crate::json;

/// How far into a page a sign of HTML is looked for: the standard's number of bytes.
const LOOKED_AT: usize = 1445;

/// The first bytes of formats that are no text.
const MAGIC: &[(&[u8], &str)] = &[
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"RIFF", "a RIFF file (WebP, WAV or AVI)"),
    (b"\x1f\x8b", "gzip data"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"\x7fELF", "a program"),
    (b"\0\0\x01\0", "an icon"),
    (b"OggS", "an Ogg file"),
    (b"ID3", "an MP3 file"),
    (b"wOF", "a font"),
    (b"SQLite format 3\0", "an SQLite database"),
];

/// The elements that a page of HTML begins with, in XML too.
///
/// Source: [HTML, index of elements](https://html.spec.whatwg.org/multipage/indices.html#elements-3).
const HTML: &str = "a abbr address article aside audio b base bdi bdo blockquote body br button canvas cite code data \
    datalist del details dfn dialog div dl em embed fieldset figure footer form h1 h2 h3 h4 h5 h6 head header hgroup \
    hr html i iframe img input ins kbd label link main map mark menu meta meter nav noscript object ol output p \
    picture pre progress q ruby s samp script search section select slot small span strong style sub sup table \
    template textarea time title u ul var video wbr center font frameset";

/// What a page is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageKind {
    Html,
    Json,
}

/// Refuses what is neither HTML nor JSON, and says what it is instead.
///
/// What is declared as UTF-16, by the Content-Type or by a label, has NUL bytes of its own.
pub(crate) fn check(
    bytes: &[u8],
    content_type: Option<&str>,
    label: Option<&str>,
) -> Result<PageKind, Error> {
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(not_html(what));
    }
    if !charset::is_declared_utf_16(content_type, label) && holds_nul(bytes) {
        return Err(not_html("binary data: it holds NUL bytes"));
    }
    match content_type.map(essence).as_deref() {
        Some("text/html" | "application/xhtml+xml") => Ok(PageKind::Html),
        None | Some("" | "application/octet-stream" | "unknown/unknown") => check_text(bytes),
        Some("application/json" | "text/json") => Ok(PageKind::Json),
        Some(other) if other.ends_with("+json") => Ok(PageKind::Json),
        Some(_) if shows_html(bytes) => Ok(PageKind::Html),
        Some(other) => Err(not_html(&format!("the Content-Type is `{other}`"))),
    }
}

fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// NUL bytes, where they are not UTF-16's.
fn holds_nul(bytes: &[u8]) -> bool {
    let head = bytes.get(..LOOKED_AT).unwrap_or(bytes);
    let is_utf_16 = head.starts_with(b"\xff\xfe")
        || head.starts_with(b"\xfe\xff")
        || head.starts_with(b"<\0")
        || head.starts_with(b"\0<");
    !is_utf_16 && head.contains(&0)
}

/// Text without a Content-Type is HTML unless it is clearly something else.
fn check_text(bytes: &[u8]) -> Result<PageKind, Error> {
    let start = trimmed(bytes);
    if start.is_empty() {
        return Ok(PageKind::Html);
    }
    if matches!(start.first(), Some(b'{' | b'['))
        && serde_json::from_slice::<serde::de::IgnoredAny>(start).is_ok()
    {
        return Ok(PageKind::Json);
    }
    if shows_html(bytes) {
        return Ok(PageKind::Html);
    }
    if let Some(root) = xml_root(start) {
        return Err(not_html(&format!("it is XML, and its root is `{}`", String::from_utf8_lossy(root))));
    }
    match (has_tag(bytes), start) {
        (true, _) => Ok(PageKind::Html),
        (false, [b'{' | b'[', ..]) => Err(json::fault(&String::from_utf8_lossy(bytes))),
        (false, _) => Err(not_html("there is no tag in it")),
    }
}

/// The root element of a document in XML, where it is none of HTML.
fn xml_root(start: &[u8]) -> Option<&[u8]> {
    let root = name_of_root(start)?;
    let is_xml = match start.starts_with(b"<?xml") {
        true => !is_name_of_html(root),
        false => matches!(root, b"rss" | b"feed" | b"urlset" | b"sitemapindex"),
    };
    is_xml.then_some(root)
}

/// The name in the first tag behind declarations, instructions and comments.
fn name_of_root(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let end: &[u8] = match rest {
            [b'<', b'?', ..] => b"?>",
            [b'<', b'!', b'-', b'-', ..] => b"-->",
            [b'<', b'!', ..] => b">",
            _ => break,
        };
        rest = rest.get(memchr::memmem::find(rest, end)? + end.len()..)?.trim_ascii_start();
    }
    let rest = rest.strip_prefix(b"<")?;
    let end = rest.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))?;
    rest.get(..end).filter(|name| name.first().is_some_and(u8::is_ascii_alphabetic))
}

/// A name as HTML writes it: without a prefix, and one that the standard knows.
fn is_name_of_html(name: &[u8]) -> bool {
    HTML.split_ascii_whitespace().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.trim_ascii_start()
}

/// A tag that only HTML has, near the start.
fn shows_html(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return true;
    }
    let head = bytes.get(..LOOKED_AT).unwrap_or(bytes).to_ascii_lowercase();
    let signs: [&[u8]; 7] = [b"<!doctype html", b"<html", b"<head", b"<body", b"<title", b"<div", b"<table"];
    signs.iter().any(|sign| head.windows(sign.len()).any(|window| window == *sign))
}

fn has_tag(bytes: &[u8]) -> bool {
    let starts_tag =
        |pair: &[u8]| matches!(pair, [b'<', next] if next.is_ascii_alphabetic() || *next == b'!');
    // In UTF-16 a NUL stands between the two.
    bytes.windows(2).any(starts_tag)
        || bytes.windows(3).any(|three| matches!(three, [b'<', 0, next] if next.is_ascii_alphabetic()))
}

pub(crate) fn not_html(why: &str) -> Error {
    Error::new(ErrorKind::Parse, format!("the page is not HTML: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(bytes: &[u8], content_type: Option<&str>) -> Option<String> {
        check(bytes, content_type, None).err().map(|error| {
            assert_eq!(error.kind(), ErrorKind::Parse);
            error.to_string()
        })
    }

    #[test]
    fn html_is_html_with_and_without_a_type() {
        for (bytes, content_type) in [
            (&b"<p>x"[..], None),
            (b"hello", Some("text/html; charset=utf-8")),
            (b"", None),
            (b" \n", None),
            (b"<p>x", Some("Application/Octet-Stream")),
            (b"<!DOCTYPE html><p>x", Some("text/plain")),
            (b"<?xml version='1.0'?><html xmlns='x'>", None),
            (b"<?xml version='1.0'?><p>x</p>", None),
            (b"<?xml version='1.0'?>\n<!-- > -->\n<!DOCTYPE x>\n<Div/>", None),
            (b"<?xml version='1.0'?>text <b>x</b>", None),
            (b"<svg><title>x</title></svg>", None),
            (b"\xff\xfe<\0p\0>\0", None),
            (b"{ not json } <b>", None),
            (b"[1] <b>", None),
        ] {
            assert_eq!(why(bytes, content_type), None, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_long_comment_before_the_root_hides_it_not() {
        let page = |root: &str| format!("<?xml version='1.0'?><!--{}-->{root}", "x".repeat(5000));
        assert_eq!(why(page("<html xmlns='x'>").as_bytes(), None), None);
        assert!(why(page("<feed>").as_bytes(), None).unwrap().contains("XML"));
    }

    #[test]
    fn json_is_told_from_html_by_its_type_or_by_its_bytes() {
        for content_type in [None, Some("application/json; charset=utf-8"), Some("application/feed+json")] {
            assert_eq!(
                check(b"{\"a\": \"<div>\"}", content_type, None).unwrap(),
                PageKind::Json,
                "{content_type:?}"
            );
        }
        assert_eq!(check(b"{\"a\": 1}", Some("text/html"), None).unwrap(), PageKind::Html);
    }

    #[test]
    fn what_is_declared_as_utf_16_has_nul_bytes() {
        let bytes = b"\n\0<\0p\0>\0x\0";
        for (content_type, label) in [
            ("text/html; charset=utf-16", None),
            ("text/html; charset=UTF-16LE", None),
            ("text/html", Some("utf-16le")),
        ] {
            assert_eq!(check(bytes, Some(content_type), label).unwrap(), PageKind::Html, "{content_type}");
        }
        assert!(check(bytes, Some("text/html; charset=utf-8"), None).is_err());
    }

    #[test]
    fn what_is_something_else_is_named() {
        for (bytes, content_type, expected) in [
            (&b"%PDF-1.7"[..], Some("text/html"), "PDF"),
            (b"\x89PNG\r\n\x1a\n", None, "PNG"),
            (b"a\0b<p>", None, "NUL"),
            (b"body { color: red }", Some("text/css"), "`text/css`"),
            (b"<?xml version='1.0'?><urlset/>", None, "XML, and its root is `urlset`"),
            (b"<?xml version='1.0'?><!--x--><svg xmlns='x'/>", None, "`svg`"),
            (b"<rss version='2.0'>", None, "`rss`"),
            (b"{\"a\": 1,\n}", None, "not JSON: key must be a string at line 2 column 1"),
            (b"[1, 2", None, "not JSON: EOF"),
            (b"User-agent: *", None, "no tag"),
            (b"User-agent: *", Some("text/plain"), "`text/plain`"),
        ] {
            let message = why(bytes, content_type).unwrap();
            assert!(message.contains(expected), "{message}");
        }
    }
}
