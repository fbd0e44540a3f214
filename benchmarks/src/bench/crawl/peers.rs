//! Peers that are programs of their own, built by `peers/build`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::scratch;
use crate::work::Laps;

pub(super) fn spider(start: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    run(Command::new(program("spider")), start, laps)
}

pub(super) fn has_spider() -> bool {
    program("spider").exists()
}

pub(super) fn kumo(start: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    run(Command::new(program("kumo")), start, laps)
}

pub(super) fn has_kumo() -> bool {
    program("kumo").exists()
}

fn program(peer: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("peers/target/release/peer-{peer}"))
}

/// Runs a program that makes the passes and measures itself.
pub(super) fn run(mut program: Command, start: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let folder = scratch()?;
    program.arg(start).arg(laps.at_least().as_millis().to_string()).arg(folder.path());
    let output =
        program.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("it did not start")?;
    ensure!(output.status.success(), "it ended with {}", output.status);
    laps.made_elsewhere(serde_json::from_slice(&output.stdout).context("it printed no measurement")?);
    Ok(())
}
