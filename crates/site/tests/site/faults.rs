//! Delay and failures on request.

use crate::client::{Connection, ask, folder, get, start};
use gather_site::{Running, Site};
use std::time::{Duration, Instant};

#[test]
fn an_answer_is_held_back_and_others_meanwhile_too_but_not_one_after_the_other() {
    let folder = folder(&[("a.txt", b"a")]);
    let site = start(Site::builder(folder.path()).delay(Duration::from_millis(200)));
    let began = Instant::now();
    let mut connections: Vec<Connection> = (0..50).map(|_| Connection::open(site.addr())).collect();
    for connection in &mut connections {
        connection.send(crate::client::request("GET", "/a.txt", &[]));
    }
    for connection in &mut connections {
        assert_eq!(connection.receive("GET").unwrap().status, 200);
        assert!(began.elapsed() >= Duration::from_millis(200));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

fn statuses(site: &Running, order: impl Iterator<Item = usize>) -> Vec<(usize, u16)> {
    let mut statuses: Vec<_> =
        order.map(|n| (n, get(site.addr(), &format!("/a.txt?n={n}")).status)).collect();
    statuses.sort_unstable();
    statuses
}

#[test]
fn the_same_requests_fail_at_every_run_and_in_every_order() {
    let folder = folder(&[("a.txt", b"a")]);
    let site = |seed| start(Site::builder(folder.path()).fail_rate(0.3).seed(seed));
    let forward = statuses(&site(7), 0..200);
    assert_eq!(forward, statuses(&site(7), (0..200).rev()));
    assert_ne!(forward, statuses(&site(8), 0..200));
    let failed = forward.iter().filter(|(_, status)| *status == 500).count();
    assert!((30..90).contains(&failed), "{failed}");
    assert!(forward.iter().all(|(_, status)| matches!(status, 200 | 500)));
}

#[test]
fn asking_again_succeeds_in_the_end() {
    let folder = folder(&[("a.txt", b"a")]);
    let site = start(Site::builder(folder.path()).fail_rate(0.5).seed(1));
    for n in 0..50 {
        let path = format!("/a.txt?n={n}");
        assert!((0..40).any(|_| get(site.addr(), &path).status == 200), "{path}");
    }
}

#[test]
fn a_failure_is_a_whole_answer_and_keeps_the_connection() {
    let folder = folder(&[("a.txt", b"a")]);
    let site = start(Site::builder(folder.path()).fail_rate(1.0));
    let mut connection = Connection::open(site.addr());
    for _ in 0..3 {
        let answer = connection.ask("GET", "/a.txt", &[]);
        assert_eq!(answer.status, 500);
        assert!(answer.text().contains("500 Internal Server Error"));
    }
    let head = ask(site.addr(), "HEAD", "/a.txt", &[]);
    assert_eq!((head.status, head.body.len()), (500, 0));
    assert_eq!(site.requests(), 4);
}
