//! Where records are written to.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Read, Stdout, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::encode::{Encoder, Style, armed};
use crate::error::SinkError;
use crate::escape::tame;
use crate::format::{Format, is_gzip};
use crate::record::Record;
use crate::whole_file::WholeFile;

/// Takes records and writes them in a format.
///
/// A file appears when [`finish`](Self::finish) returns; a sink that is dropped before leaves nothing behind.
pub struct Sink {
    encoder: Encoder,
    out: Out,
    name: String,
}

enum Out {
    Stream(BufWriter<Stdout>),
    /// A person looks on: nothing that drives a terminal may reach it.
    Terminal(BufWriter<Stdout>),
    /// A device or a pipe that has a name.
    Device(BufWriter<File>),
    File(BufWriter<WholeFile>),
    Gzip(GzEncoder<BufWriter<WholeFile>>),
}

impl Sink {
    /// Writes to stdout. On a terminal control characters are made visible, in every format.
    pub fn stdout(format: Format, style: Style) -> Self {
        let stdout = BufWriter::new(io::stdout());
        let out = if io::stdout().is_terminal() { Out::Terminal(stdout) } else { Out::Stream(stdout) };
        Self { encoder: Encoder::new(format, style, true, false), out, name: "stdout".to_owned() }
    }

    /// Writes to a file, in place of what is there. A name that ends in `.gz` is compressed; devices and named
    /// pipes are written to as they are.
    ///
    /// # Errors
    /// A place that cannot be written to, found before any record is.
    ///
    /// ```
    /// use gather_records::{Format, Record, Sink, Style};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("records.jsonl");
    /// let mut sink = Sink::file(&path, Format::Jsonl, Style::default()).unwrap();
    /// sink.write(&[("n", 1.into())].into_iter().collect::<Record>()).unwrap();
    /// assert!(!path.exists());
    /// sink.finish().unwrap();
    /// assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"n\":1}\n");
    /// ```
    pub fn file(path: &Path, format: Format, style: Style) -> Result<Self, SinkError> {
        Self::open(path, format, style, false).map_err(|error| error.at(&path.display().to_string()))
    }

    /// Whether what is at a path is written to as it is: what is no regular file, or names a descriptor that the process already
    /// has. A file in `/dev/shm` is a file.
    ///
    /// ```
    /// use gather_records::Sink;
    ///
    /// assert!(Sink::is_device("/dev/null".as_ref()) && Sink::is_device("/dev/stderr".as_ref()));
    /// assert!(!Sink::is_device("records.jsonl".as_ref()));
    /// ```
    pub fn is_device(path: &Path) -> bool {
        const DESCRIPTORS: [&str; 4] = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"];
        let special = path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
        special || DESCRIPTORS.iter().any(|name| path.starts_with(name))
    }

    /// Adds to a file, which still appears whole: the old records and the new.
    ///
    /// # Errors
    /// As [`file`](Self::file); a JSON array cannot be added to; a table must have the same columns.
    pub fn append(path: &Path, format: Format, style: Style) -> Result<Self, SinkError> {
        Self::open(path, format, style, true).map_err(|error| error.at(&path.display().to_string()))
    }

    fn open(path: &Path, format: Format, mut style: Style, append: bool) -> Result<Self, SinkError> {
        let name = path.display().to_string();
        if Self::is_device(path) {
            // Adding, for a shell may have pointed the descriptor behind the name at a file that holds something.
            let file = OpenOptions::new().append(true).open(path)?;
            let encoder = Encoder::new(format, style, true, false);
            return Ok(Self { encoder, out: Out::Device(BufWriter::new(file)), name });
        }
        let mut header = true;
        let gzip = is_gzip(path);
        let file = if append {
            if format == Format::Json {
                return Err(SinkError::unsupported(
                    "a JSON array cannot be added to\n  hint: write .jsonl instead",
                ));
            }
            if let Some(mut columns) = existing_columns(path, format, gzip)? {
                header = false;
                if style.defuse_formulas {
                    columns.iter_mut().for_each(|name| *name = armed(name).to_owned());
                }
                check_columns(&columns, &style)?;
                style.columns = Some(columns);
                style.more_columns = false; // the header stands
            }
            let unfinished = gzip && end_of_gzip(path)?.is_some_and(|last| last != b'\n');
            let mut file = WholeFile::append(path, !gzip)?;
            if unfinished {
                let mut member = GzEncoder::new(&mut file, Compression::default());
                member.write_all(b"\n")?;
                member.finish()?;
            }
            file
        } else {
            WholeFile::create(path)?
        };
        let file = BufWriter::with_capacity(1 << 16, file);
        let encoder = Encoder::new(format, style, header, gzip);
        let out = match gzip && !encoder.packs() {
            true => Out::Gzip(GzEncoder::new(file, Compression::default())),
            false => Out::File(file),
        };
        Ok(Self { encoder, out, name })
    }

    /// Writes a record, into a buffer at first.
    ///
    /// # Errors
    /// The output takes no more; kind `Closed` where nobody reads any more.
    pub fn write(&mut self, record: &Record) -> Result<(), SinkError> {
        let written = match &mut self.out {
            Out::Stream(out) => self.encoder.write(record, out),
            Out::Terminal(out) => {
                write_tamed(&mut self.encoder, out, |encoder, out| encoder.write(record, out))
            }
            Out::Device(out) => self.encoder.write(record, out),
            Out::File(out) => self.encoder.write(record, out),
            Out::Gzip(out) => self.encoder.write(record, out),
        };
        written.map_err(|error| error.at(&self.name))
    }

    /// Hands on what is in the buffer, where somebody may be reading along.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn flush(&mut self) -> Result<(), SinkError> {
        let flushed = match &mut self.out {
            Out::Stream(out) | Out::Terminal(out) => out.flush(),
            Out::Device(out) => out.flush(),
            Out::File(_) | Out::Gzip(_) => Ok(()),
        };
        flushed.map_err(|error| SinkError::from(error).at(&self.name))
    }

    /// Writes the rest and puts a file into its place.
    ///
    /// # Errors
    /// The output could not be completed; a file is then as it was before.
    pub fn finish(self) -> Result<(), SinkError> {
        let Self { mut encoder, out, name } = self;
        complete(&mut encoder, out).map_err(|error| error.at(&name))
    }
}

/// Encodes into memory first, and hands on what a terminal may see of it.
fn write_tamed(
    encoder: &mut Encoder,
    out: &mut impl Write,
    encode: impl FnOnce(&mut Encoder, &mut Vec<u8>) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    let mut encoded = Vec::new();
    encode(encoder, &mut encoded)?;
    out.write_all(tame(&String::from_utf8_lossy(&encoded), encoder.is_json()).as_bytes())?;
    Ok(())
}

fn complete(encoder: &mut Encoder, out: Out) -> Result<(), SinkError> {
    match out {
        Out::Stream(mut out) => {
            encoder.finish(&mut out)?;
            out.flush()?;
        }
        Out::Terminal(mut out) => {
            write_tamed(encoder, &mut out, Encoder::finish)?;
            out.flush()?;
        }
        Out::Device(mut out) => {
            encoder.finish(&mut out)?;
            out.flush()?;
        }
        Out::File(mut out) => {
            encoder.finish(&mut out)?;
            out.into_inner().map_err(io::IntoInnerError::into_error)?.commit()?;
        }
        Out::Gzip(mut out) => {
            encoder.finish(&mut out)?;
            out.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.commit()?;
        }
    }
    Ok(())
}

/// The last byte of what is packed in a file, if there is any. One that does not unpack cannot be added to: what came behind would
/// be lost.
fn end_of_gzip(path: &Path) -> Result<Option<u8>, SinkError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if file.metadata()?.len() == 0 {
        return Ok(None);
    }
    let (mut unpacked, mut last) = (MultiGzDecoder::new(file), None);
    let mut piece = vec![0; 64 << 10];
    loop {
        match unpacked.read(&mut piece) {
            Ok(0) => return Ok(last),
            Ok(count) => last = piece.get(count - 1).copied(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(SinkError::unsupported(format!(
                    "is no whole gzip file, and cannot be added to: {error}\n  hint: write to another file"
                )));
            }
        }
    }
}

/// The header of a table that is to be added to, unless it is empty or not there.
fn existing_columns(path: &Path, format: Format, gzip: bool) -> Result<Option<Vec<String>>, SinkError> {
    let delimiter = match format {
        Format::Csv => b',',
        Format::Tsv => b'\t',
        _ => return Ok(None),
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let text: Box<dyn Read> = if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut rows =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text);
    let header = rows.records().next().transpose()?;
    Ok(header.map(|header| header.iter().map(str::to_owned).collect()))
}

fn check_columns(there: &[String], style: &Style) -> Result<(), SinkError> {
    let Some(wanted) = &style.columns else { return Ok(()) };
    let fits = if style.more_columns { there.starts_with(wanted) } else { wanted == there };
    if fits {
        return Ok(());
    }
    Err(SinkError::unsupported(format!(
        "its columns are {}, and the records have {}\n  hint: write to another file",
        there.join(", "),
        wanted.join(", ")
    )))
}
