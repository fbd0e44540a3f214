//! What starts with `<!` and `<?`: comments, CDATA, the doctype.

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{Doctype, Token};

use super::{Receiver, Tokenizer, is_space};

impl<R: Receiver> Tokenizer<'_, R> {
    pub(super) fn declaration(&mut self) -> Result<(), R::Stop> {
        let start = self.at + 2;
        if self.stands(start, "--") {
            return self.comment(start + 2);
        }
        if self.stands(start, "doctype") {
            return self.doctype(start + 7);
        }
        if self.bytes.get(start..).is_some_and(|rest| rest.starts_with(b"[CDATA["))
            && self.receiver.is_in_foreign_content()
        {
            return self.cdata(start + 7);
        }
        self.bogus_comment(start)
    }

    /// A comment that ends at the next `>`.
    pub(super) fn bogus_comment(&mut self, start: usize) -> Result<(), R::Stop> {
        let end = self.find(b'>', start);
        self.send_comment(start, end, end + 1)
    }

    /// `<!-->` and `<!--->` are whole comments; else it goes to the first `-->` or `--!>`.
    fn comment(&mut self, start: usize) -> Result<(), R::Stop> {
        let mut end = self.find(b'>', start);
        while let Some(inside) = self.bytes.get(start..end).filter(|_| end < self.bytes.len()) {
            let tail = match inside {
                b"" | b"-" => Some(inside.len()),
                _ if inside.ends_with(b"--") => Some(2),
                _ if inside.ends_with(b"--!") => Some(3),
                _ => None,
            };
            if let Some(tail) = tail {
                return self.send_comment(start, end - tail, end + 1);
            }
            end = self.find(b'>', end + 1);
        }
        let inside = self.bytes.get(start..).unwrap_or(&[]);
        let tails: [&[u8]; 3] = [b"--!", b"--", b"-"];
        let tail = tails.iter().find(|tail| inside.ends_with(tail)).map_or(0, |tail| tail.len());
        self.send_comment(start, self.bytes.len() - tail, self.bytes.len())
    }

    fn send_comment(&mut self, start: usize, end: usize, after: usize) -> Result<(), R::Stop> {
        self.at = after.min(self.bytes.len());
        let text = self.slice_without_nul(start, end);
        self.receiver.token(Token::CommentToken(text)).map(drop)
    }

    fn cdata(&mut self, start: usize) -> Result<(), R::Stop> {
        let mut end = self.find(b'>', start);
        while end < self.bytes.len() && !self.bytes.get(start..end).is_some_and(|text| text.ends_with(b"]]"))
        {
            end = self.find(b'>', end + 1);
        }
        let is_closed = end < self.bytes.len();
        self.at = if is_closed { end + 1 } else { end };
        self.send_with_nul(start, if is_closed { end - 2 } else { end })
    }

    /// In CDATA the tree builder is told of NUL, as in data.
    fn send_with_nul(&mut self, start: usize, end: usize) -> Result<(), R::Stop> {
        let mut from = start;
        while from < end {
            let nul = self.find(0, from).min(end);
            if nul > from {
                let text = self.slice(from, nul);
                self.receiver.token(Token::CharacterTokens(text))?;
            }
            if nul < end {
                self.receiver.token(Token::NullCharacterToken)?;
            }
            from = nul + 1;
        }
        Ok(())
    }

    /// Reads as far as the doctype goes as it should; the rest of it, to the `>`, does not count.
    fn doctype(&mut self, start: usize) -> Result<(), R::Stop> {
        let mut doctype = Doctype::default();
        self.at = start;
        doctype.force_quirks = self.doctype_parts(&mut doctype).is_none();
        self.at = (self.find(b'>', self.at) + 1).min(self.bytes.len());
        self.receiver.token(Token::DoctypeToken(doctype)).map(drop)
    }

    /// None where the standard forces quirks.
    fn doctype_parts(&mut self, doctype: &mut Doctype) -> Option<()> {
        doctype.name = Some(self.doctype_name()?);
        if self.is_at_end_of_doctype()? {
            return Some(());
        }
        if self.stands(self.at, "public") {
            self.at += 6;
            self.identifier(&mut doctype.public_id)?;
            if self.is_at_end_of_doctype()? {
                return Some(());
            }
        } else if self.stands(self.at, "system") {
            self.at += 6;
        } else {
            return None;
        }
        self.identifier(&mut doctype.system_id)?;
        self.is_at_end_of_doctype().map(drop)
    }

    fn doctype_name(&mut self) -> Option<StrTendril> {
        let start = self.skip_until(self.at, |byte| !is_space(byte));
        self.at = self.skip_until(start, |byte| is_space(byte) || byte == b'>');
        let name = self.slice_without_nul(start, self.at);
        (!name.is_empty()).then(|| StrTendril::from(name.to_ascii_lowercase()))
    }

    /// None at the end of the text.
    fn is_at_end_of_doctype(&mut self) -> Option<bool> {
        self.at = self.skip_until(self.at, |byte| !is_space(byte));
        self.byte(self.at).map(|byte| byte == b'>')
    }

    /// An identifier in quotes. A `>` within ends it, and the doctype.
    fn identifier(&mut self, identifier: &mut Option<StrTendril>) -> Option<()> {
        self.is_at_end_of_doctype()?;
        let quote = self.byte(self.at).filter(|byte| matches!(byte, b'"' | b'\''))?;
        let start = self.at + 1;
        self.at = self.skip_until(start, |byte| byte == quote || byte == b'>');
        *identifier = Some(self.slice_without_nul(start, self.at));
        (self.byte(self.at)? == quote).then(|| self.at += 1)
    }
}
