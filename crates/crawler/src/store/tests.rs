//! The fears about a store, tried on a real one.

mod robots;

use std::path::PathBuf;

use sqlx::Executor;
use tempfile::TempDir;

use super::SqliteStore;
use super::Store;
use crate::canonical::Form;
use crate::error::ErrorKind;
use crate::links::Links;
use crate::model::{Answered, Bounds, Counts, Ends, Known, Lease, Pace, PageEnd, Plan, Room, State};
use crate::scope::{Same, Scope};

const NOW: i64 = 1_000_000;

const PUBLIC: Pace = Pace { delay: 1000, limit: 1 };

fn room(now: i64) -> Room {
    Room { leases: 64, now, robots: false, apart: 0, max_wait: 120_000 }
}

fn ends(pages: &[PageEnd]) -> Ends {
    Ends { pages: pages.to_vec(), robots: Vec::new() }
}

fn links() -> Links {
    let seeds = [crate::Canonical::parse("http://h/").unwrap()];
    let scope = Scope::new(&seeds, Same::Host, &[], &[]).unwrap();
    Links::new(scope, Form::default(), PUBLIC, Pace::default())
}

fn plan() -> Plan {
    let seeds = vec![("http://h/".to_owned(), "http://h".to_owned())];
    Plan {
        seeds,
        recipe: String::new(),
        scope: String::new(),
        bounds: Bounds::default(),
        public: PUBLIC,
        loopback: Pace::default(),
    }
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
    store.lease(room(now), None).await.unwrap().leases
}

/// A page that was done, with a record and two links, one of them out of scope.
fn done(lease: &Lease) -> PageEnd {
    let found = |url: &str| links().found(url, 1, 0).unwrap();
    PageEnd {
        id: lease.id,
        work: lease.work,
        answered: Answered { host: lease.host.clone(), until: Some(NOW + 500), ..Answered::default() },
        state: State::Done,
        kind: None,
        message: None,
        status: Some(200),
        phase: None,
        elapsed_ms: 7,
        attempts: 1,
        waits: 0,
        not_before: 0,
        bytes: 10,
        known: Known::default(),
        unchanged: false,
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
            store.commit(&ends(std::slice::from_ref(&end)), Bounds::default()).await.unwrap();
        }
        let expected = Counts { discovered: 3, done: 1, skipped: 1, pending: 1, ..Counts::default() };
        assert_eq!(store.counts().await.unwrap(), expected);
        assert_eq!(store.records_after(0, 10).await.unwrap().len(), 1);
        assert!(store.troubles((0, -1), 10).await.unwrap().iter().all(|trouble| trouble.dropped));
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
        store.commit(&ends(&[done(&leases[0])]), Bounds::default()).await.unwrap();
        let early = store.lease(room(NOW + 1_499), None).await.unwrap();
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
        store.connection.execute("pragma user_version = 6").await.unwrap();
        drop(store);
        let error = SqliteStore::create(&path, false).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Newer);
        assert!(error.to_string().contains("version 6") && error.hint().is_some(), "{error}");
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
        assert_eq!(error.kind(), ErrorKind::Foreign);
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
        ("drop trigger url_moved", "the trigger url_moved is missing"),
        (
            "drop trigger url_added; create trigger url_added after insert on urls begin select 1; end",
            "the trigger url_added is another one",
        ),
        (
            "create trigger more after insert on urls begin select 1; end",
            "the trigger more is none of a store",
        ),
        ("drop index urls_in_turn", "the index urls_in_turn is missing"),
        ("drop table patterns", "the table patterns is missing"),
        ("delete from tally", "the tally has 0 rows"),
        ("insert into tally select * from tally", "the tally has 2 rows"),
        ("update urls set kind = 'bogus' where state = 5", "1 URLs are skipped with the kind `bogus`"),
        ("update urls set kind = null where state = 5", "1 URLs are skipped with the kind ``"),
        ("update urls set kind = 'status' where state = 2", "1 URLs are done with the kind `status`"),
        ("update urls set state = 3, kind = 'robots' where state = 0", "are failed with the kind `robots`"),
        ("update urls set state = 4, kind = 'dns' where state = 0", "are refused with the kind `dns`"),
        ("update urls set leads_to = id where state = 2", "1 redirects lead to themselves"),
        ("update urls set leads_to = 2 where state = 2", "1 redirects lead deeper than they are"),
        ("update urls set depth = 1 where id = 1", "1 seeds are not at depth 0"),
        ("update urls set depth = -1 where id = 2", "1 URLs are nearer than nothing"),
        ("insert into seeds values (x'00', 1)", "1 values are of another type"),
        ("update urls set url = x'00' where id = 2", "1 values are of another type"),
        ("update urls set state = 0 where state = 2", "1 URLs have a page and were not fetched"),
        ("update urls set host = 0 where state = 0", "1 URLs of no host are not left out"),
    ];
    gather_core::run(async move {
        for (damage, expected) in damages {
            let (_folder, _, mut store) = begun().await;
            let leases = leased(&mut store, NOW).await;
            store.commit(&ends(&[done(&leases[0])]), Bounds::default()).await.unwrap();
            store.connection.execute(damage).await.unwrap();
            let wrong = store.verify().await.unwrap().join("\n");
            assert!(wrong.contains(expected), "{damage}: {wrong}");
        }
    })
    .unwrap();
}

#[test]
fn a_depth_that_no_way_explains_is_noticed_where_links_are_kept() {
    gather_core::run(async {
        let bounds = Bounds { max_depth: Some(5), ..Bounds::default() };
        for (damage, expected) in [
            ("update urls set depth = 1 where id = 2", None),
            ("update urls set depth = 2 where id = 2", Some("1 URLs are deeper than a way to them")),
            ("update links set deeper = 3 where target = 2", Some("1 URLs are nearer than any way to them")),
            ("delete from links where target = 2", Some("1 URLs are nearer than any way to them")),
        ] {
            let (_folder, _, mut store) = begun().await;
            let leases = leased(&mut store, NOW).await;
            store.commit(&ends(&[done(&leases[0])]), bounds).await.unwrap();
            store.connection.execute(damage).await.unwrap();
            let wrong = store.verify().await.unwrap();
            assert_eq!(wrong.first().map(String::as_str), expected, "{damage}");
        }
    })
    .unwrap();
}

#[test]
fn a_store_that_lacks_what_every_store_has_is_damaged() {
    gather_core::run(async {
        for (damage, expected) in [
            ("pragma user_version = 0", "it is of version 0"),
            ("pragma user_version = 1", "it is damaged: "),
            ("pragma foreign_keys = off; drop table urls", "it is damaged: no such table"),
            ("delete from tally", "its tally is empty"),
        ] {
            let (_folder, path, mut store) = begun().await;
            store.connection.execute(damage).await.unwrap();
            drop(store);
            let error = match SqliteStore::open(&path).await {
                Ok(mut store) => store.counts().await.err().or(store.by_kind().await.err()),
                Err(error) => Some(error),
            };
            let error = error.unwrap();
            assert!(
                error.kind() == ErrorKind::Corrupt && error.fact().contains(expected),
                "{damage}: {error}"
            );
        }
    })
    .unwrap();
}

#[test]
fn no_more_pages_are_leased_than_the_crawl_may_have() {
    gather_core::run(async {
        let (_folder, _, mut store) = begun().await;
        let leases = store.lease(room(NOW), Some(1)).await.unwrap().leases;
        store.commit(&ends(&[done(&leases[0])]), Bounds::default()).await.unwrap();
        let later = room(NOW + 60_000);
        assert!(store.lease(later, Some(1)).await.unwrap().leases.is_empty());
        assert_eq!(store.lease(later, Some(2)).await.unwrap().leases.len(), 1);
    })
    .unwrap();
}

#[test]
fn a_durable_store_asks_the_system_to_keep_each_commit() {
    gather_core::run(async {
        let folder = tempfile::tempdir().unwrap();
        for (durable, expected) in [(false, 1_i64), (true, 2)] {
            let mut store = SqliteStore::create(&folder.path().join("a.db"), durable).await.unwrap();
            let synchronous = sqlx::query_scalar("pragma synchronous").fetch_one(&mut store.connection);
            assert_eq!(synchronous.await.ok(), Some(expected), "1 is NORMAL, 2 is FULL");
        }
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

/// A store as version 1 made it, with a page of each kind.
async fn of_version_1(path: &std::path::Path) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
    connection.execute(super::schema::FIRST).await.unwrap();
    let key = |url: &str| crate::Canonical::parse(url).unwrap().key();
    let (home, page, out) = (key("http://h/"), key("http://h/b"), key("http://other/"));
    let rows = format!(
        "pragma application_id = 1734440040; pragma user_version = 1;
        insert into notes values ('seeds', '[\"http://h/\"]'), ('recipe', ''), ('scope', '');
        insert into hosts (id, name, delay, slots, next_at) values (1, 'h:80', 1000, 1, 5), (2, 'other:80', 1000, 1, 0);
        insert into urls (id, key, url, host, state, depth, kind) values
            (1, x'{home}', 'http://h/', 1, 2, 0, null), (2, x'{page}', 'http://h/b', 1, 0, 1, null),
            (3, x'{out}', 'http://other/', 2, 5, 1, 'scope');
        insert into seeds values ('http://h', 1);
        insert into pages values (1, 10, 1);
        insert into records values (7, 1, 1, '{{\"title\":\"a\"}}');"
    );
    connection.execute(sqlx::AssertSqlSafe(rows)).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
}

#[test]
fn a_store_of_version_1_goes_on_with_all_that_was_in_it() {
    gather_core::run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        of_version_1(&path).await;
        let mut store = opened(&path).await;
        assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
        let expected = Counts { discovered: 3, done: 1, skipped: 1, pending: 1, ..Counts::default() };
        assert_eq!(store.counts().await.unwrap(), expected);
        assert_eq!(store.records_after(0, 10).await.unwrap()[0].number, 7);
        let leases = leased(&mut store, NOW).await;
        assert_eq!(leases[0].url, "http://h/b");
        store.commit(&ends(&[done(&leases[0])]), Bounds::default()).await.unwrap();
        assert_eq!(store.records_after(7, 10).await.unwrap()[0].number, 8);
        drop(store);
        assert_eq!(opened(&path).await.verify().await.unwrap(), Vec::<String>::new());
    })
    .unwrap();
}

#[test]
fn a_host_without_a_limit_leaves_some_leases_to_the_others() {
    gather_core::run(async {
        let (_folder, _, mut store) = begun().await;
        let of = |host: &str, page: usize| {
            let found = links().found(&format!("http://{host}/{page}"), 1, 0).unwrap();
            crate::Found { in_scope: true, delay: 0, limit: 0, ..found }
        };
        let first = leased(&mut store, NOW).await;
        let found = (0..100).map(|page| of("h1", page)).chain((0..4).map(|page| of("h2", page)));
        let end = PageEnd { links: found.collect(), ..done(&first[0]) };
        store.commit(&ends(&[end]), Bounds::default()).await.unwrap();
        let leases = leased(&mut store, NOW).await;
        assert_eq!(leases.len(), 64);
        assert_eq!(leases.iter().filter(|lease| lease.host == "h2:80").count(), 4);
    })
    .unwrap();
}

#[test]
fn a_store_in_a_place_that_cannot_be_written_to_is_read() {
    gather_core::run(async {
        let (_folder, path, mut store) = begun().await;
        let leases = leased(&mut store, NOW).await;
        store.commit(&ends(&[done(&leases[0])]), Bounds::default()).await.unwrap();
        let error = SqliteStore::connect_to_read(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnly, "a log is not left out");
        Box::new(store).close().await.unwrap();
        let mut store = SqliteStore::connect_to_read(&path).await.unwrap();
        assert_eq!(store.records_after(0, 10).await.unwrap().len(), 1);
        assert_eq!(store.keep_note("a", "b").await.unwrap_err().kind(), ErrorKind::ReadOnly);
    })
    .unwrap();
}

#[test]
fn a_sitemap_that_was_out_of_scope_at_first_is_asked_for_under_its_own_host() {
    gather_core::run(async {
        let (_folder, _, mut store) = begun().await;
        let first = leased(&mut store, NOW).await;
        let url = "http://other/sitemap.xml";
        let as_link = PageEnd { links: vec![links().found(url, 1, 0).unwrap()], ..done(&first[0]) };
        store.commit(&ends(&[as_link]), Bounds::default()).await.unwrap();
        let as_sitemap = links().sitemap(url, 0, 0, true).unwrap();
        let again = crate::model::RobotsEnd {
            id: 0,
            answered: Answered::default(),
            file: None,
            moved: None,
            crawl_delay: 0,
            links: vec![as_sitemap],
        };
        store.commit(&Ends { pages: Vec::new(), robots: vec![again] }, Bounds::default()).await.unwrap();
        let leases = leased(&mut store, NOW).await;
        assert_eq!((leases[0].host.as_str(), leases[0].delay), ("other:80", 1000));
        assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    })
    .unwrap();
}

#[test]
fn what_was_known_of_a_page_goes_with_its_records() {
    gather_core::run(async {
        let (_folder, _, mut store) = begun().await;
        let known = Known { hash: Some("1".into()), etag: Some("e".into()), modified: Some("m".into()) };
        let first = leased(&mut store, NOW).await;
        let page = PageEnd { known: known.clone(), links: Vec::new(), ..done(&first[0]) };
        store.commit(&ends(&[page]), Bounds::default()).await.unwrap();
        for (unchanged, expected, now) in
            [(true, known.clone(), NOW + 10_000), (false, Known::default(), NOW + 20_000)]
        {
            store.begin_round().await.unwrap();
            let again = leased(&mut store, now).await;
            assert_eq!(again[0].known, Some(known.clone()));
            let end = PageEnd { unchanged, links: Vec::new(), ..done(&again[0]) };
            let end = PageEnd { records: Vec::new(), known: expected.clone(), ..end };
            store.commit(&ends(&[end]), Bounds::default()).await.unwrap();
            assert_eq!(store.record_count().await.unwrap(), u64::from(unchanged));
        }
        store.begin_round().await.unwrap();
        assert_eq!(leased(&mut store, NOW + 30_000).await[0].known, Some(Known::default()));
    })
    .unwrap();
}

#[test]
fn hosts_that_are_busy_take_no_other_hosts_place() {
    gather_core::run(async {
        let (_folder, _, mut store) = begun().await;
        let first = leased(&mut store, NOW).await;
        let of = |host: usize, page: usize| {
            let found = links().found(&format!("http://h{host}/{page}"), 1, 0).unwrap();
            crate::Found { in_scope: true, delay: 0, limit: 1, ..found }
        };
        let found = (0..600).flat_map(|host| [of(host, 1), of(host, 2)]);
        let end = PageEnd { links: found.collect(), ..done(&first[0]) };
        store.commit(&ends(&[end]), Bounds::default()).await.unwrap();
        let room = |leases| Room { leases, ..room(NOW) };
        assert_eq!(store.lease(room(500), None).await.unwrap().leases.len(), 500);
        assert_eq!(store.lease(room(500), None).await.unwrap().leases.len(), 100);
    })
    .unwrap();
}

#[test]
fn a_crawl_that_is_another_leaves_the_store_as_it_was() {
    gather_core::run(async {
        let (_folder, _, mut store) = begun().await;
        store.connection.execute("delete from notes where name <> 'scope'").await.unwrap();
        let other = Plan { scope: "other".to_owned(), ..plan() };
        let error = store.begin(&other, &[links().found("http://h/", 0, 0).unwrap()]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(store.note("seeds").await.unwrap(), None);
    })
    .unwrap();
}

#[test]
fn many_seeds_are_all_there_each_as_it_was_given() {
    gather_core::run(async {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::create(&folder.path().join("a.db"), false).await.unwrap();
        let urls: Vec<String> = (0..2_500).map(|page| format!("http://h/{page}")).collect();
        let seeds = urls.iter().map(|url| (url.clone(), url.clone())).collect();
        let found: Vec<_> = urls.iter().map(|url| links().found(url, 0, 0).unwrap()).collect();
        store.begin(&Plan { seeds, ..plan() }, &found).await.unwrap();
        assert_eq!(store.seed_counts().await.unwrap().pending, 2_500);
        let wrong = "select count(*) from seeds join urls on urls.id = seeds.url where given <> urls.url";
        let wrong: i64 = sqlx::query_scalar(wrong).fetch_one(&mut store.connection).await.unwrap();
        assert_eq!(wrong, 0);
    })
    .unwrap();
}
