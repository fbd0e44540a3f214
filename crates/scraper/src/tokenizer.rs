//! Text -> tokens, as the [HTML Standard](https://html.spec.whatwg.org/multipage/parsing.html#tokenization)
//! has it.
//!
//! html5ever's own tokenizer is made for text that arrives in pieces. Here the whole page is in memory, so
//! that a state is a search for the byte that ends it, and texts and attribute values are slices that share
//! one buffer. Every search goes forward only: the time taken grows with the text.
//!
//! The tokens are html5ever's, and so is the tree builder that takes them. Two things are as the standard
//! has them where html5ever differs: U+FEFF after a script or a `<meta charset>` is kept, and a line feed
//! after `<pre>` is dropped also where a parse error comes with it, as in `&#10` without a semicolon.

mod markup;
mod phrases;
mod raw;
mod references;
mod tags;

use html5ever::LocalName;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{TagKind, Token};
use memchr::{memchr, memchr3};

pub(crate) use phrases::{Effect, Phrase};
use tags::Attributes;

/// What becomes of the tokens: a tree builder, which also says how to go on.
pub(crate) trait Receiver {
    /// Why no more tokens are wanted.
    type Stop;

    /// Takes a token; the kind of text that follows it is up to the tree.
    fn token(&mut self, token: Token) -> Result<Content, Self::Stop>;

    /// Hears of each attribute of a tag while the tag is read: their number so far, and how many of these were left out.
    fn attribute(&mut self, so_far: usize, left_out: usize) -> Result<(), Self::Stop>;

    /// Whether attributes of a tag with this name may be left out: those that are not [looked at](Self::has_attribute).
    fn leaves_out_attributes_of(&self, tag: &LocalName) -> bool;

    /// Whether an attribute is looked at, its name as it is written.
    fn has_attribute(&self, name: &[u8]) -> bool;

    /// What text would change that comes now.
    fn effect_of_text(&self) -> Effect;

    /// Whether an element that marks text may be left out, where the effect of text is known.
    fn may_pass_over(&mut self, phrase: &Phrase) -> bool;

    /// Hears of what was left out.
    fn passed_over(&mut self, phrase: &Phrase) -> Result<(), Self::Stop>;

    /// Whether the tree is inside SVG or MathML, where CDATA is text.
    fn is_in_foreign_content(&self) -> bool;
}

/// How the text after a tag is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// With tags.
    Data,
    /// Until the end tag of the same name.
    Raw(RawKind),
    /// To the end.
    Plaintext,
}

/// The page's text with all its line ends made U+000A, in a buffer that can be shared by its parts.
pub(crate) fn shared(text: &str) -> StrTendril {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if memchr(b'\r', text.as_bytes()).is_none() {
        return StrTendril::from_slice(text);
    }
    let mut shared = StrTendril::with_capacity(u32::try_from(text.len()).unwrap_or(u32::MAX));
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\r') {
        shared.push_slice(line);
        shared.push_slice("\n");
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    shared.push_slice(rest);
    shared
}

/// Sends all tokens of a text to the receiver, the end of file included.
pub(crate) fn tokenize<R: Receiver>(text: &StrTendril, receiver: &mut R) -> Result<(), R::Stop> {
    let attributes = Attributes::default();
    let mut tokenizer = Tokenizer { shared: text, bytes: text.as_bytes(), at: 0, attributes, receiver };
    while tokenizer.at < tokenizer.bytes.len() {
        tokenizer.data()?;
    }
    tokenizer.receiver.token(Token::EOFToken).map(drop)
}

struct Tokenizer<'t, R> {
    shared: &'t StrTendril,
    bytes: &'t [u8],
    at: usize,
    attributes: Attributes,
    receiver: &'t mut R,
}

impl<R: Receiver> Tokenizer<'_, R> {
    /// Text, then whatever ends it.
    fn data(&mut self) -> Result<(), R::Stop> {
        let (end, has_reference) = self.end_of_text();
        if end > self.at {
            let start = std::mem::replace(&mut self.at, end);
            if self.receiver.effect_of_text() == Effect::None {
                self.receiver.passed_over(&Phrase::TEXT)?;
            } else {
                self.send_text(start, end, has_reference)?;
            }
        }
        match self.byte(end) {
            Some(0) => {
                self.at = end + 1;
                self.receiver.token(Token::NullCharacterToken).map(drop)
            }
            Some(_) => self.markup(),
            None => Ok(()),
        }
    }

    fn send_text(&mut self, start: usize, end: usize, has_reference: bool) -> Result<(), R::Stop> {
        let text = self.slice(start, end);
        let text = if has_reference { references::decode(&text, false) } else { text };
        self.receiver.token(Token::CharacterTokens(text)).map(drop)
    }

    /// Where the text that starts here ends: at markup, a NUL or the end; and whether `&` is in it.
    fn end_of_text(&self) -> (usize, bool) {
        let (mut at, mut has_reference) = (self.at, false);
        while let Some(found) = memchr3(b'<', b'&', 0, self.bytes.get(at..).unwrap_or(&[])) {
            at += found;
            match self.byte(at) {
                Some(b'&') => has_reference = true,
                Some(b'<') if !self.opens_markup(at) => {}
                _ => return (at, has_reference),
            }
            at += 1;
        }
        (self.bytes.len(), has_reference)
    }

    fn opens_markup(&self, at: usize) -> bool {
        match self.byte(at + 1) {
            Some(b'!' | b'?') => true,
            Some(b'/') => self.byte(at + 2).is_some(),
            Some(next) => next.is_ascii_alphabetic(),
            None => false,
        }
    }

    fn markup(&mut self) -> Result<(), R::Stop> {
        match (self.byte(self.at + 1), self.byte(self.at + 2)) {
            (Some(b'!'), _) => self.declaration(),
            (Some(b'?'), _) => self.bogus_comment(self.at + 1),
            (Some(b'/'), Some(b'>')) => {
                self.at += 3;
                Ok(())
            }
            (Some(b'/'), Some(letter)) if letter.is_ascii_alphabetic() => self.tag(TagKind::EndTag),
            (Some(b'/'), _) => self.bogus_comment(self.at + 2),
            _ => {
                let effect = self.receiver.effect_of_text();
                if effect != Effect::Unknown && self.pass_over(effect)? {
                    return Ok(());
                }
                self.tag(TagKind::StartTag)
            }
        }
    }

    fn tag(&mut self, kind: TagKind) -> Result<(), R::Stop> {
        let Some(tag) = self.read_tag(kind)? else { return Ok(()) };
        let name = tag.name.clone();
        let content = self.receiver.token(Token::TagToken(tag))?;
        self.content(content, &name)
    }

    fn content(&mut self, content: Content, name: &LocalName) -> Result<(), R::Stop> {
        match content {
            Content::Data => Ok(()),
            Content::Raw(kind) => self.raw_text(kind, name),
            Content::Plaintext => self.plain_text(),
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// The part of the text between two places that are ASCII or its ends.
    fn slice(&self, from: usize, to: usize) -> StrTendril {
        // The length of a tendril is a u32, and so are all places in it.
        self.shared.try_subtendril(from as u32, to.saturating_sub(from) as u32).unwrap_or_default()
    }

    /// As `slice`, and NUL is U+FFFD.
    fn slice_without_nul(&self, from: usize, to: usize) -> StrTendril {
        let part = self.slice(from, to);
        if memchr(0, part.as_bytes()).is_none() {
            part
        } else {
            StrTendril::from(part.replace('\0', "\u{fffd}"))
        }
    }

    /// The first place from `at` on where this byte stands, or the end.
    fn find(&self, byte: u8, at: usize) -> usize {
        let rest = self.bytes.get(at..).unwrap_or(&[]);
        memchr(byte, rest).map_or(self.bytes.len(), |found| at + found)
    }

    /// Whether this stands at `at`, in any case.
    fn stands(&self, at: usize, lower_case: &str) -> bool {
        let part = self.bytes.get(at..at + lower_case.len());
        part.is_some_and(|part| part.eq_ignore_ascii_case(lower_case.as_bytes()))
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | 0x0c)
}

/// What ends the name of a tag.
fn ends_name(byte: u8) -> bool {
    is_space(byte) || matches!(byte, b'/' | b'>')
}
