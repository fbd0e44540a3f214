//! `gather recipe check|test|schema`: does a recipe hold, does it give the records it should, what can it say.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use gather_core::{Lane, to_thread_in};
use gather_records::{Record, Value, WholeFile, escape_terminal};
use gather_scraper::{Page, RECIPE_SCHEMA, Recipe};

use crate::args::{RecipeCheck, RecipeCommand, RecipeTest};
use crate::commands::read::is_page;
use crate::exit::{Exit, usage, usage_error};
use crate::progress::say;
use crate::saved::{self, Entry};

pub(crate) async fn run(command: RecipeCommand) -> anyhow::Result<Exit> {
    let lane = Lane::Cpu;
    match command {
        RecipeCommand::Check(args) => check(&args),
        RecipeCommand::Test(args) => to_thread_in(lane, move || test(&args)).await?,
        RecipeCommand::Schema => print(RECIPE_SCHEMA).map(|()| Exit::Done),
    }
}

/// Says of each file whether it holds; all are looked at.
fn check(args: &RecipeCheck) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    for path in &args.files {
        match read(path) {
            Ok(recipe) => print(&format!("{}: ok, {}\n", path.display(), fields_of(&recipe)))?,
            Err(error) => {
                say(&format!("error: {error:#}"));
                exit = Exit::Usage;
            }
        }
    }
    Ok(exit)
}

fn fields_of(recipe: &Recipe) -> String {
    match recipe.field_names().as_slice() {
        [] => "the columns of the table".to_owned(),
        names => names.join(", "),
    }
}

fn read(path: &Path) -> anyhow::Result<Recipe> {
    let text = fs::read_to_string(path).map_err(|error| {
        usage(format!("cannot read the recipe {}: {error}", path.display()), "name a file in TOML")
    })?;
    text.parse().map_err(|error| usage_error(format!("{}: {error}", path.display())))
}

fn test(args: &RecipeTest) -> anyhow::Result<Exit> {
    let recipe = read(&args.file)?;
    let folder = args.file.with_extension("test");
    let pages = pages(&folder)?;
    let index = match saved::index(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(usage_error(format!("{}/index.jsonl: {error}", folder.display())));
        }
        index => index.unwrap_or_default(),
    };
    let mut failed = 0;
    for page in &pages {
        let said = match Case::of(page, &recipe, &index) {
            Ok(case) if args.update => case.update()?,
            Ok(case) => case.compare(),
            Err(error) => Said::Failed(format!("{error:#}")),
        };
        failed += usize::from(matches!(said, Said::Failed(_)));
        print(&said.of(page))?;
    }
    print(&format!("{}: {} ok, {failed} failed\n", count(pages.len(), "page"), pages.len() - failed))?;
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

/// The saved pages of a recipe, by name.
fn pages(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let hint = format!(
        "put pages there as NAME.html, and run with --update; gather fetch --output-dir {} URL saves them",
        folder.display()
    );
    let entries = fs::read_dir(folder).map_err(|error| {
        usage(format!("cannot read the folder of pages {}: {error}", folder.display()), &hint)
    })?;
    let paths: Vec<_> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    let mut pages: Vec<_> =
        paths.into_iter().filter(|path| is_page(path) || has_extension(path, "json")).collect();
    pages.sort();
    if pages.is_empty() {
        return Err(usage(format!("there is no page in {}", folder.display()), hint));
    }
    Ok(pages)
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

/// A page, and what the recipe made of it.
struct Case {
    expected: PathBuf,
    records: Vec<Record>,
}

/// What came of a page.
enum Said {
    Ok(String),
    Failed(String),
}

impl Case {
    fn of(page: &Path, recipe: &Recipe, index: &[Entry]) -> anyhow::Result<Self> {
        let name = page.file_name().unwrap_or_default();
        let entry = index.iter().rev().find(|entry| Path::new(&entry.file) == name);
        let mut builder = Page::builder();
        if let Some(entry) = entry {
            builder = builder.url(&entry.final_url);
        }
        if let Some(date) = entry.and_then(Entry::date) {
            builder = builder.date(date);
        }
        if let Some(content_type) = entry.and_then(|entry| entry.content_type.as_deref()) {
            builder = builder.content_type(content_type);
        } else if has_extension(page, "json") {
            builder = builder.content_type("application/json");
        }
        let extraction = builder.build(fs::read(page)?)?.records(recipe)?;
        if let Some(dropped) = extraction.dropped.first() {
            anyhow::bail!("{dropped}");
        }
        Ok(Self { expected: page.with_extension("jsonl"), records: extraction.records })
    }

    fn count(&self) -> String {
        count(self.records.len(), "record")
    }

    fn update(&self) -> anyhow::Result<Said> {
        let text: String = self.records.iter().map(|record| format!("{record}\n")).collect();
        if fs::read_to_string(&self.expected).is_ok_and(|there| there == text) {
            return Ok(Said::Ok(format!("{}, unchanged", self.count())));
        }
        let written = WholeFile::create(&self.expected).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.commit()
        });
        written.with_context(|| format!("cannot write {}", self.expected.display()))?;
        Ok(Said::Ok(format!("{}, written to {}", self.count(), self.expected.display())))
    }

    fn compare(&self) -> Said {
        let expected = match self.expected() {
            Ok(expected) => expected,
            Err(error) => return Said::Failed(format!("{error:#}")),
        };
        let differences = differences(&expected, &self.records);
        if differences.is_empty() { Said::Ok(self.count()) } else { Said::Failed(differences.join("\n")) }
    }

    fn expected(&self) -> anyhow::Result<Vec<Record>> {
        let shown = self.expected.display();
        let text = fs::read_to_string(&self.expected)
            .with_context(|| format!("cannot read the expected records {shown} (--update writes them)"))?;
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines
            .map(|(at, line)| serde_json::from_str(line).with_context(|| format!("{shown}, line {}", at + 1)))
            .collect()
    }
}

impl Said {
    fn of(self, page: &Path) -> String {
        let (word, text) = match self {
            Said::Ok(text) => ("ok", text),
            Said::Failed(text) => ("FAILED", text),
        };
        let mut lines = text.lines().map(escape_terminal);
        let first = lines.next().unwrap_or_default();
        let rest: String = lines.map(|line| format!("    {line}\n")).collect();
        match word {
            "ok" => format!("ok     {}: {first}\n", page.display()),
            _ => format!("{word} {}\n    {first}\n{rest}", page.display()),
        }
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// What differs, a line each, records in their order.
fn differences(expected: &[Record], got: &[Record]) -> Vec<String> {
    let mut said = Vec::new();
    for at in 0..expected.len().max(got.len()) {
        let number = at + 1;
        match (expected.get(at), got.get(at)) {
            (Some(expected), Some(got)) => said.extend(of_fields(number, expected, got)),
            (Some(expected), None) => said.push(format!("record {number} is missing\n  - {expected}")),
            (None, Some(got)) => said.push(format!("record {number} is one too many\n  + {got}")),
            (None, None) => {}
        }
    }
    said
}

fn of_fields(number: usize, expected: &Record, got: &Record) -> Vec<String> {
    let more = got.names().filter(|name| expected.get(name).is_none());
    let differing = expected.names().chain(more).filter(|name| expected.get(name) != got.get(name));
    let shown = |value: Option<&Value>| value.map_or_else(|| "(no such field)".to_owned(), Value::to_string);
    differing
        .map(|name| {
            let (expected, got) = (shown(expected.get(name)), shown(got.get(name)));
            format!("record {number}, {name}\n  - {expected}\n  + {got}")
        })
        .collect()
}

/// Results go to stdout; that nobody reads it is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
