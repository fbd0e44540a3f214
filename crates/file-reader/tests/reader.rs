//! The reader on real files, and on what is no file.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use gather_core::run;
use gather_file_reader::{ErrorKind, File, ReadError, Reader, ReaderBuilder};
use tempfile::TempDir;

type Results = Vec<Result<File, ReadError>>;

fn read(builder: &ReaderBuilder, paths: &[&Path]) -> Results {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    run(builder.build().read(paths).collect()).unwrap()
}

fn kind_of(results: &Results, path: &Path) -> Option<ErrorKind> {
    results
        .iter()
        .find_map(|result| result.as_ref().err().filter(|error| error.path() == path).map(ReadError::kind))
}

fn tree(files: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..files {
        let sub = folder.path().join(format!("{}", number % 7));
        fs::create_dir_all(&sub).unwrap();
        fs::write(sub.join(format!("{number:05}.txt")), format!("file {number}\n").repeat(number % 50))
            .unwrap();
    }
    folder
}

fn jobs(jobs: usize) -> ReaderBuilder {
    Reader::builder().jobs(NonZeroUsize::new(jobs).unwrap())
}

#[test]
fn the_same_files_come_at_every_width_ordered_or_not() {
    let folder = tree(1_000);
    let by_path = |results: Results| -> BTreeMap<PathBuf, String> {
        results
            .into_iter()
            .map(|file| file.unwrap())
            .map(|file| (file.path().to_owned(), file.into_text().unwrap()))
            .collect()
    };
    let one = by_path(read(&jobs(1), &[folder.path()]));
    assert_eq!(one.len(), 1_000);
    for builder in [
        jobs(64),
        jobs(64).ordered(true),
        jobs(3).bytes_in_flight(1),
        jobs(64).ordered(true).bytes_in_flight(1),
    ] {
        assert_eq!(by_path(read(&builder, &[folder.path()])), one);
    }
}

#[test]
fn ordered_means_the_order_of_the_paths_and_of_names_in_folders() {
    let folder = tree(300);
    let single = folder.path().join("0/00000.txt");
    let results = read(&jobs(64).ordered(true).once(false), &[&single, folder.path(), &single]);
    let paths: Vec<PathBuf> = results.iter().map(|file| file.as_ref().unwrap().path().to_owned()).collect();
    assert_eq!((paths.first(), paths.last()), (Some(&single), Some(&single)));
    assert!(paths[1..301].is_sorted());
}

#[test]
fn a_missing_path_is_named_and_the_rest_goes_on() {
    let folder = tree(3);
    let missing = folder.path().join("missing");
    let results = read(&jobs(8), &[&missing, folder.path()]);
    assert_eq!(kind_of(&results, &missing), Some(ErrorKind::NotFound));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
}

#[test]
fn a_fifo_a_socket_and_a_device_are_errors_and_never_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (fifo, socket) = (folder.path().join("fifo"), folder.path().join("socket"));
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let device = Path::new("/dev/zero");
    let results = read(&jobs(8), &[&fifo, &socket, device]);
    for path in [&fifo, &socket, device] {
        assert_eq!(kind_of(&results, path), Some(ErrorKind::Io), "{}", path.display());
    }
}

#[test]
fn what_a_walk_finds_and_is_no_file_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let (fifo, socket) = (folder.path().join("fifo"), folder.path().join("socket"));
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let results = read(&jobs(8), &[folder.path()]);
    for path in [&fifo, &socket] {
        assert_eq!(kind_of(&results, path), Some(ErrorKind::Skipped), "{}", path.display());
    }
}

#[test]
fn hidden_files_and_what_is_not_text_are_skipped_in_folders_and_read_when_named() {
    let folder = tempfile::tempdir().unwrap();
    let (hidden, binary) = (folder.path().join(".hidden"), folder.path().join("image.png"));
    fs::write(&hidden, "h").unwrap();
    fs::write(&binary, b"\x89PNG\0").unwrap();
    let found = read(&jobs(8), &[folder.path()]);
    assert!(found.iter().all(|result| result.as_ref().is_err_and(ReadError::is_skipped)), "{found:?}");
    assert_eq!(found.len(), 2);
    let named = read(&jobs(8), &[&hidden, &binary]);
    assert_eq!(named.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(kind_of(&named, &binary), Some(ErrorKind::Encoding));
}

#[test]
fn a_huge_file_that_is_not_text_is_told_by_its_head_and_never_held() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.img");
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(kind_of(&read(&jobs(8), &[folder.path()]), &path), Some(ErrorKind::Skipped));
    assert_eq!(kind_of(&read(&jobs(8), &[&path]), &path), Some(ErrorKind::Encoding));
}

#[test]
fn a_large_text_is_whole_although_its_head_is_looked_at_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.txt");
    let text: String = (0..100_000).map(|number| format!("line {number}\n")).collect();
    fs::write(&path, &text).unwrap();
    let results = read(&jobs(8), &[&path]);
    assert!(results[0].as_ref().unwrap().text() == Some(text.as_str()));
}

#[test]
fn a_loop_of_links_ends_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("again");
    symlink(folder.path(), &link).unwrap();
    fs::write(folder.path().join("a"), "a").unwrap();
    let followed = read(&jobs(8).follow(true), &[folder.path()]);
    assert_eq!(kind_of(&followed, &link), Some(ErrorKind::Io));
    let left = read(&jobs(8), &[folder.path()]);
    assert_eq!(kind_of(&left, &link), Some(ErrorKind::Skipped));
}

#[test]
fn a_link_that_leads_nowhere_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("nowhere");
    symlink("no/such/file", &link).unwrap();
    assert_eq!(kind_of(&read(&jobs(8).follow(true), &[folder.path()]), &link), Some(ErrorKind::NotFound));
    assert_eq!(kind_of(&read(&jobs(8), &[&link]), &link), Some(ErrorKind::NotFound));
}

#[test]
fn a_file_over_the_limit_is_refused_and_one_of_exactly_the_limit_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (exact, over) = (folder.path().join("exact"), folder.path().join("over"));
    fs::write(&exact, "1234").unwrap();
    fs::write(&over, "12345").unwrap();
    let results = read(&jobs(8).max_size(4), &[&exact, &over]);
    assert_eq!(kind_of(&results, &over), Some(ErrorKind::TooLarge));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
}

#[test]
fn an_empty_file_and_one_of_proc_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    let results = read(&jobs(8).ordered(true), &[&empty, Path::new("/proc/self/status")]);
    assert_eq!(results[0].as_ref().unwrap().size(), 0);
    assert!(results[1].as_ref().unwrap().text().unwrap().contains("VmRSS"));
}

#[test]
fn a_name_that_is_not_utf_8_is_kept_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xE9"));
    fs::write(&path, "x").unwrap();
    assert_eq!(read(&jobs(8), &[folder.path()])[0].as_ref().unwrap().path(), path);
}

#[test]
fn large_files_come_one_by_one_although_they_are_neighbours() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..8 {
        fs::write(folder.path().join(number.to_string()), vec![b'x'; 3 << 20]).unwrap();
    }
    for ordered in [false, true] {
        let results = read(&jobs(64).ordered(ordered).bytes_in_flight(4 << 20), &[folder.path()]);
        assert_eq!(results.iter().map(|file| file.as_ref().unwrap().size()).sum::<u64>(), 24 << 20);
    }
}

#[test]
fn a_stream_dropped_in_the_middle_stops_the_reading() {
    let folder = tree(2_000);
    let path = folder.path().to_owned();
    run(async {
        let mut files = jobs(4).bytes_in_flight(1).build().read([path]);
        assert!(files.next().await.unwrap().is_ok());
        drop(files);
    })
    .unwrap();
}

#[test]
fn bytes_are_given_as_they_are_and_facts_without_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, b"a\0b").unwrap();
    let bytes = read(&jobs(8).bytes(true), &[folder.path()]).remove(0).unwrap();
    assert_eq!(bytes.into_bytes().unwrap(), b"a\0b");
    fs::write(&path, "a\nb").unwrap();
    let facts = read(&jobs(8).facts_only(true), &[&path]).remove(0).unwrap();
    assert_eq!((facts.lines(), facts.text()), (2, None));
}

#[test]
fn every_shipped_file_of_known_encoding_has_its_text() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/texts");
    let results = read(&jobs(64), &[&folder]);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 430);
    assert_eq!(results.iter().filter(|result| result.as_ref().is_err_and(ReadError::is_skipped)).count(), 2);
}

#[test]
fn files_whose_size_is_made_up_are_read_to_their_end() {
    for path in ["/sys/class/net/lo/address", "/proc/self/status"] {
        for builder in [Reader::builder(), Reader::builder().facts_only(true), Reader::builder().bytes(true)]
        {
            let file = run(builder.build().read([path]).collect::<Vec<_>>()).unwrap().remove(0).unwrap();
            assert!((1..4096).contains(&file.size()), "{path}: {}", file.size());
        }
    }
}
