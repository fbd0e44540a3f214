//! Nothing outside of the folder is ever served.

use crate::client::{Connection, folder, get, request, serve};

const SECRET: &[u8] = b"top secret";

#[test]
fn no_spelling_of_dot_dot_leaves_the_folder() {
    let outer = folder(&[("secret.txt", SECRET), ("site/index.html", b"x"), ("site/sub/a.txt", b"a")]);
    let site = serve(&outer.path().join("site"));
    for path in [
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2E%2E%2Fsecret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/sub/%2e%2e/%2e%2e/secret.txt",
        "/%252e%252e/secret.txt",
        "/....//secret.txt",
        "/.%00./secret.txt",
        "/..;/secret.txt",
        "//../secret.txt",
        "/sub%2f..%2f..%2fsecret.txt",
    ] {
        let answer = get(site.addr(), path);
        assert!(matches!(answer.status, 400 | 403 | 404), "{path}: {}", answer.status);
        assert!(!answer.text().contains("secret"), "{path}");
    }
    // The same by an absolute URL, as to a proxy.
    let mut connection = Connection::open(site.addr());
    connection.send(request("GET", "http://localhost/../secret.txt", &[]));
    assert_eq!(connection.receive("GET").unwrap().status, 403);
    assert_eq!(get(site.addr(), &format!("/{}", outer.path().join("secret.txt").display())).status, 404);
}

#[test]
fn broken_percent_encoding_and_nul_are_bad_requests() {
    let folder = folder(&[("a.txt", b"a")]);
    let site = serve(folder.path());
    for path in ["/%", "/%zz", "/a%0", "/a.txt%00", "/a.txt%00.html"] {
        assert_eq!(get(site.addr(), path).status, 400, "{path}");
    }
}

#[test]
fn hidden_files_are_not_there() {
    let folder = folder(&[
        (".env", SECRET),
        (".git/config", SECRET),
        ("a/.hidden", SECRET),
        (".well-known/x.txt", b"known"),
    ]);
    let site = serve(folder.path());
    for path in ["/.env", "/.git/config", "/.git/", "/a/.hidden", "/%2eenv"] {
        assert_eq!(get(site.addr(), path).status, 404, "{path}");
    }
    assert_eq!(get(site.addr(), "/.well-known/x.txt").text(), "known");
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn links_are_followed_inside_and_refused_outside() {
        let outer =
            folder(&[("secret.txt", SECRET), ("vault/index.html", SECRET), ("site/a.txt", b"inside")]);
        let root = outer.path().join("site");
        symlink("a.txt", root.join("inner.txt")).unwrap();
        symlink(outer.path().join("secret.txt"), root.join("absolute.txt")).unwrap();
        symlink("../secret.txt", root.join("relative.txt")).unwrap();
        symlink("../vault", root.join("vault")).unwrap();
        symlink("nowhere", root.join("broken.txt")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        std::fs::create_dir(root.join("sub")).unwrap();
        symlink("../../secret.txt", root.join("sub/index.html")).unwrap();
        let site = serve(&root);
        assert_eq!(get(site.addr(), "/inner.txt").text(), "inside");
        for path in ["/absolute.txt", "/relative.txt", "/vault/", "/vault/index.html", "/vault", "/sub/"] {
            let answer = get(site.addr(), path);
            assert_eq!(answer.status, 403, "{path}");
            assert!(!answer.text().contains("secret"), "{path}");
        }
        assert_eq!(get(site.addr(), "/broken.txt").status, 404);
        assert_eq!(get(site.addr(), "/loop").status, 404);
    }

    #[test]
    fn a_folder_whose_name_begins_like_ours_is_outside() {
        let outer = folder(&[("site/a.txt", b"a"), ("site-private/b.txt", SECRET)]);
        symlink("../site-private/b.txt", outer.path().join("site/b.txt")).unwrap();
        let site = serve(&outer.path().join("site"));
        assert_eq!(get(site.addr(), "/b.txt").status, 403);
    }

    #[test]
    fn a_kept_link_that_is_turned_outside_is_refused() {
        let outer = folder(&[("secret.txt", SECRET), ("site/a.txt", b"inside")]);
        let root = outer.path().join("site");
        let then = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        std::fs::File::options().write(true).open(root.join("a.txt")).unwrap().set_modified(then).unwrap();
        symlink("a.txt", root.join("link")).unwrap();
        let site = serve(&root);
        assert_eq!(get(site.addr(), "/link").text(), "inside");
        std::fs::remove_file(root.join("link")).unwrap();
        symlink("../secret.txt", root.join("link")).unwrap();
        assert_eq!(get(site.addr(), "/link").status, 403);
    }

    #[test]
    fn a_fifo_is_not_waited_for_and_a_device_not_read() {
        let folder = folder(&[]);
        let made = std::process::Command::new("mkfifo").arg(folder.path().join("fifo")).status();
        assert!(made.unwrap().success());
        let site = serve(folder.path());
        assert_eq!(get(site.addr(), "/fifo").status, 404);
    }

    #[test]
    fn a_name_that_is_not_utf8_is_served() {
        let folder = folder(&[]);
        std::fs::write(folder.path().join(OsStr::from_bytes(b"caf\xe9.txt")), "latin").unwrap();
        let site = serve(folder.path());
        assert_eq!(get(site.addr(), "/caf%E9.txt").text(), "latin");
        assert!(get(site.addr(), "/").text().contains("caf%E9.txt"));
    }

    #[test]
    fn an_unreadable_file_is_forbidden() {
        let folder = folder(&[("a.txt", b"a")]);
        std::fs::set_permissions(folder.path().join("a.txt"), PermissionsExt::from_mode(0o000)).unwrap();
        let site = serve(folder.path());
        // The administrator may read everything: then there is nothing to see.
        let readable = std::fs::read(folder.path().join("a.txt")).is_ok();
        assert_eq!(get(site.addr(), "/a.txt").status, if readable { 200 } else { 403 });
    }
}
