//! `gather links INPUT…`: a record per link.

use std::sync::Arc;

use gather_records::{Failure, Record, plain};
use gather_scraper::Link;

use crate::args::Links;
use crate::commands::pages::{self, Source, Sources};
use crate::drive::{Worked, drive_units};
use crate::exit::{Exit, usage};
use crate::input::{self, Inputs};
use crate::request::{Requests, failure};
use crate::session::{Look, Session};

const COLUMNS: [&str; 5] = ["source", "url", "text", "rel", "nofollow"];

pub(crate) async fn run(args: Links) -> anyhow::Result<Exit> {
    let list = input::list(args.shared.input.as_ref(), args.shared.input_key.clone())?;
    if args.inputs.is_empty() && list.is_none() {
        return Err(usage(
            "no page to take links from",
            "gather links URL, FILE or DIR, or - for a page on stdin",
        ));
    }
    let requests = Arc::new(Requests::polite(&args.request, &args.shared, &args.polite)?);
    let sources = Sources::new(args.base.as_deref(), args.request.max_size, &args.shared)?;
    let columns = Some(COLUMNS.map(str::to_owned).to_vec());
    let mut session = Session::open(&args.shared, Look { text, columns, more_columns: false })?;
    session.saves(requests.take_cookies());
    let inputs = Inputs::start(args.inputs.into_iter().map(Into::into).collect(), list)?;
    let units = sources.units(&inputs);
    drive_units(&mut session, &inputs, units, move |source| {
        let requests = requests.clone();
        async move { links(&requests, source).await.unwrap_or_else(Worked::failed) }
    })
    .await;
    session.finish().await
}

async fn links(requests: &Requests, source: Source) -> Result<Worked, Failure> {
    match source {
        Source::Here(here) => {
            let (source, bytes) = (here.source().to_owned(), here.bytes.len() as u64);
            let links = here.parsed(|page| page.links()).await?;
            Ok(worked(&source, links, bytes))
        }
        Source::Url(asked) => {
            let response = requests.fetch(&asked).await.and_then(gather_fetch::Response::error_for_status);
            let response = response.map_err(|error| failure(&asked.text, &error))?;
            let (source, bytes) = (response.url().to_string(), response.bytes().len() as u64);
            let room = response.room();
            let links = pages::parsed(&asked.text, response, |page| page.links()).await?;
            let mut worked = worked(&source, links, bytes);
            worked.room = room;
            Ok(worked)
        }
    }
}

fn worked(source: &str, links: Vec<Link>, bytes: u64) -> Worked {
    Worked::ok(links.into_iter().map(|link| record(source, link)).collect(), bytes)
}

fn record(source: &str, link: Link) -> Record {
    let mut record = Record::new();
    record.insert("source", source);
    record.insert("url", link.url);
    record.insert("text", link.text);
    record.insert("rel", link.rel);
    record.insert("nofollow", link.nofollow);
    record
}

fn text(record: &Record) -> String {
    record.get("url").map_or_else(String::new, plain)
}
