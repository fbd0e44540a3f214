//! The rules of `.gitignore` files during a walk.

use std::fs;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::error::ReadError;
use crate::git_glob::as_git_means;
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
        for (folder, file) in std::iter::once((root, exclude_of(&root.join(".git")))).chain(files) {
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

/// The rules that a repository keeps to itself. In a linked work tree `.git` is a file that names where it is (gitrepository-layout(5)).
fn exclude_of(git: &Path) -> PathBuf {
    let named = |file: &Path| fs::read_to_string(file).ok().map(|text| text.trim_end().to_owned());
    let linked =
        named(git).and_then(|text| Some(git.parent()?.join(text.strip_prefix("gitdir:")?.trim_start())));
    let own = linked.unwrap_or_else(|| git.to_owned());
    let common = named(&own.join("commondir")).map_or_else(|| own.clone(), |common| own.join(common));
    common.join("info/exclude")
}
