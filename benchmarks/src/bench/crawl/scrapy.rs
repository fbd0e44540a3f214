//! Scrapy, where a Python has it: `GATHER_BENCHMARK_PYTHON`, else `python3`.

use std::ffi::{OsStr, OsString};
use std::process::{Command, Stdio};

use super::peers;
use crate::work::Laps;

const SCRIPT: &str = include_str!("scrapy.py");

fn python() -> OsString {
    std::env::var_os("GATHER_BENCHMARK_PYTHON").unwrap_or_else(|| "python3".into())
}

pub(super) fn is_here() -> bool {
    let mut python = Command::new(python());
    python.args(["-c", "import scrapy"]).stdin(Stdio::null()).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

pub(super) fn run(start: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let mut python = Command::new(python());
    python.args(["-c", SCRIPT]);
    peers::run(python, start, laps)
}
