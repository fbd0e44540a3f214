//! The options of a client: what each is, in which unit, with which default, and what turns it off.

use std::num::NonZeroUsize;
use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::bounds::{Limits, MinRate, Timeouts};
use crate::client::Client;
use crate::config::{Config, Override};
use crate::error::{Error, Failure, shortened};
use crate::request::{basic, header_parts};
use crate::secret::Secret;
use crate::url_input::{self, IntoUrl, Origin};

impl Client {
    /// Options for a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }
}

/// Sets up a [`Client`]. `build` can be called more than once; each client then has its own connections.
///
/// ```
/// use std::time::Duration;
/// use gather_fetch::Client;
///
/// let client = Client::builder()
///     .user_agent("my-bot/1.0")
///     .header("accept-language", "de")
///     .retries(0)
///     .total_timeout(Duration::from_secs(20))
///     .build()?;
/// assert_eq!(client.timeouts().total, Some(Duration::from_secs(20)));
/// assert_eq!(client.timeouts().connect, Some(Duration::from_secs(10)));
/// # Ok::<(), gather_fetch::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "call build() to get the client"]
pub struct ClientBuilder {
    pub(crate) config: Config,
    /// The first option that does not hold, told by `build`.
    wrong: Option<Error>,
}

impl ClientBuilder {
    pub(crate) fn of(config: Config) -> Self {
        Self { config, wrong: None }
    }

    /// All time limits at once. The defaults are [`Timeouts::default`].
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.config.timeouts = timeouts;
        self
    }

    /// The limit for name look-up, connection and TLS handshake together: 10 s by default, `None` is no limit.
    pub fn connect_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.config.timeouts.connect = limit.into();
        self
    }

    /// The limit for the head of the response: 30 s by default, `None` is no limit.
    pub fn first_byte_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.config.timeouts.first_byte = limit.into();
        self
    }

    /// The limit between two pieces of the body: 30 s by default, `None` is no limit.
    pub fn idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.config.timeouts.idle = limit.into();
        self
    }

    /// The least that a body may come at: 1,000 bytes in 30 s by default, `None` is no limit. Less is a timeout of the
    /// phase `idle`.
    pub fn min_rate(mut self, slowest: impl Into<Option<MinRate>>) -> Self {
        self.config.timeouts.slowest = slowest.into();
        self
    }

    /// The limit for all of a request, with redirects, retries and waits: 10 minutes by default, `None` is no limit.
    pub fn total_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.config.timeouts.total = limit.into();
        self
    }

    /// All bounds of a response at once. The defaults are [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Bytes of a body, on the wire and decoded: 64 MiB by default, `u64::MAX` is no limit.
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.config.limits.body = bytes;
        self
    }

    /// How often a request that failed is tried again: 2 by default, 0 never.
    pub fn retries(mut self, retries: u32) -> Self {
        self.config.retries = retries;
        self
    }

    /// The ceiling of the first wait before a retry; it doubles each time, to 30 s at most. 200 ms by default; zero
    /// waits only where the server asks for it.
    pub fn backoff(mut self, base: Duration) -> Self {
        self.config.backoff = base;
        self
    }

    /// The longest `Retry-After` that is waited for: 2 minutes by default. Meanwhile nothing more is asked of the whole
    /// origin. A response that asks for more time is final, and holds back nobody.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.config.max_wait = wait;
        self
    }

    /// How many redirects are followed: 10 by default; one more is an error of kind `redirect`.
    pub fn max_redirects(mut self, redirects: usize) -> Self {
        self.config.max_redirects = redirects;
        self
    }

    /// Whether redirects are followed: `true` by default. If not, the redirect is the response.
    pub fn follow_redirects(mut self, follow: bool) -> Self {
        self.config.follow = follow;
        self
    }

    /// Whether a redirect may lead from https to http: `false` by default.
    pub fn allow_downgrade(mut self, allow: bool) -> Self {
        self.config.downgrade = allow;
        self
    }

    /// Requests at once to one origin (scheme, host and port), and connections to it: 8 by default, `None` is no limit.
    /// The default is not for `localhost` and loopback addresses; a limit that is set here is.
    pub fn per_origin(mut self, requests: impl Into<Option<NonZeroUsize>>) -> Self {
        self.config.pace.at_once = requests.into();
        self.config.pace.on_loopback = true;
        self
    }

    /// The time between the starts of two requests to one origin, loopback included: none by default.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.config.pace.delay = delay;
        self.config.pace.on_loopback |= !delay.is_zero();
        self
    }

    /// Whether connections are kept for the next request: `true` by default.
    pub fn keep_alive(mut self, keep: bool) -> Self {
        self.config.keep_alive = keep;
        self
    }

    /// The `User-Agent`: `gather/VERSION` by default; an empty one is not sent.
    pub fn user_agent(self, agent: &str) -> Self {
        if agent.is_empty() { self.without_header("user-agent") } else { self.header("user-agent", agent) }
    }

    /// A header for every request, in place of an earlier default of that name. `Authorization`, `Cookie` and
    /// `Proxy-Authorization` are sent to typed origins only: see [`allow_origin`](Self::allow_origin).
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        match header_parts(name, value.as_ref()) {
            Ok((name, value)) => self.defaults_for(&value).insert(name, value),
            Err(failure) => return self.reject(failure),
        };
        self
    }

    /// A header for every request, beside others of that name.
    pub fn add_header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        match header_parts(name, value.as_ref()) {
            Ok((name, value)) => self.defaults_for(&value).append(name, value),
            Err(failure) => return self.reject(failure),
        };
        self
    }

    /// Leaves out a default header.
    pub fn without_header(mut self, name: &str) -> Self {
        self.config.headers.remove(name);
        self.config.credentials.remove(name);
        self
    }

    /// HTTP Basic credentials (RFC 7617) for the typed origins: see [`allow_origin`](Self::allow_origin).
    pub fn basic_auth(mut self, user: &str, password: &Secret) -> Self {
        self.config.credentials.insert(http::header::AUTHORIZATION, basic(user, password.expose()));
        self
    }

    /// A cookie, `name=value`, for the typed origins: see [`allow_origin`](Self::allow_origin). Several are joined.
    pub fn cookie(mut self, cookie: &str) -> Self {
        let earlier = self.config.credentials.get(COOKIE).map(|value| value.as_bytes().to_vec());
        let joined = match earlier {
            Some(earlier) => [&earlier, b"; ".as_slice(), cookie.as_bytes()].concat(),
            None => cookie.as_bytes().to_vec(),
        };
        match header_parts("cookie", &joined) {
            Ok((name, value)) => self.config.credentials.insert(name, value),
            Err(failure) => return self.reject(failure),
        };
        self
    }

    /// Says that a person gave this URL: its host and port may be private, and default credentials go to its origin.
    pub fn allow_origin(mut self, url: impl IntoUrl) -> Self {
        match url_input::into_url(url) {
            Ok(url) => self.config.typed.push(Origin::of(&url)),
            Err(error) => return self.reject(error),
        }
        self
    }

    /// Whether loopback, private and other addresses that are not of the public net are connected to: `false` by
    /// default. Origins that were typed are, in any case.
    pub fn allow_private(mut self, allow: bool) -> Self {
        self.config.allow_private = allow;
        self
    }

    /// Whether any certificate is believed: `false` by default. It makes TLS worthless against an attacker.
    pub fn insecure(mut self, insecure: bool) -> Self {
        self.config.insecure = insecure;
        self
    }

    /// Root certificates to trust beside the system's: PEM, one or several.
    pub fn add_root_pem(mut self, pem: &[u8]) -> Self {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        match found {
            Ok(roots) if !roots.is_empty() => self.config.roots.extend(roots),
            Ok(_) => return self.reject(Failure::invalid("no certificate in the given pem")),
            Err(error) => {
                return self.reject(Failure::invalid(format!("bad certificate in the given pem: {error}")));
            }
        }
        self
    }

    /// An address in place of a name look-up, as curl's `--resolve`: `HOST:PORT:ADDRESS[,ADDRESS…]`. It was typed, so
    /// it may be private.
    pub fn resolve(mut self, rule: &str) -> Self {
        match Override::parse(rule) {
            Some(rule) => self.config.resolve.push(rule),
            None => {
                let fact = format!("bad resolve rule {:?}", shortened(rule));
                return self.reject(
                    Failure::invalid(fact).hint("HOST:PORT:ADDRESS, such as example.com:443:127.0.0.1"),
                );
            }
        }
        self
    }

    /// The client with these options.
    ///
    /// # Errors
    /// `invalid_input` for the first option that does not hold.
    pub fn build(&self) -> Result<Client, Error> {
        match &self.wrong {
            Some(error) => Err(error.clone()),
            None => Ok(Client::with_config(self.config.clone())),
        }
    }

    fn defaults_for(&mut self, value: &HeaderValue) -> &mut HeaderMap {
        if value.is_sensitive() { &mut self.config.credentials } else { &mut self.config.headers }
    }

    fn reject(mut self, error: impl Into<Error>) -> Self {
        self.wrong.get_or_insert_with(|| error.into());
        self
    }
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("timeouts", &self.config.timeouts)
            .field("limits", &self.config.limits)
            .field("retries", &self.config.retries)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let client = Client::new();
        assert_eq!(client.timeouts(), Timeouts::default());
        assert_eq!(client.limits(), Limits::default());
        assert!(!client.is_insecure());
    }

    #[test]
    fn the_first_wrong_option_is_told_when_building() {
        let error = Client::builder().header("a b", "x").resolve("nonsense").build().unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("a b"), "{error}");
    }

    #[test]
    fn a_secret_default_is_not_shown_and_several_cookies_are_one_header() {
        let builder = Client::builder().header("authorization", "Bearer hunter2").cookie("a=1").cookie("b=2");
        assert_eq!(builder.config.credentials[COOKIE], "a=1; b=2");
        assert!(!format!("{builder:?} {:?}", builder.config.credentials).contains("hunter2"));
    }
}
