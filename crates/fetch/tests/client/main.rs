//! The client against real servers: well-behaved ones, broken ones, and ones that mean harm.

// The helpers of tests may do what tests may do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod addresses;
mod bodies;
#[cfg(feature = "cookies")]
mod cookies;
#[cfg(all(feature = "gzip", feature = "br", feature = "zstd"))]
mod decoding;
mod framing;
#[cfg(feature = "http2")]
mod http2;
mod large_bodies;
mod limits;
#[cfg(all(feature = "gzip", feature = "br", feature = "zstd"))]
mod memory;
mod netrc;
mod order;
mod pool;
mod proxy;
mod redirects;
mod requests;
mod retries;
mod robots;
mod support;
mod surf_face;
mod timeouts;
mod tls;
