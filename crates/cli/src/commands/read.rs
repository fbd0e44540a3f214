//! `gather read PATH…`: a record per file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_channel::Receiver;
use futures::StreamExt;
use futures::future::{Either, select};
use gather_core::CancelToken;
use gather_file_reader::{Encoding, File, ReadError, Reader};
use gather_records::{Failure, Kind, Record, plain};

use crate::args::Read;
use crate::drive::Worked;
use crate::exit::{Exit, usage};
use crate::input::{self, BadEntry, Given, Inputs};
use crate::session::{Look, Session, Stop};

pub(crate) async fn run(args: Read) -> anyhow::Result<Exit> {
    let list = input::list(args.shared.input.as_ref(), args.shared.input_key.clone())?;
    if args.paths.is_empty() && list.is_none() {
        return Err(usage("no path to read", "gather read DIR, or --input FILE with a path a line"));
    }
    let reader = reader(&args)?;
    let mut session =
        Session::open(&args.shared, Look { text, columns: Some(columns(&args)), more_columns: true })?;
    let stdin = args.paths.iter().any(|path| input::is_stdin(path.as_os_str()));
    if stdin {
        let result = from_stdin(&reader, args.max_size).await;
        take(&mut session, result, &args).await;
    }
    let typed = args.paths.iter().filter(|path| !input::is_stdin(path.as_os_str()));
    let inputs = Inputs::start(typed.map(|path| path.clone().into_os_string()).collect(), list)?;
    read_all(&mut session, &reader, inputs, &args).await;
    session.finish().await
}

fn reader(args: &Read) -> anyhow::Result<Reader> {
    let encoding = match &args.encoding {
        None => None,
        Some(label) => Some(Encoding::for_label(label.as_bytes()).ok_or_else(|| {
            usage(
                format!("`{label}` is not an encoding"),
                "write a WHATWG label: utf-8, windows-1252, shift_jis, koi8-r …",
            )
        })?),
    };
    let mut builder = Reader::builder()
        .jobs(args.shared.jobs)
        .ordered(args.shared.ordered)
        .hidden(args.hidden)
        .follow(args.follow)
        .max_size(args.max_size)
        .encoding(encoding);
    if args.no_text {
        builder = builder.facts_only(true);
    }
    Ok(builder.build())
}

/// A name that is not UTF-8 adds the column `path_bytes`.
fn columns(args: &Read) -> Vec<String> {
    let mut columns = vec!["path", "bytes", "lines", "encoding"];
    columns.extend((!args.no_text).then_some("text"));
    columns.into_iter().map(str::to_owned).collect()
}

async fn read_all(session: &mut Session, reader: &Reader, inputs: Inputs, args: &Read) {
    let token = CancelToken::current();
    let inputs = Arc::new(inputs);
    let (paths, bad) = split(inputs.clone());
    let mut files = reader.read(paths);
    loop {
        match select(files.next(), token.cancelled()).await {
            Either::Left((Some(result), _)) => take(session, result, args).await,
            Either::Left((None, _)) => break,
            Either::Right((reason, _)) => {
                session.stop(Stop::Signal(reason));
                break;
            }
        }
        if session.is_output_over() {
            break;
        }
    }
    if session.stopped().is_some() {
        session.report.pending(files.pending());
        drop(files); // the walk takes no more of the list: what is left of it is counted here
        session.report.pending(inputs.count_rest().await);
        inputs.close(); // the walk may be waiting for a list that does not end
        bad.close();
    }
    while let Ok(bad) = bad.recv().await {
        session
            .take(&bad.entry, Worked::failed(Failure::new(&bad.entry, Kind::InvalidInput, &bad.message)))
            .await;
    }
}

/// Paths for the reader, which walks on a thread of its own, and the entries of the list that give none.
fn split(inputs: Arc<Inputs>) -> (impl Iterator<Item = PathBuf> + Send + 'static, Receiver<BadEntry>) {
    let (sender, bad) = async_channel::unbounded();
    let paths =
        std::iter::from_fn(move || inputs.next_blocking()).filter_map(move |given: Given| match given {
            Ok(path) => Some(PathBuf::from(path)),
            Err(entry) => {
                let _ = sender.try_send(entry);
                None
            }
        });
    (paths, bad)
}

async fn from_stdin(reader: &Reader, max_size: Option<u64>) -> Result<File, ReadError> {
    let limit = max_size.unwrap_or(u64::MAX - 1);
    let bytes = match input::stdin_document(limit.saturating_add(1)).await {
        Ok(bytes) => bytes.unwrap_or_default(),
        Err(error) => return Err(ReadError::other("-", error)),
    };
    reader.decode("-", bytes)
}

async fn take(session: &mut Session, result: Result<File, ReadError>, args: &Read) {
    match result {
        Ok(file) => {
            let name = file.path().to_string_lossy().into_owned();
            let bytes = file.size();
            session.take(&name, Worked::ok(vec![record(file, args)], bytes)).await
        }
        Err(error) => {
            let name = error.path().to_string_lossy().into_owned();
            let worked = if error.is_skipped() {
                Worked::skipped(error.fact())
            } else {
                Worked::failed(failure(&error))
            };
            session.take(&name, worked).await
        }
    }
}

fn record(file: File, args: &Read) -> Record {
    let mut record = Record::new();
    record.insert_path("path", file.path());
    record.insert("bytes", file.size());
    record.insert("lines", file.lines());
    record.insert("encoding", file.encoding());
    if !args.no_text {
        record.insert("text", file.into_text());
    }
    record
}

/// The failure that an error of the reader is.
pub(crate) fn failure(error: &ReadError) -> Failure {
    let kind = error.kind().as_str().parse().unwrap_or(Kind::Io);
    Failure::new(error.path().to_string_lossy(), kind, error.fact())
}

fn text(record: &Record) -> String {
    let field = |name: &str| record.get(name).map_or_else(String::new, plain);
    let path = field("path").replace('\n', "\\n"); // a name cannot begin a line of its own
    format!("{path}: {} bytes, {} lines, {}", field("bytes"), field("lines"), field("encoding"))
}

/// Whether a file of a folder is taken for a page.
pub(crate) fn is_page(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    extension.is_some_and(|extension| matches!(extension.as_str(), "html" | "htm" | "xhtml" | "xht"))
}
