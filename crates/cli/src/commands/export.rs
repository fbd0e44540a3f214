//! `gather export STORE`: the records of a crawl, in the order in which their pages were committed.

use gather_crawler::{Change, SqliteStore, Store};
use gather_records::Record;
use gather_scraper::Recipe;

use crate::args::Export;
use crate::commands::crawl::{for_output, has_open_columns, of_store, open_store, stored_columns};
use crate::commands::scrape;
use crate::exit::{Exit, usage_error};
use crate::places;
use crate::session::{Look, Session, Stop};

/// So many records are read at once.
const AT_ONCE: u32 = 1_000;

pub(crate) async fn run(args: Export) -> anyhow::Result<Exit> {
    places::check_apart(&args.shared, &SqliteStore::files_of(&args.store), "the store")?;
    let mut store = open_store(&args.store).await?;
    // A crawl beside this may take records back and give others for them.
    store.hold_still().await.map_err(of_store)?;
    if args.changes {
        return changes(&args, store).await;
    }
    let recipe = store.note("recipe").await.map_err(of_store)?.unwrap_or_default();
    let recipe: Recipe = recipe.parse().map_err(usage_error)?;
    let columns = stored_columns(&recipe, &mut store).await.map_err(of_store)?;
    let more_columns = has_open_columns(&columns);
    let look = Look { text: scrape::text, columns: Some(columns), more_columns };
    let mut session = Session::open_for(&args.shared, look, &recipe).await?;
    let (mut last, mut count) = (0, 0);
    while goes_on(&mut session) {
        let records = store.records_after(last, AT_ONCE).await.map_err(of_store)?;
        let Some(newest) = records.last() else { break };
        last = newest.number;
        count += records.len() as u64;
        for stored in records {
            session.record(for_output(stored.record, session.is_table)).await;
        }
    }
    end(session, store, &args, count).await
}

/// Whether more is to be written: neither is the output over, nor was the run told to stop.
fn goes_on(session: &mut Session) -> bool {
    session.note_signal();
    session.stopped().is_none()
}

async fn end(mut session: Session, store: SqliteStore, args: &Export, count: u64) -> anyhow::Result<Exit> {
    Box::new(store).close().await.map_err(of_store)?;
    match session.stopped() {
        Some(Stop::Signal(_)) => session.report.pending(1),
        _ => session.report.ok(&args.store.to_string_lossy(), 0),
    }
    let dropped = session.report.summary.records_dropped.unwrap_or(0);
    session.report.summary.records = Some(count.saturating_sub(dropped));
    session.finish().await
}

/// What the rounds of fetching again found, in the order in which they did.
async fn changes(args: &Export, mut store: SqliteStore) -> anyhow::Result<Exit> {
    let columns = ["change", "round", "_source", "fields", "before", "after"].map(str::to_owned).to_vec();
    let look = Look { text: ToString::to_string, columns: Some(columns), more_columns: false };
    let mut session = Session::open(&args.shared, look).await?;
    let (mut last, mut count) = (0, 0);
    while goes_on(&mut session) {
        let changes = store.changes_after(last, AT_ONCE).await.map_err(of_store)?;
        let Some(newest) = changes.last() else { break };
        last = newest.number;
        for change in
            changes.into_iter().filter(|change| args.since.is_none_or(|since| change.round >= since))
        {
            count += 1;
            session.record(shown(change)).await;
        }
    }
    end(session, store, args, count).await
}

fn shown(change: Change) -> Record {
    let fields = match (&change.before, &change.after) {
        (Some(before), Some(after)) => differing(before, after),
        _ => Vec::new(),
    };
    let mut record = Record::new();
    record.insert("change", change.what);
    record.insert("round", change.round);
    record.insert("_source", change.url);
    record.insert("fields", fields);
    record.insert("before", serde_json::to_value(&change.before).unwrap_or_default());
    record.insert("after", serde_json::to_value(&change.after).unwrap_or_default());
    record
}

/// The names of the fields that are otherwise; when it was fetched is none.
fn differing(before: &Record, after: &Record) -> Vec<String> {
    let names: Vec<&str> =
        before.names().chain(after.names().filter(|name| before.get(name).is_none())).collect();
    let differs = |name: &&str| *name != "_fetched_at" && before.get(name) != after.get(name);
    names.into_iter().filter(differs).map(str::to_owned).collect()
}
