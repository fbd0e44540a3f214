//! The cookies of a jar: which are taken, which are sent, and which make room (RFC 6265bis, sections 5.7 and 5.8).

use url::Url;

use super::rules::{
    Promise, default_path, domain_matches, host_of, is_address, is_public_suffix, path_matches,
};
use super::set_cookie::{MAX_ATTRIBUTE, SetCookie, is_control};

/// Cookies of one domain.
pub(super) const MAX_OF_DOMAIN: usize = 50;
/// Cookies in all.
pub(super) const MAX: usize = 3000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cookie {
    pub(super) name: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) domain: String,
    pub(super) reach: Reach,
    pub(super) path: Vec<u8>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    /// In seconds since 1970; `None` for a cookie of the session.
    pub(super) expires: Option<i64>,
    /// Which use of the jar was the last that sent or set it.
    pub(super) used: u64,
}

/// Which hosts a cookie goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reach {
    HostOnly,
    Subdomains,
}

impl Cookie {
    fn is_for(&self, url: &Url) -> bool {
        let host = host_of(url);
        let by_host = match self.reach {
            Reach::HostOnly => host == self.domain,
            Reach::Subdomains => domain_matches(host, &self.domain),
        };
        by_host && path_matches(url.path().as_bytes(), &self.path) && (!self.secure || is_secure(url))
    }

    pub(super) fn is_expired(&self, now: i64) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }

    /// The same cookie, maybe of another value.
    fn replaces(&self, other: &Self) -> bool {
        (&self.name, &self.domain, self.reach, &self.path)
            == (&other.name, &other.domain, other.reach, &other.path)
    }

    /// A cookie set over http must not take the place of one that https set, nor be sent before it.
    fn shadows(&self, secure: &Self) -> bool {
        secure.secure
            && secure.name == self.name
            && (domain_matches(&self.domain, &secure.domain) || domain_matches(&secure.domain, &self.domain))
            && path_matches(&self.path, &secure.path)
    }

    /// Whether it is what its name promises. A cookie without a name must not look as if it had a promising one.
    pub(super) fn keeps_its_promise(&self) -> bool {
        let promise = Promise::of(if self.name.is_empty() { &self.value } else { &self.name });
        match promise {
            Promise::Nothing => true,
            _ if self.name.is_empty() => false,
            Promise::Secure => self.secure,
            Promise::Host => self.secure && self.reach == Reach::HostOnly && self.path == b"/",
        }
    }
}

fn is_secure(url: &Url) -> bool {
    url.scheme() == "https"
}

/// In the order of their creation.
#[derive(Default)]
pub(super) struct Store {
    cookies: Vec<Cookie>,
    uses: u64,
}

impl Store {
    /// A store of these cookies: no two of them the same, none expired, no more than fit. The first was used first.
    pub(super) fn of(mut cookies: Vec<Cookie>) -> Self {
        let mut uses = 0;
        for cookie in &mut cookies {
            uses += 1;
            cookie.used = uses;
        }
        Self { cookies, uses }
    }

    pub(super) fn len(&self, now: i64) -> usize {
        self.all(now).count()
    }

    pub(super) fn all(&self, now: i64) -> impl Iterator<Item = &Cookie> {
        self.cookies.iter().filter(move |cookie| !cookie.is_expired(now))
    }

    /// Takes what a response of `url` sets, and says whether it did. One that has ended removes its like.
    pub(super) fn set(&mut self, url: &Url, text: &[u8], now: i64) -> bool {
        let cookie = SetCookie::parse(text, now).and_then(|set| cookie(url, &set));
        match cookie {
            Some(cookie) if is_secure(url) || !self.all(now).any(|other| cookie.shadows(other)) => {
                self.put(cookie, now);
                true
            }
            _ => false,
        }
    }

    /// Takes a cookie as it is, and makes room.
    fn put(&mut self, mut cookie: Cookie, now: i64) {
        self.uses += 1;
        cookie.used = self.uses;
        let domain = cookie.domain.clone();
        match self.cookies.iter_mut().find(|other| cookie.replaces(other)) {
            Some(other) => *other = cookie, // it keeps the time of its creation, which is its place
            None => self.cookies.push(cookie),
        }
        self.cookies.retain(|cookie| !cookie.is_expired(now));
        self.make_room(MAX_OF_DOMAIN, |cookie| cookie.domain == domain);
        self.make_room(MAX, |_| true);
    }

    /// The `Cookie` header of a request: longer paths first, then earlier creation.
    pub(super) fn header(&mut self, url: &Url, now: i64) -> Option<Vec<u8>> {
        self.uses += 1;
        let uses = self.uses;
        let matching = |cookie: &&mut Cookie| !cookie.is_expired(now) && cookie.is_for(url);
        let mut sent: Vec<&Cookie> = Vec::new();
        for cookie in self.cookies.iter_mut().filter(matching) {
            cookie.used = uses;
            sent.push(cookie);
        }
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<Vec<u8>> = sent.into_iter().map(pair).collect();
        (!pairs.is_empty()).then(|| pairs.join(b"; ".as_slice()))
    }

    /// Those that may go over http go first, and of them the one that was not used for longest.
    fn make_room(&mut self, most: usize, among: impl Fn(&Cookie) -> bool) {
        while self.cookies.iter().filter(|cookie| among(cookie)).count() > most {
            let candidates = self.cookies.iter().enumerate().filter(|(_, cookie)| among(cookie));
            match candidates.min_by_key(|(_, cookie)| (cookie.secure, cookie.used)).map(|(at, _)| at) {
                Some(at) => drop(self.cookies.remove(at)),
                None => return,
            }
        }
    }
}

fn pair(cookie: &Cookie) -> Vec<u8> {
    match cookie.name.is_empty() {
        true => cookie.value.clone(),
        false => [&cookie.name, b"=".as_slice(), &cookie.value].concat(),
    }
}

/// The cookie that a response of `url` may set with this; `None` if it may not.
fn cookie(url: &Url, set: &SetCookie<'_>) -> Option<Cookie> {
    if set.secure && !is_secure(url) {
        return None;
    }
    let (domain, reach) = domain(host_of(url), set.domain.unwrap_or_default())?;
    let path = set.path.filter(|path| !path.iter().any(|byte| is_control(*byte)));
    let of_cookie = path.unwrap_or(default_path(url).as_bytes());
    let cookie = Cookie {
        name: set.name.to_owned(),
        value: set.value.to_owned(),
        domain,
        reach,
        path: of_cookie.to_owned(),
        secure: set.secure,
        http_only: set.http_only,
        expires: set.expires,
        used: 0,
    };
    // The folder of the URL is no `Path=/`.
    let says_its_path = path.is_some() || Promise::of(&cookie.name) != Promise::Host;
    let holds = says_its_path && of_cookie.len() <= MAX_ATTRIBUTE && cookie.keeps_its_promise();
    holds.then_some(cookie)
}

/// Section 5.7: a host may set cookies for itself and for domains above it, up to where others' domains begin.
fn domain(host: &str, asked: &[u8]) -> Option<(String, Reach)> {
    let asked = std::str::from_utf8(asked).ok().filter(|asked| asked.is_ascii())?.to_ascii_lowercase();
    if asked.is_empty() || asked == host && (is_address(host) || is_public_suffix(host)) {
        return (!host.is_empty()).then(|| (host.to_owned(), Reach::HostOnly));
    }
    let may = domain_matches(host, &asked) && !is_public_suffix(&asked);
    may.then_some((asked, Reach::Subdomains))
}
