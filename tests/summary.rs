//! The summary, and its law.

use gather_site::{Mock, Reply};

use crate::support::{Folder, dead_port, keys, lawful_summary};

#[test]
fn every_input_is_in_the_summary_once_whatever_became_of_it() {
    let server = Mock::start(|request| match request.path() {
        "/good" => Reply::text("12345"),
        "/inside" => Reply::redirect(302, "http://10.0.0.1/"),
        _ => Reply::status(404),
    })
    .unwrap();
    let folder = Folder::new();
    let dead = format!("http://127.0.0.1:{}/", dead_port());
    let inputs = [server.join("/good"), server.join("/bad"), server.join("/inside"), dead, "nonsense".into()];
    let summary = folder.join("s.json");
    gather!["fetch", "--retries", "0", "--summary", &summary].args(&inputs).run().code(1);
    let summary = lawful_summary(summary);
    assert_eq!(summary["inputs"], 5);
    assert_eq!(summary["ok"], 1);
    assert_eq!(summary["failed"], 3);
    assert_eq!(summary["refused"], 1);
    assert_eq!(summary["bytes"], 5);
    for kind in ["status", "private_address", "connect", "invalid_input"] {
        assert_eq!(summary["by_kind"][kind], 1, "{kind}");
    }
}

#[test]
fn the_summary_has_its_keys() {
    let folder = Folder::new();
    let page = folder.write("a.html", "<title>x</title>");
    let summary = folder.join("s.json");
    gather!["read", &page, "--summary", &summary].ok();
    let first = [
        "inputs",
        "ok",
        "failed",
        "refused",
        "skipped",
        "pending",
        "bytes",
        "seconds",
        "by_kind",
        "stopped_by",
    ];
    let summary = lawful_summary(summary);
    assert!(first.iter().all(|key| keys(&summary).contains(key)), "{summary}");
    assert_eq!(summary["stopped_by"], serde_json::Value::Null);
    assert!(summary["seconds"].is_number());
}

#[test]
fn fields_have_their_fill_rate_and_the_first_example_of_what_is_invalid() {
    let folder = Folder::new();
    folder.write("p/a.html", "<h1>A</h1><b>12</b>");
    folder.write("p/b.html", "<h1>B</h1><b>no number</b>");
    let summary = folder.join("s.json");
    let run = gather!["scrape", folder.join("p"), "--field", "title=h1", "--field", "n:number=b"];
    run.args(["--summary".as_ref(), summary.as_os_str()]).ok();
    let summary = lawful_summary(summary);
    assert_eq!(summary["records"], 2);
    assert_eq!(summary["records_dropped"], 0);
    let text = summary["fields"].to_string();
    assert!(text.contains("title") && text.contains("no number"), "{text}");
}
