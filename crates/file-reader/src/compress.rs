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
            [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Some(Packing::Zstd), // a frame to be skipped, section 3.1.2
            // A text may begin with the first four bytes: a block or the end follows them.
            [b'B', b'Z', b'h', b'1'..=b'9', next @ ..]
                if next.starts_with(b"1AY&SY") || next.starts_with(b"\x17\x72\x45\x38\x50\x90") =>
            {
                Some(Packing::Bzip2)
            }
            _ if starts(b"\xFD7zXZ\0") => Some(Packing::Xz),
            _ => None,
        }
    }
}

/// How many bytes tell.
pub(crate) const MAGIC: usize = 10;

/// What is packed in a file, all parts of it, one after the other. Memory is bounded: what needs more, or more than `limit`
/// allows, is an error of kind `FileTooLarge`.
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
        Packing::Gzip => Box::new(Members::new(packed)),
        Packing::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(packed)),
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(packed)?;
            // A window that is larger than all that may come out of it is of no use.
            let needed = limit.checked_next_power_of_two().map_or(u32::MAX, u64::ilog2);
            let window = needed.clamp(WINDOWS.0, WINDOWS.1);
            decoder.window_log_max(window)?;
            Box::new(Frugal { unpacked: decoder, most: 1 << window })
        }
        Packing::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(MEMORY, liblzma::stream::CONCATENATED)?;
            Box::new(Frugal { unpacked: liblzma::read::XzDecoder::new_stream(packed, stream), most: MEMORY })
        }
    })
}

/// Says of a file that cannot be unpacked within so many bytes of memory that it is that.
#[cfg(feature = "compress")]
struct Frugal<R> {
    unpacked: R,
    most: u64,
}

#[cfg(feature = "compress")]
impl<R: Read> Read for Frugal<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.unpacked.read(buffer).map_err(|error| match needs_more_memory(&error) {
            true => {
                let fact = format!(
                    "to be unpacked it needs more than {} bytes of memory, which is the limit",
                    self.most
                );
                io::Error::new(io::ErrorKind::FileTooLarge, fact)
            }
            false => error,
        })
    }
}

#[cfg(feature = "compress")]
fn needs_more_memory(error: &io::Error) -> bool {
    use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge;
    let Some(source) = error.get_ref() else { return false };
    source.downcast_ref() == Some(&liblzma::stream::Error::MemLimit)
        || source
            .downcast_ref()
            .is_some_and(|error: &zstd::Error| error.is(ZSTD_error_frameParameter_windowTooLarge))
}

/// The members of a gz file (RFC 1952, section 2.2). Zeros may fill it up behind the last of them, as on a tape, and nothing else.
#[cfg(feature = "compress")]
struct Members<R> {
    member: Option<flate2::bufread::GzDecoder<io::BufReader<R>>>,
}

#[cfg(feature = "compress")]
impl<R: Read> Members<R> {
    fn new(packed: R) -> Self {
        let packed = io::BufReader::with_capacity(32 << 10, packed);
        Self { member: Some(flate2::bufread::GzDecoder::new(packed)) }
    }

    /// The member after this one, if there is one.
    fn next(&mut self) -> io::Result<()> {
        use std::io::BufRead;
        let Some(mut packed) = self.member.take().map(flate2::bufread::GzDecoder::into_inner) else {
            return Ok(());
        };
        // A buffer may end with the first byte of a member, which then has no other to tell it by.
        if !matches!(packed.fill_buf()?, [0x1F] | [0x1F, 0x8B, ..]) {
            return only_zeros(packed);
        }
        self.member = Some(flate2::bufread::GzDecoder::new(packed));
        Ok(())
    }
}

#[cfg(feature = "compress")]
fn only_zeros(mut rest: impl io::BufRead) -> io::Result<()> {
    loop {
        let length = match rest.fill_buf()? {
            [] => return Ok(()),
            zeros if zeros.iter().all(|byte| *byte == 0) => zeros.len(),
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "behind its end stands something else",
                ));
            }
        };
        rest.consume(length);
    }
}

#[cfg(feature = "compress")]
impl<R: Read> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.next()?;
        }
        Ok(0)
    }
}

#[cfg(not(feature = "compress"))]
pub(crate) fn unpack<'a>(_: Packing, packed: impl Read + 'a, _: u64) -> io::Result<Box<dyn Read + 'a>> {
    Ok(Box::new(packed))
}
