//! `asyncio.to_thread`, as a Python program would call it, 64 at once: all files gathered, or taken by 64 tasks in turns, which is
//! faster. A process that makes a pass whenever it is told to.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use crate::work::{Laps, Work};

const SCRIPT: &str = include_str!("asyncio.py");

pub(super) fn is_here() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import asyncio; asyncio.to_thread"]).stdin(Stdio::null()).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

pub(super) fn all(folder: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    run(folder, "all", laps)
}

pub(super) fn by_turns(folder: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    run(folder, "by turns", laps)
}

fn run(folder: &OsStr, how: &str, laps: &mut Laps) -> anyhow::Result<()> {
    let mut command = Command::new("python3");
    command.args(["-c", SCRIPT]).arg(folder).arg(how).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = command.spawn().context("cannot start python3")?;
    let mut stdin = python.stdin.take().context("python3 has no stdin")?;
    let stdout = python.stdout.take().context("python3 has no stdout")?;
    let mut lines = BufReader::new(stdout).lines();
    let mut line = move || lines.next().context("python3 ended early")?.map_err(anyhow::Error::from);
    ensure!(line()? == "ready", "python3 does not begin");
    while laps.again() {
        writeln!(stdin, "pass")?;
        laps.done(pass(&line()?)?)?;
    }
    drop(stdin);
    let status = python.wait()?;
    ensure!(status.success(), "python3 failed: {status}");
    Ok(())
}

/// What the script says of a pass.
fn pass(line: &str) -> anyhow::Result<Work> {
    let numbers = line.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    match numbers.as_slice() {
        &[items, bytes, checksum] => Ok(Work { items, bytes, checksum }),
        _ => bail!("python3 says {line:?}"),
    }
}
