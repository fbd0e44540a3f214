//! The headers that describe a file.

use std::fs::Metadata;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderValue;

use crate::conditions::{Validators, http_date};
use crate::media_type::content_type;

/// What an answer says about a file.
#[derive(Debug, Clone)]
pub(crate) struct Representation {
    pub(crate) content_type: HeaderValue,
    pub(crate) etag: HeaderValue,
    pub(crate) last_modified: Option<HeaderValue>,
    pub(crate) length: u64,
    modified: Option<u64>,
}

impl Representation {
    /// Of `length` bytes; `content` is all of them, or `None` for a file too large to look at.
    pub(crate) fn new(path: &Path, metadata: &Metadata, length: u64, content: Option<&[u8]>) -> Self {
        let changed = metadata.modified().ok();
        let modified = changed.and_then(seconds);
        Self {
            content_type: content_type(path, content),
            etag: etag(changed, length),
            last_modified: modified.and_then(http_date).and_then(|date| HeaderValue::try_from(date).ok()),
            length,
            modified,
        }
    }

    pub(crate) fn validators(&self) -> Validators<'_> {
        Validators {
            etag: self.etag.to_str().unwrap_or_default(),
            modified: self.modified.filter(|_| self.last_modified.is_some()),
        }
    }
}

/// Strong: it changes with the file's date, to the nanosecond, or with its length.
fn etag(changed: Option<SystemTime>, length: u64) -> HeaderValue {
    let (sign, since) = match changed.map(|changed| changed.duration_since(UNIX_EPOCH)) {
        Some(Ok(since)) => ("", since),
        Some(Err(before)) => ("-", before.duration()),
        None => ("", std::time::Duration::ZERO),
    };
    let tag = format!("\"{sign}{:x}-{length:x}\"", since.as_nanos());
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

fn seconds(time: SystemTime) -> Option<u64> {
    time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}
