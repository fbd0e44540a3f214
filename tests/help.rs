//! `--help` says what holds.

#[test]
fn help_says_the_defaults() {
    let defaults = [
        ("read", &["64", "5s"][..]),
        ("fetch", &["64", "2]", "10]", "10m", "10s", "64MiB", "gather/"]),
        ("links", &["64", "2]", "10]", "64MiB"]),
        ("sitemap", &["64", "2]", "10]", "64MiB", "1000]", "100,000", "robots.txt"]),
        ("scrape", &["64", "2]", "10]", "64MiB"]),
        ("crawl", &["64", "2]", "1s", "gather-HOST.db", "no limit"]),
        ("robots check", &["64", "2]", "10m", "else gather", "500 KiB"]),
        ("query", &["64", "2]"]),
        ("every", &["skip"]),
        ("serve", &["8000"]),
        ("demo", &["data/", "gather-demo"]),
    ];
    for (command, parts) in defaults {
        let help = crate::support::Gather::new().args(command.split(' ')).arg("--help").ok().stdout;
        assert!(help.contains("default"), "{command}");
        for part in parts {
            assert!(help.contains(part), "{command}: no {part:?} in {help}");
        }
    }
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let help = gather!["--help"].ok().stdout;
    for word in [
        "read", "fetch", "links", "scrape", "crawl", "sitemap", "status", "verify", "export", "robots",
        "query", "every", "serve", "demo", "130", "143",
    ] {
        assert!(help.contains(word), "no {word:?} in {help}");
    }
    assert!(gather!["--version"].ok().stdout.starts_with("gather "));
}
