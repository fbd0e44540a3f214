//! The law: what a recipe gives does not depend on how much of the page is in the tree.

use proptest::prelude::*;

use super::*;
use crate::test_pages::{html5lib, soup};

/// What recipes look at: nothing but titles and links, texts, several attributes, everything.
const RECIPES: [&str; 9] = [
    "",
    "[fields]\nt = 'title'\nl = { css = 'a@href', many = true }",
    "[fields]\nt = { css = 'title', many = true }\nn = { css = 'svg title, title', many = true, as = 'raw' }",
    "[record]\neach = ':has(> [a])'\n[fields]\nc = '@class'\ni = '[id=x i]@id'\nown = { css = 'title@own' }",
    "[fields]\nt = { css = 'p, i', many = true }\na = { css = ':nth-child(2)@a', many = true }",
    "[fields]\nt = { css = 'body', as = 'raw' }\nc = { css = '.x, a, b:not([a])', many = true }",
    "[follow]\nlinks = '[class~=x], a'\nnext = '[rel=next], p b@a'\ndeny = ['/u']\n[fields]\na = 'a[a]@href'",
    "[fields]\nv = { css = 'svg@viewBox', many = true }\nx = { css = '@xlink:href', many = true }\ny = 'g@xlink:href'",
    "[fields]\nh = { css = 'body@html' }\ne = { css = ':empty@a', many = true }",
];

fn assert_same_answers(text: &str, limits: Limits) {
    for written in RECIPES {
        let recipe: Recipe = written.parse().unwrap();
        let Ok(page) = Page::builder().url("http://h/").encoding("utf-8").limits(limits).build(text) else {
            continue;
        };
        let (whole, seen) = (page.parse().and_then(|page| page.records(&recipe)), page.records(&recipe));
        assert_eq!(format!("{seen:?}"), format!("{whole:?}"), "{written}\nof {text:?}");
        let (Ok(outline), Ok(document)) = (page.outline(&recipe), page.parse()) else { continue };
        let mut pages: Vec<String> = Vec::new();
        for link in document.follow(&recipe).unwrap() {
            let page = link.url.split('#').next().unwrap().to_owned();
            if !pages.contains(&page) {
                pages.push(page);
            }
        }
        assert_eq!(outline.follow(|_| true).unwrap(), pages, "{written}\nof {text:?}");
        assert_eq!(
            outline.next_page().unwrap(),
            document.next_page(&recipe).unwrap(),
            "{written}\nof {text:?}"
        );
    }
}

#[test]
fn every_input_of_html5lib_gives_the_same_records() {
    for input in html5lib() {
        assert_same_answers(&input, Limits::default());
    }
}

#[test]
fn what_few_pages_have_gives_the_same_records() {
    for text in [
        "<svg><title>a<p>b<title>c</title></title></svg>d",
        "<math><title>a<mi>b</mi></title>c",
        "<b class=1>1<b class=2>2<b class=3>3<b class=4>4</p><p>5",
        "<table><title>x</title>y<tr><title>z</title>",
        "<b></p><pre><!-- -->\n<div a><i>",
        "<html class=x><body id=x><html a=1 class=y><body a=2 class=z>",
        "<p CLASS='x' Id=X hreF=u><a HREF='v'><a A=1 href='w' a=2>",
        "<a href=u><p>x<a href=v>y</a></p>z",
        "<head><img src=x><title>a</title><svg><title>b</title></svg>",
        "<svg><title>b</title></svg><title>a</title>",
        "<svg viewBox=1><g VIEWbox=2 xlink:href=u>",
        "<math><annotation-xml encoding=text/html><title>a</title><p id=x a=1>b<a href=u>c",
        "<svg CLASS=x><a xlink:href=u href=v><font color=red a>",
    ] {
        assert_same_answers(text, Limits::default());
    }
}

#[test]
fn a_bound_is_hit_by_what_nobody_looks_at_too() {
    let attributes: String = (0..40).map(|n| format!(" x{n}")).collect();
    for (text, bound) in [
        (format!("<p{attributes}>"), "30 attributes"),
        ("a<br>".repeat(30), "30 nodes"),
        ("<!--a-->".repeat(30), "30 nodes"),
        (format!("<p{}>", " a".repeat(40)), ""),
    ] {
        let limits = Limits::default().nodes(30).attributes(30);
        let page = Page::builder().limits(limits).build(text.as_str()).unwrap();
        let outcome = page.records(&Recipe::default()).map(|found| found.records.len());
        match outcome {
            Ok(records) => assert!(bound.is_empty(), "{records} of {text}"),
            Err(error) => assert!(!bound.is_empty() && error.to_string().contains(bound), "{error}"),
        }
        assert_same_answers(&text, limits);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 500 } else { 20_000 }))]

    #[test]
    fn any_tag_soup_gives_the_same_records(text in soup()) {
        assert_same_answers(&text, Limits::default());
        assert_same_answers(&text, Limits::default().nodes(30).attributes(2));
    }
}
