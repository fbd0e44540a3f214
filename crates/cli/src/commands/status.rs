//! `gather status STORE` and `gather verify STORE`.

use std::io::{IsTerminal, Write};

use gather_crawler::{Counts, HostCounts, Store};
use gather_records::{Record, escape_terminal};
use serde_json::Value;

use crate::args::{FormatName, Status, Verify};
use crate::commands::crawl::{in_words, of_counts, of_store, open_store};
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
    Box::new(store).close().await.map_err(of_store)?;
    let status = Shown { counts, by_kind, hosts, records };
    say(&if format == FormatName::Text { status.text() } else { status.json()? })?;
    Ok(Exit::Done)
}

/// What is known of a crawl.
struct Shown {
    counts: Counts,
    by_kind: Vec<(String, u64)>,
    hosts: Vec<HostCounts>,
    records: u64,
}

impl Shown {
    fn json(&self) -> anyhow::Result<String> {
        let mut record = of_counts(&self.counts);
        record.insert("finished", self.counts.is_finished());
        record.insert("records", self.records);
        let kinds: Record =
            self.by_kind.iter().map(|(kind, count)| (kind.as_str(), Value::from(*count))).collect();
        record.insert("by_kind", kinds);
        record.insert("hosts", serde_json::to_value(&self.hosts)?);
        Ok(format!("{record}\n"))
    }

    fn text(&self) -> String {
        let state = if self.counts.is_finished() { "finished" } else { "not finished" };
        let mut text = format!("{state}; {}; {} records\n", in_words(&self.counts), self.records);
        for (kind, count) in &self.by_kind {
            text.push_str(&format!("  {count} {kind}\n"));
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

pub(crate) async fn verify(args: Verify) -> anyhow::Result<Exit> {
    let mut store = open_store(&args.store).await?;
    let wrong = store.verify().await.map_err(of_store)?;
    let counts = store.counts().await.map_err(of_store)?;
    Box::new(store).close().await.map_err(of_store)?;
    if wrong.is_empty() && counts.holds() {
        say(&format!("whole: {}\n", in_words(&counts)))?;
        return Ok(Exit::Done);
    }
    let lines: String = wrong.iter().map(|wrong| format!("{}\n", escape_terminal(wrong))).collect();
    say(&format!("not whole:\n{lines}"))?;
    Ok(Exit::Failed)
}

fn say(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        said => said,
    }
}
