//! `--input`, and what one command hands to another.

use gather_site::{Mock, Reply};

use crate::support::{Folder, Gather, as_set, dead_port, field, jsonl_file};

fn echo() -> Mock {
    Mock::start(|request| Reply::text(request.path().to_owned())).unwrap()
}

#[test]
fn a_list_is_lines_jsonl_json_or_csv_by_its_content() {
    let server = echo();
    let (a, b) = (server.join("/a"), server.join("/b"));
    let lists = [
        format!("{a}\r\n\n  {b}\n"),
        format!("{{\"url\":\"{a}\"}}\n{{\"input\":\"{b}\"}}\n"),
        format!("[{{\"url\":\"{a}\"}}, \"{b}\"]"),
        format!("name,url\nx,{a}\n\"y, z\",{b}\n"),
        format!("name\turl\nx\t{a}\ny\t{b}\n"),
    ];
    for list in lists {
        let run = gather!["fetch", "--input", "-", "--ordered"].stdin(list.clone()).ok();
        assert_eq!(field(&run.records(), "url"), [&a, &b], "{list}");
    }
}

#[test]
fn a_list_may_be_a_file_and_comes_after_what_was_typed() {
    let server = echo();
    let folder = Folder::new();
    let list = folder.write("list.txt", server.join("/b"));
    let run = gather!["fetch", server.join("/a"), "--input", list, "--ordered"].ok();
    assert_eq!(field(&run.records(), "url"), [server.join("/a"), server.join("/b")]);
}

#[test]
fn another_key_can_be_named() {
    let server = echo();
    let list = format!("{{\"url\":\"nonsense\",\"next\":\"{}\"}}\n", server.join("/a"));
    let run = gather!["fetch", "--input", "-", "--input-key", "next"].stdin(list).ok();
    assert_eq!(run.record()["url"], server.join("/a"));
}

#[test]
fn an_entry_that_names_nothing_fails_and_the_rest_goes_on() {
    let server = echo();
    let list = format!("{{\"x\":1}}\nnot json\n{{\"url\":\"{}\"}}\n", server.join("/a"));
    let folder = Folder::new();
    let run = gather!["fetch", "--input", "-", "--errors", folder.join("e.jsonl")].stdin(list).run().code(1);
    assert_eq!(run.record()["url"], server.join("/a"));
    assert_eq!(field(&jsonl_file(folder.join("e.jsonl")), "kind"), ["invalid_input"; 2]);
}

#[test]
fn a_list_that_is_not_there_is_wrong_usage() {
    gather!["fetch", "--input", "/no/such/list"].run().code(2).says(&["/no/such/list", "hint:"]);
    gather!["read", "--input", "/no/such/list"].run().code(2).says(&["/no/such/list"]);
}

#[test]
fn nothing_to_do_is_wrong_usage_and_an_empty_list_is_not() {
    for command in ["read", "fetch", "links", "scrape"] {
        gather![command].run().code(2).says(&["hint:"]);
        assert_eq!(gather![command, "--input", "-"].ok().stdout, "");
    }
}

#[test]
fn links_hand_over_to_fetch() {
    let server = Mock::start(|request| match request.path() {
        "/" => Reply::html("<a href=one>1</a> <a href=/two>2</a> <a href='mailto:x@example.com'>3</a>"),
        path => Reply::text(path.to_owned()),
    })
    .unwrap();
    let links = gather!["links", server.join("/")].ok();
    assert_eq!(field(&links.records(), "url"), [server.join("/one"), server.join("/two")]);
    let run = gather!["fetch", "--input", "-", "--ordered"].stdin(links.bytes).ok();
    assert_eq!(field(&run.records(), "url"), [server.join("/one"), server.join("/two")]);
    let text = gather!["links", server.join("/"), "--format", "text"].ok();
    assert_eq!(text.stdout, format!("{}\n{}\n", server.join("/one"), server.join("/two")));
    let again = gather!["fetch", "--input", "-", "--ordered"].stdin(text.bytes).ok();
    assert_eq!(as_set(again.records()), as_set(run.records()));
}

#[test]
fn the_file_of_errors_is_a_list_of_what_to_try_again() {
    let server = Mock::start(|request| match (request.path(), request.call()) {
        ("/late", 1) => Reply::status(404),
        (path, _) => Reply::text(path.to_owned()),
    })
    .unwrap();
    let folder = Folder::new();
    let errors = folder.join("errors.jsonl");
    let dead = format!("http://127.0.0.1:{}/", dead_port());
    let inputs = [server.join("/good"), server.join("/late"), dead.clone()];
    gather!["fetch", "--retries", "0", "--errors", &errors].args(&inputs).run().code(1);
    // Read and written in the same run: the file is replaced at the end, not at the start.
    let run = gather!["fetch", "--retries", "0", "--input", &errors, "--errors", &errors].run().code(1);
    assert_eq!(run.record()["url"], server.join("/late"));
    assert_eq!(field(&jsonl_file(&errors), "input"), [dead]);
}

#[test]
fn what_read_wrote_is_a_list_of_paths() {
    let folder = Folder::new();
    folder.write("in/a.html", "<title>A</title>");
    folder.write("in/b.html", "<title>B</title>");
    let read = gather!["read", folder.join("in"), "--no-text"].ok();
    let run = gather!["scrape", "--input", "-", "--field", "t=title", "--ordered"].stdin(read.bytes).ok();
    assert_eq!(run.records().len(), 2);
}

/// Answers with the login that came, and at `/` with a link to `target`.
fn who(target: String) -> Mock {
    Mock::start(move |request| match request.path() {
        "/" => Reply::html(format!("<a href='{target}'>x</a>")),
        _ => Reply::text(request.header("authorization").unwrap_or("nobody").to_owned()),
    })
    .unwrap()
}

/// What a page at `from` leads to, as a list of records.
fn linked(from: &str, to: &str) -> String {
    format!("{{\"source\":\"{from}\",\"url\":\"{to}\"}}\n")
}

#[test]
fn what_a_page_leads_to_is_not_what_the_user_typed() {
    let server = who(String::new());
    let admin = server.join("/admin");
    for page in ["http://evil.example/", "https://127.0.0.1.evil.example/", "page.html", ""] {
        let lists = [linked(page, &admin), format!("source,url\n{page},{admin}\n")];
        for list in lists.iter().filter(|_| !page.is_empty()) {
            let folder = Folder::new();
            let errors = folder.join("e");
            let run =
                gather!["fetch", "--input", "-", "-u", "me:pw", "--errors", &errors].stdin(list.clone());
            run.run().code(1).says(&["--allow-private"]);
            assert_eq!(field(&jsonl_file(&errors), "kind"), ["private_address"], "{list}");
        }
    }
    assert_eq!(server.calls(), 0);
    let list = linked("http://evil.example/", &admin);
    let run = gather!["fetch", "--input", "-", "--text", "-u", "me:pw", "--allow-private"].stdin(list).ok();
    assert_eq!(run.record()["text"], "nobody");
}

#[test]
fn a_page_of_this_machine_may_lead_to_this_machine_and_collects_no_login() {
    let other = who(String::new());
    let server = who(other.join("/x"));
    let links = gather!["links", server.join("/")].ok();
    let fetch = ["fetch", "--input", "-", "--text", "-u", "me:pw"];
    let run = gather![].args(fetch).stdin(links.bytes.clone()).ok();
    assert_eq!(run.record()["text"], "nobody");
    // The origin is on the command line, too: then it is the user who names it.
    for _ in 0..20 {
        let run = gather![].args(fetch).arg(other.join("/y")).stdin(links.bytes.clone()).ok();
        assert_eq!(field(&run.records(), "text"), ["Basic bWU6cHc="; 2], "whichever goes first");
    }
}

#[test]
fn a_list_of_the_users_own_has_the_login_unless_the_command_line_names_who_has_it() {
    let (server, other) = (who(String::new()), who(String::new()));
    let lists = [server.join("/a"), format!("{{\"url\":\"{}\"}}", server.join("/a"))];
    for list in lists {
        let fetch = ["fetch", "--input", "-", "--ordered", "--text", "-u", "me:pw"];
        let run = gather![].args(fetch).stdin(list.clone()).ok();
        assert_eq!(run.record()["text"], "Basic bWU6cHc=");
        let run = gather![].args(fetch).arg(other.join("/b")).stdin(list).ok();
        assert_eq!(field(&run.records(), "text"), ["Basic bWU6cHc=", "nobody"]);
    }
}

/// What fetching the list does to a server that it names, with a login and nothing allowed.
#[track_caller]
fn assert_not_trusted(list: impl AsRef<[u8]>, server: &Mock) {
    let folder = Folder::new();
    let run = gather!["fetch", "--input", "-", "-u", "me:pw", "--errors", folder.join("e")];
    run.stdin(list.as_ref()).run().code(1).says(&["--allow-private"]);
    assert_eq!(server.calls(), 0);
    assert_eq!(field(&jsonl_file(folder.join("e")), "kind")[0], "private_address");
}

#[test]
fn what_a_page_leads_to_is_no_seed_that_the_user_typed() {
    let server = who(String::new());
    let folder = Folder::new();
    let crawl = |list: &str| {
        let crawl = gather!["crawl", "--input", "-", "-u", "me:pw", "--errors", "e", "--restart"];
        crawl.args(["--store", "a.db", "--field", "t=body"]).here(folder.path()).stdin(list)
    };
    let admin = server.join("/admin");
    crawl(&linked("http://evil.example/", &admin)).run().code(1).says(&[&admin, "loopback"]);
    assert_eq!(server.calls(), 0);
    assert_not_trusted(folder.read("e"), &server);
    let page = who(String::new());
    let login = |page: &Mock| page.requests().last().unwrap().header("authorization").map(str::to_owned);
    crawl(&linked(page.url(), &page.join("/x"))).run();
    assert_eq!(
        (page.calls_of("/x"), login(&page)),
        (1, None),
        "where the page stands itself, without a login"
    );
    crawl(&page.join("/y")).run();
    assert_eq!((page.calls_of("/y"), login(&page)), (1, Some("Basic bWU6cHc=".to_owned())));
    crawl(&page.join("/z")).arg(server.url()).run();
    assert_eq!((page.calls_of("/z"), login(&page)), (1, None), "the command line names who has it");
}

#[test]
fn what_a_sitemap_names_is_not_what_the_user_typed() {
    let server = who(String::new());
    let sitemap = format!("<urlset><url><loc>{}</loc></url></urlset>", server.join("/admin"));
    for format in ["jsonl", "json", "csv"] {
        let records = gather!["sitemap", "-", "--format", format].stdin(sitemap.clone()).ok();
        assert_not_trusted(records.bytes, &server);
    }
}

#[test]
fn an_error_of_what_a_page_led_to_gains_no_trust() {
    let server = who(String::new());
    let admin = server.join("/admin");
    let folder = Folder::new();
    let refused = |run: Gather| {
        run.args(["--errors", "e"]).here(folder.path()).run().code(1);
        folder.read("e")
    };
    let linked = linked("http://evil.example/", &admin);
    for command in ["fetch", "links", "scrape", "sitemap"] {
        let errors = refused(gather![command, "--input", "-"].stdin(linked.clone()));
        assert_eq!(errors.matches("\"source\":\"http://evil.example/\"").count(), 1, "{errors}");
        assert_not_trusted(errors, &server);
    }
    let index =
        format!("<sitemapindex>{0}{0}</sitemapindex>", format!("<sitemap><loc>{admin}</loc></sitemap>"));
    let index = index.replacen(&admin, "http://127.0.0.1:1/", 1);
    let errors = refused(gather!["sitemap", "-"].stdin(index));
    let of_nested = errors.lines().find(|line| line.contains("\"source\":\"-\"")).unwrap();
    assert_not_trusted(of_nested, &server);
}

#[test]
fn what_a_crawl_found_and_could_not_have_is_not_what_the_user_typed() {
    let server = who(String::new());
    let site = who(server.join("/admin"));
    let folder = Folder::new();
    let port = site.addr().port();
    let (public, resolve) =
        (format!("http://public.example:{port}/"), format!("public.example:{port}:127.0.0.1"));
    let crawl = gather!["crawl", &public, "--resolve", &resolve, "--store", "a.db", "--errors", "e"];
    crawl.args(["--allow", "http://127.0.0.1:*/**"]).here(folder.path()).run();
    let errors = jsonl_file(folder.join("e"));
    assert_eq!((&errors[0]["input"], &errors[0]["source"]), (&server.join("/admin").into(), &public.into()));
    assert_not_trusted(folder.read("e"), &server);
}

#[test]
fn what_a_crawl_could_not_have_of_its_own_site_can_be_asked_for_again() {
    let site = Mock::start(|request| match (request.path(), request.header("accept-language")) {
        ("/", _) => Reply::html("<a href=/x>x</a>"),
        ("/x", None) => Reply::status(500),
        _ => Reply::html("<title>x</title>"),
    })
    .unwrap();
    let folder = Folder::new();
    let crawl = gather!["crawl", site.url(), "--store", "a.db", "--retries", "0", "--errors", "e"];
    crawl.here(folder.path()).run().code(1);
    let again = gather!["fetch", "--input", "e", "-H", "Accept-Language: de"].here(folder.path()).ok();
    assert_eq!(again.records()[0]["url"], site.join("/x"));
}

#[test]
fn the_index_of_saved_pages_says_what_led_to_them() {
    let server = who(String::new());
    let (folder, admin) = (Folder::new(), server.join("/admin"));
    let fetch =
        gather!["fetch", "--input", "-", "--allow-private", "--output-dir", "saved"].here(folder.path());
    fetch.stdin(linked("http://evil.example/", &admin)).ok();
    let index = folder.read("saved/index.jsonl");
    assert!(index.contains("\"source\":\"http://evil.example/\""), "{index}");
    let calls = server.calls();
    let again = gather!["fetch", "--input", "saved/index.jsonl", "-u", "me:pw"].here(folder.path());
    again.run().code(1).says(&["--allow-private"]);
    assert_eq!(server.calls(), calls);
}

#[test]
fn a_list_and_a_body_cannot_both_be_on_stdin() {
    for body in [["-d", "@-"], ["--json", "@-"]] {
        let run = gather!["fetch", "--input", "-"].args(body).stdin("http://127.0.0.1:1/\n").run().code(2);
        run.says(&["stdin", "hint:"]);
    }
}

#[test]
fn a_url_that_is_not_utf_8_is_no_input() {
    let server = echo();
    let list = [server.join("/m").as_bytes(), b"\xfcller\n"].concat();
    gather!["fetch", "--input", "-"].stdin(list).run().code(1).says(&["is not UTF-8", "%XX"]);
    assert_eq!(server.calls(), 0);
}

#[test]
fn a_password_that_we_left_out_is_none() {
    let server = who(String::new());
    let url = server.join("/a").replace("://", "://me:***@");
    let run = gather!["fetch", "--input", "-", "--text"].stdin(url).ok();
    assert_eq!(run.record()["text"], "Basic bWU6", "me, and no password");
}

#[test]
fn a_first_line_that_is_the_name_of_a_file_is_one_whatever_it_looks_like() {
    for name in ["t\tpath", "x,path", "\"q\"", "[1]", "{}", "path"] {
        let folder = Folder::new();
        folder.write(name, "1");
        folder.write("a", "2");
        let run = gather!["read", "--input", "-", "--ordered"].here(folder.path());
        let records = run.stdin(format!("{name}\na\n")).ok().records();
        assert_eq!(field(&records, "path"), [name, "a"]);
    }
}

#[test]
fn a_quote_that_is_left_open_in_a_table_names_no_input() {
    let server = echo();
    let list = format!("id,url\n1,\"{}\n2,{}\n", server.join("/a"), server.join("/b"));
    gather!["fetch", "--input", "-"].stdin(list).run().code(1).says(&["line break", "quote"]);
    assert_eq!(server.calls(), 0);
}
