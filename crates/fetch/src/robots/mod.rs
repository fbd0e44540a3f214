//! robots.txt by RFC 9309: what a site asks of crawlers, as a parser and a matcher, and what its absence means. Pure.

mod access;
mod agent;
mod normal;
mod parse;
mod pattern;
mod places;

use std::time::Duration;

use url::Url;

pub use access::Access;
use pattern::{Pattern, Target};

/// How much of a robots.txt is read, in bytes: the least that RFC 9309 (2.5) allows. What comes after counts as not there.
pub const MAX_ROBOTS: usize = 500 * 1024;

/// The rules of one robots.txt.
///
/// Any bytes are one: lines that are no records are left out, as RFC 9309 (2.2) has it. Only the first
/// [`MAX_ROBOTS`] bytes are parsed, and a line cut there is left out, too. Parsing takes time linear in the text; checking, a
/// step for each octet of the patterns and each 64 octets of the URL, whatever they hold.
///
/// ```
/// use gather_fetch::Robots;
///
/// let robots = Robots::parse(b"User-agent: *\nDisallow: /private\nAllow: /private/press$\n");
/// assert!(robots.check("gather/1.0", "/private/press").allowed);
/// let verdict = robots.check("gather/1.0", "https://example.com/private/x");
/// assert!(!verdict.allowed);
/// assert_eq!(verdict.line, Some(2));
/// assert_eq!(verdict.rule.as_deref(), Some("Disallow: /private"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Robots {
    groups: Vec<Group>,
    sitemaps: Vec<String>,
}

/// May this agent fetch this URL, and what decides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// Whether it may.
    pub allowed: bool,
    /// The number of the deciding line, from 1; `None` if no line says anything of this URL, so that it is allowed.
    pub line: Option<usize>,
    /// The deciding line as it is written, without its comment.
    pub rule: Option<String>,
}

/// The agents that a group names, and what it says to them.
#[derive(Clone, Debug, Default)]
struct Group {
    /// Product tokens in lower case; `*` is every other agent.
    agents: Vec<String>,
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Rule {
    access: RuleKind,
    pattern: Pattern,
    line: usize,
    text: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RuleKind {
    Disallow,
    /// Greater: of two rules that are equally specific it is the one to use (2.2.2).
    Allow,
}

impl Rule {
    /// What decides between rules that match: the most octets, then the kind.
    fn rank(&self) -> (usize, RuleKind) {
        (self.pattern.octets(), self.access)
    }
}

impl Verdict {
    fn open() -> Self {
        Self { allowed: true, line: None, rule: None }
    }

    fn by(rule: &Rule) -> Self {
        Self {
            allowed: rule.access == RuleKind::Allow,
            line: Some(rule.line),
            rule: Some(rule.text.as_ref().to_owned()),
        }
    }
}

impl Robots {
    /// Parses a robots.txt. Bytes that are not UTF-8 do no harm: they match the same bytes in a URL.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        parse::parse(text)
    }

    /// May `agent` fetch `url`? The most specific rule decides, and `Allow` between equals; without one it may.
    ///
    /// `agent` is a product token (`gather`) or a whole `User-Agent` (`gather/1.0 (+https://example.com)`). `url` is a
    /// URL, or a path with its query. `/robots.txt` is always allowed.
    ///
    /// An `agent` without a product token, such as `""`, is under the rules for `*`.
    #[must_use]
    pub fn check(&self, agent: &str, url: &str) -> Verdict {
        let path = path_of(url);
        if pattern::is_robots_txt(&path) {
            return Verdict::open();
        }
        let mut target = Target::new(&path);
        let mut best: Option<&Rule> = None;
        for rule in self.groups_of(agent).into_iter().flat_map(|group| &group.rules) {
            let is_better = best.is_none_or(|best| rule.rank() > best.rank());
            if is_better && rule.pattern.matches(&mut target) {
                best = Some(rule);
            }
        }
        best.map_or_else(Verdict::open, Verdict::by)
    }

    /// The product token of a `User-Agent`: the word that a robots.txt knows an agent by (2.2.1). `None` if it has none.
    ///
    /// ```
    /// use gather_fetch::Robots;
    ///
    /// assert_eq!(Robots::product_token("my-bot/1.0 (+https://example.com)"), Some("my-bot"));
    /// assert_eq!(Robots::product_token("Mozilla/5.0 (compatible; My-Bot/1.0)"), Some("My-Bot"));
    /// assert_eq!(Robots::product_token("(none)"), None);
    /// ```
    #[must_use]
    pub fn product_token(agent: &str) -> Option<&str> {
        agent::product_token(agent)
    }

    /// How long `agent` is asked to wait between requests: the longest `Crawl-delay` of its groups. Not of RFC 9309.
    #[must_use]
    pub fn crawl_delay(&self, agent: &str) -> Option<Duration> {
        self.groups_of(agent).into_iter().filter_map(|group| group.crawl_delay).max()
    }

    /// The sitemaps it names, in order, as they are written. They belong to no group.
    #[must_use]
    pub fn sitemaps(&self) -> &[String] {
        &self.sitemaps
    }

    /// All groups that name the agent, as one; those for `*` only if there is none.
    fn groups_of(&self, agent: &str) -> Vec<&Group> {
        let named = agent::product_token(agent).map(|token| self.groups_for(token)).unwrap_or_default();
        if named.is_empty() { self.groups_for(agent::ANY) } else { named }
    }

    fn groups_for(&self, token: &str) -> Vec<&Group> {
        self.groups
            .iter()
            .filter(|group| group.agents.iter().any(|agent| agent.eq_ignore_ascii_case(token)))
            .collect()
    }
}

fn is_robots_txt(url: &str) -> bool {
    pattern::is_robots_txt(&path_of(url))
}

/// The path and query of what is a URL, or of what is only a path.
fn path_of(url: &str) -> String {
    if let Ok(url) = Url::parse(url) {
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        return format!("{}{query}", url.path());
    }
    let path = url.split('#').next().unwrap_or_default();
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}
