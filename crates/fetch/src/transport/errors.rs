//! What hyper's errors mean.

use std::error::Error as StdError;
use std::io;

use super::io::ConnectionInfo;
use crate::error::{ErrorKind, Failure, Resend};

/// What an error before the head means.
pub(super) fn explain(error: hyper::Error, info: &ConnectionInfo) -> Failure {
    let mut failure = told_by_http2(&error).unwrap_or_else(|| {
        let mut failure = explain_head(&error, info.heard_something());
        failure.resend = match () {
            () if info.gives_way() => Resend::Unsent,
            () if failure.retryable && info.was_stale() => Resend::UntilFresh,
            () => Resend::Never,
        };
        failure
    });
    failure.among_others = was_among_others(&error, info);
    failure.source(error)
}

#[cfg(feature = "http2")]
fn told_by_http2(error: &hyper::Error) -> Option<Failure> {
    find::<h2::Error>(error).and_then(super::http2::explain_head)
}

#[cfg(not(feature = "http2"))]
fn told_by_http2(_: &hyper::Error) -> Option<Failure> {
    None
}

fn explain_head(error: &hyper::Error, heard_something: bool) -> Failure {
    if error.is_parse_too_large() {
        return Failure::new(ErrorKind::TooLarge, "the head of the response is too large");
    }
    if error.is_parse() {
        let fact = format!("the answer is not http: {}", root(error));
        return Failure::new(ErrorKind::Body, fact).retryable(false);
    }
    if let Some(failure) = tls_alert(error) {
        return failure;
    }
    let how = match find::<io::Error>(error) {
        Some(io) if io.kind() == io::ErrorKind::ConnectionReset => "reset the connection",
        _ => "closed the connection",
    };
    let when = if heard_something { "amid the head of its response" } else { "before any response" };
    Failure::new(ErrorKind::Body, format!("the server {how} {when}"))
}

/// Whether the connection broke while several requests were on it.
#[cfg(feature = "http2")]
pub(super) fn was_among_others(error: &hyper::Error, info: &ConnectionInfo) -> bool {
    info.is_crowded() && find::<h2::Error>(error).is_none_or(super::http2::is_of_connection)
}

#[cfg(not(feature = "http2"))]
fn was_among_others(_: &hyper::Error, _: &ConnectionInfo) -> bool {
    false
}

/// What an error amid the body means.
pub(super) fn explain_body(error: hyper::Error) -> Failure {
    if let Some(failure) = tls_alert(&error) {
        return failure;
    }
    #[cfg(feature = "http2")]
    if let Some(failure) = find::<h2::Error>(&error).and_then(super::http2::explain_body) {
        return failure.source(error);
    }
    let why = match find::<io::Error>(&error) {
        Some(io) => why_io(io),
        None if error.is_incomplete_message() => TOO_EARLY.to_owned(),
        None => root(&error),
    };
    not_whole(&why).source(error)
}

/// What an error of the socket amid the body means.
pub(super) fn explain_read(error: io::Error) -> Failure {
    not_whole(&why_io(&error)).source(error)
}

/// The body ended before its end, and nothing says why.
pub(super) fn broken_off() -> Failure {
    not_whole(TOO_EARLY)
}

const TOO_EARLY: &str = "the connection ended too early";

fn not_whole(why: &str) -> Failure {
    Failure::new(ErrorKind::Body, format!("the body did not arrive whole: {why}"))
}

fn why_io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionReset => "the connection was reset".to_owned(),
        io::ErrorKind::UnexpectedEof => TOO_EARLY.to_owned(),
        _ => error.to_string().to_lowercase(),
    }
}

/// The other side ended TLS with an alert, after a handshake that seemed to have worked (TLS 1.3 tells late).
fn tls_alert(error: &hyper::Error) -> Option<Failure> {
    let io = find::<io::Error>(error)?;
    let tls = io.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(Failure::new(ErrorKind::Tls, format!("tls broke off: {tls}")))
}

/// The first error of type `T` in a chain of causes.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The message at the end of a chain of causes.
fn root(error: &dyn StdError) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string().to_lowercase()
}
