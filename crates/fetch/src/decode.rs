//! From the codings of a body to its bytes: each pull gives as much as asked for, and takes what that needs.
//!
//! Memory is bounded by a buffer per layer and the decoders' windows, never by the peer: what comes out is looked at piece
//! by piece, by who pulls.

use std::ops::Range;

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::error::{ErrorKind, Failure, shortened};
use layer::Layer;

/// How much a layer takes in at a time.
const TAKEN: usize = 16 << 10;

/// The codings that we can undo, for `Accept-Encoding`.
pub(crate) const fn accepted() -> Option<&'static str> {
    match (cfg!(feature = "gzip"), cfg!(feature = "br"), cfg!(feature = "zstd")) {
        (true, true, true) => Some("gzip, deflate, br, zstd"),
        (true, true, false) => Some("gzip, deflate, br"),
        (true, false, true) => Some("gzip, deflate, zstd"),
        (true, false, false) => Some("gzip, deflate"),
        (false, true, true) => Some("br, zstd"),
        (false, true, false) => Some("br"),
        (false, false, true) => Some("zstd"),
        (false, false, false) => None,
    }
}

/// The layers of one body, outermost first.
pub(crate) struct Decoder {
    layers: Vec<Fed>,
}

/// A layer, and what the one around it has given it so far.
struct Fed {
    layer: Layer,
    buffer: Box<[u8]>,
    pending: Range<usize>,
}

/// The part of a body that is here.
pub(crate) struct Source<'a> {
    pub(crate) bytes: &'a [u8],
    /// Nothing follows.
    pub(crate) is_last: bool,
}

impl Decoder {
    /// The decoder that a response's `Content-Encoding` asks for; `None` if the body is as it is.
    #[cfg_attr(
        not(any(feature = "gzip", feature = "br", feature = "zstd")),
        allow(unreachable_code, unused_variables, reason = "built without any coding there is no layer")
    )]
    pub(crate) fn for_headers(headers: &HeaderMap, max_layers: usize) -> Result<Option<Self>, Failure> {
        if !headers.contains_key(CONTENT_ENCODING) {
            return Ok(None);
        }
        let mut layers = Vec::new();
        for coding in codings(headers) {
            layers.push(Fed::to(Layer::named(&coding).ok_or_else(|| unknown(&coding))?));
            if layers.len() > max_layers {
                let fact = format!("the body is encoded more than {max_layers} times");
                return Err(Failure::new(ErrorKind::TooLarge, fact));
            }
        }
        // The header lists them in the order they were applied.
        layers.reverse();
        Ok((!layers.is_empty()).then_some(Self { layers }))
    }

    /// The same, for a body from its beginning.
    pub(crate) fn anew(&self) -> Self {
        Self { layers: self.layers.iter().map(|fed| Fed::to(fed.layer.anew())).collect() }
    }

    /// The most memory that it can come to hold, in bytes: the peer chooses the windows, up to the caps.
    pub(crate) fn most_memory(&self) -> u64 {
        self.layers.iter().map(|fed| TAKEN as u64 + fed.layer.most_memory()).sum()
    }

    /// Decodes into `out`: how much there is. Zero means that the source is used up, and, if it was the last of it, that
    /// the body is over; a last source without an end of the body is an error.
    pub(crate) fn pull(&mut self, source: &mut Source<'_>, out: &mut [u8]) -> Result<usize, Failure> {
        pull(&mut self.layers, source, out)
    }
}

impl Fed {
    fn to(layer: Layer) -> Self {
        Self { layer, buffer: vec![0; TAKEN].into_boxed_slice(), pending: 0..0 }
    }
}

fn pull(layers: &mut [Fed], source: &mut Source<'_>, out: &mut [u8]) -> Result<usize, Failure> {
    let Some((inner, outer)) = layers.split_last_mut() else { return Ok(source.give(out)) };
    loop {
        if inner.pending.is_empty() {
            inner.pending = 0..pull(outer, source, &mut inner.buffer)?;
        }
        let Some(input @ [_, ..]) = inner.buffer.get(inner.pending.clone()) else {
            return if source.is_last { inner.layer.finish(out) } else { Ok(0) };
        };
        let (read, written) = inner.layer.decode(input, out)?;
        inner.pending.start += read;
        match (read, written) {
            (0, 0) => return Err(corrupt(inner.layer.name(), "it makes no progress")),
            (_, 0) => {}
            _ => return Ok(written),
        }
    }
}

impl Source<'_> {
    fn give(&mut self, out: &mut [u8]) -> usize {
        let (given, left) = self.bytes.split_at(self.bytes.len().min(out.len()));
        if let Some(place) = out.get_mut(..given.len()) {
            place.copy_from_slice(given);
        }
        self.bytes = left;
        given.len()
    }
}

/// The codings in the order they were applied, without those that are none: `identity`, and `none`, as some servers call it.
fn codings(headers: &HeaderMap) -> impl Iterator<Item = String> + '_ {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|coding| String::from_utf8_lossy(coding.trim_ascii()).to_ascii_lowercase())
        .filter(|coding| !matches!(coding.as_str(), "" | "identity" | "none"))
}

fn unknown(coding: &str) -> Failure {
    Failure::new(ErrorKind::Decode, format!("unknown content encoding {:?}", shortened(coding)))
}

fn corrupt(name: &str, why: &str) -> Failure {
    Failure::new(ErrorKind::Decode, format!("the body is not the {name} it says it is: {why}"))
}

#[cfg(any(feature = "gzip", feature = "br", feature = "zstd"))]
mod layer {
    use super::{ErrorKind, Failure, corrupt};
    use compression_codecs::DecodeV2;
    use compression_codecs::core::util::{PartialBuffer, WriteBuffer};

    /// The largest zstd window: 8 MiB, as RFC 9659 says for HTTP.
    #[cfg(feature = "zstd")]
    const ZSTD_WINDOW_LOG: u32 = 23;

    /// What a decoder has beside its window: tables and buffers.
    const BESIDE: u64 = 256 << 10;

    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Coding {
        #[cfg(feature = "gzip")]
        Gzip,
        #[cfg(feature = "gzip")]
        Deflate,
        #[cfg(feature = "br")]
        Brotli,
        #[cfg(feature = "zstd")]
        Zstd,
    }

    type Engine = Box<dyn DecodeV2 + Send + Sync>;

    enum State {
        /// Nothing has come; an empty body is empty in every coding.
        Fresh,
        /// The first byte of a `deflate` body: the second one tells zlib from raw deflate.
        #[cfg(feature = "gzip")]
        Held(u8),
        Inside(Engine),
        /// A member or frame is complete; another may follow.
        Between(Engine),
        /// Complete, and whatever follows is ignored, as browsers do.
        Over,
    }

    pub(super) struct Layer {
        coding: Coding,
        state: State,
    }

    impl Layer {
        pub(super) fn named(name: &str) -> Option<Self> {
            let coding = match name {
                #[cfg(feature = "gzip")]
                "gzip" | "x-gzip" => Coding::Gzip,
                #[cfg(feature = "gzip")]
                "deflate" => Coding::Deflate,
                #[cfg(feature = "br")]
                "br" => Coding::Brotli,
                #[cfg(feature = "zstd")]
                "zstd" => Coding::Zstd,
                _ => return None,
            };
            Some(Self { coding, state: State::Fresh })
        }

        pub(super) fn anew(&self) -> Self {
            Self { coding: self.coding, state: State::Fresh }
        }

        /// The largest window there is, or that we allow, and what comes with it.
        pub(super) fn most_memory(&self) -> u64 {
            let window = match self.coding {
                #[cfg(feature = "gzip")]
                Coding::Gzip | Coding::Deflate => 32 << 10,
                #[cfg(feature = "br")]
                Coding::Brotli => 16 << 20,
                #[cfg(feature = "zstd")]
                Coding::Zstd => 1 << ZSTD_WINDOW_LOG,
            };
            window + BESIDE
        }

        pub(super) fn name(&self) -> &'static str {
            match self.coding {
                #[cfg(feature = "gzip")]
                Coding::Gzip => "gzip",
                #[cfg(feature = "gzip")]
                Coding::Deflate => "deflate",
                #[cfg(feature = "br")]
                Coding::Brotli => "br",
                #[cfg(feature = "zstd")]
                Coding::Zstd => "zstd",
            }
        }

        /// Decodes some of `input`, which is not empty: how much was read, and how much is in `out`.
        pub(super) fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Result<(usize, usize), Failure> {
            loop {
                let state = std::mem::replace(&mut self.state, State::Over);
                let at_work = matches!(state, State::Inside(_));
                let (state, read, written) = match state {
                    State::Over => (State::Over, input.len(), 0),
                    State::Fresh => self.begin(input),
                    #[cfg(feature = "gzip")]
                    State::Held(first) => self.begin_held(first, input, out)?,
                    State::Between(engine) => self.next_member(engine, input)?,
                    State::Inside(engine) => self.run(engine, input, out)?,
                };
                self.state = state;
                if at_work || read > 0 || written > 0 {
                    return Ok((read, written));
                }
            }
        }

        fn begin(&self, input: &[u8]) -> (State, usize, usize) {
            match (self.coding, input) {
                #[cfg(feature = "gzip")]
                (Coding::Deflate, [first]) => (State::Held(*first), 1, 0),
                _ => (State::Inside(self.engine(input)), 0, 0),
            }
        }

        #[cfg(feature = "gzip")]
        fn begin_held(
            &self,
            first: u8,
            input: &[u8],
            out: &mut [u8],
        ) -> Result<(State, usize, usize), Failure> {
            let second = input.first().copied().unwrap_or_default();
            let engine = self.engine(&[first, second]);
            match self.run(engine, &[first], out)? {
                (state, 1, written) => Ok((state, 0, written)),
                _ => Err(corrupt(self.name(), "its first byte is not taken")),
            }
        }

        /// gzip: another member if it begins like one (RFC 1952, section 2.2). zstd: another frame (RFC 8878). Nothing
        /// else has a second part.
        fn next_member(&self, mut engine: Engine, input: &[u8]) -> Result<(State, usize, usize), Failure> {
            let follows = match self.coding {
                #[cfg(feature = "gzip")]
                Coding::Gzip => input.first() == Some(&0x1f),
                #[cfg(feature = "gzip")]
                Coding::Deflate => false,
                #[cfg(feature = "br")]
                Coding::Brotli => false,
                #[cfg(feature = "zstd")]
                Coding::Zstd => true,
            };
            if !follows {
                return Ok((State::Over, input.len(), 0));
            }
            engine.reinit().map_err(|error| corrupt(self.name(), &error.to_string()))?;
            Ok((State::Inside(engine), 0, 0))
        }

        fn run(
            &self,
            mut engine: Engine,
            input: &[u8],
            out: &mut [u8],
        ) -> Result<(State, usize, usize), Failure> {
            let mut input = PartialBuffer::new(input);
            let mut output = WriteBuffer::new_initialized(out);
            let done = engine
                .decode(&mut input, &mut output)
                .map_err(|error| corrupt(self.name(), &error.to_string()))?;
            let counts = (input.written_len(), output.written_len());
            let state = if done { State::Between(engine) } else { State::Inside(engine) };
            // An engine that is done without having moved would be asked for ever.
            Ok((if done && counts == (0, 0) { State::Over } else { state }, counts.0, counts.1))
        }

        /// After the last input: how much came out. Zero is the end.
        pub(super) fn finish(&mut self, out: &mut [u8]) -> Result<usize, Failure> {
            let name = self.name();
            let engine = match &mut self.state {
                State::Fresh | State::Between(_) | State::Over => return Ok(0),
                #[cfg(feature = "gzip")]
                State::Held(_) => return Err(cut_short(name)),
                State::Inside(engine) => engine,
            };
            let mut output = WriteBuffer::new_initialized(out);
            let done = match self.coding {
                // Its `finish` asks whether the frame has ended before it has given out what it still holds.
                #[cfg(feature = "zstd")]
                Coding::Zstd => engine.decode(&mut PartialBuffer::new(&[]), &mut output),
                #[cfg(any(feature = "gzip", feature = "br"))]
                _ => engine.finish(&mut output),
            };
            let done = done.map_err(|_| cut_short(name))?;
            let written = output.written_len();
            match (done, written) {
                (true, _) => self.state = State::Over,
                (false, 0) => return Err(cut_short(name)),
                (false, _) => {}
            }
            Ok(written)
        }

        fn engine(&self, beginning: &[u8]) -> Engine {
            // Only `deflate` looks at it.
            let _ = beginning;
            match self.coding {
                #[cfg(feature = "gzip")]
                Coding::Gzip => Box::new(compression_codecs::GzipDecoder::new()),
                #[cfg(feature = "gzip")]
                Coding::Deflate if is_zlib(beginning) => Box::new(compression_codecs::ZlibDecoder::new()),
                #[cfg(feature = "gzip")]
                Coding::Deflate => Box::new(compression_codecs::DeflateDecoder::new()),
                #[cfg(feature = "br")]
                Coding::Brotli => Box::new(compression_codecs::BrotliDecoder::new()),
                #[cfg(feature = "zstd")]
                Coding::Zstd => {
                    let window =
                        compression_codecs::zstd::params::DParameter::window_log_max(ZSTD_WINDOW_LOG);
                    Box::new(compression_codecs::ZstdDecoder::new_with_params(&[window]))
                }
            }
        }
    }

    fn cut_short(name: &str) -> Failure {
        Failure::new(ErrorKind::Decode, format!("the {name} body ends too early"))
    }

    /// `deflate` means zlib (RFC 9110, section 8.4.1.2), but some servers send it raw; the header tells (RFC 1950).
    #[cfg(feature = "gzip")]
    fn is_zlib(beginning: &[u8]) -> bool {
        match beginning {
            [cmf, flg, ..] => {
                cmf & 0x0f == 8 && cmf >> 4 <= 7 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0
            }
            _ => false,
        }
    }
}

#[cfg(not(any(feature = "gzip", feature = "br", feature = "zstd")))]
mod layer {
    use super::Failure;

    /// Built without any coding: there is no layer.
    pub(super) enum Layer {}

    impl Layer {
        pub(super) fn named(_name: &str) -> Option<Self> {
            None
        }

        pub(super) fn anew(&self) -> Self {
            match *self {}
        }

        pub(super) fn most_memory(&self) -> u64 {
            match *self {}
        }

        pub(super) fn name(&self) -> &'static str {
            match *self {}
        }

        pub(super) fn decode(&mut self, _input: &[u8], _out: &mut [u8]) -> Result<(usize, usize), Failure> {
            match *self {}
        }

        pub(super) fn finish(&mut self, _out: &mut [u8]) -> Result<usize, Failure> {
            match *self {}
        }
    }
}

#[cfg(test)]
#[cfg(all(feature = "gzip", feature = "br", feature = "zstd"))]
mod tests {
    use super::*;
    use crate::bounds::Limits;
    use crate::limits::Meter;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn decode(coding: &str, pieces: &[&[u8]], limits: &Limits) -> Result<Vec<u8>, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_str(coding).unwrap());
        let mut decoder = Decoder::for_headers(&headers, limits.layers)?.unwrap();
        let mut meter = Meter::new(limits);
        let mut out = Vec::new();
        let last: &[u8] = &[];
        for (number, piece) in pieces.iter().copied().chain([last]).enumerate() {
            meter.add_wire(piece.len())?;
            let mut source = Source { bytes: piece, is_last: number == pieces.len() };
            let mut some = [0; 100];
            loop {
                let before = source.bytes.len();
                let written = decoder.pull(&mut source, &mut some)?;
                meter.add_decoded(before - source.bytes.len(), written)?;
                if written == 0 {
                    break;
                }
                out.extend_from_slice(&some[..written]);
            }
        }
        Ok(out)
    }

    const CODINGS: [&str; 6] = ["gzip", "deflate", "br", "zstd", "gzip, br", "deflate, zstd, gzip"];

    /// A gzip member that holds its bytes as they are (RFC 1952, and a stored block of RFC 1951).
    fn stored(bytes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(bytes.len()).unwrap();
        let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8)
                .fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
        });
        let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
        [&head[..], &length.to_le_bytes(), &(!length).to_le_bytes(), bytes, &(!crc).to_le_bytes()]
            .into_iter()
            .chain([&u32::from(length).to_le_bytes()[..]])
            .collect::<Vec<_>>()
            .concat()
    }

    proptest! {
        #[test]
        fn whatever_comes_decoding_ends_within_its_bounds(bytes: Vec<u8>, coding in 0..CODINGS.len(), cut: usize) {
            let limits = Limits { body: 4096, ..Limits::default() };
            let (one, two) = bytes.split_at(cut % (bytes.len() + 1));
            if let Ok(out) = decode(CODINGS[coding], &[one, two], &limits) {
                prop_assert!(out.len() <= 4096);
            }
        }

        #[test]
        fn where_the_pieces_are_cut_changes_nothing(bytes: Vec<u8>, cut: usize) {
            let whole = [stored(&bytes), stored(b" and more")].concat();
            let (one, two) = whole.split_at(cut % (whole.len() + 1));
            let expected = [&bytes[..], b" and more"].concat();
            prop_assert_eq!(decode("gzip", &[one, two], &Limits::default()).unwrap(), expected);
        }

        #[test]
        fn a_member_with_a_flipped_bit_is_never_taken_for_whole(bytes in proptest::collection::vec(any::<u8>(), 1..64), flip: usize) {
            let mut member = stored(&bytes);
            // The header's time, flags for the system, and the like may differ without harm.
            let bit = 80 + flip % ((member.len() - 10) * 8);
            member[bit / 8] ^= 1 << (bit % 8);
            if let Ok(out) = decode("gzip", &[&member], &Limits::default()) {
                prop_assert_eq!(out, bytes);
            }
        }
    }
}
