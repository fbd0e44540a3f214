//! The file of logins that ftp made up, and that curl, git and Python still read. Pure.

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use url::Host;

use crate::error::{Error, Failure};
use crate::secret::Secret;

/// Bytes of a file that [`Netrc::parse`] takes at most.
pub const MAX_NETRC: usize = 1 << 20;

/// The logins of a netrc file: see [`ClientBuilder::netrc`](crate::ClientBuilder::netrc).
///
/// The words are `machine NAME`, `default`, `login NAME`, `password WORD`, `account WORD` (which HTTP has no use for) and
/// `macdef NAME` with the lines up to an empty one (which are left out); line breaks count as blanks. A value may be in
/// double quotes, with `\"`, `\\`, `\n`, `\r` and `\t` in them. `#` in the place of a word begins a comment; a value may
/// begin with it. Of several entries for a machine the first counts, unless a login asks for another; `default` is for
/// what no `machine` names, wherever it stands.
///
/// Clones share the entries. Passwords are never shown.
///
/// ```
/// use gather_fetch::Netrc;
///
/// let netrc = Netrc::parse("machine api.example login me password \"a secret\" # a comment").unwrap();
/// assert!(!format!("{netrc:?}").contains("secret"));
/// let error = Netrc::parse("machine api.example\nlogin me\npasswort secret").unwrap_err();
/// assert!(error.to_string().contains("line 3") && !error.to_string().contains("secret"));
/// ```
#[derive(Clone, Default)]
pub struct Netrc(Arc<Entries>);

#[derive(Default)]
struct Entries {
    machines: HashMap<String, Vec<Login>>,
    default: Vec<Login>,
}

/// Who to be at a machine; both may be missing.
#[derive(Default)]
struct Login {
    name: Option<String>,
    password: Option<Secret>,
}

impl Netrc {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// `invalid_input` for an unknown word, a word without its value, a login outside of any entry, quotes that are not
    /// closed, text that is not UTF-8, and more than 1 MiB. It tells the line, and nothing of what stands there.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, Error> {
        let text = text.as_ref();
        if text.len() > MAX_NETRC {
            return Err(Failure::invalid("a netrc file of more than 1 MiB").into());
        }
        let text = std::str::from_utf8(text).map_err(|error| {
            let before = text.get(..error.valid_up_to()).unwrap_or_default();
            wrong(1 + count_lines(before), "it is not UTF-8")
        })?;
        let entries = Entries::read(text.strip_prefix('\u{feff}').unwrap_or(text))?;
        Ok(Self(Arc::new(entries)))
    }

    /// Login and password for a host, as URLs write it; of a certain login, if there is one. What `default` says counts
    /// only if that is allowed.
    pub(crate) fn find(&self, host: &str, login: Option<&str>, with_default: bool) -> Option<(&str, &str)> {
        let named = self.0.machines.get(host);
        let default = Some(&self.0.default).filter(|_| with_default);
        let found = match login {
            None => named.or(default)?.iter().find(|login| login.says_something()),
            Some(login) => named.into_iter().chain(default).flatten().find(|entry| entry.is_of(login)),
        };
        found.map(Login::parts)
    }
}

impl fmt::Debug for Netrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Netrc").field("machines", &self.0.machines.len()).finish_non_exhaustive()
    }
}

impl Login {
    fn says_something(&self) -> bool {
        self.name.is_some() || self.password.is_some()
    }

    fn is_of(&self, login: &str) -> bool {
        self.name.as_deref() == Some(login) && self.password.is_some()
    }

    fn parts(&self) -> (&str, &str) {
        let name = self.name.as_deref().unwrap_or_default();
        (name, self.password.as_ref().map(Secret::expose).unwrap_or_default())
    }
}

impl Entries {
    fn read(text: &str) -> Result<Self, Failure> {
        let mut entries = Self::default();
        let mut machine = None;
        let mut words = Words { rest: text, line: 1 };
        while let Some(word) = words.word() {
            let line = words.line;
            match word.to_ascii_lowercase().as_str() {
                "machine" => machine = Some(entries.add_machine(&words.value(line)?)),
                "default" => machine = Some(entries.add_default()),
                "login" | "user" => entries.last(&machine, line)?.name = Some(words.value(line)?),
                "password" => entries.last(&machine, line)?.password = Some(Secret::new(words.value(line)?)),
                "account" => drop(words.value(line)?),
                "macdef" => words.skip_macro(line)?,
                _ => {
                    let hint = "machine, default, login, password, account and macdef are known; \
                                a value with blanks needs double quotes";
                    return Err(wrong(line, "an unknown word").hint(hint));
                }
            }
        }
        Ok(entries)
    }

    fn add_machine(&mut self, name: &str) -> Place {
        let name = host_of(name);
        self.machines.entry(name.clone()).or_default().push(Login::default());
        Place::Machine(name)
    }

    fn add_default(&mut self) -> Place {
        self.default.push(Login::default());
        Place::Default
    }

    /// The entry that is being read.
    fn last(&mut self, place: &Option<Place>, line: usize) -> Result<&mut Login, Failure> {
        let logins = match place {
            Some(Place::Machine(name)) => self.machines.get_mut(name),
            Some(Place::Default) => Some(&mut self.default),
            None => None,
        };
        let outside =
            || wrong(line, "a login or password of no machine").hint("write `machine NAME` before it");
        logins.and_then(|logins| logins.last_mut()).ok_or_else(outside)
    }
}

/// Where the words of an entry belong.
enum Place {
    Machine(String),
    Default,
}

/// A machine's name as URLs write it: lower case, in Punycode, an IPv6 address in brackets.
fn host_of(name: &str) -> String {
    match (name.parse::<Ipv6Addr>(), Host::parse(name)) {
        (Ok(address), _) => format!("[{address}]"),
        (_, Ok(host)) => host.to_string(),
        _ => name.to_ascii_lowercase(),
    }
}

/// What is left of a text, word by word. Each byte is looked at a fixed number of times.
struct Words<'a> {
    rest: &'a str,
    /// Where the last word began, or the rest does.
    line: usize,
}

impl<'a> Words<'a> {
    /// The next word that is in no comment.
    fn word(&mut self) -> Option<&'a str> {
        self.skip_blanks();
        while self.rest.starts_with('#') {
            self.take_line();
            self.skip_blanks();
        }
        let word = self.take_to(char::is_whitespace);
        (!word.is_empty()).then_some(word)
    }

    /// What belongs to the word of this line: another word, or a text in quotes.
    fn value(&mut self, line: usize) -> Result<String, Failure> {
        self.skip_blanks();
        if let Some(quoted) = self.rest.strip_prefix('"') {
            self.rest = quoted;
            return self.quoted();
        }
        let value = self.take_to(char::is_whitespace);
        if value.is_empty() {
            return Err(wrong(line, "a word without its value"));
        }
        Ok(value.to_owned())
    }

    /// The rest of a text in quotes, which end in the same line.
    fn quoted(&mut self) -> Result<String, Failure> {
        let mut value = String::new();
        let mut characters = self.rest.chars();
        loop {
            match characters.next() {
                Some('"') => break,
                Some('\\') => {
                    value.push(unescaped(characters.next().filter(|next| *next != '\n'), self.line)?)
                }
                Some('\n') | None => return Err(wrong(self.line, "quotes that are not closed")),
                Some(character) => value.push(character),
            }
        }
        self.rest = characters.as_str();
        match self.rest.chars().next() {
            Some(next) if !next.is_whitespace() => {
                Err(wrong(self.line, "something right behind a closing quote"))
            }
            _ => Ok(value),
        }
    }

    /// The name of a macro, and the lines up to an empty one.
    fn skip_macro(&mut self, line: usize) -> Result<(), Failure> {
        self.value(line)?;
        self.take_line();
        while !self.rest.is_empty() && !self.take_line().trim_end_matches('\r').is_empty() {}
        Ok(())
    }

    fn skip_blanks(&mut self) {
        let blanks = self.take_to(|character| !character.is_whitespace());
        self.line += count_lines(blanks.as_bytes());
    }

    fn take_to(&mut self, end: impl Fn(char) -> bool) -> &'a str {
        let (taken, rest) = self.rest.split_at(self.rest.find(end).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// The rest of the line, without its end.
    fn take_line(&mut self) -> &'a str {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.line += usize::from(line.len() < self.rest.len());
        self.rest = rest;
        line
    }
}

fn unescaped(escaped: Option<char>, line: usize) -> Result<char, Failure> {
    match escaped {
        Some('n') => Ok('\n'),
        Some('r') => Ok('\r'),
        Some('t') => Ok('\t'),
        Some(other) => Ok(other),
        None => Err(wrong(line, "quotes that are not closed")),
    }
}

fn count_lines(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}

fn wrong(line: usize, what: &str) -> Failure {
    Failure::invalid(format!("line {line} of netrc does not hold: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Text, host, login asked for, and `login:password`.
    type Case = (&'static str, &'static str, Option<&'static str>, Option<&'static str>);

    const CASES: &[Case] = &[
        ("machine h login a password b", "h", None, Some("a:b")),
        ("machine h login a password b", "x", None, None),
        ("machine h login a password b", "h.example", None, None),
        ("machine example.com login a password b", "www.example.com", None, None),
        ("machine h\n  login a\n\tpassword b\n", "h", None, Some("a:b")),
        ("machine h\r\nlogin a\r\npassword b\r\n", "h", None, Some("a:b")),
        ("\u{feff}machine h login a password b", "h", None, Some("a:b")),
        ("machine\nh\nlogin\na\npassword\nb", "h", None, Some("a:b")),
        ("MACHINE H.Example LOGIN A PASSWORD B", "h.example", None, Some("A:B")),
        ("machine h password b login a", "h", None, Some("a:b")),
        ("machine h user a password b", "h", None, Some("a:b")),
        ("machine h login a", "h", None, Some("a:")),
        ("machine h password b", "h", None, Some(":b")),
        ("machine h", "h", None, None),
        ("machine h login a account z password b", "h", None, Some("a:b")),
        ("machine g login x password y machine h login a password b", "h", None, Some("a:b")),
        // Several for one machine.
        ("machine h login a password b\nmachine h login c password d", "h", None, Some("a:b")),
        ("machine h login a password b\nmachine h login c password d", "h", Some("c"), Some("c:d")),
        ("machine h login a password b", "h", Some("c"), None),
        ("machine h login a machine h login a password b", "h", Some("a"), Some("a:b")),
        ("machine h login a password b login c", "h", None, Some("c:b")),
        // The default.
        ("default login a password b", "h", None, Some("a:b")),
        ("default login a password b", "h", Some("a"), Some("a:b")),
        ("default login a password b", "h", Some("c"), None),
        ("default login x password y\nmachine h login a password b", "h", None, Some("a:b")),
        ("machine h\ndefault login a password b", "h", None, None),
        ("machine h login c password d default login a password b", "h", Some("a"), Some("a:b")),
        // Quotes.
        (r#"machine "h" login "a b" password "c d""#, "h", None, Some("a b:c d")),
        (r#"machine h login a password "\"\\\x\t\r\n""#, "h", None, Some("a:\"\\x\t\r\n")),
        (r#"machine h login a password """#, "h", None, Some("a:")),
        (r#"machine h login a password b"c"#, "h", None, Some("a:b\"c")),
        (r"machine h login a password b\n", "h", None, Some(r"a:b\n")),
        (r##"machine h login a password "# b""##, "h", None, Some("a:# b")),
        ("machine h login ä password ö", "h", None, Some("ä:ö")),
        // Comments.
        ("# machine h login x\nmachine h login a password b", "h", None, Some("a:b")),
        ("machine h # its name\nlogin a #x\npassword b # y", "h", None, Some("a:b")),
        ("machine h login a password #b", "h", None, Some("a:#b")),
        ("machine h login a#b password c#d", "h", None, Some("a#b:c#d")),
        ("#", "h", None, None),
        ("", "h", None, None),
        // Macros.
        ("macdef m\nmachine h\nlogin x\n\nmachine h login a password b", "h", None, Some("a:b")),
        ("machine h login a password b macdef m\nput\r\n\r\ndefault login x", "h", None, Some("a:b")),
        ("machine h login a password b\nmacdef m\nmachine h\nno words", "h", Some("a"), Some("a:b")),
        // Hosts as URLs write them.
        ("machine ::1 login a password b", "[::1]", None, Some("a:b")),
        ("machine [::1] login a password b", "[::1]", None, Some("a:b")),
        ("machine bücher.example login a password b", "xn--bcher-kva.example", None, Some("a:b")),
    ];

    #[test]
    fn logins_are_found_as_the_file_says() {
        assert!(CASES.len() >= 25);
        for (text, host, login, expected) in CASES {
            let netrc = Netrc::parse(text).unwrap();
            let found = netrc.find(host, *login, true).map(|(name, password)| format!("{name}:{password}"));
            assert_eq!(found.as_deref(), *expected, "{text:?} for {login:?} at {host}");
        }
    }

    #[test]
    fn without_the_default_only_what_is_named_counts() {
        let netrc = Netrc::parse("default login a password b machine h login c password d").unwrap();
        assert_eq!((netrc.find("x", None, false), netrc.find("x", Some("a"), false)), (None, None));
        assert_eq!(netrc.find("h", None, false), Some(("c", "d")));
    }

    #[test]
    fn what_does_not_hold_is_told_by_its_line_without_its_content() {
        let table: [(&[u8], usize); 13] = [
            (b"hunter2", 1),
            (b"machine h\nlogin a\npasswort hunter2", 3),
            (b"machine h login a password hunter 2", 1),
            (b"\n\nlogin hunter2", 3),
            (b"password hunter2 machine h", 1),
            (b"machine", 1),
            (b"machine h\nlogin\n\n", 2),
            (b"machine h\nlogin a\npassword \"hunter2\nmachine g", 3),
            (b"machine h\npassword \"hunter2\\", 2),
            (b"machine h\npassword \"hunter2\\\n\"", 2),
            (b"machine h\npassword \"hunter\"2", 2),
            (b"macdef m\nx\ny\n\nhunter2", 5),
            (b"machine h\nlogin \xff hunter2", 2),
        ];
        for (text, line) in table {
            let error = Netrc::parse(text).unwrap_err();
            let shown = String::from_utf8_lossy(text);
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput);
            assert!(error.to_string().starts_with(&format!("line {line} ")), "{shown:?}: {error}");
            assert!(!format!("{error} {error:?}").contains("hunter"), "{shown:?}: {error}");
        }
    }

    #[test]
    fn a_file_is_bounded_and_the_largest_one_is_read() {
        assert!(Netrc::parse(" ".repeat(MAX_NETRC + 1)).is_err());
        for piece in [" ", "\n", "#", "\"", "#\n", "machine h ", "default\n", "macdef m\n\n"] {
            let text = piece.repeat(MAX_NETRC / piece.len());
            assert_eq!(Netrc::parse(text).is_ok(), piece != "\"", "{piece:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text: Vec<u8>) {
            let _ = Netrc::parse(text);
        }

        #[test]
        fn no_words_make_it_panic(words in prop::collection::vec("machine|default|login|password|macdef|#|\"|\\\\|\n|a", 0..30)) {
            let _ = Netrc::parse(words.join(" "));
        }

        #[test]
        fn what_is_quoted_is_read_as_it_was(login in "\\PC{0,20}", password in "[ -~\n\r\t]{0,20}") {
            let quoted = |text: &str| {
                let text = text.replace('\\', "\\\\").replace('"', "\\\"");
                format!("\"{}\"", text.replace('\n', "\\n").replace('\r', "\\r"))
            };
            let text = format!("machine h login {} password {}", quoted(&login), quoted(&password));
            let netrc = Netrc::parse(text).unwrap();
            prop_assert_eq!(netrc.find("h", None, false), Some((login.as_str(), password.as_str())));
        }
    }
}
