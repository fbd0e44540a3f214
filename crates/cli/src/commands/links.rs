//! `gather links INPUT…`: a record per link.

use std::sync::Arc;

use gather_records::{Failure, Record, plain};
use gather_scraper::{Link, LinkOptions};

use crate::args::{Also, Links};
use crate::commands::pages::{self, Source, Sources};
use crate::drive::drive_units;
use crate::exit::{Exit, usage};
use crate::input::{self, Inputs};
use crate::request::{Requests, failure};
use crate::session::{Look, Session};
use crate::worked::Worked;

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
    let wanted = Wanted::new(&args);
    let columns = Some(wanted.columns());
    let mut session = Session::open(&args.shared, Look { text, columns, more_columns: false }).await?;
    session.saves(requests.take_cookies());
    requests.allow_typed(&args.inputs);
    let inputs = Inputs::start(args.inputs.into_iter().map(Into::into).collect(), list)?;
    let units = sources.units(&inputs);
    drive_units(&mut session, &sources.left_of(&inputs), units, move |source| {
        let requests = requests.clone();
        async move { links(&requests, source, wanted).await.unwrap_or_else(Worked::failed) }
    })
    .await;
    session.finish().await
}

/// What the options ask for.
#[derive(Clone, Copy)]
struct Wanted {
    options: LinkOptions,
    /// Whether the records say the language of what a link leads to.
    hreflang: bool,
}

impl Wanted {
    fn new(args: &Links) -> Self {
        let also = |what| args.also.contains(&what);
        let options = LinkOptions::default()
            .link_elements(also(Also::Link))
            .refresh(also(Also::Refresh))
            .srcset(also(Also::Srcset))
            .unique(args.unique);
        Self { options, hreflang: also(Also::Link) }
    }

    fn columns(self) -> Vec<String> {
        let more = self.hreflang.then_some("hreflang");
        COLUMNS.into_iter().chain(more).map(str::to_owned).collect()
    }
}

async fn links(requests: &Requests, source: Source, wanted: Wanted) -> Result<Worked, Failure> {
    match source {
        Source::Here(here) => {
            let (source, bytes) = (here.source().to_owned(), here.bytes.len() as u64);
            let links = here.parsed(move |page| page.links_with(wanted.options)).await?;
            Ok(worked(&source, links, bytes, wanted))
        }
        Source::Url(asked) => {
            let response = requests.fetch(&asked).await;
            let response = response.map_err(|error| failure(&asked.text, &error))?;
            let (source, bytes) = (response.url().to_string(), response.bytes().len() as u64);
            let room = response.room();
            let look = move |page: &gather_scraper::Page| page.links_with(wanted.options);
            let links = pages::parsed(&asked.text, response, look).await?;
            let mut worked = worked(&source, links, bytes, wanted);
            worked.room = room;
            Ok(worked)
        }
    }
}

fn worked(source: &str, links: Vec<Link>, bytes: u64, wanted: Wanted) -> Worked {
    Worked::ok(links.into_iter().map(|link| record(source, link, wanted)).collect(), bytes)
}

fn record(source: &str, link: Link, wanted: Wanted) -> Record {
    let mut record = Record::new();
    record.insert("source", source);
    record.insert("url", link.url);
    record.insert("text", link.text);
    record.insert("rel", link.rel);
    record.insert("nofollow", link.nofollow);
    if wanted.hreflang {
        record.insert("hreflang", link.hreflang);
    }
    record
}

fn text(record: &Record) -> String {
    record.get("url").map_or_else(String::new, plain)
}
