//! The rows of a table whose columns are not known yet: encoded, and packed, as they come, so that little is left to do
//! at the end.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Take, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Rows in a temporary file, in stretches of equally many columns.
pub(crate) struct Spool {
    /// `None` only after an error.
    rows: Option<Rows>,
    ended: Vec<Stretch>,
    columns: usize,
    begin: u64,
}

enum Rows {
    Plain(BufWriter<File>),
    /// A gz member for each stretch.
    Packed(GzEncoder<BufWriter<File>>),
}

/// Where rows of so many columns stand.
struct Stretch {
    columns: usize,
    length: u64,
}

impl Spool {
    pub(crate) fn new(packs: bool) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 16, tempfile::tempfile()?);
        let rows = if packs { packed(file) } else { Rows::Plain(file) };
        Ok(Self { rows: Some(rows), ended: Vec::new(), columns: 0, begin: 0 })
    }

    /// Adds a row of so many columns.
    pub(crate) fn write(&mut self, row: &[u8], columns: usize) -> io::Result<()> {
        if self.columns != columns {
            self.end_stretch()?;
            self.columns = columns;
        }
        match &mut self.rows {
            Some(Rows::Plain(file)) => file.write_all(row),
            Some(Rows::Packed(member)) => member.write_all(row),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn end_stretch(&mut self) -> io::Result<()> {
        if self.columns == 0 {
            return Ok(()); // nothing is written yet
        }
        let (mut file, packs) = match self.rows.take() {
            Some(Rows::Plain(file)) => (file, false),
            Some(Rows::Packed(member)) => (member.finish()?, true),
            None => return Ok(()),
        };
        let end = file.stream_position()?;
        self.ended.push(Stretch { columns: self.columns, length: end - self.begin });
        self.begin = end;
        self.rows = Some(if packs { packed(file) } else { Rows::Plain(file) });
        Ok(())
    }

    /// Hands over the stretches, each with its number of columns, as they stand in the file.
    pub(crate) fn stretches<E: From<io::Error>>(
        mut self,
        mut take: impl FnMut(usize, Take<&File>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.end_stretch()?;
        let file = match self.rows.take() {
            Some(Rows::Plain(file)) => file,
            Some(Rows::Packed(member)) => member.finish()?,
            None => return Ok(()),
        };
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.ended.iter().try_for_each(|stretch| take(stretch.columns, (&file).take(stretch.length)))
    }
}

fn packed(file: BufWriter<File>) -> Rows {
    Rows::Packed(GzEncoder::new(file, Compression::default()))
}
