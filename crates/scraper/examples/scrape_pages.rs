//! Exercise: fetch many pages at once and say of each what it is called and how many links it has.
//!
//! `cargo run -p gather-scraper --example scrape_pages -- URL…` (without URLs: `data/site`, from a server of its own)
//!
//! Fetching waits, so all pages wait at once in one task. Parsing computes, so each page is parsed on the CPU lane.
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

/// The program itself; without the feature `fetch` the crate has no client, and there is nothing to show.
#[cfg(feature = "fetch")]
mod program {
    use std::error::Error;
    use std::path::Path;

    use gather_core::{Lane, now, settle, to_thread_in};
    use gather_fetch::{Client, Request};
    use gather_scraper::Page;
    use gather_site::Site;

    pub(crate) type Failure = Box<dyn Error>;

    const PAGES: [&str; 5] =
        ["", "elements/gold.html", "elements/iron.html", "groups/group-18.html", "legacy/koi8-r.html"];

    async fn look_at(client: &Client, url: &str) -> Result<(String, usize), Failure> {
        let response = client.execute(Request::get(url)?.typed(true)).await?.error_for_status()?;
        let content_type = response.content_type().unwrap_or_default().into_owned();
        let page = Page::builder().url(response.url().as_str()).content_type(&content_type);
        let parsed = to_thread_in(Lane::Cpu, move || {
            let page = page.build(response.into_bytes())?;
            let document = page.parse()?;
            Ok::<_, gather_scraper::Error>((document.title().unwrap_or_default(), document.links()?.len()))
        });
        Ok(parsed.await??)
    }

    async fn look_at_all(urls: &[String]) {
        let client = Client::new();
        let start = now();
        let found = settle(urls.iter().map(|url| look_at(&client, url))).await;
        for (url, found) in urls.iter().zip(found) {
            match found {
                Ok((title, links)) => println!("{url}: {title} ({links} links)"),
                Err(error) => println!("{url}: {error}"),
            }
        }
        println!("Completed in {:.2} seconds", (now() - start).as_secs_f64());
    }

    pub(crate) async fn main(given: Vec<String>) -> Result<(), Failure> {
        let site =
            Site::builder(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/site")).start().await?;
        let own = PAGES.map(|page| format!("{}/{page}", site.url()));
        look_at_all(if given.is_empty() { &own } else { &given }).await;
        site.stop().await;
        Ok(())
    }
}

#[cfg(feature = "fetch")]
fn main() -> Result<(), program::Failure> {
    gather_core::run(program::main(std::env::args().skip(1).collect()))?
}

#[cfg(not(feature = "fetch"))]
fn main() {}
