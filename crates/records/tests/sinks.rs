//! What ends up in files, and when.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use gather_records::{ErrorKind, Format, Record, Sink, Style, Value, WholeFile};
use proptest::prelude::*;

fn record(values: &[(&str, Value)]) -> Record {
    values.iter().map(|(name, value)| (*name, value.clone())).collect()
}

fn write(path: &Path, format: Format, style: Style, records: &[Record]) {
    let mut sink = Sink::file(path, format, style).unwrap();
    for record in records {
        sink.write(record).unwrap();
    }
    sink.finish().unwrap();
}

fn files_in(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_sink_dropped_before_its_end_leaves_nothing_and_the_old_file_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    fs::write(&path, "old\n").unwrap();
    let mut sink = Sink::file(&path, Format::Jsonl, Style::default()).unwrap();
    sink.write(&record(&[("a", 1.into())])).unwrap();
    drop(sink);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old\n");
    assert_eq!(files_in(folder.path()), 1);
}

#[test]
fn a_json_array_is_whole_with_no_one_and_two_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    for count in 0..3 {
        let records: Vec<Record> = (0..count).map(|n| record(&[("n", n.into())])).collect();
        write(&path, Format::Json, Style::default(), &records);
        let read: Vec<Record> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(read, records);
    }
}

#[test]
fn a_table_without_known_columns_has_those_of_all_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let records = [record(&[("a", 1.into())]), record(&[("b", "x,\"y\"\n".into()), ("a", Value::Null)])];
    write(&path, Format::Csv, Style::default(), &records);
    assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\r\n1,\r\n,\"x,\"\"y\"\"\n\"\r\n");
}

#[test]
fn a_column_that_few_records_have_comes_behind_the_known_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let style =
        Style { columns: Some(vec!["a".to_owned(), "b".to_owned()]), more_columns: true, ..Style::default() };
    write(
        &path,
        Format::Csv,
        style.clone(),
        &[record(&[("a", 1.into())]), record(&[("a", 2.into()), ("x", 3.into())])],
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "a,b,x\r\n1,,\r\n2,,3\r\n");
    write(&path, Format::Csv, style, &[]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\r\n");
}

/// Bytes that do not get smaller by packing.
fn noise(length: usize) -> String {
    let mut state = 1_u64;
    let letters = (0..length).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'!' + (state >> 58) as u8)
    });
    letters.collect()
}

#[test]
fn a_packed_table_whose_columns_are_collected_is_packed_as_it_comes_and_soon_finished() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, table) = (folder.path().join("a.jsonl.gz"), folder.path().join("a.csv.gz"));
    let cell = noise(1 << 20);
    let records = vec![record(&[("a", cell.clone().into())]); 8];
    let took = |path: &Path, format| {
        let mut sink = Sink::file(path, format, Style::default()).unwrap();
        let begun = std::time::Instant::now();
        records.iter().for_each(|record| sink.write(record).unwrap());
        let written = begun.elapsed();
        sink.finish().unwrap();
        (written, begun.elapsed() - written)
    };
    took(&lines, Format::Jsonl); // warms up
    let (written, finished) = took(&table, Format::Csv);
    assert!(finished < written / 4, "{finished:?} to finish after {written:?}");
    let text = unpacked(&table);
    assert_eq!((text.lines().count(), text.lines().next()), (9, Some("a")));
    assert!(text.lines().skip(1).all(|row| row.trim_matches('"').replace("\"\"", "\"") == cell));
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_column_that_comes_late_is_in_every_row_packed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let none = record(&[]);
    let one = record(&[("a", "x\r\ny,\"".into())]);
    let two = record(&[("b", "".into()), ("c", 2.into())]);
    let records = [none.clone(), one.clone(), none, two, one];
    let expected = "a,b,c\r\n,,\r\n\"x\r\ny,\"\"\",,\r\n,,\r\n,,2\r\n\"x\r\ny,\"\"\",,\r\n";
    let (plain, gz) = (folder.path().join("a.csv"), folder.path().join("a.csv.gz"));
    for path in [&plain, &gz] {
        write(path, Format::Csv, Style::default(), &records);
    }
    assert_eq!(fs::read_to_string(&plain).unwrap(), expected);
    assert_eq!(unpacked(&gz), expected);
    write(&gz, Format::Csv, Style::default(), &[]);
    assert_eq!(unpacked(&gz), "");
}

#[test]
fn a_table_of_no_records_still_has_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tsv");
    let columns = Some(vec!["a".to_owned(), "b".to_owned()]);
    write(&path, Format::Tsv, Style { columns, ..Style::default() }, &[]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "a\tb\r\n");
}

#[test]
fn numbers_keep_their_digits_and_lists_are_json_in_a_cell() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let value: Value = serde_json::from_str("[1.10, \"x\"]").unwrap();
    let number: Value = serde_json::from_str("12345678901234567890.10").unwrap();
    write(&path, Format::Csv, Style::default(), &[record(&[("n", number), ("l", value)])]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "n,l\r\n12345678901234567890.10,\"[1.10,\"\"x\"\"]\"\r\n");
}

#[test]
fn the_name_of_a_column_is_defused_as_a_cell_is_and_added_to_under_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let style = Style { defuse_formulas: true, ..Style::default() };
    let records = [record(&[("=1+1", "-a".into()), ("'b", 2.into())])];
    write(&path, Format::Csv, style.clone(), &records);
    let columns = Some(vec!["=1+1".to_owned(), "'b".to_owned()]);
    let mut sink = Sink::append(&path, Format::Csv, Style { columns, ..style }).unwrap();
    sink.write(&records[0]).unwrap();
    sink.finish().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "'=1+1,'b\r\n'-a,2\r\n'-a,2\r\n");
}

#[test]
fn formulas_are_defused_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    for (defuse_formulas, cell) in [(false, "=1+1"), (true, "'=1+1")] {
        let style = Style { defuse_formulas, ..Style::default() };
        write(&path, Format::Csv, style, &[record(&[("a", "=1+1".into()), ("b", (-1).into())])]);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("a,b\r\n{cell},-1\r\n"));
    }
}

#[test]
fn a_name_in_gz_is_compressed_and_can_be_added_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl.gz");
    write(&path, Format::Jsonl, Style::default(), &[record(&[("n", 1.into())])]);
    let mut sink = Sink::append(&path, Format::Jsonl, Style::default()).unwrap();
    sink.write(&record(&[("n", 2.into())])).unwrap();
    sink.finish().unwrap();
    assert_eq!(unpacked(&path), "{\"n\":1}\n{\"n\":2}\n");
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn adding_to_gz_finishes_its_last_line_and_refuses_what_does_not_unpack() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl.gz");
    fs::write(&path, packed(b"{\"n\":1}")).unwrap();
    let mut sink = Sink::append(&path, Format::Jsonl, Style::default()).unwrap();
    sink.write(&record(&[("n", 2.into())])).unwrap();
    sink.finish().unwrap();
    assert_eq!(unpacked(&path), "{\"n\":1}\n{\"n\":2}\n");
    let whole = packed(b"{\"n\":1}\n");
    for broken in [&b"not gzip"[..], &whole[..whole.len() - 3], &[&whole[..], b"rubbish"].concat()] {
        fs::write(&path, broken).unwrap();
        let error = Sink::append(&path, Format::Jsonl, Style::default()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("no whole gzip file"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), broken);
    }
}

#[test]
fn adding_finishes_a_line_that_was_not_and_repeats_no_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    fs::write(&path, "a,b\r\n1,2").unwrap();
    let mut sink = Sink::append(&path, Format::Csv, Style::default()).unwrap();
    sink.write(&record(&[("b", 4.into()), ("a", 3.into())])).unwrap();
    sink.finish().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\r\n1,2\n3,4\r\n");
}

#[test]
fn adding_other_columns_to_a_table_is_refused_and_the_table_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    fs::write(&path, "a\r\n1\r\n").unwrap();
    let style = Style { columns: Some(vec!["b".to_owned()]), ..Style::default() };
    let error = Sink::append(&path, Format::Csv, style).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(fs::read_to_string(&path).unwrap(), "a\r\n1\r\n");
}

#[test]
fn a_json_array_is_not_added_to() {
    let folder = tempfile::tempdir().unwrap();
    let error = Sink::append(&folder.path().join("a.json"), Format::Json, Style::default()).err().unwrap();
    assert!(error.to_string().contains("hint: write .jsonl"), "{error}");
}

#[test]
fn a_missing_folder_and_a_folder_in_place_of_a_file_are_found_before_any_record() {
    let folder = tempfile::tempdir().unwrap();
    let missing =
        Sink::file(&folder.path().join("no/a.jsonl"), Format::Jsonl, Style::default()).err().unwrap();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let taken = Sink::file(folder.path(), Format::Jsonl, Style::default()).err().unwrap();
    assert!(taken.to_string().ends_with("is a folder"), "{taken}");
}

#[test]
fn a_full_device_is_an_error_of_its_own_kind() {
    let mut sink = Sink::file(Path::new("/dev/full"), Format::Jsonl, Style::default()).unwrap();
    sink.write(&record(&[("a", 1.into())])).unwrap();
    assert_eq!(sink.flush().unwrap_err().kind(), ErrorKind::Full);
}

#[test]
fn a_symbolic_link_stays_and_its_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file.jsonl"), folder.path().join("link.jsonl"));
    fs::write(&file, "old").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    write(&link, Format::Jsonl, Style::default(), &[]);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
}

#[test]
fn a_link_to_nothing_stays_and_its_target_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link.jsonl");
    std::os::unix::fs::symlink("target.jsonl", &link).unwrap();
    write(&link, Format::Jsonl, Style::default(), &[record(&[("a", 1.into())])]);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::read_to_string(folder.path().join("target.jsonl")).unwrap(), "{\"a\":1}\n");
}

#[test]
fn a_loop_of_links_is_an_error_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    std::os::unix::fs::symlink(&one, &two).unwrap();
    std::os::unix::fs::symlink(&two, &one).unwrap();
    assert!(Sink::file(&one, Format::Jsonl, Style::default()).is_err());
    assert!(one.symlink_metadata().unwrap().is_symlink());
}

#[test]
fn a_file_in_memory_is_a_file_although_it_is_under_dev() {
    let Ok(folder) = tempfile::tempdir_in("/dev/shm") else { return };
    let path = folder.path().join("a.jsonl");
    write(&path, Format::Jsonl, Style::default(), &[record(&[("a", "long".into())])]);
    write(&path, Format::Jsonl, Style::default(), &[record(&[("a", 1.into())])]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"a\":1}\n");
}

#[test]
fn a_descriptor_that_a_shell_pointed_at_a_file_keeps_what_the_file_holds() {
    use std::os::fd::AsRawFd;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    fs::write(&path, "old\n").unwrap();
    let open = fs::OpenOptions::new().append(true).open(&path).unwrap();
    let name = format!("/dev/fd/{}", open.as_raw_fd());
    write(Path::new(&name), Format::Jsonl, Style::default(), &[record(&[("a", 1.into())])]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old\n{\"a\":1}\n");
}

#[test]
fn an_error_names_the_place_that_was_asked_for_and_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    let error = Sink::file(&path.join("a.jsonl"), Format::Jsonl, Style::default()).err().unwrap();
    assert!(error.to_string().ends_with("a.jsonl: what stands for its folder is a file"), "{error}");
}

#[test]
fn a_file_in_place_of_a_link_does_not_leave_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (outside, link) = (folder.path().join("outside"), folder.path().join("link"));
    fs::write(&outside, "old").unwrap();
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    let mut file = WholeFile::in_place_of(&link).unwrap();
    file.write_all(b"new").unwrap();
    file.commit().unwrap();
    assert_eq!((fs::read(&outside).unwrap(), fs::read(&link).unwrap()), (b"old".to_vec(), b"new".to_vec()));
    assert!(!link.symlink_metadata().unwrap().is_symlink());
}

#[test]
fn text_from_a_page_does_not_reach_the_terminal_raw() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    write(&path, Format::Text, Style::default(), &[record(&[("t", "a\x1b[2J\nb".into())])]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "t: a\\x1b[2J\\nb\n\n");
}

proptest! {
    #[test]
    fn what_a_table_holds_is_read_back(rows in prop::collection::vec(prop::collection::vec(".*", 3), 0..8)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let columns: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let records: Vec<Record> = rows.iter()
            .map(|row| columns.iter().cloned().zip(row.iter().map(|cell| Value::from(cell.clone()))).collect())
            .collect();
        write(&path, Format::Csv, Style { columns: Some(columns), ..Style::default() }, &records);
        let read: Vec<Vec<String>> = csv::Reader::from_path(&path).unwrap().records()
            .map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        prop_assert_eq!(read, rows);
    }

    #[test]
    fn what_lines_hold_is_read_back(values in prop::collection::vec(any::<(String, i64, bool)>(), 0..8)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl.gz");
        let records: Vec<Record> = values.iter()
            .map(|(text, number, yes)| record(&[("text", text.clone().into()), ("n", (*number).into()), ("yes", (*yes).into())]))
            .collect();
        write(&path, Format::Jsonl, Style::default(), &records);
        let text = std::io::read_to_string(flate2::read::MultiGzDecoder::new(fs::File::open(&path).unwrap())).unwrap();
        let read: Vec<Record> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        prop_assert_eq!(read, records);
    }
}

#[test]
fn records_without_values_make_an_empty_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    write(&path, Format::Csv, Style::default(), &[record(&[]), record(&[])]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}
