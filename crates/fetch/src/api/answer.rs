//! What a query comes back with. Data.

use std::time::Duration;

use serde_json::Value;

use crate::error::Error;

/// What became of a query: the merged value, and how each endpoint did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The merged answers; `None` if an endpoint failed that is required.
    pub value: Option<Value>,
    /// One report per endpoint, in the order of the file.
    pub endpoints: Vec<EndpointReport>,
    /// What the reader should know: pages left unread, rows that did not fit, a loop of pages.
    pub warnings: Vec<String>,
}

impl Answer {
    /// Whether every endpoint answered.
    pub fn is_complete(&self) -> bool {
        self.endpoints.iter().all(|endpoint| endpoint.outcome.is_ok())
    }

    /// The limit that left something unread: `max`, or nothing.
    pub fn stopped_by(&self) -> Option<&'static str> {
        self.endpoints.iter().any(|endpoint| endpoint.stopped_by_max).then_some("max")
    }
}

/// How one endpoint did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointReport {
    /// The endpoint's name.
    pub name: String,
    /// The URL of its first page; `***` stands for values of the environment.
    pub url: String,
    /// Whether the query fails if this endpoint does.
    pub required: bool,
    /// How many pages were asked for.
    pub requests: u32,
    /// How many requests that took, with the retries.
    pub attempts: u32,
    /// Bytes of all pages, decoded.
    pub bytes: u64,
    /// How many items it gave: the length of an array, 1 for another value, 0 for `null`.
    pub items: usize,
    /// Whether it answered, or what went wrong; `***` stands for values of the environment.
    pub outcome: Result<(), Error>,
    /// Whether `max` pages were read while there were more, or may have been.
    pub stopped_by_max: bool,
    /// From its first request to its last answer.
    pub elapsed: Duration,
}
