//! `Location`: whatever it says, what is followed is http or https, without credentials, and never out of https.
#![no_main]

use gather_fetch::internals::location;
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|input: (bool, &[u8])| {
    let (https, value) = input;
    let base = if https { "https://a.example/b/c?d#e" } else { "http://a.example:8080/b/c?d#e" };
    let base = Url::parse(base).expect("it is a URL");
    let Ok(target) = location(&base, value, false) else { return };
    assert!(matches!(target.scheme(), "http" | "https") && target.has_host(), "{target}");
    assert!(target.username().is_empty() && target.password().is_none(), "{target}");
    assert!(!https || target.scheme() == "https", "{target}");
    assert_eq!(Url::parse(target.as_str()).as_ref(), Ok(&target));
});
