//! Servers for local work: a folder served over HTTP/1.1 on loopback, with faults on request, a site of any
//! size, and the two servers that tests of HTTP clients need.
//!
//! | to | take |
//! |---|---|
//! | serve a folder, with delays, failures and a log | [`Site`], [`Running`] |
//! | serve a site of any size that is stored nowhere | [`Generated`], [`GeneratedSite`] |
//! | answer requests by a closure, and see what was asked | [`Mock`], [`Request`], [`Reply`] |
//! | send exact bytes, drip them, break off | [`Rude`], [`Step`] |
//! | do so over TLS, with good and bad certificates (feature `tls`) | `TestCa`, `ServerTls` |
//!
//! ```
//! use gather_site::{Mock, Reply};
//!
//! let server = Mock::start(|request| match request.call() {
//!     1 | 2 => Reply::status(500),
//!     _ => Reply::text("third time lucky"),
//! })?;
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! assert!(server.requests().is_empty());
//! # Ok::<_, gather_site::Error>(())
//! ```

mod body;
mod cache;
mod conditions;
mod error;
mod faults;
mod files;
mod generated;
mod io;
mod listing;
mod log;
mod media_type;
mod mock;
mod representation;
mod rude;
mod serve;
mod server;
mod stop;
#[cfg(feature = "tls")]
mod tls;
mod transport;
mod url_path;

pub use error::{Error, ErrorKind};
pub use generated::{Generated, GeneratedSite};
pub use mock::{Mock, MockBuilder, Reply, Request};
pub use rude::{Rude, RudeBuilder, Step};
pub use serve::{Running, STOP_GRACE, Site};
#[cfg(feature = "tls")]
pub use tls::{ServerTls, TestCa};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
