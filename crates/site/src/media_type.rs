//! The media type of a file, by its name and, where we have them, its bytes.

use std::path::Path;

use http::HeaderValue;

/// The `Content-Type` of a file. `content` is the whole of it, or `None` where it is too large to look at.
///
/// A charset is claimed for plain kinds of text only, and only when the bytes hold it to be true. It is never
/// claimed for HTML and XML: those pages declare their own, and a header would win over it (WHATWG HTML,
/// "determining the character encoding").
pub(crate) fn content_type(path: &Path, content: Option<&[u8]>) -> HeaderValue {
    let essence = essence(path);
    let is_utf8 = || content.is_some_and(|bytes| std::str::from_utf8(bytes).is_ok());
    if takes_charset(essence) && is_utf8() {
        HeaderValue::try_from(format!("{essence}; charset=utf-8"))
            .unwrap_or(HeaderValue::from_static(essence))
    } else {
        HeaderValue::from_static(essence)
    }
}

fn essence(path: &Path) -> &'static str {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref().unwrap_or_default() {
        // A compressed file is served as what it is: decoding it is up to whoever asked for it.
        "gz" | "tgz" => "application/gzip",
        "xml" => "application/xml",
        "jsonl" | "ndjson" => "application/x-ndjson",
        "js" | "mjs" => "text/javascript",
        "toml" => "application/toml",
        extension => mime_guess::from_ext(extension).first_raw().unwrap_or("application/octet-stream"),
    }
}

fn takes_charset(essence: &str) -> bool {
    essence.starts_with("text/") && !matches!(essence, "text/html" | "text/xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, content: Option<&[u8]>) -> String {
        content_type(Path::new(name), content).to_str().unwrap().to_owned()
    }

    #[test]
    fn pages_declare_their_own_charset() {
        assert_eq!(of("a.html", Some(b"<p>")), "text/html");
        assert_eq!(of("a.HTM", Some(b"<p>")), "text/html");
        assert_eq!(of("a.xhtml", Some(b"<p/>")), "application/xhtml+xml");
        assert_eq!(of("sitemap.xml", Some(b"<a/>")), "application/xml");
        assert_eq!(of("a.svg", Some(b"<svg/>")), "image/svg+xml");
    }

    #[test]
    fn utf8_is_claimed_only_when_it_is_true() {
        assert_eq!(of("a.txt", Some("é".as_bytes())), "text/plain; charset=utf-8");
        assert_eq!(of("a.txt", Some(b"\xe9")), "text/plain");
        assert_eq!(of("a.txt", None), "text/plain");
        assert_eq!(of("a.css", Some(b"p{}")), "text/css; charset=utf-8");
        assert_eq!(of("a.js", Some(b"1")), "text/javascript; charset=utf-8");
        assert_eq!(of("a.csv", Some(b"1")), "text/csv; charset=utf-8");
    }

    #[test]
    fn json_and_bytes_take_none() {
        assert_eq!(of("a.json", Some(b"{}")), "application/json");
        assert_eq!(of("a.jsonl", Some(b"{}")), "application/x-ndjson");
        assert_eq!(of("sitemap.xml.gz", Some(b"")), "application/gzip");
        assert_eq!(of("a.png", Some(b"")), "image/png");
        assert_eq!(of("README", Some(b"text")), "application/octet-stream");
        assert_eq!(of("a.nosuchtype", Some(b"text")), "application/octet-stream");
    }
}
