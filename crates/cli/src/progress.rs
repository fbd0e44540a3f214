//! Progress on stderr, and the messages that must not tear it.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gather_records::escape_terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::When;
use crate::units::human_bytes;

/// A line on stderr that says how far the work is, or nothing.
pub(crate) struct Progress {
    bar: ProgressBar,
    shown: bool,
}

/// What the line says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) done: u64,
    pub(crate) failed: u64,
    pub(crate) bytes: u64,
}

impl Progress {
    pub(crate) fn new(when: When, quiet: bool) -> Self {
        let shown = match when {
            When::Always => true,
            When::Auto => !quiet && std::io::stderr().is_terminal(),
            When::Never => false,
        };
        let bar =
            if shown { ProgressBar::with_draw_target(None, target(when)) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]") {
            bar.set_style(style);
        }
        if shown {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar, shown }
    }

    pub(crate) fn show(&self, standing: Standing) {
        if !self.shown {
            return;
        }
        let Standing { done, failed, bytes } = standing;
        let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        self.bar.set_message(format!("{done} done{failed}, {}", human_bytes(bytes)));
    }

    /// Writes a line to stderr, above the progress. Control characters are made visible.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| say(line));
    }

    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn target(when: When) -> ProgressDrawTarget {
    // indicatif draws on terminals that can move only; `always` asks for lines in a log as well.
    let terminal = ProgressDrawTarget::stderr();
    if when == When::Always && terminal.is_hidden() {
        ProgressDrawTarget::term_like(Box::new(LogLines::default()))
    } else {
        terminal
    }
}

/// Writes a message to stderr with control characters made visible. A closed stderr is nobody's failure.
pub(crate) fn say(text: &str) {
    let mut stderr = std::io::stderr().lock();
    for line in lines(text) {
        let _ = writeln!(stderr, "{}", escape_terminal(line));
    }
}

/// The lines of a message. Those after the first are indented; a line end that none of ours follows is part of a name or a value.
fn lines(text: &str) -> Vec<&str> {
    let ends = text.match_indices("\n  ").map(|(at, _)| at);
    let mut lines = Vec::new();
    let mut begin = 0;
    for end in ends.chain([text.len()]) {
        lines.extend(text.get(begin..end));
        begin = end + 1;
    }
    lines
}

/// A "terminal" that takes whole lines, one a second at most, for logs.
#[derive(Debug, Default)]
struct LogLines {
    written: Mutex<Option<Instant>>,
}

impl LogLines {
    fn write(&self, line: &str) -> std::io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let is_soon = written.is_some_and(|written| written.elapsed() < Duration::from_secs(1));
        if line.trim_end().is_empty() || is_soon {
            return Ok(());
        }
        *written = Some(Instant::now());
        writeln!(std::io::stderr(), "{}", line.trim_end())
    }
}

impl indicatif::TermLike for LogLines {
    fn width(&self) -> u16 {
        100
    }

    fn move_cursor_up(&self, _lines: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _lines: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _columns: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _columns: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn write_line(&self, line: &str) -> std::io::Result<()> {
        self.write(line)
    }

    fn write_str(&self, text: &str) -> std::io::Result<()> {
        self.write(text)
    }

    fn clear_line(&self) -> std::io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_indented_line_stands_on_its_own() {
        assert_eq!(lines("a\n  hint: b\n  c"), ["a", "  hint: b", "  c"]);
        assert_eq!(lines("cannot open a\nerror: b\n\n  hint: c"), ["cannot open a\nerror: b\n", "  hint: c"]);
        assert_eq!(lines("a"), ["a"]);
    }
}
