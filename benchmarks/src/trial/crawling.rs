//! The command line's crawl, as a process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::bench::read_shell::gather_binary;

/// A crawl of a site, into a store and a file in a folder of its own.
pub(super) struct Crawling {
    gather: PathBuf,
    url: String,
    folder: PathBuf,
}

impl Crawling {
    /// # Errors
    /// The binary is not built.
    pub(super) fn new(url: &str, folder: &Path) -> anyhow::Result<Self> {
        let gather = gather_binary()?;
        let profile = if cfg!(debug_assertions) { "" } else { " --release" };
        ensure!(gather.exists(), "there is no {}; hint: cargo build{profile} -p gather", gather.display());
        Ok(Self { gather, url: url.to_owned(), folder: folder.to_owned() })
    }

    pub(super) fn store(&self) -> PathBuf {
        self.folder.join("store.db")
    }

    /// The store's write-ahead log.
    pub(super) fn wal(&self) -> PathBuf {
        self.folder.join("store.db-wal")
    }

    pub(super) fn out(&self) -> PathBuf {
        self.folder.join("out.jsonl")
    }

    /// `gather crawl`, which goes on where it was, without its output.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.gather);
        command.args(["crawl", &self.url, "-q", "--retries", "4"]);
        command.args(["--field", "title=title", "--store"]).arg(self.store());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// The records that `gather export` finds in the store, in its order.
    pub(super) fn export(&self) -> anyhow::Result<Vec<String>> {
        let output = Command::new(&self.gather).arg("export").arg(self.store()).output()?;
        ensure!(output.status.success(), "gather export: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
    }

    /// # Errors
    /// `gather verify` finds something wrong with the store.
    pub(super) fn verify(&self) -> anyhow::Result<()> {
        let output = Command::new(&self.gather).arg("verify").arg(self.store()).output().context("gather")?;
        ensure!(output.status.success(), "gather verify: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}
