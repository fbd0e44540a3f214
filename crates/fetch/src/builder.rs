//! The options of a client: what each is, in which unit, with which default, and what turns it off.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::bounds::{Limits, MinRate, Timeouts};
use crate::client::Client;
use crate::config::{Config, Override};
use crate::error::{Error, Failure, shortened};
use crate::netrc::Netrc;
use crate::proxy::{NoProxy, Proxies, Proxy};
use crate::request::{basic, header_parts};
use crate::resolve::Resolve;
use crate::robots::Robots;
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

    /// The limit for the head of the response, once the request is sent: 30 s by default, `None` is no limit.
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

    /// Decoded bytes per byte on the wire, looked at once 1 MiB is decoded: 200 by default, `u32::MAX` is no limit.
    pub fn max_ratio(mut self, ratio: u32) -> Self {
        self.config.limits.ratio = ratio;
        self
    }

    /// How often a request that failed is tried again: 2 by default, 0 never.
    pub fn retries(mut self, retries: u32) -> Self {
        self.config.retries = retries;
        self
    }

    /// How many retries the requests to one origin may have together, beyond one for each that succeeded: 500 by default,
    /// `None` for no limit. It keeps a dead site from being asked several times for every one of its pages.
    pub fn retry_budget(mut self, retries: impl Into<Option<u32>>) -> Self {
        self.config.retry_budget = retries.into();
        self
    }

    /// The same over all origins: 10,000 by default, `None` for no limit. It keeps thousands of dead sites from doubling
    /// what a run asks for.
    pub fn total_retry_budget(mut self, retries: impl Into<Option<u32>>) -> Self {
        self.config.total_retry_budget = retries.into();
        self
    }

    /// The ceiling of the first wait before a retry; it doubles each time, to 30 s at most. 200 ms by default; zero
    /// waits only where the server asks for it.
    pub fn backoff(mut self, base: Duration) -> Self {
        self.config.backoff = base;
        self
    }

    /// The longest `Retry-After` that is waited for: 2 minutes by default. Meanwhile nothing more is asked of the whole
    /// origin. A response that asks for more time is final, and until then nothing more is asked of the origin: its requests
    /// fail at once, with the kind `status`.
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

    /// At most so many requests to an origin in so much time: they begin evenly spaced, which is a
    /// [`delay`](Self::delay) of `per` divided by `requests`. No limit by default; loopback is not excepted.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use std::time::Duration;
    /// use gather_fetch::Client;
    ///
    /// let ten_a_second = Client::builder().rate(NonZeroU32::new(10).unwrap(), Duration::from_secs(1));
    /// assert!(ten_a_second.build().is_ok());
    /// ```
    pub fn rate(self, requests: NonZeroU32, per: Duration) -> Self {
        self.delay(per / requests.get())
    }

    /// Connections at once, over all origins: no limit by default. Unused ones are closed when others want one, as they
    /// are when the system has no file descriptor left.
    pub fn max_connections(mut self, connections: impl Into<Option<NonZeroUsize>>) -> Self {
        self.config.max_connections = connections.into();
        self
    }

    /// Requests at once, over all origins: no limit by default. A request counts until its body is over.
    pub fn max_requests(mut self, requests: impl Into<Option<NonZeroUsize>>) -> Self {
        self.config.max_requests = requests.into();
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

    /// Leaves out a default header. Without `Authorization`, [`netrc`](Self::netrc) is not asked either.
    pub fn without_header(mut self, name: &str) -> Self {
        if name.eq_ignore_ascii_case(AUTHORIZATION.as_str()) {
            self.config.netrc = None;
        }
        self.config.headers.remove(name);
        self.config.credentials.remove(name);
        self
    }

    /// HTTP Basic credentials (RFC 7617) for the typed origins: see [`allow_origin`](Self::allow_origin).
    pub fn basic_auth(mut self, user: &str, password: &Secret) -> Self {
        self.config.credentials.insert(AUTHORIZATION, basic(user, password.expose()));
        self
    }

    /// Logins for requests that have none, sent as HTTP Basic (RFC 7617), over http, too: none by default.
    ///
    /// They go to typed origins only (see [`allow_origin`](Self::allow_origin)): of a host that an entry names, also where
    /// a redirect led to it; what `default` says, only to the origin that was asked. `Authorization` from anywhere else,
    /// [`basic_auth`](Self::basic_auth) or the URL, comes first; a login in the URL without a password takes the one
    /// that belongs to it.
    ///
    /// ```
    /// use gather_fetch::{Client, Netrc, Request};
    /// use gather_site::{Mock, Reply};
    ///
    /// # gather_core::run(async {
    /// let server = Mock::start(|request| Reply::text(request.header("authorization").unwrap_or("nobody"))).unwrap();
    /// let netrc = Netrc::parse("machine 127.0.0.1 login me password secret").unwrap();
    /// let client = Client::builder().netrc(netrc).allow_private(true).build().unwrap();
    /// let typed = Request::get(server.url()).unwrap().typed(true);
    /// assert_eq!(client.get(server.url()).await.unwrap().text(), "nobody");
    /// assert_eq!(client.execute(typed).await.unwrap().text(), "Basic bWU6c2VjcmV0");
    /// # }).unwrap();
    /// ```
    pub fn netrc(mut self, netrc: Netrc) -> Self {
        self.config.netrc = Some(netrc);
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

    /// Keeps the cookies that responses set, those of redirects included, in this jar, and sends them back where they
    /// belong: none are kept by default. A cookie of [`cookie`](Self::cookie) or of a header is sent before them.
    ///
    /// With cookies that change on the way, a redirect back to an earlier URL is no loop.
    #[cfg(feature = "cookies")]
    pub fn cookies(mut self, jar: crate::Jar) -> Self {
        self.config.cookies = crate::cookies::Cookies::In(jar);
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

    /// Obeys robots.txt (RFC 9309) as this agent: a product token such as `my-bot`, or a whole `User-Agent`. By default
    /// robots.txt is not asked.
    ///
    /// Each request, and each hop of its redirects, is checked first; what is not allowed is an error of kind `robots` that
    /// names the line. Where robots.txt cannot be had (5xx, no connection), nothing is allowed; where there is none (4xx, 429
    /// included), everything is. See [`Client::robots`].
    ///
    /// ```
    /// use gather_fetch::{Client, ErrorKind, Request};
    /// use gather_site::{Mock, Reply};
    ///
    /// # gather_core::run(async {
    /// let server = Mock::start(|_| Reply::text("User-agent: my-bot\nDisallow: /private")).unwrap();
    /// let client = Client::builder().robots("my-bot").build().unwrap();
    /// let request = Request::get(server.join("/private/x")).unwrap().typed(true);
    /// let error = client.execute(request).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Robots);
    /// assert!(error.to_string().contains("line 2 of"));
    /// # }).unwrap();
    /// ```
    pub fn robots(mut self, agent: &str) -> Self {
        let Some(token) = Robots::product_token(agent) else {
            let fact = format!("no product token in the agent {:?}", shortened(agent));
            return self.reject(
                Failure::invalid(fact)
                    .hint("robots.txt knows agents by a word, such as `my-bot` of my-bot/1.0"),
            );
        };
        self.config.robots = Some(token.to_owned());
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

    /// The HTTP proxy that everything goes through: `http://[user:password@]host[:port]`, port 1080 if there is none. Of
    /// https it carries a tunnel (CONNECT), of http it gets the requests. None by default; an empty text is none.
    ///
    /// The proxy may be at any address, and its credentials go to it alone. Behind it, it is the proxy that looks names up:
    /// addresses and `localhost` in URLs are judged as ever, but where a name leads cannot be seen.
    pub fn proxy(mut self, url: &str) -> Self {
        let proxy = if url.trim().is_empty() { Ok(None) } else { Proxy::parse(url).map(Some) };
        match proxy {
            Ok(proxy) => {
                let except = std::mem::take(&mut self.config.proxies.except);
                self.config.proxies = Proxies { except, ..Proxies::all(proxy) };
            }
            Err(failure) => return self.reject(failure),
        }
        self
    }

    /// The hosts that no proxy is asked for, in place of those named so far, as curl reads `NO_PROXY`: apart by commas, each
    /// a name with all names below it, a name with a port, an address, a net (`10.0.0.0/8`), or `*` for all.
    pub fn no_proxy(mut self, hosts: &str) -> Self {
        self.config.proxies.except = NoProxy::parse(hosts);
        self
    }

    /// Takes proxies from the environment as curl does: `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`, and all but
    /// the first in capitals, too. A client looks there only if it is told to.
    pub fn proxy_from_env(mut self) -> Self {
        match Proxies::from_variables(|name| std::env::var(name).ok()) {
            Ok(proxies) => self.config.proxies = proxies,
            Err(failure) => return self.reject(failure),
        }
        self
    }

    /// An address in place of a name look-up, as curl's `--resolve`: `HOST:PORT:ADDRESS[,ADDRESS…]`, where HOST may be
    /// `*` for all that have no rule of their own. It was typed, so it may be private.
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

    /// Who looks up names: the system by default. Its answers are remembered for 60 s, and judged as the system's are.
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.config.resolver = Some(Arc::new(resolver));
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
    fn robots_takes_an_agent_that_a_file_can_name() {
        assert_eq!(Client::builder().config.robots, None);
        assert_eq!(Client::builder().robots("my-bot/1.0").config.robots.as_deref(), Some("my-bot"));
        for agent in ["", "(x)", "*"] {
            let error = Client::builder().robots(agent).build().unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput, "{agent}");
            assert!(error.hint().is_some(), "{error}");
        }
    }

    #[test]
    fn a_secret_default_is_not_shown_and_several_cookies_are_one_header() {
        let builder = Client::builder().header("authorization", "Bearer hunter2").cookie("a=1").cookie("b=2");
        assert_eq!(builder.config.credentials[COOKIE], "a=1; b=2");
        assert!(!format!("{builder:?} {:?}", builder.config.credentials).contains("hunter2"));
    }
}
