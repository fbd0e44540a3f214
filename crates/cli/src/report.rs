//! The account of a run: counts, failures by kind, warnings, the summary.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use gather_core::now;
use gather_fetch::without_password;
use gather_records::{Failure, Summary, escape_terminal};
use gather_scraper::Stats;

use crate::input::is_url;
use crate::progress::{Progress, Standing};
use crate::units::{human_bytes, human_duration};

/// How much is said on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loudness {
    /// Failed inputs only.
    Quiet,
    /// Warnings and the summary too.
    Normal,
    /// Each input as it is done.
    Verbose,
}

pub(crate) struct Report {
    pub(crate) summary: Summary,
    started: Instant,
    progress: Progress,
    loudness: Loudness,
    warned: BTreeSet<String>,
    stats: Stats,
}

/// Different warnings are kept apart up to so many; after that nobody reads them.
const WARNINGS_KEPT: usize = 1_000;

impl Report {
    pub(crate) fn new(progress: Progress, loudness: Loudness) -> Self {
        Self {
            summary: Summary::default(),
            started: now(),
            progress,
            loudness,
            warned: BTreeSet::new(),
            stats: Stats::default(),
        }
    }

    pub(crate) fn ok(&mut self, input: &str, bytes: u64) {
        self.summary.inputs += 1;
        self.summary.ok += 1;
        self.summary.bytes += bytes;
        let shown = without_password(input);
        self.verbose(format_args!("{}: ok, {}", escape_terminal(&shown), human_bytes(bytes)));
        self.show();
    }

    pub(crate) fn failed(&mut self, failure: &Failure) {
        self.summary.inputs += 1;
        *self.summary.by_kind.entry(failure.kind).or_default() += 1;
        if failure.kind.is_refused() {
            self.summary.refused += 1;
        } else {
            self.summary.failed += 1;
        }
        self.name(failure);
        self.show();
    }

    /// Says a failure without counting it.
    pub(crate) fn name(&self, failure: &Failure) {
        self.progress.say(&named(failure));
    }

    pub(crate) fn skipped(&mut self, input: &str, why: &str) {
        self.summary.inputs += 1;
        self.summary.skipped += 1;
        self.verbose(format_args!("{}: skipped, {why}", escape_terminal(input)));
    }

    pub(crate) fn pending(&mut self, count: u64) {
        self.summary.inputs += count;
        self.summary.pending += count;
    }

    /// Says something that must be said.
    pub(crate) fn say(&self, text: &str) {
        self.progress.say(text);
    }

    /// Says something once that is no failure.
    pub(crate) fn warn(&mut self, warning: &str) {
        if self.loudness == Loudness::Quiet || self.warned.len() >= WARNINGS_KEPT {
            return;
        }
        if self.warned.insert(warning.to_owned()) {
            self.progress.say(&format!("warning: {warning}"));
        }
    }

    /// Adds how well the fields of a page were filled.
    pub(crate) fn fields(&mut self, stats: &Stats) {
        self.stats.merge(stats);
        self.summary.records = Some(self.stats.records);
        self.summary.records_dropped = Some(self.stats.dropped);
    }

    /// A record that had been counted does not go to the output.
    pub(crate) fn drop_record(&mut self) {
        self.stats.dropped += 1;
        self.stats.records = self.stats.records.saturating_sub(1);
        self.summary.records_dropped = Some(self.stats.dropped);
        self.summary.records = self.summary.records.map(|records| records.saturating_sub(1));
    }

    /// Whether any input failed or was refused, or a record was dropped.
    pub(crate) fn has_failures(&self) -> bool {
        self.summary.failed + self.summary.refused + self.summary.records_dropped.unwrap_or(0) > 0
    }

    /// Closes the account and says the summary.
    pub(crate) fn close(&mut self) -> &Summary {
        self.summary.seconds = self.elapsed().as_secs_f64();
        for warning in self.stats.warnings() {
            self.warn(&warning);
        }
        self.summary.fields = std::mem::take(&mut self.stats).fields;
        self.progress.clear();
        if self.loudness != Loudness::Quiet {
            self.progress.say(&self.in_words());
        }
        &self.summary
    }

    fn elapsed(&self) -> Duration {
        now() - self.started
    }

    fn in_words(&self) -> String {
        let Summary { ok, failed, refused, skipped, pending, bytes, by_kind, .. } = &self.summary;
        let mut parts = vec![format!("{ok} ok")];
        for (count, name) in
            [(failed, "failed"), (refused, "refused"), (skipped, "skipped"), (pending, "pending")]
        {
            if *count > 0 {
                parts.push(format!("{count} {name}"));
            }
        }
        let mut text = parts.join(", ");
        if !by_kind.is_empty() {
            let kinds: Vec<String> = by_kind.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            text.push_str(&format!(" ({})", kinds.join(", ")));
        }
        if let Some(records) = self.summary.records {
            text.push_str(&format!("; {records} {}", if records == 1 { "record" } else { "records" }));
        }
        if let Some(dropped) = self.summary.records_dropped.filter(|dropped| *dropped > 0) {
            text.push_str(&format!(", {dropped} dropped"));
        }
        format!("{text}; {} in {}", human_bytes(*bytes), human_duration(self.elapsed()))
    }

    fn verbose(&self, text: std::fmt::Arguments<'_>) {
        if self.loudness == Loudness::Verbose {
            self.progress.say(&text.to_string());
        }
    }

    /// Shows how far a crawl is.
    pub(crate) fn show_crawl(&self, done: u64, failed: u64, bytes: u64) {
        self.progress.show(Standing { done, failed, bytes });
    }

    fn show(&self) {
        let Summary { ok, failed, refused, bytes, .. } = self.summary;
        self.progress.show(Standing { done: ok, failed: failed + refused, bytes });
    }
}

/// What became of an input, under its name.
fn named(failure: &Failure) -> String {
    let input = without_password(&failure.input);
    let shown = if input.is_empty() { "''".into() } else { escape_terminal(&input) };
    match names(&failure.message, &input) {
        true => failure.message.replace(&*input, &shown),
        false => format!("{shown}: {}", failure.message),
    }
}

/// Whether a message says itself what it is about: those of the client name their URL, wherever it stands. A file may be called as
/// any word is.
pub(crate) fn names(message: &str, input: &str) -> bool {
    let is_quoted = || ['"', '`'].iter().any(|quote| message.contains(&format!("{quote}{input}{quote}")));
    let begins = message.strip_prefix(input).is_some_and(|rest| rest.starts_with(": "));
    begins || is_quoted() || (is_url(input) && message.contains(input))
}

#[cfg(test)]
mod tests {
    use gather_records::Kind;

    use super::*;

    fn said(input: &str, message: &str) -> String {
        named(&Failure::new(input, Kind::Io, message))
    }

    #[test]
    fn an_input_is_named_once_whatever_its_name() {
        assert_eq!(said("no", "no such file"), "no: no such file");
        assert_eq!(said("", "no such file"), "'': no such file");
        assert_eq!(said("a.xml", "a.xml: not a sitemap"), "a.xml: not a sitemap");
        assert_eq!(said("x", "bad url \"x\": no base"), "bad url \"x\": no base");
        assert_eq!(said("http://h/", "GET http://h/: refused"), "GET http://h/: refused");
    }

    #[test]
    fn a_name_cannot_begin_a_line() {
        assert_eq!(said("a\nerror: b", "gone\n  hint: x"), "a\\nerror: b: gone\n  hint: x");
        assert_eq!(said("a\nb", "a\nb: gone"), "a\\nb: gone");
    }
}
