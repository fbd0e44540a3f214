//! Text -> scraper's tree, within bounds.
//!
//! Our tokenizer feeds html5ever's tree builder, which builds in scraper's sink. The builder cannot be told to
//! stop, so after each token what was built decides whether there is a next one. What a token can cost is
//! bounded by the nesting, to which the builder's lists are tied.

mod ground;

use std::time::Instant;

use html5ever::LocalName;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{Token, TokenSink, TokenSinkResult};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts, TreeSink};
use scraper::Html;

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::sight::Sight;
use crate::sink::{Bound, BoundedSink, Handle};
use crate::tokenizer::{self, Content, Effect, Phrase, Receiver};

use ground::Ground;

/// How many tokens and attributes pass between two looks at the clock.
const BETWEEN_LOOKS: usize = 128;

/// So many tags make a tree that is large.
const MANY: usize = 1 << 18;

/// A page's text, ready to be made a tree. It is a copy: the text that it was made from is needed no longer.
pub(crate) struct Source {
    shared: StrTendril,
    tags: usize,
}

/// A page's tree.
pub(crate) struct Parsed {
    pub(crate) html: Html,
    /// Whether there may be a `<base>` in it: most pages need not be walked for one.
    pub(crate) may_have_base: bool,
}

impl Source {
    /// Fails if there is more text than the bound lets through.
    pub(crate) fn new(text: &str, limits: &Limits) -> Result<Self, Error> {
        // No tendril is longer than a u32 can say.
        let bytes = limits.bytes.min(u32::MAX as usize);
        if text.len() > bytes {
            return Err(too_large(format!("{} bytes of text", text.len()), "bytes", bytes));
        }
        let tags = memchr::memchr_iter(b'<', text.as_bytes()).count();
        Ok(Self { shared: tokenizer::shared(text), tags })
    }

    /// Builds the tree, or says which bound it hit.
    ///
    /// What is not in sight need not be in the tree, and counts as if it were. It is counted no lower than it would be, so that
    /// a bound that was hit with its help is tried again with all of it.
    pub(crate) fn parse(&self, limits: &Limits, sight: &Sight) -> Result<Parsed, Error> {
        let mut builder = Builder::new(limits, sight, self.nodes(sight));
        let built = tokenizer::tokenize(&self.shared, &mut builder).and_then(|()| builder.look_at_clock());
        match built {
            Ok(()) => {
                builder.tree.end();
                let sink = builder.tree.sink;
                Ok(Parsed { may_have_base: sink.may_have_base(), html: sink.finish() })
            }
            Err(_) if builder.has_guessed() => {
                drop(builder);
                self.parse(limits, &Sight::WHOLE)
            }
            Err(error) => Err(error),
        }
    }

    /// About how many nodes the tree will have. An element has two tags as a rule, and a text can stand behind each of them.
    ///
    /// Of a large tree as many as there can be: one that grows stands in memory twice.
    fn nodes(&self, sight: &Sight) -> usize {
        let texts = if sight.texts { self.tags } else { 0 };
        let elements = if self.tags > MANY { self.tags } else { self.tags / 2 };
        texts + elements + 8
    }
}

/// The tree builder and what it has used up.
struct Builder<'l> {
    tree: TreeBuilder<Handle, BoundedSink>,
    limits: &'l Limits,
    sight: &'l Sight,
    started: Instant,
    since_look: usize,
    /// Attributes of the tag that is read which were left out.
    left_out: usize,
    /// Whether they counted when the bound of attributes was hit.
    has_guessed: bool,
    ground: Ground,
}

impl<'l> Builder<'l> {
    fn new(limits: &'l Limits, sight: &'l Sight, nodes: usize) -> Self {
        let sink = BoundedSink::new(limits, nodes, sight.texts);
        Self {
            tree: TreeBuilder::new(sink, TreeBuilderOpts::default()),
            limits,
            sight,
            started: Instant::now(),
            since_look: 0,
            left_out: 0,
            has_guessed: false,
            ground: Ground::default(),
        }
    }

    /// Whether a bound was hit with the help of what is not in the tree.
    fn has_guessed(&self) -> bool {
        self.has_guessed || self.tree.sink.has_guessed()
    }

    fn count(&mut self, work: usize) -> Result<(), Error> {
        self.since_look += work;
        if self.since_look < BETWEEN_LOOKS {
            return Ok(());
        }
        self.since_look = 0;
        self.look_at_clock()
    }

    fn look_at_clock(&self) -> Result<(), Error> {
        if self.started.elapsed() > self.limits.time {
            let message =
                format!("the page is too large to parse: past the bound of {:?} of time", self.limits.time);
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        Ok(())
    }

    fn look_at_tree(&self) -> Result<(), Error> {
        self.tree.sink.hit().map_or(Ok(()), |bound| Err(bound_error(bound, self.limits)))
    }
}

impl Receiver for Builder<'_> {
    type Stop = Error;

    fn token(&mut self, token: Token) -> Result<Content, Error> {
        let mut attributes = 0;
        if let Token::TagToken(tag) = &token {
            attributes = tag.attrs.len();
            self.tree.sink.count_unseen_attributes(std::mem::take(&mut self.left_out));
        }
        let result = if self.sight.passes_over_phrasing() {
            self.ground.process(&self.tree, token)
        } else {
            self.tree.process_token(token, 1)
        };
        self.look_at_tree()?;
        self.count(1 + attributes)?;
        Ok(match result {
            TokenSinkResult::RawData(kind) => Content::Raw(kind),
            TokenSinkResult::Plaintext => Content::Plaintext,
            // Scripts are not run, and the encoding is known.
            TokenSinkResult::Continue
            | TokenSinkResult::Script(_)
            | TokenSinkResult::EncodingIndicator(_) => Content::Data,
        })
    }

    fn attribute(&mut self, so_far: usize, left_out: usize) -> Result<(), Error> {
        self.left_out = left_out;
        if so_far > self.limits.attributes {
            self.has_guessed = left_out > 0;
            return Err(bound_error(Bound::Attributes, self.limits));
        }
        self.count(1)
    }

    fn leaves_out_attributes_of(&self, tag: &LocalName) -> bool {
        self.sight.leaves_out_attributes_of(tag) && !self.is_in_foreign_content()
    }

    fn has_attribute(&self, name: &[u8]) -> bool {
        self.sight.has_attribute(name)
    }

    fn effect_of_text(&self) -> Effect {
        if self.tree.sink.keeps_texts() { Effect::Unknown } else { self.ground.effect() }
    }

    fn may_pass_over(&mut self, phrase: &Phrase) -> bool {
        phrase.attributes_of_one <= self.limits.attributes && self.ground.may_pass_over(&self.tree, phrase)
    }

    fn passed_over(&mut self, phrase: &Phrase) -> Result<(), Error> {
        self.ground.pass_over(&self.tree, phrase);
        self.look_at_tree()?;
        self.count(phrase.elements + phrase.texts + phrase.attributes)
    }

    fn is_in_foreign_content(&self) -> bool {
        self.tree.adjusted_current_node_present_but_not_in_html_namespace()
    }
}

fn bound_error(bound: Bound, limits: &Limits) -> Error {
    match bound {
        Bound::Nodes => too_large("its tree", "nodes", limits.nodes),
        Bound::Nesting => too_large("its elements", "levels of nesting", limits.nesting),
        Bound::Attributes => too_large("one tag", "attributes", limits.attributes),
        Bound::AllAttributes => too_large("its tree", "attributes", limits.all_attributes()),
    }
}

fn too_large(what: impl std::fmt::Display, bound: &str, limit: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        format!("the page is too large to parse: {what}, past the bound of {limit} {bound}"),
    )
}

#[cfg(test)]
fn parse(text: &str, limits: &Limits) -> Result<Html, Error> {
    Ok(Source::new(text, limits)?.parse(limits, &Sight::WHOLE)?.html)
}

#[cfg(test)]
mod same_tree;
#[cfg(test)]
mod tests;
