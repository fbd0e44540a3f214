//! What can be typed: commands, options and their help. What is run with is in `settings`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::units;

/// Reads thousands of files and web pages at once and turns them into records.
///
/// Results go to stdout and nothing else does; progress, warnings and the summary go to stderr.
#[derive(Debug, Parser)]
#[command(name = "gather", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all done (also when stdout was closed), 1 inputs failed or were refused, \
2 wrong usage or a file of options that does not hold, 130 interrupted, 143 terminated.";

const LIMITS: &str = "Other limits: 30s for the first byte of an answer and between two pieces of it; 8 requests at once to a \
host on the public net, no such limit on loopback. Cookies are off.\n\
-L, -s, -S, -f and --compressed are accepted as in curl, for they are on already.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read files and folders concurrently; a record per file
    Read(Read),
    /// Fetch URLs concurrently; a record per URL
    Fetch(Fetch),
    /// The links of pages (URLs, files, folders); a record per link
    Links(Links),
    /// Turn pages into records, by --field or --recipe
    Scrape(Scrape),
    /// Ask many API endpoints at once and merge the answers
    Query(Query),
    /// Run a gather command periodically, until stopped
    Every(Every),
    /// Serve a folder over HTTP on loopback
    Serve(Serve),
    /// The whole job on the data shipped with gather, over real HTTP
    Demo(Demo),
}

/// What every command that works through inputs takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Shared options")]
pub(crate) struct Shared {
    /// How many inputs at once
    #[arg(short, long, value_name = "N", default_value = "64", value_parser = at_least_one)]
    pub(crate) jobs: NonZeroUsize,

    /// Total time for each input, with its retries and waits [default: 10m for what is fetched; 0 for no limit]
    #[arg(long, value_name = "D", value_parser = units::duration)]
    pub(crate) timeout: Option<Duration>,

    /// A list of inputs, `-` for stdin: lines, JSONL or CSV by content; a record gives its `url`, else `input`, else `path`
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,

    /// Which key of the records in --input to take
    #[arg(long, value_name = "K", requires = "input")]
    pub(crate) input_key: Option<String>,

    /// Results in the order of the inputs, instead of as completed
    #[arg(long)]
    pub(crate) ordered: bool,

    /// Format of the results [default: text on a terminal, jsonl otherwise]
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatName>,

    /// Where the results go: the format by the extension (jsonl, json, csv, tsv, each also .gz); the file appears at
    /// exit, whole [default: stdout]
    #[arg(short, long, alias = "output", value_name = "FILE")]
    pub(crate) out: Option<String>,

    /// Add to the file of --out instead of replacing it
    #[arg(long, requires = "out")]
    pub(crate) append: bool,

    /// Write the failed and refused inputs to FILE, as jsonl
    #[arg(long, value_name = "FILE")]
    pub(crate) errors: Option<PathBuf>,

    /// Write the summary to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) summary: Option<PathBuf>,

    /// Show progress on stderr; auto means on a terminal
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) progress: When,

    /// How long running inputs may go on after Ctrl-C
    #[arg(long, value_name = "D", default_value = "5s", value_parser = units::duration)]
    pub(crate) grace: Duration,

    /// No progress, no warnings, no summary; failed inputs are still named
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Say more: each input as it is done
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    Text,
    Jsonl,
    Json,
    Csv,
    Tsv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

/// What every command that fetches takes, named as in curl.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Request options")]
pub(crate) struct Request {
    /// Add a header: 'Name: value'; 'Name:' leaves a default one out
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,

    /// Who we say we are [default: gather/VERSION]
    #[arg(short = 'A', long, value_name = "NAME")]
    pub(crate) user_agent: Option<String>,

    /// The method [default: GET; POST with -d or --json; HEAD with -I]
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub(crate) method: Option<String>,

    /// Send this body (@FILE reads it, @- from stdin); several are joined by &
    #[arg(short, long, value_name = "DATA", alias = "data-raw", conflicts_with = "json")]
    pub(crate) data: Vec<String>,

    /// Send this JSON body, with Content-Type and Accept to match
    #[arg(long, value_name = "JSON")]
    pub(crate) json: Option<String>,

    /// Basic authentication, for the origins given and no other
    #[arg(short, long, value_name = "USER:PASSWORD")]
    pub(crate) user: Option<String>,

    /// Send this Cookie header: 'name=value; name2=value2'
    #[arg(short = 'b', long = "cookie", value_name = "COOKIES")]
    pub(crate) cookie: Option<String>,

    /// Do not verify TLS certificates (dangerous)
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,

    /// Trust the certificates in this PEM file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,

    /// Connect to ADDR for HOST:PORT
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    pub(crate) resolve: Vec<String>,

    /// Ask for the head only
    #[arg(short = 'I', long)]
    pub(crate) head: bool,

    /// How often to try again after a failure that may pass
    #[arg(long, value_name = "N", default_value = "2")]
    pub(crate) retries: u32,

    /// Time for connecting [default: 10s; 0 for no limit]
    #[arg(long, value_name = "D", value_parser = units::duration)]
    pub(crate) connect_timeout: Option<Duration>,

    /// How many redirects to follow; 0 follows none
    #[arg(long, value_name = "N", default_value = "10")]
    pub(crate) max_redirects: u32,

    /// The largest body, decoded; a larger one is refused
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = units::size)]
    pub(crate) max_size: u64,

    /// Let pages lead to private addresses (loopback, local networks)
    #[arg(long)]
    pub(crate) allow_private: bool,

    #[command(flatten)]
    pub(crate) always_on: AlwaysOn,
}

/// Habits of curl's that are on already: accepted, so that a command line can be carried over.
#[derive(Debug, Clone, Args)]
pub(crate) struct AlwaysOn {
    #[arg(short = 'L', long = "location", hide = true, action = ArgAction::Count)]
    location: u8,
    #[arg(short = 's', long = "silent", hide = true, action = ArgAction::Count)]
    silent: u8,
    #[arg(short = 'S', long = "show-error", hide = true, action = ArgAction::Count)]
    show_error: u8,
    #[arg(short = 'f', long = "fail", hide = true, action = ArgAction::Count)]
    fail: u8,
    #[arg(long, hide = true, action = ArgAction::Count)]
    compressed: u8,
}

#[derive(Debug, Args)]
pub(crate) struct Read {
    /// Files and folders; `-` is one document on stdin
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Leave the text out of the records
    #[arg(long)]
    pub(crate) no_text: bool,

    /// Read hidden files and folders too
    #[arg(long)]
    pub(crate) hidden: bool,

    /// Follow symbolic links
    #[arg(long)]
    pub(crate) follow: bool,

    /// The largest file; a larger one is refused, never cut short [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub(crate) max_size: Option<u64>,

    /// Take every file to be in this encoding, instead of looking (a WHATWG label, such as windows-1252)
    #[arg(long, value_name = "LABEL")]
    pub(crate) encoding: Option<String>,

    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Args)]
#[command(after_help = LIMITS)]
pub(crate) struct Fetch {
    /// The URLs
    #[arg(value_name = "URL")]
    pub(crate) urls: Vec<String>,

    /// The decoded text in the record, as `text`
    #[arg(long)]
    pub(crate) text: bool,

    /// The response's headers in the record, as `headers`
    #[arg(long = "headers")]
    pub(crate) with_headers: bool,

    /// The body of one URL to stdout, as it is, and nothing else
    #[arg(long, conflicts_with_all = ["text", "with_headers", "out", "format", "output_dir"])]
    pub(crate) body: bool,

    /// Save each body to a file in DIR, and an index.jsonl that says which is which
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,

    /// Statuses that count as ok besides 2xx and 3xx: 404,410 or 400-499 or all
    #[arg(long, value_name = "STATUSES")]
    pub(crate) accept_status: Option<String>,

    #[command(flatten)]
    pub(crate) request: Request,

    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Args)]
#[command(after_help = LIMITS)]
pub(crate) struct Links {
    /// URLs, files or folders of pages; `-` is one page on stdin
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<String>,

    /// Where the page on stdin, or the files, came from: links are resolved against it
    #[arg(long, value_name = "URL")]
    pub(crate) base: Option<String>,

    #[command(flatten)]
    pub(crate) request: Request,

    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Args)]
#[command(after_help = LIMITS)]
pub(crate) struct Scrape {
    /// URLs, files or folders of pages; `-` is one page on stdin
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<String>,

    /// A field of the record: 'title=h3 a@title', 'tags[]=ul.tags li', 'price:number=.price'
    #[arg(long = "field", value_name = "SPEC")]
    pub(crate) fields: Vec<String>,

    /// A record for each match of this selector, instead of one per page
    #[arg(long, value_name = "CSS")]
    pub(crate) each: Option<String>,

    /// A record for each row of this table
    #[arg(long, value_name = "CSS", conflicts_with = "each")]
    pub(crate) table: Option<String>,

    /// The recipe
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fields", "each", "table"])]
    pub(crate) recipe: Option<PathBuf>,

    /// Write what --field, --each and --table say to FILE, as a recipe
    #[arg(long, value_name = "FILE", conflicts_with = "recipe")]
    pub(crate) save_recipe: Option<PathBuf>,

    /// Add `_fetched_at` and `_status` to each record
    #[arg(long)]
    pub(crate) provenance: bool,

    /// Where the page on stdin, or the files, came from: links are resolved against it
    #[arg(long, value_name = "URL")]
    pub(crate) base: Option<String>,

    #[command(flatten)]
    pub(crate) request: Request,

    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Args)]
#[command(after_help = LIMITS)]
pub(crate) struct Query {
    /// The file of endpoints
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// What relative URLs in FILE are resolved against
    #[arg(long, value_name = "URL")]
    pub(crate) base: Option<String>,

    #[command(flatten)]
    pub(crate) request: Request,

    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Args)]
pub(crate) struct Every {
    /// Time from one start to the next: 30s, 5m
    #[arg(value_parser = units::duration)]
    pub(crate) interval: Duration,

    /// Stop after so many runs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) times: Option<u64>,

    /// Let each run start up to this much later, at random
    #[arg(long, value_name = "D", default_value = "0", value_parser = units::duration)]
    pub(crate) jitter: Duration,

    /// What happens to runs that came due while an earlier one was still going
    #[arg(long, value_enum, default_value = "skip")]
    pub(crate) missed: Missed,

    /// The gather command, after `--`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<std::ffi::OsString>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Missed {
    /// Leave them out
    Skip,
    /// Catch up, one after the other
    Burst,
    /// Count the interval from the end of the late one's start
    Delay,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The folder
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,

    /// The port; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value = "8000")]
    pub(crate) port: u16,

    /// Wait so long before each answer
    #[arg(long, value_name = "D", default_value = "0", value_parser = units::duration)]
    pub(crate) delay: Duration,

    /// The share of requests answered with 500, from 0 to 1
    #[arg(long, value_name = "RATE", default_value = "0", value_parser = rate)]
    pub(crate) fail_rate: f64,

    /// Write a line per request to FILE, as JSON with its time
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The data folder [default: data/ here or in a folder above]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Where the records are written
    #[arg(short, long, value_name = "DIR", default_value = "gather-demo")]
    pub(crate) out: PathBuf,
}

fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| {
        format!(
            "`{text}` is not a number of jobs\n  hint: 1 works through one input at a time; 64 is the default"
        )
    })
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err(format!("`{text}` is not a rate\n  hint: write a share from 0 to 1, such as 0.1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_options_are_consistent_and_all_documented() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            for arg in sub.get_arguments().filter(|arg| !arg.is_hide_set()) {
                assert!(arg.get_help().is_some(), "{} {}", sub.get_name(), arg.get_id());
            }
        }
    }
}
