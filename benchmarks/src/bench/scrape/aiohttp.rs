//! aiohttp on asyncio, and lexbor, in C, for the pages: what a Python user would take, where `python3` has both.

use std::ffi::OsStr;

use anyhow::ensure;
use serde::Deserialize;

use crate::bench::python::{self, Python};
use crate::bench::site;
use crate::work::{Laps, Work};

const SCRIPT: &str = include_str!("aiohttp.py");

pub(super) fn is_here() -> bool {
    python::has("aiohttp, selectolax.lexbor")
}

pub(super) fn run(urls: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let mut python = Python::start(SCRIPT, urls)?;
    laps.done_by(python.process());
    let mut work = Work::default();
    let (mut bytes, mut links) = (0, 0);
    for _ in site::list(urls.as_ref())? {
        let found: Found = serde_json::from_str(&python.line()?)?;
        (bytes, links) = (bytes + found.bytes, links + found.links.len());
        work = work + Work::page(found.bytes, &found.title, found.links.iter().map(String::as_str));
    }
    let expected = format!("{bytes} {links}");
    while laps.again() {
        let found = python.pass()?;
        ensure!(found == expected, "a pass found {found} bytes and links, and the first one {expected}");
        laps.done(work)?;
    }
    python.end()
}

/// What the first pass, which is not measured, says of a page.
#[derive(Deserialize)]
struct Found {
    bytes: usize,
    title: String,
    links: Vec<String>,
}
