//! The servers, seen from a plain socket.

mod client;

mod conditional;
mod connections;
mod faults;
mod files;
mod listing;
mod log;
mod mock;
mod outside;
mod rude;
mod start;
#[cfg(feature = "tls")]
mod tls;
