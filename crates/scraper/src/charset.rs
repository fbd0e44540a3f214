//! Which encoding a page is in, in the order of the WHATWG: a byte order mark, the transport's
//! Content-Type, a declaration in the first 1,024 bytes, then a guess.
//!
//! Sources: [HTML, determining the character encoding](https://html.spec.whatwg.org/multipage/parsing.html#determining-the-character-encoding)
//! and the [Encoding Standard](https://encoding.spec.whatwg.org/).

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

use crate::error::{Error, ErrorKind};

/// How many bytes are searched for a declaration: the standard's number.
const PRESCAN_BYTES: usize = 1024;

/// The encoding a page was read in, and what said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charset {
    encoding: &'static Encoding,
    source: CharsetSource,
}

/// What decided a page's encoding, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CharsetSource {
    /// The caller said so.
    Given,
    /// A byte order mark. It beats everything a server says.
    Bom,
    /// The `charset` parameter of the Content-Type.
    ContentType,
    /// A `<meta>` or XML declaration in the first 1,024 bytes.
    Meta,
    /// Nothing was declared, and all bytes are valid UTF-8.
    Utf8,
    /// Nothing was declared: guessed from the bytes.
    Guess,
}

impl Charset {
    /// The encoding's name by the Encoding Standard, such as `UTF-8` or `windows-1252`.
    pub fn name(&self) -> &'static str {
        self.encoding.name()
    }

    pub(crate) fn encoding(&self) -> &'static Encoding {
        self.encoding
    }

    /// What decided.
    pub fn source(&self) -> CharsetSource {
        self.source
    }

    fn new(encoding: &'static Encoding, source: CharsetSource) -> Self {
        Self { encoding, source }
    }
}

/// Finds the encoding of a page from its bytes and the Content-Type it came with.
///
/// ```
/// use gather_scraper::{CharsetSource, charset};
///
/// let found = charset(b"<meta charset=latin1>", None);
/// assert_eq!((found.name(), found.source()), ("windows-1252", CharsetSource::Meta));
/// ```
pub fn charset(bytes: &[u8], content_type: Option<&str>) -> Charset {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return Charset::new(encoding, CharsetSource::Bom);
    }
    if let Some(encoding) = content_type.and_then(charset_of_content_type) {
        return Charset::new(encoding, CharsetSource::ContentType);
    }
    let head = bytes.get(..PRESCAN_BYTES).unwrap_or(bytes);
    if let Some(encoding) = prescan(head) {
        return Charset::new(encoding, CharsetSource::Meta);
    }
    if std::str::from_utf8(bytes).is_ok() {
        return Charset::new(UTF_8, CharsetSource::Utf8);
    }
    Charset::new(guess(bytes), CharsetSource::Guess)
}

/// Finds the encoding of `bytes`, or takes the one whose label is given, and decodes.
pub(crate) fn decode(
    bytes: Vec<u8>,
    content_type: Option<&str>,
    label: Option<&str>,
) -> Result<(String, Charset), Error> {
    let charset = match label {
        Some(label) => Charset::new(encoding_for(label)?, CharsetSource::Given),
        None => charset(&bytes, content_type),
    };
    if charset.encoding == REPLACEMENT {
        return Err(not_decodable());
    }
    if charset.encoding == UTF_8 && !bytes.starts_with(b"\xef\xbb\xbf") {
        // The common case keeps the buffer it came in.
        return match String::from_utf8(bytes) {
            Ok(text) => Ok((text, charset)),
            Err(error) => Ok((lossy(UTF_8, error.as_bytes()), charset)),
        };
    }
    Ok((lossy(charset.encoding, &bytes), charset))
}

fn lossy(encoding: &'static Encoding, bytes: &[u8]) -> String {
    let (text, _) = encoding.decode_with_bom_removal(bytes);
    text.into_owned()
}

fn encoding_for(label: &str) -> Result<&'static Encoding, Error> {
    Encoding::for_label(label.as_bytes()).ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, format!("`{label}` is not the label of an encoding"))
            .hinted("write a label of the Encoding Standard, such as utf-8, latin1 or shift_jis")
    })
}

fn not_decodable() -> Error {
    Error::new(
        ErrorKind::Encoding,
        "the page declares an encoding that the Encoding Standard does not decode (it is replaced as unsafe)",
    )
}

/// The `charset` parameter of a Content-Type, if it names an encoding.
fn charset_of_content_type(content_type: &str) -> Option<&'static Encoding> {
    parameters(content_type)
        .find(|(name, _)| name.eq_ignore_ascii_case("charset"))
        .and_then(|(_, value)| Encoding::for_label(value.as_bytes()))
}

/// Whether a label, or else the Content-Type, says that the bytes are UTF-16.
pub(crate) fn is_declared_utf_16(content_type: Option<&str>, label: Option<&str>) -> bool {
    let declared = match label {
        Some(label) => Encoding::for_label(label.as_bytes()),
        None => content_type.and_then(charset_of_content_type),
    };
    declared.is_some_and(|encoding| encoding == UTF_16LE || encoding == UTF_16BE)
}

/// The parameters of a Content-Type as names and unquoted values.
fn parameters(content_type: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let mut rest = content_type.split_once(';').map_or("", |(_, rest)| rest);
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ';', '\n', '\r']);
        let (name, after) = rest.split_once('=')?;
        if let Some((_, later)) = name.rsplit_once(';') {
            // A parameter without a value: start again behind it.
            let value_starts = rest.len() - after.len();
            let name_starts = value_starts - 1 - later.len();
            rest = rest.get(name_starts..).unwrap_or("");
            return Some(("", "".into()));
        }
        let after = after.trim_start();
        if let Some(quoted) = after.strip_prefix('"') {
            let (value, later) = quoted_string(quoted);
            rest = later;
            return Some((name.trim(), value.into()));
        }
        let (value, later) = after.find(';').map_or((after, ""), |end| after.split_at(end));
        rest = later;
        Some((name.trim(), value.trim().trim_matches('\'').into()))
    })
}

/// What stands before the closing quote, and what behind it. A backslash lets the next character stand for itself.
///
/// Source: [Fetch Standard, collect an HTTP quoted string](https://fetch.spec.whatwg.org/#collect-an-http-quoted-string).
fn quoted_string(text: &str) -> (String, &str) {
    let (mut value, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => value.push(chars.next().unwrap_or('\\')),
            _ => value.push(c),
        }
    }
    (value, chars.as_str())
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// "Prescan a byte stream to determine its encoding" of the HTML standard, step by step.
fn prescan(bytes: &[u8]) -> Option<&'static Encoding> {
    if bytes.starts_with(b"<\0?\0x\0") {
        return Some(UTF_16LE);
    }
    if bytes.starts_with(b"\0<\0?\0x") {
        return Some(UTF_16BE);
    }
    let mut scan = Scan { bytes, at: 0 };
    while scan.at < bytes.len() {
        let rest = scan.rest();
        if rest.starts_with(b"<!--") {
            scan.skip_comment();
        } else if is_meta(rest) {
            scan.at += b"<meta".len();
            if let Some(encoding) = declared_by_meta(&mut scan) {
                return Some(encoding);
            }
        } else if is_tag(rest) {
            scan.skip_tag_name();
            while scan.attribute().is_some() {}
        } else if rest.starts_with(b"<!") || rest.starts_with(b"</") || rest.starts_with(b"<?") {
            scan.skip_past(b'>');
        } else {
            scan.at += 1;
        }
    }
    xml_declaration(bytes)
}

fn is_meta(rest: &[u8]) -> bool {
    rest.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"<meta"))
        && rest.get(5).is_some_and(|&byte| is_space(byte) || byte == b'/')
}

fn is_tag(rest: &[u8]) -> bool {
    let name = match rest {
        [b'<', b'/', name, ..] | [b'<', name, ..] => *name,
        _ => return false,
    };
    name.is_ascii_alphabetic()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

/// What one `<meta …>` declares; the scan stands behind its name.
fn declared_by_meta(scan: &mut Scan<'_>) -> Option<&'static Encoding> {
    let mut seen = Vec::new();
    let mut got_pragma = false;
    let mut need_pragma = None;
    let mut found: Option<Option<&'static Encoding>> = None;
    while let Some((name, value)) = scan.attribute() {
        if seen.contains(&name) {
            continue;
        }
        match name.as_slice() {
            b"http-equiv" => got_pragma |= value == b"content-type",
            b"content" if found.is_none() => {
                if let Some(encoding) = charset_in_content(&value) {
                    found = Some(Some(encoding));
                    need_pragma = Some(true);
                }
            }
            b"charset" => {
                found = Some(Encoding::for_label(&value));
                need_pragma = Some(false);
            }
            _ => {}
        }
        seen.push(name);
    }
    if scan.peek() != Some(b'>') {
        return None; // the bytes ran out inside the tag, which then declares nothing
    }
    if need_pragma? && !got_pragma {
        return None;
    }
    found.flatten().map(as_declared_in_meta)
}

/// A page that could be read as ASCII so far cannot be UTF-16, and `x-user-defined` means
/// windows-1252 there.
fn as_declared_in_meta(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == UTF_16LE || encoding == UTF_16BE {
        UTF_8
    } else if encoding == X_USER_DEFINED {
        WINDOWS_1252
    } else {
        encoding
    }
}

/// "Extracting a character encoding from a meta element": the value of `content`, in lower case.
fn charset_in_content(value: &[u8]) -> Option<&'static Encoding> {
    let mut rest = value;
    loop {
        let at = rest.windows(7).position(|window| window == b"charset")?;
        rest = skip_spaces(rest.get(at + 7..)?);
        if let Some(after) = rest.strip_prefix(b"=") {
            return Encoding::for_label(label_in(skip_spaces(after))?);
        }
    }
}

fn label_in(rest: &[u8]) -> Option<&[u8]> {
    match rest.first()? {
        quote @ (b'"' | b'\'') => {
            let inner = rest.get(1..)?;
            let end = inner.iter().position(|byte| byte == quote)?;
            inner.get(..end)
        }
        _ => {
            let end = rest.iter().position(|&byte| is_space(byte) || byte == b';');
            rest.get(..end.unwrap_or(rest.len()))
        }
    }
}

fn skip_spaces(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|&byte| !is_space(byte)).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or(&[])
}

/// "Get an XML encoding": `<?xml … encoding="…"` at the very start.
fn xml_declaration(bytes: &[u8]) -> Option<&'static Encoding> {
    let rest = bytes.strip_prefix(b"<?xml")?;
    let declaration = rest.get(..rest.iter().position(|&byte| byte == b'>')?)?;
    let at = declaration.windows(8).position(|window| window == b"encoding")?;
    let control = |bytes: &[u8]| bytes.iter().position(|&byte| byte > b' ');
    let rest = declaration.get(at + 8..)?;
    let rest = rest.get(control(rest)?..)?.strip_prefix(b"=")?;
    let rest = rest.get(control(rest)?..)?;
    let quote = rest.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let value = rest.get(1..)?;
    let value = value.get(..value.iter().position(|byte| byte == quote)?)?;
    if value.iter().any(|&byte| byte <= b' ') {
        return None;
    }
    let encoding = Encoding::for_label(value)?;
    Some(if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding })
}

/// A position in the first bytes of a page.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or(&[])
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The two hyphens that end a comment may be the two that begin it.
    fn skip_comment(&mut self) {
        let end = self
            .bytes
            .get(self.at + 2..)
            .and_then(|rest| rest.windows(3).position(|window| window == b"-->").map(|at| at + 3));
        self.at = end.map_or(self.bytes.len(), |end| self.at + 2 + end);
    }

    fn skip_past(&mut self, byte: u8) {
        let end = self.rest().iter().position(|&other| other == byte);
        self.at = end.map_or(self.bytes.len(), |end| self.at + end + 1);
    }

    fn skip_tag_name(&mut self) {
        let end = self.rest().iter().position(|&byte| is_space(byte) || byte == b'>');
        self.at = end.map_or(self.bytes.len(), |end| self.at + end);
    }

    fn skip_while(&mut self, skipped: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&skipped) {
            self.at += 1;
        }
    }

    /// "Get an attribute": name and value in lower case, or nothing where the tag or the bytes end.
    fn attribute(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        self.skip_while(|byte| is_space(byte) || byte == b'/');
        if self.peek()? == b'>' {
            return None;
        }
        let name = self.attribute_name();
        self.skip_while(is_space);
        if self.peek()? != b'=' {
            return Some((name, Vec::new()));
        }
        self.at += 1;
        self.skip_while(is_space);
        let value = self.attribute_value()?;
        Some((name, value))
    }

    fn attribute_name(&mut self) -> Vec<u8> {
        let mut name = Vec::new();
        while let Some(byte) = self.peek() {
            let ends = is_space(byte) || byte == b'/' || byte == b'>';
            if ends || (byte == b'=' && !name.is_empty()) {
                break;
            }
            name.push(byte.to_ascii_lowercase());
            self.at += 1;
        }
        name
    }

    fn attribute_value(&mut self) -> Option<Vec<u8>> {
        let first = self.peek()?;
        if matches!(first, b'"' | b'\'') {
            let inner = self.bytes.get(self.at + 1..)?;
            let end = inner.iter().position(|&byte| byte == first);
            self.at = end.map_or(self.bytes.len(), |end| self.at + end + 2);
            return end.and_then(|end| inner.get(..end)).map(<[u8]>::to_ascii_lowercase);
        }
        let end = self.rest().iter().position(|&byte| is_space(byte) || byte == b'>');
        let value = self.rest().get(..end?)?.to_ascii_lowercase();
        self.at += value.len();
        Some(value)
    }
}

#[cfg(test)]
mod tests;
