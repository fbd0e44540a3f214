//! Bodies in each coding, right and wrong, and streams that can go on for ever.

use compression_codecs::EncodeV2;
use compression_codecs::core::Level;
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::{
    BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder, brotli, flate, zstd,
};
use flate2::{Compress, Compression, FlushCompress};

pub(crate) fn encode(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let level = flate::params::FlateEncoderParams::from(Level::Default);
    let mut encoder: Box<dyn EncodeV2> = match coding {
        "gzip" => Box::new(GzipEncoder::new(level)),
        "deflate" => Box::new(ZlibEncoder::new(level)),
        "raw deflate" => Box::new(DeflateEncoder::new(level)),
        "br" => {
            Box::new(BrotliEncoder::new(brotli::params::EncoderParams::default().quality(Level::Fastest)))
        }
        "zstd" => Box::new(ZstdEncoder::new(zstd::params::CParameter::quality(Level::Default))),
        other => panic!("no such coding: {other}"),
    };
    let mut out = Vec::new();
    let mut scratch = vec![0; 64 << 10];
    let mut input = PartialBuffer::new(bytes);
    while !input.unwritten().is_empty() {
        let mut output = WriteBuffer::new_initialized(&mut scratch);
        encoder.encode(&mut input, &mut output).unwrap();
        out.extend_from_slice(output.written());
    }
    loop {
        let mut output = WriteBuffer::new_initialized(&mut scratch);
        let done = encoder.finish(&mut output).unwrap();
        out.extend_from_slice(output.written());
        if done {
            return out;
        }
    }
}

/// The ten bytes that a gzip member begins with (RFC 1952).
pub(crate) const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Blocks of deflate that say these bytes and end at a full byte: sent again and again, they are one valid stream.
pub(crate) fn deflate_blocks(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 2 + 1024);
    Compress::new(Compression::best(), false).compress_vec(bytes, &mut out, FlushCompress::Full).unwrap();
    out
}

/// A gzip stream of zeros without end: how it begins, and what is repeated for ever.
pub(crate) fn endless_gzip() -> (Vec<u8>, Vec<u8>) {
    (GZIP_HEAD.to_vec(), deflate_blocks(&vec![0; 1 << 20]))
}

/// The same, packed a second time.
pub(crate) fn endless_gzip_in_gzip() -> (Vec<u8>, Vec<u8>) {
    let (head, blocks) = endless_gzip();
    let begin = [GZIP_HEAD.to_vec(), deflate_blocks(&head)].concat();
    (begin, deflate_blocks(&blocks.repeat(64)))
}

/// A zstd frame of this window that says nothing yet (RFC 8878, section 3.1.1).
pub(crate) fn zstd_head(window_log: u8) -> Vec<u8> {
    vec![0x28, 0xb5, 0x2f, 0xfd, 0, (window_log - 10) << 3]
}

/// A last block with these bytes as they are (RFC 8878, section 3.1.1.2).
pub(crate) fn zstd_last_block(bytes: &[u8]) -> Vec<u8> {
    let header = ((bytes.len() as u32) << 3) | 1;
    [&header.to_le_bytes()[..3], bytes].concat()
}

/// A block of 128 KiB zeros, in four bytes.
pub(crate) fn zstd_zeros() -> Vec<u8> {
    let header = ((128u32 << 10) << 3) | (1 << 1);
    [&header.to_le_bytes()[..3], &[0]].concat()
}

/// A frame to be skipped (RFC 8878, section 3.1.2).
pub(crate) fn zstd_skippable(bytes: &[u8]) -> Vec<u8> {
    [&[0x50, 0x2a, 0x4d, 0x18][..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
}
