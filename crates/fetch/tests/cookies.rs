//! What a jar takes and sends. Each case names where its rule is from: RFC 6265bis (by section), the http-state tests of
//! RFC 6265, or curl.

#![cfg(feature = "cookies")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is how a failure is said")]

use gather_fetch::{Jar, Url};
use proptest::prelude::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn sent(jar: &Jar, to: &str) -> String {
    jar.header(&url(to))
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .unwrap_or_default()
}

const H: &str = "http://www.example.com/a/b";
const S: &str = "https://www.example.com/a/b";

/// Source, who sets, `Set-Cookie`, who is asked, what is sent.
type Case = (&'static str, &'static str, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    // Name and value.
    ("http-state 0001", H, "foo=bar", H, "foo=bar"),
    ("5.6", H, "  foo  =  bar  ", H, "foo=bar"),
    ("5.6", H, "\tfoo\t=\tbar\t", H, "foo=bar"),
    ("5.6", H, "foo", H, "foo"),
    ("5.6", H, "=bar", H, "bar"),
    ("5.6", H, "foo=", H, "foo="),
    ("5.6", H, "", H, ""),
    ("5.6", H, "=", H, ""),
    ("5.6", H, ";Path=/", H, ""),
    ("http-state 0019", H, "foo=a=b=c", H, "foo=a=b=c"),
    ("http-state 0020", H, "foo=\"bar\"", H, "foo=\"bar\""),
    ("http-state", H, "foo=\"a;b\"", H, "foo=\"a"),
    ("http-state", H, "foo=b a r", H, "foo=b a r"),
    ("http-state", H, "foo=a,b", H, "foo=a,b"),
    ("5.6", H, "foo=bar;;;", H, "foo=bar"),
    ("5.6 control", H, "foo=b\u{1}ar", H, ""),
    ("5.6 control", H, "foo=b\0ar", H, ""),
    ("5.6 control", H, "foo=b\u{7f}ar", H, ""),
    ("5.6 control", H, "foo=bar; x=\u{b}", H, ""),
    ("5.6 control", H, "f\noo=bar", H, ""),
    ("curl: tab", H, "foo=b\tar", H, ""),
    ("5.6", H, "foo=bär", H, "foo=bär"),
    // Unknown and strange attributes.
    ("5.6", H, "foo=bar; unknown", H, "foo=bar"),
    ("5.6", H, "foo=bar; SameSite=Strict", H, "foo=bar"),
    ("5.6", H, "foo=bar; SameSite=nonsense", H, "foo=bar"),
    ("5.6.6", H, "foo=bar; HttpOnly", H, "foo=bar"),
    ("5.6.6", H, "foo=bar; httponly=false", H, "foo=bar"),
    // Domain.
    ("5.6.3", H, "a=1; Domain=example.com", "http://example.com/a/", "a=1"),
    ("5.6.3", H, "a=1; Domain=.example.com", "http://x.example.com/a/", "a=1"),
    ("5.6.3", H, "a=1; DOMAIN=EXAMPLE.COM", "http://x.y.example.com/a/", "a=1"),
    ("5.7 host-only", H, "a=1", "http://example.com/a/", ""),
    ("5.7 host-only", H, "a=1", "http://x.www.example.com/a/", ""),
    ("5.7", H, "a=1; Domain=www.example.com", "http://x.www.example.com/a/", "a=1"),
    ("5.7", H, "a=1; Domain=x.www.example.com", H, ""),
    ("5.7", H, "a=1; Domain=other.example.com", "http://other.example.com/a/", ""),
    ("5.7", H, "a=1; Domain=example.org", "http://example.org/a/", ""),
    ("5.7", H, "a=1; Domain=ample.com", H, ""),
    ("5.1.3", H, "a=1; Domain=example.com", "http://badexample.com/a/", ""),
    ("5.6.3", H, "a=1; Domain=", H, "a=1"),
    ("5.6.3", H, "a=1; Domain=", "http://x.www.example.com/a/", ""),
    ("5.6.3", H, "a=1; Domain=example.org; Domain=example.com", H, "a=1"),
    ("5.6.3", H, "a=1; Domain=example.com; Domain=example.org", H, ""),
    ("5.7", H, "a=1; Domain=exämple.com", H, ""),
    // Public suffixes.
    ("5.7 suffix", H, "a=1; Domain=com", H, ""),
    ("5.7 suffix", "http://a.co.uk/", "a=1; Domain=co.uk", "http://b.co.uk/", ""),
    ("5.7 suffix", "http://a.co.uk/", "a=1; Domain=co.uk", "http://a.co.uk/", ""),
    ("5.7 suffix", "http://me.github.io/", "a=1; Domain=github.io", "http://you.github.io/", ""),
    ("5.7 suffix", "http://github.io/", "a=1; Domain=github.io", "http://github.io/", "a=1"),
    ("5.7 suffix", "http://github.io/", "a=1; Domain=github.io", "http://you.github.io/", ""),
    ("5.7 suffix", "http://localhost/", "a=1; Domain=localhost", "http://localhost/", "a=1"),
    // Addresses.
    ("5.1.3", "http://127.0.0.1/", "a=1", "http://127.0.0.1/", "a=1"),
    ("5.1.3", "http://127.0.0.1/", "a=1; Domain=127.0.0.1", "http://127.0.0.1/", "a=1"),
    ("5.1.3", "http://127.0.0.1/", "a=1; Domain=0.0.1", "http://127.0.0.1/", ""),
    ("5.1.3", "http://[::1]/", "a=1", "http://[::1]/", "a=1"),
    ("8.5 ports", "http://127.0.0.1:81/", "a=1", "http://127.0.0.1:82/", "a=1"),
    // Path.
    ("5.1.4", H, "a=1", "http://www.example.com/a", "a=1"),
    ("5.1.4", H, "a=1", "http://www.example.com/a/c/d", "a=1"),
    ("5.1.4", H, "a=1", "http://www.example.com/", ""),
    ("5.1.4", H, "a=1", "http://www.example.com/ab", ""),
    ("5.6.4", H, "a=1; Path=/", "http://www.example.com/z", "a=1"),
    ("5.6.4", H, "a=1; Path=/z", "http://www.example.com/z/1", "a=1"),
    ("5.6.4", H, "a=1; Path=/z/", "http://www.example.com/z", ""),
    ("5.6.4", H, "a=1; Path=z", "http://www.example.com/a/", "a=1"),
    ("5.6.4", H, "a=1; Path=", "http://www.example.com/z", ""),
    ("5.6.4", H, "a=1; Path=/z; Path=/", "http://www.example.com/y", "a=1"),
    ("5.1.4 case", H, "a=1; Path=/Z", "http://www.example.com/z", ""),
    ("5.1.4 query", H, "a=1; Path=/z", "http://www.example.com/z?q=/", "a=1"),
    // Secure.
    ("5.6.5", S, "a=1; Secure", S, "a=1"),
    ("5.6.5", S, "a=1; Secure", H, ""),
    ("5.7", H, "a=1; Secure", S, ""),
    ("5.6.5", S, "a=1; secure=no", H, ""),
    ("5.6.5", S, "a=1", H, "a=1"),
    ("ours: loopback", "http://127.0.0.1/", "a=1; Secure", "http://127.0.0.1/", ""),
    // Prefixes.
    ("4.1.3.1", S, "__Secure-a=1; Secure", S, "__Secure-a=1"),
    ("4.1.3.1", S, "__Secure-a=1", S, ""),
    ("4.1.3.1", S, "__SECURE-a=1", S, ""),
    ("4.1.3.2", S, "__Host-a=1; Secure; Path=/", S, "__Host-a=1"),
    ("4.1.3.2", S, "__Host-a=1; Secure", S, ""),
    ("4.1.3.2", "https://www.example.com/", "__Host-a=1; Secure", S, ""),
    ("4.1.3.2", S, "__host-a=1; Secure; Path=/; Domain=example.com", S, ""),
    ("4.1.3.2", S, "__Host-a=1; Path=/", S, ""),
    ("5.7 nameless", S, "=__Host-a=1; Secure; Path=/", S, ""),
    ("5.7 nameless", S, "__Secure-a; Secure", S, ""),
    // Life.
    ("5.6.2", H, "a=1; Max-Age=60", H, "a=1"),
    ("5.6.2", H, "a=1; Max-Age=0", H, ""),
    ("5.6.2", H, "a=1; Max-Age=-1", H, ""),
    ("5.6.2", H, "a=1; Max-Age=1x", H, "a=1"),
    ("5.6.2", H, "a=1; Max-Age=99999999999999999999", H, "a=1"),
    ("5.6.1", H, "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", H, ""),
    ("5.6.1", H, "a=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT", H, "a=1"),
    ("5.6.1", H, "a=1; Expires=whenever", H, "a=1"),
    ("5.7 order", H, "a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", H, "a=1"),
    ("5.7 order", H, "a=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT; Max-Age=0", H, ""),
];

#[test]
fn set_cookies_are_taken_and_sent_by_the_rules() {
    assert!(CASES.len() >= 80);
    for (source, from, set, to, expected) in CASES {
        let jar = Jar::new();
        jar.set(&url(from), set.as_bytes());
        assert_eq!(sent(&jar, to), *expected, "{source}: {set:?} of {from} for {to}");
    }
}

#[test]
fn longer_paths_come_first_and_a_new_value_keeps_its_place() {
    let jar = Jar::new();
    for set in ["a=1; Path=/", "b=1; Path=/", "c=1; Path=/a", "a=2; Path=/"] {
        assert!(jar.set(&url(H), set.as_bytes()));
    }
    assert_eq!(sent(&jar, H), "c=1; a=2; b=1");
}

#[test]
fn http_does_not_overwrite_what_https_set_as_secure() {
    let jar = Jar::new();
    assert!(jar.set(&url(S), b"a=1; Secure; Path=/"));
    assert!(!jar.set(&url(H), b"a=2; Path=/"));
    assert!(!jar.set(&url(H), b"a=2; Path=/; Domain=example.com"));
    assert_eq!(sent(&jar, S), "a=1");
}

#[test]
fn sizes_are_bounded() {
    let jar = Jar::new();
    let at = |length: usize| format!("a={}", "x".repeat(length - 1));
    assert!(jar.set(&url(H), at(4096).as_bytes()));
    assert!(!jar.set(&url(H), at(4097).as_bytes()));
    let long = format!("b=1; Domain={}", "x".repeat(1025));
    assert!(jar.set(&url(H), long.as_bytes()), "an attribute that is too long does not count");
}

#[test]
fn a_domain_has_fifty_cookies_and_secure_ones_stay() {
    let jar = Jar::new();
    assert!(jar.set(&url(S), b"s=1; Secure"));
    for number in 0..60 {
        jar.set(&url(H), format!("c{number}=1").as_bytes());
    }
    assert_eq!(jar.len(), 50);
    let sent = sent(&jar, S);
    assert!(sent.starts_with("s=1; c11=1; ") && sent.ends_with("c59=1"), "{sent}");
}

#[test]
fn a_jar_has_three_thousand_cookies() {
    let jar = Jar::new();
    for number in 0..3010 {
        jar.set(&url(&format!("http://h{number}.example/")), b"a=1");
    }
    assert_eq!(jar.len(), 3000);
    assert_eq!(
        (sent(&jar, "http://h9.example/"), sent(&jar, "http://h10.example/")),
        (String::new(), "a=1".into())
    );
}

#[test]
fn no_cookie_outlives_400_days() {
    let jar = Jar::new();
    assert!(jar.set(&url(H), b"a=1; Max-Age=9999999999"));
    let text = String::from_utf8(jar.to_netscape()).unwrap();
    let expires: u64 = text.lines().last().unwrap().split('\t').nth(4).unwrap().parse().unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!((now + 399 * 86_400..=now + 400 * 86_400).contains(&expires), "{expires}");
}

#[test]
fn a_file_of_curl_is_read() {
    let file = "# Netscape HTTP Cookie File\r\n\n#HttpOnly_.example.com\tTRUE\t/\tTRUE\t0\tsid\t7\nwww.example.com\tFALSE\t/\tFALSE\t1\told\tx\n";
    let jar = Jar::from_netscape(file).unwrap();
    assert_eq!(Jar::from_netscape(format!("\u{feff}{file}")).unwrap().len(), jar.len());
    assert_eq!((jar.len(), sent(&jar, S), sent(&jar, H)), (1, "sid=7".into(), String::new()));
    assert!(
        String::from_utf8(jar.to_netscape())
            .unwrap()
            .contains("#HttpOnly_.example.com\tTRUE\t/\tTRUE\t0\tsid\t7\n")
    );
}

#[test]
fn a_bad_line_is_told_by_its_number_without_its_value() {
    for bad in
        ["hunter2", "com\tTRUE\t/\tFALSE\t0\ta\thunter2", "h.example\tFALSE\t/\tFALSE\tsoon\ta\thunter2"]
    {
        let error = Jar::from_netscape(format!("# head\n{bad}\n")).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
    }
}

/// `count` lines of a file, each a cookie of a name and a domain.
fn file(count: usize, cookie: impl Fn(usize) -> (String, String)) -> String {
    let line = |number| {
        let (name, domain) = cookie(number);
        format!("{domain}\tFALSE\t/\tFALSE\t0\t{name}\tx\n")
    };
    (0..count).map(line).collect()
}

#[test]
fn a_file_that_a_jar_cannot_hold_is_refused_instead_of_cut() {
    let of_a_domain = |count| file(count, |number| (format!("n{number}"), "h.example".to_owned()));
    let of_many = |count| file(count, |number| ("n".to_owned(), format!("h{number}.example")));
    assert_eq!(Jar::from_netscape(of_a_domain(50)).unwrap().len(), 50);
    assert_eq!(Jar::from_netscape(of_many(3000)).unwrap().len(), 3000);
    for (text, parts) in
        [(of_a_domain(51), ["line 51 ", "50 of a domain"]), (of_many(3001), ["line 3001 ", "3000"])]
    {
        let error = Jar::from_netscape(text).unwrap_err();
        assert!(parts.iter().all(|part| error.to_string().contains(part)), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn what_has_expired_and_what_comes_twice_takes_no_room_in_a_jar() {
    let expired = file(60, |number| (format!("n{number}"), "h.example".to_owned())).replace("\t0\t", "\t1\t");
    let again = file(200_000, |number| (format!("n{}", number % 50), "h.example".to_owned()));
    let jar = Jar::from_netscape(expired + &again).unwrap();
    assert_eq!(jar.len(), 50);
    let ended = file(1, |_| ("n0".to_owned(), "h.example".to_owned())).replace("\t0\t", "\t1\t");
    let jar = Jar::from_netscape([String::from_utf8(jar.to_netscape()).unwrap(), ended].concat()).unwrap();
    assert_eq!(jar.len(), 49, "the last line of a cookie counts, and it has expired");
}

proptest! {
    #[test]
    fn a_file_holds_all_of_a_jar(sets in prop::collection::vec("[a-c#]{0,2}=[ -:<-~]{0,9}(; (Path=/[a-z]?|Secure|HttpOnly|Max-Age=[1-9]00|Domain=example.com)){0,3}", 0..9)) {
        let jar = Jar::new();
        for set in &sets {
            jar.set(&url(S), set.as_bytes());
        }
        let again = Jar::from_netscape(jar.to_netscape()).unwrap();
        prop_assert_eq!(jar.to_netscape(), again.to_netscape());
        prop_assert_eq!(sent(&jar, S), sent(&again, S));
    }

    #[test]
    fn nothing_is_sent_to_a_foreign_domain(set: Vec<u8>, domain in "[.]?([a-z.]{0,9}|com|example.com|www.example.com|example.org)") {
        let jar = Jar::new();
        jar.set(&url(S), &set);
        jar.set(&url(S), format!("a=1; Path=/; Domain={domain}").as_bytes());
        for foreign in ["https://example.org/", "https://badexample.com/", "https://com/", "https://example.com.evil.example/"] {
            prop_assert_eq!(sent(&jar, foreign), "");
        }
    }
}
