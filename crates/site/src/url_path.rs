//! From the path of a URL to a place below a folder, or a refusal. Pure: it looks at no file.

use std::ffi::OsString;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

/// What a path segment may hold unencoded (RFC 3986, section 2.3): the unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The one hidden name that is served: it holds what RFC 8615 puts there.
const WELL_KNOWN: &[u8] = b".well-known";

/// A path that stays in the folder: its segments, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    segments: Vec<Vec<u8>>,
    /// Whether it ended with a slash, and so names a folder.
    pub(crate) is_folder: bool,
}

/// Why a path names nothing below the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is no path: no slash in front, a broken percent-encoding, a NUL.
    Malformed,
    /// It tries to leave the folder: dot segments, encoded slashes, backslashes.
    Outside,
    /// It names something hidden, which is treated as if it were not there.
    Hidden,
}

/// Reads the path of a request. Empty segments count for nothing, as in a file system.
pub(crate) fn place(path: &str) -> Result<Place, Refusal> {
    let inner = path.strip_prefix('/').ok_or(Refusal::Malformed)?;
    let segments =
        inner.split('/').filter(|segment| !segment.is_empty()).map(segment).collect::<Result<_, _>>()?;
    Ok(Place { segments, is_folder: path.ends_with('/') })
}

fn segment(raw: &str) -> Result<Vec<u8>, Refusal> {
    if !is_well_encoded(raw.as_bytes()) {
        return Err(Refusal::Malformed);
    }
    let decoded: Vec<u8> = percent_decode(raw.as_bytes()).collect();
    if decoded.contains(&0) {
        Err(Refusal::Malformed)
    } else if decoded == b"." || decoded == b".." || decoded.iter().any(|&byte| leaves_a_segment(byte)) {
        Err(Refusal::Outside)
    } else if is_hidden(&decoded) {
        Err(Refusal::Hidden)
    } else {
        Ok(decoded)
    }
}

fn is_well_encoded(raw: &[u8]) -> bool {
    raw.iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'%')
        .all(|(at, _)| raw.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

// A backslash is a separator on Windows, a colon there names a drive or a stream.
fn leaves_a_segment(byte: u8) -> bool {
    byte == b'/' || byte == b'\\' || (cfg!(windows) && byte == b':')
}

/// Whether a file of this name is kept out of answers and listings.
pub(crate) fn is_hidden(name: &[u8]) -> bool {
    name.first() == Some(&b'.') && name != WELL_KNOWN
}

/// A segment as it is written in a URL.
pub(crate) fn encode_segment(name: &[u8]) -> String {
    percent_encode(name, SEGMENT).to_string()
}

impl Place {
    /// The path below the folder; empty for the folder itself. `None` where the platform has no such name.
    pub(crate) fn relative(&self) -> Option<PathBuf> {
        self.segments.iter().cloned().map(file_name).collect()
    }

    /// The path of this place as a folder, as it is written in a URL: one slash in front and one at the end,
    /// so that a redirect to it never leaves this server (`//host/` would).
    pub(crate) fn folder_url(&self) -> String {
        self.segments.iter().fold(String::from("/"), |url, segment| url + &encode_segment(segment) + "/")
    }

    /// The path for people to read.
    pub(crate) fn display(&self) -> String {
        self.segments
            .iter()
            .fold(String::from("/"), |path, segment| path + &String::from_utf8_lossy(segment) + "/")
    }
}

#[cfg(unix)]
fn file_name(bytes: Vec<u8>) -> Option<OsString> {
    Some(std::os::unix::ffi::OsStringExt::from_vec(bytes))
}

#[cfg(not(unix))]
fn file_name(bytes: Vec<u8>) -> Option<OsString> {
    String::from_utf8(bytes).ok().map(OsString::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    fn relative(path: &str) -> Result<PathBuf, Refusal> {
        place(path).map(|place| place.relative().unwrap())
    }

    #[test]
    fn plain_and_encoded_names_are_mapped() {
        assert_eq!(relative("/"), Ok(PathBuf::new()));
        assert_eq!(relative("/a/b.html"), Ok(PathBuf::from("a/b.html")));
        assert_eq!(relative("/a%20b/%C3%A9.txt"), Ok(PathBuf::from("a b/é.txt")));
        assert_eq!(relative("/100%25.txt"), Ok(PathBuf::from("100%.txt")));
        assert_eq!(relative("//a///b"), Ok(PathBuf::from("a/b")));
        assert_eq!(relative("/a..b/...c").err(), Some(Refusal::Hidden));
        assert_eq!(relative("/a..b/c..."), Ok(PathBuf::from("a..b/c...")));
    }

    #[test]
    fn what_would_leave_the_folder_is_refused() {
        for path in [
            "/..",
            "/../x",
            "/a/../../x",
            "/%2e%2e/x",
            "/.%2E/x",
            "/a/./b",
            "/..%2fx",
            "/a%2Fb",
            "/a\\..\\b",
            "/%5c",
        ] {
            assert_eq!(relative(path), Err(Refusal::Outside), "{path}");
        }
    }

    #[test]
    fn broken_paths_are_malformed() {
        for path in ["", "*", "a/b", "/%", "/%4", "/%zz", "/a%00.html"] {
            assert_eq!(relative(path), Err(Refusal::Malformed), "{path}");
        }
    }

    #[test]
    fn hidden_names_are_hidden_at_any_depth_except_well_known() {
        for path in ["/.git/config", "/a/.env", "/%2egit", "/..."] {
            assert_eq!(relative(path), Err(Refusal::Hidden), "{path}");
        }
        assert!(relative("/.well-known/security.txt").is_ok());
    }

    #[test]
    fn the_url_of_a_folder_never_names_another_host() {
        assert_eq!(place("//evil.example").unwrap().folder_url(), "/evil.example/");
        assert_eq!(place("/a b/é").unwrap().folder_url(), "/a%20b/%C3%A9/");
    }

    proptest! {
        #[test]
        fn no_path_whatever_leaves_the_folder(path in "(/|%2e|%2f|%5c|%00|\\.|\\\\|[a-z]|%|é){0,24}") {
            if let Ok(place) = place(&path) {
                let relative = place.relative().unwrap();
                prop_assert!(relative.components().all(|part| matches!(part, Component::Normal(_))));
                prop_assert!(Path::new("/root").join(relative).starts_with("/root"));
            }
        }

        #[test]
        fn encoding_a_name_and_reading_it_gives_the_name(name in "[^/\\\\\0.][^/\\\\\0]{0,20}") {
            let place = place(&format!("/{}", encode_segment(name.as_bytes()))).unwrap();
            prop_assert_eq!(place.relative().unwrap(), PathBuf::from(name));
        }
    }
}
