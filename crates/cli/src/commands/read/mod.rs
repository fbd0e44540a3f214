//! `gather read PATH…`: a record per file, or per line, or what records the files hold.

mod document;
mod held;
mod records;
mod settings;
mod table;

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use async_channel::Receiver;
use futures::future::{Either, select};
use futures::{FutureExt, StreamExt};
use gather_core::{CancelToken, timeout};
use gather_file_reader::{File, Files, Part, Parts, ReadError, Reader};
use gather_records::{Failure, Kind};

use crate::args::Read;
use crate::exit::{Exit, usage};
use crate::input::{self, BadEntry, Given, Inputs};
use crate::session::{Session, Stop};
use crate::worked::Worked;

use self::held::Held;
use self::records::Shape;

/// What records stand for, and the files whose records are on their way.
struct Taker {
    shape: Shape,
    held: Held,
}

pub(crate) async fn run(args: Read) -> anyhow::Result<Exit> {
    let list = input::list(args.shared.input.as_ref(), args.shared.input_key.clone())?;
    if args.paths.is_empty() && list.is_none() {
        return Err(usage("no path to read", "gather read DIR, or --input FILE with a path a line"));
    }
    let twice = args.shared.input.as_deref().is_some_and(|input| input == Path::new("-"))
        && args.paths.iter().any(|path| input::is_stdin(path.as_os_str()));
    if twice {
        return Err(usage("`-` and `--input -` both read stdin", "give the list as a file, or the document"));
    }
    let reader = settings::reader(&args)?;
    let shape = Shape::of(&args.content);
    let mut session = Session::open(&args.shared, shape.look()).await?;
    match (list, <[PathBuf; 1]>::try_from(args.paths)) {
        // Of a single path the reader knows that no file can be reached twice, and need not remember any.
        (None, Ok(path)) => {
            let reading = Reading::start(&reader, shape, path);
            read_all(&mut session, shape, reading, None).await;
        }
        (list, typed) => {
            let typed = typed.map_or_else(|typed| typed, Vec::from);
            read_inputs(&mut session, shape, &reader, typed, list).await?;
        }
    }
    session.finish().await
}

async fn read_inputs(
    session: &mut Session,
    shape: Shape,
    reader: &Reader,
    typed: Vec<PathBuf>,
    list: Option<input::List>,
) -> anyhow::Result<()> {
    let inputs = Arc::new(Inputs::start(typed.into_iter().map(PathBuf::into_os_string).collect(), list)?);
    let (paths, bad) = split(inputs.clone());
    let reading = Reading::start(reader, shape, paths);
    read_all(session, shape, reading, Some((&inputs, &bad))).await;
    while let Ok(bad) = bad.recv().await {
        take_bad(session, bad).await;
    }
    Ok(())
}

async fn take_bad(session: &mut Session, bad: BadEntry) {
    session.take(&bad.entry.clone(), Worked::failed(bad.into_failure())).await;
}

/// Files on their way, whole or in parts.
enum Reading {
    Whole(Files),
    InParts(Parts),
}

impl Reading {
    fn start<I>(reader: &Reader, shape: Shape, paths: I) -> Self
    where
        I: IntoIterator<Item = PathBuf>,
        I::IntoIter: Send + 'static,
    {
        match shape {
            Shape::Lines | Shape::Held => Reading::InParts(reader.read_parts(paths)),
            _ => Reading::Whole(reader.read(paths)),
        }
    }

    async fn next(&mut self) -> Option<Result<Part, ReadError>> {
        match self {
            Reading::Whole(files) => files.next().await.map(|result| result.map(Part::End)),
            Reading::InParts(parts) => parts.next().await,
        }
    }

    fn pending(&self) -> u64 {
        match self {
            Reading::Whole(files) => files.pending(),
            Reading::InParts(parts) => parts.pending(),
        }
    }

    async fn count_rest(&mut self) -> u64 {
        match self {
            Reading::Whole(files) => files.count_rest().await,
            Reading::InParts(parts) => parts.count_rest().await,
        }
    }
}

/// What comes next: of the reader, or of the list.
enum Next {
    Read(Option<Result<Part, ReadError>>),
    Bad(BadEntry),
}

async fn next(reading: &mut Reading, bad: Option<&Receiver<BadEntry>>) -> Next {
    let Some(bad) = bad else { return Next::Read(reading.next().await) };
    match select(pin!(reading.next()), pin!(bad.recv())).await {
        Either::Left((read, _)) => Next::Read(read),
        Either::Right((Ok(bad), _)) => Next::Bad(bad),
        Either::Right((Err(_), read)) => Next::Read(read.await), // the list is over
    }
}

async fn read_all(
    session: &mut Session,
    shape: Shape,
    mut reading: Reading,
    list: Option<(&Inputs, &Receiver<BadEntry>)>,
) {
    let token = CancelToken::current();
    let mut taker = Taker { shape, held: Held::default() };
    loop {
        // The token is looked at first: where writing is slower than reading, there is always a file ready.
        let next = match select(token.cancelled(), pin!(next(&mut reading, list.map(|(_, bad)| bad)))).await {
            Either::Left((reason, _)) => {
                session.stop(Stop::Signal(reason));
                break;
            }
            Either::Right((next, _)) => next,
        };
        match next {
            Next::Read(None) => break,
            Next::Read(Some(result)) => {
                session.hold();
                taker.take(session, result).await;
                taker.take_ready(session, &mut reading).await;
                session.release().await;
            }
            Next::Bad(bad) => take_bad(session, bad).await,
        }
        if session.is_output_over() {
            break;
        }
    }
    if session.stopped().is_some() {
        count_pending(session, reading, list).await;
    }
}

/// Results taken in a row before anything else is looked at, such as Ctrl-C.
const TOGETHER: usize = 64;

/// Counts what is left of the list, and of the folders, as far as the grace allows.
async fn count_pending(
    session: &mut Session,
    mut reading: Reading,
    list: Option<(&Inputs, &Receiver<BadEntry>)>,
) {
    if let Some((inputs, bad)) = list {
        bad.close(); // the walk may be waiting for someone to take them
        session.report.pending(inputs.count_rest().await);
        inputs.close(); // the walk may be waiting for a list that does not end
    }
    let interrupted = matches!(session.stopped(), Some(Stop::Signal(_)));
    if interrupted && timeout(session.grace, reading.count_rest()).await.is_err() {
        session.report.warn("not all folders were walked: pending counts what was found");
    }
    session.report.pending(reading.pending());
}

/// Bad entries that wait to be told of.
const AHEAD: usize = 64;

/// Paths for the reader, which walks on a thread of its own, and the entries of the list that give none.
fn split(inputs: Arc<Inputs>) -> (impl Iterator<Item = PathBuf> + Send + 'static, Receiver<BadEntry>) {
    let (sender, bad) = async_channel::bounded(AHEAD);
    let paths =
        std::iter::from_fn(move || inputs.next_blocking()).filter_map(move |given: Given| match given {
            Ok(input) => Some(PathBuf::from(input.name)),
            Err(entry) => {
                let _ = sender.send_blocking(entry); // refused only once the run is over
                None
            }
        });
    (paths, bad)
}

impl Taker {
    /// Takes what is there already, so that their records are handed on together.
    async fn take_ready(&mut self, session: &mut Session, reading: &mut Reading) {
        for _ in 1..TOGETHER {
            match reading.next().now_or_never() {
                Some(Some(result)) => self.take(session, result).await,
                _ => return, // the end comes again
            }
            if session.is_output_over() {
                return;
            }
        }
    }

    async fn take(&mut self, session: &mut Session, result: Result<Part, ReadError>) {
        match result {
            Ok(Part::End(file)) => self.end(session, file).await,
            Ok(Part::Text { path, line, text }) => self.part(session, path, line, text).await,
            Ok(_) => {} // bytes are not asked for in parts
            Err(error) => {
                self.held.forget(error.path());
                let name = error.path().to_string_lossy().into_owned();
                let worked = match error.is_skipped() {
                    true => Worked::skipped(error.fact()),
                    false => Worked::failed(failure(&error)),
                };
                session.take(&name, worked).await;
            }
        }
    }

    async fn part(&mut self, session: &mut Session, path: Arc<Path>, line: u64, text: String) {
        if self.shape == Shape::Held {
            for record in self.held.part(path, line, text).await {
                session.record(record).await;
            }
            return;
        }
        for record in records::of_lines(&path, line, &text) {
            session.record(record).await;
        }
    }

    async fn end(&mut self, session: &mut Session, file: File) {
        let name = file.path().to_string_lossy().into_owned();
        let worked = match self.shape {
            Shape::Held => self.held.end(file, session).await,
            shape => records::of_file(shape, file),
        };
        session.take(&name, worked).await;
    }
}

/// The failure that an error of the reader is.
pub(crate) fn failure(error: &ReadError) -> Failure {
    let kind = error.kind().as_str().parse().unwrap_or(Kind::Io);
    let hint =
        if error.fact().ends_with("a FIFO") { "\n  hint: COMMAND | gather read - reads a pipe" } else { "" };
    Failure::of_path(error.path(), kind, format!("{}{hint}", error.fact()))
}

/// Whether a file of a folder is taken for a page.
pub(crate) fn is_page(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    extension.is_some_and(|extension| matches!(extension.as_str(), "html" | "htm" | "xhtml" | "xht"))
}
