//! The request log: a JSON object on a line for each request.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// One request and how it was answered.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    /// When its head had arrived: seconds since 1970, with microseconds.
    pub(crate) time: f64,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) status: u16,
    /// Of the body, as announced; null where that is not known beforehand.
    pub(crate) bytes: Option<u64>,
    pub(crate) agent: Option<Cow<'a, str>>,
    pub(crate) peer: SocketAddr,
    /// Connections count from 1.
    pub(crate) connection: u64,
    /// From the head of the request to the head of the answer, the delay included.
    pub(crate) elapsed_ms: f64,
}

/// Writes each line whole, in one call, before the head of the answer goes out: who has an answer finds its
/// line. The write is to a file that is open, on the spot: a hop to another thread would cost more than it.
#[derive(Debug)]
pub(crate) struct Log {
    file: Mutex<File>,
    lost: AtomicU64,
}

impl Log {
    /// Opens the file to append to it, and makes it if need be.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { file: Mutex::new(file), lost: AtomicU64::new(0) })
    }

    pub(crate) fn write(&self, line: &impl Serialize) {
        let written = serde_json::to_vec(line).map_err(io::Error::other).and_then(|mut text| {
            text.push(b'\n');
            self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&text)
        });
        if written.is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many lines could not be written.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}
