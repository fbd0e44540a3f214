//! Text -> scraper's tree, within bounds.
//!
//! Our tokenizer feeds html5ever's tree builder, which builds in scraper's sink. The builder cannot be told to
//! stop, so after each token what was built decides whether there is a next one. What a token can cost is
//! bounded by the nesting, to which the builder's lists are tied.

use std::time::Instant;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{Token, TokenSink, TokenSinkResult};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts, TreeSink};
use scraper::Html;

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::sink::{Bound, BoundedSink, Handle};
use crate::tokenizer::{self, Content, Receiver};

/// How many tokens and attributes pass between two looks at the clock.
const BETWEEN_LOOKS: usize = 128;

/// A page's text, ready to be made a tree. It is a copy: the text that it was made from is needed no longer.
pub(crate) struct Source {
    shared: StrTendril,
    nodes: usize,
    /// Whether a tag `<base` can be in the tree: most pages need not be walked for one.
    pub(crate) names_base: bool,
}

impl Source {
    /// Fails if there is more text than the bound lets through.
    pub(crate) fn new(text: &str, limits: &Limits) -> Result<Self, Error> {
        // No tendril is longer than a u32 can say.
        let bytes = limits.bytes.min(u32::MAX as usize);
        if text.len() > bytes {
            return Err(too_large(format!("{} bytes of text", text.len()), "bytes", bytes));
        }
        let (mut tags, mut names_base) = (0, false);
        for at in memchr::memchr_iter(b'<', text.as_bytes()) {
            tags += 1;
            let name = text.as_bytes().get(at + 1..at + 5);
            names_base |= name.is_some_and(|name| name.eq_ignore_ascii_case(b"base"));
        }
        // An element has two tags as a rule, and a text can stand behind each of them.
        Ok(Self { shared: tokenizer::shared(text), nodes: tags + tags / 2 + 8, names_base })
    }

    /// Builds the tree, or says which bound it hit.
    pub(crate) fn parse(&self, limits: &Limits) -> Result<Html, Error> {
        let mut builder = Builder::new(limits, self.nodes);
        tokenizer::tokenize(&self.shared, &mut builder)?;
        builder.look_at_clock()?;
        builder.tree.end();
        Ok(builder.tree.sink.finish())
    }
}

/// The tree builder and what it has used up.
struct Builder<'l> {
    tree: TreeBuilder<Handle, BoundedSink>,
    limits: &'l Limits,
    started: Instant,
    since_look: usize,
}

impl<'l> Builder<'l> {
    fn new(limits: &'l Limits, nodes: usize) -> Self {
        Self {
            tree: TreeBuilder::new(BoundedSink::new(limits, nodes), TreeBuilderOpts::default()),
            limits,
            started: Instant::now(),
            since_look: 0,
        }
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
        let attributes = if let Token::TagToken(tag) = &token { tag.attrs.len() } else { 0 };
        let result = self.tree.process_token(token, 1);
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

    fn attribute(&mut self, so_far: usize) -> Result<(), Error> {
        if so_far > self.limits.attributes {
            return Err(bound_error(Bound::Attributes, self.limits));
        }
        self.count(1)
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
    Source::new(text, limits)?.parse(limits)
}

#[cfg(test)]
mod same_tree;
#[cfg(test)]
mod tests;
