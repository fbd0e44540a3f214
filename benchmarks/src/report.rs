//! What is printed: figures to stdout, everything else to stderr.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;

use crate::args::Args;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::frame::{Entry, Measured};
use crate::machine;
use crate::statistics::Spread;
use crate::work::Run;

/// Says on stderr what goes on.
pub(crate) struct Progress;

impl Progress {
    pub(crate) fn start(bench: &Bench, args: &Args) -> Self {
        if cfg!(debug_assertions) {
            note("warning: this is a debug build; its figures say nothing. hint: cargo run --release");
        }
        note(&format!(
            "{}: {}, {} runs of at least {:?} each",
            bench.name,
            bench.about,
            args.runs(),
            args.at_least()
        ));
        Self
    }

    pub(crate) fn input(&self, about: &str) {
        note(&format!("input: {about}"));
    }

    pub(crate) fn turn(&self, round: &str, part: &str, who: &str) {
        note(&format!("{round}: {part}, {who}"));
    }
}

/// A line to stderr; one that cannot be written is nobody's loss.
fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The message of what went wrong, and the exit code for it.
pub(crate) fn failure(error: &anyhow::Error) -> ExitCode {
    note(&format!("error: {error:#}"));
    ExitCode::FAILURE
}

/// Writes every run, in the order of the parts and of the contestants, as a line of JSON.
pub(crate) fn write_raw(file: &Path, bench: &Bench, measured: &[Measured]) -> anyhow::Result<()> {
    let mut lines = String::new();
    for Measured { part, entries, .. } in measured {
        for entry in entries {
            for (round, run) in (1..).zip(&entry.runs) {
                let raw = Raw { bench: bench.name, part: part.name, who: entry.who, round, run };
                lines += &serde_json::to_string(&raw)?;
                lines.push('\n');
            }
        }
    }
    std::fs::write(file, lines).with_context(|| format!("cannot write {}", file.display()))
}

/// One run of one contestant.
#[derive(Serialize)]
struct Raw<'a> {
    bench: &'static str,
    part: &'static str,
    who: &'static str,
    round: u32,
    #[serde(flatten)]
    run: &'a Run,
}

/// Everything that was measured.
pub(crate) struct Report<'a> {
    pub(crate) bench: &'static Bench,
    pub(crate) args: &'a Args,
    /// What the input was.
    pub(crate) input: &'a str,
    /// What was measured, part by part.
    pub(crate) measured: &'a [Measured],
    /// The system's load before the first run and after the last.
    pub(crate) load: (Option<f64>, Option<f64>),
}

/// One figure of one contestant.
#[derive(Debug, Serialize)]
struct Row {
    bench: &'static str,
    who: &'static str,
    figure: &'static str,
    unit: &'static str,
    median: f64,
    min: f64,
    max: f64,
    /// How many times better we are; 1 on our own row.
    ratio: f64,
}

impl Report<'_> {
    /// Prints a line of JSON per figure with `--json`, a table otherwise.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.args.json {
            for row in self.rows() {
                writeln!(out, "{}", serde_json::to_string(&row)?)?;
            }
        } else {
            self.print_circumstances(&mut out)?;
            print_table(&mut out, &self.rows())?;
        }
        Ok(out.flush()?)
    }

    /// The figures of each contestant, figure by figure.
    fn rows(&self) -> Vec<Row> {
        let rows = |measured: &Measured| -> Vec<Row> {
            measured.part.figures.iter().flat_map(|&figure| self.rows_of(figure, &measured.entries)).collect()
        };
        self.measured.iter().flat_map(rows).collect()
    }

    fn rows_of(&self, figure: Figure, entries: &[Entry]) -> Vec<Row> {
        let spread = |entry: &Entry| Spread::of(entry.runs.iter().map(|run| figure.of(run)));
        let ours = entries.first().map_or(0.0, |entry| spread(entry).median);
        let row = |entry: &Entry| {
            let Spread { median, min, max } = spread(entry);
            Row {
                bench: self.bench.name,
                who: entry.who,
                figure: figure.name,
                unit: figure.unit,
                median: round(median),
                min: round(min),
                max: round(max),
                ratio: (figure.ratio(ours, median) * 1000.0).round() / 1000.0,
            }
        };
        entries.iter().map(row).collect()
    }

    fn print_circumstances(&self, out: &mut impl Write) -> std::io::Result<()> {
        let load = |load: Option<f64>| load.map_or("unknown".to_owned(), |load| format!("{load:.2}"));
        writeln!(out, "{}: {}", self.bench.name, self.bench.about)?;
        writeln!(out, "input     {}", self.input)?;
        writeln!(out, "runs      {} of at least {:?}, in turns", self.args.runs(), self.args.at_least())?;
        writeln!(out, "machine   {}", machine::describe())?;
        writeln!(out, "load      {} before, {} after", load(self.load.0), load(self.load.1))?;
        writeln!(out, "commit    {}", machine::commit())?;
        writeln!(out, "versions  {}", machine::versions(self.bench.packages))?;
        writeln!(out)
    }
}

fn print_table(out: &mut impl Write, rows: &[Row]) -> std::io::Result<()> {
    let names = ["figure", "unit", "who"];
    let width = |of: fn(&Row) -> usize, name: &str| rows.iter().map(of).max().unwrap_or(0).max(name.len());
    let (figure, unit, who) = (
        width(|row| row.figure.len(), names[0]),
        width(|row| row.unit.len(), names[1]),
        width(|row| row.who.len(), names[2]),
    );
    writeln!(
        out,
        "{:figure$}  {:unit$}  {:who$}  {:>12} {:>12} {:>12} {:>7}",
        names[0], names[1], names[2], "median", "min", "max", "ratio"
    )?;
    for row in rows {
        writeln!(
            out,
            "{:figure$}  {:unit$}  {:who$}  {:>12} {:>12} {:>12} {:>7.2}",
            row.figure,
            row.unit,
            row.who,
            grouped(row.median),
            grouped(row.min),
            grouped(row.max),
            row.ratio
        )?;
    }
    Ok(())
}

/// Four digits are enough for what is measured; more would pretend.
fn round(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powf(3.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

/// A number with commas between the thousands, and decimals only where it is small.
fn grouped(value: f64) -> String {
    if value < 1000.0 {
        return format!("{value}");
    }
    let digits = format!("{value:.0}");
    let group = |(at, digit): (usize, char)| {
        let comma = at > 0 && (digits.len() - at).is_multiple_of(3);
        comma.then_some(',').into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_are_kept() {
        assert_eq!([round(123_456.0), round(1.23456), round(0.0)], [123_500.0, 1.235, 0.0]);
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([grouped(999.5), grouped(1000.0), grouped(1_234_567.0)], ["999.5", "1,000", "1,234,567"]);
    }
}
