//! Elements that mark text, read to their end without a token.

use super::tags::InTag;
use super::{Receiver, Tokenizer, ends_name};
use crate::phrasing::{Phrasing, phrasing};

/// So many deep may they stand in each other: what turns out to be none is read again from its next tag on.
const DEEPEST: usize = 3;

/// An element that marks text, from its start tag to its end tag, and what is in it: text, and more of its like.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Phrase {
    pub(crate) elements: usize,
    /// How many of them are in each other.
    pub(crate) depth: usize,
    pub(crate) texts: usize,
    pub(crate) attributes: usize,
    /// The most attributes that one element has.
    pub(crate) attributes_of_one: usize,
    /// Whether there are [formatting](Phrasing::Formatting) elements among them.
    pub(crate) formats: bool,
    first_text: Option<(usize, usize, bool)>,
    after: usize,
}

impl Phrase {
    /// A text that stands in no such element.
    pub(super) const TEXT: Self = Self {
        elements: 0,
        depth: 0,
        texts: 1,
        attributes: 0,
        attributes_of_one: 0,
        formats: false,
        first_text: None,
        after: 0,
    };
}

/// What a text would change in the tree, other than that it would be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Unknown,
    /// What the first of several texts would: no other does any more.
    Once,
    /// Nothing.
    None,
}

impl<R: Receiver> Tokenizer<'_, R> {
    /// Passes over the element that starts here if the tree around it is the same with its text in its place.
    pub(super) fn pass_over(&mut self, effect: Effect) -> Result<bool, R::Stop> {
        let Some(mut phrase) = self.phrase().filter(|phrase| self.receiver.may_pass_over(phrase)) else {
            return Ok(false);
        };
        if effect == Effect::Once {
            let Some((start, end, has_reference)) = phrase.first_text else { return Ok(false) };
            self.send_text(start, end, has_reference)?;
            phrase.texts -= 1;
        }
        self.at = phrase.after;
        self.receiver.passed_over(&phrase)?;
        Ok(true)
    }

    /// Reads ahead. None where one element ends that is not the last that began, or something else stands there.
    fn phrase(&mut self) -> Option<Phrase> {
        let start = self.at;
        let phrase = self.read_phrase();
        self.at = start;
        phrase
    }

    fn read_phrase(&mut self) -> Option<Phrase> {
        let mut phrase = Phrase::default();
        let mut open = Open::default();
        loop {
            self.phrase_tag(&mut phrase, &mut open)?;
            if open.depth == 0 {
                phrase.after = self.at;
                return Some(phrase);
            }
            let (start, (end, has_reference)) = (self.at, self.end_of_text());
            if end > start {
                phrase.texts += 1;
                phrase.first_text.get_or_insert((start, end, has_reference));
                self.at = end;
            }
            if self.byte(end) != Some(b'<') {
                return None;
            }
        }
    }

    fn phrase_tag(&mut self, phrase: &mut Phrase, open: &mut Open) -> Option<()> {
        let start = self.at + 1;
        if self.byte(start) == Some(b'/') {
            let name = self.bytes_between(open.last()?);
            let end = start + 1 + name.len();
            let is_closed = self.bytes.get(start + 1..end) == Some(name) && self.byte(end) == Some(b'>');
            self.at = end + 1;
            open.depth -= 1;
            return is_closed.then_some(());
        }
        self.at = self.skip_until(start, ends_name);
        let name = (start, self.at);
        let kind = phrasing(self.bytes_between(name))?;
        let attributes = self.count_attributes()?;
        phrase.elements += 1;
        phrase.attributes += attributes;
        phrase.attributes_of_one = phrase.attributes_of_one.max(attributes);
        phrase.depth = phrase.depth.max(open.depth + 1);
        phrase.formats |= kind == Phrasing::Formatting;
        if kind == Phrasing::Void { Some(()) } else { open.push(name, kind) }
    }

    /// Reads the rest of a tag; None if the text ends within it.
    fn count_attributes(&mut self) -> Option<usize> {
        let mut attributes = 0;
        loop {
            match self.next_in_tag() {
                InTag::Attribute(..) => attributes += 1,
                InTag::End { .. } => return Some(attributes),
                InTag::Cut => return None,
            }
        }
    }
}

/// The elements that were begun and have not ended.
#[derive(Default)]
struct Open {
    /// From where to where their names go.
    names: [(usize, usize); DEEPEST],
    depth: usize,
    /// At which depth there is one that formats.
    formatting: Option<usize>,
}

impl Open {
    fn last(&self) -> Option<(usize, usize)> {
        self.names.get(self.depth.checked_sub(1)?).copied()
    }

    /// None if it would be too deep, or a formatting element in another: of several that are alike, in each other, the tree
    /// builder forgets the first.
    fn push(&mut self, name: (usize, usize), kind: Phrasing) -> Option<()> {
        if kind == Phrasing::Formatting {
            if self.formatting.is_some_and(|depth| depth < self.depth) {
                return None;
            }
            self.formatting = Some(self.depth);
        }
        *self.names.get_mut(self.depth)? = name;
        self.depth += 1;
        Some(())
    }
}
