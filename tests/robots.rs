//! `gather robots check`, and `--robots` where pages are fetched.

use std::net::{IpAddr, Ipv4Addr};

use gather_site::{Mock, Reply};
use serde_json::{Value, json};

use crate::support::{Folder, Served, data, dead_port, field, jsonl_file, keys, lawful_summary};

const RULES: &str =
    "User-agent: *\nDisallow: /private/\nAllow: /private/notice$\n\nUser-agent: greedy\nDisallow: /\n";

fn site() -> Mock {
    Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::text(RULES),
        "/old" => Reply::redirect(302, "/private/x"),
        _ => Reply::html("<title>t</title><a href='/next'>n</a>"),
    })
    .unwrap()
}

#[test]
fn a_record_has_its_keys_in_order_and_names_the_line() {
    let server = site();
    let url = server.join("/private/x");
    let record = gather!["robots", "check", &url].ok().record();
    assert_eq!(keys(&record), ["url", "agent", "allowed", "line", "rule"]);
    let expected =
        json!({"url": url, "agent": "gather", "allowed": false, "line": 2, "rule": "Disallow: /private/"});
    assert_eq!(record, expected);
    let record = gather!["robots", "check", server.join("/private/notice")].ok().record();
    assert_eq!((&record["allowed"], &record["line"]), (&json!(true), &json!(3)));
    let record = gather!["robots", "check", server.join("/x")].ok().record();
    assert_eq!(
        (&record["allowed"], &record["line"], &record["rule"]),
        (&json!(true), &Value::Null, &Value::Null)
    );
}

#[test]
fn the_agent_is_the_one_we_say_we_are_unless_another_is_asked_about() {
    let server = site();
    let table: [(&[&str], &str, bool); 5] = [
        (&[], "gather", true),
        (&["-A", "greedy/2.0"], "greedy", false),
        (&["-H", "User-Agent: Greedy"], "Greedy", false),
        (&["--agent", "greedy"], "greedy", false),
        (&["-A", "greedy", "--agent", "other"], "other", true),
    ];
    for (options, agent, allowed) in table {
        let record = gather!["robots", "check", server.join("/x")].args(options).ok().record();
        assert_eq!((&record["agent"], &record["allowed"]), (&json!(agent), &json!(allowed)), "{options:?}");
    }
    // The request itself carries what -A says.
    assert!(server.requests().iter().any(|request| request.header("user-agent") == Some("greedy/2.0")));
}

#[test]
fn the_file_of_an_origin_is_fetched_once_for_all_of_its_urls() {
    let (server, other) = (site(), site());
    let folder = Folder::new();
    let mut urls: Vec<String> = (0..50).map(|n| server.join(&format!("/{n}"))).collect();
    urls.push(other.join("/private/"));
    let run = gather!["robots", "check", "--ordered", "--summary", folder.join("s")].args(&urls).ok();
    assert_eq!(field(&run.records(), "url"), urls);
    assert_eq!((server.calls(), other.calls()), (1, 1));
    assert_eq!(lawful_summary(folder.join("s"))["ok"], 51);
}

#[test]
fn where_there_is_no_file_the_answer_says_why_and_is_an_answer() {
    for (status, allowed) in [(404, true), (401, true), (429, true), (503, false)] {
        let server = Mock::start(move |_| Reply::status(status)).unwrap();
        let record = gather!["robots", "check", server.join("/x"), "--retries", "0"].ok().record();
        assert_eq!((&record["allowed"], &record["line"]), (&json!(allowed), &Value::Null), "{status}");
        assert!(record["rule"].as_str().unwrap().contains(&status.to_string()), "{record}");
    }
    let dead = format!("http://127.0.0.1:{}/", dead_port());
    let record = gather!["robots", "check", dead, "--retries", "0"].ok().record();
    assert_eq!(record["allowed"], false);
    assert!(record["rule"].as_str().unwrap().contains("cannot be had"), "{record}");
}

#[test]
fn a_server_that_hangs_costs_the_time_given_for_an_input() {
    let server = Mock::start(|_| Reply::text(RULES).delay(std::time::Duration::from_secs(20))).unwrap();
    let folder = Folder::new();
    let run =
        gather!["robots", "check", server.join("/x"), "--timeout", "50ms", "--errors", folder.join("e")];
    run.run().code(1);
    assert_eq!(field(&jsonl_file(folder.join("e")), "phase"), ["total"]);
}

#[test]
fn a_redirect_to_a_private_address_is_not_followed() {
    let secret =
        Mock::builder().host(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))).start(|_| Reply::text(RULES)).unwrap();
    let target = secret.join("/robots.txt");
    let server = Mock::start(move |_| Reply::redirect(301, &target)).unwrap();
    let record = gather!["robots", "check", server.join("/x")].ok().record();
    assert_eq!((&record["allowed"], secret.calls()), (&json!(false), 0));
    assert!(record["rule"].as_str().unwrap().contains("loopback"), "{record}");
    let record = gather!["robots", "check", server.join("/x"), "--allow-private"].ok().record();
    assert_eq!((&record["allowed"], secret.calls()), (&json!(true), 1));
}

#[test]
fn a_file_is_checked_without_a_network() {
    let folder = Folder::new();
    let file = folder.write("robots.txt", format!("\u{feff}{}", RULES.replace('\n', "\r")));
    let urls = ["http://127.0.0.1:1/private/x", "/private/notice", "https://x.example/y"];
    let run = gather!["robots", "check", "--robots", &file, "--ordered"].args(urls).ok();
    let records = run.records();
    assert_eq!(
        records.iter().map(|record| &record["line"]).collect::<Vec<_>>(),
        [&json!(2), &json!(3), &Value::Null]
    );
    let missing = gather!["robots", "check", "--robots", folder.join("no"), "/x"].run().code(2);
    missing.says(&["cannot read", "hint:"]);
}

#[test]
fn what_is_no_url_fails_and_the_others_are_answered() {
    let server = site();
    let folder = Folder::new();
    let (errors, summary) = (folder.join("e"), folder.join("s"));
    let run = gather!["robots", "check", "ftp://h/", "/x", server.join("/x")];
    let run = run.args(["--errors".as_ref(), errors.as_os_str(), "--summary".as_ref(), summary.as_os_str()]);
    assert_eq!(field(&run.run().code(1).records(), "url"), [server.join("/x")]);
    assert_eq!(field(&jsonl_file(errors), "kind"), ["invalid_input"; 2]);
    let summary = lawful_summary(summary);
    assert_eq!((&summary["ok"], &summary["failed"]), (&json!(1), &json!(2)));
}

#[test]
fn wrong_usage_is_refused_with_a_hint() {
    let table: [&[&str]; 5] = [
        &["robots", "check"],
        &["robots", "check", "-d", "x", "http://h/"],
        &["robots", "check", "--batch", "/no/such/file"],
        &["robots", "check", "--batch", "-", "http://h/"],
        &["robots"],
    ];
    for args in table {
        crate::support::Gather::new().args(args).run().code(2);
    }
    gather!["robots", "check"].run().code(2).says(&["no URL to check", "hint:"]);
    gather!["fetch", "--robots", "-A", "(x)", "http://127.0.0.1:1/"].run().code(2).says(&["(x)", "hint:"]);
}

#[test]
fn text_is_for_people() {
    let folder = Folder::new();
    let file = folder.write("robots.txt", RULES);
    let run = gather![
        "robots",
        "check",
        "--robots",
        file,
        "--format",
        "text",
        "--ordered",
        "/private/\u{1b}[2J",
        "/x"
    ];
    let text = run.ok().stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("disallowed /private/") && lines[0].contains("line 2: Disallow: /private/"));
    assert!(lines[1].starts_with("allowed    /x for gather"), "{text}");
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn a_batch_is_answered_line_by_line_in_its_order() {
    let folder = Folder::new();
    folder.write("files/robots.txt", RULES);
    let questions = [
        json!({"robots": "User-agent: a\nDisallow: /x", "agent": "a/1", "url": "http://h/x"}),
        json!({"robots_file": "robots.txt", "agent": "greedy", "url": "http://h/y"}),
        json!({"robots_file": "robots.txt", "url": "/private/notice"}),
        json!({"robots": "", "agent": "a", "url": "http://h/", "note": "others are passed over"}),
    ];
    let lines: Vec<String> = questions.iter().map(Value::to_string).collect();
    let batch = folder.write("files/batch.jsonl", format!("{}\r\n\n", lines.join("\n")));
    let records = gather!["robots", "check", "--batch", &batch].ok().records();
    let expected = [
        json!({"url": "http://h/x", "agent": "a/1", "allowed": false, "line": 2, "rule": "Disallow: /x"}),
        json!({"url": "http://h/y", "agent": "greedy", "allowed": false, "line": 6, "rule": "Disallow: /"}),
        json!({"url": "/private/notice", "agent": "gather", "allowed": true, "line": 3, "rule": "Allow: /private/notice$"}),
        json!({"url": "http://h/", "agent": "a", "allowed": true, "line": null, "rule": null}),
    ];
    assert_eq!(records, expected);
    // From stdin paths are relative to where it runs.
    let text = std::fs::read(batch).unwrap();
    let run = gather!["robots", "check", "--batch", "-", "-j", "1"].here(folder.join("files")).stdin(text);
    assert_eq!(run.ok().records(), expected);
}

#[test]
fn a_bad_line_of_a_batch_is_named_and_the_rest_is_answered() {
    let folder = Folder::new();
    let good = json!({"robots": "", "agent": "a", "url": "http://h/"}).to_string();
    let bad = [
        "not json",
        "{\"robots\": \"\"}",
        "{\"url\": \"http://h/\"}",
        "{\"robots\": \"\", \"robots_file\": \"x\", \"url\": \"/\"}",
        "{\"robots_file\": \"no-such-file\", \"url\": \"/\"}",
        "{\"robots\": \"\", \"url\": \"nonsense\"}",
        "[1]",
        "{\"robots\": \"\", \"url\": \"/\"",
    ];
    let lines: Vec<&str> = bad.iter().flat_map(|bad| [&*good, "", bad]).collect();
    let batch = folder.write("b.jsonl", lines.join("\n"));
    let (errors, summary) = (folder.join("e"), folder.join("s"));
    let run = gather!["robots", "check", "--batch", batch, "--errors", &errors, "--summary", &summary];
    let run = run.run().code(1).says(&["line 3: not a question", "line 24:", "no-such-file"]);
    assert_eq!(run.records().len(), bad.len());
    let errors = jsonl_file(errors);
    let expected: Vec<String> = (1..=bad.len()).map(|n| format!("line {}", n * 3)).collect();
    assert_eq!(field(&errors, "input"), expected);
    assert_eq!(field(&errors, "kind").iter().filter(|kind| **kind == "not_found").count(), 1);
    let summary = lawful_summary(summary);
    assert_eq!((&summary["ok"], &summary["failed"]), (&json!(8), &json!(8)));
}

#[test]
fn fetch_links_and_scrape_obey_where_they_are_told_to() {
    let server = site();
    let folder = Folder::new();
    for command in ["fetch", "links", "scrape"] {
        let (errors, summary) = (folder.join("e"), folder.join("s"));
        let urls = ["/x", "/private/x", "/old"].map(|path| server.join(path));
        let run = gather![command, "--robots", "--errors", &errors, "--summary", &summary].args(&urls);
        let run = run.run().code(1).says(&["line 2 of", &server.join("/robots.txt"), "Disallow: /private/"]);
        assert_eq!(run.records().len(), 1, "{command}");
        let errors = jsonl_file(errors);
        assert_eq!(field(&errors, "kind"), ["robots"; 2], "{command}");
        let summary = lawful_summary(summary);
        assert_eq!((&summary["ok"], &summary["refused"]), (&json!(1), &json!(2)), "{command}");
        gather![command, &urls[1]].ok();
    }
    assert_eq!(server.calls_of("/robots.txt"), 3);
    assert_eq!(server.calls_of("/private/x"), 3); // of the runs without --robots
}

#[test]
fn the_agent_of_robots_is_that_of_the_user_agent() {
    let server = site();
    gather!["fetch", "--robots", "-A", "greedy/1.0", server.join("/x")]
        .run()
        .code(1)
        .says(&["line 6 of", "greedy"]);
    gather!["fetch", "--robots", server.join("/x")].ok();
    gather!["fetch", "--robots", "--body", server.join("/private/x")].run().code(1).says(&["line 2 of"]);
}

#[test]
fn pages_that_are_followed_are_checked_too() {
    let server = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::text("User-agent: *\nDisallow: /page/2"),
        _ => Reply::html("<h1>t</h1><a class=next href='/page/2'>n</a>"),
    })
    .unwrap();
    let folder = Folder::new();
    let recipe = folder.write("r.toml", "[fields]\nt = \"h1\"\n[follow]\nnext = \"a.next\"\n");
    let run = gather!["scrape", server.join("/page/1"), "--robots", "--recipe", recipe].run().code(1);
    assert_eq!(run.says(&["line 2 of"]).records().len(), 1);
    assert_eq!(server.calls_of("/page/2"), 0);
}

#[test]
fn the_shipped_site_bars_what_it_says() {
    let served = Served::start(data("site"), &[]);
    let paths = ["/private/index.html", "/private/notice.html", "/index.html"].map(|path| served.join(path));
    let run = gather!["robots", "check", "--ordered"].args(&paths).ok();
    let allowed: Vec<bool> =
        run.records().iter().map(|record| record["allowed"].as_bool().unwrap()).collect();
    assert_eq!(allowed, [false, true, true]);
    let record = gather!["robots", "check", "--agent", "GreedyBot/3", &paths[2]].ok().record();
    assert_eq!(record["allowed"], false);
}
