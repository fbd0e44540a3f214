//! Sockets, TLS and HTTP: one hop of one request, without any rule about what to do with the answer.

pub(crate) mod connect;
mod dns;
mod io;
pub(crate) mod runtime;
mod socket;
mod tls;
pub(crate) mod wire;
