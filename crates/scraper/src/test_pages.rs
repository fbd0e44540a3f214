//! Pages that laws are tried on.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;

/// The inputs of html5lib's tests of tree construction.
pub(crate) fn html5lib() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/html5lib");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "dat") {
            all.extend(inputs(&String::from_utf8_lossy(&std::fs::read(&path).unwrap())));
        }
    }
    assert!(all.len() > 1500, "only {} inputs were found", all.len());
    all
}

/// The names and texts of the pages of `$CORPUS/site` that `$CORPUS/pages.txt` lists.
pub(crate) fn real_pages() -> impl Iterator<Item = (String, String)> {
    let corpus = PathBuf::from(std::env::var("CORPUS").unwrap());
    let names = std::fs::read_to_string(corpus.join("pages.txt")).unwrap();
    let names: Vec<String> = names.lines().map(str::to_owned).collect();
    names.into_iter().map(move |name| {
        let bytes = std::fs::read(corpus.join("site").join(&name)).unwrap();
        (name, String::from_utf8_lossy(&bytes).into_owned())
    })
}

/// The `#data` parts of a file of tests.
fn inputs(file: &str) -> Vec<String> {
    let mut inputs = Vec::new();
    let mut lines = file.lines();
    while lines.find(|line| *line == "#data").is_some() {
        let data: Vec<_> = lines.by_ref().take_while(|line| *line != "#errors").collect();
        inputs.push(data.join("\n"));
    }
    inputs
}

/// What tags, comments, scripts and references are made of.
const PIECES: &[&str] = &[
    "<",
    ">",
    "/",
    "!",
    "?",
    "-",
    "--",
    "<!--",
    "-->",
    "--!>",
    "=",
    "'",
    "\"",
    "&",
    "#",
    ";",
    "x",
    "X",
    "a",
    "Z",
    "1",
    " ",
    "\n",
    "\r",
    "\t",
    "\u{c}",
    "\0",
    "é",
    "\u{1F600}",
    "]]>",
    "<![CDATA[",
    "<!doctype ",
    "html",
    "public ",
    "system ",
    "</",
    "amp",
    "&amp;",
    "&not",
    "&#x",
    "&#13;",
    "script",
    "<script>",
    "</script>",
    "<script",
    "</script",
    "<title>",
    "</title>",
    "<textarea>",
    "</textarea>",
    "<style>",
    "</style>",
    "<plaintext>",
    "<xmp>",
    "</xmp>",
    "<pre>\n",
    "<svg>",
    "</svg>",
    "<math>",
    "<mi>",
    "<foreignObject>",
    "<desc>",
    "<p>",
    "</p>",
    "<p ",
    "<b>",
    "</b>",
    "<a>",
    "</a>",
    "<i a=1>",
    "</i>",
    "<nobr>",
    "<table>",
    "</table>",
    "<tr>",
    "<td>",
    "</td>",
    "<caption>",
    "<col>",
    "<select>",
    "</select>",
    "<option>",
    "<template>",
    "</template>",
    "<body ",
    "<html ",
    "<head>",
    "</head>",
    "<frameset>",
    "<form>",
    "</form>",
    "<input type=hidden>",
    "<li>",
    "<dd>",
    "<h1>",
    "<button>",
    "<br/>",
    "</br>",
    "class=",
    "id='x' ",
    "a ",
    "A=",
    "<applet>",
    "</applet>",
    "<noscript>",
    "</noscript>",
    "<ruby>",
    "<rt>",
];

/// Tags, texts, comments, scripts and references in any order.
pub(crate) fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        20 => prop::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_filter("see the tokenizer", |c| *c != '\u{feff}').prop_map(String::from),
    ];
    let text = prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat());
    text.prop_filter("where html5ever is not the standard", |text| !hides_line_feed(text))
}

/// Blocks, tables, links, and what marks text in them, rarely as it should be.
pub(crate) fn marked_text() -> impl Strategy<Value = String> {
    const RIGHT: &[&str] = &[
        "x",
        " ",
        "x y",
        "<span>x</span>",
        "<span> </span>",
        "<span></span>",
        "<b>x</b>",
        "<b class=x>y</b>",
        "<br>",
        "<wbr>",
        "<code><span>x</span></code>",
        "<span><i>x</i> <i>y</i></span>",
        "<em>x<br>y</em>",
        "<p>",
        "</p>",
        "<p>x",
        "<li>",
        "</li>",
        "<div>",
        "</div>",
        "<a href=1>",
        "</a>",
        "<a href=2>x</a>",
        "<td>",
        "</td>",
        "<h1>",
        "</h1>",
    ];
    const WRONG: &[&str] = &[
        "<b>",
        "</b>",
        "<b class=x>",
        "<i>",
        "</i>",
        "<code>",
        "</code>",
        "<span>",
        "</span>",
        "<nobr>",
        "<table>",
        "</table>",
        "<tr>",
        "<caption>",
        "<col>",
        "<select>",
        "</select>",
        "<option>",
        "<button>",
        "</button>",
        "<applet>",
        "</applet>",
        "<template>",
        "</template>",
        "<pre>",
        "</pre>",
        "\n",
        "\0",
        "&#32;",
        "&#13;",
        "<!-- -->",
        "<svg>",
        "</svg>",
        "<foreignObject>",
        "<math><mi>",
        "<title>t</title>",
        "<svg><title>",
        "<form>",
        "</form>",
        "<body class=y>",
        "</body>",
        "</html>",
        "<frameset>",
        "<head>",
        "<noscript>",
        "<ruby><rt>",
        "</br>",
        "<hr>",
        "<input>",
        "<label>",
        "</label>",
        "<marquee>",
        "<object>",
        "</object>",
        "<img>",
        "<script>x</script>",
        "</ul>",
        "<ul>",
        "<plaintext>",
    ];
    let piece = prop_oneof![5 => prop::sample::select(RIGHT), 3 => prop::sample::select(WRONG)];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Whether there is a line feed that html5ever does not drop after `<pre>`, because it reports an error in between.
fn hides_line_feed(text: &str) -> bool {
    static UNCLOSED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?i)&#(x0*a([^0-9a-f;]|$)|0*10([^0-9;]|$))").unwrap());
    text.contains("</>") || UNCLOSED.is_match(text)
}
