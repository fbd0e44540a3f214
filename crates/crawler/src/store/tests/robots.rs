//! Files robots.txt, at their place and where redirects say that they are.

use super::{NOW, begun, links, opened, room};
use crate::model::{Bounds, Ends, Found, Lease, Leased, RobotsEnd, RobotsFile, Room, Work};
use crate::store::{SqliteStore, Store};

async fn lease(store: &mut SqliteStore, now: i64) -> Leased {
    store.lease(Room { robots: true, ..room(now) }, None).await.unwrap()
}

async fn leased(store: &mut SqliteStore, now: i64) -> Vec<Lease> {
    lease(store, now).await.leases
}

fn file() -> RobotsFile {
    RobotsFile { status: 200, body: b"User-agent: *".to_vec(), until: NOW + 100_000 }
}

fn ended(lease: &Lease, at: i64) -> RobotsEnd {
    let end = RobotsEnd::of(lease);
    RobotsEnd { answered: crate::model::Answered { until: Some(at), ..end.answered.clone() }, ..end }
}

async fn commit(store: &mut SqliteStore, end: RobotsEnd) {
    store.commit(&Ends { pages: Vec::new(), robots: vec![end] }, Bounds::default()).await.unwrap();
}

#[test]
fn one_robots_txt_is_asked_for_before_the_pages_of_its_host() {
    gather_core::run(async {
        let (_folder, path, mut first) = begun().await;
        let mut second = opened(&path).await;
        let leases = leased(&mut first, NOW).await;
        assert_eq!((leases.len(), leases[0].work), (1, Work::Robots));
        assert!(leased(&mut second, NOW + 60_000).await.is_empty());
        let end = RobotsEnd { file: Some(file()), crawl_delay: 3_000, ..ended(&leases[0], NOW + 10) };
        commit(&mut first, end).await;
        assert_eq!(second.robots("h:80").await.unwrap(), Some(file()));
        assert!(leased(&mut second, NOW + 3_009).await.is_empty(), "a crawl delay later");
        assert_eq!(leased(&mut second, NOW + 3_010).await[0].work, Work::Page);
    })
    .unwrap();
}

/// A store in which the robots.txt of `h` is at another host, which has a page of its own; both may be asked from `NOW + 1000` on.
async fn moved() -> (tempfile::TempDir, std::path::PathBuf, SqliteStore) {
    let (folder, path, mut store) = begun().await;
    let leases = leased(&mut store, NOW).await;
    let to = Found { hops: 1, ..links().found("http://other/h.txt", 0, 1).unwrap() };
    let page = Found { in_scope: true, ..links().found("http://other/", 1, 0).unwrap() };
    let end = RobotsEnd { moved: Some(to), links: vec![page], ..ended(&leases[0], NOW) };
    commit(&mut store, end).await;
    (folder, path, store)
}

/// The hosts of leases, as `whose:asked`.
fn hosts(leases: &[Lease]) -> Vec<String> {
    let mut hosts: Vec<String> =
        leases.iter().map(|lease| format!("{} at {}", lease.host, lease.asked_host())).collect();
    hosts.sort();
    hosts
}

#[test]
fn a_robots_txt_that_has_moved_is_asked_for_in_the_turn_of_the_host_where_it_is() {
    gather_core::run(async {
        let (_folder, path, mut store) = moved().await;
        let mut second = opened(&path).await;
        // The other host is free first, and is asked for its own.
        let own = leased(&mut store, NOW).await;
        assert_eq!(hosts(&own), ["other:80 at other:80"]);
        assert!(leased(&mut second, NOW + 60_000).await.is_empty(), "it is busy");
        commit(&mut store, RobotsEnd { file: Some(file()), ..ended(&own[0], NOW + 5_000) }).await;
        let waiting = lease(&mut second, NOW + 5_999).await;
        assert_eq!((waiting.leases.len(), waiting.next), (0, Some(NOW + 6_000)), "it has its delay");

        let mine = leased(&mut second, NOW + 6_000).await;
        assert_eq!((hosts(&mine), mine[0].hops), (vec!["h:80 at other:80".to_owned()], 1));
        assert_eq!(mine[0].moved.as_ref().map(|moved| moved.url.as_str()), Some("http://other/h.txt"));
        assert!(leased(&mut store, NOW + 60_000).await.is_empty(), "neither gets anything meanwhile");
        commit(&mut second, RobotsEnd { file: Some(file()), ..ended(&mine[0], NOW + 7_000) }).await;
        assert_eq!(
            hosts(&leased(&mut store, NOW + 7_999).await),
            ["h:80 at h:80"],
            "it was not asked itself"
        );
        assert_eq!(hosts(&leased(&mut store, NOW + 8_000).await), ["other:80 at other:80"]);
        assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    })
    .unwrap();
}

#[test]
fn who_waits_for_another_host_comes_before_the_pages_of_that() {
    gather_core::run(async {
        let (_folder, _, mut store) = begun().await;
        // The other way round: the host that is asked was known first, and has a page of its own.
        let own = leased(&mut store, NOW).await;
        let page = Found { in_scope: true, ..links().found("http://a/", 1, 0).unwrap() };
        let end = RobotsEnd { file: Some(file()), links: vec![page], ..ended(&own[0], NOW) };
        commit(&mut store, end).await;
        let of_a = leased(&mut store, NOW).await;
        let to = Found { hops: 1, ..links().found("http://h/a.txt", 0, 1).unwrap() };
        commit(&mut store, RobotsEnd { moved: Some(to), ..ended(&of_a[0], NOW - 1) }).await;
        assert!(leased(&mut store, NOW + 999).await.is_empty(), "now both wait for the same moment");
        assert_eq!(hosts(&leased(&mut store, NOW + 1_000).await), ["a:80 at h:80"]);
    })
    .unwrap();
}

#[test]
fn a_crawl_delay_that_another_host_gave_holds_from_its_answer_on() {
    gather_core::run(async {
        let (_folder, _, mut store) = moved().await;
        let own = leased(&mut store, NOW).await;
        commit(&mut store, RobotsEnd { file: Some(file()), ..ended(&own[0], NOW) }).await;
        let elsewhere = leased(&mut store, NOW + 1_000).await;
        let end = RobotsEnd { file: Some(file()), crawl_delay: 9_000, ..ended(&elsewhere[0], NOW + 1_010) };
        commit(&mut store, end).await;
        assert_eq!(hosts(&leased(&mut store, NOW + 10_009).await), ["other:80 at other:80"]);
        assert_eq!(hosts(&leased(&mut store, NOW + 10_010).await), ["h:80 at h:80"]);
    })
    .unwrap();
}

#[test]
fn a_host_whose_robots_txt_is_at_one_that_asks_to_be_left_alone_waits_as_long() {
    gather_core::run(async {
        let (_folder, _, mut store) = moved().await;
        let own = leased(&mut store, NOW).await;
        let mut end = RobotsEnd { file: Some(file()), ..ended(&own[0], NOW) };
        end.answered.not_before = NOW + 3_600_000;
        commit(&mut store, end).await;
        for _ in 0..2 {
            let waiting = lease(&mut store, NOW + 1_000).await;
            assert_eq!((waiting.leases.len(), waiting.next), (0, Some(NOW + 3_600_000)));
        }
        assert!(lease(&mut store, NOW + 1_000).await.held, "nobody waits an hour for that");
        assert_eq!(leased(&mut store, NOW + 3_600_000).await.len(), 1);
    })
    .unwrap();
}

#[test]
fn a_rate_holds_for_the_host_that_is_asked() {
    gather_core::run(async {
        let (_folder, _, mut store) = moved().await;
        let own = leased(&mut store, NOW).await;
        commit(&mut store, RobotsEnd { file: Some(file()), ..ended(&own[0], NOW) }).await;
        let room = |now| Room { robots: true, apart: 5_000, ..room(now) };
        let elsewhere = store.lease(room(NOW + 1_000), None).await.unwrap().leases;
        assert_eq!(hosts(&elsewhere), ["h:80 at other:80"]);
        commit(&mut store, RobotsEnd { file: Some(file()), ..ended(&elsewhere[0], NOW + 1_000) }).await;
        let next = store.lease(room(NOW + 5_999), None).await.unwrap();
        assert_eq!((hosts(&next.leases), next.next), (vec!["h:80 at h:80".to_owned()], Some(NOW + 6_000)));
    })
    .unwrap();
}

#[test]
fn who_dies_while_it_asks_another_host_leaves_both_to_the_others_a_delay_later() {
    gather_core::run(async {
        let (_folder, path, mut store) = moved().await;
        let own = leased(&mut store, NOW).await;
        commit(&mut store, RobotsEnd { file: Some(file()), ..ended(&own[0], NOW) }).await;
        assert_eq!(hosts(&leased(&mut store, NOW + 1_000).await), ["h:80 at other:80"]);
        drop(store);
        let mut second = opened(&path).await;
        assert!(leased(&mut second, NOW + 60_000).await.is_empty());
        second.reclaim(NOW + 60_000).await.unwrap();
        assert!(leased(&mut second, NOW + 60_999).await.is_empty());
        assert_eq!(hosts(&leased(&mut second, NOW + 61_000).await), ["h:80 at other:80"]);
    })
    .unwrap();
}

#[test]
fn a_robots_txt_that_cannot_be_had_where_it_has_moved_to_is_asked_for_at_its_place_again() {
    gather_core::run(async {
        let (_folder, _, mut store) = moved().await;
        let own = leased(&mut store, NOW).await;
        commit(&mut store, RobotsEnd { file: Some(file()), ..ended(&own[0], NOW) }).await;
        let elsewhere = leased(&mut store, NOW + 1_000).await;
        let mut end = ended(&elsewhere[0], NOW + 1_000);
        end.answered.not_before = NOW + 1_800; // the backoff
        commit(&mut store, end).await;
        assert!(leased(&mut store, NOW + 1_799).await.is_empty());
        let again = leased(&mut store, NOW + 1_800).await;
        assert_eq!((hosts(&again), again[0].hops), (vec!["h:80 at h:80".to_owned()], 0));
        assert_eq!((again[0].attempts, again[0].work), (1, Work::Robots));
    })
    .unwrap();
}
