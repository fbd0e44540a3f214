//! Pages over real HTTP: following, detail pages, failures.
#![cfg(feature = "fetch")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use gather_fetch::Client;
use gather_scraper::{Error, Recipe, Scraped, Scraper};
use gather_site::{Mock, Reply, Request, Site};
use serde_json::json;

fn client(server: &Mock) -> Client {
    let client = Client::builder().retries(0).build().unwrap();
    client.allow_origin(server.url()).unwrap();
    client
}

fn scrape(server: &Mock, path: &str, recipe: &str) -> Result<Scraped, Error> {
    let scraper = Scraper::new(client(server), recipe.parse::<Recipe>().unwrap()).unwrap();
    gather_core::run(async { scraper.scrape(&server.join(path)).await }).unwrap()
}

fn values(scraped: &Scraped) -> serde_json::Value {
    let records = scraped.pages.iter().flat_map(|page| page.extraction.records.iter().cloned());
    records.map(serde_json::Value::from).collect()
}

const LIST: &str = "[record]\neach = 'li'\n[fields]\nn = 'b'\n[follow]\nnext = 'a.next'";

#[test]
fn next_is_followed_page_by_page() {
    let server = Mock::start(|request: &Request| match request.path() {
        "/1" => Reply::html("<ul><li><b>a</b><li><b>b</b></ul><a class=next href=2>"),
        "/2" => Reply::redirect(302, "/two"),
        "/two" => Reply::html("<ul><li><b>c</b></ul>"),
        _ => Reply::status(404),
    })
    .unwrap();
    let scraped = scrape(&server, "/1", LIST).unwrap();
    assert_eq!(values(&scraped), json!([{"n": "a"}, {"n": "b"}, {"n": "c"}]));
    assert_eq!(
        (scraped.pages[1].requested_url.clone(), scraped.pages[1].url.clone()),
        (server.join("/2"), server.join("/two"))
    );
    assert!(scraped.failed.is_none() && scraped.left.is_none());
    assert_eq!(scraped.stats().records, 3);
}

#[test]
fn a_loop_of_pages_ends() {
    let server = Mock::start(|request: &Request| match request.path() {
        "/1" => Reply::html("<ul><li><b>a</b></ul><a class=next href='2#x'>"),
        _ => Reply::html("<ul><li><b>b</b></ul><a class=next href='1#y'>"),
    })
    .unwrap();
    let scraped = scrape(&server, "/1", LIST).unwrap();
    assert_eq!(scraped.pages.len(), 2);
    assert_eq!(server.calls(), 2);
}

#[test]
fn the_bound_of_pages_is_said() {
    let server = Mock::start(|request: &Request| {
        let number: u32 = request.path()[1..].parse().unwrap();
        Reply::html(format!("<ul><li><b>{number}</b></ul><a class=next href=/{}>", number + 1))
    })
    .unwrap();
    let recipe = LIST.parse::<Recipe>().unwrap();
    let scraper = Scraper::new(client(&server), recipe).unwrap().max_pages(3);
    let scraped = gather_core::run(async { scraper.scrape(&server.join("/1")).await }).unwrap().unwrap();
    assert_eq!(scraped.pages.len(), 3);
    assert_eq!(scraped.left, Some(server.join("/4")));
}

#[test]
fn a_later_page_that_fails_keeps_the_earlier_ones() {
    let server = Mock::start(|request: &Request| match request.path() {
        "/1" => Reply::html("<ul><li><b>a</b></ul><a class=next href=2>"),
        _ => Reply::status(404),
    })
    .unwrap();
    let scraped = scrape(&server, "/1", LIST).unwrap();
    assert_eq!(scraped.pages.len(), 1);
    let failed = scraped.failed.unwrap();
    assert_eq!(failed.kind().as_str(), "status");
    assert_eq!(failed.fetch().and_then(gather_fetch::Error::status), Some(404));
    assert_eq!(failed.url(), Some(server.join("/2").as_str()));
}

#[test]
fn the_first_page_that_fails_is_the_error() {
    let server = Mock::start(|request: &Request| match request.path() {
        "/json" => Reply::json("{}"),
        _ => Reply::status(500),
    })
    .unwrap();
    assert_eq!(scrape(&server, "/x", LIST).unwrap_err().kind().as_str(), "status");
    let error = scrape(&server, "/json", LIST).unwrap_err();
    assert_eq!((error.kind().as_str(), error.url()), ("parse", Some(server.join("/json").as_str())));
}

#[test]
fn each_detail_page_is_fetched_once_and_merged() {
    let recipe = "[record]\neach = 'li'\n[fields]\nn = '@own'\n[detail]\nlink = 'a@href'\n\
        [detail.fields]\nd = { css = 'i', required = true }";
    let server = Mock::start(|request: &Request| match request.path() {
        "/" => Reply::html(
            "<ul><li>1<a href=x></a><li>2<a href=y></a><li>3<a href=x></a><li>4<li>5<a href=gone></a><li>6<a href=bare></a></ul>",
        ),
        "/gone" => Reply::status(404),
        "/bare" => Reply::html("<p>nothing"),
        path => Reply::html(format!("<i>{path}</i>")),
    })
    .unwrap();
    let scraped = scrape(&server, "/", recipe).unwrap();
    assert_eq!(
        values(&scraped),
        json!([{"n": "1", "d": "/x"}, {"n": "2", "d": "/y"}, {"n": "3", "d": "/x"}, {"n": "4", "d": null},
            {"n": "5", "d": null, "_detail": "status"}])
    );
    let dropped = &scraped.pages[0].extraction.dropped;
    assert_eq!((dropped[0].place, dropped[0].field.as_str()), (6, "d"));
    assert_eq!(server.calls_of("/x"), 1);
}

#[test]
fn a_detail_page_is_fetched_once_for_all_pages_and_fragments() {
    let recipe = "[record]\neach = 'li'\n[fields]\nn = '@own'\n[detail]\nlink = 'a@href'\n[detail.fields]\nd = 'i'\n\
        [follow]\nnext = 'a.next'";
    let server = Mock::start(|request: &Request| match request.path() {
        "/1" => Reply::html(
            "<ul><li>1<a href='x#one'></a><li>2<a href='x#two'></a><li>3<a href=x></a></ul><a class=next href=2>",
        ),
        "/2" => Reply::html("<ul><li>4<a href='x#four'></a><li>5<a href=gone></a><li>6<a href='gone#6'></a></ul>"),
        "/gone" => Reply::status(404),
        path => Reply::html(format!("<i>{path}</i>")),
    })
    .unwrap();
    let scraped = scrape(&server, "/1", recipe).unwrap();
    assert_eq!(
        values(&scraped),
        json!([{"n": "1", "d": "/x"}, {"n": "2", "d": "/x"}, {"n": "3", "d": "/x"}, {"n": "4", "d": "/x"},
            {"n": "5", "d": null, "_detail": "status"}, {"n": "6", "d": null, "_detail": "status"}])
    );
    assert_eq!((server.calls_of("/x"), server.calls_of("/gone")), (1, 1));
}

#[test]
fn calls_share_their_detail_pages_only_if_they_are_told_to() {
    let recipe =
        "[record]\neach = 'p'\n[detail]\nlink = 'a@href'\n[detail.fields]\nd = 'i'\n[fields]\nn = '@own'";
    let server = Mock::start(|request: &Request| match request.path() {
        "/x" => Reply::html("<i>x</i>"),
        path => Reply::html(format!("<p>{path}<a href=/x></a></p>")),
    })
    .unwrap();
    let alone = Scraper::new(client(&server), recipe.parse::<Recipe>().unwrap()).unwrap();
    let shared = alone.clone().share_details();
    for (scraper, calls) in [(&alone, 2), (&shared, 3)] {
        gather_core::run(async {
            let (one, other) = (server.join("/1"), server.join("/2"));
            let both = futures::future::join(scraper.scrape(&one), scraper.scrape(&other)).await;
            for scraped in [both.0.unwrap(), both.1.unwrap()] {
                assert_eq!(scraped.pages[0].extraction.records[0].get("d").unwrap(), "x");
            }
        })
        .unwrap();
        assert_eq!(server.calls_of("/x"), calls);
    }
}

#[test]
fn pages_come_one_by_one_and_none_is_fetched_before_it_is_asked_for() {
    let server = Mock::start(|request: &Request| {
        let number: u32 = request.path()[1..].parse().unwrap();
        if number == 3 {
            return Reply::status(404);
        }
        Reply::html(format!("<ul><li><b>{number}</b></ul><a class=next href=/{}>", number + 1))
    })
    .unwrap();
    let scraper = Scraper::new(client(&server), LIST.parse::<Recipe>().unwrap()).unwrap();
    gather_core::run(async {
        let mut pages = scraper.pages(&server.join("/1"));
        let first = pages.next_page().await.unwrap().unwrap();
        assert_eq!((first.extraction.records.len(), server.calls()), (1, 1));
        // A call that is dropped loses no page.
        drop(pages.next_page());
        assert_eq!(pages.next_page().await.unwrap().unwrap().url, server.join("/2"));
        assert_eq!(pages.next_page().await.unwrap().unwrap_err().kind().as_str(), "status");
        assert!(pages.next_page().await.is_none() && pages.left().is_none());
        let stream = std::pin::pin!(scraper.clone().max_pages(1).pages(&server.join("/1")).into_stream());
        assert_eq!(futures::StreamExt::collect::<Vec<_>>(stream).await.len(), 1);
    })
    .unwrap();
}

#[test]
fn relative_dates_count_from_the_date_of_the_response() {
    let server = Mock::start(|_: &Request| {
        Reply::html("<p>yesterday</p>").header("date", "Wed, 05 Jun 2024 10:00:00 GMT")
    })
    .unwrap();
    let scraped = scrape(&server, "/", "[fields]\nd = { css = 'p', as = 'date', relative = true }").unwrap();
    assert_eq!(values(&scraped), json!([{"d": "2024-06-04"}]));
}

#[test]
fn headers_of_the_recipe_are_sent_and_secrets_stay_at_home() {
    let other = Mock::start(|_: &Request| Reply::html("<i>o</i>")).unwrap();
    let elsewhere = other.join("/o");
    let server =
        Mock::start(move |_: &Request| Reply::html(format!("<p><a href='{elsewhere}'></a></p>"))).unwrap();
    // PATH is set wherever tests run.
    let recipe = "[record]\neach = 'p'\n[detail]\nlink = 'a@href'\n[detail.fields]\nd = 'i'\n[fields]\nn = '@text'\n\
        [request]\nheaders = { X-Plain = 'p', X-Secret = 'env:PATH', Authorization = 'a' }";
    let recipe = recipe.parse::<Recipe>().unwrap();
    let client = client(&server);
    client.allow_origin(other.url()).unwrap();
    let scraper = Scraper::new(client, recipe).unwrap();
    assert!(!format!("{scraper:?}").contains(&std::env::var("PATH").unwrap()));
    gather_core::run(async { scraper.scrape(server.url()).await }).unwrap().unwrap();
    let sent = &server.requests()[0];
    assert_eq!((sent.header("x-plain"), sent.header("authorization")), (Some("p"), Some("a")));
    assert_eq!(sent.header("x-secret").map(str::to_owned), std::env::var("PATH").ok());
    let strange = &other.requests()[0];
    assert_eq!(strange.header("x-plain"), Some("p"));
    assert_eq!((strange.header("x-secret"), strange.header("authorization")), (None, None));
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    let recipe = "[request]\nheaders = { A = 'env:NO_SUCH_VARIABLE_HERE' }".parse::<Recipe>().unwrap();
    let error = Scraper::new(Client::new(), recipe).unwrap_err();
    assert_eq!(error.kind().as_str(), "invalid_input");
    assert!(error.to_string().contains("NO_SUCH_VARIABLE_HERE"));
}

#[test]
fn futures_can_be_spawned() {
    fn is_spawnable<T: Send>(_: &T) {}
    let scraper = Scraper::new(Client::new(), Recipe::default()).unwrap();
    is_spawnable(&scraper.scrape("http://h/"));
    is_spawnable(&scraper.scrape_page("http://h/"));
}

#[test]
fn the_whole_catalogue_is_gathered_from_its_first_page() {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    let read = |path: &str| std::fs::read_to_string(data.join(path)).unwrap();
    let recipe = read("recipes/catalogue-follow.toml").parse::<Recipe>().unwrap();
    let found = gather_core::run(async {
        let site = Site::builder(data.join("site")).start().await.unwrap();
        let client = Client::new();
        client.allow_origin(site.url()).unwrap();
        let scraper = Scraper::new(client, recipe).unwrap();
        scraper.scrape(&format!("{}/elements/page-1.html", site.url())).await
    });
    let found = found.unwrap().unwrap();
    assert!(found.failed.is_none(), "{:?}", found.failed);
    assert_eq!(found.pages.len(), 6);
    let records: Vec<_> = found.pages.iter().flat_map(|page| &page.extraction.records).collect();
    let expected = read("recipes/expected/catalogue-follow.jsonl");
    assert_eq!(records.len(), expected.lines().count());
    for (record, line) in records.iter().zip(expected.lines()) {
        let fields = line.split_once(",").map(|(_, fields)| format!("{{{fields}")).unwrap();
        assert_eq!(record.to_string(), fields);
    }
}
