//! Five pages through one client, all at once: it takes as long as the slowest page, not as the sum of them.
//!
//! `cargo run -p gather-fetch --example fetch_urls -- URL…` (without URLs: a server of its own, whose pages take
//! from 0.2 to 1 s)
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

use std::error::Error;
use std::time::Duration;

use gather_core::{now, run, settle};
use gather_fetch::{Client, Request};
use gather_site::{Mock, Reply};

async fn size_of(client: &Client, url: &str) -> Result<usize, gather_fetch::Error> {
    let response = client.execute(Request::get(url)?.typed(true)).await?;
    Ok(response.error_for_status()?.bytes().len())
}

async fn fetch_all(urls: &[String]) {
    let client = Client::new();
    let start = now();
    let sizes = settle(urls.iter().map(|url| size_of(&client, url))).await;
    for (url, size) in urls.iter().zip(sizes) {
        match size {
            Ok(bytes) => println!("{url}: {bytes} bytes"),
            Err(error) => println!("{url}: {error}"),
        }
    }
    println!("Completed in {:.2} seconds", (now() - start).as_secs_f64());
}

/// The n-th page has n thousand bytes and takes n times 200 ms; the last ones are asked for first.
fn pages() -> Result<(Mock, Vec<String>), gather_site::Error> {
    let server = Mock::start(|request| {
        let n = request.path().trim_start_matches('/').parse().unwrap_or(0);
        Reply::text("x".repeat(1000 * n)).delay(Duration::from_millis(200) * n as u32)
    })?;
    let urls = [5, 4, 3, 2, 1].map(|n| server.join(&format!("/{n}"))).to_vec();
    Ok((server, urls))
}

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let (_server, own) = pages()?;
    Ok(run(fetch_all(if given.is_empty() { &own } else { &given }))?)
}
