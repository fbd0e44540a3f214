//! `-x`, `--noproxy`, and the variables that curl reads.

use gather_site::{Mock, Reply};

use crate::support::Gather;

/// Stands in for a proxy: what it is asked it answers itself.
fn proxy() -> Mock {
    Mock::start(|request| Reply::text(request.header("host").unwrap_or_default().to_owned())).unwrap()
}

fn fetch(url: &str) -> Gather {
    gather!["fetch", url, "--text", "--retries", "0", "--connect-timeout", "2s"]
}

#[test]
fn a_proxy_is_asked_by_option_and_by_variable() {
    let proxy = proxy();
    let address = proxy.addr().to_string();
    for run in [
        fetch("http://h.example/").args(["-x", &address]),
        fetch("http://h.example/").args(["--proxy", proxy.url()]),
        fetch("http://h.example/").env("http_proxy", &address),
        fetch("http://h.example/").env("ALL_PROXY", proxy.url()),
        fetch("http://h.example/").env("http_proxy", "127.0.0.1:1").args(["-x", &address]),
    ] {
        assert_eq!(run.ok().record()["text"], "h.example");
    }
    assert_eq!(proxy.calls(), 5);
}

#[test]
fn what_is_named_goes_past_it() {
    let (proxy, server) = (proxy(), Mock::start(|_| Reply::text("direct")).unwrap());
    let dead = "127.0.0.1:1";
    for run in [
        fetch(server.url()).args(["-x", dead, "--noproxy", "127.0.0.0/8"]),
        fetch(server.url()).args(["-x", dead, "--noproxy", "*"]),
        fetch(server.url()).args(["-x", dead]).env("NO_PROXY", "127.0.0.1"),
        fetch(server.url()).env("http_proxy", dead).env("no_proxy", "127.0.0.1"),
        fetch(server.url()).env("http_proxy", dead).args(["-x", ""]),
        fetch(server.url()).env("HTTP_PROXY", dead),
    ] {
        assert_eq!(run.ok().record()["text"], "direct");
    }
    // As curl has it, this machine is asked through the proxy, too, unless somebody says otherwise.
    let run = fetch(server.url()).env("http_proxy", proxy.url()).ok();
    assert_eq!(run.record()["text"], server.addr().to_string());
    assert_eq!(proxy.calls(), 1);
}

#[test]
fn what_is_no_proxy_is_refused_before_any_work_and_keeps_its_password() {
    for run in [
        fetch("http://h.example/").args(["-x", "socks5://me:hunter2@p:1"]),
        fetch("http://h.example/").env("https_proxy", "socks5://me:hunter2@p:1"),
    ] {
        let run = run.run().code(2);
        assert!(run.stderr.contains("hint:") && !run.stderr.contains("hunter2"), "{}", run.stderr);
    }
}

#[test]
fn a_login_is_told_to_the_proxy_and_not_said() {
    let proxy = proxy();
    let with_login = proxy.url().replace("http://", "http://me:hunter2@");
    let run = fetch("http://h.example/").args(["-v", "-x", &with_login]).ok();
    assert!(!run.stderr.contains("hunter2") && !run.stdout.contains("hunter2"));
    assert!(
        proxy.requests()[0].header("proxy-authorization").is_some_and(|value| value.starts_with("Basic "))
    );
}
