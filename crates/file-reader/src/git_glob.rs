//! What git means by a line of globs, in the words of the globs that are used here.

use std::str::Chars;

/// A line with what other globs read otherwise spelled out; `None` where it matches nothing in git.
pub(crate) fn as_git_means(line: &str) -> Option<String> {
    if line.trim_end() == "!" {
        return None;
    }
    let (mut meant, mut rest) = (String::new(), line.chars());
    while let Some(c) = rest.next() {
        match c {
            '\\' => meant.extend(std::iter::once(c).chain(rest.next())),
            '{' | '}' | ',' => meant.extend(['\\', c]),
            '[' => meant.push_str(&Class::read(&mut rest)?.written()?),
            '\t' if rest.as_str().is_empty() => meant.push_str("[\t]"), // only spaces are cut off
            c => meant.push(c),
        }
    }
    Some(meant)
}

/// One character of several.
struct Class {
    is_negated: bool,
    /// From the first to the last, both of them in it.
    ranges: Vec<(char, char)>,
}

/// The classes that POSIX names, of ASCII.
const NAMED: [(&str, &[(char, char)]); 12] = [
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("blank", &[(' ', ' '), ('\t', '\t')]),
    ("cntrl", &[('\0', '\x1f'), ('\x7f', '\x7f')]),
    ("digit", &[('0', '9')]),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[(' ', ' '), ('\t', '\r')]),
    ("upper", &[('A', 'Z')]),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];

impl Class {
    /// Reads what is behind the bracket, up to the one that ends it, which does not where it comes first. A backslash takes the next
    /// character for itself (git's wildmatch.c), which others do not do here.
    fn read(rest: &mut Chars<'_>) -> Option<Self> {
        let is_negated = rest.as_str().starts_with(['!', '^']);
        if is_negated {
            rest.next();
        }
        let mut class = Self { is_negated, ranges: Vec::new() };
        let mut is_first = true;
        loop {
            let first = match rest.next()? {
                ']' if !is_first => return Some(class),
                '[' if rest.as_str().starts_with(':') => {
                    let (name, behind) = rest.as_str().get(1..)?.split_once(":]")?;
                    class.ranges.extend(NAMED.iter().find(|(known, _)| *known == name)?.1);
                    *rest = behind.chars();
                    is_first = false;
                    continue;
                }
                '\\' => rest.next()?,
                c => c,
            };
            is_first = false;
            let is_range = rest.as_str().starts_with('-') && !rest.as_str().starts_with("-]");
            let mut last = first;
            if is_range {
                rest.next();
                last = match rest.next()? {
                    '\\' => rest.next()?,
                    c => c,
                };
            }
            // Of a range that runs backwards git takes the first.
            class.ranges.push((first, if first <= last { last } else { first }));
        }
    }

    /// As others read it; `None` where nothing is in it. A slash never is, for it parts names.
    fn written(&self) -> Option<String> {
        let (mut ranges, mut marks) = (String::new(), String::new());
        for (first, last) in self.ranges.iter().flat_map(|range| without_slash(*range)) {
            let mut range = first..=last;
            while let Some(mark) = range.clone().next().filter(is_mark) {
                marks.push(mark);
                range.next();
            }
            while let Some(mark) = range.clone().next_back().filter(is_mark) {
                marks.push(mark);
                range.next_back();
            }
            let Some(first) = range.next() else { continue };
            ranges.push(first);
            if let Some(last) = range.next_back() {
                ranges.extend(['-', last]);
            }
        }
        let has = |mark| marks.contains(mark);
        match (ranges.is_empty() && marks.is_empty(), self.is_negated) {
            (true, true) => return Some("?".to_owned()),
            (true, false) => return None,
            _ => {}
        }
        // A bracket is itself where it comes first, a minus where it comes first or last, the others where they do not.
        let begins_with_mark = ranges.is_empty() && !has(']') && !has('-') && !self.is_negated;
        if begins_with_mark {
            let of = match (has('!'), has('^')) {
                (true, true) => r"{\!,\^}",
                (true, false) => r"\!",
                (false, _) => r"\^",
            };
            return Some(of.to_owned());
        }
        let bracket = if has(']') { "]" } else { "" };
        let (before, behind) = match (has('-'), ranges.is_empty() && !has(']')) {
            (true, true) => ("-", ""),
            (true, false) => ("", "-"),
            (false, _) => ("", ""),
        };
        let others: String = marks.chars().filter(|mark| matches!(mark, '!' | '^')).collect();
        let negation = if self.is_negated { "!" } else { "" };
        Some(format!("[{negation}{bracket}{before}{ranges}{others}{behind}]"))
    }
}

/// What says something about a class, where it stands in certain places of it.
fn is_mark(c: &char) -> bool {
    matches!(c, ']' | '!' | '^' | '-')
}

fn without_slash((first, last): (char, char)) -> impl Iterator<Item = (char, char)> {
    let parts = match first <= '/' && '/' <= last {
        true => [(first < '/').then_some((first, '.')), ('/' < last).then_some(('0', last))],
        false => [Some((first, last)), None],
    };
    parts.into_iter().flatten()
}
