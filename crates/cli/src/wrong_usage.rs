//! What is wrong with a command line, in our own words: the fact with what was typed, then the hint.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::args::Cli;
use crate::habits;

/// The fact and the hint; `None` where clap has been asked for its own text: help, version.
pub(crate) fn explain(error: &clap::Error, command: Option<&str>) -> Option<String> {
    let (fact, hint) = match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return None,
        ErrorKind::UnknownArgument => unknown_argument(error, command),
        ErrorKind::InvalidSubcommand => unknown_command(error),
        ErrorKind::InvalidValue => no_such_value(error),
        ErrorKind::ValueValidation => bad_value(error, command),
        ErrorKind::MissingRequiredArgument => {
            (format!("missing: {}", said(error, ContextKind::InvalidArg)), help(command))
        }
        ErrorKind::ArgumentConflict => conflict(error),
        _ => (first_line(error), help(command)),
    };
    Some(format!("{fact}\n  hint: {hint}"))
}

/// The command that was typed, if there is one of that name.
pub(crate) fn command_of(mut words: impl Iterator<Item = std::ffi::OsString>) -> Option<String> {
    let typed = words.nth(1)?.into_string().ok()?;
    <Cli as clap::CommandFactory>::command().find_subcommand(&typed).map(|_| typed)
}

fn unknown_argument(error: &clap::Error, command: Option<&str>) -> (String, String) {
    let typed = said(error, ContextKind::InvalidArg);
    let fact = if typed.starts_with('-') {
        format!("unknown option `{typed}`")
    } else {
        format!("one argument too many: `{typed}`")
    };
    if let Some(habit) = habits::hint(&typed, command) {
        return (fact, habit.to_owned());
    }
    match nearest(error, ContextKind::SuggestedArg) {
        near if near.is_empty() => (fact, help(command)),
        near => (fact, format!("did you mean `{near}`?")),
    }
}

fn unknown_command(error: &clap::Error) -> (String, String) {
    let typed = said(error, ContextKind::InvalidSubcommand);
    let near = nearest(error, ContextKind::SuggestedSubcommand);
    let hint = match () {
        () if typed.contains("://") => format!("gather fetch {typed}, or scrape, links, crawl"),
        () if !near.is_empty() => format!("did you mean `{near}`?"),
        () if std::path::Path::new(&typed).exists() => format!("gather read {typed}, or scrape, links"),
        () => "gather --help lists the commands".to_owned(),
    };
    (format!("unknown command `{typed}`"), hint)
}

/// A value that is not on the list, or none at all.
fn no_such_value(error: &clap::Error) -> (String, String) {
    let (option, value) = (said(error, ContextKind::InvalidArg), said(error, ContextKind::InvalidValue));
    let known = said(error, ContextKind::ValidValue);
    if value.is_empty() && option.starts_with(['<', '[']) {
        let name = option.trim_matches(['<', '[', ']', '>', '.']);
        return (
            format!("an empty {name} names nothing"),
            "leave it out, or see what was to stand there".to_owned(),
        );
    }
    let fact = if value.is_empty() {
        format!("{option} needs a value")
    } else {
        format!("{option} has no `{value}`")
    };
    let hint = if known.is_empty() {
        "write it behind the option".to_owned()
    } else {
        format!("it is one of {known}")
    };
    (fact, hint)
}

/// A value that its parser refused: those of ours bring their own hint.
fn bad_value(error: &clap::Error, command: Option<&str>) -> (String, String) {
    let (option, value) = (said(error, ContextKind::InvalidArg), said(error, ContextKind::InvalidValue));
    let why = error.source().map(ToString::to_string).unwrap_or_default();
    match why.split_once("\n  hint: ") {
        Some((fact, hint)) => (format!("{option}: {fact}"), hint.to_owned()),
        None => (format!("{option}: `{value}` does not hold: {why}"), help(command)),
    }
}

fn conflict(error: &clap::Error) -> (String, String) {
    let (one, other) = (said(error, ContextKind::InvalidArg), said(error, ContextKind::PriorArg));
    let fact = if other.is_empty() || other == one {
        format!("{one} is given more than once")
    } else {
        format!("{one} cannot be used with {other}")
    };
    (fact, "leave one of them out".to_owned())
}

fn help(command: Option<&str>) -> String {
    let command = command.map(|name| format!("{name} ")).unwrap_or_default();
    format!("gather {command}--help says what there is")
}

/// What clap says of this part; lists with commas.
fn said(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    }
}

/// Of the names that clap suggests the nearest comes last.
fn nearest(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::Strings(names)) => names.last().cloned().unwrap_or_default(),
        _ => said(error, kind),
    }
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn explained(line: &str) -> String {
        let words = || std::iter::once("gather").chain(line.split_whitespace());
        let command = command_of(words().map(Into::into));
        explain(&Cli::try_parse_from(words()).unwrap_err(), command.as_deref()).unwrap()
    }

    #[test]
    fn what_is_wrong_is_said_with_what_was_typed_and_a_hint() {
        for (line, expected) in [
            ("fetch --foo", "unknown option `--foo`\n  hint: gather fetch --help says what there is"),
            ("read --ordred x", "unknown option `--ordred`\n  hint: did you mean `--ordered`?"),
            ("fetch -O http://a", "unknown option `-O`\n  hint: --output-dir DIR saves every body"),
            ("fetch --max-time 5 http://a", "unknown option `--max-time`\n  hint: --timeout 10s"),
            ("frobnicate", "unknown command `frobnicate`\n  hint: gather --help lists the commands"),
            ("scrap x", "unknown command `scrap`\n  hint: did you mean `scrape`?"),
            (
                "http://a.example/",
                "unknown command `http://a.example/`\n  hint: gather fetch http://a.example/",
            ),
            (
                "fetch --format yaml x",
                "--format <FORMAT> has no `yaml`\n  hint: it is one of text, jsonl, json, csv, tsv",
            ),
            ("scrape a -o", "--out <FILE> needs a value\n  hint: write it behind the option"),
            ("fetch -j 0 http://a", "--jobs <N>: `0` is not a number of jobs\n  hint: 1 works through"),
            ("fetch --timeout 5 http://a", "--timeout <D>: `5` has no unit\n  hint: write 5s for seconds"),
            ("fetch --retries x http://a", "--retries <N>: `x` is not a number\n  hint: write 0, 1"),
            ("links -q -v x", "--quiet cannot be used with --verbose\n  hint: leave one of them out"),
            ("query", "missing: <FILE>\n  hint: gather query --help says what there is"),
            ("read --version", "unknown option `--version`\n  hint: gather alone answers"),
            ("read --max-depth 0 x", "--max-depth <N>: `0` is not a number from 1\n  hint: write 1"),
            ("crawl --max-depth -1 x", "--max-depth <N>: `-1` is not a number\n  hint: write 0"),
            ("sitemap --max-sitemaps 0 x", "--max-sitemaps <N>: `0` is not a number from 1\n  hint: "),
            ("fetch --per-host x u", "--per-host <N>: `x` is not a number\n  hint: write 0"),
            (
                "every --times x 5s -- read .",
                "--times <N>: `x` is not a number from 1\n  hint: write 1, 2 or more",
            ),
            (
                "every --times 0 5s -- read .",
                "--times <N>: `0` is not a number from 1\n  hint: write 1, 2 or more",
            ),
            (
                "fetch --max-ratio x u",
                "--max-ratio <N>: `x` does not hold: invalid digit found in string\n  hint: gather fetch --help",
            ),
            ("serve a b", "one argument too many: `b`\n  hint: gather serve --help"),
        ] {
            let message = explained(line);
            assert!(message.starts_with(expected), "{line}: {message}");
        }
    }

    #[test]
    fn an_empty_name_is_said_to_be_one() {
        for (command, name) in [("read", "PATH"), ("status", "STORE")] {
            let error = Cli::try_parse_from(["gather", command, ""]).unwrap_err();
            let message = explain(&error, Some(command)).unwrap();
            assert!(message.starts_with(&format!("an empty {name} names nothing\n  hint: ")), "{message}");
        }
    }

    #[test]
    fn help_and_version_are_left_to_clap() {
        for line in [&["gather", "--help"], &["gather", "--version"]] {
            assert_eq!(explain(&Cli::try_parse_from(line).unwrap_err(), None), None);
        }
    }
}
