//! The client against real servers: well-behaved ones, broken ones, and ones that mean harm.

mod addresses;
mod bodies;
mod decoding;
mod framing;
mod limits;
mod redirects;
mod requests;
mod retries;
mod support;
mod surf_face;
mod timeouts;
mod tls;
