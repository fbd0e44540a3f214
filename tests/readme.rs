//! The commands of the README hold.

use gather_site::{Mock, Reply};

use crate::support::Folder;

/// The lines of the README's shell blocks that call `gather`, without their comments.
fn commands() -> Vec<String> {
    let readme = include_str!("../README.md");
    let mut commands = Vec::new();
    for block in readme.split("```sh").skip(1) {
        let block = block.split("```").next().unwrap();
        let lines = block.lines().map(|line| line.split(" # ").next().unwrap().trim());
        commands.extend(lines.filter(|line| line.starts_with("gather ")).map(str::to_owned));
    }
    commands
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let folder = Folder::new();
    folder.write("notes/a.txt", "a note");
    folder.write("shop/a.html", "<article><h2>A</h2><b class=price>1</b></article>");
    folder.write("shop.toml", "[fields]\ntitle = \"h1\"\n");
    folder.write("shop.test/a.html", "<h1>A</h1>");
    folder.write("shop.test/a.jsonl", "{\"title\":\"A\"}\n");
    folder.write("site/index.html", "x");
    let server = Mock::start(|request| match request.path() {
        "/api" => Reply::json("[1]"),
        "/sitemap.xml" => Reply::text("<urlset/>"),
        _ => Reply::html("<h1>x</h1><a href=/a>a</a>"),
    })
    .unwrap();
    folder.write("urls.txt", server.join("/a"));
    folder.write("api.toml", format!("[[endpoint]]\nname = \"a\"\nurl = \"{}\"\n", server.join("/api")));
    let commands = commands();
    assert!(commands.len() >= 8, "{commands:?}");
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_gather")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    for command in commands {
        // What would go to the net goes to a server here, and what would not end is asked for once.
        let line = command
            .replace("https://example.com", server.url())
            .replace("https://example.org", server.url())
            .replace("every 5m", "every 5ms --times 2");
        if line.starts_with("gather serve") {
            continue; // it does not end; the tests of `serve` try it
        }
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &line]).current_dir(folder.path()).env("PATH", &path);
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}
