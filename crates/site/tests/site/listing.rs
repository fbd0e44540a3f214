//! A folder without an index page.

use crate::client::{folder, get, serve};

#[test]
fn a_folder_without_an_index_is_listed_sorted_and_escaped() {
    let folder = folder(&[("z.txt", b""), ("a&b <i>.txt", b""), ("sub/x", b""), (".hidden", b"")]);
    let site = serve(folder.path());
    let page = get(site.addr(), "/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let text = page.text();
    let entries: Vec<&str> = text.lines().filter(|line| line.starts_with("<li>")).collect();
    assert_eq!(
        entries,
        [
            "<li><a href=\"a%26b%20%3Ci%3E.txt\">a&amp;b &lt;i&gt;.txt</a></li>",
            "<li><a href=\"sub/\">sub/</a></li>",
            "<li><a href=\"z.txt\">z.txt</a></li>",
        ]
    );
    assert!(text.contains("<h1>Listing of /</h1>"));
}

#[test]
fn each_link_of_a_listing_leads_to_its_file() {
    let names = ["a b.txt", "100%.txt", "q?.txt", "h#.txt", "é.txt", "c:d.txt", "+.txt"];
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, name.as_bytes())).collect();
    let folder = folder(&files);
    let site = serve(folder.path());
    let page = get(site.addr(), "/").text();
    let mut found: Vec<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("<li><a href=\"")?.split('"').next())
        .map(|link| get(site.addr(), &format!("/{link}")).text())
        .collect();
    found.sort();
    let mut expected = names.map(str::to_owned);
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_name_in_the_url_cannot_put_markup_into_the_listing() {
    let folder = folder(&[("<script>/x", b"")]);
    let site = serve(folder.path());
    let text = get(site.addr(), "/%3Cscript%3E/").text();
    assert!(text.contains("Listing of /&lt;script&gt;/") && !text.contains("<script>"));
}
