//! The numbers that travel together: time limits and size limits.

use std::time::Duration;

/// The time limits of a request. Every one of them can be `None`: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Name look-up, connection and TLS handshake together. 10 s.
    pub connect: Option<Duration>,
    /// From the request until the head of the response is here. 30 s.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the body. 30 s.
    pub idle: Option<Duration>,
    /// The least that a body may come at. 1,000 bytes in 30 s.
    pub slowest: Option<MinRate>,
    /// All of it, with redirects, retries and the waits between them. 10 minutes.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Some(Duration::from_secs(10)),
            first_byte: Some(Duration::from_secs(30)),
            idle: Some(Duration::from_secs(30)),
            slowest: Some(MinRate { bytes: 1000, within: Duration::from_secs(30) }),
            total: Some(Duration::from_secs(600)),
        }
    }
}

/// So many bytes must come in every span of such a length, or the body counts as stalled: who sends a byte now and then
/// would otherwise hold a connection for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinRate {
    /// At least so many bytes on the wire.
    pub bytes: u64,
    /// In so much time.
    pub within: Duration,
}

/// The bounds of a response. What hits one is an error of kind `too_large`, never a shortened success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a body, on the wire and decoded. 64 MiB; `u64::MAX` is no limit.
    pub body: u64,
    /// Decoded bytes per byte on the wire, looked at once 1 MiB is decoded. 200; `u32::MAX` is no limit.
    pub ratio: u32,
    /// Bytes of a response's head. 256 KiB, at least 8 KiB. (A head of more than 256 headers is refused, too.)
    pub header_bytes: usize,
    /// Layers of `Content-Encoding`. 5.
    pub layers: usize,
    /// Bytes that bodies on their way and their decoders hold, over all requests of the client. 16 MiB. When they are
    /// used up, bodies are read one after the other: the one whose turn it is goes beyond them, within its own limits.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 64 << 20, ratio: 200, header_bytes: 256 << 10, layers: 5, memory: 16 << 20 }
    }
}
