//! What the project's own benchmarks and fuzz targets reach into. Feature `internals`; no part of the API, and it may
//! change at any time.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body_util::Full;
use url::Url;

use crate::bounds::{Limits, Timeouts};
use crate::config::Config;
use crate::decode::{Decoder, Source};
use crate::error::{Error, Failure};
use crate::gathered::Gathered;
use crate::limits::Meter;
use crate::redirect;
use crate::transport::connect::Typed;
use crate::transport::stream::Stream;
use crate::transport::wire::{Answer, Wire, WireRequest};
use crate::watch::Watch;

/// Requests over the transport alone, without redirects, retries, decoding, limits: to tell what those cost.
#[derive(Clone)]
pub struct Transport(Wire);

impl Transport {
    #[allow(clippy::new_without_default, reason = "it is no part of the API")]
    pub fn new() -> Self {
        let config = Config { allow_private: true, ..Config::default() };
        Self(Wire::new(&config, Arc::new(Typed::default())))
    }

    /// The status and the body of a GET.
    ///
    /// # Errors
    /// What befalls the connection.
    pub async fn get(&self, url: &str) -> Result<(u16, Bytes), Error> {
        Ok(self.fetch(url).await?)
    }

    async fn fetch(&self, url: &str) -> Result<(u16, Bytes), Failure> {
        let mut request = WireRequest::new(Full::new(Bytes::new()));
        *request.uri_mut() = url.parse().map_err(|error| Failure::invalid(format!("{error}")))?;
        let mut watch = Watch::start(Timeouts::default());
        let Answer { head, mut stream } = self.0.send(request, false, &mut watch).await?;
        let mut all = Gathered::default();
        loop {
            let rest = |stream: &Stream| usize::try_from(stream.size_hint().lower()).unwrap_or_default();
            if stream.goes_bare() {
                let (rest, space) = (rest(&stream), &mut all);
                if poll_fn(|cx| stream.poll_fill(cx, space.space(rest))).await? == 0 {
                    break;
                }
            } else {
                let Some(piece) = poll_fn(|cx| stream.poll_piece(cx)).await.transpose()? else { break };
                all.add(piece, rest(&stream));
            }
        }
        let status = head.status.as_u16();
        Ok((status, all.finish()))
    }
}

/// Where a redirect leads.
///
/// # Errors
/// One that is not followed.
pub fn location(base: &Url, location: &[u8], allow_downgrade: bool) -> Result<Url, Error> {
    Ok(redirect::resolve(base, location, allow_downgrade)?)
}

/// What a body that comes in these pieces decodes to.
///
/// # Errors
/// One that is not what its headers say, or beyond the limits.
pub fn decode(coding: &[u8], pieces: &[&[u8]], limits: &Limits) -> Result<Vec<u8>, Error> {
    Ok(decode_pieces(coding, pieces, limits)?)
}

fn decode_pieces(coding: &[u8], pieces: &[&[u8]], limits: &Limits) -> Result<Vec<u8>, Failure> {
    let mut headers = HeaderMap::new();
    let value = http::HeaderValue::from_bytes(coding);
    headers.insert(CONTENT_ENCODING, value.map_err(|error| Failure::invalid(error.to_string()))?);
    let Some(mut decoder) = Decoder::for_headers(&headers, limits.layers)? else {
        return Ok(pieces.concat());
    };
    let (mut meter, mut out) = (Meter::new(limits), Vec::new());
    let last: &[u8] = &[];
    for (number, piece) in pieces.iter().copied().chain([last]).enumerate() {
        meter.add_wire(piece.len())?;
        let mut source = Source { bytes: piece, is_last: number == pieces.len() };
        let mut some = [0; 4096];
        loop {
            let before = source.bytes.len();
            let written = decoder.pull(&mut source, &mut some)?;
            meter.add_decoded(before - source.bytes.len(), written)?;
            if written == 0 {
                break;
            }
            out.extend_from_slice(some.get(..written).unwrap_or_default());
        }
    }
    Ok(out)
}
