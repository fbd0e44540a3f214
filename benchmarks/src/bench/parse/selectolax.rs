//! lexbor, in C, from Python, where `python3` has selectolax.

use std::ffi::OsStr;

use anyhow::ensure;
use serde::Deserialize;

use super::pages;
use crate::bench::python::{self, Python};
use crate::work::{Laps, Work};

const SCRIPT: &str = include_str!("selectolax.py");

pub(super) fn is_here() -> bool {
    python::has("selectolax.lexbor")
}

pub(super) fn run(list: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let sizes: Vec<usize> = pages::texts(list)?.iter().map(String::len).collect();
    let mut python = Python::start(SCRIPT, list)?;
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
