//! Exercise: try again what may pass, with waits that grow. The server answers 500, 500, and then 200.
//!
//! `cargo run -p gather-fetch --example fetch_retry -- URL` (without a URL: a server of its own)
//!
//! A `Client` does this by itself (`retries`, 2 unless told otherwise); here it is told not to, so that each attempt can
//! be seen.
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

use std::error::Error;
use std::time::Duration;

use gather_core::{Decision, Jitter, Retry, RetryError, now, run};
use gather_fetch::{Client, Request};
use gather_site::{Mock, Reply};

/// Waits 200 ms, then 400 ms, half of it by chance.
const POLICY: Retry = Retry::new();

async fn attempt(client: &Client, url: &str, number: u32) -> Result<String, gather_fetch::Error> {
    let response = client.execute(Request::get(url)?.typed(true)).await?;
    println!("Attempt {number}: status {}", response.status());
    Ok(response.error_for_status()?.text().into_owned())
}

/// 4xx will be the same the next time; 5xx, or no answer at all, may not.
fn decide(error: &gather_fetch::Error) -> Decision {
    if error.is_retryable() { Decision::Again } else { Decision::Stop }
}

async fn fetch(url: &str) -> Result<(), Box<dyn Error>> {
    let client = Client::builder().retries(0).build()?;
    let start = now();
    let policy = POLICY.jitter(Jitter::Equal).budget(Duration::from_secs(30));
    let result = policy.run(|number| attempt(&client, url, number), decide).await;
    match result.map_err(RetryError::into_inner) {
        Ok(text) => println!("Got {} bytes", text.len()),
        Err(error) => println!("Gave up: {error}"),
    }
    println!("Completed in {:.2} seconds", (now() - start).as_secs_f64());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let server = Mock::sequence([Reply::status(500), Reply::status(500), Reply::text("at last")])?;
    let url = std::env::args().nth(1).unwrap_or_else(|| server.join("/"));
    run(fetch(&url))?
}
