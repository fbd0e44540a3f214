//! One run of a command: where its records go, its account, and why it stopped.

use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use gather_core::{CancelToken, Reason, to_thread};
use gather_records::{
    Column, ColumnType, ErrorKind, Failure, Format, Kind, Record, Sink, SinkError, Style, TableSink, Target,
    WholeFile, plain,
};
use gather_scraper::Recipe;

use crate::args::{FormatName, Shared};
use crate::cookies::CookieFile;
use crate::exit::{Exit, usage, usage_error};
use crate::output::{Flow, Outlet, Patience};
use crate::progress::Progress;
use crate::report::{Loudness, Report};
use crate::worked::{End, Part, Worked};

/// What ended a run before its inputs did.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// The process was told to.
    Signal(Reason),
    /// Nobody reads the output any more.
    OutputClosed,
    /// The output cannot be written.
    OutputFailed,
}

/// How a command's records look as text, and which columns a table of them has.
pub(crate) struct Look {
    pub(crate) text: fn(&Record) -> String,
    pub(crate) columns: Option<Vec<String>>,
    /// Whether few records hold more than the columns.
    pub(crate) more_columns: bool,
}

pub(crate) struct Session {
    pub(crate) jobs: NonZeroUsize,
    pub(crate) ordered: bool,
    pub(crate) grace: Duration,
    pub(crate) report: Report,
    /// Whether the records go to a table, whose columns are known before.
    pub(crate) is_table: bool,
    output: Option<Outlet>,
    /// What rows of a table are told apart by.
    key: Option<String>,
    errors: Option<Outlet>,
    /// Opened with the others, so that a place that cannot be written to is known before any work.
    summary: Option<Sink>,
    cookies: Option<CookieFile>,
    stopped: Option<Stop>,
    /// After the grace nobody took the results: there is no use in making more.
    is_stuck: bool,
    broken_by: Option<anyhow::Error>,
    /// What a command adds to the summary.
    pub(crate) more: Record,
}

impl Session {
    /// Opens the outputs, before any work is begun.
    ///
    /// # Errors
    /// A format that cannot be told, an output that cannot be written.
    pub(crate) async fn open(shared: &Shared, look: Look) -> anyhow::Result<Self> {
        let rows = Rows::of(&look, &[], None);
        Self::with_rows(shared, look, rows).await
    }

    /// The same for the records of a recipe, which says what a table of them holds and which field is their key.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) async fn open_for(shared: &Shared, look: Look, recipe: &Recipe) -> anyhow::Result<Self> {
        let rows = Rows::of(&look, &recipe.columns(), recipe.key());
        Self::with_rows(shared, look, rows).await
    }

    /// The same for records of which each page gives one: without a key of the recipe they are told apart by their page.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) async fn open_for_pages(shared: &Shared, look: Look, recipe: &Recipe) -> anyhow::Result<Self> {
        let rows = Rows::of(&look, &recipe.columns(), Some(recipe.key().unwrap_or("_source")));
        Self::with_rows(shared, look, rows).await
    }

    async fn with_rows(shared: &Shared, look: Look, rows: Rows) -> anyhow::Result<Self> {
        let Some(target) = database(shared)? else {
            let output = Outlet::new(open_output(shared, look)?, patience(shared));
            return Self::with_output(shared, Some(output));
        };
        let key = rows.key.clone();
        let output = Outlet::table(open_table(shared, &target, rows).await?);
        Ok(Self { key, ..Self::with_output(shared, Some(output))? })
    }

    /// The format of the results, as the options say.
    ///
    /// # Errors
    /// A format that cannot be told.
    pub(crate) fn format(shared: &Shared) -> anyhow::Result<Format> {
        match &shared.out {
            None => Ok(shared.format.map_or_else(default_format, Format::from)),
            Some(_) if database(shared)?.is_some() => Ok(Format::Jsonl), // records, one by one
            Some(out) => format_of(&file_target(out)?, shared.format),
        }
    }

    /// A session that gives no records: the command writes its result itself.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn without_records(shared: &Shared) -> anyhow::Result<Self> {
        Self::with_output(shared, None)
    }

    fn with_output(shared: &Shared, output: Option<Outlet>) -> anyhow::Result<Self> {
        let errors = shared.errors.as_ref().map(|path| open_file(path, Format::Jsonl)).transpose()?;
        let progress = Progress::new(shared.progress, shared.quiet);
        Ok(Self {
            jobs: shared.jobs,
            ordered: shared.ordered,
            grace: shared.grace,
            report: Report::new(progress, loudness(shared)),
            is_table: matches!(Self::format(shared), Ok(Format::Csv | Format::Tsv)),
            output,
            key: None,
            errors: errors.map(|sink| Outlet::new(sink, None)),
            summary: shared.summary.as_ref().map(|path| open_file(path, Format::Jsonl)).transpose()?,
            cookies: None,
            stopped: None,
            is_stuck: false,
            broken_by: None,
            more: Record::new(),
        })
    }

    /// Writes these cookies when the run is over, however it ends.
    pub(crate) fn saves(&mut self, cookies: Option<CookieFile>) {
        self.cookies = cookies;
    }

    /// Takes what an input gave, or a part of it, before it is done.
    pub(crate) async fn give(&mut self, part: Part) {
        if let Some(stats) = &part.stats {
            self.report.fields(stats);
        }
        for record in part.records {
            self.record(record).await;
        }
        for dropped in part.dropped {
            self.note(dropped).await;
        }
        for warning in &part.warnings {
            self.report.warn(warning);
        }
    }

    /// Takes what became of an input: its records to the output, its end to the account.
    pub(crate) async fn take(&mut self, input: &str, worked: Worked) {
        let _room = worked.room; // given back when all of it is written
        self.give(worked.part).await;
        match worked.end {
            End::Ok { bytes } => self.report.ok(input, bytes),
            End::Skipped(why) => self.report.skipped(input, &why),
            End::Failed(failure) => self.fail(*failure).await,
        }
    }

    /// Records may wait for each other until [`release`](Self::release): more are about to come.
    pub(crate) fn hold(&mut self) {
        if let Some(output) = &mut self.output {
            output.hold();
        }
    }

    /// Hands on the records that waited.
    pub(crate) async fn release(&mut self) {
        let Some(output) = &mut self.output else { return };
        let flow = output.release().await;
        self.written(flow);
    }

    /// Notes whether the output takes more.
    fn written(&mut self, flow: Result<Flow, SinkError>) {
        match flow {
            Ok(Flow::Open) => {}
            Ok(Flow::Closed) => self.stop(Stop::OutputClosed),
            Ok(Flow::Stuck) => self.stuck(),
            Err(error) => self.output_failed(error, "the results"),
        }
    }

    fn stuck(&mut self) {
        self.is_stuck = true;
        self.note_signal();
        self.report.warn("nobody took the results: the last records are not written");
    }

    /// Writes one record. An output that takes no more stops the run.
    pub(crate) async fn record(&mut self, record: Record) {
        if let Some(failure) = self.without_key(&record) {
            self.report.drop_record();
            return self.note(failure).await;
        }
        let Some(output) = &mut self.output else { return };
        let flow = output.write(record).await;
        self.written(flow);
    }

    /// What has no key cannot be told from what is there: each run would add it once more.
    fn without_key(&self, record: &Record) -> Option<Failure> {
        let key = self.key.as_ref()?;
        if record.get(key).is_some_and(|value| !value.is_null()) {
            return None;
        }
        let source = record.get("_source").map(plain);
        let input = record.get("_input").map(plain).or_else(|| source.clone()).unwrap_or_default();
        let fact = format!("a record is dropped: its key `{key}` is null, and rows are told apart by it");
        // Who led to the page is not known here.
        Some(Failure { source, ..Failure::new(input, Kind::Parse, fact) })
    }

    /// Counts a failure, says it, and keeps it in the file of `--errors`.
    pub(crate) async fn fail(&mut self, failure: Failure) {
        self.report.failed(&failure);
        self.keep(failure).await;
    }

    /// Keeps a failure in the file of `--errors` and names it, without counting an input.
    async fn note(&mut self, failure: Failure) {
        self.report.name(&failure);
        self.keep(failure).await;
    }

    /// Keeps a failure in the file of `--errors`, without a word.
    pub(crate) async fn keep(&mut self, failure: Failure) {
        let Some(errors) = &mut self.errors else { return };
        if let Err(error) = errors.write(failure.into()).await {
            self.output_failed(error, "the file of --errors");
        }
    }

    /// Writes no more records: who reads them is stuck, and the run is to end.
    pub(crate) fn abandon_output(&mut self) {
        self.output = None;
    }

    fn output_failed(&mut self, error: SinkError, what: &str) {
        self.broke(anyhow::Error::new(error).context(format!("cannot write {what}")));
        self.stop(Stop::OutputFailed);
    }

    /// Notes what went wrong with the whole run, for `finish` to say; the first one stays.
    pub(crate) fn broke(&mut self, error: anyhow::Error) {
        self.broken_by.get_or_insert(error);
    }

    /// Notes why the run stops; the first reason stays.
    pub(crate) fn stop(&mut self, stop: Stop) {
        if let (Stop::Signal(_), Some(output)) = (&stop, &mut self.output) {
            output.stop();
        }
        self.stopped.get_or_insert(stop);
    }

    /// The same of a signal, if there was one.
    pub(crate) fn note_signal(&mut self) {
        if let Some(reason) = CancelToken::current().reason() {
            self.stop(Stop::Signal(reason));
        }
    }

    pub(crate) fn stopped(&self) -> Option<&Stop> {
        self.stopped.as_ref()
    }

    /// Whether the output takes no more, so that there is no use in going on.
    pub(crate) fn is_output_over(&self) -> bool {
        self.is_stuck || matches!(self.stopped, Some(Stop::OutputClosed | Stop::OutputFailed))
    }

    /// Completes the outputs, says the summary and tells the exit code.
    ///
    /// # Errors
    /// A summary that could not be written. An output that could not be is said, before the summary.
    pub(crate) async fn finish(mut self) -> anyhow::Result<Exit> {
        if let Some(flow) = finish(self.output.as_mut()).await {
            self.written(flow);
        }
        if let Some(Err(error)) = finish(self.errors.as_mut()).await {
            self.output_failed(error, "the file of --errors");
        }
        if let Some(cookies) = self.cookies.take() {
            let saved = to_thread(move || cookies.save()).await;
            saved.map_err(anyhow::Error::from).flatten().unwrap_or_else(|error| self.broke(error));
        }
        let broken_by = self.broken_by.take();
        if let Some(error) = &broken_by {
            self.report.say(&format!("error: {error:#}"));
        }
        let summary = self.report.close();
        if let Some(mut sink) = self.summary.take() {
            let mut record = summary.to_record();
            for (name, value) in std::mem::take(&mut self.more).into_map() {
                record.insert(name, value);
            }
            let written = sink.write(&record).and_then(|()| sink.finish());
            written.context("cannot write the file of --summary")?;
        }
        let exit = self.exit();
        Ok(if broken_by.is_some() { exit.max(Exit::Failed) } else { exit })
    }

    fn exit(&self) -> Exit {
        let signal = match &self.stopped {
            Some(Stop::Signal(reason)) => reason.signal(),
            _ => None,
        };
        match signal {
            Some(signal) => signal.into(),
            None if self.report.has_failures() => Exit::Failed,
            None if matches!(self.stopped, Some(Stop::OutputClosed)) => Exit::OutputClosed,
            None => Exit::Done,
        }
    }
}

async fn finish(outlet: Option<&mut Outlet>) -> Option<Result<Flow, SinkError>> {
    match outlet {
        Some(outlet) => Some(outlet.finish().await),
        None => None,
    }
}

/// Files are waited for as long as the disk takes; a pipe may have nobody at its other end.
fn patience(shared: &Shared) -> Option<Patience> {
    let is_file = shared.out.as_ref().is_some_and(|out| !Sink::is_device(Path::new(out)));
    (!is_file).then(|| Patience::new(shared.grace))
}

fn loudness(shared: &Shared) -> Loudness {
    match (shared.quiet, shared.verbose) {
        (true, _) => Loudness::Quiet,
        (_, true) => Loudness::Verbose,
        _ => Loudness::Normal,
    }
}

/// The sink for the results, as the options say.
fn open_output(shared: &Shared, look: Look) -> anyhow::Result<Sink> {
    let Look { text, columns, more_columns } = look;
    let style = Style { text: Some(text), columns, more_columns, defuse_formulas: shared.csv_safe };
    let Some(out) = &shared.out else {
        let format = shared.format.map_or_else(default_format, Format::from);
        return Ok(Sink::stdout(format, style));
    };
    let path = file_target(out)?;
    let format = format_of(&path, shared.format)?;
    let opened =
        if shared.append { Sink::append(&path, format, style) } else { Sink::file(&path, format, style) };
    opened.map_err(|error| usage_error(format!("cannot write to {error}")))
}

/// The database that `-o` names, if it names one.
///
/// # Errors
/// A format, which means nothing to a table.
pub(crate) fn database(shared: &Shared) -> anyhow::Result<Option<Target>> {
    match shared.out.as_deref().map(Target::parse) {
        None | Some(Target::File(_)) => Ok(None),
        Some(_) if shared.format.is_some() => {
            Err(usage("--format means nothing to a table", "leave it out, or name a file with -o"))
        }
        target => Ok(target),
    }
}

/// What a table is made of.
struct Rows {
    columns: Vec<Column>,
    key: Option<String>,
}

impl Rows {
    /// The columns of the look, holding what is known of them.
    fn of(look: &Look, typed: &[Column], key: Option<&str>) -> Self {
        let names = look.columns.iter().flatten();
        let columns = names.map(|name| match typed.iter().find(|column| column.name == *name) {
            Some(column) => column.clone(),
            None => of_every_record(name),
        });
        Self { columns: columns.collect(), key: key.map(str::to_owned) }
    }
}

/// A column that is no field of a recipe; what those of commands hold is told by their first values.
fn of_every_record(name: &str) -> Column {
    match name {
        "_source" | "_input" | "_detail" | "_fetched_at" => Column::new(name).holding(ColumnType::Text),
        "_status" => Column::new(name).holding(ColumnType::Integer),
        _ => Column::new(name),
    }
}

async fn open_table(shared: &Shared, target: &Target, rows: Rows) -> anyhow::Result<TableSink> {
    let mut builder = TableSink::builder().columns(rows.columns).append(shared.append);
    if let Some(key) = rows.key {
        builder = builder.key(key);
    }
    builder.open(target).await.map_err(|error| match error.kind() {
        ErrorKind::Occupied => usage(
            format!("cannot write to {error}"),
            "--append adds to them; a recipe with `key` brings them up to date; or name another table with #TABLE",
        ),
        _ => usage_error(format!("cannot write to {error}")),
    })
}

/// The file that `-o` names.
///
/// # Errors
/// A database.
pub(crate) fn file_target(out: &str) -> anyhow::Result<PathBuf> {
    match Target::parse(out) {
        Target::File(path) => Ok(path),
        other => Err(usage(format!("{other} is a table, and this is no record"), "name a file with -o")),
    }
}

/// Writes a document that is no stream of records to where the results go: stdout, or a file that appears whole.
///
/// # Errors
/// An output that cannot be written.
pub(crate) fn write_document(shared: &Shared, text: &[u8]) -> anyhow::Result<()> {
    let Some(out) = &shared.out else {
        let mut stdout = std::io::stdout().lock();
        return match stdout.write_all(text).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        };
    };
    let path = file_target(out)?;
    if Sink::is_device(&path) {
        return Ok(std::fs::write(&path, text)?);
    }
    let mut file = WholeFile::create(&path)?;
    file.write_all(text)?;
    Ok(file.commit()?)
}

fn open_file(path: &Path, format: Format) -> anyhow::Result<Sink> {
    Sink::file(path, format, Style::default())
        .map_err(|error| usage_error(format!("cannot write to {error}")))
}

fn default_format() -> Format {
    if std::io::stdout().is_terminal() { Format::Text } else { Format::Jsonl }
}

fn format_of(path: &Path, asked: Option<FormatName>) -> anyhow::Result<Format> {
    if let Some(format) = asked {
        return Ok(format.into());
    }
    if Sink::is_device(path) {
        return Ok(Format::Jsonl);
    }
    Format::from_path(path).ok_or_else(|| {
        let shown = path.display();
        let hint = match path.extension().and_then(|extension| extension.to_str()) {
            Some("html" | "htm" | "xml" | "pdf" | "png" | "jpg" | "gz" | "zip") => {
                format!("-o takes the records; for the bytes of a page: gather fetch --body URL > {shown}")
            }
            _ => "name it .jsonl, .json, .csv or .tsv (also .gz behind it), or give --format".to_owned(),
        };
        usage(format!("the format of `{shown}` cannot be told from its name"), hint)
    })
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Text => Format::Text,
            FormatName::Jsonl => Format::Jsonl,
            FormatName::Json => Format::Json,
            FormatName::Csv => Format::Csv,
            FormatName::Tsv => Format::Tsv,
        }
    }
}
