use std::time::{Duration, Instant};

use super::*;

fn outcome(text: &str) -> (Result<usize, String>, Duration) {
    let started = Instant::now();
    let outcome = parse(text, &Limits::default()).map(|html| html.tree.nodes().count()).map_err(|error| {
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        error.to_string()
    });
    (outcome, started.elapsed())
}

/// Unoptimised code is about ten times slower than what users run.
const HOSTILE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });

fn assert_bounded(text: &str, bound: Option<&str>) {
    let (outcome, took) = outcome(text);
    match (outcome, bound) {
        (Ok(_), None) => {}
        (Err(message), Some(bound)) => assert!(message.contains(bound), "{message}"),
        (outcome, _) => panic!("{outcome:?}, expected {bound:?}"),
    }
    assert!(took < HOSTILE, "took {took:?}");
}

#[test]
fn the_tree_is_the_one_scraper_builds() {
    for text in [
        "",
        "<p>a<p>b<table><td>x<div>y</table>z",
        "<a><b><a><i>x</b>y</a>",
        "<!doctype html><html lang=de><body class=x><body id=y><template><p>t</template>",
        "<svg><title>x</title></svg><select><option>1<option>2</select>&amp;&notit;",
        "a\0b<script>if (a<b) x('</scr')</script>é\u{1F600}<plaintext></p>",
    ] {
        let repeated = text.repeat(300);
        for text in [text, repeated.as_str()] {
            let limits = Limits::default().nesting(4000);
            let ours = parse(text, &limits).unwrap();
            assert_eq!(ours.html(), Html::parse_document(text).html(), "{text}");
        }
    }
}

#[test]
fn nested_lists_stop_at_the_bound_of_nesting() {
    assert_bounded(&"<ul><li>".repeat(64 * 1024), Some("512 levels of nesting"));
}

#[test]
fn unclosed_bold_stops_at_the_bound_of_nesting() {
    assert_bounded(&"<b>".repeat(1_000_000), Some("512 levels of nesting"));
}

#[test]
fn nested_tables_stop_at_the_bound_of_nesting() {
    assert_bounded(&"<table><tr><td>".repeat(5_000), Some("512 levels of nesting"));
}

#[test]
fn nesting_up_to_the_bound_is_allowed() {
    // html and body count.
    let nested = |depth: usize| format!("{}x", "<div>".repeat(depth));
    assert_bounded(&nested(510), None);
    assert_bounded(&nested(511), Some("nesting"));
}

#[test]
fn a_hundred_thousand_attributes_stop_early() {
    let mut text = String::from("<p ");
    for number in 0..100_000 {
        text.push_str(&format!("a{number}=\"{number}\" "));
    }
    assert_bounded(&text, Some("10000 attributes"));
    text.push_str(">x");
    assert_bounded(&text, Some("10000 attributes"));
}

#[test]
fn a_long_attribute_value_and_a_long_comment_are_no_attributes() {
    let words = "a b=c ".repeat(100_000);
    assert_bounded(&format!("<img src=\"data:{words}\">"), None);
    assert_bounded(&format!("<!-- {words} -->"), None);
    assert_bounded(&format!("<script>{words}</script><p>{words}"), None);
}

#[test]
fn formatting_elements_that_multiply_stop_at_a_bound() {
    let text = format!("{}{}", "<a><b><i><u>".repeat(50_000), "</p>".repeat(10_000));
    assert_bounded(&text, Some("bound"));
}

#[test]
fn open_angle_brackets_are_text() {
    assert_bounded(&"<".repeat(1 << 20), None);
}

#[test]
fn many_closed_paragraphs_stop_at_the_bound_of_nodes() {
    let text = format!("<body>{}", "</p>".repeat(10_100));
    let error = parse(&text, &Limits::default().nodes(10_000)).unwrap_err();
    assert!(error.to_string().contains("10000 nodes"), "{error}");
    assert_bounded(&text, None);
}

#[test]
fn a_moved_element_is_as_deep_as_where_it_went() {
    // The link's div is put before the table again and again, each in the one before it.
    let text = format!("<table>{}", "<a><div>".repeat(600));
    assert_bounded(&text, Some("512 levels of nesting"));
}

#[test]
fn attributes_of_all_elements_are_a_bound_of_their_own() {
    let text = "<p a b c d e>".repeat(100);
    let error = parse(&text, &Limits::default().nodes(104)).unwrap_err();
    assert!(error.to_string().contains("416 attributes"), "{error}");
    assert!(parse(&text, &Limits::default()).is_ok());
}

#[test]
fn bytes_and_time_are_bounds_too() {
    let few = Limits::default().bytes(3);
    assert!(parse("abcd", &few).unwrap_err().to_string().contains("3 bytes"));
    let short = Limits::default().time(Duration::ZERO);
    assert!(parse("abcd", &short).unwrap_err().to_string().contains("of time"));
}

#[test]
fn there_is_room_for_a_text_behind_each_tag() {
    let text = "<p>a<b>b</b>c</p>d".repeat(100);
    let source = Source::new(&text, &Limits::default()).unwrap();
    for sight in [Sight::WHOLE, Sight::new(false, true, [])] {
        let (nodes, room) =
            (source.parse(&Limits::default(), &sight).unwrap().html.tree.nodes().len(), source.nodes(&sight));
        assert!((nodes..2 * nodes).contains(&room), "{nodes} in {room}");
    }
}

#[test]
fn a_large_tree_does_not_grow_however_its_elements_are_written() {
    let text = format!("<body>{}", "</p>".repeat(300_000));
    let source = Source::new(&text, &Limits::default()).unwrap();
    let nodes =
        source.parse(&Limits::default(), &Sight::new(false, true, [])).unwrap().html.tree.nodes().len();
    assert!(source.nodes(&Sight::new(false, true, [])) >= nodes, "{nodes}");
}

#[test]
fn an_annotation_of_mathml_that_says_so_holds_html() {
    for (encoding, expected) in [
        ("text/html", "<annotation-xml encoding=\"text/html\"><p>a</p><svg></svg></annotation-xml>"),
        (
            "Application/XHTML+xml",
            "<annotation-xml encoding=\"Application/XHTML+xml\"><p>a</p><svg></svg></annotation-xml>",
        ),
        ("text/plain", "<annotation-xml encoding=\"text/plain\"></annotation-xml></math><p>a"),
    ] {
        let html = format!(
            "<math><annotation-xml encoding='{encoding}'><p>a</p><svg></svg></annotation-xml></math>"
        );
        let html = parse(&html, &Limits::default()).unwrap().html();
        assert!(html.contains(expected), "{html}");
    }
}
