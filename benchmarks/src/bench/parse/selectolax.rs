//! lexbor, in C, from Python, where `python3` has selectolax: a process that makes a pass whenever it is told to.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::pages;
use crate::work::{Laps, Work};

const SCRIPT: &str = include_str!("selectolax.py");

pub(super) fn is_here() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import selectolax.lexbor"]).stdin(Stdio::null()).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

pub(super) fn run(list: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let sizes: Vec<usize> = pages::texts(list)?.iter().map(String::len).collect();
    let mut python = Python::start(list)?;
    let mut work = Work::default();
    let mut links = 0;
    for bytes in sizes {
        let found: Found = serde_json::from_str(&python.line()?)?;
        links += found.links.len();
        work = work + Work::page(bytes, &found.title, found.links.iter().map(String::as_str));
    }
    while laps.again() {
        let found: usize = python.pass()?.trim().parse()?;
        ensure!(found == links, "a pass found {found} links, and the first one {links}");
        laps.done(work)?;
    }
    python.end()
}

/// What the first pass, which is not measured, says of a page.
#[derive(Deserialize)]
struct Found {
    title: String,
    links: Vec<String>,
}

struct Python {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Python {
    fn start(list: &OsStr) -> anyhow::Result<Self> {
        let mut command = Command::new("python3");
        command.args(["-c", SCRIPT]).arg(list).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start python3")?;
        let stdin = child.stdin.take().context("python3 has no stdin")?;
        let stdout = child.stdout.take().context("python3 has no stdout")?;
        Ok(Self { child, stdin, lines: BufReader::new(stdout).lines() })
    }

    fn line(&mut self) -> anyhow::Result<String> {
        Ok(self.lines.next().context("python3 ended early")??)
    }

    /// Makes a pass and waits for its end: how many links were found.
    fn pass(&mut self) -> anyhow::Result<String> {
        writeln!(self.stdin, "pass")?;
        self.line()
    }

    fn end(mut self) -> anyhow::Result<()> {
        drop(self.stdin);
        let status = self.child.wait()?;
        ensure!(status.success(), "python3 failed: {status}");
        Ok(())
    }
}
