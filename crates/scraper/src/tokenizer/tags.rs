//! Tags and their attributes.

use std::collections::HashSet;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{Tag, TagKind};
use html5ever::{Attribute, LocalName, QualName, ns};
use memchr::{memchr, memchr2};

use super::{Receiver, Tokenizer, ends_name, is_space, references};

/// Up to here a look at all attributes before is faster than hashing.
const FEW: usize = 16;

/// What comes next in a tag.
pub(super) enum InTag {
    /// From where to where its name and its value go.
    Attribute((usize, usize), (usize, usize)),
    End {
        self_closing: bool,
    },
    /// The text ends within the tag.
    Cut,
}

impl<R: Receiver> Tokenizer<'_, R> {
    /// Reads the tag that starts here; None if the text ends within it.
    pub(super) fn read_tag(&mut self, kind: TagKind) -> Result<Option<Tag>, R::Stop> {
        let start = self.at + if kind == TagKind::StartTag { 1 } else { 2 };
        self.at = self.skip_until(start, ends_name);
        let name = self.name(start, self.at);
        self.attributes.begin();
        let leaves_out = self.receiver.leaves_out_attributes_of(&name);
        let end = self.attributes(leaves_out)?;
        Ok(end.map(|self_closing| Tag {
            kind,
            name,
            self_closing,
            attrs: self.attributes.taken(),
            had_duplicate_attributes: self.attributes.had_duplicates,
        }))
    }

    /// Reads attributes to the end of the tag, and says whether it closes itself.
    fn attributes(&mut self, leaves_out: bool) -> Result<Option<bool>, R::Stop> {
        let mut left_out = 0;
        loop {
            match self.next_in_tag() {
                InTag::Cut => return Ok(None),
                InTag::End { self_closing } => return Ok(Some(self_closing)),
                InTag::Attribute(name, value) => {
                    if leaves_out && !self.receiver.has_attribute(self.bytes_between(name)) {
                        left_out += 1;
                    } else {
                        let (name, value) = (self.name(name.0, name.1), self.value(value.0, value.1));
                        self.attributes.add(name, value);
                    }
                    self.receiver.attribute(self.attributes.list.len() + left_out, left_out)?;
                }
            }
        }
    }

    /// Reads the next attribute of a tag, or its end.
    pub(super) fn next_in_tag(&mut self) -> InTag {
        loop {
            self.at = self.skip_until(self.at, |byte| !is_space(byte));
            let length = match (self.byte(self.at), self.byte(self.at + 1)) {
                (None, _) => return InTag::Cut,
                (Some(b'>'), _) => 1,
                (Some(b'/'), Some(b'>')) => 2,
                (Some(b'/'), _) => {
                    self.at += 1;
                    continue;
                }
                _ => return InTag::Attribute(self.attribute_name(), self.attribute_value()),
            };
            self.at += length;
            return InTag::End { self_closing: length == 2 };
        }
    }

    /// From where to where a name goes. A `=` in the first place is part of it.
    fn attribute_name(&mut self) -> (usize, usize) {
        let start = self.at;
        self.at = self.skip_until(start + 1, |byte| ends_name(byte) || byte == b'=');
        (start, self.at)
    }

    /// From where to where its value goes.
    fn attribute_value(&mut self) -> (usize, usize) {
        let equals = self.skip_until(self.at, |byte| !is_space(byte));
        if self.byte(equals) != Some(b'=') {
            return (self.at, self.at);
        }
        let start = self.skip_until(equals + 1, |byte| !is_space(byte));
        let (start, end, after) = match self.byte(start) {
            Some(quote @ (b'"' | b'\'')) => {
                let end = self.find(quote, start + 1);
                (start + 1, end, end + 1)
            }
            _ => {
                let end = self.skip_until(start, |byte| is_space(byte) || byte == b'>');
                (start, end, end)
            }
        };
        self.at = after.min(self.bytes.len());
        (start, end)
    }

    pub(super) fn bytes_between(&self, (start, end): (usize, usize)) -> &[u8] {
        self.bytes.get(start..end).unwrap_or(&[])
    }

    fn value(&self, start: usize, end: usize) -> StrTendril {
        let raw = self.bytes_between((start, end));
        match memchr2(b'&', 0, raw) {
            None => self.slice(start, end),
            Some(_) if memchr(b'&', raw).is_some() => {
                references::decode(&self.slice_without_nul(start, end), true)
            }
            Some(_) => self.slice_without_nul(start, end),
        }
    }

    /// The name between two places, in lower case.
    fn name(&self, start: usize, end: usize) -> LocalName {
        let raw = self.bytes_between((start, end));
        if raw.iter().any(|byte| byte.is_ascii_uppercase() || *byte == 0) {
            return LocalName::from(self.slice_without_nul(start, end).to_ascii_lowercase());
        }
        LocalName::from(self.shared.get(start..end).unwrap_or_default())
    }

    /// The first place from `at` on where the byte is one of those, or the end.
    pub(super) fn skip_until(&self, at: usize, is_one: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes.get(at..).unwrap_or(&[]);
        rest.iter().position(|byte| is_one(*byte)).map_or(self.bytes.len(), |found| at + found)
    }
}

/// The attributes of a tag; of those with one name the first counts. The next tag's are put into the same room.
#[derive(Default)]
pub(super) struct Attributes {
    list: Vec<Attribute>,
    names: HashSet<LocalName>,
    had_duplicates: bool,
}

impl Attributes {
    fn begin(&mut self) {
        self.list.clear();
        self.names.clear();
        self.had_duplicates = false;
    }

    /// All of them, in no more memory than they need: a tree holds many such lists.
    fn taken(&mut self) -> Vec<Attribute> {
        self.list.drain(..).collect()
    }

    fn add(&mut self, name: LocalName, value: StrTendril) {
        if self.is_known(&name) {
            self.had_duplicates = true;
            return;
        }
        self.list.push(Attribute { name: QualName::new(None, ns!(), name), value });
    }

    fn is_known(&mut self, name: &LocalName) -> bool {
        if self.list.len() < FEW {
            return self.list.iter().any(|known| known.name.local == *name);
        }
        if self.names.is_empty() {
            self.names.extend(self.list.iter().map(|known| known.name.local.clone()));
        }
        !self.names.insert(name.clone())
    }
}
