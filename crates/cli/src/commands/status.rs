//! `gather status STORE` and `gather verify STORE`.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use gather_crawler::{Counts, Error, ErrorKind, HostCounts, Rate, SqliteStore, State, Store};
use gather_records::escape_terminal;
use serde_json::{Value, json};

use crate::args::{FormatName, Status, Verify};
use crate::commands::crawl::account::{in_words, kinds, of_counts};
use crate::commands::crawl::{of_store, open_store};
use crate::exit::{Exit, usage};

/// So many hosts are shown.
const HOSTS: u32 = 20;

pub(crate) async fn run(args: Status) -> anyhow::Result<Exit> {
    let by_default = if std::io::stdout().is_terminal() { FormatName::Text } else { FormatName::Json };
    let format = args.format.unwrap_or(by_default);
    if !matches!(format, FormatName::Text | FormatName::Json | FormatName::Jsonl) {
        return Err(usage("a status is no table", "--format text or --format json"));
    }
    let mut store = open_store(&args.store).await?;
    let counts = store.counts().await.map_err(of_store)?;
    let by_kind = store.by_kind().await.map_err(of_store)?;
    let hosts = store.hosts(HOSTS).await.map_err(of_store)?;
    let records = store.record_count().await.map_err(of_store)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis());
    let rate = store.rate(i64::try_from(now).unwrap_or(i64::MAX)).await.map_err(of_store)?;
    Box::new(store).close().await.map_err(of_store)?;
    let status = Shown { counts, by_kind, hosts, records, rate };
    say(&if format == FormatName::Text { status.text() } else { status.json()? })?;
    Ok(Exit::Done)
}

/// What is known of a crawl.
struct Shown {
    counts: Counts,
    by_kind: Vec<(State, String, u64)>,
    hosts: Vec<HostCounts>,
    records: u64,
    rate: Rate,
}

impl Shown {
    /// How long what is left takes at this rate, and no less than the delays of its hosts, in seconds; `None` if nobody
    /// works on it.
    fn eta(&self) -> Option<f64> {
        if self.rate.workers == 0 || self.rate.pages <= 0.0 {
            return None;
        }
        let of_host = |host: &HostCounts| host.left as f64 * host.delay_ms as f64 / 1_000.0;
        let left = (self.counts.pending + self.counts.leased) as f64 / self.rate.pages;
        Some(self.hosts.iter().map(of_host).fold(left, f64::max))
    }

    fn json(&self) -> anyhow::Result<String> {
        let mut record = of_counts(&self.counts);
        record.insert("finished", self.counts.is_finished());
        record.insert("records", self.records);
        record.insert("by_kind", kinds(&self.by_kind));
        let errors = self
            .by_kind
            .iter()
            .map(|(state, kind, count)| json!({"state": state.as_str(), "kind": kind, "count": count}));
        record.insert("errors", errors.collect::<Value>());
        record.insert("workers", self.rate.workers);
        record.insert("pages_per_second", rounded(self.rate.pages));
        record.insert("bytes_per_second", rounded(self.rate.bytes));
        record.insert("eta_seconds", self.eta().map(rounded));
        record.insert("hosts", serde_json::to_value(&self.hosts)?);
        Ok(format!("{record}\n"))
    }

    fn text(&self) -> String {
        let state = if self.counts.is_finished() { "finished" } else { "not finished" };
        let mut text = format!("{state}; {}; {} records\n", in_words(&self.counts), self.records);
        if let Some(eta) = self.eta() {
            let Rate { workers, pages, .. } = self.rate;
            text.push_str(&format!("{workers} at work, {pages:.1} pages/s, {eta:.0} s left\n"));
        }
        for (state, kind, count) in &self.by_kind {
            text.push_str(&format!("  {count} {} {kind}\n", state.as_str()));
        }
        for host in &self.hosts {
            let HostCounts { host, done, left, delay_ms, .. } = host;
            text.push_str(&format!(
                "{}: {done} done, {left} left, {delay_ms} ms apart\n",
                escape_terminal(host)
            ));
        }
        text
    }
}

/// To one hundredth.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

pub(crate) async fn verify(args: Verify) -> anyhow::Result<Exit> {
    let (wrong, counts) = match checked(&args.store).await {
        // A store that cannot be read to its end is not whole, which is the answer.
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            (vec![error.fact().to_owned()], Counts::default())
        }
        checked => checked.map_err(of_store)?,
    };
    if wrong.is_empty() && counts.holds() {
        say(&format!("whole: {}\n", in_words(&counts)))?;
        return Ok(Exit::Done);
    }
    let lines: String = wrong.iter().map(|wrong| format!("{}\n", escape_terminal(wrong))).collect();
    say(&format!("not whole:\n{lines}"))?;
    Ok(Exit::Failed)
}

/// What is wrong with a store; or nothing, and its counts.
async fn checked(path: &Path) -> Result<(Vec<String>, Counts), Error> {
    let mut store = SqliteStore::open(path).await?;
    let wrong = store.verify().await?;
    let counts = if wrong.is_empty() { store.counts().await? } else { Counts::default() };
    Box::new(store).close().await?;
    Ok((wrong, counts))
}

fn say(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        said => said,
    }
}
