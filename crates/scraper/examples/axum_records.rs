//! Records in somebody else's service: an axum handler that takes a page, and one that fetches it.
//!
//! `cargo run -p gather-scraper --example axum_records`, then `curl --data-binary @page.html http://127.0.0.1:PORT/records`
//! or `curl http://127.0.0.1:PORT/records?https://example.com/`; it stops when its stdin is closed (Ctrl-D).
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::routing::get;
use futures::stream::{self, TryStreamExt};
use gather_core::to_thread;
use gather_fetch::Client;
use gather_scraper::{Error, Page, Recipe, Scraper, scrape};

type Answer = Result<String, (StatusCode, String)>;

/// What went wrong, with its kind: `private_address` for who asks this service to look into its own network.
fn refused(error: Error) -> (StatusCode, String) {
    (StatusCode::UNPROCESSABLE_ENTITY, format!("{}: {error}\n", error.kind()))
}

/// A page that is sent here: parsed on the CPU lane, it holds up no connection.
async fn of_body(State(scraper): State<Scraper>, body: Bytes) -> Answer {
    let page = Page::from_bytes(body, "").map_err(refused)?;
    let records = scrape(stream::iter([page]), scraper.recipe());
    records.map_ok(|record| format!("{record}\n")).try_collect().await.map_err(refused)
}

/// A page that is fetched, within the limits and the address rules of the client.
async fn of_url(State(scraper): State<Scraper>, RawQuery(url): RawQuery) -> Answer {
    let page = scraper.scrape_page(&url.unwrap_or_default()).await.map_err(refused)?;
    Ok(page.extraction.records.iter().map(|record| format!("{record}\n")).collect())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let recipe =
        Recipe::builder().each("article").field("title", "h3 a").spec("price:number=.price").build()?;
    let scraper = Scraper::new(Client::new(), recipe)?;
    let service = Router::new().route("/records", get(of_url).post(of_body)).with_state(scraper);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let end_of_stdin = async {
        let _ = to_thread(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await;
    };
    axum::serve(listener, service).with_graceful_shutdown(end_of_stdin).await?;
    println!("stopped");
    Ok(())
}
