//! The same answer at every width.

use gather_site::{Mock, Reply};

use crate::support::{Folder, Served, as_set, data, jsonl_file, lawful_summary};

#[track_caller]
fn same_at_every_width(command: &str, inputs: &str, options: &[&str]) {
    let folder = Folder::new();
    let run = |jobs: &str| {
        let run = gather![command, "--input", "-", "-q", "-j", jobs, "--errors", folder.join("e")];
        let run = run.arg("--summary").arg(folder.join("s")).args(options).stdin(inputs).run();
        let summary = lawful_summary(folder.join("s"));
        (as_set(run.records()), as_set(jsonl_file(folder.join("e"))), summary["inputs"].clone())
    };
    let alone = run("1");
    assert!(!alone.0.is_empty());
    for jobs in ["2", "64"] {
        assert_eq!(run(jobs), alone, "-j {jobs}");
    }
}

#[test]
fn of_read() {
    let folder = Folder::new();
    let inputs = format!("{}\n{}\n", data("texts").display(), folder.join("missing").display());
    same_at_every_width("read", &inputs, &[]);
}

#[test]
fn of_read_in_order_and_not_of_many_small_files() {
    let folder = Folder::new();
    for number in 0..10_000u32 {
        let size = number.wrapping_mul(2_654_435_761) % 600;
        let text = if number % 500 == 0 {
            "caf\u{e9} \0".into()
        } else {
            format!("{number}\n").repeat(size as usize)
        };
        folder.write(&format!("in/{}/{}/{number}.txt", number % 10, number % 7), text);
    }
    let read = |options: &[&str]| {
        let run = gather!["read", "in", "-q", "--summary", "s"].args(options).here(folder.path()).ok();
        let skipped = lawful_summary(folder.join("s"))["skipped"].clone();
        (run.stdout.lines().map(str::to_owned).collect::<Vec<_>>(), skipped)
    };
    let (ordered, skipped) = read(&["-j", "1", "--ordered"]);
    assert_eq!((ordered.len(), &skipped), (9_980, &20.into()));
    assert!(read(&["-j", "64", "--ordered"]) == (ordered.clone(), skipped.clone()), "another order");
    let mut expected = ordered;
    expected.sort();
    for jobs in ["1", "64"] {
        let (mut lines, others) = read(&["-j", jobs]);
        lines.sort();
        assert!(lines == expected && others == skipped, "-j {jobs}");
    }
}

#[test]
fn of_links() {
    same_at_every_width("links", &format!("{}\n", data("site").display()), &[]);
}

#[test]
fn of_scrape() {
    let options = ["--field", "t=h1", "--field", "links[]=a@href"];
    same_at_every_width("scrape", &format!("{}\n", data("site").display()), &options);
}

#[test]
fn of_fetch() {
    let served = Served::start(data("site"), &[]);
    let pages = gather!["links", served.join("/elements/page-1.html"), "--format", "text"].ok().stdout;
    let pages: String =
        pages.lines().filter(|url| url.starts_with(&served.url)).map(|url| format!("{url}\n")).collect();
    same_at_every_width("fetch", &format!("{pages}{}\n", served.join("/missing")), &["--text"]);
}

#[test]
fn of_links_and_scrape_over_http() {
    let server = Mock::start(|request| match request.path() {
        "/7" => Reply::status(404),
        path => Reply::html(format!("<h1>{path}</h1><a href=/x{path}>x</a>")),
    })
    .unwrap();
    let urls: String = (0..30).map(|n| format!("{}\n", server.join(&format!("/{n}")))).collect();
    same_at_every_width("links", &urls, &[]);
    same_at_every_width("scrape", &urls, &["--field", "t=h1"]);
}
