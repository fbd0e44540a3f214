//! The bounds of a parse.

use std::time::Duration;

/// How much of a page is parsed before it counts as too large.
///
/// What goes past a bound is an error of kind `too_large` that names the bound, never half a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub(crate) bytes: usize,
    pub(crate) nodes: usize,
    pub(crate) nesting: usize,
    pub(crate) attributes: usize,
    pub(crate) time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            nodes: 1_000_000,
            nesting: 512,
            attributes: 10_000,
            time: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Bytes of text after decoding. Default 64 MiB; `usize::MAX` turns the bound off, but for 4 GiB.
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Nodes of the tree: elements, texts and comments. All elements together may have four times as many
    /// attributes. Default 1,000,000; `usize::MAX` turns the bound off.
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// Elements inside one another. Default 512, as browsers have it. It cannot be raised above 4,096,
    /// because the time taken grows with its square.
    #[must_use]
    pub fn nesting(mut self, nesting: usize) -> Self {
        self.nesting = nesting.min(4096);
        self
    }

    /// Attributes on one element. Default 10,000; `usize::MAX` turns the bound off.
    #[must_use]
    pub fn attributes(mut self, attributes: usize) -> Self {
        self.attributes = attributes;
        self
    }

    /// Time spent on parsing one page, and again on taking its records. Default 10 s; `Duration::MAX` turns
    /// the bound off.
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Attributes of all elements of a tree: four for each node that there may be.
    pub(crate) fn all_attributes(&self) -> usize {
        self.nodes.saturating_mul(4)
    }
}
