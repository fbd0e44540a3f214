//! An HTTP client that a hostile or broken server cannot hurt, and a slow one cannot stall.
//!
//! | to | take |
//! |---|---|
//! | fetch a page | [`Client::get`] |
//! | send anything | [`Request`], [`Client::execute`] |
//! | take a body piece by piece | [`Client::stream`], [`Streaming`] |
//! | use surf's API, with all of our rules under it | [`Client::surf`], [`Client::send`] |
//! | set limits, retries, credentials, roots | [`Client::builder`], [`Timeouts`], [`Limits`] |
//! | take logins from a netrc file | [`Netrc`] |
//! | know what a site asks of crawlers | [`Robots`], [`Access`] |
//! | keep cookies (feature `cookies`) | `Jar` |
//! | know what went wrong | [`Error`], [`ErrorKind`], [`Phase`] |
//!
//! ```
//! use gather_fetch::{Client, ErrorKind, Request};
//!
//! # let port = { let l = std::net::TcpListener::bind("127.0.0.1:0").unwrap(); l.local_addr().unwrap().port() };
//! gather_core::run(async {
//!     let client = Client::builder().retries(0).build().unwrap();
//!     // A person typed this URL, so it may be of this machine; nobody listens there.
//!     let request = Request::get(format!("http://127.0.0.1:{port}/")).unwrap().typed(true);
//!     let error = client.execute(request).await.unwrap_err();
//!     assert_eq!(error.kind(), ErrorKind::Connect);
//!     assert_eq!(error.attempts(), 1);
//! })
//! .unwrap();
//! ```
//!
//! The client runs under any executor: its sockets and timers have their own reactor, and its connection drivers are
//! services of gather-core.

mod address;
mod api;
mod body;
mod bounds;
mod builder;
mod client;
mod config;
mod cookies;
mod decode;
mod error;
mod gathered;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
mod limits;
mod memory;
mod netrc;
mod origins;
mod polite;
mod proxy;
mod redirect;
mod request;
mod resolve;
mod response;
mod retry;
mod retry_budget;
mod robots;
mod secret;
mod streaming;
mod surf_client;
mod transport;
mod url_input;
mod watch;

pub use api::{Answer, EndpointReport, Query};
pub use bounds::{Limits, MinRate, Timeouts};
pub use builder::ClientBuilder;
pub use client::Client;
#[cfg(feature = "cookies")]
pub use cookies::Jar;
pub use error::{Error, ErrorKind, Phase, without_password};
pub use memory::Room;
pub use netrc::{MAX_NETRC, Netrc};
pub use polite::robots_body;
pub use request::Request;
pub use resolve::{Resolve, Resolving};
pub use response::{Hop, Response};
pub use robots::{Access, MAX_ROBOTS, Robots, Verdict};
pub use secret::Secret;
pub use streaming::Streaming;
pub use url_input::IntoUrl;

pub use bytes::Bytes;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
pub use url::Url;

/// surf, whose API [`Client::surf`] and [`Client::send`] speak.
pub use surf;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
