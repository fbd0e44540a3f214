//! Text without tags: scripts, styles, titles, `<plaintext>`.

use html5ever::LocalName;
use html5ever::tokenizer::Token;
use html5ever::tokenizer::states::RawKind;
use memchr::{memchr, memchr2};

use super::{Receiver, Tokenizer, ends_name, references};

/// How far a script is inside `<!--` (the standard's "escaped" and "double escaped" states).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// Not at all.
    No,
    /// After `<!--`: `<script` is looked for.
    Comment,
    /// After `<script` in there: `</script` does not end the element.
    Script,
}

impl<R: Receiver> Tokenizer<'_, R> {
    /// Sends the text up to the end tag with this name, which is read as any other.
    pub(super) fn raw_text(&mut self, kind: RawKind, name: &LocalName) -> Result<(), R::Stop> {
        let end = match kind {
            RawKind::Rcdata | RawKind::Rawtext => self.end_of_element(name),
            RawKind::ScriptData | RawKind::ScriptDataEscaped(_) => self.end_of_script(name),
        };
        self.send_raw(end, kind == RawKind::Rcdata)
    }

    pub(super) fn plain_text(&mut self) -> Result<(), R::Stop> {
        self.send_raw(self.bytes.len(), false)
    }

    fn send_raw(&mut self, end: usize, has_references: bool) -> Result<(), R::Stop> {
        let text = self.slice_without_nul(self.at, end);
        self.at = end;
        if text.is_empty() {
            return Ok(());
        }
        let has_references = has_references && memchr(b'&', text.as_bytes()).is_some();
        let text = if has_references { references::decode(&text, false) } else { text };
        self.receiver.token(Token::CharacterTokens(text)).map(drop)
    }

    fn end_of_element(&self, name: &str) -> usize {
        let mut at = self.at;
        loop {
            at = self.find(b'<', at);
            if at == self.bytes.len() || self.is_end_tag(at, name) {
                return at;
            }
            at += 1;
        }
    }

    fn end_of_script(&self, name: &str) -> usize {
        let (mut at, mut escape) = (self.at, Escape::No);
        while let Some(found) = memchr2(b'<', b'-', self.bytes.get(at..).unwrap_or(&[])) {
            at += found;
            if escape != Escape::Script && self.is_end_tag(at, name) {
                return at;
            }
            (at, escape) = self.after_sign(at, escape);
        }
        self.bytes.len()
    }

    /// What a `<` or `-` in a script changes, and where to go on.
    fn after_sign(&self, at: usize, escape: Escape) -> (usize, Escape) {
        if self.byte(at) == Some(b'-') {
            let after = self.skip_until(at, |byte| byte != b'-');
            let ends = after - at >= 2 && self.byte(after) == Some(b'>');
            return (after, if ends { Escape::No } else { escape });
        }
        match escape {
            // The two dashes may be those of `-->`.
            Escape::No if self.stands(at, "<!--") => (at + 2, Escape::Comment),
            Escape::Comment if self.is_tag(at + 1, "script") => (at + 1, Escape::Script),
            Escape::Script if self.is_end_tag(at, "script") => (at + 1, Escape::Comment),
            _ => (at + 1, escape),
        }
    }

    fn is_end_tag(&self, at: usize, name: &str) -> bool {
        self.byte(at) == Some(b'<') && self.byte(at + 1) == Some(b'/') && self.is_tag(at + 2, name)
    }

    fn is_tag(&self, at: usize, name: &str) -> bool {
        self.stands(at, name) && self.byte(at + name.len()).is_some_and(ends_name)
    }
}
