//! The fears about a store, tried on a real one.

use std::path::PathBuf;

use sqlx::Executor;
use tempfile::TempDir;

use super::SqliteStore;
use super::Store;
use crate::canonical::Form;
use crate::error::ErrorKind;
use crate::links::Links;
use crate::model::{Counts, Lease, Pace, PageEnd, Plan, Room, State};
use crate::scope::{Same, Scope};

const NOW: i64 = 1_000_000;

fn links() -> Links {
    let seeds = [crate::Canonical::parse("http://h/").unwrap()];
    let scope = Scope::new(&seeds, Same::Host, &[], &[]).unwrap();
    Links::new(scope, Form::default(), Pace { delay: 1000, limit: 1 }, Pace::default())
}

fn plan() -> Plan {
    let seeds = vec![("http://h/".to_owned(), "http://h".to_owned())];
    Plan { seeds, recipe: String::new(), scope: String::new(), max_depth: None }
}

async fn begun() -> (TempDir, PathBuf, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let store = opened(&path).await;
    (folder, path, store)
}

async fn opened(path: &std::path::Path) -> SqliteStore {
    let mut store = SqliteStore::create(path, false).await.unwrap();
    store.begin(&plan(), &[links().found("http://h/", 0, 0).unwrap()]).await.unwrap();
    store
}

async fn leased(store: &mut SqliteStore, now: i64) -> Vec<Lease> {
    store.lease(Room { leases: 64, now }, None).await.unwrap().leases
}

/// A page that was done, with a record and two links, one of them out of scope.
fn done(lease: &Lease) -> PageEnd {
    let found = |url: &str| links().found(url, 1, 0).unwrap();
    PageEnd {
        id: lease.id,
        host: lease.host.clone(),
        asked_until: Some(NOW + 500),
        crawl_delay: 0,
        state: State::Done,
        kind: None,
        message: None,
        status: Some(200),
        attempts: 1,
        not_before: 0,
        bytes: 10,
        records: vec![[("title", "a".into())].into_iter().collect()],
        dropped: vec!["record 2 is dropped".to_owned()],
        links: vec![found("http://h/b"), found("http://h/b#again"), found("http://other/")],
    }
}

#[test]
fn a_page_is_committed_once_however_often_it_is_tried() {
    gather_core::run(async {
        let (_folder, _, mut store) = begun().await;
        let leases = leased(&mut store, NOW).await;
        let end = done(&leases[0]);
        for _ in 0..2 {
            store.commit(std::slice::from_ref(&end), None).await.unwrap();
        }
        let expected = Counts { discovered: 3, done: 1, skipped: 1, pending: 1, ..Counts::default() };
        assert_eq!(store.counts().await.unwrap(), expected);
        assert_eq!(store.records_after(0, 10).await.unwrap().len(), 1);
        assert!(store.troubles(0, 10).await.unwrap().iter().all(|trouble| trouble.dropped));
        assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    })
    .unwrap();
}

#[test]
fn a_host_is_leased_again_only_a_delay_after_its_last_answer() {
    gather_core::run(async {
        let (_folder, _, mut store) = begun().await;
        let leases = leased(&mut store, NOW).await;
        assert_eq!(leases.len(), 1);
        assert!(leased(&mut store, NOW + 5_000).await.is_empty(), "one at a time");
        store.commit(&[done(&leases[0])], None).await.unwrap();
        let early = store.lease(Room { leases: 64, now: NOW + 1_499 }, None).await.unwrap();
        assert_eq!((early.leases.len(), early.next), (0, Some(NOW + 1_500)));
        assert_eq!(leased(&mut store, NOW + 1_500).await.len(), 1);
    })
    .unwrap();
}

#[test]
fn the_leases_of_the_dead_are_taken_over_and_those_of_the_living_are_not() {
    gather_core::run(async {
        let (_folder, path, mut first) = begun().await;
        assert_eq!(leased(&mut first, NOW).await.len(), 1);
        let mut second = opened(&path).await;
        assert_eq!(second.reclaim(NOW).await.unwrap(), 0);
        drop(first);
        assert_eq!(second.reclaim(NOW).await.unwrap(), 1);
        assert!(leased(&mut second, NOW + 999).await.is_empty(), "what the dead asked last is not known");
        assert_eq!(leased(&mut second, NOW + 1_000).await.len(), 1);
    })
    .unwrap();
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_as_it_is() {
    gather_core::run(async {
        let (_folder, path, mut store) = begun().await;
        store.connection.execute("pragma user_version = 2").await.unwrap();
        drop(store);
        let error = SqliteStore::create(&path, false).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Newer);
        assert!(error.to_string().contains("version 2") && error.hint().is_some(), "{error}");
        assert!(path.exists() && SqliteStore::remove(&path).await.is_err() && path.exists());
    })
    .unwrap();
}

#[test]
fn another_programs_database_is_no_store() {
    gather_core::run(async {
        let (_folder, path, mut store) = begun().await;
        store.connection.execute("pragma application_id = 7").await.unwrap();
        drop(store);
        let error = SqliteStore::open(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("another program"), "{error}");
    })
    .unwrap();
}

#[test]
fn what_was_lost_behind_our_back_is_noticed() {
    let damages = [
        ("delete from records", "do not have the records"),
        ("pragma foreign_keys = off; delete from urls where state = 0", "discovered URLs are not"),
        ("update urls set state = 4, kind = null where state = 0", "have no kind"),
        ("update urls set url = 'http://h/c' where state = 0", "not under their key"),
        ("update pages set records = 9", "do not have the records"),
    ];
    gather_core::run(async move {
        for (damage, expected) in damages {
            let (_folder, _, mut store) = begun().await;
            let leases = leased(&mut store, NOW).await;
            store.commit(&[done(&leases[0])], None).await.unwrap();
            store.connection.execute(damage).await.unwrap();
            let wrong = store.verify().await.unwrap().join("\n");
            assert!(wrong.contains(expected), "{damage}: {wrong}");
        }
    })
    .unwrap();
}

#[test]
fn no_more_pages_are_leased_than_the_crawl_may_have() {
    gather_core::run(async {
        let (_folder, _, mut store) = begun().await;
        let leases = store.lease(Room { leases: 64, now: NOW }, Some(1)).await.unwrap().leases;
        store.commit(&[done(&leases[0])], None).await.unwrap();
        let later = Room { leases: 64, now: NOW + 60_000 };
        assert!(store.lease(later, Some(1)).await.unwrap().leases.is_empty());
        assert_eq!(store.lease(later, Some(2)).await.unwrap().leases.len(), 1);
    })
    .unwrap();
}

#[test]
fn many_that_make_one_store_at_once_all_open_it() {
    gather_core::run(async {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.db");
            let makers = (0..8).map(|_| SqliteStore::create(&path, false));
            for store in futures::future::join_all(makers).await {
                assert!(store.unwrap().verify().await.unwrap().is_empty());
            }
        }
    })
    .unwrap();
}
