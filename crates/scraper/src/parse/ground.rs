//! Where the tree builder stands, as far as it can be told from what it did: whether text would change anything there.
//!
//! Where text stands in the body ([13.2.6.4.7](https://html.spec.whatwg.org/multipage/parsing.html#parsing-main-inbody)), it
//! reopens the formatting elements that are to be, and makes a later `<frameset>` one that does not count. Once
//! that is done, neither more text nor an element that marks text and has ended changes more than the tree at that place.

use std::cell::Cell;

use html5ever::tokenizer::{Tag, TagKind, Token, TokenSink, TokenSinkResult};
use html5ever::tree_builder::{Tracer, TreeBuilder};
use html5ever::{LocalName, local_name};

use crate::phrasing::{Phrasing, begins_text, is_void, phrasing, reopens_formatting};
use crate::sink::{BoundedSink, Handle};
use crate::tokenizer::{Effect, Phrase};

type Tree = TreeBuilder<Handle, BoundedSink>;

/// With fewer open formatting elements, each of which is traced twice, there are no three alike: a fourth would be one too many.
const FEW: usize = 3;

#[derive(Default)]
pub(super) struct Ground {
    /// The current node, if it is one that holds text, and what text in it would change.
    current: Option<(Handle, Effect)>,
    /// Whether there was text in the body that is more than white space, and a `<frameset>` can no longer take its place.
    has_text: bool,
    /// Whether the body has ended: what comes then opens it again.
    has_ended: bool,
    /// Whether many formatting elements are open; None when not known.
    is_crowded: Option<bool>,
}

/// What is to be known of a token afterwards.
enum Sent {
    Text {
        is_blank: bool,
    },
    Comment,
    /// The start tag of an element that text may follow in.
    Start(LocalName),
    /// The start tag of one that nothing is put into.
    Void(LocalName),
    End(LocalName),
    Other,
}

impl Ground {
    /// Has the builder process a token.
    pub(super) fn process(&mut self, tree: &Tree, token: Token) -> TokenSinkResult<Handle> {
        let sent = self.sent(&token);
        tree.sink.begin_token();
        let result = tree.process_token(token, 1);
        self.current = self.after(&sent, &tree.sink);
        result
    }

    fn after(&mut self, sent: &Sent, sink: &BoundedSink) -> Option<(Handle, Effect)> {
        match sent {
            Sent::Text { is_blank } => {
                let parent = sink.written_into();
                self.has_text |= parent.is_some() && !is_blank;
                parent.map(|parent| (parent, Effect::None))
            }
            Sent::Comment => self.current,
            Sent::Start(name) => {
                let made = sink.made(name)?;
                let changes_nothing = reopens_formatting(name.as_bytes())
                    || self.was_put_into_current(made, sink) == Some(Effect::None);
                Some((made, if changes_nothing { Effect::None } else { Effect::Once }))
            }
            Sent::Void(name) => {
                let made = sink.made(name)?;
                self.current.filter(|_| self.was_put_into_current(made, sink).is_some())
            }
            Sent::End(name) => {
                let (ended, effect) = self.current.filter(|_| sink.is_regular())?;
                let is_it = sink.is_html(ended, |ended| ended == name);
                // Where nothing ever changed its place, what is around an element was opened before it.
                let around = sink.parent(ended).filter(|around| is_it && sink.holds_text(*around))?;
                Some((around, effect))
            }
            Sent::Other => None,
        }
    }

    /// What text would have changed in the node that was the current one, if this element was put into it: then none was
    /// closed for it.
    fn was_put_into_current(&self, made: Handle, sink: &BoundedSink) -> Option<Effect> {
        let (current, effect) = self.current.filter(|_| sink.is_regular())?;
        (sink.parent(made) == Some(current)).then_some(effect)
    }

    fn sent(&mut self, token: &Token) -> Sent {
        match token {
            Token::CharacterTokens(text) => {
                let is_blank = !self.has_text && text.bytes().all(|byte| byte.is_ascii_whitespace());
                Sent::Text { is_blank }
            }
            Token::CommentToken(_) => Sent::Comment,
            Token::TagToken(tag) => self.sent_tag(tag),
            _ => Sent::Other,
        }
    }

    fn sent_tag(&mut self, tag: &Tag) -> Sent {
        if tag.kind == TagKind::EndTag {
            self.has_ended |= matches!(tag.name, local_name!("body") | local_name!("html"));
            return Sent::End(tag.name.clone());
        }
        if phrasing(tag.name.as_bytes()) == Some(Phrasing::Formatting) {
            self.is_crowded = None;
        }
        match tag.name.as_bytes() {
            name if begins_text(name) => Sent::Start(tag.name.clone()),
            name if is_void(name) => Sent::Void(tag.name.clone()),
            _ => Sent::Other,
        }
    }

    pub(super) fn effect(&self) -> Effect {
        match self.current {
            Some((_, effect)) if self.has_text && !self.has_ended => effect,
            _ => Effect::Unknown,
        }
    }

    /// Whether this may be left out: no formatting element would be forgotten for it.
    pub(super) fn may_pass_over(&mut self, tree: &Tree, phrase: &Phrase) -> bool {
        !(phrase.formats && self.is_crowded(tree))
    }

    /// Counts what is left out as if it were put in.
    pub(super) fn pass_over(&self, tree: &Tree, phrase: &Phrase) {
        tree.sink.count_unseen_nodes(phrase.elements + phrase.texts);
        tree.sink.count_unseen_attributes(phrase.attributes);
        if let Some((current, _)) = self.current.filter(|_| phrase.depth > 0) {
            tree.sink.measure_unseen_depth(current, phrase.depth);
        }
    }

    fn is_crowded(&mut self, tree: &Tree) -> bool {
        *self.is_crowded.get_or_insert_with(|| {
            let open = OpenFormatting { sink: &tree.sink, count: Cell::new(0) };
            tree.trace_handles(&open);
            open.count.get() >= FEW
        })
    }
}

/// Counts the formatting elements among those that the builder holds: in its stack, and in its list of formatting elements.
struct OpenFormatting<'s> {
    sink: &'s BoundedSink,
    count: Cell<usize>,
}

impl Tracer for OpenFormatting<'_> {
    type Handle = Handle;

    fn trace_handle(&self, handle: &Handle) {
        if self.sink.is_html(*handle, |name| phrasing(name.as_bytes()) == Some(Phrasing::Formatting)) {
            self.count.set(self.count.get() + 1);
        }
    }
}

#[cfg(test)]
mod tests;
