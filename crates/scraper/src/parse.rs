//! Text -> scraper's tree, within bounds.
//!
//! Our tokenizer feeds html5ever's tree builder, which builds in scraper's sink. The builder cannot be told to
//! stop, so after each token what was built decides whether there is a next one. What a token can cost is
//! bounded by the nesting, to which the builder's lists are tied.

use std::time::Instant;

use html5ever::tokenizer::{Token, TokenSink, TokenSinkResult};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts, TreeSink};
use scraper::Html;

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::sink::{Bound, BoundedSink, Handle};
use crate::tokenizer::{self, Content, Receiver};

/// How many tokens and attributes pass between two looks at the clock.
const BETWEEN_LOOKS: usize = 128;

/// Builds the tree of a page, or says which bound it hit.
pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Html, Error> {
    // No tendril is longer than a u32 can say.
    let bytes = limits.bytes.min(u32::MAX as usize);
    if text.len() > bytes {
        return Err(too_large(format!("{} bytes of text", text.len()), "bytes", bytes));
    }
    let mut builder = Builder::new(limits, text);
    tokenizer::tokenize(&tokenizer::shared(text), &mut builder)?;
    builder.look_at_clock()?;
    builder.tree.end();
    Ok(builder.tree.sink.finish())
}

/// The tree builder and what it has used up.
struct Builder<'l> {
    tree: TreeBuilder<Handle, BoundedSink>,
    limits: &'l Limits,
    started: Instant,
    since_look: usize,
}

impl<'l> Builder<'l> {
    fn new(limits: &'l Limits, text: &str) -> Self {
        // Elements have two tags as a rule, and as many texts beside them.
        let nodes = memchr::memchr_iter(b'<', text.as_bytes()).count() + 8;
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
mod same_tree;
#[cfg(test)]
mod tests;
