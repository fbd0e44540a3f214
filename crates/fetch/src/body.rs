//! The body of a response: its pieces as they come, decoded, within the bounds.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use gather_core::now;
use http::HeaderMap;

use crate::bounds::{Limits, MinRate};
use crate::decode::{Decoder, Source};
use crate::error::Failure;
use crate::gathered::{Blocks, Gathered};
use crate::limits::{Meter, Pulse};
use crate::memory::{Claim, Room};
use crate::origins::Places;
use crate::transport::stream::Stream;
use crate::watch::Watch;

/// The most that is reserved for what an encoded body is likely to come to.
const LIKELY: usize = 256 << 10;

/// How much of a body that nobody wants is read, so that its connection can serve again.
const DRAINED: u64 = 64 << 10;

/// How long that may take.
const DRAINING: Duration = Duration::from_millis(250);

/// How much of a body that is only counted is read at once.
const UNWANTED: usize = 64 << 10;

/// How much is decoded between two looks at the bounds, and the size of a decoded piece of a stream.
const DECODED: usize = 16 << 10;

/// An encoded body of so many bytes is kept as it comes and then decoded in one go: its decoder has its windows for that
/// moment only, and not while the server takes its time.
const IN_ONE_GO: u64 = 64 << 10;

/// Below this many bytes the room of a body is given back although the body is kept: it is of no consequence.
const ROOM: u64 = 256 << 10;

pub(crate) struct Body {
    stream: Stream,
    decoder: Option<Decoder>,
    meter: Meter,
    /// What came and is not decoded yet; only ever filled for a stream.
    fed: Bytes,
    ended: bool,
    last: Option<Instant>,
    pulse: Pulse,
    /// Given back when the body is over or dropped.
    places: Places,
    claim: Claim,
}

/// What a body holds.
pub(crate) struct Held {
    pub(crate) places: Places,
    pub(crate) claim: Claim,
}

/// What becomes of a body.
pub(crate) enum Keep {
    All,
    /// It is counted, and nothing more.
    Nothing,
}

/// What has come of a body, decoded.
#[derive(Default)]
pub(crate) struct Collected {
    pub(crate) bytes: Bytes,
    /// How many there are, kept or not.
    pub(crate) length: u64,
}

impl Body {
    /// A body that nobody has looked at yet: [`accept`](Self::accept) it, or [`drain`](Self::drain) it.
    pub(crate) fn new(stream: Stream, limits: &Limits, slowest: Option<MinRate>, held: Held) -> Self {
        let Held { places, claim } = held;
        let (meter, pulse) = (Meter::new(limits), Pulse::new(slowest));
        Self {
            stream,
            decoder: None,
            meter,
            fed: Bytes::new(),
            ended: false,
            last: None,
            pulse,
            places,
            claim,
        }
    }

    /// Makes ready to read it, by what the headers say of it; refuses it if they say too much.
    pub(crate) fn accept(&mut self, headers: &HeaderMap, limits: &Limits) -> Result<(), Failure> {
        self.decoder = Decoder::for_headers(headers, limits.layers)?;
        self.stream.size_hint().exact().map_or(Ok(()), |bytes| self.meter.declared(bytes))
    }

    /// There is none, and what HTTP/2 may send in its place is not looked at.
    pub(crate) fn has_none(&mut self) {
        self.end();
    }

    /// Bytes on the wire so far.
    pub(crate) fn wire(&self) -> u64 {
        self.meter.wire()
    }

    /// The length that the headers promise, if the body is as it is sent.
    pub(crate) fn length(&self) -> Option<u64> {
        if self.decoder.is_some() { None } else { self.stream.size_hint().exact() }
    }

    /// Whether what comes out is not what comes over the wire.
    pub(crate) fn is_decoded(&self) -> bool {
        self.decoder.is_some()
    }

    /// All of it. What it holds of the budget is given back at the end, unless it is [taken](Self::take_room) before.
    pub(crate) async fn collect(&mut self, keep: &Keep, watch: &mut Watch) -> Result<Collected, Failure> {
        match (self.decoder.take(), keep) {
            (Some(decoder), _) => self.collect_encoded(decoder, keep, watch).await,
            (None, Keep::All) => self.collect_plain(watch).await,
            (None, Keep::Nothing) => self.count(watch).await,
        }
    }

    /// The room that a collected body of so many bytes holds, for whoever keeps the body; none for a small one.
    pub(crate) fn take_room(&mut self, bytes: u64) -> Option<Room> {
        (bytes >= ROOM).then(|| self.claim.take(bytes))
    }

    async fn collect_plain(&mut self, watch: &mut Watch) -> Result<Collected, Failure> {
        let mut all = Gathered::default();
        // What is promised is reserved only once it is all accounted for: of bodies that wait, none has more than it holds.
        loop {
            if self.stream.goes_bare() {
                let rest = self.rest();
                self.hold(all.cost_of_space(rest) as u64, watch).await?;
                if self.fill(all.space(rest), watch).await? == 0 {
                    break;
                }
            } else {
                let Some(piece) = self.piece(watch).await? else { break };
                let rest = self.rest();
                self.hold(all.cost(piece.len(), rest) as u64, watch).await?;
                all.add(piece, rest);
            }
        }
        let bytes = all.finish();
        Ok(Collected { length: bytes.len() as u64, bytes })
    }

    /// How much is said to be still to come.
    fn rest(&self) -> usize {
        usize::try_from(self.stream.size_hint().lower()).unwrap_or_default()
    }

    async fn count(&mut self, watch: &mut Watch) -> Result<Collected, Failure> {
        let (mut length, mut unwanted) = (0, Vec::new());
        loop {
            let came = if self.stream.goes_bare() {
                unwanted.clear();
                unwanted.reserve(UNWANTED);
                self.fill(&mut unwanted, watch).await?
            } else {
                self.piece(watch).await?.map_or(0, |piece| piece.len())
            };
            if came == 0 {
                return Ok(Collected { bytes: Bytes::new(), length });
            }
            length += came as u64;
        }
    }

    /// Holds so many bytes of the budget in all. A wait for room is no fault of the server's: its pace is looked at anew.
    async fn hold(&mut self, bytes: u64, watch: &mut Watch) -> Result<(), Failure> {
        if !self.claim.try_hold(bytes) {
            watch.in_total(self.claim.take_turn()).await?;
            self.pulse.rest();
        }
        Ok(())
    }

    async fn collect_encoded(
        &mut self,
        decoder: Decoder,
        keep: &Keep,
        watch: &mut Watch,
    ) -> Result<Collected, Failure> {
        let mut encoded = BytesMut::new();
        while let Some(piece) = self.piece(watch).await? {
            self.hold((encoded.len() + piece.len()) as u64, watch).await?;
            encoded.extend_from_slice(&piece);
            if self.wire() > IN_ONE_GO {
                return self.decode_as_it_comes(decoder, &encoded, keep, watch).await;
            }
        }
        match self.decode_whole(decoder.anew(), &encoded, keep)? {
            Some(decoded) => Ok(decoded),
            None => {
                // No room to decode it now; the one whose turn it is begins again.
                watch.in_total(self.claim.take_turn()).await?;
                self.meter.forget_decoded();
                Ok(self.decode_whole(decoder, &encoded, keep)?.unwrap_or_default())
            }
        }
    }

    /// Decodes a body that is all here, without waiting; `None` if there is no room for what comes out.
    fn decode_whole(
        &mut self,
        mut decoder: Decoder,
        encoded: &[u8],
        keep: &Keep,
    ) -> Result<Option<Collected>, Failure> {
        let mut source = Source { bytes: encoded, is_last: true };
        let mut all = Decoded::new(keep, encoded.len());
        while all.pull(&mut decoder, &mut source, &mut self.meter)? {
            if !self.claim.try_hold(encoded.len() as u64 + all.held()) {
                return Ok(None);
            }
        }
        Ok(Some(all.finish()))
    }

    async fn decode_as_it_comes(
        &mut self,
        mut decoder: Decoder,
        first: &[u8],
        keep: &Keep,
        watch: &mut Watch,
    ) -> Result<Collected, Failure> {
        let beside = decoder.most_memory() + first.len() as u64;
        self.hold(beside, watch).await?;
        let mut all = Decoded::new(keep, first.len());
        let mut next = Some(Bytes::copy_from_slice(first));
        loop {
            let is_last = next.is_none();
            let piece = next.unwrap_or_default();
            let mut source = Source { bytes: &piece, is_last };
            while all.pull(&mut decoder, &mut source, &mut self.meter)? {
                all.likely = self.meter.likely(source.bytes.len() as u64 + self.stream.size_hint().lower());
                self.hold(beside + all.held(), watch).await?;
            }
            if is_last {
                return Ok(all.finish());
            }
            next = self.piece(watch).await?;
        }
    }

    /// The next piece off the wire, within the idle limit and the total.
    async fn piece(&mut self, watch: &mut Watch) -> Result<Option<Bytes>, Failure> {
        watch.in_idle(poll_fn(|cx| self.poll_wire(cx))).await?
    }

    /// Adds what comes next off the wire to a buffer, within the idle limit and the total; nothing at the end.
    async fn fill(&mut self, buffer: &mut Vec<u8>, watch: &mut Watch) -> Result<usize, Failure> {
        let came = watch.in_idle(poll_fn(|cx| self.stream.poll_fill(cx, buffer))).await?;
        match came {
            Ok(0) | Err(_) => self.end(),
            Ok(bytes) => self.note(bytes)?,
        }
        came
    }

    /// Takes note of bytes that came off the wire.
    fn note(&mut self, bytes: usize) -> Result<(), Failure> {
        self.meter.add_wire(bytes)?;
        self.pulse.beat(bytes, now)
    }

    fn poll_wire(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        Poll::Ready(match ready!(self.stream.poll_piece(cx)) {
            Some(Ok(piece)) => self.note(piece.len()).map(|()| Some(piece)),
            Some(Err(failure)) => {
                self.end();
                Err(failure)
            }
            None => {
                self.end();
                Ok(None)
            }
        })
    }

    fn end(&mut self) {
        self.ended = true;
        self.places = Places::default();
    }

    /// Says that it is read as a stream: its pieces are its caller's as they come, so that only its decoder counts
    /// towards the budget. It does not wait for room: many streams may be read by turns.
    pub(crate) fn stream(&mut self) {
        if let Some(decoder) = &self.decoder {
            self.claim.try_hold(decoder.most_memory());
        }
    }

    /// The next decoded piece of a stream, within the idle limit and the total.
    pub(crate) fn poll_decoded(
        &mut self,
        cx: &mut Context<'_>,
        watch: &mut Watch,
    ) -> Poll<Result<Option<Bytes>, Failure>> {
        loop {
            let decoded = self.decode_some()?;
            if !decoded.is_empty() {
                return Poll::Ready(Ok(Some(decoded)));
            }
            if self.ended {
                self.claim.release();
                return Poll::Ready(Ok(None));
            }
            match self.poll_wire(cx) {
                Poll::Ready(piece) => {
                    self.last = None;
                    match piece? {
                        Some(piece) if self.decoder.is_some() => self.fed = piece,
                        Some(piece) => return Poll::Ready(Ok(Some(piece))),
                        None => {}
                    }
                }
                Poll::Pending => {
                    let since = *self.last.get_or_insert_with(now);
                    return watch.poll_idle(cx, since).map(Err);
                }
            }
        }
    }

    /// Some of what has come; nothing if more must come first.
    fn decode_some(&mut self) -> Result<Bytes, Failure> {
        let Some(decoder) = &mut self.decoder else { return Ok(Bytes::new()) };
        let mut out = vec![0; DECODED];
        let mut source = Source { bytes: &self.fed, is_last: self.ended };
        let written = decoder.pull(&mut source, &mut out)?;
        let taken = self.fed.len() - source.bytes.len();
        let _ = self.fed.split_to(taken);
        self.meter.add_decoded(taken, written)?;
        out.truncate(written);
        Ok(out.into())
    }

    /// Reads a small body that nobody wants, so that the connection can be used again; one that is large or slow is dropped
    /// with its connection. Its failures are nobody's.
    pub(crate) async fn drain(mut self) {
        if self.stream.size_hint().upper().is_none_or(|bytes| bytes <= DRAINED) {
            let all = async { while self.wire() <= DRAINED && self.has_more().await {} };
            let _ = gather_core::timeout(DRAINING, all).await;
        }
    }

    async fn has_more(&mut self) -> bool {
        matches!(poll_fn(|cx| self.poll_wire(cx)).await, Ok(Some(_)))
    }
}

/// What has been decoded of a body.
struct Decoded {
    blocks: Blocks,
    length: u64,
    keep: bool,
    /// How much is likely to follow.
    likely: usize,
}

impl Decoded {
    fn new(keep: &Keep, encoded: usize) -> Self {
        let keep = matches!(keep, Keep::All);
        let likely = if keep { encoded.saturating_mul(4).min(LIKELY) } else { 0 };
        Self { blocks: Blocks::with_capacity(likely), length: 0, keep, likely: 0 }
    }

    /// How much memory it takes, with what comes next.
    fn held(&self) -> u64 {
        if self.keep { self.blocks.cost(DECODED, self.likely) as u64 } else { 0 }
    }

    /// Decodes some more; `false` once the source is used up.
    fn pull(
        &mut self,
        decoder: &mut Decoder,
        source: &mut Source<'_>,
        meter: &mut Meter,
    ) -> Result<bool, Failure> {
        let mut some = [0; DECODED];
        let before = source.bytes.len();
        let written = decoder.pull(source, &mut some)?;
        meter.add_decoded(before - source.bytes.len(), written)?;
        self.length += written as u64;
        if self.keep {
            self.blocks.push(some.get(..written).unwrap_or_default(), self.likely);
        }
        Ok(written > 0)
    }

    fn finish(self) -> Collected {
        Collected { bytes: self.blocks.finish(), length: self.length }
    }
}
