//! Any bytes under any Content-Type: there is an encoding, the same each time, and a page of it is text.
#![no_main]

use gather_scraper::{CharsetSource, Page, charset};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Option<&str>, &[u8])| {
    let (content_type, bytes) = input;
    let found = charset(bytes, content_type);
    assert_eq!(found, charset(bytes, content_type));
    if bytes.starts_with(b"\xef\xbb\xbf") {
        assert_eq!((found.name(), found.source()), ("UTF-8", CharsetSource::Bom));
    }
    let mut page = Page::builder();
    if let Some(content_type) = content_type {
        page = page.content_type(content_type);
    }
    if let Ok(page) = page.build(bytes) {
        assert_eq!(page.charset(), found);
        assert!(page.source().len() <= bytes.len().saturating_mul(3).saturating_add(3));
    }
});
