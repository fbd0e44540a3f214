//! Exercise: ask several APIs at once, page by page, and make one answer of theirs.
//!
//! `cargo run -p gather-fetch --example query_apis -- FILE` (without a file: `data/api/query.toml`, asked of a server of
//! its own)
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::Path;

use gather_core::{now, run};
use gather_fetch::{Client, Query, Url};
use gather_site::Site;

const AT_ONCE: NonZeroUsize = NonZeroUsize::new(16).unwrap();

type Failure = Box<dyn Error + Send + Sync>;

async fn ask(query: Query) -> Result<(), Failure> {
    let start = now();
    let answer = query.run(&Client::new(), AT_ONCE).await?;
    for endpoint in &answer.endpoints {
        match &endpoint.outcome {
            Ok(()) => {
                println!("{}: {} items, requests: {}", endpoint.name, endpoint.items, endpoint.requests)
            }
            Err(error) => println!("{}: {error}", endpoint.name),
        }
    }
    answer.warnings.iter().for_each(|warning| println!("warning: {warning}"));
    let bytes = answer.value.map(|value| value.to_string().len());
    println!("One answer: {}", bytes.map_or("none".to_owned(), |bytes| format!("{bytes} bytes of JSON")));
    println!("Completed in {:.2} seconds", (now() - start).as_secs_f64());
    Ok(())
}

async fn ask_own_server() -> Result<(), Failure> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    let query: Query = std::fs::read_to_string(data.join("api/query.toml"))?.parse()?;
    let site = Site::builder(data).start().await?;
    ask(query.with_base(Url::parse(site.url())?)).await?;
    site.stop().await;
    Ok(())
}

fn main() -> Result<(), Failure> {
    match std::env::args().nth(1) {
        Some(file) => run(ask(std::fs::read_to_string(file)?.parse()?))?,
        None => run(ask_own_server())?,
    }
}
