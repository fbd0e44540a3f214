//! Records of any names and texts as CSV: what is read back by another reader is what was written; and any bytes that are
//! taken for a table to add to.
#![no_main]

use gather_records::{Format, Record, Sink, Style};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<Vec<(&str, &str)>>, bool, &[u8])| {
    let (rows, tabs, existing) = input;
    let records: Vec<Record> =
        rows.into_iter().map(|row| row.into_iter().map(|(name, text)| (name, text.into())).collect()).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a");
    let format = if tabs { Format::Tsv } else { Format::Csv };
    written(Sink::file(&path, format, Style::default()).expect("a new file"), &records);
    let delimiter = if tabs { b'\t' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_path(&path).expect("a file");
    let names = reader.headers().expect("a header").clone();
    if !names.is_empty() {
        let read: Vec<Record> = reader
            .records()
            .map(|row| names.iter().zip(row.expect("as many cells").iter()).map(|(n, t)| (n, t.into())).collect())
            .collect();
        let whole = records.iter().map(|record| -> Record {
            names.iter().map(|name| (name, record.get(name).cloned().unwrap_or_else(|| "".into()))).collect()
        });
        // A row that is one empty cell is quoted, so that no reader takes it for an empty line.
        assert_eq!(read, whole.collect::<Vec<_>>());
    }
    std::fs::write(&path, existing).expect("a file");
    if let Ok(sink) = Sink::append(&path, format, Style::default()) {
        written(sink, &records);
    }
});

fn written(mut sink: Sink, records: &[Record]) {
    for record in records {
        if sink.write(record).is_err() {
            return; // a name that the table there does not have
        }
    }
    sink.finish().expect("it is written");
}
