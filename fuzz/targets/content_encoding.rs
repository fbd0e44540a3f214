//! Chains of `Content-Encoding` over any body: decoding ends within its bounds, wherever the pieces are cut.
#![no_main]

use gather_fetch::Limits;
use gather_fetch::internals::decode;
use libfuzzer_sys::fuzz_target;

const CODINGS: [&str; 8] =
    ["gzip", "deflate", "br", "zstd", "gzip, br", "deflate, zstd, gzip", "br, br, br, br, br", "identity, gzip"];

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (coding, cut, body) = input;
    let coding = CODINGS[usize::from(coding) % CODINGS.len()].as_bytes();
    let mut limits = Limits::default();
    limits.body = 1 << 20;
    let whole = decode(coding, &[body], &limits);
    let (one, two) = body.split_at(usize::from(cut) % (body.len() + 1));
    let cut = decode(coding, &[one, two], &limits);
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => assert!(whole == cut && whole.len() <= 1 << 20),
        (Err(_), Err(_)) => {}
        (whole, cut) => panic!("{} whole, {} in pieces", whole.is_ok(), cut.is_ok()),
    }
});
