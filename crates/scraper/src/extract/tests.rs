use std::time::Duration;

use serde_json::json;

use super::*;
use crate::page::Page;

fn extract(recipe: &str, html: &str) -> Extraction {
    let recipe: Recipe = recipe.parse().unwrap();
    Page::from_bytes(html, "http://h/dir/page").unwrap().records(&recipe).unwrap()
}

fn records(recipe: &str, html: &str) -> Value {
    Value::Array(extract(recipe, html).records.into_iter().map(Value::from).collect())
}

/// The one value of one field.
fn value(field: &str, html: &str) -> Value {
    records(&format!("[fields]\nf = {field}"), html)[0]["f"].clone()
}

#[test]
fn without_fields_a_page_gives_its_title_description_canonical_and_language() {
    let html = "<html lang=de><head><title> A\n b </title><meta name=Description content=' c  d '>\
        <link rel='x canonical' href='/c'></head><svg><title>no</title></svg>";
    let expected = json!([{"title": "A b", "description": "c d", "canonical": "http://h/c", "lang": "de"}]);
    assert_eq!(records("", html), expected);
    let empty = json!([{"title": null, "description": null, "canonical": null, "lang": null}]);
    assert_eq!(records("", "<p>x"), empty);
}

#[test]
fn each_gives_a_record_per_match_in_document_order() {
    let html = "<table><tr><td><i class=x>2</i></td></tr><i class=x>1</i></table><i class=x>3</i>";
    let recipe = "[record]\neach = '.x'\n[fields]\nn = { css = '@text', as = 'integer' }\nclass = '@class'";
    let expected = json!([{"n": 1, "class": "x"}, {"n": 2, "class": "x"}, {"n": 3, "class": "x"}]);
    assert_eq!(records(recipe, html), expected);
}

#[test]
fn fields_are_in_the_order_of_the_recipe() {
    let found = extract("[fields]\nz = 'p'\na = 'p'\nm = 'p'", "<p>x");
    assert_eq!(found.records[0].to_string(), r#"{"z":"x","a":"x","m":"x"}"#);
}

#[test]
fn the_first_match_wins_and_an_attribute_must_be_there_to_match() {
    assert_eq!(value("'p'", "<p>a<p>b"), json!("a"));
    assert_eq!(value("'img@src'", "<img alt=x><img src=y>"), json!("y"));
    assert_eq!(
        value("{ css = ['img.main@src', 'img@src'] }", "<img src=a><img class=main src=b>"),
        json!("b")
    );
    assert_eq!(value("['h1', 'h2']", "<h2>b</h2>"), json!("b"));
    assert_eq!(value("'p'", "<p></p>"), json!(""));
    assert_eq!(value("'p'", "<div>"), json!(null));
}

#[test]
fn a_yes_is_an_attribute_that_is_there_and_not_an_element_that_is_empty() {
    let html = "<input disabled><i class=e></i>";
    assert_eq!(value("{ css = 'input@disabled', as = 'bool' }", html), json!(true));
    assert_eq!(value("{ css = '.e', as = 'bool' }", html), json!(null));
}

#[test]
fn a_url_keeps_its_spaces_and_loses_its_line_ends() {
    let html = "<base href=http://h/><a href=' /x\n/y?q=a  b\t'>";
    assert_eq!(value("{ css = 'a@href', as = 'url' }", html), json!("http://h/x/y?q=a%20%20b"));
}

#[test]
fn raw_text_of_an_element_alone_is_as_it_stands() {
    assert_eq!(value("{ css = 'p@own', as = 'raw' }", "<p> a\n <b>b</b>  c"), json!(" a\n   c"));
    assert_eq!(value("'p@own'", "<p> a\n <b>b</b>  c"), json!("a c"));
}

#[test]
fn what_is_taken_of_an_element() {
    let html = "<p>a <b>b</b>\n <script>s</script>c</p>";
    assert_eq!(value("'p'", html), json!("a b c"));
    assert_eq!(value("'p@text'", html), json!("a b c"));
    assert_eq!(value("'p::text'", html), json!("a b c"));
    assert_eq!(value("'p@own'", html), json!("a c"));
    assert_eq!(value("'p@html'", html), json!("a <b>b</b>\n <script>s</script>c"));
    assert_eq!(value("{ css = 'p', as = 'html' }", "<p><b>x</b>"), json!("<b>x</b>"));
    assert_eq!(value("{ css = 'p', as = 'raw' }", "<p> a\n b"), json!(" a\n b"));
    assert_eq!(value("'> body > p'", "<p>x"), json!("x"));
}

#[test]
fn a_regex_takes_its_first_group_or_all_of_the_match() {
    assert_eq!(value("{ css = 'p', regex = 'SKU-(\\d+)' }", "<p>SKU-12"), json!("12"));
    assert_eq!(value("{ css = 'p', regex = '[a-z]+' }", "<p>1 ab 2"), json!("ab"));
    assert_eq!(value("{ css = 'p', regex = 'a=(\\d)|b=(\\d)' }", "<p>b=2"), json!("2"));
    assert_eq!(value("{ css = 'p', regex = 'x', default = '' }", "<p>y"), json!(""));
    assert_eq!(value("{ css = 'p', regex = '\\d+', as = 'integer', default = 7 }", "<p>y"), json!(7));
}

#[test]
fn many_takes_all_and_join_joins_them() {
    let html = "<ul><li>1<li>x<li>3</ul>";
    assert_eq!(value("{ css = 'li', many = true }", html), json!(["1", "x", "3"]));
    assert_eq!(value("{ css = 'li', many = true, join = ', ' }", html), json!("1, x, 3"));
    assert_eq!(value("{ css = 'li', many = true, as = 'integer' }", html), json!([1, 3]));
    assert_eq!(value("{ css = 'b', many = true }", html), json!(null));
    assert_eq!(value("{ css = 'b', many = true, default = [] }", html), json!([]));
    for default in ["5.6.2024", "2024-06-05"] {
        let field = format!("{{ css = 'b', as = 'date', format = '%d.%m.%Y', default = '{default}' }}");
        assert_eq!(value(&field, html), json!("2024-06-05"), "{default}");
    }
}

#[test]
fn contains_picks_among_matches() {
    let html = "<p>none<p>19 available<p>20 available";
    assert_eq!(
        value("{ css = 'p', contains = 'available', regex = '(\\d+)', as = 'integer' }", html),
        json!(19)
    );
}

#[test]
fn numbers_keep_every_digit() {
    let found = extract("[fields]\nn = { css = 'p', as = 'number' }", "<p>12345678901234567.100 kg");
    assert_eq!(found.records[0].to_string(), r#"{"n":12345678901234567.100}"#);
    assert_eq!(
        value("{ css = 'p', as = 'number', decimal = ',' }", "<p>1.234,56 EUR").to_string(),
        "1234.56"
    );
}

#[test]
fn urls_resolve_against_the_base() {
    assert_eq!(value("{ css = 'a@href', as = 'url' }", "<a href=x>"), json!("http://h/dir/x"));
    assert_eq!(value("{ css = 'a@href', as = 'url' }", "<base href=/b/><a href=x>"), json!("http://h/b/x"));
    assert_eq!(value("'a@href'", "<a href=x>"), json!("x"));
}

#[test]
fn queries_are_in_the_encoding_of_the_page() {
    let page = b"<meta charset=windows-1252><base href='/b?\xfc'><a href='?q=\xfc'>x</a><a href=#>y</a>";
    let page = Page::from_bytes(page, "http://h/").unwrap();
    let urls = ["http://h/b?q=%FC", "http://h/b?%FC#"];
    assert_eq!(page.links().unwrap().iter().map(|link| link.url.as_str()).collect::<Vec<_>>(), urls);
    let recipe = "[fields]\nf = { css = 'a@href', as = 'url', many = true }".parse().unwrap();
    assert_eq!(page.records(&recipe).unwrap().records[0].get("f"), Some(&json!(urls)));
    assert_eq!(page.outline(&recipe).unwrap().follow(|_| true).unwrap()[0], urls[0]);
}

#[test]
fn labels_name_the_cell_beside_them() {
    let html = "<table><tr><th>Price<th>UPC</table><table><tr><th> UPC:<td>a<td>b</table>\
        <dl><dt>Size<dd>1<dd>2<dt>Colour<dt>Color<dd>red</dl><table><tr><td>Plain<td>p</table>";
    assert_eq!(value("{ label = 'UPC' }", html), json!("a"));
    assert_eq!(value("{ label = 'upc' }", html), json!("a"));
    assert_eq!(value("{ label = 'Size', many = true }", html), json!(["1", "2"]));
    assert_eq!(value("{ label = 'Colour' }", html), json!("red"));
    assert_eq!(value("{ label = 'Plain' }", html), json!("p"));
    assert_eq!(value("{ label = 'Price' }", html), json!(null));
}

#[test]
fn a_table_gives_a_record_per_row() {
    let html = "<table class=x><tr><th>Name<th>Price<tr><td>A<td><a href=a>1</a><tr><td>B</table>";
    let recipe =
        "[record]\ntable = 'table.x'\n[fields]\nprice = { column = 'Price', as = 'number' }\nlink = 'a@href'";
    assert_eq!(records(recipe, html), json!([{"price": 1, "link": "a"}, {"price": null, "link": null}]));
    let all = records("[record]\ntable = 'table.x'", html);
    assert_eq!(all, json!([{"Name": "A", "Price": "1"}, {"Name": "B", "Price": null}]));
}

#[test]
fn json_ld_is_searched_in_every_block_and_in_graphs() {
    let html = r#"<script type="application/ld+json">{ broken</script>
        <script type="application/ld+json">{"@type": "Shop", "name": "s"}</script>
        <script type="Application/LD+JSON">{"@graph": [{"@type": ["Thing", "https://schema.org/Product"],
        "name": " p  q ", "offers": [{"price": "1,50"}, {"price": 2.50}]}]}</script>"#;
    assert_eq!(value("{ json_ld = '/name' }", html), json!("s"));
    assert_eq!(value("{ json_ld = '/name', type = 'Product' }", html), json!("p q"));
    assert_eq!(value("{ json_ld = '/offers/1/price', as = 'number' }", html).to_string(), "2.50");
    assert_eq!(
        value("{ json_ld = '/offers/0/price', as = 'number', decimal = ',' }", html).to_string(),
        "1.50"
    );
    assert_eq!(
        value("{ json_ld = '/offers', many = true, as = 'json' }", html)[1]["price"].to_string(),
        "2.50"
    );
    assert_eq!(value("{ json_ld = '/nowhere' }", html), json!(null));
    assert_eq!(value("{ json_ld = '/name', many = true }", html), json!(["s", "p q"]));
}

#[test]
fn json_ld_may_be_hidden_from_old_browsers() {
    for (before, after) in
        [("<!--", "-->"), ("<!--\n", "\n//-->"), ("//<![CDATA[\n", "\n//]]>"), ("<!-- // ", " // -->")]
    {
        let html = format!("<script type='application/ld+json'>{before}{{\"name\": \"x\"}}{after}</script>");
        assert_eq!(value("{ json_ld = '/name' }", &html), json!("x"), "{html}");
    }
}

#[test]
fn a_literal_in_a_script_is_one_of_json_and_whole() {
    let after =
        |script: &str| value("{ script_after = 'x =', as = 'json' }", &format!("<script>{script}</script>"));
    for (script, expected) in [
        ("x = 42;", json!(42)),
        ("x = -1.5, y = 2", json!(-1.5)),
        ("x = true;x = 1", json!(true)),
        ("f(x = false)", json!(false)),
        ("x = 7", json!(7)),
        ("x = 7 // seven", json!(7)),
        ("x = 'a'; x = \"b\";", json!("b")),
        ("x = x || {};x = {\"a\":1};", json!({"a": 1})),
        ("x = 1 + 2; x = 12px; x = 1.toString(); x = trueish; x = null;", json!(null)),
        ("x = 4 * 2", json!(null)),
        ("x = ", json!(null)),
    ] {
        assert_eq!(after(script), expected, "{script}");
    }
}

#[test]
fn a_marker_before_no_literal_costs_no_more_than_a_few_looks() {
    let script = format!("<script>{}</script>", "x =[".repeat(200_000));
    let started = std::time::Instant::now();
    assert_eq!(value("{ script_after = 'x =', as = 'json' }", &script), json!(null));
    let long = format!("<script>{}</script>", "x =[\"".to_owned() + &"a".repeat(1000) + "\",").repeat(4_000);
    assert_eq!(value("{ script_after = 'x =', as = 'json' }", &long), json!(null));
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn data_in_scripts_is_found() {
    let html = "<script id=s type='application/json'>{\"a\": {\"b\": [1, 2]}}</script>\
        <script>var x = 1; var data = {\"k\": \"v;\"}; f(data)</script>";
    assert_eq!(value("{ script = '#s', json = '/a/b/1' }", html), json!(2));
    assert_eq!(value("{ script_after = 'var data =', json = '/k' }", html), json!("v;"));
    assert_eq!(value("{ script = '#s', regex = 'b.: .(\\d)' }", html), json!("1"));
    assert_eq!(value("{ script = '#none', json = '/a' }", html), json!(null));
}

#[test]
fn page_fields_come_from_the_page() {
    let recipe = "[record]\neach = 'li'\n[fields]\nshop = { page = 'h1' }\nitem = '@text'";
    let expected = json!([{"shop": "S", "item": "a"}, {"shop": "S", "item": "b"}]);
    assert_eq!(records(recipe, "<h1>S</h1><ul><li>a<li>b</ul>"), expected);
}

#[test]
fn what_does_not_convert_is_null_and_counted_with_its_first_example() {
    let recipe = "[record]\neach = 'p'\n[fields]\nn = { css = '@text', as = 'number' }";
    let found = extract(recipe, "<p>1<p>none<p>nothing");
    let (name, summary) = &found.stats.fields[0];
    assert_eq!((name.as_str(), summary.filled, summary.of, summary.invalid), ("n", 1, 3, 2));
    assert_eq!(summary.example.as_deref(), Some("none"));
    assert_eq!(Value::from(found.records[1].clone()), json!({"n": null}));
}

#[test]
fn a_record_without_a_required_field_is_dropped_and_named() {
    let recipe = "[record]\neach = 'p'\n[fields]\nn = { css = 'b', as = 'number', required = true }";
    let found = extract(recipe, "<p><b>1</b><p>x<p><b>y</b>");
    assert_eq!(found.records.len(), 1);
    let said: Vec<_> = found.dropped.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "record 2 is dropped: required field `n` is missing",
            "record 3 is dropped: required field `n` is invalid: `y`"
        ]
    );
    let error = Error::from(&found.dropped[0]);
    assert_eq!((error.kind().as_str(), error.field()), ("parse", Some("n")));
    assert_eq!((found.stats.records, found.stats.dropped), (1, 2));
}

#[test]
fn strict_and_min_fail_the_page() {
    let fails = |recipe: &str| {
        let recipe: Recipe = recipe.parse().unwrap();
        let error = Page::from_bytes("<p>x", "http://h/").unwrap().records(&recipe).unwrap_err();
        assert_eq!((error.kind().as_str(), error.url()), ("parse", Some("http://h/")));
        error.to_string()
    };
    let missing = "n = { css = 'b', required = true";
    assert!(fails(&format!("[fields]\n{missing}, strict = true }}")).contains("`n` is missing"));
    assert!(fails("[fields]\nn = { css = 'b', strict = true }").contains("`n` is missing"));
    assert!(
        fails("[fields]\nn = { css = 'p', as = 'number', strict = true }").contains("`n` is invalid: `x`")
    );
    assert!(fails(&format!("[record]\nstrict = true\n[fields]\n{missing} }}")).contains("`n` is missing"));
    assert!(
        fails("[record]\neach = 'i'\nmin = 2\n[fields]\nn = 'b'").contains("0 records, and `min` asks for 2")
    );
}

#[test]
fn an_empty_field_and_no_match_are_warnings() {
    assert_eq!(extract("[fields]\na = 'b'\nc = 'p'", "<p>x").warnings, ["field `a` is null in every record"]);
    let nothing = extract("[record]\neach = 'i'\n[fields]\na = 'b'", "<p>x");
    assert_eq!(nothing.warnings, ["nothing matched: there is no record"]);
}

#[test]
fn pages_that_do_not_match_give_no_records() {
    let recipe: Recipe =
        "[record]\nmatch = ['/book/**', '**/x.html']\nmin = 1\n[fields]\na = 'p'".parse().unwrap();
    let matched = |url: &str| Page::from_bytes("<p>x", url).unwrap().records(&recipe).unwrap().matched;
    for (url, expected) in [
        ("http://h/book/1", true),
        ("http://h/book/a/b?q", true),
        ("http://h/x.html", true),
        ("http://h/a/b/x.html", true),
        ("http://h/books", false),
        ("http://h/", false),
        ("", true),
    ] {
        assert_eq!(matched(url), expected, "{url}");
    }
    let page = Page::builder().path("/other.html").build("<p>x").unwrap();
    assert!(!page.records(&recipe).unwrap().matched);
}

#[test]
fn next_is_the_link_it_finds() {
    let next = |css: &str, html: &str| extract(&format!("[follow]\nnext = \"{css}\""), html).next;
    let html = "<ul><li class=next><a href='p2'>next</a></ul><link rel=next href=/p3>";
    for (css, expected) in [
        ("li.next a", Some("http://h/dir/p2")),
        ("li.next", Some("http://h/dir/p2")),
        ("li.next a@href", Some("http://h/dir/p2")),
        ("link[rel=next]", Some("http://h/p3")),
        ("a.none", None),
    ] {
        assert_eq!(next(css, html).as_deref(), expected, "{css}");
    }
}

#[test]
fn links_to_follow_are_picked_allowed_and_denied() {
    let recipe: Recipe =
        "[follow]\nlinks = 'nav a'\nallow = ['/a/**', '/b']\ndeny = ['**/login']".parse().unwrap();
    let page = Page::from_bytes(
        "<a href=/a/0></a><nav><a href=/a/1></a><a href=/b></a><a href=/a/login></a><a href=/c></a></nav>",
        "http://h/",
    );
    let page = page.unwrap();
    let urls: Vec<_> =
        page.parse().unwrap().follow(&recipe).unwrap().into_iter().map(|link| link.url).collect();
    assert_eq!(urls, ["http://h/a/1", "http://h/b"]);
}

#[test]
fn a_record_knows_its_detail_page_and_has_null_for_its_fields() {
    let recipe =
        "[record]\neach = 'p'\n[fields]\nn = '@text'\n[detail]\nlink = 'a@href'\n[detail.fields]\nd = 'i'";
    let found = extract(recipe, "<p><a href=x>1</a><p>2");
    assert_eq!(found.details, [Some("http://h/dir/x".to_owned()), None]);
    assert_eq!(found.records[0].to_string(), r#"{"n":"1","d":null}"#);
    let recipe: Recipe = recipe.parse().unwrap();
    let detail = Page::from_bytes("<i>D</i>", "").unwrap();
    let detail = detail.parse().unwrap().detail(&recipe).unwrap();
    assert_eq!(detail.records[0].to_string(), r#"{"d":"D"}"#);
}

#[test]
fn stats_of_many_pages_add_up() {
    let recipe = "[record]\neach = 'p'\n[fields]\nn = { css = '@text', as = 'number' }";
    let mut stats = extract(recipe, "<p>1<p>x").stats;
    stats.merge(&extract(recipe, "<p>y").stats);
    stats.merge(&extract(recipe, "<div>").stats);
    assert_eq!((stats.pages, stats.records), (3, 3));
    let summary = &stats.fields[0].1;
    assert_eq!((summary.filled, summary.of, summary.invalid), (1, 3, 2));
    assert_eq!(summary.example.as_deref(), Some("x"));
    assert!(stats.warnings().is_empty());
}

#[test]
fn text_taken_once_for_each_level_of_nesting_stops_at_a_bound() {
    let html = format!("{}{}", "<div>".repeat(500), "x".repeat(1 << 20));
    let recipe = "[record]\neach = 'div'\n[fields]\nt = '@text'";
    let error = bound_hit(recipe, crate::Limits::default(), &html);
    assert!(error.contains("bytes of text in its records"), "{error}");
}

/// The message of the bound that a page hits, with all the time.
fn bound_hit(recipe: &str, limits: crate::Limits, html: &str) -> String {
    let limits = limits.time(Duration::MAX);
    let page = Page::builder().content_type("text/html").limits(limits).build(html).unwrap();
    let error = page.records(&recipe.parse().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{recipe}");
    error.to_string()
}

#[test]
fn a_table_whose_names_repeat_the_text_of_the_page_stops_at_a_bound() {
    let cell = "x".repeat(300 << 10);
    let html = format!("<table><tr><th colspan=1000>{cell}<tr><td>1</table>");
    for fields in ["", "[fields]\na = { column = 'b' }"] {
        let error =
            bound_hit(&format!("[record]\ntable = 'table'\n{fields}"), crate::Limits::default(), &html);
        assert!(error.contains("bytes of text in its records"), "{error}");
    }
}

#[test]
fn json_in_a_page_is_held_to_the_nodes_that_the_page_may_have() {
    let limits = crate::Limits::default().nodes(1000);
    let (list, deep) =
        (format!("[{}0]", "0,".repeat(1000)), format!("{}{}", "[".repeat(128), "]".repeat(128)));
    let json_ld = |json: &str| format!("<script type=application/ld+json>{json}</script>");
    for (field, html) in [
        ("{ json_ld = '/name' }", json_ld as fn(&str) -> String),
        ("{ script = 'script', json = '/0' }", json_ld),
        ("{ script_after = 'data =', json = '/0' }", |json| format!("<script>data = {json};</script>")),
        ("{ css = 'p', as = 'json' }", |json| format!("<p>{json}")),
        ("{ css = 'p@data-x', as = 'json' }", |json| format!("<p data-x='{json}'>")),
    ] {
        let recipe = format!("[fields]\na = {field}");
        assert!(bound_hit(&recipe, limits, &html(&list)).contains("1000 values in one text of JSON"));
        assert!(bound_hit(&recipe, limits, &html(&deep)).contains("127 levels of nesting in JSON"));
        let page = Page::builder().content_type("text/html").limits(limits).build(html("[0,0,0,")).unwrap();
        assert!(page.records(&recipe.parse().unwrap()).is_ok(), "{field}");
    }
}

#[test]
fn a_page_that_is_json_nested_past_the_bound_is_too_large() {
    let page = Page::from_bytes(format!("{}{}", "[".repeat(128), "]".repeat(128)), "").unwrap();
    let error = page.records(&"[fields]\na = { json = '/0' }".parse().unwrap()).unwrap_err();
    assert!(error.kind() == ErrorKind::TooLarge && error.message().contains("127 levels"), "{error}");
}

#[test]
fn nothing_is_walked_to_once_the_budget_is_gone() {
    let html = Html::parse_document(
        "<meta name=a content=b><div itemscope><i itemprop=a>b</i></div><table><tr><th>a<td>b</table>\
         <script type=application/ld+json>{\"a\": 1}</script><script>a = 1</script>",
    );
    let (root, gone) = (html.root_element(), Budget::of_text(0));
    gone.spend("x");
    let path = ["a".to_owned()];
    assert_eq!(meta::contents(root, "a", &gone).count(), 0);
    assert!(meta::properties(Scope::Page(root), root, &path, None, &gone).is_empty());
    assert!(label::cells_after("a", root, &gone).is_empty());
    assert_eq!(Embedded::default().json_ld(root, "/a", None, &gone).count(), 0);
    assert!(Embedded::after_marker(root, "a =", "", &gone).is_none());
    assert!(Grid::new(root, &gone).is_err());
}

#[test]
fn a_path_of_properties_walks_each_item_once_however_items_nest() {
    let (open, close) = ("<div itemprop=a itemscope><b itemprop=b>".repeat(3), "</div>".repeat(3));
    let html = format!("<div itemscope><div itemprop=a>{open}x{close}<b itemprop=b>y</b></div></div>");
    assert_eq!(value("{ microdata = 'a/b', many = true }", &html), json!(["x", "x", "x"]));
    assert_eq!(value("{ microdata = 'a/a/b', many = true }", &html), json!(["x", "x"]));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300), content_type in proptest::option::of("text/html(; charset=[a-z0-9-]{0,12})?")) {
        let builder = Page::builder().url("http://h/");
        let builder = match &content_type {
            Some(content_type) => builder.content_type(content_type),
            None => builder,
        };
        if let Ok(page) = builder.build(bytes) {
            let document = page.parse().unwrap();
            let _ = (document.records(&Recipe::default()), document.links(), document.text(), document.title());
        }
    }

    #[test]
    fn no_markup_makes_it_panic(html in "(<(/)?(p|a|table|tr|td|th|select|svg|template|b|i|form|base|script)( (href|colspan|rowspan|hidden|type)=[a-z0-9/:\\[]{0,4})?>|[a-z ]){0,60}") {
        let recipe: Recipe = "[record]\ntable = 'table'\n[fields]\na = { column = 'a' }\nb = { label = 'a' }\nc = 'td@html'".parse().unwrap();
        let page = Page::builder().content_type("text/html").url("http://h/").build(html).unwrap();
        let document = page.parse().unwrap();
        let _ = (document.records(&recipe), document.links(), document.text());
    }
}

#[test]
fn a_selector_that_never_matches_ends_when_the_time_does() {
    let page = Page::builder()
        .limits(crate::Limits::default().time(Duration::from_secs(2)))
        .build("<i></i>".repeat(40_000))
        .unwrap();
    let started = std::time::Instant::now();
    for recipe in ["[fields]\nt = 'b ~ i'", "[record]\neach = 'b ~ i'", "[follow]\nnext = 'b ~ i'"] {
        let error = page.records(&recipe.parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{recipe}");
        assert!(error.to_string().contains("2s of time"), "{error}");
    }
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn what_comes_from_the_page_is_looked_for_once() {
    let script = format!("<script>data = {{\"v\": 7, \"rest\": \"{}\"}}</script>", "x".repeat(100_000));
    let html = format!("{script}{}<p>last</p>", "<i></i>".repeat(5_000));
    let recipe =
        "[record]\neach = 'i'\n[fields]\na = { page = 'p' }\nb = { script_after = 'data =', json = '/v' }";
    let started = std::time::Instant::now();
    let found = extract(recipe, &html);
    assert_eq!(found.records.len(), 5_000);
    assert!(found.records.iter().all(|record| record.to_string() == r#"{"a":"last","b":7}"#));
    // Looked for each time, it would be 500 MB of JSON.
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

fn from_json(recipe: &str, json: &str) -> Extraction {
    let recipe: Recipe = recipe.parse().unwrap();
    Page::from_bytes(json, "http://h/api/items").unwrap().records(&recipe).unwrap()
}

#[test]
fn a_json_page_gives_a_record_per_item_of_the_list_its_pointer_leads_to() {
    let recipe = r#"
        [record]
        each_json = "/items"
        [fields]
        name = "/name"
        price = { json = "/price", as = "number" }
        tags = { css = "/tags", many = true, join = "+" }
        code = { json = "/sku", regex = "SKU-(.*)", default = "none" }
        any = ["/missing", "/name"]
        shop = { page = "/shop" }
        [detail]
        link = "/url"
        [detail.fields]
        more = "p"
        [follow]
        next = "/links/next"
    "#;
    let json = r#"{"shop": "S", "links": {"next": "?page=2"}, "items": [
        {"name": "Tea", "price": 2.50, "tags": ["a", "b"], "sku": "SKU-7", "url": "/tea"},
        {"name": null, "price": "£3.10"}]}"#;
    let found = from_json(recipe, json);
    let written: Vec<_> = found.records.iter().map(ToString::to_string).collect();
    assert_eq!(
        written,
        [
            r#"{"name":"Tea","price":2.50,"tags":"a+b","code":"7","any":"Tea","shop":"S","more":null}"#,
            r#"{"name":null,"price":3.10,"tags":null,"code":"none","any":null,"shop":"S","more":null}"#,
        ]
    );
    assert_eq!(found.details, [Some("http://h/tea".to_owned()), None]);
    assert_eq!(found.next.as_deref(), Some("http://h/api/items?page=2"));
}

#[test]
fn a_json_page_without_each_json_is_one_record() {
    let found =
        from_json("[fields]\na = { json = '/a/0' }\nb = { json = '', as = 'json' }", r#"{"a": ["x"]}"#);
    assert_eq!(found.records[0].to_string(), r#"{"a":"x","b":{"a":["x"]}}"#);
    assert_eq!(
        from_json("[record]\neach_json = ''\n[fields]\nn = '/n'", r#"[{"n":1},{"n":2}]"#).records.len(),
        2
    );
    assert_eq!(from_json("[record]\neach_json = '/none'\n[fields]\nn = '/n'", "{}").records.len(), 0);
}

#[test]
fn html_and_json_are_not_taken_for_each_other() {
    let why = |recipe: &str, page: &str| {
        let recipe: Recipe = recipe.parse().unwrap();
        let error = Page::from_bytes(page, "").unwrap().records(&recipe).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Parse);
        error.to_string()
    };
    assert!(why("[fields]\na = 'p'", "{}").contains("the page is not HTML: it is JSON"));
    let each_json = "[record]\neach_json = '/a'\n[fields]\na = '/b'";
    assert!(why(each_json, "<p>x").contains("the page is not JSON: expected value at line 1 column 1"));
    let broken = "{\"a\": [\n{\"b\": \"<p>\"},\n]}";
    assert!(why(each_json, broken).contains("at line 3 column 1"));
    assert!(Page::from_bytes("{}", "").unwrap().links().is_err());
}

#[test]
fn a_meta_is_named_by_name_or_property() {
    let html = "<meta property=og:title content=' A  b '><meta name=Author content=x><meta property=og:image content=/i.png>\
        <meta property=og:image content=/j.png><meta property=og:empty>";
    assert_eq!(value("{ meta = 'og:title' }", html), json!("A b"));
    assert_eq!(value("{ meta = 'author' }", html), json!("x"));
    assert_eq!(
        value("{ meta = 'og:image', as = 'url', many = true }", html),
        json!(["http://h/i.png", "http://h/j.png"])
    );
    assert_eq!(value("{ meta = 'og:empty' }", html), json!(null));
}

#[test]
fn microdata_gives_the_values_that_its_elements_have() {
    let html = "<div itemscope itemtype='https://schema.org/Product'><b itemprop='name title'> Tea <i>green</i></b>\
        <img itemprop=image src=t.png><a itemprop=url href=/tea>more</a><meta itemprop=sku content=7>\
        <div itemprop=offers itemscope itemtype='https://schema.org/Offer'><data itemprop=price value=2.50>£2.50</data>\
        <time itemprop=until datetime=2024-06-05>June</time><i itemprop=name>offer</i></div></div>\
        <div itemscope itemtype='https://schema.org/Person'><i itemprop=name>Ann</i></div>";
    for (field, expected) in [
        ("{ microdata = 'name' }", json!("Tea green")),
        ("{ microdata = 'title' }", json!("Tea green")),
        ("{ microdata = 'name', type = 'Person' }", json!("Ann")),
        ("{ microdata = 'name', type = 'https://schema.org/Offer' }", json!("offer")),
        ("{ microdata = 'image', as = 'url' }", json!("http://h/dir/t.png")),
        ("{ microdata = 'url', as = 'url' }", json!("http://h/tea")),
        ("{ microdata = 'sku', as = 'integer' }", json!(7)),
        ("{ microdata = '/offers/until', as = 'date' }", json!("2024-06-05")),
        ("{ microdata = 'offers/name' }", json!("offer")),
        ("{ microdata = 'offers/none' }", json!(null)),
        ("{ microdata = 'name', many = true }", json!(["Tea green", "offer", "Ann"])),
    ] {
        assert_eq!(value(field, html), expected, "{field}");
    }
    assert_eq!(value("{ microdata = 'offers/price', as = 'number' }", html).to_string(), "2.50");
}

#[test]
fn a_property_of_an_item_inside_is_none_of_the_record_that_is_an_item() {
    let html = "<div class=p itemscope itemtype='https://schema.org/Product'>\
        <p itemprop=brand itemscope itemtype='https://schema.org/Brand'><i itemprop=name>B</i></p><i itemprop=name>P</i></div>\
        <div class=p itemscope><p itemprop=brand itemscope><i itemprop=name>B</i></p></div>\
        <div class=p><p itemscope><i itemprop=name>C</i></p></div>";
    let recipe = "[record]\neach = '.p'\n[fields]\nname = { microdata = 'name' }\n\
        brand = { microdata = 'brand/name' }\nof_type = { microdata = 'name', type = 'Brand' }";
    let expected = json!([
        {"name": "P", "brand": "B", "of_type": "B"},
        {"name": null, "brand": "B", "of_type": null},
        {"name": "C", "brand": null, "of_type": null},
    ]);
    assert_eq!(records(recipe, html), expected);
}

#[test]
fn relative_dates_count_from_the_date_that_the_page_has() {
    let recipe: Recipe = "[fields]\nd = { css = 'p', as = 'date', relative = true }".parse().unwrap();
    let made = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_717_581_600);
    let page =
        |builder: crate::PageBuilder| builder.build("<p>2 days ago").unwrap().records(&recipe).unwrap();
    assert_eq!(page(Page::builder().date(made)).records[0].to_string(), r#"{"d":"2024-06-03"}"#);
    let unknown = page(Page::builder());
    assert_eq!(unknown.records[0].to_string(), r#"{"d":null}"#);
    assert_eq!(unknown.stats.fields[0].1.example.as_deref(), Some("2 days ago"));
}

#[test]
fn a_match_that_holds_for_no_page_is_said() {
    let recipe = Recipe::builder().match_path("/book/*").field("t", "p").build().unwrap();
    let stats = |paths: &[&str]| {
        let mut all = crate::Stats::default();
        for path in paths {
            let page = Page::builder().path(path).build("<p>x").unwrap();
            all.merge(&page.records(&recipe).unwrap().stats);
        }
        all
    };
    let none = stats(&["/books/1", "/books/2"]);
    assert_eq!((none.pages, none.unmatched), (0, 2));
    assert_eq!(
        none.warnings(),
        ["the recipe's `match` does not hold for any of the pages; the first has the path `/books/1`"]
    );
    assert!(stats(&["/books/1", "/book/1"]).warnings().is_empty());
    assert!(stats(&[]).warnings().is_empty());
}

#[test]
fn globs_match_paths_as_they_read() {
    let recipe: Recipe = "[follow]\ndeny = ['**/login', '/caf\u{e9}/**']\nallow = '/**'".parse().unwrap();
    let html =
        "<a href='/%6Cogin'>1</a><a href='/caf%C3%A9/1'>2</a><a href='/caf%E9/1'>3</a><a href='/a'>4</a>";
    let page = Page::from_bytes(html, "http://h/").unwrap();
    let followed: Vec<_> =
        page.parse().unwrap().follow(&recipe).unwrap().into_iter().map(|link| link.text).collect();
    assert_eq!(followed, ["3", "4"]);
}

#[test]
fn attributes_of_svg_are_found_by_the_names_that_they_have_in_the_page() {
    let html = "<svg viewBox='0 0 1 1' preserveAspectRatio=none xml:lang=de><use xlink:href='#a' Href=b /></svg><p viewBox=x>";
    for (css, expected) in [
        ("svg@viewBox", Some("0 0 1 1")),
        ("svg@VIEWBOX", Some("0 0 1 1")),
        ("svg@preserveAspectRatio", Some("none")),
        ("svg@xml:lang", Some("de")),
        ("svg@lang", None),
        ("use@xlink:href", Some("#a")),
        ("use@href", Some("b")),
        ("p@viewBox", Some("x")),
    ] {
        let recipe = Recipe::builder().field("x", css).build().unwrap();
        let page = Page::from_bytes(html, "").unwrap();
        let found = page.records(&recipe).unwrap();
        assert_eq!(found.records[0].get("x").and_then(Value::as_str), expected, "{css}");
    }
}

#[test]
fn the_title_of_a_page_is_its_first_title_of_html_wherever_that_stands() {
    for (html, expected) in [
        ("<html><head><img src=x><title>T</title>", Some("T")),
        ("<svg><title>S</title></svg><title> T\n U </title><title>V</title>", Some("T U")),
        ("<svg><title>S</title></svg>", None),
        ("<template><title>S</title></template>", None),
        ("<title></title>", Some("")),
    ] {
        let page = Page::from_bytes(html, "").unwrap();
        assert_eq!(page.title().unwrap().as_deref(), expected, "{html}");
        let found = page.records(&Recipe::default()).unwrap();
        assert_eq!(found.records[0].get("title").and_then(Value::as_str), expected, "{html}");
    }
}

#[test]
fn a_property_that_leads_somewhere_is_its_url_and_itemref_names_properties_that_stand_elsewhere() {
    let html = "<div itemscope itemtype=http://s/P itemref='b a b none' id=me><a itemprop=u href=x></a><i itemprop=n>1</i></div>\
        <p id=a><i itemprop=n>2</i><span itemscope><i itemprop=n>other</i></span></p><i id=b itemprop=n>3</i>\
        <p id=b><i itemprop=n>no</i></p><img id=c itemprop=u src=y>\
        <div itemscope itemref=d itemtype=http://s/Q><b></b></div><div id=d itemprop=offer itemscope itemref='c me'></div>";
    let found = |field: &str| {
        let recipe = format!("[record]\neach = '[itemscope]'\n[fields]\nx = {{ {field} }}");
        let found = extract(&recipe, html);
        found.records.iter().map(|record| record.get("x").unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found("microdata = 'u'")[0], "\"http://h/dir/x\"");
    assert_eq!(found("microdata = 'u', as = 'raw'")[0], "\"x\"");
    assert_eq!(found("microdata = 'n', many = true")[0], r#"["1","2","3"]"#);
    assert_eq!(found("microdata = 'n', type = 'P', many = true")[0], r#"["1","2","3"]"#);
    assert_eq!(found("microdata = 'offer/u', many = true")[2], "[\"http://h/dir/y\"]");
}
