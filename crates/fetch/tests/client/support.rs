//! What the tests have in common.

use std::future::Future;
use std::time::Duration;

use gather_fetch::{Client, ClientBuilder, Error, Response};

pub(crate) fn run<F: Future>(work: F) -> F::Output {
    gather_core::run(work).unwrap()
}

/// A client for loopback that waits only briefly between attempts.
pub(crate) fn local() -> ClientBuilder {
    Client::builder().allow_private(true).backoff(Duration::from_millis(2))
}

pub(crate) fn get(builder: &ClientBuilder, url: &str) -> Result<Response, Error> {
    let client = builder.build().unwrap();
    run(client.get(url))
}

/// The outcome of a GET, in a word: the status, or the kind of the error.
pub(crate) fn outcome(result: &Result<Response, Error>) -> String {
    match result {
        Ok(response) => response.status().to_string(),
        Err(error) => error.kind().to_string(),
    }
}

#[cfg(feature = "gzip")]
pub(crate) fn encode(coding: &str, bytes: &[u8]) -> Vec<u8> {
    use compression_codecs::EncodeV2;
    use compression_codecs::core::Level;
    use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
    use compression_codecs::{
        BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder, brotli, flate, zstd,
    };
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
