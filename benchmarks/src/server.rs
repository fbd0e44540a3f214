//! The server that pages are fetched from: a process of its own, the same for every contestant of a run.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;

/// A folder served on loopback by a process that ends with this value.
pub(crate) struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// Serves `folder`, each answer after `delay`, until dropped.
    pub(crate) fn start(folder: &Path, delay: Duration) -> anyhow::Result<Self> {
        let process = Command::new(std::env::current_exe()?)
            .arg("--serve")
            .arg(folder)
            .arg("--delay-ms")
            .arg(delay.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server")?;
        let mut server = Self { process, url: String::new() };
        if let Some(stdout) = server.process.stdout.take() {
            BufReader::new(stdout).read_line(&mut server.url)?;
        }
        anyhow::ensure!(!server.url.trim().is_empty(), "the server did not start");
        server.url.truncate(server.url.trim_end().len());
        Ok(server)
    }

    /// Where it listens, with a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The server's process: prints where it listens, and serves until stdin ends.
pub(crate) fn serve(folder: &Path, delay: Duration) -> anyhow::Result<()> {
    let folder = folder.to_owned();
    gather_core::run(async move {
        let site = gather_site::Site::builder(folder).port(0).delay(delay).start().await?;
        writeln!(std::io::stdout(), "{}/", site.url().trim_end_matches('/'))?;
        let wait = gather_core::to_thread(|| std::io::stdin().read_to_end(&mut Vec::new()));
        wait.await.map_err(|ended| anyhow::anyhow!("{ended}"))??;
        site.stop().await;
        Ok(())
    })?
}
