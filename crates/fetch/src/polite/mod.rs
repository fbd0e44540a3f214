//! What robots.txt says of an origin: asked once, whoever wants to know, and again when the answer is old.

mod fetch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_lock::OnceCell;
use gather_core::{Lane, now, to_thread_in};
use url::Url;

use crate::error::{ErrorKind, Failure, shortened, shown};
use crate::robots::{Access, Verdict};
use crate::url_input::Origin;
pub(crate) use fetch::Ask;
pub use fetch::robots_body;

/// How long an answer counts (RFC 9309, 2.4).
const AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long it counts that there is no answer: what failed may soon be there again.
const AGE_WITHOUT_ANSWER: Duration = Duration::from_secs(60);

/// So many origins are kept in mind: links lead to ever more of them. The oldest are asked again.
const ORIGINS: usize = 4096;

/// All texts that are kept in mind have so many bytes, so that many large files are no danger, either: rules take up to
/// twenty times their text.
const BYTES: usize = 16 << 20;

/// Rules are asked off the event loop from so many octets on, those of the file times those of the URL: a millisecond at
/// worst.
const COSTLY: usize = 64 << 20;

/// The robots.txt of all origins that were asked about.
pub(crate) struct Polite {
    /// Whether a redirect may lead from https to http.
    downgrade: bool,
    origins: Mutex<HashMap<Origin, Arc<Entry>>>,
}

struct Entry {
    since: Instant,
    /// Set by the first who needs it, while the others wait. If that one gives up, the next one takes over.
    known: OnceCell<Known>,
}

/// What is known of an origin.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) access: Arc<Access>,
    /// Of the file it came from.
    bytes: usize,
}

impl Polite {
    pub(crate) fn new(downgrade: bool) -> Self {
        Self { downgrade, origins: Mutex::default() }
    }

    /// What the URL's origin says. Dropping the future loses nothing: who else waits fetches it.
    pub(crate) async fn known(&self, url: &Url, ask: Ask<'_>) -> Known {
        let entry = self.entry(Origin::of(url));
        entry.known.get_or_init(|| self.fetched(url, ask)).await.clone()
    }

    async fn fetched(&self, url: &Url, ask: Ask<'_>) -> Known {
        let (access, bytes) = fetch::fetch(robots_url(url), self.downgrade, ask).await;
        Known { access: Arc::new(access), bytes }
    }

    fn entry(&self, origin: Origin) -> Arc<Entry> {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        if let Some(entry) = origins.get(&origin).filter(|entry| !entry.is_old(now)) {
            return entry.clone();
        }
        make_room(&mut origins);
        let entry = Arc::new(Entry { since: now, known: OnceCell::new() });
        origins.insert(origin, entry.clone());
        entry
    }
}

impl Entry {
    fn is_old(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.since);
        self.known.get().is_some_and(|known| match *known.access {
            Access::DisallowAll(_) => age >= AGE_WITHOUT_ANSWER,
            _ => age >= AGE,
        })
    }

    fn bytes(&self) -> usize {
        self.known.get().map_or(0, |known| known.bytes)
    }
}

/// Forgets the oldest until another one fits in. Who waits for one that is forgotten still gets it.
fn make_room(origins: &mut HashMap<Origin, Arc<Entry>>) {
    let mut bytes: usize = origins.values().map(|entry| entry.bytes()).sum();
    while origins.len() >= ORIGINS || bytes > BYTES {
        let oldest = origins.iter().min_by_key(|(_, entry)| entry.since).map(|(origin, _)| origin.clone());
        let Some(entry) = oldest.and_then(|origin| origins.remove(&origin)) else { return };
        bytes = bytes.saturating_sub(entry.bytes()); // it may have come meanwhile
    }
}

impl Known {
    /// Refuses a URL that is not allowed.
    pub(crate) async fn allows(&self, agent: &str, url: &Url) -> Result<(), Failure> {
        let verdict = self.check(agent, url).await?;
        if verdict.allowed { Ok(()) } else { Err(refusal(agent, url, &verdict)) }
    }

    async fn check(&self, agent: &str, url: &Url) -> Result<Verdict, Failure> {
        if self.bytes.saturating_mul(url.as_str().len()) < COSTLY {
            return Ok(self.access.check(agent, url.as_str()));
        }
        let (access, agent, url) = (self.access.clone(), agent.to_owned(), url.clone());
        let checked = to_thread_in(Lane::Cpu, move || access.check(&agent, url.as_str())).await;
        checked.map_err(|ended| Failure::new(ErrorKind::Cancelled, ended.to_string()))
    }
}

/// Names the line and the file; or why there is none to name.
fn refusal(agent: &str, url: &Url, verdict: &Verdict) -> Failure {
    let (url, file) = (shown(url), shown(&robots_url(url)));
    let rule = shortened(verdict.rule.as_deref().unwrap_or_default());
    let agent = shortened(agent);
    match verdict.line {
        Some(line) => Failure::new(
            ErrorKind::Robots,
            format!("{url} is not for {agent:?}: line {line} of {file} says {rule:?}"),
        ),
        None => {
            Failure::new(ErrorKind::Robots, format!("{url} is not asked for, as {file} is unknown: {rule}"))
                .hint("until robots.txt can be had, nothing is allowed (RFC 9309, 2.3.1.4)")
        }
    }
}

fn robots_url(url: &Url) -> Url {
    let mut robots = url.clone();
    robots.set_path("/robots.txt");
    robots.set_query(None);
    robots.set_fragment(None);
    robots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::streaming::Streaming;
    use futures::FutureExt;
    use futures::future::{BoxFuture, pending};
    use gather_core::{sleep, test};
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    /// Fails, and counts how often it was asked.
    fn failing(asked: &AtomicUsize) -> impl Fn(Url) -> BoxFuture<'static, Result<Streaming, Error>> + Sync {
        move |_| {
            asked.fetch_add(1, SeqCst);
            async { Err(Error::other(ErrorKind::Dns, "no such host")) }.boxed()
        }
    }

    #[test]
    fn who_gives_up_waiting_leaves_the_question_to_the_next() {
        let (polite, asked) = (Polite::new(false), AtomicUsize::new(0));
        let (page, never) = (url("http://h.example/a"), |_: Url| pending().boxed());
        test(1, async {
            let mut first = Box::pin(polite.known(&page, &never));
            assert!((&mut first).now_or_never().is_none());
            let ask = failing(&asked);
            let mut second = Box::pin(polite.known(&page, &ask));
            assert!((&mut second).now_or_never().is_none());
            assert_eq!(asked.load(SeqCst), 0);
            drop(first);
            assert!(matches!(*second.await.access, Access::DisallowAll(_)));
            assert_eq!(asked.load(SeqCst), 1);
        });
    }

    #[test]
    fn that_there_is_no_answer_counts_for_a_minute() {
        let (polite, asked) = (Polite::new(false), AtomicUsize::new(0));
        test(1, async {
            let ask = failing(&asked);
            for (wait, expected) in [(0, 1), (59, 1), (1, 2)] {
                sleep(Duration::from_secs(wait)).await;
                polite.known(&url("http://h.example/a"), &ask).await;
                assert_eq!(asked.load(SeqCst), expected, "{wait}");
            }
            polite.known(&url("https://h.example/a"), &ask).await;
            assert_eq!(asked.load(SeqCst), 3, "another scheme is another origin");
        });
    }

    #[test]
    fn what_hangs_is_no_answer_after_half_a_minute() {
        test(1, async {
            let start = now();
            let known = Polite::new(false).known(&url("http://h.example/"), &|_| pending().boxed()).await;
            assert_eq!(now() - start, fetch::FETCHING);
            let refused = known.allows("gather", &url("http://h.example/x")).await.unwrap_err();
            assert!(refused.to_string().contains("http://h.example/robots.txt"), "{refused}");
        });
    }

    #[test]
    fn large_files_push_out_the_oldest() {
        let start = now();
        let entry = |second: usize| {
            let known = Known { access: Arc::new(Access::AllowAll(String::new())), bytes: 500 << 10 };
            Entry { since: start + Duration::from_secs(second as u64), known: OnceCell::from(known) }
        };
        let origin = |port: usize| Origin::of(&url(&format!("http://h.example:{port}/")));
        let mut origins: HashMap<_, _> = (1..=100).map(|n| (origin(n), Arc::new(entry(n)))).collect();
        make_room(&mut origins);
        assert_eq!(origins.len(), BYTES / (500 << 10));
        assert!(origins.contains_key(&origin(100)) && !origins.contains_key(&origin(1)));
    }

    #[test]
    fn only_so_many_origins_are_kept_in_mind() {
        test(1, async {
            let (polite, asked) = (Polite::new(false), AtomicUsize::new(0));
            let ask = failing(&asked);
            for port in 0..ORIGINS + 10 {
                polite.known(&url(&format!("http://h.example:{}/", port + 1)), &ask).await;
            }
            assert_eq!(polite.origins.lock().unwrap().len(), ORIGINS);
        });
    }
}
