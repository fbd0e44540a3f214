//! Bytes to text: by byte order mark, then UTF-8, then a guess.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8};

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
        return decode_as(&bytes, encoding);
    }
    if let Some((encoding, length)) = Encoding::for_bom(&bytes) {
        if strict {
            return decode_as(&bytes, encoding);
        }
        let (text, _) = encoding.decode_without_bom_handling(bytes.get(length..).unwrap_or_default());
        return Ok(Decoded { text: text.into_owned(), encoding: encoding.name(), guessed: false });
    }
    if holds_nul(&bytes) {
        return Err(NotText::HoldsNul);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Decoded { text, encoding: UTF_8.name(), guessed: false }),
        Err(_) if strict => Err(NotText::OnlyAGuess),
        Err(error) => Ok(guess(error.as_bytes())),
    }
}

/// Whether a file that begins with these bytes is no text.
pub(crate) fn holds_nul(head: &[u8]) -> bool {
    Encoding::for_bom(head).is_none() && memchr::memchr(0, head).is_some()
}

fn decode_as(bytes: &[u8], encoding: &'static Encoding) -> Result<Decoded, NotText> {
    let body = match Encoding::for_bom(bytes) {
        Some((marked, length)) if marked == encoding => bytes.get(length..).unwrap_or_default(),
        _ => bytes,
    };
    match encoding.decode_without_bom_handling_and_without_replacement(body) {
        Some(text) => Ok(Decoded { text: text.into_owned(), encoding: encoding.name(), guessed: false }),
        None => Err(NotText::DoesNotFit(encoding.name())),
    }
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
