//! The servers, seen from a plain socket.
#![allow(clippy::unwrap_used, clippy::expect_used)] // clippy knows test functions, but not their helpers

mod client;

mod conditional;
mod connections;
mod faults;
mod files;
mod generated;
mod listing;
mod log;
mod mock;
mod outside;
mod rude;
mod start;
#[cfg(feature = "tls")]
mod tls;
