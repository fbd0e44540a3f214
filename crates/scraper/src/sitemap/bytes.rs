//! From the bytes of a sitemap to its text: unpacked and decoded by content.

use std::borrow::Cow;
use std::io::Read;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use flate2::bufread::GzDecoder;

use crate::error::{Error, ErrorKind};

const GZIP: &[u8] = &[0x1f, 0x8b];

/// A file that was packed is packed again by some servers.
const LAYERS: usize = 3;

/// How far an XML declaration is looked for.
const DECLARATION: usize = 256;

/// The bytes without gzip, as far as they go, and why they do not go on.
pub(super) fn unpacked(bytes: &[u8], max: u64) -> Result<(Cow<'_, [u8]>, Option<Error>), Error> {
    let mut bytes = Cow::Borrowed(bytes);
    let mut cut = None;
    for _ in 0..LAYERS {
        if !bytes.starts_with(GZIP) || cut.is_some() {
            break;
        }
        let (unpacked, error) = unpack(&bytes, max)?;
        bytes = Cow::Owned(unpacked);
        cut = error;
    }
    within(&bytes, max)?;
    Ok((bytes, cut))
}

fn unpack(bytes: &[u8], max: u64) -> Result<(Vec<u8>, Option<Error>), Error> {
    let (mut out, mut rest) = (Vec::new(), bytes);
    while !is_padding(rest) {
        let mut member = GzDecoder::new(rest);
        let left = (max.saturating_add(1)).saturating_sub(out.len() as u64);
        let read = member.by_ref().take(left).read_to_end(&mut out);
        within(&out, max)?;
        if let Err(error) = read {
            let fact = format!("the gzip around the sitemap is broken after {} bytes: {error}", out.len());
            return Ok((out, Some(Error::new(ErrorKind::Parse, fact))));
        }
        rest = member.into_inner();
    }
    Ok((out, None))
}

/// Nothing, or zeros that fill up a block, as gzip takes them.
fn is_padding(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

fn within(bytes: &[u8], max: u64) -> Result<(), Error> {
    if bytes.len() as u64 <= max {
        return Ok(());
    }
    Err(Error::new(ErrorKind::TooLarge, format!("more than {max} bytes in one sitemap")))
}

/// The text: by its byte order mark, then as UTF-16 by its first character, then as declared, then as UTF-8.
pub(super) fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    let encoding = match bytes {
        [b'<', 0, ..] => UTF_16LE,
        [0, b'<', ..] => UTF_16BE,
        _ => declared(bytes).unwrap_or(UTF_8),
    };
    encoding.decode(bytes).0
}

/// The encoding of `<?xml … encoding="…"?>`. A document whose declaration can be read so is not UTF-16, whatever it says.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.trim_ascii_start();
    let head = head.get(..DECLARATION).unwrap_or(head).strip_prefix(b"<?xml")?;
    let end = head.iter().position(|byte| *byte == b'>')?;
    let head = String::from_utf8_lossy(head.get(..end)?);
    let (_, value) = head.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let label = value.get(1..)?.split(quote).next()?;
    Encoding::for_label(label.as_bytes()).filter(|encoding| encoding.is_ascii_compatible())
}
