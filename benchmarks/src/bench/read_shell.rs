//! `read-shell`: the command line on many small files: `gather read` beside `rg`.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use super::{Bench, Contestant, Input, Part, read};
use crate::args::Args;
use crate::figure::Figure;
use crate::work::{Laps, Work};

pub(super) static BENCH: Bench = Bench {
    name: "read-shell",
    about: "read every file of a folder from a shell: hashes to a file, or a search that finds nothing",
    parts: &[Part {
        name: "read-shell",
        figures: &[Figure::items_per_second("files/s"), Figure::seconds_per_pass("pass")],
        contestants: &[Contestant::new("gather", gather), Contestant::new("rg", rg)],
    }],
    packages: &["async-std", "blake3", "mimalloc"],
    prepare,
};

fn prepare(args: &Args) -> anyhow::Result<Input> {
    ensure!(Command::new("rg").arg("--version").output().is_ok(), "there is no `rg`; hint: install ripgrep");
    let gather = gather_binary()?;
    ensure!(gather.exists(), "there is no {}; hint: cargo build --release -p gather", gather.display());
    read::prepare(args)
}

/// The binary beside this one.
pub(crate) fn gather_binary() -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("gather"))
}

fn gather(folder: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let place =
        tempfile::Builder::new().prefix("gather-shell-").tempdir_in(super::small_files::place(1 << 28))?;
    let (out, summary) = (place.path().join("o.jsonl"), place.path().join("s.json"));
    while laps.again() {
        let mut command = Command::new(gather_binary()?);
        command.arg("read").arg(folder).args(["--hidden", "--no-text", "--hash", "blake3", "-q", "-o"]);
        let status = command.arg(&out).arg("--summary").arg(&summary).status()?;
        ensure!(status.success(), "gather failed: {status}");
        let summary: serde_json::Value = serde_json::from_slice(&std::fs::read(&summary)?)?;
        let count = |name: &str| summary.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
        laps.done(Work { items: count("ok"), bytes: count("bytes"), checksum: 0 })?;
    }
    Ok(())
}

fn rg(folder: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    while laps.again() {
        let mut command = Command::new("rg");
        command.args(["-uuu", "-c", "--stats", "zzzqqq"]).arg(folder).stdin(Stdio::null());
        let output = command.output().context("cannot start rg")?;
        let text = String::from_utf8_lossy(&output.stdout);
        laps.done(Work {
            items: stat(&text, "files searched")?,
            bytes: stat(&text, "bytes searched")?,
            checksum: 0,
        })?;
    }
    Ok(())
}

/// The number before these words in what `--stats` prints.
fn stat(text: &str, words: &str) -> anyhow::Result<u64> {
    let found = text.lines().find_map(|line| line.strip_suffix(words));
    match found.and_then(|number| number.trim().parse().ok()) {
        Some(number) => Ok(number),
        None => bail!("rg does not say how many {words}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rg_says_of_itself_is_understood() {
        let text = "\n0 matches\n0 files contained matches\n100000 files searched\n424 bytes searched\n";
        assert_eq!(stat(text, "files searched").unwrap(), 100_000);
        assert_eq!(stat(text, "bytes searched").unwrap(), 424);
        assert!(stat("", "files searched").is_err());
    }
}
