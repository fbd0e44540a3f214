//! Which files of folders are read.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use gather_core::run;
use gather_file_reader::{ErrorKind, Globs, Reader, ReaderBuilder, Types};
use tempfile::TempDir;

fn folder(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        write(folder.path(), file, "x");
    }
    folder
}

fn write(folder: &Path, file: &str, text: &str) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The files that were read, and how many were skipped; there is no other end.
fn read(builder: ReaderBuilder, root: &Path, paths: &[&Path]) -> (Vec<String>, usize) {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    let results: Vec<_> = run(builder.build().read(paths).collect::<Vec<_>>()).unwrap();
    let (mut names, mut skipped) = (Vec::new(), 0);
    for result in results {
        match result {
            Ok(file) => names.push(file.path().strip_prefix(root).unwrap().display().to_string()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Skipped, "{error}");
                skipped += 1;
            }
        }
    }
    names.sort();
    (names, skipped)
}

#[test]
fn globs_choose_files_and_leave_out_folders_and_count_what_they_leave_out() {
    let folder = folder(&["a.rs", "b.txt", "src/c.rs", "target/d.rs", "target/deep/e.rs"]);
    let globs = Globs::new(["*.rs"], ["target"]).unwrap();
    let (names, skipped) = read(Reader::builder().globs(globs), folder.path(), &[folder.path()]);
    assert_eq!(names, ["a.rs", "src/c.rs"]);
    assert_eq!(skipped, 2, "b.txt, and target as a whole");
}

#[test]
fn what_is_named_is_read_whatever_the_globs_say() {
    let folder = folder(&["a.txt"]);
    let globs = Globs::new(["*.rs"], ["*.txt"]).unwrap();
    let (names, _) = read(Reader::builder().globs(globs), folder.path(), &[&folder.path().join("a.txt")]);
    assert_eq!(names, ["a.txt"]);
}

#[test]
fn types_are_told_by_names() {
    let folder = folder(&["a.html", "b.txt", "c.htm", "d.png", "e"]);
    let types = Types::new(["html", "txt"]).unwrap();
    let (names, skipped) = read(Reader::builder().types(types), folder.path(), &[folder.path()]);
    assert_eq!((names, skipped), (["a.html", "b.txt", "c.htm"].map(str::to_owned).to_vec(), 2));
}

#[test]
fn depth_one_is_the_folder_itself() {
    let folder = folder(&["a", "sub/b", "sub/sub/c"]);
    for (depth, files) in [(Some(1), 1), (Some(2), 2), (None, 3)] {
        let (names, _) = read(Reader::builder().max_depth(depth), folder.path(), &[folder.path()]);
        assert_eq!(names.len(), files, "{depth:?}");
    }
}

#[test]
fn sizes_and_ages_choose_among_what_is_found_and_not_among_what_is_named() {
    let folder = folder(&["new"]);
    write(folder.path(), "old", "longer");
    let day = Duration::from_secs(86_400);
    let (now, old) = (SystemTime::now(), folder.path().join("old"));
    fs::File::options().write(true).open(&old).unwrap().set_modified(now - 3 * day).unwrap();
    let only = |builder: ReaderBuilder| read(builder, folder.path(), &[folder.path()]).0;
    assert_eq!(only(Reader::builder().newer(now - day)), ["new"]);
    assert_eq!(only(Reader::builder().older(now - day)), ["old"]);
    assert_eq!(only(Reader::builder().min_size(2)), ["old"]);
    let named = read(Reader::builder().newer(now - day).min_size(100), folder.path(), &[&old]).0;
    assert_eq!(named, ["old"]);
}

#[test]
fn gitignore_rules_hold_by_folder_the_nearer_over_the_farther() {
    let folder = folder(&["a.log", "keep/a.log", "b.txt", "target/c", "sub/target/d", "sub/e.tmp", "e.tmp"]);
    write(folder.path(), ".gitignore", "*.log\ntarget/\n");
    write(folder.path(), "keep/.gitignore", "!a.log\n");
    write(folder.path(), "sub/.gitignore", "*.tmp\n");
    let (names, _) = read(Reader::builder().gitignore(true), folder.path(), &[folder.path()]);
    assert_eq!(names, ["b.txt", "e.tmp", "keep/a.log"]);
    let (names, _) = read(Reader::builder(), folder.path(), &[folder.path()]);
    assert_eq!(names.len(), 7);
}

#[test]
fn a_line_of_gitignore_means_what_git_takes_it_for() {
    let files =
        ["[", "[a", "x{a,b}", "xa", "xb", "tab\t", "tab", "a,b", "br{", "-", "!", "^", "]", "\\", "Q", "7"];
    // What `git status --ignored` says.
    for (line, ignored) in [
        ("!", &[][..]),
        ("[", &[]),
        ("[a", &[]),
        ("*[", &[]),
        ("[[]", &["["]),
        ("x{a,b}", &["x{a,b}"]),
        (r"x\{a,b\}", &["x{a,b}"]),
        ("a,b", &["a,b"]),
        ("br[{]", &["br{"]),
        ("tab\t", &["tab\t"]),
        ("tab  ", &["tab"]),
        ("x[!a]", &["xb"]),
        ("x[[:alpha:]]", &["xa", "xb"]),
        ("[[:upper:][:digit:]]", &["Q", "7"]),
        ("[[:punct:]]", &["[", "-", "!", "^", "]", "\\"]),
        ("[![:punct:]]", &["Q", "7"]),
        ("[[:no:]]", &[]),
        (r"[\]Q]", &["]", "Q"]),
        (r"x[\a-b]", &["xa", "xb"]),
        (r"[Q\-\\]", &["Q", "-", "\\"]),
        (r"[\^\!]", &["^", "!"]),
        ("[]-]", &["]", "-"]),
        (r"[]^\-]", &["]", "^", "-"]),
        ("[Z-Q]", &[]),
        ("[Q-A]", &["Q"]),
        ("[/]", &[]),
    ] {
        let folder = folder(&files);
        write(folder.path(), ".gitignore", &format!("{line}\n"));
        let (names, _) = read(Reader::builder().gitignore(true), folder.path(), &[folder.path()]);
        let mut expected: Vec<&str> = files.into_iter().filter(|name| !ignored.contains(name)).collect();
        expected.sort_unstable();
        assert_eq!(names, expected, "{line:?}");
    }
}

#[test]
fn a_line_of_gitignore_that_is_a_lone_mark_lets_nothing_back_in() {
    let folder = folder(&["a.log", "b.txt", "sub/a.log", "sub/b.txt"]);
    write(folder.path(), ".gitignore", "*.log\n!\n");
    let (names, _) = read(Reader::builder().gitignore(true), folder.path(), &[folder.path()]);
    assert_eq!(names, ["b.txt", "sub/b.txt"]);
}

#[test]
fn gitignore_rules_above_the_folder_hold_up_to_the_root_of_the_repository() {
    let folder =
        folder(&["repo/sub/a.log", "repo/sub/b.txt", "repo/sub/c.out", "repo/sub/d.md", "repo/.git/config"]);
    write(folder.path(), ".gitignore", "*.md\n"); // outside of the repository
    write(folder.path(), "repo/.gitignore", "*.log\n");
    write(folder.path(), "repo/.git/info/exclude", "*.out\n");
    let sub = folder.path().join("repo/sub");
    let (names, _) = read(Reader::builder().gitignore(true), &sub, &[&sub]);
    assert_eq!(names, ["b.txt", "d.md"]);
    let repo = folder.path().join("repo");
    let (names, _) = read(Reader::builder().gitignore(true).hidden(true), &repo, &[&repo]);
    assert_eq!(names, [".gitignore", "sub/b.txt", "sub/d.md"], "never what is in .git");
}

#[test]
fn the_rules_that_a_repository_keeps_to_itself_hold_in_its_linked_work_trees() {
    let folder = folder(&["tree/a.sec", "tree/b.txt", "main/.git/worktrees/tree/HEAD"]);
    write(folder.path(), "main/.git/info/exclude", "*.sec\n");
    write(folder.path(), "main/.git/worktrees/tree/commondir", "../..\n");
    write(folder.path(), "tree/.git", "gitdir: ../main/.git/worktrees/tree\n");
    let tree = folder.path().join("tree");
    let (names, _) = read(Reader::builder().gitignore(true), &tree, &[&tree]);
    assert_eq!(names, ["b.txt"]);
}

#[test]
fn a_glob_that_begins_as_a_comment_is_one_and_nothing_is_none() {
    let folder = folder(&["#a#", "#b.txt", "c.txt"]);
    let globs = |include: &[&str], exclude: &[&str]| {
        let globs = Globs::new(include, exclude).unwrap();
        read(Reader::builder().globs(globs), folder.path(), &[folder.path()]).0
    };
    assert_eq!(globs(&["#b.txt"], &[]), ["#b.txt"]);
    assert_eq!(globs(&[], &["#*#"]), ["#b.txt", "c.txt"]);
    assert!(Globs::new([" "], [""; 0]).is_err());
}

#[test]
fn a_file_that_is_reached_twice_is_read_once_and_its_other_names_are_files() {
    let folder = folder(&["a", "sub/b"]);
    let (root, sub) = (folder.path(), folder.path().join("sub"));
    fs::hard_link(root.join("a"), root.join("also-a")).unwrap();
    let (names, skipped) = read(Reader::builder(), root, &[&sub, root, &root.join("a"), &sub.join("../a")]);
    assert_eq!((names.len(), skipped), (3, 3), "{names:?}");
    let (names, _) = read(Reader::builder().once(false), root, &[&sub, root]);
    assert_eq!(names.len(), 4);
}

#[test]
fn a_link_that_is_followed_leads_to_no_file_twice() {
    let folder = folder(&["sub/a"]);
    symlink(folder.path().join("sub"), folder.path().join("link")).unwrap();
    symlink(folder.path().join("sub/a"), folder.path().join("file")).unwrap();
    let (names, skipped) = read(Reader::builder().follow(true), folder.path(), &[folder.path()]);
    assert_eq!((names.len(), skipped), (1, 2));
    let (names, _) = read(Reader::builder().follow(true).once(false), folder.path(), &[folder.path()]);
    assert_eq!(names.len(), 3);
}

#[test]
fn the_same_is_chosen_at_every_width() {
    let files: Vec<String> = (0..400).map(|n| format!("{}/{n}.{}", n % 9, ["rs", "txt"][n % 2])).collect();
    let folder = folder(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let chosen = |jobs: usize, ordered| {
        let globs = Globs::new(["*.rs"], ["3"]).unwrap();
        let builder = Reader::builder().jobs(jobs.try_into().unwrap()).ordered(ordered).globs(globs);
        read(builder, folder.path(), &[folder.path(), &folder.path().join("5")])
    };
    let all: BTreeSet<_> = [(1, false), (64, false), (1, true), (64, true)].map(|(n, o)| chosen(n, o)).into();
    assert_eq!(all.len(), 1);
}

/// What becomes of a folder and a file in it, in both orders: texts read, skips and failures.
fn both_orders(builder: &ReaderBuilder, folder: &Path, file: &Path) -> [(usize, usize, usize); 2] {
    [[folder, file], [file, folder]].map(|paths| {
        let paths = paths.map(Path::to_path_buf);
        let results: Vec<_> = run(builder.build().read(paths).collect::<Vec<_>>()).unwrap();
        let skipped =
            results.iter().filter(|result| result.as_ref().is_err_and(|error| error.is_skipped())).count();
        let ok = results.iter().filter(|result| result.is_ok()).count();
        (ok, skipped, results.len() - ok - skipped)
    })
}

#[test]
fn what_is_named_is_read_although_a_folder_before_it_left_it_out() {
    let folder = folder(&["small"]);
    let small = folder.path().join("small");
    for builder in [
        Reader::builder().min_size(5),
        Reader::builder().newer(SystemTime::now() + Duration::from_secs(1_000)),
        Reader::builder().older(SystemTime::UNIX_EPOCH).facts_only(true),
        Reader::builder().older(SystemTime::UNIX_EPOCH).bytes(true),
    ] {
        assert_eq!(both_orders(&builder, folder.path(), &small), [(1, 1, 0); 2]);
    }
    assert_eq!(both_orders(&Reader::builder(), folder.path(), &small), [(1, 1, 0); 2], "read once");
}

#[test]
fn what_is_named_and_is_no_text_is_a_failure_before_and_after_its_folder() {
    let folder = folder(&[]);
    let (small, large) = (folder.path().join("small"), folder.path().join("large"));
    fs::write(&small, b"a\0b").unwrap();
    assert_eq!(both_orders(&Reader::builder(), folder.path(), &small), [(0, 1, 1); 2]);
    fs::remove_file(small).unwrap();
    fs::write(&large, [b"a".repeat(1 << 20), b"\0".to_vec()].concat()).unwrap();
    assert_eq!(both_orders(&Reader::builder(), folder.path(), &large), [(0, 1, 1); 2]);
    assert_eq!(both_orders(&Reader::builder().bytes(true), folder.path(), &large), [(1, 1, 0); 2]);
}
