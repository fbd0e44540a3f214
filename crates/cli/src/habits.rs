//! What fingers know from other tools and gather calls something else: the hint that translates it.

/// Commands that ask servers.
const ASKING: &[&str] = &["fetch", "links", "scrape", "crawl", "sitemap", "robots", "query"];
const FETCH: &[&str] = &["fetch"];
const CRAWL: &[&str] = &["crawl"];
const READ: &[&str] = &["read"];
const ANY: &[&str] = &[];

/// An option of another tool, the commands it would be typed for (none: all), and what is said of it.
struct Habit(&'static [&'static str], &'static [&'static str], &'static str);

const HABITS: &[Habit] = &[
    // Of curl and wget.
    Habit(
        &["-O", "--remote-name", "--remote-name-all", "--output-document"],
        FETCH,
        "--output-dir DIR saves every body to a file; --body > FILE the body of one URL",
    ),
    Habit(&["-P", "--directory-prefix"], FETCH, "--output-dir DIR saves every body to a file"),
    Habit(
        &["-i", "--include", "--dump-header"],
        FETCH,
        "--headers puts the response's headers in the record",
    ),
    Habit(&["-w", "--write-out"], FETCH, "the record has status, bytes, content_type and elapsed_ms"),
    Habit(&["-m", "--max-time"], ASKING, "--timeout 10s is the total time for each input"),
    Habit(&["--retry", "--tries"], ASKING, "--retries N says how often to try again"),
    Habit(&["-c"], ASKING, "--cookie-jar FILE reads and writes a jar"),
    Habit(&["-e", "--referer"], ASKING, "-H 'Referer: URL'"),
    Habit(&["--oauth2-bearer"], ASKING, "-H 'Authorization: Bearer TOKEN'"),
    Habit(&["-U", "--proxy-user"], ASKING, "-x http://user:password@HOST:PORT; -A says who we are"),
    Habit(&["-T", "--upload-file"], FETCH, "-X PUT -d @FILE sends a file"),
    Habit(&["--data-binary", "--data-urlencode"], FETCH, "-d DATA, or -d @FILE, sends it as it is"),
    Habit(&["-F", "--form"], FETCH, "multipart forms are not sent; -d 'key=value' sends a plain one"),
    Habit(&["-G", "--get"], FETCH, "put the query into the URL"),
    Habit(&["--url"], ASKING, "write the URL without an option before it"),
    Habit(&["-K", "--config", "--input-file"], ASKING, "--input FILE takes a list of inputs"),
    Habit(&["--max-filesize"], ASKING, "--max-size 10MiB refuses larger bodies"),
    Habit(&["--no-check-certificate"], ASKING, "-k does not verify certificates"),
    Habit(
        &["--http2", "--http1.1", "--no-keepalive"],
        ASKING,
        "what the server offers is used: leave it out",
    ),
    Habit(&["-r", "--recursive"], FETCH, "gather crawl follows links"),
    Habit(&["-l", "--level", "--depth"], CRAWL, "--max-depth N is how many links away from the given URLs"),
    Habit(&["--wait"], CRAWL, "--delay 1s is the time between two requests to a host"),
    Habit(&["-np", "--no-parent"], CRAWL, "--allow '/folder/**' keeps to a folder"),
    // Of those that work on many inputs at once.
    Habit(
        &[
            "-Z",
            "--parallel",
            "--parallel-max",
            "--concurrency",
            "--threads",
            "--workers",
            "--max-concurrency",
        ],
        ANY,
        "inputs are worked on at once; -j N says how many",
    ),
    Habit(&["-V", "--version"], ANY, "gather alone answers that, without a command"),
    Habit(&["-#", "--no-progress-meter"], ANY, "--progress auto|always|never"),
    Habit(&["--no-verbose", "--nolog", "--silent"], ANY, "-q leaves out progress, warnings and summary"),
    // Of ripgrep and find.
    Habit(
        &["-u", "--no-ignore"],
        READ,
        "nothing is left out by .gitignore unless --gitignore says so; --hidden reads hidden files",
    ),
    Habit(&["-.", "--all"], READ, "--hidden reads hidden files too"),
    Habit(&["-L"], READ, "--follow follows symbolic links"),
    Habit(&["-d", "--maxdepth"], READ, "--max-depth N says how deep to walk"),
    Habit(&["--iglob"], READ, "--glob takes patterns, such as '*.[Hh][Tt][Mm]'"),
    Habit(&["-T", "--type-not"], READ, "--exclude GLOB leaves files out"),
    Habit(&["-a", "--text", "--binary"], READ, "--bytes takes what is not text too"),
    Habit(
        &["-0", "--null"],
        ANY,
        "lists whose names are ended by NUL are told by themselves: find -print0 | gather read --input -",
    ),
    Habit(&["--sort", "--sort-by"], ANY, "--ordered gives the results in the order of the inputs"),
    Habit(&["--name"], READ, "--glob '*.md' takes files by name"),
    Habit(&["-E"], READ, "--encoding LABEL"),
    Habit(&["--search-zip"], READ, "-z reads compressed files"),
    // Of Scrapy and others that scrape.
    Habit(&["-a", "--set"], CRAWL, "a recipe says what to take, options say how: gather crawl --help"),
    Habit(&["-O", "--overwrite-output"], ANY, "-o FILE replaces a file, and --append adds to it"),
    Habit(
        &["--output-format", "--output-file", "-t"],
        ANY,
        "-o FILE takes the format from the name; --format says another",
    ),
    Habit(&["--json", "--jsonl", "--csv"], ANY, "--format jsonl|json|csv"),
    Habit(
        &["--selector", "--css", "--select", "--xpath"],
        &["scrape", "crawl"],
        "--field 'title=h1' takes a field by its CSS selector",
    ),
    Habit(
        &["--resume", "--continue", "--jobdir"],
        CRAWL,
        "the same command again goes on where it was; --store FILE says where",
    ),
];

/// What to say to who types this option for this command.
pub(crate) fn hint(option: &str, command: Option<&str>) -> Option<&'static str> {
    let is_for =
        |commands: &[&str]| commands.is_empty() || command.is_some_and(|name| commands.contains(&name));
    let found =
        HABITS.iter().find(|Habit(options, commands, _)| options.contains(&option) && is_for(commands));
    found.map(|Habit(_, _, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn the_same_letter_means_what_it_means_in_that_tool() {
        assert!(hint("-a", Some("read")).unwrap().contains("--bytes"));
        assert!(hint("-a", Some("crawl")).unwrap().contains("recipe"));
        assert_eq!(hint("-a", Some("serve")), None);
    }

    #[test]
    fn every_habit_is_unknown_to_one_of_its_commands_at_least() {
        let mut cli = Cli::command();
        cli.build();
        let has = |name: &str, option: &str| {
            let command = cli.find_subcommand(name).unwrap_or_else(|| panic!("no command {name}"));
            command.get_arguments().any(|arg| {
                arg.get_short().is_some_and(|short| option == format!("-{short}"))
                    || arg.get_long().is_some_and(|long| option == format!("--{long}"))
            })
        };
        for Habit(options, commands, hint) in HABITS.iter().filter(|habit| !habit.1.is_empty()) {
            for option in *options {
                assert!(!commands.iter().all(|name| has(name, option)), "{option}: {hint}");
            }
        }
    }

    #[test]
    fn every_option_that_a_hint_names_is_there() {
        let mut cli = Cli::command();
        cli.build();
        let longs: Vec<String> = cli
            .get_subcommands()
            .flat_map(|command| command.get_arguments())
            .filter_map(|arg| arg.get_long().map(|long| format!("--{long}")))
            .collect();
        for Habit(options, _, hint) in HABITS {
            for word in hint.split([' ', ';', ',', ':', '\'']).filter(|word| word.starts_with("--")) {
                assert!(longs.iter().any(|long| long == word) || word == "--help", "{options:?}: {word}");
            }
        }
    }
}
