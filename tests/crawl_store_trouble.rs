//! A store that takes no more, may not be written, is locked, newer or damaged: a clear message, and nothing lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use gather_core::run;
use gather_site::{Mock, Reply};
use sqlx::Connection;

use crate::support::{Folder, Gather, execute, lawful_summary};

/// How many pages there are, the first one among them.
const PAGES: usize = 41;

/// A site of pages with records that are large enough to fill a small disk.
fn site() -> Mock {
    Mock::start(|request| match request.path() {
        "/" => Reply::html((1..PAGES).map(|page| format!("<a href=/{page}>")).collect::<String>()),
        "/robots.txt" => Reply::status(404),
        path => Reply::html(format!("<title>{path} {}</title>", "x".repeat(40_000))),
    })
    .unwrap()
}

fn crawl(folder: &Path, site: &Mock) -> Gather {
    gather!["crawl", site.url(), "--store", "a.db", "-j", "4"].here(folder)
}

#[track_caller]
fn assert_goes_on_to_the_end(folder: &Path, site: &Mock) {
    assert_eq!(crawl(folder, site).ok().records().len(), PAGES);
    gather!["verify", "a.db"].here(folder).ok();
}

/// A file system of this size, until it is dropped; `None` where that is not permitted.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(folder: &'a Path, size: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "gather-test"]).arg(folder);
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }

    fn grow(&self, size: &str) {
        let options = format!("remount,size={size}");
        assert!(Command::new("mount").args(["-o", &options]).arg(self.0).status().unwrap().success());
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_disk_that_is_full_ends_the_crawl_and_with_more_room_it_goes_on() {
    let (folder, site) = (Folder::new(), site());
    let Some(disk) = SmallDisk::mount(folder.path(), "1m") else {
        eprintln!("skipped: a small file system cannot be mounted here");
        return;
    };
    let full =
        crawl(folder.path(), &site).run().code(1).says(&["no space left for the store", "hint: nothing"]);
    disk.grow("64m");
    let kept = gather!["export", "a.db"].here(folder.path()).ok();
    assert!(kept.stdout.starts_with(&full.stdout), "what was printed is in the store");
    let calls = site.calls();
    assert_goes_on_to_the_end(folder.path(), &site);
    assert!(
        site.calls() - calls <= PAGES - kept.records().len(),
        "what was committed is not asked for again"
    );
}

#[test]
fn a_file_that_may_grow_no_more_ends_the_crawl_and_without_the_limit_it_goes_on() {
    let (folder, site) = (Folder::new(), site());
    let limited = Gather::after("trap '' XFSZ; ulimit -f 800"); // in blocks of 512 or 1,024 bytes
    let run = limited.args(["crawl", site.url(), "--store", "a.db", "-j", "4"]).here(folder.path()).run();
    let run = run.code(1).says(&["the store", "a.db"]);
    assert!(gather!["export", "a.db"].here(folder.path()).ok().stdout.starts_with(&run.stdout));
    assert_goes_on_to_the_end(folder.path(), &site);
}

#[test]
fn a_store_that_may_not_be_written_is_read_and_not_crawled_into() {
    let (folder, site) = (Folder::new(), site());
    crawl(folder.path(), &site).args(["--max-pages", "3"]).ok();
    let before = fs::read(folder.join("a.db")).unwrap();
    let set = |mode| {
        fs::set_permissions(folder.join("a.db"), fs::Permissions::from_mode(mode & 0o666)).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    };
    set(0o555);
    if fs::write(folder.join("probe"), "").is_ok() {
        fs::remove_file(folder.join("probe")).unwrap();
        set(0o755);
        eprintln!("skipped: whoever runs this may write everywhere");
        return;
    }
    crawl(folder.path(), &site).run().code(2).says(&["a.db", "hint:"]);
    let exported = gather!["export", "a.db"].here(folder.path()).ok().records().len();
    set(0o755);
    assert_eq!((exported, fs::read(folder.join("a.db")).unwrap()), (3, before));
    assert_goes_on_to_the_end(folder.path(), &site);
}

#[test]
fn a_store_on_a_file_system_made_read_only_is_read_and_not_crawled_into() {
    let (folder, site) = (Folder::new(), site());
    let Some(disk) = SmallDisk::mount(folder.path(), "64m") else {
        eprintln!("skipped: a small file system cannot be mounted here");
        return;
    };
    crawl(folder.path(), &site).args(["--max-pages", "3"]).ok();
    disk.grow("64m,ro");
    crawl(folder.path(), &site).run().code(2).says(&["a.db", "read-only", "hint:"]);
    assert_eq!(gather!["export", "a.db"].here(folder.path()).ok().records().len(), 3);
    disk.grow("64m,rw");
    assert_goes_on_to_the_end(folder.path(), &site);
}

#[test]
fn a_store_that_another_program_holds_is_locked_until_it_lets_go() {
    let (folder, site) = (Folder::new(), site());
    crawl(folder.path(), &site).args(["--max-pages", "3"]).ok();
    let holder = execute(folder.join("a.db"), "begin immediate");
    crawl(folder.path(), &site).run().code(2).says(&["a.db", "is locked", "hint: another program"]);
    run(async move { holder.close().await.unwrap() }).unwrap();
    assert_goes_on_to_the_end(folder.path(), &site);
}

#[test]
fn a_crawl_that_waits_for_its_store_can_be_interrupted() {
    let (folder, site) = (Folder::new(), site());
    crawl(folder.path(), &site).args(["--max-pages", "3"]).ok();
    let _holder = execute(folder.join("a.db"), "begin immediate");
    let run = crawl(folder.path(), &site).args(["--summary", "s.json"]).start();
    while !folder.names().iter().any(|name| name.starts_with('.')) {
        std::thread::yield_now(); // the outputs are opened before the store
    }
    let begun = std::time::Instant::now();
    run.interrupt();
    run.wait().code(130);
    assert!(begun.elapsed() < std::time::Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(lawful_summary(folder.join("s.json"))["pending"], 1);
}

#[test]
fn an_interrupted_crawl_whose_store_fails_was_interrupted_and_has_its_summary() {
    let folder = Folder::new();
    let site = Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::status(404),
        _ => Reply::html("<a href=/1>").delay(std::time::Duration::from_millis(700)),
    })
    .unwrap();
    let run = crawl(folder.path(), &site).args(["--summary", "s.json"]).start();
    while site.calls_of("/") == 0 {
        std::thread::yield_now();
    }
    let _other = execute(folder.join("a.db"), "drop table runs");
    run.interrupt();
    run.wait().code(130).says(&["error: ", "damaged"]);
    assert_eq!(lawful_summary(folder.join("s.json"))["pending"], 1);
}

#[test]
fn a_file_of_out_that_cannot_be_gone_on_with_leaves_a_summary() {
    let (folder, site) = (Folder::new(), site());
    crawl(folder.path(), &site).args(["--max-pages", "1", "--field", "t=title"]).ok();
    let _other = execute(folder.join("a.db"), "alter table tally rename column removed to away");
    let again = crawl(folder.path(), &site).args(["--field", "t=title", "--out", "o.jsonl"]);
    again.args(["--summary", "s.json"]).run().code(2).says(&["error: "]);
    assert_eq!(lawful_summary(folder.join("s.json"))["pending"], 1);
}

#[test]
fn a_store_of_a_newer_version_is_named_and_left_alone() {
    let (folder, site) = (Folder::new(), site());
    crawl(folder.path(), &site).args(["--max-pages", "3"]).ok();
    let version = |statement| {
        let connection = execute(folder.join("a.db"), statement);
        run(async move { connection.close().await.unwrap() }).unwrap();
    };
    version("pragma user_version = 1000");
    let before = fs::read(folder.join("a.db")).unwrap();
    for options in [&[][..], &["--restart"]] {
        crawl(folder.path(), &site).args(options).run().code(2).says(&["version 1000", "newer", "hint:"]);
    }
    gather!["export", "a.db"].here(folder.path()).run().code(2).says(&["version 1000"]);
    assert_eq!(fs::read(folder.join("a.db")).unwrap(), before);
}

#[test]
fn a_store_that_is_damaged_is_named_and_left_alone() {
    let (folder, site) = (Folder::new(), site());
    crawl(folder.path(), &site).ok();
    let whole = fs::read(folder.join("a.db")).unwrap();
    // Behind the first page, which says what the file is.
    let mut damaged = whole.clone();
    damaged[4096..].fill(0xa5);
    let cut = &whole[..whole.len() / 3 / 4096 * 4096];
    for bytes in [damaged.as_slice(), cut] {
        fs::write(folder.join("a.db"), bytes).unwrap();
        crawl(folder.path(), &site).run().code(2).says(&["a.db", "damaged", "hint:"]);
        assert_eq!(fs::read(folder.join("a.db")).unwrap(), bytes, "what may be rescued is not written over");
        gather!["verify", "a.db"].here(folder.path()).run().code(1);
    }
}

#[test]
fn a_durable_crawl_gives_the_same_records() {
    let (folder, site) = (Folder::new(), site());
    assert_eq!(crawl(folder.path(), &site).args(["--durable", "--out", "o.jsonl"]).ok().stdout, "");
    assert_eq!(folder.read("o.jsonl").lines().count(), PAGES);
    assert_goes_on_to_the_end(folder.path(), &site);
}

#[test]
fn a_place_that_can_hold_no_store_is_wrong_usage() {
    let folder = Folder::new();
    folder.write("d/x", "");
    for (store, fact) in [
        ("nodir/x.db", "no folder"),
        ("d", "it is a folder"),
        ("/dev/null", "it is no file"),
        ("/proc/x.db", "nothing can be written into /proc"),
    ] {
        let run = gather!["crawl", "http://127.0.0.1:1/", "--store", store].here(folder.path());
        run.run().code(2).says(&[fact, "hint:"]);
    }
    for command in ["status", "verify", "export"] {
        for (store, fact) in [("d", "it is a folder"), ("/dev/null", "it is no file")] {
            gather![command, store].here(folder.path()).run().code(2).says(&[fact, "hint:"]);
        }
    }
    assert_eq!(folder.names(), ["d"]);
}
