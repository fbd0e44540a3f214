//! The body of a response: its pieces as they come, decoded, within the bounds.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use gather_core::now;
use http::HeaderMap;
use hyper::body::{Body as _, Incoming};

use crate::bounds::{Limits, MinRate};
use crate::decode::Decoder;
use crate::error::Failure;
use crate::limits::{Meter, Pulse};
use crate::origins::Permit;
use crate::transport::wire::explain_body;
use crate::watch::Watch;

/// How much is reserved for a body on its word alone; more than this must have come first.
const TRUSTED: u64 = 1 << 20;

/// How much of a body that nobody wants is read, so that its connection can serve again.
const DRAINED: u64 = 64 << 10;

/// How long that may take.
const DRAINING: Duration = Duration::from_millis(250);

/// How much is fed to the decoder between two looks at what came out, so that a piece of a stream stays small.
const FEED: usize = 4 << 10;

pub(crate) struct Body {
    incoming: Incoming,
    decoder: Option<Decoder>,
    meter: Meter,
    /// What came and is not decoded yet; only ever filled for a stream.
    fed: Bytes,
    ended: bool,
    last: Option<Instant>,
    pulse: Pulse,
    /// The place among the requests to this host, given back when the body is over or dropped.
    permit: Option<Permit>,
}

impl Body {
    /// A body that nobody has looked at yet: [`accept`](Self::accept) it, or [`drain`](Self::drain) it.
    pub(crate) fn new(
        incoming: Incoming,
        limits: &Limits,
        slowest: Option<MinRate>,
        permit: Option<Permit>,
    ) -> Self {
        let (meter, pulse) = (Meter::new(limits), Pulse::new(slowest));
        Self { incoming, decoder: None, meter, fed: Bytes::new(), ended: false, last: None, pulse, permit }
    }

    /// Makes ready to read it, by what the headers say of it; refuses it if they say too much.
    pub(crate) fn accept(&mut self, headers: &HeaderMap, limits: &Limits) -> Result<(), Failure> {
        self.decoder = Decoder::for_headers(headers, limits.layers)?;
        self.incoming.size_hint().exact().map_or(Ok(()), |bytes| self.meter.declared(bytes))
    }

    /// Bytes on the wire so far.
    pub(crate) fn wire(&self) -> u64 {
        self.meter.wire()
    }

    /// The length that the headers promise, if the body is as it is sent.
    pub(crate) fn length(&self) -> Option<u64> {
        if self.decoder.is_some() { None } else { self.incoming.size_hint().exact() }
    }

    /// Whether what comes out is not what comes over the wire.
    pub(crate) fn is_decoded(&self) -> bool {
        self.decoder.is_some()
    }

    /// All of it.
    pub(crate) async fn collect(&mut self, watch: &mut Watch) -> Result<Bytes, Failure> {
        let Some(first) = self.piece(watch).await? else { return self.finish_decoded(Vec::new()) };
        if self.decoder.is_some() {
            return self.collect_decoded(first, watch).await;
        }
        let Some(second) = self.piece(watch).await? else { return Ok(first) };
        let promised = self.incoming.size_hint().lower().min(TRUSTED) as usize;
        let mut all = BytesMut::with_capacity(first.len() + second.len() + promised);
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(piece) = self.piece(watch).await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    async fn collect_decoded(&mut self, first: Bytes, watch: &mut Watch) -> Result<Bytes, Failure> {
        let mut out = Vec::with_capacity(first.len().saturating_mul(4).min(TRUSTED as usize));
        let mut next = Some(first);
        while let Some(piece) = next {
            if let Some(decoder) = &mut self.decoder {
                decoder.push(&piece, &mut out, &mut self.meter)?;
            }
            next = self.piece(watch).await?;
        }
        self.finish_decoded(out)
    }

    fn finish_decoded(&mut self, mut out: Vec<u8>) -> Result<Bytes, Failure> {
        if let Some(decoder) = &mut self.decoder {
            decoder.finish(&mut out, &mut self.meter)?;
        }
        Ok(out.into())
    }

    /// The next piece off the wire, within the idle limit and the total.
    async fn piece(&mut self, watch: &mut Watch) -> Result<Option<Bytes>, Failure> {
        watch.in_idle(poll_fn(|cx| self.poll_wire(cx))).await?
    }

    fn poll_wire(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        loop {
            if self.ended {
                return Poll::Ready(Ok(None));
            }
            match ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
                None => {
                    self.ended = true;
                    self.permit = None;
                }
                Some(Err(error)) => {
                    self.ended = true;
                    self.permit = None;
                    return Poll::Ready(Err(explain_body(error)));
                }
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    self.meter.add_wire(data.len())?;
                    self.pulse.beat(data.len(), now)?;
                    return Poll::Ready(Ok(Some(data)));
                }
            }
        }
    }

    /// The next decoded piece of a stream, within the idle limit and the total.
    pub(crate) fn poll_decoded(
        &mut self,
        cx: &mut Context<'_>,
        watch: &mut Watch,
    ) -> Poll<Result<Option<Bytes>, Failure>> {
        loop {
            if !self.fed.is_empty() {
                let out = self.decode_some()?;
                if out.is_empty() {
                    continue;
                }
                return Poll::Ready(Ok(Some(out.into())));
            }
            let was_over = self.ended;
            match self.poll_wire(cx) {
                Poll::Ready(piece) => {
                    self.last = None;
                    match (piece?, &self.decoder) {
                        (Some(piece), Some(_)) => self.fed = piece,
                        (Some(piece), None) => return Poll::Ready(Ok(Some(piece))),
                        (None, _) if was_over => return Poll::Ready(Ok(None)),
                        (None, _) => {
                            let rest = self.finish_decoded(Vec::new())?;
                            return Poll::Ready(Ok((!rest.is_empty()).then_some(rest)));
                        }
                    }
                }
                Poll::Pending => {
                    let since = *self.last.get_or_insert_with(now);
                    return watch.poll_idle(cx, since).map(Err);
                }
            }
        }
    }

    fn decode_some(&mut self) -> Result<Vec<u8>, Failure> {
        let some = self.fed.split_to(self.fed.len().min(FEED));
        let mut out = Vec::new();
        if let Some(decoder) = &mut self.decoder {
            decoder.push(&some, &mut out, &mut self.meter)?;
        }
        Ok(out)
    }

    /// Reads a small body that nobody wants, so that the connection can be used again; one that is large or slow is dropped
    /// with its connection. Its failures are nobody's.
    pub(crate) async fn drain(mut self) {
        if self.incoming.size_hint().upper().is_none_or(|bytes| bytes <= DRAINED) {
            let all = async { while self.wire() <= DRAINED && self.has_more().await {} };
            let _ = gather_core::timeout(DRAINING, all).await;
        }
    }

    async fn has_more(&mut self) -> bool {
        matches!(poll_fn(|cx| self.poll_wire(cx)).await, Ok(Some(_)))
    }
}
