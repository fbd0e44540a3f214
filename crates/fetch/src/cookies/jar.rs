//! The jar that a program holds, and its clients fill and empty.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use url::Url;

use super::netscape;
use super::store::Store;
use crate::error::Error;

/// Cookies, kept and sent by RFC 6265bis: see [`ClientBuilder::cookies`](crate::ClientBuilder::cookies).
///
/// Clones share what is in it. It holds 50 cookies of a domain and 3000 in all; those not used for longest make room,
/// cookies that may go over http before the others. Name and value have 4096 octets at most, and a cookie lives for 400
/// days at most, by the wall clock. `SameSite` is not looked at: there is no site that a request comes from. `Secure`
/// cookies come from https and go to https only, on loopback too. A tab in a name or value refuses the cookie: the
/// file could not hold it.
///
/// ```
/// use gather_fetch::{Jar, Url};
///
/// let jar = Jar::new();
/// let url = Url::parse("https://www.example.com/shop/").unwrap();
/// assert!(jar.set(&url, b"id=7; Domain=example.com; Path=/"));
/// assert!(!jar.set(&url, b"id=7; Domain=com"), "others' domains");
/// assert_eq!(jar.header(&Url::parse("https://example.com/").unwrap()).unwrap(), "id=7");
/// assert_eq!(jar.header(&Url::parse("https://example.org/").unwrap()), None);
///
/// let again = Jar::from_netscape(jar.to_netscape()).unwrap();
/// assert_eq!(again.len(), 1);
/// ```
#[derive(Clone, Default)]
pub struct Jar(Arc<Mutex<Store>>);

impl Jar {
    /// An empty jar.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The cookies of a file in Netscape's format, as curl writes it with `-c`. What has expired is left out.
    ///
    /// # Errors
    /// `invalid_input` for a line that is no cookie, or that is one more than a jar holds, with its number: nothing of a
    /// file is left out silently.
    pub fn from_netscape(text: impl AsRef<[u8]>) -> Result<Self, Error> {
        let store = netscape::read(text.as_ref(), now())?;
        Ok(Self(Arc::new(Mutex::new(store))))
    }

    /// All cookies that have not expired, in Netscape's format, those of the session included. They are credentials:
    /// let nobody else read the file.
    #[must_use]
    pub fn to_netscape(&self) -> Vec<u8> {
        netscape::write(self.store().all(now()))
    }

    /// Takes the value of a `Set-Cookie` as if a response of `url` had it, and says whether it was taken. Clients do
    /// this on their own, for every response.
    pub fn set(&self, url: &Url, set_cookie: &[u8]) -> bool {
        self.store().set(url, set_cookie, now())
    }

    /// The value of the `Cookie` header for a request to `url`, marked as sensitive; `None` if there are no cookies for it.
    #[must_use]
    pub fn header(&self, url: &Url) -> Option<HeaderValue> {
        let header = self.store().header(url, now())?;
        let mut value = HeaderValue::from_bytes(&header).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// How many cookies there are that have not expired.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store().len(now())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jar").field("cookies", &self.len()).finish_non_exhaustive()
    }
}

/// Cookies expire by the wall clock: their dates are the servers', and they outlive the process.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
