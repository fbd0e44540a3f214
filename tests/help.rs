//! `--help` says what holds.

#[test]
fn help_says_the_defaults() {
    let defaults = [
        ("read", &["64", "5s"][..]),
        ("fetch", &["64", "2]", "10]", "10m", "10s", "64MiB", "gather/"]),
        ("links", &["64", "2]", "10]", "64MiB"]),
        ("scrape", &["64", "2]", "10]", "64MiB"]),
        ("query", &["64", "2]"]),
        ("every", &["skip"]),
        ("serve", &["8000"]),
        ("demo", &["data/", "gather-demo"]),
    ];
    for (command, parts) in defaults {
        let help = gather![command, "--help"].ok().stdout;
        assert!(help.contains("default"), "{command}");
        for part in parts {
            assert!(help.contains(part), "{command}: no {part:?} in {help}");
        }
    }
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let help = gather!["--help"].ok().stdout;
    for word in ["read", "fetch", "links", "scrape", "query", "every", "serve", "demo", "130", "143"] {
        assert!(help.contains(word), "no {word:?} in {help}");
    }
    assert!(gather!["--version"].ok().stdout.starts_with("gather "));
}
