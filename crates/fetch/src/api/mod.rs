//! Asking many API endpoints at once and merging their answers: from a file to one JSON value.

mod answer;
mod ask;
mod endpoint;
mod environment;
mod file;
mod link_header;
mod merge;
mod nearest;
mod paginate;
mod pointer;
mod query;
mod redact;
mod request;
mod template;

pub use answer::{Answer, EndpointReport};
pub use query::Query;
