//! What keeps a server from starting.

use crate::client::{folder, serve};
use gather_site::{Error, ErrorKind, Site};

fn refused(site: Site) -> Error {
    async_std::task::block_on(site.start()).expect_err("it should not start")
}

#[test]
fn the_url_says_where_it_listens() {
    let folder = folder(&[]);
    let site = serve(folder.path());
    assert_eq!(site.url(), format!("http://127.0.0.1:{}", site.addr().port()));
    assert_ne!(site.addr().port(), 0);
}

#[test]
fn a_missing_folder_is_named() {
    let error = refused(Site::builder("/no/such/folder"));
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().starts_with("cannot serve /no/such/folder: "), "{error}");
    assert_eq!(error.path().unwrap().to_str(), Some("/no/such/folder"));
}

#[test]
fn a_file_is_no_folder() {
    let folder = folder(&[("a.txt", b"x")]);
    let error = refused(Site::builder(folder.path().join("a.txt")));
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("hint: "), "{error}");
}

#[test]
fn a_port_that_is_taken_is_named_with_a_hint() {
    let folder = folder(&[]);
    let first = serve(folder.path());
    let error = refused(Site::builder(folder.path()).addr(first.addr()));
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains(&first.addr().to_string()), "{error}");
    assert!(error.to_string().contains("hint: "), "{error}");
}

#[test]
fn a_fail_rate_is_from_0_to_1() {
    let folder = folder(&[]);
    for rate in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let error = refused(Site::builder(folder.path()).fail_rate(rate));
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{rate}");
    }
}

#[test]
fn a_log_that_cannot_be_written_is_named() {
    let folder = folder(&[]);
    let error = refused(Site::builder(folder.path()).log(folder.path().join("no/log.jsonl")));
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().starts_with("cannot write the log "), "{error}");
}
