//! What the parts of a crawl tell each other. Data only.

use gather_records::Record;
use serde::Serialize;

/// What became of a URL so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum State {
    /// It waits for its turn.
    Pending,
    /// A worker has taken it.
    Leased,
    /// It was fetched, and its records and links are in the store.
    Done,
    /// It could not be had.
    Failed,
    /// We would not: robots.txt, a private address, too large, a redirect out of scope.
    Refused,
    /// Left out on purpose: out of scope, too deep, not a page.
    Skipped,
}

impl State {
    /// All states.
    pub const ALL: [State; 6] =
        [State::Pending, State::Leased, State::Done, State::Failed, State::Refused, State::Skipped];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Leased => "leased",
            State::Done => "done",
            State::Failed => "failed",
            State::Refused => "refused",
            State::Skipped => "skipped",
        }
    }

    /// As the store writes it.
    #[cfg(feature = "sqlite")]
    pub(crate) const fn number(self) -> i64 {
        match self {
            State::Pending => 0,
            State::Leased => 1,
            State::Done => 2,
            State::Failed => 3,
            State::Refused => 4,
            State::Skipped => 5,
        }
    }
}

/// How many URLs are in each state. Always `discovered = done + failed + refused + skipped + pending + leased`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// URLs ever seen: seeds and links.
    pub discovered: u64,
    /// Fetched, their records and links stored.
    pub done: u64,
    /// Could not be had.
    pub failed: u64,
    /// Would not be had.
    pub refused: u64,
    /// Left out on purpose.
    pub skipped: u64,
    /// Waiting.
    pub pending: u64,
    /// Taken by a worker.
    pub leased: u64,
}

impl Counts {
    /// Whether the law holds.
    pub fn holds(&self) -> bool {
        self.discovered == self.done + self.failed + self.refused + self.skipped + self.pending + self.leased
    }

    /// Counts so many in the state of this number.
    #[cfg(feature = "sqlite")]
    pub(crate) fn add(&mut self, state: i64, count: u64) {
        self.discovered += count;
        *match state {
            0 => &mut self.pending,
            1 => &mut self.leased,
            2 => &mut self.done,
            3 => &mut self.failed,
            4 => &mut self.refused,
            _ => &mut self.skipped,
        } += count;
    }

    /// Whether nothing is left to do.
    pub fn is_finished(&self) -> bool {
        self.pending + self.leased == 0
    }
}

/// What a crawl is, so that a store can tell whether the same one goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The seeds in canonical form, and as they were given.
    pub seeds: Vec<(String, String)>,
    /// The recipe, as TOML.
    pub recipe: String,
    /// Everything else that decides which pages there are, as text.
    pub scope: String,
    /// What is left out of it.
    pub bounds: Bounds,
    /// How hosts on the public net are treated by this run.
    pub public: Pace,
    /// How this machine is.
    pub loopback: Pace,
}

/// Which of the URLs that belong to a crawl are left out; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Links deeper than this: state `skipped`, kind `depth`.
    pub max_depth: Option<u64>,
    /// More URLs of one host and pattern ([`Found::pattern`]) than this: state `skipped`, kind `budget`.
    pub per_pattern: Option<u64>,
}

/// What a lease is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A page.
    Page,
    /// The robots.txt of a host, without which none of its pages is leased.
    Robots,
    /// A sitemap.
    Sitemap {
        /// How many indexes led to it.
        nested: u32,
    },
}

/// What is known of a page from the last time it was fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Its hash.
    pub hash: Option<String>,
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    pub modified: Option<String>,
}

impl Known {
    /// Whether the server can be asked for the page only if it has changed.
    pub(crate) fn has_validator(&self) -> bool {
        self.etag.is_some() || self.modified.is_some()
    }
}

/// A URL to fetch, taken for this worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub work: Work,
    /// Its number in the store; that of the host for robots.txt.
    pub id: i64,
    /// The URL, canonical.
    pub url: String,
    /// Its host and port.
    pub host: String,
    /// How often it was tried before.
    pub attempts: u32,
    /// How often it was asked to come later.
    pub waits: u32,
    /// How many redirects in a row led to it, or to where its robots.txt is.
    pub hops: u32,
    /// How many links it is from a seed, by the shortest way known when it was taken; 0 for robots.txt.
    pub depth: i64,
    /// The seed that led here by redirects alone, as it was given.
    pub input: Option<String>,
    /// What it was before, if it is fetched again.
    pub known: Option<Known>,
    /// The delay of its host when it was taken, in milliseconds.
    pub delay: i64,
    /// Until when the robots.txt that the store has of its host holds, in milliseconds of the Unix epoch.
    pub robots_until: i64,
    /// Where redirects say that the robots.txt of its host is; `None` if it is at its place, or this is no robots.txt.
    pub moved: Option<Moved>,
}

impl Lease {
    /// The host and port that is asked: with a robots.txt that has moved it may be another one's.
    pub fn asked_host(&self) -> &str {
        self.moved.as_ref().map_or(&self.host, |moved| &moved.host)
    }
}

/// Where a robots.txt is asked for that is not at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The URL.
    pub url: String,
    /// Its host and port.
    pub host: String,
}

/// How much may be leased.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// How many URLs at most.
    pub leases: u32,
    /// The clock, in milliseconds of the Unix epoch.
    pub now: i64,
    /// Whether a host's robots.txt comes before its pages.
    pub robots: bool,
    /// From the start of a request to that of the next to the same host, in milliseconds; 0 is no limit.
    pub apart: i64,
    /// The longest `Retry-After` that is waited for, in milliseconds.
    pub max_wait: i64,
}

/// What was leased, and when there may be more.
#[derive(Clone, Debug, Default)]
pub struct Leased {
    /// The URLs, nearest to the seeds first.
    pub leases: Vec<Lease>,
    /// When the next waiting URL may be fetched; `None` if none waits.
    pub next: Option<i64>,
    /// Whether all that waits does so because its host asked to be left alone for longer than is waited for.
    pub held: bool,
}

/// How a host is treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// From the end of a response to the next request, in milliseconds.
    pub delay: i64,
    /// Requests at once; 0 is no limit. With a delay it is one: the delay counts from the end of a response.
    pub limit: i64,
}

/// A link that a page holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The key of the URL.
    pub key: String,
    /// The URL, canonical.
    pub url: String,
    /// Its host and port.
    pub host: String,
    /// From the end of a response of its host to the next request, in milliseconds.
    pub delay: i64,
    /// Requests to its host at once; 0 is no limit.
    pub limit: i64,
    /// Whether it belongs to the crawl.
    pub in_scope: bool,
    /// How much deeper than the page it is: 0 for the next page and for redirects, else 1.
    pub deeper: u32,
    /// How many redirects in a row lead to it.
    pub hops: u32,
    /// What it has in common with the other URLs of its kind, for a budget of each kind; empty is under none.
    pub pattern: String,
    /// Of URLs that may be fetched the one with the higher number comes first: seeds and sitemaps, then the pages that a sitemap says were
    /// changed last; 0 for a link.
    pub priority: i64,
    /// How many indexes of sitemaps led to it, if it is a sitemap; `None` is a page.
    pub sitemap: Option<u32>,
    /// The kind under which it is left out by its form alone: `trap`, or `length` for a URL that is too long, of which no more
    /// than the beginning is kept.
    pub left_out: Option<&'static str>,
}

/// What became of leases, to be stored at once.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// Of pages.
    pub pages: Vec<PageEnd>,
    /// Of files robots.txt.
    pub robots: Vec<RobotsEnd>,
}

/// What an answer says of its host.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    /// Host and port.
    pub host: String,
    /// When the response ended, in milliseconds of the Unix epoch; `None` if nothing was asked of the host.
    pub until: Option<i64>,
    /// How long its head took, in milliseconds; 0 if that says nothing.
    pub took: i64,
    /// Whether it asked for less (429, `Retry-After`).
    pub slow_down: bool,
    /// Before when nothing more is to be asked of it (`Retry-After`), in milliseconds of the Unix epoch.
    pub not_before: i64,
}

/// What became of the lease of a page.
#[derive(Clone, Debug)]
pub struct PageEnd {
    /// The lease's number.
    pub id: i64,
    /// What the lease was for: a page or a sitemap.
    pub work: Work,
    /// What the host gave to know.
    pub answered: Answered,
    /// The new state; `Pending` tries again later.
    pub state: State,
    /// The kind of failure or the reason for leaving it out.
    pub kind: Option<String>,
    /// What happened, in words.
    pub message: Option<String>,
    /// The status of the response.
    pub status: Option<u16>,
    /// Which phase of the request a time limit ran out in.
    pub phase: Option<String>,
    /// How long the last try took, in milliseconds.
    pub elapsed_ms: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// How often it was asked to come later.
    pub waits: u32,
    /// Not to be fetched again before, in milliseconds of the Unix epoch.
    pub not_before: i64,
    /// The size of the body.
    pub bytes: u64,
    /// What to ask with the next time.
    pub known: Known,
    /// Whether it is as it was the last time, so that its records stay.
    pub unchanged: bool,
    /// The records.
    pub records: Vec<Record>,
    /// Records left out for a required field, in words.
    pub dropped: Vec<String>,
    /// The links.
    pub links: Vec<Found>,
}

/// What became of the lease of a robots.txt.
#[derive(Clone, Debug)]
pub struct RobotsEnd {
    /// The lease's number.
    pub id: i64,
    /// What the host gave to know.
    pub answered: Answered,
    /// What the file says; `None` if it is to be asked for again.
    pub file: Option<RobotsFile>,
    /// Where a redirect leads to: it is asked for there in the turn of that host, and that is no other attempt.
    pub moved: Option<Found>,
    /// What it asks for between two requests, in milliseconds.
    pub crawl_delay: i64,
    /// The sitemaps that it names, where they are followed.
    pub links: Vec<Found>,
}

impl RobotsEnd {
    /// That of a lease for which nothing was asked yet: it is to be asked again.
    pub(crate) fn of(lease: &Lease) -> Self {
        let answered = Answered { host: lease.asked_host().to_owned(), ..Answered::default() };
        Self { id: lease.id, answered, file: None, moved: None, crawl_delay: 0, links: Vec::new() }
    }
}

/// A robots.txt as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RobotsFile {
    /// The status; 0 if it could not be had.
    pub status: u16,
    /// The body; why, if it could not be had.
    pub body: Vec<u8>,
    /// How long it holds, in milliseconds of the Unix epoch.
    pub until: i64,
}

/// What a round of fetching again found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number: changes are numbered as they were found.
    pub number: i64,
    /// The round.
    pub round: i64,
    /// The page.
    pub url: String,
    /// `added`, `changed` or `gone`.
    pub what: String,
    /// The record before.
    pub before: Option<Record>,
    /// The record after.
    pub after: Option<Record>,
}

/// How fast a crawl was within the last minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// Workers that live.
    pub workers: u64,
    /// Pages a second.
    pub pages: f64,
    /// Bytes a second.
    pub bytes: f64,
}

/// A record in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number: records are numbered as their pages were committed.
    pub number: i64,
    /// The record.
    pub record: Record,
}

/// A URL that failed or was refused, or a record that was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Its place among them.
    pub at: (i64, i64),
    /// The URL.
    pub url: String,
    /// The seed as it was given, if it is one.
    pub seed: Option<String>,
    /// What became of it.
    pub state: State,
    /// The kind.
    pub kind: String,
    /// What happened, in words.
    pub message: String,
    /// The status of the response.
    pub status: Option<u16>,
    /// Which phase of the request a time limit ran out in.
    pub phase: Option<String>,
    /// How long the last try took, in milliseconds.
    pub elapsed_ms: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether it is a record that was dropped, on a page that was done.
    pub dropped: bool,
}

impl Trouble {
    /// Whether the crawl has failed by it: it befell a seed, it is a dropped record, or it is a server or network failure
    /// that outlived its retries, 429 among them. A found link that is 404, or barred by robots.txt, is no failure of the crawl.
    pub fn is_failure_of_the_crawl(&self) -> bool {
        const NETWORK: [&str; 7] = ["dns", "connect", "tls", "timeout", "body", "decode", "io"];
        let is_server = self.status.is_some_and(|status| status >= 500 || status == 429);
        let is_outage = self.state == State::Failed && (is_server || NETWORK.contains(&self.kind.as_str()));
        self.seed.is_some() || self.dropped || is_outage
    }
}

/// One host, as `gather status` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostCounts {
    /// Host and port.
    pub host: String,
    /// URLs of it that the crawl has fetched.
    pub done: u64,
    /// URLs of it that wait or are being fetched.
    pub left: u64,
    /// Its delay, in milliseconds.
    pub delay_ms: i64,
}
