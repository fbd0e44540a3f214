//! `--netrc` and `--netrc-file`: where logins are read from.

use std::env::var_os;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use gather_fetch::{MAX_NETRC, Netrc};

use crate::args::Request;
use crate::exit::{usage, usage_error};

/// The logins that the options ask for. As in curl, `--netrc` takes a file that is not there for an empty one.
///
/// # Errors
/// A file that cannot be read, or does not hold.
pub(crate) fn open(options: &Request) -> anyhow::Result<Option<Netrc>> {
    if let Some(path) = &options.netrc_file {
        return read(path).map_err(|error| unreadable(path, &error)).and_then(|text| parse(path, &text));
    }
    let Some(path) = usual_place().filter(|_| options.netrc) else { return Ok(None) };
    match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&path, &error)),
        Ok(text) => parse(&path, &text),
    }
}

/// `$NETRC`, else `~/.netrc`.
fn usual_place() -> Option<PathBuf> {
    let set = |name| var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("NETRC").or_else(|| set("HOME").map(|home| home.join(".netrc")))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(MAX_NETRC as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

fn parse(path: &Path, text: &[u8]) -> anyhow::Result<Option<Netrc>> {
    Netrc::parse(text).map(Some).map_err(|error| usage_error(format!("{}: {error}", path.display())))
}

fn unreadable(path: &Path, error: &io::Error) -> anyhow::Error {
    usage(
        format!("cannot read the logins of {}: {error}", path.display()),
        "--netrc-file takes a file with `machine HOST login NAME password WORD`; --netrc reads $NETRC, else ~/.netrc",
    )
}
