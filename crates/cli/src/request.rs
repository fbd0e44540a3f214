//! From the request options to a client and the requests it sends.

use std::collections::BTreeSet;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use gather_fetch::{Client, ClientBuilder, Error, Jar, Method, Response, Robots, Secret, without_password};
use gather_records::{Failure, Kind};
use gather_scraper::Recipe;

use crate::args::{Polite, Request, Shared};
use crate::cookies::{self, CookieFile};
use crate::exit::{usage, usage_error};
use crate::input::{Asked, By};
use crate::netrc;
use crate::progress::say;

/// A client with everything the options say, and the request they describe for any URL.
#[derive(Clone)]
pub(crate) struct Requests {
    client: Client,
    method: Method,
    body: Option<Vec<u8>>,
    /// The headers that go with the body, unless `-H` says otherwise.
    body_headers: Vec<(&'static str, &'static str)>,
    cookies: Arc<Mutex<Option<CookieFile>>>,
    /// Whether bodies count towards the memory budget until they are written. In the order of the inputs one would wait for
    /// another that waits for room.
    holds_room: bool,
}

impl Requests {
    /// # Errors
    /// Options that do not hold: a header without a colon, a file that cannot be read, or written at the end.
    pub(crate) fn new(options: &Request, shared: &Shared) -> anyhow::Result<Self> {
        Self::polite(options, shared, &Polite::default())
    }

    /// The same, obeying robots.txt if the options say so.
    ///
    /// # Errors
    /// As [`new`](Self::new), and an agent that robots.txt cannot name.
    pub(crate) fn polite(options: &Request, shared: &Shared, polite: &Polite) -> anyhow::Result<Self> {
        check_stdin(options, shared)?;
        let body = body(options)?;
        if options.insecure && !shared.quiet {
            say("warning: TLS certificates are not verified (--insecure)");
        }
        let (jar, file) = cookies::open(options)?.unzip();
        Ok(Self {
            client: builder(options, shared, polite, jar)?.build().map_err(usage_error)?,
            method: method(options, body.is_some())?,
            body,
            body_headers: body_headers(options)?,
            cookies: Arc::new(Mutex::new(file.flatten())),
            holds_room: !shared.ordered,
        })
    }

    /// Hands over the file of cookies, to be written when the run is over.
    pub(crate) fn take_cookies(&self) -> Option<CookieFile> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether the options describe something else than a plain GET.
    pub(crate) fn is_other_than_get(options: &Request) -> bool {
        options.method.is_some() || !options.data.is_empty() || options.json.is_some() || options.head
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The request for a URL.
    ///
    /// # Errors
    /// Kind `invalid_input` for what is no URL that can be fetched.
    pub(crate) fn to(&self, asked: &Asked) -> Result<gather_fetch::Request, Error> {
        self.allow(asked)?;
        let request = gather_fetch::Request::new(self.method.clone(), &asked.text)?;
        let mut request = request.hold_room(self.holds_room);
        if let Some(body) = &self.body {
            request = request.body(body.clone());
            for (name, value) in &self.body_headers {
                request = request.header(name, value)?;
            }
        }
        Ok(request)
    }

    /// Lets requests go to the origin of a URL as far as who gave it may say so: the user may name an address of this
    /// machine or network and has credentials sent there, a list beside the command line may do the former only, and a page
    /// no more than it could reach by itself.
    ///
    /// # Errors
    /// Kind `invalid_input` for what is no URL that can be fetched.
    pub(crate) fn allow(&self, asked: &Asked) -> Result<(), Error> {
        match &asked.by {
            By::User => self.client.allow_origin(&asked.text),
            By::List => self.client.allow_host(&asked.text),
            By::Page(page) => self.client.allow_link(page, &asked.text),
        }
    }

    /// Lets requests go to what was typed before any goes out: work on what a list names may come first to its own, and the
    /// same origin may be in both.
    pub(crate) fn allow_typed(&self, typed: &[String]) {
        for url in typed {
            let _ = self.client.allow_origin(url); // what is no URL is told of when it is its turn
        }
    }

    /// Fetches a URL; a status of 4xx or 5xx is an error.
    ///
    /// # Errors
    /// As the client's.
    pub(crate) async fn fetch(&self, asked: &Asked) -> Result<Response, Error> {
        self.client.execute(self.to(asked)?.error_for_status(true)).await
    }
}

/// The failure that an error of the client is, for the input it was made for.
pub(crate) fn failure(input: &str, error: &Error) -> Failure {
    let kind = error.kind().as_str().parse().unwrap_or(Kind::Io);
    let mut failure = Failure::new(without_password(input), kind, error.to_string());
    failure.phase = error.phase().map(|phase| phase.as_str().to_owned());
    failure.status = error.status();
    failure.final_url = error.url().map(ToString::to_string);
    failure.attempts = error.attempts();
    failure.elapsed_ms = milliseconds(error.elapsed());
    failure
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The product token of who we say we are: of the last `-H User-Agent`, else of `-A`, else our own.
pub(crate) fn agent(options: &Request) -> anyhow::Result<String> {
    let mut agent = options.user_agent.clone();
    for header in &options.headers {
        if let (name, Some(value)) = header_parts(header)?
            && name.eq_ignore_ascii_case("user-agent")
        {
            agent = Some(value.to_owned());
        }
    }
    let agent = agent.filter(|agent| !agent.is_empty()).unwrap_or_else(|| OUR_AGENT.to_owned());
    Ok(Robots::product_token(&agent).map(str::to_owned).unwrap_or(agent))
}

/// The headers that the command line names: a recipe's own are left out for them, as what is typed goes before what a file says.
///
/// # Errors
/// What is no header.
pub(crate) fn named_headers(options: &Request) -> anyhow::Result<Vec<String>> {
    let options_with_one = [
        ("User-Agent", options.user_agent.is_some()),
        ("Authorization", options.user.is_some()),
        ("Cookie", options.cookie.is_some()),
    ];
    let mut names: Vec<String> = options_with_one
        .iter()
        .filter(|(_, is_there)| *is_there)
        .map(|(name, _)| (*name).to_owned())
        .collect();
    for header in &options.headers {
        names.push(header_parts(header)?.0.to_owned());
    }
    Ok(names)
}

/// Who we say we are is whom robots.txt is asked about, also where a recipe says it.
///
/// # Errors
/// As [`named_headers`].
pub(crate) fn adopt_agent(options: &mut Request, recipe: &Recipe) -> anyhow::Result<()> {
    let is_agent = |name: &str| name.eq_ignore_ascii_case("user-agent");
    if named_headers(options)?.iter().any(|name| is_agent(name)) {
        return Ok(());
    }
    let agent = recipe.request().headers.iter().rfind(|(name, _)| is_agent(name)).map(|(_, value)| value);
    let agent = agent.filter(|value| !value.starts_with("env:"));
    options.user_agent = agent.cloned();
    Ok(())
}

/// The product token of our own User-Agent.
const OUR_AGENT: &str = "gather";

/// What the options say of a client.
///
/// # Errors
/// As [`Requests::polite`], but for what the builder itself refuses.
pub(crate) fn builder(
    options: &Request,
    shared: &Shared,
    polite: &Polite,
    jar: Option<Jar>,
) -> anyhow::Result<ClientBuilder> {
    let mut builder = Client::builder()
        .retries(shared.retries)
        .max_body(options.max_size)
        .max_redirects(options.max_redirects as usize)
        .follow_redirects(options.max_redirects > 0)
        .max_ratio(options.max_ratio)
        .max_wait(options.max_wait)
        .allow_downgrade(options.allow_downgrade)
        .allow_private(options.allow_private)
        .insecure(options.insecure);
    if let Some(limit) = shared.timeout {
        builder = builder.total_timeout(unless_zero(limit));
    }
    if let Some(limit) = options.connect_timeout {
        builder = builder.connect_timeout(unless_zero(limit));
    }
    if let Some(limit) = options.first_byte_timeout {
        builder = builder.first_byte_timeout(unless_zero(limit));
    }
    if let Some(agent) = &options.user_agent {
        builder = builder.user_agent(agent);
    }
    if let Some(user) = &options.user {
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        builder = builder.basic_auth(name, &Secret::new(password));
    }
    if let Some(netrc) = netrc::open(options)? {
        builder = builder.netrc(netrc);
    }
    if let Some(cookie) = &options.cookie {
        builder = builder.cookie(cookie_value(cookie)?);
    }
    if let Some(jar) = jar {
        builder = builder.cookies(jar);
    }
    if polite.robots {
        builder = builder.robots(&agent(options)?);
    }
    if let Some(at_once) = polite.per_host {
        builder = builder.per_origin(NonZeroUsize::new(at_once as usize));
    }
    if let Some(delay) = polite.delay.or(polite.rate) {
        builder = builder.delay(delay);
    }
    let mut seen = BTreeSet::new();
    for header in &options.headers {
        let (name, value) = header_parts(header)?;
        let is_first = seen.insert(name.to_ascii_lowercase());
        builder = match value {
            Some(value) if is_first => builder.header(name, value), // in place of a default one
            Some(value) => builder.add_header(name, value),
            None => builder.without_header(name),
        };
    }
    builder = proxied(builder, options);
    for rule in &options.resolve {
        builder = builder.resolve(rule);
    }
    if let Some(path) = &options.cacert {
        let pem = std::fs::read(path).map_err(|error| {
            usage_error(format!("cannot read the certificates {}: {error}", path.display()))
        })?;
        if !pem.windows(PEM_CERTIFICATE.len()).any(|window| window == PEM_CERTIFICATE) {
            return Err(usage(
                format!("no certificate in {}", path.display()),
                "--cacert takes certificates in PEM: -----BEGIN CERTIFICATE-----",
            ));
        }
        builder = builder.add_root_pem(&pem);
    }
    Ok(builder)
}

/// With the proxy that `-x` names, or else the environment, and past it what `--noproxy` or else the environment says.
fn proxied(builder: ClientBuilder, options: &Request) -> ClientBuilder {
    let builder = match &options.proxy {
        None => builder.proxy_from_env(),
        Some(proxy) => {
            let past = ["no_proxy", "NO_PROXY"].iter().find_map(|name| std::env::var(name).ok());
            builder.proxy(proxy).no_proxy(&past.unwrap_or_default())
        }
    };
    match &options.noproxy {
        Some(list) => builder.no_proxy(list),
        None => builder,
    }
}

/// What a body is said to be: JSON with an answer in kind, or a form, as in curl.
fn body_headers(options: &Request) -> anyhow::Result<Vec<(&'static str, &'static str)>> {
    const JSON: &str = "application/json";
    let mut headers = match options.json {
        Some(_) => vec![("content-type", JSON), ("accept", JSON)],
        None => vec![("content-type", "application/x-www-form-urlencoded")],
    };
    for header in &options.headers {
        let (name, _) = header_parts(header)?;
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }
    Ok(headers)
}

/// What a certificate in PEM begins with.
const PEM_CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Zero on the command line turns a limit off.
pub(crate) fn unless_zero(limit: Duration) -> Option<Duration> {
    (!limit.is_zero()).then_some(limit)
}

/// `Name: value`, or `Name:` to leave a header out, or `Name;` for one without a value, as curl reads them.
fn header_parts(header: &str) -> anyhow::Result<(&str, Option<&str>)> {
    if let Some((name, value)) = header.split_once(':') {
        let value = value.trim();
        return Ok((name.trim(), (!value.is_empty()).then_some(value)));
    }
    match header.strip_suffix(';') {
        Some(name) => Ok((name.trim(), Some(""))),
        None => Err(usage(format!("`{header}` is not a header"), "write -H 'Name: value'")),
    }
}

/// curl reads a cookie without `=` as the name of a file.
fn cookie_value(cookie: &str) -> anyhow::Result<&str> {
    if cookie.contains('=') {
        return Ok(cookie);
    }
    Err(usage(
        format!("`{cookie}` is not a cookie"),
        "write -b 'name=value; name2=value2'; a file of cookies is read with --cookie-jar FILE",
    ))
}

fn method(options: &Request, has_body: bool) -> anyhow::Result<Method> {
    let Some(name) = &options.method else {
        return Ok(match (options.head, has_body) {
            (true, false) => Method::HEAD,
            (true, true) => {
                return Err(usage("-I asks for the head only, and -d sends a body", "leave one of them out"));
            }
            (false, true) => Method::POST,
            (false, false) => Method::GET,
        });
    };
    if options.head && name != "HEAD" {
        return Err(usage(format!("-I and -X {name} say two things"), "leave one of them out"));
    }
    Method::from_bytes(name.as_bytes())
        .map_err(|_| usage(format!("`{name}` is not a method"), "write -X GET, POST, PUT, DELETE …"))
}

/// Two cannot read it: one of them would find nothing there.
fn check_stdin(options: &Request, shared: &Shared) -> anyhow::Result<()> {
    let is_body = options.data.iter().chain(&options.json).any(|text| text == "@-");
    let is_list = shared.input.as_deref() == Some(Path::new("-"));
    if is_body && is_list {
        return Err(usage("stdin cannot be the list and the body", "write one of them to a file"));
    }
    Ok(())
}

fn body(options: &Request) -> anyhow::Result<Option<Vec<u8>>> {
    if let Some(json) = &options.json {
        let body = data(json)?;
        serde_json::from_slice::<serde::de::IgnoredAny>(&body).map_err(|error| {
            usage(format!("--json is not JSON: {error}"), "quote it for the shell: --json '{\"a\": 1}'")
        })?;
        return Ok(Some(body));
    }
    let parts = options.data.iter().map(|part| data(part)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok((!parts.is_empty()).then(|| parts.join(&b'&')))
}

/// The bytes that `-d` names: the text itself, or the file after `@`.
fn data(text: &str) -> anyhow::Result<Vec<u8>> {
    match text.strip_prefix('@') {
        None => Ok(text.as_bytes().to_vec()),
        Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).context("cannot read the body from stdin")?;
            Ok(bytes)
        }
        Some(path) => std::fs::read(Path::new(path)).map_err(|error| {
            usage(format!("cannot read the body {path}: {error}"), "-d @FILE sends the bytes of FILE")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_curl_reads_them() {
        assert_eq!(header_parts("Accept: text/html").unwrap(), ("Accept", Some("text/html")));
        assert_eq!(header_parts("Accept:").unwrap(), ("Accept", None));
        assert_eq!(header_parts("X-Empty;").unwrap(), ("X-Empty", Some("")));
        assert!(header_parts("nothing").is_err());
    }
}
