//! Sitemaps and feeds as they come: what each document gives, and that none takes long or much.

#![allow(clippy::unwrap_used, reason = "in a test a panic is how a failure is said")]

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use gather_scraper::{ErrorKind, Sitemap};
use proptest::prelude::*;

const BASE: &str = "https://h.example/dir/sitemap.xml";

/// `url|lastmod|changefreq|priority` of each entry, without what is absent at the end.
fn pages(sitemap: &Sitemap) -> Vec<String> {
    let line = |entry: &gather_scraper::SitemapEntry| {
        let part = |value: &Option<String>| value.clone().unwrap_or_default();
        let parts = [entry.url.clone(), part(&entry.lastmod), part(&entry.changefreq), part(&entry.priority)];
        parts.join("|").trim_end_matches('|').to_owned()
    };
    sitemap.entries.iter().map(line).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn utf16(text: &str, is_little: bool) -> Vec<u8> {
    text.encode_utf16()
        .flat_map(|unit| if is_little { unit.to_le_bytes() } else { unit.to_be_bytes() })
        .collect()
}

/// Documents that hold: what is read of them, and how many entries are left out.
const WHOLE: &[(&str, &[&str], usize)] = &[
    ("", &[], 0),
    (" \n\t ", &[], 0),
    ("\u{feff}", &[], 0),
    ("<urlset/>", &[], 0),
    ("<urlset></urlset>", &[], 0),
    ("<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'></urlset>", &[], 0),
    ("<sitemapindex/>", &[], 0),
    ("<urlset><url><loc>http://h/a</loc></url></urlset>", &["http://h/a"], 0),
    (
        "<urlset><url><loc>http://h/a</loc><lastmod>2024</lastmod><changefreq>daily</changefreq><priority>0.8</priority></url></urlset>",
        &["http://h/a|2024|daily|0.8"],
        0,
    ),
    ("<urlset><url><priority>x</priority><loc>http://h/a</loc></url></urlset>", &["http://h/a|||x"], 0),
    (
        "<urlset><url><lastmod> 2024-05-01T10:00:00+02:00\n</lastmod><loc>\n http://h/a \n</loc></url></urlset>",
        &["http://h/a|2024-05-01T10:00:00+02:00"],
        0,
    ),
    ("<urlset><url><loc>http://h/a</loc><lastmod/></url></urlset>", &["http://h/a"], 0),
    ("<urlset><url><loc>http://h/a</loc><lastmod> </lastmod></url></urlset>", &["http://h/a"], 0),
    ("<sm:urlset xmlns:sm='x'><sm:url><sm:loc>http://h/a</sm:loc></sm:url></sm:urlset>", &["http://h/a"], 0),
    ("<sm:urlset><sm:url><sm:loc>http://h/a</sm:loc></sm:url></sm:urlset>", &["http://h/a"], 0),
    ("<urlset xmlns='http://wrong.example/'><url><loc>http://h/a</loc></url></urlset>", &["http://h/a"], 0),
    ("<URLSET><Url><LOC>http://h/a</LOC></Url></URLSET>", &["http://h/a"], 0),
    ("\u{feff}<urlset><url><loc>http://h/a</loc></url></urlset>", &["http://h/a"], 0),
    ("\n\n  <?xml version='1.0'?>\n<urlset><url><loc>http://h/a</loc></url></urlset>\n", &["http://h/a"], 0),
    ("<urlset><url><loc>http://h/?a=1&amp;b=2</loc></url></urlset>", &["http://h/?a=1&b=2"], 0),
    ("<urlset><url><loc>http://h/?a=1&b=2</loc></url></urlset>", &["http://h/?a=1&b=2"], 0),
    ("<urlset><url><loc>http://h/&#65;&#x42;</loc></url></urlset>", &["http://h/AB"], 0),
    ("<urlset><url><loc>http://h/&quot;&apos;&lt;&gt;</loc></url></urlset>", &["http://h/%22'%3C%3E"], 0),
    ("<urlset><url><loc><![CDATA[http://h/?a&b]]></loc></url></urlset>", &["http://h/?a&b"], 0),
    ("<urlset><url><loc>http://h/<![CDATA[a]]>b</loc></url></urlset>", &["http://h/ab"], 0),
    (
        "<urlset><!-- <url><loc>http://h/no</loc></url> --><url><loc>http://h/a<!-- c -->b</loc></url></urlset>",
        &["http://h/ab"],
        0,
    ),
    (
        "<?xml-stylesheet href='x.xsl'?><urlset><?pi x?><url><loc>http://h/a</loc></url></urlset>",
        &["http://h/a"],
        0,
    ),
    ("<!DOCTYPE urlset><urlset><url><loc>http://h/a</loc></url></urlset>", &["http://h/a"], 0),
    (
        "<!DOCTYPE urlset SYSTEM 'file:///etc/passwd'><urlset><url><loc>http://h/a</loc></url></urlset>",
        &["http://h/a"],
        0,
    ),
    (
        "<!DOCTYPE urlset [<!ENTITY x 'y'>]><urlset><url><loc>http://h/&x;</loc></url></urlset>",
        &["http://h/y"],
        0,
    ),
    (
        "<urlset><url><loc>/a</loc></url><url><loc>b</loc></url></urlset>",
        &["https://h.example/a", "https://h.example/dir/b"],
        0,
    ),
    ("<urlset><url><loc>//o.example/a</loc></url></urlset>", &["https://o.example/a"], 0),
    ("<urlset><url><loc>ftp://h/a</loc></url><url><loc>file:///etc/passwd</loc></url></urlset>", &[], 2),
    ("<urlset><url><loc>javascript:alert(1)</loc></url><url><loc>mailto:a@b</loc></url></urlset>", &[], 2),
    ("<urlset><url><loc></loc></url><url><lastmod>2024</lastmod></url><url/></urlset>", &[], 3),
    (
        "<urlset><url><loc>http://[bad</loc></url><url><loc>http://h/a</loc></url></urlset>",
        &["http://h/a"],
        1,
    ),
    (
        "<urlset><url><loc>http://h/a</loc></url><url><loc>http://h/a</loc></url></urlset>",
        &["http://h/a", "http://h/a"],
        0,
    ),
    ("<urlset><url><loc>http://h/a</loc><loc>http://h/b</loc></url></urlset>", &["http://h/a"], 0),
    (
        "<urlset><url><loc>http://h/a</loc><image:image><image:loc>http://h/i.png</image:loc></image:image></url></urlset>",
        &["http://h/a"],
        0,
    ),
    (
        "<urlset><url><image:image><image:loc>http://h/i.png</image:loc></image:image><loc>http://h/a</loc></url></urlset>",
        &["http://h/a"],
        0,
    ),
    (
        "<urlset><url><loc>http://h/a</loc><xhtml:link rel='alternate' href='http://h/de'/></url></urlset>",
        &["http://h/a"],
        0,
    ),
    (
        "<urlset><other><url><loc>http://h/no</loc></url></other><url><loc>http://h/a</loc></url></urlset>",
        &["http://h/a"],
        0,
    ),
    ("<urlset>stray<url>text<loc>http://h/a</loc>here</url></urlset>", &["http://h/a"], 0),
    ("<urlset><url><loc>http://h/\u{e4} b</loc></url></urlset>", &["http://h/%C3%A4%20b"], 0),
    ("<urlset><url><loc>http://h/a#part</loc></url></urlset>", &["http://h/a#part"], 0),
    ("<urlset a='1' a='2'><url x><loc>http://h/a</loc></url></urlset>", &["http://h/a"], 0),
    ("http://h/a\nhttp://h/b", &["http://h/a", "http://h/b"], 0),
    ("\u{feff}http://h/a\r\n\r\n  HTTPS://h/b  \r\n", &["http://h/a", "https://h/b"], 0),
    ("http://h/a\rhttp://h/b\r", &["http://h/a", "http://h/b"], 0),
    ("# list\nhttp://h/a\n/relative\nftp://h/b\n", &["http://h/a"], 3),
    // A guid is the page, where there is no link and it does not say otherwise.
    ("<rss><channel><item><guid>http://h/a</guid></item></channel></rss>", &["http://h/a"], 0),
    (
        "<rss><channel><item><guid isPermaLink='true'>http://h/a</guid></item></channel></rss>",
        &["http://h/a"],
        0,
    ),
    (
        "<rss><channel><item><guid>http://h/b</guid><link>http://h/a</link></item></channel></rss>",
        &["http://h/a"],
        0,
    ),
    ("<rss><channel><item><guid isPermaLink='false'>http://h/a</guid></item></channel></rss>", &[], 1),
    ("<rss><channel><item><guid>tag:h,2024:1</guid></item></channel></rss>", &[], 1),
    // xml:base, each relative to the one around it, and gone with its element.
    (
        "<feed xml:base='http://o.example/x/'><entry><link href='a'/></entry>\
         <entry xml:base='y/'><link href='b'/></entry><entry><link xml:base='/z/' href='c'/></entry>\
         <entry><link href='d'/></entry></feed>",
        &["http://o.example/x/a", "http://o.example/x/y/b", "http://o.example/z/c", "http://o.example/x/d"],
        0,
    ),
    ("<feed xml:base='/up/'><entry><link href='a'/></entry></feed>", &["https://h.example/up/a"], 0),
    (
        "<rss><channel xml:base='http://o.example/'><item><link>a</link></item></channel></rss>",
        &["http://o.example/a"],
        0,
    ),
    ("<feed xml:base='http://['><entry><link href='a'/></entry></feed>", &["https://h.example/dir/a"], 0),
    (
        "<rss version='2.0'><channel><link>http://h/</link><item><title>t</title><link>http://h/a</link><pubDate>Mon, 06 May 2024 10:00:00 GMT</pubDate></item></channel></rss>",
        &["http://h/a|Mon, 06 May 2024 10:00:00 GMT"],
        0,
    ),
    (
        "<rss><channel><item><atom:link href='http://h/x'/><link>http://h/a</link><dc:date>2024</dc:date></item></channel></rss>",
        &["http://h/a|2024"],
        0,
    ),
    ("<rss><channel><item><title>no link</title></item></channel></rss>", &[], 1),
    (
        "<rdf:RDF><channel><link>http://h/</link></channel><item><link>http://h/a</link></item></rdf:RDF>",
        &["http://h/a"],
        0,
    ),
    (
        "<feed xmlns='http://www.w3.org/2005/Atom'><link href='http://h/'/><entry><link href='http://h/a?x&amp;y'/><updated>2024-05-01T00:00:00Z</updated></entry></feed>",
        &["http://h/a?x&y|2024-05-01T00:00:00Z"],
        0,
    ),
    (
        "<feed><entry><link rel='self' href='http://h/no'/><link rel='alternate' href='/a'></link></entry></feed>",
        &["https://h.example/a"],
        0,
    ),
    ("<a:feed><a:entry><a:link a:x='1' href=\"http://h/a?x&y\"/></a:entry></a:feed>", &["http://h/a?x&y"], 0),
    ("<feed><entry><content><link href='http://h/no'/></content></entry></feed>", &[], 1),
];

#[test]
fn what_holds_is_read_whole() {
    assert!(WHOLE.len() >= 60, "{}", WHOLE.len());
    for (document, expected, skipped) in WHOLE {
        let sitemap = Sitemap::from_bytes(document, BASE);
        assert!(sitemap.error.is_none(), "{document}: {:?}", sitemap.error);
        assert_eq!(pages(&sitemap), *expected, "{document}");
        assert_eq!(sitemap.skipped, *skipped, "{document}");
    }
}

#[test]
fn what_holds_is_the_same_in_every_encoding_and_packed() {
    for (document, expected, skipped) in WHOLE {
        let document = document.trim_start_matches('\u{feff}');
        let marked = format!("\u{feff}{document}");
        let forms = [
            utf16(&marked, true),
            utf16(&marked, false),
            gzip(document.as_bytes()),
            gzip(&gzip(marked.as_bytes())),
        ];
        for form in forms {
            let sitemap = Sitemap::from_bytes(form, BASE);
            assert_eq!(
                (pages(&sitemap), sitemap.skipped),
                (expected.iter().map(ToString::to_string).collect(), *skipped),
                "{document}"
            );
            assert!(sitemap.error.is_none(), "{document}: {:?}", sitemap.error);
        }
    }
}

#[test]
fn the_declared_encoding_is_taken_unless_the_bytes_say_otherwise() {
    let document = |label: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"{label}\"?><urlset><url><loc>http://h/\u{e4}</loc></url></urlset>"
        )
    };
    let latin: Vec<u8> =
        document("ISO-8859-1").chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let table = [
        latin,
        document("utf-8").into(),
        document("UTF-16").into(),
        document("none-such").into(),
        utf16(&document("UTF-16"), true),
        utf16(&document("utf-8"), false),
    ];
    for bytes in table {
        assert_eq!(
            pages(&Sitemap::from_bytes(&bytes, "")),
            ["http://h/%C3%A4"],
            "{}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

#[test]
fn an_index_names_sitemaps_and_a_mixed_one_both() {
    let xml = "<sitemapindex><sitemap><loc> s1.xml </loc><lastmod>2024</lastmod></sitemap><url><loc>/a</loc></url>\
        <sitemap><loc>http://o/s2.xml.gz</loc></sitemap></sitemapindex>";
    let sitemap = Sitemap::from_bytes(xml, BASE);
    let urls: Vec<&str> = sitemap.sitemaps.iter().map(|entry| entry.url.as_str()).collect();
    assert_eq!(urls, ["https://h.example/dir/s1.xml", "http://o/s2.xml.gz"]);
    assert_eq!(sitemap.sitemaps[0].lastmod.as_deref(), Some("2024"));
    assert_eq!(pages(&sitemap), ["https://h.example/a"]);
}

#[test]
fn what_came_whole_before_a_fault_is_given_and_the_fault_names_its_place() {
    let first = "<urlset>\n<url><loc>http://h/a</loc></url>\n";
    let table = [
        ("", "line 3: the document ends inside"),
        ("<url><loc>http://h/b</loc>", "line 3: the document ends inside"),
        ("<url><loc>http://h/b", "line 3: "),
        ("<url><lo", "line 3: "),
        ("<url></urlset>", "line 3: "),
        ("\n<url><loc>x</url>", "line 4: "),
        ("<!-- ", "line 3: "),
        ("<url><loc><![CDATA[http://h/b", "line 3: "),
    ];
    for (rest, expected) in table {
        let sitemap = Sitemap::from_bytes(format!("{first}{rest}"), BASE);
        let error = sitemap.error.as_ref().unwrap();
        assert_eq!(error.kind(), ErrorKind::Parse, "{rest}");
        assert!(error.message().starts_with(expected), "{rest}: {error}");
        assert_eq!(pages(&sitemap), ["http://h/a"], "{rest}");
    }
}

#[test]
fn what_is_no_sitemap_is_said_with_a_hint() {
    let documents = [
        "<!DOCTYPE html><html><body>404</body></html>",
        "\n<!doctype HTML><p>x",
        "<html><head></head></html>",
        "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>",
        "<catalog><book/></catalog>",
        "{\"error\": \"not found\"}",
        "Not found",
        "\u{0}\u{1}\u{2}PK",
    ];
    for document in documents {
        let error = Sitemap::from_bytes(document, BASE).error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Parse, "{document}");
        assert!(
            error.message().starts_with("not a sitemap: ") && error.hint().is_some(),
            "{document}: {error}"
        );
    }
    assert_eq!(Sitemap::from_bytes("<!-- nothing -->", BASE).error.unwrap().kind(), ErrorKind::Parse);
}

#[test]
fn packing_that_breaks_off_gives_what_came_and_a_failure() {
    let xml: String = (0..5_000).map(|n| format!("<url><loc>http://h/{n}</loc></url>")).collect();
    let mut packed = gzip(format!("<urlset>{xml}</urlset>").as_bytes());
    packed.truncate(packed.len() / 2);
    let sitemap = Sitemap::from_bytes(packed, BASE);
    assert!((100..5_000).contains(&sitemap.entries.len()), "{}", sitemap.entries.len());
    assert!(sitemap.error.unwrap().message().contains("gzip"));
}

/// Runs it and expects it not to take long.
fn quick(bytes: &[u8]) -> Sitemap {
    let start = Instant::now();
    let sitemap = Sitemap::from_bytes(bytes, BASE);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    sitemap
}

#[test]
fn nested_tags_are_refused_at_a_depth() {
    for tag in ["<urlset>", "<urlset><url><loc>"] {
        let sitemap = quick(tag.repeat((10 << 20) / tag.len()).as_bytes());
        assert_eq!(sitemap.error.unwrap().kind(), ErrorKind::TooLarge);
    }
}

#[test]
fn entities_do_not_multiply() {
    let mut document = "<!DOCTYPE urlset [<!ENTITY e0 'http://h/'>".to_owned();
    for n in 1..30 {
        let before = format!("&e{};", n - 1).repeat(10);
        document.push_str(&format!("<!ENTITY e{n} '{before}'>"));
    }
    document.push_str("]><urlset><url><loc>http://h/&e29;</loc></url></urlset>");
    let sitemap = quick(document.as_bytes());
    assert!(sitemap.entries.is_empty());
    assert!(sitemap.error.unwrap().message().contains("`&e29;` is not known"));
}

#[test]
fn entities_are_those_that_the_document_declares() {
    let subset = "<!DOCTYPE urlset [<!ENTITY h 'http://h'> <!ENTITY x SYSTEM 'file:///etc/passwd'>]>";
    let entry = |url: &str| format!("<url>\n<loc>{url}</loc></url>");
    let known = format!("{subset}<urlset>{}{}</urlset>", entry("&h;/a?x=1&y=2&amp;z"), entry("&h;/b&;c&=d;"));
    let sitemap = quick(known.as_bytes());
    assert_eq!(pages(&sitemap), ["http://h/a?x=1&y=2&z", "http://h/b&;c&=d;"]);
    assert!(sitemap.error.is_none());
    let urls: String = ["&h;/a", "&h;/&x;", "http://h/&#xD800;", "&h;/b"].map(entry).concat();
    let sitemap = quick(format!("{subset}<urlset>{urls}</urlset>").as_bytes());
    assert_eq!((pages(&sitemap), sitemap.skipped), (vec!["http://h/a".into(), "http://h/b".into()], 0));
    let error = sitemap.error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Parse);
    assert_eq!(
        error.message(),
        "line 3: the entity `&x;` is not known, and its entry is left out (and 1 more)"
    );
}

#[test]
fn an_entity_in_an_attribute_is_one_too() {
    let feed = |url: &str| {
        let document = format!(
            "<!DOCTYPE feed [<!ENTITY h 'http://h'>]><feed><entry><link href='{url}'/></entry></feed>"
        );
        quick(document.as_bytes())
    };
    assert_eq!(pages(&feed("&h;/a&amp;b&c=d")), ["http://h/a&b&c=d"]);
    assert!(feed("http://h/&o;").entries.is_empty());
    assert!(feed("http://h/&o;").error.unwrap().message().contains("`&o;`"));
}

#[test]
fn a_million_entries_are_too_many_and_a_hundred_thousand_are_not() {
    let million: String = (0..1_000_000).map(|n| format!("<url><loc>http://h/{n}</loc></url>")).collect();
    let sitemap = quick(format!("<urlset>{million}</urlset>").as_bytes());
    assert_eq!(sitemap.entries.len(), 100_000);
    assert_eq!(sitemap.error.unwrap().kind(), ErrorKind::TooLarge);
    let enough: String = (0..100_000).map(|n| format!("http://h/{n}\n")).collect();
    assert!(quick(enough.as_bytes()).error.is_none());
    let skipped = "<url/>".repeat(200_000);
    assert_eq!(quick(format!("<urlset>{skipped}</urlset>").as_bytes()).skipped, 100_000);
}

#[test]
fn zeros_behind_gzip_are_padding_and_anything_else_is_not() {
    let document = b"<urlset><url><loc>http://h/a</loc></url></urlset>";
    let padded = [gzip(document), vec![0; 1000]].concat();
    let sitemap = quick(&padded);
    assert_eq!((pages(&sitemap), sitemap.error.is_none()), (vec!["http://h/a".to_owned()], true));
    let parts = [gzip(&document[..20]), gzip(&document[20..])].concat();
    assert_eq!(pages(&quick(&parts)), ["http://h/a"]);
    let followed = quick(&[gzip(document), b"x".to_vec()].concat());
    assert_eq!(pages(&followed), ["http://h/a"]);
    assert!(followed.error.unwrap().message().contains("gzip"));
}

#[test]
fn a_bomb_of_gzip_is_refused_at_the_bound() {
    let layer = gzip(&vec![b' '; 100 << 20]);
    for bomb in [layer.clone(), gzip(&layer)] {
        assert_eq!(quick(&bomb).error.unwrap().kind(), ErrorKind::TooLarge);
    }
}

#[test]
fn a_value_without_end_is_left_out() {
    let long = "a".repeat(10 << 20);
    let xml =
        format!("<urlset><url><loc>http://h/{long}</loc></url><url><loc>http://h/a</loc></url></urlset>");
    let sitemap = quick(xml.as_bytes());
    assert_eq!((pages(&sitemap), sitemap.skipped), (vec!["http://h/a".to_owned()], 1));
    let white = " ".repeat(10 << 20);
    assert_eq!(
        pages(&quick(format!("<urlset><url><loc>{white}http://h/a{white}</loc></url></urlset>").as_bytes())),
        ["http://h/a"]
    );
}

#[test]
fn many_attributes_and_references_take_no_time() {
    let attributes = " a='b'".repeat(1 << 20);
    assert_eq!(
        quick(format!("<feed><entry><link{attributes} href='http://h/a'/></entry></feed>").as_bytes())
            .entries
            .len(),
        1
    );
    let references = "&amp;".repeat(2 << 20);
    assert_eq!(quick(format!("<urlset><url><loc>{references}</loc></url></urlset>").as_bytes()).skipped, 1);
}

#[test]
fn what_only_looks_like_declarations_takes_no_time() {
    let known = "<!ENTITY known 'k'>";
    for piece in
        ["<!ENTITY", "<!ENTITY ", "<!ENTITYa", "<!ENTITY a ", "<!ENTITY % ", "<!--x", "<!ENTITY a 'b' "]
    {
        let many = piece.repeat((4 << 20) / piece.len());
        for last in ["", "\"", "'"] {
            let head = format!("<!DOCTYPE urlset [{known}{many}{last}]>");
            let sitemap =
                quick(format!("{head}<urlset><url><loc>http://h/&known;</loc></url></urlset>").as_bytes());
            assert!(
                sitemap.error.is_some() || pages(&sitemap) == ["http://h/k"],
                "{piece}{last}: {sitemap:?}"
            );
        }
    }
}

#[test]
fn references_past_the_room_for_them_take_no_time() {
    let large = "x".repeat(60 << 10);
    let head = format!("<!DOCTYPE urlset [<!ENTITY a '{large}'>]><urlset>");
    let entry = |references: usize| format!("<url><loc>http://h/{}</loc></url>", "&a;".repeat(references));
    let sitemap = quick(format!("{head}{}{}</urlset>", entry(1), entry(1 << 20)).as_bytes());
    assert!(sitemap.error.unwrap().message().contains("`&a;` is not known"));
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            "<urlset>",
            "</urlset>",
            "<url>",
            "</url>",
            "<loc>",
            "</loc>",
            "<sitemapindex>",
            "<sitemap>",
            "http://h/",
            "&amp;",
            "&#x41;",
            "&",
            "&x;",
            "<![CDATA[",
            "]]>",
            "<!--",
            "-->",
            "<!DOCTYPE x [",
            "]>",
            "<?xml encoding='",
            "?>",
            "<feed>",
            "<entry>",
            "<link href='",
            "'/>",
            "<rss>",
            "<item>",
            "\n",
            "\u{feff}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_panics_and_what_comes_out_is_bounded_by_what_went_in(bytes in pieces()) {
        for bytes in [bytes.clone(), gzip(&bytes)] {
            let length = bytes.len() * 1_100; // what gzip may hold
            let sitemap = Sitemap::from_bytes(&bytes, BASE);
            let all = sitemap.entries.iter().chain(&sitemap.sitemaps);
            let size: usize = all.map(|entry| entry.url.len()).sum();
            // A relative URL is as much longer as the base is, and a character at most nine times.
            prop_assert!(size <= length * (9 + BASE.len()));
            for entry in &sitemap.entries {
                prop_assert!(entry.url.starts_with("http://") || entry.url.starts_with("https://"));
            }
        }
    }

    #[test]
    fn a_document_cut_anywhere_gives_a_beginning_of_what_it_gave(cut in 0_usize..400) {
        let xml: String = (0..10).map(|n| format!("<url><loc>http://h/{n}</loc></url>\n")).collect();
        let whole = format!("<urlset>{xml}</urlset>");
        let sitemap = Sitemap::from_bytes(whole.get(..cut).unwrap_or(&whole), BASE);
        let expected: Vec<String> = (0..sitemap.entries.len()).map(|n| format!("http://h/{n}")).collect();
        prop_assert_eq!(pages(&sitemap), expected);
        prop_assert_eq!(sitemap.error.is_some(), (1..whole.len()).contains(&cut));
    }
}

#[test]
fn a_value_past_the_bound_is_told_as_one_and_the_other_entries_stay() {
    let long = "a".repeat(20 << 10);
    let entries =
        |urls: &[&str]| urls.iter().map(|url| format!("<url><loc>{url}</loc></url>")).collect::<String>();
    let xml =
        format!("<urlset>{}</urlset>", entries(&[&format!("http://h/{long}"), "http://h/a", "ftp://h/b"]));
    let list = format!("http://h/{long}\nhttp://h/a\nftp://h/b");
    for document in [xml, list] {
        let sitemap = quick(document.as_bytes());
        assert_eq!(
            (pages(&sitemap), sitemap.skipped, sitemap.too_long),
            (vec!["http://h/a".to_owned()], 2, 1)
        );
        let error = sitemap.error.unwrap();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.message().contains("1 entry has a value of more than 16 KiB"), "{error}");
    }
}
