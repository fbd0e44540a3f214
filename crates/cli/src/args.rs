//! What can be typed: commands, options and their help. What is run with is in `settings`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

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
2 wrong usage or a file of options that does not hold, 130 interrupted, 143 terminated, 129 hung up (unless below nohup).";

const LIMITS: &str = "Other limits: 30s between two pieces of an answer, 1,000 bytes in 30s at least; connections kept for 30s; 8 requests at once to a \
host on the public net, no such limit on loopback. Cookies are kept with --cookies or --cookie-jar only. \
robots.txt is asked with --robots only.\n\
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
    /// Follow links from URLs, politely, into a store; killed and started again it goes on and loses nothing
    Crawl(Crawl),
    /// How far the crawl in a store is
    Status(Status),
    /// Prove from its tables that a store is whole
    Verify(Verify),
    /// The records of a store
    Export(Export),
    /// The pages that sitemaps name, those of nested sitemaps too; a record per page
    Sitemap(Sitemap),
    /// What robots.txt says of URLs
    Robots(Robots),
    /// Ask many API endpoints at once and merge the answers
    Query(Query),
    /// Check a recipe, test it on saved pages, print the schema of the format
    Recipe(Recipe),
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
    #[arg(short, long, value_name = "N", default_value = "64", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) jobs: NonZeroUsize,

    /// Total time for each input that is fetched, with its retries and waits [default: 10m; 0 for no limit]
    #[arg(long, value_name = "D", value_parser = units::duration)]
    pub(crate) timeout: Option<Duration>,

    /// How often to try again what is fetched after a failure that may pass; a file is read once
    #[arg(long, value_name = "N", default_value = "2", value_parser = number::<u32>, allow_negative_numbers = true)]
    pub(crate) retries: u32,

    /// A list of inputs, `-` for stdin: lines, names ended by NUL, JSONL or CSV by content; a record gives its `url`, else `input`, else `path`
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
    /// exit, whole [default: stdout]. Or a table: sqlite:FILE[#TABLE], postgres://USER@HOST/DB[#TABLE], made if it is
    /// not there, `records` unless named; rows with the same `key` of the recipe are replaced. Rows come in sets of a
    /// transaction each, and stay if the run is killed
    #[arg(short, long, alias = "output", value_name = "FILE")]
    pub(crate) out: Option<String>,

    /// Add to the file of --out instead of replacing it; to a table that has rows
    #[arg(long, requires = "out")]
    pub(crate) append: bool,

    /// In CSV and TSV, an apostrophe before a text that a spreadsheet would take for a formula (it begins with = + - @, a tab or
    /// a carriage return)
    #[arg(long)]
    pub(crate) csv_safe: bool,

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

    /// Take logins from $NETRC, else ~/.netrc: for the origins given and no other, where nothing else says who we are
    #[arg(short, long)]
    pub(crate) netrc: bool,

    /// The same, from FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) netrc_file: Option<PathBuf>,

    /// Send this Cookie header: 'name=value; name2=value2'
    #[arg(short = 'b', long = "cookie", value_name = "COOKIES")]
    pub(crate) cookie: Option<String>,

    /// Keep the cookies that responses set, and send them where they belong; for this run [default: off]
    #[arg(long)]
    pub(crate) cookies: bool,

    /// The same, beginning with the cookies of FILE if it is there (Netscape's format, as of curl -c); at the end all are
    /// written to it, those of the session too
    #[arg(long, value_name = "FILE")]
    pub(crate) cookie_jar: Option<PathBuf>,

    /// Do not verify TLS certificates (dangerous)
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,

    /// Trust the certificates in this PEM file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,

    /// Ask through this HTTP proxy, HOST:PORT or with a login user:password@HOST:PORT; '' for none [default: what
    /// http_proxy, https_proxy and all_proxy say, as in curl]
    #[arg(short = 'x', long, value_name = "URL", allow_hyphen_values = true)]
    pub(crate) proxy: Option<String>,

    /// Hosts to ask without the proxy: names with all below them, addresses, nets; '*' for all [default: what no_proxy
    /// says]
    #[arg(long, value_name = "LIST")]
    pub(crate) noproxy: Option<String>,

    /// Connect to ADDR for HOST:PORT
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    pub(crate) resolve: Vec<String>,

    /// Ask for the head only
    #[arg(short = 'I', long)]
    pub(crate) head: bool,

    /// Time for connecting [default: 10s; 0 for no limit]
    #[arg(long, value_name = "D", value_parser = units::duration)]
    pub(crate) connect_timeout: Option<Duration>,

    /// How many redirects to follow; 0 follows none
    #[arg(long, value_name = "N", default_value = "10", value_parser = number::<u32>, allow_negative_numbers = true)]
    pub(crate) max_redirects: u32,

    /// The largest body, decoded; a larger one is refused
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = units::size)]
    pub(crate) max_size: u64,

    /// How many times its size on the wire a body of more than 1 MiB may decode to
    #[arg(long, value_name = "N", default_value = "200", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_ratio: u32,

    /// Time from the request to the head of its response [default: 30s; 0 for no limit]
    #[arg(long, value_name = "D", value_parser = units::duration)]
    pub(crate) first_byte_timeout: Option<Duration>,

    /// The longest Retry-After to wait for; a site that asks for more is asked nothing more until then
    #[arg(long, value_name = "D", default_value = "2m", value_parser = units::duration)]
    pub(crate) max_wait: Duration,

    /// Follow redirects from https to http
    #[arg(long)]
    pub(crate) allow_downgrade: bool,

    /// Let pages lead to private addresses (loopback, local networks)
    #[arg(long)]
    pub(crate) allow_private: bool,

    #[command(flatten)]
    pub(crate) always_on: AlwaysOn,
}

/// What every command that fetches pages takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Request options")]
pub(crate) struct Polite {
    /// Obey robots.txt: what it does not allow us (by the name of -A) is refused, redirects included
    #[arg(long)]
    pub(crate) robots: bool,

    /// Requests to a host at once, loopback included; 0 for no limit [default: 8, and no limit on loopback]
    #[arg(long, value_name = "N", value_parser = number::<u32>, allow_negative_numbers = true)]
    pub(crate) per_host: Option<u32>,

    /// Time between the starts of two requests to a host [default: none]
    #[arg(long, value_name = "D", value_parser = units::duration)]
    pub(crate) delay: Option<Duration>,

    /// Requests to a host in a time, evenly spaced: 10/s, 30/m, 100/h
    #[arg(long, value_name = "N/UNIT", value_parser = units::rate, conflicts_with = "delay")]
    pub(crate) rate: Option<Duration>,
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
#[command(after_help = READING)]
pub(crate) struct Read {
    /// Files and folders; `-` is one document on stdin
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) content: Content,

    #[command(flatten)]
    pub(crate) shared: Shared,
}

const READING: &str = "What is named is always read; what a folder holds and is hidden, a link, a FIFO or a device, not text, or not \
asked for is skipped and counted. A file that is reached by several paths is read once. A text is told by its byte order mark, \
then as UTF-8, then by a guess, which the record marks with \"guessed\": true.";

/// Which files of folders are read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Which files of folders")]
pub(crate) struct Selection {
    /// Only files that match, as in .gitignore: a name at any depth, or a path from the folder; several add up
    #[arg(short, long, value_name = "GLOB")]
    pub(crate) glob: Vec<String>,

    /// Leave out files and folders that match
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,

    /// Only files of these types by their names, as ripgrep knows them: html,txt,md,json,csv,rust …
    #[arg(short = 't', long = "type", value_name = "TYPES", value_delimiter = ',')]
    pub(crate) types: Vec<String>,

    /// Read hidden files and folders too
    #[arg(long)]
    pub(crate) hidden: bool,

    /// Leave out what .gitignore files say, also outside of repositories
    #[arg(long)]
    pub(crate) gitignore: bool,

    /// Follow symbolic links; a loop is a failure
    #[arg(long)]
    pub(crate) follow: bool,

    /// How deep to walk; 1 is the files of the folder itself [default: to the end]
    #[arg(long, value_name = "N", value_parser = from_one, allow_negative_numbers = true)]
    pub(crate) max_depth: Option<NonZeroUsize>,

    /// Skip smaller files
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = units::size)]
    pub(crate) min_size: u64,

    /// The largest file, named or found; a larger one is refused, never cut short [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub(crate) max_size: Option<u64>,

    /// Skip files changed before: so long ago (2d, 1h30m) or on a date (2024-05-01, 2024-05-01T12:00:00Z)
    #[arg(long, value_name = "WHEN", value_parser = units::moment)]
    pub(crate) newer: Option<SystemTime>,

    /// Skip files changed since: so long ago, or a date
    #[arg(long, value_name = "WHEN", value_parser = units::moment)]
    pub(crate) older: Option<SystemTime>,
}

/// What is made of a file.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What is made of a file")]
pub(crate) struct Content {
    /// Leave the text out of the records
    #[arg(long)]
    pub(crate) no_text: bool,

    /// A record for each line, with its number; files of any size, none held whole
    #[arg(long, conflicts_with_all = ["no_text", "hash", "bytes", "records"])]
    pub(crate) lines: bool,

    /// The records in JSON, JSONL, CSV and TSV files, told by their names (stdin by its first line); of other files, a record with the text
    #[arg(long, conflicts_with_all = ["no_text", "hash", "bytes"])]
    pub(crate) records: bool,

    /// The bytes as they are, as base64; nothing is skipped for not being text
    #[arg(long, conflicts_with_all = ["no_text", "encoding", "strict"])]
    pub(crate) bytes: bool,

    /// The hash of the bytes instead of the text; nothing is skipped for not being text
    #[arg(long, value_enum, value_name = "HASH")]
    pub(crate) hash: Option<HashName>,

    /// Unpack gz, zst, bz2 and xz files, told by their content; at most to --max-size [default: 64MiB]
    #[arg(short = 'z', long)]
    pub(crate) decompress: bool,

    /// Take every file to be in this encoding, instead of looking (a WHATWG label, such as windows-1252)
    #[arg(long, value_name = "LABEL")]
    pub(crate) encoding: Option<String>,

    /// Guess no encoding and replace nothing malformed: such a file is a failure
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SameName {
    Host,
    Domain,
    Folder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HashName {
    Blake3,
    Sha256,
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
    pub(crate) polite: Polite,

    #[command(flatten)]
    pub(crate) request: Request,

    #[command(flatten)]
    pub(crate) shared: Shared,
}

/// Where links are, besides `a` and `area`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Also {
    /// `<link href>`; the records then have `hreflang`
    Link,
    /// `<meta http-equiv=refresh>`
    Refresh,
    /// `srcset` of `img` and `source`, and `imagesrcset` of `link`
    Srcset,
}

#[derive(Debug, Args)]
#[command(after_help = LIMITS)]
pub(crate) struct Links {
    /// URLs, files or folders of pages; `-` is one page on stdin
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<String>,

    /// Links of more than `a` and `area`: `<link>` (canonical, alternate, …), `<meta http-equiv=refresh>`, the
    /// images of `srcset`
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) also: Vec<Also>,

    /// Of a page's links to the same URL only the first
    #[arg(long)]
    pub(crate) unique: bool,

    /// Where the page on stdin, or the files, came from: links are resolved against it
    #[arg(long, value_name = "URL")]
    pub(crate) base: Option<String>,

    #[command(flatten)]
    pub(crate) polite: Polite,

    #[command(flatten)]
    pub(crate) request: Request,

    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Args)]
#[command(after_help = SITEMAPS)]
pub(crate) struct Sitemap {
    /// URLs, files or folders of sitemaps; `-` is one sitemap on stdin
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<String>,

    /// All sitemaps of a site: those that its robots.txt names, else its /sitemap.xml
    #[arg(long, value_name = "URL")]
    pub(crate) site: Vec<String>,

    /// Where the sitemap on stdin, or the files, came from: relative URLs are resolved against it
    #[arg(long, value_name = "URL")]
    pub(crate) base: Option<String>,

    /// How many nested sitemaps of an input to read; more are refused
    #[arg(long, value_name = "N", default_value = "1000", value_parser = from_one, allow_negative_numbers = true)]
    pub(crate) max_sitemaps: NonZeroUsize,

    #[command(flatten)]
    pub(crate) polite: Polite,

    #[command(flatten)]
    pub(crate) request: Request,

    #[command(flatten)]
    pub(crate) shared: Shared,
}

const SITEMAPS: &str = "Read are sitemaps, their indexes, lists with a URL a line, RSS and Atom feeds; gzip or not, by content. \
Nested sitemaps are followed, each once, up to 4 deep; one that fails makes its input fail, and the records of the others are still \
given. A sitemap has at most --max-size bytes, unpacked, and 100,000 entries. A folder gives its files named *.xml, *.rss, *.atom, \
*sitemap*.txt, and these with .gz behind it.";

#[derive(Debug, Args)]
#[command(after_help = LIMITS)]
pub(crate) struct Scrape {
    /// URLs, files or folders of pages; `-` is one page on stdin. A recipe's `next` is followed from URLs, its `[detail]` from
    /// URLs and within a folder
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<String>,

    #[command(flatten)]
    pub(crate) take: Take,

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
    pub(crate) polite: Polite,

    #[command(flatten)]
    pub(crate) request: Request,

    #[command(flatten)]
    pub(crate) shared: Shared,
}

/// What is taken of a page.
#[derive(Debug, Args)]
pub(crate) struct Take {
    /// A field of the record: 'title=h3 a@title', 'tags[]=ul.tags li', 'price:number=.price'
    #[arg(long = "field", value_name = "SPEC")]
    pub(crate) fields: Vec<String>,

    /// A record for each match of this selector, instead of one per page
    #[arg(long, value_name = "CSS")]
    pub(crate) each: Option<String>,

    /// A record for each row of this table
    #[arg(long, value_name = "CSS", conflicts_with = "each")]
    pub(crate) table: Option<String>,

    /// The recipe, which also says which links to follow
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fields", "each", "table"])]
    pub(crate) recipe: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = CRAWL)]
pub(crate) struct Crawl {
    /// The URLs to begin at
    #[arg(value_name = "URL")]
    pub(crate) urls: Vec<String>,

    /// A sitemap or an index of sitemaps to begin at, as well or instead; without URL those that robots.txt of each given host names, else
    /// its /sitemap.xml. Pages that were changed last come first, those out of scope are skipped; a sitemap counts as a page
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    pub(crate) sitemap: Vec<String>,

    /// The store [default: ./gather-HOST.db of the first URL]
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) take: Take,

    /// Pages that belong to the crawl, instead of all of the given hosts: a path such as '/docs/**', or a whole URL such
    /// as `https://example.com/**`
    #[arg(long, value_name = "GLOB")]
    pub(crate) allow: Vec<String>,

    /// Pages that do not belong to it
    #[arg(long, value_name = "GLOB")]
    pub(crate) deny: Vec<String>,

    /// How near to the given URLs the crawl stays: on their hosts, on their domains (www.example.com: all of example.com), or in the
    /// folders of their paths; --allow chooses among what is left
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = SameName::Host)]
    pub(crate) same: SameName,

    /// Take URLs for one page whose queries differ in their order alone
    #[arg(long)]
    pub(crate) sort_query: bool,

    /// Take URLs for one page that differ in a session or a campaign alone: sid, PHPSESSID, jsessionid, utm_source and the like
    #[arg(long)]
    pub(crate) strip_session: bool,

    /// Do not obey a page's own word: `noindex` gives no records, `nofollow` no links, in `<meta name=robots>` and X-Robots-Tag
    #[arg(long)]
    pub(crate) ignore_meta_robots: bool,

    /// Leave out links that are marked rel=nofollow
    #[arg(long)]
    pub(crate) nofollow: bool,

    /// A page that names another one by rel=canonical gives no record, and leads there instead
    #[arg(long)]
    pub(crate) canonical: bool,

    /// How many links away from the given URLs; 0 takes these alone [default: no limit]
    #[arg(long, value_name = "N", value_parser = number::<u64>, allow_negative_numbers = true)]
    pub(crate) max_depth: Option<u64>,

    /// URLs of one pattern that each host may have: numbers in the path, names that a machine made and the values of a query are
    /// all the same to it, so that a calendar or a session ends [default: no limit]
    #[arg(long, value_name = "N", value_parser = number::<u64>, allow_negative_numbers = true)]
    pub(crate) per_pattern: Option<u64>,

    /// Stop at so many pages, over all runs [default: no limit]
    #[arg(long, value_name = "N", value_parser = number::<u64>, allow_negative_numbers = true)]
    pub(crate) max_pages: Option<u64>,

    /// Stop this run after so many bytes [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub(crate) max_bytes: Option<u64>,

    /// Stop this run after so much time [default: no limit]
    #[arg(long, value_name = "D", value_parser = units::duration)]
    pub(crate) max_time: Option<Duration>,

    /// Requests to a host at once; 0 for no limit; with a delay it is 1 [default: 1, and no limit on loopback]
    #[arg(long, value_name = "N", value_parser = number::<u32>, allow_negative_numbers = true)]
    pub(crate) per_host: Option<u32>,

    /// From the end of an answer to the next request to the same host [default: 1s, and none on loopback]
    #[arg(long, value_name = "D", value_parser = units::duration)]
    pub(crate) delay: Option<Duration>,

    /// How many requests a host gets in which time at most: 10/s, 30/m [default: no limit but the delay]
    #[arg(long, value_name = "N/UNIT", value_parser = units::rate)]
    pub(crate) rate: Option<Duration>,

    /// Keep the default delay where a host answers slowly; without --delay it grows with the time that answers take
    #[arg(long)]
    pub(crate) no_auto_throttle: bool,

    /// Ask again for the pages of a finished store, those that changed are fetched; export --changes tells what did
    ///
    /// Of pages that are gone `-o sqlite:` keeps the rows: a table is added to, and nothing is taken from it.
    #[arg(long, conflicts_with = "restart")]
    pub(crate) refresh: bool,

    /// Let each commit survive a power cut too, not only a kill
    #[arg(long)]
    pub(crate) durable: bool,

    /// Begin anew: the store is removed first
    #[arg(long)]
    pub(crate) restart: bool,

    /// Print this run's records only, not the store's earlier ones
    #[arg(long, conflicts_with = "out")]
    pub(crate) new: bool,

    /// Add `_fetched_at` and `_status` to each record
    #[arg(long)]
    pub(crate) provenance: bool,

    #[command(flatten)]
    pub(crate) request: Request,

    #[command(flatten)]
    pub(crate) shared: Shared,
}

const CRAWL: &str = "The same command again goes on where the store is; several processes may work on one store at once. robots.txt \
is obeyed. A page whose host asks to come later (Retry-After) is waited for without using up --retries, until it has been on its way for \
--timeout; more than 2m are not waited for: the page stays pending for a later run. --out FILE.jsonl, .csv or .tsv grows with the store, and holds each record once however often the crawl was killed. The exit code is 1 if \
a given URL failed or was refused, or any page failed by its server (5xx) or the network after its retries; a found link that is 404 \
or barred by robots.txt is no failure.";

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The store
    #[arg(value_name = "STORE")]
    pub(crate) store: PathBuf,

    /// As text or as one JSON object [default: text on a terminal, json otherwise]
    #[arg(long, value_enum)]
    pub(crate) format: Option<FormatName>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The store
    #[arg(value_name = "STORE")]
    pub(crate) store: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The store
    #[arg(value_name = "STORE")]
    pub(crate) store: PathBuf,

    /// What --refresh found instead: a record for each that was added, changed or gone, with the fields that changed
    #[arg(long)]
    pub(crate) changes: bool,

    /// Only the changes of this round and later ones; the first refresh is round 1
    #[arg(long, value_name = "ROUND", requires = "changes")]
    pub(crate) since: Option<i64>,

    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Robots {
    #[command(subcommand)]
    pub(crate) command: RobotsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RobotsCommand {
    /// May an agent fetch these URLs, and which line decides; a record per URL
    Check(RobotsCheck),
}

#[derive(Debug, Args)]
#[command(after_help = ROBOTS)]
pub(crate) struct RobotsCheck {
    /// The URLs; with --robots also paths, such as /private/
    #[arg(value_name = "URL")]
    pub(crate) urls: Vec<String>,

    /// The agent: a product token, or a whole User-Agent [default: the product token of what -A says, else gather]
    #[arg(long, value_name = "A")]
    pub(crate) agent: Option<String>,

    /// The robots.txt, instead of the one at each URL's origin
    #[arg(long, value_name = "FILE")]
    pub(crate) robots: Option<PathBuf>,

    /// Questions as JSONL, `-` for stdin, answered in their order: {"robots": TEXT, "agent": A, "url": URL}, or
    /// "robots_file": PATH (relative to FILE) in place of the text
    #[arg(long, value_name = "FILE", conflicts_with_all = ["urls", "robots", "input"])]
    pub(crate) batch: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) request: Request,

    #[command(flatten)]
    pub(crate) shared: Shared,
}

const ROBOTS: &str = "The rules are those of RFC 9309. /robots.txt is fetched once for each origin, within 30s, over five \
redirects at most; its first 500 KiB count. Where there is none (a status of 4xx, more redirects) everything is allowed; where it \
cannot be had (5xx, no answer) nothing is. The exit code is 0 when every URL has its answer, also when that is no.";

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
#[command(arg_required_else_help = true)]
pub(crate) struct Recipe {
    #[command(subcommand)]
    pub(crate) command: RecipeCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RecipeCommand {
    /// Do these recipes hold; what does not is said with its line, column and the nearest right name
    Check(RecipeCheck),
    /// Does a recipe give the expected records of the saved pages beside it
    Test(RecipeTest),
    /// The JSON Schema of recipes, for editors
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct RecipeCheck {
    /// The recipes
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = RECIPE_TEST)]
pub(crate) struct RecipeTest {
    /// The recipe
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Write what the recipe gives as what is expected
    #[arg(long)]
    pub(crate) update: bool,
}

const RECIPE_TEST: &str = "Beside shop.toml the folder shop.test holds the pages (NAME.html, NAME.json), and of each the expected \
records in NAME.jsonl: the fields, without _source. gather fetch --output-dir shop.test URL saves a page together with its URL, which \
its links are resolved against; nothing is fetched by the test, so that fields of a detail page are null. The exit code is 1 if \
records differ, and each difference is said.";

#[derive(Debug, Args)]
pub(crate) struct Every {
    /// Time from one start to the next: 30s, 5m
    #[arg(value_parser = units::duration)]
    pub(crate) interval: Duration,

    /// Stop after so many runs
    #[arg(long, value_name = "N", value_parser = from_one, allow_negative_numbers = true)]
    pub(crate) times: Option<NonZeroUsize>,

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

/// A count of which 0 is one.
fn number<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number\n  hint: write 0, 1, 2 or more"))
}

/// A count of which there is one at least.
fn from_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is not a number from 1\n  hint: write 1, 2 or more; leave it out for the default")
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
