//! Sockets, TLS and HTTP: one hop of one request, without any rule about what to do with the answer.

pub(crate) mod connect;
mod connections;
mod dns;
mod errors;
mod framing;
mod http1;
#[cfg(feature = "http2")]
mod http2;
mod io;
mod pool;
#[cfg(feature = "http2")]
mod runtime;
mod server;
mod socket;
pub(crate) mod stream;
mod tls;
mod tunnel;
pub(crate) mod wire;
