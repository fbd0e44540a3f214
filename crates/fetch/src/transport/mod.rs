//! Sockets, TLS and HTTP: one hop of one request, without any rule about what to do with the answer.

pub(crate) mod connect;
pub(crate) mod connections;
mod dns;
mod framing;
#[cfg(feature = "http2")]
mod http2;
pub(crate) mod io;
pub(crate) mod runtime;
mod socket;
mod tls;
mod tunnel;
pub(crate) mod wire;
