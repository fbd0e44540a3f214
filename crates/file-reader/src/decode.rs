//! Bytes to text: by byte order mark, then UTF-8, then a guess.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};

/// Text, and how it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    pub(crate) encoding: &'static str,
    pub(crate) guessed: bool,
}

/// Why bytes are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotText {
    /// They hold NUL bytes, and no byte order mark says that these belong there.
    HoldsNul,
    /// They do not fit the encoding that was asked for.
    DoesNotFit(&'static str),
    /// Only a guess would tell, and none is wanted.
    OnlyAGuess,
}

/// Decodes bytes; malformed sequences in a text that was recognised become U+FFFD, as in a browser.
///
/// With `forced` nothing is looked at, and malformed bytes are an error: the user said what it must be. With `strict` they
/// always are, and nothing is guessed.
pub(crate) fn decode(
    bytes: Vec<u8>,
    forced: Option<&'static Encoding>,
    strict: bool,
) -> Result<Decoded, NotText> {
    if let Some(encoding) = forced {
        return decode_forced(&bytes, encoding);
    }
    if let Some((encoding, length)) = mark(&bytes) {
        if strict {
            return decode_as(&bytes, encoding);
        }
        let (text, _) = encoding.decode_without_bom_handling(bytes.get(length..).unwrap_or_default());
        return Ok(Decoded { text: text.into_owned(), encoding: encoding.name(), guessed: false });
    }
    if holds_nul(&bytes) {
        return Err(NotText::HoldsNul);
    }
    if !strict && let Some(decoded) = escaped(&bytes) {
        return Ok(decoded);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Decoded { text, encoding: UTF_8.name(), guessed: false }),
        Err(_) if strict => Err(NotText::OnlyAGuess),
        Err(error) => Ok(guess(error.as_bytes())),
    }
}

/// Whether a file that begins with these bytes is no text.
pub(crate) fn holds_nul(head: &[u8]) -> bool {
    mark(head).is_none() && memchr::memchr(0, head).is_some()
}

/// What a byte order mark says, and its length. That of UTF-32, which the Encoding Standard does not know, is none.
pub(crate) fn mark(head: &[u8]) -> Option<(&'static Encoding, usize)> {
    Encoding::for_bom(head).filter(|_| !head.starts_with(b"\xFF\xFE\0\0"))
}

/// In which order the bytes of UTF-16 are, its mark knows best.
pub(crate) fn forced_by(
    forced: &'static Encoding,
    mark: Option<(&'static Encoding, usize)>,
) -> &'static Encoding {
    let is_utf_16 = |encoding: &&'static Encoding| *encoding == UTF_16LE || *encoding == UTF_16BE;
    mark.map(|(marked, _)| marked).filter(|marked| is_utf_16(marked) && is_utf_16(&forced)).unwrap_or(forced)
}

/// NUL bytes are no text in any encoding but UTF-16.
pub(crate) fn may_hold_nul(encoding: &'static Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

fn decode_forced(bytes: &[u8], forced: &'static Encoding) -> Result<Decoded, NotText> {
    if !may_hold_nul(forced) && memchr::memchr(0, bytes).is_some() {
        return Err(NotText::HoldsNul);
    }
    decode_as(bytes, forced_by(forced, mark(bytes)))
}

fn decode_as(bytes: &[u8], encoding: &'static Encoding) -> Result<Decoded, NotText> {
    let body = match mark(bytes) {
        Some((marked, length)) if marked == encoding => bytes.get(length..).unwrap_or_default(),
        _ => bytes,
    };
    match encoding.decode_without_bom_handling_and_without_replacement(body) {
        Some(text) => Ok(Decoded { text: text.into_owned(), encoding: encoding.name(), guessed: false }),
        None => Err(NotText::DoesNotFit(encoding.name())),
    }
}

/// What begins a run of two-byte characters in ISO-2022-JP (RFC 1468), all of whose bytes are ASCII.
pub(crate) const SHIFTS: [&[u8]; 2] = [b"\x1B$B", b"\x1B$@"];

/// ISO-2022-JP would pass for UTF-8, with its escapes in the text.
fn escaped(bytes: &[u8]) -> Option<Decoded> {
    SHIFTS.iter().find_map(|shift| memchr::memmem::find(bytes, shift))?;
    Some(guess(bytes)).filter(|decoded| decoded.encoding == ISO_2022_JP.name())
}

fn guess(bytes: &[u8]) -> Decoded {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    Decoded { text: text.into_owned(), encoding: encoding.name(), guessed: true }
}

/// How many lines a text has; a last line without an end counts.
pub(crate) fn lines(text: &str) -> u64 {
    let ends = memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64;
    ends + u64::from(!text.is_empty() && !text.ends_with('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_byte_order_mark_wins_even_over_nul_bytes() {
        for (bytes, encoding) in [
            (&b"\xFF\xFEh\0i\0"[..], "UTF-16LE"),
            (b"\xFE\xFF\0h\0i", "UTF-16BE"),
            (b"\xEF\xBB\xBFhi", "UTF-8"),
        ] {
            let decoded = decode(bytes.to_vec(), None, false).unwrap();
            assert_eq!((decoded.text.as_str(), decoded.encoding, decoded.guessed), ("hi", encoding, false));
        }
    }

    #[test]
    fn a_guess_says_that_it_is_one() {
        let bytes =
            encoding_rs::WINDOWS_1251.encode("Водород — самый лёгкий химический элемент.").0.into_owned();
        let decoded = decode(bytes, None, false).unwrap();
        assert_eq!((decoded.encoding, decoded.guessed), ("windows-1251", true));
        assert!(decoded.text.starts_with("Водород"));
    }

    #[test]
    fn nul_bytes_are_no_text() {
        assert_eq!(decode(b"a\0b".to_vec(), None, false), Err(NotText::HoldsNul));
    }

    #[test]
    fn a_forced_encoding_takes_what_fits_and_nothing_else() {
        let decoded = decode(b"caf\xE9".to_vec(), Some(encoding_rs::WINDOWS_1252), false).unwrap();
        assert_eq!(decoded.text, "café");
        assert_eq!(decode(b"caf\xE9".to_vec(), Some(UTF_8), false), Err(NotText::DoesNotFit("UTF-8")));
    }

    #[test]
    fn what_is_escaped_is_no_utf_8_and_an_escape_alone_is() {
        let bytes = ISO_2022_JP.encode("日本語のテキスト\n").0.into_owned();
        let decoded = decode(bytes, None, false).unwrap();
        assert_eq!((decoded.text.as_str(), decoded.guessed), ("日本語のテキスト\n", true));
        let coloured = b"\x1B[31mred\x1B[0m costs \x1B$5".to_vec();
        assert_eq!(decode(coloured, None, false).unwrap().encoding, "UTF-8");
    }

    #[test]
    fn a_mark_of_utf_32_is_not_that_of_utf_16() {
        assert_eq!(decode(b"\xFF\xFE\0\0h\0\0\0".to_vec(), None, false), Err(NotText::HoldsNul));
    }

    #[test]
    fn a_forced_encoding_makes_no_text_of_nul_bytes_and_a_mark_turns_utf_16_round() {
        let forced = |encoding| decode(b"\x89PNG\0\x01".to_vec(), Some(encoding), false);
        assert_eq!(forced(encoding_rs::WINDOWS_1252), Err(NotText::HoldsNul));
        assert_eq!(forced(UTF_8), Err(NotText::HoldsNul));
        let decoded = decode(b"\xFE\xFF\0h\0i".to_vec(), Some(UTF_16LE), false).unwrap();
        assert_eq!((decoded.text.as_str(), decoded.encoding), ("hi", "UTF-16BE"));
        assert_eq!(decode(b"h\0i\0".to_vec(), Some(UTF_16LE), false).unwrap().text, "hi");
    }

    #[test]
    fn strict_takes_what_is_marked_or_utf_8_and_holds_nothing_malformed() {
        assert_eq!(decode(b"caf\xE9".to_vec(), None, true), Err(NotText::OnlyAGuess));
        assert_eq!(decode(b"\xFF\xFEh\0\0\xD8".to_vec(), None, true), Err(NotText::DoesNotFit("UTF-16LE")));
        assert_eq!(decode(b"\xFF\xFEh\0".to_vec(), None, true).unwrap().text, "h");
        assert_eq!(decode("café".into(), None, true).unwrap().text, "café");
    }

    #[test]
    fn lines_are_counted_with_and_without_a_last_end() {
        assert_eq!(["", "\n", "a", "a\n", "a\nb"].map(lines), [0, 1, 1, 1, 2]);
    }

    proptest! {
        #[test]
        fn every_utf_8_text_without_nul_is_kept_as_it_is(text in "[^\0\u{feff}][^\0]*") {
            let decoded = decode(text.clone().into_bytes(), None, false).unwrap();
            prop_assert_eq!(decoded.text, text);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>()) {
            let _ = decode(bytes, None, false);
        }
    }
}
