//! HTTPS: whom we believe, and whom we do not.

use gather_site::{Mock, Reply, ServerTls, TestCa};

use crate::support::Folder;

fn server(tls: ServerTls) -> Mock {
    Mock::builder().tls(tls).start(|_| Reply::text("secret")).unwrap()
}

#[test]
fn a_good_certificate_is_believed_when_its_authority_is() {
    let ca = TestCa::new().unwrap();
    let folder = Folder::new();
    let pem = folder.write("ca.pem", ca.ca_pem());
    let server = server(ca.good().unwrap());
    assert_eq!(gather!["fetch", server.url(), "--cacert", pem].ok().record()["status"], 200);
    gather!["fetch", server.url(), "--retries", "0"].run().code(1).says(&["certificate"]);
    assert_eq!(server.calls(), 1);
}

#[test]
fn every_bad_certificate_is_a_failure_of_kind_tls() {
    let ca = TestCa::new().unwrap();
    let folder = Folder::new();
    let pem = folder.write("ca.pem", ca.ca_pem());
    let bad = [ca.expired(), ca.not_yet_valid(), ca.wrong_host(), ca.self_signed()];
    for (which, tls) in bad.into_iter().enumerate() {
        let server = server(tls.unwrap());
        let run =
            gather!["fetch", server.url(), "--cacert", &pem, "--errors", folder.join("e")].run().code(1);
        assert_eq!(run.stdout, "");
        let error = &crate::support::jsonl_file(folder.join("e"))[0];
        assert_eq!((&error["kind"], &error["attempts"]), (&"tls".into(), &1.into()), "{which}");
        assert_eq!(server.calls(), 0, "nothing was sent");
    }
}

#[test]
fn insecure_believes_anybody_and_says_so() {
    let ca = TestCa::new().unwrap();
    for tls in [ca.expired(), ca.wrong_host(), ca.self_signed()] {
        let server = server(tls.unwrap());
        assert_eq!(gather!["fetch", "-k", server.url()].ok().record()["status"], 200);
    }
}

#[test]
fn authorities_that_cannot_be_read_are_wrong_usage() {
    let folder = Folder::new();
    let empty = folder.write("empty.pem", "no certificate in here");
    for path in [folder.join("missing.pem"), empty] {
        let name = path.display().to_string();
        gather!["fetch", "https://127.0.0.1:1/", "--cacert", path].run().code(2).says(&[&name]);
    }
}

#[test]
fn https_of_a_server_that_speaks_http_is_a_failure_of_kind_tls() {
    let server = Mock::start(|_| Reply::text("plain")).unwrap();
    let folder = Folder::new();
    let url = server.url().replace("http://", "https://");
    gather!["fetch", url, "--retries", "0", "--errors", folder.join("e")].run().code(1);
    assert!(folder.read("e").contains("\"kind\":\"tls\""), "{}", folder.read("e"));
}

#[test]
fn a_name_is_checked_against_the_certificate_not_the_address() {
    let ca = TestCa::new().unwrap();
    let folder = Folder::new();
    let pem = folder.write("ca.pem", ca.ca_pem());
    let server = server(ca.good_for(&["shop.example"]).unwrap());
    let port = server.addr().port();
    let fetch = |host: &str| {
        let rule = format!("{host}:{port}:127.0.0.1");
        gather!["fetch", format!("https://{host}:{port}/"), "--cacert", &pem, "--resolve", rule].run()
    };
    fetch("shop.example").code(0);
    fetch("other.example").code(1);
}

#[test]
fn a_redirect_to_http_is_followed_only_with_allow_downgrade() {
    let ca = TestCa::new().unwrap();
    let folder = Folder::new();
    let pem = folder.write("ca.pem", ca.ca_pem());
    let plain = Mock::start(|_| Reply::text("plain")).unwrap();
    let location = plain.join("/");
    let tls = ca.good().unwrap();
    let server = Mock::builder().tls(tls).start(move |_| Reply::redirect(302, &location)).unwrap();
    let run =
        gather!["fetch", "--allow-private", "--cacert", &pem, "--errors", folder.join("e"), server.url()];
    run.run().code(1);
    assert_eq!(crate::support::jsonl_file(folder.join("e"))[0]["kind"], "redirect");
    assert_eq!(plain.calls(), 0);
    let run = gather!["fetch", "--allow-private", "--cacert", pem, "--allow-downgrade", server.url()];
    assert_eq!(run.ok().record()["final_url"], plain.join("/"));
}

#[test]
fn a_robots_txt_that_leaves_https_is_read_only_with_allow_downgrade() {
    let ca = TestCa::new().unwrap();
    let folder = Folder::new();
    let pem = folder.write("ca.pem", ca.ca_pem());
    let plain = Mock::start(|_| Reply::text("User-agent: *\nAllow: /")).unwrap();
    let location = plain.join("/robots.txt");
    let server = Mock::builder().tls(ca.good().unwrap()).start(move |request| match request.path() {
        "/robots.txt" => Reply::redirect(302, &location),
        _ => Reply::html("<title>x</title>"),
    });
    let server = server.unwrap();
    let crawl = gather!["crawl", server.url(), "--store", "a.db", "--cacert", &pem, "--allow-private"];
    crawl.here(folder.path()).run().code(1).says(&["it leads from https to http"]);
    assert_eq!(plain.calls(), 0);
    let crawl = gather!["crawl", server.url(), "--store", "a.db", "--cacert", &pem, "--allow-private"];
    assert_eq!(crawl.arg("--allow-downgrade").here(folder.path()).ok().record()["title"], "x");
}
