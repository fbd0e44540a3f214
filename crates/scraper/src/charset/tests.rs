use super::CharsetSource::{Bom, ContentType, Guess, Meta, Utf8};
use super::*;

/// Bytes, Content-Type, the encoding found, and what said so.
const CASES: &[(&[u8], Option<&str>, &str, CharsetSource)] = &[
    // A byte order mark beats everything.
    (b"\xef\xbb\xbfx", None, "UTF-8", Bom),
    (b"\xef\xbb\xbfx", Some("text/html; charset=latin1"), "UTF-8", Bom),
    (b"\xef\xbb\xbf<meta charset=koi8-r>", None, "UTF-8", Bom),
    (b"\xff\xfex\0", None, "UTF-16LE", Bom),
    (b"\xfe\xff\0x", None, "UTF-16BE", Bom),
    (b"\xff\xfex\0", Some("text/html; charset=utf-8"), "UTF-16LE", Bom),
    // The Content-Type beats the page.
    (b"x", Some(r#"text/html; charset="wind\ows-1251""#), "windows-1251", ContentType),
    (b"x", Some(r#"text/html; a="\"; charset=koi8-r;"; charset=utf-8"#), "UTF-8", ContentType),
    (b"x", Some(r#"text/html; charset="utf-8\"#), "UTF-8", Utf8),
    (b"<meta charset=koi8-r>", Some("text/html; charset=utf-8"), "UTF-8", ContentType),
    (b"x", Some("text/html;charset=ISO-8859-1"), "windows-1252", ContentType),
    (b"x", Some("text/html; CHARSET=\"Shift_JIS\""), "Shift_JIS", ContentType),
    (b"x", Some("text/html; charset='gbk'"), "GBK", ContentType),
    (b"x", Some("text/html; a=b; charset=euc-kr"), "EUC-KR", ContentType),
    (b"x", Some("text/html; a; charset=euc-kr"), "EUC-KR", ContentType),
    (b"x", Some("text/html; a=\"x;charset=no\"; charset=big5"), "Big5", ContentType),
    (b"x", Some("text/html; charset = koi8-u"), "KOI8-U", ContentType),
    (b"x", Some("text/html; charset=utf-16"), "UTF-16LE", ContentType),
    (b"x", Some("text/html; charset=x-user-defined"), "x-user-defined", ContentType),
    (b"x", Some("text/html; charset=nonsense"), "UTF-8", Utf8),
    (b"x", Some("text/html; charset="), "UTF-8", Utf8),
    (b"x", Some("text/html"), "UTF-8", Utf8),
    (b"x", Some(""), "UTF-8", Utf8),
    (b"<meta charset=koi8-r>", Some("text/html; charset=nonsense"), "KOI8-R", Meta),
    // <meta charset>.
    (b"<meta charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<META CHARSET=KOI8-R>", None, "KOI8-R", Meta),
    (b"<meta charset=\"koi8-r\">", None, "KOI8-R", Meta),
    (b"<meta charset='koi8-r'/>", None, "KOI8-R", Meta),
    (b"<meta charset = koi8-r >", None, "KOI8-R", Meta),
    (b"<meta/charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<meta\tcharset=koi8-r>", None, "KOI8-R", Meta),
    (b"<meta\x0ccharset=koi8-r>", None, "KOI8-R", Meta),
    (b"<meta charset=' koi8-r '>", None, "KOI8-R", Meta),
    (b"<meta name=x charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<p>x</p><meta charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<metacharset=koi8-r>", None, "UTF-8", Utf8),
    (b"<meta charset=nonsense><meta charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<meta charset=nonsense>", None, "UTF-8", Utf8),
    (b"<meta charset=>", None, "UTF-8", Utf8),
    (b"<meta charset", None, "UTF-8", Utf8),
    (b"<meta charset=koi8-r", None, "UTF-8", Utf8),
    (b"<meta charset=\"koi8-r", None, "UTF-8", Utf8),
    (b"<meta charset=koi8-r ", None, "UTF-8", Utf8),
    (b"<meta charset=koi8-r x=\"a>", None, "UTF-8", Utf8),
    // The first declaration counts, and a doubled attribute's first value.
    (b"<meta charset=koi8-r><meta charset=big5>", None, "KOI8-R", Meta),
    (b"<meta charset=koi8-r charset=big5>", None, "KOI8-R", Meta),
    // UTF-16 in a page that could be read so far, and x-user-defined.
    (b"<meta charset=utf-16>", None, "UTF-8", Meta),
    (b"<meta charset=utf-16be>", None, "UTF-8", Meta),
    (b"<meta charset=utf-16le>", None, "UTF-8", Meta),
    (b"<meta charset=x-user-defined>", None, "windows-1252", Meta),
    // Labels by the standard.
    (b"<meta charset=ascii>", None, "windows-1252", Meta),
    (b"<meta charset=latin1>", None, "windows-1252", Meta),
    (b"<meta charset=gb2312>", None, "GBK", Meta),
    (b"<meta charset=tis-620>", None, "windows-874", Meta),
    (b"<meta charset=utf8>", None, "UTF-8", Meta),
    (b"<meta charset=sjis>", None, "Shift_JIS", Meta),
    (b"<meta charset=iso-2022-jp>", None, "ISO-2022-JP", Meta),
    (b"<meta charset=macintosh>", None, "macintosh", Meta),
    // http-equiv.
    (b"<meta http-equiv=Content-Type content='text/html; charset=koi8-r'>", None, "KOI8-R", Meta),
    (b"<meta content='text/html; charset=koi8-r' http-equiv=content-type>", None, "KOI8-R", Meta),
    (b"<meta http-equiv=content-type content=charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<meta http-equiv=content-type content='charset = \"koi8-r\"'>", None, "KOI8-R", Meta),
    (b"<meta http-equiv=content-type content=\"charset='koi8-r'\">", None, "KOI8-R", Meta),
    (b"<meta http-equiv=content-type content=\"charset='koi8-r\">", None, "UTF-8", Utf8),
    (b"<meta http-equiv=content-type content='charset charset=koi8-r;x'>", None, "KOI8-R", Meta),
    (b"<meta http-equiv=content-type content='charset=utf-16'>", None, "UTF-8", Meta),
    (b"<meta content='text/html; charset=koi8-r'>", None, "UTF-8", Utf8),
    (b"<meta http-equiv=refresh content='charset=koi8-r'>", None, "UTF-8", Utf8),
    (b"<meta http-equiv=content-type content='text/html'>", None, "UTF-8", Utf8),
    (b"<meta charset=big5 http-equiv=content-type content='charset=koi8-r'>", None, "Big5", Meta),
    // What is no declaration.
    (b"<!-- <meta charset=koi8-r> -->", None, "UTF-8", Utf8),
    (b"<!-- <meta charset=koi8-r> --><meta charset=big5>", None, "Big5", Meta),
    (b"<!--><meta charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<!-- <meta charset=koi8-r>", None, "UTF-8", Utf8),
    (b"<a title='<meta charset=koi8-r>'>", None, "UTF-8", Utf8),
    (b"<a title='>'><meta charset=koi8-r>", None, "KOI8-R", Meta),
    (b"</a <meta charset=koi8-r>", None, "UTF-8", Utf8),
    (b"<!doctype x <meta charset=koi8-r>", None, "UTF-8", Utf8),
    (b"<?x <meta charset=koi8-r><meta charset=big5>", None, "Big5", Meta),
    (b"< meta charset=koi8-r>", None, "UTF-8", Utf8),
    (b"<script><meta charset=koi8-r></script>", None, "KOI8-R", Meta),
    // Tags end where the standard says, and what stands between them is no attribute.
    (b"<meta\ncharset\r=\n'koi8-r'>", None, "KOI8-R", Meta),
    (b"<meta/ charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<meta x=y/charset=koi8-r>", None, "UTF-8", Utf8),
    (b"<meta x='y'charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<meta =x charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<meta charset==koi8-r>", None, "UTF-8", Utf8),
    (b"<meta charset><meta charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<meta charset=\"\" charset=big5><meta charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<meta><meta charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<META HTTP-EQUIV='CONTENT-TYPE' CONTENT='TEXT/HTML; CHARSET=KOI8-R'>", None, "KOI8-R", Meta),
    (b"<div <meta charset=koi8-r>", None, "UTF-8", Utf8),
    (b"</meta charset=koi8-r>", None, "UTF-8", Utf8),
    (b"<!doctype html><meta charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<!x><meta charset=koi8-r>", None, "KOI8-R", Meta),
    (b"</><meta charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<!-- -- > <meta charset=koi8-r> --><meta charset=big5>", None, "Big5", Meta),
    (b"<p title=\"a>b\" x=<meta><meta charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<<meta charset=koi8-r>", None, "KOI8-R", Meta),
    (b"<meta http-equiv=content-type content='charset=koi8-r x'>", None, "KOI8-R", Meta),
    (b"<meta http-equiv=content-type content='charset'>", None, "UTF-8", Utf8),
    (b"<meta http-equiv=content-type content='xcharset=koi8-r'>", None, "KOI8-R", Meta),
    (b"<meta http-equiv=content-type content='charset=x-user-defined'>", None, "windows-1252", Meta),
    // More labels.
    (b"<meta charset=windows-949>", None, "EUC-KR", Meta),
    (b"<meta charset=big5-hkscs>", None, "Big5", Meta),
    (b"<meta charset=x-mac-cyrillic>", None, "x-mac-cyrillic", Meta),
    (b"<meta charset=iso-8859-9>", None, "windows-1254", Meta),
    (b"<meta charset=unicode-1-1-utf-8>", None, "UTF-8", Meta),
    (b"<meta charset=ms_kanji>", None, "Shift_JIS", Meta),
    (b"<meta charset=gb18030>", None, "gb18030", Meta),
    // XML.
    (b"<?xml version='1.0' encoding='koi8-r'?><html>", None, "KOI8-R", Meta),
    (b"<?xml encoding = \"utf-16\"?>", None, "UTF-8", Meta),
    (b" <?xml encoding='koi8-r'?>", None, "UTF-8", Utf8),
    (b"<?xml encoding='koi8-r'?><meta charset=big5>", None, "Big5", Meta),
    (b"<\0?\0x\0m\0l\0", None, "UTF-16LE", Meta),
    (b"\0<\0?\0x\0m\0l", None, "UTF-16BE", Meta),
    // Nothing is declared.
    (b"", None, "UTF-8", Utf8),
    (b"abc", None, "UTF-8", Utf8),
    ("ä€\u{1F600}".as_bytes(), None, "UTF-8", Utf8),
    (b"caf\xe9 \x93quoted\x94", None, "windows-1252", Guess),
];

#[test]
fn the_order_and_the_prescan_of_the_standard() {
    assert!(CASES.len() >= 110);
    for (bytes, content_type, name, source) in CASES {
        let found = charset(bytes, *content_type);
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!((found.name(), found.source()), (*name, *source), "{shown} {content_type:?}");
    }
}

#[test]
fn a_declaration_counts_within_the_first_1024_bytes_only() {
    let declared_at = |spaces: usize| {
        let page = format!("{}<meta charset=koi8-r>", " ".repeat(spaces));
        charset(page.as_bytes(), None).name()
    };
    assert_eq!(declared_at(1024 - "<meta charset=koi8-r>".len()), "KOI8-R");
    assert_eq!(declared_at(1025 - "<meta charset=koi8-r>".len()), "UTF-8");
}

#[test]
fn text_is_decoded_without_its_byte_order_mark() {
    let text = |bytes: &[u8]| decode(bytes.to_vec(), None, None).unwrap().0;
    assert_eq!(text(b"\xef\xbb\xbfx"), "x");
    assert_eq!(text(b"\xff\xfex\0"), "x");
    assert_eq!(text(b"\xfe\xff\0x"), "x");
    assert_eq!(text(b"<meta charset=utf-8>\xff"), "<meta charset=utf-8>\u{fffd}");
    assert_eq!(text(b"<meta charset=latin1>\x80\xe9"), "<meta charset=latin1>€é");
}

#[test]
fn utf_16_that_only_the_header_declares_is_a_page() {
    let page = |bytes: Vec<u8>, content_type: &str| {
        let page = crate::Page::builder().content_type(content_type).build(bytes).unwrap();
        (page.title().unwrap().unwrap(), page.charset().name())
    };
    let text = "  <title>t\u{e4}\u{1F600}</title>";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let title = "t\u{e4}\u{1F600}".to_owned();
    assert_eq!(page(little.clone(), "text/html; charset=utf-16le"), (title.clone(), "UTF-16LE"));
    assert_eq!(page(little.clone(), "text/html;charset=\"UTF-16\""), (title.clone(), "UTF-16LE"));
    assert_eq!(page(big.clone(), "text/html; charset=utf-16be"), (title.clone(), "UTF-16BE"));
    // A byte order mark beats the header.
    let marked = [b"\xfe\xff".as_slice(), &big].concat();
    assert_eq!(page(marked, "text/html; charset=utf-16le"), (title, "UTF-16BE"));
}

#[test]
fn an_encoding_that_nobody_may_decode_is_an_error() {
    let error = decode(b"<meta charset=iso-2022-kr>".to_vec(), None, None).unwrap_err();
    assert_eq!(error.kind().as_str(), "encoding");
}

#[test]
fn the_caller_knows_best() {
    let given = |label| decode(b"<meta charset=utf-8>\xe9".to_vec(), None, Some(label));
    let (text, charset) = given("latin1").unwrap();
    assert!(text.ends_with('é'));
    assert_eq!(charset.source(), CharsetSource::Given);
    assert_eq!(given("nonsense").unwrap_err().kind().as_str(), "invalid_input");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::sample::select(b"<meta charset='\"=->!?/ utf8\0\xff;".to_vec()), 0..120), content_type in ".{0,30}") {
        let _ = (charset(&bytes, Some(&content_type)), decode(bytes.clone(), None, None));
    }
}

/// A case of html5lib-tests: a page, and the label of its encoding.
fn html5lib_cases(file: &[u8]) -> Vec<(Vec<u8>, String)> {
    let mut cases: Vec<(Vec<u8>, String)> = Vec::new();
    let mut in_page = false;
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        match line {
            b"#data\n" => cases.push((Vec::new(), String::new())),
            b"#encoding\n" => {}
            _ => {
                let Some((page, label)) = cases.last_mut() else { continue };
                if in_page {
                    page.extend_from_slice(line);
                } else {
                    label.push_str(String::from_utf8_lossy(line).trim());
                }
                continue;
            }
        }
        in_page = line == b"#data\n";
    }
    cases
}

/// Whether a page is declared only by what stands behind the bytes that the prescan looks at: a browser begins to parse
/// again there, and we do not.
fn is_declared_late(page: &[u8]) -> bool {
    let seen = &page[..page.len().min(1024)];
    matches!(charset(seen, None).source(), Utf8 | Guess) && page.len() > 1024
}

/// How many pages of html5lib-tests are declared late.
const LATE: usize = 7;

#[test]
fn the_encoding_tests_of_html5lib() {
    let (mut count, mut late, mut wrong) = (0, 0, Vec::new());
    for file in [
        include_bytes!("../../tests/html5lib-encoding/tests1.dat").as_slice(),
        include_bytes!("../../tests/html5lib-encoding/tests2.dat"),
        include_bytes!("../../tests/html5lib-encoding/test-yahoo-jp.dat"),
    ] {
        for (page, label) in html5lib_cases(file) {
            count += 1;
            let expected = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap().name();
            let found = charset(&page, None);
            let is_undeclared = matches!(found.source(), Utf8 | Guess);
            if found.name() == expected || (is_undeclared && expected == "windows-1252") {
                continue;
            }
            if is_undeclared && is_declared_late(&page) {
                late += 1;
            } else {
                let shown = String::from_utf8_lossy(&page[..page.len().min(200)]).into_owned();
                wrong.push(format!("case {count}: {found:?}, expected {expected}:\n{shown}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((count, late), (82, LATE), "as the README beside them says");
}
