//! Rows of a table whose text comes in parts.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// A longer row is none: more likely a quotation mark has no end.
const MAX_ROW: usize = 32 << 20;

/// The rows of a table. A row may begin in one part and end in another.
pub(super) struct Table {
    reader: Reader,
    cells: Vec<u8>,
    ends: Vec<usize>,
    /// How much is in use of the two.
    filled: (usize, usize),
    names: Option<Vec<String>>,
    /// How many rows there were, with the header.
    number: u64,
    is_too_long: bool,
}

/// A row by the names of its columns, or what is wrong with it.
pub(super) type Row = Result<Vec<(String, String)>, String>;

impl Table {
    pub(super) fn new(delimiter: u8) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            cells: vec![0; 1 << 10],
            ends: vec![0; 1 << 6],
            filled: (0, 0),
            names: None,
            number: 0,
            is_too_long: false,
        }
    }

    /// The rows that end in this text; in none, which is the end, the one that had begun.
    pub(super) fn rows(&mut self, text: &str) -> Vec<Row> {
        if text.is_empty() { self.last_rows() } else { self.rows_of(text) }
    }

    /// A line end ends what had begun, and is text where a quotation mark is open.
    fn last_rows(&mut self) -> Vec<Row> {
        let mut rows = self.rows_of("\n");
        if self.filled != (0, 0) && !self.is_too_long {
            let number = self.number + 1;
            rows.push(Err(format!("row {number} is cut short: its quotation mark has no end")));
        }
        rows
    }

    fn rows_of(&mut self, text: &str) -> Vec<Row> {
        let (mut rest, mut rows) = (text.as_bytes(), Vec::new());
        while !self.is_too_long {
            let cells = self.cells.get_mut(self.filled.0..).unwrap_or_default();
            let ends = self.ends.get_mut(self.filled.1..).unwrap_or_default();
            let (result, read, written, ended) = self.reader.read_record(rest, cells, ends);
            rest = rest.get(read..).unwrap_or_default();
            self.filled = (self.filled.0 + written, self.filled.1 + ended);
            match result {
                ReadRecordResult::InputEmpty | ReadRecordResult::End => break,
                ReadRecordResult::OutputFull => rows.extend(self.grow()),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record => rows.extend(self.row()),
            }
        }
        rows
    }

    fn grow(&mut self) -> Option<Row> {
        self.is_too_long = self.cells.len() >= MAX_ROW;
        if self.is_too_long {
            let number = self.number + 1;
            return Some(Err(format!(
                "row {number} has more than {MAX_ROW} bytes: is a quotation mark open?"
            )));
        }
        self.cells.resize(2 * self.cells.len(), 0);
        None
    }

    /// The row that is whole, unless it is the header.
    fn row(&mut self) -> Option<Row> {
        let (_, count) = std::mem::take(&mut self.filled);
        self.number += 1;
        let mut begin = 0;
        let cells = self.ends.iter().take(count).map(|end| {
            let cell = self.cells.get(begin..*end).unwrap_or_default();
            begin = *end;
            String::from_utf8_lossy(cell).into_owned()
        });
        let cells: Vec<String> = cells.collect();
        let Some(names) = &self.names else {
            self.names = Some(cells);
            return None;
        };
        if names.len() == cells.len() {
            return Some(Ok(names.iter().cloned().zip(cells).collect()));
        }
        let (number, has, wanted) = (self.number, cells.len(), names.len());
        Some(Err(format!("row {number} has {has} cells, and the header has {wanted}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(parts: &[&str]) -> Vec<Row> {
        let mut table = Table::new(b',');
        let mut rows: Vec<Row> = parts.iter().flat_map(|part| table.rows(part)).collect();
        rows.extend(table.rows(""));
        rows
    }

    #[test]
    fn a_row_that_ends_in_another_part_is_one_row() {
        let whole = rows(&["a,b\n1,\"x\ny\"\"z\"\n2,é"]);
        assert_eq!(whole[0], Ok(vec![("a".into(), "1".into()), ("b".into(), "x\ny\"z".into())]));
        assert_eq!(whole[1], Ok(vec![("a".into(), "2".into()), ("b".into(), "é".into())]));
        assert_eq!(rows(&["a,b\n1,\"x\n", "y\"\"z\"\n", "2,é"]), whole);
    }

    #[test]
    fn a_cell_longer_than_the_first_room_and_many_cells_are_kept_whole() {
        let long = "x".repeat(100_000);
        let names: Vec<String> = (0..500).map(|n| n.to_string()).collect();
        let row = rows(&[&format!("{}\n{long}{}\n", names.join(","), ",y".repeat(499))]).remove(0).unwrap();
        assert_eq!((row.len(), &row[0].1, &row[499].1), (500, &long, &"y".to_owned()));
    }

    #[test]
    fn a_row_of_another_length_is_named_and_the_next_goes_on() {
        let rows = rows(&["a,b\n1\n1,2\n"]);
        assert_eq!(rows[0], Err("row 2 has 1 cells, and the header has 2".to_owned()));
        assert!(rows[1].is_ok());
    }

    #[test]
    fn a_row_whose_quotation_mark_has_no_end_is_none() {
        for text in ["a,b\n1,2\n3,\"x", "a,b\n1,2\n3,\"x\n4,5\n", "a,b\n1,2\n\"", "a,b\n1,2\n3,\"x\"\"\n"] {
            let rows = rows(&[text]);
            assert!(rows[0].is_ok(), "{text:?}");
            assert_eq!(
                rows[1],
                Err("row 3 is cut short: its quotation mark has no end".to_owned()),
                "{text:?}"
            );
            assert_eq!(rows.len(), 2);
        }
        assert!(rows(&["a,\"b"])[0].is_err());
        for whole in ["a\n1\n", "a\n\"x\"", "a\n5\" disk", "a\n\n", "a\n\"x\"\n\n", "a,b\n1,"] {
            assert!(rows(&[whole]).iter().all(Result::is_ok), "{whole:?}");
        }
    }

    #[test]
    fn a_quotation_mark_without_an_end_does_not_take_all_memory() {
        let mut table = Table::new(b',');
        let part = "x".repeat(1 << 20);
        let mut rows = table.rows("a\n\"");
        (0..80).for_each(|_| rows.extend(table.rows(&part)));
        assert_eq!(rows.len(), 1);
        assert!(rows[0].as_ref().is_err_and(|fact| fact.contains("row 2")), "{rows:?}");
    }
}
