//! What a crawler may do, by what became of fetching robots.txt. Pure.

use super::{Robots, Verdict};
use crate::error::Error;

/// What the robots.txt of an origin says, or what its absence does (RFC 9309, 2.3.1).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Access {
    /// There is one.
    Rules(Robots),
    /// There is none (a status of 4xx, too many redirects): everything is allowed. Why, for people.
    AllowAll(String),
    /// It cannot be had (5xx, no connection, a timeout, an address that is refused): nothing is allowed. Why, for
    /// people.
    DisallowAll(String),
}

impl Access {
    /// By the final status, and the body that came with it.
    ///
    /// Every 4xx is "there is none", 429 included, as RFC 9309 has it; a `Retry-After` with it still holds back the
    /// whole origin.
    ///
    /// ```
    /// use gather_fetch::Access;
    ///
    /// assert!(matches!(Access::from_status(200, b"User-agent: *"), Access::Rules(_)));
    /// assert!(Access::from_status(404, b"").check("gather", "/x").allowed);
    /// assert!(!Access::from_status(503, b"").check("gather", "/x").allowed);
    /// ```
    #[must_use]
    pub fn from_status(status: u16, body: &[u8]) -> Self {
        match status {
            200..=299 => Access::Rules(Robots::parse(body)),
            300..=499 => Access::AllowAll(format!("there is no robots.txt: status {status}")),
            _ => Access::DisallowAll(format!("robots.txt cannot be had: status {status}")),
        }
    }

    /// By the error that fetching ended with, whatever it was: a refusal of ours says no more of the site's wishes than a
    /// dead connection does.
    #[must_use]
    pub fn from_error(error: &Error) -> Self {
        Access::DisallowAll(format!("robots.txt cannot be had: {}", error.fact()))
    }

    /// May `agent` fetch `url`? As [`Robots::check`]; `rule` is the reason where there are no rules.
    #[must_use]
    pub fn check(&self, agent: &str, url: &str) -> Verdict {
        let without_rules = |allowed, why: &String| Verdict { allowed, line: None, rule: Some(why.clone()) };
        match self {
            Access::Rules(robots) => robots.check(agent, url),
            Access::AllowAll(why) => without_rules(true, why),
            Access::DisallowAll(why) => without_rules(super::is_robots_txt(url), why),
        }
    }
}
