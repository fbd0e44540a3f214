//! The reader that the options describe.

use std::fs::{File, Metadata};
use std::os::fd::AsFd;
use std::path::Path;

use gather_file_reader::{Encoding, Globs, HashKind, PatternError, Reader, Types};

use gather_records::WholeFile;

use crate::args::{Content, HashName, Read, Selection};
use crate::exit::usage;
use crate::input::is_stdin;

/// What may come out of a compressed file, where the user sets no limit.
const UNPACKED: u64 = 64 << 20;

/// # Errors
/// A glob, a type or an encoding that does not hold.
pub(super) fn reader(args: &Read) -> anyhow::Result<Reader> {
    let Read { selection, content, shared, .. } = args;
    let whole: fn(&Path) -> bool = if content.records { super::held::is_whole } else { |_| false };
    let builder = Reader::builder()
        .jobs(shared.jobs)
        .ordered(shared.ordered)
        .hidden(selection.hidden)
        .gitignore(selection.gitignore)
        .follow(selection.follow)
        .max_depth(selection.max_depth.map(usize::from))
        .min_size(selection.min_size)
        .max_size(selection.max_size)
        .newer(selection.newer)
        .older(selection.older)
        .globs(globs(selection)?)
        .types(types(selection)?)
        .encoding(encoding(content)?)
        .strict(content.strict)
        .only(|path| !WholeFile::is_unfinished(path))
        .except(stdout())
        .stdin(args.paths.iter().any(|path| is_stdin(path.as_os_str())))
        .whole(whole)
        .hash(content.hash.map(hash))
        .decompress(content.decompress.then_some(selection.max_size.unwrap_or(UNPACKED)));
    // A hash takes the place of the text.
    let facts = content.no_text || content.hash.is_some();
    Ok(match content.bytes {
        true => builder.bytes(true),
        false => builder.facts_only(facts),
    }
    .build())
}

/// The file that stdout goes to, if it is one: `gather read . > out` does not read what it writes.
fn stdout() -> Option<Metadata> {
    let stdout = std::io::stdout().as_fd().try_clone_to_owned().ok()?;
    File::from(stdout).metadata().ok().filter(Metadata::is_file)
}

fn globs(selection: &Selection) -> anyhow::Result<Option<Globs>> {
    let Selection { glob, exclude, .. } = selection;
    if glob.is_empty() && exclude.is_empty() {
        return Ok(None);
    }
    let refused = |error: PatternError| {
        usage(error, "write '*.md' for a name, 'docs/**' for a path; --exclude GLOB leaves out")
    };
    Globs::new(glob, exclude).map(Some).map_err(refused)
}

fn types(selection: &Selection) -> anyhow::Result<Option<Types>> {
    if selection.types.is_empty() {
        return Ok(None);
    }
    let refused =
        |error: PatternError| usage(error, "try html, txt, md, json, csv, rust; or --glob '*.EXTENSION'");
    Types::new(&selection.types).map(Some).map_err(refused)
}

fn encoding(content: &Content) -> anyhow::Result<Option<&'static Encoding>> {
    let Some(label) = &content.encoding else { return Ok(None) };
    let found = Encoding::for_label_no_replacement(label.as_bytes());
    found.map(Some).ok_or_else(|| {
        usage(
            format!("`{label}` is not an encoding"),
            "write a WHATWG label: utf-8, windows-1252, shift_jis, koi8-r …",
        )
    })
}

fn hash(name: HashName) -> HashKind {
    match name {
        HashName::Blake3 => HashKind::Blake3,
        HashName::Sha256 => HashKind::Sha256,
    }
}
