//! `gather export STORE`: the records of a crawl, in the order in which their pages were committed.

use gather_crawler::Store;
use gather_scraper::Recipe;

use crate::args::Export;
use crate::commands::crawl::{has_open_columns, of_store, open_store, stored_columns};
use crate::commands::scrape;
use crate::exit::{Exit, usage_error};
use crate::session::{Look, Session};

/// So many records are read at once.
const AT_ONCE: u32 = 1_000;

pub(crate) async fn run(args: Export) -> anyhow::Result<Exit> {
    let mut store = open_store(&args.store).await?;
    let recipe = store.note("recipe").await.map_err(of_store)?.unwrap_or_default();
    let recipe: Recipe = recipe.parse().map_err(usage_error)?;
    let columns = stored_columns(&recipe, &mut store).await.map_err(of_store)?;
    let more_columns = has_open_columns(&columns);
    let look = Look { text: scrape::text, columns: Some(columns), more_columns };
    let mut session = Session::open_for(&args.shared, look, &recipe).await?;
    let (mut last, mut count) = (0, 0);
    while !session.is_output_over() {
        let records = store.records_after(last, AT_ONCE).await.map_err(of_store)?;
        let Some(newest) = records.last() else { break };
        last = newest.number;
        count += records.len() as u64;
        for stored in records {
            session.record(stored.record).await;
        }
    }
    Box::new(store).close().await.map_err(of_store)?;
    session.report.ok(&args.store.to_string_lossy(), 0);
    session.report.summary.records = Some(count);
    session.finish().await
}
