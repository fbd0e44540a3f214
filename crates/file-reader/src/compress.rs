//! Compressed files, told by their first bytes.

use std::io::{self, Read};

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "compress"), allow(dead_code, reason = "without the feature nothing is unpacked"))]
pub(crate) enum Packing {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

impl Packing {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Packing::Gzip => "gz",
            Packing::Zstd => "zst",
            Packing::Bzip2 => "bz2",
            Packing::Xz => "xz",
        }
    }

    /// What the first bytes say: RFC 1952, RFC 8878, bzip2's and xz's magic numbers.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        let starts = |magic: &[u8]| head.starts_with(magic);
        match head {
            _ if starts(b"\x1F\x8B\x08") => Some(Packing::Gzip),
            _ if starts(b"\x28\xB5\x2F\xFD") => Some(Packing::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Packing::Bzip2),
            _ if starts(b"\xFD7zXZ\0") => Some(Packing::Xz),
            _ => None,
        }
    }
}

/// How many bytes tell.
pub(crate) const MAGIC: usize = 6;

/// What is packed in a file, all parts of it, one after the other. Memory is bounded: what needs more than `limit` allows
/// is an error.
#[cfg(feature = "compress")]
pub(crate) fn unpack<'a>(
    packing: Packing,
    packed: impl Read + 'a,
    limit: u64,
) -> io::Result<Box<dyn Read + 'a>> {
    /// What xz -9 needs is 65 MiB, and zstd's tool refuses more than 128 of itself.
    const MEMORY: u64 = 128 << 20;
    /// The smallest and the largest window that zstd knows of here, as powers of two.
    const WINDOWS: (u32, u32) = (10, 27);
    Ok(match packing {
        Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(packed)),
        Packing::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(packed)),
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(packed)?;
            // A window that is larger than all that may come out of it is of no use.
            let needed = limit.checked_next_power_of_two().map_or(u32::MAX, u64::ilog2);
            decoder.window_log_max(needed.clamp(WINDOWS.0, WINDOWS.1))?;
            Box::new(decoder)
        }
        Packing::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(MEMORY, liblzma::stream::CONCATENATED)?;
            Box::new(liblzma::read::XzDecoder::new_stream(packed, stream))
        }
    })
}

#[cfg(not(feature = "compress"))]
pub(crate) fn unpack<'a>(_: Packing, packed: impl Read + 'a, _: u64) -> io::Result<Box<dyn Read + 'a>> {
    Ok(Box::new(packed))
}
