//! Files in parts: the same as files held whole, in little memory.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::fs;
use std::path::Path;

use futures::StreamExt;
use gather_core::run;
use gather_file_reader::{Encoding, ErrorKind, File, Part, ReadError, Reader, ReaderBuilder};

/// The text or bytes of a file put together from its parts, and its end.
fn assembled(builder: &ReaderBuilder, path: &Path) -> (Vec<u8>, Result<File, ReadError>) {
    let parts: Vec<_> = run(builder.build().read_parts([path.to_owned()]).collect::<Vec<_>>()).unwrap();
    let (mut content, mut lines, mut end) = (Vec::new(), 1, None);
    for part in parts {
        assert!(end.is_none(), "something comes after the end");
        match part {
            Ok(Part::Text { line, text, .. }) => {
                assert_eq!(line, lines);
                lines += text.lines().count() as u64;
                content.extend(text.into_bytes());
            }
            Ok(Part::Bytes { offset, bytes, .. }) => {
                assert_eq!(offset, content.len() as u64);
                content.extend(bytes);
            }
            Ok(Part::End(file)) => end = Some(Ok(file)),
            Err(error) => end = Some(Err(error)),
            Ok(other) => panic!("{other:?}"),
        }
    }
    (content, end.unwrap())
}

fn whole(builder: &ReaderBuilder, path: &Path) -> Result<File, ReadError> {
    run(builder.build().read([path.to_owned()]).collect::<Vec<_>>()).unwrap().remove(0)
}

const TEXT: &str = "Водород — самый лёгкий химический элемент.\nЭто газ без цвета и запаха.\n";

fn in_encoding(label: &str, times: usize) -> Vec<u8> {
    let encoding = Encoding::for_label(label.as_bytes()).unwrap();
    encoding.encode(&TEXT.repeat(times)).0.into_owned()
}

#[test]
fn a_large_text_is_the_same_in_parts_and_whole_in_every_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    let utf_16 = TEXT.repeat(2_500).encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let marked = [&b"\xFF\xFE"[..], &utf_16].concat();
    let unended = [in_encoding("utf-8", 2_500), b"end".to_vec()].concat();
    for bytes in [
        in_encoding("utf-8", 2_500),
        unended,
        in_encoding("windows-1251", 4_500),
        marked,
        in_encoding("koi8-r", 4_500),
    ] {
        fs::write(&path, &bytes).unwrap();
        let held = whole(&Reader::builder(), &path).unwrap();
        let (text, end) = assembled(&Reader::builder(), &path);
        let end = end.unwrap();
        assert!(held.text().unwrap().as_bytes() == text, "{:?}", held.encoding());
        let facts = whole(&Reader::builder().facts_only(true), &path).unwrap();
        for file in [&end, &facts] {
            assert_eq!(
                (file.size(), file.lines(), file.encoding(), file.is_guessed()),
                (held.size(), held.lines(), held.encoding(), held.is_guessed())
            );
        }
    }
}

#[test]
fn small_and_empty_files_have_their_parts_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    for text in ["", "a", "a\nb\n"] {
        fs::write(&path, text).unwrap();
        let (content, end) = assembled(&Reader::builder(), &path);
        assert_eq!((content, end.unwrap().size()), (text.as_bytes().to_vec(), text.len() as u64));
    }
}

#[test]
fn bytes_come_in_parts_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bytes");
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n / 7) as u8).collect();
    fs::write(&path, &bytes).unwrap();
    let (content, end) = assembled(&Reader::builder().bytes(true).bytes_in_flight(1 << 20), &path);
    assert!(content == bytes);
    assert_eq!(end.unwrap().size(), bytes.len() as u64);
}

#[test]
fn a_large_file_that_is_not_text_is_the_same_failure_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bytes");
    let mut bytes = vec![b'x'; 1 << 20];
    bytes[900_000] = 0;
    fs::write(&path, &bytes).unwrap();
    for end in [assembled(&Reader::builder(), &path).1, whole(&Reader::builder().facts_only(true), &path)] {
        assert_eq!(end.unwrap_err().kind(), ErrorKind::Encoding);
    }
}

#[test]
fn strict_and_forced_encodings_refuse_what_does_not_fit_in_parts_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    fs::write(&path, in_encoding("windows-1251", 4_500)).unwrap();
    for builder in [Reader::builder().strict(true), Reader::builder().encoding(Encoding::for_label(b"utf-8"))]
    {
        assert_eq!(assembled(&builder, &path).1.unwrap_err().kind(), ErrorKind::Encoding);
        assert_eq!(whole(&builder, &path).unwrap_err().kind(), ErrorKind::Encoding);
    }
}

#[test]
fn a_line_that_is_longer_than_what_may_be_in_flight_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    fs::write(&path, format!("first\n{}", "x".repeat(3 << 20))).unwrap();
    let error = assembled(&Reader::builder().bytes_in_flight(1 << 20), &path).1.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.fact().contains("line 2"), "{error}");
}

#[test]
fn what_is_left_is_counted_to_the_end_of_the_walk() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..5_000 {
        if number % 1_000 == 0 {
            fs::create_dir(folder.path().join((number / 1_000).to_string())).unwrap();
        }
        fs::write(folder.path().join(format!("{}/{number}", number / 1_000)), "x").unwrap();
    }
    let root = folder.path().to_owned();
    let (given, rest) = run(async {
        let mut files = Reader::builder().build().read([root]);
        for _ in 0..10 {
            files.next().await.unwrap().unwrap();
        }
        (10, files.count_rest().await)
    })
    .unwrap();
    assert_eq!(given + rest, 5_000);
}

#[test]
fn a_path_that_is_long_in_coming_holds_up_none_that_came_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, "x").unwrap();
    let (send, paths) = std::sync::mpsc::channel();
    run(async move {
        let mut files = Reader::builder().once(false).build().read(paths);
        for _ in 0..20 {
            send.send(path.clone()).unwrap();
            assert!(files.next().await.unwrap().is_ok());
        }
        drop(send);
        assert!(files.next().await.is_none());
    })
    .unwrap();
}

#[cfg(feature = "hash")]
#[test]
fn hashes_are_the_same_however_a_file_is_read_and_are_taken_of_what_is_no_text() {
    use gather_file_reader::HashKind;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for bytes in
        [vec![b'x'; 100], vec![b'y'; 1 << 20], vec![0; 100], vec![0; 1 << 20], in_encoding("koi8-r", 4_500)]
    {
        fs::write(&path, &bytes).unwrap();
        for (kind, length) in [(HashKind::Blake3, 64), (HashKind::Sha256, 64)] {
            let hashing = || Reader::builder().hash(kind);
            let of = |file: File| file.hash().unwrap().to_owned();
            let first = of(whole(&hashing().bytes(true), &path).unwrap());
            assert_eq!(first.len(), length);
            assert_eq!(of(whole(&hashing(), &path).unwrap()), first);
            assert_eq!(of(whole(&hashing().facts_only(true), &path).unwrap()), first);
            assert_eq!(of(assembled(&hashing(), &path).1.unwrap()), first);
        }
    }
}

#[cfg(feature = "compress")]
mod compressed {
    use std::io::Write;

    use super::*;

    fn packed(text: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text).unwrap();
        let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bz2.write_all(text).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(text).unwrap();
        vec![
            ("gz", gz.finish().unwrap()),
            ("zst", zstd::encode_all(text, 1).unwrap()),
            ("bz2", bz2.finish().unwrap()),
            ("xz", xz.finish().unwrap()),
        ]
    }

    #[test]
    fn what_is_packed_is_read_by_content_in_parts_and_whole_and_when_it_is_two_files_in_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for times in [1, 3_000] {
            let text = TEXT.repeat(times);
            for (name, bytes) in packed(text.as_bytes()) {
                fs::write(&path, [&bytes[..], &bytes].concat()).unwrap();
                let unpacking = Reader::builder().decompress(1 << 30);
                let file = whole(&unpacking, &path).unwrap();
                assert_eq!((file.compression(), file.lines()), (Some(name), 4 * times as u64), "{name}");
                assert!(file.text() == Some(&text.repeat(2)), "{name}");
                let (content, end) = assembled(&unpacking, &path);
                assert!(content == text.repeat(2).as_bytes(), "{name}");
                assert_eq!(end.unwrap().size(), 2 * text.len() as u64);
            }
        }
    }

    #[test]
    fn what_unpacks_to_more_than_the_limit_is_refused_and_what_is_damaged_is_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (name, bytes) in packed(&vec![b'x'; 10_000_000]) {
            fs::write(&path, &bytes).unwrap();
            let unpacking = Reader::builder().decompress(9_999_999);
            for end in [whole(&unpacking, &path), assembled(&unpacking, &path).1] {
                assert_eq!(end.unwrap_err().kind(), ErrorKind::TooLarge, "{name}");
            }
            fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
            let unpacking = Reader::builder().decompress(1 << 30);
            for end in [whole(&unpacking, &path), assembled(&unpacking, &path).1] {
                assert_eq!(end.unwrap_err().kind(), ErrorKind::Decode, "{name}");
            }
        }
    }

    #[test]
    fn a_zst_that_begins_with_a_frame_to_be_skipped_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for magic in [0x184D_2A50_u32, 0x184D_2A5F] {
            let skipped = [&magic.to_le_bytes()[..], &3_u32.to_le_bytes(), b"abc"].concat();
            fs::write(&path, [skipped, zstd::encode_all(TEXT.as_bytes(), 1).unwrap()].concat()).unwrap();
            let file = whole(&Reader::builder().decompress(1 << 30), &path).unwrap();
            assert_eq!((file.compression(), file.text()), (Some("zst"), Some(TEXT)));
        }
    }

    #[test]
    fn what_needs_more_memory_to_be_unpacked_than_is_allowed_is_too_large() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut zst = zstd::Encoder::new(Vec::new(), 1).unwrap();
        zst.window_log(23).unwrap();
        zst.write_all(TEXT.as_bytes()).unwrap();
        let mut options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
        let mut filters = liblzma::stream::Filters::new();
        filters.lzma2(options.dict_size(192 << 20));
        let check = liblzma::stream::Check::Crc32;
        let stream = liblzma::stream::Stream::new_stream_encoder(&filters, check).unwrap();
        let mut xz = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
        xz.write_all(TEXT.as_bytes()).unwrap();
        for (bytes, limit, bound) in [
            (zst.finish().unwrap(), 1 << 20, "1048576 bytes"),
            (xz.finish().unwrap(), 1 << 30, "134217728 bytes"),
        ] {
            fs::write(&path, bytes).unwrap();
            let unpacking = Reader::builder().decompress(limit);
            for end in [whole(&unpacking, &path), assembled(&unpacking, &path).1] {
                let error = end.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
                assert!(error.fact().contains(bound), "{error}");
            }
        }
    }

    #[test]
    fn what_is_not_asked_to_be_unpacked_is_taken_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.gz");
        let (_, bytes) = packed(TEXT.as_bytes()).remove(0);
        fs::write(&path, &bytes).unwrap();
        assert_eq!(whole(&Reader::builder().bytes(true), &path).unwrap().into_bytes().unwrap(), bytes);
    }
}

#[test]
fn a_large_text_is_told_in_parts_as_it_is_whole_whatever_is_forced_or_marked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    let japanese = Encoding::for_label(b"iso-2022-jp")
        .unwrap()
        .encode(&"日本語のテキスト\n".repeat(30_000))
        .0
        .into_owned();
    let turned = "text\n".repeat(60_000).encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let label = |label: &[u8]| Encoding::for_label(label);
    let nul = [b"text\n".repeat(60_000), b"\0".to_vec()].concat();
    for (bytes, forced, expected) in [
        (japanese, None, Ok("ISO-2022-JP")),
        ([&b"\xFE\xFF"[..], &turned].concat(), label(b"utf-16"), Ok("UTF-16BE")),
        (nul.clone(), label(b"windows-1252"), Err(ErrorKind::Encoding)),
        (nul, label(b"utf-8"), Err(ErrorKind::Encoding)),
        ([&b"\xFF\xFE\0\0"[..], &b"a\0\0\0".repeat(100_000)].concat(), None, Err(ErrorKind::Encoding)),
    ] {
        fs::write(&path, &bytes).unwrap();
        let builder = Reader::builder().encoding(forced);
        let held = whole(&builder, &path);
        let (text, end) = assembled(&builder, &path);
        assert_eq!(end.as_ref().map(|file| file.encoding().unwrap()).map_err(ReadError::kind), expected);
        assert_eq!(held.as_ref().map(|file| file.encoding().unwrap()).map_err(ReadError::kind), expected);
        if let Ok(held) = held {
            assert!(held.text().unwrap().as_bytes() == text, "{expected:?}");
        }
    }
}

#[cfg(feature = "compress")]
#[test]
fn packed_files_that_are_larger_than_what_may_be_in_flight_all_come_in_order_and_not() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all("some text\n".repeat(300_000).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    for number in 0..10 {
        fs::write(folder.path().join(format!("{number}.gz")), &packed).unwrap();
    }
    for ordered in [false, true] {
        let builder = Reader::builder().decompress(8 << 20).bytes_in_flight(1 << 20).ordered(ordered);
        let files = run(builder.build().read([folder.path().to_owned()]).collect::<Vec<_>>()).unwrap();
        assert!(files.iter().all(|file| file.as_ref().is_ok_and(|file| file.size() == 3_000_000)));
        assert_eq!(files.len(), 10);
    }
}
