//! The facade: what becomes of a request, from the first attempt to the last byte.
//!
//! The order is always the same. Per hop: robots.txt, where it is obeyed. Per attempt: a place among the requests to the
//! host, the request with its defaults and the jar's cookies, the wire (name, address policy, connection, TLS, head), the
//! jar again, a redirect or the body.
//! Around it the retries, and around them all the total.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use gather_core::sleep;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, SET_COOKIE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Uri};
use http_body_util::Full;
use url::Url;

use crate::address::is_private_host;
use crate::body::{Body, Collected, Held, Keep};
use crate::bounds::{Limits, Timeouts};
use crate::config::Config;
use crate::cookies;
use crate::error::{Error, ErrorKind, Failure, Resend, shortened, shown};
use crate::memory::Memory;
use crate::origins::{Origins, Places};
use crate::polite::{Known, Polite};
use crate::redirect;
use crate::request::{Purpose, Request, basic, is_idempotent};
use crate::response::{Head, Hop, Response};
use crate::retry;
use crate::retry_budget::RetryBudget;
use crate::robots::Access;
use crate::streaming::{State, Streaming};
use crate::transport::connect::Typed;
use crate::transport::wire::{Answer, MOST_UNUSED, Wire, WireRequest};
use crate::url_input::{IntoUrl, Origin, same_origin};
use crate::watch::Watch;

/// An HTTP client. Cloning it is cheap; all clones share connections, limits and the origins that were typed.
///
/// Its futures are small to move: what they hold is on the heap.
///
/// Redirects, retries, decoding, time limits, size limits and the rule that only addresses of the public net are
/// connected to are part of every method. Dropping a future at any time stops its request and gives its places back.
///
/// ```
/// use gather_fetch::{Client, ErrorKind};
///
/// # gather_core::run(async {
/// let client = Client::new();
/// let error = client.get("http://127.0.0.1:1/").await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::PrivateAddress);
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    config: Config,
    typed: Arc<Typed>,
    origins: Origins,
    memory: Memory,
    retries: RetryBudget,
    polite: Polite,
    wire: Wire,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("timeouts", &self.0.config.timeouts)
            .field("limits", &self.0.config.limits)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client with the defaults.
    pub fn new() -> Self {
        Self::with_config(Config::default())
    }

    pub(crate) fn with_config(config: Config) -> Self {
        let typed = Arc::new(Typed::new(config.typed.iter().cloned()));
        let wire = Wire::new(&config, typed.clone());
        let (origins, memory) =
            (Origins::new(config.pace, config.max_requests), Memory::new(config.limits.memory));
        let (polite, retries) =
            (Polite::new(config.downgrade), RetryBudget::new(config.retry_budget, config.total_retry_budget));
        Self(Arc::new(Inner { origins, memory, retries, polite, typed, wire, config }))
    }

    /// The time limits of this client.
    pub fn timeouts(&self) -> Timeouts {
        self.0.config.timeouts
    }

    /// The bounds of this client.
    pub fn limits(&self) -> Limits {
        self.0.config.limits
    }

    /// Whether it believes any certificate: who uses it should be warned.
    pub fn is_insecure(&self) -> bool {
        self.0.config.insecure
    }

    /// Whether cookies that responses set are kept and sent back: `ClientBuilder::cookies`.
    pub fn keeps_cookies(&self) -> bool {
        !self.0.config.cookies.are_off()
    }

    /// Says that a person gave this URL: its host and port may be private, and default credentials go to its origin.
    ///
    /// # Errors
    /// `invalid_input` for a URL that cannot be fetched.
    pub fn allow_origin(&self, url: impl IntoUrl) -> Result<(), Error> {
        let url = crate::url_input::into_url(url)?;
        self.0.typed.add(Origin::of(&url));
        Ok(())
    }

    /// Says that the host and port of this URL may be private, and no more: no default credentials go there.
    ///
    /// # Errors
    /// `invalid_input` for a URL that cannot be fetched.
    pub fn allow_host(&self, url: impl IntoUrl) -> Result<(), Error> {
        let url = crate::url_input::into_url(url)?;
        self.0.typed.add_door(&Origin::of(&url));
        Ok(())
    }

    /// Says that the page at `page` leads to `url`. Its host and port may be private if that is no news: if the page is of
    /// the same origin, or stands at a private address itself (as its URL says: `localhost`, or an address). Otherwise
    /// nothing changes. No default credentials go there.
    ///
    /// # Errors
    /// `invalid_input` for a URL that cannot be fetched.
    ///
    /// ```
    /// use gather_fetch::{Client, ErrorKind};
    ///
    /// # gather_core::run(async {
    /// let client = Client::builder().retries(0).build().unwrap();
    /// client.allow_link("http://example.com/", "http://127.0.0.1:1/").unwrap();
    /// let error = client.get("http://127.0.0.1:1/").await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::PrivateAddress);
    /// client.allow_link("http://localhost/", "http://127.0.0.1:1/").unwrap();
    /// let error = client.get("http://127.0.0.1:1/").await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Connect);
    /// # }).unwrap();
    /// ```
    pub fn allow_link(&self, page: &str, url: impl IntoUrl) -> Result<(), Error> {
        let url = crate::url_input::into_url(url)?;
        let page = Url::parse(page).ok().filter(Url::has_host);
        if page.is_some_and(|page| same_origin(&page, &url) || is_private_host(&page)) {
            self.0.typed.add_door(&Origin::of(&url));
        }
        Ok(())
    }

    /// Fetches a URL, all of its body included. It does not count as typed: see [`Request::typed`].
    ///
    /// # Errors
    /// Every kind but `status`: a status is a [`Response`], see [`Response::error_for_status`].
    pub fn get<U: IntoUrl>(
        &self,
        url: U,
    ) -> impl Future<Output = Result<Response, Error>> + Send + 'static + use<U> {
        let request = Request::get(url);
        let client = self.clone();
        Box::pin(async move { client.run(request?).await })
    }

    /// Sends a request and reads all of the response, trying again what may pass: a connection that does not come about,
    /// a timeout, a body that breaks off, the statuses 408, 429 and 5xx; never a request that is not idempotent.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn execute(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Response, Error>> + Send + 'static + use<> {
        let client = self.clone();
        Box::pin(async move { client.run(request).await })
    }

    /// Sends a request, and gives the response as soon as its head is here. Until then it is tried again as
    /// [`execute`](Self::execute) does; what befalls the body later is an error in the stream.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn stream(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Streaming, Error>> + Send + 'static + use<> {
        let client = self.clone();
        Box::pin(async move { client.run_streaming(request).await })
    }

    /// What the robots.txt of the URL's origin says, or what its absence does; whether or not this client obeys it.
    ///
    /// It is fetched as any request of this client is, with its limits, retries and rules on addresses at each hop, but
    /// for the following: it takes 30 s at most; five redirects are followed, and behind more it counts as not there; of its
    /// body the first [`MAX_ROBOTS`](crate::MAX_ROBOTS) bytes are read, and the rest ignored. The answer holds for 24
    /// hours (RFC 9309, 2.4), and that there was none for a minute; however many ask meanwhile, it is fetched once.
    ///
    /// # Errors
    /// `invalid_input` for a URL that cannot be fetched, and `timeout` if the client's total time is over before. That
    /// robots.txt cannot be had is no error, but [`Access::DisallowAll`].
    ///
    /// ```
    /// use gather_fetch::Client;
    /// use gather_site::{Mock, Reply};
    ///
    /// # gather_core::run(async {
    /// let server = Mock::start(|_| Reply::text("User-agent: *\nDisallow: /private")).unwrap();
    /// let client = Client::builder().allow_origin(server.url()).build().unwrap();
    /// let access = client.robots(server.url()).await.unwrap();
    /// assert!(!access.check("gather", &server.join("/private/x")).allowed);
    /// client.robots(server.join("/y")).await.unwrap();
    /// assert_eq!(server.calls(), 1);
    /// # }).unwrap();
    /// ```
    pub fn robots<U: IntoUrl>(
        &self,
        url: U,
    ) -> impl Future<Output = Result<Arc<Access>, Error>> + Send + 'static + use<U> {
        let url = crate::url_input::into_url(url);
        let client = self.clone();
        Box::pin(async move {
            let (url, mut watch) = (url?, Watch::start(client.0.config.timeouts));
            let known = watch.in_total(client.ask_robots(url.clone())).await;
            let late = |failure| Error::of_request(failure, &url, 1, watch.elapsed());
            Ok(known.map_err(late)?.access)
        })
    }

    /// The type is spelled out, for a request asks this, and this makes requests.
    fn ask_robots(&self, url: Url) -> BoxFuture<'static, Known> {
        let client = self.clone();
        async move {
            let asking = client.clone();
            let ask = move |url: Url| {
                let client = asking.clone();
                // The limit on its time is over all of its hops, and not the one of the pages.
                let request =
                    Request::get(url).map(|request| request.purpose(Purpose::Robots).total_timeout(None));
                async move { client.run_streaming(request?).await }.boxed()
            };
            client.0.polite.known(&url, &ask).await
        }
        .boxed()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    async fn run(self, request: Request) -> Result<Response, Error> {
        let mut call = Call::new(&self, request);
        loop {
            let mut open = call.open().await?;
            match open.body.collect(&call.keep, &mut call.watch).await {
                Ok(body) => {
                    call.note_success(&open);
                    return Ok(call.response(open, body));
                }
                Err(failure) => {
                    let failure = failure.with_status(open.status);
                    drop(open);
                    call.try_again_after(failure).await?;
                }
            }
        }
    }

    async fn run_streaming(self, request: Request) -> Result<Streaming, Error> {
        let mut call = Call::new(&self, request);
        let mut open = call.open().await?;
        call.note_success(&open);
        open.body.stream();
        Ok(call.streaming(open))
    }
}

/// A response whose head has come, and which is neither followed nor tried again.
struct Open {
    status: u16,
    version: http::Version,
    headers: HeaderMap,
    remote: Option<std::net::SocketAddr>,
    body: Body,
}

/// How often a request is sent again that the server refuses to look at for now; further attempts come after a wait.
const MOST_REFUSED: usize = 10;

/// How often a request is sent again whose connection the server ended in order before it looked at it. Of many that are sent
/// at once to a server that takes a few on each connection, the last is as unlucky.
const MOST_UNPROCESSED: usize = 100;

/// One request on its way: where it is now, and what it has cost so far.
struct Call<'a> {
    handle: &'a Client,
    client: &'a Inner,
    purpose: Purpose,
    /// The request as the current hop has it.
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
    history: Vec<Hop>,
    /// What the jar had for the current hop, and for each of `history`.
    cookies: Option<HeaderValue>,
    earlier_cookies: Vec<Option<HeaderValue>>,
    sets_cookies: bool,
    keep: Keep,
    error_for_status: bool,
    holds_room: bool,
    attempts: u32,
    /// It has a connection to itself, since it was on one that broke under several.
    alone: bool,
    watch: Watch,
}

impl<'a> Call<'a> {
    fn new(handle: &'a Client, request: Request) -> Self {
        let client: &Inner = &handle.0;
        let mut timeouts = client.config.timeouts;
        timeouts.total = request.total.unwrap_or(timeouts.total);
        if request.typed {
            client.typed.add(Origin::of(&request.url));
        }
        let headers = with_password(client, &request).unwrap_or(request.headers);
        Self {
            handle,
            client,
            purpose: request.purpose,
            url: request.url,
            method: request.method,
            headers,
            body: request.body,
            history: Vec::new(),
            cookies: None,
            earlier_cookies: Vec::new(),
            sets_cookies: false,
            keep: if request.keep_body { Keep::All } else { Keep::Nothing },
            error_for_status: request.error_for_status,
            holds_room: request.hold_room,
            attempts: 1,
            alone: false,
            watch: Watch::start(timeouts),
        }
    }

    /// The response that counts: after redirects, and after the retries that need no body to be decided.
    async fn open(&mut self) -> Result<Open, Error> {
        self.check_closed()?;
        self.obey_robots().await?;
        loop {
            match self.hop().await {
                Ok(open) if self.follows(&open) => {
                    self.redirect(open).await?;
                    self.check_closed()?;
                    self.obey_robots().await?;
                }
                Ok(open) => match self.wait_for_status(&open) {
                    Some(wait) => self.wait(open, wait).await?,
                    None => {
                        let open = self.refuse(open).await?;
                        return self.accept(open);
                    }
                },
                Err(failure) => self.try_again_after(failure).await?,
            }
        }
    }

    /// Goes no further where the origin asked to be left alone for longer than is waited for.
    fn check_closed(&self) -> Result<(), Error> {
        let closed = self.client.origins.closed(&self.url);
        closed.map_or(Ok(()), |failure| Err(self.error(failure)))
    }

    /// Goes no further where robots.txt says no. No place among the requests to a host is held meanwhile.
    async fn obey_robots(&mut self) -> Result<(), Error> {
        let Some(agent) = self.client.config.robots.as_deref().filter(|_| self.purpose == Purpose::Caller)
        else {
            return Ok(());
        };
        let (handle, url) = (self.handle, &self.url);
        let asked = async { handle.ask_robots(url.clone()).await.allows(agent, url).await };
        let answer = self.watch.in_total(asked).await.and_then(|allowed| allowed);
        answer.map_err(|failure| self.error(failure))
    }

    /// The bounds on what comes; of robots.txt only as much is read as is wanted, so that its size does not matter.
    fn limits(&self) -> Limits {
        let limits = self.client.config.limits;
        match self.purpose {
            Purpose::Caller => limits,
            Purpose::Robots => {
                Limits { body: u64::MAX, ratio: limits.ratio.min(Limits::default().ratio), ..limits }
            }
        }
    }

    /// Ends with the status, if it is to be an error: the body is not looked at.
    async fn refuse(&self, open: Open) -> Result<Open, Error> {
        match retry::status_failure(open.status).filter(|_| self.error_for_status) {
            Some(failure) => {
                self.note_success(&open);
                open.body.drain().await;
                Err(self.error(failure))
            }
            None => Ok(open),
        }
    }

    /// The response is the final one: its body is to be read. HEAD, 204 and 304 have none, whatever the headers say, and
    /// what comes in place of a robots.txt is not looked at.
    fn accept(&self, mut open: Open) -> Result<Open, Error> {
        let bodiless = self.method == Method::HEAD || matches!(open.status, 204 | 304);
        if bodiless {
            open.body.has_none();
        }
        let unread = self.purpose == Purpose::Robots && !(200..300).contains(&open.status);
        if !(bodiless || unread) {
            let accepted = open.body.accept(&open.headers, &self.limits());
            accepted.map_err(|failure| self.error(failure.with_status(open.status)))?;
        }
        Ok(open)
    }

    /// One request and the head of its response; again if the connection turns out to have been dead already.
    async fn hop(&mut self) -> Result<Open, Failure> {
        let mut resent = Vec::new();
        loop {
            match self.send().await {
                // Each reason has its own count: that one came up takes nothing from another.
                Err(failure) if count(&resent, failure.resend) < self.resends(failure.resend) => {
                    resent.push(failure.resend);
                }
                Err(failure) if is_idempotent(&self.method) && self.goes_alone_after(&failure) => {}
                result => return result,
            }
        }
    }

    /// Whether it is to have a connection to itself from now on: nothing that another request does there makes it fail.
    fn goes_alone_after(&mut self, failure: &Failure) -> bool {
        failure.among_others && !std::mem::replace(&mut self.alone, true)
    }

    /// How often a request is sent again: past dead connections no more often than there can be.
    fn resends(&self, resend: Resend) -> usize {
        match resend {
            Resend::Refused => MOST_REFUSED,
            Resend::Unprocessed => MOST_UNPROCESSED,
            Resend::OverHttp1 => 1,
            Resend::Unsent => MOST_UNUSED,
            Resend::UntilFresh if is_idempotent(&self.method) => MOST_UNUSED,
            _ => 0,
        }
    }

    async fn send(&mut self) -> Result<Open, Failure> {
        let origins = &self.client.origins;
        let places = match origins.may_wait(&self.url) {
            true => self.watch.in_total(origins.enter(&self.url)).await?,
            false => Places::default(),
        };
        if let Some(failure) = origins.closed(&self.url) {
            return Err(failure); // it has said so since
        }
        self.cookies = self.client.config.cookies.for_url(&self.url);
        let request = self.wire_request()?;
        let Answer { head: parts, stream } =
            self.client.wire.send(request, self.alone, &mut self.watch).await?;
        let (status, remote) = (parts.status.as_u16(), Some(stream.remote()));
        let config = &self.client.config;
        config.cookies.keep(&self.url, &parts.headers);
        let claim = self.client.memory.claim();
        let body = Body::new(stream, &self.limits(), config.timeouts.slowest, Held { places, claim });
        match retry::asked_pause(status, &parts.headers) {
            Some(pause) if pause <= config.max_wait => origins.pause(&self.url, pause),
            Some(pause) => origins.close(&self.url, pause, status),
            None => {}
        }
        Ok(Open { status, version: parts.version, headers: parts.headers, remote, body })
    }

    fn wire_request(&self) -> Result<WireRequest, Failure> {
        let mut request = WireRequest::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = wire_uri(&self.url)?;
        *request.headers_mut() = self.wire_headers();
        // RFC 9110, section 8.6: where a body is expected, that there is none is said, too.
        if self.body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&self.method) {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Ok(request)
    }

    /// The request's own headers, then the defaults that it does not have; credentials for typed origins only.
    fn wire_headers(&self) -> HeaderMap {
        let config = &self.client.config;
        let mut headers = if self.headers.is_empty() {
            config.headers.clone()
        } else {
            with_defaults(self.headers.clone(), &config.headers)
        };
        if self.history.first().is_some_and(|asked| !same_origin(&asked.url, &self.url)) {
            headers.remove(HOST); // a default, too, is meant for where was asked
        }
        // The transport frames the body; a length that lies would break the connection.
        headers.remove(CONTENT_LENGTH);
        headers.remove(TRANSFER_ENCODING);
        if !config.credentials.is_empty() && self.client.typed.contains(&Origin::of(&self.url)) {
            headers = with_defaults(headers, &config.credentials);
        }
        if let Some(login) = self.login(&headers) {
            headers.insert(AUTHORIZATION, login);
        }
        if let Some(authorization) = config.proxies.authorization(&self.url) {
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        if let Some(cookies) = &self.cookies {
            cookies::merge(&mut headers, cookies.clone());
        }
        headers
    }

    /// What netrc has for this origin, if nothing else says who we are. Its default is for the origin that was asked, and
    /// for none that a redirect led to.
    fn login(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let netrc = self.client.config.netrc.as_ref()?;
        if headers.contains_key(AUTHORIZATION) || !self.client.typed.contains(&Origin::of(&self.url)) {
            return None;
        }
        let asked = self.history.first().map_or(&self.url, |hop| &hop.url);
        let host = self.url.host_str().unwrap_or_default();
        let (name, password) = netrc.find(host, None, same_origin(asked, &self.url))?;
        Some(basic(name, password))
    }

    fn follows(&self, open: &Open) -> bool {
        let follows = self.client.config.follow && self.purpose == Purpose::Caller;
        follows && redirect::location(open.status, &open.headers).is_some()
    }

    /// Goes where the response points to.
    async fn redirect(&mut self, open: Open) -> Result<(), Error> {
        let target = self.target(&open).map_err(|failure| self.error(failure.with_status(open.status)))?;
        let method = redirect::next_method(open.status, &self.method);
        let body_is_gone = method != self.method;
        redirect::strip_headers(&mut self.headers, &self.url, &target, body_is_gone);
        self.sets_cookies |= open.headers.contains_key(SET_COOKIE);
        if body_is_gone {
            self.body = Bytes::new();
        }
        self.method = method;
        let from = std::mem::replace(&mut self.url, target);
        self.history.push(Hop { url: from, status: open.status });
        self.earlier_cookies.push(self.cookies.take());
        open.body.drain().await;
        Ok(())
    }

    fn target(&self, open: &Open) -> Result<Url, Failure> {
        let location = redirect::location(open.status, &open.headers).unwrap_or_default();
        let target = redirect::resolve(&self.url, location, self.client.config.downgrade)?;
        wire_uri(&target).map_err(|failure| {
            Failure::new(ErrorKind::Redirect, format!("redirect from {}: {failure}", shown(&self.url)))
        })?;
        let failure = |fact: String| {
            let failure = Failure::new(ErrorKind::Redirect, fact);
            let sets_cookies = self.sets_cookies || open.headers.contains_key(SET_COOKIE);
            if sets_cookies && self.client.config.cookies.are_off() {
                failure.hint("the site sets cookies on the way; --cookies sends them back")
            } else {
                failure
            }
        };
        let unchanged = redirect::next_method(open.status, &self.method) == self.method;
        if unchanged && self.leads_back(&target) {
            return Err(failure(format!(
                "redirect loop: {} leads back to {}",
                shown(&self.url),
                shown(&target)
            )));
        }
        let max = self.client.config.max_redirects;
        if self.history.len() >= max {
            return Err(failure(format!("more than {max} redirects, the last one to {}", shown(&target))));
        }
        Ok(target)
    }

    /// Whether the same was asked already, with the same cookies.
    fn leads_back(&self, target: &Url) -> bool {
        let hops = self.history.iter().map(|hop| &hop.url).zip(&self.earlier_cookies);
        let mut asked = hops.chain([(&self.url, &self.cookies)]).filter(|(url, _)| *url == target).peekable();
        asked.peek().is_some() && {
            let cookies = self.client.config.cookies.for_url(target);
            asked.any(|(_, earlier)| *earlier == cookies)
        }
    }

    /// How long to wait before this response's request is sent again; `None` if the response is final.
    fn wait_for_status(&self, open: &Open) -> Option<Duration> {
        if !retry::is_retryable_status(open.status) || !self.may_try_again() {
            return None;
        }
        let asked = retry::retry_after(&open.headers, std::time::SystemTime::now()).unwrap_or_default();
        let wait = asked.max(self.backoff());
        let in_time = asked <= self.client.config.max_wait && self.watch.leaves_time_for(wait);
        (in_time && self.spend_retry()).then_some(wait)
    }

    async fn wait(&mut self, open: Open, wait: Duration) -> Result<(), Error> {
        // The place among the host's requests goes with the body: nobody holds one while waiting.
        open.body.drain().await;
        self.pause(wait).await
    }

    /// Waits for the next attempt, or says that there is none.
    async fn try_again_after(&mut self, failure: Failure) -> Result<(), Error> {
        let wait = self.backoff();
        let may_go_better = self.goes_alone_after(&failure) || failure.retryable;
        if !may_go_better || !self.may_try_again() || !self.watch.leaves_time_for(wait) {
            return Err(self.error(failure));
        }
        if !self.spend_retry() {
            return Err(
                self.error(failure.hint("not tried again: too many requests to this origin have failed"))
            );
        }
        self.pause(wait).await
    }

    async fn pause(&mut self, wait: Duration) -> Result<(), Error> {
        let slept = self.watch.in_total(sleep(wait)).await;
        slept.map_err(|failure| self.error(failure))?;
        self.attempts += 1;
        Ok(())
    }

    fn may_try_again(&self) -> bool {
        self.attempts <= self.client.config.retries && is_idempotent(&self.method)
    }

    /// Takes one of the retries that the origin has left.
    fn spend_retry(&self) -> bool {
        self.client.retries.spend(Origin::of(&self.url))
    }

    fn backoff(&self) -> Duration {
        retry::backoff(self.client.config.backoff, self.attempts)
    }

    fn error(&self, failure: Failure) -> Error {
        Error::of_request(failure, &self.url, self.attempts, self.watch.elapsed())
    }

    fn note_success(&self, open: &Open) {
        if !retry::is_retryable_status(open.status) {
            self.client.retries.earn(|| Origin::of(&self.url));
        }
    }

    fn response(self, mut open: Open, body: Collected) -> Response {
        let kept = body.bytes.len() as u64;
        let room = if self.holds_room { open.body.take_room(kept) } else { None };
        let (wire_bytes, elapsed) = (open.body.wire(), self.watch.elapsed());
        Response {
            head: self.head(open.status, open.version, open.headers, open.remote),
            body: body.bytes,
            length: body.length,
            wire_bytes,
            elapsed,
            room,
        }
    }

    fn head(
        self,
        status: u16,
        version: http::Version,
        headers: HeaderMap,
        remote: Option<std::net::SocketAddr>,
    ) -> Head {
        Head {
            url: self.url,
            status,
            version,
            headers,
            history: self.history,
            attempts: self.attempts,
            remote,
        }
    }

    fn streaming(self, open: Open) -> Streaming {
        let Open { status, version, headers, remote, body } = open;
        let Call { url, history, attempts, watch, .. } = self;
        let head = Head { url, status, version, headers, history, attempts, remote };
        Streaming { head, body, watch, state: State::Untouched }
    }
}

/// The headers of a request to a typed origin whose URL has a login and no password, with the password that netrc has for
/// it; `None` if there is nothing to add.
fn with_password(client: &Inner, request: &Request) -> Option<HeaderMap> {
    let (netrc, login) = (client.config.netrc.as_ref()?, request.login.as_deref()?);
    let is_of_url = request.headers.get(AUTHORIZATION) == Some(&basic(login, ""));
    if !is_of_url || !client.typed.contains(&Origin::of(&request.url)) {
        return None;
    }
    let (name, password) = netrc.find(request.url.host_str().unwrap_or_default(), Some(login), true)?;
    let mut headers = request.headers.clone();
    headers.insert(AUTHORIZATION, basic(name, password));
    Some(headers)
}

fn count(resent: &[Resend], why: Resend) -> usize {
    resent.iter().filter(|one| **one == why).count()
}

/// The headers, and of the defaults those whose names they do not have.
fn with_defaults(mut headers: HeaderMap, defaults: &HeaderMap) -> HeaderMap {
    for name in defaults.keys() {
        if !headers.contains_key(name) {
            for value in defaults.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
    }
    headers
}

/// The URL as the wire wants it. Two of the characters that the URL rules leave as they are, the wire does not take.
fn wire_uri(url: &Url) -> Result<Uri, Failure> {
    let text = url.as_str();
    let text = text.split_once('#').map_or(text, |(before, _)| before);
    Uri::try_from(text).or_else(|_| {
        let encoded: String = percent_encoding::utf8_percent_encode(text, UNSENT).to_string();
        Uri::try_from(encoded).map_err(|error| {
            Failure::invalid(format!("cannot send {}: {error}", shortened(text))).source(error)
        })
    })
}

const UNSENT: &percent_encoding::AsciiSet =
    &percent_encoding::AsciiSet::EMPTY.add(b'`').add(b'^').add(b'"').add(b'|');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_on_its_way_has_no_room_for_what_is_seldom() {
        let client = Client::builder().build().unwrap();
        let size = size_of_val(&client.run(Request::get("http://h/").unwrap()));
        assert!(size < 8 << 10, "{size} bytes, which are copied once for each request");
    }
}
