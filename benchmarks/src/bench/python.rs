//! Peers in Python: a process that makes a pass whenever it is told to, so that its start is not measured.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, ensure};

/// Whether `python3` has these modules, in Python's own words: `a, b.c`.
pub(super) fn has(modules: &str) -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", &format!("import {modules}")]).stdin(Stdio::null()).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

/// A script at work. It gets a line for each pass it shall make, and answers with a line.
pub(super) struct Python {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Python {
    pub(super) fn start(script: &str, argument: &OsStr) -> anyhow::Result<Self> {
        let mut command = Command::new("python3");
        command.args(["-c", script]).arg(argument).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start python3")?;
        let stdin = child.stdin.take().context("python3 has no stdin")?;
        let stdout = child.stdout.take().context("python3 has no stdout")?;
        Ok(Self { child, stdin, lines: BufReader::new(stdout).lines() })
    }

    /// The number of its process.
    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    /// The next line it says.
    pub(super) fn line(&mut self) -> anyhow::Result<String> {
        Ok(self.lines.next().context("python3 ended early")??)
    }

    /// Makes a pass and waits for its end: what it says of it.
    pub(super) fn pass(&mut self) -> anyhow::Result<String> {
        writeln!(self.stdin, "pass")?;
        self.line()
    }

    pub(super) fn end(mut self) -> anyhow::Result<()> {
        drop(self.stdin);
        let status = self.child.wait()?;
        ensure!(status.success(), "python3 failed: {status}");
        Ok(())
    }
}
