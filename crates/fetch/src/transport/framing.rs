//! What hyper lets pass of a response's head, and we do not. Pure.
//!
//! hyper frames by the last `Transfer-Encoding` alone and undoes no other coding, so "gzip, chunked" would come through as
//! bytes that nobody asked for, and a coding it does not know makes it ignore a `Content-Length`.

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Version};

use crate::error::{ErrorKind, Failure, shortened};

/// What a header's line has beside name and value: colon, space, line break.
const LINE: usize = 4;

/// Refuses a head whose body cannot be told from what follows it (RFC 9112, sections 6.1 and 6.3), and a change of the
/// protocol that nobody asked for (RFC 9110, section 15.2.2).
pub(crate) fn check(status: u16, version: Version, headers: &HeaderMap) -> Result<(), Failure> {
    if status == 101 {
        return Err(refused("the server switches to a protocol that was not asked for"));
    }
    if version >= Version::HTTP_2 || !headers.contains_key(TRANSFER_ENCODING) {
        return Ok(());
    }
    match codings(headers).as_slice() {
        [only] if only == "chunked" => Ok(()),
        [only] if only == "identity" && !headers.contains_key(CONTENT_LENGTH) => Ok(()),
        other => {
            let fact = format!("cannot undo the transfer coding {:?}", shortened(&other.join(", ")));
            Err(refused(&fact))
        }
    }
}

/// Refuses a head that is larger than the limit: hyper holds it to its buffer, which may be larger.
pub(crate) fn check_size(headers: &HeaderMap, max: usize) -> Result<(), Failure> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + LINE).sum();
    if bytes <= max {
        return Ok(());
    }
    let fact = format!("the head of the response has {bytes} bytes: the limit is {max}");
    Err(Failure::new(ErrorKind::TooLarge, fact))
}

/// Whether the connection may serve again. What says its length in two ways is the mark of smuggled requests, and what
/// has no body and says one is often followed by it, be it late. (HTTP/2 frames its responses itself.)
pub(crate) fn is_reusable(status: u16, is_head: bool, version: Version, headers: &HeaderMap) -> bool {
    if version >= Version::HTTP_2 {
        return true;
    }
    let is_chunked = headers.contains_key(TRANSFER_ENCODING);
    let has_length = headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    match status {
        _ if is_head => !is_chunked && !has_length,
        204 | 304 => !is_chunked && !has_length,
        _ => !(is_chunked && headers.contains_key(CONTENT_LENGTH)),
    }
}

/// Whether the server keeps the connection (RFC 9112, section 9.3).
pub(crate) fn is_kept_alive(version: Version, headers: &HeaderMap) -> bool {
    let says = |what: &[u8]| {
        let options =
            headers.get_all(CONNECTION).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        options.into_iter().any(|option| option.trim_ascii().eq_ignore_ascii_case(what))
    };
    !says(b"close") && (version >= Version::HTTP_11 || says(b"keep-alive"))
}

fn codings(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(TRANSFER_ENCODING).iter();
    let codings = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let codings = codings.map(|coding| String::from_utf8_lossy(coding.trim_ascii()).to_ascii_lowercase());
    // Empty elements count for nothing (RFC 9110, section 5.6.1.2); behind the last coding hyper would count one.
    codings.skip_while(String::is_empty).collect()
}

fn refused(fact: &str) -> Failure {
    Failure::new(ErrorKind::Body, fact).retryable(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_body_is_chunked_once_or_not_at_all() {
        let te = "transfer-encoding";
        let sound: [&[(&str, &str)]; 6] = [
            &[],
            &[(te, ", ,chunked")],
            &[(te, "chunked")],
            &[(te, " CHUNKED ")],
            &[(te, "identity")],
            &[(te, "chunked"), ("content-length", "3")],
        ];
        for lines in sound {
            assert!(check(200, Version::HTTP_11, &headers(lines)).is_ok(), "{lines:?}");
        }
        let unsound: [&[(&str, &str)]; 8] = [
            &[(te, "chunked,")],
            &[(te, "")],
            &[(te, "gzip")],
            &[(te, "gzip, chunked")],
            &[(te, "chunked, chunked")],
            &[(te, "chunked"), (te, "identity")],
            &[(te, "identity"), ("content-length", "3")],
            &[(te, "xchunked")],
        ];
        for lines in unsound {
            let failure = check(200, Version::HTTP_11, &headers(lines)).unwrap_err();
            assert!(failure.kind == ErrorKind::Body && !failure.retryable, "{lines:?}");
        }
    }

    #[test]
    fn a_connection_is_kept_unless_either_side_of_history_says_otherwise() {
        let of = |value: &str| headers(&[("connection", value)]);
        for (version, headers, kept) in [
            (Version::HTTP_11, headers(&[]), true),
            (Version::HTTP_11, of("close"), false),
            (Version::HTTP_11, of("TE, Close"), false),
            (Version::HTTP_11, of("closed"), true),
            (Version::HTTP_10, headers(&[]), false),
            (Version::HTTP_10, of("Keep-Alive"), true),
            (Version::HTTP_10, of("keep-alive, close"), false),
        ] {
            assert_eq!(is_kept_alive(version, &headers), kept, "{version:?} {headers:?}");
        }
    }

    #[test]
    fn a_connection_with_two_lengths_serves_once() {
        let both = headers(&[("transfer-encoding", "chunked"), ("content-length", "3")]);
        let reusable = |status, headers: &HeaderMap| is_reusable(status, false, Version::HTTP_11, headers);
        assert!(!reusable(200, &both));
        assert!(!reusable(204, &headers(&[("content-length", "3")])));
        assert!(!reusable(304, &headers(&[("content-length", "3")])));
        assert!(!is_reusable(200, true, Version::HTTP_11, &headers(&[("content-length", "3")])));
        assert!(is_reusable(200, true, Version::HTTP_11, &headers(&[])));
        assert!(is_reusable(200, false, Version::HTTP_2, &both), "its frames say where a response ends");
        assert!(reusable(204, &headers(&[("content-length", "0")])));
        assert!(reusable(200, &headers(&[("content-length", "3")])));
    }
}
