//! `gather crawl URL…`: follows links into a store.

pub(crate) mod account;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use futures::future::{Either, select};
use gather_core::{CancelToken, Reason, cancelled, sleep};
use gather_crawler::{
    Crawl as Crawling, CrawlBuilder, Error, ErrorKind, Form, Projection, Same, SqliteStore, Store, Stored,
};
use gather_fetch::{Jar, Url};
use gather_records::{Format, Record};
use gather_scraper::Recipe;

use crate::args::{Crawl, Polite, SameName};
use crate::commands::crawl::account::{AT_ONCE, Origins};
use crate::commands::scrape;
use crate::cookies;
use crate::exit::{Exit, usage, usage_error};
use crate::input::{self, Asked, By, Inputs, as_text};
use crate::places;
use crate::request::{self, Requests};
use crate::session::{Look, Session, Stop, database, file_target};

pub(crate) async fn run(mut args: Crawl) -> anyhow::Result<Exit> {
    check(&args)?;
    let recipe = scrape::recipe(&args.take)?;
    args.request.cookies |= recipe.request().cookies;
    request::adopt_agent(&mut args.request, &recipe)?;
    let seeds = seeds(&args).await?;
    if let Some(reason) = CancelToken::current().reason() {
        let session = Session::without_records(&args.shared)?;
        return not_begun(session, given(&args, &seeds), reason).await; // the list may have more of them
    }
    let path = store_path(&args, &seeds)?;
    places::check_apart(&args.shared, &SqliteStore::files_of(&path), "the store")?;
    let (jar, cookies) = cookies::open(&args.request)?.unzip();
    let builder = builder(&args, &seeds, recipe.clone(), jar)?;
    builder.check().map_err(of_store)?;
    let (mut session, target) = open(&args, &recipe, &path).await?;
    session.saves(cookies.flatten());
    let begun = CancelToken::current().run(begin(&args, &path, builder)).await;
    let (mut crawl, was_finished) = match begun {
        Ok(begun) => begun?,
        Err(reason) => return not_begun(session, given(&args, &seeds), reason).await,
    };
    let target = match target {
        Some(target) => follow(target, &recipe, &mut crawl).await.map(Some),
        None => Ok(None),
    };
    let ended = match target {
        Ok(None) if crawl.is_round() && !args.new => drive_to_the_end(&mut session, &mut crawl).await,
        Ok(mut out) => drive(&mut session, &mut crawl, out.as_mut()).await,
        Err(error) => Err(error),
    };
    session.note_signal();
    if was_finished && !args.refresh && !args.shared.quiet {
        session.report.say(&format!(
            "the crawl in {} was finished before\n  hint: --refresh asks for its pages again, and --restart begins anew and forgets what is in the store",
            path.display()
        ));
    }
    let ended = match ended {
        Ok(()) => {
            let origins = Origins::new(&seeds, sitemaps(&args));
            account::account(&mut session, &mut crawl, &origins, args.shared.quiet).await
        }
        Err(error) => {
            session.report.pending(given(&args, &seeds));
            Err(error)
        }
    };
    let closed = crawl.close().await;
    let exit = match ended.and_then(|failed| closed.map(|()| failed)).map_err(of_store) {
        Ok(true) => Exit::Failed,
        Ok(false) => Exit::Done,
        Err(error) => {
            let exit = Exit::of_error(&error);
            session.broke(error);
            exit
        }
    };
    Ok(session.finish().await?.max(exit))
}

/// Brings the file of `--out` to where the store says it was.
async fn follow(target: Projection, recipe: &Recipe, crawl: &mut Crawling) -> Result<Projection, Error> {
    let columns = stored_columns(recipe, &mut **crawl.store().await).await?;
    let columns = if has_open_columns(&columns) { Vec::new() } else { columns };
    let out = target.follow(columns, &mut **crawl.store().await).await?;
    crawl.skip_to(out.last_record());
    Ok(out)
}

/// The crawl in the store, and whether it was finished before.
async fn begin(args: &Crawl, path: &Path, builder: CrawlBuilder) -> anyhow::Result<(Crawling, bool)> {
    if args.restart {
        SqliteStore::remove(path).await.map_err(of_store)?;
    }
    let mut store = SqliteStore::create(path, args.durable).await.map_err(of_store)?;
    let before = store.counts().await.map_err(of_store)?;
    let was_finished = before.discovered > 0 && before.is_finished();
    let crawl = builder.begin(Box::new(store)).await.map_err(of_store)?;
    Ok((crawl, was_finished))
}

/// A crawl that was told to stop before it had begun.
async fn not_begun(mut session: Session, given: u64, reason: Reason) -> anyhow::Result<Exit> {
    session.stop(Stop::Signal(reason));
    session.report.pending(given);
    session.finish().await
}

/// How many inputs were given.
fn given(args: &Crawl, seeds: &[Asked]) -> u64 {
    (seeds.len() + sitemaps(args).count()) as u64
}

fn check(args: &Crawl) -> anyhow::Result<()> {
    if Requests::is_other_than_get(&args.request) {
        return Err(usage("crawl asks for pages with GET", "fetch sends -X, -d, --json and -I"));
    }
    if args.shared.ordered || args.shared.append {
        let option = if args.shared.ordered { "--ordered" } else { "--append" };
        return Err(usage(
            format!("{option} means nothing to a crawl"),
            "its records come as their pages are committed, and --out holds all of the store's",
        ));
    }
    if let Some(site) = sitemaps(args).find(|url| Url::parse(url).is_ok_and(|url| url.path() == "/")) {
        return Err(usage(format!("`{site}` is no sitemap"), format!("gather crawl {site} --sitemap")));
    }
    if args.shared.csv_safe && args.shared.out.is_some() {
        return Err(usage(
            "--out of a crawl is not defused as it grows",
            "gather export STORE --csv-safe -o FILE.csv does",
        ));
    }
    Ok(())
}

/// The URLs that were typed, then those of the list, each once.
async fn seeds(args: &Crawl) -> anyhow::Result<Vec<Asked>> {
    let list = input::list(args.shared.input.as_ref(), args.shared.input_key.clone())?;
    let inputs = Inputs::start(args.urls.iter().map(Into::into).collect(), list)?;
    let mut stream = std::pin::pin!(inputs.stream().take_until(cancelled()));
    let (mut seeds, mut known) = (Vec::new(), HashSet::new());
    while let Some(given) = stream.next().await {
        let seed = as_text(given).map_err(|bad| usage_error(format!("{}: {}", bad.entry, bad.message)))?;
        if known.insert(seed.text.clone()) {
            seeds.push(seed);
        }
    }
    let is_all = !CancelToken::current().is_cancelled();
    if is_all && seeds.is_empty() && sitemaps(args).next().is_none() {
        return Err(usage("no page to begin at", "gather crawl URL"));
    }
    Ok(seeds)
}

/// The sitemaps that were named.
fn sitemaps(args: &Crawl) -> impl Iterator<Item = &String> {
    args.sitemap.iter().filter(|url| !url.is_empty())
}

fn store_path(args: &Crawl, seeds: &[Asked]) -> anyhow::Result<PathBuf> {
    if let Some(path) = &args.store {
        if path.to_str().is_some_and(|text| text.contains("://")) {
            return Err(usage("a store is a file so far", "write --store FILE.db"));
        }
        return Ok(path.clone());
    }
    let first = seeds.first().map(|seed| &seed.text).or_else(|| sitemaps(args).next());
    let first = first.map(String::as_str).unwrap_or_default();
    let host = Url::parse(first).ok().and_then(|url| url.host_str().map(str::to_owned)).ok_or_else(|| {
        usage(
            format!("`{first}` is no page to begin at"),
            "write it with its scheme, such as https://example.com/",
        )
    })?;
    Ok(format!("./gather-{}.db", host.trim_matches(['[', ']']).replace(':', "_")).into())
}

fn builder(args: &Crawl, seeds: &[Asked], recipe: Recipe, jar: Option<Jar>) -> anyhow::Result<CrawlBuilder> {
    let client = request::builder(&args.request, &args.shared, &Polite::default(), jar)?;
    let mut builder = Crawling::builder()
        .client(client)
        .agent(&request::agent(&args.request)?)
        .recipe(recipe)
        .jobs(args.shared.jobs)
        .grace(args.shared.grace)
        .retries(args.shared.retries)
        .max_wait(args.request.max_wait)
        .max_redirects(args.request.max_redirects)
        .allow_downgrade(args.request.allow_downgrade)
        .same(same(args.same))
        .form(form(args))
        .meta_robots(!args.ignore_meta_robots)
        .nofollow(args.nofollow)
        .canonical(args.canonical)
        .provenance(args.provenance)
        .refresh(args.refresh)
        .auto_throttle(!args.no_auto_throttle)
        .only_new(args.new);
    builder = request::named_headers(&args.request)?
        .iter()
        .fold(builder, |builder, name| builder.without_header(name));
    builder = sitemaps(args).fold(builder, |builder, url| builder.sitemap(url));
    builder = builder.robots_sitemaps(args.sitemap.iter().any(String::is_empty));
    builder = seeds.iter().fold(builder, |builder, Asked { text, by }| match by {
        By::User => builder.seed(text),
        By::List => builder.seed_of_list(text),
        By::Page(page) => builder.seed_of_page(page, text),
    });
    builder = args.allow.iter().fold(builder, |builder, glob| builder.allow(glob));
    builder = args.deny.iter().fold(builder, |builder, glob| builder.deny(glob));
    if let Some(depth) = args.max_depth {
        builder = builder.max_depth(depth);
    }
    if let Some(limit) = args.shared.timeout {
        builder = builder.total_timeout(request::unless_zero(limit));
    }
    if let Some(urls) = args.per_pattern {
        builder = builder.per_pattern(urls);
    }
    if let Some(pages) = args.max_pages {
        builder = builder.max_pages(pages);
    }
    if let Some(bytes) = args.max_bytes {
        builder = builder.max_bytes(bytes);
    }
    if let Some(time) = args.max_time {
        builder = builder.max_time(time);
    }
    if let Some(requests) = args.per_host {
        builder = builder.per_host(requests);
    }
    if let Some(apart) = args.rate {
        builder = builder.rate(apart.as_secs_f64().recip());
    }
    if let Some(delay) = args.delay {
        builder = builder.delay(delay);
    }
    Ok(builder)
}

fn same(name: SameName) -> Same {
    match name {
        SameName::Host => Same::Host,
        SameName::Domain => Same::Domain,
        SameName::Folder => Same::Folder,
    }
}

fn form(args: &Crawl) -> Form {
    let mut form = Form::default();
    (form.sort_query, form.strip_session) = (args.sort_query, args.strip_session);
    form
}

/// The columns of a table of the records.
pub(crate) fn columns(recipe: &Recipe, provenance: bool) -> Vec<String> {
    let mut columns = vec!["_source".to_owned()];
    columns.extend(recipe.field_names().into_iter().map(str::to_owned));
    if provenance {
        columns.extend(["_fetched_at", "_status"].map(str::to_owned));
    }
    columns
}

/// The record as it is shown: `_input`, which few records have, is in no table.
pub(crate) fn for_output(record: Record, is_table: bool) -> Record {
    if !is_table || record.get("_input").is_none() {
        return record;
    }
    record.into_map().into_iter().filter(|(name, _)| name != "_input").collect()
}

/// The same of the records in a store, whichever run made them.
pub(crate) async fn stored_columns(recipe: &Recipe, store: &mut dyn Store) -> Result<Vec<String>, Error> {
    Ok(columns(recipe, store.note("provenance").await?.is_some()))
}

/// Whether the fields are the columns of a table on the page, which are not known before.
pub(crate) fn has_open_columns(columns: &[String]) -> bool {
    columns.iter().all(|column| column.starts_with('_'))
}

/// A file of `--out` is the crawl's own, stdout and a table the session's.
async fn open(args: &Crawl, recipe: &Recipe, store: &Path) -> anyhow::Result<(Session, Option<Projection>)> {
    let columns = columns(recipe, args.provenance);
    let to_table = database(&args.shared)?.is_some();
    let is_one_per_page = recipe.is_one_per_page();
    if to_table && recipe.key().is_none() && !is_one_per_page {
        return Err(usage(
            "a crawl whose pages give several records goes into a table only by a recipe with `key`, so that it can be gone on with",
            "gather export STORE -o sqlite:FILE#TABLE writes all of its records",
        ));
    }
    let Some(out) = args.shared.out.as_ref().filter(|_| !to_table) else {
        let more_columns = has_open_columns(&columns) || store.exists();
        let look = Look { text: scrape::text, columns: Some(columns), more_columns };
        let session = match is_one_per_page {
            true => Session::open_for_pages(&args.shared, look, recipe).await?,
            false => Session::open_for(&args.shared, look, recipe).await?,
        };
        return Ok((session, None));
    };
    let (file, format) = (file_target(out)?, Session::format(&args.shared)?);
    if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz")) {
        return Err(usage(
            "a crawl does not write .gz as it goes",
            "gather export STORE -o FILE.jsonl.gz does",
        ));
    }
    if format != Format::Jsonl && has_open_columns(&columns) {
        return Err(usage("the columns of the table are not known before", "write .jsonl, or export it"));
    }
    let session = Session::without_records(&args.shared)?;
    let target = Projection::lock(&file, format, &SqliteStore::files_of(store)).await.map_err(usage_error)?;
    Ok((session, Some(target.durable(args.durable))))
}

/// Hands each batch of records on, until the crawl is over.
async fn drive(
    session: &mut Session,
    crawl: &mut Crawling,
    mut out: Option<&mut Projection>,
) -> Result<(), Error> {
    while let Some(records) = crawl.next().await? {
        match &mut out {
            Some(out) => out.add(&records, &mut **crawl.store().await).await?,
            None => print_within(session, records).await,
        }
        session.report.show_crawl(crawl.done(), crawl.fetched().saturating_sub(crawl.done()), crawl.bytes());
        if session.is_output_over() {
            break;
        }
    }
    stop(session, crawl).await?;
    match out {
        Some(out) => {
            let store = &mut **crawl.store().await;
            rewrite(out, store).await?;
            out.add(&[], store).await
        }
        None => Ok(()),
    }
}

/// A file with records that a new round took away is written anew.
async fn rewrite(out: &mut Projection, store: &mut dyn Store) -> Result<(), Error> {
    if !out.is_outdated(store).await? {
        return Ok(());
    }
    out.empty(store).await?;
    loop {
        let records = store.records_after(out.last_record(), AT_ONCE).await?;
        if records.is_empty() {
            return Ok(());
        }
        out.add(&records, store).await?;
    }
}

/// Prints the records once a new round is over: until then any of them may be replaced.
async fn drive_to_the_end(session: &mut Session, crawl: &mut Crawling) -> Result<(), Error> {
    while crawl.next().await?.is_some() {
        session.report.show_crawl(crawl.done(), crawl.fetched().saturating_sub(crawl.done()), crawl.bytes());
    }
    stop(session, crawl).await?;
    let mut last = 0;
    while !session.is_output_over() {
        let records = crawl.store().await.records_after(last, AT_ONCE).await?;
        let Some(newest) = records.last() else { break };
        last = newest.number;
        print_within(session, records).await;
    }
    Ok(())
}

async fn stop(session: &mut Session, crawl: &mut Crawling) -> Result<(), Error> {
    session.note_signal();
    crawl.stop().await
}

/// Prints; told to stop, no longer than the grace: who reads may be stuck, and the records are in the store.
async fn print_within(session: &mut Session, records: Vec<Stored>) {
    let grace = session.grace;
    let stuck = {
        let out_of_time = async {
            cancelled().await;
            sleep(grace).await;
        };
        let (print, out_of_time) = (std::pin::pin!(print(session, records)), std::pin::pin!(out_of_time));
        matches!(select(print, out_of_time).await, Either::Right(_))
    };
    if stuck {
        session.abandon_output();
    }
}

async fn print(session: &mut Session, records: Vec<Stored>) {
    for stored in records {
        if session.is_output_over() {
            return;
        }
        session.record(for_output(stored.record, session.is_table)).await;
    }
}

/// What cannot be gone on with as it was asked for is wrong usage; the rest is a failure.
pub(crate) fn of_store(error: Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::Io | ErrorKind::Full => error.into(),
        _ => usage_error(error),
    }
}

/// The store that a command was given.
///
/// # Errors
/// There is none, or it cannot be used.
pub(crate) async fn open_store(path: &Path) -> anyhow::Result<SqliteStore> {
    SqliteStore::open(path).await.map_err(of_store)
}
