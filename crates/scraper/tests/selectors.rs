//! Which selectors of CSS 4 there are, and which there are not: the lists of the README.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use gather_scraper::{Page, Recipe};

const PAGE: &str = r#"<!DOCTYPE html><html lang=en><body>
    <ul id=list class="a b"><li class=one>1<li lang=de-AT>2<li title="x Y z">3<li>4<li data-a="p-q">5</ul>
    <p id=empty></p><p id=full> <a href=/x>l</a><!-- c --></p>
    <form><input type=checkbox checked><input disabled><input required><option selected>o</form>
    <svg><title>t</title></svg></body></html>"#;

/// How many elements it finds, or None if it does not hold.
fn count(css: &str) -> Option<usize> {
    let recipe = Recipe::builder().each(css).field("html", "@html").build().ok()?;
    let page = Page::from_bytes(PAGE, "http://h/").unwrap();
    Some(page.records(&recipe).unwrap().records.len())
}

const THERE: &[(&str, usize)] = &[
    ("*", 19),
    ("li", 5),
    ("LI", 5),
    ("#list", 1),
    ("#\\31", 0),
    (".a.b", 1),
    (".A", 0),
    ("*|li", 5),
    ("ul li", 5),
    ("ul > li", 5),
    ("li + li", 4),
    ("li ~ li", 4),
    ("li, p", 7),
    ("[lang]", 2),
    ("[lang=de-AT]", 1),
    ("[lang|=de]", 1),
    ("[title~=Y]", 1),
    ("[title^=x]", 1),
    ("[title$=z]", 1),
    ("[title*=Y]", 1),
    ("[title*=y]", 0),
    ("[title*=y i]", 1),
    ("[title*=Y s]", 1),
    ("[type=CHECKBOX]", 1),
    ("[data-a='p-q']", 1),
    (":is(li, p)", 7),
    (":where(#list) li", 5),
    (":not(li, p)", 12),
    ("li:not(:has(a))", 5),
    ("p:has(a)", 1),
    ("p:has(> a)", 1),
    ("ul:has(+ p)", 1),
    ("ul:has(~ form)", 1),
    (":root", 1),
    (":scope > body", 1),
    ("p:empty", 1),
    ("li:first-child", 1),
    ("li:last-child", 1),
    ("li:only-child", 0),
    ("li:nth-child(2)", 1),
    ("li:nth-child(odd)", 3),
    ("li:nth-child(2n+1)", 3),
    ("li:nth-child(-n+2)", 2),
    ("li:nth-last-child(2)", 1),
    ("p:first-of-type", 1),
    ("p:last-of-type", 1),
    ("p:only-of-type", 0),
    ("p:nth-of-type(2)", 1),
    ("p:nth-last-of-type(1)", 1),
    ("svg title", 1),
    // In a list of :is and :where what does not hold is passed over, as the standard says.
    (":is(li, :bogus)", 5),
    (":is()", 0),
    // What is open at the end is closed there.
    (":is(li", 5),
];

const NOT_THERE: &[&str] = &[
    "li:nth-child(2 of [lang])",
    "li:nth-last-child(1 of .one)",
    ":any(li)",
    ":matches(li)",
    ":contains(x)",
    ":text",
    "li:eq(1)",
    "li:visible",
    "a:link",
    "a:any-link",
    "a:local-link",
    "a:visited",
    ":target",
    "a:hover",
    "a:active",
    "a:focus",
    ":checked",
    ":default",
    ":indeterminate",
    ":disabled",
    ":enabled",
    ":required",
    ":optional",
    ":read-only",
    ":read-write",
    ":placeholder-shown",
    ":in-range",
    ":valid",
    ":lang(de)",
    ":dir(ltr)",
    ":defined",
    ":host",
    ":current",
    ":nth-col(1)",
    "li || a",
    "ns|li",
    "& li",
    "li::before",
    "li::first-line",
    ":not()",
];

#[test]
fn what_the_readme_lists_is_there() {
    for (css, elements) in THERE {
        assert_eq!(count(css), Some(*elements), "{css}");
    }
}

#[test]
fn what_the_readme_lists_as_missing_does_not_hold() {
    for css in NOT_THERE {
        assert_eq!(count(css), None, "{css}");
    }
}
