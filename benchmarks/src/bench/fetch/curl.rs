//! curl, as people run it from a shell: one process for the whole list, bodies dropped.

use std::ffi::OsStr;
use std::fmt::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::AT_ONCE;
use crate::bench::site;
use crate::work::{Laps, Work};

pub(super) fn fetch(lists: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let mut config = String::new();
    for url in site::list(&super::fast_list(lists))? {
        writeln!(config, "url = \"{url}\"\noutput = \"/dev/null\"")?;
    }
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(&file, config)?;
    gather_core::run(laps.repeat(|| async { pass(file.path().as_os_str()) }))?
}

fn pass(config: &OsStr) -> anyhow::Result<Work> {
    let at_once = AT_ONCE.to_string();
    let options = ["--silent", "--show-error", "--fail", "--parallel", "--parallel-max", &at_once];
    let curl = Command::new("curl")
        .args(options)
        .args(["--write-out", "%{size_download}\\n", "--config"])
        .arg(config)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run curl; hint: apt-get install curl")?;
    ensure!(curl.status.success(), "curl ended with {}", curl.status);
    let sizes = String::from_utf8_lossy(&curl.stdout);
    sizes.lines().map(|size| Ok(Work::body(size.parse()?))).sum()
}
