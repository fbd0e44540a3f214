//! The seam for a resolver of one's own.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

/// What [`Resolve::resolve`] gives back: the addresses, best first.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Looks up names in place of the system: see [`ClientBuilder::resolver`](crate::ClientBuilder::resolver).
///
/// It is asked for names only, never for what is an address already or has a rule of
/// [`ClientBuilder::resolve`](crate::ClientBuilder::resolve), and once per name in 60 s: its answers are kept above it, its
/// errors are not. Of an answer the first 32 addresses are used. No answer is trusted: each address has to pass the rules
/// on private addresses, and the one that passed is the one that is connected to.
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr};
/// use gather_fetch::{Client, ErrorKind, Resolve, Resolving};
///
/// /// Says of every name that it is this machine.
/// struct Home;
///
/// impl Resolve for Home {
///     fn resolve<'a>(&'a self, _host: &'a str) -> Resolving<'a> {
///         Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
///     }
/// }
///
/// # gather_core::run(async {
/// let client = Client::builder().resolver(Home).build().unwrap();
/// let error = client.get("http://example.com/").await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::PrivateAddress);
/// # }).unwrap();
/// ```
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of `host`, a name in lower case as it stands in a URL (IDNA encoded). The look-up counts towards the
    /// limit on connecting; what hits it drops the future. An error, or no address, is a failure of kind `dns`.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}
