//! `Set-Cookie`: whatever it says, a cookie goes to no other site, and a jar's file gives the same jar.
#![no_main]

use gather_fetch::Jar;
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|lines: Vec<&[u8]>| {
    let url = |text: &str| Url::parse(text).expect("it is a URL");
    let (here, other) = (url("https://www.shop.example.co.uk/a/b"), url("https://www.rival.co.uk/a/b"));
    let jar = Jar::new();
    for line in lines {
        jar.set(&here, line);
    }
    assert!(jar.header(&other).is_none());
    let sent = jar.header(&here);
    assert!(sent.as_ref().is_none_or(|value| value.is_sensitive()));
    let again = Jar::from_netscape(jar.to_netscape()).expect("it reads what it wrote");
    let read = (again.len(), again.header(&here));
    // A cookie with little time may have ended meanwhile.
    if jar.header(&here) == sent {
        assert_eq!(read, (jar.len(), sent));
    }
});
