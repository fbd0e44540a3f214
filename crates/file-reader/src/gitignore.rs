//! The rules of `.gitignore` files during a walk.

use std::fs;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::error::ReadError;
use crate::openers::Again;

/// The rules that hold where a walk is: those of the folders it is in, of the repository around, and of the user.
///
/// They hold outside of repositories, too: who asks for them means them.
pub(crate) struct Rules<'a> {
    /// The folder that is walked, as it was named, and where it really is.
    named: PathBuf,
    real: PathBuf,
    /// Those from outside of the folder, the weakest first.
    outer: Vec<Gitignore>,
    /// Those of the folders the walk is in, with their depth.
    inner: Vec<(usize, Gitignore)>,
    again: Again<'a>,
    unreadable: Vec<ReadError>,
}

impl<'a> Rules<'a> {
    pub(crate) fn new(named: &Path, again: Again<'a>) -> Self {
        let real = fs::canonicalize(named).unwrap_or_else(|_| named.to_owned());
        let (outer, inner, unreadable) = (Vec::new(), Vec::new(), Vec::new());
        let mut rules = Self { named: named.to_owned(), real: real.clone(), outer, inner, again, unreadable };
        rules.add_outer(&real);
        rules.enter(0, &real);
        rules
    }

    /// A file of rules that could not be read: what it leaves out is not left out.
    pub(crate) fn unreadable(&mut self) -> Option<ReadError> {
        self.unreadable.pop()
    }

    /// Whether they leave out a file or folder; of a folder that they do not, its own rules hold from here on.
    pub(crate) fn leave_out(&mut self, depth: usize, path: &Path, is_folder: bool) -> bool {
        while self.inner.last().is_some_and(|(of, _)| *of >= depth) {
            self.inner.pop();
        }
        let real =
            path.strip_prefix(&self.named).map_or_else(|_| path.to_owned(), |rest| self.real.join(rest));
        let left_out = (is_folder && real.ends_with(".git")) || self.ignores(&real, is_folder);
        if is_folder && !left_out {
            self.enter(depth, &real);
        }
        left_out
    }

    fn ignores(&self, path: &Path, is_folder: bool) -> bool {
        let inner = self.inner.iter().rev().map(|(_, rules)| rules);
        inner
            .chain(self.outer.iter().rev())
            .find_map(|rules| match rules.matched(path, is_folder) {
                Match::None => None,
                Match::Ignore(_) => Some(true),
                Match::Whitelist(_) => Some(false),
            })
            .unwrap_or(false)
    }

    fn enter(&mut self, depth: usize, folder: &Path) {
        if let Some(rules) = self.rules_in(folder, &folder.join(".gitignore")) {
            self.inner.push((depth, rules));
        }
    }

    /// The rules of the user, of the repository, and of the folders between its root and the one that is walked.
    fn add_outer(&mut self, real: &Path) {
        self.outer.push(GitignoreBuilder::new(real).build_global().0);
        let Some(root) = real.ancestors().find(|folder| folder.join(".git").exists()) else { return };
        let between: Vec<&Path> =
            real.ancestors().skip(1).take_while(|folder| folder.starts_with(root)).collect();
        let files = between.into_iter().rev().map(|folder| (folder, folder.join(".gitignore")));
        for (folder, file) in std::iter::once((root, root.join(".git/info/exclude"))).chain(files) {
            let rules = self.rules_in(folder, &file);
            self.outer.extend(rules);
        }
    }

    /// The rules of a file, counted from a folder. A line that is no glob is left out, as git does.
    fn rules_in(&mut self, folder: &Path, file: &Path) -> Option<Gitignore> {
        if !file.is_file() {
            return None;
        }
        let text = match self.again.until_open(|| fs::read(file)) {
            Ok(text) => text,
            Err(error) => {
                self.unreadable.push(ReadError::io(file, error));
                return None;
            }
        };
        let mut builder = GitignoreBuilder::new(folder);
        for line in String::from_utf8_lossy(&text).trim_start_matches('\u{feff}').lines() {
            if let Some(line) = as_git_means(line) {
                let _ = builder.add_line(Some(file.to_owned()), &line);
            }
        }
        builder.build().ok().filter(|rules| !rules.is_empty())
    }
}

/// A line with what other globs read otherwise spelled out; `None` where it matches nothing in git.
fn as_git_means(line: &str) -> Option<String> {
    if line.trim_end() == "!" {
        return None;
    }
    let (mut meant, mut rest) = (String::new(), line.chars());
    while let Some(c) = rest.next() {
        match c {
            '\\' => meant.extend(std::iter::once(c).chain(rest.next())),
            '{' | '}' | ',' => meant.extend(['\\', c]),
            '[' => {
                let class = rest.as_str();
                let length = class_length(class)?;
                meant.extend(std::iter::once(c).chain(rest.by_ref().take(length)));
            }
            '\t' if rest.as_str().is_empty() => meant.push_str("[\t]"), // only spaces are cut off
            c => meant.push(c),
        }
    }
    Some(meant)
}

/// The characters of a class up to the bracket that ends it, which does not where it comes first.
fn class_length(class: &str) -> Option<usize> {
    let begin = usize::from(class.starts_with(['!', '^'])) + 1;
    class.chars().skip(begin).position(|c| c == ']').map(|at| begin + at + 1)
}
