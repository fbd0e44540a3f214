//! Content codings: broken, mislabelled, nested, and made to hurt.

use gather_fetch::ErrorKind::{Decode, TooLarge};

use super::encode::{
    GZIP_HEAD, deflate_blocks, encode, endless_gzip, endless_gzip_in_gzip, zstd_head, zstd_last_block,
    zstd_skippable, zstd_zeros,
};
use super::row::{Row, answer, answer_and_hold, flood, sized};

fn coded(name: &'static str, source: &'static str, coding: &str, body: impl AsRef<[u8]>) -> Row {
    answer_and_hold(name, source, sized(&format!("Content-Encoding: {coding}\r\n"), body.as_ref()))
        .fails(Decode)
}

fn endless(
    name: &'static str,
    source: &'static str,
    coding: &str,
    (begin, again): (Vec<u8>, Vec<u8>),
) -> Row {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n");
    flood(name, source, [head.as_bytes(), &begin].concat(), again).fails(TooLarge)
}

fn cut(mut bytes: Vec<u8>, by: usize) -> Vec<u8> {
    bytes.truncate(bytes.len() - by);
    bytes
}

/// A gzip member of `ok` with this flag and these bytes behind the fixed head (RFC 1952, section 2.3).
fn gzip_with(flag: u8, extra: &[u8]) -> Vec<u8> {
    let plain = encode("gzip", b"ok");
    let mut head = plain[..10].to_vec();
    head[3] |= flag;
    [&head, extra, &plain[10..]].concat()
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = gzip();
    rows.extend(deflate());
    rows.extend(brotli_and_zstd());
    rows.extend(labels());
    rows.extend(bombs());
    rows
}

fn gzip() -> Vec<Row> {
    let plain = encode("gzip", b"ok");
    let flipped = |at: usize| {
        let mut bytes = encode("gzip", b"ok");
        let at = bytes.len() - at;
        bytes[at] ^= 1;
        bytes
    };
    let mut reserved = plain.clone();
    reserved[2] = 7;
    vec![
        coded("two gzip members", "curl test 2305", "gzip", [plain.clone(), plain.clone()].concat())
            .gives(200, "okok"),
        coded(
            "zeros after a gzip member",
            "RFC 1952 section 2.2; Scrapy gunzip",
            "gzip",
            [plain.clone(), vec![0; 9]].concat(),
        )
        .gives(200, "ok"),
        coded(
            "a gzip member that begins after another and does not end",
            "RFC 1952 section 2.2",
            "gzip",
            [&plain[..], &[0x1f]].concat(),
        ),
        coded("gzip without its checksum", "RFC 1952 section 2.3.1", "gzip", cut(plain.clone(), 8)),
        coded("gzip cut in its checksum", "RFC 1952 section 2.3.1", "gzip", cut(plain.clone(), 1)),
        coded("gzip with a wrong checksum", "RFC 1952 section 2.3.1", "gzip", flipped(8)),
        coded("gzip with a wrong size", "RFC 1952 section 2.3.1", "gzip", flipped(4)),
        coded(
            "gzip that is no deflate inside",
            "RFC 1951 section 3.2.3",
            "gzip",
            [&GZIP_HEAD[..], &[0xff; 20]].concat(),
        ),
        coded("gzip with a wrong method", "curl test 221", "gzip", reserved),
        coded("gzip that has only its head", "RFC 1952 section 2.3", "gzip", GZIP_HEAD),
        coded(
            "gzip with 60 kB of extra field",
            "curl test 224",
            "gzip",
            gzip_with(4, &[&[0x60, 0xea][..], &[7; 60_000]].concat()),
        )
        .gives(200, "ok"),
        coded(
            "gzip with a name of 100 kB",
            "curl test 224",
            "gzip",
            gzip_with(8, &[vec![b'n'; 100_000], vec![0]].concat()),
        )
        .gives(200, "ok"),
        endless(
            "gzip with a name without end",
            "curl test 224",
            "gzip",
            ([&GZIP_HEAD[..3], &[8], &GZIP_HEAD[4..]].concat(), vec![b'n'; 4096]),
        ),
        endless(
            "empty gzip members without end",
            "RFC 1952 section 2.2",
            "gzip",
            (Vec::new(), encode("gzip", b"").repeat(256)), // in few writes, so that its end does not depend on the machine
        ),
    ]
}

fn deflate() -> Vec<Row> {
    let zlib = encode("deflate", b"ok");
    let mut checksum = zlib.clone();
    if let Some(last) = checksum.last_mut() {
        *last ^= 1;
    }
    vec![
        coded("deflate", "curl test 222", "deflate", zlib.clone()).gives(200, "ok"),
        coded("deflate that is raw", "curl test 232", "deflate", encode("raw deflate", b"ok"))
            .gives(200, "ok"),
        coded("deflate with a wrong checksum", "RFC 1950 section 2.2", "deflate", checksum),
        coded("deflate cut short", "RFC 1950 section 2.2", "deflate", cut(zlib.clone(), 2)),
        coded("raw deflate cut short", "RFC 1951", "deflate", cut(encode("raw deflate", b"ok ok ok"), 2)),
        coded("deflate with a broken head", "curl test 223", "deflate", [0x78, 0x9d, 1, 2, 3, 4]),
        coded("deflate of one byte", "RFC 1950 section 2.2", "deflate", [0x78]),
        coded(
            "deflate with a dictionary",
            "RFC 1950 section 2.2",
            "deflate",
            [0x78, 0xbb, 0, 0, 0, 1, 3, 0, 0, 0, 0, 1],
        ),
        coded(
            "garbage after deflate",
            "RFC 1950 section 2.2",
            "deflate",
            [zlib, b"garbage".to_vec()].concat(),
        )
        .gives(200, "ok"),
    ]
}

fn brotli_and_zstd() -> Vec<Row> {
    let (br, zstd) = (encode("br", b"ok"), encode("zstd", b"ok"));
    vec![
        coded("br cut short", "RFC 7932 section 9.2", "br", cut(br.clone(), 1)),
        coded("br that is none", "curl test 315", "br", [0xff; 40]),
        coded("garbage after br", "RFC 7932 section 9", "br", [br, b"garbage".to_vec()].concat())
            .gives(200, "ok"),
        coded("two zstd frames", "RFC 8878 section 3.1", "zstd", [zstd.clone(), zstd.clone()].concat())
            .gives(200, "okok"),
        coded(
            "a zstd frame to be skipped",
            "RFC 8878 section 3.1.2",
            "zstd",
            [zstd_skippable(b"skip me"), zstd.clone()].concat(),
        )
        .gives(200, "ok"),
        coded("zstd cut short", "RFC 8878 section 3.1.1", "zstd", cut(zstd.clone(), 1)),
        coded("garbage after zstd", "RFC 8878 section 3.1", "zstd", [zstd, b"garbage".to_vec()].concat()),
        coded("zstd that is none", "RFC 8878 section 3.1.1", "zstd", b"not zstd at all"),
        coded(
            "the largest zstd window",
            "RFC 9659 section 3",
            "zstd",
            [zstd_head(23), zstd_last_block(b"ok")].concat(),
        )
        .gives(200, "ok"),
        coded(
            "a zstd window too large",
            "RFC 9659 section 3",
            "zstd",
            [zstd_head(24), zstd_last_block(b"ok")].concat(),
        ),
        coded(
            "a zstd window of two gigabytes",
            "RFC 8878 section 5; RFC 9659",
            "zstd",
            [zstd_head(31), zstd_last_block(b"ok")].concat(),
        ),
        endless(
            "zstd frames to be skipped without end",
            "RFC 8878 section 3.1.2",
            "zstd",
            (Vec::new(), zstd_skippable(&[7; 1000])),
        ),
    ]
}

fn labels() -> Vec<Row> {
    let thrice = encode("gzip", &encode("gzip", &encode("gzip", b"ok")));
    vec![
        coded("a page labelled gzip", "RFC 9110 section 8.4", "gzip", "<p>not packed"),
        coded("gzip labelled br", "RFC 9110 section 8.4", "br", encode("gzip", b"ok")),
        coded("gzip labelled deflate", "RFC 9110 section 8.4", "deflate", encode("gzip", b"ok")),
        coded("gzip labelled zstd", "RFC 9110 section 8.4", "zstd", encode("gzip", b"ok")),
        coded("gzip labelled twice", "RFC 9110 section 8.4", "gzip, gzip", encode("gzip", b"ok")),
        coded("gzip that is not labelled", "RFC 9110 section 8.4", "identity", encode("gzip", b"ok"))
            .gives(200, encode("gzip", b"ok")),
        coded("a coding nobody knows", "RFC 9110 section 8.4", "lzma", "ok"),
        coded("a coding with control characters", "RFC 9110 section 8.4", "gz\u{fc}ip", "ok"),
        coded("compress", "RFC 9110 section 8.4.1.1", "compress", [0x1f, 0x9d, 0x90]),
        coded("an empty label", "RFC 9110 section 8.4", "", "ok").gives(200, "ok"),
        coded(
            "identity among codings",
            "RFC 9110 section 8.4.1",
            "identity, gzip, identity",
            encode("gzip", b"ok"),
        )
        .gives(200, "ok"),
        coded("GZIP in capitals", "RFC 9110 section 8.4.1", "X-GZIP", encode("gzip", b"ok")).gives(200, "ok"),
        coded("three layers", "curl test 418", "gzip, gzip, gzip", thrice).gives(200, "ok"),
        coded("six layers", "CVE-2022-32206", "gzip, gzip, gzip, gzip, gzip, gzip", "ok").fails(TooLarge),
        coded("a thousand layers", "CVE-2022-32206", &["gzip"; 1000].join(","), "ok").fails(TooLarge),
        coded("gzip of nothing", "RFC 1952", "gzip", encode("gzip", b"")).gives(200, ""),
        coded("nothing labelled gzip", "RFC 9110 section 8.4", "gzip", "").gives(200, ""),
        answer(
            "HEAD labelled gzip",
            "RFC 9110 section 9.3.2",
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n",
        )
        .method("HEAD", "")
        .gives(200, ""),
        answer(
            "204 labelled gzip",
            "RFC 9110 section 15.3.5",
            "HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n",
        )
        .gives(204, ""),
        answer(
            "304 with a coding nobody knows",
            "RFC 9110 section 15.4.5",
            "HTTP/1.1 304 Not Modified\r\nContent-Encoding: x\r\n\r\n",
        )
        .gives(304, ""),
    ]
}

fn bombs() -> Vec<Row> {
    let zeros = vec![0; 2 << 20];
    // Too noisy for the ratio: sixteen letters, half a byte each.
    let noise: Vec<u8> =
        (0..40_000u32).map(|n| b'a' + ((n.wrapping_mul(2_654_435_761) >> 13) & 15) as u8).collect();
    let blocks = deflate_blocks(&noise);
    let zip_bomb = "RFC 9110 section 17.5; aiohttp CVE-2025-69223";
    let bomb = |name, coding: &'static str, body: Vec<u8>| {
        coded(name, "curl test 1618", coding, body).body_limit(64 << 20).fails(TooLarge)
    };
    let once = encode("gzip", &zeros);
    vec![
        bomb("a bomb of gzip by ratio", "gzip", once.clone()),
        bomb("a bomb of deflate by ratio", "deflate", encode("deflate", &zeros)),
        bomb("a bomb of br by ratio", "br", encode("br", &zeros)),
        bomb("a bomb of zstd by ratio", "zstd", encode("zstd", &zeros)),
        bomb("a bomb of gzip in gzip", "gzip, gzip", encode("gzip", &once)),
        bomb("a bomb of gzip in br", "gzip, br", encode("br", &once)),
        bomb(
            "a bomb of gzip in zstd in deflate",
            "gzip, zstd, deflate",
            encode("deflate", &encode("zstd", &once)),
        ),
        coded(
            "a body too large once decoded",
            "ClientBuilder::max_body",
            "br",
            encode("br", &vec![b'x'; 300_000]),
        )
        .fails(TooLarge),
        endless("a bomb of gzip by size", zip_bomb, "gzip", (GZIP_HEAD.to_vec(), blocks.clone())),
        endless("a bomb of raw deflate by size", zip_bomb, "deflate", (Vec::new(), blocks)),
        endless("gzip of zeros without end", zip_bomb, "gzip", endless_gzip()).body_limit(u64::MAX),
        endless("gzip of gzip of zeros without end", zip_bomb, "gzip, gzip", endless_gzip_in_gzip())
            .body_limit(u64::MAX),
        endless("zstd of zeros without end", zip_bomb, "zstd", (zstd_head(20), zstd_zeros().repeat(64)))
            .body_limit(u64::MAX),
        endless(
            "zstd of zeros without end, by size",
            zip_bomb,
            "zstd",
            (zstd_head(20), zstd_zeros().repeat(64)),
        ),
    ]
}
